"""The hubs that are compared. Each serves `customers` customers of `peers` peers, all played by one generator."""

import os

from bench import field as fields
from bench import generator, sink
from tests.lab import netlab, warren, wireguard_go

SEED = "warren bench"
STACK = "10.0.0.1"


def peer_address(place):
    """As bench/wgblast/roster.h has it."""
    number = (10 << 24) + 0x100 + place
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))


class Hub:
    """What all hubs have: a key, a port, the peers' keys, a stack for each customer, and a generator after
    `connect`."""

    name = ""
    is_played = True  # wgblast plays its peers; otherwise a client program in `site` does

    def __init__(self, field, tools, customers=1, peers=2, public_keys=None, pinned=True):
        """`public_keys`: keys of peers that wgblast does not play. `pinned`: it runs on the hub's core only."""
        self.field, self.tools, self.customers, self.peers, self.pinned = field, tools, customers, peers, pinned
        self.key = wireguard_go.new_key()
        self.public_keys = public_keys or generator.public_keys(tools.wgblast, SEED, customers * peers)
        self.generator = None

    def connect(self, sockets=None, sources=1):
        count = self.customers * self.peers
        self.generator = generator.Generator(
            self.field.field, self.tools.wgblast, self.field.generator_core, seed=SEED, peers=count,
            peers_per_customer=self.peers, hub=f"{fields.UPLINK}:{self.port}", hub_key=self.key.public,
            sockets=sockets or min(count, 4096), first_source=fields.FIRST_SOURCE, sources=sources)
        return self

    def lay_sinks(self):
        for stack in self.stacks():
            sink.lay(stack, STACK)
        return self

    def ends(self, way):
        """For a hub with a real site: the device that a packet enters, its source and its destination."""
        if way == "in":
            return {"device": self.site_tunnel, "source": peer_address(0), "destination": STACK}
        return {"device": self.tunnel, "source": STACK, "destination": peer_address(0)}

    def measured_pids(self):
        return self.pids() + self.field.poll_threads()

    def pin(self):
        return ["taskset", "-c", str(self.field.hub_core)] if self.pinned else []


class PinnedWarren(warren.Warren):
    """Warren on one core."""

    pin = ()

    def stackd(self, *options):
        return [*self.pin, *super().stackd(*options)]


class Warren(Hub):
    """stackd and vpnd."""

    tunnel = "vpn0"

    def __init__(self, *arguments, tag="c", port=51820, name="warren", programs=None, **more):
        """`tag`: the prefix of its customers' names. Each of several Warrens in one field needs its own tag and
        port. `programs`: the directory of stackd, vpnd and vpnctl, when it is another build's."""
        super().__init__(*arguments, **more)
        self.tag, self.port, self.name, self.programs = tag, port, name, programs

    def start(self, status_listen=None):
        each = [[warren.Peer(f"p{place}", self.public_keys[number * self.peers + place], [f"{peer_address(place)}/32"])
                 for place in range(self.peers)] for number in range(self.customers)]
        customers = [warren.Customer(f"{self.tag}{number}", [f"{STACK}/32"], peers)
                     for number, peers in enumerate(each)]
        self.warren = PinnedWarren(self.field.lab, self.field.uplink, name=f"hub-{self.tag}", key=self.key,
                                   listen_port=self.port, customers=customers)
        self.warren.pin, self.warren.status_listen = self.pin(), status_listen
        self.warren.bin = self.programs or self.warren.bin
        self.warren.start(timeout=300)
        self.vpnd = next(pid for pid in self.warren.children("vpnd") if parent_of(pid) == self.warren.process.pid)
        return self

    def pids(self):
        return [self.warren.process.pid, self.vpnd]

    def received(self):
        """Data messages received for all customers so far, by the hub's own counters."""
        return sum(customer["rx_packets"] for customer in self.warren.status()["customers"])

    def stacks(self):
        return [self.warren.stack(f"{self.tag}{number}") for number in range(self.customers)]


class WireguardGo(Hub):
    """wireguard-go, with its TUN moved into a stack. Several customers share one process and one stack ("one
    device")."""

    program = None

    def __init__(self, *arguments, name="wireguard-go", program=None, port=51821, **more):
        super().__init__(*arguments, **more)
        self.name, self.program, self.port = name, program, port
        self.tunnel = f"wgb{port % 100}"

    def start(self):
        uplink = self.field.uplink
        self._make_stack()
        self.process = uplink.start(*self.pin(), self.program, "-f", self.tunnel, name=f"hub-{self.name}",
                                    env={"WG_PROCESS_FOREGROUND": "1", "LOG_LEVEL": "error"})
        netlab.wait_until(lambda: uplink.run("wg", "show", self.tunnel, check=False).returncode == 0, 10,
                          f"{self.name} answers")
        return self._configure()

    def _make_stack(self):
        self.stack = self.field.lab.router(f"{self.name}-stack")
        for scope in ("all", "default"):
            self.stack.sysctl(f"net.ipv4.conf.{scope}.send_redirects", 0)  # like Warren's stacks

    def _configure(self):
        """Sets keys and peers, then moves the TUN into the stack; the socket stays in the uplink."""
        uplink = self.field.uplink
        lines = ["[Interface]", f"PrivateKey = {self.key.private}", f"ListenPort = {self.port}"]
        for place, public in enumerate(self.public_keys):
            lines += ["[Peer]", f"PublicKey = {public}", f"AllowedIPs = {peer_address(place)}/32"]
        uplink.run("wg", "setconf", self.tunnel, self.field.lab.write(f"{self.tunnel}.conf", "\n".join(lines) + "\n"))
        return self._move()

    def _move(self):
        """The device into the stack."""
        self.field.uplink.ip(f"link set {self.tunnel} netns {self.stack.name}")
        self.stack.ip(f"addr add {STACK}/32 dev {self.tunnel}", f"link set {self.tunnel} mtu 1420 up",
                      f"route add 10.0.0.0/8 dev {self.tunnel}")
        return self

    def pids(self):
        return [self.process.pid]

    def stacks(self):
        return [self.stack]


class KernelWireguard(WireguardGo):
    """The kernel's WireGuard, set up like wireguard-go. It has no process."""

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, name="kernel", port=51823, **more)

    def start(self):
        self._make_stack()
        self.field.uplink.ip(f"link add {self.tunnel} type wireguard")
        return self._configure()

    def pids(self):
        return []


class Bare(WireguardGo):
    """bench-bare, the limit: receive, open, write; read, seal, send; for one peer."""

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, name="bare", port=51824, **more)

    def start(self):
        uplink = self.field.uplink
        self._make_stack()
        key = self.field.lab.write(f"{self.tunnel}.key", self.key.private + "\n")
        self.process = uplink.start(*self.pin(), self.tools.bare, self.port, self.tunnel, key, name="hub-bare")
        netlab.wait_until(lambda: self.tunnel in uplink.devices(), 10, "bench-bare has its device")
        return self._move()


def parent_of(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return int(stat.read().rpartition(")")[2].split()[1])


class Tools:
    """Paths of the programs."""

    def __init__(self, root):
        self.root = root
        built = warren.programs()
        self.wgblast, self.aead, self.bare = (os.path.join(built, name)
                                              for name in ("wgblast", "bench-aead", "bench-bare"))
        self.peers = os.path.join(root, "build/peers")

    def wireguard_go(self, suite="bookworm-backports"):
        done = netlab.run(os.path.join(self.root, "bench/fetch-wireguard-go"), self.peers, suite, timeout=180)
        return done.stdout.strip()
