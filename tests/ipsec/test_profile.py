"""The other side's half that `vpnctl profile --for swanctl` prints is taken by a stock charon as it is."""

import pytest

from tests.lab import connection, netlab, pki, sites, strongswan, warren
from tests.lab.town import HUB4, STACK4, STACK6

PASSWORD = "correct horse # battery {staple}"


@pytest.fixture
def customer(town):
    """customer(name, connections, ...) adds a customer that says where it is reached, until the end of the test."""
    ids = []

    def add(name, connections, identity="", **more):
        id_ = town.new_id(name)
        made = warren.Customer(id_, [f"{STACK4}/24", f"{STACK6}/64"], [], clients={"endpoint": f"{HUB4}:51820"},
                               ipsec=connection.Ipsec(identity or sites.hub_identity(id_), connections, **more))
        town.warren.put(made)
        ids.append(id_)
        return made

    yield add
    town.warren.remove(*ids)


@pytest.fixture
def reaches(town):
    """reaches(text, ...): a charon with this swanctl.conf reaches the stack."""
    charons = []

    def run(text, source=(), **more):
        place = town.place("profiled")
        town.lab.bridge(place.ns, "lan0", [f"{sites.SITE}/24"])
        charons.append(strongswan.Charon(place.ns, **more).start())
        charons[-1].configure(text)
        netlab.wait_until(lambda: place.ns.ping(STACK4, *source, timeout=1), 15, f"the other side reaches {STACK4}")

    yield run
    for charon in charons:
        charon.stop()


def profile(town, customer, *words):
    return town.warren.configure("profile", customer.id, *words, "--for", "swanctl", "--with-secret").stdout


def test_a_site_connects_with_the_text(town, customer, reaches):
    made = customer("acme", [connection.Connection(
        "graz", "graz@acme.example", 'a "key" of \\twenty# letters', [sites.child()],
        more={"ike": ["aes256gcm-sha384-ecp384"], "esp": ["aes128-sha256"]})])
    text = profile(town, made, "graz")
    assert "REPLACE_WITH" in town.warren.configure("profile", made.id, "graz", "--for", "swanctl").stdout
    reaches(text, ["-I", sites.SITE])
    sa, = town.warren.json("ipsec", made.id)["connections"]
    assert sa["state"] == "up"


def test_a_person_connects_with_the_text(town, customer, reaches):
    authority = pki.Authority("people")
    made = customer("acme", [connection.Connection(
        "people", auth="eap-mschapv2", users={"anna": PASSWORD},
        more={"pool": ["10.0.0.128/25"], "local": [sites.STACK_LAN]})],
        identity="hub.example.net", certificate=authority.issue("hub", ["hub.example.net"]))
    reaches(profile(town, made, "people", "anna"), authorities={"hub": authority})


def test_what_cannot_be_is_said(town, customer):
    made = customer("acme", [connection.Connection("graz", "graz@acme.example", sites.new_key(), [sites.child()])])

    def said(*words):
        ran = town.warren.configure("profile", made.id, *words, check=False)
        assert ran.returncode != 0 and ran.stdout == ""
        return ran.stderr

    assert "no preshared key with IKEv2" in said("graz", "--for", "windows")
    assert "accepted: swanctl, libreswan, iked, windows, apple, android" in said("graz", "--for", "palm")
    assert "has no connection linz" in said("linz", "--for", "swanctl")
    assert "leave USER out" in said("graz", "anna", "--for", "swanctl")
    assert "say --for PROGRAM" in said("graz", "--with-secret")
