"""Warrens of several sizes side by side in one field, so that one run shows what size costs. Used by S3 and S4."""

from bench import blocks, facts, hubs
from bench.scenarios import traffic

# A multicast group without members: the stack drops the packets and sends no answer.
TRANSPORT = {"transport": "udp", "sizes": [512], "destination": "239.192.0.1"}
SHAPES = {  # of the load: whether all are active, a peer's packets in a row, packets per second in total
    "one active": {"all": False, "burst": 16, "rate": 80_000},
    "all active, bursts of 16": {"all": True, "burst": 16, "rate": 80_000},
    "all active, single": {"all": True, "burst": 1, "rate": 40_000},
}


def compare(stage, table, options, sizes, title, shapes=tuple(SHAPES)):
    """`sizes`: (customers, peers of each). The rows are shapes of load, the columns are sizes; the last size is
    compared with the others."""
    names = {size: f"{title} {max(size)}" for size in sizes}
    table.ours = names[sizes[-1]]
    with stage() as lineup:
        made = [start(lineup, number, size, names[size], table) for number, size in enumerate(sizes)]
        for shape in shapes:  # idle peers first: once active, a peer sends keepalives and rekeys for minutes
            for hub in blocks.turns(made, options.rounds):
                figures, cost = measure(hub, SHAPES[shape], options.seconds)
                table.add(shape, hub.name, cost, **figures)
    small, large = sizes[0], sizes[-1]
    added = large[0] * large[1] - small[0] * small[1]
    for figure, what in (("ready_mb", "without a session"), ("connected_mb", "with one")) if added else ():
        table.derive(f"KB for each of more {title}, {what}",
                     table.growth(figure, "memory", "memory", names[small], names[large]) * 1024 / added)


def start(lineup, number, size, name, table):
    customers, peers = size
    hub = hubs.Warren(lineup.field, lineup.tools, customers=customers, peers=peers, tag=f"n{number}-",
                      port=51820 + number, name=name).start()
    idle = facts.memory_kb(hub.pids())
    hub.connect(sockets=min(customers * peers, 2048))
    table.add("memory", name, None, ready_mb=idle / 1024, connected_mb=facts.memory_kb(hub.pids()) / 1024,
              handshakes_s=customers * peers / max(hub.generator.connected["seconds"], 1e-3))
    return hub


def measure(hub, shape, seconds):
    peers = hub.customers * hub.peers if shape["all"] else 1
    load = traffic.mix(**TRANSPORT, peers=peers, train=shape["burst"], burst=shape["burst"], rate=shape["rate"])
    hub.generator.run(traffic.WARM_UP, load=[load])

    # Reading the counters costs more with more customers, so it happens outside the measurement.
    answer, cost, received = blocks.counted(hub, lambda: hub.generator.run(seconds, load=[load]), hub.received)
    sent = answer["load"][0]["sent_packets"]
    if received < sent / 2:
        raise RuntimeError(f"{hub.name}: only {received} of {sent} packets arrived")
    return {"ns_packet": cost.threads / received * 1e9, "core_ns_packet": cost.core / received * 1e9,
            "lost_percent": 100 * (1 - received / sent)}, cost
