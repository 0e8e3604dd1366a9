"""What was: events, outages and traffic after statusd was killed; whose they are; and a disk or a file that is bad."""

import json
import os
import signal
import socket
import subprocess

import pytest

from tests.lab import netlab
from tests.lab.town import STACK4
from tests.lab.warren import leaves_nothing
from tests.lab.watched import FOREIGN, OWN, Scene


@pytest.fixture(scope="module")
def past():
    """A scene of this module's own, which it breaks."""
    with leaves_nothing(Scene) as made:
        made.office.connect()
        netlab.wait_until(lambda: kinds(made, OWN).count("online") == 1, 20, "graz is online")
        yield made


def ctl(scene, *arguments):
    return json.loads(scene.warren.ctl("--json", *arguments).stdout)


def events(scene, *options):
    return ctl(scene, "events", *options)["events"]


def kinds(scene, *options):
    return [row["kind"] for row in events(scene, *options)]


def written(scene):
    """Until everything so far is on the disk."""
    netlab.wait_until(lambda: os.path.getsize(f"{scene.warren.state_dir}/past.db-wal") > 0, 10, "it is written")
    size = [-1]

    def is_calm():
        before, size[0] = size[0], os.stat(f"{scene.warren.state_dir}/past.db-wal").st_mtime_ns
        return before == size[0]
    netlab.wait_until(is_calm, 10, "nothing more is written", every=3)


def restart(scene, how=signal.SIGKILL):
    pid = scene.statusd()
    os.kill(pid, how)
    netlab.wait_until(lambda: scene.warren.children("statusd") not in ([], [pid]), 20, "another statusd")
    netlab.wait_until(lambda: scene.warren.ctl("events", check=False).returncode == 0, 20, "it answers vpnctl")


def test_events_survive_a_killed_statusd(past):
    written(past)
    before = events(past, OWN)
    restart(past)
    after = events(past, OWN)
    assert [row["id"] for row in before] == [row["id"] for row in after if row["id"] <= before[0]["id"]]
    by_page = past.view(f"/api/v1/events?customer={OWN}")["items"]
    assert by_page[-1]["id"] == before[-1]["id"], "the page has them too"


def test_the_files_are_of_root_alone_and_statusd_has_opened_none(past):
    state = past.warren.state_dir
    for name in ("past.db", "past.db-wal"):
        about = os.stat(f"{state}/{name}")
        assert about.st_uid == 0 and about.st_mode & 0o777 == 0o600
    pid = past.statusd()
    held = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    assert {f"{state}/past.db", f"{state}/past.db-wal"} == {path for path in held if path.startswith(state)}
    with open(f"/proc/{pid}/limits") as limits:
        line, = [line for line in limits if line.startswith("Max file size")]
    assert int(line.split()[3]) < 2 << 30, "it cannot fill the disk"


def test_root_alone_may_ask(past):
    path = f"{past.warren.run_dir}/status.sock"
    assert os.stat(path).st_mode & 0o777 == 0o600
    refused = subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", f"{past.warren.bin}/vpnctl", "--run-dir",
                              past.warren.run_dir, "events"], capture_output=True, text=True, check=False)
    assert refused.returncode == 3 and "permission denied" in refused.stderr, refused.stderr


def test_an_outage_has_a_begin_an_end_and_a_cause(past):
    customer = past.warren.customers[OWN]
    customer.state = "suspended"
    past.warren.put(customer)
    netlab.wait_until(lambda: "idle" in kinds(past, OWN), 20, "graz is gone")
    restart(past)
    customer.state = "active"
    past.warren.put(customer)
    past.office.connect(timeout=60)
    netlab.wait_until(lambda: kinds(past, OWN)[:1] == ["up"] or "up" in kinds(past, OWN), 30, "the customer is up")
    netlab.wait_until(lambda: not [row for row in ctl(past, "outages", OWN)["outages"] if row["ended"] is None], 10)
    rows = ctl(past, "outages", OWN, "--since", "1h")["outages"]
    graz, = [row for row in rows if row["peer"] == "graz"]
    whole, = [row for row in rows if row["peer"] is None]
    assert graz["cause"] == whole["cause"] == "suspended"
    assert graz["began"] <= graz["ended"] and 0 <= graz["seconds"] < 120
    assert past.warren.ctl("outages", OWN).stdout.splitlines()[0].split()[:3] == ["BEGAN", "ENDED", "LENGTH"]
    assert ctl(past, "outages", FOREIGN)["outages"] == []
    assert past.view(f"/api/v1/customers/{OWN}/outages", "customer")["items"] == rows
    assert past.get(f"/api/v1/customers/{FOREIGN}/outages", "customer").status == 404


def test_events_are_chosen_by_time_peer_and_kind(past):
    assert kinds(past, OWN, "--kind", "online", "--peer", "graz")
    assert events(past, OWN, "--since", "1h") and not events(past, OWN, "--until", "2001-01-01")
    assert len(events(past, "-n", "2")) == 2
    wrong = past.warren.ctl("events", "--since", "yesterday", check=False)
    assert wrong.returncode == 2 and "2d" in wrong.stderr
    gone = past.warren.ctl("events", "initech", check=False)
    assert gone.returncode == 4 and "nothing is known" in gone.stderr


