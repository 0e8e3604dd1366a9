"""The order within a flow never changes, with 1, 2 and 4 data workers. Numbered datagrams pass real tunnels in trains,
for all customers at once, and across a rekey. A datagram may be lost, but none may overtake another of its flow."""

import contextlib
import ctypes
import itertools
import os
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.lab import inner, netlab, rawpeer, warren
from tests.lab.town import SO_RCVBUFFORCE, STACK4, Town

CUSTOMERS = 4
FLOWS = 8
DATAGRAMS = 2400
TRAIN = 40
PAYLOAD = 200
PAUSE = 0.003  # after each train, so that the sender's own queues do not overflow
LARGE_SITES = 10  # of the customer with several queues: they are on one of two by a chance of 1 in 500

UDP_SEGMENT = 103            # linux/udp.h
SO_DETACH_REUSEPORT_BPF = 68  # asm-generic/socket.h
SYS_PIDFD_GETFD = 438        # asm-generic/unistd.h


@dataclass
class Site:
    town: Town
    customer: warren.Customer
    peer: rawpeer.RawPeer
    address: str
    port: int  # at both ends; the site's flows use the ports from this one on

    @property
    def stack(self):
        return self.town.stack(self.customer)


@pytest.fixture(scope="module", params=[1, 2, 4], ids="{}-workers".format)
def crowd(request):
    """Sites of several customers on different workers, all with the same addresses."""
    with netlab.Lab() as lab:
        town = Town(lab, name=f"order{request.param}", workers=request.param)
        town.warren.start()
        sites = []
        for number in range(CUSTOMERS):
            peer, entry = town.raw_peer(f"order{number}", addresses=("10.0.0.9/32",))
            sites.append(Site(town, town.customer([entry], f"order-{number}"), peer, "10.0.0.9", 7000))
        yield sites


@pytest.fixture(scope="module", params=[2, 4], ids="{}-queues".format)
def large(request):
    """Sites of one customer on several workers."""
    with netlab.Lab() as lab:
        town = Town(lab, name=f"large{request.param}", workers=4)
        town.warren.start()
        addresses = [f"10.0.0.{10 + number}" for number in range(LARGE_SITES)]
        peers = [town.raw_peer(f"large{number}", addresses=(f"{address}/32",))
                 for number, address in enumerate(addresses)]
        customer = town.customer([entry for _, entry in peers], "large", queues=request.param)
        yield [Site(town, customer, peer, address, 7000 + 100 * number)
               for number, ((peer, _), address) in enumerate(zip(peers, addresses))]


def numbered(flow, number):
    return struct.pack("!II", flow, number).ljust(PAYLOAD, b"\0")


def overtaken(arrived):
    """From (flow, number) in order of arrival: how many arrived after a later one of their flow."""
    newest, late = {}, 0
    for flow, number in arrived:
        late += number <= newest.get(flow, -1)
        newest[flow] = max(number, newest.get(flow, -1))
    return late


def send_trains(sock, messages):
    """Sends messages of one size, in order, in trains like a client with segmentation offload."""
    for first in range(0, len(messages), TRAIN):
        train = messages[first:first + TRAIN]
        sock.sendmsg(train, [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("=H", len(train[0])))])
        time.sleep(PAUSE)


def listen(ns, address, port):
    receiver = ns.socket()
    receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
    receiver.bind((address, port))
    receiver.settimeout(1)
    return receiver


def everything_in(receiver):
    arrived = []
    while True:
        try:
            arrived.append(struct.unpack("!II", receiver.recv(65536)[:8]))
        except socket.timeout:
            return arrived


def new_session(peer):
    """Handshakes, and retries like any client: on a busy machine a response may be late."""
    for _ in range(4):
        with contextlib.suppress(ValueError):
            return peer.handshake(timeout=2)
    return peer.handshake()


