"""What an operator sees of IPsec, and what it can do: `vpnctl ipsec`, `--why`, `peers`, orders."""

import json

import pytest

from tests.lab import netlab, sites
from tests.lab.ikepeer import Refused

TSI, TSR = ["10.0.1.0/24"], ["10.0.0.0/24"]


def test_a_connection_that_waits_is_listening(town, peer):
    shown = town.warren.connection(peer.customer, peer.name)
    assert (shown.customer, shown.state, shown.reason, shown.ike_sas) == (peer.customer, "listening", None, [])


def test_a_tunnel_is_shown_as_both_ends_have_it(town, graz):
    shown = town.warren.connection(graz.customer, "graz")
    assert (shown.state, shown.reason) == ("up", None)
    ours, theirs = shown.ike_sas[0], graz.sa()
    assert (int(ours.initiator_spi, 16), int(ours.responder_spi, 16)) == theirs.spis
    assert (ours.initiator, ours.established) == (False, True)
    assert (ours.local_identity, ours.remote_identity) == (theirs.remote_id, theirs.local_id)
    assert ours.endpoint == f"{graz.place.ipv4}:4500"
    assert ours.suite == "aes128gcm-prfsha256-x25519"
    assert 0.8 * 4 * 3600 <= ours.rekey_seconds <= 4 * 3600
    child, = ours.children
    assert (int(child.spi_in, 16), int(child.spi_out, 16)) == (graz.child().spi_out, graz.child().spi_in)
    assert (child.name, child.local, child.remote, child.suite, child.replaced) == (
        "lan", [sites.STACK_LAN], [sites.SITE_LAN], "aes128gcm", False)
    assert 0.8 * 3600 <= child.rekey_seconds <= 3600
    before = child.rx_bytes, child.tx_bytes
    assert graz.ping(count=3)

    def counted():
        after, = town.warren.connection(graz.customer, "graz").children
        return after.rx_bytes - before[0] >= 3 * 84 and after.tx_bytes - before[1] >= 3 * 84

    netlab.wait_until(counted, 5)


def test_only_the_customer_that_is_asked_for_is_shown(town, graz, peer):
    assert [one.customer for one in town.warren.connections(graz.customer)] == [graz.customer]
    assert {graz.customer, peer.customer} <= {one.customer for one in town.warren.connections()}
    assert [one.name for one in town.warren.connections(graz.customer, "graz")] == ["graz"]
    assert town.warren.ctl("ipsec", "nobody", check=False).returncode != 0
    assert town.warren.ctl("ipsec", graz.customer, "nobody", check=False).returncode != 0


def test_the_text_says_the_same(town, graz):
    text = town.warren.ctl("ipsec", graz.customer).stdout
    child, = town.warren.connection(graz.customer, "graz").children
    for word in ("graz", "up", graz.place.ipv4, child.spi_in, child.spi_out, sites.SITE_LAN, "aes128gcm"):
        assert word in text


def test_peers_lists_connections_beside_wireguards(town, join, site):
    id_ = town.new_id("mixed")
    graz, office = site(id_), town.office("linz", addresses=["10.0.2.1/32"], reach=["10.0.0.0/24"])
    join(id_, [graz], [office.peer])
    graz.connect()
    office.connect()
    document = json.loads(town.warren.ctl("--json", "peers", id_).stdout)
    assert {one["name"]: (one["kind"], one["state"]) for one in document["peers"]} == {
        "graz": ("ipsec", "online"), "linz": ("wireguard", "online")}
    status = town.warren.status(id_)
    assert (status["peer_count"], status["peers_online"]) == (2, 2)


def test_why_tells_of_a_wrong_key(town, peer):
    with pytest.raises(Refused):
        peer.connect(TSI, TSR, psk=b"another key of more than 20 letters")
    last = town.warren.attempts(peer.customer, peer.name)[-1]
    assert (last.failure, last.initiator) == ("ike_auth_failed", False)
    assert last.endpoint == f"{peer.address}:4500"
    assert (last.remote_identity, last.asked_identity) == (peer.local_id, peer.remote_id)
    assert peer.address in last.sentence and "key" in last.sentence


