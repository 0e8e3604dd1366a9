"""Warren over the limit: a bare program for one peer that receives, opens and writes, or reads, seals and sends, and
nothing else (bench/bare). Bulk TCP segments in and out; CPU per byte. The limit counts with --card polls."""

import statistics

from bench import blocks
from bench.scenarios import traffic

LIMITS = {"in": "must 1.20, aim 1.10", "out": "must 1.10, aim 1.05"}


def run(stage, table, options):
    with stage() as lineup:
        ours = [name for name in lineup.names if name in ("warren", "before")]
        made = [lineup.hub(name, peers=1).start().lay_sinks().connect() for name in [*ours, "bare"]]
        for hub in blocks.turns(made, options.rounds):
            for way in LIMITS:
                figures, cost = traffic.measure(hub, way, options.seconds)
                table.add(f"bulk {way}", hub.name, cost, **figures)
        for way, limits in LIMITS.items():
            for name in ours:
                values = table.figures[(f"bulk {way}", "cpu_s_gb")]
                table.derive(f"bulk {way}: CPU per byte, {name} over bare ({limits})",
                             statistics.median(values[name]) / statistics.median(values["bare"]))
