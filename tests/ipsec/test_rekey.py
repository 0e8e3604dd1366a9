"""Rekeys of children and of IKE_SAs, from either side, while packets flow: none is lost, none of the old keys is used
longer than the standard has it, and two rekeys at once end in one child."""

import os

import pytest

from tests.lab import ikesuite, ikewire, inner, netlab
from tests.lab.esp import ChildSa
from tests.lab.ikeanswers import new_spi
from tests.lab.ikepeer import Refused
from tests.lab.ikewire import ESP, IKE, Exchange, Kind, Notify
from tests.lab.sites import SCRIPTED, SITE
from tests.lab.town import STACK4, Pinging

ROUNDS = 3


def keys_of(site, what):
    """What names the keys in use, as the site sees them; None while there is more or less than one of them."""
    sas = [sa for sa in site.charon.sas() if sa.state == "ESTABLISHED"]
    if len(sas) != 1:
        return None
    installed = [child.spi_in for child in sas[0].children if child.state == "INSTALLED"]
    return sas[0].spis if what == "ike" else installed[0] if len(installed) == 1 else None


# --- stock sites ------------------------------------------------------------------------------------------------------


@pytest.mark.losses
@pytest.mark.parametrize("what", ["child", "ike"])
def test_a_site_rekeys_under_pings_and_loses_none(town, graz, what):
    pings = [graz.pinging(), Pinging(graz.stack, SITE)]
    for _ in range(ROUNDS):
        before = keys_of(graz, what)
        graz.charon.rekey(**{what: {"child": "lan", "ike": "hub"}[what]})
        netlab.wait_until(lambda: keys_of(graz, what) not in (None, before), 5, "new keys")
    assert [stream.lost() for stream in pings] == [0, 0]
    shown, = town.warren.connection(graz.customer, "graz").ike_sas
    assert len([child for child in shown.children if not child.replaced]) == 1


@pytest.mark.losses
def test_packets_that_the_delete_overtakes_are_received(town, graz):
    """500 pings a second, so that some are on their way whenever a message of IKE is."""
    pings = [Pinging(graz.place.ns, STACK4, interval=0.002), Pinging(graz.stack, SITE, interval=0.002)]
    for _ in range(5 * ROUNDS):
        before = keys_of(graz, "child")
        graz.charon.rekey(child="lan")
        netlab.wait_until(lambda: keys_of(graz, "child") not in (None, before), 5, "new keys")
    assert [stream.lost() for stream in pings] == [0, 0]


@pytest.mark.losses
def test_we_rekey_under_pings_and_lose_none(town, graz):
    """Both at once: the operator's order is for the IKE_SA and its children."""
    pings = [graz.pinging(), Pinging(graz.stack, SITE)]
    for _ in range(ROUNDS):
        before = [keys_of(graz, what) for what in ("child", "ike")]
        town.warren.ctl("ipsec", graz.customer, "graz", "rekey")
        for what, old in zip(("child", "ike"), before):
            netlab.wait_until(lambda: keys_of(graz, what) not in (None, old), 5, f"new keys of the {what}")
    assert [stream.lost() for stream in pings] == [0, 0]
    assert len(graz.charon.sas()) == 1


@pytest.mark.losses
def test_both_sides_rekey_at_once_under_pings_and_lose_none(town, graz):
    """Collisions, as they happen: however they end, there is one IKE_SA with one child, and pings go on."""
    stream = graz.pinging()
    for _ in range(2 * ROUNDS):
        graz.charon.rekey(child="lan", check=False)
        town.warren.ctl("ipsec", graz.customer, "graz", "rekey", check=False)
        graz.charon.rekey(ike="hub", check=False)
        netlab.wait_until(lambda: keys_of(graz, "child") and keys_of(graz, "ike"), 10, "one of each is left")
    assert stream.lost() == 0


@pytest.mark.parametrize("esp", ["aes128gcm16-x25519", "aes128gcm16-ecp256", "aes128gcm16-modp2048"])
def test_a_site_rekeys_with_a_key_exchange_of_the_childs_own(town, join, site, esp):
    id_ = town.new_id("acme")
    graz = site(id_, esp=esp)
    join(id_, [graz])
    graz.connect()
    before = graz.child()
    graz.charon.rekey(child="lan")
    netlab.wait_until(lambda: graz.child().spi_in != before.spi_in and graz.child().group, 5)
    assert graz.ping() and town.warren.stack(id_).ping(SITE)


