"""Where peers are outlives vpnd and the machine, so that Warren may begin."""

import base64
import hashlib
import os
import re
import shutil
import signal
import socket
import time

from tests.lab import netlab, rawpeer, town as scenery, warren, wireguard_go
from tests.lab.town import HUB4, HUB4_SECOND, PORT

YEAR_2030 = 1_893_456_000


def is_kept(warren_, address):
    """True once the address is in vpnd's file of peers, into which it goes within a second."""
    with open(f"{warren_.run_dir}/peers", "rb") as file:
        return socket.inet_aton(address) in file.read()


def kill_vpnd(town):
    """Sessions go on."""
    pid = town.warren.vpnd()
    os.kill(pid, signal.SIGKILL)
    netlab.wait_until(lambda: town.warren.children("vpnd") not in ([], [pid]), 10, "another vpnd runs")


def restart(town):
    """Sessions end."""
    town.warren.stop()
    town.warren.start()


def test_a_quiet_site_is_reachable_at_once_after_its_session_was_lost(town, visit):
    """The site sends nothing but its keepalives, and would not begin before its session is 120 s old."""
    office = town.office("quiet", keepalive=25)
    customer = visit([office])
    office.connect()
    netlab.wait_until(lambda: is_kept(town.warren, office.place.ipv4), 10, "its endpoint is kept")
    before = office.shown().latest_handshake
    netlab.wait_until(lambda: time.time() >= before + 2, 5, "another second, which handshakes are told apart by")
    restart(town)
    netlab.wait_until(lambda: town.stack(customer).ping("10.0.0.2", timeout=1), 8, "the site answers")
    assert office.shown().latest_handshake != before


def test_a_peer_that_was_there_is_called_at_once_from_the_address_that_it_used(town, visit):
    raw, entry = town.raw_peer("there", remote=(HUB4_SECOND, PORT))
    absent, other = town.raw_peer("absent", addresses=["10.0.0.8/32"])
    visit([entry, other])
    for peer in (raw, absent):
        peer.confirm(peer.handshake())
        netlab.wait_until(lambda: is_kept(town.warren, peer.place.ipv4), 10, "its endpoint is kept")
    raw.drain()
    restart(town)
    message, sender = raw.receive(8)
    assert message[0] == rawpeer.INITIATION
    assert sender[0] == HUB4_SECOND


def test_a_peer_whose_session_goes_on_is_not_called(town, visit):
    raw, entry = town.raw_peer("goes-on", remote=(HUB4_SECOND, PORT))
    customer = visit([entry])
    session = raw.handshake()
    raw.confirm(session)
    netlab.wait_until(lambda: is_kept(town.warren, raw.place.ipv4), 10, "its endpoint is kept")
    raw.drain()
    town.warren.ctl("restart", "vpnd")
    town.stack(customer).start("ping", "-n", "-c", 1, "10.0.0.9")
    message, sender = raw.receive(5)
    assert session.open(message)
    assert sender[0] == HUB4_SECOND


def test_own_timestamps_are_later_than_those_of_a_vpnd_whose_clock_was_ahead(town, visit):
    """What such a vpnd has reserved is beside the peers' timestamps."""
    place = town.place("later")
    sock = place.ns.socket()
    sock.bind((place.ipv4, 4900))
    key = wireguard_go.new_key()
    raw = rawpeer.RawPeer(key.private, town.warren.key.public, sock, (HUB4, PORT))
    file = f"{town.warren.run_dir}/timestamps"
    earlier, entry = town.raw_peer("earlier")
    visit([entry])
    earlier.handshake()  # now something is in the file
    stamp = rawpeer.tai64n(YEAR_2030)
    with open(file, "r+b") as stamps:
        stamps.seek(32)
        before = stamps.read(16)
        stamps.seek(32)
        stamps.write(stamp + hashlib.blake2s(b"warren own timestamp" + stamp).digest()[:4])
    try:
        kill_vpnd(town)
        visit([warren.Peer("later", key.public, ["10.0.0.9/32"], endpoint=f"{place.ipv4}:4900", keepalive=25)])
        first = raw.consume_initiation(raw.receive_kind(rawpeer.INITIATION, 8)).timestamp
        assert first > stamp
        kill_vpnd(town)
        second = raw.consume_initiation(raw.receive_kind(rawpeer.INITIATION, 8)).timestamp
        assert second > first
    finally:
        with open(file, "r+b") as stamps:
            stamps.seek(32)
            stamps.write(before)
        kill_vpnd(town)
        sock.close()


def test_a_peer_that_was_there_is_called_at_once_after_a_reboot():
    """The run directory and the stacks are gone, the state directory is there."""
    with warren.leaves_nothing(lambda lab: scenery.Town(lab, name="rebooted")) as town:
        hub = town.warren
        hub.state_dir = town.lab.path("rebooted-state")
        hub.start()
        raw, entry = town.raw_peer("there")
        stamp = rawpeer.tai64n()
        town.customer([entry])
        raw.confirm(raw.handshake(timestamp=stamp))
        netlab.wait_until(lambda: is_kept(hub, raw.place.ipv4), 10, "its endpoint is kept")
        hub.down()
        shutil.rmtree(hub.run_dir)
        raw.drain()
        hub.start()
        assert raw.receive_kind(rawpeer.INITIATION, 8)
        # And a recorded initiation is as old as before.
        raw.send(raw.initiation(timestamp=stamp).message)
        assert raw.receive_kind(rawpeer.RESPONSE, 1) is None


def test_a_client_whose_clock_was_ahead_is_named_and_can_begin_anew(town, visit):
    raw, entry = town.raw_peer("ahead")
    customer = visit([entry])
    raw.handshake(timestamp=rawpeer.tai64n(time.time() + 20 * 365 * 86_400))

    def refused():
        raw.initiate()
        return town.warren.peer(customer.id, "ahead")["refused_as_old"]

    netlab.wait_until(refused, 5, "the peer's handshakes are refused and counted")
    assert 7299 * 86_400 < town.warren.peer(customer.id, "ahead")["clock_was_ahead_seconds"] <= 7300 * 86_400
    assert f"vpnctl peer reset {customer.id} ahead" in town.warren.ctl("status", customer.id).stdout
    lines = [line for line in town.warren.output().splitlines() if "event=handshake_refused" in line]
    assert "peer=ahead" in lines[-1] and "reason=old_timestamp" in lines[-1]
    assert "clock_was_ahead_days=7300.0" in lines[-1] or "clock_was_ahead_days=7299.9" in lines[-1]
    assert town.warren.ctl("peer", "reset", customer.id, "nobody", check=False).returncode == 4
    raw.drain()
    town.warren.ctl("peer", "reset", customer.id, "ahead")
    assert raw.handshake()


def test_a_client_whose_clock_was_ahead_is_forgotten_when_it_leaves_the_configuration(town, visit):
    raw, entry = town.raw_peer("gone")
    customer = visit([entry])
    raw.handshake(timestamp=rawpeer.tai64n(time.time() + 20 * 365 * 86_400))
    customer.peers.clear()
    town.warren.put(customer)
    customer.peers.append(entry)
    town.warren.put(customer)
    raw.drain()
    assert raw.handshake()


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
