"""Whether the other end is there: dead peer detection, what is said about SAs that we do not know, a vpnd that has lost
its own, and configurations that change."""

import dataclasses
import os
import signal

import pytest

from tests.lab import ikefaults, ikewire, inner, netlab, sites
from tests.lab.ikepeer import Refused
from tests.lab.ikewire import IKE, Exchange, Kind, Notify
from tests.lab.sites import SITE

TSI, TSR = ["10.0.1.0/24"], ["10.0.0.0/24"]
GIVES_UP = 75  # seconds: requests at 0, 1, 3, 7, 15, 31, 47, 63
QUICK = {"retransmit_timeout": 0.5, "retransmit_tries": 2, "retransmit_base": 1}  # of charon


@pytest.fixture
def short(town, join, scripted):
    """A scripted peer of a connection with the shortest dpd, connected: (peer, IKE_SA)."""
    id_ = town.new_id("acme")
    peer, entry = scripted(id_, entry={"dpd": "5 s"})
    join(id_, [entry])
    return peer, peer.connect()


def is_probe(message):
    return message is not None and not message.response and (
        message.exchange, message.payloads) == (Exchange.INFORMATIONAL, [])


# --- dead peer detection ----------------------------------------------------------------------------------------------


def test_a_silent_peer_is_asked_and_its_answer_is_enough(town, short):
    peer, sa = short
    for message_id in range(2):
        message = peer.message(sa, 15)
        assert is_probe(message) and message.id == message_id
        peer.serve(sa, message)
    assert town.warren.connection(peer.customer, peer.name).state == "up"


def test_a_peer_that_sends_packets_is_not_asked(short):
    peer, sa = short
    for _ in range(16):
        peer.send_inner(sa.children[0], inner.echo_request("10.0.1.9", "10.0.0.1"))
        assert peer.message(sa, 0.5) is None


def test_we_answer_a_stock_site_that_asks(town, join, site):
    id_ = town.new_id("acme")
    graz = site(id_, dpd_delay=1, settings=QUICK)
    join(id_, [graz])
    graz.connect()
    netlab.wait_until(lambda: graz.charon.log().count("parsed INFORMATIONAL response") >= 3, 10)
    assert graz.ping() and len(graz.charon.sas()) == 1


@pytest.mark.slow
def test_a_dead_peer_is_given_up_after_the_same_request_in_growing_steps(town, short, counted):
    """KL2. The event says at which request; the counter and the view say that it is gone."""
    peer, sa = short
    with counted("ike_peer_silent"):
        copies = []
        netlab.wait_until(lambda: copies.extend(one.data for one in peer.drain() if one.kind == "ike") or
                          town.warren.connection(peer.customer, peer.name).ike_sas == [], 5 + GIVES_UP, every=0.2)
    assert len(set(copies)) == 1 and 5 <= len(copies) <= 10
    shown = town.warren.connection(peer.customer, peer.name)
    assert shown.state == "down" and "answer" in shown.reason
    assert peer.echo(peer.connect().children[0])


@pytest.mark.slow
def test_a_stock_site_that_dies_is_given_up_and_comes_back(town, join, site):
    id_ = town.new_id("acme")
    graz = site(id_, entry={"dpd": "5 s"})
    join(id_, [graz])
    graz.connect()
    graz.charon.kill()
    netlab.wait_until(lambda: town.warren.connection(id_, "graz").ike_sas == [], 10 + GIVES_UP, every=0.5)
    graz.charon.start()
    graz.connect()


def test_a_site_that_died_and_comes_back_at_once_replaces_itself(town, graz):
    """INITIAL_CONTACT: nobody waits for dead peer detection."""
    old = graz.sa().spis
    graz.charon.kill()
    graz.charon.start()
    graz.connect()
    shown, = town.warren.connection(graz.customer, "graz").ike_sas
    assert (int(shown.initiator_spi, 16), int(shown.responder_spi, 16)) == graz.sa().spis != old


# --- SAs that somebody does not know ----------------------------------------------------------------------------------


def unprotected_response(sa, kind):
    """What an end that lost the IKE_SA would say, and anybody can forge."""
    return ikewire.message(sa.spi_i, sa.spi_r, Exchange.INFORMATIONAL, sa.flags(True), 0, [ikewire.notify(kind)])


