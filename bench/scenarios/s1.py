"""One customer, two peers, bulk TCP segments into the stack, out of it, and through it to the other peer."""

from bench import blocks
from bench.scenarios import traffic


def run(stage, table, options):
    with stage() as lineup:
        for hub in blocks.turns(lineup.hubs(peers=2), options.rounds):
            for way in traffic.WAYS:
                aead = blocks.aead_nanoseconds(lineup.tools, lineup.field.hub_core, traffic.AEAD[way])
                figures, cost = traffic.measure(hub, way, options.seconds)
                table.add(f"bulk {way}", hub.name, cost, **figures, aead_share=aead / figures["ns_packet"])
