"""Alerts: a webhook with a signature, syslog, mail; receivers that hang or are gone; a killed alertd."""

import json
import os
import signal
import time

import pytest

from tests.lab import netlab, receivers
from tests.lab.town import STACK4, Town
from tests.lab.warren import Customer, leaves_nothing

KEY = "a key of more than twenty letters"
PASSWORD = "hunter2 of the relay"
RECEIVER = "198.51.100.254"  # the internet's end of the hub's uplink


class Scene:
    def __init__(self, lab):
        self.town = Town(lab, name="alerting")
        self.warren = self.town.warren
        self.warren.state_dir = lab.path("state")
        self.town.internet.ip("addr show")
        self.webhook = receivers.Webhook(self.town.internet, RECEIVER, 8080, KEY)
        self.syslog = receivers.Syslog(self.town.internet, RECEIVER, 6514)
        self.relay = receivers.Relay(self.town.internet, RECEIVER, 2525)
        self.office = self.town.office("graz")
        self.warren.customers["acme"] = Customer("acme", [f"{STACK4}/24"], [self.office.peer], name="Acme Ltd")
        self.warren.alerts = f"""
[alerts]
peer_down_after = "10 s"
customer_down_after = "10 s"
[alerts.webhook]
url = "http://{RECEIVER}:8080/warren"
key = {{ secret = "webhook" }}
[alerts.syslog]
server = "{self.syslog.endpoint}"
protocol = "tcp"
[alerts.mail]
relay = "{self.relay.endpoint}"
from = "warren@example.net"
to = ["noc@example.net", "second@example.net"]
"""
        self.warren.files["secrets/webhook"] = KEY + "\n"
        self.warren.start()

    def alertd(self):
        return netlab.wait_until(lambda: self.warren.children("alertd"), 10, "an alertd runs")[0]

    def status(self):
        return json.loads(self.warren.ctl("--json", "alert", "status").stdout)

    def receiver(self, name):
        return next(one for one in self.status()["receivers"] if one["name"] == name)

    def break_file(self):
        """A condition that begins at once and ends with mend_file()."""
        with open(f"{self.warren.config}/customers/broken.toml", "w") as file:
            file.write("schema = 1\nname = 3\n")
        self.warren.apply(check=False)

    def mend_file(self):
        os.unlink(f"{self.warren.config}/customers/broken.toml")
        self.warren.apply(check=False)

    def settled(self):
        netlab.wait_until(lambda: all(one["waiting"] == 0 for one in self.status()["receivers"]), 60,
                          "all is delivered")


@pytest.fixture(scope="module")
def scene():
    with leaves_nothing(Scene) as made:
        made.office.connect()
        netlab.wait_until(lambda: made.warren.ctl("alert", "status", check=False).returncode == 0, 20, "alertd answers")
        made.office.client.stop()  # for the last test: it is missed 180 s later
        made.since = time.monotonic()
        yield made
        for one in (made.webhook, made.syslog, made.relay):
            one.close()


def test_a_test_says_what_each_receiver_answered(scene):
    done = scene.warren.ctl("alert", "test")
    assert [line.split()[:3:2] for line in done.stdout.splitlines()[1:]] == [["webhook", "ok"], ["syslog", "ok"],
                                                                            ["mail", "ok"]]
    headers, body = scene.webhook.got[-1]
    assert scene.webhook.is_signed(headers, body)
    assert not scene.webhook.is_signed(headers, body + b" ")
    assert headers["content-type"] == "application/json"
    assert json.loads(body)["alerts"][0]["kind"] == "test"
    assert "[warren@32473 " in scene.syslog.got[-1]
    sender, to, message = scene.relay.got[-1]
    assert (sender, to) == ("<warren@example.net>", ["<noc@example.net>", "<second@example.net>"])
    assert message["Subject"].startswith("[alerting] A test")


def test_a_test_names_the_receiver_that_does_not_work(scene):
    scene.webhook.refuses = True
    try:
        done = scene.warren.ctl("alert", "test", check=False)
    finally:
        scene.webhook.refuses = False
    assert done.returncode == 4
    assert "HTTP 503" in done.stdout and done.stdout.count(" ok ") == 2


