"""`vpnctl stack`: what is in customers' stacks, programs there as ordinary users, devices moved in and back, and
customers that are not removed under somebody's feet."""

import json
import os
import signal

import pytest

from tests.lab import netlab
from tests.lab.town import STACK4

UNPRIVILEGED = 65534  # nobody

# Prints, as JSON, what a program can find out about the machine that it is on.
LOOK_AROUND = """
import ctypes, json, os, socket
status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines() if ":" in line)
libc = ctypes.CDLL(None, use_errno=True)
def tries(action):
    try:
        action()
        return "done"
    except OSError as error:
        return type(error).__name__
def listed(path):
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []
def enter(pid):
    with open(f"/proc/{pid}/ns/net") as space:
        if libc.setns(space.fileno(), 0x40000000) != 0:
            raise PermissionError(ctypes.get_errno(), "setns")
print(json.dumps({
    "uids": sorted(set(os.getresuid())), "gids": sorted(set([*os.getresgid(), *os.getgroups()])),
    "capabilities": [status[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
    "no_new_privileges": status["NoNewPrivs"].strip(),
    "pids": sorted(int(entry) for entry in os.listdir("/proc") if entry.isdigit()),
    "run": listed("/run"), "names": listed("/run/netns") + listed("/etc/netns") + listed("/var/run/netns"),
    "devices": listed("/sys/class/net"), "groups": open("/proc/self/cgroup").read(),
    "raw": tries(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)),
    "door": tries(lambda: socket.socket().bind(("0.0.0.0", 1024 + 7777))),
    "init": tries(lambda: enter(1)),
    "files": [int(entry) for entry in os.listdir("/proc/self/fd")], "environment": sorted(os.environ),
    "resolver": open("/etc/resolv.conf").read(), "hosts": open("/etc/hosts").read(),
    "home": os.environ["HOME"], "user": os.environ["USER"],
}))
"""


@pytest.fixture
def stack(town, visit):
    """A customer with a site whose id no other run has, because control groups are the machine's."""
    made = town.office("graz", networks=["10.0.1.0/24"])
    customer = visit([made], f"tool-{os.urandom(4).hex()}")
    made.customer = customer
    made.id = customer.id
    return made.connect()


def run(town, *arguments, check=True):
    return town.warren.configure(*arguments, check=check)


def inside(town, id_, *program, check=True, options=()):
    return run(town, "stack", *options, "exec", id_, "--", *program, check=check)


def look(town, id_, *options):
    return json.loads(inside(town, id_, "/usr/bin/python3", "-c", LOOK_AROUND, options=options).stdout)


def shown(town, id_):
    return json.loads(run(town, "--json", "stack", "show", id_).stdout)


def start(town, id_, *program):
    """A program in the stack, beside the test: returns the Process of vpnctl."""
    warren = town.warren
    return warren.uplink.start(f"{warren.bin}/vpnctl", "--run-dir", warren.run_dir, "--config", warren.config, "stack",
                               "exec", id_, "--", *program, name="inside")


def programs(town, id_):
    return [process for process in shown(town, id_)["processes"] if process["group"] in (None, "exec")
            and "vpnctl" not in process["command"]]


def test_a_program_is_an_ordinary_user_who_has_this_stack_and_nothing_else(town, stack, visit):
    other = visit([town.raw_peer("elsewhere")[1]], f"other-{os.urandom(4).hex()}")
    running = start(town, other.id, "sleep", "60")
    netlab.wait_until(lambda: programs(town, other.id), 10, "a program runs in another stack")
    os.makedirs(f"/etc/netns/warren-{other.id}", exist_ok=True)
    try:
        seen = look(town, stack.id)
    finally:
        os.rmdir(f"/etc/netns/warren-{other.id}")
    running.stop()
    assert seen["uids"] == [UNPRIVILEGED] and seen["gids"] == [UNPRIVILEGED] and seen["user"] == "nobody"
    assert {int(mask, 16) for mask in seen["capabilities"]} == {0} and seen["no_new_privileges"] == "1"
    assert seen["pids"] == [1, 2]  # what starts it, and itself
    assert seen["names"] == [] and seen["run"] == ["warren-stack"]
    assert "vpn0" in seen["devices"] and "up0" not in seen["devices"]
    assert other.id not in json.dumps(seen)
    assert set(seen["files"]) <= {0, 1, 2, 3}  # the last is how it looks
    assert not {name for name in seen["environment"] if name.startswith(("SUDO", "SSH", "XDG", "WARREN"))}
    assert seen["raw"] == "PermissionError" and seen["door"] == "done" and seen["init"] == "PermissionError"


