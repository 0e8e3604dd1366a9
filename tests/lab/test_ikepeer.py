"""Tests of the scripted IKEv2 peer: it talks to a real charon, so that it is correct before it judges Warren."""

import dataclasses
import os

import pytest

from tests.lab import ikesuite, ikewire, inner, netlab
from tests.lab.ikepeer import IkePeer, Refused
from tests.lab.ikewire import Notify
from tests.lab.conftest import ESP, HUB_ID, KEY, RAW_ID, SUITES
from tests.lab.strongswan import Charon
from tests.lab.town import HUB4

# --- as initiator -----------------------------------------------------------------------------------------------------


def test_it_sets_up_a_tunnel_and_pings_through_it(hub, peer):
    sa = peer.connect()
    assert sa.remote_identity == HUB_ID
    child, = sa.children
    assert [one.text() for one in child.local + child.remote] == ["10.0.1.0/24", "10.0.0.0/24"]
    assert peer.echo(child)
    theirs = hub.sa("raw")
    assert theirs.spis == (int.from_bytes(sa.spi_i, "big"), int.from_bytes(sa.spi_r, "big"))
    assert theirs.children[0].spi_in == int.from_bytes(child.remote_spi, "big")
    ping = hub.ns.start("ping", "-c", 1, "-W", 5, "10.0.1.9")
    request = peer.receive_esp(child)
    assert inner.addresses(request.inner) == ("10.0.0.1", "10.0.1.9") and request.sequence == 2
    ping.kill()
    assert peer.stray == []


@pytest.mark.parametrize("suite", SUITES)
def test_every_suite_of_ike(hub, peer, suite):
    peer.ike = suite
    sa = peer.connect()
    assert peer.is_alive(sa) and peer.echo(sa.children[0])
    assert sa.suite.transforms() == [one for one in ikesuite.transforms(suite)]


@pytest.mark.parametrize("suite", ESP)
def test_every_suite_of_esp(hub, peer, suite):
    peer.esp = suite
    child, = peer.connect().children
    assert all(peer.echo(child) for _ in range(3))
    assert child.suite.transforms() == ikesuite.transforms(suite, child=True)


def test_it_obeys_invalid_ke_payload(hub, peer):
    peer.ike = "aes128gcm16-prfsha256-ecp521-x25519"  # the hub has no group 21
    sa = peer.connect()
    assert peer.obeyed == [Notify.INVALID_KE_PAYLOAD] and sa.suite.group == 31
    assert peer.echo(sa.children[0])


@pytest.fixture
def other_hub(internet, hub, peer):
    """A charon at another place, for the peer to talk to; other_hub(settings) starts it."""
    place = internet.place("other")
    internet.lab.bridge(place.ns, "lan0", ["10.0.0.1/24"])
    made = Charon(place.ns, [dataclasses.replace(hub.connections[0], local="")], hub.secrets)

    def start(settings):
        made.settings, peer.remote = settings, place.ipv4
        return made.start()

    yield start
    made.stop()


def test_it_obeys_a_cookie(other_hub, peer):
    other_hub({"cookie_threshold": 1, "cookie_threshold_ip": 1})
    for _ in range(3):  # half-open
        peer.init()
    sa = peer.connect()
    assert peer.obeyed == [Notify.COOKIE] and peer.echo(sa.children[0])


def test_a_wrong_key_is_refused(hub, peer):
    with pytest.raises(Refused) as refused:
        peer.connect(psk=b"another key of more than 20 letters")
    assert refused.value.notifies == [Notify.AUTHENTICATION_FAILED]
    assert hub.sas() == []


def test_another_identity_of_the_hub_is_refused(hub, peer):
    with pytest.raises(Refused) as refused:
        peer.connect(remote_id="globex.vpn.example.net")
    assert refused.value.notifies == [Notify.AUTHENTICATION_FAILED]


def test_selectors_that_fit_nothing_are_refused_and_the_ike_sa_stays(hub, peer):
    sa = peer.init()
    answer = peer.authenticate(sa, ["10.7.0.0/16"], ["10.8.0.0/16"])
    assert Notify.TS_UNACCEPTABLE in answer.notifies() and sa.children == []
    assert peer.is_alive(sa)
    child = peer.create_child(sa, ["10.0.1.0/24"], ["10.0.0.0/24"])
    assert peer.echo(child)


