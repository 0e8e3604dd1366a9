"""One customer's packets reach no other customer, even under attack. Both customers have the same addresses everywhere,
and each payload contains a canary that names its owner. These tests are never skipped."""

import os
import random
import socket
import threading
import time
from dataclasses import dataclass

import pytest

from tests.lab import inner, netlab
from tests.lab.capture import Capture
from tests.lab.town import STACK4, STACK6

NAMES = ("acme", "globex")


@dataclass(eq=False)
class Twin:
    """One of the two customers, with two stock offices and a scripted peer."""

    name: str
    customer: object
    one: object
    two: object
    raw: object
    stack: object

    def canary(self, word=""):
        return f"<canary {self.name} {word} {os.urandom(6).hex()}>".encode()


def make_twin(town, name, peers=()):
    one = town.office(f"{name}-one", addresses=["10.0.0.2/32", "fd00:42::2/128"])
    two = town.office(f"{name}-two", addresses=["10.0.0.3/32", "fd00:42::3/128"])
    raw, entry = town.raw_peer(f"{name}-raw")
    customer = town.customer([one, two, entry], name)
    for office in (one, two):
        office.connect()
    return Twin(name, customer, one, two, raw, town.stack(customer))


@pytest.fixture(scope="module")
def twins(town):
    made = {name: make_twin(town, name) for name in NAMES}
    yield made
    town.warren.remove(*NAMES)


def session_of(twin):
    """A new, confirmed session of the twin's scripted peer."""
    twin.raw.drain()
    session = twin.raw.handshake()
    twin.raw.confirm(session)
    return session


def everywhere(town, twins, with_uplink=True):
    """Captures, by name, at every place where a packet could leave unencrypted."""
    captures = {"uplink 0": Capture(town.hub, "up0"), "uplink 1": Capture(town.hub, "up1")} if with_uplink else {}
    for name, twin in twins.items():
        captures[f"{name} stack"] = Capture(twin.stack, "vpn0")
        for office in (twin.one, twin.two):
            captures[f"{name} {office.ns.host}"] = Capture(office.ns, office.client.device)
    return captures


def seen(captures, canary):
    """The places that saw the canary."""
    return {place for place, capture in captures.items() if canary in capture.bytes()}


def udp_once(source, address, canary):
    with source.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as sock:
        sock.sendto(canary, (address, 9))


def test_only_its_owner_sees_a_payload_and_the_uplink_never_sees_it_unencrypted(town, twins):
    captures = everywhere(town, twins)
    expected = {}
    for name, twin in twins.items():
        one, two, stack = f"{name} {twin.one.ns.host}", f"{name} {twin.two.ns.host}", f"{name} stack"
        for v4, v6, source, places in (
            (STACK4, STACK6, twin.one.ns, {one, stack}), ("10.0.0.2", "fd00:42::2", twin.stack, {stack, one}),
            ("10.0.0.3", "fd00:42::3", twin.one.ns, {one, stack, two}),
            ("10.0.0.2", "fd00:42::2", twin.two.ns, {two, stack, one})):
            for address in (v4, v6):
                canary = twin.canary("udp")
                expected[canary] = places
                udp_once(source, address, canary)
    for canary, places in expected.items():
        netlab.wait_until(lambda: places <= seen(captures, canary), 5, f"{canary} arrives at {places}")
    for capture in captures.values():
        capture.stop()
    assert {canary: seen(captures, canary) for canary in expected} == expected


def test_bulk_of_both_at_once_stays_apart(town, twins):
    """TCP in both customers at the same time, also as super-packets; every segment is full of canaries."""
    captures = everywhere(town, twins)
    canaries = {name: twin.canary("bulk") for name, twin in twins.items()}
    received = {}

    def carry(name, twin):
        listener = twin.two.ns.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.bind(("10.0.0.3", 7000))
        listener.listen()
        listener.settimeout(10)
        with twin.one.ns.socket(socket.AF_INET, socket.SOCK_STREAM) as out:
            out.connect(("10.0.0.3", 7000))
            connection, _ = listener.accept()
            sender = threading.Thread(target=lambda: (out.sendall(canaries[name] * 30000),
                                                      out.shutdown(socket.SHUT_WR)))
            sender.start()
            received[name] = b"".join(iter(lambda: connection.recv(1 << 16), b""))
            sender.join()
            connection.close()
        listener.close()

    threads = [threading.Thread(target=carry, args=item) for item in twins.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: data == canaries[name] * 30000 for name, data in received.items()} == {name: True for name in twins}
    for capture in captures.values():
        capture.kill()
    for name, twin in twins.items():
        places = {f"{name} stack", f"{name} {twin.one.ns.host}", f"{name} {twin.two.ns.host}"}
        assert seen(captures, canaries[name]) == places


