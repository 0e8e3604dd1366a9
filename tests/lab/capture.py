"""Captures packets on a wire with tcpdump, with enough parsing to count messages and to search for strings."""

import signal
import struct
from dataclasses import dataclass
from ipaddress import ip_address

from . import netlab

LINKTYPE_ETHERNET, LINKTYPE_RAW, LINKTYPE_IPV4, LINKTYPE_IPV6 = 1, 101, 228, 229


@dataclass
class Packet:
    time: float
    frame: bytes     # as recorded
    ip: bytes        # from the IP header on; empty if it is not IP
    source: str = ""
    destination: str = ""
    protocol: int = -1
    tos: int = 0
    dont_fragment: bool = False
    fragment: bool = False  # any part of a fragmented packet
    source_port: int = 0
    destination_port: int = 0
    payload: bytes = b""  # of UDP

    @property
    def wireguard_type(self):
        """The message type if this is a UDP payload that begins like a WireGuard message, else 0."""
        if self.protocol != 17 or len(self.payload) < 4 or self.payload[1:4] != b"\0\0\0":
            return 0
        return self.payload[0] if 1 <= self.payload[0] <= 4 else 0


def parse_packet(time, frame, linktype):
    data = frame
    if linktype == LINKTYPE_ETHERNET:
        ethertype = int.from_bytes(frame[12:14], "big")
        data = frame[14:] if ethertype in (0x0800, 0x86DD) else b""
    packet = Packet(time, frame, data)
    if len(data) >= 20 and data[0] >> 4 == 4:
        header = (data[0] & 15) * 4
        flags = int.from_bytes(data[6:8], "big")
        packet.tos, packet.protocol = data[1], data[9]
        packet.dont_fragment, packet.fragment = bool(flags & 0x4000), bool(flags & 0x3FFF)
        packet.source, packet.destination = str(ip_address(data[12:16])), str(ip_address(data[16:20]))
        first = flags & 0x1FFF == 0
    elif len(data) >= 40 and data[0] >> 4 == 6:
        header, first = 40, True
        packet.tos, packet.protocol = int.from_bytes(data[0:2], "big") >> 4 & 255, data[6]
        packet.source, packet.destination = str(ip_address(data[8:24])), str(ip_address(data[24:40]))
        if packet.protocol == 44 and len(data) >= 48:
            packet.fragment, packet.protocol, header = True, data[40], 48
            first = int.from_bytes(data[42:44], "big") >> 3 == 0
    else:
        return packet
    if packet.protocol == 17 and first and len(data) >= header + 8:
        packet.source_port, packet.destination_port = struct.unpack("!HH", data[header:header + 4])
        packet.payload = data[header + 8:]
    return packet


def parse_pcap(data):
    """The packets of a pcap file's bytes. It skips an incomplete last record, so the file may still be growing."""
    if len(data) < 24:
        return []
    nanoseconds = data[:4] == b"\x4d\x3c\xb2\xa1"
    linktype = struct.unpack("<I", data[20:24])[0]
    packets, at = [], 24
    while at + 16 <= len(data):
        seconds, fraction, kept, _ = struct.unpack("<IIII", data[at:at + 16])
        if at + 16 + kept > len(data):
            break
        packets.append(parse_packet(seconds + fraction / (1e9 if nanoseconds else 1e6), data[at + 16:at + 16 + kept],
                                    linktype))
        at += 16 + kept
    return packets


class Capture:
    """tcpdump on one device of a namespace, from construction (which waits until it listens) to stop(). Also a context
    manager. It saves the first `snap` bytes of a packet; tcpdump reserves that much for each packet, so a large value
    makes the queue short."""

    def __init__(self, ns, device, expression="", snap=2048):
        self.file = ns.lab.path(f"{ns.host}-{device}-{len(ns.lab.processes)}.pcap")
        self._process = ns.start("tcpdump", "-Z", "root", "-i", device, "-n", "-U", "--immediate-mode", "-B", "32768",
                                 "-s", snap, "-w", self.file, *([expression] if expression else []),
                                 name=f"{ns.host}-{device}-tcpdump")
        netlab.wait_until(lambda: "listening on" in self._process.output() or not self._process.running(), 10,
                          "tcpdump listens", every=0.01)
        if not self._process.running():
            raise netlab.LabError(self._process.output())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def packets(self):
        """The packets recorded so far; after stop(), all packets."""
        with open(self.file, "rb") as recorded:
            return parse_pcap(recorded.read())

    def bytes(self):
        with open(self.file, "rb") as recorded:
            return recorded.read()

    def kill(self):
        """Ends a recording that may lack some packets: enough to show that a packet was there."""
        self._process.kill(signal.SIGINT)
        self._process.wait()

    def stop(self):
        """Ends the recording and returns the packets. LabError if the kernel lost packets, because then an absent
        packet proves nothing."""
        self.kill()
        report = self._process.output()
        lost = [line for line in report.splitlines() if "dropped by kernel" in line]
        if not lost or not lost[0].startswith("0 "):
            raise netlab.LabError(f"the capture is incomplete: {report}")
        return self.packets()
