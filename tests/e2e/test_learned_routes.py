"""[bgp] allow_learned: what a router behind a tunnel announces becomes its peer's network, and no other's."""

import os
import signal

import pytest

from tests.lab import netlab
from tests.lab.town import STACK4, Pinging, Town
from tests.lab.warren import leaves_nothing

BEHIND = "10.60.1.0/24"  # a network behind the site's router
INSIDE = "10.60.1.1"
REACH = ("10.0.0.0/8", "fd00:42::/64")


class Router:
    """BIRD at a site, which tells the stack of networks."""

    def __init__(self, town, office, address, asn):
        self.town, self.office, self.address, self.asn, self.process = town, office, address, asn, None
        self.name = f"bird-{office.ns.host}"

    def announce(self, *networks):
        path = self.town.lab.path(f"{self.name}.conf")
        routes = "".join(f"  route {network} unreachable;\n" for network in networks)
        with open(path, "w") as out:
            out.write(f'router id {self.address};\nlog stderr all;\nprotocol device {{}}\n'
                      f'protocol static mine {{ ipv4;\n{routes}}}\n'
                      f'protocol bgp warren {{ local {self.address} as {self.asn}; neighbor {STACK4} as 65001; '
                      f'multihop; connect delay time 1; connect retry time 1; error wait time 1, 2;\n'
                      f'  ipv4 {{ import all; export where proto = "mine"; }}; }}\n')
        control = self.town.lab.path(f"{self.name}.ctl")
        if self.process is None:
            self.process = self.office.ns.start("bird", "-f", "-c", path, "-s", control, name=self.name)
        else:
            self.office.ns.run("birdc", "-s", control, "configure")

    def shown(self):
        return self.office.ns.run("birdc", "-s", self.town.lab.path(f"{self.name}.ctl"), "show", "route",
                                  check=False).stdout

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None


def neighbour(name, address, asn, **more):
    return {"name": name, "address": address, "asn": asn, "import": ["10.0.0.0/8"], **more}


def bgp(*neighbours, allow=("10.60.0.0/16", "10.44.0.0/16")):
    return {"asn": 65001, "allow_network_admin": True, "allow_learned": list(allow), "neighbour": list(neighbours)}


def has_behind(office, address=INSIDE):
    office.ns.ip(f"addr add {address}/32 dev lo", "link set lo up")


def routes(town, customer):
    return town.warren.json("routes", customer.id)["routes"]


def learned(town, customer):
    return {route["to"]: route.get("peer") for route in routes(town, customer) if route["protocol"] == "bird"}


def refused(town, customer, network):
    return next((route.get("refused") for route in routes(town, customer) if route["to"] == network), None)


def connects(office, source, address, port=8080):
    """By TCP, which no rule lets through as it does pings."""
    script = f"import socket; socket.create_connection(({address!r}, {port}), 1, ({source!r}, 0))"
    return office.ns.run("/usr/bin/python3", "-c", script, check=False).returncode == 0


def is_learned(town, customer, network, peer, timeout=40):
    netlab.wait_until(lambda: learned(town, customer).get(network) == peer, timeout, f"{network} is {peer}'s")


def allowed(town, customer, office):
    return town.warren.peer(customer.id, office.peer.name)["allowed_ips"]


def from_behind(office, address=STACK4, timeout=1):
    return office.ping(address, "-I", INSIDE, timeout=timeout)


@pytest.fixture(scope="module")
def town():
    with leaves_nothing(lambda lab: Town(lab, name="learns")) as made:
        made.warren.start()
        yield made


@pytest.fixture
def visit(town):
    visits = []

    def begin(offices, **more):
        visits.append(town.visiting(offices, **more))
        return visits[-1].__enter__()

    yield begin
    for each in visits:
        each.__exit__(None, None, None)


def test_a_network_behind_a_site_is_reached_while_its_router_announces_it(town, visit):
    office = town.office("site", addresses=["10.0.0.2/32"], reach=REACH)
    customer = visit([office], bgp=bgp(neighbour("site", "10.0.0.2", 65002)))
    office.connect()
    has_behind(office)
    stack = town.stack(customer)
    before = allowed(town, customer, office)
    received = town.warren.peer(customer.id, office.peer.name)["rx_bytes"]
    handshake = office.shown().latest_handshake
    assert not from_behind(office), "it is nobody's network yet"
    router = Router(town, office, "10.0.0.2", 65002)
    router.announce(BEHIND, "10.61.0.0/24")
    is_learned(town, customer, BEHIND, "site")
    netlab.wait_until(lambda: stack.ping(INSIDE, timeout=1), 10, "the stack reaches it")
    assert from_behind(office, timeout=4), "and it reaches the stack"
    netlab.wait_until(lambda: refused(town, customer, "10.61.0.0/24") == "it is outside of bgp.allow_learned", 10,
                      "the other network is not used")
    shown = {route["to"]: route for route in routes(town, customer)}
    assert shown[BEHIND]["neighbour"] == "site" and shown[BEHIND]["via"] == "10.0.0.2"
    assert "peer site, from site" in town.warren.ctl("routes", customer.id).stdout
    assert allowed(town, customer, office) == [*before, BEHIND]
    assert town.warren.peer(customer.id, office.peer.name)["rx_bytes"] > received
    assert office.shown().latest_handshake == handshake, "its session stays"
    assert "10.61.0.0/24 is learned from 10.0.0.2 and not used" in town.warren.ctl("status", check=False).stdout
    # It is withdrawn.
    router.announce()
    netlab.wait_until(lambda: allowed(town, customer, office) == before, 20, "it is the peer's no more")
    assert not stack.ping(INSIDE, timeout=1) and not from_behind(office)
    assert office.ping(timeout=4), "the tunnel is as it was"
    router.announce(BEHIND)
    is_learned(town, customer, BEHIND, "site")
    netlab.wait_until(lambda: from_behind(office), 10, "it is there again")
    # Another change of the file takes nothing of it away.
    customer.name = "renamed"
    town.warren.put(customer)
    assert from_behind(office, timeout=4)
    router.kill()
    netlab.wait_until(lambda: allowed(town, customer, office) == before, 60, "it goes with the router")


