"""Exchanges with a scripted peer: the first ones with their detours, what repeats, selectors, children, deletes."""

import dataclasses
import time

import pytest

from tests.lab import ikewire, inner, netlab
from tests.lab.ikepeer import Refused
from tests.lab.ikesockets import IKE_PORT
from tests.lab.ikewire import ESP, Exchange, Kind, Notify, Selector
from tests.lab.town import HUB4

TSI, TSR = ["10.0.1.0/24"], ["10.0.0.0/24"]
HALF_OPEN_OF_PREFIX = 16  # before a cookie is asked for


def texts(selectors):
    return [one.text() for one in selectors]


# --- IKE_SA_INIT ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suite", [
    "aes128gcm16-prfsha256-x25519", "aes256gcm16-prfsha384-ecp384", "chacha20poly1305-prfsha512-ecp256",
    "aes256-sha256-modp2048", "aes256-sha384-ecp521", "aes256-sha512-modp3072"])
def test_the_suites_that_are_taken_by_default(peer, suite):
    peer.ike = suite
    sa = peer.connect()
    assert peer.obeyed == [] and peer.is_alive(sa) and peer.echo(sa.children[0])


def test_our_own_order_decides_and_another_group_is_asked_for_without_state(town, peer):
    peer.ike = "aes128gcm16-prfsha256-modp2048-x25519"
    sa = peer.connect()
    assert peer.obeyed == [Notify.INVALID_KE_PAYLOAD] and sa.suite.group == 31
    assert peer.echo(sa.children[0])
    assert len(town.warren.connection(peer.customer, peer.name).ike_sas) == 1


def test_a_stock_site_is_led_to_our_group(town, join, site):
    id_ = town.new_id("acme")
    graz = site(id_, proposals="aes128gcm16-prfsha256-modp2048-x25519")
    join(id_, [graz])
    graz.connect()
    assert "peer didn't accept DH group MODP_2048, it requested CURVE_25519" in graz.charon.log()
    assert graz.sa().suite.endswith("/CURVE_25519")


def test_offers_with_unknown_things_and_duplicates_are_read(peer):
    """KN1: unknown transforms, attributes and proposals are passed over; the answer has our number of the right one."""
    sa = peer.new_sa()
    request = peer.init_request(sa, exchange := peer.key_exchange())
    good = ikewire.parse_sa(ikewire.of_kind(ikewire.parse_payloads(Kind.SA, request[ikewire.HEADER:]), Kind.SA).body)[0]
    strange = [(1, 4711, 128), (2, 4711, None), (4, 4711, None), (99, 1, None)]
    offers = [ikewire.Proposal(1, ikewire.IKE, b"", strange),
              ikewire.Proposal(2, ikewire.IKE, b"", [*good.transforms, *strange[:3], *good.transforms])]
    payloads = [ikewire.sa(offers), *ikewire.parse_payloads(Kind.SA, request[ikewire.HEADER:])[1:]]
    answer = peer.ask_init(sa, payloads)
    chosen, = ikewire.parse_sa(answer.of(Kind.SA))
    assert chosen.number == 2 and sorted(chosen.transforms) == sorted(good.transforms)
    assert ikewire.parse_ke(answer.of(Kind.KE))[0] == exchange.number


def test_the_same_first_message_gets_the_same_answer(peer):
    request = peer.first_request()
    answers = []
    for _ in range(3):
        time.sleep(0.25)  # what is repeated faster is not answered
        peer.send(request, floated=False)
        answers.append(peer.next(lambda one: one.kind == "ike").data)
    assert len(set(answers)) == 1


def test_nat_detection_says_that_there_is_one_so_that_every_peer_encapsulates(peer):
    """KM1: encapsulation = "always". Our own address and port do not match what we say they are; the peer's do."""
    sa = peer.init()
    answer = ikewire.parse_payloads(sa.first[1][16], sa.first[1][ikewire.HEADER:])
    right = {one.kind: one.data for one in ikewire.notifications(peer.nat_detection(sa, floated=False))}
    theirs = ikewire.notified(answer, Notify.NAT_DETECTION_DESTINATION_IP).data  # of us: our source
    assert theirs == right[Notify.NAT_DETECTION_SOURCE_IP]
    lie = ikewire.notified(answer, Notify.NAT_DETECTION_SOURCE_IP).data
    assert len(lie) == 20 and lie != right[Notify.NAT_DETECTION_DESTINATION_IP]


