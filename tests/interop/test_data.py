"""Payload of every size passes the tunnels complete and unchanged, between client, stack and site."""

import random

import pytest

from tests.lab import netlab, town as scenery
from tests.lab.capture import Capture
from tests.lab.town import HUB4, PORT, STACK4, STACK6

MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def firm(town):
    """Two sites of one customer, connected."""
    one = town.office("one", addresses=["10.0.0.2/32", "fd00:42::2/128"])
    two = town.office("two", addresses=["10.0.0.3/32", "fd00:42::3/128"])
    with town.visiting([one, two]) as customer:
        one.connect()
        two.connect()
        yield type("Firm", (), {"one": one, "two": two, "stack": town.stack(customer), "id": customer.id})


@pytest.mark.parametrize("address", [STACK4, STACK6])
def test_tcp_in_bulk_reaches_the_stack_unchanged(firm, address):
    assert scenery.send_tcp(firm.one.ns, firm.stack, address, 30 * MEGABYTE)


@pytest.mark.parametrize("address", ["10.0.0.2", "fd00:42::2"])
def test_tcp_in_bulk_reaches_the_client_unchanged(firm, address):
    assert scenery.send_tcp(firm.stack, firm.one.ns, address, 30 * MEGABYTE)


@pytest.mark.parametrize("address", ["10.0.0.3", "fd00:42::3"])
def test_tcp_in_bulk_goes_from_site_to_site(firm, address):
    assert scenery.send_tcp(firm.one.ns, firm.two.ns, address, 20 * MEGABYTE)


def test_udp_of_every_size_arrives_whole_and_in_order(firm):
    sizes = list(range(4, 1393, 7)) + [1392] * 40 + [5, 1392, 6, 1000, 1000, 7]
    for source, target, address in ((firm.one.ns, firm.stack, STACK4), (firm.stack, firm.one.ns, "10.0.0.2"),
                                    (firm.one.ns, firm.two.ns, "10.0.0.3")):
        assert scenery.send_udp(source, target, address, sizes) == (len(sizes), True)


def test_udp_in_random_sizes_arrives_whole_and_in_order(firm):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    sizes = [random.Random(seed).choice([4, 100, 576, 1372, 1392]) for _ in range(400)]
    assert scenery.send_udp(firm.one.ns, firm.stack, STACK4, sizes) == (len(sizes), True)


def test_a_large_udp_datagram_passes_in_inner_fragments(firm):
    assert scenery.send_udp(firm.one.ns, firm.stack, STACK4, [9000, 30000, 60000]) == (3, True)
    assert scenery.send_udp(firm.stack, firm.one.ns, "10.0.0.2", [9000, 30000, 60000]) == (3, True)


def test_exactly_the_mtu_passes_and_one_byte_more_does_not(firm):
    for ns, v4, v6 in ((firm.one.ns, STACK4, STACK6), (firm.stack, "10.0.0.2", "fd00:42::2")):
        assert ns.ping(v4, "-M", "do", "-s", "1392") and ns.ping(v6, "-M", "do", "-s", "1372")
        for address, size in ((v4, "1393"), (v6, "1373")):
            assert not ns.ping(address, "-M", "do", "-s", size, timeout=1)


def test_every_small_size_passes(firm):
    for size in [*range(0, 66), 127, 128, 1000, 1375, 1376, 1377, 1391]:
        assert firm.one.ns.ping(STACK4, "-s", size), size


@pytest.mark.losses
def test_flood_pings_are_all_answered(firm):
    for ns, address in ((firm.one.ns, STACK4), (firm.stack, "10.0.0.2"), (firm.one.ns, "fd00:42::3")):
        done = ns.run("ping", "-n", "-q", "-f", "-c", 1000, "-W", 2, address)
        assert " 1000 received" in done.stdout


def test_a_big_mtu_passes_over_an_uplink_that_fragments(town, visit):
    office = town.office("jumbo", mtu=8000)
    customer = visit([office], mtu=8000)
    office.connect()
    with Capture(town.internet, "hub0", "host " + office.place.ipv4) as capture:
        assert office.ping(STACK4, "-M", "do", "-s", "7972")
        assert town.stack(customer).ping("10.0.0.2", "-M", "do", "-s", "7972")
        assert scenery.send_tcp(office.ns, town.stack(customer), STACK4, 5 * MEGABYTE)
        assert scenery.send_tcp(town.stack(customer), office.ns, "10.0.0.2", 5 * MEGABYTE)
    packets = capture.packets()
    assert any(packet.fragment for packet in packets if packet.source == HUB4)
    assert not any(packet.dont_fragment for packet in packets if packet.source == HUB4)


def test_outer_fragments_pass_a_narrow_link_on_the_path(town, visit):
    office = town.office("narrow")
    customer = visit([office])
    office.connect()
    town.internet.ip(f"link set dev {office.place.router_device} mtu 1280")
    office.ns.ip("link set dev wan0 mtu 1280")
    assert town.stack(customer).ping("10.0.0.2", "-M", "do", "-s", "1392")
    assert scenery.send_tcp(town.stack(customer), office.ns, "10.0.0.2", 3 * MEGABYTE)
    assert scenery.send_tcp(office.ns, town.stack(customer), STACK4, 3 * MEGABYTE)


@pytest.mark.losses
def test_giant_datagrams_to_the_port_disturb_nobody(town, firm):
    pinging = scenery.Pinging(firm.one.ns, STACK4)
    place = town.place("giant")
    with place.ns.socket() as sock:
        for size in (65507, 65000, 9001, 1501, 65507):
            for kind in (0, 1, 2, 3, 4):
                for _ in range(10):
                    sock.sendto(bytes([kind, 0, 0, 0]) + bytes(size - 4), (HUB4, PORT))
    assert firm.one.ping(count=3)
    assert pinging.lost() == 0


def test_the_clients_and_warrens_byte_counters_agree(town, visit):
    office = town.office("count")
    customer = visit([office])
    office.connect()
    assert scenery.send_udp(office.ns, town.stack(customer), STACK4, [100] * 50)[0] == 50
    assert scenery.send_udp(town.stack(customer), office.ns, "10.0.0.2", [1200] * 30)[0] == 30

    def agree():
        ours, theirs = town.warren.peer(customer.id, "count"), office.shown()
        # wireguard-go also counts handshake messages: 148 bytes out and 92 in, or the reverse. Warren and the kernel
        # count data only.
        return abs(ours["rx_bytes"] - theirs.tx) in (0, 148) and abs(ours["tx_bytes"] - theirs.rx) in (0, 92)

    netlab.wait_until(agree, 5, "the counters agree")
