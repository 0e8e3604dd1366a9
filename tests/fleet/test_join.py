"""A node more: invited with one line, without an outage of etcd whatever happens to the new node."""

import os
import socket
import stat

import pytest

from tests.fleet.conftest import STACK
from tests.lab import fleets, joining, netlab


@pytest.fixture
def grow(make_fleet):
    if fleets.missing():
        pytest.skip(f"{', '.join(fleets.missing())}: not installed (tools/setup fleet)")
    return lambda count: joining.Growing(make_fleet(count)).begin()


def files_of(node):
    return {name: open(f"{node.config}-fleet/{name}").read() for name in os.listdir(f"{node.config}-fleet")}


def puts_are_taken(cluster, node, word):
    with open(f"{node.config}/customers/acme.toml") as file:
        text = file.read()
    node._put("customers/acme.toml", text.split("# ")[0] + f"# {word}\n", 0o644)
    return "revision" in node.configure("apply").stdout


def test_a_fleet_grows_from_one_node_to_three(grow):
    cluster = grow(3)
    first, second, third = cluster.fleet.nodes
    invitation, token = cluster.invite("vie-2")
    joined = cluster.join(second, token)
    assert "vie-2 has its certificates" in joined.stdout
    # Nothing private has come or gone: each made its own.
    keys = [files_of(node)[name] for node in (first, second) for name in ("fleetd.key", "etcd.key")]
    assert len(set(keys)) == 4 and "ca.key" not in files_of(second)
    assert stat.S_IMODE(os.stat(f"{second.config}-fleet/etcd.key").st_mode) == 0o400
    assert stat.S_IMODE(os.stat(f"{first.config}-fleet/ca.key").st_mode) == 0o400
    assert not [key for key in keys if key in invitation.output() + joined.stdout]
    cluster.take_part(second, invitation)
    assert cluster.members(first) == {"vie-1": False, "vie-2": False}
    # It reads the secrets, which were sealed to it meanwhile.
    for name in ("fleet.nodes", "secrets/uplink", "customers/acme.toml"):
        assert open(f"{second.config}/{name}").read() == open(f"{first.config}/{name}").read()
    gone = cluster.join(second, token, check=False)
    assert gone.returncode == 4 and "already" in gone.stderr

    # The third dies in the middle: its etcd is never started. That costs nobody anything.
    invitation, token = cluster.invite("vie-3")
    cluster.join(third, token)
    assert cluster.members(first) == {"vie-1": False, "vie-2": False, "": True}
    assert puts_are_taken(cluster, first, "while a learner is missing")
    assert cluster.end(invitation) == 4  # Ctrl-C
    assert "its etcd did not come up" in invitation.output()
    assert cluster.members(first) == {"vie-1": False, "vie-2": False}

    # It tries again, and this time the node that invited it dies: the next invitation goes on where that was.
    invitation, token = cluster.invite("vie-3")
    cluster.join(third, token)
    cluster.end(invitation, "KILL")
    assert cluster.members(first)[""] is True
    before = files_of(third)
    invitation, token = cluster.invite("vie-3")
    cluster.join(third, token)
    after = files_of(third)
    assert (before["fleetd.key"], before["etcd.key"]) == (after["fleetd.key"], after["etcd.key"])
    # Once more with the same token: the same machine gets the same.
    cluster.join(third, token)
    assert files_of(third) == after
    cluster.take_part(third, invitation)
    assert cluster.members(first) == {"vie-1": False, "vie-2": False, "vie-3": False}
    refused = first.configure("fleet", "invite", "vie-3", check=False)
    assert refused.returncode == 4 and "the fleet has a node vie-3, and it is alive" in refused.stderr

    # All three serve, and each knows who the others are.
    cluster.fleet.start_site()
    netlab.wait_until(lambda: cluster.fleet.site_ns.ping(STACK, timeout=2), 60, "the client's tunnel is up")
    netlab.wait_until(lambda: open(f"{second.config}/fleet.nodes").read() == open(f"{first.config}/fleet.nodes").read(),
                      30, "the second has the list with the third")
    third.configure("fleet", "move", "0", "vie-3", check=False)
    netlab.wait_until(lambda: cluster.owner() is third, 30, "the new node serves the group")
    netlab.wait_until(lambda: cluster.fleet.site_ns.ping(STACK, timeout=2), 30, "the client is there")
    assert puts_are_taken(cluster, third, "by the new one")

    # And one goes again: drained, then removed where the authority's key is.
    refused = first.configure("fleet", "remove", "vie-3", check=False)
    assert refused.returncode == 4 and "vie-3 has group 0" in refused.stderr
    third.configure("fleet", "drain")
    netlab.wait_until(lambda: cluster.owner() not in (None, third), 40, "it has given the group away")
    removed = netlab.wait_until(lambda: (done := first.configure("fleet", "remove", "vie-3", check=False)) and
                                done.returncode == 0 and done, 20, "it is removed")
    assert "secrets are sealed to 2 nodes" in removed.stdout
    assert cluster.members(first) == {"vie-1": False, "vie-2": False}
    netlab.wait_until(lambda: "vie-3" not in open(f"{second.config}/fleet.nodes").read(), 30, "the second knows")


