"""UDP of 64 to 1420 bytes and IMIX, with one flow and with 64 flows in turn, at full speed; and single 92-byte packets
(64 bytes of payload) at 50,000/s."""

from bench import blocks
from bench.scenarios import traffic

SIZES = {"64": [64], "128": [128], "512": [512], "1420": [1420], "imix": [64] * 7 + [576] * 4 + [1420]}
PACED = {"transport": "udp", "sizes": [92], "train": 1, "rate": 50_000}


def run(stage, table, options):
    with stage() as lineup:
        for hub in blocks.turns(lineup.hubs(peers=2), options.rounds):
            for name, sizes in SIZES.items():
                for flows in (1, 64):
                    figures, cost = traffic.measure(hub, "in", options.seconds, transport="udp", sizes=sizes,
                                                    flows=flows)
                    table.add(f"udp {name} in, {flows} flow{'s' * (flows > 1)}", hub.name, cost, **figures)
            for way in ("in", "out"):
                figures, cost = traffic.measure(hub, way, options.seconds, **PACED)
                table.add(f"udp 92 at 50,000/s {way}", hub.name, cost, **figures)
