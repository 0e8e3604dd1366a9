"""Which customer a peer belongs to, and who gets in: by IDr, then the connection by IDi, then its key and no other."""

import pytest

from tests.lab import ikewire, sites
from tests.lab.ikepeer import Refused
from tests.lab.ikewire import Exchange, Kind, Notify

TSI, TSR = [sites.SITE_LAN], [sites.STACK_LAN]


def refusal(peer, **fields):
    """The answer to an IKE_AUTH that must be refused, as a Message. `fields` are those of auth_payloads."""
    with pytest.raises(Refused) as refused:
        peer.connect(TSI, TSR, **fields)
    return refused.value.message


def test_a_wrong_key_is_refused_and_counted(town, peer, counted):
    with counted("ike_auth_failed"):
        assert refusal(peer, psk=b"another key of more than 20 letters").notifies() == [Notify.AUTHENTICATION_FAILED]
    shown = town.warren.connection(peer.customer, peer.name)
    assert shown.state in ("down", "listening") and shown.ike_sas == []
    assert peer.echo(peer.connect(TSI, TSR).children[0])


def test_a_stock_site_with_a_wrong_key_is_refused(town, join, site, counted):
    id_ = town.new_id("acme")
    graz = site(id_)
    graz.connection.psk = sites.new_key()
    join(id_, [graz])
    with counted("ike_auth_failed"):
        assert not graz.charon.initiate("lan", check=False)
    assert "received AUTHENTICATION_FAILED notify error" in graz.charon.log()


@pytest.mark.parametrize("identity", ["nobody.vpn.example.net", "198.51.100.1", b"a key id", "acme@vpn.example.net"])
def test_an_identity_that_no_customer_has_is_refused_and_counted(peer, counted, identity):
    with counted("ike_unknown_identity"):
        assert refusal(peer, remote_id=identity).notifies() == [Notify.AUTHENTICATION_FAILED]


def test_without_an_idr_nobody_is_found_where_there_is_no_gateway(peer, counted):
    with counted("ike_unknown_identity"):
        assert refusal(peer, remote_id=False).notifies() == [Notify.AUTHENTICATION_FAILED]


def test_a_name_has_no_case_and_the_rest_has(peer, counted):
    assert peer.echo(peer.connect(TSI, TSR, remote_id=peer.remote_id.upper()).children[0])
    with counted("ike_no_connection"):
        assert refusal(peer, local_id=peer.local_id.upper()).notifies() == [Notify.AUTHENTICATION_FAILED]


def test_a_peer_that_no_connection_expects_is_refused_and_counted(peer, counted):
    with counted("ike_no_connection"):
        assert refusal(peer, local_id="linz@acme.example").notifies() == [Notify.AUTHENTICATION_FAILED]


def test_every_refusal_looks_the_same(town, peer, join, scripted):
    """Nobody learns from outside whether it was the key, the customer or the site."""
    other = town.new_id("globex")
    join(other, [scripted(other)[1]])
    answers = [refusal(peer, psk=b"another key of more than 20 letters"), refusal(peer, local_id="linz@acme.example"),
               refusal(peer, remote_id="nobody.vpn.example.net"), refusal(peer, remote_id=sites.hub_identity(other)),
               refusal(peer, remote_id=False), refusal(peer, auth=bytes(32))]
    forms = {(len(one.datagram.data), tuple((payload.kind, payload.body) for payload in one.payloads))
             for one in answers}
    assert len(forms) == 1, forms


def test_after_a_refusal_nothing_is_left(town, peer):
    sa = peer.init()
    with pytest.raises(Refused):
        peer.authenticate(sa, TSI, TSR, psk=b"another key of more than 20 letters")
    sa.next_id = 2
    assert not peer.is_alive(sa, 1)
    assert town.warren.connection(peer.customer, peer.name).ike_sas == []


def test_a_key_opens_only_its_own_connection(town, join, scripted):
    """Two sites of one customer: each has the other's key, and gets nowhere with it."""
    id_ = town.new_id("acme")
    (graz, first), (linz, second) = scripted(id_, "graz"), scripted(id_, "linz")
    second.children[0].remote = ["10.0.2.0/24"]
    join(id_, [first, second])
    assert refusal(graz, psk=linz.psk).notifies() == [Notify.AUTHENTICATION_FAILED]
    assert refusal(linz, psk=graz.psk).notifies() == [Notify.AUTHENTICATION_FAILED]
    assert graz.echo(graz.connect(TSI, TSR).children[0])


