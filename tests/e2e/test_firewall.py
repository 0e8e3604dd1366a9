"""A customer's own firewall and its translations: [firewall] and [nat], by packets of stock clients.

    branch 10.0.0.2 ──┐                        ┌── LAN machine 10.42.0.10
    depot  10.0.0.3 ──┴── stack 10.0.0.1 ──────┘   10.42.0.1
"""

import contextlib
import json
import re
import socket
import struct
import threading

import pytest

from tests.lab import inner, netlab, town as scenery
from tests.lab.capture import Capture

LAN, LAN6 = "10.42.0", "fd00:43:"
HOST, HOST6 = f"{LAN}.10", f"{LAN6}:10"
REACH = ["10.0.0.0/16", f"{LAN}.0/24", "fd00:42::/64", f"{LAN6}:/64"]


class Site:
    """A customer with two offices and a machine on its LAN."""

    def __init__(self, town, name, *, firewall=None, nat=None, lan_routes=True, **more):
        self.town, self.name = town, name
        self.lan = town.lab.namespace(f"lan-{name}")
        port, bridge = f"p-{name}"[:15], f"b-{name}"[:15]
        town.lab.wire(self.lan, "eth0", f"{HOST}/24", town.hub, port, [])
        self.lan.ip(f"addr add {HOST6}/64 dev eth0 nodad")
        if lan_routes:
            self.lan.ip(f"route add default via {LAN}.1", f"route add ::/0 via {LAN6}:1")
        town.lab.bridge(town.hub, bridge)
        town.hub.ip(f"link set dev {port} master {bridge}")
        town.lab.at_end(lambda: town.hub.ip(f"link del dev {bridge}"))
        self.branch = town.office("branch", reach=REACH)
        self.depot = town.office("depot", addresses=("10.0.0.3/32", "fd00:42::3/128"), reach=REACH)
        handoff = {"type": "veth", "parent": bridge, "address": [f"{LAN}.1/24", f"{LAN6}:1/64"]}
        self.customer = town.customer([self.branch, self.depot], handoff=handoff, firewall=firewall, nat=nat, **more)
        for office in (self.branch, self.depot):
            office.connect()
        # Until then the kernel uses another address of the stack (duplicate address detection).
        netlab.wait_until(
            lambda: "tentative" not in self.stack.run("ip", "-6", "addr", "show", "dev", "lan0").stdout, 5)

    @property
    def stack(self):
        return self.town.stack(self.customer)

    def change(self, **more):
        for key, value in more.items():
            setattr(self.customer, key, value)
        return self.town.warren.put(self.customer)

    def rules(self):
        """The rules in force by name, as `vpnctl firewall --json` shows them."""
        shown = self.town.warren.json("firewall", self.customer.id)
        return {rule["name"]: rule for rule in shown["rules"]}

    def entries(self):
        """How many connections the stack tracks."""
        return int(self.stack.run("cat", "/proc/sys/net/netfilter/nf_conntrack_count").stdout)


@pytest.fixture
def site(town):
    made = []

    def make(name, **more):
        made.append(Site(town, name, **more))
        return made[-1]
    yield make
    for one in made:
        if one.customer.id in town.warren.customers:
            town.warren.remove(one.customer.id)


def rule(name, action, **more):
    return {"name": name, "action": action, **more}


