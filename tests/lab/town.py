"""The usual network for tests.

    hub (Warren)  up0 198.51.100.1, .2, 2001:db8:100::1 ──┐
                  up1 192.0.2.1, 2001:db8:200::1 ─────────┤ internet ├── each place: 100.64.N.2, 2001:db8:1:N::2
                                                                     └── nat 100.64.N.2 ── each place: 192.168.M.2
"""

import contextlib
import itertools
import re
import socket
from dataclasses import dataclass

from . import netlab, rawpeer, warren, wireguard_go
from .traffic import SO_RCVBUFFORCE, send_tcp, send_udp  # noqa: F401: tests take them from here

HUB4, HUB4_SECOND, HUB6 = "198.51.100.1", "198.51.100.2", "2001:db8:100::1"
OTHER4, OTHER6 = "192.0.2.1", "2001:db8:200::1"  # the hub's second uplink
PORT = 51820
STACK4, STACK6 = "10.0.0.1", "fd00:42::1"  # the same for every customer, on purpose


def endpoint(address, port=PORT):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


@dataclass
class Place:
    """A namespace with one link to the internet."""

    ns: netlab.Namespace
    number: int
    ipv4: str
    ipv6: str
    router_device: str  # the internet's end of the link


@dataclass(eq=False)
class Office:
    """A place with a stock WireGuard client, and the client's entry in Warren's config."""

    place: Place
    client: wireguard_go.Client
    peer: warren.Peer

    @property
    def ns(self):
        return self.place.ns

    def ping(self, address=STACK4, *options, **more):
        return self.ns.ping(address, *options, **more)

    def connect(self, address=STACK4, timeout=10):
        """Waits until the tunnel carries packets."""
        netlab.wait_until(lambda: self.ping(address, timeout=1), timeout, f"{self.ns.host} reaches {address}")
        return self

    def shown(self):
        """The client's only peer, the hub, in its `wg show`."""
        return next(iter(self.client.show().values()))


# Names are never used twice: wireguard-go's sockets are in one directory, and two towns may exist at a time.
_devices = itertools.count(1)


class Internet:
    """The hub's namespace, with nothing in it, and places that reach it."""

    def __init__(self, lab):
        self.lab, self._numbers = lab, itertools.count(1)
        self.hub, self.internet = lab.namespace("hub"), lab.router("internet")
        for ns in (self.hub, self.internet):
            for scope in ("all", "default"):
                ns.sysctl(f"net.ipv4.conf.{scope}.rp_filter", 0)
        lab.wire(self.hub, "up0", [f"{HUB4}/24", f"{HUB4_SECOND}/24", f"{HUB6}/64"], self.internet, "hub0",
                 ["198.51.100.254/24", "2001:db8:100::fe/64"])
        lab.wire(self.hub, "up1", [f"{OTHER4}/24", f"{OTHER6}/64"], self.internet, "hub1",
                 ["192.0.2.254/24", "2001:db8:200::fe/64"])
        self.hub.ip("route add default via 198.51.100.254", "route add ::/0 via 2001:db8:100::fe")

    def place(self, host, mtu=1500):
        number = next(self._numbers)
        ns = self.lab.namespace(f"{host}-{number}")
        v4, v6 = f"100.{64 + number // 250}.{number % 250}", f"2001:db8:1:{number:x}:"
        device = f"place{number}"
        self.lab.wire(self.internet, device, [f"{v4}.1/24", f"{v6}:1/64"], ns, "wan0", [f"{v4}.2/24", f"{v6}:2/64"],
                      mtu=mtu)
        ns.ip(f"route add default via {v4}.1", f"route add ::/0 via {v6}:1")
        return Place(ns, number, f"{v4}.2", f"{v6}:2", device)

    def nat(self, host):
        """A router at a place of its own, which hides what is behind it. Returns its Nat."""
        outside = self.place(host)
        outside.ns.sysctl("net.ipv4.ip_forward", 1)
        outside.ns.run("nft", "-f", "-", input="table ip hide { chain out { type nat hook postrouting priority srcnat; "
                       'oifname "wan0" masquerade; }; }')
        return Nat(self.lab, outside, self._numbers)


class Nat:
    """`outside` is the place whose address the internet sees."""

    def __init__(self, lab, outside, numbers):
        self.lab, self.outside, self._numbers = lab, outside, numbers

    def place(self, host):
        """A namespace behind the NAT, with IPv4 only."""
        number = next(self._numbers)
        ns, device, v4 = self.lab.namespace(f"{host}-{number}"), f"place{number}", f"192.168.{number % 250}"
        self.lab.wire(self.outside.ns, device, f"{v4}.1/24", ns, "wan0", f"{v4}.2/24")
        ns.ip(f"route add default via {v4}.1")
        return Place(ns, number, f"{v4}.2", "", device)


