"""50,000 valid IKE_SA_INIT requests a second from 65,536 spoofed sources. Measures the goodput of an established IPsec
peer, compared with calm, and compared with the same flood that the kernel drops before the hub; and how many attempts
sites need that connect for the first time meanwhile (the next one after a second without an answer)."""

import statistics
import threading
import time

from bench import field, generator, hubs, ipsec_hubs
from bench.scenarios import floods

RATE, NEWCOMERS, MOST = 50_000, 6, 5


def run(stage, table, options):
    flood = {"rate": RATE, "first_source": field.FLOOD_SOURCE, "sources": 65_536, "kind": "ike_sa_inits", "victim": 1}
    door = {**flood, "port": field.CLOSED_PORT}
    table.ours = "warren ipsec"
    cases = {"calm": {}, "flood": {"flood": [flood]}, "dropped at the door": {"flood": [door]}}
    floods.compare(lambda: Stage(stage()), table, options, cases, 2, "dropped at the door")
    for _ in range(options.rounds):
        with stage() as lineup:
            table.add("newcomers", "warren ipsec", None, **newcomers(lineup, flood))


class Stage:
    """A lineup whose only hub is Warren with IPsec."""

    def __init__(self, lineup):
        self.lineup = lineup

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.lineup.__exit__(*error)

    def hubs(self, peers, **connect):
        hub = ipsec_hubs.WarrenIpsec(self.lineup.field, self.lineup.tools, peers=peers)
        return [hub.start().lay_sinks().connect(**connect)]


def newcomers(lineup, flood):
    """Each a wgblast of its own with an address of its own, beside one that floods."""
    hub = ipsec_hubs.WarrenIpsec(lineup.field, lineup.tools, peers=2, customers=NEWCOMERS + 1, pinned=False).start()
    hub.generator = blast = _blast(lineup, hub, 0, field.FIRST_SOURCE)
    seconds = 2 + NEWCOMERS * 2.5
    flooding = threading.Thread(target=lambda: blast.run(seconds, flood=[flood]))
    flooding.start()
    try:
        time.sleep(1)
        needed = []
        for number in range(1, NEWCOMERS + 1):
            one = _blast(lineup, hub, number, f"198.18.2.{number}")
            needed.append(one.connected["most_attempts"] if not one.connected["missing"] else MOST + 1)
            one.stop()
    finally:
        flooding.join()
    return {"within_3_%": 100 * sum(count <= 3 for count in needed) / len(needed),
            "first_try_%": 100 * sum(count == 1 for count in needed) / len(needed),
            "attempts": statistics.fmean(needed)}


def _blast(lineup, hub, customer, source):
    """A generator for the two peers of one customer."""
    return generator.Generator(lineup.field.field, lineup.tools.wgblast, lineup.field.generator_core, seed=hubs.SEED,
                               peers=2, first_peer=2 * customer, peers_per_customer=2, protocol="ipsec",
                               psk=ipsec_hubs.PSK, hub=f"{field.UPLINK}:{hub.port}", sockets=2, first_source=source,
                               sources=1)
