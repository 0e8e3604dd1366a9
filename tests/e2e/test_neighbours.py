"""The kernel's neighbour tables are shared by all network namespaces. One customer that fills its part of them harms no
other customer's LAN and no client on the uplink."""

import random
import socket
import struct
import threading
import time
from ipaddress import ip_address, ip_network

import pytest

from tests.lab import inner, netlab, warren, wireguard_go

ENTRIES = 1024  # of each table, as the kernel has it by default
LAN4, LAN6 = ip_network("10.42.0.0/16"), ip_network("fd00:24::/64")
SITE6 = ip_network("fd00:99::/64")  # behind another peer of the attacker
HOSTS = 6
PACKETS = 6000  # to or from invented neighbours: several times the tables
TABLES = [f"/proc/sys/net/{family}/neigh/default/gc_thresh" for family in ("ipv4", "ipv6")]


@pytest.fixture(autouse=True, scope="module")
def tables_of_the_default_size():
    """The lab's namespaces are not the machine's first one, so Warren cannot raise them: its bounds have to do."""
    before = {path: open(path).read() for table in TABLES for path in (f"{table}{n}" for n in (1, 2, 3))}
    for table in TABLES:
        for n, entries in ((1, ENTRIES // 8), (2, ENTRIES // 2), (3, ENTRIES)):
            with open(f"{table}{n}", "w") as out:
                out.write(str(entries))
    yield
    for path, text in before.items():
        with open(path, "w") as out:
            out.write(text)


class Lan:
    """Hosts of one LAN, all in one namespace; `port` is the hub's end of the cable."""

    def __init__(self, town, name):
        self.ns, self.port = town.lab.namespace(f"lan-{name}"), f"lan-{name}"
        town.lab.wire(self.ns, "eth0", [*(f"{self.host(LAN4, n)}/16" for n in range(HOSTS)),
                                        *(f"{self.host(LAN6, n)}/64" for n in range(HOSTS))], town.hub, self.port, [])
        self.ns.ip("route add default via 10.42.0.1", "route add default via fd00:24::1")
        self.handoff = {"type": "physical", "parent": self.port, "address": ["10.42.0.1/16", "fd00:24::1/64"]}

    @staticmethod
    def host(network, number):
        return str(network[10 + number])


@pytest.fixture(scope="module")
def attacked(town):
    """(attacker's scripted peer, its LAN, the victim's office, its LAN)."""
    bad, good = Lan(town, "bad"), Lan(town, "good")
    raw, entry = town.raw_peer("attacker")
    office = town.office("victim", reach=["10.0.0.0/16", "fd00:42::/64", str(LAN4), str(LAN6)])
    site = warren.Peer("site", wireguard_go.new_key().public, [str(SITE6)])
    attacker = town.customer([entry, site], "attacker", handoff=bad.handoff)
    victim = town.customer([office], "bystander", handoff=good.handoff)
    office.connect()
    # An IPv6 address of the LAN serves when the kernel has made sure that nobody else has it (RFC 4862, section 5.4):
    # up to two seconds after its link came up.
    for network in (LAN4, LAN6):
        for number in range(HOSTS):
            netlab.wait_until(lambda to=good.host(network, number): office.ns.ping(to, timeout=1), what=f"{network}")
    yield raw, bad, office, good
    town.warren.remove(attacker.id, victim.id)


def invented(network, dice):
    return ip_address(int(network[0]) + dice.randrange(1000, min(network.num_addresses, 1 << 32) - 1))


def from_the_tunnel(network):
    """Small UDP packets of a peer to invented hosts of its LAN."""
    source = "10.0.0.9" if network.version == 4 else "fd00:42::9"

    def attack(raw, bad, dice, stop):
        session = raw.handshake()
        raw.confirm(session)
        for number in range(PACKETS):
            if stop.is_set():
                return
            raw.send(session.data(inner.udp(source, str(invented(network, dice)), 9, 9, b"x")))
            if number % 15 == 14:
                time.sleep(0.01)  # 1,500 a second

    return attack


def ethernet(bad, kind, body, dice, to=b"\xff" * 6):
    me = bytes([2, *(dice.randrange(256) for _ in range(5))])
    return to + me + struct.pack("!H", kind) + body(me)


def send_frames(bad, frames, stop):
    with bad.ns.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind(("eth0", 0))
        for number, frame in enumerate(frames):
            if stop.is_set():
                return
            sock.send(frame)
            if number % 15 == 14:
                time.sleep(0.01)


def arp_from_the_lan(raw, bad, dice, stop):
    """ARP requests for the stack's address, with invented senders."""
    def frame():
        sender = invented(LAN4, dice)
        head, stack = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1), ip_address("10.42.0.1").packed
        return ethernet(bad, 0x0806, lambda me: head + me + sender.packed + bytes(6) + stack, dice)
    send_frames(bad, (frame() for _ in range(PACKETS)), stop)


def icmpv6(source, destination, body):
    pseudo = source.packed + destination.packed + struct.pack("!IHBB", len(body), 0, 0, 58)
    body = body[:2] + struct.pack("!H", inner.checksum(pseudo + body)) + body[4:]
    return struct.pack("!IHBB", 6 << 28, len(body), 58, 255) + source.packed + destination.packed + body


def ndp_from_the_lan(kind):
    """Neighbour or router solicitations, or advertisements of routers, with invented senders."""
    def attack(raw, bad, dice, stop):
        stack = ip_address("fd00:24::1")

        def frame():
            def body(me):
                sender = invented(LAN6 if kind == 135 else ip_network("fe80::/64"), dice)
                if kind == 135:
                    message = struct.pack("!BBHI", 135, 0, 0, 0) + stack.packed
                elif kind == 133:
                    message = struct.pack("!BBHI", 133, 0, 0, 0)
                else:
                    message = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
                to = stack if kind == 135 else ip_address("ff02::2" if kind == 133 else "ff02::1")
                return icmpv6(sender, to, message + bytes([1, 1]) + me)
            group = b"\x33\x33" + (b"\xff\0\0\1" if kind == 135 else b"\0\0\0\2" if kind == 133 else b"\0\0\0\1")
            return ethernet(bad, 0x86DD, body, dice, to=group)
        send_frames(bad, (frame() for _ in range(PACKETS)), stop)
    return attack


def pings_from_the_lan(network):
    """Echo requests of invented hosts of the LAN, which the stack itself answers."""
    def attack(raw, bad, dice, stop):
        mac = netlab.run("ip", "-n", "warren-attacker", "-br", "link", "show", "lan0").stdout.split()[2]
        kind = 0x0800 if network.version == 4 else 0x86DD
        stack = "10.42.0.1" if network.version == 4 else "fd00:24::1"
        send_frames(bad, (ethernet(bad, kind, lambda me: inner.echo_request(str(invented(network, dice)), stack), dice,
                                   to=bytes.fromhex(mac.replace(":", ""))) for _ in range(PACKETS)), stop)
    return attack


ATTACKS = {
    "tunnel, IPv4": from_the_tunnel(LAN4), "tunnel, IPv6": from_the_tunnel(LAN6),
    "tunnel to a site, IPv6": from_the_tunnel(SITE6), "LAN, ARP": arp_from_the_lan,
    "LAN, neighbour solicitations": ndp_from_the_lan(135), "LAN, router solicitations": ndp_from_the_lan(133),
    "LAN, router advertisements": ndp_from_the_lan(134), "LAN, pings, IPv4": pings_from_the_lan(LAN4),
    "LAN, pings, IPv6": pings_from_the_lan(LAN6),
}


def neighbours(name):
    """Entries for the LAN, IPv4 and IPv6. (Those for vpn0 can be reclaimed at any time: nothing was resolved.)"""
    shown = [netlab.run("ip", family, "-n", name, "neigh", "show", "dev", "lan0", "nud", "all").stdout
             for family in ("-4", "-6")]
    return [len(text.splitlines()) for text in shown]


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_customer_at_its_bound_harms_no_other(town, attacked, attack):
    raw, bad, office, good = attacked
    dice, stop = random.Random(7), threading.Event()
    attacker = threading.Thread(target=ATTACKS[attack], args=(raw, bad, dice, stop))
    attacker.start()
    try:
        attacker.join(1.5)
        for _ in range(3):
            for space in (town.lab.adopt("warren-bystander"), good.ns):
                for family in ("-4", "-6"):
                    space.run("ip", family, "neigh", "flush", "all", check=False)
            for network in (LAN4, LAN6):
                answers = [office.ns.ping(good.host(network, n), timeout=5) for n in range(HOSTS)]
                assert answers == [True] * HOSTS, (network, answers, neighbours("warren-attacker"))
        # A new client: the hub needs a neighbour entry of the gateway, which was forgotten.
        town.hub.run("ip", "neigh", "flush", "all")
        late = town.office(f"late-{list(ATTACKS).index(attack)}", addresses=["10.0.0.77/32"])
        with town.visiting([late]):
            late.connect(timeout=20)
    finally:
        stop.set()
        attacker.join()
    print("entries of the attacker:", neighbours("warren-attacker"))
    assert max(neighbours("warren-attacker")) <= ENTRIES // 2


def test_no_redirect_is_sent_into_a_tunnel(town, visit):
    """Even if the stack has a link-local address there: from one site to another there is no better way."""
    (one, first), (two, second) = (town.raw_peer(name, addresses=[f"fd00:42::{number}/128"])
                                   for name, number in (("hairpin-one", 8), ("hairpin-two", 7)))
    visit([first, second], addresses=["fd00:42::1/64", "fe80::1/64"])
    sender, receiver = one.handshake(), two.handshake()
    one.confirm(sender)
    two.confirm(receiver)
    one.send(sender.data(inner.udp("fd00:42::8", "fd00:42::7", 9, 9, b"hairpin")))
    assert b"hairpin" in two.receive_inner(receiver)
    answer = inner.echo_request("fd00:42::8", "fd00:42::1")
    one.send(sender.data(answer))
    got = one.receive_inner(sender)  # a redirect would have come first
    assert inner.is_echo_reply(got), got.hex()
