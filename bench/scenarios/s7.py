"""Forged data messages with a valid receiver index, 50,000/s of 1420 bytes from 65,536 spoofed sources: for another
peer's session, and for the session of the measured peer."""

from bench import field
from bench.scenarios import floods

RATE = 50_000


def run(stage, table, options):
    flood = {"rate": RATE, "first_source": field.FLOOD_SOURCE, "sources": 65_536, "kind": "forged_data"}
    cases = {"calm": {}, "forged for another peer": {"flood": [{**flood, "victim": 1}]},
             "forged for this peer": {"flood": [{**flood, "victim": 0}]}}
    floods.compare(stage, table, options, cases, 2)
