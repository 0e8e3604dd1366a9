"""The interface of vpnctl for people and programs: exit statuses, tables, and JSON with stable keys."""

import json
import os
import re
import shutil
import tarfile
import tempfile
import time

import pytest

from tests.lab import netlab, town as scenery
from tests.lab.town import STACK4


@pytest.fixture(scope="module")
def office(town):
    made = town.office("graz", networks=["10.0.1.0/24"])
    idle, entry = town.raw_peer("idle")
    with town.visiting([made, entry], "shown") as customer:
        made.customer = customer
        yield made.connect()


def exit_status(town, *arguments):
    return town.warren.ctl(*arguments, check=False).returncode


def test_status_json_has_the_promised_keys(town, office):
    document = town.warren.status()
    assert {"appliance", "version", "generation", "customers"} <= set(document)
    assert document["appliance"] == town.warren.name
    customer = next(entry for entry in document["customers"] if entry["id"] == "shown")
    assert {"id", "state", "addresses", "peers", "rx_bytes", "tx_bytes", "drops"} <= set(customer)
    assert customer["state"] == "active" and f"{STACK4}/24" in customer["addresses"]
    graz = next(peer for peer in customer["peers"] if peer["name"] == "graz")
    assert {"name", "public_key", "endpoint", "latest_handshake_seconds", "rx_bytes", "tx_bytes", "state"} <= set(graz)
    assert graz["state"] == "online"
    assert graz["public_key"] == office.client.key.public
    assert 0 <= graz["latest_handshake_seconds"] < 180
    idle = next(peer for peer in customer["peers"] if peer["name"] == "idle")
    assert idle["state"] == "never" and idle["endpoint"] is None and idle["latest_handshake_seconds"] is None


@pytest.mark.parametrize("command", [["status"], ["status", "shown"], ["customers"], ["peers"], ["peers", "shown"],
                                     ["routes", "shown"], ["counters"], ["counters", "shown"], ["drops"], ["diff"],
                                     ["wg", "shown"]])
def test_every_table_has_json(town, office, command):
    assert town.warren.json(*command) is not None
    assert town.warren.ctl(*command).stdout.strip()


def test_one_customers_tables_show_nothing_of_another(town, office, visit):
    other = visit([town.raw_peer("foreign-peer")[1]])
    for command in ("status", "peers", "routes", "counters", "wg"):
        shown = town.warren.ctl(command, "shown").stdout
        assert "foreign-peer" not in shown and other.id not in shown


def test_the_peer_table_is_readable(town, office):
    shown = town.warren.ctl("peers", "shown").stdout
    line = next(line for line in shown.splitlines() if "graz" in line)
    assert "online" in line and office.place.ipv4 in line


def test_exec_runs_any_program_inside_the_stack(town, office):
    assert town.warren.ctl("exec", "shown", "--", "ip", "-o", "addr", "show", "vpn0").stdout.count(STACK4) == 1
    assert town.warren.ctl("exec", "shown", "--", "ping", "-c", "1", "-W", "2", "10.0.0.2")
    assert exit_status(town, "exec", "shown", "--", "sh", "-c", "exit 42") == 42


def test_exit_statuses_are_those_of_the_contract(town, office):
    assert exit_status(town, "status") == 0
    assert exit_status(town, "no-such-command") == 2
    assert exit_status(town) == 2
    assert exit_status(town, "routes") == 2
    assert exit_status(town, "check", town.warren.config) == 0
    nowhere = netlab.run(f"{town.warren.bin}/vpnctl", "--run-dir", "/nonexistent", "status", check=False)
    assert nowhere.returncode == 3 and nowhere.stderr.strip()


@pytest.mark.parametrize("command", ["status", "peers", "routes", "counters", "wg"])
def test_an_unknown_customer_is_an_error_that_names_it(town, office, command):
    done = town.warren.ctl(command, "nobody-here", check=False)
    said = done.stderr.replace("warren-nobody-here", "the stack")
    assert done.returncode == 4 and said.count("nobody-here") == 1 and not done.stdout


