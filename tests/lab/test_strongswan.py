"""Tests of the lab's stock IKEv2 peers, charon to charon: each is configured as later tests configure it against
Warren, and what they show here is what Warren has to do as well or better."""

import re

import pytest

from tests.lab import netlab, pki, strongswan
from tests.lab.strongswan import Charon, Child, Connection
from tests.lab.town import HUB4, Pinging

HUB_ID = "hub.example.net"
KEY, OTHER_KEY = "the key of graz, of more than 20 letters", "the key of linz, of more than 20 letters"
HUB_LAN = "10.0.0.1"


@pytest.fixture(scope="module")
def authority():
    return pki.Authority("Acme")


@pytest.fixture
def started():
    """started(charon): starts it, and stops it after the test, the last first."""
    running = []

    def start(charon):
        running.append(charon)
        return charon.start()

    yield start
    for charon in reversed(running):
        charon.stop()


def site(internet, host, number, place=None, **more):
    """A charon for a new place with the network 10.0.N.0/24, and the hub's connection for it: (Charon, Connection).
    `more` are fields of both connections: `esp`, or those of Connection; with `hub_`, only of the hub's."""
    place = place or internet.place(host)
    internet.lab.bridge(place.ns, "lan0", [f"10.0.{number}.1/24"])
    esp = more.pop("esp", "aes128gcm16")
    own = {key: value for key, value in more.items() if not key.startswith("hub_")}
    hubs = {**own, **{key[4:]: value for key, value in more.items() if key.startswith("hub_")}}
    theirs = Connection("hub", HUB4, f"{host}@acme.example", HUB_ID,
                        [Child("lan", [f"10.0.{number}.0/24"], ["10.0.0.0/24"], esp)], **own)
    ours = Connection(host, "", HUB_ID, f"{host}@acme.example",
                      [Child(f"{host}-lan", ["10.0.0.0/24"], [f"10.0.{number}.0/24"], esp)], **hubs)
    return Charon(place.ns, [theirs], [strongswan.psk(KEY, f"{host}@acme.example", HUB_ID)]), ours


def both_ways(hub, charon, number):
    return charon.ns.ping(HUB_LAN, "-I", f"10.0.{number}.1", count=3) and hub.ns.ping(f"10.0.{number}.1", count=3)


# --- authentication ---------------------------------------------------------------------------------------------------


def test_two_sites_with_a_key_each_reach_the_hub(internet, started):
    graz, for_graz = site(internet, "graz", 1)
    linz, for_linz = site(internet, "linz", 2)
    linz.secrets = [strongswan.psk(OTHER_KEY)]
    hub = started(Charon(internet.hub, [for_graz, for_linz],
                         [strongswan.psk(KEY, "graz@acme.example"), strongswan.psk(OTHER_KEY, "linz@acme.example")]))
    for charon, number in ((graz, 1), (linz, 2)):
        started(charon).initiate("lan")
        assert both_ways(hub, charon, number)
    assert hub.established() == ["graz", "linz"]
    seen, told = hub.sa("graz"), graz.sa("hub")
    assert seen.spis == told.spis and (seen.initiator, told.initiator) == (False, True)
    assert seen.remote_id == "graz@acme.example" and told.remote_id == HUB_ID
    assert told.suite == "AES_GCM_16-128/PRF_HMAC_SHA2_256/CURVE_25519"
    assert seen.children[0].spi_in == told.children[0].spi_out and told.children[0].packets_in >= 6
    assert told.remote == (HUB4, 4500) and told.children[0].remote == ["10.0.0.0/24"]


def test_a_wrong_key_makes_no_tunnel(internet, started):
    graz, for_graz = site(internet, "graz", 1)
    graz.secrets = [strongswan.psk(OTHER_KEY)]
    hub = started(Charon(internet.hub, [for_graz], [strongswan.psk(KEY)]))
    assert not started(graz).initiate("lan", check=False)
    assert "received AUTHENTICATION_FAILED notify error" in graz.log()
    assert hub.sas() == graz.sas() == []


