"""A scripted IKEv2 peer with ESP in UDP, as initiator and as responder, written from RFC 7296, 7383, 4303 and 3948. It
shares no code with Warren, so it can judge Warren, and it can misbehave: tests make every message themselves where they
want another one than the standard's.

    peer = IkePeer(ns, "100.64.1.2", "198.51.100.1", "graz@acme.example", "acme.vpn.example.net", b"a long key ...")
    sa = peer.connect(["10.0.1.0/24"], ["10.0.0.0/24"])
    assert peer.echo(sa.children[0], "10.0.1.9", "10.0.0.1")
"""

import contextlib
import hashlib
import os
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass
from ipaddress import ip_address

from . import ikesuite, ikewire, inner
from .esp import ChildSa
from .ikesa import IkeSa, Message
from .ikewire import ESP, IKE, MARKER, RESPONSE, Exchange, Kind, Notify, Proposal

IKE_PORT, NAT_PORT = 500, 4500
RETRANSMIT = 2.0  # seconds


class Refused(ValueError):
    """The other end answered with an error; `notifies` are the types of its notifications."""

    def __init__(self, message):
        self.message, self.notifies = message, message.notifies()
        super().__init__(f"refused: {self.notifies}")


@dataclass
class Datagram:
    kind: str  # ike | esp | keepalive
    data: bytes  # without the marker
    source: tuple
    port: int  # ours


