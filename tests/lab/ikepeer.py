"""A scripted IKEv2 peer with ESP in UDP, as initiator and as responder, written from RFC 7296, 7383, 4303 and 3948. It
shares no code with Warren, so it can judge Warren, and it can misbehave: tests make every message themselves where they
want another one than the standard's.

    peer = IkePeer(ns, "100.64.1.2", "198.51.100.1", "graz@acme.example", "acme.vpn.example.net", b"a long key ...")
    sa = peer.connect(["10.0.1.0/24"], ["10.0.0.0/24"])
    assert peer.echo(sa.children[0], "10.0.1.9", "10.0.0.1")
"""

import contextlib
import os
import struct
import time

from . import ikesuite, ikewire, inner
from .esp import ChildSa
from .ikeanswers import IkeResponder, new_spi
from .ikesa import IkeSa
from .ikewire import ESP, IKE, Exchange, Kind, Notify, Proposal

RETRANSMIT = 2.0  # seconds


class Refused(ValueError):
    """The other end answered with an error; `notifies` are the types of its notifications."""

    def __init__(self, message):
        self.message, self.notifies = message, message.notifies()
        super().__init__(f"refused: {self.notifies}")


class IkePeer(IkeResponder):
    """`address` is ours, in namespace `ns`, and `remote` is the other end's. `psk` are bytes. `ike` and `esp` are the
    proposals' names."""

    def __init__(self, ns, address, remote, local_id="", remote_id="", psk=b"", ike="aes128gcm16-prfsha256-x25519",
                 esp="aes128gcm16"):
        super().__init__(ns, address, remote, local_id, psk, ike, esp)
        self.remote_id = remote_id
        self.obeyed = []  # what IKE_SA_INIT was answered with before it succeeded: COOKIE, INVALID_KE_PAYLOAD
        self.extra = []  # payloads that are added to IKE_AUTH requests, such as INITIAL_CONTACT
        self.fragment_size = 0  # of the content of our messages; 0: none is fragmented

    # --- IKE_SA_INIT and IKE_AUTH -------------------------------------------------------------------------------------

    def new_sa(self):
        return IkeSa(True, os.urandom(8))

    def init_request(self, sa, exchange, nonce=None, cookie=None, more=(), key=None):
        """The datagram of IKE_SA_INIT. `exchange` is one of ikesuite.GROUPS; `key` is (group, bytes) of what is sent
        instead of its public value."""
        sa.nonces[0] = (sa.nonces[0] or os.urandom(32)) if nonce is None else nonce
        payloads = [ikewire.notify(Notify.COOKIE, cookie)] if cookie else []
        payloads += [ikewire.sa([Proposal(1, IKE, b"", ikesuite.transforms(self.ike))]),
                     ikewire.ke(*(key or (exchange.number, exchange.public))), ikewire.nonce(sa.nonces[0]),
                     *self.nat_detection(sa), ikewire.notify(Notify.IKEV2_FRAGMENTATION_SUPPORTED), *more]
        return ikewire.message(sa.spi_i, bytes(8), Exchange.IKE_SA_INIT, sa.flags(False), 0, payloads)

    def offered_groups(self):
        """The numbers of the key exchanges that we offer, the best first."""
        return [number for kind, number, _ in ikesuite.transforms(self.ike) if kind == ikewire.Transform.KE]

    def key_exchange(self):
        """One of the group that we like best."""
        return ikesuite.GROUPS[self.offered_groups()[0]]()

    def first_request(self, **fields):
        """The datagram of an IKE_SA_INIT request for a new IKE_SA, whose answer nobody waits for."""
        return self.init_request(self.new_sa(), self.key_exchange(), **fields)

    def ask_init(self, sa, payloads):
        """Sends these payloads as an IKE_SA_INIT request; returns the answer and goes no further."""
        return self._ask(sa, [ikewire.message(sa.spi_i, bytes(8), Exchange.IKE_SA_INIT, sa.flags(False), 0, payloads)],
                         0, 10)

    def ask_cookie(self, sa, cookie=None):
        """The cookie that an IKE_SA_INIT request (with this one) is answered with; ValueError if it is not."""
        answer = self._ask(sa, [self.init_request(sa, self.key_exchange(), cookie=cookie)], 0, 10)
        if not answer.notified(Notify.COOKIE):
            raise ValueError("no cookie")
        return answer.notified(Notify.COOKIE).data

    def init(self, timeout=10.0, cookie=None, **fields):
        """IKE_SA_INIT as initiator; returns the IkeSa with its keys, which are any when `key` says what we send. Obeys
        a COOKIE and an INVALID_KE_PAYLOAD, and notes them in `obeyed`. Refused with another error; ValueError without
        an answer."""
        sa, offered, exchange = self.new_sa(), self.offered_groups(), self.key_exchange()
        self.obeyed = []
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
                exchange = ikesuite.GROUPS[group]()
            else:
                break
            self.obeyed.append((wanted[0] or wanted[1]).kind)
        if not answer.has(Kind.SA):
            raise Refused(answer)
        self._consume_init(sa, answer, None if "key" in fields else exchange, request)
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
        if group != sa.suite.group or exchange and group != exchange.number:
            raise ValueError(f"KE of group {group}, proposal of {sa.suite.group}")
        sa.nonces[1] = answer.of(Kind.NONCE)
        sa.first = [request, answer.datagram.data]
        sa.peer_notifies += answer.notifies()
        sa.derive(exchange.shared(public) if exchange else bytes(32))
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
            sa.children.append(self.child_of(sa, answer, spi, *sa.nonces, offered=fields.get("esp")))
        return answer

    def connect(self, local=("10.0.1.0/24",), remote=("10.0.0.0/24",), timeout=10.0, **fields):
        """Sets up an IKE_SA and its first child. `fields` are those of auth_payloads."""
        sa = self.init(timeout=timeout)
        self.authenticate(sa, local, remote, timeout, **fields)
        return sa

    def child_of(self, sa, answer, spi, nonce_i, nonce_r, shared=b"", offered=None):
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
        child = self.child_of(sa, answer, spi, nonce_, answer.of(Kind.NONCE), shared, esp)
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

    def rekey_ike(self, sa, delete=True):
        """Replaces the IKE_SA; the children move. Returns the new one. Without `delete` the old one stays."""
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
        if delete:
            self.delete_ike(sa)
        return new

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

    def echo(self, child, source="10.0.1.9", target="10.0.0.1", answers_on=None, patience=5, **fields):
        """True if an echo request on the child has its reply on it, or on `answers_on`."""
        mark = os.urandom(8)
        self.send_inner(child, inner.echo_request(source, target, mark), **fields)
        while (answer := self.receive_inner(answers_on or child, patience)) is not None:
            if inner.is_echo_reply(answer) and mark in answer:
                return True
        return False
