"""Warren and the kernel's WireGuard as the hub of one stock client, which is also the kernel's WireGuard: bulk TCP
segments at a fixed rate, in and out.

The cost is the time in which a core was not idle, because the kernel's work is charged to any process. Inwards, the
part of the client and the generator is measured alone, with the same packets dropped at the hub's first rule, and
subtracted (`cpu_s_gb`); `whole_cpu_s_gb` includes it. Outwards, the packets are dropped in front of the client, so the
figure includes the generator only, the same for both hubs."""

import time

from bench import blocks, cost, generator, hubs, sink
from bench.scenarios import delivery
from tests.lab import netlab, wireguard_go

SITE = hubs.peer_address(0)
RATE = 5000  # segments a second: both hubs keep up in an emulated machine, and nothing waits in a queue
SIZE, TRAIN = 1420, 44
NAP_US = 2000
WAYS = ("in", "out")


class Door:
    """While it is entered, the namespace's first rule counts and drops UDP to these ports."""

    def __init__(self, ns, ports):
        self.ns, self.ports = ns, ports

    def __enter__(self):
        self.ns.run("nft", "-f", "-", input="table ip shut { chain sink { type filter hook prerouting priority raw; "
                    f"udp dport {{ {', '.join(map(str, self.ports))} }} counter drop; }}; }}\n")
        return self

    def arrived(self):
        words = self.ns.run("nft", "list", "chain", "ip", "shut", "sink").stdout.split()
        return int(words[words.index("packets") + 1])

    def __exit__(self, *error):
        self.ns.run("nft", "delete", "table", "ip", "shut")


def run(stage, table, options):
    with stage() as lineup:
        made = [with_site(lineup, name, number) for number, name in enumerate(("warren", "kernel"))]
        # The library and instructions that Warren uses.
        table.facts["encryption"] = made[0].warren.status()["encryption"]
        netlab.wait_until(is_idle, 120, "the machine is idle: other work would be counted too")
        for hub in blocks.turns(made, options.rounds):
            for way in WAYS:
                measure(table, hub, way, options.seconds)


def with_site(lineup, name, number):
    """The hub, a site with the kernel's client, and a generator that puts packets into either end of the tunnel."""
    site, hub_side = lineup.field.site(number)
    key = wireguard_go.new_key()
    hub = lineup.hub(name, peers=1, public_keys=[key.public]).start()
    peer = wireguard_go.Peer(hub.key.public, [f"{hubs.STACK}/32"], f"{hub_side}:{hub.port}")
    configuration = lineup.lab.write(f"site-{name}.conf",
                                     f"[Interface]\nPrivateKey = {key.private}\nListenPort = 51900\n{peer.text()}")
    device = f"wgsite{number}"
    site.ip(f"link add {device} type wireguard", f"addr add {SITE}/32 dev {device}")
    site.run("wg", "setconf", device, configuration)
    site.ip(f"link set {device} mtu 1420 up", f"route add {hubs.STACK}/32 dev {device}")
    hub.site, hub.site_tunnel, hub.is_played = site, device, False
    netlab.wait_until(lambda: site.ping(hubs.STACK), 60, f"the tunnel of {name} is up")
    hub.lay_sinks()
    hub.generator = generator.Generator(site, lineup.tools.wgblast, lineup.field.generator_core)
    return hub


def is_idle():
    _, spent = cost.busy_seconds(lambda: time.sleep(1))
    return spent < 0.03


def measure(table, hub, way, seconds):
    if way == "out":
        with Door(hub.site, [51900]) as door:
            spent, payload = offered(hub, way, seconds, door.arrived)
        table.add("bulk out", hub.name, cpu_s_gb=spent / payload * 1e9)
        return
    with Door(hub.field.uplink, [hub.port]) as door:
        client, sent = offered(hub, way, seconds, door.arrived)
    spent, payload = offered(hub, way, seconds, lambda: segments_in(hub))
    whole, without_hub = spent / payload * 1e9, client / sent * 1e9
    table.add("bulk in", hub.name, cpu_s_gb=whole - without_hub, whole_cpu_s_gb=whole, client_cpu_s_gb=without_hub)


def offered(hub, way, seconds, count):
    """(busy seconds, bytes of payload) of one block. The other end has to count all packets that were sent."""
    inject = {"transport": "tcp", "sizes": [SIZE], "flows": 1, "peers": 1, "train": TRAIN, "rate": RATE, "window": 0,
              **hub.ends(way), "network_namespace": (hub.site if way == "in" else hub.stacks()[0]).path,
              "to_peers": False}
    before = count()
    answer, spent = cost.busy_seconds(lambda: hub.generator.run(seconds, nap_us=NAP_US, inject=[inject]))
    sent, arrived = answer["inject"][0]["sent_packets"], count() - before
    if not 0.995 * sent <= arrived <= 1.005 * sent + 10:
        raise RuntimeError(f"{hub.name}, {way}: {sent} segments were sent and {arrived:.0f} arrived")
    return spent, sent * (SIZE - delivery.HEADERS["tcp"])


def segments_in(hub):
    """TCP segments that reached the stack, counted singly even if they were joined."""
    packets, size = sink.arrived(hub.stacks()[0])
    return (size - packets * delivery.HEADERS["tcp"]) / (SIZE - delivery.HEADERS["tcp"])