class Town(Internet):
    """The internet with a Warren at the hub."""

    def __init__(self, lab, name="warren", workers=0):
        super().__init__(lab)
        self._ids = itertools.count(1)
        self.warren = warren.Warren(lab, self.hub, name=name, listen_port=PORT, workers=workers)

    # --- clients ------------------------------------------------------------------------------------------------------

    def office(self, host, addresses=("10.0.0.2/32", "fd00:42::2/128"), networks=(), hub=HUB4, hub_key=None, port=PORT,
               place=None, start=True, peer=None, mtu=1420, listen_port=0, keepalive=0, psk="",
               reach=("10.0.0.0/16", "fd00:42::/64"), **more):
        """A stock client at its own place. `peer`: more fields for Warren's config. With `hub` "", the client has no
        endpoint, so Warren has to initiate."""
        place = place or self.place(host)
        key = wireguard_go.new_key()
        remote = wireguard_go.Peer((hub_key or self.warren.key).public, list(reach),
                                   endpoint=endpoint(hub, port) if hub else "", psk=psk, keepalive=keepalive)
        client = wireguard_go.Client(place.ns, f"wg{next(_devices)}", key, list(addresses), [remote], mtu=mtu,
                                     listen_port=listen_port, **more)
        entry = warren.Peer(host, key.public, [*addresses, *networks], **{"psk": psk, **(peer or {})})
        if start:
            client.start()
        return Office(place, client, entry)

    def raw_peer(self, host, addresses=("10.0.0.9/32", "fd00:42::9/128"), place=None, remote=(HUB4, PORT), hub_key=None,
                 psk=""):
        """(RawPeer, warren.Peer): a scripted peer at `place`, and Warren's entry for it."""
        place = place or self.place(host)
        key = wireguard_go.new_key()
        sock = place.ns.socket(socket.AF_INET6 if ":" in remote[0] else socket.AF_INET)
        sock.bind((place.ipv6 if ":" in remote[0] else place.ipv4, 0))
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        self.lab.at_end(sock.close)
        raw = rawpeer.RawPeer(key.private, (hub_key or self.warren.key).public, sock, remote, psk)
        raw.place, raw.key = place, key
        return raw, warren.Peer(host, key.public, list(addresses), psk=psk)

    def new_id(self, word="customer"):
        return f"{word}-{next(self._ids)}"

    def customer(self, peers, id_=None, **more):
        """Adds and applies a customer whose stack has the usual addresses. `peers` are Offices or warren.Peers. Returns
        the Customer."""
        peers = [peer.peer if isinstance(peer, Office) else peer for peer in peers]
        customer = warren.Customer(id_ or self.new_id(), more.pop("addresses", [f"{STACK4}/24", f"{STACK6}/64"]), peers,
                                   **more)
        self.warren.put(customer)
        return customer

    @contextlib.contextmanager
    def visiting(self, peers, id_=None, **more):
        """A customer for the duration of a `with`; yields its Customer."""
        customer = self.customer(peers, id_, **more)
        try:
            yield customer
        finally:
            if customer.id in self.warren.customers:
                self.warren.remove(customer.id)

    def stack(self, customer):
        return self.warren.stack(customer.id)


# --- traffic ----------------------------------------------------------------------------------------------------------


class Pinging:
    """A steady stream of pings beside the test. After stop(), lost() returns how many had no reply."""

    def __init__(self, ns, address, interval=0.01):
        self.process = ns.start("ping", "-n", "-i", interval, "-W", 2, address, name=f"{ns.host}-ping")
        netlab.wait_until(lambda: "icmp_seq" in self.process.output() or not self.process.running(), 5,
                          "first ping is answered")

    def stop(self):
        """(sent, received). Waits for late replies; duplicate replies count once."""
        self.process.kill(2)
        self.process.wait()
        output = self.process.output()
        sent = int(re.search(r"(\d+) packets transmitted", output).group(1))
        return sent, len(set(re.findall(r"icmp_seq=(\d+) ttl", output)))

    def lost(self):
        """How many before the last answered one had no reply, once a few more are answered."""
        answered = self._answered
        last = max(answered(), default=0)
        netlab.wait_until(lambda: max(answered(), default=0) > last + 2 or not self.process.running(), 10,
                          "pings are still answered")
        self.stop()
        return max(answered()) - len(answered())

    def _answered(self):
        return {int(number) for number in re.findall(r"icmp_seq=(\d+) ttl", self.process.output())}
