"""Outer packets: peers that roam, a hub with several addresses, NAT, and marks on the wire."""

from tests.lab import netlab, rawpeer, town as scenery
from tests.lab.capture import Capture
from tests.lab.town import HUB4, HUB4_SECOND, HUB6, OTHER4, OTHER6, PORT, STACK4

import pytest


def endpoint_at_warren(town, customer, name):
    return town.warren.peer(customer.id, name)["endpoint"]


def becomes(town, customer, name, endpoint):
    """Waits until Warren reports the endpoint. It uses the endpoint from the next packet on, but reports it later."""
    netlab.wait_until(lambda: endpoint_at_warren(town, customer, name) == endpoint, 3, f"{name} is at {endpoint}")


def test_a_client_that_changes_address_and_port_is_followed(town, visit):
    office = town.office("mover", listen_port=4600)
    customer = visit([office])
    office.connect()
    becomes(town, customer, "mover", f"{office.place.ipv4}:4600")
    v4 = office.place.ipv4
    new = v4.rsplit(".", 1)[0] + ".77"
    office.ns.ip(f"addr del {v4}/24 dev wan0", f"addr add {new}/24 dev wan0",
                 f"route replace default via {v4.rsplit('.', 1)[0]}.1")
    office.client.wg("set", office.client.device, "listen-port", 4601)
    office.connect()
    becomes(town, customer, "mover", f"{new}:4601")
    assert town.stack(customer).ping("10.0.0.2")


def test_a_client_that_moves_from_ipv4_to_ipv6_and_back_is_followed(town, visit):
    office = town.office("mover", listen_port=4602)
    customer = visit([office])
    office.connect()
    office.client.peers[0].endpoint = scenery.endpoint(HUB6)
    office.client.sync()
    office.connect()
    becomes(town, customer, "mover", f"[{office.place.ipv6}]:4602")
    assert town.stack(customer).ping("10.0.0.2")
    office.client.peers[0].endpoint = scenery.endpoint(HUB4)
    office.client.sync()
    office.connect()
    becomes(town, customer, "mover", f"{office.place.ipv4}:4602")


@pytest.mark.parametrize("address", [HUB4_SECOND, OTHER4, OTHER6])
def test_the_answer_comes_from_the_address_that_the_client_used(town, visit, address):
    office = town.office("sticky", hub=address)
    customer = visit([office])
    with Capture(office.ns, "wan0", "udp") as capture:
        office.connect()
        assert town.stack(customer).ping("10.0.0.2", count=3)
        netlab.wait_until(lambda: sum(packet.wireguard_type == 4 for packet in capture.packets()) > 6, 5)
    answers = [packet for packet in capture.packets() if packet.destination in (office.place.ipv4, office.place.ipv6)]
    assert {packet.wireguard_type for packet in answers} >= {2, 4}
    assert {packet.source for packet in answers} == {address}


def test_our_own_initiations_leave_from_the_address_that_the_client_used(town, visit):
    """A firewall between lets in nothing else, and a client would roam to the wrong address."""
    raw, entry = town.raw_peer("sticky", remote=(HUB4_SECOND, PORT))
    customer = visit([entry])
    session = raw.handshake()
    raw.confirm(session)
    netlab.wait_until(lambda: endpoint_at_warren(town, customer, "sticky"), 3, "the session is confirmed")
    town.stack(customer).start("ping", "-n", "-c", 1, "10.0.0.9")  # unanswered: a new handshake after 15 s
    assert raw.receive_inner(session)

    def next_source():
        while got := raw.receive(20):
            if got[0][0] == rawpeer.INITIATION:
                return got[1][0]
        return None

    assert [next_source(), next_source()] == [HUB4_SECOND, HUB4_SECOND]


def test_an_initiation_that_somebody_held_back_attracts_no_packets(town, visit):
    """It is authentic and newer than any other, so it is answered where it came from; the peer has not moved there."""
    raw, entry = town.raw_peer("robbed")
    thief, _ = town.raw_peer("thief")
    customer = visit([entry])
    session = raw.handshake()
    raw.confirm(session)

    def answered():
        thief.send(raw.initiation().message)
        return thief.receive_kind(rawpeer.RESPONSE, 0.2)

    netlab.wait_until(answered, 5, "the initiation is answered where it came from")
    town.stack(customer).start("ping", "-n", "-c", 14, "-i", 0.05, "10.0.0.9")
    assert all(raw.receive_inner(session) for _ in range(14))
    assert rawpeer.DATA not in [message[0] for message in thief.drain()]
    becomes(town, customer, "robbed", scenery.endpoint(*raw.sock.getsockname()))


def test_traffic_continues_when_the_hubs_local_address_disappears(town, visit):
    office = town.office("vanish", hub=HUB4_SECOND)
    customer = visit([office])
    office.connect()
    town.hub.ip(f"addr del {HUB4_SECOND}/24 dev up0")
    try:
        netlab.wait_until(lambda: town.stack(customer).ping("10.0.0.2", timeout=1), 10,
                          "the hub answers from its remaining address")
    finally:
        town.hub.ip(f"addr add {HUB4_SECOND}/24 dev up0")


