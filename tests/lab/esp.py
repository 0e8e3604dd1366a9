"""ESP packets (RFC 4303), made and opened one by one, with every field as the test wants it. It shares no code with
Warren."""

import struct
from dataclasses import dataclass, field

from .ikesuite import Aead, Suite

IPV4, IPV6, NONE = 4, 41, 59  # next headers


@dataclass
class Opened:
    """An ESP packet that was opened."""

    sequence: int
    next_header: int
    inner: bytes  # with the traffic flow padding, if there is any
    padding: bytes
    iv: bytes


@dataclass
class ChildSa:
    """Both directions of a CHILD_SA. `sequence` is the last that was sent; a test may set it to anything below 2^64.
    The SPIs are 4 bytes each: `local_spi` is in what we receive."""

    local_spi: bytes
    remote_spi: bytes
    suite: Suite
    send_keys: tuple  # (encryption, integrity)
    receive_keys: tuple
    local: list  # Selectors, as they were agreed
    remote: list
    sequence: int = 0
    received: list = field(default_factory=list)  # sequence numbers, in the order opened
    ivs: set = field(default_factory=set)  # of what was opened with this key

    @property
    def _cipher(self):
        return self.suite.cipher

    def _associated(self, spi, sequence):
        """(before the packet, behind it) in the integrity check: RFC 4303 §2.2.1, RFC 4106 §5."""
        high, low = struct.pack("!I", sequence >> 32), struct.pack("!I", sequence & 0xFFFFFFFF)
        if not self.suite.esn:
            return spi + low, b""
        return (spi + high + low, b"") if isinstance(self._cipher, Aead) else (spi + low, high)

    def seal(self, inner=b"", *, sequence=None, spi=None, next_header=None, padding=None, pad_length=None, behind=b"",
             keys=None, iv=None):
        """An ESP packet with `inner`. An explicit `sequence` does not advance ours. `behind` is traffic flow padding;
        `padding` and `pad_length` replace what the standard says (1, 2, 3 ...)."""
        if sequence is None:
            self.sequence += 1
            sequence = self.sequence
        if next_header is None:
            next_header = {4: IPV4, 6: IPV6}.get(inner[0] >> 4, IPV4) if inner else NONE
        cipher, spi = self._cipher, self.remote_spi if spi is None else spi
        text = inner + behind
        if padding is None:
            padding = bytes(range(1, 1 + -(len(text) + 2) % cipher.block))
        text += padding + bytes([len(padding) if pad_length is None else pad_length, next_header])
        before, high = self._associated(spi, sequence)
        key, integrity = keys or self.send_keys
        sealed = cipher.seal(key, integrity, cipher.iv(sequence) if iv is None else iv, before, text, high)
        return spi + struct.pack("!I", sequence & 0xFFFFFFFF) + sealed

    def open(self, packet):
        """Opens a packet to us, which may come late or twice: the test judges. ValueError if it is not authentic, or is
        padded otherwise than the standard says, or its IV was there before."""
        if packet[:4] != self.local_spi or len(packet) < 10:
            raise ValueError("not for this SA")
        sequence, = struct.unpack("!I", packet[4:8])
        if self.suite.esn:
            newest = max(self.received, default=0)
            candidates = [(newest >> 32) + step << 32 | sequence for step in (-1, 0, 1) if (newest >> 32) + step >= 0]
            sequence = min(candidates, key=lambda one: abs(one - newest))
        cipher = self._cipher
        before, high = self._associated(packet[:4], sequence)
        text = cipher.open(*self.receive_keys, before, packet[8:], high)
        iv = packet[8:8 + cipher.iv_size]
        size, next_header = text[-2], text[-1]
        if len(text) < size + 2 or len(text) % cipher.block:
            raise ValueError("padded wrongly")
        padding = text[len(text) - 2 - size:-2]
        if padding != bytes(range(1, size + 1)):
            raise ValueError("wrong padding bytes")
        if iv in self.ivs and sequence not in self.received:
            raise ValueError("an IV for the second time")
        self.received.append(sequence)
        self.ivs.add(iv)
        return Opened(sequence, next_header, text[:len(text) - 2 - size], padding, iv)
