"""Reads files in pcapng, block by block, and checks what every reader relies on (draft-ietf-opsawg-pcapng)."""

import struct
from dataclasses import dataclass

SECTION, INTERFACE, ENHANCED = 0x0A0D0D0A, 1, 6
LINUX_SLL, SLL_HEADER = 113, 16
COMMENT, NAME = 1, 2


@dataclass
class Packet:
    interface: str
    time: float
    data: bytes  # from the IP header on
    comment: str


def _options(data):
    """The options by code; the last one of a code counts."""
    found, at = {}, 0
    while at + 4 <= len(data):
        code, size = struct.unpack_from("<HH", data, at)
        if code == 0:
            break
        found[code] = data[at + 4:at + 4 + size]
        at += 4 + (size + 3) // 4 * 4
    return found


def blocks(data):
    """(type, body) of each block; AssertionError when one is malformed. A last one that is cut off is left out."""
    at = 0
    while at + 12 <= len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert length % 4 == 0 and length >= 12, length
        if at + length > len(data):
            return
        assert struct.unpack_from("<I", data, at + length - 4)[0] == length
        yield kind, data[at + 8:at + length - 4]
        at += length


def read(data):
    """The packets of a file."""
    interfaces, packets = [], []
    for number, (kind, body) in enumerate(blocks(data)):
        assert (kind == SECTION) == (number == 0)
        if kind == SECTION:
            assert struct.unpack_from("<IHH", body) == (0x1A2B3C4D, 1, 0)
        elif kind == INTERFACE:
            assert struct.unpack_from("<H", body)[0] == LINUX_SLL
            interfaces.append(_options(body[8:])[NAME].decode())
        elif kind == ENHANCED:
            index, high, low, kept, whole = struct.unpack_from("<IIIII", body)
            assert kept == whole and index < len(interfaces)
            padded = (kept + 3) // 4 * 4
            options = _options(body[20 + padded:])
            packets.append(Packet(interfaces[index], ((high << 32) | low) / 1e9, body[20 + SLL_HEADER:20 + kept],
                                  options[COMMENT].decode()))
    return packets
