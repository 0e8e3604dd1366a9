"""etcd, BIRD and fleetd on three nodes, one group, and a stock client: a node ends, is cut off, or gives its group
away. Seconds are counted, and somebody looks all the time whether two nodes have the address."""

import re
import time

import pytest

from tests.fleet.conftest import PORT, SERVICE, STACK
from tests.lab import netlab, nodes

# Nothing of etcd reaches the node any more, nor fleetd its own member.
CUT = """table inet cut {
  chain in {
    type filter hook input priority -200;
    tcp dport { 2379, 2380 } drop
    tcp sport { 2379, 2380 } drop
  }
}
"""
GOAL = 10  # seconds without an answer that a power cut may cost


@pytest.fixture
def cluster(make_cluster):
    built = make_cluster(3)
    fleet = built.fleet
    fleet.start_site()
    netlab.wait_until(lambda: fleet.site_ns.ping(STACK, timeout=2), 60, "the client's tunnel is up")
    owner = built.owner()
    netlab.wait_until(lambda: "198.51.100.2" in built.known_places(owner), 30, "etcd knows where the client is")
    built.checker = nodes.TwoOwners(fleet.nodes)
    built.checker.start()
    built.watch = nodes.Watch(fleet.site_ns, STACK)
    time.sleep(2)
    yield built
    built.checker.finish()
    assert fleet.endpoint() == f"{SERVICE}:{PORT}"  # whoever it was: the client knows one address


def test_a_power_cut_of_the_owner(cluster):
    """The client says nothing but pings; it changes nothing."""
    owner = cluster.owner()
    moment = time.time()
    cluster.fleet.power_off(owner)
    gap = cluster.watch.wait_for_answer_after(moment + 0.5, 40) + 0.5
    print(f"power cut: {gap:.2f} s")
    assert gap < GOAL
    assert cluster.owner() not in (None, owner)


def test_the_owner_is_cut_off_from_etcd(cluster):
    """Its uplink works; it must stop before another one begins."""
    owner = cluster.owner()
    moment = time.time()
    owner.room.outside("nft", "-f", "-", input=CUT)
    netlab.wait_until(lambda: cluster.owner() not in (None, owner), 40, "another node serves the group")
    taken = time.time() - moment
    gap = cluster.watch.wait_for_answer_after(moment + taken, 20) + taken
    longest = cluster.watch.longest_gap(moment)
    print(f"cut off from etcd: taken after {taken:.2f} s, longest gap {longest:.2f} s, back after {gap:.2f} s")
    assert SERVICE not in owner.service_addresses()
    assert longest < GOAL
    owner.room.outside("nft", "delete", "table", "inet", "cut")
    netlab.wait_until(lambda: owner.ask("fleet status")[0] == 0, 30, "it is valid again")
    time.sleep(2)
    assert cluster.owner() is not owner  # who comes back takes nothing


def test_a_planned_move_and_a_drain(cluster):
    owner = cluster.owner()
    other = next(node for node in cluster.fleet.nodes if node is not owner)
    moment = time.time()
    assert owner.ask("fleet move", 0, node=other.name)[0] == 0
    netlab.wait_until(lambda: cluster.owner() is other, 20, "the other node serves the group")
    time.sleep(3)
    print(f"planned move: longest gap {cluster.watch.longest_gap(moment):.2f} s")
    assert cluster.watch.longest_gap(moment) < 5
    status, _, texts = other.ask("fleet status")
    assert status == 0
    assert any(f"group 0: owner {other.name}" in text and "served here" in text for text in texts), texts
    assert owner.ask("fleet move", 0)[0] == 4  # it is not its own any more
    # It has just come, and stays for half a minute, whoever wants it elsewhere.
    shown = re.search(r"keeps its owner for another (\d+) s", " ".join(texts))
    assert shown and 0 < int(shown[1]) <= 30, texts
    refused = other.ask("fleet move", 0, node=owner.name)
    assert refused[0] == 4 and "has a new owner, and keeps it for another" in refused[1], refused
    assert other.ask("fleet drain")[0] == 0
    netlab.wait_until(lambda: cluster.owner() not in (None, other), 45, "it gives the group away")
    assert time.time() - moment > 29


def test_a_new_fleetd_keeps_what_is_served(cluster):
    owner = cluster.owner()
    moment = time.time()
    owner.room.run("kill", "-KILL", owner.room.run("pidof", "fleetd").stdout.split()[0])
    cluster.start_fleetd(owner)
    time.sleep(8)
    assert cluster.owner() is owner
    assert cluster.watch.longest_gap(moment) < 3


def test_a_fleetd_that_stands_still_loses_its_group(cluster):
    """It goes on where it was: with what it knew then, nothing may be served."""
    owner = cluster.owner()
    moment = time.time()
    pid = owner.room.run("pidof", "fleetd").stdout.split()[0]
    owner.room.run("kill", "-STOP", pid)
    netlab.wait_until(lambda: cluster.owner() not in (None, owner), 40, "another node serves the group")
    owner.room.run("kill", "-CONT", pid)
    time.sleep(3)
    assert cluster.owner() not in (None, owner)
    assert owner.ask("status")[1] == "0 groups"
    assert cluster.watch.longest_gap(moment) < GOAL


def test_without_a_majority_in_etcd_nothing_is_served(cluster):
    """Nobody can prove to be the owner; when etcd is back, one node serves again."""
    owner = cluster.owner()
    others = [node for node in cluster.fleet.nodes if node is not owner]
    pids = [node.room.run("pidof", "etcd").stdout.split()[0] for node in others]
    for node, pid in zip(others, pids):
        node.room.run("kill", "-STOP", pid)
    netlab.wait_until(lambda: cluster.owner() is None, 20, "the group is served no more")
    for node, pid in zip(others, pids):
        node.room.run("kill", "-CONT", pid)
    netlab.wait_until(cluster.owner, 40, "one serves the group again")
    netlab.wait_until(lambda: cluster.fleet.site_ns.ping(STACK, timeout=2), 40, "the client is back")
