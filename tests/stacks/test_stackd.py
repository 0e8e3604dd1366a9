"""stackd seen from outside, without tunnel traffic: what it makes, leaves alone, adopts and refuses."""

import os
import random
import re
import shutil
import signal
import socket
import time

import pytest

from tests.lab import netlab, warren, wireguard_go
from tests.lab.capture import Capture
from tests.stacks.running import (break_file, customer, devices, events, inode, inside, names_of_stacks, peers_of_vpnd,
                                  restart, try_to_put, write)

# --- stacks -----------------------------------------------------------------------------------------------------------


def test_a_stack_matches_its_file(acme):
    assert inside("acme", "ip", "-o", "-4", "addr", "show", "vpn0").count("10.0.0.1/24") == 1
    assert "fd00:42::1/64" in inside("acme", "ip", "-o", "-6", "addr", "show", "vpn0")
    assert "mtu 1420" in inside("acme", "ip", "link", "show", "vpn0")
    assert "qdisc noqueue" in inside("acme", "ip", "link", "show", "vpn0")
    assert "10.43.0.0/16 dev vpn0" in inside("acme", "ip", "route")
    assert "unreachable default" in inside("acme", "ip", "route")
    assert "fd00:43::/64 dev vpn0" in inside("acme", "ip", "-6", "route")
    assert "unreachable default" in inside("acme", "ip", "-6", "route")
    assert "policy drop" in inside("acme", "nft", "list", "chain", "inet", "warren", "forward")
    assert acme.run_dir in inside("acme", "ip", "link", "show", "lo")


def test_reload_adds_changes_and_removes_and_touches_no_other(acme):
    before, line = inode("acme"), len(events(acme, "stack_changed", customer="acme"))
    watched = acme.stack("acme").start("ip", "monitor", "all")
    acme.put(customer("globex"))
    assert os.path.exists(f"{netlab.NETNS_DIR}/warren-globex")
    globex = inode("globex")
    acme.put(customer("globex", mtu=1380, addresses=["10.0.0.1/24", "10.9.9.9/32"]))
    assert inode("globex") == globex
    assert "mtu 1380" in inside("globex", "ip", "link", "show", "vpn0")
    assert "10.9.9.9/32" in inside("globex", "ip", "-o", "addr")
    acme.remove("globex")
    assert not os.path.exists(f"{netlab.NETNS_DIR}/warren-globex")
    assert inode("acme") == before and len(events(acme, "stack_changed", customer="acme")) == line
    time.sleep(0.2)
    assert watched.output() == ""


def test_a_restart_plans_nothing_and_adopts_descriptors(acme):
    acme.put(*[customer(f"more-{number}") for number in range(10)])
    vpnd, held = acme.vpnd(), len(os.listdir(f"/proc/{acme.process.pid}/fd"))
    acme.kill()
    acme.start()
    assert events(acme, "service_started", vpnd="adopted")
    assert not events(acme, "stack_changed")
    assert acme.ctl("diff").returncode == 0
    assert acme.vpnd() == vpnd
    # stackd has the descriptors of tunnels and sockets again, but not those that only a first connection needs.
    assert held - 4 <= len(os.listdir(f"/proc/{acme.process.pid}/fd")) <= held