@pytest.mark.parametrize("key", ["p256", "p384", "ed25519", "rsa2048"])
def test_certificates_authenticate_both_ends(internet, started, authority, key):
    graz, for_graz = site(internet, "graz", 1, local_auth="pubkey", remote_auth="pubkey", certificate="own")
    hub = started(Charon(internet.hub, [for_graz], identities={"own": authority.issue("hub", [HUB_ID], key)},
                         authorities={"acme": authority}))
    graz.identities = {"own": authority.issue("graz", ["graz@acme.example"], key)}
    graz.authorities = {"acme": authority}
    started(graz).initiate("lan")
    assert both_ways(hub, graz, 1)


def test_long_certificates_come_in_fragments_and_a_chain_has_an_authority_between(internet, started, authority):
    between = pki.Authority("Acme", "Branches", "rsa3072", authority)
    graz, for_graz = site(internet, "graz", 1, local_auth="pubkey", remote_auth="pubkey", certificate="own")
    hub = started(Charon(internet.hub, [for_graz], identities={"own": authority.issue("hub", [HUB_ID], "rsa3072")},
                         authorities={"acme": authority}))
    graz.identities = {"own": between.issue("graz", ["graz@acme.example"], "rsa3072")}
    graz.authorities = {"acme": authority}
    started(graz).initiate("lan")
    assert both_ways(hub, graz, 1)
    assert re.search(r"generating IKE_AUTH request 1 \[ EF\(1/\d\) \]", graz.log())
    assert re.search(r"generating IKE_AUTH response 1 \[ EF\(1/\d\) \]", hub.log())


@pytest.mark.parametrize("why", ["another authority", "expired", "not its name"])
def test_a_wrong_certificate_makes_no_tunnel(internet, started, authority, why):
    graz, for_graz = site(internet, "graz", 1, local_auth="pubkey", remote_auth="pubkey", certificate="own",
                          hub_remote_more={"cacerts": ["acme.pem"]})
    hub = started(Charon(internet.hub, [for_graz], identities={"own": authority.issue("hub", [HUB_ID])},
                         authorities={"acme": authority}))
    issuer = pki.Authority("Globex") if why == "another authority" else authority
    graz.identities = {"own": issuer.issue("graz", ["linz@acme.example" if why == "not its name" else
                                                    "graz@acme.example"],
                                           days=(-9, -2) if why == "expired" else (-1, 30))}
    graz.authorities = {"acme": authority, "own": issuer}
    assert not started(graz).initiate("lan", check=False)
    assert hub.sas() == []


def people(internet, authority, auth, **more):
    """(Charon, Connection): a client that is given its address, and the hub's connection for all such clients."""
    place = more.pop("place", None) or internet.place("laptop")
    theirs = Connection("hub", HUB4, "", HUB_ID, [Child("all", ["dynamic"], ["10.0.0.0/24", "fd00:42::/64"])],
                        local_auth=auth, remote_auth="pubkey", vips=["0.0.0.0", "::"], eap_id="alice", **more)
    ours = Connection("people", "", HUB_ID, "", [Child("all", ["10.0.0.0/24", "fd00:42::/64"])], local_auth="pubkey",
                      remote_auth=auth, certificate="hub", pools=["four", "six"], eap_id="%any",
                      more={"send_cert": "always"})
    return Charon(place.ns, [theirs], [strongswan.password("alice", "correct horse")],
                  authorities={"acme": authority}), ours


def people_hub(internet, authority, connection, **more):
    return Charon(internet.hub, [connection], [strongswan.password("alice", "correct horse")],
                  pools={"four": {"addrs": "10.99.0.0/24", "dns": ["10.0.0.53"]}, "six": {"addrs": "fd00:99::/112"}},
                  identities={"hub": authority.issue("hub", [HUB_ID])}, authorities={"acme": authority}, **more)


