"""Programs that serve a customer inside its stack: Debian's unbound for [dns] and BIRD for [bgp]."""

import os
import signal
import time

import pytest

from tests.e2e.test_launcher import listen
from tests.lab import netlab
from tests.lab.town import STACK4, STACK6, Town
from tests.lab.warren import leaves_nothing

DNS = {"listen": [STACK4]}


def dig(office, name, *options, server=STACK4):
    done = office.ns.run("dig", "+short", "+tries=1", "+time=1", f"@{server}", name, *options, check=False)
    return done.stdout.split() if done.returncode == 0 else None


def served(office, name, expected, *options, timeout=10, server=STACK4):
    netlab.wait_until(lambda: dig(office, name, *options, server=server) == [expected], timeout,
                      f"{name} is {expected}")


def services(town, customer):
    return town.warren.json("services", customer.id)


def service(town, customer):
    return services(town, customer)[0]


def has_problem(town, customer):
    return [line for line in town.warren.ctl("status", check=False).stdout.splitlines() if f"{customer.id}" in line
            and ("dns:" in line or "bgp:" in line)]


def field(pid, name):
    with open(f"/proc/{pid}/status") as lines:
        return next(line.split(":", 1)[1].split() for line in lines if line.startswith(name + ":"))


def runs(pid):
    """A zombie does not: who should reap an orphan is not our business."""
    try:
        return field(pid, "State")[0] != "Z"
    except OSError:
        return False


def test_an_office_asks_for_names_through_its_tunnel(town, visit):
    office = town.office("graz")
    customer = visit([office], dns={**DNS, "listen": [STACK4, STACK6],
                                    "host": [{"name": "erp", "addresses": ["10.42.0.10"]}]})
    office.connect()
    name = f"{office.peer.name}.{customer.id}.internal"
    served(office, name, "10.0.0.2")
    served(office, name, "fd00:42::2", "AAAA", server=STACK6)
    served(office, f"ERP.{customer.id}.internal", "10.42.0.10", "+tcp")
    served(office, "-x", f"{office.peer.name}.{customer.id}.internal.", "10.0.0.2")
    assert dig(office, f"nobody.{customer.id}.internal") == []
    refused = office.ns.run("dig", "+tries=1", "+time=1", f"@{STACK4}", "example.net").stdout
    assert "status: REFUSED" in refused, "without an upstream other names are refused"


def test_two_customers_with_the_same_addresses_have_names_of_their_own(town, visit):
    offices, customers = {}, {}
    for name in ("east", "west"):
        offices[name] = town.office(name)
        hosts = [{"name": name, "addresses": ["10.42.0.10"]},
                 {"name": "who", "addresses": [f"10.42.0.{len(customers) + 1}"]}]
        customers[name] = visit([offices[name]], dns={**DNS, "domain": "same.internal", "host": hosts})
        offices[name].connect()
    for number, (name, office) in enumerate(offices.items()):
        served(office, "who.same.internal", f"10.42.0.{number + 1}")
        served(office, f"{name}.same.internal", "10.42.0.10")
        other = "west" if name == "east" else "east"
        assert dig(office, f"{other}.same.internal") == [], "the other customer's name is not known here"
    pids = {service(town, customer)["pid"] for customer in customers.values()}
    assert len(pids) == 2
    assert len({os.readlink(f"/proc/{pid}/ns/net") for pid in pids}) == 2


