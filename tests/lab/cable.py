"""A guest's second network card, and machines on VLANs at the other end of its cable. They work frame by frame, so a
test sees the tags as on the wire (IEEE 802.1Q), and this host's kernel needs no support for VLANs."""

import os
import socket
import struct
import threading
from dataclasses import dataclass
from ipaddress import ip_address

from . import inner, netlab

DEVICE = "enp0s16"  # udev's name for the card, from its place on the bus
MAC = "52:54:00:12:34:99"
ETHERTYPE_VLAN, ETHERTYPE_ARP, ETHERTYPE_IPV4 = 0x8100, 0x0806, 0x0800


@dataclass
class Frame:
    target: bytes
    source: bytes
    tag: int  # the VLAN's number; 0: no tag
    ethertype: int
    payload: bytes

    @classmethod
    def parse(cls, wire):
        ethertype, tag, at = struct.unpack("!H", wire[12:14])[0], 0, 14
        if ethertype == ETHERTYPE_VLAN:
            control, ethertype = struct.unpack("!HH", wire[14:18])
            tag, at = control & 0xFFF, 18
        return cls(wire[:6], wire[6:12], tag, ethertype, wire[at:])

    def wire(self):
        tag = struct.pack("!HH", ETHERTYPE_VLAN, self.tag) if self.tag else b""
        return self.target + self.source + tag + struct.pack("!H", self.ethertype) + self.payload


class Machine:
    """A host on one VLAN of the cable: answers ARP and pings, and can ping. `heard`: the IPv4 packets for it."""

    def __init__(self, cable, tag, address, number):
        self.cable, self.tag, self.address = cable, tag, ip_address(address)
        self.mac = bytes([2, 0, 0, 0, tag & 0xFF, number])
        self.heard, self.neighbours = [], {}

    def take(self, frame):
        if frame.ethertype == ETHERTYPE_ARP:
            self._take_arp(frame)
        elif frame.ethertype == ETHERTYPE_IPV4 and frame.target == self.mac:
            self.heard.append(frame.payload)
            source, destination = inner.addresses(frame.payload)
            if frame.payload[9] == 1 and frame.payload[20] == 8:
                identifier, sequence = struct.unpack("!HH", frame.payload[24:28])
                length = struct.unpack("!H", frame.payload[2:4])[0]
                self._send(frame.source, ETHERTYPE_IPV4,
                           echo_reply(destination, source, frame.payload[28:length], identifier, sequence))

    def _take_arp(self, frame):
        operation, = struct.unpack("!H", frame.payload[6:8])
        sender_mac, sender, wanted = frame.payload[8:14], frame.payload[14:18], frame.payload[24:28]
        self.neighbours[str(ip_address(sender))] = sender_mac
        if operation == 1 and wanted == self.address.packed:
            self._send(frame.source, ETHERTYPE_ARP, self._arp(2, sender_mac, sender))

    def _arp(self, operation, mac, address):
        head = struct.pack("!HHBBH", 1, ETHERTYPE_IPV4, 6, 4, operation)
        return head + self.mac + self.address.packed + mac + address

    def _send(self, target, ethertype, payload):
        self.cable.send(Frame(target, self.mac, self.tag, ethertype, payload))

    def ping(self, destination, gateway, payload=b"warren", timeout=20):
        """True when the reply arrives through `gateway` with this payload."""
        self._send(b"\xff" * 6, ETHERTYPE_ARP, self._arp(1, bytes(6), ip_address(gateway).packed))
        netlab.wait_until(lambda: gateway in self.neighbours, timeout, f"{gateway} answers on VLAN {self.tag}")
        self._send(self.neighbours[gateway], ETHERTYPE_IPV4,
                   inner.echo_request(str(self.address), destination, payload))

        def answered():
            return any(inner.is_echo_reply(packet) and inner.addresses(packet)[0] == destination
                       and payload in packet for packet in self.heard)
        try:
            return netlab.wait_until(answered, timeout, "the echo's answer")
        except netlab.LabError:
            return False


def echo_reply(source, destination, payload, identifier, sequence):
    body = struct.pack("!BBHHH", 0, 0, 0, identifier, sequence) + payload
    return inner.ip(source, destination, 1, body[:2] + struct.pack("!H", inner.checksum(body)) + body[4:])


class Cable:
    """Frames in datagrams of two Unix sockets, one of them QEMU's. `frames`: all frames that the guest sent."""

    def __init__(self, lab):
        self.frames, self.machines, self._lock = [], [], threading.Lock()
        self._ours, self._theirs = lab.path("cable.ours"), lab.path("cable.guest")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self._ours)
        self._socket.settimeout(0.2)
        self._open = True
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()
        lab.at_end(self.close)

    def options(self):
        return ["-netdev",
                f"dgram,id=trunk,local.type=unix,local.path={self._theirs},remote.type=unix,remote.path={self._ours}",
                "-device", f"virtio-net-pci,netdev=trunk,mac={MAC},addr=0x10"]

    def machine(self, tag, address):
        made = Machine(self, tag, address, len(self.machines) + 1)
        with self._lock:
            self.machines.append(made)
        return made

    def send(self, frame):
        self._socket.sendto(frame.wire().ljust(60, b"\0"), self._theirs)

    def tags(self, word):
        """The tags of the received frames that contain `word`."""
        return {frame.tag for frame in list(self.frames) if word in frame.payload}

    def _listen(self):
        while self._open:
            try:
                frame = Frame.parse(self._socket.recv(65536))
            except TimeoutError:
                continue
            self.frames.append(frame)
            with self._lock:
                here = [machine for machine in self.machines if machine.tag == frame.tag]
            for machine in here:
                machine.take(frame)

    def close(self):
        self._open = False
        self._thread.join()
        self._socket.close()
        if os.path.exists(self._ours):
            os.unlink(self._ours)
