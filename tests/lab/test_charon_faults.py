"""What the stock daemon does badly (strongSwan 5.9.8): the baseline for the same cases at Warren, which has to do
better. A test here that fails says that Debian's charon has become better, and that a text about it is old."""

import dataclasses
import os

import pytest

from tests.lab import ikefaults, ikewire, inner, netlab, strongswan
from tests.lab.capture import Capture
from tests.lab.ikepeer import IkePeer, Refused
from tests.lab.ikewire import ESP, Exchange, Notify
from tests.lab.strongswan import Charon, Child, Connection
from tests.lab.town import HUB4


@pytest.fixture
def stranger(internet, peer):
    """A socket at another address, whose datagrams have nothing to do with the peer."""
    place = internet.place("stranger")
    return peer.socket(0, place.ipv4, place.ns)


def gives_up(hub, sa, patience=5):
    """True if the hub gives the IKE_SA up."""
    spis = tuple(int.from_bytes(spi, "big") for spi in (sa.spi_i, sa.spi_r))
    try:
        return netlab.wait_until(lambda: spis not in [one.spis for one in hub.sas()], patience / netlab.SLOW)
    except netlab.LabError:
        return False


@pytest.mark.parametrize("wrong", ["length 0", "length 3", "length beyond the end"])
def test_one_malformed_datagram_of_anybody_ends_an_ike_sa(hub, peer, stranger, wrong):
    sa = peer.connect()
    peer.send(ikefaults.malformed_sk(sa)[wrong], via=stranger)
    assert gives_up(hub, sa)


def test_an_unprotected_request_for_a_child_ends_the_ike_sa(hub, peer, stranger):
    sa = peer.connect()
    peer.send(ikefaults.unprotected(sa, exchange=Exchange.CREATE_CHILD_SA), via=stranger)
    assert gives_up(hub, sa)


def test_a_forged_exchange_type_uses_up_the_message_id(peer, stranger):
    sa = peer.connect()
    peer.send(ikefaults.unprotected(sa, exchange=Exchange.IKE_SA_INIT), via=stranger)
    assert peer.next(lambda one: one.kind == "ike").data[18] == Exchange.IKE_SA_INIT
    assert not peer.is_alive(sa, 1)
    sa.next_id += 1
    assert peer.is_alive(sa)  # only a peer that skips an ID is answered


def test_an_authentic_response_that_nobody_asked_for_ends_the_ike_sa(hub, peer):
    sa = peer.connect()
    peer.send(sa.seal(Exchange.INFORMATIONAL, [], response=True, message_id=0))
    assert gives_up(hub, sa)


@pytest.mark.parametrize("length", [28, 56, 10_000])
def test_the_length_in_the_header_is_not_compared(peer, length):
    sa = peer.connect()
    peer.send(sa.seal(Exchange.INFORMATIONAL, [], length=length))
    assert peer.response(sa, sa.next_id)


def test_a_fragmented_informational_is_refused(hub, peer):
    sa = peer.connect()
    for fragment in sa.fragments(Exchange.INFORMATIONAL, [ikewire.delete(ESP, [sa.children[0].local_spi])], 6):
        peer.send(fragment)
    assert peer.response(sa, sa.next_id, 1) is None
    assert "could not decrypt payloads" in hub.log()


def test_child_sa_not_found_does_not_say_which(peer):
    sa = peer.connect()
    with pytest.raises(Refused) as refused:
        peer.create_child(sa, rekeys=dataclasses.replace(sa.children[0], local_spi=b"gone"))
    answer, = ikewire.notifications(refused.value.message.payloads)
    assert (answer.kind, answer.protocol, answer.spi) == (Notify.CHILD_SA_NOT_FOUND, 0, b"")


def test_after_a_rekey_the_responder_sends_on_the_old_child_even_when_the_new_one_is_used(peer):
    sa = peer.connect()
    old, = sa.children
    new = peer.create_child(sa, rekeys=old)
    assert all(peer.echo(new, answers_on=old) for _ in range(3))
    peer.delete_child(sa, old)
    assert peer.echo(new)


def test_another_customers_key_opens_the_door_and_throws_the_owner_out(internet, peer):
    """Two customers with an identity of the hub each, and the same identity of a site at both."""
    site, keys = "site@branches.example", {"acme": b"the key of acme, more than 20 letters",
                                           "beta": b"the key of beta, more than 20 letters"}
    place, elsewhere = internet.place("shared"), internet.place("site")
    internet.lab.bridge(place.ns, "lan0", ["10.0.0.1/24"])
    shared = Charon(place.ns, [Connection(name, "", f"{name}.example.net", site,
                                          [Child(name, ["10.0.0.0/24"], ["10.0.1.0/24"])]) for name in keys],
                    [strongswan.psk(key.decode(), f"{name}.example.net", site) for name, key in keys.items()]).start()
    owner = IkePeer(elsewhere.ns, elsewhere.ipv4, place.ipv4, site, "acme.example.net", keys["acme"])
    sa = owner.connect()
    assert owner.echo(sa.children[0])
    peer.remote, peer.local_id, peer.remote_id = place.ipv4, site, "acme.example.net"
    theirs = peer.init()
    peer.extra = [ikewire.notify(Notify.INITIAL_CONTACT)]
    peer.request(theirs, Exchange.IKE_AUTH, peer.auth_payloads(theirs, ["10.0.1.0/24"], ["10.0.0.0/24"], b"mine",
                                                               psk=keys["beta"]))
    assert peer.is_alive(theirs) and not owner.is_alive(sa, 1)
    assert [(one.name, one.remote[0]) for one in shared.sas()] == [("acme", peer.address)]
    owner.close()
    shared.stop()


def test_its_esp_in_user_space(internet, hub, peer):
    """No ECN outside, a window of 128, and no way to follow a peer whose NAT chose another port."""
    child, = peer.connect().children
    with Capture(internet.hub, "up0", "udp port 4500 and src " + HUB4) as capture:
        mark = os.urandom(8)
        peer.send_inner(child, inner.echo_request("10.0.1.9", "10.0.0.1", mark, tos=2))
        assert peer.receive_inner(child)[1] == 2
        netlab.wait_until(capture.packets, 5)
    assert {packet.tos for packet in capture.packets()} == {0}
    assert peer.echo(child, sequence=10_000)
    assert peer.echo(child, sequence=10_000 - 127)
    assert not peer.echo(child, sequence=10_000 - 128, patience=1)
    assert not peer.echo(child, sequence=10_000, patience=1)
    moved = peer.socket()
    peer.send_inner(child, inner.echo_request("10.0.1.9", "10.0.0.1", b"moved"), via=moved, sequence=10_001)
    assert b"moved" in peer.receive_inner(child)  # at the old port
