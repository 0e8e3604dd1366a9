"""Daemons that crash, are killed, are started twice or wrongly, or are asked by the wrong users."""

import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

from tests.lab import netlab, rawpeer, town as scenery, warren
from tests.lab.town import STACK4


@pytest.fixture
def office(town, visit):
    made = town.office("steady")
    made.customer = visit([made])
    return made.connect()


# --- vpnd ends --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_killed_vpnd_restarts_at_once_and_clients_reconnect(town, office):
    vpnd, inode = town.warren.vpnd(), os.stat(town.stack(office.customer).path).st_ino
    addresses = town.stack(office.customer).run("ip", "-o", "addr").stdout
    os.kill(vpnd, signal.SIGKILL)
    started = time.monotonic()
    netlab.wait_until(lambda: office.ping(timeout=1), 30, "the client has reconnected")
    print("back after", time.monotonic() - started)
    assert town.warren.vpnd() != vpnd
    assert os.stat(town.stack(office.customer).path).st_ino == inode
    assert town.stack(office.customer).run("ip", "-o", "addr").stdout == addresses


def test_an_initiation_from_before_the_crash_is_not_answered_after_it(town, visit):
    raw, entry = town.raw_peer("replay")
    visit([entry])
    sent = raw.initiate()
    assert raw.receive_kind(rawpeer.RESPONSE)
    vpnd = town.warren.vpnd()
    os.kill(vpnd, signal.SIGKILL)
    netlab.wait_until(lambda: vpnd not in town.warren.children("vpnd") and town.warren.children("vpnd"), 10)
    raw.drain()
    netlab.wait_until(lambda: town.warren.status()["customers"], 10)
    for _ in range(5):
        raw.send(sent.message)
    assert raw.receive_kind(rawpeer.RESPONSE, 1) is None
    assert raw.handshake()


def test_vpnd_has_no_privileges(town):
    with open(f"/proc/{town.warren.vpnd()}/status") as lines:
        status = dict(line.rstrip().split(":\t", 1) for line in lines if ":\t" in line)
    assert status["Uid"].split() == ["65534"] * 4 and status["Gid"].split() == ["65534"] * 4
    assert status.get("Groups", "").split() in ([], ["65534"])
    assert all(status[name] == "0" * 16 for name in ("CapPrm", "CapEff"))
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    assert os.stat(f"/proc/{town.warren.vpnd()}/mem").st_uid == 0  # not dumpable: even its own user cannot read it
    assert int(status["VmLck"].split()[0]) > 0


# --- stackd ends ------------------------------------------------------------------------------------------------------


@pytest.mark.losses
def test_a_killed_stackd_stops_no_packet_and_the_next_adopts_vpnd_and_the_stacks(town, office):
    vpnd, inode = town.warren.vpnd(), os.stat(town.stack(office.customer).path).st_ino
    pinging = scenery.Pinging(office.ns, STACK4)
    town.warren.kill()
    assert office.ping(count=20)
    town.warren.start()
    assert town.warren.ctl("diff").returncode == 0
    assert town.warren.vpnd() == vpnd
    assert os.stat(town.stack(office.customer).path).st_ino == inode
    assert office.ping(count=20)
    assert pinging.lost() == 0
    other = town.office("after", addresses=["10.0.0.3/32"])
    with town.visiting([other]):  # it manages customers as before
        other.connect()


@pytest.mark.slow
def test_a_stopped_stackd_leaves_the_stacks_and_finds_them_again(town, office):
    inode = os.stat(town.stack(office.customer).path).st_ino
    assert town.warren.stop() == 0
    assert os.stat(town.stack(office.customer).path).st_ino == inode
    town.warren.start()
    assert os.stat(town.stack(office.customer).path).st_ino == inode
    netlab.wait_until(lambda: office.ping(timeout=1), 30, "the client has reconnected")


def test_the_next_stackd_applies_config_that_changed_meanwhile(town, office):
    town.warren.kill()
    late = town.office("late", addresses=["10.0.0.7/32"])
    customer = warren.Customer("late", [f"{STACK4}/24"], [late.peer])
    town.warren.customers["late"] = customer
    town.warren.start()  # writes the config first
    late.connect()
    assert office.ping(count=3)
    town.warren.remove("late")
    assert not os.path.exists(f"{netlab.NETNS_DIR}/warren-late")


# --- wrong starts -----------------------------------------------------------------------------------------------------


@pytest.fixture
def second(town):
    """Another Warren on the same host, not started yet; its customers have other names."""
    with netlab.Lab() as lab:
        uplink = lab.namespace("second")
        yield warren.Warren(lab, uplink, name="second", customers=[warren.Customer("second", ["10.0.0.1/24"])])


def start_fails(command, ns, exit_status=4):
    """Runs stackd, which has to refuse to start; returns its one line of output."""
    done = ns.run(*command, check=False, timeout=20)
    lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    assert done.returncode == exit_status, lines
    assert lines
    return lines[-1]


