"""Each configuration that was in force is kept; a change that nobody confirms undoes itself, and any revision can come
back."""

import json
import os
import re
import signal
import socket
import time

import pytest

from tests.lab import netlab, town as scenery, warren
from tests.lab.town import STACK4

WITHIN = 10  # seconds: the least that is accepted
LONG = 120  # where the end of the time is not what is looked at


class Kept(scenery.Town):
    """A Warren with a history, a customer that is changed, and one that nothing may disturb."""

    def __init__(self, lab):
        super().__init__(lab)
        self.warren.state_dir = lab.path("state")
        self.warren.start()
        self.site, self.phone = self.office("site"), self.office("phone", addresses=["10.0.0.3/32"])
        self.acme = self.customer([self.site, self.phone], "acme")
        self.other = self.office("other")
        self.globex = self.customer([self.other], "globex")
        for office in (self.site, self.phone, self.other):
            office.connect()

    def ctl(self, *arguments, check=True, input=None):
        return self.hub.run(f"{self.warren.bin}/vpnctl", "--run-dir", self.warren.run_dir, "--config",
                            self.warren.config, "--state-dir", self.warren.state_dir, *arguments, check=check,
                            input=input)

    def revisions(self, *customer):
        return json.loads(self.ctl("--json", "history", *customer).stdout)["revisions"]

    def path(self, id_):
        return f"{self.warren.config}/customers/{id_}.toml"

    def text(self, id_):
        with open(self.path(id_)) as file:
            return file.read()

    def write(self, id_, text):
        with open(self.path(id_), "w") as file:
            file.write(text)

    def without_site(self):
        """acme's file without its first peer: the mistake."""
        return re.sub(r'\n\[\[wireguard\.peer\]\]\nname *= *"site".*?(?=\n\[\[|\Z)', "", self.text("acme"),
                      flags=re.DOTALL)

    def make_mistake(self, *options, within=WITHIN):
        text = self.without_site()
        assert text != self.text("acme") and "phone" in text
        self.write("acme", text)
        return self.ctl("apply", "--confirm-within", f"{within}s", *options, check=False)

    def restart(self):
        """Starts stackd again without writing the configuration."""
        write, self.warren.write = self.warren.write, lambda: None
        self.warren.start()
        self.warren.write = write

    def awaits_nothing(self):
        return not os.path.exists(f"{self.warren.state_dir}/history/unconfirmed")

    def unconfirmed(self):
        return self.warren.status()["unconfirmed"]


@pytest.fixture(scope="module")
def kept():
    with warren.leaves_nothing(Kept) as made:
        yield made


@pytest.fixture(autouse=True)
def all_is_well_again(kept):
    yield
    if not kept.warren.process.running():
        kept.restart()
    kept.warren.write_customer(kept.acme)
    kept.ctl("confirm", check=False)
    netlab.wait_until(kept.awaits_nothing, 10, "nothing waits")
    kept.ctl("apply", "--remove")


def back_in_force(kept, text):
    netlab.wait_until(lambda: kept.text("acme") == text and kept.awaits_nothing(), WITHIN + 15, "the files are back")
    kept.site.client.configure()  # its peer was gone: it shakes hands again
    kept.site.connect()
    assert kept.phone.ping()


@pytest.mark.losses
def test_a_change_that_nobody_confirms_undoes_itself_and_disturbs_nobody_else(kept):
    text, before = kept.text("acme"), kept.revisions()[0]["revision"]
    pinging, beside = scenery.Pinging(kept.other.ns, STACK4), scenery.Pinging(kept.phone.ns, STACK4)
    done = kept.make_mistake("--comment", "the site moves")
    assert done.returncode == 0 and f"revision {before} comes back" in done.stdout, done.stdout + done.stderr
    waiting = kept.unconfirmed()
    assert waiting["revision"] == before and 0 < waiting["seconds_left"] <= WITHIN
    shown = kept.ctl("status", check=False)
    assert shown.returncode == 1 and f"revision {before} comes back in" in shown.stdout
    assert not kept.site.ping(timeout=1)
    back_in_force(kept, text)
    assert pinging.lost() == 0 and beside.lost() == 0
    assert kept.unconfirmed() is None
    netlab.wait_until(lambda: kept.revisions()[0]["origin"] == "returned", 10, "the return is in the history")
    returned, mistake = kept.revisions()[:2]
    assert "not confirmed" in returned["comment"] and returned["customers"] == ["acme"]
    assert mistake["comment"] == "the site moves" and (mistake["uid"], mistake["origin"]) == (0, "request")
    assert mistake["files"] == [{"file": "customers/acme.toml", "kind": "changed"}]
    assert any("site" in change["text"] for change in mistake["changes"])
    log = kept.warren.output()
    assert "event=configuration_unconfirmed" in log and "event=revision_back" in log