def test_a_program_cannot_change_the_stack(town, stack):
    for program in (["ip", "link", "add", "dummy9", "type", "dummy"], ["ip", "addr", "flush", "dev", "vpn0"],
                    ["nft", "flush", "ruleset"], ["sysctl", "-w", "net.ipv4.ip_forward=0"],
                    ["unshare", "-n", "true"], ["unshare", "-Ur", "true"], ["mount", "-t", "tmpfs", "none", "/mnt"],
                    ["nsenter", "--net=/proc/1/ns/net", "true"]):
        assert inside(town, stack.id, *program, check=False).returncode != 0, program
    assert stack.ping()


# What types into the terminal that is its standard input.
TYPE = """
import fcntl, sys
try:
    fcntl.ioctl(0, 0x5412, b"x")
except PermissionError:
    sys.exit(7)
"""


def test_a_program_cannot_type_into_the_operators_terminal(town, stack):
    outer, inner = os.openpty()
    try:
        done = netlab.run("ip", "netns", "exec", town.warren.uplink.name, "setsid", "--ctty", "--wait",
                          f"{town.warren.bin}/vpnctl", "--run-dir", town.warren.run_dir, "--config",
                          town.warren.config, "stack", "exec", stack.id, "--", "/usr/bin/python3", "-c", TYPE,
                          check=False, stdin=inner)
        assert done.returncode == 7, done
    finally:
        os.close(outer)
        os.close(inner)


# Opens the device file as root, because that is not everybody's on every machine, and goes on as an ordinary user.
ATTACH = """
import fcntl, os, struct
file = os.open("/dev/net/tun", os.O_RDWR)
os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
fcntl.ioctl(file, 0x400454CA, struct.pack("16sH22x", b"vpn0", 0x0001 | 0x0100 | 0x1000 | 0x4000))
"""


def test_an_ordinary_program_cannot_attach_to_the_tunnels(town, visit):
    customer = visit([town.raw_peer("wide")[1]], queues=2)
    done = town.stack(customer).run("/usr/bin/python3", "-c", ATTACH, check=False)
    assert done.returncode != 0 and "Operation not permitted" in done.stderr


def test_a_program_of_another_stack_with_the_same_user_is_out_of_reach(town, stack, visit):
    other = visit([town.raw_peer("target")[1]], f"other-{os.urandom(4).hex()}")
    running = start(town, other.id, "sleep", "60")
    netlab.wait_until(lambda: programs(town, other.id), 10)
    pid = programs(town, other.id)[0]["pid"]
    assert inside(town, stack.id, "kill", "-9", str(pid), check=False).returncode != 0
    assert inside(town, stack.id, "sh", "-c", "kill -9 -1; true", check=False).returncode in (0, 137)  # all it can see
    assert programs(town, other.id) and running.running()
    running.stop()


def test_the_program_uses_the_network_and_its_exit_status_passes(town, stack):
    assert inside(town, stack.id, "ping", "-c", "1", "-W", "2", "10.0.0.2")
    assert inside(town, stack.id, "sh", "-c", "exit 42", check=False).returncode == 42
    assert inside(town, stack.id, "sh", "-c", "kill -TERM $$", check=False).returncode == 128 + signal.SIGTERM
    missing = inside(town, stack.id, "/no/such/program", check=False)
    assert missing.returncode == 4 and "No such file" in missing.stderr
    assert inside(town, "nobody-here", "true", check=False).returncode == 4
    assert inside(town, stack.id, "true", options=["--user", "no-such-user"], check=False).returncode == 2
    piped = netlab.run("sh", "-c", f"echo hello | ip netns exec {town.warren.uplink.name} {town.warren.bin}/vpnctl "
                                   f"--run-dir {town.warren.run_dir} stack exec {stack.id} -- cat")
    assert piped.stdout == "hello\n"


