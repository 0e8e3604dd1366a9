"""Firewall rules with `log` tell of packets in their customer's log, and in nobody else's."""

import re
import time

from tests.lab import netlab
from tests.lab.town import STACK4

RULE = {"name": "no web", "from": ["any"], "to": ["any"], "proto": "tcp", "ports": [80], "action": "drop", "log": True}


def try_tcp(office, address, port, count=1):
    for _ in range(count):
        office.ns.run("timeout", "0.2", "bash", "-c", f"exec 3<>/dev/tcp/{address}/{port}", check=False)


def log_of(town, customer, *options):
    return town.warren.ctl("log", customer.id, *options).stdout


def sites(town, visit, rule):
    """Two peers of one customer: packets between them pass its firewall."""
    one, two = town.office("one"), town.office("two", addresses=["10.0.0.3/32"])
    customer = visit([one, two], firewall={"rule": [rule]} if rule else None)
    return one.connect(), two.connect(), customer


def test_a_rule_with_log_tells_of_its_packets_and_of_no_others(town, visit):
    one, _, customer = sites(town, visit, RULE)
    assert log_of(town, customer) == ""
    try_tcp(one, "10.0.0.3", 81)
    try_tcp(one, "10.0.0.3", 80)
    text = netlab.wait_until(lambda: log_of(town, customer), 5, "the packet is told of")
    assert re.search(r'^20\S+Z rule "no web" vpn0 -> vpn0: tcp 10\.0\.0\.2:\d+ -> 10\.0\.0\.3:80$', text, re.M), text
    assert ":81" not in text
    assert one.ping("10.0.0.3"), "what the rule does not say passes"
    assert "no web" in town.warren.ctl("firewall", customer.id).stdout


def test_a_rule_that_accepts_tells_of_the_first_packet_only(town, visit):
    rule = {**RULE, "name": "ssh", "ports": [22], "action": "accept"}
    one, two, customer = sites(town, visit, rule)
    server = two.ns.start("python3", "-c",
                          "import socket; s = socket.create_server(('10.0.0.3', 22)); c, _ = s.accept()\n"
                          "while c.recv(9): c.send(b'x')", name="server")
    netlab.wait_until(lambda: ":22" in two.ns.run("ss", "-Hltn").stdout, 5, "the server listens")
    one.ns.run("python3", "-c", "import socket; s = socket.create_connection(('10.0.0.3', 22), 5)\n"
               "for _ in range(20): s.send(b'y'); s.recv(1)")
    netlab.wait_until(lambda: log_of(town, customer), 5, "the connection is told of")
    time.sleep(0.5)
    assert log_of(town, customer).count("\n") == 1
    server.kill()


def test_a_flood_fills_its_own_log_only_and_is_bounded(town, visit):
    one, _, noisy = sites(town, visit, {**RULE, "proto": "udp", "ports": [9]})
    calm_one = town.office("calm-one")
    calm_two = town.office("calm-two", addresses=["10.0.0.3/32"])
    calm = visit([calm_one, calm_two], firewall={"rule": [RULE]})
    calm_one.connect(), calm_two.connect()
    one.ns.run("python3", "-c", "import socket, time\n"
               "end = time.time() + 3\n"
               "while time.time() < end:\n"
               "    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
               "    s.sendto(b'x', ('10.0.0.3', 9)); s.close()")
    try_tcp(calm_one, "10.0.0.3", 80)
    netlab.wait_until(lambda: "no web" in log_of(town, calm), 5, "the calm one's packet is told of")
    assert "udp" not in log_of(town, calm)
    lines = log_of(town, noisy).count("\n")
    assert 10 <= lines <= 80, "10 in a second, and 20 at once"
    assert log_of(town, noisy, "-n", "3").count("\n") == 3


def test_following_prints_what_comes(town, visit):
    one, _, customer = sites(town, visit, RULE)
    following = town.warren.uplink.start(f"{town.warren.bin}/vpnctl", "--run-dir", town.warren.run_dir, "log",
                                         customer.id, "-f", name="vpnctl-log")
    time.sleep(0.5)
    try_tcp(one, "10.0.0.3", 80)
    netlab.wait_until(lambda: "no web" in following.output(), 5, "the packet is printed")
    following.kill()


def test_a_customer_without_a_log_is_not_listened_to_and_an_apply_ends_one(town, visit):
    one, _, customer = sites(town, visit, RULE)

    def listeners():
        done = town.stack(customer).run("cat", "/proc/net/netfilter/nfnetlink_log", check=False).stdout
        return [line for line in done.splitlines() if line.split()]

    assert netlab.wait_until(listeners, 5, "stackd listens")
    customer.firewall = None
    town.warren.put(customer)
    netlab.wait_until(lambda: not listeners(), 5, "nobody listens any more")
    unknown = town.warren.ctl("log", "nobody", check=False)
    assert unknown.returncode == 4 and "there is no customer nobody" in unknown.stderr
    assert town.warren.ctl("log", "No Body", check=False).returncode == 2
    assert one.ping(STACK4)