def talk(node, address, data, patience=7):
    """What a stranger on that node gets back."""
    def go():
        with socket.create_connection((address, 2381), timeout=patience) as connection:
            connection.sendall(data)
            try:
                return connection.recv(100)
            except ConnectionResetError:
                return b""
    return node.room.inside(go)


def holds(node, pid, words):
    """How often the memory of a process has these bytes."""
    done = node.room.run("/usr/bin/python3", "-c", """
import re, sys
pid, words, found = sys.argv[1], bytes.fromhex(sys.argv[2]), 0
for line in open(f"/proc/{pid}/maps"):
    begin, end, rights = re.match(r"([0-9a-f]+)-([0-9a-f]+) (....)", line).groups()
    if rights.startswith("rw"):
        with open(f"/proc/{pid}/mem", "rb") as memory:
            memory.seek(int(begin, 16))
            found += memory.read(int(end, 16) - int(begin, 16)).count(words)
print(found)
""", pid, words)
    return int(done.stdout)


def test_a_token_that_is_not_good_gets_nothing(grow):
    cluster = grow(3)
    first, second, third = cluster.fleet.nodes

    def refused(node, token, reason, status):
        done = cluster.join(node, token, check=False)
        assert done.returncode == status and reason in done.stderr, done.stderr
        assert not os.path.exists(f"{node.config}/fleet.toml")
        assert not os.path.exists(f"{node.config}-fleet/ca.pem")

    # Expired.
    invitation, token = cluster.invite("vie-2", "--expires", "1s")
    assert invitation.wait(20) == 4 and "the token has expired, and nobody came" in invitation.output()
    refused(second, token, "connect to", 3)

    invitation, token = cluster.invite("vie-2")
    refused(second, token[:-2], "not the whole of one", 4)
    refused(second, joining.changed(token, "secret", sum_too=False), "not the whole of one", 4)
    refused(second, joining.changed(token, "secret"), "gave no answer: the token may have expired", 3)
    assert invitation.running() and cluster.members(first) == {"vie-1": False}
    # A stranger gets no byte, whatever it says, and keeps nobody away.
    address = first.room.address
    for words in (b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\x40" + b"x" * 64, b"\xff\xff\xff\xff", b"\x16\x03\x01\x02\0\1"):
        assert talk(third, address, words) == b""
    held = [third.room.inside(socket.create_connection, (address, 2381), 5) for _ in range(30)]
    # Nor does the new node get a certificate for the address of another.
    for at, reason in ((address, f"etcd has vie-1 at {address}"), ("127.0.0.1", "says that it is at 127.0.0.1")):
        done = second.configure("fleet", "join", token, "--at", at, check=False)
        assert done.returncode == 4 and reason in done.stderr, done.stderr
    # The authority is another one: it is noticed before anything is written. The machine counts as the one that came.
    refused(second, joining.changed(token, "fingerprint"), "the authority is another one than the token names", 4)
    cluster.join(second, token)
    for connection in held:
        connection.close()
    # Used, and for another name.
    refused(third, token, "this token was used already, by a machine with other keys", 4)
    cluster.end(invitation)
    assert cluster.members(first) == {"vie-1": False}
    for name, reason in (("vie-1", "this is the node vie-1"), ("Vie 2", "accepted: a name of a-z")):
        done = first.configure("fleet", "invite", name, check=False)
        assert done.returncode == 4 and reason in done.stderr
    # The process at the door is nobody, and knows nothing.
    invitation, token = cluster.invite("vie-3")
    door = first.room.run("pidof", "-s", "warren-door", check=False).stdout.split() or first.room.run(
        "pgrep", "-x", "warren-door").stdout.split()
    status = first.room.run("cat", f"/proc/{door[0]}/status").stdout
    for line in ("Uid:\t65534\t65534", "CapEff:\t0000000000000000", "Seccomp:\t2", "NoNewPrivs:\t1"):
        assert line in status, status
    secret = bytes.fromhex(token[len("warren1"):])[:16]
    line = files_of(first)["ca.key"].splitlines()[1]
    root = first.room.run("pgrep", "-f", "fleet invite").stdout.split()
    root.remove(door[0])
    for words, how_often in ((secret.hex(), 1), (line.encode().hex(), 1)):
        assert holds(first, root[0], words) >= how_often  # it was looked at the right place
        assert holds(first, door[0], words) == 0
    cluster.end(invitation)


def test_a_certificate_is_renewed_before_it_ends_and_used_without_a_restart(grow):
    """Made anew with the same key by the authority's node, which the certificate does not have to be on."""
    cluster = grow(2)
    first, second = cluster.fleet.nodes
    invitation, token = cluster.invite("vie-2")
    cluster.join(second, token)
    cluster.take_part(second, invitation)
    old = files_of(second)
    short = {name: joining.shortened(first, old[name], days=5) for name in ("fleetd.pem", "etcd.pem")}
    cluster.etcdctl(first, "put", "--", "/warren/certificates/vie-2", short["fleetd.pem"] + short["etcd.pem"])
    for name, text in short.items():
        with open(f"{second.config}-fleet/{name}", "w") as out:
            out.write(text)

    def is_renewed():
        now = files_of(second)
        return all(joining.days_left(now[name]) > 80 for name in short)
    netlab.wait_until(is_renewed, 60, "it has new ones")
    new = files_of(second)
    assert all(joining.key_of(new[name]) == joining.key_of(old[name]) for name in short)
    assert (new["fleetd.key"], new["etcd.key"]) == (old["fleetd.key"], old["etcd.key"])
    netlab.wait_until(lambda: "certificate_replaced" in cluster.fleetds["vie-2"].output(), 20, "fleetd uses it")
    netlab.wait_until(lambda: second.configure("fleet", "status", check=False).returncode == 0, 20, "it goes on")
    assert "expire" not in second.configure("fleet", "status").stdout

    # What is not of this authority, or of a node that is not in the list, is not renewed; what ends is named.
    first.room.run("pkill", "-f", "fleet follow")  # it would take the later one again
    netlab.wait_until(lambda: not first.follower.running(), 10, "it has ended")
    stranger = joining.shortened(first, old["fleetd.pem"], days=5, name="vie-9")
    cluster.etcdctl(first, "put", "--", "/warren/certificates/vie-9", stranger * 2)
    ends = joining.shortened(first, files_of(first)["fleetd.pem"], days=5)
    with open(f"{first.config}-fleet/fleetd.pem", "w") as out:
        out.write(ends)
    assert "fleetd.pem: it expires in 4 days" in first.configure("fleet", "status").stdout
    assert "certificates of 0 nodes renewed" in first.configure("fleet", "renew").stdout
    assert cluster.etcdctl(first, "get", "/warren/certificates/vie-9").count(stranger) == 2
