"""The algorithms of IKEv2 and ESP, by the names that strongSwan's proposals have (`aes128gcm16-prfsha256-x25519`), on
python3-cryptography and hashlib. It shares no code with Warren."""

import functools
import hashlib
import hmac
import os
import struct
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from .ikewire import Proposal, Transform

# --- key exchange -----------------------------------------------------------------------------------------------------


class X25519:
    number = 31

    def __init__(self):
        self._key = X25519PrivateKey.generate()
        self.public = self._key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)

    def shared(self, public):
        return self._key.exchange(X25519PublicKey.from_public_bytes(public))


class Ecp:
    """RFC 5903: both coordinates are sent, the x coordinate is shared."""

    def __init__(self, number, curve):
        self.number, self._key = number, ec.generate_private_key(curve)
        self.public = self._key.public_key().public_bytes(serialization.Encoding.X962,
                                                          serialization.PublicFormat.UncompressedPoint)[1:]

    def shared(self, public):
        return self._key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(self._key.curve,
                                                                                          b"\4" + public))


def _pi_shifted(bits):
    """floor(pi * 2^bits), by Machin's formula."""
    extra = bits + 64

    def arctan(inverse):
        total = term = (1 << extra) // inverse
        divisor, sign = 3, -1
        while term:
            term //= inverse * inverse
            total += sign * (term // divisor)
            divisor, sign = divisor + 2, -sign
        return total

    return 4 * (4 * arctan(5) - arctan(239)) >> 64


@functools.lru_cache
def modp_prime(bits):
    """RFC 2409 §6.2 and RFC 3526: each prime is made of pi and a small number."""
    offset = {1024: 129093, 2048: 124476, 3072: 1690314}[bits]
    return (1 << bits) - (1 << bits - 64) - 1 + (_pi_shifted(bits - 130) + offset << 64)


class Modp:
    def __init__(self, number, bits):
        self.number = number
        self._prime, self._size = modp_prime(bits), bits // 8
        self._secret = int.from_bytes(os.urandom(48), "big")
        self.public = pow(2, self._secret, self._prime).to_bytes(self._size, "big")

    def shared(self, public):
        return pow(int.from_bytes(public, "big"), self._secret, self._prime).to_bytes(self._size, "big")


GROUPS = {31: X25519, 19: lambda: Ecp(19, ec.SECP256R1()), 20: lambda: Ecp(20, ec.SECP384R1()),
          21: lambda: Ecp(21, ec.SECP521R1()), 2: lambda: Modp(2, 1024), 14: lambda: Modp(14, 2048),
          15: lambda: Modp(15, 3072)}

# --- prf and ciphers --------------------------------------------------------------------------------------------------

PRFS = {2: "sha1", 5: "sha256", 6: "sha384", 7: "sha512"}
INTEGRITY = {2: ("sha1", 20, 12), 12: ("sha256", 32, 16), 13: ("sha384", 48, 24), 14: ("sha512", 64, 32)}


def prf(number, key, data):
    return hmac.new(key, data, PRFS[number]).digest()


def prf_plus(number, key, seed, size):
    """RFC 7296 §2.13."""
    out, last, count = b"", b"", 1
    while len(out) < size:
        last = prf(number, key, last + seed + bytes([count]))
        out, count = out + last, count + 1
    return out[:size]


class Aead:
    """AES-GCM with a tag of 16 bytes, ChaCha20-Poly1305. The key ends with 4 bytes of salt; the IV is a counter."""

    integrity_size, iv_size, tag_size, block = 0, 8, 16, 4

    def __init__(self, cipher, size):
        self._cipher, self.key_size = cipher, size + 4

    def seal(self, key, integrity, iv, associated, plain, behind=b""):
        return iv + self._cipher(key[:-4]).encrypt(key[-4:] + iv, plain, associated)

    def open(self, key, integrity, associated, sealed, behind=b""):
        if len(sealed) < self.iv_size + self.tag_size:
            raise ValueError("too short")
        try:
            return self._cipher(key[:-4]).decrypt(key[-4:] + sealed[:8], sealed[8:], associated)
        except InvalidTag:
            raise ValueError("not authentic") from None

    def iv(self, counter):
        return struct.pack("!Q", counter)


class Cbc:
    """AES-CBC, then HMAC over everything before it. `behind` is only in the HMAC: ESP's high sequence bits."""

    iv_size, block = 16, 16

    def __init__(self, size, integrity):
        self.key_size = size
        self._hash, self.integrity_size, self.tag_size = INTEGRITY[integrity]

    def _tag(self, integrity, data):
        return hmac.new(integrity, data, self._hash).digest()[:self.tag_size]

    def seal(self, key, integrity, iv, associated, plain, behind=b""):
        encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
        sealed = iv + encryptor.update(plain) + encryptor.finalize()
        return sealed + self._tag(integrity, associated + sealed + behind)

    def open(self, key, integrity, associated, sealed, behind=b""):
        text, tag = sealed[:-self.tag_size], sealed[-self.tag_size:]
        if len(text) < 32 or len(text) % 16:
            raise ValueError("not whole blocks")
        if not hmac.compare_digest(tag, self._tag(integrity, associated + text + behind)):
            raise ValueError("not authentic")
        decryptor = Cipher(algorithms.AES(key), modes.CBC(text[:16])).decryptor()
        return decryptor.update(text[16:]) + decryptor.finalize()

    def iv(self, counter):
        return os.urandom(16)


# --- proposals --------------------------------------------------------------------------------------------------------

WORDS = {
    "aes128": (Transform.ENCR, 12, 128), "aes256": (Transform.ENCR, 12, 256),
    "aes128gcm16": (Transform.ENCR, 20, 128), "aes256gcm16": (Transform.ENCR, 20, 256),
    "chacha20poly1305": (Transform.ENCR, 28, None),
    "prfsha1": (Transform.PRF, 2, None), "prfsha256": (Transform.PRF, 5, None), "prfsha384": (Transform.PRF, 6, None),
    "prfsha512": (Transform.PRF, 7, None),
    "sha1": (Transform.INTEG, 2, None), "sha256": (Transform.INTEG, 12, None), "sha384": (Transform.INTEG, 13, None),
    "sha512": (Transform.INTEG, 14, None),
    "x25519": (Transform.KE, 31, None), "ecp256": (Transform.KE, 19, None), "ecp384": (Transform.KE, 20, None),
    "ecp521": (Transform.KE, 21, None), "modp1024": (Transform.KE, 2, None), "modp2048": (Transform.KE, 14, None),
    "modp3072": (Transform.KE, 15, None),
    "noesn": (Transform.ESN, 0, None), "esn": (Transform.ESN, 1, None)}
PRF_OF_INTEGRITY = {2: 2, 12: 5, 13: 6, 14: 7}


def transforms(name, child=False):
    """The transforms of a proposal's name. A word may come more than once of a type, as alternatives."""
    out = [WORDS[word] for word in name.split("-")]
    kinds = {kind for kind, _, _ in out}
    if child and Transform.ESN not in kinds:
        out.append(WORDS["noesn"])
    if not child and Transform.PRF not in kinds:
        out += [(Transform.PRF, PRF_OF_INTEGRITY[number], None) for kind, number, _ in out if kind == Transform.INTEG]
    return sorted(out, key=lambda one: one[0])


@dataclass
class Suite:
    """One choice of each. For a child `prf` is 0, and `group` 0 means: no key exchange of its own."""

    encryption: tuple  # (number, bits)
    integrity: int = 0
    prf: int = 0
    group: int = 0
    esn: bool = False

    @property
    def cipher(self):
        number, bits = self.encryption
        if number == 12:
            return Cbc(bits // 8, self.integrity)
        return Aead(AESGCM, bits // 8) if number == 20 else Aead(ChaCha20Poly1305, 32)

    def transforms(self):
        out = [(Transform.ENCR, *self.encryption)]
        for kind, number in ((Transform.PRF, self.prf), (Transform.INTEG, self.integrity), (Transform.KE, self.group)):
            out += [(kind, number, None)] if number else []
        return out + ([] if self.prf else [(Transform.ESN, int(self.esn), None)])


def suite_of(proposal):
    """The Suite that a chosen proposal is; ValueError if it leaves a choice."""
    chosen = {}
    for kind, number, bits in proposal.transforms:
        if kind in chosen:
            raise ValueError(f"two transforms of type {kind}")
        chosen[kind] = (number, bits)

    def number(kind):
        return chosen.get(kind, (0, None))[0]

    return Suite(chosen[Transform.ENCR], number(Transform.INTEG), number(Transform.PRF), number(Transform.KE),
                 number(Transform.ESN) == 1)


def choose(proposals, name, child=False, group=True):
    """(Proposal to answer with, Suite): the first offer that has all that the name says, and no KE if that has none.
    `group`: with its KE."""
    wanted = [one for one in transforms(name, child) if group or one[0] != Transform.KE]
    wants_group = any(one[0] == Transform.KE for one in wanted)
    for proposal in proposals:
        has_group = any(one[0] == Transform.KE and one[1] != 0 for one in proposal.transforms)
        if all(one in proposal.transforms for one in wanted) and (wants_group or not has_group):
            answer = Proposal(proposal.number, proposal.protocol, proposal.spi, wanted)
            return answer, suite_of(answer)
    raise ValueError("no proposal chosen")


# --- keys -------------------------------------------------------------------------------------------------------------


@dataclass
class Keys:
    """Of an IKE_SA: RFC 7296 §2.14."""

    d: bytes
    ai: bytes
    ar: bytes
    ei: bytes
    er: bytes
    pi: bytes
    pr: bytes


def ike_keys(suite, shared, nonce_i, nonce_r, spi_i, spi_r, old=None):
    """`old`: (prf, SK_d) of the IKE_SA that is rekeyed: RFC 7296 §2.18."""
    if old:
        seed = prf(old[0], old[1], shared + nonce_i + nonce_r)
    else:
        seed = prf(suite.prf, nonce_i + nonce_r, shared)
    cipher, size = suite.cipher, hashlib.new(PRFS[suite.prf]).digest_size
    sizes = [size, cipher.integrity_size, cipher.integrity_size, cipher.key_size, cipher.key_size, size, size]
    return Keys(*_cut(prf_plus(suite.prf, seed, nonce_i + nonce_r + spi_i + spi_r, sum(sizes)), sizes))


def child_keys(suite, prf_number, sk_d, nonce_i, nonce_r, shared=b""):
    """[(encryption, integrity) from the initiator, the same from the responder]: RFC 7296 §2.17."""
    sizes = [suite.cipher.key_size, suite.cipher.integrity_size] * 2
    parts = _cut(prf_plus(prf_number, sk_d, shared + nonce_i + nonce_r, sum(sizes)), sizes)
    return [tuple(parts[:2]), tuple(parts[2:])]


def _cut(data, sizes):
    out = []
    for size in sizes:
        out.append(data[:size])
        data = data[size:]
    return out


def psk_auth(suite, psk, octets):
    """RFC 7296 §2.15."""
    return prf(suite.prf, prf(suite.prf, psk, b"Key Pad for IKEv2"), octets)