def test_a_client_behind_nat_stays_reachable_by_its_keepalive(town, visit):
    gateway = town.place("nat")
    gateway.ns.sysctl("net.ipv4.ip_forward", 1)
    gateway.ns.sysctl("net.netfilter.nf_conntrack_udp_timeout", 2)
    gateway.ns.sysctl("net.netfilter.nf_conntrack_udp_timeout_stream", 2)
    gateway.ns.run(
        "nft", "-f", "-",
        input="table ip nat { chain out { type nat hook postrouting priority 100; oifname wan0 masquerade; }; }")
    home = town.lab.namespace(f"home-{gateway.number}")
    town.lab.wire(gateway.ns, "lan0", "192.168.1.1/24", home, "wan0", "192.168.1.2/24")
    home.ip("route add default via 192.168.1.1")
    inside = scenery.Place(home, 1000 + gateway.number, "192.168.1.2", "", "")
    office = town.office("nat", place=inside, addresses=["10.0.0.2/32"], keepalive=1, reach=["10.0.0.0/16"])
    customer = visit([office])
    office.connect()
    shown = office.shown()

    def four_keepalives_later():
        return town.warren.peer(customer.id, "nat")["rx_bytes"] >= before + 4 * 32

    before = town.warren.peer(customer.id, "nat")["rx_bytes"]
    netlab.wait_until(four_keepalives_later, 10)  # twice the NAT's timeout, without other traffic
    assert town.stack(customer).ping("10.0.0.2")
    assert endpoint_at_warren(town, customer, "nat").startswith(gateway.ipv4 + ":")
    assert shown.latest_handshake == office.shown().latest_handshake


def test_marks_on_the_uplink_handshakes_af41_data_only_the_inner_ecn(town, visit):
    place = town.place("marks")
    office = town.office("marks", place=place, hub="", listen_port=4603,
                         peer={"endpoint": scenery.endpoint(place.ipv4, 4603)})
    customer = visit([office])
    stack = town.stack(customer)
    with Capture(town.internet, "hub0", f"udp and dst host {place.ipv4}") as capture:
        netlab.wait_until(lambda: stack.ping("10.0.0.2", timeout=1), 10)
        for tos in (0, 1, 2, 3, 0xB8, 0xBA):
            stack.ping("10.0.0.2", "-Q", tos)
    marks = {kind: [packet.tos for packet in capture.packets() if packet.wireguard_type == kind] for kind in (1, 4)}
    assert marks[1] and set(marks[1]) == {0x88}
    assert set(marks[4]) == {0, 1, 2, 3}


def test_a_response_is_marked_af41_too(town, visit):
    office = town.office("marks")
    visit([office])
    with Capture(town.internet, "hub0", f"udp and dst host {office.place.ipv4}") as capture:
        office.connect()
    assert {packet.tos for packet in capture.packets() if packet.wireguard_type == 2} == {0x88}


def test_congestion_marked_on_the_way_reaches_the_inner_packet(town, visit):
    """RFC 6040: an ECN-capable inner packet becomes CE if its outer packet is marked CE."""
    office = town.office("ecn")
    customer = visit([office])
    office.connect()
    marks = f"type filter hook forward priority 0; ip saddr {office.place.ipv4} ip ecn set ce;"
    town.internet.run("nft", "-f", "-", input=f"table ip congestion {{ chain forwarded {{ {marks} }}; }}")
    try:
        with Capture(town.stack(customer), "vpn0", "icmp and src host 10.0.0.2") as capture:
            office.ping(STACK4, "-Q", "2")
            office.ping(STACK4, "-Q", "0", timeout=1)
        # The packet without ECN was dropped, as RFC 6040 requires.
        assert [packet.tos for packet in capture.packets()] == [3]
    finally:
        town.internet.run("nft", "delete", "table", "ip", "congestion")


def test_icmp_reports_a_missing_peer_and_a_missing_endpoint(town, visit):
    place = town.place("absent")
    office = town.office("absent", place=place, start=False, addresses=["10.0.0.5/32", "fd00:42::5/128"])
    customer = visit([office])
    stack = town.stack(customer)
    for nobody, without_endpoint in (("10.0.0.77", "10.0.0.5"), ("fd00:42::77", "fd00:42::5")):
        for address in (nobody, without_endpoint):
            answer = stack.run("ping", "-n", "-c", 1, "-W", 3, address, check=False).stdout
            assert "nreachable" in answer, (address, answer)


@pytest.mark.losses
def test_a_peer_whose_port_is_closed_does_not_disturb_the_others(town, visit):
    gone = town.office("gone", addresses=["10.0.0.4/32"], listen_port=4604)
    stays = town.office("stays")
    customer = visit([gone, stays])
    gone.connect()
    stays.connect()
    gone.client.stop()
    pinging = scenery.Pinging(stays.ns, STACK4)
    town.stack(customer).ping("10.0.0.4", "-i", "0.01", count=100, check=False)
    assert pinging.lost() == 0