def test_a_refused_file_is_told_to_all_and_so_is_its_end(scene):
    scene.break_file()
    netlab.wait_until(lambda: scene.webhook.alerts("customer_not_served"), 20, "the webhook is told")
    netlab.wait_until(lambda: any('kind="customer_not_served"' in line for line in scene.syslog.got), 20,
                      "syslog is told")
    netlab.wait_until(lambda: any("customer_not_served" in text for text in scene.relay.texts()), 60,
                      "mail is told: 30 s after the last one")
    scene.mend_file()
    netlab.wait_until(lambda: [one["state"] for one in scene.webhook.alerts("customer_not_served")] ==
                      ["problem", "resolved"], 20, "its end is told")
    scene.settled()


def test_a_killed_alertd_repeats_nothing_and_forgets_nothing(scene):
    scene.break_file()
    netlab.wait_until(lambda: len(scene.webhook.alerts("customer_not_served")) == 3, 20, "the problem is told")
    scene.settled()
    before = [one["id"] for one in scene.webhook.alerts()]
    pid = scene.alertd()
    os.kill(pid, signal.SIGKILL)
    netlab.wait_until(lambda: scene.warren.children("alertd") not in ([], [pid]), 20, "another alertd")
    netlab.wait_until(lambda: scene.warren.ctl("alert", "status", check=False).returncode == 0, 20, "it answers")
    assert [one["kind"] for one in scene.status()["open"]] == ["customer_not_served"]
    time.sleep(8)  # longer than a condition that was new would need
    assert [one["id"] for one in scene.webhook.alerts()] == before
    scene.mend_file()
    netlab.wait_until(lambda: scene.webhook.alerts("customer_not_served")[-1]["state"] == "resolved", 20, "its end")
    assert len(scene.webhook.alerts()) == len(before) + 1


def test_a_receiver_that_hangs_blocks_nobody_and_is_told_later(scene):
    scene.settled()
    scene.webhook.hangs = True
    had = len(scene.webhook.alerts())
    begun = len(scene.syslog.got)
    scene.break_file()
    netlab.wait_until(lambda: len(scene.syslog.got) > begun, 15, "syslog is told all the same")
    scene.mend_file()
    started = time.monotonic()
    scene.warren.apply()
    scene.status()
    assert time.monotonic() - started < 5, "stackd and alertd answer"
    scene.webhook.close()
    netlab.wait_until(lambda: scene.receiver("webhook")["waiting"] == 2, 30, "both wait")
    scene.webhook.hangs = False
    scene.webhook.open()
    netlab.wait_until(lambda: [one["state"] for one in scene.webhook.alerts()[had:]] == ["problem", "resolved"], 60,
                      "both come, in order")
    scene.settled()


def test_what_waits_outlives_a_killed_alertd(scene):
    scene.settled()
    scene.webhook.close()
    had = len(scene.webhook.alerts())
    scene.break_file()
    netlab.wait_until(lambda: scene.receiver("webhook")["waiting"] == 1 and scene.receiver("webhook")["answer"], 30,
                      "it cannot be delivered")
    os.kill(scene.alertd(), signal.SIGKILL)
    scene.webhook.open()
    netlab.wait_until(lambda: len(scene.webhook.alerts()) > had, 30, "the next alertd delivers it")
    scene.mend_file()
    netlab.wait_until(lambda: len(scene.webhook.alerts()) == had + 2, 30, "and its end")


def test_a_configuration_that_nobody_confirms_is_told_twice(scene):
    scene.warren.customers["acme"].name = "Acme Inc"
    scene.warren.write()
    scene.warren.ctl("apply", "--confirm-within", "12s")
    netlab.wait_until(lambda: scene.webhook.alerts("configuration_waits"), 15, "that it waits")
    netlab.wait_until(lambda: scene.webhook.alerts("configuration_returned"), 30, "that it came back")
    assert scene.webhook.alerts("configuration_returned")[0]["state"] == "event"


def test_an_alertd_that_hangs_is_replaced(scene):
    pid = scene.alertd()
    os.kill(pid, signal.SIGSTOP)
    netlab.wait_until(lambda: scene.warren.children("alertd") not in ([], [pid]), 60, "another alertd")
    assert pid not in scene.warren.children("alertd")
    netlab.wait_until(lambda: scene.warren.ctl("alert", "status", check=False).returncode == 0, 20, "it answers")


