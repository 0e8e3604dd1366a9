"""./run brings the demo up, checks it and removes it; and it removes the remains of a killed demo."""

import os
import secrets
import signal
import subprocess
import tempfile

import pytest

from tests.lab import netlab, strongswan, warren

COMMAND = ["/usr/bin/python3", f"{warren.ROOT}/demo/demo.py"]
STATE = f"{tempfile.gettempdir()}/wlab-demo-{secrets.token_hex(4)}"


@pytest.fixture(autouse=True)
def a_state_directory_of_our_own(monkeypatch):
    """Leaves alone a demo that already runs on this host."""
    monkeypatch.setenv("WARREN_DEMO_STATE", STATE)


def test_the_demo_succeeds_and_leaves_nothing():
    before = netlab.baseline()
    done = netlab.run(*COMMAND, "--once", timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    ipsec = ["acme steyr", "globex molde"] if os.path.exists(strongswan.CHARON) else []
    for answer in ["acme linz", "globex bergen", *ipsec]:
        line = next(line for line in done.stdout.splitlines() if answer in line)
        assert "http://10.0.1.10/" in line and line.endswith("answers: " + answer.split()[0])
    assert netlab.leaks(before, ("demo-", "warren")) == []
    assert not os.path.exists(STATE)


def test_the_next_demo_removes_a_killed_one(tmp_path):
    before = netlab.baseline()
    log = tmp_path / "log"
    with open(log, "wb") as out:
        running = subprocess.Popen(COMMAND, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        with open(log) as said:
            netlab.wait_until(lambda: (said.seek(0), "Press Ctrl-C" in said.read())[1], 60, "the demo is up")
        refused = netlab.run(*COMMAND, "--once", check=False)
        assert refused.returncode == 4 and "already running" in refused.stderr
        running.send_signal(signal.SIGKILL)
        running.wait()
        assert netlab.leaks(before, ("demo-",)) != []
        done = netlab.run(*COMMAND, "--once", timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert netlab.leaks(before, ("demo-", "warren")) == []
    finally:
        running.kill()
        running.wait()


def test_ctrl_c_removes_everything():
    before = netlab.baseline()
    with subprocess.Popen(COMMAND, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True) as running:
        for line in running.stdout:
            if "Press Ctrl-C" in line:
                running.send_signal(signal.SIGINT)
                break
        rest = running.stdout.read()
        assert running.wait(30) == 0, rest
    assert netlab.leaks(before, ("demo-", "warren")) == []


def test_a_foreign_namespace_with_the_same_name_is_left_alone():
    netlab.run("ip", "netns", "add", "warren-acme")
    try:
        done = netlab.run(*COMMAND, "--once", check=False)
        assert done.returncode == 4 and "warren-acme" in done.stderr
        assert os.path.exists(f"{netlab.NETNS_DIR}/warren-acme")
    finally:
        netlab.run("ip", "netns", "del", "warren-acme")
