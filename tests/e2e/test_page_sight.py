"""What the page shows of the history, of stacks and of alerts is what vpnctl shows, and a customer's user sees nothing
of another customer in it."""

import contextlib
import http.client
import json
import os
import signal

import pytest

from tests.e2e.test_status_page import conforms
from tests.lab import connection, netlab, page, pki, receivers, warren
from tests.lab.town import STACK4, Town
from tests.lab.warren import leaves_nothing
from tests.lab.watched import FOREIGN, LISTEN, OWN, PASSWORD

RECEIVER = "198.51.100.254"  # the internet's end of the hub's uplink
TOKEN = "T0KENinThePath"     # of a webhook
# Words that only the foreign customer's file has. No answer to a user of the own one may have any.
CANARIES = ["globex", "Globex", "vault-door", "10.77.", "canary"]


class Lan:
    """A machine at a bridge in the hub."""

    def __init__(self, town, name):
        self.town, self.bridge, self.port = town, f"br-{name}", f"port-{name}"
        self.host = town.lab.namespace(f"lan-{name}")
        town.lab.wire(self.host, "eth0", "10.42.0.10/24", town.hub, self.port, [])
        self.host.ip("route add default via 10.42.0.1")
        town.lab.bridge(town.hub, self.bridge)
        town.hub.ip(f"link set dev {self.port} master {self.bridge}")
        town.lab.at_end(lambda: town.hub.ip(f"link del dev {self.bridge}"))

    def handoff(self):
        return {"type": "veth", "parent": self.bridge, "address": ["10.42.0.1/24"]}


class Scene:
    def __init__(self, lab):
        self.town = Town(lab, name="sight")
        self.warren = self.town.warren
        self.warren.status_listen, self.warren.state_dir = LISTEN, lab.path("state")
        self.webhook = receivers.Webhook(self.town.internet, RECEIVER, 8080)
        self.warren.alerts = f'\n[alerts.webhook]\nurl = "http://{RECEIVER}:8080/{TOKEN}"\n'
        self.lans = {name: Lan(self.town, name) for name in (OWN, FOREIGN)}
        self.office = self.town.office("graz", reach=["10.0.0.0/16", "10.42.0.0/24"])
        self.other, other = self.town.raw_peer("canary-peer")
        rule = {"from": ["any"], "to": ["handoff"], "proto": "udp", "action": "accept"}
        self.own = warren.Customer(
            OWN, [f"{STACK4}/24"], [self.office.peer], name="Acme Ltd", handoff=self.lans[OWN].handoff(),
            firewall={"default": "drop", "rule": [{"name": "data for the shop", **rule}]}, dns={"listen": [STACK4]})
        self.foreign = warren.Customer(
            FOREIGN, [f"{STACK4}/24"], [other], name="Globex Ltd", handoff=self.lans[FOREIGN].handoff(),
            firewall={"default": "drop", "rule": [{"name": "vault-door", **rule}]}, dns={"listen": [STACK4]})
        authority = pki.Authority("Sites")
        site = connection.Connection("wels", "wels@sites.example", auth="certificate",
                                     children=[connection.Child("lan", ["10.0.0.0/24"], ["10.44.0.0/16"])])
        self.sites = warren.Customer(
            "sites", [f"{STACK4}/24"], name="Sites Ltd", mtu=1400,
            ipsec=connection.Ipsec("sites.vpn.example.net", [site], authorities=[authority.pem],
                                   certificate=authority.issue("hub", ["sites.vpn.example.net"])))
        self.warren.ipsec = {}
        self.put_in_place()
        self.warren.start()
        self.page = page.Page(self.town.hub, LISTEN)
        self.tokens = {}
        for role in ("operator", "viewer", "customer"):
            grant = [role, OWN] if role == "customer" else [role]
            self.warren.configure("user", "add", role, *grant, input=PASSWORD + "\n")
            self.tokens[role] = self.warren.configure("token", "add", role, *grant).stdout.strip()
        netlab.wait_until(lambda: self.get("/readyz").status == 200, 30, "the page is ready")
        self.office.connect()

    def put_in_place(self):
        self.own.id, self.foreign.id = OWN, FOREIGN
        self.warren.customers = {OWN: self.own, FOREIGN: self.foreign, "sites": self.sites}

    def get(self, path, role="operator"):
        return self.page.ask(path, token=self.tokens[role])

    def shown(self, path, role="operator"):
        """What may be refused for a moment: too many looks, a rename."""
        def answer():
            got = self.get(path, role)
            return got if got.status not in (429, 503) else None
        got = netlab.wait_until(answer, 20, f"{path} is answered")
        assert got.status == 200, got.body
        if role == "customer":
            assert not [word for word in CANARIES if word in got.body.decode()], got.body
        return got.json()

    def apply(self, comment):
        self.warren.write()
        self.warren.ctl("apply", "--remove", "--comment", comment)
        # A child writes it, later.
        netlab.wait_until(lambda: self.history()[0]["comment"] == comment, 20, "it is in the history")

    def newest(self):
        return self.history()[0]["revision"]

    def history(self, *customer):
        told = self.warren.ctl("--json", "--state-dir", self.warren.state_dir, "history", *customer)
        return json.loads(told.stdout)["revisions"]

    def seen(self):
        """The revisions once the page has the newest."""
        def items():
            rows = self.shown("/api/v1/revisions")["items"]
            return rows if rows and rows[0]["revision"] == self.newest() else None
        return netlab.wait_until(items, 20, "the page has the newest revision")


