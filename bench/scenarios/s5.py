"""A victim, alone and beside noisy neighbours. At 5 % of the hub's capacity: beside a neighbour that sends twice the
capacity (forty times as much), and beside one whose firewall has 2,000 rules. At a quarter of a hundredth of the
capacity, because each packet costs more in a crowd: beside a hundred neighbours that together send twice the capacity.
Measures the victim's throughput and round trips, compared with the victim alone."""

from bench import blocks, sink
from bench.scenarios import delivery, traffic
from bench.scenarios.s11 import round_trips

HUNDRED, RULED, RULES = 100, 101, 2000


def run(stage, table, options):
    with stage() as lineup:
        hubs = [hub.start().lay_sinks().connect() for hub in [lineup.hub("warren", customers=RULED + 1, peers=1)]]
        for hub in hubs:
            ruled = hub.stacks()[RULED]
            ruled.run("nft", "delete", "table", "inet", sink.TABLE)
            sink.lay(ruled, "10.0.0.1", extra_rules=RULES)
            capacity = traffic.capacity(hub)
            cases = list(neighbours(capacity).items())
            for name, (rate, load) in [one for _ in range(options.rounds) for one in (*cases, *reversed(cases))]:
                figures, cost = measure(hub, capacity, rate, load, options.seconds)
                table.add(name, hub.name, cost, **figures)
    compare(table)


def neighbours(capacity):
    """Name of the case -> the victim's packets per second, and the load of the neighbours."""
    much, little = capacity / 20, capacity / (4 * HUNDRED)
    # Nothing joins these packets, so each of them passes the long firewall.
    unjoined = {"transport": "udp", "sizes": [512], "flows": 64, "train": 16, "burst": 16}
    return {"alone": (much, []), "one neighbour": (much, [traffic.mix(first_peer=1, rate=2 * capacity, burst=44)]),
            "neighbour, 2,000 rules": (much, [traffic.mix(first_peer=RULED, rate=capacity / 2, **unjoined)]),
            "little, alone": (little, []),
            "little, 100 neighbours": (little, [traffic.mix(first_peer=1, peers=HUNDRED, rate=2 * capacity, burst=44)])}


def measure(hub, capacity, rate, noise, seconds):
    victim = traffic.mix(rate=rate, train=10, burst=10)

    def block():
        with delivery.Sink(hub.stacks()[0], "tcp", [1420]) as victims:
            answer = hub.generator.run(seconds, load=[victim, *noise],
                                       echo=[{"peer": 0, "rate": 100 if rate < capacity / HUNDRED else 500}])
        return victims.delivered, answer

    (delivered, answer), cost = blocks.measured(hub, block)
    return {"delivered_kpps": delivered.packets / answer["seconds"] / 1e3,
            "delivered_share": delivered.packets / answer["load"][0]["sent_packets"],
            "offered_noise_kpps": sum(load["sent_packets"] for load in answer["load"][1:]) / answer["seconds"] / 1e3,
            **round_trips(answer["echo"][0])}, cost


def compare(table):
    for name, alone in (("one neighbour", "alone"), ("neighbour, 2,000 rules", "alone"),
                        ("little, 100 neighbours", "little, alone")):
        table.compare(f"{name}: victim's throughput over alone", (name, "delivered_kpps"), (alone, "delivered_kpps"))
        table.compare(f"{name}: victim's p99 over alone", (name, "p99_us"), (alone, "p99_us"))
