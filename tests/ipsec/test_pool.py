"""Clients that lease an address: configuration payloads, several devices, the same addresses in two customers."""

import re
import time

import pytest

from tests.lab import netlab
from tests.lab.clients import DNS, Device, people, put


@pytest.fixture
def device(town):
    made = []

    def start(*args, **more):
        made.append(Device(town, *args, **more))
        return made[-1].start()

    yield start
    for one in made:
        one.charon.stop()


def test_a_client_gets_addresses_of_both_families_and_name_servers(town, join, device):
    entry = people()
    id_ = put(town, join, [entry])
    phone = device(id_, "phone", entry).connect()
    assert re.fullmatch(r"10\.99\.0\.[1-6]", phone.address)
    assert any(vip.startswith("fd00:99::") for vip in phone.vips)
    assert sorted(phone.charon.dns()) == sorted(DNS)
    shown = town.warren.connection(id_, "people")
    assert shown.state == "up"
    assert f"{phone.address}/32" in shown.children[0].remote
    # The stack reaches it too, and nobody sends from another address.
    assert town.warren.stack(id_).ping(phone.address)


def test_two_clients_of_one_identity_behind_one_nat_with_the_same_lan_address(town, join, device):
    entry = people()
    id_ = put(town, join, [entry])
    nat = town.nat("hotel")
    devices = [device(id_, host, entry, place=nat.place(host)).connect() for host in ("one", "two")]
    for one in devices:
        town.lab.bridge(one.place.ns, "lan0", ["192.168.77.2/24"])
    assert devices[0].address != devices[1].address
    shown = town.warren.connection(id_, "people")
    assert len(shown.ike_sas) == 2 and {sa.nat for sa in shown.ike_sas} <= {"peer", "both"}
    for one in devices:
        assert one.ping()
        assert town.warren.stack(id_).ping(one.address)
    # Counters are each session's own.
    devices[0].ping("-c", "20", "-i", "0.01")
    shown = town.warren.connection(id_, "people")
    received = {tuple(child.remote): child.rx_bytes for child in shown.children}
    mine = next(value for remote, value in received.items() if f"{devices[0].address}/32" in remote)
    other = next(value for remote, value in received.items() if f"{devices[1].address}/32" in remote)
    assert mine >= other + 15 * 84


def test_a_lease_comes_again_and_a_full_pool_is_told(town, join, device, counted):
    entry = people(pool=["10.99.0.0/30"])
    id_ = put(town, join, [entry])
    first = device(id_, "first", entry, vips=["0.0.0.0"]).connect()
    second = device(id_, "second", entry, vips=["0.0.0.0"]).connect()
    leased = {first.address, second.address}
    assert leased == {"10.99.0.1", "10.99.0.2"}
    third = device(id_, "third", entry, vips=["0.0.0.0"])
    with counted("ike_pool_empty"):
        assert not third.charon.initiate("all", check=False)
    assert "INTERNAL_ADDRESS_FAILURE" in third.charon.log()
    before = second.address
    second.charon.terminate(ike="hub")
    second.connect()
    assert second.address == before


def received(town, id_):
    return [child.rx_bytes for child in town.warren.connection(id_, "people").children]


def settled(read):
    """What read() returns twice with a second between: vpnd tells what its workers counted a moment ago."""
    seen = [read()]

    def is_steady():
        time.sleep(1)
        seen.append(read())
        return seen[-1] == seen[-2]

    netlab.wait_until(is_steady, 10, "the counters are still")
    return seen[-1]


def test_two_customers_have_the_same_pool(town, join, device):
    made = []
    for host in ("acme-phone", "beta-phone"):
        entry = people(pool=["10.99.0.1/32"], sessions=1)
        id_ = put(town, join, [entry])
        made.append((id_, device(id_, host, entry, vips=["0.0.0.0"]).connect()))
    for id_, phone in made:
        assert phone.address == "10.99.0.1"
        assert phone.ping()
        assert town.warren.stack(id_).ping("10.99.0.1")
        before = settled(lambda: received(town, id_))
        others = [one for one in made if one[0] != id_]
        for _, other in others:
            other.ping()
        assert [child.rx_bytes for child in town.warren.connection(id_, "people").children] == before


def test_a_lease_outlives_vpnd(town, join, device):
    """Two addresses, so that one of them is not the one that a new client would get."""
    made = []
    for wanted in ("10.99.0.5", "10.99.0.6"):
        entry = people(pool=["10.99.0.0/29"])
        id_ = put(town, join, [entry])
        asking = device(id_, "asking", entry, vips=[wanted]).connect()
        assert asking.address == wanted
        asking.charon.terminate(ike="hub")
        made.append((id_, entry, wanted))
    town.warren.ctl("restart", "vpnd")
    for id_, entry, wanted in made:
        assert device(id_, "again", entry, vips=["0.0.0.0"]).connect().address == wanted
