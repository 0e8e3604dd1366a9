"""Groups go where they are to be, one after the other, and a drain waits for the peers of each."""

import re
import time

import pytest

from tests.fleet.conftest import PORT, SERVICE, STACK
from tests.lab import netlab

GROUPS = 4


def groups_of(node):
    """The owner of each group, as one node knows it."""
    shown = node.configure("fleet", "status", check=False).stdout
    return {int(number): owner for number, owner in re.findall(r"group (\d+): owner ([a-z0-9-]+),", shown)}


@pytest.fixture
def cluster(make_cluster):
    """All groups are the first node's; the client is in group 0."""
    built = make_cluster(2, groups=GROUPS)
    first, second = built.fleet.nodes
    netlab.wait_until(lambda: set(groups_of(first)) == set(range(GROUPS)) and "nobody" not in groups_of(first).values(),
                      60, "each group has an owner")

    def first_has_all():
        """One change at a time: another one that is on its way refuses this one."""
        for group, owner in groups_of(second).items():
            if owner != "vie-1":
                second.configure("fleet", "move", str(group), "vie-1", check=False)
        return set(groups_of(second).values()) == {"vie-1"}
    netlab.wait_until(first_has_all, 60, "the first node has all")
    netlab.wait_until(lambda: "keeps its owner" not in first.configure("fleet", "status").stdout, 40, "all may move")
    built.fleet.start_site()
    netlab.wait_until(lambda: built.fleet.site_ns.ping(STACK, timeout=2), 60, "the client's tunnel is up")
    netlab.wait_until(lambda: "1 peers online" in first.configure("fleet", "status").stdout, 20, "its owner counts it")
    return built


def test_a_plan_is_shown_and_made_and_nothing_is_left(cluster):
    first, second = cluster.fleet.nodes
    asked = second.configure("fleet", "rebalance", "--max", "1", check=False)
    assert asked.returncode == 1 and "nothing was moved" in asked.stderr
    assert re.search(r"GROUP +FROM +TO +PEERS\n +\d +vie-1 +vie-2 +[01]\nand 1 more", asked.stdout), asked.stdout
    assert set(groups_of(second).values()) == {"vie-1"}

    started = time.time()
    done = second.configure("fleet", "rebalance", "--yes")
    assert len(re.findall(r"group \d: vie-2 has it, ([01]) of \1 peers are back", done.stdout)) == 2, done.stdout
    assert time.time() - started > 5  # between the two
    # One that has just come is not moved on at once, unless that is waited for.
    last = re.findall(r"group (\d): vie-2 has it", done.stdout)[-1]
    refused = first.configure("fleet", "move", last, "vie-1", check=False)
    assert refused.returncode == 4, refused.stderr
    assert re.search(rf"group {last} has a new owner, and keeps it for another \d+ s; --wait waits for that",
                     refused.stderr), refused.stderr
    owners = groups_of(first)
    assert sorted(owners.values()) == ["vie-1", "vie-1", "vie-2", "vie-2"]
    assert "nothing to move: 2 nodes have their share" in first.configure("fleet", "rebalance").stdout
    assert cluster.fleet.site_ns.ping(STACK, timeout=10)
    # Any node can ask for it, and who has it answers.
    here, there = (first, second) if owners[0] == "vie-1" else (second, first)
    netlab.wait_until(lambda: re.search(r"group 0: .* 1 peers online", there.configure("fleet", "status").stdout), 20,
                      "the client is counted")
    done = there.configure("fleet", "move", "0", there.name, "--wait")
    assert f"group 0: {there.name} has it, 1 of 1 peers are back" in done.stdout
    assert cluster.fleet.endpoint() == f"{SERVICE}:{PORT}"


def test_it_ends_at_the_first_group_that_is_not_well(cluster):
    first, second = cluster.fleet.nodes
    pid = second.room.run("pidof", "stackd").stdout.split()[0]
    second.room.run("kill", "-STOP", pid)  # its fleetd notices after five seconds
    refused = first.configure("fleet", "rebalance", "--yes", check=False)
    second.room.run("kill", "-CONT", pid)
    assert refused.returncode == 4, refused.stdout
    assert "vie-2 does not say that it serves it; 1 group was not moved" in refused.stderr, refused.stderr


def test_a_drain_waits_for_the_peers_of_each_group(cluster):
    """The client's group is the first; it cannot shake hands with the other node, so the next group waits."""
    first, second = cluster.fleet.nodes
    cluster.fleet.site_ns.run("nft", "-f", "-", input="""table inet deaf {
  chain in {
    type filter hook input priority 0;
    udp sport 51820 drop
  }
}
""")
    moment = time.time()
    first.configure("fleet", "drain")
    netlab.wait_until(lambda: groups_of(first).get(0) == "vie-2", 10, "the client's group is given")
    assert [owner for group, owner in groups_of(first).items() if group > 0] == ["vie-1"] * 3
    netlab.wait_until(lambda: set(groups_of(first).values()) == {"vie-2"}, 40, "all are given")
    assert 10 <= time.time() - moment < 30