def test_a_service_sees_and_may_do_as_little_as_possible(town, visit):
    office = town.office("confined")
    customer = visit([office], dns=DNS)
    office.connect()
    served(office, f"{office.peer.name}.{customer.id}.internal", "10.0.0.2")
    pid = service(town, customer)["pid"]
    for kind in ("net", "mnt", "pid", "ipc", "uts"):
        assert os.readlink(f"/proc/{pid}/ns/{kind}") != os.readlink(f"/proc/self/ns/{kind}"), kind
    with open(town.stack(customer).path) as stack:
        assert os.stat(f"/proc/{pid}/ns/net").st_ino == os.fstat(stack.fileno()).st_ino
    if service(town, customer)["memory_limited_by"] == "cgroup":
        with open(f"/proc/{pid}/cgroup") as groups:
            assert any(line.endswith(f"/warren.slice/customer-{customer.id}/dns\n") for line in groups)
        leaf = f"/sys/fs/cgroup/warren.slice/customer-{customer.id}/dns"
        for name, expected in (("memory.max", str(96 << 20)), ("memory.swap.max", "0"), ("pids.max", "4")):
            if os.path.exists(f"{leaf}/{name}") or name != "memory.swap.max":
                with open(f"{leaf}/{name}") as limit:
                    assert limit.read().strip() == expected, name
    bind = f"{1 << 10:016x}"  # CAP_NET_BIND_SERVICE
    for which in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert field(pid, which) == [bind], which
    assert field(pid, "NoNewPrivs") == ["1"] and field(pid, "Seccomp") == ["2"]
    with open(f"/proc/{pid}/oom_score_adj") as score:
        assert score.read() == "500\n"
    assert "0" not in field(pid, "Uid") and field(pid, "Groups") == []
    assert field(pid, "NSpid")[-1] == "1", "it is alone in its process namespace"
    root = f"/proc/{pid}/root"
    assert sorted(os.listdir(root)) == ["bin", "dev", "etc", "lib", "lib64", "program", "sbin", "tmp", "usr"]
    assert os.readlink(f"/proc/{pid}/exe") == "/program/unbound", "no profile of AppArmor is for that path"
    assert os.listdir(f"{root}/etc") == ["service"] and os.listdir(f"{root}/dev") == ["null"]
    assert sorted(os.listdir(f"{root}/etc/service")) == ["next.conf", "unbound.conf"]
    with open(f"/proc/{pid}/mountinfo") as mounts:
        writable = {line.split()[4] for line in mounts if "ro" not in line.split()[5].split(",")}
    assert writable == {"/tmp", "/dev/null"}
    with open(f"/proc/{pid}/limits") as limits:
        text = limits.read()
    assert "Max processes             1 " in text and "Max core file size        0 " in text
    targets = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    # Its log is outside of its root, so the path that is shown for it may be short.
    files = {os.path.basename(target) for target in targets if target.startswith("/")}
    assert files == {"null", "log"}, targets
    # As the service's user, in its namespaces: what a program could do that took it over.
    inside = ["nsenter", "-t", pid, "-m", "-n", "-p", "-S", field(pid, "Uid")[0], "-G", field(pid, "Gid")[0]]
    for command in (["touch", "/tmp/new"], ["cat", "/etc/service/unbound.conf"], ["ls", "/usr"]):
        town.hub.run(*inside, "/usr/bin/" + command[0], *command[1:])  # these may be done, so the others can fail
    for command in (["touch", "/etc/service/unbound.conf"], ["touch", "/new"], ["touch", "/usr/new"], ["ls", "/run"],
                    ["ls", "/proc/1"]):
        assert town.hub.run(*inside, "/usr/bin/" + command[0], *command[1:], check=False).returncode != 0, command


def test_a_service_that_is_killed_comes_back_and_says_so(town, visit):
    office = town.office("killed")
    customer = visit([office], dns=DNS)
    office.connect()
    name = f"{office.peer.name}.{customer.id}.internal"
    served(office, name, "10.0.0.2")
    first = service(town, customer)["pid"]
    os.kill(first, signal.SIGKILL)
    netlab.wait_until(lambda: service(town, customer)["pid"] not in (None, first), 5, "another one runs")
    served(office, name, "10.0.0.2")
    shown = service(town, customer)
    assert shown["state"] == "running" and shown["restarts"] == 1
    # One that does not stay is a complaint.
    for _ in range(4):
        pid = netlab.wait_until(lambda: service(town, customer)["pid"], 10, "it runs")
        os.kill(pid, signal.SIGKILL)
        netlab.wait_until(lambda: service(town, customer)["pid"] != pid, 5, "that is noticed")
    assert has_problem(town, customer)
    served(office, name, "10.0.0.2", timeout=20)
    assert not has_problem(town, customer)
    assert "start of service" in town.warren.ctl("log", customer.id).stdout


