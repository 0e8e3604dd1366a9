"""The same program at both ends, with the tunnel between a site's host and the stack: round trips while idle, and the
hub's cost of 64-byte UDP at 50,000/s through a real client. Only this scenario includes OpenVPN."""

from bench import blocks
from bench.pairs import make_pairs
from bench.scenarios import s11, traffic

RATE = 500  # round trips per second
PACED = {"transport": "udp", "sizes": [92], "train": 1, "rate": 50_000}


def run(stage, table, options):
    with stage() as lineup:
        hubs = make_pairs(lineup)
        for hub in blocks.turns(hubs, options.rounds):
            ping = {"destination": "10.0.0.1", "rate": RATE}
            hub.generator.run(traffic.WARM_UP, ping=[ping])
            answer, cost = blocks.measured(hub, lambda: hub.generator.run(options.seconds, ping=[ping]))
            table.add("round trip, idle", hub.name, cost, **s11.round_trips(answer["ping"][0]))
            for way in ("in", "out"):
                figures, cost = traffic.measure(hub, way, options.seconds, **PACED)
                table.add(f"udp 92 at 50,000/s {way}", hub.name, cost, **figures)
