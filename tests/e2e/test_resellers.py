"""Resellers: customers of customers, each with a stack of its own. Ids of two resellers' customers may be the same."""

import json
import os

import pytest

from tests.lab import netlab, page, town as scenery, warren
from tests.lab.town import STACK4
from tests.lab.watched import LISTEN, PASSWORD

CAPS = {"max_customers": 2, "max_peers": 3}


class Market(scenery.Town):
    """Two resellers, acme and globex, with a customer `north` each that has the same addresses; and a customer of
    nobody's."""

    def __init__(self, lab):
        super().__init__(lab)
        self.warren.status_listen, self.warren.status_changes = LISTEN, True
        self.warren.state_dir = lab.path("state")
        self.warren.start()
        self.of_acme, self.of_globex, self.of_nobody = (self.office(name) for name in ("ada", "bob", "cyd"))
        self.acme = self.customer([], "acme", reseller=CAPS)
        self.globex = self.customer([], "globex", reseller={})
        self.north = self.customer([self.of_acme], "acme.north", clients={"pool": ["10.0.0.0/24"]})
        self.other_north = self.customer([self.of_globex], "globex.north")
        self.plain = self.customer([self.of_nobody], "north")
        for office in (self.of_acme, self.of_globex, self.of_nobody):
            office.connect()

    def serves(self, office):
        return office.ns.run("ping", "-c", "1", "-W", "1", STACK4, check=False).returncode == 0

    def ctl(self, *arguments, check=True):
        return self.hub.run(f"{self.warren.bin}/vpnctl", "--run-dir", self.warren.run_dir, "--config",
                            self.warren.config, "--state-dir", self.warren.state_dir, *arguments, check=check)

    def states(self):
        return {entry["id"]: entry["state"] == "suspended" for entry in self.warren.status()["customers"]}

    def stacks(self):
        return {name.removeprefix("warren-") for name in os.listdir(netlab.NETNS_DIR) if name.startswith("warren-")}

    def file(self, id_):
        return f"{self.warren.config}/{warren.customer_file(id_)}"


@pytest.fixture(scope="module")
def market():
    with warren.leaves_nothing(Market) as made:
        yield made


def test_customers_of_two_resellers_with_the_same_id_reach_their_own_stacks(market):
    assert {"acme", "acme.north", "globex", "globex.north", "north"} <= market.stacks()
    before = {id_: market.warren.peer(id_, name)["rx_bytes"]
              for id_, name in (("acme.north", "ada"), ("globex.north", "bob"), ("north", "cyd"))}
    market.of_acme.ping(count=3)
    now = {id_: market.warren.peer(id_, name)["rx_bytes"]
           for id_, name in (("acme.north", "ada"), ("globex.north", "bob"), ("north", "cyd"))}
    assert now["acme.north"] > before["acme.north"]
    # Each stack sees its own client: a packet from there to the same address comes out at another client.
    for customer, office in ((market.north, market.of_acme), (market.other_north, market.of_globex)):
        received = office.shown().rx_bytes if hasattr(office.shown(), "rx_bytes") else None
        assert market.stack(customer).ping("10.0.0.2", count=1)
        assert received is None or office.shown().rx_bytes > received
    assert os.path.exists(f"{market.warren.config}/customers/acme/north.toml")
    table = market.ctl("customers").stdout
    assert "acme.north" in table and "globex.north" in table


def test_what_exceeds_a_resellers_caps_is_refused_and_loses_nothing(market):
    new = ("customer", "add", "acme.south", "--address", "10.0.0.1/24")
    market.ctl(*new)
    refused = market.ctl("customer", "add", "acme.west", "--address", "10.0.0.1/24", check=False)
    assert refused.returncode != 0
    assert "accepted: up to 2 (reseller.max_customers of customers/acme.toml)" in refused.stderr
    assert not os.path.exists(market.file("acme.west"))
    # Nor by hand.
    with open(market.file("acme.west"), "w") as out:
        out.write('schema = 1\nname = "West"\n[stack]\naddresses = ["10.0.0.1/24"]\n')
    checked = market.ctl("check", check=False)
    assert checked.returncode == 1 and "acme/west.toml" in checked.stdout and "max_customers" in checked.stdout
    assert market.ctl("apply", check=False).returncode == 1
    assert "acme.west" not in market.stacks() and {"acme.north", "acme.south"} <= market.stacks()
    assert market.serves(market.of_acme)
    os.unlink(market.file("acme.west"))
    market.ctl("customer", "rm", "acme.south", "--remove")
    market.ctl("apply")
    netlab.wait_until(lambda: "acme.south" not in market.stacks(), 90)
    # Nobody's customer has customers.
    refused = market.ctl("customer", "add", "north.x", "--address", "10.0.0.1/24", check=False)
    assert refused.returncode != 0 and "customers/north.toml has no [reseller]" in refused.stderr
    refused = market.ctl("customer", "add", "missing.x", "--address", "10.0.0.1/24", check=False)
    assert refused.returncode != 0 and "there is no reseller missing" in refused.stderr
    assert not os.path.exists(f"{market.warren.config}/customers/missing")


def test_a_suspended_reseller_suspends_its_customers_and_nobody_else(market):
    market.ctl("customer", "suspend", "acme")
    try:
        netlab.wait_until(lambda: not market.serves(market.of_acme), 10)
        assert market.states() == {"acme": True, "acme.north": True, "globex": False, "globex.north": False,
                                   "north": False}
        assert market.serves(market.of_globex) and market.serves(market.of_nobody)
        # Its file says nothing of it.
        with open(market.file("acme.north")) as file:
            assert "suspended" not in file.read()
    finally:
        market.ctl("customer", "resume", "acme")
    assert not any(market.states().values())
    market.of_acme.connect(timeout=30)