def test_a_change_is_taken_up_without_a_gap(town, visit):
    office = town.office("changed")
    customer = visit([office], dns=DNS)
    office.connect()
    domain = f"{customer.id}.internal"
    served(office, f"{office.peer.name}.{domain}", "10.0.0.2")
    pid = service(town, customer)["pid"]
    asking = office.ns.start("bash", "-c", f"while :; do dig +short +tries=1 +time=1 @{STACK4} "
                             f"{office.peer.name}.{domain} || echo lost; sleep 0.02; done", name="asking")
    netlab.wait_until(lambda: asking.output().split(), 10, "it asks")
    customer.dns = {**customer.dns, "host": [{"name": "new", "addresses": ["10.42.0.77"]}]}
    town.warren.put(customer)
    served(office, f"new.{domain}", "10.42.0.77")
    netlab.wait_until(lambda: len(asking.output().split()) > 5, 10, "it goes on asking")
    asking.kill()
    answers = asking.output().split()
    assert answers.count("10.0.0.2") >= len(answers) - 1, answers
    assert service(town, customer)["pid"] == pid
    # Another address is bound by another process.
    customer.dns["listen"] = [STACK4, STACK6]
    town.warren.put(customer)
    served(office, f"new.{domain}", "10.42.0.77", server=STACK6)
    assert service(town, customer)["pid"] != pid


def test_a_service_ends_with_its_customer_and_while_that_is_suspended(town, visit):
    office = town.office("leaves")
    customer = visit([office], dns=DNS)
    office.connect()
    served(office, f"{office.peer.name}.{customer.id}.internal", "10.0.0.2")
    pid = service(town, customer)["pid"]
    customer.state = "suspended"
    town.warren.put(customer)
    netlab.wait_until(lambda: not runs(pid), 5, "it ends")
    assert services(town, customer) == []
    customer.state = "active"
    town.warren.put(customer)
    pid = netlab.wait_until(lambda: services(town, customer) and service(town, customer)["pid"], 5, "another one runs")
    town.warren.configure("customer", "--remove", "rm", customer.id)  # which asks about programs, but not about this
    del town.warren.customers[customer.id]
    netlab.wait_until(lambda: not runs(pid), 5, "it ends")
    assert not os.path.exists(f"{town.warren.run_dir}/services/{customer.id}.dns")


def test_other_names_are_asked_inside_the_stack(town, visit):
    office, server = town.office("asks"), town.office("server", addresses=["10.0.0.3/32"])
    # One zone is below the domain of the peers' names, one below a zone that unbound answers by itself.
    zones = ["corp.example", "lab.vpn.internal", "lab.test"]
    customer = visit([office, server], dns={**DNS, "domain": "vpn.internal", "upstream": ["10.0.0.3"],
                                            "zone": [{"name": zone, "servers": ["10.0.0.3"]} for zone in zones]})
    office.connect(), server.connect()
    conf = town.lab.path("upstream.conf")
    with open(conf, "w") as out:
        out.write('server:\n interface: 10.0.0.3\n access-control: 0.0.0.0/0 allow\n username: ""\n chroot: ""\n'
                  ' pidfile: ""\n use-syslog: no\n do-daemonize: no\n local-data: "www.corp.example. IN A 10.1.1.1"\n'
                  ' local-zone: "test." transparent\n local-data: "www.lab.test. IN A 10.1.1.3"\n'
                  ' local-data: "www.lab.vpn.internal. IN A 10.1.1.4"\n'
                  ' local-data: "www.example.net. IN A 10.1.1.2"\nremote-control:\n control-enable: no\n')
    upstream = server.ns.start("unbound", "-d", "-c", conf, name="upstream")
    served(office, "www.corp.example", "10.1.1.1")
    served(office, "www.example.net", "10.1.1.2")
    served(office, "www.lab.test", "10.1.1.3")
    served(office, "www.lab.vpn.internal", "10.1.1.4")
    served(office, f"{office.peer.name}.vpn.internal", "10.0.0.2")
    assert dig(office, "nobody.vpn.internal") == []
    upstream.kill()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGUSR1])
