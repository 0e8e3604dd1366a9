"""Tests of the lab: the raw peer talks to a real wireguard-go, so that it is correct before it judges Warren."""

import contextlib
import os
import socket
import struct

import pytest

from tests.lab import inner, netlab, rawpeer, wireguard_go
from tests.lab.capture import Capture

XCHACHA_KEY = bytes(range(32))
XCHACHA_NONCE = bytes.fromhex("000000090000004a0000000031415927")
# draft-irtf-cfrg-xchacha-03 section 2.2.1
XCHACHA_SUBKEY = bytes.fromhex("82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc")


@pytest.fixture(scope="module")
def lab():
    before = netlab.baseline()
    with netlab.Lab() as lab:
        yield lab
    assert netlab.leaks(before, ("wlab-",)) == []


class Ends:
    """wireguard-go in `far` at 198.51.100.1 and a raw peer in `near` at 198.51.100.2, configured for each other."""

    def __init__(self, lab, psk=""):
        self.far, self.near = lab.namespace("far"), lab.namespace("near")
        lab.wire(self.far, "up0", ["198.51.100.1/24", "2001:db8::1/64"], self.near, "up0",
                 ["198.51.100.2/24", "2001:db8::2/64"])
        self.far_key, self.near_key = wireguard_go.new_key(), wireguard_go.new_key()
        self.client = wireguard_go.Client(
            self.far, "wlab-far", self.far_key, ["10.0.0.1/24"], listen_port=51820,
            peers=[wireguard_go.Peer(self.near_key.public, ["10.0.0.2/32"], endpoint="198.51.100.2:4000",
                                     psk=psk)]).start()
        self.sock = self.near.socket()
        self.sock.bind(("198.51.100.2", 4000))
        self.peer = rawpeer.RawPeer(self.near_key.private, self.far_key.public, self.sock, ("198.51.100.1", 51820), psk)


@pytest.fixture(scope="module")
def ends(lab):
    return Ends(lab, psk=wireguard_go.new_psk())


def echo(peer, session, patience=10, **options):
    peer.send(session.data(inner.echo_request("10.0.0.2", "10.0.0.1", b"canary"), **options))
    return peer.receive_inner(session, patience)


def test_hchacha20_has_the_published_answer():
    assert rawpeer.hchacha20(XCHACHA_KEY, XCHACHA_NONCE) == XCHACHA_SUBKEY


def test_the_raw_peer_initiates_and_pings_through_a_real_wireguard(ends):
    session = ends.peer.handshake()
    answer = echo(ends.peer, session)
    assert inner.is_echo_reply(answer) and b"canary" in answer
    assert inner.addresses(answer) == ("10.0.0.1", "10.0.0.2")


def test_the_raw_peer_answers_a_real_wireguards_initiation(ends):
    # Without a session, this makes wireguard-go initiate, or rekey.
    ping = ends.far.start("ping", "-c", "3", "-W", "5", "10.0.0.2")
    ends.client.configure()
    message = ends.peer.receive_kind(rawpeer.INITIATION, 10)
    initiation = ends.peer.consume_initiation(message)
    assert rawpeer.base64.b64encode(initiation.static).decode() == ends.far_key.public
    sent, session = ends.peer.response(initiation)
    ends.peer.send(sent.message)
    ends.peer.confirm(session)
    assert inner.addresses(ends.peer.receive_inner(session, 10)) == ("10.0.0.1", "10.0.0.2")
    ping.kill()


def test_a_session_accepts_a_counter_once_and_only_with_its_own_key(ends):
    session = ends.peer.handshake()
    assert echo(ends.peer, session, counter=7) is not None
    assert echo(ends.peer, session, 0.5, counter=7) is None
    assert echo(ends.peer, session, 0.5, counter=8, key=os.urandom(32)) is None
    assert echo(ends.peer, session, counter=8) is not None
    assert echo(ends.peer, session, 0.5, counter=9, receiver=session.remote_index ^ 1) is None


@pytest.mark.parametrize("fields", [{"mac1": bytes(16)}, {"static_private": os.urandom(32)}, {"timestamp": bytes(12)},
                                    {"head": b"\1\0\0\1"}])
def test_a_wrong_initiation_gets_no_answer(ends, fields):
    with pytest.raises(ValueError):
        ends.peer.handshake(timeout=0.3, **fields)


def test_another_psk_makes_no_session(ends):
    stranger = rawpeer.RawPeer(ends.near_key.private, ends.far_key.public, ends.sock, ends.peer.remote,
                               wireguard_go.new_psk())
    with pytest.raises(ValueError):
        stranger.handshake(timeout=0.3)


def test_a_flooded_wireguard_sends_a_cookie_that_opens_and_that_it_accepts(ends):
    flood = [ends.peer.initiation(static_private=os.urandom(32)).message for _ in range(600)]
    sent = ends.peer.initiation()

    def cookie_for_ours():
        for message in flood:
            ends.peer.send(message)
        ends.peer.send(sent.message)
        replies = [message for message in ends.peer.drain() if message[0] == rawpeer.COOKIE_REPLY]
        return next((message for message in replies if struct.unpack("<I", message[4:8])[0] == sent.index), None)

    reply = netlab.wait_until(cookie_for_ours, 10)
    assert len(ends.peer.consume_cookie_reply(reply, sent.mac1)) == 16
    with pytest.raises(ValueError):
        ends.peer.consume_cookie_reply(reply, bytes(16))

    def connects():  # after the flood it takes few initiations from this address
        with contextlib.suppress(ValueError):
            return ends.peer.handshake(timeout=1)
        return None

    assert netlab.wait_until(connects, 10)
    ends.peer.cookie = None


def test_a_capture_sees_what_was_sent_and_nothing_else(ends):
    with Capture(ends.far, "up0", "udp and src port 4000") as capture:
        ends.peer.send(ends.peer.initiation(mac1=bytes(16)).message)
        ends.peer.send(b"junk")
        netlab.wait_until(lambda: len(capture.packets()) >= 2, 5)
    assert [(packet.wireguard_type, packet.source, packet.source_port, len(packet.payload))
            for packet in capture.packets()] == [
                (1, "198.51.100.2", 4000, 148), (0, "198.51.100.2", 4000, 4)]


def test_an_outer_ipv6_address_works(ends):
    with ends.near.socket(socket.AF_INET6) as sock:
        sock.bind(("2001:db8::2", 4006))
        peer = rawpeer.RawPeer(ends.near_key.private, ends.far_key.public, sock, ("2001:db8::1", 51820),
                               rawpeer.base64.b64encode(ends.peer.psk))
        session = peer.handshake()
        assert inner.is_echo_reply(echo(peer, session))
        assert ends.client.show()[ends.near_key.public].endpoint == "[2001:db8::2]:4006"


def test_a_lab_that_fails_halfway_leaves_nothing():
    before = netlab.baseline()
    with pytest.raises(RuntimeError), netlab.Lab() as lab:
        one, two = lab.namespace("one"), lab.namespace("two")
        lab.wire(one, "a", "10.0.0.1/24", two, "b", "10.0.0.2/24")
        one.start("sh", "-c", "sleep 1000 & sleep 1001")
        assert one.ping("10.0.0.2")
        raise RuntimeError("half-way")
    assert netlab.leaks(before) == []
    assert not os.path.exists(lab.directory)