def test_a_restart_of_stackd_serves_them_as_before(market):
    market.warren.kill()
    market.warren.start()
    assert market.serves(market.of_acme) and market.serves(market.of_globex)
    assert market.ctl("diff").stdout.startswith("nothing to do")


def test_the_history_has_the_files_of_resellers_customers(market):
    market.ctl("customer", "suspend", "acme.north")

    def newest():
        return json.loads(market.ctl("--json", "history").stdout)["revisions"][0]

    netlab.wait_until(lambda: newest()["customers"] == ["acme.north"], 10, "the revision is written")
    shown = market.ctl("diff", "--revision", str(newest()["revision"] - 1), check=False).stdout
    assert "customers/acme/north.toml" in shown
    market.ctl("rollback", str(newest()["revision"] - 1), "--remove")
    assert market.states()["acme.north"] is False
    market.of_acme.connect(timeout=30)


def test_a_renamed_reseller_takes_its_customers_and_their_tunnels_along(market):
    handshake, space = market.of_acme.shown().latest_handshake, os.stat(market.stack(market.north).path).st_ino
    refused = market.ctl("customer", "rename", "acme", "globex", check=False)
    assert refused.returncode != 0 and market.serves(market.of_acme)
    refused = market.ctl("customer", "rename", "acme", "a" * 26, check=False)
    assert refused.returncode != 0 and "nothing was renamed" in refused.stderr
    market.ctl("customer", "rename", "acme", "apex")
    try:
        assert os.path.exists(market.file("apex.north")) and not os.path.exists(market.file("acme.north"))
        assert market.serves(market.of_acme)
        assert market.warren.peer("apex.north", "ada")["rx_bytes"] > 0
        assert os.stat(f"{netlab.NETNS_DIR}/warren-apex.north").st_ino == space
        assert "acme.north" not in market.states()
    finally:
        market.ctl("customer", "rename", "apex", "acme")
    assert market.serves(market.of_acme) and market.of_acme.shown().latest_handshake == handshake
    market.ctl("apply", "--remove")


class Desk:
    """The page, with a user of the role reseller."""

    def __init__(self, market):
        self.page = page.Page(market.hub, LISTEN)
        market.warren.configure("user", "add", "reseller", "reseller", "acme", input=PASSWORD + "\n")
        self.token = market.warren.configure("token", "add", "robot", "reseller", "acme").stdout.strip()
        netlab.wait_until(lambda: self.page.ask("/api/v1/session", token=self.token).status == 200, 20)
        netlab.wait_until(lambda: self.page.ask("/readyz", token=self.token).status == 200, 20)
        self.cookie = netlab.wait_until(lambda: self.page.login("reseller", PASSWORD).cookie(), 20)
        assert self.post("unlock", password=PASSWORD).status == 200

    def post(self, path, **body):
        return self.page.ask(f"/api/v1/{path}", "POST", cookie=self.cookie, body=body)

    def get(self, path, token=None):
        return self.page.ask(f"/api/v1/{path}", **({"token": token} if token else {"cookie": self.cookie}))


def test_the_role_reseller_sees_and_changes_its_customers_and_nobody_elses(market):
    desk = Desk(market)
    for how in (None, desk.token):
        assert [row["id"] for row in desk.get("customers", how).json()["items"]] == ["acme.north"]
        assert desk.get("customers/acme.north", how).status == 200
        for other in ("acme", "globex", "globex.north", "north", "unknown"):
            assert desk.get(f"customers/{other}", how).status == 404
        assert desk.get("overview", how).json()["customers"]["total"] == 1
        assert desk.get("system", how).status == 404
    for other in ("acme", "globex", "globex.north", "north"):
        assert desk.post(f"customers/{other}/suspend").status == 404
    assert market.serves(market.of_globex)
    assert desk.post("customers/acme.north/suspend").status == 200
    netlab.wait_until(lambda: not market.serves(market.of_acme), 10)
    assert market.states() == {"acme": False, "acme.north": True, "globex": False, "globex.north": False,
                               "north": False}
    assert desk.post("customers/acme.north/resume").status == 200
    market.of_acme.connect(timeout=30)
    # A token only reads.
    assert desk.page.ask("/api/v1/customers/acme.north/suspend", "POST", token=desk.token, body={}).status == 403


def test_a_removed_reseller_takes_its_customers_along(market):
    refused = market.ctl("customer", "rm", "acme", check=False)  # nobody to ask
    assert refused.returncode != 0 and os.path.exists(market.file("acme.north"))
    # A file that is gone by itself is asked about, as its customers would go with it.
    os.rename(market.file("acme"), market.file("acme") + ".away")
    asked = market.ctl("apply", check=False)
    assert asked.returncode == 1 and "--remove" in asked.stdout + asked.stderr
    assert market.serves(market.of_acme)
    os.rename(market.file("acme") + ".away", market.file("acme"))
    market.ctl("customer", "rm", "acme", "--remove")
    assert not os.path.exists(market.file("acme.north")) and not os.path.exists(market.file("acme"))
    market.ctl("apply", "--remove")
    netlab.wait_until(lambda: not {"acme", "acme.north"} & market.stacks(), 90)
    assert {"globex", "globex.north", "north"} <= market.stacks()
    assert market.serves(market.of_globex) and market.serves(market.of_nobody)
    for customer in ("acme", "acme.north"):
        del market.warren.customers[customer]