def test_why_tells_of_a_stranger_and_names_the_nearest_connection(town, join, scripted):
    id_ = town.new_id("acme")
    peer, entry = scripted(id_, "branch-lienz", identity="branch-lienz")
    join(id_, [entry])
    peer.local_id = "branch-linz"
    with pytest.raises(Refused):
        peer.connect(TSI, TSR)
    last = town.warren.attempts()[-1]
    assert (last.failure, last.remote_identity) == ("ike_no_connection", "branch-linz")
    for word in (peer.address, "branch-linz", id_, "branch-lienz"):
        assert word in last.sentence


def test_why_tells_of_an_identity_that_nobody_has(town, peer):
    with pytest.raises(Refused):
        peer.connect(TSI, TSR, remote_id="nobody.vpn.example.net")
    last = town.warren.attempts()[-1]
    assert (last.failure, last.asked_identity) == ("ike_unknown_identity", "nobody.vpn.example.net")
    assert "nobody.vpn.example.net" in last.sentence


def test_why_tells_of_networks_that_do_not_meet_and_says_both_sides(town, peer):
    sa = peer.init()
    peer.authenticate(sa, ["10.7.0.0/16"], ["10.8.0.0/16"])
    last = town.warren.attempts(peer.customer, peer.name)[-1]
    assert last.failure == "ike_ts_unacceptable"
    assert "10.7.0.0/16" in last.offered and "10.0.1.0/24" in last.accepted


def test_why_keeps_the_last_eight(town, peer):
    for _ in range(10):
        with pytest.raises(Refused):
            peer.connect(TSI, TSR, psk=b"another key of more than 20 letters")
    peer.connect()
    told = town.warren.attempts(peer.customer, peer.name)
    assert [one.failure for one in told] == ["ike_auth_failed"] * 7 + [None]
    assert sorted(one.at for one in told) == [one.at for one in told]


def test_a_stranger_cannot_push_a_customers_attempts_out(town, peer, join, scripted):
    """The rings are per connection, and one for those that found none."""
    with pytest.raises(Refused):
        peer.connect(TSI, TSR, psk=b"another key of more than 20 letters")
    loud, _ = scripted(peer.customer, "loud")
    for _ in range(10):
        with pytest.raises(Refused):
            loud.connect(TSI, TSR, remote_id="nobody.vpn.example.net")
    assert town.warren.attempts(peer.customer, peer.name)[-1].failure == "ike_auth_failed"


def test_what_a_stranger_says_is_shown_harmlessly(town, peer):
    """An identity may have any bytes in it, terminal commands too."""
    for name in (b"\x1b[31mred\x07", b"\xff\xfe\x00", "new\nline@acme.example", "x" * 2000 + "@acme.example"):
        with pytest.raises(Refused):
            peer.connect(TSI, TSR, local_id=name)
    shown = town.warren.ctl("ipsec", "--why").stdout
    assert not [letter for letter in shown if ord(letter) < 32 and letter != "\n" or ord(letter) == 127]
    assert max(map(len, shown.splitlines())) < 1000
    assert town.warren.attempts()
    assert "\x1b" not in town.warren.output()


@pytest.mark.parametrize("order", ["rekey", "terminate"])
def test_an_order_for_a_connection_without_a_tunnel_says_so(town, peer, order):
    done = town.warren.ctl("ipsec", peer.customer, peer.name, order, check=False)
    assert done.returncode != 0 and peer.name in done.stdout + done.stderr


def test_a_connection_without_an_address_cannot_be_initiated(town, peer):
    done = town.warren.ctl("ipsec", peer.customer, peer.name, "initiate", check=False)
    assert done.returncode != 0 and "remote_address" in done.stdout + done.stderr


def test_drops_explains_the_new_reasons(town, peer):
    with pytest.raises(Refused):
        peer.connect(TSI, TSR, remote_id="nobody.vpn.example.net")
    assert "ike_unknown_identity" in town.warren.ctl("drops").stdout


def test_terminate_deletes_with_a_word_to_the_peer(town, peer):
    sa = peer.connect()
    with peer.serving():
        town.warren.ctl("ipsec", peer.customer, peer.name, "terminate")
        netlab.wait_until(lambda: sa.closed, 5)
    assert town.warren.connection(peer.customer, peer.name).state in ("down", "listening")
