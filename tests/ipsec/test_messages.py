"""Messages that are wrong: of strangers, of broken peers, and of whoever is on the path of a live IKE_SA. Nothing moves
before the integrity is right."""

import contextlib
import os

import pytest

from tests.lab import ikefaults, ikesuite, ikewire, rawpeer
from tests.lab.ikepeer import Refused
from tests.lab.ikesa import critical
from tests.lab.ikesockets import IKE_PORT, NAT_PORT
from tests.lab.ikewire import MARKER, Exchange, Kind, Notify, Payload
from tests.lab.town import HUB4, PORT


@pytest.fixture
def live(peer):
    """(peer, its IKE_SA), with a child that carries packets."""
    sa = peer.connect()
    assert peer.echo(sa.children[0])
    return peer, sa


def is_unharmed(peer, sa):
    """Exchanges and packets go on, with the next message ID, and nothing else was answered or asked."""
    fine = [peer.probe(sa).payloads == [] and peer.echo(sa.children[0]) for _ in range(2)]
    return fine == [True, True] and peer.message(sa, 0) is None


# --- of whoever is on the path ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ikefaults.malformed_sk(ikefaults.example()))
def test_an_sk_payload_that_nobody_with_the_keys_made_moves_nothing(live, stranger, wrong):
    """One such datagram ends an IKE_SA of the stock daemon (tests/lab/test_charon_faults.py)."""
    peer, sa = live
    for via in (stranger, None):
        peer.send(ikefaults.malformed_sk(sa)[wrong], via=via)
    assert is_unharmed(peer, sa)


@pytest.mark.parametrize("exchange", [*Exchange, 77], ids=str)
def test_an_unprotected_message_moves_nothing_and_uses_no_message_id(live, stranger, counted, exchange):
    peer, sa = live
    with counted("ike_unprotected", "ike_malformed", "ike_unexpected"):
        peer.send(ikefaults.unprotected(sa, exchange=exchange), via=stranger)
    assert is_unharmed(peer, sa)


@pytest.mark.parametrize("lie", ikefaults.header_lies(ikefaults.example(), bytes(28)))
def test_a_header_that_was_changed_on_the_way_moves_nothing(live, stranger, lie):
    peer, sa = live
    peer.send(ikefaults.header_lies(sa, sa.seal(Exchange.INFORMATIONAL, []))[lie], via=stranger)
    assert is_unharmed(peer, sa)


def test_no_flipped_bit_and_no_cut_gets_through(live, counted):
    """A DELETE of the whole IKE_SA, damaged in every way that one bit or a cut can do. The IDs stay free."""
    peer, sa = live
    genuine = sa.seal(Exchange.INFORMATIONAL, [ikewire.delete(ikewire.IKE)])
    with counted("ike_integrity_wrong", more=None):
        for number, damaged in enumerate([*ikefaults.flips(genuine), *ikefaults.cuts(genuine)]):
            peer.send(damaged)
            if number % 100 == 0:  # no more than the sockets' buffers hold
                assert peer.echo(sa.children[0])
    assert is_unharmed(peer, sa)


@pytest.mark.parametrize("length", [28, 56, 10_000])
def test_the_length_in_the_header_is_that_of_the_datagram(live, counted, length):
    peer, sa = live
    with counted("ike_malformed"):
        peer.send(sa.seal(Exchange.INFORMATIONAL, [], length=length))
    assert is_unharmed(peer, sa)


def test_bytes_behind_a_message_make_it_another_one(live, counted):
    peer, sa = live
    with counted("ike_malformed"):
        peer.send(sa.seal(Exchange.INFORMATIONAL, []) + b"more")
    assert is_unharmed(peer, sa)


@pytest.mark.parametrize("message_id", [0, 1, 7, 0xFFFFFFFF])
def test_an_authentic_response_that_nobody_asked_for_is_dropped(live, counted, message_id):
    peer, sa = live
    with counted("ike_response_unasked"):
        peer.send(sa.seal(Exchange.INFORMATIONAL, [], response=True, message_id=message_id))
    assert is_unharmed(peer, sa)