def test_a_port_in_use_is_named(second):
    second.write()
    with second.uplink.socket() as taken:
        taken.bind(("0.0.0.0", second.listen_port))
        assert str(second.listen_port) in start_fails(second.stackd(), second.uplink)
    second.start()  # the failed start left nothing that prevents this


def state_of(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


def test_stackd_tells_the_service_manager_in_time_that_it_does_not_hang(second):
    second.write()
    path = second.lab.path("watchdog")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(path)
        notify.settimeout(20)
        second.process = second.uplink.start(*second.stackd(), name="watched",
                                             env={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "2000000"})

        def next_feed():
            while notify.recv(4096) != b"WATCHDOG=1":
                pass

        while b"READY=1" not in notify.recv(4096):
            pass
        for _ in range(3):
            next_feed()
        second.process.kill(signal.SIGSTOP)
        netlab.wait_until(lambda: state_of(second.process.pid) == "T", 10, "it is stopped")
        notify.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                notify.recv(4096)
        time.sleep(2.2)
        with pytest.raises(BlockingIOError):  # a stackd that hangs sends nothing
            notify.recv(4096)
        second.process.kill(signal.SIGCONT)


def test_a_run_dir_in_use_is_refused(town, second):
    second.write()
    second.run_dir = town.warren.run_dir
    line = start_fails(second.stackd(), second.uplink)
    assert town.warren.run_dir in line
    assert town.warren.status()["customers"] is not None


def test_two_warrens_on_one_host_do_not_touch_each_others_stacks(town, office, second):
    second.start()
    assert office.ping()
    assert {"second"} == {customer["id"] for customer in second.status()["customers"]}
    second.down()
    assert office.ping() and not os.path.exists(f"{netlab.NETNS_DIR}/warren-second")


def test_a_customer_whose_stack_belongs_to_another_warren_is_refused(town, office, second):
    second.customers = {office.customer.id: warren.Customer(office.customer.id, ["10.9.9.9/24"])}
    second.write()
    second.start(wait=False)
    netlab.wait_until(lambda: f"warren-{office.customer.id}" in second.output()
                      or office.customer.id in second.output(), 10)
    assert office.ping()
    assert STACK4 in town.stack(office.customer).run("ip", "-o", "addr").stdout


def test_no_such_user_is_refused(second):
    second.write()
    command = [word if word != warren.UNPRIVILEGED else "no-such-user" for word in second.stackd()]
    assert "no-such-user" in start_fails(command, second.uplink)


def as_user(lab, uid, program, *arguments):
    """The command that runs a copy of a program as an ordinary user, for whom the source tree may be closed."""
    copy = shutil.copy(program, lab.directory)
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", copy, *arguments]


def test_not_root_is_refused(second):
    second.write()
    command = as_user(second.lab, 65534, *second.stackd())
    assert "root" in start_fails(command, second.uplink)


def test_a_missing_config_directory_is_named(second):
    assert second.config in start_fails(second.stackd(), second.uplink, exit_status=1)


def test_the_programs_may_be_in_a_directory_that_only_root_can_enter(second):
    second.bin = shutil.copytree(second.bin, second.lab.path("closed/bin"))
    os.chmod(second.lab.path("closed"), 0o700)
    second.start()
    with open(f"/proc/{second.vpnd()}/comm") as name:
        assert name.read() == "vpnd\n"


def test_an_unknown_option_is_a_usage_error(second):
    start_fails(second.stackd("--no-such-option"), second.uplink, exit_status=2)


def test_a_missing_tun_device_is_named(second):
    second.write()
    hidden = ["unshare", "--mount", "--propagation", "private", "sh",
              "-c", 'mount -t tmpfs tmpfs /dev/net && exec "$@"', "sh", *second.stackd()]
    assert "/dev/net/tun" in start_fails(hidden, second.uplink)


def test_a_full_disk_is_an_error_and_leaves_nothing(second):
    second.write()
    os.makedirs(second.run_dir)
    netlab.run("mount", "-t", "tmpfs", "-o", "size=16k,mode=0755", "tmpfs", second.run_dir)
    try:
        with open(f"{second.run_dir}/filler", "wb") as filler, pytest.raises(OSError):
            while True:
                os.write(filler.fileno(), bytes(4096))
        second.start(wait=False)
        netlab.wait_until(lambda: not second.process.running() or second.ctl("status", check=False).returncode == 0, 10,
                          "it either runs or has ended")
        if not second.process.running():
            assert second.process.wait() == 4 and second.run_dir in second.output()
        second.stop()
    finally:
        os.unlink(f"{second.run_dir}/filler")
        second.uplink.run(*second.stackd("--down"), check=False)
        netlab.run("umount", "-l", second.run_dir)
    second.start()


def test_the_next_start_repairs_one_that_was_interrupted_anywhere(second):
    for number in range(40):
        second.customers[f"many-{number}"] = warren.Customer(f"many-{number}", ["10.0.0.1/24", "fd00:42::1/64"])
    for turn, delay in enumerate((0.005, 0.02, 0.04, 0.08, 0.15)):
        second.start(wait=False)
        deadline = time.monotonic() + delay
        netlab.wait_until(lambda: time.monotonic() >= deadline, 1, every=0.001)
        second.process.kill(signal.SIGTERM if turn % 2 else signal.SIGKILL)
        second.process.wait(20)
    second.start()
    assert second.ctl("diff").returncode == 0
    assert len(second.status()["customers"]) == 41
    second.down()
    assert not [name for name in os.listdir(netlab.NETNS_DIR) if name.startswith(("warren-many", "warren-second"))]


# --- the log ----------------------------------------------------------------------------------------------------------


def test_a_log_that_nobody_reads_stops_nobody_and_the_lost_lines_are_counted(second):
    """stderr is a pipe of 4 KB that nobody reads: applies and new handshakes go on."""
    client = second.lab.namespace("client")
    second.lab.wire(second.uplink, "up0", "198.51.100.1/24", client, "up0", "198.51.100.2/24")
    key = scenery.wireguard_go.new_key()
    second.customers["second"].peers.append(warren.Peer("raw", key.public, ["10.0.0.9/32"]))
    second.write()
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    second.process = second.uplink.start("bash", "-c", f'exec "$@" 2>&{writing}', "bash", *second.stackd(),
                                         name="unread", pass_fds=(writing,))
    os.close(writing)
    with client.socket() as sock, open(reading, "rb", buffering=0) as log:
        netlab.wait_until(lambda: second.ctl("status", check=False).returncode == 0, 10, "stackd answers")
        raw = rawpeer.RawPeer(key.private, second.key.public, sock, ("198.51.100.1", second.listen_port))
        for number in range(30):
            second.customers["second"].mtu = 1300 + number
            second.write_customer(second.customers["second"])
            second.ctl("apply", timeout=20)
        for _ in range(30):
            raw.drain()
            raw.confirm(raw.handshake())
        os.set_blocking(reading, False)
        text = b""

        def lost():
            nonlocal text
            text += log.read(1 << 16) or b""
            return re.search(rb"event=log_lines_lost lines=[1-9]|event=configuration_applied.*generation 31", text)

        netlab.wait_until(lost, 20, "the log goes on, or says how many lines are lost")


# --- wrong users ------------------------------------------------------------------------------------------------------


def sockets_of(run_dir):
    return [os.path.join(directory, name) for directory, _, names in os.walk(run_dir) for name in names
            if os.path.exists(path := os.path.join(directory, name))
            and subprocess.run(["test", "-S", path]).returncode == 0]


def test_another_local_user_can_ask_nothing(town):
    sockets = [*sockets_of(town.warren.run_dir), "/run/wireguard/warren.sock"]
    assert len(sockets) >= 2
    try_it = ("import socket,sys\n"
              "for kind in (socket.SOCK_SEQPACKET, socket.SOCK_STREAM):\n"
              " s=socket.socket(socket.AF_UNIX,kind)\n"
              " try:\n"
              "  s.connect(sys.argv[1])\n"
              "  s.send(b'get=1\\n\\n'); print(s.recv(100))\n"
              " except (PermissionError, ConnectionError, OSError) as e: print(type(e).__name__)")
    for path in sockets:
        said = netlab.run("setpriv", "--reuid=1234", "--regid=1234", "--clear-groups", "/usr/bin/python3", "-c", try_it,
                          path).stdout
        assert "PermissionError" in said and "get" not in said and "public_key" not in said, (path, said)
    for command in ("status", "apply", "peers"):
        done = netlab.run(*as_user(town.lab, 1234, f"{town.warren.bin}/vpnctl", "--run-dir", town.warren.run_dir,
                                   command), check=False)
        assert done.returncode in (3, 4) and not done.stdout.strip()


def test_secrets_are_nowhere_in_the_run_directory_or_the_log(town, office):
    found = netlab.run("grep", "-rlF", "-e", town.warren.key.private, town.warren.run_dir, town.warren.process.log,
                       check=False).stdout
    assert found == ""
    assert not re.search(r"private_key=|preshared", town.warren.output())


def test_adding_and_removing_customers_many_times_leaks_no_descriptor_and_no_memory(town):
    def held():
        pids = [town.warren.process.pid, town.warren.vpnd()]
        return [len(os.listdir(f"/proc/{pid}/fd")) for pid in pids]

    def cycle(number):
        with town.visiting([warren.Peer(f"p{n}", netlab_key(), [f"10.0.0.{n}/32"]) for n in range(2, 6)],
                           f"cycle-{number}"):
            pass

    keys = iter([scenery.wireguard_go.new_key().public for _ in range(200)])
    netlab_key = keys.__next__
    for number in range(5):
        cycle(number)
    before, spaces = held(), set(os.listdir(netlab.NETNS_DIR))
    for number in range(40):
        cycle(number)
    # The last client's connection may still be closing.
    netlab.wait_until(lambda: held() == before, 5, f"descriptors are {before} again")
    assert set(os.listdir(netlab.NETNS_DIR)) == spaces