@pytest.fixture(scope="module")
def sight():
    with leaves_nothing(Scene) as made:
        yield made
        made.webhook.close()


@pytest.fixture(autouse=True)
def usual(sight):
    """A test that failed in the middle leaves no other names behind."""
    sight.put_in_place()
    sight.warren.write()
    sight.warren.ctl("apply", "--remove")


# --- revisions --------------------------------------------------------------------------------------------------------

def test_the_page_shows_the_revisions_that_vpnctl_shows(sight):
    sight.own.mtu = 1380
    sight.apply("smaller packets for the shop")
    rows = sight.seen()
    told = sight.history()
    assert [row["revision"] for row in rows] == [one["revision"] for one in told]
    newest, same = rows[0], told[0]
    assert newest["origin"] == same["origin"] == "request" and newest["uid"] == same["uid"] == 0
    assert newest["comment"] == same["comment"] == "smaller packets for the shop"
    assert newest["at"] == same["time"] and newest["customers"] == same["customers"] == [OWN]
    assert newest["changes"] == same["changes"] == [{"customer": OWN, "text": "stack.mtu: 1420 -> 1380"}]
    assert newest["files"] == [{"name": f"customers/{OWN}.toml", "fate": "changed"}]
    for role in ("operator", "viewer"):
        conforms(sight.shown("/api/v1/revisions", role), "RevisionPage")
        detail = conforms(sight.shown(f"/api/v1/revisions/{newest['revision']}", role), "RevisionDetail")
        assert "-mtu = 1420" in detail["files"][0]["lines"] and "+mtu = 1380" in detail["files"][0]["lines"]
    assert sight.get("/api/v1/revisions/4711").status == 404
    assert [row["revision"] for row in sight.shown(f"/api/v1/customers/{OWN}/revisions")["items"]] == \
        [one["revision"] for one in sight.history(OWN)]


def test_no_revision_shows_a_secret(sight):
    sight.warren.alerts = sight.warren.alerts.replace(TOKEN, TOKEN + "2")
    sight.apply("another webhook")
    numbers = [row["revision"] for row in sight.seen()]
    everything = sight.get("/api/v1/revisions").body + b"".join(
        sight.get(f"/api/v1/revisions/{number}").body for number in numbers)
    assert b"(hidden)" in everything  # it is there
    assert TOKEN.encode() not in everything and sight.warren.key.private.encode() not in everything