@pytest.mark.parametrize("ahead", [1, 2, 100, 0xFFFFFFF0])
def test_a_request_that_is_not_the_next_is_dropped(live, counted, ahead):
    peer, sa = live
    with counted("ike_message_id"):
        peer.send(sa.seal(Exchange.INFORMATIONAL, [ikewire.delete(ikewire.IKE)], message_id=sa.next_id + ahead))
    assert is_unharmed(peer, sa)


def test_a_captured_request_of_before_is_dropped(live, counted):
    peer, sa = live
    old = sa.seal(Exchange.INFORMATIONAL, [])
    for _ in range(3):
        assert peer.is_alive(sa)
    with counted("ike_message_id"):
        peer.send(old)
    assert is_unharmed(peer, sa)


def test_our_own_message_sent_back_to_us_is_dropped(live):
    peer, sa = live
    answer = peer.probe(sa)
    peer.send(answer.datagram.data)
    assert is_unharmed(peer, sa)


# --- of broken peers --------------------------------------------------------------------------------------------------


def test_an_unknown_critical_payload_is_named_and_the_ike_sa_stays(live, counted):
    peer, sa = live
    with counted("ike_critical_payload"):
        answer = peer.probe(sa, [critical(200)])
    assert answer.notifies() == [Notify.UNSUPPORTED_CRITICAL_PAYLOAD]
    assert answer.notified(Notify.UNSUPPORTED_CRITICAL_PAYLOAD).data == bytes([200])
    assert is_unharmed(peer, sa)


def test_an_unknown_payload_is_skipped_wherever_it_is(peer):
    peer.extra = [Payload(201, b"what is this"), ikewire.notify(40961, b"private"), Payload(Kind.VENDOR, b"somebody")]
    sa = peer.init(more=[Payload(202), ikewire.notify(40960)])
    peer.authenticate(sa, ["10.0.1.0/24"], ["10.0.0.0/24"])
    assert peer.probe(sa, [Payload(203, bytes(1000))]).payloads == []
    assert peer.echo(sa.children[0])


def test_the_critical_bit_of_a_known_payload_and_reserved_bits_are_ignored(peer):
    sa = peer.init(more=[Payload(Kind.VENDOR, b"somebody", critical=True, reserved=0x7F)])
    spi = b"\1\2\3\4"
    payloads = peer.auth_payloads(sa, ["10.0.1.0/24"], ["10.0.0.0/24"], spi)
    for payload in payloads:
        payload.critical = True
    answer = peer.request(sa, Exchange.IKE_AUTH, payloads)
    assert answer.has(Kind.AUTH) and answer.has(Kind.SA)


def test_payloads_come_in_any_order(peer):
    sa = peer.init()
    payloads = peer.auth_payloads(sa, ["10.0.1.0/24"], ["10.0.0.0/24"], b"\1\2\3\4")
    answer = peer.request(sa, Exchange.IKE_AUTH, payloads[::-1])
    assert answer.has(Kind.AUTH) and answer.has(Kind.SA)


@pytest.mark.parametrize("kind", [Kind.SA, Kind.IDI, Kind.IDR, Kind.AUTH, Kind.TSI, Kind.TSR])
def test_a_payload_that_comes_twice_makes_the_message_malformed(peer, kind):
    """KP5. The IKE_SA is not made; the answer says no more than that."""
    sa = peer.init()
    payloads = peer.auth_payloads(sa, ["10.0.1.0/24"], ["10.0.0.0/24"], b"\1\2\3\4")
    twice = next(payload for payload in payloads if payload.kind == kind)
    answer = peer.request(sa, Exchange.IKE_AUTH, [*payloads, twice])
    assert answer.notifies() in ([Notify.INVALID_SYNTAX], [Notify.AUTHENTICATION_FAILED])
    assert not answer.has(Kind.AUTH)


def test_an_authentic_message_with_a_wrong_inside_costs_no_more_than_its_own_ike_sa(peer, counted):
    for lie in ({"pad_length": 255}, {"text": b"\0"}, {"text": b"\0\0\0\3", "inner_first": Kind.NOTIFY},
                {"text": b"\0\0\xff\xff", "inner_first": Kind.DELETE}, {"sk_length": 4}, {"inner_first": Kind.SK}):
        sa = peer.connect()
        with counted("ike_invalid_syntax", "ike_malformed", "ike_integrity_wrong"):
            peer.send(sa.seal(Exchange.INFORMATIONAL, [], **lie))
    fresh = peer.connect()
    assert peer.is_alive(fresh) and peer.echo(fresh.children[0])


