"""Sends bytes from namespace to namespace and checks that they arrive unchanged. As a program, `python3 -m
tests.lab.traffic SOURCE TARGET ADDRESS` does this between existing namespaces, and fails if data is lost or changed."""

import contextlib
import hashlib
import os
import socket
import struct
import sys
import threading

from . import netlab

SO_RCVBUFFORCE = 33


def send_tcp(source, target, address, size, port=5000):
    """Sends `size` random bytes over TCP from namespace to namespace, and some back; True if both ends saw the same."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = target.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(1)
    listener.settimeout(10)
    got = {}

    def serve():
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(60)
            digest = hashlib.sha256()
            left = size
            while left and (piece := connection.recv(min(left, 1 << 18))):
                digest.update(piece)
                left -= len(piece)
            got["there"] = digest.digest()
            connection.sendall(digest.digest())

    server = threading.Thread(target=serve)
    server.start()
    block = os.urandom(1 << 20)
    sent = hashlib.sha256()
    try:
        with source.socket(family, socket.SOCK_STREAM) as out:
            out.settimeout(60)
            out.connect((address, port))
            left = size
            while left:
                piece = block[:min(left, len(block))]
                out.sendall(piece)
                sent.update(piece)
                left -= len(piece)
            echoed = b""
            while len(echoed) < 32 and (piece := out.recv(32)):
                echoed += piece
    finally:
        server.join(70)
        listener.close()
    return sent.digest() == got.get("there") == echoed


def send_udp(source, target, address, sizes, port=5001, burst=32, patience=10):
    """Sends one datagram of each size, marked with its number, in bursts that fit every queue on the way. Returns how
    many arrived unchanged, and whether they arrived in order."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with target.socket(family) as receiver, source.socket(family) as sender:
        receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
        receiver.bind((address, port))
        receiver.settimeout(patience)
        arrived, in_flight = [], {}
        for first in range(0, len(sizes), burst):
            sent = {number: struct.pack("!I", number) + os.urandom(max(0, size - 4))
                    for number, size in enumerate(sizes[first:first + burst], first)}
            in_flight |= sent
            for datagram in sent.values():
                sender.sendto(datagram, (address, port))
            with contextlib.suppress(socket.timeout):
                while sent.keys() & in_flight.keys():  # also datagrams of earlier bursts that arrive late
                    datagram = receiver.recv(65536)
                    number, = struct.unpack("!I", datagram[:4])
                    if in_flight.pop(number, None) == datagram:
                        arrived.append(number)
    return len(set(arrived)), arrived == sorted(arrived)


def main(source, target, address, megabytes="2"):
    lab = netlab.Lab()
    try:
        source, target = lab.adopt(source), lab.adopt(target)
        sizes = [8, 100, 576, 1280, 1372, 1500, 4000] * 10  # the last ones in fragments
        tcp = send_tcp(source, target, address, int(megabytes) << 20)
        arrived, _ = send_udp(source, target, address, sizes, burst=7)
    finally:
        lab.close()
    print(f"tcp {'ok' if tcp else 'DAMAGED'}, udp {arrived} of {len(sizes)}")
    return 0 if tcp and arrived == len(sizes) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
