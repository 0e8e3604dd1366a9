"""vpnd, statusd and authd started by a launcher, like systemd's socket units with Accept=yes in the package. Here,
systemd-socket-activate is the launcher."""

import os
import re
import signal
import time

import pytest

from tests.lab import netlab, sites, town as scenery
from tests.lab.town import STACK4, Town
from tests.lab.warren import UNPRIVILEGED, programs

pytestmark = pytest.mark.slow  # a client needs 15 s to reconnect


def listen(ns, directory, name, command=None, user=UNPRIVILEGED):
    """Starts `command` for each connection to directory/name.sock. Every user may connect, because stackd without
    CAP_DAC_OVERRIDE is like any other user."""
    path = f"{directory}/{name}.sock"
    become = ["setpriv", f"--reuid={user}", f"--regid={'nogroup' if user == UNPRIVILEGED else user}", "--clear-groups",
              "--bounding-set=-all", "--no-new-privs"]
    process = ns.start(*become, "systemd-socket-activate", "--seqpacket", "--accept", "--listen", path,
                       *(command or [f"{programs()}/{name}", "--accepted", "3"]), name=f"launch-{name}")
    netlab.wait_until(lambda: os.path.exists(path), 5, f"{name}'s launcher listens")
    os.chmod(path, 0o666)
    return process


@pytest.fixture
def directory(tmp_path):
    """A directory where launchers may make their sockets; only they and root can enter it."""
    os.chmod(tmp_path, 0o777)
    for above in (tmp_path.parent, tmp_path.parent.parent):
        os.chmod(above, 0o711)
    return str(tmp_path)


@pytest.fixture
def launched(directory):
    """(town, office, launcher of vpnd): a Warren whose daemons are started by launchers, with one customer."""
    before = netlab.baseline()
    with netlab.Lab() as lab:
        town = Town(lab, name="launched")
        town.warren.launcher, town.warren.status_listen = directory, "127.0.0.1:8443"
        launchers = [listen(town.hub, directory, name) for name in ("vpnd", "statusd", "authd")]
        town.warren.start()
        office = town.office("branch")
        office.customer = town.customer([office.peer], "launched")
        yield town, office.connect(), launchers
    assert netlab.leaks(before) == []


def fields(pid):
    with open(f"/proc/{pid}/status") as lines:
        return dict(line.rstrip("\n").split(":\t", 1) for line in lines if ":\t" in line)


def test_the_daemons_are_the_launchers_children(launched):
    town, _, launchers = launched
    statusd = netlab.wait_until(lambda: town.warren.children("statusd"), 10, "a statusd runs")[0]
    parents = [int(fields(pid)["PPid"]) for pid in (town.warren.vpnd(), statusd)]
    assert parents == [launcher.pid for launcher in launchers[:2]]


def test_a_vpnd_that_dies_is_launched_again(launched):
    town, office, _ = launched
    first = town.warren.vpnd()
    os.kill(first, signal.SIGKILL)
    netlab.wait_until(lambda: office.ping(timeout=1), 40, "the client has reconnected")
    assert town.warren.vpnd() != first


def test_a_statusd_that_dies_is_launched_again(launched):
    town, _, _ = launched
    first = netlab.wait_until(lambda: town.warren.children("statusd"), 10, "a statusd runs")[0]
    os.kill(first, signal.SIGKILL)
    netlab.wait_until(lambda: [pid for pid in town.warren.children("statusd") if pid != first], 15,
                      "another statusd runs")