SUITES = {31: "aes128gcm16-prfsha256-x25519", 19: "aes128gcm16-prfsha256-ecp256",
          14: "aes128gcm16-prfsha256-modp2048"}
PRIME = ikesuite.modp_prime(2048)
WRONG_VALUES = {
    "X25519 zero": (31, bytes(32)), "X25519 one": (31, b"\1" + bytes(31)), "P-256 zero": (19, bytes(64)),
    "P-256 beyond the field": (19, b"\xff" * 64), "P-256 off the curve": (19, bytes(63) + b"\1"),
    "MODP zero": (14, bytes(256)), "MODP one": (14, bytes(255) + b"\1"),
    "MODP p-1": (14, (PRIME - 1).to_bytes(256, "big")), "MODP p": (14, PRIME.to_bytes(256, "big")),
    "MODP beyond p": (14, b"\xff" * 256)}
WRONG_LENGTHS = {"X25519 31": (31, bytes(31)), "X25519 33": (31, bytes(33)), "X25519 0": (31, b""),
                 "P-256 63": (19, bytes(63)), "MODP 255": (14, bytes(255))}


@pytest.mark.parametrize("wrong", WRONG_VALUES)
def test_a_public_value_that_is_none_makes_no_ike_sa(town, peer, counted, wrong):
    """KN3. It is refused with the first message, or nothing that is sealed with a secret of it is taken."""
    peer.ike = SUITES[WRONG_VALUES[wrong][0]]
    with counted("ike_key_exchange_failed"), contextlib.suppress(ValueError):
        sa = peer.init(timeout=1, key=WRONG_VALUES[wrong])
        peer.request(sa, Exchange.IKE_AUTH, peer.auth_payloads(sa, ["10.0.1.0/24"], ["10.0.0.0/24"], b"\1\2\3\4"), 1)
        raise AssertionError("it was answered")
    assert town.warren.connection(peer.customer, peer.name).ike_sas == []
    assert peer.echo(peer.connect().children[0])


@pytest.mark.parametrize("wrong", WRONG_LENGTHS)
def test_a_public_value_of_another_length_is_refused(peer, wrong):
    peer.ike = SUITES[WRONG_LENGTHS[wrong][0]]
    with pytest.raises(ValueError):
        peer.init(timeout=1, key=WRONG_LENGTHS[wrong])
    assert peer.echo(peer.connect().children[0])


@pytest.mark.parametrize("size", [0, 1, 15, 257, 1000])
def test_a_nonce_of_a_wrong_length_is_refused(peer, size):
    with pytest.raises(ValueError):
        peer.init(timeout=1, nonce=os.urandom(size))
    assert peer.echo(peer.connect().children[0])


def test_auth_proves_the_first_message_as_it_was_on_the_wire(peer):
    sa = peer.init()
    sa.first[0] = rawpeer.flip(sa.first[0], 8 * len(sa.first[0]) - 1)
    with pytest.raises(Refused) as refused:
        peer.authenticate(sa, ["10.0.1.0/24"], ["10.0.0.0/24"])
    assert refused.value.notifies == [Notify.AUTHENTICATION_FAILED]


# --- of strangers -----------------------------------------------------------------------------------------------------


def heard(sock, patience=1.0):
    """What arrives at the socket."""
    out = []
    sock.settimeout(patience)
    try:
        while True:
            out.append(sock.recv(65535))
    except TimeoutError:
        return out


def answers(sock, patience=1.0):
    """What arrives at the socket, but for one word that an SPI is unknown here (KL9: once a source and minute)."""
    out = heard(sock, patience)
    words = [one for one in out if one[:4] == MARKER and Notify.INVALID_SPI in [
        told.kind for told in ikewire.notifications(ikewire.parse_payloads(one[20], one[4 + ikewire.HEADER:]))]]
    assert len(words) <= 1
    return [one for one in out if one not in words]


