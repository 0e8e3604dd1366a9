"""vpnctl doctor, capture and why, of IPsec."""

import json
import os

import pytest

from tests.lab import netlab, pcapng
from tests.lab.ikepeer import Refused
from tests.lab.sites import SCRIPTED
from tests.lab.town import STACK4

TSI, TSR = ["10.0.1.0/24"], ["10.0.0.0/24"]


def findings(town, *about):
    done = town.warren.ctl("--json", "doctor", *about, check=False)
    return {one["kind"]: one for one in json.loads(done.stdout)["findings"]}


def test_a_connection_with_a_wrong_key_is_named_and_one_that_is_up_is_not(town, peer):
    assert findings(town, peer.customer) == {}  # it waits for its peer
    with pytest.raises(Refused):
        peer.connect(TSI, TSR, psk=b"another key of more than 20 letters")
    found = findings(town, peer.customer, peer.name)
    assert set(found) == {"connection_down"}
    assert "ike_auth_failed" in found["connection_down"]["evidence"]
    assert peer.address in found["connection_down"]["evidence"]
    assert "preshared keys" in found["connection_down"]["advice"]
    peer.connect()
    assert findings(town, peer.customer, peer.name) == {}


def test_esp_is_captured_beside_what_is_in_it(town, peer):
    child, = peer.connect().children
    path = town.lab.path(f"esp-{os.getpid()}.pcapng")
    capture = town.hub.start(f"{town.warren.bin}/vpnctl", "--run-dir", town.warren.run_dir, "capture", peer.customer,
                             peer.name, "-w", path, "-c", "2", name="esp-capture")
    netlab.wait_until(lambda: os.path.exists(path) and os.path.getsize(path) > 100, 10, "the capture has begun")
    assert peer.echo(child)
    assert capture.wait(20) == 0, capture.tail()
    with open(path, "rb") as file:
        packets = pcapng.read(file.read())
    assert {one.interface for one in packets} == {"inner", "outer"}
    for one in packets:
        assert f"peer {peer.name}, esp spi 0x" in one.comment
    outside = [one for one in packets if one.interface == "outer"]
    for one in outside:
        spi = int.from_bytes(one.data[28:32], "big")
        assert f"esp spi 0x{spi:08x} sequence {int.from_bytes(one.data[32:36], 'big')}" in one.comment


def test_why_knows_the_connection(town, peer):
    def why():
        done = town.warren.ctl("--json", "why", peer.customer, "--from", STACK4, "--to", SCRIPTED, check=False)
        return json.loads(done.stdout)
    assert why()["reason"] == "no_endpoint"
    peer.connect()
    assert why()["end"] == f"connection {peer.name}"