class IkePeer:
    """`address` is ours, in namespace `ns`, and `remote` is the other end's. `psk` are bytes. `ike` and `esp` are the
    proposals' names."""

    def __init__(self, ns, address, remote, local_id="", remote_id="", psk=b"", ike="aes128gcm16-prfsha256-x25519",
                 esp="aes128gcm16"):
        self.ns, self.address, self.remote = ns, address, remote
        self.local_id, self.remote_id, self.psk, self.ike, self.esp = local_id, remote_id, psk, ike, esp
        self.sockets = {port: self.socket(port) for port in (IKE_PORT, NAT_PORT)}
        self.sas, self.stray, self._waiting = [], [], []
        self.obeyed = []  # what IKE_SA_INIT was answered with before it succeeded: COOKIE, INVALID_KE_PAYLOAD
        self.pretends_nat = False  # our NAT_DETECTION_SOURCE_IP matches nothing
        self.extra = []  # payloads that are added to IKE_AUTH requests, such as INITIAL_CONTACT
        self.fragment_size = 0  # of the content of our messages; 0: none is fragmented

    # --- the wire -----------------------------------------------------------------------------------------------------

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
        while (left := deadline - time.monotonic()) > 0:
            got = self.receive(left)
            if got and wanted(got):
                return got
            if got:
                self._waiting.append(got)
        return None

    def drain(self):
        """Everything that waits, as Datagrams."""
        while (got := self.receive(0)) is not None:
            self._waiting.append(got)
        out, self._waiting = self._waiting, []
        return out

    # --- exchanges ----------------------------------------------------------------------------------------------------

    def new_sa(self):
        return IkeSa(True, os.urandom(8))

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

    def init_request(self, sa, exchange, nonce=None, cookie=None, ike=None, more=(), key=None):
        """The datagram of IKE_SA_INIT. `exchange` is a key exchange of ikesuite.GROUPS, `key` (group, bytes) replaces
        its public value."""
        name = ike or self.ike
        group = key[0] if key else sa.suite.group
        sa.nonces[0] = nonce or sa.nonces[0] or os.urandom(32)
        payloads = [ikewire.notify(Notify.COOKIE, cookie)] if cookie else []
        payloads += [ikewire.sa([Proposal(1, IKE, b"", ikesuite.transforms(name))]),
                     ikewire.ke(group, key[1] if key else exchange.public), ikewire.nonce(sa.nonces[0]),
                     *self.nat_detection(sa), ikewire.notify(Notify.IKEV2_FRAGMENTATION_SUPPORTED), *more]
        return ikewire.message(sa.spi_i, bytes(8), Exchange.IKE_SA_INIT, sa.flags(False), 0, payloads)

    def init(self, sa=None, timeout=10.0, **fields):
        """IKE_SA_INIT as initiator; returns the IkeSa with its keys. Obeys a COOKIE and an INVALID_KE_PAYLOAD, and
        notes them in `obeyed`. Refused with another error; ValueError without an answer."""
        sa = sa or self.new_sa()
        offered = [number for kind, number, _ in ikesuite.transforms(fields.get("ike") or self.ike)
                   if kind == ikewire.Transform.KE]
        sa.suite = ikesuite.Suite((20, 128), group=offered[0])
        self.obeyed, cookie, exchange = [], fields.pop("cookie", None), ikesuite.GROUPS[offered[0]]()
        for _ in range(4):
            request = self.init_request(sa, exchange, cookie=cookie, **fields)
            answer = self._ask(sa, [request], 0, timeout)
            wanted = answer.notified(Notify.COOKIE), answer.notified(Notify.INVALID_KE_PAYLOAD)
            if wanted[0]:
                cookie = wanted[0].data
            elif wanted[1]:
                group, = struct.unpack("!H", wanted[1].data)
                if group not in offered:
                    raise ValueError(f"INVALID_KE_PAYLOAD asks for {group}, which was not offered")
                sa.suite.group, exchange = group, ikesuite.GROUPS[group]()
            else:
                break
            self.obeyed.append((wanted[0] or wanted[1]).kind)
        if not answer.has(Kind.SA):
            raise Refused(answer)
        self._consume_init(sa, answer, exchange, request)
        return sa

    def _consume_init(self, sa, answer, exchange, request):
        sa.spi_r = answer.header.spi_r
        proposals = ikewire.parse_sa(answer.of(Kind.SA))
        if len(proposals) != 1 or proposals[0].number != 1 or proposals[0].spi:
            raise ValueError("not one proposal with our number")
        sa.suite = ikesuite.suite_of(proposals[0])
        offered = ikesuite.transforms(self.ike)
        if not set(sa.suite.transforms()) <= set(offered):
            raise ValueError(f"{sa.suite} was not offered")
        group, public = ikewire.parse_ke(answer.of(Kind.KE))
        if group != sa.suite.group:
            raise ValueError(f"KE of group {group}, proposal of {sa.suite.group}")
        sa.nonces[1] = answer.of(Kind.NONCE)
        sa.first = [request, answer.datagram.data]
        sa.peer_notifies += answer.notifies()
        sa.derive(exchange.shared(public))
        sa.floated, sa.next_id = True, 1  # also without a NAT: RFC 7296 §2.23
        self.sas.append(sa)

    def auth_payloads(self, sa, local, remote, child_spi, *, psk=None, local_id=None, remote_id=None, auth=None,
                      esp=None, more=None, childless=False):
        """What an IKE_AUTH request with a preshared key has in it. `auth` replaces the AUTH payload's value;
        `remote_id` False leaves IDr out."""
        id_body = ikewire.id_body(self.local_id if local_id is None else local_id)
        remote_id = self.remote_id if remote_id is None else remote_id
        value = sa.psk_auth(True, id_body, self.psk if psk is None else psk) if auth is None else auth
        payloads = [ikewire.Payload(Kind.IDI, id_body)]
        payloads += [ikewire.Payload(Kind.IDR, ikewire.id_body(remote_id))] if remote_id else []
        payloads.append(ikewire.auth(2, value))
        if not childless:
            payloads += [self.child_offer(child_spi, esp), ikewire.ts(Kind.TSI, local), ikewire.ts(Kind.TSR, remote)]
        return payloads + (self.extra if more is None else list(more))

    def child_offer(self, spi, esp=None, group=False):
        """The SA payload for a child. `group`: with its KE transforms."""
        names = [one for one in ikesuite.transforms(esp or self.esp, child=True)
                 if group or one[0] != ikewire.Transform.KE]
        return ikewire.sa([Proposal(1, ESP, spi, names)])

    def authenticate(self, sa, local, remote, timeout=10.0, **fields):
        """IKE_AUTH as initiator. Refused if the other end refuses; ValueError if it does not prove its identity."""
        spi = new_spi()
        answer = self.request(sa, Exchange.IKE_AUTH, self.auth_payloads(sa, local, remote, spi, **fields), timeout)
        if not answer.has(Kind.AUTH):
            raise Refused(answer)
        id_body = answer.of(Kind.IDR)
        psk = fields.get("psk")
        method, value = answer.of(Kind.AUTH)[0], answer.of(Kind.AUTH)[4:]
        if method != 2 or value != sa.psk_auth(False, id_body, self.psk if psk is None else psk):
            raise ValueError("the other end did not prove that it has the key")
        sa.remote_identity = ikewire.id_text(id_body)
        sa.peer_notifies += answer.notifies()
        if answer.has(Kind.SA):
            sa.children.append(self._child_of(sa, answer, spi, *sa.nonces, offered=fields.get("esp")))
        return answer

    def connect(self, local=("10.0.1.0/24",), remote=("10.0.0.0/24",), timeout=10.0, **fields):
        """Sets up an IKE_SA and its first child. `fields` are those of auth_payloads."""
        sa = self.init(timeout=timeout)
        self.authenticate(sa, local, remote, timeout, **fields)
        return sa

    def _child_of(self, sa, answer, spi, nonce_i, nonce_r, shared=b"", offered=None):
        """The child that the other end's answer makes."""
        proposals = ikewire.parse_sa(answer.of(Kind.SA))
        if len(proposals) != 1 or proposals[0].protocol != ESP or len(proposals[0].spi) != 4:
            raise ValueError("not one proposal for ESP")
        suite = ikesuite.suite_of(proposals[0])
        if not set(suite.transforms()) <= set(ikesuite.transforms(offered or self.esp, child=True)):
            raise ValueError(f"{suite} was not offered")
        outward, inward = sa.child_keys(suite, nonce_i, nonce_r, shared)
        return ChildSa(spi, proposals[0].spi, suite, outward, inward, ikewire.parse_ts(answer.of(Kind.TSI)),
                       ikewire.parse_ts(answer.of(Kind.TSR)))

    # --- requests -----------------------------------------------------------------------------------------------------

    def request(self, sa, exchange, payloads, timeout=10.0):
        """Sends a request and returns the response. Answers the other end's requests meanwhile."""
        message_id, sa.next_id = sa.next_id, sa.next_id + 1
        if self.fragment_size:
            datagrams = sa.fragments(exchange, payloads, self.fragment_size, message_id=message_id)
        else:
            datagrams = [sa.seal(exchange, payloads, message_id=message_id)]
        return self._ask(sa, datagrams, message_id, timeout)

    def _ask(self, sa, datagrams, message_id, timeout):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for datagram in datagrams:
                self.send(datagram, sa.floated)
            answer = self.response(sa, message_id, min(RETRANSMIT, deadline - time.monotonic()))
            if answer:
                return answer
        raise ValueError(f"no response to request {message_id}")

    def response(self, sa, message_id, timeout=10.0):
        """The response to our request with this ID; None if none arrives. Answers requests meanwhile."""
        deadline = time.monotonic() + timeout
        while True:
            message = self.message(sa, deadline - time.monotonic())
            if message is None:
                return None
            if message.response and message.id == message_id:
                return message
            if not message.response:
                self.serve(sa, message)

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

    def create_child(self, sa, local=None, remote=None, rekeys=None, group=None, esp=None, more=()):
        """CREATE_CHILD_SA for a new child, or for one that replaces `rekeys`, which stays until it is deleted. `group`:
        a key exchange of its own."""
        spi, nonce_ = new_spi(), os.urandom(32)
        exchange = ikesuite.GROUPS[group]() if group else None
        payloads = [ikewire.notify(Notify.REKEY_SA, protocol=ESP, spi=rekeys.local_spi)] if rekeys else []
        payloads += [self.child_offer(spi, esp, bool(group)), ikewire.nonce(nonce_)]
        payloads += [ikewire.ke(group, exchange.public)] if group else []
        payloads += [ikewire.ts(Kind.TSI, local or rekeys.local), ikewire.ts(Kind.TSR, remote or rekeys.remote), *more]
        answer = self.request(sa, Exchange.CREATE_CHILD_SA, payloads)
        if not answer.has(Kind.SA):
            raise Refused(answer)
        shared = exchange.shared(ikewire.parse_ke(answer.of(Kind.KE))[1]) if group else b""
        child = self._child_of(sa, answer, spi, nonce_, answer.of(Kind.NONCE), shared, esp)
        sa.children.append(child)
        return child

    def rekey_child(self, sa, child, **more):
        """Replaces the child as the standard has it: a new one, then the old one's DELETE. Returns the new one."""
        new = self.create_child(sa, rekeys=child, **more)
        self.delete_child(sa, child)
        return new

    def delete_child(self, sa, child):
        """Returns the SPIs that the other end's answer names."""
        answer = self.request(sa, Exchange.INFORMATIONAL, [ikewire.delete(ESP, [child.local_spi])])
        sa.children = [one for one in sa.children if one is not child]
        return ikewire.parse_delete(answer.of(Kind.DELETE))[1] if answer.has(Kind.DELETE) else []

    def rekey_ike(self, sa):
        """Replaces the IKE_SA; the children move. Returns the new one."""
        new, exchange = IkeSa(True, os.urandom(8)), ikesuite.GROUPS[sa.suite.group]()
        nonce_ = os.urandom(32)
        answer = self.request(sa, Exchange.CREATE_CHILD_SA, [
            ikewire.sa([Proposal(1, IKE, new.spi_i, sa.suite.transforms())]), ikewire.nonce(nonce_),
            ikewire.ke(sa.suite.group, exchange.public)])
        if not answer.has(Kind.SA):
            raise Refused(answer)
        proposal, = ikewire.parse_sa(answer.of(Kind.SA))
        new.suite, new.spi_r, new.floated = ikesuite.suite_of(proposal), proposal.spi, sa.floated
        new.nonces = [nonce_, answer.of(Kind.NONCE)]
        new.derive(exchange.shared(ikewire.parse_ke(answer.of(Kind.KE))[1]), sa)
        self._move(sa, new)
        self.delete_ike(sa)
        return new

    def _move(self, sa, new):
        new.children, sa.children = sa.children, []
        new.remote_identity, sa.replaced_by = sa.remote_identity, new
        self.sas.append(new)

    def delete_ike(self, sa):
        answer = self.request(sa, Exchange.INFORMATIONAL, [ikewire.delete(IKE)])
        sa.closed = True
        return answer

    def probe(self, sa, payloads=(), timeout=10.0):
        """An INFORMATIONAL request, empty as for dead peer detection; returns the response."""
        return self.request(sa, Exchange.INFORMATIONAL, list(payloads), timeout)

    def is_alive(self, sa, timeout=3.0):
        """True if the other end answers on this IKE_SA. Uses up a message ID only if it does."""
        next_id = sa.next_id
        with contextlib.suppress(ValueError):
            return self.probe(sa, timeout=timeout).response
        sa.next_id = next_id
        return False

    # --- as responder -------------------------------------------------------------------------------------------------

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

    # --- data ---------------------------------------------------------------------------------------------------------

    def send_esp(self, packet, via=None):
        self.send(packet, via=via, kind="esp")

    def send_inner(self, child, packet, via=None, **fields):
        """Seals and sends an inner packet; `fields` are those of ChildSa.seal."""
        self.send_esp(child.seal(packet, **fields), via)

    def echo(self, child, source="10.0.1.9", target="10.0.0.1", answers_on=None, patience=5, **fields):
        """True if an echo request on the child has its reply on it, or on `answers_on`."""
        mark = os.urandom(8)
        self.send_inner(child, inner.echo_request(source, target, mark), **fields)
        while (answer := self.receive_inner(answers_on or child, patience)) is not None:
            if inner.is_echo_reply(answer) and mark in answer:
                return True
        return False

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


def new_spi():
    """An SPI for a child: not one of the reserved ones up to 255."""
    return bytes([os.urandom(1)[0] | 1]) + os.urandom(3)