def into_the_stack(site):
    """Sends from the site, half on one session and half on the next; returns what arrived, in order."""
    peer = site.peer
    sessions = [new_session(peer)]
    peer.confirm(sessions[0])
    sessions.append(new_session(peer))
    messages = []
    for number in range(DATAGRAMS):
        flow, session = number % FLOWS, sessions[number >= DATAGRAMS // 2]
        messages.append(session.data(inner.udp(site.address, STACK4, site.port + flow, site.port,
                                               numbered(flow, number))))
    with listen(site.stack, STACK4, site.port) as receiver:
        peer.sock.connect(peer.remote)
        send_trains(peer.sock, messages)
        return everything_in(receiver)


class Collector(threading.Thread):
    """Reads all messages from a peer's socket in order of arrival. Call finish() after the last was sent."""

    def __init__(self, peer):
        super().__init__()
        self.peer, self.messages, self._all_sent = peer, [], False
        self.start()

    def run(self):
        while (got := self.peer.receive(5)) is not None or not self._all_sent:
            if got is not None:
                self.messages.append(got[0])

    def finish(self):
        self._all_sent = True
        self.join()
        return self.messages

    def handshake(self):
        """The session of an initiation, once the response has arrived between the data. It retries like any client: a
        socket that is full of data loses a response too."""
        for _ in range(4):
            sent = self.peer.initiate()

            def found(index=struct.pack("<I", sent.index)):
                for message in list(self.messages):
                    if message[0] == rawpeer.RESPONSE and message[8:12] == index:
                        return message

            with contextlib.suppress(netlab.LabError):
                return self.peer.consume_response(sent, netlab.wait_until(found, 2, "a response", every=0.005))
        raise netlab.LabError("no response to 4 initiations")

    def wait_for_data_on(self, session):
        def found():
            self.peer.confirm(session)  # again, like a client that sends: a packet may be lost
            return any(message[0] == rawpeer.DATA and message[4:8] == struct.pack("<I", session.local_index)
                       for message in self.messages[-200:])
        netlab.wait_until(found, 5, "the new session is used", every=0.02)


def out_of_the_stack(site):
    """Sends from the stack while the site renews its session; returns what arrived at the site, in order."""
    peer, stack = site.peer, site.stack
    sessions = [new_session(peer)]
    peer.confirm(sessions[0])
    with stack.socket() as probe:
        netlab.wait_until(lambda: probe.sendto(b"", (site.address, 9)) == 0 and peer.receive_inner(sessions[0], 0.2), 5,
                          "the session is used")
    collector = Collector(peer)
    senders = [stack.socket() for _ in range(FLOWS)]
    for flow, sender in enumerate(senders):
        sender.bind((STACK4, site.port + flow))
        sender.connect((site.address, site.port))

    renewed = threading.Event()

    def send():
        last = None  # half of them on the new session
        for first in itertools.count(0, TRAIN):
            if last is None and renewed.is_set():
                last = max(DATAGRAMS, first + DATAGRAMS // 2)
            if last is not None and first >= last:
                return
            for flow, sender in enumerate(senders):
                mine = [number for number in range(first, first + TRAIN) if number % FLOWS == flow]
                if mine:
                    sender.sendmsg([numbered(flow, number) for number in mine],
                                   [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("=H", PAYLOAD))])
            time.sleep(PAUSE)

    sending = threading.Thread(target=send)
    sending.start()
    try:
        sessions.append(collector.handshake())
        collector.wait_for_data_on(sessions[1])
    finally:
        renewed.set()
        sending.join()
        messages = collector.finish()
        for sender in senders:
            sender.close()
    by_index = {session.local_index: session for session in sessions}
    arrived, used = [], set()
    for message in messages:
        if message[0] == rawpeer.DATA and (packet := by_index[struct.unpack("<I", message[4:8])[0]].open(message)):
            arrived.append(struct.unpack("!II", packet[28:36]))
            used.add(message[4:8])
    assert len(used) == 2, "the session was not renewed meanwhile"
    return arrived


def all_at_once(sites, way):
    """The arrived datagrams by site."""
    with ThreadPoolExecutor(len(sites)) as threads:
        return list(threads.map(way, sites))


def check_order(arrived):
    assert [overtaken(each) for each in arrived] == [0] * len(arrived)
    # Without enough datagrams on both sessions, the test would show nothing.
    assert all(len(each) > DATAGRAMS / 3 for each in arrived), [len(each) for each in arrived]
    assert all(each[-1][1] > DATAGRAMS * 0.6 for each in arrived)


def handed_over(sites):
    return sum(worker["handed_over"] for worker in sites[0].town.warren.json("counters")["workers"])


def test_into_the_stack_over_a_rekey(crowd):
    check_order(all_at_once(crowd, into_the_stack))
    assert handed_over(crowd) == 0


def test_out_of_the_stack_over_a_rekey(crowd):
    check_order(all_at_once(crowd, out_of_the_stack))


def detach_steering(pid):
    """Removes the steering programs from vpnd's sockets, as on a kernel without them: then the sender's address decides
    which worker gets a datagram."""
    detached, libc, process = 0, ctypes.CDLL(None, use_errno=True), os.pidfd_open(pid)
    for number in os.listdir(f"/proc/{pid}/fd"):
        if not os.readlink(f"/proc/{pid}/fd/{number}").startswith("socket:"):
            continue
        copy = libc.syscall(SYS_PIDFD_GETFD, process, int(number), 0)
        assert copy >= 0, os.strerror(ctypes.get_errno())
        with socket.socket(fileno=copy) as sock:
            try:
                sock.setsockopt(socket.SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, 0)
                detached += 1
            except OSError:
                pass  # not in a group, or another socket of the group was first
    os.close(process)
    assert detached


def move_to_a_wrong_worker(site):
    """Changes the sender's address until it leads to a data worker that has to hand packets over, and not to the right
    worker or to the handshake socket."""
    peer, before = site.peer, handed_over([site])
    peer.sock.close()
    with listen(site.stack, STACK4, site.port) as receiver:
        for _ in range(30):
            peer.sock = peer.place.ns.socket()
            peer.sock.bind((peer.place.ipv4, 0))
            peer.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
            session = new_session(peer)
            peer.send(session.data(inner.udp(site.address, STACK4, site.port, site.port, numbered(0, 0))))
            if everything_in(receiver) and handed_over([site]) > before:
                return
            peer.sock.close()
    raise AssertionError("no sender address leads to a wrong worker")


def test_packets_that_reach_the_wrong_worker_are_handed_over_in_order(crowd):
    town = crowd[0].town
    if len(town.warren.json("counters")["workers"]) == 1:
        pytest.skip("there is no other worker")
    detach_steering(town.warren.vpnd())
    for site in crowd:
        move_to_a_wrong_worker(site)
    check_order(all_at_once(crowd, into_the_stack))
    assert handed_over(crowd) > DATAGRAMS


# --- a customer with several queues -----------------------------------------------------------------------------------


def test_several_workers_carry_a_large_customer_in_order(large):
    workers = set()
    for site in large:
        session = new_session(site.peer)
        site.peer.confirm(session)
        workers.add(session.remote_index & 63)  # the low bits of a receiver index
    assert len(workers) > 1
    check_order(all_at_once(large, into_the_stack))
    check_order(all_at_once(large, out_of_the_stack))
    assert handed_over(large) == 0  # the kernel put a site's packets into the queue of the site's worker
