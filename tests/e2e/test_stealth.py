"""Strangers get no answer. Their messages are counted, but cause no log line, and harm no session and no service."""

import itertools
import os
import socket
import struct
import time

import pytest

from tests.lab import netlab, rawpeer, town as scenery
from tests.lab.capture import Capture
from tests.lab.town import STACK4

LOW_ORDER = [bytes.fromhex(point) for point in (  # the points of small order on Curve25519, and what reduces to them
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")]


@pytest.fixture(scope="module")
def known(town):
    """A scripted peer that Warren knows, in a customer of its own."""
    raw, entry = town.raw_peer("known")
    with town.visiting([entry], "known"):
        yield raw


def answered(town, raw, messages, pace=200):
    """Sends the messages and then a valid initiation, whose response shows that all messages before it were handled.
    Returns the answers that arrived before that response."""
    with Capture(town.internet, raw.place.router_device, f"udp and dst host {raw.place.ipv4}") as capture:
        raw.drain()
        for number, message in enumerate(messages, 1):
            raw.send(message)
            if number % pace == 0:
                netlab.wait_until(lambda: queue_is_empty(town), 5, "the hub has read its sockets")
        netlab.wait_until(lambda: queue_is_empty(town), 5, "the hub has read its sockets")
        sent = raw.initiation()
        raw.send(sent.message)
        netlab.wait_until(lambda: any(packet.payload[8:12] == struct.pack("<I", sent.index)
                                      for packet in capture.packets()), 5, "a valid initiation gets a response")
    return [packet for packet in capture.packets() if packet.payload[8:12] != struct.pack("<I", sent.index)]


def queue_is_empty(town):
    """True if no datagram waits in a UDP socket of the hub."""
    def waiting():
        total = 0
        for table in ("/proc/thread-self/net/udp", "/proc/thread-self/net/udp6"):
            with open(table) as lines:
                total += sum(int(line.split()[4].split(":")[1], 16) for line in lines.readlines()[1:])
        return total
    return town.hub.inside(waiting) == 0


def test_junk_of_every_length_and_type_gets_no_answer(town, known):
    messages = [bytes([kind]) * (length > 0) + bytes(max(0, length - 1)) for length in range(201)
                for kind in (0, 1, 2, 3, 4, 5, 255)]
    messages += [bytes([kind]) + bytes(length - 1) for length in (32, 64, 92, 148) for kind in range(256)]
    assert answered(town, known, messages) == []


def test_valid_messages_with_a_wrong_length_or_reserved_bits_get_no_answer(town, known):
    good = known.initiation().message
    messages = [good[:length] for length in range(148)] + [good + bytes(1), good + bytes(100)]
    messages += [known.initiation(head=bytes([1, *reserved])).message
                 for reserved in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 128), (255, 255, 255))]
    assert answered(town, known, messages) == []


def test_an_initiation_with_any_wrong_bit_in_mac1_gets_no_answer(town, known):
    messages = [rawpeer.flip(known.initiation().message, 116 * 8 + bit) for bit in range(128)]
    messages += [known.initiation(mac1=rawpeer.mac(rawpeer.hash_(rawpeer.LABEL_MAC1 + os.urandom(32)),
                                                   known.initiation().message[:116])).message]
    assert answered(town, known, messages) == []


def test_a_stranger_who_knows_the_public_key_gets_no_answer(town, known):
    messages = [known.initiation(static_private=os.urandom(32)).message for _ in range(20)]
    # These claim a public key without its private key.
    messages += [known.initiation(static_public=rawpeer.public_of(os.urandom(32))).message for _ in range(5)]
    assert answered(town, known, messages) == []


def test_low_order_points_get_no_answer(town, known):
    messages = [known.initiation(ephemeral_public=point).message for point in LOW_ORDER]
    messages += [known.initiation(static_public=point).message for point in LOW_ORDER]
    assert answered(town, known, messages) == []


def test_an_initiation_with_any_flipped_bit_gets_no_answer(town, known):
    """mac1 is recomputed, so that the message passes that check."""
    messages = []
    for bit in range(8 * 8, 116 * 8, 7):
        body = rawpeer.flip(known.initiation().message, bit)[:116]
        messages.append(known._finish(body))
    assert answered(town, known, messages) == []


def test_a_replayed_or_older_initiation_gets_no_answer(town, known):
    now = time.time()
    first = known.initiation(timestamp=rawpeer.tai64n(now))
    known.send(first.message)
    assert known.receive_kind(rawpeer.RESPONSE)
    older = [known.initiation(timestamp=rawpeer.tai64n(now - age)).message for age in (0, 1, 0.000001, 3600)]
    assert answered(town, known, [first.message] * 50 + older) == []


