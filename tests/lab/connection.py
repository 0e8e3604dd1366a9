"""IPsec in Warren's configuration: what a customer's file has, and what `vpnctl ipsec --json` shows of it."""

import json
from dataclasses import dataclass, field, fields

LARGEST_MTU = 1400  # of a stack with IPsec: ESP in UDP over IPv6 takes 84 bytes of 1500 at most


@dataclass
class Child:
    """One [[ipsec.connection.child]]. `routes`: absent means all of `remote`."""

    name: str
    local: list
    remote: list
    routes: list = field(default_factory=list)

    def lines(self):
        yield "[[ipsec.connection.child]]"
        yield from _lines({"name": self.name, "local": self.local, "remote": self.remote, "routes": self.routes})


@dataclass
class Connection:
    """One [[ipsec.connection]]. `psk` is the key; it goes into a file below secrets/. `more` are further keys, such as
    {"child_rekey": "60 s"}."""

    name: str
    remote_identity: str = ""
    psk: str = ""
    children: list = field(default_factory=list)
    auth: str = "psk"
    remote_address: str = ""
    start: str = ""
    enabled: bool = True
    ppk: str = ""  # a postquantum key, as in the file; ppk_identity is one of `more`
    users: dict = field(default_factory=dict)  # {name: password}, for EAP; in a file below secrets/ as well
    more: dict = field(default_factory=dict)

    def lines(self, customer):
        yield "[[ipsec.connection]]"
        yield from _lines({"name": self.name, "auth": self.auth, "remote_identity": self.remote_identity,
                           "remote_address": self.remote_address, "start": self.start, **self.more})
        if self.psk:
            yield f"psk = {{ secret = {json.dumps(self.secret(customer))} }}"
        if self.ppk:
            yield f"ppk = {{ secret = {json.dumps(self.secret(customer, 'ppk'))} }}"
        if self.users:
            yield f"users = {{ secret = {json.dumps(self.users_file(customer))} }}"
        if not self.enabled:
            yield "enabled = false"
        for child in self.children:
            yield ""
            yield from child.lines()

    def secret(self, customer, kind="psk"):
        """The name of its key's file."""
        return f"{customer}/{self.name}.{kind}"

    def users_file(self, customer):
        return f"{customer}/{self.name}.users"


@dataclass
class Ipsec:
    """The [ipsec] of a customer's file. `identity` is ours for this customer: what its peers call us. `certificate` is
    our own (a pki.Identity), `authorities` are the certificates of CAs and `lists` what these have revoked, as PEM."""

    identity: str
    connections: list = field(default_factory=list)
    more: dict = field(default_factory=dict)
    certificate: object = None
    authorities: list = field(default_factory=list)
    lists: list = field(default_factory=list)

    def text(self, customer):
        lines = ["[ipsec]", *_lines({"identity": self.identity, **self.more})]
        if self.certificate:
            lines += [f'certificate = "{customer}/hub.pem"', f'private_key = {{ secret = "{customer}/hub.key" }}']
        for key, files in (("ca", self.authorities), ("crl", self.lists)):
            lines += _lines({key: [f"{customer}/{number}.{key}" for number in range(len(files))]})
        for connection in self.connections:
            lines += ["", *connection.lines(customer)]
        return "\n".join(lines) + "\n"

    def secrets(self, customer):
        """{file below secrets/: its content}"""
        keys = {f"{customer}/hub.key": self.certificate.key_pem} if self.certificate else {}
        users = {one.users_file(customer): "".join(f'{name} = "{word}"\n' for name, word in one.users.items())
                 for one in self.connections if one.users}
        return users | keys | {connection.secret(customer, kind): key + "\n" for connection in self.connections
                               for kind, key in (("psk", connection.psk), ("ppk", connection.ppk)) if key}

    def certificates(self, customer):
        """{file below certs/: its content}"""
        own = {f"{customer}/hub.pem": self.certificate.pem + self.certificate.chain_pem} if self.certificate else {}
        both = (("ca", self.authorities), ("crl", self.lists))
        return own | {f"{customer}/{number}.{key}": text for key, files in both for number, text in enumerate(files)}


def _lines(keys):
    for key, value in keys.items():
        if value not in ("", []):
            yield f"{key} = {json.dumps(value)}"


# --- what is shown ----------------------------------------------------------------------------------------------------


@dataclass
class ShownChild:
    """A CHILD_SA. Its SPIs are 8 hexadecimal digits, `spi_in` of what we receive."""

    name: str
    local: list
    remote: list
    spi_in: str
    spi_out: str
    suite: str
    rx_bytes: int
    tx_bytes: int
    rekey_seconds: int  # until we would; None: never
    replaced: bool  # by a rekey, and received on until it is deleted


@dataclass
class ShownIkeSa:
    """An IKE_SA. Its SPIs are 16 hexadecimal digits."""

    initiator_spi: str
    responder_spi: str
    initiator: bool  # we are
    established: bool
    local_identity: str
    remote_identity: str
    endpoint: str
    nat: str  # who is behind one: "none", "peer", "us", "both"
    suite: str
    rekey_seconds: int
    children: list


@dataclass
class ShownConnection:
    customer: str
    name: str
    state: str  # up | connecting | down | listening
    reason: str  # why it is down, or connecting again; None otherwise
    ike_sas: list

    @property
    def children(self):
        """Those that are sent on, of all its IKE_SAs."""
        return [child for sa in self.ike_sas for child in sa.children if not child.replaced]


@dataclass
class ShownAttempt:
    """One of the last that `--why` tells of."""

    at: str  # UTC, ISO 8601
    endpoint: str
    initiator: bool  # we are
    failure: str  # the counter's name, such as ike_auth_failed; None: it came up
    remote_identity: str  # whom the peer said it is; None: it did not come so far
    asked_identity: str  # whom it wanted
    offered: str
    accepted: str
    sentence: str


def _of(kind, values, **lists):
    """A value of `kind` with its keys; KeyError if one is missing. More keys may be there."""
    made = {field_.name: values[field_.name] for field_ in fields(kind)}
    return kind(**{**made, **lists})


def _ike_sa(values):
    return _of(ShownIkeSa, values, children=[_of(ShownChild, child) for child in values["children"]])


def connections(document):
    """The document of `vpnctl --json ipsec [CUSTOMER [CONNECTION]]` as values."""
    return [_of(ShownConnection, values, ike_sas=list(map(_ike_sa, values["ike_sas"])))
            for values in document["connections"]]


def attempts(document):
    """That of `--why`; the latest comes last."""
    return [_of(ShownAttempt, values) for values in document["attempts"]]
