"""A stock client that changes its address (RFC 4555)."""

import pytest

from tests.lab import netlab
from tests.lab.clients import Device, people, put
from tests.lab.town import STACK4, Pinging


@pytest.fixture
def roamer(town, join):
    """A device with two addresses at its place, `first` and `second`; its IKE_SA uses the first."""
    entry = people(pool=["10.99.0.0/29"])
    id_ = put(town, join, [entry])
    place = town.place("roamer")
    first, second = place.ipv4, place.ipv4[:-1] + "7"
    made = Device(town, id_, "roamer", entry, place=place, vips=["0.0.0.0"])
    made.id, made.first, made.second = id_, first, second
    made.start().connect()
    place.ns.sysctl("net.ipv4.conf.wan0.promote_secondaries", 1)
    place.ns.ip(f"addr add {second}/24 dev wan0")
    yield made
    made.charon.stop()


def endpoint(town, roamer):
    return town.warren.connection(roamer.id, "people").ike_sas[0].endpoint


def test_a_client_that_loses_its_address_goes_on_from_another(town, roamer):
    assert endpoint(town, roamer).startswith(f"{roamer.first}:")
    leased, spis = roamer.address, roamer.charon.sa("hub").spis
    pinging = Pinging(roamer.place.ns, STACK4)
    roamer.place.ns.ip(f"addr del {roamer.first}/24 dev wan0")
    netlab.wait_until(lambda: endpoint(town, roamer).startswith(f"{roamer.second}:"), 15, "the client has moved")
    netlab.wait_until(roamer.ping, 5, "packets flow again")
    sent, received = pinging.stop()
    # Whatever the machine's load: a client that is taken for dead is away for longer.
    assert received > 0 and sent - received < 1000, f"{sent} sent, {received} answered"
    after = roamer.charon.sa("hub")
    assert after.spis == spis and roamer.address == leased


def test_mobike_is_not_announced_where_it_is_switched_off(town, join):
    entry = people(pool=["10.99.0.0/29"])
    entry.more["mobike"] = False
    id_ = put(town, join, [entry])
    made = Device(town, id_, "still", entry, vips=["0.0.0.0"]).start()
    try:
        made.connect()
        assert "peer supports MOBIKE" not in made.charon.log()
    finally:
        made.charon.stop()
