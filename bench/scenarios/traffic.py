"""The three ways through a hub, offered by wgblast and measured: used by every scenario about throughput."""

from bench import blocks
from bench.scenarios import delivery

WINDOW = 1024  # packets under way: 1.5 MB of full ones
WARM_UP = 0.1  # seconds
WAYS = ("in", "out", "through")  # site to stack, stack to site, site to site
AEAD = {"in": ["open"], "out": ["seal"], "through": ["open", "seal"]}


def offer(hub, way, seconds, *, transport="tcp", sizes=(1420,), flows=1, peers=1, train=44, rate=0, window=WINDOW, customer=0):
    """One block of load; returns (Delivered, wgblast's answer)."""
    mix = {"transport": transport, "sizes": list(sizes), "flows": flows, "peers": peers, "train": train, "burst": train, "rate": rate,
           "window": window if rate == 0 else 0}
    if way == "in":
        with delivery.Sink(hub, transport, sizes, customer) as sink:
            answer = hub.generator.run(seconds, load=[mix])
        return sink.delivered, answer
    if way == "through":
        answer = hub.generator.run(seconds, load=[{**mix, "to_neighbour": True}])
    else:
        inject = {**mix, "network_namespace": hub.stacks()[customer].path, "device": hub.tunnel}
        inject.pop("burst")
        answer = hub.generator.run(seconds, inject=[inject])
    return delivery.at_peers(answer, transport, sizes), answer


def measure(hub, way, seconds, **load):
    """One block with its cost: ({figure: value}, Cost). ns_packet and s_gb are of the hub's threads; core_ns is what its core was busy with."""
    offer(hub, way, WARM_UP, **load)  # page faults and first packets
    lost_before = hub.field.lost_datagrams()
    (delivered, answer), cost = blocks.measured(hub, lambda: offer(hub, way, seconds, **load))
    if delivered.packets == 0:
        raise RuntimeError(f"{hub.name}: nothing arrived ({way}, {load})")
    if answer.get("samples", {}).get("broken"):
        raise RuntimeError(f"{hub.name}: broken packets arrived: {answer['samples']}")
    figures = {"ns_packet": cost.threads / delivered.packets * 1e9, "core_ns_packet": cost.core / delivered.packets * 1e9,
               "kpps": delivered.packets / answer["seconds"] / 1e3}
    if delivered.payload:
        figures["cpu_s_gb"] = cost.threads / delivered.gigabytes
    activity = (answer.get("load") or answer.get("inject"))[0]
    figures["lost"] = hub.field.lost_datagrams() - lost_before + activity["stalls"]
    return figures, cost
