"""Certificates for tests: authorities, what they issue, and their lists of what they revoked."""

import datetime
from dataclasses import dataclass, field
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
KEYS = {"p256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "p521": lambda: ec.generate_private_key(ec.SECP521R1()), "ed25519": ed25519.Ed25519PrivateKey.generate,
        "rsa2048": lambda: rsa.generate_private_key(65537, 2048),
        "rsa3072": lambda: rsa.generate_private_key(65537, 3072)}


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def subject_of(organization, common_name):
    """The distinguished name that strongSwan writes as `O=organization, CN=common_name`."""
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
                      x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def general_name(text):
    """A subject alternative name of the kind that the text looks like: address, mail address, host name."""
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.RFC822Name(text) if "@" in text else x509.DNSName(text)


@dataclass
class Identity:
    """A key, its certificate, and the certificates between it and the root."""

    key: object
    certificate: x509.Certificate
    chain: list = field(default_factory=list)

    @property
    def key_pem(self):
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                      serialization.NoEncryption()).decode()

    @property
    def pem(self):
        return _pem(self.certificate)

    @property
    def chain_pem(self):
        return "".join(map(_pem, self.chain))

    @property
    def subject(self):
        """As strongSwan writes it."""
        names = {NameOID.ORGANIZATION_NAME: "O", NameOID.COMMON_NAME: "CN"}
        return ", ".join(f"{names[name.oid]}={name.value}" for name in self.certificate.subject)


class Authority:
    """A certification authority; with `issuer`, one below another. Its own certificate is `identity`."""

    def __init__(self, organization, common_name="CA", key="p256", issuer=None):
        self.organization, self._revoked = organization, []
        self.identity = (issuer or self)._sign(subject_of(organization, common_name), KEYS[key](), [
            (x509.BasicConstraints(ca=True, path_length=None), True),
            (x509.KeyUsage(**_usage(key_cert_sign=True, crl_sign=True)), True)], own=not issuer)

    @property
    def pem(self):
        return self.identity.pem

    def issue(self, common_name, names=(), key="p256", usages=(SERVER, CLIENT), days=(-1, 30), more=()):
        """An Identity. `names` are its subject alternative names, `days` its validity from now, `more` further
        (extension, critical)."""
        extensions = [(x509.BasicConstraints(ca=False, path_length=None), True),
                      (x509.KeyUsage(**_usage(digital_signature=True)), True)]
        if names:
            extensions.append((x509.SubjectAlternativeName(list(map(general_name, names))), False))
        if usages:
            extensions.append((x509.ExtendedKeyUsage(list(usages)), False))
        return self._sign(subject_of(self.organization, common_name), KEYS[key](), [*extensions, *more], days)

    def revoke(self, identity):
        self._revoked.append(identity.certificate.serial_number)

    def crl(self, days=(-1, 30)):
        """The list of what this authority revoked, as PEM."""
        now = datetime.datetime.utcnow()
        made = x509.CertificateRevocationListBuilder().issuer_name(self.identity.certificate.subject)
        made = made.last_update(now + datetime.timedelta(days[0])).next_update(now + datetime.timedelta(days[1]))
        made = made.add_extension(x509.CRLNumber(len(self._revoked) + 1), False)
        for serial in self._revoked:
            made = made.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build())
        return _pem(made.sign(self.identity.key, _hash_for(self.identity.key)))

    def _sign(self, subject, key, extensions, days=(-1, 30), own=False):
        signer = key if own else self.identity.key
        issuer = subject if own else self.identity.certificate.subject
        now = datetime.datetime.utcnow()
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        made = made.serial_number(x509.random_serial_number()).not_valid_before(now + datetime.timedelta(days[0]))
        made = made.not_valid_after(now + datetime.timedelta(days[1]))
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        if not own:
            made = made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False)
        for extension, critical in extensions:
            made = made.add_extension(extension, critical)
        chain = [] if own or self.identity.certificate.issuer == self.identity.certificate.subject else [
            self.identity.certificate, *self.identity.chain]
        return Identity(key, made.sign(signer, _hash_for(signer)), chain)


def _usage(**on):
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return {name: on.get(name, False) for name in names}


def _hash_for(key):
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