@pytest.mark.slow
@pytest.mark.losses
def test_lifetimes_make_us_rekey_under_pings_and_lose_none(town, join, site):
    """The shortest that can be configured, so about a minute each."""
    id_ = town.new_id("acme")
    graz = site(id_, entry={"child_rekey": "60 s", "ike_rekey": "100 s"})
    join(id_, [graz])
    graz.connect()
    shown, = town.warren.connection(id_, "graz").ike_sas
    assert 0 < shown.children[0].rekey_seconds <= 60 and 60 < shown.rekey_seconds <= 100
    stream, children, ike = graz.pinging(), set(), set()

    def all_came():
        for seen, what in ((children, "child"), (ike, "ike")):
            seen |= {keys_of(graz, what)} - {None}
        return len(children) >= 3 and len(ike) >= 2

    netlab.wait_until(all_came, 75, "two rekeys of the child and one of the IKE_SA", every=0.5)
    assert stream.lost() == 0


# --- a scripted peer --------------------------------------------------------------------------------------------------


@pytest.fixture
def live(peer):
    sa = peer.connect()
    assert peer.echo(sa.children[0])
    return peer, sa


def request_of_stack(peer, child, patience=10):
    """True if a ping from the stack comes on this child."""
    mark = os.urandom(8)
    ping = peer.stack.start("ping", "-c", 1, "-W", 5, "-p", mark.hex(), SCRIPTED)
    try:
        while (packet := peer.receive_inner(child, patience)) is not None:
            if mark in packet:
                return True
        return False
    finally:
        ping.kill()


def test_we_send_on_the_old_child_until_the_new_one_is_used(live):
    """KL4. The peer may not have installed the new one when our answer is on its way."""
    peer, sa = live
    old, = sa.children
    new = peer.create_child(sa, rekeys=old)
    assert request_of_stack(peer, old)
    assert peer.echo(new)  # and so its reply came on the new one
    assert request_of_stack(peer, new)
    assert peer.echo(old, answers_on=new)  # late packets of the old one are still taken
    assert peer.delete_child(sa, old) == [old.remote_spi]
    assert peer.echo(new)


def test_we_send_on_the_new_child_after_the_old_ones_delete(live):
    peer, sa = live
    old, = sa.children
    new = peer.create_child(sa, rekeys=old)
    peer.delete_child(sa, old)
    assert request_of_stack(peer, new)


def test_we_send_on_the_new_child_after_five_seconds_in_any_case(live):
    peer, sa = live
    new = peer.create_child(sa, rekeys=sa.children[0])
    netlab.wait_until(lambda: request_of_stack(peer, new, 0.5), 10, "the new child is used")


def test_new_keys_are_new_and_start_at_one(live):
    peer, sa = live
    old, = sa.children
    new = peer.rekey_child(sa, old)
    assert not {new.send_keys, new.receive_keys} & {old.send_keys, old.receive_keys}
    assert peer.echo(new) and new.received[0] == 1


def test_a_second_rekey_of_the_same_child_is_put_off(live, counted):
    """One that is replaced cannot be replaced again before it is deleted."""
    peer, sa = live
    old, = sa.children
    new = peer.create_child(sa, rekeys=old)
    with counted("ike_temporary_failure"), pytest.raises(Refused) as refused:
        peer.create_child(sa, rekeys=old)
    assert refused.value.notifies == [Notify.TEMPORARY_FAILURE]
    peer.delete_child(sa, old)
    assert peer.echo(new) and peer.echo(peer.rekey_child(sa, new))


def test_a_new_ike_sa_has_the_children_and_its_ids_start_at_zero(town, live):
    peer, sa = live
    new = peer.rekey_ike(sa)
    assert new.next_id == 0 and peer.probe(new).id == 0
    assert peer.echo(new.children[0])
    assert peer.echo(peer.rekey_child(new, new.children[0]))
    shown, = town.warren.connection(peer.customer, peer.name).ike_sas
    assert (shown.initiator_spi, shown.responder_spi) == (new.spi_i.hex(), new.spi_r.hex())
    again = peer.rekey_ike(new)
    assert peer.delete_child(again, again.children[0])