@pytest.mark.parametrize("kind", [Notify.INVALID_IKE_SPI, Notify.INVALID_SPI, Notify.AUTHENTICATION_FAILED])
def test_a_forged_word_that_the_peer_lost_its_sa_asks_the_peer_once_at_most(peer, stranger, kind):
    """KL7."""
    sa = peer.connect()
    probes = 0
    for via in (stranger, None, stranger, None):
        peer.send(unprotected_response(sa, kind), via=via)
        message = peer.message(sa, 1)
        if message is not None:
            assert is_probe(message)
            peer.serve(sa, message)
            probes += 1
    assert probes <= 1
    assert peer.is_alive(sa) and peer.echo(sa.children[0])


def told_unprotected(peer, patience=2.0):
    """The notification in the next message that is not protected, with its header; None if there is none."""
    got = peer.next(lambda one: one.kind == "ike" and one.data[16] != Kind.SK, patience)
    if got is None:
        return None
    header = ikewire.parse_header(got.data)
    told, = ikewire.notifications(ikewire.parse_payloads(header.first, got.data[ikewire.HEADER:]))
    return header, told


def test_a_request_for_an_ike_sa_that_is_not_there_is_told_so_once_a_minute(peer):
    sa = peer.connect()
    peer.delete_ike(sa)
    unknown = dataclasses.replace(sa, spi_r=os.urandom(8))
    peer.send(unknown.seal(Exchange.INFORMATIONAL, [], message_id=7))
    header, told = told_unprotected(peer)
    assert told.kind == Notify.INVALID_IKE_SPI
    assert (header.spi_i, header.spi_r, header.message_id, header.response) == (unknown.spi_i, unknown.spi_r, 7, True)
    assert header.exchange == Exchange.INFORMATIONAL
    for _ in range(20):
        peer.send(unknown.seal(Exchange.INFORMATIONAL, [], message_id=7))
    assert told_unprotected(peer, 1) is None


def test_a_response_for_an_ike_sa_that_is_not_there_gets_no_answer(peer):
    """Or two ends that lost theirs would talk for ever."""
    peer.connect()
    peer.send(unprotected_response(ikefaults.example(), Notify.INVALID_IKE_SPI))
    assert told_unprotected(peer, 1) is None


# --- a vpnd that has lost its SAs -------------------------------------------------------------------------------------


def lose_sas(town):
    """Ends vpnd with SIGKILL, the successor too, and the next: after two quick deaths nothing of theirs goes on."""
    for _ in range(3):
        vpnd = town.warren.vpnd()
        os.kill(vpnd, signal.SIGKILL)
        netlab.wait_until(lambda: vpnd not in town.warren.children("vpnd") and town.warren.children("vpnd") and
                          town.warren.ctl("status", check=False).returncode == 0, 15, "the next vpnd serves")


def test_stock_sites_find_out_that_their_sas_are_gone_and_come_back(town, join, site):
    """Two customers with the same addresses: each comes back to its own."""
    names = [town.new_id("acme"), town.new_id("globex")]
    made = {name: site(name, dpd_delay=1, settings=QUICK) for name in names}
    for one in made.values():
        one.charon.connections[0].children[0].more |= {"dpd_action": "start", "close_action": "start"}
        one.charon.load()
    for name, one in made.items():
        join(name, [one])
        one.connect()
    before = {name: one.sa().spis for name, one in made.items()}
    lose_sas(town)
    for name, one in made.items():
        netlab.wait_until(lambda: one.ping(timeout=1) and town.warren.stack(name).ping(SITE, timeout=1), 15,
                          f"{name} is back")
        assert one.sa().spis != before[name]