@pytest.mark.parametrize("group", [None, 31])
def test_it_rekeys_a_child(hub, peer, group):
    if group:
        peer.esp = "aes128gcm16-x25519"
    sa = peer.connect()
    old, = sa.children
    new = peer.rekey_child(sa, old, group=group)
    assert sa.children == [new] and peer.echo(new)
    assert new.send_keys != old.send_keys
    newest = hub.child("lan")
    assert newest.spi_in == int.from_bytes(new.remote_spi, "big")
    assert newest.group == ("CURVE_25519" if group else "")


def test_it_rekeys_the_ike_sa(hub, peer):
    old = peer.connect()
    new = peer.rekey_ike(old)
    assert peer.is_alive(new) and peer.echo(new.children[0])
    assert [sa.spis[0] for sa in hub.sas()] == [int.from_bytes(new.spi_i, "big")]
    again = peer.rekey_ike(new)
    child = peer.rekey_child(again, again.children[0])
    assert peer.echo(child)


def test_it_deletes_a_child_and_the_ike_sa(hub, peer):
    sa = peer.connect()
    child, = sa.children
    assert peer.delete_child(sa, child) == [child.remote_spi]
    assert hub.child("lan") is None
    assert peer.delete_ike(sa).payloads == []
    assert hub.sas() == [] and not peer.is_alive(sa)


def test_it_sends_and_takes_fragments(other_hub, peer):
    hub = other_hub({"fragment_size": 150})
    peer.fragment_size = 60
    sa = peer.connect()
    assert peer.echo(sa.children[0])
    assert "reassembled fragmented IKE message" in hub.log() and "IKE_AUTH request 1 [ EF(3/" in hub.log()
    assert "IKE_AUTH response 1 [ EF(2/" in hub.log()


def test_mobike_moves_it_to_another_address(internet, hub, peer):
    peer.extra = [ikewire.notify(Notify.MOBIKE_SUPPORTED)]
    sa = peer.connect()
    assert Notify.MOBIKE_SUPPORTED in sa.peer_notifies
    internet.raw.ns.ip(f"addr replace 100.64.{internet.raw.number}.77/24 dev wan0")
    moved = IkePeer(internet.raw.ns, f"100.64.{internet.raw.number}.77", HUB4, RAW_ID, HUB_ID, KEY.encode())
    cookie = os.urandom(16)
    answer = moved.probe(sa, [ikewire.notify(Notify.UPDATE_SA_ADDRESSES), *moved.nat_detection(sa),
                              ikewire.notify(Notify.COOKIE2, cookie)])
    assert answer.notified(Notify.COOKIE2).data == cookie
    assert {Notify.NAT_DETECTION_SOURCE_IP, Notify.NAT_DETECTION_DESTINATION_IP} <= set(answer.notifies())
    netlab.wait_until(lambda: hub.sa("raw").remote[0] == moved.address, 5)
    moved.close()


# --- as responder -----------------------------------------------------------------------------------------------------


@pytest.fixture
def called(hub, peer):
    """(peer, IkeSa) of a tunnel that the hub set up."""
    peer.local_id, peer.remote_id = RAW_ID, HUB_ID
    hub.initiate("lan", wait=False)
    sa = peer.accept()
    netlab.wait_until(lambda: hub.child("lan"), 5)
    return peer, sa


def test_it_answers_a_set_up_and_pings_through_it(hub, called):
    peer, sa = called
    assert sa.remote_identity == HUB_ID and Notify.MOBIKE_SUPPORTED in sa.peer_notifies
    assert peer.echo(sa.children[0]) and peer.is_alive(sa)
    assert hub.sa("raw").initiator


@pytest.mark.parametrize("group", ["", "-x25519"])
def test_it_answers_a_rekey_of_the_child(hub, called, group):
    peer, sa = called
    peer.esp += group
    assert peer.echo(sa.children[0])
    old, = sa.children
    hub.rekey(child="lan")
    with peer.serving():
        netlab.wait_until(lambda: sa.children and sa.children[0] is not old and len(sa.children) == 1, 5)
    assert peer.echo(sa.children[0])


def test_it_answers_a_rekey_of_the_ike_sa(hub, called):
    peer, sa = called
    hub.rekey(ike="raw")
    with peer.serving():
        netlab.wait_until(lambda: sa.closed, 5)
    new = sa.replaced_by
    assert peer.is_alive(new) and peer.echo(new.children[0])
    assert hub.sa("raw").spis == (int.from_bytes(new.spi_i, "big"), int.from_bytes(new.spi_r, "big"))


def test_it_answers_deletes(hub, called):
    peer, sa = called
    with peer.serving():
        hub.terminate(child="lan")
        assert sa.children == [] and not sa.closed
        hub.terminate(ike="raw")
    assert sa.closed and peer.stray == []
