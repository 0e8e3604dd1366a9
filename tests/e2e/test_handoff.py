"""From a site through the tunnel and the stack into the customer's LAN; the LANs of two customers have the same
addresses."""

import os
import socket

import pytest

from tests.lab import netlab, town as scenery
from tests.lab.capture import Capture

LAN, LAN6 = "10.42.0", "fd00:43:"


class Lan:
    """A machine with one cable to `device` in the hub, which is a separate interface or a port of a bridge."""

    def __init__(self, town, name, device, bridge=""):
        self.host = town.lab.namespace(f"lan-{name}")
        town.lab.wire(self.host, "eth0", f"{LAN}.10/24", town.hub, device, [])
        self.host.ip(f"route add default via {LAN}.1", f"addr add {LAN6}:10/64 dev eth0 nodad",
                     f"route add ::/0 via {LAN6}:1")
        if bridge:
            town.lab.bridge(town.hub, bridge)
            town.hub.ip(f"link set dev {device} master {bridge}")
            town.lab.at_end(lambda: town.hub.ip(f"link del dev {bridge}"))


def firm(town, visit, name, handoff, addresses=("10.0.0.2/32", "fd00:42::2/128"), **more):
    office = town.office(name, addresses=addresses, reach=["10.0.0.0/16", f"{LAN}.0/24", "fd00:42::/64", f"{LAN6}:/64"])
    office.customer = visit([office], handoff={**handoff, "address": [f"{LAN}.1/24", f"{LAN6}:1/64"]}, **more)
    return office.connect()


@pytest.mark.parametrize("kind", ["veth", "macvlan", "physical"])
def test_a_site_reaches_the_lan_and_the_lan_the_site(town, visit, kind):
    device = f"port-{kind}"[:15]
    lan = Lan(town, kind, device, bridge=f"br-{kind}" if kind == "veth" else "")
    office = firm(town, visit, kind, {"type": kind, "parent": f"br-{kind}" if kind == "veth" else device})
    netlab.wait_until(lambda: office.ping(f"{LAN}.10", timeout=1), 5)
    assert lan.host.ping("10.0.0.2")
    assert scenery.send_tcp(office.ns, lan.host, f"{LAN}.10", 5 << 20)
    assert scenery.send_tcp(lan.host, office.ns, "10.0.0.2", 5 << 20)


def test_two_lans_with_the_same_addresses_stay_apart(town, visit):
    lans, offices = {}, {}
    for name in ("east", "west"):
        lans[name] = Lan(town, name, f"port-{name}", bridge=f"br-{name}")
        offices[name] = firm(town, visit, name, {"type": "veth", "parent": f"br-{name}"})
    for name, office in offices.items():
        netlab.wait_until(lambda: office.ping(f"{LAN}.10", timeout=1), 5)
    captures = {name: Capture(lan.host, "eth0", "udp") for name, lan in lans.items()}
    canaries = {name: f"<canary {name} {os.urandom(6).hex()}>".encode() for name in offices}
    for name, office in offices.items():
        with office.ns.socket() as sock:
            for _ in range(20):
                sock.sendto(canaries[name], (f"{LAN}.10", 9))
    for name, capture in captures.items():
        netlab.wait_until(lambda: capture.bytes().count(canaries[name]) == 20, 5)
        capture.stop()
    for name, capture in captures.items():
        other = "west" if name == "east" else "east"
        assert canaries[other] not in capture.bytes()


def test_a_physical_device_returns_when_its_customer_is_removed(town):
    Lan(town, "home", "port-home")
    office = town.office("home")
    with town.visiting([office],
                       handoff={"type": "physical", "parent": "port-home", "address": [f"{LAN}.1/24"]}) as customer:
        assert "port-home" not in town.hub.devices()
        assert town.stack(customer).devices() == ["lan0", "lo", "vpn0"]
    netlab.wait_until(lambda: "port-home" in town.hub.devices(), 5)


def test_a_lan_machine_cannot_use_the_address_of_a_site(town, visit):
    lan = Lan(town, "liar", "port-liar", bridge="br-liar")
    office = firm(town, visit, "liar", {"type": "veth", "parent": "br-liar"})
    other = town.office("victim", addresses=["10.0.0.3/32"], reach=["10.0.0.0/16", f"{LAN}.0/24"])
    office.customer.peers.append(other.peer)
    town.warren.put(office.customer)
    other.connect()
    lan.host.ip("addr add 10.0.0.2/32 dev lo")
    canary = f"<canary liar {os.urandom(6).hex()}>".encode()
    with Capture(other.ns, other.client.device, "udp") as capture:
        for source in ("10.0.0.2", f"{LAN}.10"):
            with lan.host.socket() as sock:
                sock.bind((source, 0))
                for _ in range(3):
                    sock.sendto(canary, ("10.0.0.3", 9))
        netlab.wait_until(lambda: len(capture.packets()) >= 3, 5)
    assert {packet.source for packet in capture.packets()} == {f"{LAN}.10"}


def segment_sizes(client, server, address):
    """What both ends of a TCP connection send at most, in bytes without header and timestamps."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with server.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, 5000))
        listener.listen()
        listener.settimeout(10)
        with client.inside(socket.create_connection, (address, 5000), 10) as near, listener.accept()[0] as far:
            return [each.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG) for each in (near, far)]


@pytest.mark.parametrize("clamps", [True, False])
def test_tcp_fits_the_tunnel_although_nobody_hears_icmp_errors(town, visit, clamps):
    """The LAN has 1500, vpn0 1300 and the office 1420."""
    name = "deaf-yes" if clamps else "deaf-no"
    lan = Lan(town, name, f"port-{name}", bridge=f"br-{name}")
    office = firm(town, visit, name, {"type": "veth", "parent": f"br-{name}"}, mtu=1300, clamp_mss=clamps)
    for ns in (lan.host, office.ns):
        ns.run("nft", "add table inet deaf; add chain inet deaf input { type filter hook input priority 0; };"
                      "add rule inet deaf input icmp type destination-unreachable drop")
    sizes = segment_sizes(lan.host, office.ns, "10.0.0.2") + segment_sizes(office.ns, lan.host, f"{LAN}.10")
    assert sizes == [1300 - 52 if clamps else 1420 - 52] * 4
    sizes = segment_sizes(lan.host, office.ns, "fd00:42::2") + segment_sizes(office.ns, lan.host, f"{LAN6}:10")
    assert sizes == [1300 - 72 if clamps else 1420 - 72] * 4
    if clamps:
        assert scenery.send_tcp(lan.host, office.ns, "10.0.0.2", 10 << 20)
        assert scenery.send_tcp(office.ns, lan.host, f"{LAN}.10", 10 << 20)
