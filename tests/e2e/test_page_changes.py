"""Users of the status page change something, and a statusd that an attacker controls can do no more than they may."""

import json
import os
import stat
import textwrap

import pytest

from tests.e2e.test_peers import wg_quick
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
        netlab.wait_until(lambda: self.page.ask("/readyz", token=self.token).status == 200, 20)

    def session(self, user):
        return netlab.wait_until(lambda: self.page.login(user, PASSWORD).cookie(), 20, f"{user} logs in")

    def unlocked(self, user):
        cookie = self.session(user)
        done = self.post("unlock", cookie, password=PASSWORD)
        assert done.status == 200 and done.json()["unlocked"], done
        return cookie

    def post(self, path, cookie, **body):
        return self.page.ask(f"/api/v1/{path}", "POST", cookie=cookie, body=body)

    def get(self, path):
        return self.page.ask(f"/api/v1/{path}", token=self.token).json()

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
    profile = done.json()["profile"]
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


# --- a statusd that an attacker controls ------------------------------------------------------------------------------

ATTACK = textwrap.dedent("""\
    #!/usr/bin/python3
    import json, os, socket, struct, sys, time
    channel = socket.socket(fileno=int(sys.argv[sys.argv.index("--channel") + 1]))
    answers = open({answers!r}, "a")

    def text(value):
        return struct.pack("<I", len(value)) + value.encode()

    def change(ticket, action, customer, peer="site", pending=0):
        return (bytes([{version}, {change}]) + struct.pack("<I", action + 1) + text(ticket) + bytes([action])
                + text(customer) + text(peer) + text("") + text("key") + struct.pack("<Q", pending))

    def unlock(user, password):
        return bytes([{version}, {unlock}]) + struct.pack("<I", 99) + text(user) + text(password)

    def ask(wire):
        channel.send(wire)
        while True:
            got = channel.recv(65536)
            if not got:
                sys.exit()
            if got[1] in ({unlocked}, {changed}):
                print(json.dumps([got[1], got[6]]), file=answers, flush=True)
                return

    for ticket in ("", "operator", "A" * 43):
        for action in range(7):
            ask(change(ticket, action, "acme", pending=1))
    for user in ("operator", "root", ""):
        ask(unlock(user, "guess"))
    print(json.dumps("done"), file=answers, flush=True)
    if {floods}:
        for _ in range(1000):
            channel.send(change("x" * 5000, 3, "acme"))
    time.sleep(1000)
    """)
VERSION, UNLOCK, UNLOCKED, CHANGE, CHANGED = 9, 10, 11, 12, 13  # ipc/web_messages.h
LOCKED = 1  # ipc::WebVerdict


class Taken(warren.Warren):
    """Its statusd is the attacker's."""

    def stackd(self, *options):
        return super().stackd("--libexec", self.libexec, *options)


@pytest.fixture
def lab():
    with netlab.Lab(prefix=f"wpc-{os.getpid()}-") as made:
        yield made


@pytest.mark.parametrize("floods", [False, True])
def test_a_taken_over_statusd_without_users_changes_nothing(lab, tmp_path, floods):
    os.chmod(tmp_path, 0o755)
    for parent in tmp_path.parents:
        if str(parent).startswith("/tmp/"):
            os.chmod(parent, os.stat(parent).st_mode | stat.S_IXOTH)
    answers = tmp_path / "answers"
    answers.touch()
    answers.chmod(0o666)
    for name in ("vpnd", "authd"):
        os.symlink(f"{warren.programs()}/{name}", tmp_path / name)
    attack = tmp_path / "statusd"
    attack.write_text(ATTACK.format(answers=str(answers), version=VERSION, change=CHANGE, unlock=UNLOCK,
                                    unlocked=UNLOCKED, changed=CHANGED, floods=floods))
    attack.chmod(0o755)
    uplink = lab.namespace("up")
    made = Taken(lab, uplink, customers=[warren.Customer("acme", [f"{STACK4}/24"],
                                                         [warren.Peer("site", wireguard_go.new_key().public,
                                                                      ["10.0.0.2/32"])])])
    made.libexec, made.status_listen, made.status_changes = str(tmp_path), LISTEN, True
    made.start()
    made.configure("user", "add", "operator", "operator", input=PASSWORD + "\n")
    with open(f"{made.config}/customers/acme.toml") as file:
        before = file.read()
    netlab.wait_until(lambda: answers.read_text().endswith('"done"\n'), 30, "the attack is over")
    heard = [json.loads(line) for line in answers.read_text().splitlines()]
    assert heard[:-1] and all(verdict == LOCKED for _, verdict in heard[:-1]), heard
    with open(f"{made.config}/customers/acme.toml") as file:
        assert file.read() == before
    assert made.ctl("status", check=False).returncode in (0, 1), "stackd serves"
    if floods:
        netlab.wait_until(lambda: "statusd_lost" in made.output(), 20, "what is malformed ends it")
    made.down()