def test_a_customers_user_sees_its_own_revisions_alone(sight):
    sight.foreign.mtu = 1370
    sight.apply("the canary for globex")
    sight.own.mtu, sight.foreign.mtu = 1390, 1360
    sight.apply("canary: both")
    sight.seen()
    for path in ("/api/v1/revisions", f"/api/v1/customers/{OWN}/revisions"):
        shown = conforms(sight.shown(path, "customer"), "RevisionPage")
        assert shown["items"][0]["changes"] == [{"customer": OWN, "text": "stack.mtu: 1380 -> 1390"}]
        assert len(shown["items"]) == shown["total"] and shown["total"] < len(sight.shown("/api/v1/revisions")["items"])
        for row in shown["items"]:
            assert row["customers"] == [OWN] and row["files"] == []
            assert (row["revision"], row["uid"], row["claimed_user"], row["comment"]) == (None,) * 4
    assert sight.get(f"/api/v1/customers/{FOREIGN}/revisions", "customer").status == 404
    number = sight.newest()
    assert sight.get(f"/api/v1/revisions/{number}", "customer").body == sight.get("/api/v1/revisions/9999",
                                                                                 "customer").body


def test_who_has_an_id_sees_nothing_of_who_had_it_before(sight):
    sight.own.mtu = 1400
    sight.apply("before")
    sight.seen()
    assert sight.shown("/api/v1/revisions", "customer")["items"]
    # The two change places: the user of OWN sees what was FOREIGN from now on, and nothing of what OWN was.
    was, other = sight.own, sight.foreign
    was.id, other.id = FOREIGN, OWN
    sight.warren.customers |= {OWN: other, FOREIGN: was}
    sight.apply("they change places")
    sight.seen()
    answer = sight.get("/api/v1/revisions", "customer")
    assert answer.json()["items"] == [], answer.body
    other.mtu = 1350
    sight.apply("after")
    sight.seen()
    # Until vpnd shows the new names the page has the old ones.
    rows = netlab.wait_until(lambda: sight.get("/api/v1/revisions", "customer").json()["items"], 20, "its own change")
    assert [[change["text"].split(" -> ")[1] for change in row["changes"]] for row in rows] == [["1350"]]
    # And back again.
    sight.put_in_place()
    sight.apply("back")
    sight.seen()
    assert sight.get("/api/v1/revisions", "customer").json()["items"] == []


def test_another_statusd_gets_the_history(sight):
    before = [row["revision"] for row in sight.seen()]
    was = sight.warren.children("statusd")[0]
    os.kill(was, signal.SIGKILL)

    def again():
        with contextlib.suppress(OSError, EOFError, http.client.HTTPException):
            answer = sight.get("/api/v1/revisions")
            return answer.status == 200 and [row["revision"] for row in answer.json()["items"]] == before
        return False
    netlab.wait_until(lambda: was not in sight.warren.children("statusd") and again(), 30, "the history is back")


# --- stacks -----------------------------------------------------------------------------------------------------------

def stack(sight, customer=OWN, role="operator"):
    return conforms(sight.shown(f"/api/v1/customers/{customer}/stack", role), "StackNow")


def test_the_page_shows_rules_with_their_counters(sight):
    def counted():
        told = sight.warren.json("firewall", OWN)["rules"]
        shown = stack(sight)["firewall"]["rules"]
        keys = ("name", "own", "summary", "packets", "bytes")
        same = [[{key: rule[key] for key in keys} for rule in rules] for rules in (told, shown)]
        return shown if same[0] == same[1] else None
    def sent():
        with sight.office.ns.socket() as sock:
            sock.sendto(b"data", ("10.42.0.10", 9))
        return next(rule for rule in sight.warren.json("firewall", OWN)["rules"] if rule["own"])["packets"] >= 5
    netlab.wait_until(sent, 20, "packets pass", every=0.2)
    shown = netlab.wait_until(counted, 20, "the counters are the same")
    rule = next(rule for rule in shown if rule["name"] == "data for the shop")
    assert rule["own"] and rule["packets"] > 0 and rule["last_hit_seconds"] < 60
    assert next(rule for rule in shown if rule["name"] == "default")["own"] is False
    assert [rule["name"] for rule in stack(sight, role="customer")["firewall"]["rules"]] == \
        [rule["name"] for rule in shown]


def test_the_page_shows_services_and_why_one_does_not_run(sight):
    def running():
        service = stack(sight)["services"][0]
        return service if service["state"] == "running" else None
    service = netlab.wait_until(running, 20, "unbound runs")
    told = sight.warren.json("services", OWN)[0]
    assert (service["service"], service["program"], service["restarts"]) == ("dns", "unbound", told["restarts"])
    assert service["problem"] is None and service["since"]


