"""Certificates: who gets in with which, and whose it is then."""

import dataclasses
import re

import pytest

from tests.lab import connection, netlab, pki, sites, strongswan
from tests.lab.town import STACK4, Pinging


@pytest.fixture(scope="module")
def authority():
    return pki.Authority("Acme")


@pytest.fixture
def certified(town, site):
    """certified(customer, authority, ...): a stock site with a certificate, and its customer with the CA."""
    def make(customer, authority, key="p256", names=None, issuer=None, own=None, hub_key=None, lists=(), more=None,
             host="graz", join_it=True, **charon):
        identity = f"{host}@{customer}.example"
        charon.setdefault("local_auth", "pubkey")
        charon.setdefault("remote_auth", "pubkey")
        graz = site(customer, host, identity=identity, certificate="own", start=False, **charon)
        graz.connection = dataclasses.replace(graz.connection, auth="certificate", psk="")
        graz.charon.secrets = []
        graz.charon.identities = {"own": own or (issuer or authority).issue(host, names or [identity], key)}
        graz.charon.authorities = {"acme": authority}
        graz.hub = authority.issue("hub", [sites.hub_identity(customer)], hub_key or key)
        if join_it:
            made = sites.customer(customer, [graz])
            made.ipsec = dataclasses.replace(made.ipsec, certificate=graz.hub, authorities=[authority.pem],
                                             lists=list(lists), more=more or {})
            town.warren.put(made)
        graz.charon.start()
        return graz

    made = []
    yield lambda *args, **more: made.append(make(*args, **more)) or made[-1]
    present = [one.customer for one in made if one.customer in town.warren.customers]
    if present:
        town.warren.remove(*dict.fromkeys(present))


@pytest.mark.parametrize("key", ["p256", "p384", "p521", "ed25519", "rsa2048"])
def test_a_stock_site_with_a_certificate_comes_up_and_pings(town, certified, authority, key):
    graz = certified(town.new_id("acme"), authority, key).connect()
    shown = town.warren.connection(graz.customer, "graz")
    assert shown.state == "up"
    assert shown.ike_sas[0].remote_identity == f"graz@{graz.customer}.example"


def test_warren_begins_with_a_certificate(town, certified, authority):
    id_ = town.new_id("acme")
    graz = certified(id_, authority)
    graz.connection = dataclasses.replace(graz.connection, remote_address=graz.place.ipv4)
    made = sites.customer(id_, [graz])
    made.ipsec = dataclasses.replace(made.ipsec, certificate=graz.hub, authorities=[authority.pem])
    town.warren.put(made)
    town.warren.ctl("ipsec", id_, "graz", "initiate")
    sites.netlab.wait_until(lambda: graz.ping(timeout=1), 5, "the site reaches the stack")


def test_long_certificates_come_in_fragments(town, certified, authority):
    between = pki.Authority("Acme", "Branches", "rsa3072", authority)
    graz = certified(town.new_id("acme"), authority, "rsa3072", issuer=between).connect()
    assert re.search(r"generating IKE_AUTH request 1 \[ EF\(1/\d\) \]", graz.charon.log())
    assert re.search(r"parsed IKE_AUTH response 1 \[ EF\(1/\d\) \]", graz.charon.log())


@pytest.mark.parametrize("key", ["p256", "rsa2048"])
def test_a_peer_without_signature_hash_algorithms(town, certified, authority, key):
    graz = certified(town.new_id("acme"), authority, key, settings={"signature_authentication": False}).connect()
    made = {"p256": "with ECDSA-256 signature successful", "rsa2048": "with RSA signature successful"}
    assert made[key] in graz.charon.log()
    assert town.warren.connection(graz.customer, "graz").state == "up"