def test_a_stackd_that_is_lost_is_told(scene):
    scene.settled()
    scene.warren.kill()
    netlab.wait_until(lambda: scene.webhook.alerts("stackd_unreachable"), 40, "it is told")
    scene.warren.start()
    netlab.wait_until(lambda: [one["state"] for one in scene.webhook.alerts("stackd_unreachable")] ==
                      ["problem", "resolved"], 30, "and that there is one again")
    assert len(scene.warren.children("alertd")) == 1


def test_names_are_resolved_and_certificates_checked_in_the_sandbox(scene):
    """Each of these fails, and alertd lives: its filter of system calls kills."""
    pid, alerts = scene.alertd(), scene.warren.alerts
    tls = receivers.TlsWebhook(scene.town.internet, RECEIVER, 8443, scene.town.lab.path("tls"))
    try:
        for url, words in (("http://localhost:1/", "connect"), ("http://nowhere.invalid/", "nowhere.invalid: "),
                           ("http://[2001:db8:100::fe]:1/", "connect"),
                           (f"https://{RECEIVER}:8443/", "certificate")):
            scene.warren.alerts = f'\n[alerts.webhook]\nurl = "{url}"\n'
            scene.warren.write()
            scene.warren.apply()
            netlab.wait_until(lambda url=url: scene.receiver("webhook")["where"] == url, 10, "alertd has it")
            done = scene.warren.ctl("alert", "test", check=False)
            assert done.returncode == 4 and words in done.stdout, done.stdout
        assert tls.got == [], "nothing is told to whom nobody knows"
    finally:
        tls.close()
        scene.warren.alerts = alerts
        scene.warren.write()
        scene.warren.apply()
    assert scene.warren.children("alertd") == [pid]


def test_a_password_is_shown_to_no_relay_without_tls(scene):
    alerts, had = scene.warren.alerts, len(scene.relay.got)
    try:
        scene.warren.files["secrets/relay"] = PASSWORD + "\n"
        scene.warren.alerts = (f'\n[alerts.mail]\nrelay = "{scene.relay.endpoint}"\nuser = "warren"\n'
                               'password = { secret = "relay" }\nfrom = "warren@example.net"\n'
                               'to = ["noc@example.net"]\n')
        scene.warren.write()
        scene.warren.apply()
        netlab.wait_until(lambda: [one["name"] for one in scene.status()["receivers"]] == ["mail"], 10, "alertd has it")
        assert scene.warren.ctl("alert", "test", check=False).returncode == 4
    finally:
        scene.warren.alerts = alerts
        scene.warren.write()
        scene.warren.apply()
    assert len(scene.relay.got) == had
    assert not [line for line in scene.relay.commands if line.startswith("AUTH")]


def test_secrets_are_in_no_log_and_no_answer(scene):
    text = scene.warren.process.output() + json.dumps(scene.status()) + scene.warren.ctl("alert", "status").stdout
    assert KEY not in text and PASSWORD not in text
    with open(f"{scene.warren.state_dir}/alerts.state", "rb") as file:
        state = file.read()
    assert KEY.encode() not in state and PASSWORD.encode() not in state


def test_alertd_has_nothing_to_lose(scene):
    threads = f"/proc/{scene.alertd()}/task"
    assert len(os.listdir(threads)) == 4, "the loop, and one for each receiver"
    for thread in os.listdir(threads):
        with open(f"{threads}/{thread}/status") as file:
            fields = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        assert {fields[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
        assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
        assert fields["Uid"].split()[0] != "0"


def test_a_peer_that_is_gone_is_told_and_so_is_its_return(scene):
    netlab.wait_until(lambda: scene.webhook.alerts("peer_down"), 240, "180 s after its last handshake")
    told = scene.webhook.alerts("peer_down")[0]
    assert (told["customer"], told["name"], told["state"]) == ("acme", "graz", "problem")
    netlab.wait_until(lambda: scene.webhook.alerts("customer_down"), 30, "no tunnel of the customer is up")
    scene.office.client.start()
    scene.office.connect()
    netlab.wait_until(lambda: scene.webhook.alerts("peer_down")[-1]["state"] == "resolved", 20, "it is back")
    assert " is up again, after " in scene.webhook.alerts("peer_down")[-1]["text"]
    netlab.wait_until(lambda: scene.webhook.alerts("customer_down")[-1]["state"] == "resolved", 20, "the customer too")
