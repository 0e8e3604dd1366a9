"""New keys under traffic: two minutes, nothing lost, whoever began."""

import time

import pytest

from tests.lab import netlab, town as scenery
from tests.lab.town import STACK4


@pytest.mark.slow
def test_a_rekey_under_traffic_loses_nothing(town, visit):
    client_calls = town.office("calls")
    place = town.place("called")
    warren_calls = town.office("called", place=place, hub="", listen_port=4700, peer={"endpoint": scenery.endpoint(place.ipv4, 4700)},
                               addresses=["10.0.0.3/32"])
    customer = visit([client_calls, warren_calls])
    stack = town.stack(customer)
    client_calls.connect()
    netlab.wait_until(lambda: stack.ping("10.0.0.3"), 10)
    first = {office: office.shown().latest_handshake for office in (client_calls, warren_calls)}
    streams = [scenery.Pinging(client_calls.ns, STACK4, 0.02), scenery.Pinging(stack, "10.0.0.3", 0.02)]
    netlab.wait_until(lambda: all(office.shown().latest_handshake > first[office] for office in first), 150, "both have new keys", every=1)
    end = time.monotonic() + 3
    netlab.wait_until(lambda: time.monotonic() > end, 5, every=0.5)  # traffic on the new keys
    assert [stream.lost() for stream in streams] == [0, 0]
    for office in first:
        assert 118 <= office.shown().latest_handshake - first[office] <= 130


@pytest.mark.slow
def test_an_idle_tunnel_shakes_no_hands(town, visit):
    office = town.office("idle")
    customer = visit([office])
    office.connect()
    before = office.shown().latest_handshake
    end = time.monotonic() + 130
    netlab.wait_until(lambda: time.monotonic() > end, 135, every=1)
    assert office.shown().latest_handshake == before
    assert town.warren.peer(customer.id, "idle")["rx_bytes"] < 100 * 160
