"""Two offices with the same network behind one customer, each seen by the others as a network of its own.

    host 10.0.1.5 ── office one 10.0.1.1 ══ tunnel ══ stack ══ tunnel ══ office two 10.0.1.1 ── host 10.0.1.5
                     seen as 10.101.1.0/24                     seen as 10.102.1.0/24
"""

import itertools
import os
import socket
import threading

import pytest

from tests.lab import netlab
from tests.lab.town import STACK4

SAME, HOST, HOST6 = "10.0.1.0/24", "10.0.1.5", "fd00:1::5"
REACH = ("10.0.0.0/24", "10.101.0.0/16", "10.102.0.0/16", "fd00:42::/64", "fd77::/16")
DATA = os.urandom(2_000_000)
_numbers = itertools.count(1)


def office(town, name):
    """A router with a tunnel and a host behind it, whose addresses are the same at each office."""
    number = next(_numbers)
    place = town.office(f"{name}{number}", addresses=["10.0.1.2/32", "fd00:1::2/128"],
                        networks=[SAME, "fd00:1::/64"], reach=REACH)
    place.ns.sysctl("net.ipv4.ip_forward", 1)
    place.ns.sysctl("net.ipv6.conf.all.forwarding", 1)
    place.host = town.lab.namespace(f"host{number}")
    town.lab.wire(place.ns, f"lan{number}", ["10.0.1.1/24", "fd00:1::1/64"], place.host, "eth0",
                  [f"{HOST}/24", f"{HOST6}/64"])
    place.host.ip("route add default via 10.0.1.1", "route add ::/0 via fd00:1::1")
    return place


def maps(one, two):
    return [{"peer": one.peer.name, "real": SAME, "mapped": "10.101.1.0/24"},
            {"peer": two.peer.name, "real": SAME, "mapped": "10.102.1.0/24"},
            {"peer": one.peer.name, "real": "fd00:1::/64", "mapped": "fd77:1::/64"},
            {"peer": two.peer.name, "real": "fd00:1::/64", "mapped": "fd77:2::/64"}]


def refused(ns, address):
    """Whether a datagram to a closed port brings the error that the sender's socket takes for its own."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with ns.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(2)
        sock.connect((address, 9))
        sock.send(b"anybody?")
        try:
            sock.recv(100)
        except ConnectionRefusedError:
            return True
        except TimeoutError:
            return False
    return False


def fetched(source, target, address):
    """What a machine at `source` reads over TCP from one at `target`, which sends DATA."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with target.socket(family, socket.SOCK_STREAM) as listener, source.socket(family, socket.SOCK_STREAM) as reader:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("", 5000))
        listener.listen(1)

        def serve():
            connection, _ = listener.accept()
            with connection:
                connection.sendall(DATA)

        server = threading.Thread(target=serve)
        server.start()
        reader.settimeout(30)
        reader.connect((address, 5000))
        got = b""
        while piece := reader.recv(1 << 18):
            got += piece
        server.join(30)
    return got


@pytest.fixture
def offices(town, visit):
    one, two = office(town, "one"), office(town, "two")
    customer = visit([one, two], nat={"map": maps(one, two)})
    one.connect(), two.connect()
    return one, two, customer


def test_offices_with_the_same_network_reach_each_other_by_the_mapped_ones(town, offices):
    one, two, customer = offices
    for source, target in ((one, "10.102.1.5"), (two, "10.101.1.5"), (one, "fd77:2::5"), (two, "fd77:1::5")):
        assert source.host.ping(target), target
    for source, target, address in ((one, two, "10.102.1.5"), (two, one, "10.101.1.5"), (one, two, "fd77:2::5")):
        assert fetched(source.host, target.host, address) == DATA, address
    # What does not fit into one datagram comes in fragments.
    assert one.host.ping("10.102.1.5", "-s", "4000", "-M", "dont")
    # The stack and a machine beside it see the mapped networks too.
    stack = town.stack(customer)
    assert stack.ping("10.101.1.5") and stack.ping("10.102.1.5")
    assert not stack.ping(HOST, timeout=1)
    routes = town.warren.ctl("routes", customer.id).stdout
    assert "10.101.1.0/24" in routes and "10.102.1.0/24" in routes and SAME not in routes


def test_errors_come_back_to_the_one_that_sent_the_packet(town, offices):
    one, two, _customer = offices
    assert refused(one.host, "10.102.1.5") and refused(two.host, "10.101.1.5")
    assert refused(one.host, "fd77:2::5")
    # As traceroute does it: the office's own router, the stack, the other office's router by its mapped address.
    seen = [one.host.run("ping", "-n", "-c", "1", "-t", hops, "-W", "2", "10.102.1.5", check=False).stdout
            for hops in (1, 2, 3, 4)]
    assert "From 10.0.1.1 " in seen[0], seen[0]
    assert f"From {STACK4} " in seen[1], seen[1]
    assert "From 10.102.1.2 " in seen[2] or "From 10.102.1.1 " in seen[2], seen[2]
    assert "1 received" in seen[3], seen[3]


def test_a_customer_with_the_same_network_and_no_map_is_not_touched(town, visit, offices):
    one, two, customer = offices
    third = office(town, "third")
    beside = visit([third])
    third.connect()
    assert town.stack(beside).ping(HOST)
    assert third.host.ping(STACK4)
    assert not town.stack(beside).ping("10.101.1.5", timeout=1)
    assert one.host.ping("10.102.1.5")


def test_a_peer_may_not_use_its_mapped_network_as_source(town, offices):
    one, _two, customer = offices
    one.ns.ip(f"addr add 10.101.1.77/32 dev {one.client.device}")
    assert not one.ns.ping(STACK4, "-I", "10.101.1.77", timeout=1)
    assert town.warren.drops(customer.id)["source_not_allowed"] > 0


def test_a_map_can_be_changed_while_packets_flow_and_is_told(town, offices):
    one, two, customer = offices
    assert one.host.ping("10.102.1.5")
    customer.nat["map"][1]["mapped"] = "10.102.9.0/24"
    town.warren.put(customer)
    assert one.host.ping("10.102.9.5")
    assert not one.host.ping("10.102.1.5", timeout=1)
    shown = town.warren.ctl("status", customer.id, check=False).stdout
    assert f"mapped      {SAME} of {two.peer.name} is 10.102.9.0/24 here" in shown
    said = town.warren.ctl("why", customer.id, "--from", "10.101.1.5", "--to", "10.102.9.5", check=False).stdout
    assert f"10.102.9.0/24, which is {SAME} behind peer {two.peer.name}" in said, said


def test_a_file_with_the_same_network_twice_and_one_map_is_refused(town, offices):
    one, _two, customer = offices
    customer.nat["map"] = [each for each in customer.nat["map"] if each["peer"] == one.peer.name]
    with pytest.raises(netlab.LabError, match="a map for each"):
        town.warren.put(customer)