def test_a_password_gets_addresses_and_a_name_server(internet, started, authority):
    laptop, for_people = people(internet, authority, "eap-mschapv2")
    hub = started(people_hub(internet, authority, for_people))
    started(laptop).initiate("all")
    sa = laptop.sa("hub")
    assert sa.vips == ["10.99.0.1", "fd00:99::1"] == hub.sa("people").given
    assert laptop.dns() == ["10.0.0.53"]
    assert laptop.ns.ping(HUB_LAN) and laptop.ns.ping("fd00:42::1") and hub.ns.ping("10.99.0.1")


def test_a_wrong_password_makes_no_tunnel(internet, started, authority):
    laptop, for_people = people(internet, authority, "eap-mschapv2")
    laptop.secrets = [strongswan.password("alice", "wrong horse")]
    hub = started(people_hub(internet, authority, for_people))
    assert not started(laptop).initiate("all", check=False)
    assert laptop.sas() == [] and hub.established() == []  # the hub waits for another try


def test_eap_tls_authenticates_a_client(internet, started, authority):
    laptop, for_people = people(internet, authority, "eap-tls", certificate="alice")
    laptop.identities = {"alice": authority.issue("alice", ["alice"])}
    hub = started(people_hub(internet, authority, for_people))
    started(laptop).initiate("all")
    assert laptop.ns.ping(HUB_LAN) and hub.sa("people").given == laptop.sa("hub").vips


def test_a_postquantum_preshared_key_is_mixed_in(internet, started):
    graz, for_graz = site(internet, "graz", 1, ppk_id="ppk-1", ppk_required=True)
    graz.secrets.append(strongswan.ppk("ppk-1", "0x" + "42" * 32))
    hub = started(Charon(internet.hub, [for_graz], graz.secrets))
    started(graz).initiate("lan")
    assert both_ways(hub, graz, 1) and graz.sa("hub").ppk and hub.sa("graz").ppk


# --- suites -----------------------------------------------------------------------------------------------------------

SUITES = {
    "aes256gcm16-prfsha384-ecp384": ("aes256gcm16", "AES_GCM_16-256/PRF_HMAC_SHA2_384/ECP_384", "AES_GCM_16-256"),
    "chacha20poly1305-prfsha256-ecp256": (
        "chacha20poly1305", "CHACHA20_POLY1305/PRF_HMAC_SHA2_256/ECP_256", "CHACHA20_POLY1305"),
    "aes256-sha256-modp2048": ("aes128-sha256", "AES_CBC-256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_2048",
                               "AES_CBC-128/HMAC_SHA2_256_128")}


@pytest.mark.parametrize("ike", SUITES)
def test_the_suites_that_later_tests_want(internet, started, ike):
    esp, shown, child_shown = SUITES[ike]
    graz, for_graz = site(internet, "graz", 1, proposals=ike, esp=esp)
    hub = started(Charon(internet.hub, [for_graz], graz.secrets))
    started(graz).initiate("lan")
    assert both_ways(hub, graz, 1)
    assert graz.sa("hub").suite == shown and graz.child("lan").suite == child_shown


# --- life -------------------------------------------------------------------------------------------------------------


@pytest.mark.losses
@pytest.mark.parametrize("who", ["initiator", "responder"])
@pytest.mark.parametrize("what", ["child", "ike"])
def test_a_rekey_under_pings_loses_none(internet, started, what, who):
    graz, for_graz = site(internet, "graz", 1)
    hub = started(Charon(internet.hub, [for_graz], graz.secrets))
    started(graz).initiate("lan")
    asker, name = (graz, {"child": "lan", "ike": "hub"}) if who == "initiator" else (
        hub, {"child": "graz-lan", "ike": "graz"})
    pinging = Pinging(graz.ns, HUB_LAN)

    def identity():
        sas = [sa for sa in graz.sas() if sa.state == "ESTABLISHED"]
        return sas and (sas[0].spis if what == "ike" else [child.spi_in for child in sas[0].children
                                                           if child.state == "INSTALLED"][0])

    for _ in range(3):
        before = identity()
        asker.rekey(**{what: name[what]})
        netlab.wait_until(lambda: identity() not in ([], before), 5, "new keys")
    assert pinging.lost() == 0
    assert len(graz.sas()) == 1


