"""vpnctl why: what it says of an imagined packet is what becomes of a real one."""

import json
import socket

import pytest

from tests.e2e.test_firewall import HOST, HOST6, Server, Site, attempt, rule
from tests.lab import netlab
from tests.lab.town import STACK4, STACK6


@pytest.fixture(scope="module")
def site(town):
    made = Site(town, "whysite", firewall={
        "rule": [rule("no-smtp", "drop", to=["handoff"], proto="tcp", ports=[25]),
                 rule("no-depot-web", "reject", **{"from": ["peer:depot"]}, to=["handoff"], proto="tcp", ports=[80]),
                 rule("lan-udp", "drop", **{"from": ["handoff"]}, proto="udp")],
        "default": "accept"})
    yield made
    town.warren.remove(made.customer.id)


def why(town, customer, source, destination, protocol="icmp", port=0):
    words = ["--from", source, "--to", destination, "--proto", protocol, *(["--port", str(port)] if port else [])]
    done = town.warren.ctl("--json", "why", customer.id, *words, check=False)
    assert done.returncode in (0, 1), done.stderr
    answer = json.loads(done.stdout)
    assert answer["passes"] == (done.returncode == 0)
    return answer


# Where from, where to, what; whether it arrives, and else the reason and the rule. "branch" and "depot" are the sites.
BRANCH, DEPOT = "10.0.0.2", "10.0.0.3"
TABLE = [
    (BRANCH, HOST, "tcp", 443, True, None, None),
    (BRANCH, HOST, "tcp", 25, False, "firewall", "no-smtp"),
    (BRANCH, HOST, "tcp", 80, True, None, None),
    (DEPOT, HOST, "tcp", 80, False, "firewall", "no-depot-web"),
    (DEPOT, HOST, "tcp", 25, False, "firewall", "no-smtp"),
    (DEPOT, HOST, "tcp", 443, True, None, None),
    (BRANCH, HOST, "icmp", 0, True, None, None),
    (BRANCH, DEPOT, "icmp", 0, True, None, None),
    (BRANCH, DEPOT, "tcp", 443, True, None, None),
    (BRANCH, STACK4, "icmp", 0, True, None, None),
    (HOST, BRANCH, "tcp", 443, True, None, None),
    (HOST, BRANCH, "icmp", 0, True, None, None),
    (HOST, DEPOT, "tcp", 25, True, None, None),
    (BRANCH, "192.0.2.99", "icmp", 0, False, "route", None),
    (BRANCH, "10.0.0.77", "icmp", 0, False, "no_peer_for_destination", None),
    ("fd00:42::2", HOST6, "icmp", 0, True, None, None),
    ("fd00:42::2", HOST6, "tcp", 25, False, "firewall", "no-smtp"),
    ("fd00:42::2", "fd00:42::3", "icmp", 0, True, None, None),
    ("fd00:42::3", HOST6, "tcp", 80, False, "firewall", "no-depot-web"),
    ("fd00:42::2", STACK6, "icmp", 0, True, None, None),
]


def really(site, source, destination, protocol, port):
    """Whether a real one arrives and is answered."""
    ns = {BRANCH: site.branch.ns, "fd00:42::2": site.branch.ns, DEPOT: site.depot.ns, "fd00:42::3": site.depot.ns,
          HOST: site.lan}[source]
    if protocol == "icmp":
        return ns.ping(destination, "-I", source, timeout=1, check=False)
    there = {HOST: site.lan, HOST6: site.lan, BRANCH: site.branch.ns, DEPOT: site.depot.ns}[destination]
    with Server(there, destination, port):
        return attempt(ns, destination, port) == "open"


def test_what_it_says_is_what_happens(town, site):
    for source, destination, protocol, port, passes, reason, name in TABLE:
        case = (source, destination, protocol, port)
        said = why(town, site.customer, *case)
        assert said["passes"] == passes, (case, said)
        assert said["reason"] == reason and (name is None or said["rule"] == name), (case, said)
        if passes and said["end"] != "stack":
            assert said["answer"]["passes"], (case, said)
        assert bool(really(site, *case)) == passes, (case, said)


def test_where_it_ends(town, site):
    ends = {(BRANCH, HOST): "handoff", (BRANCH, DEPOT): "peer depot", (BRANCH, STACK4): "stack",
            (HOST, BRANCH): "peer branch", (STACK4, BRANCH): "peer branch", (STACK4, HOST): "handoff"}
    for (source, destination), end in ends.items():
        assert why(town, site.customer, source, destination)["end"] == end
    said = why(town, site.customer, "192.0.2.1", HOST)
    assert said["reason"] == "source"
    said = why(town, site.customer, HOST, BRANCH, "udp", 53)
    assert (said["reason"], said["rule"]) == ("firewall", "lan-udp")


def test_it_sends_nothing(town, site):
    """Nothing of the customer's own counters or devices notices."""
    before = site.rules()
    with site.lan.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as wire:
        wire.bind(("eth0", 3))
        wire.settimeout(0.5)
        for _ in range(3):
            why(town, site.customer, BRANCH, HOST, "tcp", 443)
        try:
            while frame := wire.recv(2048):
                assert b"Why?" not in frame
        except socket.timeout:
            pass
    after = site.rules()
    assert {name: one["packets"] for name, one in before.items()} == {name: one["packets"] for name, one in
                                                                      after.items()}


def test_translations(town):
    made = Site(town, "whynat", nat={"masquerade": ["handoff"], "forward": [
        {"proto": "tcp", "port": 8080, "to": f"{BRANCH}:80"}]})
    try:
        said = why(town, made.customer, BRANCH, HOST, "tcp", 443)
        assert said["passes"] and any("source becomes 10.42.0.1" in part["text"] for part in said["parts"])
        assert said["answer"]["passes"] and said["answer"]["end"] == "peer branch"
        said = why(town, made.customer, HOST, "10.42.0.1", "tcp", 8080)
        assert said["end"] == "peer branch"
        assert any(f"destination becomes {BRANCH}:80" in part["text"] for part in said["parts"])
    finally:
        town.warren.remove(made.customer.id)


def test_what_cannot_be_asked(town, site):
    for words in (["--from", "10.0.0.2"], ["--from", "10.0.0.2", "--to", "fd00::1"],
                  ["--from", "x", "--to", "10.0.0.1"],
                  ["--from", "10.0.0.2", "--to", HOST, "--proto", "tcp"],
                  ["--from", "10.0.0.2", "--to", HOST, "--proto", "gre"]):
        assert town.warren.ctl("why", site.customer.id, *words, check=False).returncode == 2
    assert town.warren.ctl("why", "nobody", "--from", "10.0.0.2", "--to", HOST, check=False).returncode == 4
    netlab.wait_until(lambda: site.branch.ping(), 5, "all is as before")
