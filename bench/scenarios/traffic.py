"""Traffic from wgblast on the three ways through a hub, and its cost: used by every scenario about throughput."""

from bench import blocks
from bench.scenarios import delivery

WINDOW = 1024    # packets in flight: 1.5 MB of full ones
WARM_UP = 0.1    # seconds, not measured: page faults and first packets
WAYS = ("in", "out", "through")  # site to stack, stack to site, site to site
AEAD = {"in": ["open"], "out": ["seal"], "through": ["open", "seal"]}


def mix(transport="tcp", sizes=(1420,), flows=1, peers=1, train=44, rate=0, window=WINDOW, **more):
    """A load as bench/wgblast/spec.h describes it. With a rate there is no window."""
    return {"transport": transport, "sizes": list(sizes), "flows": flows, "peers": peers, "train": train, "rate": rate,
            "window": 0 if rate else window, **more}


def offer(hub, way, seconds, customer=0, **load):
    """Runs one block of load; returns (Delivered, wgblast's report)."""
    offered = mix(**load)
    transport, sizes = offered["transport"], offered["sizes"]
    if way == "through":
        answer = hub.generator.run(seconds, load=[{**offered, "burst": offered["train"], "to_neighbour": True}])
        return delivery.at_peers(answer, transport, sizes), answer
    if way == "in" and hub.is_played:
        with delivery.Sink(hub.stacks()[customer], transport, sizes) as sink:
            answer = hub.generator.run(seconds, load=[{**offered, "burst": offered["train"]}])
        return sink.delivered, answer
    if way == "out" and hub.is_played:
        inject = {**offered, "network_namespace": hub.stacks()[customer].path, "device": hub.tunnel}
        answer = hub.generator.run(seconds, inject=[inject])
        return delivery.at_peers(answer, transport, sizes), answer
    source, sink_at = (hub.site, hub.stacks()[0]) if way == "in" else (hub.stacks()[0], hub.site)
    inject = {**offered, **hub.ends(way), "network_namespace": source.path, "to_peers": False, "window": 0}
    with delivery.Sink(sink_at, transport, sizes) as sink:
        answer = hub.generator.run(seconds, inject=[inject])
    return sink.delivered, answer


def measure(hub, way, seconds, **load):
    """Runs one block; returns ({figure: value}, Cost). ns_packet and cpu_s_gb count the hub's threads; core_ns_packet
    counts its whole core; lost counts datagrams that found the hub's socket full, and stalls of the window."""
    offer(hub, way, WARM_UP, **load)
    lost_before = hub.field.lost_datagrams()
    (delivered, answer), cost = blocks.measured(hub, lambda: offer(hub, way, seconds, **load))
    if delivered.packets == 0:
        raise RuntimeError(f"{hub.name}: nothing arrived ({way}, {load})")
    if answer.get("samples", {}).get("broken"):
        raise RuntimeError(f"{hub.name}: broken packets arrived: {answer['samples']}")
    figures = {"ns_packet": cost.threads / delivered.packets * 1e9,
               "core_ns_packet": cost.core / delivered.packets * 1e9,
               "kpps": delivered.packets / answer["seconds"] / 1e3}
    if delivered.payload:
        figures["cpu_s_gb"] = cost.threads / delivered.gigabytes
    activity = (answer.get("load") or answer.get("inject"))[0]
    figures["lost"] = hub.field.lost_datagrams() - lost_before + activity["stalls"]
    return figures, cost


def capacity(hub, seconds=0.5, **load):
    """Packets per second that the hub receives under full load."""
    offer(hub, "in", WARM_UP, **load)
    delivered, answer = offer(hub, "in", seconds, **load)
    return delivered.packets / answer["seconds"]