SPOOFED = {
    "another peer's": "10.0.0.2", "another peer's, v6": "fd00:42::2", "nobody's": "10.9.9.9",
    "nobody's, v6": "fd00:99::1", "only the other customer's": "10.77.0.1", "the stack's own": STACK4,
    "the stack's own, v6": STACK6, "loopback": "127.0.0.1", "loopback, v6": "::1", "multicast": "224.0.0.1",
    "multicast, v6": "ff02::1", "unspecified": "0.0.0.0", "unspecified, v6": "::", "broadcast": "255.255.255.255",
    "v4-mapped": "::ffff:10.0.0.9", "link-local, v6": "fe80::1"}


def test_a_spoofed_inner_source_is_dropped_and_counted(town, twins):
    extra, entry = town.raw_peer("globex-extra", addresses=["10.77.0.0/16"])
    twins["globex"].customer.peers.append(entry)
    town.warren.put(twins["globex"].customer)
    acme = twins["acme"]
    session = session_of(acme)
    captures = everywhere(town, twins, with_uplink=False)
    before = dropped(town, "acme", "source_")
    canaries = []
    for source in SPOOFED.values():
        for target in ((STACK6, "fd00:42::3") if ":" in source else (STACK4, "10.0.0.3")):
            canaries.append(acme.canary("spoof"))
            acme.raw.send(session.data(inner.udp(source, target, 9, 9, canaries[-1])))
    good = acme.canary("good")
    acme.raw.send(session.data(inner.udp("10.0.0.9", STACK4, 9, 9, good)))
    netlab.wait_until(lambda: seen(captures, good) == {"acme stack"}, 5, "the honest packet arrives")
    netlab.wait_until(lambda: dropped(town, "acme", "source_") - before >= len(canaries), 5,
                      "every spoofed packet is counted")
    for capture in captures.values():
        capture.stop()
    assert dropped(town, "acme", "source_") - before == len(canaries)
    assert {canary: seen(captures, canary) for canary in canaries if seen(captures, canary)} == {}


def dropped(town, customer, beginning=""):
    return sum(count for reason, count in town.warren.drops(customer).items() if reason.startswith(beginning))


def test_a_message_with_another_customers_index_reaches_nobody(town, twins):
    acme, globex = twins["acme"], twins["globex"]
    ours, theirs = session_of(acme), session_of(globex)
    captures = everywhere(town, twins, with_uplink=False)
    before = town.warren.drops("globex").get("authentication_failed", 0)
    foreign = acme.canary("foreign")
    for _ in range(20):
        acme.raw.send(ours.data(inner.udp("10.0.0.9", STACK4, 9, 9, foreign), receiver=theirs.remote_index))
    for _ in range(200):
        acme.raw.send(ours.data(inner.udp("10.0.0.9", STACK4, 9, 9, foreign), receiver=random.getrandbits(32)))
    good = {acme: acme.canary("good"), globex: globex.canary("good")}
    acme.raw.send(ours.data(inner.udp("10.0.0.9", STACK4, 9, 9, good[acme])))
    globex.raw.send(theirs.data(inner.udp("10.0.0.9", STACK4, 9, 9, good[globex])))
    netlab.wait_until(lambda: seen(captures, good[acme]) == {"acme stack"}
                      and seen(captures, good[globex]) == {"globex stack"}, 5)
    netlab.wait_until(lambda: town.warren.drops("globex").get("authentication_failed", 0) - before == 20, 5)
    for capture in captures.values():
        capture.stop()
    assert seen(captures, foreign) == set()


def test_a_replayed_message_arrives_once(town, twins):
    acme = twins["acme"]
    session = session_of(acme)
    before = town.warren.drops("acme").get("replay_duplicate", 0)
    canary = acme.canary("replay")
    with Capture(acme.stack, "vpn0", "udp") as capture:
        message = session.data(inner.udp("10.0.0.9", STACK4, 9, 9, canary))
        for _ in range(10):
            acme.raw.send(message)
        netlab.wait_until(lambda: town.warren.drops("acme").get("replay_duplicate", 0) - before == 9, 5)
    assert capture.bytes().count(canary) == 1