def test_the_old_ike_sa_answers_until_it_is_deleted(live):
    peer, sa = live
    new = peer.rekey_ike(sa, delete=False)
    assert peer.is_alive(sa) and peer.is_alive(new)
    assert peer.delete_ike(sa).payloads == []
    assert not peer.is_alive(sa, 1) and peer.is_alive(new) and peer.echo(new.children[0])


def test_a_rekey_of_the_ike_sa_needs_a_key_exchange_of_a_group_that_we_take(live):
    peer, sa = live
    exchange = ikesuite.GROUPS[14]()
    offer = [(kind, 2 if kind == ikewire.Transform.KE else number, bits)
             for kind, number, bits in sa.suite.transforms()]
    answer = peer.request(sa, Exchange.CREATE_CHILD_SA, [
        ikewire.sa([ikewire.Proposal(1, IKE, os.urandom(8), offer)]), ikewire.nonce(os.urandom(32)),
        ikewire.ke(14, exchange.public)])
    assert answer.notifies() == [Notify.NO_PROPOSAL_CHOSEN]
    assert peer.is_alive(sa) and peer.echo(peer.rekey_ike(sa).children[0])


def test_our_rekey_is_repeated_until_it_is_answered_and_made_once(town, live):
    """The same bytes. The first answer counts, a second one is dropped."""
    peer, sa = live
    old, = sa.children
    town.warren.ctl("ipsec", peer.customer, peer.name, "rekey")
    copies = [peer.next(lambda one: one.kind == "ike" and sa.is_for_us(one.data)) for _ in range(3)]
    assert len({copy.data for copy in copies}) == 1
    message = sa.open(copies[0].data)
    message.datagram = copies[0]
    peer.serve(sa, message)
    peer.send(sa.answered[message.id])
    with peer.serving():
        netlab.wait_until(lambda: sa.closed and sa.replaced_by, 10, "everything is rekeyed")
    new = sa.replaced_by
    assert len(new.children) == 1 and new.children[0] is not old
    assert peer.echo(new.children[0]) and peer.is_alive(new) and peer.stray == []


def test_our_rekey_leaves_its_old_child_only_when_the_new_one_is_there(town, live):
    """As the one who asked, we send on the new one as soon as the answer is there, and delete the old one."""
    peer, sa = live
    town.warren.ctl("ipsec", peer.customer, peer.name, "rekey")
    with peer.serving():
        netlab.wait_until(lambda: sa.closed and sa.replaced_by, 10, "everything is rekeyed")
    assert request_of_stack(peer, sa.replaced_by.children[0])


def test_a_peer_that_refuses_our_rekeys_is_not_asked_in_a_loop(town, live):
    """KL8. It says NO_ADDITIONAL_SAS every time; the child lives on until it expires."""
    peer, sa = live
    town.warren.ctl("ipsec", peer.customer, peer.name, "rekey")
    asked = 0
    while asked < 20 and (message := peer.message(sa, 3)) is not None:
        asked += message.exchange == Exchange.CREATE_CHILD_SA
        peer.reply(sa, message, [ikewire.notify(Notify.NO_ADDITIONAL_SAS)])
    assert 1 <= asked <= 2  # one for the child, one for the IKE_SA
    assert peer.is_alive(sa) and peer.echo(sa.children[0])


# --- two rekeys at once (RFC 7296 §2.8.1) -----------------------------------------------------------------------------


def their_rekey_of_a_child(peer):
    """(IKE_SA, Message) of the next request to rekey a child; answers everything before it."""
    found = []

    def look():
        for sa in [one for one in peer.sas if not one.closed]:
            message = peer.message(sa, 0.05)
            if message and message.exchange == Exchange.CREATE_CHILD_SA and message.has(Kind.TSI):
                found.append((sa, message))
                return True
            if message and not message.response:
                peer.serve(sa, message)
        return False

    netlab.wait_until(look, 10, "a request to rekey a child")
    return found[0]