def test_signals_go_on_to_the_program(town, stack):
    running = start(town, stack.id, "sh", "-c",
                    "trap 'echo asked; exit 7' TERM; echo ready; while :; do sleep 0.1; done")
    netlab.wait_until(lambda: "ready" in running.output(), 10)
    os.kill(running.pid, signal.SIGTERM)
    assert running.wait() == 7 and "asked" in running.output()


def test_the_program_ends_with_vpnctl(town, stack):
    running = start(town, stack.id, "sleep", "60")
    netlab.wait_until(lambda: programs(town, stack.id), 10)
    running.kill()
    netlab.wait_until(lambda: not programs(town, stack.id), 10, "nothing is left")


def test_names_are_resolved_by_the_customers_own_servers(town, stack):
    seen = look(town, stack.id)
    assert "nameserver" not in seen["resolver"]  # never the host's
    assert f"{STACK4} {stack.id}\n" in seen["hosts"] and "10.0.0.2 graz\n" in seen["hosts"]
    own = f"/etc/netns/warren-{stack.id}"
    os.makedirs(own)
    try:
        with open(f"{own}/resolv.conf", "w") as file:
            file.write("nameserver 10.0.1.53\n")
        assert look(town, stack.id)["resolver"] == "nameserver 10.0.1.53\n"
    finally:
        os.unlink(f"{own}/resolv.conf")
        os.rmdir(own)
    assert "10.0.1.53" not in open("/etc/resolv.conf").read()


def test_names_are_resolved_where_the_resolvers_file_is_a_link_and_the_operator_hides_its_files(town, stack):
    """As systemd-resolved has it, on a machine whose umask is strict."""
    vpnctl = f"{town.warren.bin}/vpnctl --run-dir {town.warren.run_dir} --config {town.warren.config}"
    done = town.warren.uplink.run("unshare", "-m", "sh", "-c",
                                  "mkdir -p /run/of-a-test && cp -a /etc /run/of-a-test/etc && "
                                  "mount --bind /run/of-a-test/etc /etc && rm -f /etc/resolv.conf && "
                                  "ln -s ../run/of-a-test/resolv.conf /etc/resolv.conf && umask 077 && "
                                  "echo nameserver 192.0.2.1 > /run/of-a-test/resolv.conf && "
                                  f"{vpnctl} stack exec {stack.id} -- cat /etc/resolv.conf /etc/hosts; "
                                  "status=$?; umount /etc; rm -rf /run/of-a-test; exit $status")
    assert "# the resolver of this stack" in done.stdout and "192.0.2.1" not in done.stdout
    assert f"{STACK4} {stack.id}\n" in done.stdout


def test_root_is_a_word_and_the_old_spelling_is_root(town, stack):
    for options in (["stack", "--user", "root", "exec"], ["exec"]):
        assert run(town, *options, stack.id, "--", "id", "-u").stdout == "0\n"
        run(town, *options, stack.id, "--", "ip", "link", "set", "lo", "up")
    assert run(town, "exec", "--user", "nobody", stack.id, "--", "id", "-u").stdout == f"{UNPRIVILEGED}\n"


