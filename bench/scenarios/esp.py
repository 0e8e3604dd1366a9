"""One customer, two peers, bulk TCP segments of 1380 bytes into the stack, out of it and through it: Warren's IPsec
(ESP with AES-128-GCM in UDP) beside strongSwan with ESP in user space, and beside Warren's own WireGuard."""

from bench import blocks, ipsec_hubs
from bench.scenarios import traffic


def run(stage, table, options):
    table.ours = "warren ipsec"
    with stage() as lineup:
        hubs = [lineup.hub("warren", peers=2), ipsec_hubs.WarrenIpsec(lineup.field, lineup.tools, peers=2),
                ipsec_hubs.Strongswan(lineup.field, lineup.tools, peers=2)]
        for hub in hubs:
            hub.start().lay_sinks().connect()
        for hub in blocks.turns(hubs, options.rounds):
            for way in traffic.WAYS:
                figures, cost = traffic.measure(hub, way, options.seconds, sizes=(ipsec_hubs.SIZE,))
                table.add(f"bulk {way}", hub.name, cost, **figures)
