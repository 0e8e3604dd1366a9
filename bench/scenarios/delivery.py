"""Packets that a block delivered, counted at the receiver: by the sink of a namespace, or by the peers."""

from dataclasses import dataclass

from bench import sink as sinks

HEADERS = {"tcp": 40, "udp": 28}


@dataclass
class Delivered:
    packets: float  # inner packets, as before GRO or GSO joined them
    payload: float  # bytes in them

    @property
    def gigabytes(self):
        return self.payload / 1e9


class Sink:
    """Counts the packets that reach a namespace in one block.  with Sink(stack, ...) as sink: ...;  sink.delivered"""

    def __init__(self, ns, transport, sizes):
        self.ns, self.headers = ns, HEADERS[transport]
        self.payload = sum(sizes) / len(sizes) - self.headers  # of one packet, the mean

    def __enter__(self):
        self.before = sinks.arrived(self.ns)
        return self

    def __exit__(self, kind, error, trace):
        packets, size = (new - old for new, old in zip(sinks.arrived(self.ns), self.before))
        payload = size - self.headers * packets  # a super-packet has one set of headers
        self.delivered = Delivered(payload / self.payload if self.payload else packets, payload)


def at_peers(result, transport, sizes):
    """From wgblast's report about one load or injection."""
    packets = sum(activity["received_packets"] for kind in ("load", "inject") for activity in result.get(kind, []))
    return Delivered(packets, packets * (sum(sizes) / len(sizes) - HEADERS[transport]))
