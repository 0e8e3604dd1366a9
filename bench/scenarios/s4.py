"""10 to 100,000 peers of one customer at the same total rate. Cost for a packet, memory for a peer with a session,
handshakes a second."""

from bench.scenarios import sizes


def run(stage, table, options):
    sizes.compare(stage, table, options, [(1, count) for count in options.peers], "peers",
                  ("one active", "all active, bursts of 16"))