def test_check_needs_no_daemon_and_shows_the_line(tmp_path):
    (tmp_path / "customers").mkdir()
    (tmp_path / "warren.toml").write_text('schema = 1\n[appliance]\nname = "x"\nnaem = "y"\n')
    done = netlab.run(f"{scenery.warren.programs()}/vpnctl", "--json", "check", str(tmp_path), check=False)
    assert done.returncode == 1 and json.loads(done.stdout) is not None
    said = netlab.run(f"{scenery.warren.programs()}/vpnctl", "check", str(tmp_path), check=False)
    text = said.stdout + said.stderr
    assert "warren.toml:4:1: error:" in text and 'naem = "y"' in text and "^" in text and "name" in text


def test_check_by_another_user_than_root_says_that_it_skips_the_secrets(town):
    with tempfile.TemporaryDirectory() as directory:
        shutil.copytree(town.warren.config, directory, dirs_exist_ok=True)
        os.chmod(directory, 0o755)
        os.chmod(f"{directory}/customers", 0o755)
        os.chmod(f"{directory}/secrets", 0o700)
        done = netlab.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", f"{town.warren.bin}/vpnctl",
                          "check", directory, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "secrets:1:1: warning: cannot be read by this user: checks that need the keys are skipped" in done.stdout


def test_status_reports_a_problem_until_it_is_solved(town, office):
    customer = town.warren.customers["shown"]
    assert town.warren.status()["problems"] == [] and "attention" not in town.warren.ctl("status").stdout
    with open(f"{town.warren.config}/customers/shown.toml", "a") as file:
        file.write("adresses = 1\n")
    assert town.warren.apply(check=False).returncode == 1
    try:
        problem, = town.warren.status()["problems"]
        assert problem["customer"] == "shown" and "shown.toml:" in problem["text"]
        for arguments in (["status"], ["status", "shown"]):
            done = town.warren.ctl(*arguments, check=False)
            assert "attention   " in done.stdout and done.returncode == 1
    finally:
        town.warren.write_customer(customer)
        town.warren.apply()
    assert town.warren.status()["problems"] == []


def test_status_without_stackd_shows_the_tunnels_and_says_so(town, office):
    town.warren.kill()
    document = town.warren.status()
    assert document["stackd"]["answers"] is False
    assert "stackd" in document["problems"][0]["text"]
    assert document["customers"]
    said = town.warren.ctl("status", check=False)
    assert said.returncode == 3
    assert "nothing listens there" in said.stdout.splitlines()[1] and "shown" in said.stdout
    town.warren.start()
    assert town.warren.status()["stackd"]["answers"] is True


def test_counters_grow_with_traffic(town, office):
    before = town.warren.status("shown")["rx_bytes"]
    assert office.ping(count=3)
    netlab.wait_until(lambda: town.warren.status("shown")["rx_bytes"] - before >= 3 * 128, 5)


def test_explain_describes_a_key(town):
    assert "mtu" in town.warren.ctl("explain", "stack.mtu").stdout.lower()


def test_setup_writes_a_config_that_stackd_accepts(town, tmp_path):
    """The answers are enough for a config: `check` accepts it, and a second setup does not change it."""
    config, network = tmp_path / "etc", tmp_path / "network"
    network.mkdir()
    device = next((name for name in sorted(os.listdir("/sys/class/net"))
                   if os.path.exists(f"/sys/class/net/{name}/device")), "eth0")
    answers = ["pop-1", "51833", "198.51.100.7/24", device, "198.51.100.1", "none", "", "127.0.0.1:8449",
               "alice",
               "correct horse", "correct horse"]
    vpnctl = [f"{town.warren.bin}/vpnctl", "--config", str(config)]
    setup = [*vpnctl, "--network-dir", str(network), "setup"]
    done = netlab.run(*setup, "--json", input="\n".join(answers) + "\n")
    secret = (config / "secrets/uplink").read_text()
    assert json.loads(done.stdout)["public_key"] == netlab.run("wg", "pubkey", input=secret).stdout.strip()
    assert netlab.run(*vpnctl, "check").returncode == 0
    assert (config / "secrets/uplink").stat().st_mode & 0o777 == 0o600
    assert (config / "users.toml").stat().st_mode & 0o777 == 0o600
    assert "Address=198.51.100.7/24\nGateway=198.51.100.1\n" in (network / "10-uplink.network").read_text()
    before = (config / "warren.toml").read_text()
    again = netlab.run(*setup, input="\n" * 20, check=False)
    assert again.returncode == 4
    assert "setup is for an appliance without a configuration" in again.stderr
    assert (config / "warren.toml").read_text() == before


