"""Sessions, observed by a scripted peer: three key slots, the replay window, limits, and wiped keys."""

import base64
import os

import pytest

from tests.lab import inner, netlab, rawpeer, town as scenery, wireguard_go
from tests.lab.capture import Capture
from tests.lab.memory import found_in_memory
from tests.lab.town import PORT, STACK4

REJECT_AFTER_MESSAGES = 2**64 - 2**13 - 1  # WireGuard whitepaper §6.1


@pytest.fixture
def peer(town, visit):
    """A scripted peer that initiates to Warren; `.customer` is its customer."""
    raw, entry = town.raw_peer("scripted", psk=wireguard_go.new_psk())
    raw.customer = visit([entry])
    raw.stack = town.stack(raw.customer)
    return raw


@pytest.fixture
def called(town, visit):
    """A scripted peer to which Warren initiates."""
    place = town.place("called")
    sock = place.ns.socket()
    sock.bind((place.ipv4, 4800))
    key = wireguard_go.new_key()
    raw = rawpeer.RawPeer(key.private, town.warren.key.public, sock, (scenery.HUB4, PORT))
    raw.customer = visit([scenery.warren.Peer("called", key.public, ["10.0.0.9/32"], endpoint=f"{place.ipv4}:4800")])
    raw.stack = town.stack(raw.customer)
    yield raw
    sock.close()


def echoed(peer, session, answer_on=None, patience=10, **options):
    """True if an echo request on this session gets a reply on the same session, or on `answer_on`."""
    peer.drain()
    mark = os.urandom(8)
    peer.send(session.data(inner.echo_request("10.0.0.9", STACK4, mark), **options))
    while (answer := peer.receive_inner(answer_on or session, patience)) is not None:
        if mark in answer:
            return True
    return False


def start_ping(peer, count=1):
    return peer.stack.start("ping", "-n", "-c", count, "-i", "0.2", "-W", 5, "10.0.0.9")


def test_nothing_is_sent_on_an_unconfirmed_session_and_staged_packets_follow_its_confirmation(peer):
    session = peer.handshake()
    start_ping(peer, 3)
    assert peer.receive_inner(session, 1) is None
    peer.confirm(session)
    packets = [peer.receive_inner(session) for _ in range(3)]
    assert all(packet and inner.addresses(packet) == (STACK4, "10.0.0.9") for packet in packets)


def test_the_old_session_is_used_until_the_new_one_is_confirmed_and_received_on_after(peer):
    old = peer.handshake()
    peer.confirm(old)
    assert echoed(peer, old)
    new = peer.handshake()
    assert echoed(peer, old)  # still answered on the old session
    peer.confirm(new)
    late = old.data(inner.echo_request("10.0.0.9", STACK4, b"late"))
    peer.send(late)
    assert b"late" in peer.receive_inner(new)


def test_of_two_unconfirmed_sessions_only_the_newest_is_valid(peer):
    first = peer.handshake()
    second = peer.handshake()
    with Capture(peer.stack, "vpn0") as capture:
        peer.send(first.data(inner.echo_request("10.0.0.9", STACK4, b"first")))
        peer.send(second.data(inner.echo_request("10.0.0.9", STACK4, b"second")))
        netlab.wait_until(lambda: b"second" in capture.bytes(), 5)
    assert b"first" not in capture.bytes()


def test_the_window_accepts_a_counter_8128_behind_and_refuses_older_and_repeated_ones(peer):
    session = peer.handshake()
    assert echoed(peer, session, counter=10_000)
    assert echoed(peer, session, counter=10_000 - 8127)
    assert not echoed(peer, session, counter=10_000 - 8127, patience=1)
    assert echoed(peer, session, counter=10_000 - 8128)
    assert not echoed(peer, session, counter=10_000 - 8129, patience=1)
    assert echoed(peer, session, counter=9_999) and not echoed(peer, session, counter=9_999, patience=1)
    assert echoed(peer, session, counter=1_000_000)
    assert not echoed(peer, session, counter=10_001, patience=1)


def test_counters_at_the_limit_are_refused(peer):
    session = peer.handshake()
    peer.confirm(session)
    for counter in (2**64 - 1, REJECT_AFTER_MESSAGES + 1, REJECT_AFTER_MESSAGES):
        assert not echoed(peer, session, counter=counter, patience=1)
    assert echoed(peer, session, counter=1)  # the window has not moved
    assert echoed(peer, session, counter=REJECT_AFTER_MESSAGES - 1)


def test_a_response_counts_once_and_only_for_the_newest_initiation(called):
    start_ping(called)
    first = called.consume_initiation(called.receive_kind(rawpeer.INITIATION, 5))
    sent, session = called.response(first)
    wrong, _ = called.response(first, receiver=first.sender ^ 1)
    bad_psk, _ = called.response(first, psk=os.urandom(32))
    for message in (wrong.message, bad_psk.message, sent.message, sent.message):
        called.send(message)
    assert inner.addresses(called.receive_inner(session, 5)) == (STACK4, "10.0.0.9")
    again, other = called.response(first)
    called.send(again.message)
    start_ping(called)
    assert called.receive_inner(session, 5)
    assert other.received == []


