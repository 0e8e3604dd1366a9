"""The sockets of a scripted IKEv2 peer: IKE on ports 500 and 4500, ESP and keepalives on 4500 (RFC 3948)."""

import select
import socket
import time
from dataclasses import dataclass

from . import ikewire
from .ikewire import MARKER

IKE_PORT, NAT_PORT = 500, 4500


@dataclass
class Datagram:
    kind: str  # ike | esp | keepalive
    data: bytes  # without the marker
    source: tuple
    port: int  # ours


class IkeSockets:
    """`address` is ours, in namespace `ns`, and `remote` is the other end's. What is not authentic or not expected goes
    into `stray`, as (Datagram, reason)."""

    def __init__(self, ns, address, remote):
        self.ns, self.address, self.remote = ns, address, remote
        self.sockets = {port: self.socket(port) for port in (IKE_PORT, NAT_PORT)}
        self.stray, self._waiting = [], []

    def socket(self, port=0, address=None, ns=None):
        """Another socket; its address can be another one of ours, or in another namespace."""
        address = address or self.address
        ns = ns or self.ns
        made = ns.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        ns.lab.at_end(made.close)
        return made

    def close(self):
        for sock in self.sockets.values():
            sock.close()

    def send(self, data, floated=True, via=None, kind="ike"):
        """Sends an IKE message (or an ESP packet, or a keepalive) to port 4500, else to 500; `via` another socket."""
        port = NAT_PORT if floated else IKE_PORT
        sock = via or self.sockets[port]
        sock.sendto((MARKER if floated and kind == "ike" else b"") + data, (self.remote, port))

    def receive(self, timeout=10.0):
        """The next Datagram of the wire; None if none arrives."""
        ready = select.select(list(self.sockets.values()), [], [], timeout)[0]
        if not ready:
            return None
        port = next(port for port, sock in self.sockets.items() if sock is ready[0])
        data, source = ready[0].recvfrom(65535)
        if port == NAT_PORT:
            if data == b"\xff":
                return Datagram("keepalive", data, source[:2], port)
            if data[:4] != MARKER:
                return Datagram("esp", data, source[:2], port)
            data = data[4:]
        return Datagram("ike", data, source[:2], port)

    def next(self, wanted, timeout=10.0):
        """The next Datagram for which wanted(datagram) is true; others wait for those that want them. None if none
        arrives."""
        for at, waiting in enumerate(self._waiting):
            if wanted(waiting):
                return self._waiting.pop(at)
        deadline = time.monotonic() + timeout
        while (got := self.receive(max(0.0, deadline - time.monotonic()))) is not None:
            if wanted(got):
                return got
            self._waiting.append(got)
        return None

    def drain(self):
        """Everything that waits, as Datagrams."""
        while (got := self.receive(0)) is not None:
            self._waiting.append(got)
        out, self._waiting = self._waiting, []
        return out

    def message(self, sa, timeout=10.0):
        """The next authentic Message of the IKE_SA; None if none arrives. What is not authentic goes into `stray`."""
        deadline = time.monotonic() + timeout
        while True:
            got = self.next(lambda one: one.kind == "ike" and len(one.data) >= ikewire.HEADER and
                            sa.is_for_us(one.data), max(0.0, deadline - time.monotonic()))
            if got is None:
                return None
            try:
                message = sa.open(got.data)
            except ValueError as error:
                self.stray.append((got, error))
                continue
            if message:
                message.datagram = got
                return message

    # --- data ---------------------------------------------------------------------------------------------------------

    def send_esp(self, packet, via=None):
        self.send(packet, via=via, kind="esp")

    def send_inner(self, child, packet, via=None, **fields):
        """Seals and sends an inner packet; `fields` are those of ChildSa.seal."""
        self.send_esp(child.seal(packet, **fields), via)

    def receive_inner(self, child, timeout=10.0):
        """The next inner packet on this child; None if none arrives."""
        got = self.receive_esp(child, timeout)
        return got and got.inner

    def receive_esp(self, child, timeout=10.0):
        """The next packet on this child, as esp.Opened; None if none arrives. What is not authentic goes into
        `stray`."""
        deadline = time.monotonic() + timeout
        while True:
            got = self.next(lambda one: one.kind == "esp" and one.data[:4] == child.local_spi,
                            max(0.0, deadline - time.monotonic()))
            if got is None:
                return None
            try:
                return child.open(got.data)
            except ValueError as error:
                self.stray.append((got, error))