def test_many_half_open_ike_sas_of_one_place_cost_a_cookie(peer, counted):
    """KD2, KD3: no state is kept for the question, the answer is not larger, and who has the cookie comes in."""
    for _ in range(HALF_OPEN_OF_PREFIX):
        peer.init()
        assert peer.obeyed == []
    with counted("ike_cookie_required"):
        question = peer.first_request()
        peer.send(question, floated=False)
        answer = peer.next(lambda one: one.kind == "ike").data
    header = ikewire.parse_header(answer)
    cookie, = ikewire.notifications(ikewire.parse_payloads(header.first, answer[ikewire.HEADER:]))
    assert cookie.kind == Notify.COOKIE and 1 <= len(cookie.data) <= 64
    assert header.spi_r == bytes(8) and len(answer) <= len(question)
    sa = peer.connect()
    assert peer.obeyed == [Notify.COOKIE] and peer.echo(sa.children[0])


def test_a_cookie_is_good_only_for_its_own_question(town, peer, counted):
    for _ in range(HALF_OPEN_OF_PREFIX):
        peer.init()
    for wrong in (b"no", bytes(32), b"x" * 64):
        with counted("ike_cookie_wrong"):
            peer.init(cookie=wrong)
        assert peer.obeyed == [Notify.COOKIE]
    sa = peer.new_sa()
    cookie = peer.ask_cookie(sa)
    other = peer.new_sa()  # another SPI, another nonce
    with counted("ike_cookie_wrong"):
        assert peer.ask_cookie(other, cookie) != cookie
    elsewhere = town.place("elsewhere")
    with elsewhere.ns.socket() as sock:  # another address, which has no need of one
        sock.bind((elsewhere.ipv4, 0))
        sock.settimeout(5)
        sock.sendto(peer.init_request(sa, peer.key_exchange(), cookie=cookie), (HUB4, IKE_PORT))
        assert sock.recv(65535)[18] == Exchange.IKE_SA_INIT


def test_invalid_ke_and_a_cookie_for_the_same_peer(peer):
    for _ in range(HALF_OPEN_OF_PREFIX):
        peer.init()
    peer.ike = "aes128gcm16-prfsha256-modp2048-x25519"
    sa = peer.connect()
    assert sorted(peer.obeyed) == [Notify.INVALID_KE_PAYLOAD, Notify.COOKIE]
    assert peer.echo(sa.children[0])


# --- what repeats -----------------------------------------------------------------------------------------------------


def repeated(peer, sa, exchange, payloads, times=4):
    """Sends the same request several times; the different answers, as datagrams."""
    request = sa.seal(exchange, payloads)
    answers = []
    for _ in range(times):
        peer.send(request)
        answers.append(peer.next(lambda one: one.kind == "ike" and one.data[8:16] == sa.spi_r).data)
    sa.next_id += 1
    assert all(sa.open(answer).id == sa.next_id - 1 for answer in answers)
    return set(answers)


def test_a_repeated_ike_auth_makes_one_ike_sa_and_gets_the_same_bytes(town, peer):
    sa = peer.init()
    payloads = peer.auth_payloads(sa, TSI, TSR, b"\1\2\3\4")
    assert len(repeated(peer, sa, Exchange.IKE_AUTH, payloads)) == 1
    shown, = town.warren.connection(peer.customer, peer.name).ike_sas
    assert shown.responder_spi == sa.spi_r.hex() and len(shown.children) == 1


def test_a_repeated_request_for_a_child_makes_one_child(town, peer):
    sa = peer.connect()
    payloads = [peer.child_offer(b"\1\2\3\4"), ikewire.nonce(bytes(32)), ikewire.ts(Kind.TSI, TSI),
                ikewire.ts(Kind.TSR, TSR)]
    assert len(repeated(peer, sa, Exchange.CREATE_CHILD_SA, payloads)) == 1
    shown, = town.warren.connection(peer.customer, peer.name).ike_sas
    assert sorted(child.spi_out for child in shown.children) == sorted(
        ["01020304", sa.children[0].local_spi.hex()])


