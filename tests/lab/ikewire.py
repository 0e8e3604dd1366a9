"""The form of IKEv2 messages (RFC 7296 §3), built and read byte by byte: no keys, no state. It shares no code with
Warren. What builds can build wrongly, where a test says so; what reads is strict and raises ValueError."""

import enum
import struct
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network, summarize_address_range

HEADER = 28
INITIATOR, VERSION, RESPONSE = 0x08, 0x10, 0x20  # flags
IKE, AH, ESP = 1, 2, 3  # protocols of proposals, notifies and deletes
MARKER = bytes(4)  # before an IKE message on port 4500: RFC 3948 §2.2


class Exchange(enum.IntEnum):
    IKE_SA_INIT = 34
    IKE_AUTH = 35
    CREATE_CHILD_SA = 36
    INFORMATIONAL = 37
    IKE_INTERMEDIATE = 43


class Kind(enum.IntEnum):
    """Payload types."""

    SA = 33
    KE = 34
    IDI = 35
    IDR = 36
    CERT = 37
    CERTREQ = 38
    AUTH = 39
    NONCE = 40
    NOTIFY = 41
    DELETE = 42
    VENDOR = 43
    TSI = 44
    TSR = 45
    SK = 46
    CP = 47
    EAP = 48
    SKF = 53


class Notify(enum.IntEnum):
    UNSUPPORTED_CRITICAL_PAYLOAD = 1
    INVALID_IKE_SPI = 4
    INVALID_MAJOR_VERSION = 5
    INVALID_SYNTAX = 7
    INVALID_MESSAGE_ID = 9
    INVALID_SPI = 11
    NO_PROPOSAL_CHOSEN = 14
    INVALID_KE_PAYLOAD = 17
    AUTHENTICATION_FAILED = 24
    SINGLE_PAIR_REQUIRED = 34
    NO_ADDITIONAL_SAS = 35
    INTERNAL_ADDRESS_FAILURE = 36
    FAILED_CP_REQUIRED = 37
    TS_UNACCEPTABLE = 38
    INVALID_SELECTORS = 39
    UNACCEPTABLE_ADDRESSES = 40
    UNEXPECTED_NAT_DETECTED = 41
    TEMPORARY_FAILURE = 43
    CHILD_SA_NOT_FOUND = 44
    INITIAL_CONTACT = 16384
    SET_WINDOW_SIZE = 16385
    ADDITIONAL_TS_POSSIBLE = 16386
    IPCOMP_SUPPORTED = 16387
    NAT_DETECTION_SOURCE_IP = 16388
    NAT_DETECTION_DESTINATION_IP = 16389
    COOKIE = 16390
    USE_TRANSPORT_MODE = 16391
    REKEY_SA = 16393
    ESP_TFC_PADDING_NOT_SUPPORTED = 16394
    NON_FIRST_FRAGMENTS_ALSO = 16395
    MOBIKE_SUPPORTED = 16396
    ADDITIONAL_IP4_ADDRESS = 16397
    ADDITIONAL_IP6_ADDRESS = 16398
    NO_ADDITIONAL_ADDRESSES = 16399
    UPDATE_SA_ADDRESSES = 16400
    COOKIE2 = 16401
    NO_NATS_ALLOWED = 16402
    AUTH_LIFETIME = 16403
    CHILDLESS_IKEV2_SUPPORTED = 16418
    IKEV2_FRAGMENTATION_SUPPORTED = 16430
    SIGNATURE_HASH_ALGORITHMS = 16431
    USE_PPK = 16435


class Id(enum.IntEnum):
    IPV4_ADDR = 1
    FQDN = 2
    RFC822_ADDR = 3
    IPV6_ADDR = 5
    DER_ASN1_DN = 9
    KEY_ID = 11


class Transform(enum.IntEnum):
    ENCR = 1
    PRF = 2
    INTEG = 3
    KE = 4
    ESN = 5


# --- messages and payloads --------------------------------------------------------------------------------------------


@dataclass
class Payload:
    """A payload without its generic header. Set `length` or `reserved` to lie in that header."""

    kind: int
    body: bytes = b""
    critical: bool = False
    length: int = None
    reserved: int = 0


@dataclass
class Header:
    spi_i: bytes
    spi_r: bytes
    first: int  # the first payload's type
    exchange: int
    flags: int
    message_id: int
    length: int
    version: int = 0x20

    @property
    def response(self):
        return bool(self.flags & RESPONSE)

    def pack(self):
        return self.spi_i + self.spi_r + struct.pack("!BBBBII", self.first, self.version, self.exchange, self.flags,
                                                     self.message_id, self.length)


def chain(payloads):
    """The bytes of the payloads, each with its generic header."""
    out = b""
    for payload, following in zip(payloads, [*payloads[1:], Payload(0)]):
        length = 4 + len(payload.body) if payload.length is None else payload.length
        flags = (0x80 if payload.critical else 0) | payload.reserved
        out += struct.pack("!BBH", following.kind, flags, length) + payload.body
    return out


