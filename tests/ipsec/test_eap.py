"""Clients that show by EAP who they are: a password or a certificate, of the right customer."""

import pytest

from tests.lab import connection, netlab, pki, sites, strongswan, warren
from tests.lab.town import HUB4, STACK4, STACK6

PASSWORD = "correct horse"


class People:
    """A customer whose one site uses EAP, and the authority that its clients trust."""

    def __init__(self, town, join, name, auth="eap-mschapv2", users=None, realms=(), authority=None):
        self.town, self.id, self.auth = town, town.new_id(name), auth
        self.authority = authority or pki.Authority(name)
        self.connection = connection.Connection(
            "people", auth=auth, users=users or {}, children=[sites.child()], more={"max_sessions": 1})
        identity = sites.hub_identity(self.id)
        ipsec = connection.Ipsec(identity, [self.connection], more={"realms": list(realms)},
                                 certificate=self.authority.issue("hub", [identity]), authorities=[self.authority.pem])
        join(warren.Customer(self.id, [f"{STACK4}/24", f"{STACK6}/64"], [], ipsec=ipsec))

    def client(self, user, password=PASSWORD, host="laptop", asks=None, certificate=None, settings=None):
        """A started charon that says it is `user`, at a place of its own."""
        place = self.town.place(host)
        self.town.lab.bridge(place.ns, "lan0", [f"{sites.SITE}/24"])
        theirs = strongswan.Connection(
            "hub", HUB4, certificate and user or "", asks or sites.hub_identity(self.id),
            [strongswan.Child("lan", [sites.SITE_LAN], [sites.STACK_LAN])], local_auth=self.auth, remote_auth="pubkey",
            eap_id=user, certificate="own" if certificate else "")
        charon = strongswan.Charon(
            place.ns, [theirs], [] if certificate else [strongswan.password(user, password)],
            identities={"own": certificate} if certificate else {}, authorities={"hub": self.authority},
            settings=settings)
        return sites.Site(place, charon.start(), self.connection, self.id)

    def attempts(self):
        return self.town.warren.attempts(self.id, "people")


@pytest.fixture
def people(town):
    """people(name, ...) makes People for the duration of the test."""
    ids, charons = [], []

    def join(customer):
        town.warren.put(customer)
        ids.append(customer.id)

    def make(*args, **more):
        made = People(town, join, *args, **more)
        client = made.client

        def started(*args, **more):
            charons.append(client(*args, **more))
            return charons[-1]

        made.client = started
        return made

    yield make
    for one in charons:
        one.charon.stop()
    if ids:
        town.warren.remove(*ids)


@pytest.mark.parametrize("name", ["alice", "alice@acme.example", r"ACME\alice"])
def test_a_password_opens_the_tunnel(town, people, name):
    acme = people("acme", users={"alice": PASSWORD}, realms=["acme.example", "ACME"])
    client = acme.client(name)
    client.connect()
    shown = town.warren.connection(acme.id, "people")
    assert [sa.remote_identity for sa in shown.ike_sas] == ["alice"]
    assert "EAP method EAP_MSCHAPV2 succeeded, MSK established" in client.charon.log()


def test_a_wrong_password_is_refused_and_counted(people, counted):
    acme = people("acme", users={"alice": PASSWORD})
    client = acme.client("alice", "wrong")
    with counted("ike_eap_failed"):
        assert not client.charon.initiate("lan", check=False)
    assert "ERROR_AUTHENTICATION_FAILURE" in client.charon.log()
    client.charon.secrets = [strongswan.password("alice", PASSWORD)]
    client.charon.load()
    client.connect()


def test_a_removed_user_loses_its_tunnel_and_the_others_keep_theirs(town, people):
    acme = people("acme", users={"alice": PASSWORD, "bob": PASSWORD})
    alice = acme.client("alice").connect()
    before, customer = alice.charon.sa("hub").spis, town.warren.customers[acme.id]

    def leave(*names):
        acme.connection.users = {name: PASSWORD for name in names}
        town.warren.put(customer)

    leave("alice")
    leave("bob")
    netlab.wait_until(lambda: not town.warren.connection(acme.id, "people").ike_sas, 5, "its tunnel has ended")
    attempts = [attempt for attempt in acme.attempts() if "users any more" in str(attempt)]
    assert len(attempts) == 1 and before  # the users of the first change still had it


def test_a_user_that_is_not_there_looks_like_a_wrong_password(people, counted):
    acme = people("acme", users={"alice": PASSWORD})
    client = acme.client("mallory")
    with counted("ike_eap_failed"):
        assert not client.charon.initiate("lan", check=False)
    assert "ERROR_AUTHENTICATION_FAILURE" in client.charon.log()


def test_a_user_of_the_same_name_at_another_customer_opens_nothing_here(town, people):
    """Two customers have an alice, with different passwords, and realms of their own."""
    acme = people("acme", users={"alice": PASSWORD}, realms=["acme.example"])
    beta = people("beta", users={"alice": "another password"}, realms=["beta.example"], authority=acme.authority)
    for name, word in (("alice", "another password"), ("alice@beta.example", "another password"),
                       ("alice@beta.example", PASSWORD)):
        client = acme.client(name, word)
        assert not client.charon.initiate("lan", check=False)
        assert town.warren.connection(acme.id, "people").ike_sas == []
        assert town.warren.connection(beta.id, "people").ike_sas == []
        client.charon.stop()
    acme.client("alice@acme.example").connect()


def test_a_certificate_opens_the_tunnel_by_eap_tls(town, people):
    """With TLS 1.2: Debian 12's charon has no EAP-TLS of RFC 9190, which the unit tests speak."""
    acme = people("acme", auth="eap-tls")
    user = "alice@acme.example"
    client = acme.client(user, certificate=acme.authority.issue("alice", [user]),
                         settings={"tls": {"version_min": "1.2", "version_max": "1.2"}})
    client.connect()
    assert "EAP method EAP_TLS succeeded, MSK established" in client.charon.log()
    shown = town.warren.connection(acme.id, "people")
    assert [sa.remote_identity for sa in shown.ike_sas] == [user]


def test_another_authoritys_certificate_opens_nothing(people, counted):
    acme = people("acme", auth="eap-tls")
    user = "alice@acme.example"
    client = acme.client(user, certificate=pki.Authority("beta").issue("alice", [user]))
    with counted("ike_eap_tls_failed"):
        assert not client.charon.initiate("lan", check=False)
    netlab.wait_until(lambda: acme.attempts(), 5)
