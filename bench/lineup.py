"""The hubs of one run, side by side in one field, all ready to be measured."""

import os

from bench import field, hubs
from tests.lab import netlab

VERSIONS = {"go": ("wireguard-go", "bookworm-backports", 51821), "go-sid": ("wireguard-go-sid", "sid", 51822)}


class Lineup:
    """Owns the lab. While one hub is measured, the others are idle."""

    def __init__(self, root, names, mode, before=None, card="interrupts"):
        """`before`: the directory of the programs of the hub of this name."""
        cores = (0, min(1, os.cpu_count() - 1))
        self.tools, self.names, self.mode, self.cores = hubs.Tools(root), names, mode, cores
        self.before = before
        self.lab = netlab.Lab()
        self.field = field.Field(self.lab, mode, *cores, card)

    def hubs(self, customers=1, peers=2, **connect):
        """The requested hubs, on their core, each with all its peers played and connected by wgblast."""
        made = []
        for name in self.names:
            made.append(self.hub(name, customers, peers).start().lay_sinks().connect(**connect))
        return made

    def hub(self, name, customers=1, peers=2, **more):
        """One hub, not yet started. wireguard-go has one device for the peers of all customers."""
        if name == "before":
            return hubs.Warren(self.field, self.tools, customers=customers, peers=peers, tag="b", port=51823,
                               name="before", programs=self.before, **more)
        others = {"warren": hubs.Warren, "kernel": hubs.KernelWireguard, "bare": hubs.Bare}
        if name in others:
            return others[name](self.field, self.tools, customers=customers, peers=peers, **more)
        title, suite, port = VERSIONS[name]
        return hubs.WireguardGo(self.field, self.tools, customers=1, peers=customers * peers, name=title, port=port,
                                program=self.tools.wireguard_go(suite), **more)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.lab.__exit__(*error)