@pytest.mark.parametrize("port", [IKE_PORT, NAT_PORT])
def test_short_datagrams_get_no_answer(graz, stranger, port):
    """Whatever their first word says they are: IKE, a reserved SPI, ESP, a keepalive, WireGuard."""
    for size in range(65):
        for first in (MARKER, b"\0\0\0\1", b"\0\0\0\xff", b"\0\0\1\0", b"\xff", b"\1\0\0\0", b"\x7f\1\2\3"):
            stranger.sendto((first + bytes(64))[:size], (HUB4, port))
    assert answers(stranger) == []
    assert graz.ping()


def first_message(peer, **header):
    """An IKE_SA_INIT request, with other fields in its header."""
    return ikewire.edited(peer.first_request(), **header)


def test_a_later_major_version_is_told_ours(peer, stranger):
    stranger.sendto(first_message(peer, version=0x30), (HUB4, IKE_PORT))
    answer, = heard(stranger)
    header = ikewire.parse_header(answer)
    assert header.response and header.version == 0x20
    told, = ikewire.notifications(ikewire.parse_payloads(header.first, answer[ikewire.HEADER:]))
    assert told.kind == Notify.INVALID_MAJOR_VERSION


def test_a_later_minor_version_is_taken(peer, stranger):
    stranger.sendto(first_message(peer, version=0x2F), (HUB4, IKE_PORT))
    answer, = heard(stranger)
    assert ikewire.has(ikewire.parse_payloads(answer[16], answer[ikewire.HEADER:]), Kind.SA)


@pytest.mark.parametrize("wrong", [
    {"version": 0x10}, {"version": 0x1F}, {"spi_i": bytes(8)}, {"spi_r": b"responde"}, {"flags": 0x28}, {"flags": 0},
    {"message_id": 1}, {"length": 27}, {"length": 0xFFFFFFFF}, {"exchange": Exchange.IKE_AUTH},
    {"exchange": Exchange.INFORMATIONAL}, {"exchange": 33}], ids=str)
def test_a_first_message_with_a_wrong_header_gets_no_answer(graz, peer, stranger, wrong):
    stranger.sendto(first_message(peer, **wrong), (HUB4, IKE_PORT))
    assert [answer for answer in heard(stranger) if ikewire.has(ikewire.parse_payloads(
        answer[16], answer[ikewire.HEADER:]), Kind.SA)] == []
    assert graz.ping()


def test_an_offer_without_anything_that_we_take_is_refused_and_counted(peer, counted):
    peer.ike = "aes128-sha1-modp1024"
    with counted("ike_no_proposal"), pytest.raises(Refused) as refused:
        peer.init()
    assert refused.value.notifies == [Notify.NO_PROPOSAL_CHOSEN]


def test_an_unknown_critical_payload_in_the_first_message_is_named(peer):
    with pytest.raises(Refused) as refused:
        peer.init(more=[critical(200)])
    assert refused.value.notifies == [Notify.UNSUPPORTED_CRITICAL_PAYLOAD]


def test_wireguard_and_ike_do_not_answer_at_each_others_port(town, graz, peer, stranger):
    raw, _ = town.raw_peer("elsewhere")
    for port in (IKE_PORT, NAT_PORT):
        raw.sock.sendto(raw.initiation().message, (HUB4, port))
        raw.sock.sendto(MARKER + raw.initiation().message, (HUB4, port))
    stranger.sendto(first_message(peer), (HUB4, PORT))
    assert answers(raw.sock) == [] and answers(stranger) == []
    assert graz.ping()


def test_a_message_with_a_live_ike_sas_spis_at_the_wrong_port(live):
    """IKE with the marker at 500, IKE without it at 4500: neither is a message of the IKE_SA."""
    peer, sa = live
    message = sa.seal(Exchange.INFORMATIONAL, [ikewire.delete(ikewire.IKE)])
    peer.sockets[IKE_PORT].sendto(MARKER + message, (HUB4, IKE_PORT))
    peer.sockets[NAT_PORT].sendto(message, (HUB4, NAT_PORT))
    assert is_unharmed(peer, sa)


def test_keepalives_get_no_answer_and_move_nothing(live, stranger):
    peer, sa = live
    for sock in (stranger, peer.sockets[NAT_PORT]):
        sock.sendto(b"\xff", (HUB4, NAT_PORT))
    assert heard(stranger) == [] and is_unharmed(peer, sa)
