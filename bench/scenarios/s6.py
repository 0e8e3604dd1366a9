"""Handshake floods from 65,536 spoofed sources, with the generator on its own core: 100,000 initiations/s with a valid
mac1, the same with a wrong mac1, and 1,000 valid peers that renew their sessions as fast as the hub answers. Measures
the goodput of an established peer compared with calm, and compared with a flood that the kernel drops before the hub:
no hub can do better than that."""

from bench import field
from bench.scenarios import floods

PEERS, RATE = 1001, 100_000


def run(stage, table, options):
    flood = {"rate": RATE, "first_source": field.FLOOD_SOURCE, "sources": 65_536}
    cases = {"calm": {}, "valid mac1": {"flood": [{**flood, "kind": "initiations"}]},
             "wrong mac1": {"flood": [{**flood, "kind": "bad_mac1"}]},
             "dropped at the door": {"flood": [{**flood, "kind": "bad_mac1", "port": field.CLOSED_PORT}]},
             "storm of valid peers": {"renew": [{"rate": 0, "parallel": 64, "first_peer": 1, "peers": PEERS - 1}]}}
    floods.compare(stage, table, options, cases, PEERS, "dropped at the door", sources=PEERS)
