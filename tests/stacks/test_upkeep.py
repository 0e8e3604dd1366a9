"""stackd keeps what is configured: it replaces a vpnd that hangs, ends orphans, mends what others change in a stack,
and keeps customers whose files are gone."""

import os
import signal
import subprocess

import pytest

from tests.lab import netlab
from tests.stacks.running import customer, events, inside, names_of_stacks, peers_of_vpnd, restart, write

# --- a vpnd that hangs ------------------------------------------------------------------------------------------------


def test_a_vpnd_that_hangs_is_replaced(acme):
    hung = acme.vpnd()
    os.kill(hung, signal.SIGSTOP)
    netlab.wait_until(lambda: len(events(acme, "vpnd_started")) == 2, 10, "another vpnd runs")
    assert acme.children("vpnd") != [hung] and "does not answer" in events(acme, "vpnd_lost")[0]
    assert "signal 9" in events(acme, "vpnd_lost")[0]
    assert acme.customers["acme"].peers[0].public_key in peers_of_vpnd(acme)
    assert acme.ctl("diff").returncode == 0


def test_an_apply_while_vpnd_hangs_says_so_and_stackd_answers_others(acme):
    hung = acme.vpnd()
    os.kill(hung, signal.SIGSTOP)
    write(acme, customer("globex"))
    applying = acme.uplink.start(f"{acme.bin}/vpnctl", "--run-dir", acme.run_dir, "apply")
    netlab.wait_until(lambda: os.path.exists(f"{netlab.NETNS_DIR}/warren-globex"), 5)
    assert "stackd" in acme.ctl("log-level", timeout=30).stdout and applying.running()
    second = acme.uplink.start(f"{acme.bin}/vpnctl", "--run-dir", acme.run_dir, "apply")  # waits for its turn
    assert applying.wait(30) == 4
    assert second.wait(30) in (0, 4) and "busy" not in second.output()
    assert "vpnd does not answer" in applying.output() and "vpnd does not have it" in applying.output()
    netlab.wait_until(lambda: len(events(acme, "vpnd_started")) == 2, 5, "another vpnd runs")
    assert hung not in acme.children("vpnd")
    assert acme.customers["globex"].peers[0].public_key in peers_of_vpnd(acme)
    assert acme.ctl("diff").returncode == 0 and acme.ctl("status").returncode == 0


# --- orphans ----------------------------------------------------------------------------------------------------------


def test_an_adopted_vpnd_is_known_by_its_channel_and_ends_with_stackd(acme):
    vpnd = acme.vpnd()
    os.unlink(f"{acme.run_dir}/vpnd.pid")
    restart(acme, signal.SIGKILL)
    assert events(acme, "service_started", vpnd="adopted") and acme.children("vpnd") == [vpnd]
    assert acme.stop() == 0
    assert acme.children("vpnd") == []
    acme.start()


def test_an_orphan_that_cannot_be_adopted_is_ended_and_named(acme):
    vpnd = acme.vpnd()
    acme.kill()
    for name in ("vpnd.pid", "adopt.sock"):
        os.unlink(f"{acme.run_dir}/{name}")
    acme.start()
    assert events(acme, "vpnd_orphan_ended", pid=vpnd)
    assert vpnd not in acme.children("vpnd") and len(acme.children("vpnd")) == 1


def test_an_orphan_that_hangs_is_ended_and_named(acme):
    vpnd = acme.vpnd()
    os.kill(vpnd, signal.SIGSTOP)
    acme.kill()
    os.unlink(f"{acme.run_dir}/vpnd.pid")
    acme.start()
    assert events(acme, "vpnd_orphan_ended", pid=vpnd)
    assert vpnd not in acme.children("vpnd") and len(acme.children("vpnd")) == 1


def test_down_ends_an_orphan_without_any_file(acme):
    acme.kill()
    for name in ("vpnd.pid", "adopt.sock"):
        os.unlink(f"{acme.run_dir}/{name}")
    acme.uplink.run(*acme.stackd("--down"))
    assert acme.children("vpnd") == []
    acme.process = None


# --- drift ------------------------------------------------------------------------------------------------------------

BY_HAND = {
    "firewall flushed": ["nft flush ruleset"],
    "rule removed": ["nft flush chain inet warren forward"],
    "policy opened": ["nft add chain inet warren forward { policy accept ; }"],
    "address flushed": ["ip addr flush dev vpn0"],
    "tunnel removed": ["ip link del vpn0"],
    "tunnel down": ["ip link set vpn0 down"],
    "route removed": ["ip route del 10.43.0.0/16"],
    "route removed, v6": ["ip -6 route del fd00:43::/64"],
}


