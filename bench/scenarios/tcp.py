"""Real TCP, to check S1: iperf3 through wireguard-go 0.0.20231211 at the sites. Nothing is pinned; only the hub
changes."""

import json

from bench import blocks, hubs
from tests.lab import netlab, wireguard_go

STACK = hubs.STACK


def run(stage, table, options):
    with stage() as lineup:
        seconds = max(1, round(options.seconds))
        sites = [lineup.field.site(number) for number in (1, 2)]
        keys = [wireguard_go.new_key() for _ in sites]
        lineup_hubs = [lineup.hub(name, public_keys=[key.public for key in keys], pinned=False).start()
                       for name in lineup.names]
        program = lineup.tools.wireguard_go()
        for turn, hub in enumerate(blocks.turns(lineup_hubs, options.rounds)):
            clients = start_clients(hub, sites, keys, program, turn)
            first, second = (site for site, _ in sites)
            ends = {"in": (hub.stacks()[0], first, STACK), "out": (first, hub.stacks()[0], hubs.peer_address(0)),
                    "through": (second, first, hubs.peer_address(1))}
            for way, (server, client, address) in ends.items():
                received, cost = blocks.measured(hub, lambda: iperf(server, client, address, seconds))
                table.add(f"iperf3 {way}", hub.name, cost, cpu_s_gb=cost.threads / (received / 1e9),
                          gbit_s=received * 8 / seconds / 1e9)
            for client in clients:
                client.stop()


def start_clients(hub, sites, keys, program, turn):
    """Starts a tunnel from each site to the hub."""
    clients = []
    for number, (site, hub_side) in enumerate(sites):
        peer = wireguard_go.Peer(hub.key.public, ["10.0.0.0/16"], f"{hub_side}:{hub.port}", keepalive=5)
        client = wireguard_go.Client(site, f"wgs{turn % 100}{number}", keys[number],
                                     [f"{hubs.peer_address(number)}/32"], [peer], program=program)
        clients.append(client.start())
    for site, _ in sites:
        netlab.wait_until(lambda: site.ping(STACK), 15, "the tunnel is up")
    return clients


def iperf(server_ns, client_ns, address, seconds):
    """Bytes that arrived at the server in `seconds`, a whole number."""
    server = server_ns.start("iperf3", "-s", "-1", "-B", address, "-J", name="iperf3-server")
    netlab.wait_until(lambda: address in server_ns.run("ss", "-Hltn", "sport = :5201").stdout, 5, "iperf3 listens")
    done = client_ns.run("iperf3", "-c", address, "-t", str(seconds), "-J", timeout=seconds + 30)
    server.wait(20)
    return json.loads(done.stdout)["end"]["sum_received"]["bytes"]
