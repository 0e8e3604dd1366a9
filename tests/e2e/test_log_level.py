"""The log level of the three daemons: at their start, and while packets flow."""

import contextlib
import subprocess

import pytest

from tests.lab import netlab, town as scenery
from tests.lab.town import STACK4
from tests.lab.watched import Scene

# A debug line that each daemon has within a few seconds, whatever the customers do.
DEBUG_LINES = {"stackd": "event=reply_received", "vpnd": "event=probe_answered", "statusd": "event=request_received"}


@pytest.fixture(scope="module")
def scene():
    with netlab.Lab() as lab:
        made = Scene(lab)
        made.office.connect()
        yield made


def debug_lines(scene, daemon):
    return [line for line in scene.warren.output().splitlines() if f"{daemon}: level=debug" in line]


def levels(scene):
    return scene.warren.json("log-level")["log_levels"]


def test_each_daemon_changes_its_level(scene):
    assert levels(scene) == {"stackd": "info", "vpnd": "info", "statusd": "info"}
    assert not any(debug_lines(scene, daemon) for daemon in DEBUG_LINES)
    scene.idle.confirm(scene.idle.handshake())
    scene.warren.ctl("log-level", "debug")
    assert levels(scene) == {"stackd": "debug", "vpnd": "debug", "statusd": "debug"}
    for daemon, event in DEBUG_LINES.items():
        scene.get("/healthz?whom=acme")
        netlab.wait_until(lambda: any(event in line for line in debug_lines(scene, daemon)), 20,
                          f"{daemon} logs at debug")
    assert "whom" not in scene.warren.output()  # a request is logged without its query
    scene.warren.ctl("log-level", "info")
    assert scene.warren.ctl("log-level").stdout.split() == ["stackd", "info", "vpnd", "info", "statusd", "info"]
    scene.warren.ctl("apply")  # when this and the page have answered, all three have the new level
    scene.get("/healthz")
    so_far = {daemon: len(debug_lines(scene, daemon)) for daemon in DEBUG_LINES}
    scene.warren.ctl("diff")
    scene.get("/healthz")
    scene.idle.confirm(scene.idle.handshake())  # for vpnd: session_renewed, at debug
    scene.other.confirm(scene.other.handshake())
    netlab.wait_until(lambda: any("peer=other" in line for line in scene.log("session_established")), 10,
                      "vpnd has logged the handshake after that")
    assert {daemon: len(debug_lines(scene, daemon)) for daemon in DEBUG_LINES} == so_far


@pytest.mark.losses
def test_a_change_of_level_restarts_nothing_and_loses_no_ping(scene):
    pids = scene.warren.vpnd(), scene.statusd()
    pinging = scenery.Pinging(scene.office.ns, STACK4)
    for level in ("debug", "info"):
        scene.warren.ctl("log-level", level)
        assert set(levels(scene).values()) == {level}
    assert pinging.lost() == 0
    assert (scene.warren.vpnd(), scene.statusd()) == pids


def test_a_daemon_that_is_restarted_gets_the_present_level(scene):
    scene.warren.ctl("log-level", "debug")
    for daemon, pid in (("vpnd", scene.warren.vpnd()), ("statusd", scene.statusd())):
        so_far = len(debug_lines(scene, daemon))
        scene.warren.uplink.run("kill", "-KILL", str(pid))
        netlab.wait_until(lambda: pid not in scene.warren.children(daemon) and scene.warren.children(daemon), 20,
                          f"a new {daemon} runs")

        def has_new_line(daemon=daemon, so_far=so_far):
            with contextlib.suppress(OSError, EOFError):  # a new statusd listens a moment later
                scene.get("/healthz")
            return len(debug_lines(scene, daemon)) > so_far
        netlab.wait_until(has_new_line, 20, f"the new {daemon} logs at debug")
    assert levels(scene) == {"stackd": "debug", "vpnd": "debug", "statusd": "debug"}
    scene.warren.ctl("log-level", "info")


def test_a_level_that_does_not_exist_is_refused_by_each_program(scene):
    accepted = "debug, info, warn or error"
    for wrong in ("trace", "DEBUG", ""):
        refused = scene.warren.ctl("log-level", wrong, check=False)
        assert refused.returncode == 2 and accepted in refused.stderr, refused
        for program in ("stackd", "vpnd", "statusd"):
            refused = subprocess.run([f"{scene.warren.bin}/{program}", "--log-level", wrong], capture_output=True,
                                     text=True, check=False)
            assert refused.returncode == 2 and accepted in refused.stderr, refused
    assert levels(scene) == {"stackd": "info", "vpnd": "info", "statusd": "info"}


def test_stackd_passes_its_own_level_on(scene):
    scene.warren.stop()
    quiet = scene.warren.uplink.start(*scene.warren.stackd("--log-level", "warn"), name="quiet-stackd")
    try:
        netlab.wait_until(lambda: scene.warren.ctl("log-level", check=False).returncode == 0, 30, "stackd answers")
        netlab.wait_until(lambda: levels(scene)["statusd"] == "warn", 20, "statusd runs")
        assert levels(scene) == {"stackd": "warn", "vpnd": "warn", "statusd": "warn"}
        assert "level=info" not in quiet.output()
    finally:
        quiet.stop(60)
        scene.warren.start()


def test_the_endpoint_of_clients_is_shown(scene):
    scene.warren.public_endpoint = "vpn.example.net:51820"
    scene.warren.write()
    scene.warren.apply()
    assert scene.warren.configure("listeners").stdout.splitlines()[0].endswith(" wireguard vpn.example.net:51820")
    assert "clients use vpn.example.net:51820" in scene.warren.ctl("status").stdout
    assert "clients use vpn.example.net:51820" in scene.warren.status()["stackd"]["facts"]
