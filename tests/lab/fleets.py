"""A fleet in namespaces, for the tests and for `./run --fleet`:

    site (wireguard-go) ---- router (BIRD) ==== backbone ==== vie-1, vie-2, vie-3

Each node is a room of its own with stackd, and what a test starts there: etcd, BIRD, fleetd. The service addresses are
192.0.2.16/28; group 0 has the first of them."""

import os
import shutil
import tempfile

from . import netlab, nodes, warren, wireguard_go

SERVICE = "192.0.2.16"
ROUTER = "10.9.0.254"
STACK = "10.20.0.1"
PORT = 51820
PROGRAMS = ("etcd", "etcdctl", "bird")


def missing():
    """Programs of others that are not installed."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return [program for program in PROGRAMS if not shutil.which(program, path=path)]


class Grouped(warren.Customer):
    """A customer of group 0."""

    def text(self):
        return super().text().replace("schema = 1\n", "schema = 1\ngroup = 0\n", 1)


class Fleet:
    """The router, the site and `count` nodes. `start()` starts stackd on each. `more`: customers, who get a site of
    their own in each, with the same addresses."""

    def __init__(self, lab, count, more=(), groups=1):
        self.lab, self.groups = lab, groups
        self.router = lab.router("router")
        self.site_ns = lab.namespace("site")
        self.backbone = lab.namespace("backbone")
        lab.bridge(self.backbone, "br0")
        self._connect(self.router, "bb0", f"{ROUTER}/24")
        lab.wire(self.router, "site0", "198.51.100.1/30", self.site_ns, "up0", "198.51.100.2/30")
        self.site_ns.ip("route add default via 198.51.100.1")
        self.server, self.key = wireguard_go.new_key(), wireguard_go.new_key()
        self.others = {}  # of customer: its site's namespace and key
        for number, other in enumerate(more, start=1):
            ns = lab.namespace(f"site-{other}")
            lab.wire(self.router, f"site{number}", f"198.51.100.{number * 4 + 1}/30", ns, "up0",
                     f"198.51.100.{number * 4 + 2}/30")
            ns.ip(f"route add default via 198.51.100.{number * 4 + 1}")
            self.others[other] = (ns, wireguard_go.new_key())
        keys = {"acme": self.key, **{other: key for other, (_, key) in self.others.items()}}
        customers = [Grouped(customer, [f"{STACK}/24"], [warren.Peer("site", key.public, ["10.30.0.2/32"])])
                     for customer, key in keys.items()]
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
            self.nodes.append(nodes.Node(lab, room, key=self.server, customers=customers, workers=1))
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
            self.write_settings(node)
            node.start(timeout=120)
        return self

    def write_settings(self, node, more=""):
        os.makedirs(node.config, exist_ok=True)
        with open(f"{node.config}/fleet.toml", "w") as out:
            out.write(f'schema = 1\nnode = "{node.name}"\naddresses = ["192.0.2.16/28"]\n'
                      f'groups = {self.groups}\n'
                      f'uplink = "bird"\nbird_socket = "{node.fleet_dir}/bird.ctl"\n{more}')

    def start_site(self, keepalive=0):
        """A stock client whose endpoint is the service address."""
        self.site = self._client(self.site_ns, self.key, "s0", keepalive)
        for number, (ns, key) in enumerate(self.others.values(), start=1):
            self._client(ns, key, f"s{number}", keepalive)
        return self.site

    def _client(self, ns, key, device, keepalive):
        return wireguard_go.Client(
            ns, f"{self.lab.prefix[-6:]}{device}".replace("-", ""), key, ["10.30.0.2/32"],
            [wireguard_go.Peer(self.server.public, [f"{STACK}/32"], f"{SERVICE}:{PORT}", keepalive=keepalive)]).start()

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


class Cluster:
    """What runs beside stackd. Data of etcd are in memory: a shared disk is slow."""

    def __init__(self, fleet):
        self.fleet = fleet
        self.data = tempfile.mkdtemp(prefix="wfleet-", dir="/dev/shm")
        self.fleet.lab.at_end(lambda: shutil.rmtree(self.data, ignore_errors=True))
        self.fleetds, self.etcds = {}, {}

    def start(self):
        self._start_router()
        for node in self.fleet.nodes:
            self.start_etcd(node)
        for node in self.fleet.nodes:
            self.start_bird(node)
        netlab.wait_until(lambda: self._etcd_is_well(), 60, "etcd has a leader")
        for node in self.fleet.nodes:
            self.start_fleetd(node)
        netlab.wait_until(self.owner, 60, "somebody serves the group")
        return self

    def _start_router(self):
        neighbours = "".join(f"""
