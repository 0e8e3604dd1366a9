"""What a block delivered, counted where it came out: at the stack's sink, or at the peers."""

from dataclasses import dataclass

HEADERS = {"tcp": 40, "udp": 28}


@dataclass
class Delivered:
    packets: float  # inner packets, as they were before anybody joined them
    payload: float  # bytes in them

    @property
    def gigabytes(self):
        return self.payload / 1e9


class Sink:
    """Counts what reaches the stack in one block.  with Sink(hub, ...) as sink: ...;  sink.delivered"""

    def __init__(self, hub, transport, sizes, customer=0):
        self.hub, self.headers, self.customer = hub, HEADERS[transport], customer
        self.payload = sum(sizes) / len(sizes) - self.headers  # of one packet, the mean

    def __enter__(self):
        self.before = self.hub.arrived(self.customer)
        return self

    def __exit__(self, kind, error, trace):
        packets, size = (new - old for new, old in zip(self.hub.arrived(self.customer), self.before))
        payload = size - self.headers * packets  # a super-packet has one set of headers
        self.delivered = Delivered(payload / self.payload if self.payload else packets, payload)


def at_peers(result, transport, sizes):
    """From an answer of wgblast to one load or injection."""
    packets = sum(activity["received_packets"] for kind in ("load", "inject") for activity in result.get(kind, []))
    return Delivered(packets, packets * (sum(sizes) / len(sizes) - HEADERS[transport]))
