"""Stock clients and Warren connect: either side may initiate, over IPv4 and IPv6, with and without a preshared key."""

import pytest

from tests.lab import netlab, town as scenery, wireguard_go
from tests.lab.town import HUB4, HUB6, STACK4, STACK6


@pytest.mark.parametrize("hub", [HUB4, HUB6])
def test_a_client_connects_and_both_families_pass_both_ways(town, visit, hub):
    office = town.office("site", hub=hub)
    customer = visit([office])
    office.connect()
    assert office.ping(STACK6)
    assert town.stack(customer).ping("10.0.0.2") and town.stack(customer).ping("fd00:42::2")


@pytest.mark.parametrize("family", [4, 6])
def test_warren_initiates_to_a_peer_with_an_endpoint(town, visit, family):
    place = town.place("answers")
    address = place.ipv4 if family == 4 else place.ipv6
    office = town.office("answers", hub="", place=place, listen_port=4500,
                         peer={"endpoint": scenery.endpoint(address, 4500)})
    customer = visit([office])
    netlab.wait_until(lambda: town.stack(customer).ping("10.0.0.2", timeout=1), 10, "the stack reaches the client")
    assert office.shown().endpoint == scenery.endpoint(HUB4 if family == 4 else HUB6)


def test_the_same_preshared_key_connects(town, visit):
    office = town.office("psk", psk=wireguard_go.new_psk())
    visit([office])
    office.connect()


@pytest.mark.parametrize("ours, theirs", [(True, True), (True, False), (False, True)],
                         ids=["different", "only-warren", "only-client"])
def test_another_preshared_key_does_not_connect(town, visit, ours, theirs):
    office = town.office("psk", psk=wireguard_go.new_psk() if theirs else "",
                         peer={"psk": wireguard_go.new_psk() if ours else ""})
    visit([office])
    assert not office.ping(timeout=3)
    assert office.shown().latest_handshake == 0


@pytest.mark.losses
def test_a_changed_psk_keeps_the_session_and_applies_from_the_next_handshake(town, visit):
    office = town.office("psk", psk=wireguard_go.new_psk())
    customer = visit([office])
    office.connect()
    pinging = scenery.Pinging(office.ns, STACK4)
    office.peer.psk = wireguard_go.new_psk()
    town.warren.put(customer)
    assert office.ping(count=5)
    assert pinging.lost() == 0
    office.client.configure()  # loses the session, so it needs a new handshake
    assert not office.ping(timeout=2)
    office.client.peers[0].psk = office.peer.psk
    office.client.configure()
    office.connect()


def test_a_disabled_peer_is_not_answered(town, visit):
    office = town.office("off", peer={"enabled": False})
    customer = visit([office])
    assert not office.ping(timeout=2)
    office.peer.enabled = True
    town.warren.put(customer)
    office.connect()


def test_a_customer_with_its_own_listener_has_its_own_port_and_key(town, visit):
    key = wireguard_go.new_key()
    office = town.office("own", hub_key=key, port=51842)
    visit([office], listen_port=51842, private_key=key.private)
    office.connect()
    wrong_door = town.office("wrong-door", addresses=["10.0.0.3/32"])
    assert not wrong_door.ping(timeout=1)


def test_persistent_keepalive_of_warren_makes_the_handshake_without_traffic(town, visit):
    place = town.place("quiet")
    office = town.office("quiet", hub="", place=place, listen_port=4501,
                         peer={"endpoint": scenery.endpoint(place.ipv4, 4501), "keepalive": 1})
    visit([office])
    netlab.wait_until(lambda: office.shown().latest_handshake > 0, 10)