def test_services_outlive_stackd_and_the_next_one_adopts_them(town, visit, how):
    office, other = town.office("stays"), town.office("goes")
    customer, leaving = visit([office], dns=DNS), visit([other], dns=DNS)
    office.connect(), other.connect()
    name = f"{office.peer.name}.{customer.id}.internal"
    served(office, name, "10.0.0.2")
    served(other, f"{other.peer.name}.{leaving.id}.internal", "10.0.0.2")
    pid, gone = service(town, customer)["pid"], service(town, leaving)["pid"]
    town.warren.process.kill(how)
    town.warren.process.wait()
    assert dig(office, name) == ["10.0.0.2"], "it answers without a stackd"
    leaving.dns = None
    town.warren.start()
    netlab.wait_until(lambda: services(town, customer) and service(town, customer)["pid"] == pid, 5, "it is adopted")
    netlab.wait_until(lambda: not runs(gone), 5, "what is not wanted ends")
    time.sleep(1)
    stack = os.readlink(f"/proc/{pid}/ns/net")
    inside = [each for each in filter(str.isdigit, os.listdir("/proc")) if same(each, stack)]
    assert inside == [str(pid)], "there are not two"
    os.kill(pid, signal.SIGKILL)
    netlab.wait_until(lambda: service(town, customer)["pid"] not in (None, pid), 5, "it is watched")
    served(office, name, "10.0.0.2")


def same(pid, namespace):
    try:
        return os.readlink(f"/proc/{pid}/ns/net") == namespace
    except OSError:
        return False


def test_an_orderly_end_of_stackd_ends_services(town, visit):
    office = town.office("ends")
    customer = visit([office], dns=DNS)
    office.connect()
    served(office, f"{office.peer.name}.{customer.id}.internal", "10.0.0.2")
    pid = service(town, customer)["pid"]
    town.warren.process.kill(signal.SIGTERM)
    town.warren.process.wait()
    assert not runs(pid)
    town.warren.start()


def test_a_launcher_starts_services_for_a_stackd_that_cannot_become_others(tmp_path):
    """As systemd does with the package's units; here systemd-socket-activate is the launcher."""
    os.chmod(tmp_path, 0o777)
    for above in (tmp_path.parent, tmp_path.parent.parent):
        os.chmod(above, 0o711)
    with leaves_nothing(lambda lab: Town(lab, name="keeps")) as town:
        town.warren.launcher = str(tmp_path)
        for name in ("vpnd", "authd"):
            listen(town.hub, str(tmp_path), name)
        path = f"{tmp_path}/service.sock"
        launcher = town.hub.start("systemd-socket-activate", "--seqpacket", "--accept", "--listen", path,
                                  f"{town.warren.bin}/stackd", "--accepted", "3", name="launch-service")
        netlab.wait_until(lambda: os.path.exists(path), 5, "the launcher listens")
        town.warren.start()
        office = town.office("kept")
        customer = town.customer([office.peer], "kept", dns=DNS)
        office.connect()
        name = f"{office.peer.name}.{customer.id}.internal"
        served(office, name, "10.0.0.2")
        keeper = service(town, customer)["pid"]
        assert field(keeper, "PPid") == [str(launcher.pid)]
        assert field(keeper, "CapEff") == [f"{1 << 5:016x}"], "the keeper has CAP_KILL alone"
        with open(f"/proc/{keeper}/task/{keeper}/children") as children:
            pid = int(children.read().split()[0])
        assert field(pid, "CapEff") == [f"{1 << 10:016x}"]
        customer.dns = {**DNS, "host": [{"name": "new", "addresses": ["10.42.0.77"]}]}
        town.warren.put(customer)
        served(office, f"new.{customer.id}.internal", "10.42.0.77")
        assert service(town, customer)["pid"] == keeper
        os.kill(keeper, signal.SIGKILL)
        netlab.wait_until(lambda: not runs(pid), 5, "the program ends with its keeper")
        netlab.wait_until(lambda: service(town, customer)["pid"] not in (None, keeper), 5, "another one runs")
        served(office, name, "10.0.0.2")
        # A program that does not end when it is asked to is killed by its keeper, which then has not to be killed.
        keeper = service(town, customer)["pid"]
        with open(f"/proc/{keeper}/task/{keeper}/children") as children:
            pid = int(children.read().split()[0])
        os.kill(pid, signal.SIGSTOP)
        os.kill(keeper, signal.SIGTERM)
        netlab.wait_until(lambda: not runs(pid), 5, "the keeper ends the program")
        netlab.wait_until(lambda: not runs(keeper), 5, "and itself")
        served(office, name, "10.0.0.2")
        town.warren.configure("customer", "--remove", "rm", customer.id)
        del town.warren.customers[customer.id]