def test_what_is_confirmed_stays_and_meanwhile_nothing_else_is_applied(kept):
    text = kept.without_site()
    assert kept.make_mistake(within=LONG).returncode == 0
    refused = kept.ctl("apply", check=False)
    assert refused.returncode == 4 and "vpnctl confirm" in refused.stdout + refused.stderr
    kept.warren.reload()
    netlab.wait_until(lambda: "event=reload_refused" in kept.warren.output(), 10, "a reload is refused as well")
    again = kept.ctl("apply", "--confirm-within", f"{LONG + 60}s")  # the time begins anew, the base stays
    assert "comes back" in again.stdout and kept.unconfirmed()["seconds_left"] > LONG
    assert kept.ctl("confirm").returncode == 0
    assert kept.unconfirmed() is None and kept.awaits_nothing()
    assert kept.text("acme") == text and not kept.site.ping(timeout=1)
    assert kept.ctl("confirm", check=False).returncode == 1


@pytest.mark.losses
def test_the_time_goes_on_in_the_next_stackd(kept):
    text = kept.text("acme")
    pinging = scenery.Pinging(kept.other.ns, STACK4)
    assert kept.make_mistake(within=LONG).returncode == 0
    left = kept.unconfirmed()["seconds_left"]
    kept.warren.kill()
    time.sleep(2)
    kept.restart()
    assert not kept.site.ping(timeout=1) and 0 < kept.unconfirmed()["seconds_left"] < left
    assert kept.ctl("rollback").returncode == 0
    back_in_force(kept, text)
    assert pinging.lost() == 0


@pytest.mark.losses
def test_a_stackd_that_starts_too_late_begins_with_the_revision_before(kept):
    text = kept.text("acme")
    pinging = scenery.Pinging(kept.other.ns, STACK4)
    assert kept.make_mistake().returncode == 0
    kept.warren.kill()
    time.sleep(WITHIN + 1)
    kept.restart()
    back_in_force(kept, text)
    assert pinging.lost() == 0


def test_after_a_restart_of_the_machine_the_revision_before_is_used(kept):
    text = kept.text("acme")
    assert kept.make_mistake(within=LONG).returncode == 0
    kept.warren.kill()
    # As if it were of another boot.
    path = f"{kept.warren.state_dir}/history/unconfirmed"
    with open(path) as file:
        first, words, _ = file.read().splitlines()
    base, deadline, _, shown, returned = words.split()
    other = f"{first}\n{base} {int(deadline) + 10**15} another-boot {shown} {returned}\n"
    hash_ = 0xcbf29ce484222325
    for byte in other.encode():
        hash_ = (hash_ ^ byte) * 0x100000001b3 % 2**64
    with open(path, "w") as file:
        file.write(f"{other}end {hash_:016x}\n")
    kept.restart()
    back_in_force(kept, text)


def test_a_file_that_was_edited_meanwhile_is_kept_beside(kept):
    text = kept.text("acme")
    assert kept.make_mistake(within=LONG).returncode == 0
    with open(kept.path("acme"), "a") as file:
        file.write("# not in force yet\n")
    edited = kept.text("acme")
    assert kept.ctl("rollback").returncode == 0  # at once
    back_in_force(kept, text)
    beside, = [name for name in os.listdir(f"{kept.warren.config}/customers") if name.startswith("acme.toml.kept-")]
    with open(f"{kept.warren.config}/customers/{beside}") as file:
        assert file.read() == edited
    os.unlink(f"{kept.warren.config}/customers/{beside}")


def test_a_rollback_is_a_new_revision_and_any_can_be_looked_at(kept):
    text = kept.text("acme")
    base = kept.revisions()[0]["revision"]
    kept.write("acme", text.replace("schema = 1", 'schema = 1\ndescription = "moved"', 1))
    kept.ctl("apply", "--comment", "move")
    netlab.wait_until(lambda: kept.revisions()[0]["revision"] == base + 1, 10, "it is in the history")
    assert kept.ctl("show", "--revision", str(base), "acme").stdout == text
    differs = kept.ctl("diff", "--revision", str(base), check=False)
    assert differs.returncode == 1 and '+description = "moved"' in differs.stdout
    assert kept.ctl("diff", "--revision", str(base), "globex").stdout == ""
    done = kept.ctl("rollback", "--customer", "acme")
    assert kept.text("acme") == text, done.stdout
    netlab.wait_until(lambda: kept.revisions()[0]["revision"] == base + 2, 10, "the rollback is in the history")
    assert kept.revisions("acme")[0]["comment"] == f"rollback to revision {base}"
    assert kept.ctl("diff", "--revision", str(base)).stdout == ""
    assert not [each for each in kept.revisions("globex") if each["revision"] > base]
    assert kept.ctl("rollback", "999", check=False).returncode == 4