def test_show_has_everything_that_the_stack_has(town, stack):
    listening = start(town, stack.id, "/usr/bin/python3", "-c",
                      "import socket, time; s = socket.create_server(('0.0.0.0', 8088)); print('up', flush=True); "
                      "time.sleep(60)")
    netlab.wait_until(lambda: "up" in listening.output(), 10)
    document = shown(town, stack.id)
    devices = {device["name"]: device for device in document["devices"]}
    assert set(devices) == {"lo", "vpn0"} and f"{STACK4}/24" in devices["vpn0"]["addresses"]
    assert devices["vpn0"]["kind"] == "tun" and devices["vpn0"]["up"] and devices["vpn0"]["mtu"] == 1420
    assert document["state"] == "up" and document["seconds"] < 600
    assert any(route["to"] == "10.0.1.0/24" and route["protocol"] == "warren" for route in document["routes"])
    socket = next(one for one in document["sockets"] if one["local"].endswith(":8088"))
    assert socket["protocol"] == "tcp" and socket["state"] == "listen"
    holder = next(process for process in document["processes"] if process["pid"] == socket["pid"])
    assert holder["user"] == "nobody" and holder["memory"] > 1 << 20
    for sysctl in document["sysctls"]:
        assert sysctl["value"] == sysctl["wanted"], sysctl
    assert {"net.ipv4.ip_forward", "net.ipv4.conf.all.rp_filter"} <= \
        {sysctl["path"].replace("/", ".") for sysctl in document["sysctls"]}
    assert stack.ping(count=2)
    assert shown(town, stack.id)["counters"]["IpInDelivers"] >= 2
    text = run(town, "stack", "show", stack.id).stdout
    for word in ("vpn0", "8088", "soft interrupts", "net.ipv4.ip_forward", "0 65534", "10.0.1.0/24"):
        assert word in text
    listening.stop()


def test_list_has_a_line_for_each_stack(town, stack):
    running = start(town, stack.id, "sleep", "60")
    netlab.wait_until(lambda: programs(town, stack.id), 10)
    text = run(town, "stack", "list").stdout
    line = next(line for line in text.splitlines() if line.startswith(stack.id))
    assert line.split()[1] == "up" and int(line.split()[2]) == 2 and int(line.split()[3]) >= 1
    assert "sleep" not in text and "sleep 60" in run(town, "stack", "list", "-r").stdout
    assert any(one["customer"] == stack.id for one in json.loads(run(town, "--json", "stack", "list").stdout)["stacks"])
    run(town, "customer", "suspend", stack.id)
    assert next(line for line in run(town, "stack", "list").stdout.splitlines() if line.startswith(stack.id)) \
        .split()[1] == "suspended"
    run(town, "customer", "resume", stack.id)
    running.stop()


def group_of(id_):
    for root in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        if os.path.exists(f"{root}/cgroup.controllers"):
            return f"{root}/warren.slice/customer-{id_}"
    pytest.skip("this machine has no control groups of version 2")


def test_what_programs_spend_is_counted_and_shown_beside_the_packets(town, stack):
    group = group_of(stack.id)
    assert not os.path.exists(group)  # a customer without programs costs nothing
    assert shown(town, stack.id)["processor"]["programs_ns"] is None
    inside(town, stack.id, "/usr/bin/python3", "-c", "import time\nwhile time.process_time() < 0.5: pass")
    stack.ping(count=3)
    processor = shown(town, stack.id)["processor"]
    assert 0.5e9 <= processor["programs_ns"] < 5e9
    assert processor["packets_in_ns"] > 0 and processor["packets_out_ns"] > 0 and processor["share"] == 1
    assert processor["programs_unknown"] is None and "soft interrupts" in processor["not_told"]
    assert "programs    0." in run(town, "status", stack.id).stdout
    if processor["weight"] is not None:
        assert processor["weight"] == 100
    town.warren.remove(stack.id)
    assert not os.path.exists(group)


def test_without_control_groups_programs_run_and_it_is_said(town, stack):
    """As in a container that has none: the kernel's are hidden from vpnctl."""
    vpnctl = f"{town.warren.bin}/vpnctl --run-dir {town.warren.run_dir} --config {town.warren.config}"
    done = town.warren.uplink.run("unshare", "-m", "sh", "-c",
                                  f"mount -t tmpfs none /sys/fs/cgroup && {vpnctl} stack exec {stack.id} -- id -u && "
                                  f"{vpnctl} stack show {stack.id}")
    assert done.stdout.startswith(f"{UNPRIVILEGED}\n")
    assert "programs  not counted: no control groups of version 2 are mounted" in done.stdout