def test_find_says_whose_something_is(past):
    key = past.office.peer.public_key
    row, = ctl(past, "find", key[:12])["found"]
    assert (row["customer"], row["kind"], row["name"], row["matched"]) == (OWN, "peer", "graz", "key")
    assert {row["customer"] for row in ctl(past, "find", "10.0.1.7")["found"]} == {OWN}, "an address in a network"
    assert past.office.place.ipv4 in past.warren.ctl("find", past.office.place.ipv4).stdout
    assert past.warren.ctl("find", "nowhere", check=False).returncode == 1
    assert {row["customer"] for row in past.view("/api/v1/find?text=graz", "customer")["items"]} == {OWN}
    assert past.view("/api/v1/find?text=other")["items"], "an operator finds it"
    assert not past.view("/api/v1/find?text=other", "customer")["items"], "another customer does not"


def test_top_shows_who_uses_what(past):
    ping = past.office.ns.start("ping", "-q", "-i", "0.01", "-s", "1000", STACK4)
    netlab.wait_until(lambda: ctl(past, "top")["customers"], 20, "acme has traffic")
    document = ctl(past, "top", "-n", "1")
    ping.stop()
    assert [row["customer"] for row in document["customers"]] == [OWN]
    assert [(row["customer"], row["peer"]) for row in document["peers"]] == [(OWN, "graz")]


def test_customers_and_peers_that_are_down(past):
    assert past.warren.ctl("customers", "--down").stdout.splitlines()[1:] == []
    listed = past.warren.ctl("peers", "--down").stdout
    assert "graz" not in listed and "idle" in listed


def test_a_new_company_under_the_id_reads_nothing_of_the_former(past):
    before = past.warren.customers[OWN]
    assert past.view(f"/api/v1/events?customer={OWN}", "customer")["items"]
    _, stranger = past.town.raw_peer("stranger")
    written(past)
    past.warren.put(type(before)(OWN, [f"{STACK4}/24"], [stranger], name="Another company"))
    netlab.wait_until(lambda: past.view(f"/api/v1/customers/{OWN}")["name"] == "Another company", 20)
    written(past)
    restart(past)
    own = past.view(f"/api/v1/events?customer={OWN}", "customer")["items"]
    assert not [row for row in own if row["peer"] in ("graz", "idle")], own
    assert not past.view(f"/api/v1/customers/{OWN}/outages", "customer")["items"]
    assert [row for row in events(past, OWN) if row["peer"] == "graz"], "an operator reads it"


def test_a_broken_database_is_set_aside_and_named(past):
    state = past.warren.state_dir
    past.warren.stop()
    with open(f"{state}/past.db", "r+b") as file:
        file.write(b"this is no database" * 1000)
    open(f"{state}/past.db-wal", "wb").close()
    past.warren.start()
    netlab.wait_until(lambda: past.log("past_set_aside"), 20, "it is set aside")
    line, = past.log("past_set_aside")
    assert f"{state}/past.db.broken" in line and os.path.exists(f"{state}/past.db.broken")
    netlab.wait_until(lambda: past.log("past_opened"), 20, "a new one is open")
    netlab.wait_until(lambda: past.get("/readyz").status == 200, 20)
    netlab.wait_until(lambda: past.view("/api/v1/events")["items"], 10)
    written(past)
    # A second one within ten minutes is not believed: a statusd that is not itself any more could wear out the disk.
    open(f"{state}/past.db-wal", "wb").close()
    with open(f"{state}/past.db", "r+b") as file:
        file.write(b"nor is this" * 1000)
    os.kill(past.statusd(), signal.SIGKILL)
    netlab.wait_until(lambda: past.log("past_not_written"), 20, "it is said")
    assert len(past.log("past_set_aside")) == 1
    netlab.wait_until(lambda: past.get("/readyz").status == 200, 20, "all else goes on")
    assert past.view("/api/v1/events")["items"]


def test_a_client_that_does_not_read_costs_nobody_anything(past):
    clients = []
    for _ in range(40):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        client.connect(f"{past.warren.run_dir}/status.sock")
        client.sendall(b"nonsense")
        clients.append(client)
    assert past.get("/api/v1/events").status == 200
    for client in clients:
        client.close()
    netlab.wait_until(lambda: past.warren.ctl("events", check=False).returncode == 0, 10)


@pytest.fixture
def small_disk(past):
    """The state directory is a file system of 4 MB."""
    state = past.warren.state_dir
    past.warren.stop()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "warren-state", state], check=True)
    try:
        past.warren.start()
        netlab.wait_until(lambda: past.get("/readyz").status == 200, 20)
        netlab.wait_until(lambda: os.path.exists(f"{state}/past.db-wal"), 10)
        yield state
        past.warren.stop()
    finally:
        subprocess.run(["umount", "-l", state], check=True)
        past.warren.start()


def test_a_full_disk_is_said_and_what_happens_now_is_shown(past, small_disk):
    netlab.wait_until(lambda: past.log("past_opened"), 20)
    with open(f"{small_disk}/filler", "wb", buffering=0) as filler:
        try:
            while True:
                filler.write(b"x" * 4096)
        except OSError:
            pass
    customer = past.warren.customers[FOREIGN]
    customer.state = "suspended"
    past.warren.write_customer(customer)
    past.warren.ctl("apply", check=False)  # its history cannot be kept either
    netlab.wait_until(lambda: "suspended" in kinds(past, FOREIGN), 20, "it is shown all the same")
    netlab.wait_until(lambda: past.log("past_not_written"), 20, "the log says it")
    alarms = past.view("/api/v1/overview")["alarms"]
    assert [one for one in alarms if "Nothing is kept" in one["sentence"]], alarms
    assert b"warren_past_kept 0" in past.get("/metrics").body
    os.unlink(f"{small_disk}/filler")
    netlab.wait_until(lambda: past.log("past_written_again"), 30, "it goes on")
    written(past)  # what happened while a batch waited is in the next one
    restart(past)
    assert "suspended" in kinds(past, FOREIGN), "nothing was lost"