def test_a_stack_sends_no_packets_of_its_own_into_the_tunnel(town, visit):
    """The kernel's packets for a LAN (router solicitations, multicast reports) would be counted as drops without a
    cause."""
    _, entry = town.raw_peer("absent")
    customer = visit([entry])
    stack = town.stack(customer)

    def drops():
        return next(one["drops"] for one in town.warren.status()["customers"] if one["id"] == customer.id)

    time.sleep(2)  # the first multicast report would be sent within a second
    assert drops() == {}
    assert "MULTICAST" not in stack.run("ip", "link", "show", "vpn0").stdout
    # A packet sent on purpose is counted.
    stack.run("ping", "-c", "1", "-W", "1", "-I", "vpn0", "224.0.0.251", check=False)
    netlab.wait_until(lambda: drops() == {"no_peer_for_destination": 1}, 10)


def test_a_support_bundle_shows_the_stacks_and_no_secret(town, office, tmp_path):
    bundle = tmp_path / "bundle.tar.gz"
    town.warren.configure("user", "add", "bundled", "viewer", input="correct horse\n")
    token = town.warren.configure("token", "add", "bundled", "viewer").stdout.strip()
    town.warren.configure("support-bundle", str(bundle))
    assert bundle.stat().st_mode & 0o777 == 0o600
    with tarfile.open(bundle) as archive:
        files = {member.name.removeprefix("warren-support/"):
                 archive.extractfile(member).read().decode(errors="replace") for member in archive}
    with open(f"{town.warren.config}/users.toml") as users:
        hashes = re.findall(r'(?:password|sha256) = "([^"]+)"', users.read())
    secrets = [token, "correct horse", *hashes]
    for directory, _, names in os.walk(f"{town.warren.config}/secrets"):
        for name in names:
            with open(f"{directory}/{name}") as secret:
                secrets += [line for line in secret.read().split("\n") if line and not line.startswith("-----")]
    assert len(hashes) == 2 and len(secrets) >= 5
    for name, text in files.items():
        for secret in secrets:
            assert secret not in text, name
    assert json.loads(files["status.json"])["stackd"]["answers"] is True
    assert office.client.key.public in files["status.json"]
    assert STACK4 in files["stacks/shown/addresses.txt"]
    assert "vpn0" in files["stacks/shown/routes.txt"]
    assert "chain" in files["stacks/shown/nftables.txt"]
    town.warren.configure("user", "del", "bundled")
    town.warren.configure("token", "del", "bundled")


def test_a_support_bundle_on_a_full_disk_fails_and_leaves_nothing(town, tmp_path):
    vpnctl = f"{town.warren.bin}/vpnctl --run-dir {town.warren.run_dir} --config {town.warren.config}"
    command = (f"mount -t tmpfs -o size=8k tmpfs {tmp_path} && {vpnctl} support-bundle {tmp_path}/x.tar.gz; "
               f"echo $?; ls -A {tmp_path}")
    done = netlab.run("unshare", "-m", "sh", "-c", command)
    assert done.stdout == "4\n" and done.stderr == f"vpnctl: write {tmp_path}/x.tar.gz: No space left on device\n"