def test_an_authd_is_launched_for_ipsec_and_again_when_it_dies(launched):
    town, _, launchers = launched
    assert not town.warren.children("authd")
    town.warren.ipsec = {}
    town.warren.write()
    town.warren.put(sites.customer("acme", [sites.connection.Connection("graz", "graz@acme.example", sites.new_key(),
                                                                        [sites.child()])]))
    first = netlab.wait_until(lambda: town.warren.children("authd"), 10, "an authd runs")[0]
    assert int(fields(first)["PPid"]) == launchers[2].pid
    os.kill(first, signal.SIGKILL)
    netlab.wait_until(lambda: town.warren.children("authd") not in ([], [first]), 15, "another authd runs")
    town.warren.remove("acme")
    assert town.warren.children("authd")  # the listener's: the next connection finds it
    town.warren.ipsec = None
    town.warren.write()
    town.warren.apply()
    netlab.wait_until(lambda: not town.warren.children("authd"), 10, "nobody needs it any more")


@pytest.mark.losses
def test_a_killed_stackd_leaves_vpnd_to_its_successor(launched):
    town, office, _ = launched
    vpnd, pinging = town.warren.vpnd(), scenery.Pinging(office.ns, STACK4)
    town.warren.kill()
    town.warren.start()
    assert town.warren.vpnd() == vpnd
    assert pinging.lost() == 0


def test_a_statusd_that_hangs_leaves_its_port_to_the_next_stackds(launched):
    town, _, _ = launched
    first = netlab.wait_until(lambda: town.warren.children("statusd"), 10, "a statusd runs")[0]
    os.kill(first, signal.SIGSTOP)
    town.warren.kill()
    town.warren.start()
    netlab.wait_until(lambda: town.warren.children("statusd") not in ([], [first])
                      and not os.path.exists(f"/proc/{first}"), 15, "another statusd, and no other")


def test_stopping_stackd_stops_both_daemons_and_leaves_the_stack(launched):
    town, _, launchers = launched
    assert town.warren.stop() == 0
    assert not town.warren.children("vpnd") and not town.warren.children("statusd")
    assert all(launcher.running() for launcher in launchers)
    assert os.path.exists(f"{netlab.NETNS_DIR}/warren-launched")
    town.warren.start()


# --- wrong launchers --------------------------------------------------------------------------------------------------


@pytest.fixture
def unstarted(directory):
    """A town whose stackd is not started yet."""
    with netlab.Lab() as lab:
        made = Town(lab, name="launched")
        made.warren.launcher = directory
        yield made


def refused(town):
    town.warren.write()
    done = town.hub.run(*town.warren.stackd(), check=False, timeout=60)
    assert done.returncode == 4
    return (done.stderr + done.stdout).splitlines()[-1]


def test_a_missing_launcher_is_named(unstarted, directory):
    assert re.search(f"{directory}/vpnd.sock.*nothing listens", refused(unstarted))


def test_a_program_that_ends_at_once_is_named(unstarted, directory):
    listen(unstarted.hub, directory, "vpnd", ["/bin/true"])
    assert re.search(f"{directory}/vpnd.sock.*ended before it sent anything", refused(unstarted))


def test_a_stackd_that_waits_for_a_launcher_can_be_stopped(unstarted, directory):
    listen(unstarted.hub, directory, "vpnd", ["/bin/sleep", "60"])
    unstarted.warren.start(wait=False)
    netlab.wait_until(lambda: unstarted.warren.children("sleep"), 10, "the launcher started something")
    asked = time.monotonic()
    unstarted.warren.stop()
    assert time.monotonic() - asked < 25  # it waits up to 30 s


def test_a_program_that_is_not_our_daemon_is_refused(unstarted, directory):
    listen(unstarted.hub, directory, "vpnd", ["/bin/sh", "-c", "echo hello >&3; exec sleep 30"])
    assert re.search(f"{directory}/vpnd.sock.*no daemon of Warren", refused(unstarted))


def test_a_daemon_of_another_user_is_refused_and_stopped(unstarted, directory):
    listen(unstarted.hub, directory, "vpnd", user="daemon")
    assert re.search(f"{directory}/vpnd.sock.*runs as user .*, not as {UNPRIVILEGED}", refused(unstarted))
    assert not unstarted.warren.children("vpnd")
