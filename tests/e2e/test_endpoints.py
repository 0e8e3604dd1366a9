"""Where peers are outlives vpnd and the machine, so that Warren may begin."""

import base64
import os
import re
import shutil
import signal
import socket
import time

from tests.lab import netlab, rawpeer, town as scenery, warren, wireguard_go
from tests.lab.town import HUB4, HUB4_SECOND, PORT

YEAR_2030 = 1_893_456_000


def kill_vpnd(town):
    """Sessions go on."""
    pid = town.warren.vpnd()
    os.kill(pid, signal.SIGKILL)
    netlab.wait_until(lambda: town.warren.children("vpnd") not in ([], [pid]), 10, "another vpnd runs")


def test_own_timestamps_are_later_than_those_of_a_vpnd_whose_clock_was_ahead(town, visit):
    """What such a vpnd has reserved is beside the peers' timestamps."""
    place = town.place("later")
    sock = place.ns.socket()
    sock.bind((place.ipv4, 4900))
    key = wireguard_go.new_key()
    raw = rawpeer.RawPeer(key.private, town.warren.key.public, sock, (HUB4, PORT))
    file = f"{town.warren.run_dir}/timestamps"
    with open(file, "r+b") as stamps:
        stamps.seek(32)
        before = stamps.read(12)
        stamps.seek(32)
        stamps.write(rawpeer.tai64n(YEAR_2030))
    try:
        kill_vpnd(town)
        visit([warren.Peer("later", key.public, ["10.0.0.9/32"], endpoint=f"{place.ipv4}:4900", keepalive=25)])
        first = raw.consume_initiation(raw.receive_kind(rawpeer.INITIATION, 8)).timestamp
        assert first > rawpeer.tai64n(YEAR_2030)
        kill_vpnd(town)
        second = raw.consume_initiation(raw.receive_kind(rawpeer.INITIATION, 8)).timestamp
        assert second > first
    finally:
        with open(file, "r+b") as stamps:
            stamps.seek(32)
            stamps.write(before)
        kill_vpnd(town)
        sock.close()


def test_a_peer_that_falls_silent_is_told_and_so_is_its_return(town, visit):
    """Its last session ends when the server's key is replaced, without waiting for 180 s."""
    raw, entry = town.raw_peer("silent")
    key, other = wireguard_go.new_key(), wireguard_go.new_key()
    customer = visit([entry], listen_port=52_900, private_key=key.private)
    raw.remote, raw.remote_public = (HUB4, customer.listen_port), base64.b64decode(key.public)
    raw.confirm(raw.handshake())
    netlab.wait_until(lambda: town.warren.peer(customer.id, "silent")["state"] == "online", 5, "it is online")
    customer.private_key = other.private
    town.warren.put(customer)
    peer = town.warren.peer(customer.id, "silent")
    assert (peer["state"], peer["lost_because"]) == ("idle", "key_changed")
    raw.remote_public = base64.b64decode(other.public)
    raw.confirm(raw.handshake())
    netlab.wait_until(lambda: town.warren.peer(customer.id, "silent")["state"] == "online", 5, "it is online")
    told = [re.search(r"event=((peer|customer)_(up|down))", line) for line in town.warren.output().splitlines()
            if f"customer={customer.id}" in line]
    assert [found[1] for found in told if found] == ["peer_down", "customer_down", "peer_up", "customer_up"]