def current(peer):
    """The IKE_SA that the others were replaced by."""
    return [sa for sa in peer.sas if not sa.closed and not sa.replaced_by][-1]


def answer_to(peer, sa, message_id):
    """The response to our request; what Warren asks, or asks again, meanwhile is left without an answer."""
    while (message := peer.message(sa)) is not None and not message.response:
        pass
    assert message and message.id == message_id
    return message


def our_rekey(peer, sa, old, nonce):
    """Sends a rekey request for `old`, without waiting; (message ID, SPI)."""
    spi = new_spi()
    message_id, sa.next_id = sa.next_id, sa.next_id + 1
    peer.send(sa.seal(Exchange.CREATE_CHILD_SA, [
        ikewire.notify(Notify.REKEY_SA, protocol=ESP, spi=old.local_spi), peer.child_offer(spi), ikewire.nonce(nonce),
        ikewire.ts(Kind.TSI, old.local), ikewire.ts(Kind.TSR, old.remote)], message_id=message_id))
    return message_id, spi


@pytest.mark.parametrize("loser", ["peer", "warren"])
def test_of_two_rekeys_at_once_the_one_with_the_lowest_nonce_is_deleted_by_who_asked_for_it(town, live, loser):
    """The peer withholds its answer until it has asked too. Its nonces decide: all zero is the lowest of four."""
    peer, _ = live
    town.warren.ctl("ipsec", peer.customer, peer.name, "rekey")
    sa, theirs = their_rekey_of_a_child(peer)
    old, = sa.children
    low, high = bytes(32), b"\xff" * 32
    asked, answered = (low, high) if loser == "peer" else (high, low)
    message_id, spi = our_rekey(peer, sa, old, asked)
    answer = answer_to(peer, sa, message_id)
    mine = peer.child_of(sa, answer, spi, asked, answer.of(Kind.NONCE))
    # Now the answer to Warren's own.
    proposal, suite = ikesuite.choose(ikewire.parse_sa(theirs.of(Kind.SA)), peer.esp, child=True, group=False)
    inward, outward = sa.child_keys(suite, theirs.of(Kind.NONCE), answered)
    other = ChildSa(new_spi(), proposal.spi, suite, outward, inward, old.local, old.remote)
    sa.children = [old, mine, other]
    peer.reply(sa, theirs, [
        ikewire.sa([ikewire.Proposal(proposal.number, ESP, other.local_spi, proposal.transforms)]),
        ikewire.nonce(answered), ikewire.ts(Kind.TSI, old.remote), ikewire.ts(Kind.TSR, old.local)])
    survivor, ours_to_delete = (other, mine) if loser == "peer" else (mine, old)
    assert peer.delete_child(sa, ours_to_delete) == [ours_to_delete.remote_spi]
    with peer.serving():  # Warren deletes the other one
        netlab.wait_until(lambda: current(peer).children == [survivor], 10, "one child is left")
    assert peer.echo(survivor) and peer.is_alive(current(peer))


def test_a_rekey_is_put_off_while_we_delete_the_ike_sa(town, live):
    peer, sa = live
    town.warren.ctl("ipsec", peer.customer, peer.name, "terminate")
    deletes = peer.message(sa)
    assert deletes.has(Kind.DELETE)
    message_id, _ = our_rekey(peer, sa, sa.children[0], os.urandom(32))
    assert answer_to(peer, sa, message_id).notifies() == [Notify.TEMPORARY_FAILURE]
    peer.serve(sa, deletes)
    netlab.wait_until(lambda: town.warren.connection(peer.customer, peer.name).ike_sas == [], 5)


def test_packets_of_the_stack_are_not_lost_when_a_peer_deletes_the_old_child_first(live):
    """The peer deletes the old child in the same breath as it makes the new one; what is in flight goes on the new."""
    peer, sa = live
    for _ in range(5):
        old, = sa.children
        new = peer.create_child(sa, rekeys=old)
        mark = os.urandom(8)
        peer.send_inner(new, inner.echo_request(SCRIPTED, "10.0.0.1", mark))
        peer.delete_child(sa, old)
        answer = peer.receive_inner(new)
        assert answer and mark in answer