def message(spi_i, spi_r, exchange, flags, message_id, payloads, *, first=None, length=None, version=0x20):
    """A message without encryption."""
    body = chain(payloads)
    first = (payloads[0].kind if payloads else 0) if first is None else first
    length = HEADER + len(body) if length is None else length
    return Header(spi_i, spi_r, first, exchange, flags, message_id, length, version).pack() + body


def edited(datagram, *, spi_i=None, spi_r=None, first=None, version=None, exchange=None, flags=None, message_id=None,
           length=None):
    """A built message with other fields in its header, which its integrity check does not cover then."""
    out = bytearray(datagram)
    for at, form, value in ((0, "8s", spi_i), (8, "8s", spi_r), (16, "B", first), (17, "B", version),
                            (18, "B", exchange), (19, "B", flags), (20, "I", message_id), (24, "I", length)):
        if value is not None:
            struct.pack_into("!" + form, out, at, value)
    return bytes(out)


def parse_header(data):
    if len(data) < HEADER:
        raise ValueError(f"{len(data)} bytes are no IKE message")
    first, version, exchange, flags, message_id, length = struct.unpack("!BBBBII", data[16:HEADER])
    header = Header(data[:8], data[8:16], first, exchange, flags, message_id, length, version)
    if length != len(data):
        raise ValueError(f"a message of {len(data)} bytes says {length}")
    if version != 0x20:
        raise ValueError(f"version {version:#x}")
    if flags & ~(INITIATOR | RESPONSE):
        raise ValueError(f"reserved flags {flags:#x}")
    return header


def parse_payloads(first, data):
    """The payloads in `data`. One of kind SK or SKF is the last; its `reserved` is the type of the first one inside."""
    out, kind = [], first
    while kind:
        if len(data) < 4:
            raise ValueError(f"payload {kind} is cut off")
        following, flags, length = struct.unpack("!BBH", data[:4])
        if not 4 <= length <= len(data):
            raise ValueError(f"payload {kind} of {length} bytes in {len(data)}")
        if flags & 0x7F:
            raise ValueError(f"reserved bits in payload {kind}")
        payload = Payload(kind, data[4:length], bool(flags & 0x80))
        out.append(payload)
        data = data[length:]
        if kind in (Kind.SK, Kind.SKF):
            payload.reserved = following
            break
        kind = following
    if data:
        raise ValueError(f"{len(data)} bytes after the last payload")
    return out


def of_kind(payloads, kind):
    """The only payload of this kind; ValueError if there is none, or another."""
    found = [payload for payload in payloads if payload.kind == kind]
    if len(found) != 1:
        raise ValueError(f"{len(found)} payloads of kind {kind}")
    return found[0]


def has(payloads, kind):
    return any(payload.kind == kind for payload in payloads)


# --- bodies -----------------------------------------------------------------------------------------------------------


@dataclass
class Proposal:
    """`transforms` is a list of (Transform, id, key length in bits or None)."""

    number: int
    protocol: int
    spi: bytes
    transforms: list

    def of(self, kind):
        return [(number, bits) for type_, number, bits in self.transforms if type_ == kind]


def sa(proposals):
    out = b""
    for index, proposal in enumerate(proposals):
        body = b""
        for place, (kind, number, bits) in enumerate(proposal.transforms):
            attribute = struct.pack("!HH", 0x800E, bits) if bits else b""
            last = place == len(proposal.transforms) - 1
            body += struct.pack("!BBHBBH", 0 if last else 3, 0, 8 + len(attribute), kind, 0, number) + attribute
        last = index == len(proposals) - 1
        out += struct.pack("!BBHBBBB", 0 if last else 2, 0, 8 + len(proposal.spi) + len(body), proposal.number,
                           proposal.protocol, len(proposal.spi), len(proposal.transforms)) + proposal.spi + body
    return Payload(Kind.SA, out)


def parse_sa(body):
    """The Proposals of an SA payload's body."""
    out, more = [], 2
    while more:
        if more != 2 or len(body) < 8:
            raise ValueError("a proposal is cut off")
        more, _, length, number, protocol, spi_size, count = struct.unpack("!BBHBBBB", body[:8])
        if not 8 + spi_size <= length <= len(body):
            raise ValueError("a proposal's length")
        spi, rest = body[8:8 + spi_size], body[8 + spi_size:length]
        out.append(Proposal(number, protocol, spi, _parse_transforms(rest, count)))
        body = body[length:]
    if body:
        raise ValueError("bytes after the last proposal")
    return out


def _parse_transforms(body, count):
    out = []
    for left in range(count, 0, -1):
        more, _, length, kind, _, number = struct.unpack("!BBHBBH", body[:8])
        if length not in (8, 12) or more != (3 if left > 1 else 0):
            raise ValueError("a transform's header")
        bits = None
        if length == 12:
            attribute, bits = struct.unpack("!HH", body[8:12])
            if attribute != 0x800E:
                raise ValueError(f"attribute {attribute:#x}")
        out.append((kind, number, bits))
        body = body[length:]
    if body:
        raise ValueError("bytes after the last transform")
    return out


