"""Whether all is well: vpnctl, the page, its API, /readyz and /metrics say the same, and it is true of the whole
appliance."""

import json
import re

import pytest

from tests.lab import netlab, warren
from tests.lab.town import STACK4
from tests.lab.watched import OWN


def heard(scene):
    """What each of the five says: is all well, and what is not."""
    said = scene.warren.ctl("--json", "status", check=False)
    status, overview = json.loads(said.stdout), scene.view("/api/v1/overview")
    ready, metrics = scene.get("/readyz"), scene.get("/metrics").body.decode()
    return {"exit": said.returncode, "vpnctl": [each["kind"] for each in status["findings"]],
            "verdicts": {status["verdict"], overview["verdict"]},
            "page": [each["kind"] for each in overview["alarms"]], "ready": ready.status,
            "reasons": ready.json()["reasons"],
            "metrics": re.findall(r'^warren_findings{kind="(\w+)"} [1-9]', metrics, re.MULTILINE),
            "healthy": re.search(r"^warren_healthy (\d)$", metrics, re.MULTILINE)[1]}


def all_agree(scene, kinds, ready):
    def agree():
        said = heard(scene)
        return (said["exit"] == (1 if kinds else 0) and said["vpnctl"] == said["page"] == said["metrics"] == kinds and
                said["ready"] == ready and said["healthy"] == ("0" if kinds else "1") and len(said["verdicts"]) == 1 and
                said)
    return netlab.wait_until(agree, 10, f"all say {kinds}")


@pytest.fixture
def initech(scene):
    """A third customer; its file is removed afterwards."""
    _, peer = scene.town.raw_peer("initech")
    customer = warren.Customer("initech", [f"{STACK4}/24"], [peer], name="Initech")
    scene.warren.customers["initech"] = customer
    yield customer
    scene.warren.remove("initech")
    all_agree(scene, [], 200)


def test_all_is_well_when_it_is(scene):
    assert all_agree(scene, [], 200)["verdicts"] == {"All is well."}
    assert "All is well." in scene.warren.ctl("status").stdout


def test_a_customer_whose_file_has_errors_is_listed_as_not_served(scene, initech):
    scene.warren.write_customer(initech)
    with open(f"{scene.warren.config}/customers/initech.toml", "a") as file:
        file.write("adresses = 1\n")
    assert scene.warren.apply(check=False).returncode == 1
    reason, = all_agree(scene, ["customer_not_served"], 503)["reasons"]
    assert "initech" in reason and "initech.toml:" in reason
    row, = scene.view("/api/v1/customers?state=unserved")["items"]
    assert row["id"] == "initech"
    shown = scene.warren.ctl("status", "initech", check=False)
    assert shown.returncode == 1 and "Customer initech is not served: " in shown.stdout and not shown.stderr
    assert scene.get("/readyz", "customer").status == 200, "another customer's trouble is none of this one's"


def test_a_users_file_with_an_error_is_said_everywhere(scene):
    path = f"{scene.warren.config}/users.toml"
    with open(path) as file:
        before = file.read()
    try:
        with open(path, "a") as file:
            file.write("\n[[user]]\nname = 1\n")
        scene.warren.apply(check=False)
        all_agree(scene, ["users_file_invalid"], 200)
        assert "users.toml has an error" in scene.warren.ctl("status", OWN, check=False).stdout
    finally:
        with open(path, "w") as file:
            file.write(before)
        scene.warren.apply()
    all_agree(scene, [], 200)


def test_an_earlier_configuration_in_force_is_said_everywhere(scene):
    running = scene.warren
    running.state_dir = scene.town.lab.path("paged-state")
    assert running.stop() == 0
    running.start()
    assert running.stop() == 0
    running.write()
    with open(f"{running.config}/warren.toml", "a") as file:
        file.write("unknown = 1\n")
    write, running.write = running.write, lambda: None
    try:
        running.start()
    finally:
        running.write = write
    netlab.wait_until(lambda: scene.get("/api/v1/overview").status == 200, 20, "statusd has loaded the users")
    scene.office.connect(timeout=30)
    reason, = all_agree(scene, ["last_good_in_force", "file_invalid"], 503)["reasons"]
    assert "is in force, because of" in reason and "warren.toml:" in reason
    running.write()
    running.apply()
    all_agree(scene, [], 200)


def test_a_missing_handoff_device_is_no_health(scene, initech):
    initech.handoff = {"type": "physical", "parent": "nosuch0", "address": ["192.168.7.1/24"]}
    scene.warren.write_customer(initech)
    scene.warren.apply(check=False)
    # A handoff needs room in the kernel's neighbour tables, which nothing in a network namespace can make larger.
    tables = "/proc/sys/net/ipv4/neigh/default/gc_thresh3"
    has_tables = scene.town.hub.run("test", "-e", tables, check=False).returncode == 0
    kinds = ["stack_incomplete"] if has_tables else ["stack_incomplete", "not_in_force"]
    reasons = all_agree(scene, kinds, 503)["reasons"]
    assert any("initech" in reason and "nosuch0" in reason for reason in reasons)