def test_a_device_moves_in_and_back(town, stack):
    uplink = town.warren.uplink
    uplink.ip("link add spare0 type veth peer name spare0far", "addr add 192.0.2.77/32 dev spare0")
    try:
        refused = run(town, "stack", "move-device", stack.id, "spare0", check=False)
        assert refused.returncode == 4 and "192.0.2.77" in refused.stderr and "spare0" in uplink.devices()
        run(town, "stack", "move-device", "--force", stack.id, "spare0")
        assert "spare0" not in uplink.devices() and "spare0" in town.stack(stack.customer).devices()
        assert "spare0" in {device["name"] for device in shown(town, stack.id)["devices"] if device["up"]}
        run(town, "stack", "move-device", "--back", stack.id, "spare0")
        assert "spare0" in uplink.devices() and "spare0" not in town.stack(stack.customer).devices()
        for name in ("vpn0", "lo"):
            assert run(town, "stack", "move-device", "--back", stack.id, name, check=False).returncode == 4
        assert run(town, "stack", "move-device", stack.id, "no-such0", check=False).returncode == 4
    finally:
        uplink.run("ip", "link", "del", "spare0", check=False)


def test_what_the_machine_or_a_handoff_needs_does_not_move(town, stack):
    uplink = town.warren.uplink
    uplink.ip("link add spare2 type veth peer name spare2far", "link add sparebr type bridge",
              "link set spare2 master sparebr")
    other = town.customer([], handoff={"type": "veth", "address": ["10.42.9.1/24"]})
    try:
        refused = run(town, "stack", "move-device", stack.id, "spare2", check=False)
        assert refused.returncode == 4 and "is a port of sparebr" in refused.stderr
        outer = next(name for name in uplink.devices() if name.startswith(f"wr-{other.id}"[:15]))
        refused = run(town, "stack", "move-device", "--force", stack.id, outer, check=False)
        assert refused.returncode == 4 and "handoff" in refused.stderr and outer in uplink.devices()
    finally:
        town.warren.remove(other.id)
        uplink.run("ip", "link", "del", "spare2", check=False)
        uplink.run("ip", "link", "del", "sparebr", check=False)


def test_a_moved_device_comes_home_when_the_customer_goes(town, stack):
    uplink = town.warren.uplink
    uplink.ip("link add spare1 type veth peer name spare1far")
    try:
        run(town, "stack", "move-device", stack.id, "spare1")
        town.stack(stack.customer).ip("link set spare1 down", "link set spare1 name renamed1")
        town.warren.remove(stack.id)
        netlab.wait_until(lambda: "spare1" in uplink.devices(), 10, "it is home, under its own name")
    finally:
        uplink.run("ip", "link", "del", "spare1", check=False)


def test_a_customer_goes_although_the_name_of_a_moved_device_is_taken(town, stack):
    uplink = town.warren.uplink
    uplink.ip("link add spare3 type veth peer name spare3far")
    try:
        run(town, "stack", "move-device", stack.id, "spare3")
        uplink.ip("link add spare3 type bridge")
        town.warren.remove(stack.id)
        netlab.wait_until(lambda: not os.path.exists(f"/run/netns/warren-{stack.id}"), 10, "the stack goes")
        found = uplink.run("ip", "-o", "link", "show", "type", "veth").stdout
        assert "handoff=physical parent=spare3" in found, "the device is home, under another name"
        uplink.ip("link del spare3")
        town.warren.apply()
        netlab.wait_until(lambda: "spare3" in uplink.devices(), 10, "and gets its own when that is free")
    finally:
        uplink.run("ip", "link", "del", "spare3", check=False)
        uplink.run("ip", "link", "del", "spare3far", check=False)


def test_a_customer_is_not_removed_while_somebodys_program_runs_in_its_stack(town, stack):
    running = start(town, stack.id, "sleep", "60")
    netlab.wait_until(lambda: programs(town, stack.id), 10)
    refused = run(town, "customer", "--remove", "rm", stack.id, check=False)
    assert refused.returncode == 4 and "sleep 60" in refused.stderr and "--kill" in refused.stderr
    assert os.path.exists(f"{town.warren.config}/customers/{stack.id}.toml") and running.running()
    run(town, "customer", "--remove", "--kill", "rm", stack.id)
    del town.warren.customers[stack.id]
    assert not os.path.exists(f"{town.warren.config}/customers/{stack.id}.toml")
    assert running.wait() != 0
    assert not os.path.exists(f"/run/netns/warren-{stack.id}")