def ke(group, public):
    return Payload(Kind.KE, struct.pack("!HH", group, 0) + public)


def parse_ke(body):
    """(group, public value)"""
    return int.from_bytes(body[:2], "big"), body[4:]


def nonce(value):
    return Payload(Kind.NONCE, value)


def id_body(text):
    """The body of an identification payload, of the kind that the text looks like. bytes are a KEY_ID."""
    if isinstance(text, bytes):
        return bytes([Id.KEY_ID, 0, 0, 0]) + text
    try:
        address = ip_address(text)
        return bytes([Id.IPV4_ADDR if address.version == 4 else Id.IPV6_ADDR, 0, 0, 0]) + address.packed
    except ValueError:
        return bytes([Id.RFC822_ADDR if "@" in text else Id.FQDN, 0, 0, 0]) + text.encode()


def id_text(body):
    """What id_body() had."""
    if body[0] in (Id.IPV4_ADDR, Id.IPV6_ADDR):
        return str(ip_address(body[4:]))
    return body[4:].decode() if body[0] in (Id.FQDN, Id.RFC822_ADDR) else body[4:]


def auth(method, value):
    return Payload(Kind.AUTH, bytes([method, 0, 0, 0]) + value)


def notify(kind, data=b"", protocol=0, spi=b""):
    return Payload(Kind.NOTIFY, struct.pack("!BBH", protocol, len(spi), kind) + spi + data)


@dataclass
class Notification:
    kind: int
    data: bytes
    protocol: int
    spi: bytes


def notifications(payloads):
    """The notify payloads as values, in their order."""
    out = []
    for payload in payloads:
        if payload.kind == Kind.NOTIFY:
            protocol, size, kind = struct.unpack("!BBH", payload.body[:4])
            out.append(Notification(kind, payload.body[4 + size:], protocol, payload.body[4:4 + size]))
    return out


def notified(payloads, kind):
    """The first notification of this kind, or None."""
    return next((one for one in notifications(payloads) if one.kind == kind), None)


def delete(protocol, spis=()):
    return Payload(Kind.DELETE, struct.pack("!BBH", protocol, 4 if spis else 0, len(spis)) + b"".join(spis))


def parse_delete(body):
    """(protocol, SPIs)"""
    protocol, size, count = struct.unpack("!BBH", body[:4])
    if len(body) != 4 + size * count:
        raise ValueError("a delete payload's length")
    return protocol, [body[4 + size * index:4 + size * (index + 1)] for index in range(count)]


@dataclass
class Selector:
    """A traffic selector: an address range, a protocol (0 = any), and a range of ports."""

    start: str
    end: str
    protocol: int = 0
    ports: tuple = (0, 65535)

    def text(self):
        """The range as a prefix where it is one."""
        prefixes = list(summarize_address_range(ip_address(self.start), ip_address(self.end)))
        return str(prefixes[0]) if len(prefixes) == 1 else f"{self.start}-{self.end}"


def selector(text):
    """Of a prefix."""
    network = ip_network(text)
    return Selector(str(network[0]), str(network[-1]))


def ts(kind, selectors):
    """A TSi or TSr payload of Selectors or prefixes."""
    out = bytes([len(selectors), 0, 0, 0])
    for one in selectors:
        one = selector(one) if isinstance(one, str) else one
        start, end = ip_address(one.start), ip_address(one.end)
        out += struct.pack("!BBHHH", 7 if start.version == 4 else 8, one.protocol, 8 + 2 * len(start.packed),
                           *one.ports) + start.packed + end.packed
    return Payload(kind, out)


def parse_ts(body):
    """The Selectors of a TSi or TSr payload's body."""
    out, rest = [], body[4:]
    for _ in range(body[0]):
        kind, protocol, length, low, high = struct.unpack("!BBHHH", rest[:8])
        size = {7: 4, 8: 16}.get(kind, 0)
        if length != 8 + 2 * size or length > len(rest):
            raise ValueError("a traffic selector's length")
        out.append(Selector(str(ip_address(rest[8:8 + size])), str(ip_address(rest[8 + size:length])), protocol,
                            (low, high)))
        rest = rest[length:]
    if rest:
        raise ValueError("bytes after the last selector")
    return out


@dataclass
class Configuration:
    """A CP payload: CFG_REQUEST = 1, CFG_REPLY = 2; attributes are (type, value)."""

    kind: int
    attributes: list = field(default_factory=list)


def cp(kind, attributes):
    return Payload(Kind.CP, bytes([kind, 0, 0, 0]) + b"".join(
        struct.pack("!HH", number, len(value)) + value for number, value in attributes))


def parse_cp(body):
    out, rest = Configuration(body[0]), body[4:]
    while rest:
        number, size = struct.unpack("!HH", rest[:4])
        if 4 + size > len(rest):
            raise ValueError("a configuration attribute's length")
        out.attributes.append((number, rest[4:4 + size]))
        rest = rest[4 + size:]
    return out