def test_a_repeated_delete_is_answered_the_same(peer):
    sa = peer.connect()
    assert len(repeated(peer, sa, Exchange.INFORMATIONAL, [ikewire.delete(ESP, [sa.children[0].local_spi])])) == 1
    assert peer.is_alive(sa)


def test_the_answer_to_the_last_delete_is_repeated_when_the_ike_sa_is_gone(peer):
    sa = peer.connect()
    assert len(repeated(peer, sa, Exchange.INFORMATIONAL, [ikewire.delete(ikewire.IKE)])) == 1


def test_only_the_last_answer_is_repeated(peer, counted):
    sa = peer.connect()
    first = sa.seal(Exchange.INFORMATIONAL, [])
    assert peer.is_alive(sa) and peer.is_alive(sa)
    with counted("ike_message_id"):
        peer.send(first)
    assert peer.message(sa, 1) is None and peer.is_alive(sa)


def test_the_ike_sa_stays_where_it_is_when_a_repeated_request_comes_from_elsewhere(peer, stranger):
    """The answer goes to who asked; nothing else goes there."""
    sa = peer.connect()
    request = sa.seal(Exchange.INFORMATIONAL, [])
    assert peer.is_alive(sa)
    stranger.settimeout(2)
    peer.send(request, via=stranger)
    ping = peer.stack.start("ping", "-c", 1, "-W", 2, "10.0.1.9")
    assert peer.receive_inner(sa.children[0])
    ping.kill()


# --- selectors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", [
    (["0.0.0.0/0"], ["0.0.0.0/0"]), (["10.0.0.0/8"], ["10.0.0.0/8"]), (["10.0.1.0/24", "10.9.0.0/16"], ["0.0.0.0/0"]),
    (["0.0.0.0/0", "::/0"], ["0.0.0.0/0", "::/0"])], ids=str)
def test_wide_selectors_are_narrowed_to_the_configured_ones(peer, asked):
    child, = peer.connect(*asked).children
    assert (texts(child.local), texts(child.remote)) == (TSI, TSR)
    assert peer.echo(child)


def test_narrow_selectors_are_taken_as_they_are(peer, counted):
    child, = peer.connect(["10.0.1.8/30"], ["10.0.0.0/28"]).children
    assert (texts(child.local), texts(child.remote)) == (["10.0.1.8/30"], ["10.0.0.0/28"])
    assert peer.echo(child)
    with counted("selector_mismatch"):
        peer.send_inner(child, inner.echo_request("10.0.1.13", "10.0.0.1"))


def test_a_protocol_and_a_port_are_kept(peer):
    udp = [Selector("10.0.1.0", "10.0.1.255", 17)], [Selector("10.0.0.0", "10.0.0.255", 17, (53, 53))]
    child, = peer.connect(*udp).children
    assert [(one.text(), one.protocol, one.ports) for one in child.remote] == [("10.0.0.0/24", 17, (53, 53))]


def test_selectors_that_do_not_meet_ours_are_refused_and_the_ike_sa_stays(town, peer, counted):
    sa = peer.init()
    with counted("ike_ts_unacceptable"):
        answer = peer.authenticate(sa, ["10.7.0.0/16"], ["10.8.0.0/16"])
    assert Notify.TS_UNACCEPTABLE in answer.notifies() and not answer.has(Kind.SA)
    assert peer.is_alive(sa)
    assert town.warren.connection(peer.customer, peer.name).state == "connecting"
    child = peer.create_child(sa, TSI, TSR)
    assert peer.echo(child)
    assert town.warren.connection(peer.customer, peer.name).state == "up"


@pytest.mark.slow
def test_an_ike_sa_that_stays_without_a_child_is_deleted(peer):
    sa = peer.init()
    peer.authenticate(sa, ["10.7.0.0/16"], ["10.8.0.0/16"])
    message = peer.message(sa, 45)
    assert ikewire.parse_delete(message.of(Kind.DELETE)) == (ikewire.IKE, [])
    peer.serve(sa, message)
    assert not peer.is_alive(sa, 1)