def test_another_customers_key_opens_nothing_and_tears_nothing_down(town, join, scripted, counted):
    """Two customers expect the same IDi. A client with only beta's key asks for acme, says INITIAL_CONTACT, and is
    refused; acme's own tunnel carries packets all the time. A stock daemon as hub lets it in and throws acme's site out
    (tests/lab/test_charon_faults.py)."""
    identity, acme, beta = "site@branches.example", town.new_id("acme"), town.new_id("beta")
    owner, first = scripted(acme, "owner", identity=identity)
    thief, second = scripted(beta, "thief", identity=identity)
    join(acme, [first])
    join(beta, [second])
    sa = owner.connect(TSI, TSR)
    assert owner.echo(sa.children[0])
    thief.extra = [ikewire.notify(Notify.INITIAL_CONTACT)]
    with counted("ike_auth_failed", more=3):
        for _ in range(3):
            answer = refusal(thief, remote_id=sites.hub_identity(acme))
            assert answer.notifies() == [Notify.AUTHENTICATION_FAILED]
            assert owner.echo(sa.children[0]) and owner.is_alive(sa)
    own = thief.connect(TSI, TSR)
    assert thief.echo(own.children[0])
    assert owner.echo(sa.children[0]) and owner.is_alive(sa)
    assert len(town.warren.connection(acme, "owner").ike_sas) == 1


def test_the_same_key_at_two_customers_leads_to_the_one_that_is_asked_for(town, join, scripted):
    identity, key, acme, beta = "site@branches.example", sites.new_key(), town.new_id("acme"), town.new_id("beta")
    made = {id_: scripted(id_, "site", identity=identity, key=key) for id_ in (acme, beta)}
    for id_, (_, entry) in made.items():
        join(id_, [entry])
    ours = {id_: peer.connect(TSI, TSR) for id_, (peer, _) in made.items()}
    for id_, (peer, _) in made.items():
        assert peer.echo(ours[id_].children[0])
        ping = town.warren.stack(id_).start("ping", "-c", 1, "-W", 5, sites.SCRIPTED)
        assert peer.receive_inner(ours[id_].children[0])
        ping.kill()


def test_initial_contact_replaces_only_the_same_identitys_ike_sas(town, peer, join, scripted):
    id_ = town.new_id("acme")
    (graz, first), (linz, second) = scripted(id_, "graz"), scripted(id_, "linz")
    second.children[0].remote = ["10.0.2.0/24"]
    join(id_, [first, second])
    stays = linz.connect(["10.0.2.0/24"], TSR)
    old = graz.connect(TSI, TSR)
    graz.extra = [ikewire.notify(Notify.INITIAL_CONTACT)]
    new = graz.connect(TSI, TSR)
    assert graz.echo(new.children[0])
    assert [sa.initiator_spi for sa in town.warren.connection(id_, "graz").ike_sas] == [new.spi_i.hex()]
    assert not graz.is_alive(old, 1)
    assert linz.is_alive(stays) and linz.echo(stays.children[0], "10.0.2.9")


def test_a_connection_with_an_address_takes_nobody_from_elsewhere(town, join, scripted, counted):
    id_ = town.new_id("acme")
    graz, entry = scripted(id_, "graz")
    entry.remote_address = graz.address
    impostor, _ = scripted(id_, "graz", identity=graz.local_id, key=graz.psk.decode())
    join(id_, [entry])
    with counted("ike_no_connection"):
        assert refusal(impostor).notifies() == [Notify.AUTHENTICATION_FAILED]
    assert graz.echo(graz.connect(TSI, TSR).children[0])


def test_a_message_with_another_customers_spis_changes_nothing(town, join, scripted, counted):
    acme, beta = town.new_id("acme"), town.new_id("beta")
    (one, first), (two, second) = scripted(acme), scripted(beta)
    join(acme, [first])
    join(beta, [second])
    mine, theirs = one.connect(TSI, TSR), two.connect(TSI, TSR)
    foreign = mine.seal(Exchange.INFORMATIONAL, [ikewire.delete(ikewire.IKE)], message_id=theirs.next_id)
    with counted("ike_integrity_wrong"):
        one.send(ikewire.edited(foreign, spi_i=theirs.spi_i, spi_r=theirs.spi_r))
    assert two.is_alive(theirs) and two.echo(theirs.children[0])
    assert one.is_alive(mine) and one.echo(mine.children[0])


def test_no_key_is_in_the_log_or_in_a_view(town, peer):
    peer.connect(TSI, TSR)
    key = peer.psk.decode()
    assert key not in town.warren.output()
    for view in (["ipsec"], ["status"], ["peers"]):
        assert key not in town.warren.ctl("--json", *view).stdout


def test_auth_of_another_method_is_refused(peer):
    """A peer that sends a signature where its connection has a key."""
    sa = peer.init()
    payloads = peer.auth_payloads(sa, TSI, TSR, b"\1\2\3\4")
    payloads = [ikewire.auth(14, b"\x0b" + bytes(75)) if payload.kind == Kind.AUTH else payload for payload in payloads]
    answer = peer.request(sa, Exchange.IKE_AUTH, payloads)
    assert answer.notifies() == [Notify.AUTHENTICATION_FAILED]


def test_ten_wrong_messages_cost_a_half_open_ike_sa_nothing(peer, counted):
    """KD5: they are made with other keys, and the right one is still taken."""
    sa, other = peer.init(), peer.init()
    with counted("ike_integrity_wrong", more=None):
        for _ in range(10):
            peer.send(sa.seal(Exchange.IKE_AUTH, peer.auth_payloads(sa, TSI, TSR, b"\1\2\3\4"), keys=other.keys))
    peer.authenticate(sa, TSI, TSR)
    assert peer.echo(sa.children[0])
