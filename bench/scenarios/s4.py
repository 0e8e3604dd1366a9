"""10 to 100,000 peers of one customer at the same total rate. Measures the cost of a packet, the memory of a peer with
a session, and handshakes per second."""

from bench.scenarios import sizes


def run(stage, table, options):
    sizes.compare(stage, table, options, [(1, count) for count in options.peers], "peers",
                  ("one active", "all active, bursts of 16"))
