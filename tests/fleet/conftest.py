"""Shared by the tests of a fleet:

    site (wireguard-go) ---- router (BIRD) ==== backbone ==== vie-1, vie-2, vie-3

Each node is a room of its own with stackd, and what a test starts there: etcd, BIRD, fleetd. The service addresses are
192.0.2.16/28; group 0 has the first of them. All are skipped, with the reason, where etcd or BIRD is missing."""

import os
import shutil

import pytest

from tests.lab import netlab, nodes, warren, wireguard_go

SERVICE = "192.0.2.16"
ROUTER = "10.9.0.254"
STACK = "10.20.0.1"
PORT = 51820


def need(*programs):
    for program in programs:
        if not any(shutil.which(program, path=path) for path in (os.environ.get("PATH"), "/usr/sbin:/sbin")):
            pytest.skip(f"{program} is not installed (tools/setup fleet)")


class Grouped(warren.Customer):
    """A customer of group 0."""

    def text(self):
        return super().text().replace("schema = 1\n", "schema = 1\ngroup = 0\n", 1)


class Fleet:
    """The router, the site and `count` nodes. `start()` starts stackd on each."""

    def __init__(self, lab, count):
        self.lab = lab
        self.router = lab.router("router")
        self.site_ns = lab.namespace("site")
        self.backbone = lab.namespace("backbone")
        lab.bridge(self.backbone, "br0")
        self._connect(self.router, "bb0", f"{ROUTER}/24")
        lab.wire(self.router, "site0", "198.51.100.1/24", self.site_ns, "up0", "198.51.100.2/24")
        self.site_ns.ip("route add default via 198.51.100.1")
        self.server, self.key = wireguard_go.new_key(), wireguard_go.new_key()
        customer = Grouped("acme", [f"{STACK}/24"],
                           [warren.Peer("site", self.key.public, ["10.30.0.2/32"])])
        self.nodes = []
        for number in range(1, count + 1):
            name = lab.prefix + f"vie-{number}"
            netlab.run("ip", "netns", "add", name)
            room = lab.namespaces[name] = nodes.Room(lab, f"vie-{number}", name)
            room.ip("link set lo up")
            room.address = f"10.9.0.{number}"
            self._connect(room, "up0", f"{room.address}/24")
            room.ip(f"route add default via {ROUTER}")
            room.furnish()
            self.nodes.append(nodes.Node(lab, room, key=self.server, customers=[customer], workers=1))
        self.site = None

    def _connect(self, ns, device, address):
        port = f"p-{ns.host}"
        netlab.run("ip", "link", "add", "name", device, "netns", ns.name, "type", "veth", "peer", "name", port, "netns",
                   self.backbone.name)
        netlab.run("ip", "-n", ns.name, "addr", "add", address, "dev", device)
        netlab.run("ip", "-n", ns.name, "link", "set", device, "up")
        self.backbone.ip(f"link set {port} master br0 up")

    def node(self, name):
        return next(node for node in self.nodes if node.name == name)

    def start(self):
        for node in self.nodes:
            os.makedirs(node.config, exist_ok=True)
            with open(f"{node.config}/fleet.toml", "w") as out:
                out.write(f'schema = 1\nnode = "{node.name}"\naddresses = ["192.0.2.16/28"]\ngroups = 1\n'
                          f'uplink = "bird"\nbird_socket = "{node.files}/bird.ctl"\n')
            node.start(timeout=120)
        return self

    def start_site(self, keepalive=0):
        """A stock client whose endpoint is the service address."""
        self.site = wireguard_go.Client(
            self.site_ns, f"{self.lab.prefix[-6:]}s0".replace("-", ""), self.key, ["10.30.0.2/32"],
            [wireguard_go.Peer(self.server.public, [f"{STACK}/32"], f"{SERVICE}:{PORT}", keepalive=keepalive)]).start()
        return self.site

    def endpoint(self):
        """Where the site sends to."""
        return self.site.show()[self.server.public].endpoint

    def route_to(self, node):
        """By hand, where no BIRD runs."""
        self.router.ip(f"route replace {SERVICE}/32 via {node.room.address}")

    def cut(self, node):
        """Nothing leaves the node or reaches it any more."""
        self.backbone.ip(f"link set p-{node.name} down")

    def power_off(self, node):
        """Its packets are lost first, so that no connection is reset."""
        self.cut(node)
        node.process = None
        node.room.end()


@pytest.fixture
def make_fleet():
    with netlab.Lab() as lab:
        yield lambda count: Fleet(lab, count)
