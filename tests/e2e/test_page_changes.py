"""Users of the status page change something. What a statusd can do that an attacker controls: tests/stacks."""

import json

import pytest

from tests.e2e.test_peers import wg_quick
from tests.e2e.test_status_page import conforms
from tests.lab import netlab, page, town as scenery, warren, wireguard_go
from tests.lab.town import HUB4, PORT, STACK4
from tests.lab.watched import LISTEN, PASSWORD


class Desk(scenery.Town):
    """A Warren whose page lets its users change something, with a user of each role."""

    def __init__(self, lab):
        super().__init__(lab)
        self.warren.status_listen, self.warren.status_changes = LISTEN, True
        self.warren.public_endpoint = f"{HUB4}:{PORT}"
        self.warren.state_dir = lab.path("state")
        self.warren.start()
        self.site, self.other = self.office("site"), self.office("other")
        self.customer([self.site], "acme")
        self.customer([self.other], "globex")
        for office in (self.site, self.other):
            office.connect()
        self.page = page.Page(self.hub, LISTEN)
        for role in ("operator", "viewer", "customer"):
            self.warren.configure("user", "add", role, role, *(["acme"] if role == "customer" else []),
                                  input=PASSWORD + "\n")
        self.token = self.warren.configure("token", "add", "robot", "operator").stdout.strip()
        netlab.wait_until(lambda: self.page.ask("/api/v1/session", token=self.token).status == 200, 20)
        netlab.wait_until(lambda: self.page.ask("/api/v1/customers/globex", token=self.token).status == 200, 20,
                          "the page shows the customers")

    def session(self, user):
        return netlab.wait_until(lambda: self.page.login(user, PASSWORD).cookie(), 20, f"{user} logs in")

    def unlocked(self, user):
        cookie = self.session(user)
        done = self.post("unlock", cookie, password=PASSWORD)
        assert done.status == 200 and conforms(done.json(), "Session")["unlocked"], done
        return cookie

    def post(self, path, cookie, **body):
        return self.page.ask(f"/api/v1/{path}", "POST", cookie=cookie, body=body)

    def get(self, path):
        return self.page.view(f"/api/v1/{path}", token=self.token)

    def ctl(self, *arguments, check=True):
        return self.hub.run(f"{self.warren.bin}/vpnctl", "--run-dir", self.warren.run_dir, "--config",
                            self.warren.config, "--state-dir", self.warren.state_dir, *arguments, check=check)

    def revisions(self):
        return json.loads(self.ctl("--json", "history").stdout)["revisions"]

    def text(self, id_):
        with open(f"{self.warren.config}/customers/{id_}.toml") as file:
            return file.read()

    def write(self, id_, text):
        with open(f"{self.warren.config}/customers/{id_}.toml", "w") as file:
            file.write(text)


@pytest.fixture(scope="module")
def desk():
    with warren.leaves_nothing(Desk) as made:
        yield made


def test_nothing_changes_before_the_password_was_shown_again(desk):
    cookie, before = desk.session("operator"), desk.text("acme")
    assert desk.post("customers/acme/suspend", cookie).status == 423
    assert desk.post("unlock", cookie, password="wrong").status == 403
    assert desk.post("customers/acme/suspend", cookie).status == 423
    viewer = desk.session("viewer")
    assert desk.post("unlock", viewer, password=PASSWORD).status == 403
    assert desk.page.ask("/api/v1/customers/acme/suspend", "POST", token=desk.token, body={}).status == 403
    assert desk.text("acme") == before


def test_a_device_is_added_and_its_user_reaches_the_stack(desk, tmp_path):
    cookie, key = desk.unlocked("operator"), wireguard_go.new_key()
    done = desk.post("customers/acme/devices", cookie, name="phone", description="of Ada", public_key=key.public)
    assert done.status == 200, done
    profile = conforms(done.json(), "Done")["profile"]
    assert "PrivateKey = REPLACE_WITH_THE_PRIVATE_KEY_OF_THIS_DEVICE" in profile
    assert desk.warren.key.private not in profile
    assert desk.warren.key.public in profile and f"Endpoint = {HUB4}:{PORT}" in profile
    phone = desk.place("phone")
    with wg_quick(phone, tmp_path, profile.replace("REPLACE_WITH_THE_PRIVATE_KEY_OF_THIS_DEVICE", key.private)):
        netlab.wait_until(lambda: phone.ns.ping(STACK4, timeout=1), 10, "the phone reaches the stack")
        assert desk.post("customers/acme/peers/phone/disable", cookie).status == 200
        netlab.wait_until(lambda: desk.get("customers/acme")["disabled_peers"] == ["phone"], 10)
        assert phone.ns.run("ping", "-c", "1", "-W", "1", STACK4, check=False).returncode != 0
        assert desk.post("customers/acme/peers/phone/enable", cookie).status == 200
        netlab.wait_until(lambda: phone.ns.run("ping", "-c", "1", "-W", "1", STACK4, check=False).returncode == 0, 30)
    newest = desk.revisions()[0]
    assert newest["origin"] == "page" and newest["claimed_user"] == "operator" and newest["customers"] == ["acme"]
    assert "operator (page)" in desk.ctl("history").stdout


