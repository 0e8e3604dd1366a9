"""A broken warren.toml at the start: the configuration that was in force last is used, and that is said."""

import os
import shutil
import signal

import pytest

from tests.lab import netlab, warren
from tests.stacks.running import customer, events, inode, names_of_stacks, peers_of_vpnd, restart


@pytest.fixture
def keeping(lab, uplink):
    """A running Warren with two customers, whose configuration outlives a restart."""
    running = warren.Warren(lab, uplink, customers=[customer("acme"), customer("globex")])
    running.state_dir = lab.path("state")
    running.start()
    netlab.wait_until(lambda: os.path.exists(f"{running.state_dir}/last-good"), 10, "the configuration is kept")
    return running


def break_appliance(running):
    with open(f"{running.config}/warren.toml", "a") as out:
        out.write("unknown = 1\n")


def findings(running):
    return [finding["kind"] for finding in running.status()["findings"]]


def test_with_a_broken_warren_toml_a_start_uses_the_last_good_configuration_and_says_so(keeping):
    keys = {each.peers[0].public_key for each in keeping.customers.values()}
    kept = os.stat(f"{keeping.state_dir}/last-good")
    assert (kept.st_mode & 0o7777, kept.st_uid, os.stat(keeping.state_dir).st_mode & 0o7777) == (0o600, 0, 0o700)
    with open(f"{keeping.state_dir}/last-good") as file:
        assert keeping.key.private not in file.read()
    assert keeping.stop() == 0
    break_appliance(keeping)
    os.unlink(f"{keeping.config}/customers/globex.toml")  # the configuration is used as a whole
    keeping.write = lambda: None
    keeping.start()
    assert set(peers_of_vpnd(keeping).split()) == keys and names_of_stacks() >= {"warren-acme", "warren-globex"}
    used, = events(keeping, "last_good_used")
    assert "warren.toml:" in used
    for _ in range(2):
        status = keeping.ctl("status", check=False)
        assert status.returncode == 1 and "is in force, because of" in status.stdout and "warren.toml:" in status.stdout
        assert findings(keeping)[0] == "last_good_in_force"
        assert keeping.apply(check=False).returncode == 1  # it is still broken, and still in force
    # With the files mended, these are what counts.
    del keeping.write
    keeping.write()
    keeping.put(customer("initech"))
    assert findings(keeping) == [] and keeping.ctl("status").returncode == 0
    # The next broken start has what was in force last.
    assert keeping.stop() == 0
    break_appliance(keeping)
    keeping.write = lambda: None
    keeping.start()
    assert keeping.customers["initech"].peers[0].public_key in peers_of_vpnd(keeping)


def test_a_vpnd_that_is_adopted_goes_on_with_the_last_good_configuration(keeping):
    vpnd, before = keeping.vpnd(), inode("acme")
    break_appliance(keeping)
    restart(keeping, signal.SIGKILL)
    assert (keeping.vpnd(), inode("acme")) == (vpnd, before)
    assert findings(keeping)[0] == "last_good_in_force"


@pytest.mark.parametrize("damage", ["damaged", "another version"])
def test_a_last_good_configuration_that_cannot_be_used_is_ignored_and_the_log_says_so(keeping, uplink, damage):
    assert keeping.stop() == 0
    break_appliance(keeping)
    with open(f"{keeping.state_dir}/last-good", "r+") as file:
        text = file.read()
        file.seek(0)
        if damage == "damaged":
            file.write(text.replace("acme", "acne", 1))
        else:
            form, number, _, rest = text.split(" ", 3)
            file.write(f"{form} {number} 999.0.0 {rest}")
        file.truncate()
    done = uplink.run(*keeping.stackd(), check=False, timeout=20)
    assert done.returncode == 1
    assert "event=last_good_ignored" in done.stderr and "event=last_good_used" not in done.stderr


def test_a_state_directory_that_cannot_be_written_stops_nothing_and_keeps_nothing_old(keeping):
    os.makedirs(f"{keeping.state_dir}/last-good.new/in-the-way")
    keeping.put(customer("initech"))
    netlab.wait_until(lambda: events(keeping, "last_good_not_kept"), 10, "the log says that it is not kept")
    assert not os.path.exists(f"{keeping.state_dir}/last-good")
    assert keeping.ctl("status").returncode == 0
    assert keeping.stop() == 0
    shutil.rmtree(keeping.state_dir)
    with open(keeping.state_dir, "w"):
        pass
    keeping.start()
    assert len(peers_of_vpnd(keeping).split()) == 3