protocol bgp n{number} {{
  local as 65000; neighbor {node.room.address} as 65001; bfd on; connect delay time 1; connect retry time 1;
  ipv4 {{ import all; export none; }};
}}""" for number, node in enumerate(self.fleet.nodes))
        config = self.fleet.lab.write("router-bird.conf", f"""
router id {ROUTER};
protocol device {{ scan time 1; }}
protocol kernel {{ ipv4 {{ import none; export all; }}; }}
protocol bfd {{ interface "*" {{ interval 200 ms; multiplier 5; }}; }}{neighbours}
""")
        self.router = self.fleet.router.start("bird", "-f", "-c", config, "-s", f"{self.data}/router.ctl", "-P",
                                              f"{self.data}/router.pid", name="router-bird")

    def start_bird(self, node):
        include = f"{node.fleet_dir}/bird.conf"
        if not os.path.exists(include):
            with open(include, "w") as out:
                out.write("filter warren_ipv4 { reject; }\nfilter warren_ipv6 { reject; }\n")
            os.chmod(include, 0o666)
        config = self.fleet.lab.write(f"{node.name}-bird.conf", f"""
router id {node.room.address};
include "{include}";
protocol device {{ scan time 1; }}
protocol direct warren {{ ipv4 {{ import filter warren_ipv4; }}; interface "warren0"; }}
protocol bfd {{ interface "up0" {{ interval 200 ms; multiplier 5; }}; }}
protocol bgp uplink {{
  local as 65001; neighbor {ROUTER} as 65000; bfd on; connect delay time 1; connect retry time 1;
  ipv4 {{ import none; export where proto = "warren"; next hop self; }};
}}
""", mode=0o644)
        node.bird = node.room.start("bird", "-f", "-g", nodes.GROUP, "-c", config, "-s", f"{node.fleet_dir}/bird.ctl",
                                    "-P", f"{node.fleet_dir}/bird.pid", name=f"{node.name}-bird")

    def start_etcd(self, node):
        members = ",".join(f"{one.name}=http://{one.room.address}:2380" for one in self.fleet.nodes)
        self.etcds[node.name] = node.room.start(
            "etcd", "--name", node.name, "--data-dir", f"{self.data}/{node.name}",
            "--listen-peer-urls", f"http://{node.room.address}:2380",
            "--initial-advertise-peer-urls", f"http://{node.room.address}:2380",
            "--listen-client-urls", "http://127.0.0.1:2379", "--advertise-client-urls", "http://127.0.0.1:2379",
            "--initial-cluster", members, "--initial-cluster-state", "new", "--pre-vote",
            "--heartbeat-interval", "200", "--election-timeout", "1500", "--logger", "zap", "--log-level", "warn",
            name=f"{node.name}-etcd")

    def _etcd_is_well(self):
        node = self.fleet.nodes[0]
        done = node.room.run("env", "ETCDCTL_API=3", "etcdctl", "--endpoints=127.0.0.1:2379", "put", "/well", "1",
                             check=False)
        return done.returncode == 0

    def start_fleetd(self, node):
        socket = node.run_dir + "-fleet"
        os.makedirs(socket, exist_ok=True)
        os.chmod(socket, 0o777)
        self.fleetds[node.name] = node.room.start(
            f"{node.bin}/fleetd", "--config", f"{node.config}/fleet.toml", "--run-dir", node.run_dir, "--state-dir",
            node.fleet_dir, "--socket", f"{socket}/fleetd.sock", "--user", "nobody", name=f"{node.name}-fleetd")

    def owner(self):
        """The node that has the address, if one has."""
        return next((node for node in self.fleet.nodes if SERVICE in node.service_addresses()), None)

    def known_places(self, node):
        done = node.room.run("env", "ETCDCTL_API=3", "etcdctl", "--endpoints=127.0.0.1:2379", "get", "--prefix",
                             "/warren/state/", check=False)
        return done.stdout

    # --- the configuration that the nodes share -----------------------------------------------------------------------

    def share(self):
        """The first node's files become the fleet's, the others join, and all follow."""
        keys = [node.configure("fleet", "key").stdout.strip() for node in self.fleet.nodes]
        for node in self.fleet.nodes:
            self.fleet.write_settings(node, "nodes = [" + ", ".join(f'"{key}"' for key in keys) + "]\n")
        first, *others = self.fleet.nodes
        first.configure("fleet", "init")
        for node in others:
            node.configure("fleet", "join")
        for node in self.fleet.nodes:
            self.follow(node)

    def follow(self, node):
        node.follower = node.room.start(f"{node.bin}/vpnctl", "--run-dir", node.run_dir, "--config", node.config,
                                        "fleet", "follow", name=f"{node.name}-follow")

    def etcdctl(self, node, *command, check=True):
        return node.room.run("env", "ETCDCTL_API=3", "etcdctl", "--endpoints=127.0.0.1:2379", *command,
                             check=check).stdout