def test_a_customer_is_suspended_and_no_other_notices(desk):
    cookie = desk.unlocked("operator")
    assert desk.post("customers/acme/suspend", cookie).status == 200
    assert desk.site.ns.run("ping", "-c", "1", "-W", "1", STACK4, check=False).returncode != 0
    assert desk.other.ns.run("ping", "-c", "1", "-W", "2", STACK4).returncode == 0
    assert desk.post("customers/acme/resume", cookie).status == 200
    netlab.wait_until(lambda: desk.site.ns.run("ping", "-c", "1", "-W", "1", STACK4, check=False).returncode == 0, 30)


def test_a_customers_user_stays_within_its_customer_and_max_peers(desk):
    cookie, before = desk.unlocked("customer"), desk.text("globex")

    def add(name, id_="acme"):
        key = wireguard_go.new_key().public
        return desk.post(f"customers/{id_}/devices", cookie, name=name, description="", public_key=key).status

    assert add("tablet") == 403, "nobody has said how many"
    peers = desk.text("acme").count("[[wireguard.peer]]")
    desk.write("acme", desk.text("acme").replace("\n[[wireguard.peer]]",
                                                 f"\n[wireguard]\nmax_peers = {peers + 1}\n\n[[wireguard.peer]]", 1))
    assert desk.post("customers/acme/peers/site/disable", cookie).status == 409, "half a change is not in force"
    desk.ctl("apply")
    assert add("tablet") == 200
    assert add("laptop") == 409
    assert add("laptop", "globex") == 404
    assert desk.post("customers/globex/peers/other/disable", cookie).status == 404
    assert desk.post("customers/acme/suspend", cookie).status == 403
    assert desk.post("customers/acme/peers/tablet/disable", cookie).status == 200
    assert desk.post("customers/acme/peers/tablet/enable", cookie).status == 403, "an operator may have disabled it"
    assert desk.text("globex") == before
    assert desk.revisions()[0]["claimed_user"] == "customer"


def test_what_waits_for_a_confirmation_is_confirmed_or_undone(desk):
    cookie = desk.unlocked("operator")
    for word, stays in (("confirm", True), ("go-back", False)):
        before = desk.text("globex")
        changed = before.replace("mtu = 1420", "mtu = 1380") if "mtu = 1420" in before else before.replace(
            "mtu = 1380", "mtu = 1420")
        desk.write("globex", changed)
        desk.ctl("apply", "--confirm-within", "120s")
        netlab.wait_until(lambda: desk.get("overview")["pending"], 10)
        conforms(desk.get("overview"), "Overview")
        pending = desk.get("overview")["pending"]
        assert desk.post("customers/acme/suspend", cookie).status == 409, "another change would be undone with it"
        assert desk.post(f"pending/{word}", cookie, revision=pending["revision"] + 1).status == 409
        done = desk.post(f"pending/{word}", cookie, revision=pending["revision"])
        assert done.status == 200, done
        netlab.wait_until(lambda: desk.get("overview")["pending"] is None, 20)
        netlab.wait_until(lambda: desk.text("globex") == (changed if stays else before), 20)


def test_another_page_cannot_make_a_user_change_something(desk):
    cookie, before = desk.unlocked("operator"), desk.text("acme")
    for more in ({"origin": "https://evil.example"}, {"origin": ""}):
        assert desk.page.ask("/api/v1/customers/acme/suspend", "POST", cookie=cookie, body={}, **more).status == 403
    form = desk.page.ask("/api/v1/customers/acme/suspend", "POST", cookie=cookie, body="{}",
                         headers={"Content-Type": "text/plain"})
    assert form.status == 415
    assert desk.text("acme") == before
