#!/usr/bin/python3
"""What a hub's work costs: CPU-seconds per GB of TCP payload, Warren beside wireguard-go on the same path, in one run (A-B-B-A).

    bench/hub.py [--seconds 5] [--rounds 3]        as root; needs build/release and Debian 12's packages (tools/setup build demo test)

      site 1 ── wireguard-go ──┐               ┌─ wireguard-go ── site 2
                               ├── hub uplink ─┤                             iperf3 runs in the sites and in the customer's stack
                               └── hub stack ──┘

The sites run the same wireguard-go in every measurement; only the hub changes. For wireguard-go as hub, its TUN is moved into the customer's stack.
veth keeps super-packets whole ("GRO kept"), which is the best case for both.
"""

import argparse
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

from bench import facts  # noqa: E402
from tests.lab import netlab, warren, wireguard_go  # noqa: E402

STACK, SITES = "10.0.0.1", ("10.0.1.1", "10.0.2.1")
SCENARIOS = ("site to stack", "stack to site", "site to site")


class GoHub:
    """wireguard-go 0.0.20231211 as the hub of one customer."""

    name = "wireguard-go"

    def __init__(self, lab, uplink, program, key, site_keys):
        self.stack = lab.router("go-stack")
        self.process = uplink.start(program, "-f", "wgbench", name="hub-wireguard-go", env={"WG_PROCESS_FOREGROUND": "1", "LOG_LEVEL": "error"})
        netlab.wait_until(lambda: uplink.run("wg", "show", "wgbench", check=False).returncode == 0, 10, "hub answers")
        lines = ["[Interface]", f"PrivateKey = {key.private}", "ListenPort = 51821"]
        for number, site in enumerate(site_keys, 1):
            lines += ["[Peer]", f"PublicKey = {site.public}", f"AllowedIPs = 10.0.{number}.0/24"]
        uplink.run("wg", "setconf", "wgbench", lab.write("wgbench-hub.conf", "\n".join(lines) + "\n"))
        uplink.ip(f"link set wgbench netns {self.stack.name}")
        self.stack.ip(f"addr add {STACK}/24 dev wgbench", "link set wgbench mtu 1420 up", "route add 10.0.1.0/24 dev wgbench", "route add 10.0.2.0/24 dev wgbench")
        self.endpoint = "51821"

    def pids(self):
        return [self.process.pid]


class WarrenHub:
    """stackd and vpnd with one customer."""

    name = "warren"

    def __init__(self, lab, uplink, key, site_keys):
        peers = [warren.Peer(f"site-{number}", site.public, [f"10.0.{number}.0/24"]) for number, site in enumerate(site_keys, 1)]
        customer = warren.Customer("bench", [f"{STACK}/24"], peers)
        self.hub = warren.Warren(lab, uplink, key=key, customers=[customer]).start()
        self.stack = self.hub.stack("bench")
        self.endpoint = "51820"

    def pids(self):
        return [self.hub.process.pid, self.hub.vpnd()]


def start_sites(lab, hub, uplink_address, hub_key, site_keys, program, names):
    """Two sites with a tunnel to `hub`; the tunnel devices of one hub are up at a time."""
    clients = []
    for number, ns in enumerate(names, 1):
        peer = wireguard_go.Peer(hub_key.public, ["10.0.0.0/16"], f"{uplink_address}:{hub.endpoint}", keepalive=5)
        client = wireguard_go.Client(ns, f"wgb{hub.endpoint[-1]}{number}", site_keys[number - 1], [f"10.0.{number}.1/24"], [peer], program=program)
        clients.append(client.start())
    for ns in names:
        netlab.wait_until(lambda: ns.ping(STACK), 15, "the tunnel is up")
    return clients


def iperf(server_ns, client_ns, address, seconds):
    """Bytes that arrived at the server."""
    server = server_ns.start("iperf3", "-s", "-1", "-B", address, "-J", name="iperf3-server")
    netlab.wait_until(lambda: address in server_ns.run("ss", "-Hltn", "sport = :5201").stdout, 5, "iperf3 listens")
    done = client_ns.run("iperf3", "-c", address, "-t", str(seconds), "-J", timeout=seconds + 30)
    server.wait(20)
    return json.loads(done.stdout)["end"]["sum_received"]["bytes"]


def measure(hub, sites, scenario, seconds):
    if scenario == "site to stack":
        ends = hub.stack, sites[0], STACK
    elif scenario == "stack to site":
        ends = sites[0], hub.stack, SITES[0]
    else:
        ends = sites[1], sites[0], SITES[1]
    before = facts.cpu_seconds(hub.pids())
    received = iperf(*ends, seconds)
    cpu = facts.cpu_seconds(hub.pids()) - before
    return {"cpu_s_per_gb": cpu / (received / 1e9), "gbit_s": received * 8 / seconds / 1e9}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=5, help="of one block")
    parser.add_argument("--rounds", type=int, default=3, help="A-B-B-A rounds for each scenario")
    options = parser.parse_args()
    program = subprocess.run([os.path.join(ROOT, "bench/fetch-wireguard-go"), os.path.join(ROOT, "build/peers")], check=True, stdout=subprocess.PIPE,
                             text=True).stdout.strip()
    netlab.private_names()
    results = {scenario: {"warren": [], "wireguard-go": []} for scenario in SCENARIOS}
    with netlab.Lab() as lab:
        uplink = lab.namespace("uplink")
        netlab_sites = []
        lab.bridge(uplink, "internet", ["198.51.100.1/24"])
        for number in (1, 2):
            site = lab.namespace(f"site{number}")
            lab.wire(site, "up0", f"198.51.100.1{number}/24", uplink, f"port{number}", [])
            uplink.ip(f"link set port{number} master internet")
            netlab_sites.append(site)
        hub_key, site_keys = wireguard_go.new_key(), [wireguard_go.new_key(), wireguard_go.new_key()]
        hubs = {}
        clients = {}
        hubs["warren"] = WarrenHub(lab, uplink, hub_key, site_keys)
        hubs["wireguard-go"] = GoHub(lab, uplink, program, hub_key, site_keys)

        def use(name):
            for client in clients.pop("up", []):
                client.stop()
            clients["up"] = start_sites(lab, hubs[name], "198.51.100.1", hub_key, site_keys, program, netlab_sites)

        order = ["warren", "wireguard-go", "wireguard-go", "warren"] * options.rounds
        for name in order:
            use(name)
            for scenario in SCENARIOS:
                got = measure(hubs[name], netlab_sites, scenario, options.seconds)
                results[scenario][name].append(got)
                print(f"{scenario:14} {name:13} {got['cpu_s_per_gb']:6.2f} CPU-s/GB  {got['gbit_s']:6.2f} Gb/s", flush=True)

    print(f"\n{'':16}{'warren':>22}{'wireguard-go':>22}{'ratio of medians':>20}")
    table = {}
    for scenario, both in results.items():
        costs = {name: facts.spread([run["cpu_s_per_gb"] for run in runs]) for name, runs in both.items()}
        ratio = costs["warren"]["median"] / costs["wireguard-go"]["median"]
        cells = "".join(f"{cost['median']:10.2f} ({cost['min']:.2f}-{cost['max']:.2f})" for cost in costs.values())
        print(f"{scenario:16}{cells}{ratio:16.2f}")
        table[scenario] = {**costs, "ratio": ratio}
    facts.save(ROOT, "hub", {"command": " ".join(sys.argv), "mode": "GRO kept", "scenarios": table, "blocks": results})


if __name__ == "__main__":
    main()
