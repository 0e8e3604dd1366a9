"""Tunnels over link-local addresses: the device of the uplink belongs to the endpoint."""

import itertools
import os
import signal

import pytest

from tests.lab import netlab, town as scenery

NEAR, FAR, LISTENS = "fe80::1", "fe80::2", 51900
_cables = itertools.count(1)


def lay(town, ns, far_device, device):
    """A cable to the hub. Its ends have one link-local address each, none that the kernel made."""
    town.lab.wire(ns, far_device, [], town.hub, device, [])
    for end, name, address in ((ns, far_device, FAR), (town.hub, device, NEAR)):
        end.ip(f"link set dev {name} down", f"link set dev {name} addrgenmode none", f"link set dev {name} up",
               f"addr add {address}/64 dev {name} nodad")


@pytest.fixture
def cable(town):
    """A namespace with one cable to the hub: (Place, the hub's device)."""
    number = next(_cables)
    ns, device = town.lab.namespace(f"neighbour{number}"), f"ll{number}"
    lay(town, ns, "eth0", device)
    yield scenery.Place(ns, 0, "", FAR, ""), device
    town.hub.ip(f"link del {device}")


def shown_endpoint(town, customer, name):
    return town.warren.peer(customer.id, name)["endpoint"]


def test_a_client_comes_over_a_link_local_address_and_stays_over_a_restart_of_vpnd(town, visit, cable):
    place, device = cable
    office = town.office("beside", place=place, hub=f"{NEAR}%eth0", listen_port=LISTENS)
    customer = visit([office])
    office.connect()
    there = f"[{FAR}%{device}]:{LISTENS}"
    assert shown_endpoint(town, customer, "beside") == there
    for command in ("peers", "wg"):
        assert there in town.warren.ctl(command, customer.id).stdout
    assert there in town.hub.run("wg", "show", "warren", "endpoints").stdout
    assert scenery.send_tcp(office.ns, town.stack(customer), scenery.STACK4, 1 << 20)
    handshake = office.shown().latest_handshake
    vpnd = town.warren.vpnd()
    os.kill(vpnd, signal.SIGKILL)
    netlab.wait_until(lambda: town.warren.children("vpnd") not in ([], [vpnd]), 10, "another vpnd runs")
    # From the stack: vpnd has to know the way.
    netlab.wait_until(lambda: town.stack(customer).ping("10.0.0.2", timeout=1), 10, "the stack reaches the office")
    assert shown_endpoint(town, customer, "beside") == there
    assert office.shown().latest_handshake == handshake


def test_the_same_address_on_another_cable_is_another_place(town, visit, cable):
    place, device = cable
    office = town.office("wanderer", place=place, hub=f"{NEAR}%eth0", listen_port=LISTENS)
    customer = visit([office])
    office.connect()
    lay(town, place.ns, "eth1", f"{device}b")
    try:
        office.client.wg("set", office.client.device, "peer", town.warren.key.public, "endpoint",
                         f"[{NEAR}%eth1]:{scenery.PORT}")
        there = f"[{FAR}%{device}b]:{LISTENS}"
        netlab.wait_until(lambda: office.ping(timeout=1) and shown_endpoint(town, customer, "wanderer") == there, 10,
                          "the peer has moved")
        place.ns.ip("link set eth0 down")
        assert town.stack(customer).ping("10.0.0.2")
    finally:
        town.hub.ip(f"link del {device}b")


def test_warren_begins_where_the_configuration_says(town, visit, cable):
    place, device = cable
    there = f"[{FAR}%{device}]:{LISTENS}"
    office = town.office("called", place=place, hub="", listen_port=LISTENS, peer={"endpoint": there})
    customer = visit([office])
    netlab.wait_until(lambda: town.stack(customer).ping("10.0.0.2", timeout=1), 10, "the stack reaches the office")
    assert shown_endpoint(town, customer, "called") == there


def test_an_endpoint_without_its_device_is_refused_and_one_that_is_absent_is_said(town, visit, cable):
    place, device = cable
    office = town.office("lost", place=place, hub="", listen_port=LISTENS,
                         peer={"endpoint": f"[{FAR}%{device}]:{LISTENS}"})
    customer = visit([office])
    customer.peers[0].endpoint = f"[{FAR}]:{LISTENS}"
    town.warren.write()
    checked = town.warren.configure("check", town.warren.config, check=False)
    assert checked.returncode != 0 and "names no device of the uplink" in checked.stdout + checked.stderr
    customer.peers[0].endpoint = f"[{FAR}%absent0]:{LISTENS}"
    town.warren.write()
    done = town.warren.ctl("apply", check=False)
    assert "no device absent0 in the uplink" in done.stdout + done.stderr
    customer.peers[0].endpoint = f"[{FAR}%{device}]:{LISTENS}"
    town.warren.put(customer)
    netlab.wait_until(lambda: town.stack(customer).ping("10.0.0.2", timeout=1), 10, "the stack reaches the office")
