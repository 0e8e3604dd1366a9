"""Round trips by echo, which wgblast sends on a fixed schedule: idle, and at 10, 50 and 90 % of the hub's capacity."""

from bench import blocks
from bench.scenarios import traffic

RATE = 1000  # echoes per second
LOADS = (0, 10, 50, 90)  # percent


def run(stage, table, options):
    with stage() as lineup:
        hubs = lineup.hubs(peers=2)
        capacity = {hub.name: traffic.capacity(hub) for hub in hubs}
        for hub in blocks.turns(hubs, options.rounds):
            for percent in LOADS:
                load = [traffic.mix(rate=capacity[hub.name] * percent / 100, burst=44)] if percent else []
                answer, cost = blocks.measured(
                    hub, lambda: hub.generator.run(options.seconds, load=load, echo=[{"peer": 1, "rate": RATE}]))
                table.add(f"echo, {percent} % load" if percent else "echo, idle", hub.name, cost,
                          **round_trips(answer["echo"][0]))


def round_trips(echo):
    """The figures in wgblast's report about one echo or ping activity."""
    figures = {name: echo[name] for name in ("p50_us", "p99_us", "p999_us") if name in echo}
    return {**figures, "lost": echo["lost"]}