def test_initiations_of_one_peer_are_spaced_by_20_ms(town, known):
    now = time.time() + 10  # later than the timestamps of the other tests
    known.drain()
    start = time.monotonic()
    for number in range(100):
        known.send(known.initiation(timestamp=rawpeer.tai64n(now + number * 0.02)).message)
    netlab.wait_until(lambda: queue_is_empty(town), 5)
    took = time.monotonic() - start
    answers = [message for message in known.drain() if message[0] == rawpeer.RESPONSE]
    assert 1 <= len(answers) <= took / 0.02 + 2


def test_junk_is_counted_and_not_logged(town, known):
    before = town.warren.output()
    for _ in range(5000):
        known.send(os.urandom(148))
    netlab.wait_until(lambda: queue_is_empty(town), 5)
    assert len(town.warren.output()) - len(before) < 2000
    assert "datagram_malformed" in town.warren.ctl("drops").stdout


def test_a_data_message_that_is_not_authentic_changes_nothing(town, known):
    """With the right index, a wrong tag and another sender, the session keeps its endpoint, window and counters."""
    session = known.handshake(timestamp=rawpeer.tai64n(time.time() + 20))
    known.confirm(session)
    status = netlab.wait_until(lambda: (peer := town.warren.peer("known", "known"))["rx_bytes"] >= 32 and peer, 5)
    assert status["state"] == "online"
    elsewhere = town.place("elsewhere")
    with elsewhere.ns.socket() as sock:
        for counter in (1, 100, 1 << 40):
            sock.sendto(session.data(b"x" * 32, counter=counter, key=os.urandom(32)), known.remote)
    netlab.wait_until(lambda: town.warren.drops("known").get("authentication_failed", 0) >= 3, 5)
    after = town.warren.peer("known", "known")
    assert (after["endpoint"], after["rx_bytes"]) == (status["endpoint"], status["rx_bytes"])
    known.send(session.data(counter=1))  # would be too old if the window had moved
    netlab.wait_until(lambda: town.warren.peer("known", "known")["rx_bytes"] == status["rx_bytes"] + 32, 5)


class Flood:
    """An attacker who knows only our public key: each message is new and has a valid mac1; one system call sends 64."""

    UDP_SEGMENT, AT_ONCE = 103, 64

    def __init__(self, raw):
        self._raw = raw
        raw.sock.setsockopt(socket.IPPROTO_UDP, self.UDP_SEGMENT, rawpeer.SIZES[rawpeer.INITIATION])

    def burst(self, trains=24):
        made = [b"".join(self._raw._finish(b"\1\0\0\0" + os.urandom(112)) for _ in range(self.AT_ONCE))
                for _ in range(trains)]
        for train in made:
            self._raw.send(train)

    def answers(self):
        return self._raw.drain()


@pytest.mark.losses
def test_under_a_flood_the_hub_requires_a_cookie_and_accepts_it(town, known):
    """Established tunnels are not disturbed. A peer that returns the cookie connects, and so does a stock client."""
    flood = Flood(town.raw_peer("attacker")[0])
    newcomer, entry = town.raw_peer("newcomer")  # a known source needs no cookie: see the next test
    steady, late = town.office("steady", addresses=["10.0.0.2/32"]), town.office("late", addresses=["10.0.0.4/32"])

    def attempt(peer):
        """Sends the peer's initiation during the flood; returns it and its answer."""
        flood.burst()
        sent = peer.initiate()
        return sent, peer.receive(0.5)

    def cookie():
        sent, answer = attempt(newcomer)
        return answer and answer[0][0] == rawpeer.COOKIE_REPLY and newcomer.consume_cookie_reply(answer[0], sent.mac1)

    def session():
        sent, answer = attempt(newcomer)
        return answer and answer[0][0] == rawpeer.RESPONSE and newcomer.consume_response(sent, answer[0])

    with town.visiting([steady, entry]), town.visiting([late]):
        steady.connect()
        pinging = scenery.Pinging(steady.ns, STACK4, 0.02)
        assert netlab.wait_until(cookie, 20, "the hub sends a cookie")
        replies = flood.answers()
        assert replies and all(message[0] == rawpeer.COOKIE_REPLY and len(message) == 64 for message in replies)
        assert netlab.wait_until(session, 10, "a valid mac2 is accepted under load")
        netlab.wait_until(lambda: (flood.burst(), late.ping(timeout=1))[1], 30, "a stock client connects")
        assert pinging.lost() == 0


def test_a_flood_does_not_keep_a_known_source_out(town, known):
    """During another sender's flood, a peer from a known source address needs no cookie."""
    known.drain()
    stamps = itertools.count(int(time.time()) + 60, 1)
    known.confirm(known.handshake(timestamp=rawpeer.tai64n(next(stamps))))
    flood = Flood(town.raw_peer("attacker")[0])
    netlab.wait_until(lambda: (flood.burst(),
                               any(message[0] == rawpeer.COOKIE_REPLY for message in flood.answers()))[1], 20,
                      "the hub is under load")
    flood.burst()
    assert known.handshake(timestamp=rawpeer.tai64n(next(stamps))) and known.cookie is None
