"""Shared by the tests of IPsec: a Warren with IKE, stock sites and scripted peers. All are skipped, with the reason,
where `vpnctl check` does not take [ipsec]."""

import contextlib

import pytest

from tests.lab import netlab, sites, warren
from tests.lab.town import Town


def with_ipsec(lab, **more):
    made = Town(lab, name="gateway", **more)
    made.warren.ipsec = {}
    return made


@pytest.fixture(scope="session")
def takes_ipsec():
    """Skips where this Warren has no IPsec."""
    with netlab.Lab() as lab:
        small = warren.Warren(lab, None)
        small.ipsec = {}
        small.customers["acme"] = sites.customer("acme", [sites.connection.Connection(
            "graz", "graz@acme.example", sites.new_key(), [sites.child()])])
        small.write()
        checked = netlab.run(f"{small.bin}/vpnctl", "check", small.config, check=False)
    if checked.returncode != 0:
        said = (checked.stdout + checked.stderr).strip().split("\n")[0]
        pytest.skip(f"vpnctl check does not take [ipsec]: {said.removeprefix(small.config + '/')}")


@pytest.fixture(scope="session")
def town(takes_ipsec):
    with warren.leaves_nothing(with_ipsec) as built:
        built.warren.start()
        yield built


@pytest.fixture
def join(town):
    """join(id, connections, ...) adds a customer for the duration of the test, and returns its warren.Customer."""
    ids = []

    def add(id_, connections, peers=(), **more):
        made = sites.customer(id_, connections, peers, **more)
        ids.append(id_)
        town.warren.put(made)
        return made

    yield add
    present = [id_ for id_ in dict.fromkeys(ids) if id_ in town.warren.customers]
    if present:
        town.warren.remove(*present)


@pytest.fixture
def site(town):
    """site(customer id, ...) starts a charon for the duration of the test, and returns its sites.Site."""
    with contextlib.ExitStack() as stack:
        def start(customer, *args, **more):
            made = sites.site(town, customer, *args, **more)
            stack.callback(made.charon.stop)
            return made

        yield start


@pytest.fixture
def scripted(town):
    """scripted(customer id, ...) makes a scripted peer for the duration of the test: (IkePeer, its connection)."""
    with contextlib.ExitStack() as stack:
        def make(customer, *args, **more):
            peer, entry = sites.scripted(town, customer, *args, **more)
            stack.callback(peer.close)
            return peer, entry

        yield make


@pytest.fixture
def graz(town, join, site):
    """A connected stock site of a customer of its own; `.stack` is the customer's."""
    made = site(town.new_id("acme"))
    join(made.customer, [made])
    made.stack = town.warren.stack(made.customer)
    return made.connect()


@pytest.fixture
def peer(town, join, scripted):
    """A scripted peer of a customer of its own, not connected; `.stack` is the customer's."""
    id_ = town.new_id("acme")
    made, entry = scripted(id_)
    join(id_, [entry])
    made.stack = town.warren.stack(id_)
    return made


@pytest.fixture
def stranger(town):
    """A socket at a place that has nothing to do with any customer."""
    place = town.place("stranger")
    with place.ns.socket() as sock:
        sock.bind((place.ipv4, 0))
        yield sock


@pytest.fixture
def count(town):
    """count(reason, ...): how many were dropped for these reasons so far, of all customers and of none."""
    def total(*reasons):
        status = town.warren.status()
        counters = [status["drops"]] + [customer["drops"] for customer in status["customers"]]
        return sum(drops.get(reason, 0) for drops in counters for reason in reasons)

    return total


@pytest.fixture
def counted(count):
    """counted(reason, ...): a context in which these reasons are counted once more, or `more` times, or with `more`
    None at least once."""
    @contextlib.contextmanager
    def during(*reasons, more=1):
        before = count(*reasons)
        yield
        netlab.wait_until(lambda: count(*reasons) - before >= (more or 1), 5, f"{reasons} is counted")
        assert more is None or count(*reasons) - before == more

    return during
