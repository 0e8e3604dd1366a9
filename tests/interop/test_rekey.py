"""Three tunnels for two minutes: two carry traffic all the time, one initiated by the client and one by Warren; the
third is idle."""

import time
from dataclasses import dataclass

import pytest

from tests.lab import netlab, town as scenery
from tests.lab.town import STACK4


@dataclass
class Observed:
    lost: list
    handshakes: list      # (first, last) of each busy tunnel, seconds since 1970
    idle_handshakes: tuple
    idle_bytes: int       # received from the idle client in more than a minute


@pytest.fixture(scope="module")
def observed(town):
    client_calls, idle = town.office("calls"), town.office("idle", addresses=["10.0.0.4/32"])
    place = town.place("called")
    warren_calls = town.office("called", place=place, hub="", listen_port=4700,
                               peer={"endpoint": scenery.endpoint(place.ipv4, 4700)}, addresses=["10.0.0.3/32"])
    busy = [client_calls, warren_calls]
    with town.visiting([*busy, idle]) as customer:
        stack = town.stack(customer)
        client_calls.connect()
        idle.connect()
        netlab.wait_until(lambda: stack.ping("10.0.0.3", timeout=1), 10)
        first = [office.shown().latest_handshake for office in busy]
        idle_first = idle.shown().latest_handshake
        streams = [scenery.Pinging(client_calls.ns, STACK4, 0.02), scenery.Pinging(stack, "10.0.0.3", 0.02)]
        settled = time.monotonic() + 30
        netlab.wait_until(lambda: time.monotonic() > settled, 60, every=1)
        idle_bytes = town.warren.peer(customer.id, "idle")["rx_bytes"]
        netlab.wait_until(lambda: all(office.shown().latest_handshake > then for office, then in zip(busy, first)), 150,
                          "both have new keys", every=1)
        on_new_keys = time.monotonic() + 8
        netlab.wait_until(lambda: time.monotonic() > on_new_keys, 20, every=1)
        yield Observed([stream.lost() for stream in streams],
                       [(then, office.shown().latest_handshake) for office, then in zip(busy, first)],
                       (idle_first, idle.shown().latest_handshake),
                       town.warren.peer(customer.id, "idle")["rx_bytes"] - idle_bytes)


@pytest.mark.slow
def test_a_rekey_under_traffic_loses_nothing(observed):
    assert observed.lost == [0, 0]


@pytest.mark.slow
def test_keys_are_renewed_after_two_minutes_by_either_initiator(observed):
    assert all(118 <= last - first <= 130 for first, last in observed.handshakes), observed.handshakes


@pytest.mark.slow
def test_an_idle_tunnel_is_silent(observed):
    assert observed.idle_handshakes[0] == observed.idle_handshakes[1]
    assert observed.idle_bytes == 0
