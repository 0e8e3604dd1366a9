"""Makes inner packets byte by byte, so that their headers can be wrong."""

import struct
from ipaddress import ip_address


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _pseudo(source, destination, protocol, length):
    if source.version == 4:
        return source.packed + destination.packed + struct.pack("!BBH", 0, protocol, length)
    return source.packed + destination.packed + struct.pack("!IHBB", length, 0, 0, protocol)


def ip(source, destination, protocol, payload, *, tos=0, ttl=64, total=None, version=None, ihl=5, flags=0):
    """An IPv4 or IPv6 packet. `total`, `version` and `ihl` override the header's fields."""
    source, destination = ip_address(source), ip_address(destination)
    if source.version == 6:
        length = len(payload) if total is None else total
        first = (6 if version is None else version) << 28 | tos << 20
        return struct.pack("!IHBB", first, length, protocol, ttl) + source.packed + destination.packed + payload
    total = 20 + len(payload) if total is None else total
    head = struct.pack("!BBHHHBBH4s4s", (4 if version is None else version) << 4 | ihl, tos, total, 0, flags, ttl,
                       protocol, 0, source.packed, destination.packed)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def udp(source, destination, source_port, destination_port, payload, **header):
    length = 8 + len(payload)
    segment = struct.pack("!HHHH", source_port, destination_port, length, 0) + payload
    value = checksum(_pseudo(ip_address(source), ip_address(destination), 17, length) + segment) or 0xFFFF
    return ip(source, destination, 17, segment[:6] + struct.pack("!H", value) + segment[8:], **header)


def tcp(source, destination, source_port, destination_port, *, flags, options=b"", **header):
    """A segment without data; `flags` as in the header: 2 is SYN. `options`: a multiple of 4 bytes."""
    segment = struct.pack("!HHIIBBHHH", source_port, destination_port, 1, 0, (5 + len(options) // 4) << 4, flags, 65535,
                          0, 0) + options
    value = checksum(_pseudo(ip_address(source), ip_address(destination), 6, len(segment)) + segment)
    return ip(source, destination, 6, segment[:16] + struct.pack("!H", value) + segment[18:], **header)


def echo_request(source, destination, payload=b"", identifier=1, sequence=1, **header):
    v6 = ip_address(source).version == 6
    body = struct.pack("!BBHHH", 128 if v6 else 8, 0, 0, identifier, sequence) + payload
    value = checksum((_pseudo(ip_address(source), ip_address(destination), 58, len(body)) if v6 else b"") + body)
    return ip(source, destination, 58 if v6 else 1, body[:2] + struct.pack("!H", value) + body[4:], **header)


def addresses(packet):
    """(source, destination) as text."""
    if packet[0] >> 4 == 4:
        return str(ip_address(packet[12:16])), str(ip_address(packet[16:20]))
    return str(ip_address(packet[8:24])), str(ip_address(packet[24:40]))


def is_echo_reply(packet):
    if packet[0] >> 4 == 4:
        return packet[9] == 1 and packet[20] == 0
    return packet[0] >> 4 == 6 and packet[6] == 58 and packet[40] == 129