class Server:
    """Takes TCP connections at a port and keeps them."""

    def __init__(self, ns, address, port):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.sock = ns.socket(family, socket.SOCK_STREAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind((address, port))
        self.sock.listen(64)
        self.sock.settimeout(20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()


def attempt(ns, address, port, timeout=1):
    """What comes of a TCP connection: "open", "refused", "prohibited" or "silence"."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with ns.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(timeout)
        try:
            sock.connect((address, port))
            return "open"
        except ConnectionRefusedError:
            return "refused"
        except socket.timeout:
            return "silence"
        except OSError:
            return "prohibited"


class Transfer:
    """A TCP connection that carries bytes until it is stopped: from `client` to a server, and an echo back."""

    def __init__(self, client, server, address, port):
        self.done, self.echoed = threading.Event(), 0
        self.near = client.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.near.settimeout(10)
        with Server(server, address, port) as listener:
            self.near.connect((address, port))
            self.far, peer = listener.sock.accept()
        self.seen_from = peer[0]
        self.threads = [threading.Thread(target=self._echo), threading.Thread(target=self._talk)]
        for thread in self.threads:
            thread.start()

    def _echo(self):
        with contextlib.suppress(OSError):
            while data := self.far.recv(65536):
                self.far.sendall(data)

    def _talk(self):
        with contextlib.suppress(OSError):
            while not self.done.is_set():
                self.near.sendall(b"x" * 1000)
                left = 1000
                while left and (data := self.near.recv(left)):
                    left -= len(data)
                self.echoed += 1000 - left

    def goes_on(self):
        before = self.echoed
        netlab.wait_until(lambda: self.echoed > before + 10_000, 10, "the transfer goes on")
        return True

    def stands_still(self):
        """Nothing of it arrives any more: not one byte in the time in which its neighbour carries thousands."""
        before = self.echoed
        return lambda: self.echoed - before

    def stop(self):
        self.done.set()
        for sock in (self.near, self.far):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(20)
        self.near.close()
        self.far.close()


def test_a_customer_without_rules_has_no_connection_tracking(site):
    place = site("plain")
    assert scenery.send_tcp(place.branch.ns, place.lan, HOST, 1 << 20)
    assert place.branch.ping(HOST)
    assert place.entries() == 0
    loaded = place.stack.run("nft", "list", "ruleset").stdout
    assert " ct " not in loaded and "\tct " not in loaded and "counter" not in loaded


def test_the_first_rule_that_matches_decides_in_both_families(site):
    place = site("order", firewall={"default": "drop", "rule": [
        rule("no telnet", "reject", proto="tcp", ports=[23]),
        rule("branch may", "accept", **{"from": ["peer:branch"]}, to=["handoff"], proto="tcp",
             ports=[443, "8000-8010"]),
        rule("depot may not", "drop", **{"from": ["peer:depot"]}),
        rule("LAN may all", "accept", **{"from": ["handoff"]}),
    ]})
    for address in (HOST, HOST6):
        with Server(place.lan, address, 443), Server(place.lan, address, 8005), Server(place.lan, address, 8011), \
                Server(place.lan, address, 23):
            assert attempt(place.branch.ns, address, 443) == "open"
            assert attempt(place.branch.ns, address, 8005) == "open"
            assert attempt(place.branch.ns, address, 8011) == "silence"
            assert attempt(place.branch.ns, address, 23) == "refused"
            assert attempt(place.depot.ns, address, 443) == "silence"
        assert place.branch.ping(address)  # allow_ping
    for address in ("10.0.0.2", "fd00:42::2"):
        with Server(place.branch.ns, address, 7000):
            assert attempt(place.lan, address, 7000) == "open"
            assert attempt(place.depot.ns, address, 7000) == "silence"
    counted = place.rules()
    assert list(counted) == ["ping", "no telnet", "branch may", "depot may not", "LAN may all", "default"]
    assert counted["no telnet"]["packets"] >= 2
    assert counted["depot may not"]["packets"] >= 4
    assert counted["default"]["packets"] >= 2
    assert counted["branch may"]["bytes"] > 0
    assert counted["branch may"]["last_hit_seconds"] is not None


def test_who_is_rejected_is_told(site):
    place = site("told", firewall={"rule": [rule("nobody", "reject", to=["10.42.0.0/24", "fd00:43::/64"])]})
    for address in (HOST, HOST6):
        with Server(place.lan, address, 443):
            assert attempt(place.branch.ns, address, 443) == "refused"
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with place.branch.ns.socket(family) as sock:
            sock.settimeout(0.2)
            sock.connect((address, 9))

            def is_told():
                try:
                    sock.send(b"?")
                    sock.recv(10)
                except socket.timeout:
                    return False
                except OSError as error:
                    return error.errno
            assert netlab.wait_until(is_told, 10)


def test_ping_passes_only_where_it_may(site):
    place = site("ping")
    place.change(firewall={"default": "drop", "allow_ping": False})
    for address in (HOST, HOST6, f"{LAN}.1", "10.0.0.1"):
        assert not place.branch.ping(address, timeout=1, check=False)
    assert not place.lan.ping(f"{LAN}.1", timeout=1, check=False)
    place.change(firewall={"default": "drop"})
    for address in (HOST, HOST6, f"{LAN}.1", "10.0.0.1"):
        assert place.branch.ping(address)


def test_an_answer_to_no_question_is_dropped(site):
    """What conntrack cannot place meets no rule about its connection; without a rule of its own it would pass."""
    place = site("stray", firewall={"rule": [rule("branch may ping only", "drop", **{"from": ["peer:branch"]})]})
    with Capture(place.lan, "eth0", "icmp") as capture, \
            place.branch.ns.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        for kind, number in ((0, 7), (8, 8)):  # an answer, then a question
            packet = struct.pack("!BBHHH", kind, 0, 0, number, 1)
            raw.sendto(packet[:2] + struct.pack("!H", inner.checksum(packet)) + packet[4:], (HOST, 0))
        netlab.wait_until(lambda: capture.packets(), 10, "the question arrives")
    arrived = [packet.ip[20:28] for packet in capture.packets() if packet.source == "10.0.0.2"]
    assert [(data[0], data[5]) for data in arrived] == [(8, 8)]


def test_a_change_ends_what_it_forbids_and_nothing_else(site):
    both = [rule("bulk", "accept", proto="tcp", ports=[5001]), rule("other", "accept", proto="tcp", ports=[5002])]
    place = site("change", firewall={"default": "drop", "rule": both})
    bulk, other = (Transfer(place.branch.ns, place.lan, HOST, port) for port in (5001, 5002))
    try:
        assert bulk.goes_on() and other.goes_on()
        place.change(firewall={"default": "drop", "rule": [{**both[0], "action": "drop"}, both[1]]})
        since = bulk.stands_still()
        assert other.goes_on()
        assert since() == 0
        assert place.rules()["bulk"]["packets"] > 0
        # And in the other direction: what is allowed again goes on.
        place.change(firewall={"default": "drop", "rule": both})
        assert other.goes_on()
    finally:
        bulk.stop()
        other.stop()


def test_what_only_the_server_sends_ends_too(site):
    """A rule is asked about replies as well: a stream that needs no packet of the client's must not outlive it."""
    allowed = {"default": "drop", "rule": [rule("stream", "accept", proto="udp", **{"from": ["peer:branch"]})]}
    place = site("stream", firewall=allowed)
    with place.lan.socket() as server, place.branch.ns.socket() as client:
        server.bind((HOST, 5004))
        server.settimeout(10)
        client.settimeout(0.5)
        client.sendto(b"begin", (HOST, 5004))
        _, peer = server.recvfrom(100)
        server.sendto(b"one", peer)
        assert client.recv(100) == b"one"
        place.change(firewall={"default": "drop", "rule": [{**allowed["rule"][0], "action": "drop"}]})
        server.sendto(b"two", peer)
        netlab.wait_until(lambda: place.rules()["stream"]["packets"] > 0, 10)
        with pytest.raises(socket.timeout):
            client.recv(100)


def test_a_group_changes_in_place(site):
    firewall = {"default": "drop", "rule": [rule("sales", "accept", **{"from": ["group:sales"]}, to=["handoff"])]}
    place = site("group")
    branch, depot = place.customer.peers
    branch.groups, depot.groups = ["sales"], ["sales"]
    place.change(firewall=firewall)
    transfer = Transfer(place.branch.ns, place.lan, HOST, 5001)
    try:
        assert transfer.goes_on()
        with Server(place.lan, HOST, 443):
            assert attempt(place.depot.ns, HOST, 443) == "open"
            handles = place.stack.run("nft", "-a", "list", "chain", "inet", "warren", "rules").stdout.count("handle")
            number = place.rules()["sales"]["packets"]
            depot.groups = []
            said = place.change().stdout
            assert "replace the firewall" not in said and "group.sales.4" in said, said
            assert attempt(place.depot.ns, HOST, 443) == "silence"
            assert transfer.goes_on()
            assert place.rules()["sales"]["packets"] > number
            assert place.stack.run("nft", "-a", "list", "chain", "inet", "warren",
                                   "rules").stdout.count("handle") == handles
    finally:
        transfer.stop()


def test_counters_go_on_when_another_rule_changes(site):
    first = rule("LAN", "accept", **{"from": ["peer:branch"]}, to=["handoff"])
    place = site("count", firewall={"rule": [first]})
    assert place.branch.ping(HOST)
    assert scenery.send_tcp(place.branch.ns, place.lan, HOST, 1 << 20)
    before = place.rules()["LAN"]
    place.change(firewall={"rule": [rule("new", "drop", proto="tcp", ports=[25]), first]})
    after = place.rules()["LAN"]
    assert after["packets"] >= before["packets"] > 0
    assert after["bytes"] >= before["bytes"] > 1 << 20
    assert list(place.rules())[:3] == ["ping", "new", "LAN"]


def test_a_peer_is_what_no_other_peer_is(town):
    """The exit's network is everything, and yet a rule about it does not hold for the others."""
    reach = ["10.0.0.0/16"]
    leave = town.office("exit", addresses=["10.0.0.9/32"], reach=reach)
    leave.peer.allowed_ips = ["10.0.0.9/32", "0.0.0.0/0"]
    branch = town.office("branch", addresses=["10.0.0.2/32"], reach=reach)
    with town.visiting([leave, branch], firewall={
            "default": "drop", "rule": [rule("not by the exit", "drop", **{"from": ["peer:exit"]}),
                                        rule("all", "accept")]}):
        branch.connect()
        netlab.wait_until(lambda: leave.ping("10.0.0.1", timeout=1), 10)
        with Server(leave.ns, "10.0.0.9", 443), Server(branch.ns, "10.0.0.2", 443):
            assert attempt(branch.ns, "10.0.0.9", 443) == "open"
            assert attempt(leave.ns, "10.0.0.2", 443) == "silence"


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_masquerade_hides_the_peers_from_the_lan(site, family):
    """The LAN has no route to the peers."""
    is_v4 = family == "ipv4"
    host, own = (HOST, f"{LAN}.1") if is_v4 else (HOST6, f"{LAN6}:1")
    place = site(f"hide{family}", lan_routes=False,
                 nat={"masquerade" if is_v4 else "masquerade_ipv6": ["handoff"]})
    other = HOST6 if is_v4 else HOST
    with Server(place.lan, host, 443) as server:
        with place.branch.ns.inside(socket.create_connection, (host, 443), 10) as near, server.sock.accept()[0] as far:
            assert far.getpeername()[0] == own
            near.sendall(b"hello")
            assert far.recv(5) == b"hello"
    # NAT66 only where it is asked for, and no NAT of IPv4 then.
    with Server(place.lan, other, 443):
        assert attempt(place.branch.ns, other, 443) == "silence"


def test_a_port_leads_to_a_host_behind_a_tunnel(site):
    place = site("forward", nat={"forward": [
        {"proto": "tcp", "port": 8443, "to": "10.0.0.2:443"},
        {"proto": "tcp", "port": 8443, "to": "[fd00:42::2]:443"},
        {"proto": "udp", "port": 53, "to": "10.0.0.3:5353", "from": "peers"},
    ]}, firewall={"default": "drop"})
    for address, at in (("10.0.0.2", f"{LAN}.1"), ("fd00:42::2", f"{LAN6}:1")):
        with Server(place.branch.ns, address, 443):
            assert attempt(place.lan, at, 8443) == "open"
            assert attempt(place.lan, address, 443) == "silence"  # only by the forward
    with place.depot.ns.socket() as server, place.branch.ns.socket() as client:
        server.bind(("10.0.0.3", 5353))
        server.settimeout(10)
        client.settimeout(10)
        client.sendto(b"?", ("10.0.0.1", 53))
        data, peer = server.recvfrom(10)
        server.sendto(b"!", peer)
        assert client.recvfrom(10) == (b"!", ("10.0.0.1", 53))
    # Rules see the host, and come first.
    place.change(firewall={"default": "drop", "rule": [rule("not there", "reject", to=["10.0.0.2/32"])]})
    with Server(place.branch.ns, "10.0.0.2", 443), Server(place.branch.ns, "fd00:42::2", 443):
        assert attempt(place.lan, f"{LAN}.1", 8443) == "refused"
        assert attempt(place.lan, f"{LAN6}:1", 8443) == "open"


def test_a_customer_has_no_more_connections_than_it_may(site):
    place = site("limit", firewall={"max_connections": 20, "rule": [rule("all", "accept")]})
    neighbour = site("calm", firewall={"max_connections": 20, "rule": [rule("all", "accept")]})
    with place.lan.socket() as server:
        server.bind((HOST, 7))
        server.settimeout(1)
        clients = []
        try:
            for _ in range(60):
                clients.append(place.branch.ns.socket())
                clients[-1].sendto(b"x", (HOST, 7))
            arrived = 0
            with contextlib.suppress(socket.timeout):
                while True:
                    server.recv(10)
                    arrived += 1
        finally:
            for client in clients:
                client.close()
    assert 10 <= arrived <= 20
    assert place.entries() <= 20
    shown = place.town.warren.json("firewall", place.customer.id)
    assert shown["refused"]["packets"] >= 40
    assert shown["connections"] <= 20 and shown["max_connections"] == 20
    text = place.town.warren.ctl("status", place.customer.id, check=False).stdout
    assert "connections" in text and "refused" in text, text
    # Nobody else is affected, and what exists goes on.
    assert neighbour.branch.ping(HOST)
    assert place.town.warren.json("firewall", neighbour.customer.id)["refused"]["packets"] == 0


def test_what_people_add_stays_and_what_they_break_is_mended(site):
    place = site("hands", firewall={"default": "drop", "rule": [
        rule("all", "accept", **{"from": ["peer:branch"]}, to=["handoff"])]})
    place.stack.run("nft", "-f", "-", input="table inet mine { chain own { type filter hook forward priority 10; "
                                            "counter; }; }")
    mine = place.stack.run("nft", "-a", "list", "table", "inet", "mine").stdout.splitlines()[0]
    assert place.branch.ping(HOST)
    before = loaded(place)
    for command in (["flush", "chain", "inet", "warren", "rules"],
                    ["delete", "element", "inet", "warren", "peer.branch.4", "{ 10.0.0.2 }"],
                    ["add", "element", "inet", "warren", "handoff.4", "{ 192.0.2.0/24 }"]):
        place.stack.run("nft", *command)
        netlab.wait_until(lambda: loaded(place) == before, 20, " ".join(command))
    with Server(place.lan, HOST, 443):
        assert attempt(place.branch.ns, HOST, 443) == "open"
        assert attempt(place.depot.ns, HOST, 443) == "silence"
    place.change(firewall={"rule": [rule("other", "drop", proto="udp")]})
    assert place.stack.run("nft", "-a", "list", "table", "inet", "mine").stdout.splitlines()[0] == mine


def loaded(place):
    """The rules, by their comments, and the members of the sets that they name, as nft prints them."""
    listed = [place.stack.run("nft", "list", *what, check=False).stdout
              for what in (["chain", "inet", "warren", "rules"], ["set", "inet", "warren", "peer.branch.4"],
                           ["set", "inet", "warren", "handoff.4"])]
    return [re.findall('comment ".*"', listed[0]), *listed[1:]]


def test_a_restart_of_stackd_resets_nothing(site):
    place = site("again", firewall={"default": "drop", "rule": [rule("all", "accept", **{"from": ["peer:branch"]})]})
    transfer = Transfer(place.branch.ns, place.lan, HOST, 5001)
    try:
        assert transfer.goes_on()
        before = place.rules()["all"]["packets"]
        place.town.warren.kill()
        place.town.warren.start()
        assert transfer.goes_on()
        assert place.rules()["all"]["packets"] > before > 0
    finally:
        transfer.stop()


def test_ten_megabytes_pass_although_nobody_hears_icmp_errors(site):
    """The LAN has 1500, the tunnel 1420, and both ends are deaf to ICMP errors: the segment size must be clamped."""
    place = site("deaf", mtu=1300, firewall={"rule": [rule("all", "accept")]})
    for ns in (place.lan, place.branch.ns):
        ns.run("nft", "-f", "-", input="table inet deaf { chain input { type filter hook input priority 0; "
               "icmp type destination-unreachable drop; icmpv6 type packet-too-big drop; }; }")
    for source, target, address in ((place.lan, place.branch.ns, "10.0.0.2"), (place.branch.ns, place.lan, HOST),
                                    (place.lan, place.branch.ns, "fd00:42::2"), (place.branch.ns, place.lan, HOST6)):
        assert scenery.send_tcp(source, target, address, 10 << 20)


def test_firewall_is_shown_as_text(site):
    place = site("text", firewall={"default": "drop", "rule": [
        rule("branches reach the ERP", "accept", **{"from": ["peer:branch"]}, to=[f"{HOST}/32"], proto="tcp",
             ports=[443])]})
    assert place.branch.ping(HOST)
    text = place.town.warren.ctl("firewall", place.customer.id).stdout
    assert "branches reach the ERP" in text and "peer:branch -> 10.42.0.10/32 tcp 443 accept" in text, text
    document = json.loads(place.town.warren.ctl("--json", "firewall", place.customer.id).stdout)
    assert [entry["name"] for entry in document["rules"]] == ["ping", "branches reach the ERP", "default"]