def test_only_one_customer_is_applied(kept):
    text = kept.text("acme")
    kept.write("acme", kept.without_site())
    with open(kept.path("globex"), "a") as file:
        file.write("# a comment\n")
    with open(f"{kept.warren.config}/warren.toml", "a") as file:
        file.write("unknown = 1\n")
    try:
        assert kept.ctl("apply", "--only", "globex").returncode == 0
        assert kept.site.ping() and kept.other.ping()
    finally:
        kept.write("acme", text)
        kept.warren.write_customer(kept.globex)
        with open(f"{kept.warren.config}/warren.toml") as file:
            good = file.read().replace("unknown = 1\n", "")
        with open(f"{kept.warren.config}/warren.toml", "w") as file:
            file.write(good)


def test_who_asks_for_one_customer_names_no_path(kept):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as control:
        control.connect(f"{kept.warren.run_dir}/control.sock")
        only = b"../secrets/uplink"
        head = bytes([warren.WIRE_VERSION, 0, 0, 0] + 13 * [0])
        control.send(head + len(only).to_bytes(4, "little") + only + bytes(30))
        assert b"no customer's id" in control.recv(4096)


def test_a_file_that_could_not_be_written_back_is_said_before_anything_waits(kept):
    os.rename(kept.path("globex"), f"{kept.warren.config}/globex.aside")
    os.symlink(f"{kept.warren.config}/globex.aside", kept.path("globex"))
    try:
        done = kept.make_mistake(within=LONG)
        assert done.returncode == 4 and "globex.toml is a symbolic link" in done.stdout + done.stderr
        assert kept.site.ping() and kept.awaits_nothing()
    finally:
        os.rename(f"{kept.warren.config}/globex.aside", kept.path("globex"))


def test_while_stackd_does_not_answer_nothing_is_rolled_back(kept):
    text = kept.text("acme")
    kept.write("acme", text + "# edited\n")
    kept.warren.process.kill(signal.SIGSTOP)
    try:
        for number in ([], ["1"]):
            done = kept.ctl("rollback", *number, check=False)
            assert done.returncode == 3 and "nothing was written" in done.stderr, done.stderr
    finally:
        kept.warren.process.kill(signal.SIGCONT)
    assert kept.text("acme") == text + "# edited\n"


def test_a_full_disk_prevents_no_apply_and_is_said(kept):
    history = f"{kept.warren.state_dir}/history"
    os.rename(f"{history}/texts", f"{history}/texts.aside")
    with open(f"{history}/texts", "w"):
        pass  # no directory: nothing can be written there
    try:
        kept.write("acme", kept.without_site() + "# a text that the history does not have\n")
        assert kept.ctl("apply").returncode == 0
        assert not kept.site.ping(timeout=1)
        netlab.wait_until(lambda: "event=revision_not_kept" in kept.warren.output(), 10, "the log says it")
        assert "is not in the history" in kept.ctl("status", check=False).stdout
        # The last one of the list is not what is in force: the one before it is not what anybody means.
        written, listed = kept.text("acme"), kept.revisions()[0]["revision"]
        refused = kept.ctl("rollback", check=False)
        assert refused.returncode == 4 and f"not revision {listed}" in refused.stderr, refused.stderr
        assert kept.text("acme") == written
        refused = kept.ctl("apply", "--confirm-within", "5m", check=False)
        assert refused.returncode == 4 and "nothing to come back to" in refused.stdout + refused.stderr
    finally:
        os.unlink(f"{history}/texts")
        os.rename(f"{history}/texts.aside", f"{history}/texts")


def test_the_store_is_for_root_alone_and_has_no_secret(kept):
    history = f"{kept.warren.state_dir}/history"
    assert os.stat(history).st_mode & 0o7777 == 0o700
    for directory, _, names in os.walk(history):
        for name in names:
            path = os.path.join(directory, name)
            assert os.stat(path).st_mode & 0o7777 == 0o600, path
            with open(path, "rb") as file:
                assert kept.warren.key.private.encode() not in file.read()