def test_a_site_takes_no_network_of_another_one(town, visit):
    honest = town.office("honest", addresses=["10.0.0.3/32"], networks=["10.44.0.0/16"], reach=REACH)
    hostile = town.office("hostile", addresses=["10.0.0.2/32"], reach=REACH)
    customer = visit([honest, hostile], bgp=bgp(neighbour("hostile", "10.0.0.2", 65002)))
    for office in (honest, hostile):
        office.connect()
    has_behind(honest, "10.44.1.1")
    stack = town.stack(customer)
    assert stack.ping("10.44.1.1")
    router = Router(town, hostile, "10.0.0.2", 65002)
    router.announce("10.44.1.0/24", "10.44.0.0/16", "10.0.0.3/32", "10.0.0.0/24", BEHIND)
    is_learned(town, customer, BEHIND, "hostile")
    has_behind(hostile, "10.44.1.1")
    assert allowed(town, customer, hostile) == ["10.0.0.2/32", BEHIND]
    # As a router that BIRD's own filter does not stop would have it: the kernel's route alone takes nothing either.
    stack.ip("route add 10.44.1.0/24 via 10.0.0.2 dev vpn0 proto bird metric 1024")
    netlab.wait_until(lambda: refused(town, customer, "10.44.1.0/24") == 'it is in 10.44.0.0/16 of peer "honest"', 10,
                      "it is refused")
    assert allowed(town, customer, hostile) == ["10.0.0.2/32", BEHIND]
    dropped = town.warren.drops(customer.id).get("source_not_allowed", 0)
    assert not hostile.ping(STACK4, "-I", "10.44.1.1", timeout=1), "nobody speaks for another site"
    assert town.warren.drops(customer.id).get("source_not_allowed", 0) > dropped
    assert honest.ping(STACK4, "-I", "10.44.1.1")


def test_a_killed_stackd_loses_no_packet_of_a_learned_network(town, visit):
    office = town.office("kept", addresses=["10.0.0.2/32"], reach=REACH)
    customer = visit([office], bgp=bgp(neighbour("site", "10.0.0.2", 65002)))
    office.connect()
    has_behind(office)
    Router(town, office, "10.0.0.2", 65002).announce(BEHIND)
    is_learned(town, customer, BEHIND, "kept")
    netlab.wait_until(lambda: from_behind(office), 10, "it is reached")
    pinging = Pinging(town.stack(customer), INSIDE)
    town.warren.kill()
    town.warren.start()
    is_learned(town, customer, BEHIND, "kept")
    assert allowed(town, customer, office) == ["10.0.0.2/32", BEHIND]
    assert pinging.lost() == 0
    # The next vpnd has it, too.
    pinging = Pinging(town.stack(customer), INSIDE)
    town.warren.ctl("restart", "vpnd")
    assert pinging.lost() == 0
    assert allowed(town, customer, office) == ["10.0.0.2/32", BEHIND]


def test_a_router_that_is_killed_is_followed(town, visit):
    office = town.office("again", addresses=["10.9.0.2/32"], reach=REACH)
    customer = visit([office], bgp=bgp(neighbour("site", "10.9.0.2", 65002)))
    office.connect()
    has_behind(office)
    Router(town, office, "10.9.0.2", 65002).announce(BEHIND)
    is_learned(town, customer, BEHIND, "again", 60)
    netlab.wait_until(lambda: from_behind(office), 10, "a neighbour that is in no network of the stack is reached")
    pid = town.warren.json("services", customer.id)[0]["pid"]
    os.kill(pid, signal.SIGKILL)
    netlab.wait_until(lambda: town.warren.json("services", customer.id)[0]["pid"] not in (None, pid), 20,
                      "BIRD runs again")
    is_learned(town, customer, BEHIND, "again", 60)
    netlab.wait_until(lambda: from_behind(office), 10, "what it learns again is reached")


def test_a_rule_against_a_site_is_one_against_what_it_learns(town, visit):
    other = town.office("other", addresses=["10.0.0.3/32"], reach=REACH)
    site = town.office("barred", addresses=["10.0.0.2/32"], reach=REACH)
    rule = {"name": "no farther", "from": ["peer:barred"], "to": ["10.0.0.3/32"], "action": "drop"}
    customer = visit([other, site], bgp=bgp(neighbour("site", "10.0.0.2", 65002)), firewall={"rule": [rule]})
    for office in (other, site):
        office.connect()
    other.ns.start("/usr/bin/python3", "-m", "http.server", "8080", name="served")
    netlab.wait_until(lambda: connects(other, "10.0.0.3", "10.0.0.3"), 10, "the other site listens")
    has_behind(site)
    Router(town, site, "10.0.0.2", 65002).announce(BEHIND)
    is_learned(town, customer, BEHIND, "barred")
    netlab.wait_until(lambda: from_behind(site, "10.0.0.3"), 10, "the other site is reached by what is always allowed")
    assert not connects(site, "10.0.0.2", "10.0.0.3"), "the rule holds for the network of the file"
    assert not connects(site, INSIDE, "10.0.0.3"), "and for the one that is learned"
    customer.firewall = None
    town.warren.put(customer)
    assert connects(site, INSIDE, "10.0.0.3"), "without the rule the other site is reached"
