"""The first tunnel: stock sites of two customers that have everything in common but our identity."""

import os
import socket

from tests.lab import netlab, sites
from tests.lab.capture import Capture
from tests.lab.sites import SITE
from tests.lab.strongswan import DEVICE
from tests.lab.town import HUB4, HUB6, STACK4


def send(ns, source, target, canary):
    with ns.socket(socket.AF_INET) as sock:
        sock.bind((source, 0))
        sock.sendto(canary, (target, 9))


def test_two_customers_with_the_same_addresses_identities_and_keys_never_meet(town, join, site):
    """Only the IDr differs. Each payload names its owner, and is looked for everywhere."""
    names, key = [town.new_id("acme"), town.new_id("globex")], sites.new_key()
    made = {name: site(name, "graz", identity="graz@branches.example", key=key) for name in names}
    for name, one in made.items():
        join(name, [one])
    for one in made.values():
        one.connect()
    captures = {"uplink": Capture(town.hub, "up0")}
    for name, one in made.items():
        captures[f"{name} stack"] = Capture(town.warren.stack(name), "vpn0")
        captures[f"{name} site"] = Capture(one.ns, DEVICE)
    expected = {}
    for name, one in made.items():
        stack = town.warren.stack(name)
        assert one.ping() and stack.ping(SITE)
        for ns, source, target in ((one.ns, SITE, STACK4), (stack, STACK4, SITE)):
            canary = f"<canary {name} {os.urandom(6).hex()}>".encode()
            expected[canary] = {f"{name} stack", f"{name} site"}
            send(ns, source, target, canary)

    def seen(canary):
        return {place for place, capture in captures.items() if canary in capture.bytes()}

    for canary, places in expected.items():
        netlab.wait_until(lambda: places <= seen(canary), 5, f"{canary} arrives")
    for capture in captures.values():
        capture.stop()
    assert {canary: seen(canary) for canary in expected} == expected


def test_ipsec_and_wireguard_are_one_network_of_the_customer(town, join, site):
    id_ = town.new_id("mixed")
    graz = site(id_)
    office = town.office("linz", addresses=["10.0.2.1/32"], reach=["10.0.0.0/24"])
    join(id_, [graz], [office.peer])
    graz.connect()
    office.connect()
    stack = town.warren.stack(id_)
    assert stack.devices() == ["lo", "vpn0"]
    assert stack.ping(SITE) and stack.ping("10.0.2.1")


def test_a_site_reaches_the_hub_over_ipv6(town, join, site):
    id_ = town.new_id("six")
    graz = site(id_, hub=HUB6)
    join(id_, [graz])
    graz.connect()
    assert graz.sa().remote[0] == HUB6
    assert town.warren.stack(id_).ping(SITE)


def test_everything_outside_is_udp_on_the_two_ports(town, join, site):
    """encapsulation = "always": no ESP of its own, no plaintext, nothing but ports 500 and 4500."""
    id_ = town.new_id("acme")
    graz = site(id_)
    join(id_, [graz])
    with Capture(town.hub, "up0", f"host {graz.place.ipv4}") as capture:
        graz.connect()
        assert graz.ping(count=3)
    packets = [packet for packet in capture.packets() if packet.ip]
    assert {packet.protocol for packet in packets} == {17}
    assert {packet.source_port for packet in packets if packet.source == HUB4} == {500, 4500}
    assert not [packet for packet in packets if packet.source_port == 500 and packet.payload[:4] == bytes(4)]


def test_a_large_packet_in_both_directions(graz):
    assert graz.ping(STACK4, "-s", 1372, "-M", "do") and graz.stack.ping(SITE, "-s", 1372, "-M", "do")
    assert graz.ping(STACK4, "-s", 4000) and graz.stack.ping(SITE, "-s", 4000)


def test_a_site_deletes_its_child_and_makes_another(town, graz):
    first = graz.child()
    graz.charon.terminate(child="lan")
    netlab.wait_until(lambda: town.warren.connection(graz.customer, "graz").children == [], 5)
    graz.charon.initiate("lan")
    assert graz.ping() and graz.child().spi_out != first.spi_out


def test_a_site_deletes_its_ike_sa(town, graz):
    graz.charon.terminate(ike="hub")
    assert graz.charon.sas() == []
    netlab.wait_until(lambda: town.warren.connection(graz.customer, "graz").ike_sas == [], 5)
    graz.charon.initiate("lan")
    assert graz.ping()


def test_we_delete_the_ike_sa_when_the_operator_wants_it(town, graz):
    town.warren.ctl("ipsec", graz.customer, "graz", "terminate")
    netlab.wait_until(lambda: graz.charon.sas() == [], 5, "the site is told")
    assert town.warren.connection(graz.customer, "graz").ike_sas == []
    graz.charon.initiate("lan")
    assert graz.ping()


def test_a_removed_customers_sites_are_told_and_stay_out(town, join, site):
    id_ = town.new_id("leaver")
    graz = site(id_)
    join(id_, [graz])
    graz.connect()
    town.warren.remove(id_)
    netlab.wait_until(lambda: graz.charon.sas() == [], 5, "the site is told")
    assert not graz.charon.initiate("lan", check=False)
    assert "received AUTHENTICATION_FAILED notify error" in graz.charon.log()


def test_what_is_sent_to_a_site_without_a_tunnel_leaves_nowhere_else(town, join, site):
    """The responder's side cannot begin, and does not try."""
    id_ = town.new_id("acme")
    graz = site(id_)
    join(id_, [graz])
    with Capture(town.hub, "up0", f"host {graz.place.ipv4} or net {sites.SITE_LAN}") as capture:
        assert not town.warren.stack(id_).ping(SITE, timeout=1)
    assert capture.packets() == []
    graz.connect()
    assert town.warren.stack(id_).ping(SITE)


def test_a_connection_is_a_peer_for_rules_of_the_firewall(town, join, site):
    id_ = town.new_id("policy")
    graz = site(id_)
    office = town.office("linz", addresses=["10.0.0.7/32"], reach=["10.0.0.0/16"])
    rule = {"name": "graz may ask", "from": ["peer:graz"], "to": ["peer:linz"], "proto": "udp", "action": "accept"}
    made = join(id_, [graz], [office.peer], firewall={"default": "drop", "rule": [rule]})
    graz.connect()
    office.connect()

    def answered(ask, source, answer, target):
        with ask.socket() as client, answer.socket() as server:
            client.bind((source, 0))
            server.bind((target, 7))
            for sock in (client, server):
                sock.settimeout(1)
            client.sendto(b"?", (target, 7))
            try:
                _, peer = server.recvfrom(10)
                server.sendto(b"!", peer)
                return client.recv(10) == b"!"
            except socket.timeout:
                return False

    netlab.wait_until(lambda: answered(graz.ns, SITE, office.ns, "10.0.0.7"), 5, "the rule lets it pass")
    assert not answered(office.ns, "10.0.0.7", graz.ns, SITE)
    made.firewall["rule"][0]["from"], made.firewall["rule"][0]["to"] = ["peer:linz"], ["peer:graz"]
    town.warren.put(made)
    assert answered(office.ns, "10.0.0.7", graz.ns, SITE)
    assert not answered(graz.ns, SITE, office.ns, "10.0.0.7")