@pytest.mark.parametrize("who", ["initiator", "responder"])
def test_a_delete_takes_both_ends_down(internet, started, who):
    graz, for_graz = site(internet, "graz", 1)
    hub = started(Charon(internet.hub, [for_graz], graz.secrets))
    started(graz).initiate("lan")
    if who == "initiator":
        graz.terminate(child="lan")
    else:
        hub.terminate(child="graz-lan")
    netlab.wait_until(lambda: not graz.child("lan") and not hub.child("graz-lan"), 5)
    assert hub.established() == ["graz"]
    graz.initiate("lan")  # a new child of the IKE_SA that is there
    assert both_ways(hub, graz, 1)
    if who == "initiator":
        graz.terminate(ike="hub")
    else:
        hub.terminate(ike="graz")
    netlab.wait_until(lambda: not graz.sas() and not hub.sas(), 5)


def test_a_silent_peer_is_noticed(internet, started):
    graz, for_graz = site(internet, "graz", 1, dpd_delay=1, hub_dpd_delay=0)
    hub = started(Charon(internet.hub, [for_graz], graz.secrets))
    graz.settings = {"retransmit_timeout": 0.2, "retransmit_tries": 2, "retransmit_base": 1}
    started(graz).initiate("lan")
    netlab.wait_until(lambda: "sending DPD request" in graz.log(), 5)
    assert graz.sa("hub")
    hub.kill()
    netlab.wait_until(lambda: not graz.sas(), 5)


# --- NAT and mobility -------------------------------------------------------------------------------------------------


def test_two_clients_behind_one_address_work_at_the_same_time(internet, started, authority):
    nat = internet.nat("cafe")
    alice, for_people = people(internet, authority, "eap-mschapv2", place=nat.place("alice"))
    bob, _ = people(internet, authority, "eap-mschapv2", place=nat.place("bob"))
    bob.connections[0].eap_id, bob.secrets = "bob", [strongswan.password("bob", "battery staple")]
    hub = started(people_hub(internet, authority, for_people))
    hub.secrets += bob.secrets
    hub.load()
    for client in (alice, bob):
        started(client).initiate("all")
    for client in (alice, bob):
        assert client.ns.ping(HUB_LAN) and hub.ns.ping(client.sa("hub").vips[0])
    ends = [sa.remote for sa in hub.sas()]
    assert len(set(ends)) == 2 and {address for address, _ in ends} == {nat.outside.ipv4}
    assert all("remote" in sa.nat for sa in hub.sas())


@pytest.mark.losses
def test_mobike_takes_a_tunnel_to_another_address(internet, started):
    place = internet.place("graz")
    graz, for_graz = site(internet, "graz", 1, place)
    hub = started(Charon(internet.hub, [for_graz], graz.secrets))
    # Without IPv6, because charon takes the path that answers first, of either family.
    place.ns.ip("addr add 100.64.255.2/32 dev wan0", f"addr del {place.ipv6}/64 dev wan0")
    internet.internet.ip(f"route add 100.64.255.2/32 dev {place.router_device}")
    started(graz).initiate("lan")
    assert hub.sa("graz").remote[0] == place.ipv4
    pinging = Pinging(place.ns, HUB_LAN)
    place.ns.ip(f"route replace default dev wan0 via 100.64.{place.number}.1 onlink",
                f"addr del {place.ipv4}/24 dev wan0")
    netlab.wait_until(lambda: hub.sa("graz").remote[0] == "100.64.255.2", 10, "the hub knows the new address")
    assert pinging.lost() < 100  # of 100 a second
