"""1 to 10,000 customers of one peer each at the same total rate: one active and the rest idle, all active in bursts of
16, all active with single packets. Measures the cost of a packet, and memory."""

from bench.scenarios import sizes


def run(stage, table, options):
    sizes.compare(stage, table, options, [(count, 1) for count in options.customers], "customers")
