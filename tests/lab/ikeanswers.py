"""How a scripted IKEv2 peer answers requests: the set-up of an IKE_SA, CREATE_CHILD_SA, INFORMATIONAL."""

import contextlib
import hashlib
import os
import struct
import threading
from ipaddress import ip_address

from . import ikesuite, ikewire
from .esp import ChildSa
from .ikesa import IkeSa, Message
from .ikesockets import IKE_PORT, NAT_PORT, IkeSockets
from .ikewire import ESP, IKE, RESPONSE, Exchange, Kind, Notify, Proposal


class IkeResponder(IkeSockets):
    """`psk` are bytes. `ike` and `esp` are the proposals' names. `sas` are all IKE_SAs that were made."""

    def __init__(self, ns, address, remote, local_id, psk, ike, esp):
        super().__init__(ns, address, remote)
        self.local_id, self.psk, self.ike, self.esp, self.sas = local_id, psk, ike, esp, []
        self.pretends_nat = False  # our NAT_DETECTION_SOURCE_IP matches nothing

    def nat_detection(self, sa, floated=None):
        """Both notifies of NAT detection, for what we send next (RFC 7296 §2.23)."""
        port = NAT_PORT if (sa.floated if floated is None else floated) else IKE_PORT
        ends = [(Notify.NAT_DETECTION_SOURCE_IP, self.address), (Notify.NAT_DETECTION_DESTINATION_IP, self.remote)]
        out = []
        for kind, address in ends:
            digest = hashlib.sha1(sa.spi_i + sa.spi_r + ip_address(address).packed + struct.pack("!H", port)).digest()
            lies = self.pretends_nat and kind == Notify.NAT_DETECTION_SOURCE_IP
            out.append(ikewire.notify(kind, os.urandom(20) if lies else digest))
        return out

    def accept(self, timeout=10.0, **fields):
        """Answers an IKE_SA that the other end sets up, with its first child. `fields` are those of answer_auth."""
        sa = self.answer_init(timeout)
        message = self.message(sa, timeout)
        if message is None or message.exchange != Exchange.IKE_AUTH:
            raise ValueError("no IKE_AUTH")
        self.reply(sa, message, self.answer_auth(sa, message, **fields))
        return sa

    def awaited_init(self, timeout=10.0):
        """The next IKE_SA_INIT request, as a Message; None if none arrives."""
        got = self.next(lambda one: one.kind == "ike" and one.data[18:19] == bytes([Exchange.IKE_SA_INIT]) and
                        not one.data[19] & RESPONSE, timeout)
        if got is None:
            return None
        header = ikewire.parse_header(got.data)
        return Message(header, ikewire.parse_payloads(header.first, got.data[ikewire.HEADER:]), got)

    def answer_init(self, timeout=10.0, more=()):
        """Answers the next IKE_SA_INIT request; returns the IkeSa with its keys."""
        request = self.awaited_init(timeout)
        if request is None:
            raise ValueError("no IKE_SA_INIT")
        sa = IkeSa(False, request.header.spi_i, os.urandom(8))
        chosen, sa.suite = ikesuite.choose(ikewire.parse_sa(request.of(Kind.SA)), self.ike)
        shared, own = self._answer_ke(request, sa.suite)
        sa.nonces = [request.of(Kind.NONCE), os.urandom(32)]
        sa.peer_notifies += request.notifies()
        answer = ikewire.message(sa.spi_i, sa.spi_r, Exchange.IKE_SA_INIT, sa.flags(True), 0, [
            ikewire.sa([chosen]), *own, ikewire.nonce(sa.nonces[1]),
            *self.nat_detection(sa, request.datagram.port == NAT_PORT),
            ikewire.notify(Notify.IKEV2_FRAGMENTATION_SUPPORTED), *more])
        sa.first = [request.datagram.data, answer]
        sa.derive(shared)
        sa.floated, sa.expected_id = True, 1
        self.sas.append(sa)
        self.send(answer, request.datagram.port == NAT_PORT)
        return sa

    def answer_auth(self, sa, message, psk=None, local_id=None, narrow=None, more=()):
        """The payloads that answer an IKE_AUTH request; ValueError if it does not prove that it has the key. `narrow`:
        (TSi, TSr) instead of what was asked for."""
        psk = self.psk if psk is None else psk
        id_body = message.of(Kind.IDI)
        if message.of(Kind.AUTH)[4:] != sa.psk_auth(True, id_body, psk):
            raise ValueError("the other end did not prove that it has the key")
        sa.remote_identity = ikewire.id_text(id_body)
        sa.peer_notifies += message.notifies()
        own = ikewire.id_body(self.local_id if local_id is None else local_id)
        out = [ikewire.Payload(Kind.IDR, own), ikewire.auth(2, sa.psk_auth(False, own, psk))]
        if message.has(Kind.SA):
            out += self._answer_child(sa, message, sa.nonces, narrow)
        return out + list(more)

    def _answer_child(self, sa, message, nonces, narrow=None):
        """Installs the child that a request asks for; returns the payloads that say so."""
        first = message.exchange == Exchange.IKE_AUTH  # has no key exchange of its own
        chosen, suite = ikesuite.choose(ikewire.parse_sa(message.of(Kind.SA)), self.esp, child=True, group=not first)
        shared, out = self._answer_ke(message, suite)
        asked = [ikewire.parse_ts(message.of(kind)) for kind in (Kind.TSI, Kind.TSR)]
        remote, local = narrow or asked
        inward, outward = sa.child_keys(suite, *nonces, shared)
        child = ChildSa(new_spi(), chosen.spi, suite, outward, inward, local, remote)
        sa.children.append(child)
        return [ikewire.sa([Proposal(chosen.number, ESP, child.local_spi, chosen.transforms)]), *out,
                ikewire.ts(Kind.TSI, remote), ikewire.ts(Kind.TSR, local)]

    def _answer_ke(self, message, suite):
        """(shared secret, [our KE payload]); nothing of both where the suite has no group."""
        if not suite.group:
            return b"", []
        group, public = ikewire.parse_ke(message.of(Kind.KE))
        if group != suite.group:
            raise ValueError(f"KE of group {group}, we want {suite.group}")
        exchange = ikesuite.GROUPS[group]()
        return exchange.shared(public), [ikewire.ke(group, exchange.public)]

    def reply(self, sa, message, payloads):
        """Answers a request, and keeps the answer for the same request."""
        datagram = sa.seal(message.exchange, payloads, message_id=message.id, response=True)
        sa.answered[message.id] = datagram
        sa.expected_id = message.id + 1
        self.send(datagram, message.datagram.port == NAT_PORT)

    def serve(self, sa, message):
        """Answers a request as the standard has it. One with another message ID than the next goes into `stray`."""
        if message.id in sa.answered:
            self.send(sa.answered[message.id], message.datagram.port == NAT_PORT)
        elif message.id != sa.expected_id:
            self.stray.append((message.datagram, ValueError(f"request {message.id}, not {sa.expected_id}")))
        elif message.exchange == Exchange.INFORMATIONAL:
            self.reply(sa, message, self._answer_informational(sa, message))
        elif message.exchange == Exchange.CREATE_CHILD_SA:
            self.reply(sa, message, self._answer_create(sa, message))

    def _answer_informational(self, sa, message):
        out = []
        for payload in message.payloads:
            if payload.kind == Kind.DELETE:
                protocol, spis = ikewire.parse_delete(payload.body)
                if protocol == IKE:
                    sa.closed = True
                    return []
                gone = [child for child in sa.children if child.remote_spi in spis]
                sa.children = [child for child in sa.children if child not in gone]
                out += [ikewire.delete(ESP, [child.local_spi for child in gone])] if gone else []
        if message.notified(Notify.UPDATE_SA_ADDRESSES):
            out += self.nat_detection(sa, True)
        cookie = message.notified(Notify.COOKIE2)
        return out + ([ikewire.notify(Notify.COOKIE2, cookie.data)] if cookie else [])

    def _answer_create(self, sa, message):
        nonces = [message.of(Kind.NONCE), os.urandom(32)]
        if message.has(Kind.TSI):
            return [*self._answer_child(sa, message, nonces), ikewire.nonce(nonces[1])]
        chosen, suite = ikesuite.choose(ikewire.parse_sa(message.of(Kind.SA)), self.ike)
        new = IkeSa(False, chosen.spi, os.urandom(8), suite, nonces=nonces, floated=sa.floated)
        shared, out = self._answer_ke(message, suite)
        new.derive(shared, sa)
        self._move(sa, new)
        return [ikewire.sa([Proposal(chosen.number, IKE, new.spi_r, chosen.transforms)]), ikewire.nonce(nonces[1]),
                *out]

    @contextlib.contextmanager
    def serving(self):
        """For the duration of a `with`, requests of the other end are answered beside the test, which must not use the
        peer meanwhile."""
        over = threading.Event()

        def run():
            while not over.is_set():
                for sa in list(self.sas):
                    message = self.message(sa, 0.01)
                    if message and not message.response:
                        self.serve(sa, message)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _move(self, sa, new):
        new.children, sa.children = sa.children, []
        new.remote_identity, sa.replaced_by = sa.remote_identity, new
        self.sas.append(new)


def new_spi():
    """An SPI for a child: not one of the reserved ones up to 255."""
    return bytes([os.urandom(1)[0] | 1]) + os.urandom(3)