def test_apply_repairs_changes_made_by_hand(acme):
    inside("acme", "ip", "addr", "flush", "dev", "vpn0")
    inside("acme", "nft", "flush", "ruleset")
    inside("acme", "sysctl", "-q", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.vpn0.rp_filter=0")
    said = acme.ctl("diff", check=False)
    assert said.returncode == 1
    assert "add address 10.0.0.1/24 to vpn0" in said.stdout
    assert "load the firewall" in said.stdout
    acme.apply()
    assert acme.ctl("diff").returncode == 0
    assert "10.0.0.1/24" in inside("acme", "ip", "-o", "addr")


def test_apply_makes_a_stack_again_that_was_removed_by_hand(lab, uplink):
    lab.bridge(uplink, "br0")
    running = warren.Warren(lab, uplink, customers=[customer("acme", handoff={"type": "veth", "parent": "br0",
                                                                              "address": ["10.42.0.1/24"]})]).start()
    before = inode("acme")
    netlab.run("ip", "netns", "del", "warren-acme")
    running.apply()
    assert inode("acme") != before
    assert running.ctl("diff").returncode == 0
    netlab.wait_until(lambda: devices(uplink) == {"lo", "br0", "wr-acme"}, 5)


# --- remains ----------------------------------------------------------------------------------------------------------


def test_down_leaves_nothing(lab, uplink):
    lab.bridge(uplink, "br0")
    # /run/netns becomes a mount point and stays one.
    warren.Warren(lab, uplink, name="warmup", customers=[customer("warmup")]).start().down()
    before, names, links = open("/proc/self/mountinfo").read(), set(os.listdir(netlab.NETNS_DIR)), devices(uplink)
    running = warren.Warren(lab, uplink, customers=[
        customer("acme", handoff={"type": "veth", "parent": "br0", "address": ["10.42.0.1/24"]}), customer("globex"),
        customer("initech")]).start()
    assert running.vpnd()
    running.kill()
    assert running.uplink.run(*running.stackd("--down")).returncode == 0
    assert running.children("vpnd") == []
    assert open("/proc/self/mountinfo").read() == before
    assert set(os.listdir(netlab.NETNS_DIR)) == names
    netlab.wait_until(lambda: devices(uplink) == links, 5)
    assert not [name for name in os.listdir(running.run_dir) if name.endswith((".sock", ".pid"))]
    assert os.listdir("/run/wireguard") == []
    running.process = None


def test_down_is_refused_while_the_instance_runs(acme):
    done = acme.uplink.run(*acme.stackd("--down"), check=False)
    assert done.returncode == 4 and "in use by another instance" in done.stderr and str(acme.process.pid) in done.stderr
    assert inode("acme")


# --- foreign things ---------------------------------------------------------------------------------------------------


def test_a_foreign_namespace_is_left_alone_and_other_customers_work(lab, uplink):
    netlab.run("ip", "netns", "add", "warren-acme")
    try:
        netlab.run("ip", "-n", "warren-acme", "link", "add", "theirs", "type", "veth", "peer", "name", "theirs2")
        running = warren.Warren(lab, uplink, customers=[customer("acme"), customer("globex")]).start()
        assert events(running, "customer_refused", customer="acme") and "not ours" in running.output()
        assert "vpn0" in inside("globex", "ip", "link")
        assert "vpn0" not in inside("acme", "ip", "link") and "theirs" in inside("acme", "ip", "link")
        done = running.apply(check=False)
        assert done.returncode == 4 and "not ours" in done.stdout + done.stderr
        running.down()
        assert "theirs" in inside("acme", "ip", "link")
    finally:
        netlab.run("ip", "netns", "del", "warren-acme")


def test_two_instances_share_a_host_and_the_second_has_its_wireguard_sockets_elsewhere(lab, uplink, acme):
    other = warren.Warren(lab, lab.namespace("up2"), name="other", customers=[customer("globex")]).start()
    assert events(other, "uapi_socket_moved")
    assert os.path.exists("/run/wireguard/warren.sock") and os.path.exists(f"{other.run_dir}/wireguard/warren.sock")
    other.down()
    assert inode("acme") and acme.ctl("status").returncode == 0
    assert "interface: warren" in uplink.run("wg", "show", "warren").stdout


def test_only_root_is_answered_even_if_the_socket_is_open_to_all(acme):
    path = f"{acme.run_dir}/control.sock"
    os.chmod(path, 0o666)
    os.chmod(os.path.dirname(acme.run_dir), 0o755)
    ask = ("import socket,sys\ns=socket.socket(socket.AF_UNIX,socket.SOCK_SEQPACKET)\ns.connect(sys.argv[1])\n"
           f"s.send(bytes([{warren.WIRE_VERSION},0,2,0]+47*[0]))\nprint(len(s.recv(4096)))")
    assert int(netlab.run("/usr/bin/python3", "-c", ask, path).stdout) > 0
    said = netlab.run("setpriv", "--reuid=1234", "--regid=1234", "--clear-groups", "/usr/bin/python3", "-c", ask, path,
                      check=False)
    assert said.stdout.strip() in ("0", "") and events(acme, "control_refused")


# --- files with errors ------------------------------------------------------------------------------------------------


def test_a_customer_with_a_broken_file_keeps_stack_and_tunnels_when_stackd_is_killed(acme):
    acme.put(customer("globex"))
    before, key = inode("acme"), acme.customers["acme"].peers[0].public_key
    break_file(acme, "acme")
    restart(acme, signal.SIGKILL)
    assert inode("acme") == before and key in peers_of_vpnd(acme)
    assert acme.customers["globex"].peers[0].public_key in peers_of_vpnd(acme)
    acme.write_customer(acme.customers["acme"])
    acme.apply()
    assert acme.ctl("diff").returncode == 0 and inode("acme") == before and key in peers_of_vpnd(acme)


def test_a_customer_with_a_broken_file_keeps_the_stack_over_a_restart_of_everything(acme):
    before = inode("acme")
    break_file(acme, "acme")
    restart(acme, signal.SIGTERM)
    assert inode("acme") == before and "10.43.0.0/16 dev vpn0" in inside("acme", "ip", "route")
    acme.write_customer(acme.customers["acme"])
    acme.apply()
    assert inode("acme") == before and acme.customers["acme"].peers[0].public_key in peers_of_vpnd(acme)


def test_vpnd_drops_a_broken_customers_peer_when_its_key_moves_to_another_customer(acme):
    key = acme.customers["acme"].peers[0].public_key
    write(acme, customer("globex", [warren.Peer("taker", key, ["10.77.0.0/16"])]))
    break_file(acme, "acme")
    restart(acme, signal.SIGKILL)
    assert events(acme, "invalid_customers_dropped")
    assert "10.77.0.0/16" in acme.uplink.run("wg", "show", "warren", "allowed-ips").stdout


def test_a_broken_configuration_at_the_start_does_not_fill_a_service_managers_log(lab, uplink):
    running = warren.Warren(lab, uplink, customers=[customer("acme")])
    running.write()
    with open(f"{running.config}/warren.toml", "a") as out:
        out.write("unknown = 1\n")
    assert uplink.run(*running.stackd(), check=False, timeout=8).returncode == 1  # at once for a person
    managed = uplink.start(*running.stackd(), env={"NOTIFY_SOCKET": lab.path("manager")})
    netlab.wait_until(lambda: "event=restart_delayed" in managed.output(), 5)
    assert managed.running()
    managed.kill(signal.SIGHUP)
    assert managed.wait(5) == 1


def test_without_a_tun_device_the_start_gives_advice_and_is_tried_again_without_a_flood(lab, uplink):
    running = warren.Warren(lab, uplink, customers=[customer("acme")])
    running.write()
    hidden = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /dev/net && exec "$@"', "sh", *running.stackd())
    done = uplink.run(*hidden, check=False, timeout=8)
    assert done.returncode == 4 and "load the module tun" in done.stderr
    managed = uplink.start(*hidden, env={"NOTIFY_SOCKET": lab.path("manager")})
    netlab.wait_until(lambda: "event=restart_delayed" in managed.output(), 5)
    assert managed.running()
    managed.kill(signal.SIGHUP)
    assert managed.wait(5) == 4
    running.start()  # the device is there


# --- listeners --------------------------------------------------------------------------------------------------------


def listening(uplink):
    return {int(port) for port in re.findall(r":(\d+)\s", uplink.run("ss", "-Hulpn").stdout) if int(port)}


def own(id_, port):
    return customer(id_, listen_port=port, private_key=wireguard_go.new_key().private)


def test_listeners_are_added_moved_swapped_and_removed(acme, uplink):
    acme.put(own("east", 50001), own("west", 50002))
    assert listening(uplink) == {51820, 50001, 50002}
    assert {"warren.sock", "warren-east.sock", "warren-west.sock"} == set(os.listdir("/run/wireguard"))
    acme.customers["east"].listen_port, acme.customers["west"].listen_port = 50002, 50001
    acme.put(acme.customers["east"], acme.customers["west"])
    assert "listening port: 50002" in uplink.run("wg", "show", "warren-east").stdout
    assert "listening port: 50001" in uplink.run("wg", "show", "warren-west").stdout
    acme.customers["east"].listen_port = 50003
    acme.put(acme.customers["east"])
    netlab.wait_until(lambda: listening(uplink) == {51820, 50001, 50003}, 5)
    acme.remove("east")
    netlab.wait_until(lambda: listening(uplink) == {51820, 50001}, 5)
    assert {"warren.sock", "warren-west.sock"} == set(os.listdir("/run/wireguard"))


def test_a_customers_port_in_use_affects_only_that_customer(acme, uplink):
    with uplink.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # this socket would share the port, Warren does not
        taken.bind(("0.0.0.0", 50001))
        done = try_to_put(acme, own("east", 50001), customer("globex"))
        assert done.returncode == 4 and "50001" in done.stdout + done.stderr
        assert inode("globex") and not os.path.exists(f"{netlab.NETNS_DIR}/warren-east")
    acme.apply()
    assert 50001 in listening(uplink)


# --- handoffs ---------------------------------------------------------------------------------------------------------


def lan(lab, uplink, name, device, address="10.42.0.10/24"):
    host = lab.namespace(f"lan-{name}")
    lab.wire(host, "eth0", [address, "fd00:24::10/64"], uplink, device, [])
    host.ip("route add default via 10.42.0.1", "route add default via fd00:24::1")
    return host


def handed_off(type_, parent, id_="acme"):
    return customer(id_, handoff={"type": type_, **({"parent": parent} if parent else {}),
                                  "address": ["10.42.0.1/24", "fd00:24::1/64"]})


def test_the_type_of_a_handoff_changes_in_place(lab, uplink, acme):
    host = lan(lab, uplink, "one", "port1")
    lab.bridge(uplink, "br0")
    before = inode("acme")
    for type_, parent in (("physical", "port1"), ("macvlan", "port1"), ("physical", "port1"), ("veth", "br0"),
                          ("veth", "")):
        acme.put(handed_off(type_, parent))
        assert acme.ctl("diff").returncode == 0
        if type_ != "physical":
            uplink.ip(f"link set dev port1 up {'master br0' if parent == 'br0' else 'nomaster'}")
        if parent:
            host.ip("neigh flush dev eth0")
            netlab.wait_until(lambda: host.ping("10.42.0.1", timeout=1), 5, f"the LAN reaches a {type_} handoff")
    acme.put(customer("acme"))
    netlab.wait_until(lambda: devices(uplink) == {"lo", "br0", "port1"}, 5)
    assert inode("acme") == before


def test_a_bridge_that_comes_later_completes_the_stack(lab, uplink, acme):
    done = try_to_put(acme, handed_off("veth", "br-late"))
    assert done.returncode == 4 and "no bridge br-late" in done.stdout + done.stderr
    assert "vpn0" in inside("acme", "ip", "link") and "lan0" not in inside("acme", "ip", "link")
    lab.bridge(uplink, "br-late")
    netlab.wait_until(lambda: "lan0" in inside("acme", "ip", "link"), 15, "stackd tries again")
    netlab.wait_until(lambda: events(acme, "stack_completed", customer="acme"), 5)
    assert acme.ctl("diff").returncode == 0


def test_a_parent_that_is_not_a_bridge_is_a_clear_error(lab, uplink, acme):
    lan(lab, uplink, "one", "port1")
    done = try_to_put(acme, handed_off("veth", "port1"))
    assert done.returncode == 4 and "must be a bridge, and port1 is none" in done.stdout + done.stderr


def test_a_physical_device_passes_from_one_customer_to_the_next_in_one_apply(lab, uplink, acme):
    host = lan(lab, uplink, "one", "port1")
    acme.put(handed_off("physical", "port1"))
    write(acme, customer("acme"))
    acme.put(handed_off("physical", "port1", "zeta"))
    assert "lan0" in inside("zeta", "ip", "link") and "lan0" not in inside("acme", "ip", "link")
    write(acme, handed_off("physical", "port1"))
    acme.remove("zeta")
    netlab.wait_until(lambda: host.ping("10.42.0.1", timeout=1), 5)


def test_down_returns_a_physical_device_after_a_kill(lab, uplink, acme):
    lan(lab, uplink, "one", "port1")
    acme.put(handed_off("physical", "port1"))
    assert "port1" not in devices(uplink)
    acme.kill()
    uplink.run(*acme.stackd("--down"))
    acme.process = None
    assert "port1" in devices(uplink)
    assert "alias" not in uplink.run("ip", "link", "show", "port1").stdout


def test_a_physical_device_that_lost_its_stack_gets_its_name_back(lab, uplink, acme):
    def lose():
        uplink.ip("link set dev port1 down", "link set dev port1 name dev42",
                  "link set dev dev42 alias \"warren handoff=physical parent=port1\"")

    lan(lab, uplink, "one", "port1")
    lose()
    assert "rename dev42 to port1" in acme.apply().stdout
    assert "port1" in devices(uplink) and "alias" not in uplink.run("ip", "link", "show", "port1").stdout
    lose()
    acme.put(handed_off("physical", "port1"))  # the customer that needs it gets it, whatever its name
    assert "lan0" in inside("acme", "ip", "link") and not {"port1", "dev42"} & devices(uplink)
    acme.put(customer("acme"))
    lose()
    acme.kill()
    uplink.run(*acme.stackd("--down"))
    acme.process = None
    assert "port1" in devices(uplink)


def test_only_tunnels_and_lan_communicate_and_no_source_can_be_forged(lab, uplink, acme):
    host = lan(lab, uplink, "one", "port1")
    lab.bridge(uplink, "br0")
    uplink.ip("link set dev port1 master br0")
    acme.put(handed_off("veth", "br0"))
    stack = acme.stack("acme")
    netlab.wait_until(lambda: host.ping("10.42.0.1", timeout=1), 5)
    # A third network in the stack: a device that an operator adds by hand may not reach tunnels or LAN by default.
    third = lab.namespace("third")
    lab.wire(third, "eth0", ["172.31.0.2/24", "fd00:31::2/64"], stack, "extra0", ["172.31.0.1/24", "fd00:31::1/64"])
    third.ip("route add default via 172.31.0.1", "route add default via fd00:31::1")
    host.ip("addr add 10.43.0.9/32 dev lo", "addr add fd00:43::9/128 dev lo")
    sends = [(host, "10.42.0.10", "10.43.0.1", True), (host, "fd00:24::10", "fd00:43::1", True),
             (host, "10.43.0.9", "10.43.0.1", False), (host, "fd00:43::9", "fd00:43::1", False),
             (third, "172.31.0.2", "10.43.0.1", False), (third, "fd00:31::2", "fd00:43::1", False)]
    with Capture(stack, "vpn0", "udp") as capture:
        for ns, source, destination, _ in sends:
            with ns.socket(socket.AF_INET6 if ":" in source else socket.AF_INET) as sock:
                sock.bind((source, 0))
                for _ in range(3):
                    sock.sendto(f"from {source}".encode(), (destination, 9))
        allowed = {source for _, source, _, passes in sends if passes}
        netlab.wait_until(lambda: allowed <= {packet.source for packet in capture.packets()}, 5)
        time.sleep(0.5)
    assert {packet.source for packet in capture.packets()} == allowed
    assert not third.ping("172.31.0.1", timeout=1) and not third.ping("10.42.0.10", timeout=1)


# --- signals ----------------------------------------------------------------------------------------------------------


def test_a_vpnd_that_crashes_again_and_again_is_restarted_after_longer_and_longer_pauses(acme):
    for number in range(1, 5):
        os.kill(acme.vpnd(), signal.SIGKILL)
        netlab.wait_until(lambda: len(events(acme, "vpnd_started")) == number + 1, 10)
    delays = [int(re.search(r"restart_in_ms=(\d+)", line)[1]) for line in events(acme, "vpnd_lost")]
    assert delays[0] == 0 and delays == sorted(delays) and delays[-1] > 0
    assert acme.customers["acme"].peers[0].public_key in peers_of_vpnd(acme)


def test_a_working_vpnd_is_left_alone_and_the_checks_log_nothing(acme):
    vpnd, lines = acme.vpnd(), acme.output().count("\n")
    acme.process.kill(signal.SIGSTOP)  # stackd does not blame vpnd for its own pause either
    time.sleep(6)
    acme.process.kill(signal.SIGCONT)
    time.sleep(12)
    assert acme.children("vpnd") == [vpnd] and acme.output().count("\n") == lines


def test_vpnd_restarts_even_if_the_run_dir_is_gone(acme):
    shutil.rmtree(acme.run_dir)
    os.kill(acme.vpnd(), signal.SIGKILL)
    key = acme.customers["acme"].peers[0].public_key
    netlab.wait_until(lambda: key in acme.uplink.run("wg", "show", "warren", "peers", check=False).stdout, 10)
    assert events(acme, "pidfile_write_failed")
    assert acme.stop() == 0 and acme.children("vpnd") == []
    acme.start()
    acme.apply()


def test_a_vpnd_that_cannot_start_is_retried_after_longer_and_longer_pauses(lab, uplink):
    running = warren.Warren(lab, uplink, customers=[customer("acme")])
    running.bin = shutil.copytree(running.bin, lab.path("programs"), ignore=shutil.ignore_patterns("[!sv]*", "pretend"))
    running.start()
    os.unlink(f"{running.bin}/vpnd")
    os.kill(running.vpnd(), signal.SIGKILL)
    netlab.wait_until(lambda: len(events(running, "vpnd_lost")) >= 5, 10)
    delays = [int(re.search(r"restart_in_ms=(\d+)", line)[1]) for line in events(running, "vpnd_lost")]
    assert delays == sorted(delays) and delays[-1] >= 400, delays


def test_stackd_keeps_few_capabilities(acme):
    with open(f"/proc/{acme.process.pid}/status") as lines:
        status = dict(line.strip().split(":\t", 1) for line in lines if line.startswith("Cap"))
    kept = {5, 6, 7, 8, 10, 12, 21}  # KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_ADMIN SYS_ADMIN, capabilities(7)
    for name in ("CapPrm", "CapEff", "CapBnd"):
        assert {bit for bit in range(64) if int(status[name], 16) >> bit & 1} <= kept, name


def test_vpnd_starts_without_privileges(lab, uplink):
    """The rights that stackd gives to its child, before the child drops any itself."""
    running = warren.Warren(lab, uplink, customers=[customer("acme")])
    running.write()
    done = uplink.run(*running.stackd("--libexec", f"{running.bin}/pretend"), check=False)
    assert done.returncode == 4 and "vpnd" in done.stderr
    status = dict(line.strip().split(":\t", 1)
                  for line in done.stderr.splitlines() if re.match(r"(Uid|Gid|Groups|Cap\w+|NoNewPrivs):\t", line))
    assert set(status["Uid"].split()) == set(status["Gid"].split()) == {"65534"}
    assert set(status.get("Groups", "").split()) <= {"65534"}
    assert {status[f"Cap{name}"] for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    running.uplink.run(*running.stackd("--down"))


def test_started_with_closed_standard_streams_and_without_a_umask_it_is_as_safe(lab, uplink):
    running = warren.Warren(lab, uplink, customers=[customer("acme")])
    running.write()
    running.process = uplink.start("sh", "-c", 'umask 0; exec "$@" 0<&- 1>&- 2>&-', "sh", *running.stackd())
    netlab.wait_until(lambda: running.ctl("status", check=False).returncode == 0, 10)
    for pid in (running.process.pid, running.vpnd()):
        for fd in range(3):
            assert os.readlink(f"/proc/{pid}/fd/{fd}") == "/dev/null", (pid, fd)
    for directory, _, names in os.walk(running.run_dir):
        assert not [name for name in names if os.stat(os.path.join(directory, name)).st_mode & 0o022]
    assert os.stat(running.run_dir).st_mode & 0o777 == 0o711


def test_only_root_can_access_sockets_and_directories(acme):
    assert os.stat(acme.run_dir).st_mode & 0o777 == 0o711
    for path in (f"{acme.run_dir}/control.sock", f"{acme.run_dir}/snapshot.sock", f"{acme.run_dir}/adopt.sock",
                 f"{acme.run_dir}/timestamps", "/run/wireguard/warren.sock"):
        about = os.stat(path)
        assert about.st_mode & 0o777 == 0o600 and about.st_uid == 0, path


def test_a_stale_wireguard_socket_is_replaced_but_an_ordinary_file_is_not(lab, uplink):
    stale = socket.socket(socket.AF_UNIX)
    stale.bind("/run/wireguard/warren.sock")
    stale.close()
    running = warren.Warren(lab, uplink, customers=[customer("acme")]).start()
    assert "interface: warren" in uplink.run("wg", "show", "warren").stdout
    running.down()
    with open("/run/wireguard/warren.sock", "w") as theirs:
        theirs.write("precious")
    try:
        running = warren.Warren(lab, uplink, customers=[customer("acme")]).start()
        assert events(running, "uapi_socket_moved")
        running.down()
        with open("/run/wireguard/warren.sock") as theirs:
            assert theirs.read() == "precious"
    finally:
        os.unlink("/run/wireguard/warren.sock")


def test_the_wireguard_port_is_not_shared(lab, uplink):
    with uplink.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("0.0.0.0", 51820))
        running = warren.Warren(lab, uplink, customers=[customer("acme")])
        running.write()
        done = uplink.run(*running.stackd(), check=False)
        assert done.returncode == 4 and "51820" in done.stderr.splitlines()[-1]
    assert not os.path.exists(f"{netlab.NETNS_DIR}/warren-acme")


def test_the_next_start_repairs_what_a_kill_interrupted(lab, uplink, acme):
    """kill -9 at random moments of reloads that add, change and remove customers."""
    dice = random.Random(1)
    for turn in range(8):
        write(acme, *[customer(f"c{number}", mtu=dice.choice([1400, 1420])) for number in range(dice.randint(1, 12))])
        for gone in dice.sample(sorted(set(acme.customers) - {"acme"}),
                                dice.randint(0, 3) if len(acme.customers) > 4 else 0):
            del acme.customers[gone]
            os.unlink(f"{acme.config}/customers/{gone}.toml")
        acme.reload()
        moment = time.monotonic() + dice.random() * 0.1
        netlab.wait_until(lambda: time.monotonic() > moment, 1, every=0.001)
        acme.process.kill(signal.SIGKILL if turn % 3 else signal.SIGTERM)
        acme.process.wait(20)
        acme.start()
        acme.ctl("apply", "--remove")
        assert acme.ctl("diff").returncode == 0
        assert names_of_stacks() == {f"warren-{id_}" for id_ in acme.customers}
        assert len(peers_of_vpnd(acme).split()) == len(acme.customers)


# --- many -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def crowd(lab, uplink):
    """More customers than one apply checks. Not started yet."""
    return warren.Warren(lab, uplink, customers=[customer(f"c{number}") for number in range(160)])


def test_one_change_among_many_customers_changes_one_stack_and_a_broken_stack_is_repaired_later(crowd):
    crowd.start()
    before = len(events(crowd, "stack_changed"))
    # The last in the order of names is one that the next apply does not check, and the kernel notifies of no sysctl.
    inside("c99", "sysctl", "-qw", "net.ipv4.ip_forward=0")
    crowd.customers["c7"].mtu = 1380
    crowd.write_customer(crowd.customers["c7"])
    said = crowd.apply().stdout.splitlines()
    assert said[0] == "c7: stack.mtu: 1420 -> 1380"
    assert "c7: set vpn0 mtu 1380" in said
    assert "to be checked in the background" in said[-1]
    netlab.wait_until(lambda: inside("c99", "sysctl", "-n", "net.ipv4.ip_forward").strip() == "1", 20)
    changed = {line.split("customer=")[1].split()[0] for line in events(crowd, "stack_changed")[before:]}
    assert "c7" in changed and changed <= {"c7", "c99"}  # c99 too, where what made it was still being looked at
    assert crowd.ctl("diff").returncode == 0
    os.unlink(f"{crowd.config}/customers/c9.toml")
    said = crowd.ctl("apply").stdout  # without -v
    assert "c9: remove the customer\nc9: keep the stack without tunnels for a minute" in said and "-v" not in said
    assert "warren-c9" in names_of_stacks()


def test_a_stackd_killed_while_it_makes_many_stacks_continues_at_the_next_start(crowd):
    mounts = open("/proc/self/mountinfo").read()
    for _ in range(5):  # all may be there before this test looks
        crowd.start(wait=False)
        netlab.wait_until(lambda: len(names_of_stacks()) > 40, 20, every=0.001)
        crowd.kill()
        if len(names_of_stacks()) < 160:
            break
        crowd.down()
    assert 40 < len(names_of_stacks()) < 160
    crowd.start()
    assert names_of_stacks() == {f"warren-{id_}" for id_ in crowd.customers}
    for id_ in crowd.customers:  # a diff looks at some of them only
        assert "10.0.0.1/24" in inside(id_, "ip", "-br", "addr", "show", "vpn0")
        assert "hook forward" in inside(id_, "nft", "list", "ruleset")
    diff = crowd.ctl("diff")
    assert diff.returncode == 0 and diff.stdout == "nothing to do; 32 unchanged stacks not looked at\n"
    crowd.down()
    assert not names_of_stacks() and open("/proc/self/mountinfo").read() == mounts
