"""A statusd that an attacker controls changes nothing while no user shows it a password."""

import os
import re

from tests.lab import netlab, warren

from .running import customer, events

LOCKED = "1"  # ipc::WebVerdict


class Taken(warren.Warren):
    """Its statusd is the attacker's (pretend_statusd.cc)."""

    def stackd(self, *options):
        return super().stackd("--libexec", self.libexec, *options)


def test_a_taken_over_statusd_changes_nothing_by_itself(lab, uplink):
    acme = Taken(lab, uplink, customers=[customer("acme")])
    acme.libexec, acme.status_listen, acme.status_changes = lab.path("libexec"), "127.0.0.1:8443", True
    os.mkdir(acme.libexec)
    for name, program in (("vpnd", "vpnd"), ("authd", "authd"), ("statusd", "pretend/statusd")):
        os.symlink(f"{acme.bin}/{program}", f"{acme.libexec}/{name}")
    acme.write()
    acme.configure("user", "add", "operator", "operator", input="a long enough password\n")
    acme.start()
    with open(f"{acme.config}/customers/acme.toml") as file:
        before = file.read()
    netlab.wait_until(lambda: "attack is over" in acme.output(), 30, "the attack is over")
    verdicts = re.findall(r"attack \w+ verdict=(.*)", acme.output())
    assert verdicts == [LOCKED] * len(verdicts) and len(verdicts) == 3 * 7 + 3, verdicts
    netlab.wait_until(lambda: events(acme, "statusd_lost"), 20, "what is malformed ends it")
    with open(f"{acme.config}/customers/acme.toml") as file:
        assert file.read() == before
    assert acme.ctl("status", check=False).returncode in (0, 1), "stackd serves"