def test_the_page_shows_the_state_of_the_lan(sight):
    netlab.wait_until(lambda: sight.office.ping("10.42.0.10", timeout=1), 10, "the LAN is reached")
    netlab.wait_until(lambda: [one for one in stack(sight)["lan"]["neighbours"]
                               if one["address"] == "10.42.0.10" and one["answers"] is not False and one["mac"]], 10,
                      "the machine on the LAN is known")
    assert stack(sight, role="customer")["lan"]["state"] == "up"
    outer = sight.town.hub.run("ip", "-o", "link", "show", "master", sight.lans[OWN].bridge).stdout
    device = next(line.split(": ")[1].split("@")[0] for line in outer.splitlines() if sight.lans[OWN].port not in line)
    sight.town.hub.ip(f"link set dev {device} down")
    try:
        netlab.wait_until(lambda: stack(sight)["lan"]["state"] == "no_carrier", 10, "nothing is at the other end")
    finally:
        sight.town.hub.ip(f"link set dev {device} up")
    netlab.wait_until(lambda: stack(sight)["lan"]["state"] == "up", 10, "it is back")


def test_the_page_and_vpnctl_say_until_when_certificates_are_valid(sight):
    shown = stack(sight, "sites")["certificates"]
    told = json.loads(sight.warren.ctl("--json", "ipsec", "sites").stdout)["certificates"]
    assert shown == told and [one["field"] for one in told] == ["ipsec.certificate", "ipsec.ca[0]"]
    assert "ipsec.certificate (sites/hub.pem): ends 20" in sight.warren.ctl("ipsec", "sites").stdout
    assert stack(sight)["certificates"] == []


def test_a_customers_user_sees_no_other_stack(sight):
    assert "vault-door" in json.dumps(stack(sight, FOREIGN))
    answer = sight.get(f"/api/v1/customers/{FOREIGN}/stack", "customer")
    absent = sight.get("/api/v1/customers/nobody-has-this/stack", "customer")
    assert answer.status == absent.status == 404 and answer.body == absent.body
    stack(sight, role="customer")


def test_a_customers_user_that_looks_without_pause_keeps_nobody_out(sight):
    statuses = [sight.get(f"/api/v1/customers/{OWN}/stack", "customer").status for _ in range(60)]
    assert set(statuses) <= {200, 429}
    assert sight.get(f"/api/v1/customers/{FOREIGN}/stack").status == 200


# --- alerts -----------------------------------------------------------------------------------------------------------

def test_an_operator_sees_whom_alertd_tells_and_what_it_said_last(sight):
    def alerts(role="operator"):
        return conforms(sight.shown("/api/v1/system", role), "System")["alerts"]
    with open(f"{sight.warren.config}/customers/broken.toml", "w") as file:
        file.write("schema = 1\nname = 3\n")
    sight.warren.ctl("apply", check=False)
    try:
        shown = netlab.wait_until(lambda: alerts()["targets"] and alerts()["targets"][0]["last_at"] and alerts(), 60,
                                  "the webhook was told")
        target = shown["targets"][0]
        assert shown["configured"] and shown["running"] and shown["open"] >= 1
        assert target["name"] == "webhook" and target["works"] and target["delivered"] >= 1
        assert RECEIVER in target["where"] and TOKEN not in json.dumps(shown)
        assert any(one["text"].startswith(target["last_text"]) for one in sight.webhook.alerts())
        assert alerts("viewer") is None
        assert sight.get("/api/v1/system", "customer").status == 404
        sight.webhook.refuses = True
        with open(f"{sight.warren.config}/customers/broken2.toml", "w") as file:
            file.write("schema = 1\nname = 3\n")
        sight.warren.ctl("apply", check=False)
        netlab.wait_until(lambda: not alerts()["targets"][0]["works"], 60, "a failed delivery is shown")
    finally:
        sight.webhook.refuses = False
        for name in ("broken", "broken2"):
            netlab.run("rm", "-f", f"{sight.warren.config}/customers/{name}.toml")
        sight.warren.ctl("apply", "--remove", check=False)