def refused(town, graz, counted, reason, words):
    with counted(reason):
        assert not graz.charon.initiate("lan", check=False)
    assert "received AUTHENTICATION_FAILED notify error" in graz.charon.log()
    assert town.warren.connection(graz.customer, "graz").ike_sas == []
    assert words in town.warren.attempts(graz.customer, "graz")[-1].sentence


@pytest.mark.parametrize("wrong, words", [("authority", "issued by none of the customer's CAs"),
                                          ("expired", "has expired"), ("name", "not that of the identity"),
                                          ("revoked", "is revoked"), ("usage", "may not be used for that")])
def test_a_wrong_certificate_is_refused_and_people_learn_why(town, certified, authority, counted, wrong, words):
    id_ = town.new_id("acme")
    name, lists = f"graz@{id_}.example", ()
    issuer = pki.Authority("Globex") if wrong == "authority" else pki.Authority("Acme", "Revoking")
    given = {"days": (-9, -2)} if wrong == "expired" else {}
    if wrong == "usage":
        given = {"usages": [pki.ExtendedKeyUsageOID.CODE_SIGNING]}
    own = issuer.issue("graz", ["linz@acme.example" if wrong == "name" else name], **given)
    trusted = authority if wrong == "authority" else issuer
    if wrong == "revoked":
        issuer.revoke(own)
        lists = [issuer.crl()]
    graz = certified(id_, trusted, own=own, lists=lists)
    refused(town, graz, counted, "ike_certificate_refused", words)


def test_a_renewed_list_ends_the_tunnels_of_those_whom_it_names_and_no_other(town, certified):
    issuer, id_ = pki.Authority("Acme", "Renewing"), town.new_id("acme")
    graz = certified(id_, issuer, lists=[issuer.crl()]).connect()
    linz = certified(id_, issuer, host="linz", join_it=False)
    other = "10.0.9.0/24"
    linz.connection = dataclasses.replace(linz.connection,
                                          children=[connection.Child("lan", [sites.STACK_LAN], [other])])
    linz.charon.connections[0].children = [strongswan.Child("lan", [other], [sites.STACK_LAN])]
    linz.charon.load()
    linz.ns.ip("addr add 10.0.9.1/24 dev lan0")
    customer = town.warren.customers[id_]

    def renew():
        customer.ipsec = dataclasses.replace(customer.ipsec, lists=[issuer.crl()],
                                             connections=[graz.connection, linz.connection])
        town.warren.put(customer)

    renew()
    linz.charon.initiate("lan")
    before, pinging = graz.charon.sa("hub").spis, Pinging(graz.place.ns, STACK4)
    issuer.revoke(linz.charon.identities["own"])
    renew()
    netlab.wait_until(lambda: not town.warren.connection(id_, "linz").ike_sas, 5, "linz's tunnel has ended")
    assert pinging.lost() == 0
    assert graz.charon.sa("hub").spis == before
    issuer.revoke(graz.charon.identities["own"])
    renew()
    netlab.wait_until(lambda: not town.warren.connection(id_, "graz").ike_sas, 5, "graz's tunnel has ended")


def test_a_peer_with_only_betas_certificate_never_reaches_acme(town, certified, counted):
    """Two customers with the same addresses and CAs of the same name; the thief asks for acme with what beta's CA has
    issued, for the very identity that acme expects."""
    acme, beta = town.new_id("acme"), town.new_id("beta")
    acmes, betas = pki.Authority("Branches"), pki.Authority("Branches")
    owner = certified(acme, acmes, host="owner").connect()
    certified(beta, betas, host="second").connect()
    thief = certified(acme, acmes, host="owner2", join_it=False,
                      own=betas.issue("owner", [f"owner@{acme}.example", f"owner2@{acme}.example"]))
    thief.charon.connections[0].local_id = f"owner@{acme}.example"
    thief.charon.load()
    with counted("ike_certificate_refused"):
        assert not thief.charon.initiate("lan", check=False)
    assert owner.ping()
    assert len(town.warren.connection(acme, "owner").ike_sas) == 1