def test_a_session_used_from_another_customers_address_stays_with_its_customer(town, twins):
    acme, globex = twins["acme"], twins["globex"]
    session = session_of(acme)
    captures = everywhere(town, twins, with_uplink=False)
    canary = acme.canary("moved")
    globex.raw.sock.sendto(session.data(inner.udp("10.0.0.9", STACK4, 9, 9, canary)), acme.raw.remote)
    netlab.wait_until(lambda: seen(captures, canary), 5)
    for capture in captures.values():
        capture.stop()
    assert seen(captures, canary) == {"acme stack"}
    assert town.warren.peer("acme", "acme-raw")["endpoint"].startswith(globex.raw.place.ipv4)


class Stream:
    """A scripted peer that never stops sending data messages with a canary, until stop()."""

    def __init__(self, raw, session, canary):
        self._raw, self._session, self._canary, self._going, self.sent = raw, session, canary, True, 0
        self._thread = threading.Thread(target=self._send)
        self._thread.start()

    def _send(self):
        while self._going:
            for _ in range(16):
                self._raw.send(self._session.data(inner.udp("10.0.0.9", STACK4, 9, 9, self._canary)))
                self.sent += 1
            time.sleep(0.002)  # a pace, not a wait: some hundred per second

    def stop(self):
        self._going = False
        self._thread.join()


def test_packets_in_flight_do_not_reach_the_next_customer(town):
    """Again and again, one customer is deleted and another with the same addresses is added, while the first one's peer
    continues to send."""
    raw, entry = town.raw_peer("leaver")
    for turn in range(8):
        old = town.customer([entry], f"old-{turn}")
        session = raw.handshake()
        raw.confirm(session)
        canary = f"<canary old-{turn} {os.urandom(6).hex()}>".encode()
        with Capture(town.stack(old), "vpn0") as capture:
            stream = Stream(raw, session, canary)
            netlab.wait_until(lambda: canary in capture.bytes(), 5, "the stream flows")
        heir, heir_entry = town.raw_peer(f"heir-{turn}")
        town.warren.customers.pop(old.id)
        os.unlink(f"{town.warren.config}/customers/{old.id}.toml")
        town.warren.removes = True  # one generation removes the old customer and adds the new one
        try:
            new = town.customer([heir_entry], f"new-{turn}")
        finally:
            town.warren.removes = False
        with Capture(town.stack(new), "vpn0") as capture:
            heirs = heir.handshake()
            good = f"<canary new-{turn} {os.urandom(6).hex()}>".encode()
            heir.send(heirs.data(inner.udp("10.0.0.9", STACK4, 9, 9, good)))
            sent = stream.sent
            netlab.wait_until(lambda: good in capture.bytes() and stream.sent > sent + 500, 5,
                              "the new customer's packet arrives")
        stream.stop()
        assert canary not in capture.bytes()
        town.warren.remove(new.id)


def test_a_peer_that_moves_to_another_customer_leaves_its_session_behind(town, twins):
    raw, entry = town.raw_peer("mover", addresses=["10.0.0.8/32"])
    acme, globex = twins["acme"], twins["globex"]
    acme.customer.peers.append(entry)
    town.warren.put(acme.customer)
    session = raw.handshake()
    raw.confirm(session)
    acme.customer.peers.remove(entry)
    globex.customer.peers.append(entry)
    town.warren.put(acme.customer, globex.customer)
    captures = everywhere(town, twins, with_uplink=False)
    stale = acme.canary("stale")
    for _ in range(10):
        raw.send(session.data(inner.udp("10.0.0.8", STACK4, 9, 9, stale)))
    fresh = globex.canary("fresh")
    session = raw.handshake()
    raw.send(session.data(inner.udp("10.0.0.8", STACK4, 9, 9, fresh)))
    netlab.wait_until(lambda: seen(captures, fresh), 5)
    for capture in captures.values():
        capture.stop()
    assert seen(captures, fresh) == {"globex stack"}
    assert seen(captures, stale) == set()


def test_a_stack_has_no_way_to_the_uplink_or_to_another_stack(town, twins):
    for twin in twins.values():
        assert twin.stack.devices() == ["lo", "vpn0"]
        for address in ("198.51.100.1", "198.51.100.254", "8.8.8.8", "2001:db8:100::1"):
            assert not twin.stack.ping(address, timeout=1)
