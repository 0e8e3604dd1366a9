"""One IKE_SA of a scripted peer: its keys, its message IDs, and messages in SK payloads and fragments. A test can
override every field of every message, and decides itself which message ID comes next. It shares no code with Warren."""

import itertools
import struct
from dataclasses import dataclass, field

from . import ikesuite, ikewire
from .ikewire import HEADER, INITIATOR, RESPONSE, Header, Kind, Payload


@dataclass
class Message:
    """A message that was opened, or one of IKE_SA_INIT."""

    header: Header
    payloads: list
    datagram: object = None  # as received

    @property
    def exchange(self):
        return self.header.exchange

    @property
    def response(self):
        return self.header.response

    @property
    def id(self):
        return self.header.message_id

    def of(self, kind):
        """The body of the only payload of this kind."""
        return ikewire.of_kind(self.payloads, kind).body

    def has(self, kind):
        return ikewire.has(self.payloads, kind)

    def notified(self, kind):
        return ikewire.notified(self.payloads, kind)

    def notifies(self):
        """The types of its notifications, in their order."""
        return [one.kind for one in ikewire.notifications(self.payloads)]


@dataclass(eq=False)
class IkeSa:
    """`initiator` says whether we are the original initiator, of this IKE_SA. `nonces` and `first` (IKE_SA_INIT's
    messages as they were on the wire) are (the initiator's, the responder's)."""

    initiator: bool
    spi_i: bytes
    spi_r: bytes = bytes(8)
    suite: ikesuite.Suite = None
    keys: ikesuite.Keys = None
    nonces: list = field(default_factory=lambda: [b"", b""])
    first: list = field(default_factory=lambda: [b"", b""])
    floated: bool = False  # from port 500 to 4500
    next_id: int = 0  # of our next request
    expected_id: int = 0  # of the next request of the other end
    answered: dict = field(default_factory=dict)  # message ID: the datagram of our response, for a request that repeats
    children: list = field(default_factory=list)
    peer_notifies: list = field(default_factory=list)  # of IKE_SA_INIT and IKE_AUTH
    remote_identity: object = None
    remote_addresses: list = field(default_factory=list)  # attributes of the other end's CP payload
    closed: bool = False
    replaced_by: object = None  # the IKE_SA of a rekey that the other end asked for
    _ivs: object = field(default_factory=lambda: itertools.count(1))
    _parts: dict = field(default_factory=dict)

    @property
    def local_spi(self):
        return self.spi_i if self.initiator else self.spi_r

    def derive(self, shared, old=None):
        """Makes the keys; `old` is the IKE_SA that this one replaces."""
        self.keys = ikesuite.ike_keys(self.suite, shared, *self.nonces, self.spi_i, self.spi_r,
                                      old and (old.suite.prf, old.keys.d))

    def child_keys(self, suite, nonce_i, nonce_r, shared=b""):
        return ikesuite.child_keys(suite, self.suite.prf, self.keys.d, nonce_i, nonce_r, shared)

    def signed_octets(self, of_initiator, id_body):
        """What AUTH proves (RFC 7296 §2.15)."""
        first, nonce = (self.first[0], self.nonces[1]) if of_initiator else (self.first[1], self.nonces[0])
        return first + nonce + ikesuite.prf(self.suite.prf, self.keys.pi if of_initiator else self.keys.pr, id_body)

    def psk_auth(self, of_initiator, id_body, psk):
        return ikesuite.psk_auth(self.suite, psk, self.signed_octets(of_initiator, id_body))

    # --- sealing ------------------------------------------------------------------------------------------------------

    def flags(self, response):
        return (INITIATOR if self.initiator else 0) | (RESPONSE if response else 0)

    def seal(self, exchange, payloads, *, message_id=None, response=False, flags=None, text=None, inner_first=None,
             length=None, sk_length=None, pad_length=None, keys=None, version=0x20, outside=()):
        """A message in an SK payload. `text` replaces the payloads' bytes; `outside` payloads come before SK, where
        they are not encrypted. Does not change next_id."""
        content = ikewire.chain(payloads) if text is None else text
        first = (payloads[0].kind if payloads else 0) if inner_first is None else inner_first
        return self._seal(exchange, Kind.SK, b"", first, content, message_id, response, flags, length, sk_length,
                          pad_length, keys, version, outside)

    def fragments(self, exchange, payloads, size, *, message_id=None, response=False, total=None, numbers=None):
        """The message in SKF payloads of at most `size` bytes of content each. `numbers` and `total` lie about which of
        how many they are."""
        content = ikewire.chain(payloads)
        pieces = [content[at:at + size] for at in range(0, len(content), size)]
        out = []
        for number, piece in enumerate(pieces, 1):
            head = struct.pack("!HH", numbers[number - 1] if numbers else number, total or len(pieces))
            out.append(self._seal(exchange, Kind.SKF, head, payloads[0].kind if number == 1 else 0, piece, message_id,
                                  response))
        return out

    def _seal(self, exchange, kind, head, first, content, message_id, response, flags=None, length=None,
              sk_length=None, pad_length=None, keys=None, version=0x20, outside=()):
        cipher, keys = self.suite.cipher, keys or self.keys
        key, integrity = (keys.ei, keys.ai) if self.initiator else (keys.er, keys.ar)
        padding = -(len(content) + 1) % cipher.block if cipher.block == 16 else 0
        text = content + bytes(padding) + bytes([padding if pad_length is None else pad_length])
        message_id = self.next_id if message_id is None else message_id
        before = ikewire.chain(outside)
        if outside:  # the last of them names SK
            at = len(before) - 4 - len(outside[-1].body)
            before = before[:at] + bytes([kind]) + before[at + 1:]
        real = 4 + len(head) + cipher.iv_size + len(text) + cipher.tag_size
        # Integrity covers the lengths that are sent, so that a lie in them is an authentic one.
        header = Header(self.spi_i, self.spi_r, outside[0].kind if outside else kind, exchange,
                        self.flags(response) if flags is None else flags, message_id,
                        HEADER + len(before) + real if length is None else length, version).pack()
        generic = struct.pack("!BBH", first, 0, real if sk_length is None else sk_length)
        associated = header + before + generic + head
        return associated + cipher.seal(key, integrity, cipher.iv(next(self._ivs)), associated, text)

    # --- opening ------------------------------------------------------------------------------------------------------

    def is_for_us(self, data):
        """By the SPIs, and the flag that says who the initiator is."""
        if data[:8] != self.spi_i or bool(data[19] & INITIATOR) == self.initiator:
            return False
        return data[8:16] == self.spi_r or bytes(8) in (data[8:16], self.spi_r)  # of IKE_SA_INIT

    def open(self, data):
        """The Message in a datagram; None if it is a fragment and others are missing. ValueError if it is not
        authentic, or not well formed."""
        header = ikewire.parse_header(data)
        outer = ikewire.parse_payloads(header.first, data[HEADER:])
        if self.keys is None:
            return Message(header, outer)
        if not outer or outer[-1].kind not in (Kind.SK, Kind.SKF):
            raise ValueError("not protected")
        sealed, first = outer[-1], outer[-1].reserved
        head = 4 if sealed.kind == Kind.SKF else 0
        text = self._open(data[:len(data) - len(sealed.body) + head], sealed.body[head:])
        if head:
            number, total = struct.unpack("!HH", sealed.body[:4])
            first, text = self._assemble(header, number, total, first, text)
            if text is None:
                return None
        return Message(header, outer[:-1] + ikewire.parse_payloads(first, text))

    def _open(self, associated, body):
        cipher = self.suite.cipher
        key, integrity = (self.keys.er, self.keys.ar) if self.initiator else (self.keys.ei, self.keys.ai)
        text = cipher.open(key, integrity, associated, body)
        if text[-1] + 1 > len(text):
            raise ValueError("the padding is longer than the text")
        return text[:len(text) - 1 - text[-1]]

    def _assemble(self, header, number, total, first, text):
        if not 1 <= number <= total:
            raise ValueError(f"fragment {number} of {total}")
        if (number == 1) != (first != 0):
            raise ValueError("only the first fragment names a payload")
        parts = self._parts.setdefault((header.message_id, header.response, total), {})
        parts[number] = (first, text)
        if len(parts) < total:
            return 0, None
        del self._parts[(header.message_id, header.response, total)]
        return parts[1][0], b"".join(parts[one][1] for one in range(1, total + 1))


def is_fragment(datagram):
    return datagram[16] == Kind.SKF


def critical(kind=200, body=b"who knows"):
    """A payload that nobody knows and that must not be skipped."""
    return Payload(kind, body, critical=True)
