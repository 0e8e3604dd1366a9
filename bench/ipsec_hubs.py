"""The hubs of IPsec that are compared, both played by wgblast: ESP with AES-128-GCM in UDP, preshared keys."""

import os

from bench import field as fields
from bench import generator, hubs
from tests.lab import connection, netlab, strongswan, warren

PSK = "a preshared key of the benchmark"
EVERYTHING = "10.0.0.0/8"
PEER, HUB = "p{}.bench.example", "c{}.bench.example"  # as bench/wgblast/ike_handshake.cc has them
SIZE = 1380  # of inner packets: what fits ESP in UDP at every hub


class IpsecHub(hubs.Hub):
    """What both have: wgblast speaks IPsec to them."""

    def connect(self, sockets=None, sources=1):
        count = self.customers * self.peers
        self.generator = generator.Generator(
            self.field.field, self.tools.wgblast, self.field.generator_core, seed=hubs.SEED, peers=count,
            peers_per_customer=self.peers, protocol="ipsec", psk=PSK, hub=f"{fields.UPLINK}:{self.port}",
            sockets=sockets or min(count, 4096), first_source=fields.FIRST_SOURCE, sources=sources)
        return self


class WarrenIpsec(IpsecHub, hubs.Warren):
    """stackd, vpnd and authd, with connections instead of peers."""

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, tag="i", port=51824, name="warren ipsec", public_keys=["unused"], **more)
        self.wireguard_port, self.port = self.port, 4500

    def start(self, status_listen=None):
        customers = []
        for number in range(self.customers):
            places = [(place, number * self.peers + place) for place in range(self.peers)]
            connections = [connection.Connection(
                f"p{place}", PEER.format(peer), PSK, more={"esp": ["aes128gcm"]},
                children=[connection.Child("all", [EVERYTHING], [f"{hubs.peer_address(place)}/32"])])
                for place, peer in places]
            customers.append(warren.Customer(f"{self.tag}{number}", [f"{hubs.STACK}/32"],
                                             ipsec=connection.Ipsec(HUB.format(number), connections)))
        self.warren = hubs.PinnedWarren(self.field.lab, self.field.uplink, name=f"hub-{self.tag}", key=self.key,
                                        listen_port=self.wireguard_port, customers=customers)
        self.warren.ipsec = {}
        self.warren.pin, self.warren.status_listen = self.pin(), status_listen
        self.warren.start(timeout=300)
        self.vpnd = next(pid for pid in self.warren.children("vpnd")
                         if hubs.parent_of(pid) == self.warren.process.pid)
        return self


class Strongswan(IpsecHub):
    """charon with ESP in user space (kernel-libipsec); its TUN is moved into a stack, as with wireguard-go."""

    tunnel, port, ike_port = strongswan.DEVICE, 5501, 5500

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, public_keys=["unused"], **more)
        self.name = "strongswan"

    def start(self):
        uplink, count = self.field.uplink, self.customers * self.peers
        self.stack = self.field.lab.router("strongswan-stack")
        connections = [strongswan.Connection(
            f"p{peer}", local_id=HUB.format(peer // self.peers), remote_id=PEER.format(peer),
            children=[strongswan.Child("all", [EVERYTHING], [f"{hubs.peer_address(peer % self.peers)}/32"])])
            for peer in range(count)]
        self.charon = strongswan.Charon(uplink, connections, [strongswan.psk(PSK)], settings={
            "port": self.ike_port, "port_nat_t": self.port, "install_routes": False})
        self.charon.start()
        for task in os.listdir(f"/proc/{self.charon.process.pid}/task"):
            if self.pinned:
                os.sched_setaffinity(int(task), {self.field.hub_core})
        uplink.ip(f"link set {self.tunnel} netns {self.stack.name}")
        self.stack.ip(f"addr add {hubs.STACK}/32 dev {self.tunnel}", f"link set {self.tunnel} mtu 1400 up",
                      f"route add {EVERYTHING} dev {self.tunnel}")
        netlab.wait_until(lambda: self.charon.running(), 5, "charon runs")
        return self

    def pids(self):
        return [self.charon.process.pid]

    def stacks(self):
        return [self.stack]
