"""The price of a clone: the same daemon and the same traffic with its tunnel in a customer's stack, in a stack without
Warren's firewall, and in the namespace that holds its UDP socket (the first one of the lab); in, out and through, with
large and small packets. Then what a stack costs to make, to remove and in kernel memory, by slab cache, and what idle
neighbours cost: stacks of other customers, as many as the largest of --customers."""

import contextlib
import json
import os
import statistics
import subprocess

from bench import blocks, hubs
from bench.scenarios import traffic
from tests.lab import netlab

LARGE = {}
SMALL = {"transport": "udp", "sizes": [92], "train": 1, "rate": 50_000}  # 64 bytes of payload
CACHES = 12  # the largest, which are named


class InStack(hubs.Warren):
    """As Warren serves it. stackd is ended once the stack is made, for all three alike: it would mend what the other
    two change, and vpnd goes on without it."""

    def start(self, status_listen=None):
        super().start(status_listen)
        self.warren.kill()
        return self.arrange()

    def arrange(self):
        return self

    def pids(self):
        return [self.vpnd]


class WithoutFirewall(InStack):
    """The namespace alone: the rules that keep sites from each other's addresses are taken away."""

    def arrange(self):
        self.stacks()[0].run("nft", "flush", "ruleset")
        return self


class InFirst(InStack):
    """vpn0 is in the namespace of the UDP socket, with the stack's addresses and routes and without a firewall."""

    tunnel = "vpnfirst"

    def arrange(self):
        uplink, stack = self.field.uplink, super().stacks()[0]
        routes = [line.split()[0] for line in stack.run("ip", "route", "show", "proto", "87").stdout.splitlines()
                  if " dev vpn0" in line]
        stack.ip("link set vpn0 down")
        stack.ip(f"link set vpn0 netns {uplink.name} name {self.tunnel}")
        uplink.sysctl("net.ipv4.ip_forward", 1)  # as a stack has it; the other two do not notice
        for scope in ("all", "default", self.tunnel):
            uplink.sysctl(f"net.ipv4.conf.{scope}.send_redirects", 0)
        uplink.run("tc", "qdisc", "replace", "dev", self.tunnel, "root", "noqueue")
        uplink.ip(f"addr add {hubs.STACK}/32 dev {self.tunnel}", f"link set {self.tunnel} mtu 1420 up",
                  *(f"route add {route} dev {self.tunnel}" for route in routes))
        return self

    def stacks(self):
        return [self.field.uplink]


PLACES = {"stack": (InStack, "k", 51830), "no rules": (WithoutFirewall, "m", 51831), "first": (InFirst, "f", 51832)}


def run(stage, table, options):
    table.ours = "stack"
    stacks = max(options.customers)
    with stage() as lineup:
        made = [kind(lineup.field, lineup.tools, customers=1, peers=2, tag=tag, port=port, name=name).start()
                .lay_sinks().connect() for name, (kind, tag, port) in PLACES.items()]
        for hub in blocks.turns(made, options.rounds):
            measure(hub, "", table, options)
        with neighbours(stacks):
            for hub in blocks.turns(made, options.rounds):
                measure(hub, f", {stacks} neighbours", table, options)
    for way in traffic.WAYS:
        for figure, row in (("cpu_s_gb", f"large {way}"), ("ns_packet", f"small {way}")):
            for other in ("no rules", "first"):
                table.derive(f"{row}: {figure}, stack over {other}", ratio(table, (row, figure), "stack", other))
    price(table, stacks, options.rounds)


def measure(hub, suffix, table, options):
    for way in traffic.WAYS:
        for size, load in (("large", LARGE), ("small", SMALL)):
            if size == "small" and suffix:
                continue  # the neighbours' question is answered by one size
            figures, cost = traffic.measure(hub, way, options.seconds, **load)
            table.add(f"{size} {way}{suffix}", hub.name, cost, **figures)


def ratio(table, key, one, other):
    entry = table.figures[key]
    return statistics.median(entry[one]) / statistics.median(entry[other])


@contextlib.contextmanager
def neighbours(count):
    """So many stacks, without traffic, while it lasts."""
    program = subprocess.Popen([bench_stacks(), "--stacks", str(count), "--hold"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    try:
        if program.stdout.readline().strip() != "made":
            raise RuntimeError("bench-stacks made no stacks")
        yield
    finally:
        program.communicate(input="\n", timeout=600)


def price(table, stacks, rounds):
    """Creation, removal, and kernel memory by cache."""
    for _ in range(rounds):
        done = netlab.run(bench_stacks(), "--stacks", str(stacks), timeout=900)
        document = json.loads(done.stdout)
        table.add(f"{stacks} stacks", "stack", None, create_ms=document["create_ms_per_stack"],
                  first_ms=document["create_ms_first"], last_ms=document["create_ms_last"],
                  remove_ms=document["remove_ms_per_stack"], kernel_kb=document["kernel_kb_per_stack"])
        caches = sorted(document["caches_kb_per_stack"].items(), key=lambda one: -one[1])[:CACHES]
        for name, kilobytes in caches:
            table.add("slab KB a stack", "stack", None, **{name: kilobytes})


def bench_stacks():
    return os.path.join(os.environ["WARREN_BIN"], "bench-stacks")