def test_an_esp_suite_that_is_not_ours_is_refused_and_the_ike_sa_stays(peer):
    peer.esp = "aes128-sha1"
    sa = peer.init()
    answer = peer.authenticate(sa, TSI, TSR)
    assert Notify.NO_PROPOSAL_CHOSEN in answer.notifies() and peer.is_alive(sa)


# --- children ---------------------------------------------------------------------------------------------------------


def test_a_second_child_with_the_same_selectors_is_taken_and_the_newest_sends(peer):
    """KS4: FortiGate makes such duplicates."""
    sa = peer.connect()
    first, = sa.children
    second = peer.create_child(sa, TSI, TSR)
    assert peer.echo(second)
    assert peer.echo(first, answers_on=second)


def test_a_deleted_child_is_named_by_our_spi_and_carries_nothing_more(peer, counted):
    sa = peer.connect()
    child, = sa.children
    assert peer.delete_child(sa, child) == [child.remote_spi]
    with counted("spi_unknown"):
        peer.send_inner(child, inner.echo_request("10.0.1.9", "10.0.0.1"))
    new = peer.create_child(sa, TSI, TSR)
    assert peer.echo(new)


def test_a_delete_of_a_child_that_is_not_there_is_answered_without_a_word(peer):
    sa = peer.connect()
    assert peer.probe(sa, [ikewire.delete(ESP, [b"gone"])]).payloads == []
    assert peer.probe(sa, [ikewire.delete(ESP, [b"gone", sa.children[0].local_spi])]).has(Kind.DELETE)


def test_a_rekey_of_a_child_that_is_not_there_names_it(peer, counted):
    """The stock daemon leaves the SPI out (tests/lab/test_charon_faults.py)."""
    sa = peer.connect()
    with counted("ike_child_not_found"), pytest.raises(Refused) as refused:
        peer.create_child(sa, rekeys=dataclasses.replace(sa.children[0], local_spi=b"gone"))
    answer, = ikewire.notifications(refused.value.message.payloads)
    assert (answer.kind, answer.protocol, answer.spi) == (Notify.CHILD_SA_NOT_FOUND, ESP, b"gone")
    assert peer.is_alive(sa)


def test_the_children_of_one_ike_sa_have_a_bound(town, peer, counted):
    sa = peer.connect()
    with counted("ike_children_full"), pytest.raises(Refused) as refused:
        for _ in range(64):
            peer.create_child(sa, TSI, TSR)
    assert refused.value.notifies == [Notify.NO_ADDITIONAL_SAS]
    assert peer.is_alive(sa) and peer.echo(sa.children[-1])


def test_spis_are_random_and_never_small(peer):
    sa = peer.connect()
    spis = [int.from_bytes(peer.create_child(sa, TSI, TSR).remote_spi, "big") for _ in range(4)]
    spis += [int.from_bytes(peer.connect().children[0].remote_spi, "big") for _ in range(4)]
    assert len(set(spis)) == 8 and min(spis) >= 256
    assert max(spis) - min(spis) > 1 << 16


def test_delete_of_the_ike_sa_takes_its_children_along(town, peer, counted):
    sa = peer.connect()
    child, = sa.children
    assert peer.delete_ike(sa).payloads == []
    assert town.warren.connection(peer.customer, peer.name).ike_sas == []
    with counted("spi_unknown"):
        peer.send_inner(child, inner.echo_request("10.0.1.9", "10.0.0.1"))
    assert peer.echo(peer.connect().children[0])


def test_a_delete_of_ours_waits_for_the_peers_answer_and_is_repeated(town, peer):
    """The same bytes again, until the peer answers."""
    sa = peer.connect()
    town.warren.ctl("ipsec", peer.customer, peer.name, "terminate")
    copies = [peer.next(lambda one: one.kind == "ike" and sa.is_for_us(one.data), 10) for _ in range(3)]
    assert len({copy.data for copy in copies}) == 1
    message = sa.open(copies[0].data)
    assert ikewire.parse_delete(message.of(Kind.DELETE)) == (ikewire.IKE, [])
    message.datagram = copies[0]
    peer.serve(sa, message)
    netlab.wait_until(lambda: town.warren.connection(peer.customer, peer.name).ike_sas == [], 5)
