"""Devices that an operator adds in a customer's stack: what is listed in `stack.devices` is let in, and the chain
`customer` is the operator's."""

import ipaddress
import json

import pytest

from tests.lab import netlab, town as scenery

FAR = "10.60.0"  # the network behind ext0; 10.61.0 is behind ext1
REACH = ("10.0.0.0/16", "10.60.0.0/15", "fd00:42::/64", "fd00:60::/64")


def beyond(town, customer, name, device, addresses=(f"{FAR}.10/24", "fd00:60::10/64"),
           own=(f"{FAR}.1/24", "fd00:60::1/64")):
    """A machine at the other end of `device`, which it adds in the stack."""
    host, stack = town.lab.namespace(name), town.stack(customer)
    town.lab.wire(host, "eth0", list(addresses), stack, device, list(own))
    host.ip(*(f"route add default via {address.split('/')[0]}" for address in own))
    return host


def list_devices(town, customer, *devices):
    customer.devices = list(devices)
    town.warren.put(customer)


@pytest.fixture
def office(town, visit):
    made = town.office("extended", reach=REACH)
    made.customer = visit([made])
    return made.connect()


def test_what_is_listed_is_let_in_and_nothing_else_is(town, office):
    far = beyond(town, office.customer, "far", "ext0")
    stack = town.stack(office.customer)
    assert stack.ping(f"{FAR}.1") and not stack.ping(f"{FAR}.10", timeout=1)  # its own address, but no answers
    assert not office.ping(f"{FAR}.10", timeout=1) and not far.ping("10.0.0.2", timeout=1)
    list_devices(town, office.customer, "missing0", "ext0")
    netlab.wait_until(lambda: office.ping(f"{FAR}.10", timeout=1), 5)
    for address in ("10.0.0.2", "fd00:42::2", f"{FAR}.1", "fd00:60::1"):
        netlab.wait_until(lambda to=address: far.ping(to, timeout=1), 5, f"the far machine reaches {address}")
    assert office.ping("fd00:60::10")
    assert scenery.send_tcp(office.ns, far, f"{FAR}.10", 5 << 20)
    assert scenery.send_tcp(far, office.ns, "10.0.0.2", 5 << 20)
    list_devices(town, office.customer)
    assert not office.ping(f"{FAR}.10", timeout=1) and not far.ping("10.0.0.2", timeout=1)


def test_a_machine_beyond_a_device_cannot_use_the_address_of_a_site(town, office):
    far = beyond(town, office.customer, "liar", "ext0")
    list_devices(town, office.customer, "ext0")
    netlab.wait_until(lambda: far.ping("10.0.0.2", timeout=1), 5)
    # As if a second site sent it: only vpn0 leads to that address.
    office.customer.peers.append(town.office("absent", addresses=["10.0.0.3/32"], start=False).peer)
    town.warren.put(office.customer)
    far.ip("addr add 10.0.0.3/32 dev lo")
    assert not far.ping("10.0.0.2", "-I", "10.0.0.3", timeout=1)
    assert far.ping("10.0.0.2")


def elements(stack, name):
    found = json.loads(stack.run("nft", "-j", "list", "set", "inet", "warren", name).stdout)["nftables"]
    made = next(entry["set"] for entry in found if "set" in entry)
    return made["size"], len(made.get("elem", []))


def test_neighbours_beyond_a_device_have_the_bound_of_the_stack(town, office):
    own = ("10.60.0.1/16", "fd00:60::1/64")
    beyond(town, office.customer, "crowd", "ext0", addresses=("10.60.0.10/16", "fd00:60::10/64"), own=own)
    list_devices(town, office.customer, "ext0")
    netlab.wait_until(lambda: office.ping(f"{FAR}.10", timeout=1), 5)
    stack = town.stack(office.customer)
    size, _ = elements(stack, "neighbours4")
    invented = iter(range(int(ipaddress.ip_address("10.60.1.0")), int(ipaddress.ip_address("10.60.250.0"))))
    with office.ns.socket() as sock:
        def is_full():
            for number in (next(invented) for _ in range(50)):
                sock.sendto(b"x", (str(ipaddress.ip_address(number)), 9))
            return elements(stack, "neighbours4")[1] >= size
        netlab.wait_until(is_full, 30, f"the set has {size} elements")
        for _ in range(10):
            is_full()
    assert elements(stack, "neighbours4") == (size, size)
    known = stack.run("ip", "-4", "neigh", "show", "dev", "ext0").stdout.splitlines()
    assert 0 < len(known) <= size
    assert office.ping(f"{FAR}.10")  # it was there before


def test_the_customers_chain_opens_what_warren_drops_and_outlives_everything(town, office):
    stack = town.stack(office.customer)
    beyond(town, office.customer, "beyond0", "ext0")
    beyond(town, office.customer, "beyond1", "ext1", addresses=["10.61.0.10/24"], own=["10.61.0.1/24"])
    list_devices(town, office.customer, "ext0")
    assert not office.ping("10.61.0.10", timeout=1)
    for rule in ("iifname ext1 oifname vpn0 accept", "iifname vpn0 oifname ext1 ip daddr 10.61.0.10 accept"):
        stack.run("nft", "add", "rule", "inet", "warren", "customer", *rule.split())

    def is_open():
        return netlab.wait_until(lambda: office.ping("10.61.0.10", timeout=1), 10, "the chain lets it through")

    def chain():
        return stack.run("nft", "list", "chain", "inet", "warren", "customer").stdout

    before = chain()
    assert is_open() and town.warren.ctl("diff").returncode == 0
    list_devices(town, office.customer, "ext0", "missing0")  # another ruleset
    assert is_open() and chain() == before
    town.warren.reload()
    assert town.warren.ctl("diff").returncode == 0
    town.warren.kill()
    town.warren.start()
    assert is_open() and chain() == before
    stack.run("nft", "flush", "chain", "inet", "warren", "forward")
    netlab.wait_until(lambda: office.ping(f"{FAR}.10", timeout=1), 10, "stackd mends Warren's own rules")
    assert is_open() and chain() == before
    stack.run("nft", "flush", "ruleset")
    netlab.wait_until(lambda: town.warren.ctl("diff", check=False).returncode == 0, 10, "stackd loads them again")
    assert office.ping(f"{FAR}.10") and not office.ping("10.61.0.10", timeout=1)
