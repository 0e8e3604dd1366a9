"""The place where hubs are measured: an uplink namespace with the hubs, and the field, where the generator plays the
whole Internet.

    field ── port ═════ hub0 ── uplink ── hub ── vpn0 ── stack

There are two kinds of card, and a figure counts for the kind that it was measured with:
  interrupts   the uplink's side of the wire is processed on the hub's core, the field's side on the generator's, like
               the interrupt of a card. The hub pays for the UDP and IP work of each train, and in a virtual machine for
               an interrupt from the other core too, which a real card that polls does not cost.
  polls        each side is processed where the packet was sent: no interrupt from another core, and the UDP and IP work
               before the hub's socket is not counted. What is left is the program and its system calls.
There are modes because veth keeps super-packets whole, which no wire does:
  kept         UDP_SEGMENT trains pass as one packet
  seg-gro      both ends send real datagrams; the receiving end joins them again (GRO)
  seg          both ends send real datagrams; nothing joins them
"""

import os

from bench import cost
from tests.lab import netlab

MODES, CARDS = ("kept", "seg-gro", "seg"), ("interrupts", "polls")
UPLINK, FIELD, PORT, FAR_PORT = "198.51.100.1", "198.51.100.2", f"hb{os.getpid() % 10000}", f"fd{os.getpid() % 10000}"
SOURCES = "198.18.0.0/15"  # RFC 2544; the field accepts all of them as local
FIRST_SOURCE, FLOOD_SOURCE = "198.18.0.1", "198.19.0.0"  # of peers, and of floods
CLOSED_PORT = 9  # the uplink's first firewall rule drops datagrams to this port


class Field:
    def __init__(self, lab, mode, hub_core, generator_core, card="interrupts"):
        self.lab, self.mode, self.hub_core, self.generator_core = lab, mode, hub_core, generator_core
        self.card = card
        self.uplink, self.field = lab.namespace("uplink"), lab.namespace("field")
        lab.wire(self.uplink, PORT, f"{UPLINK}/24", self.field, FAR_PORT, f"{FIELD}/24")
        self.uplink.ip(f"route add {SOURCES} via {FIELD}")
        self.field.ip(f"route add local {SOURCES} dev lo")
        self.uplink.run("nft", "table ip door { chain door { type filter hook prerouting priority raw; "
                               f"udp dport {CLOSED_PORT} drop; }}; }}")
        for ns, device, core in ((self.uplink, PORT, hub_core), (self.field, FAR_PORT, generator_core)):
            self._offloads(ns, device)
            self._steer(ns, device, core)

    def _offloads(self, ns, device):
        whole = "on" if self.mode == "kept" else "off"
        gro = "on" if self.mode == "seg-gro" else "off"
        ns.run("ethtool", "-K", device, "tso", whole, "tx-udp-segmentation", whole, "gro", gro)

    def _steer(self, ns, device, core):
        """Packets that arrive here are processed on `core`: by the poll thread if there is one (GRO), and by
        softirqs, unless the card polls."""
        mask = f"{1 << core:x}" if self.card == "interrupts" else "0"
        script = f"echo {mask} > /sys/class/net/{device}/queues/rx-0/rps_cpus"
        if self.mode == "seg-gro":
            script += f"; echo 1 > /sys/class/net/{device}/threaded"
        netlab.run("ip", "netns", "exec", ns.name, "sh", "-c", script)
        for pid in cost.kernel_thread(f"napi/{device}-"):
            os.sched_setaffinity(pid, {core})
            # It runs before programs, like the softirq that it replaces.
            os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(1))

    def site(self, number):
        """A namespace for a real client, with its own wire, and the hub's address on that wire."""
        site = self.lab.namespace(f"site{number}")
        hub_side = f"203.0.113.{4 * number + 1}"
        self.lab.wire(self.uplink, f"{PORT}-{number}", f"{hub_side}/30", site, "up0", f"203.0.113.{4 * number + 2}/30")
        for ns, device in ((self.uplink, f"{PORT}-{number}"), (site, "up0")):
            self._offloads(ns, device)
        return site, hub_side

    def poll_threads(self):
        """The kernel thread that polls the hub's side of the wire; it is part of the hub's cost."""
        return cost.kernel_thread(f"napi/{PORT}-")

    def lost_datagrams(self):
        """Datagrams that found a socket of the uplink full."""
        return _counter(self.uplink, "Udp", "RcvbufErrors")


def _counter(ns, protocol, name):
    def read():
        with open("/proc/thread-self/net/snmp") as snmp:
            return snmp.read()

    lines = [line.split() for line in ns.inside(read).splitlines() if line.startswith(protocol + ":")]
    return int(lines[1][lines[0].index(name)])
