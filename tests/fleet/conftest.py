"""Shared by the tests of a fleet:

    site (wireguard-go) ---- router (BIRD) ==== backbone ==== vie-1, vie-2, vie-3

Each node is a room of its own with stackd, and what a test starts there: etcd, BIRD, fleetd. The service addresses are
192.0.2.16/28; group 0 has the first of them. All are skipped, with the reason, where etcd or BIRD is missing."""

import pytest

from tests.lab import fleets, netlab
from tests.lab.fleets import PORT, ROUTER, SERVICE, STACK, Cluster  # noqa: F401  (for the tests)


@pytest.fixture
def make_fleet():
    with netlab.Lab() as lab:
        yield lambda count, **more: fleets.Fleet(lab, count, **more)


@pytest.fixture
def make_cluster(make_fleet):
    """A fleet with etcd, BIRD and fleetd on each node."""
    if fleets.missing():
        pytest.skip(f"{', '.join(fleets.missing())}: not installed (tools/setup fleet)")
    return lambda count, **more: Cluster(make_fleet(count, **more).start()).start()