@pytest.mark.parametrize("change", BY_HAND)
def test_a_change_made_by_hand_is_mended_at_once(acme, change):
    for command in BY_HAND[change]:
        inside("acme", *command.split())
    netlab.wait_until(lambda: events(acme, "stack_mended", customer="acme"), 2, "stackd mends it")
    netlab.wait_until(lambda: acme.ctl("diff", check=False).returncode == 0, 2)
    lines = len(events(acme, "stack_mended"))
    assert acme.customers["acme"].peers[0].public_key in peers_of_vpnd(acme)
    acme.apply()
    assert len(events(acme, "stack_mended")) == lines


def test_the_customers_chain_is_the_operators(acme):
    def chain():
        return inside("acme", "nft", "list", "chain", "inet", "warren", "customer")

    empty = chain()
    inside("acme", "nft", "add", "rule", "inet", "warren", "customer", "tcp", "dport", "{ 22, 443 }", "accept")
    before = chain()
    assert "tcp dport { 22, 443 } accept" in before
    assert acme.ctl("diff").returncode == 0 and not events(acme, "stack_mended")  # no change of what is Warren's
    inside("acme", "nft", "flush", "chain", "inet", "warren", "forward")
    netlab.wait_until(lambda: events(acme, "stack_mended", customer="acme"), 2)
    assert chain() == before
    acme.put(customer("acme", devices=["vx0"]))
    assert 'iifname "vx0" accept' in inside("acme", "nft", "list", "table", "inet", "warren")
    assert chain() == before
    acme.reload()
    restart(acme, signal.SIGKILL)
    restart(acme, signal.SIGTERM)
    acme.apply()
    assert chain() == before
    inside("acme", "nft", "flush", "ruleset")
    netlab.wait_until(lambda: acme.ctl("diff", check=False).returncode == 0, 5)
    assert chain() == empty


def test_a_change_is_noticed_after_stackd_was_killed_and_in_a_stack_made_anew(acme):
    restart(acme, signal.SIGKILL)
    inside("acme", "nft", "flush", "ruleset")
    netlab.wait_until(lambda: len(events(acme, "stack_mended", customer="acme")) == 1, 2)
    netlab.run("ip", "netns", "del", "warren-acme")
    acme.apply()
    inside("acme", "nft", "flush", "ruleset")
    netlab.wait_until(lambda: len(events(acme, "stack_mended", customer="acme")) == 2, 2)


def test_what_stackd_itself_changes_is_not_taken_for_a_change_by_hand(acme):
    acme.put(customer("globex"))
    acme.put(customer("globex", mtu=1380))
    inside("globex", "ip", "route", "add", "192.0.2.0/24", "dev", "vpn0")  # not ours
    inside("acme", "nft", "flush", "ruleset")
    netlab.wait_until(lambda: events(acme, "stack_mended", customer="acme"), 2)
    assert not events(acme, "stack_mended", customer="globex")


def test_what_cannot_be_mended_is_said_and_tried_again(acme):
    def is_said():
        return any("acme: " in line and "not as configured" in line
                   for line in acme.ctl("status", check=False).stdout.splitlines())

    # A table that another program owns can be changed by nobody else, until that program ends.
    program = ["ip", "netns", "exec", "warren-acme", "nft", "-i"]
    with subprocess.Popen(program, stdin=subprocess.PIPE, text=True) as owner:
        owner.stdin.write("flush ruleset\nadd table inet warren { flags owner; }\n")
        owner.stdin.flush()
        netlab.wait_until(is_said, 10, "status says it")
        assert events(acme, "stack_not_mended", customer="acme")
    netlab.wait_until(lambda: not is_said(), 15)
    assert acme.ctl("diff").returncode == 0


# --- removals ---------------------------------------------------------------------------------------------------------


def test_an_emptied_directory_removes_nobody_unless_the_operator_says_so(acme):
    acme.put(customer("globex"), customer("initech"))
    keys = set(peers_of_vpnd(acme).split())
    for file in os.listdir(f"{acme.config}/customers"):
        os.unlink(f"{acme.config}/customers/{file}")
    acme.reload()
    netlab.wait_until(lambda: events(acme, "removal_not_confirmed", customers=3), 5)
    assert "vpnctl apply --remove" in acme.ctl("status", check=False).stdout
    done = acme.apply(check=False)
    assert done.returncode == 1 and "3 of 3 customers (acme, globex, initech)" in done.stdout
    checked = acme.configure("check", acme.config, check=False)
    assert checked.returncode == 0 and "3 customers" in checked.stdout and "apply --remove" in checked.stdout
    restart(acme, signal.SIGKILL)
    assert len(events(acme, "removal_not_confirmed")) == 1  # in the new log
    assert set(peers_of_vpnd(acme).split()) == keys
    assert names_of_stacks() == {"warren-acme", "warren-globex", "warren-initech"}
    assert acme.ctl("apply", "--remove").returncode == 0
    assert not names_of_stacks() and not peers_of_vpnd(acme)