def test_a_peer_is_told_that_its_sas_are_gone(town, join, scripted):
    """KL9, so that it need not wait for its own timers; once a source and minute, for either kind of SA."""
    acme = town.new_id("acme")
    (one, first), (two, second) = scripted(acme, "one"), scripted(acme, "two")
    second.children[0].remote = ["10.0.2.0/24"]
    join(acme, [first, second])
    lost = {one: one.connect(TSI, TSR), two: two.connect(["10.0.2.0/24"], TSR)}
    lose_sas(town)
    one.send(lost[one].seal(Exchange.INFORMATIONAL, []))
    header, told = told_unprotected(one)
    assert told.kind == Notify.INVALID_IKE_SPI and header.message_id == lost[one].next_id
    two.send_inner(lost[two].children[0], inner.echo_request("10.0.2.9", "10.0.0.1"))
    header, told = told_unprotected(two)
    assert told.kind == Notify.INVALID_SPI and told.data == lost[two].children[0].remote_spi
    assert header.exchange == Exchange.INFORMATIONAL and not header.response
    for peer in (one, two):
        for _ in range(10):
            peer.send(lost[peer].seal(Exchange.INFORMATIONAL, []))
            peer.send_inner(lost[peer].children[0], inner.echo_request("10.0.1.9", "10.0.0.1"))
        assert told_unprotected(peer, 1) is None
    assert one.echo(one.connect(TSI, TSR).children[0])


# --- another configuration --------------------------------------------------------------------------------------------


@pytest.mark.losses
def test_a_change_of_one_customer_or_connection_leaves_the_others_alone(town, graz, join, scripted):
    spis, stream = graz.sa().spis, graz.pinging()
    other = town.new_id("globex")
    peer, entry = scripted(other)
    changed = join(other, [entry])
    mine = town.warren.customers[graz.customer]
    more, more_entry = scripted(graz.customer, "more")
    more_entry.children[0].remote = ["10.0.2.0/24"]
    mine.ipsec.connections.append(more_entry)
    town.warren.put(mine)
    changed.ipsec.connections[0].more["child_rekey"] = "30 min"
    town.warren.put(changed)
    assert more.connect(["10.0.2.0/24"], TSR).children
    town.warren.remove(other)
    assert stream.lost() == 0
    assert graz.sa().spis == spis


def test_another_key_ends_the_ike_sa_that_was_made_with_the_old_one(town, peer):
    """KL10."""
    sa = peer.connect()
    mine = town.warren.customers[peer.customer]
    mine.ipsec.connections[0].psk = sites.new_key()
    town.warren.put(mine)
    message = peer.message(sa)
    assert ikewire.parse_delete(message.of(Kind.DELETE)) == (IKE, [])
    peer.serve(sa, message)
    with pytest.raises(Refused):
        peer.connect()
    peer.psk = mine.ipsec.connections[0].psk.encode()
    assert peer.echo(peer.connect().children[0])


@pytest.mark.parametrize("change", ["identity", "disabled", "removed", "suspended"])
def test_a_connection_that_is_no_more_is_deleted_and_refused(town, peer, change):
    sa = peer.connect()
    mine = town.warren.customers[peer.customer]
    if change == "identity":
        mine.ipsec.connections[0].remote_identity = "somebody@else.example"
    elif change == "disabled":
        mine.ipsec.connections[0].enabled = False
    elif change == "suspended":
        mine.state = "suspended"
    else:
        mine.ipsec.connections.clear()
    town.warren.put(mine)
    message = peer.message(sa)
    assert ikewire.parse_delete(message.of(Kind.DELETE)) == (IKE, [])
    peer.serve(sa, message)
    with pytest.raises(Refused) as refused:
        peer.connect()
    assert refused.value.notifies == [Notify.AUTHENTICATION_FAILED]


def test_an_identity_that_moves_to_another_customer_takes_its_peers_along(town, join, scripted):
    old, new = town.new_id("old"), town.new_id("new")
    peer, entry = scripted(old)
    first = join(old, [entry])
    sa = peer.connect()
    first.ipsec.identity = "retired.vpn.example.net"
    town.warren.put(first)
    second = join(new, [entry])
    second.ipsec.identity = peer.remote_id
    town.warren.put(second)
    message = peer.message(sa)
    assert message.has(Kind.DELETE)
    peer.serve(sa, message)
    fresh = peer.connect()
    mark = b"moved to " + new.encode()
    peer.send_inner(fresh.children[0], inner.echo_request("10.0.1.9", "10.0.0.1", mark))
    assert mark in peer.receive_inner(fresh.children[0])
    assert town.warren.connection(new, peer.name).state == "up" != town.warren.connection(old, peer.name).state