def test_an_idle_resolver_is_small(town, visit):
    office = town.office("small")
    customer = visit([office], dns=DNS)
    office.connect()
    served(office, f"{office.peer.name}.{customer.id}.internal", "10.0.0.2")
    shown = service(town, customer)
    print(f"an idle unbound: {shown['memory_bytes'] >> 10} KiB")
    assert shown["memory_bytes"] < 16 << 20


def test_routes_are_exchanged_with_a_router_of_the_lan(town, visit):
    lan = town.lab.namespace("lan-bgp")
    town.lab.wire(lan, "eth0", "10.42.0.254/24", town.hub, "port-bgp", [])
    office = town.office("bgp", networks=["10.43.0.0/16", "10.44.0.0/16"])
    customer = visit([office], handoff={"type": "physical", "parent": "port-bgp", "address": ["10.42.0.1/24"]},
                     bgp={"asn": 65001, "allow_network_admin": True,
                          "neighbour": [{"name": "lan", "address": "10.42.0.254", "asn": 65002,
                                         "import": ["10.0.0.0/8"], "max_prefixes": 5}]})
    office.connect()

    def router(networks):
        conf = town.lab.path("lan-bird.conf")
        with open(conf, "w") as out:
            out.write("router id 10.42.0.254;\nprotocol device {}\nprotocol kernel { ipv4 { export where source = "
                      "RTS_BGP; }; }\nprotocol static mine { ipv4;\n"
                      + "".join(f"  route {network} unreachable;\n" for network in networks) + "}\n"
                      'protocol bgp warren { local 10.42.0.254 as 65002; neighbor 10.42.0.1 as 65001; connect delay '
                      'time 1; ipv4 { import all; export where proto = "mine"; }; }\n')
        return lan.start("bird", "-f", "-c", conf, "-s", town.lab.path("lan-bird.ctl"), name="lan-bird")

    bird = router(["10.50.1.0/24", "192.168.60.0/24", "10.43.0.0/16", "10.44.1.0/24"])

    def routes():
        return town.stack(customer).run("ip", "route").stdout

    netlab.wait_until(lambda: "10.50.1.0/24 via 10.42.0.254" in routes(), 30, "the LAN's network is learned")
    learned = lan.run("ip", "route").stdout
    assert "10.44.0.0/16 via 10.42.0.1" in learned and "10.0.0.2 via 10.42.0.1" in learned, learned
    assert "192.168.60.0" not in routes(), "it is in no list"
    ours = [line for line in routes().splitlines() if line.startswith(("10.43.", "10.44."))]
    assert len(ours) == 2 and all(" dev vpn0 " in line + " " for line in ours), "a tunnel's network stays where it is"
    assert "metric 1024" in next(line for line in routes().splitlines() if line.startswith("10.50.1.0/24"))
    pid = service(town, customer)["pid"]
    assert field(pid, "CapEff") == [f"{1 << 10 | 1 << 12:016x}"], "and no capability but to bind and to route"
    bird.kill()
    netlab.wait_until(lambda: "10.50.1.0" not in routes(), 60, "what it learned goes with the neighbour")
    bird = router([f"10.50.{number}.0/24" for number in range(10)])
    netlab.wait_until(lambda: "receive limit" in town.warren.ctl("log", customer.id).stdout, 120,
                      "it announces too many")
    assert routes().count("10.50.") <= 5, "more than it may announce"
    bird.kill()
