"""The generator of bench/ against the real hub: its packets arrive on all three ways, and its reports are correct."""

import os

import pytest

from bench import field, hubs
from bench.scenarios import traffic
from tests.lab import netlab, warren

pytestmark = [pytest.mark.skipif(not os.path.exists(f"{warren.programs()}/wgblast"), reason="wgblast is not built"),
              pytest.mark.losses]


@pytest.fixture(scope="module")
def hub():
    with netlab.Lab() as lab:
        made = hubs.Warren(field.Field(lab, "kept", 0, 0), hubs.Tools(warren.ROOT), peers=2, tag="blast", port=51877)
        yield made.start().lay_sinks().connect()


def settled_bytes(hub):
    """The bytes received from the first peer, after packets in flight have arrived."""
    seen = []

    def is_settled():
        seen.append(hub.warren.status("blast0")["peers"][0]["rx_bytes"])
        return len(seen) > 2 and seen[-1] == seen[-2] == seen[-3]

    netlab.wait_until(is_settled, 10, "the counters stop changing", every=0.3)
    return seen[-1]


@pytest.mark.parametrize("way", traffic.WAYS)
def test_every_packet_of_a_paced_load_arrives(hub, way):
    delivered, answer = traffic.offer(hub, way, 0.5, transport="udp", sizes=[512], train=4, rate=2000)
    sent = (answer.get("load") or answer["inject"])[0]["sent_packets"]
    assert 900 <= sent <= 1004
    assert delivered.packets == sent
    assert answer["samples"]["broken"] == 0


@pytest.mark.parametrize("way", traffic.WAYS)
def test_bulk_segments_arrive_unchanged(hub, way):
    delivered, answer = traffic.offer(hub, way, 0.5)
    activity = (answer.get("load") or answer["inject"])[0]
    # On a busy machine a buffer may overflow, so some may be lost, but none may arrive twice or broken.
    assert 500 < delivered.packets <= activity["sent_packets"]
    assert answer["samples"]["broken"] == 0


def test_a_generator_that_naps_sends_the_same_load_and_leaves_the_core_to_others(hub):
    load = {"transport": "udp", "sizes": [512], "flows": 1, "peers": 1, "burst": 4, "train": 4, "rate": 2000,
            "window": 0}
    answer = hub.generator.run(0.5, nap_us=500, load=[load])
    assert 900 <= answer["load"][0]["sent_packets"] <= 1004
    assert answer["generator_cpu_s"] < 0.3


def test_echoes_come_back_and_floods_do_not_stop_them(hub):
    before = settled_bytes(hub)
    kinds = ("initiations", "guessed_mac2", "bad_mac1", "forged_data")
    flood = {"rate": 2000, "first_source": field.FLOOD_SOURCE, "sources": 1000, "victim": 0}
    answer = hub.generator.run(0.5, echo=[{"peer": 1, "rate": 100}],
                               flood=[{**flood, "kind": kind} for kind in kinds])
    # Echoes in flight at the end are not counted; on a busy machine there are many.
    assert answer["echo"][0]["heard"] >= answer["echo"][0]["sent"] / 10 >= 4.5
    assert all(flood["sent"] > 500 for flood in answer["flood"])
    assert settled_bytes(hub) == before  # no forged message counted as this peer's


def test_sessions_are_renewed_and_peers_roam(hub):
    # Each peer has a second before its next initiation replaces the last one.
    answer = hub.generator.run(2.5, load=[traffic.mix(rate=2000, train=4, burst=4, peers=2)],
                               renew=[{"rate": 2, "peers": 2}], roam=[{"rate": 20, "peers": 2}])
    assert answer["renew"][0]["completed"] >= 1
    assert answer["roam"][0]["moves"] >= 1