def test_a_data_message_for_a_handshake_and_a_response_for_a_session_are_dropped(peer, called):
    start_ping(called)
    waiting = called.consume_initiation(called.receive_kind(rawpeer.INITIATION, 5))
    called.send(rawpeer.Session(bytes(32), bytes(32), 1, waiting.sender).data(b"x" * 32))
    session = peer.handshake()
    assert echoed(peer, session)
    misdirected, _ = peer.response(waiting, receiver=session.remote_index)
    peer.send(misdirected.message)
    assert echoed(peer, session)
    sent, answered = called.response(waiting)
    called.send(sent.message)
    assert called.receive_inner(answered, 5)


def test_simultaneous_initiations_end_in_one_working_session(called):
    start_ping(called)
    theirs = called.receive_kind(rawpeer.INITIATION, 5)
    mine = called.initiate()  # before the response to theirs
    response, other = called.response(called.consume_initiation(theirs))
    answer = called.receive_kind(rawpeer.RESPONSE)
    session = called.consume_response(mine, answer)
    called.confirm(session)
    called.send(response.message)
    assert [one for one in (session, other) if echoed(called, one)]


def test_a_cookie_reply_from_another_address_changes_no_endpoint(town, called):
    start_ping(called)
    initiation = called.receive_kind(rawpeer.INITIATION, 5)
    endpoint = town.warren.peer(called.customer.id, "called")["endpoint"]
    elsewhere = town.place("elsewhere")
    with elsewhere.ns.socket() as sock:
        sock.sendto(b"\3\0\0\0" + initiation[4:8] + os.urandom(56), called.remote)
    sent, session = called.response(called.consume_initiation(initiation))
    called.send(sent.message)
    assert called.receive_inner(session, 5)
    assert town.warren.peer(called.customer.id, "called")["endpoint"] == endpoint


def test_own_timestamps_are_whitened_and_payloads_padded(called):
    start_ping(called)
    initiation = called.consume_initiation(called.receive_kind(rawpeer.INITIATION, 5))
    assert int.from_bytes(initiation.timestamp[8:], "big") % (1 << 24) == 0  # Linux drivers/net/wireguard/noise.c
    sent, session = called.response(initiation)
    called.send(sent.message)
    for size in (0, 1, 3, 17, 100, 1391):
        called.stack.start("ping", "-c", 1, "-s", size, "-W", 1, "10.0.0.9")
        message = called.receive_kind(rawpeer.DATA, 5)
        while len(session.open(message)) == 0 or int.from_bytes(session.open(message)[2:4], "big") != 28 + size:
            message = called.receive_kind(rawpeer.DATA, 5)
        assert len(message) - 32 == min(-(28 + size) % 16 + 28 + size, 1420)


INNER_LIES = {
    "version 0": dict(version=0), "version 5": dict(version=5), "version 15": dict(version=15),
    "longer than the packet": dict(total=2000), "shorter than its header": dict(total=19), "nothing": dict(total=0),
    "a header beyond the packet": dict(ihl=15, total=30), "no header": dict(ihl=4)}


def test_a_malformed_inner_packet_is_dropped_and_counted(town, peer):
    session = peer.handshake()
    peer.confirm(session)
    before = town.warren.drops(peer.customer.id).get("inner_malformed", 0)
    lies = [inner.ip("10.0.0.9", STACK4, 17, b"LIE-LIE-LIE", **fields) for fields in INNER_LIES.values()]
    lies += [inner.ip("fd00:42::9", scenery.STACK6, 17, b"LIE-LIE-LIE", total=2000), b"\x45", b"\x60" * 39]
    with Capture(peer.stack, "vpn0") as capture:
        for packet in lies:
            peer.send(session.data(packet))
        netlab.wait_until(lambda: town.warren.drops(peer.customer.id).get("inner_malformed", 0) - before == len(lies),
                          5)
    assert echoed(peer, session)
    assert b"LIE" not in capture.bytes()


def test_a_first_connection_takes_one_initiation_one_response_one_keepalive(town, visit):
    office = town.office("clean", start=False)
    customer = visit([office])
    with Capture(town.internet, "hub0", f"udp and host {office.place.ipv4}") as capture:
        office.client.start()
        with office.ns.socket() as sock:
            sock.sendto(b"one way", (STACK4, 9))
        with Capture(town.stack(customer), "vpn0"):
            netlab.wait_until(lambda: sum(packet.wireguard_type == 4 for packet in capture.packets()) >= 1, 5)
    kinds = [packet.wireguard_type for packet in capture.packets()]
    assert kinds.count(1) == 1 and kinds.count(2) == 1


def test_no_key_is_left_in_memory_after_its_peer_is_removed(town):
    psk = wireguard_go.new_psk()
    raw, entry = town.raw_peer("forgotten", psk=psk)
    with town.visiting([entry]):
        sessions = []
        for _ in range(3):
            sessions.append(raw.handshake())
            assert echoed(raw, sessions[-1])
        keys = {f"session {number} {way}": key for number, session in enumerate(sessions)
                for way, key in (("in", session.send_key), ("out", session.receive_key))}
        keys["psk"] = base64.b64decode(psk)
        there = found_in_memory(town.warren.vpnd(), keys)
        assert {"psk", "session 2 in", "session 2 out"} <= there  # the search does find keys that are in use
        assert not {"session 0 in", "session 0 out"} & there  # replaced by later sessions
    netlab.wait_until(lambda: not found_in_memory(town.warren.vpnd(), keys), 5, "all keys are wiped")
