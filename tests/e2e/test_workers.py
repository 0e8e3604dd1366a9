"""Several data workers: customers on different workers, changes by the operator, and crashes."""

import os
import re
import signal

import pytest

from tests.lab import netlab, town as scenery
from tests.lab.town import STACK4, Town

WORKERS = 4


@pytest.fixture(scope="module")
def crowd():
    """A Warren with four workers: a customer on each of them, and one customer with two sites on three of them. All
    have the same addresses."""
    with netlab.Lab() as lab:
        town = Town(lab, name="crowd", workers=WORKERS)
        town.warren.start()
        offices = []
        for number in range(WORKERS):
            office = town.office(f"crowd{number}")
            office.customer = town.customer([office.peer], f"crowd-{number}")
            offices.append(office)
        large = [town.office(f"large{number}", addresses=[f"10.0.0.{20 + number}/32"]) for number in range(2)]
        large[0].customer = large[1].customer = town.customer(large, "crowd-large", queues=3)
        offices += large
        for office in offices:
            office.connect()
        yield town, offices


def come_back(offices):
    """Waits until all clients have reconnected. They ping in turns, because a client that sends nothing does not notice
    the loss of its session, and one that sends needs 15 s."""
    away = list(offices)

    def all_back():
        away[:] = [office for office in away if not office.ping(timeout=1)]
        return not away

    netlab.wait_until(all_back, 60, "all clients have reconnected")


def threads(pid):
    names = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/comm") as comm:
            names.append(comm.read().strip())
    return sorted(name for name in names if name.startswith("data-"))


def handed_over(warren):
    return [worker["handed_over"] + worker["ring_full"] for worker in warren.json("counters")["workers"]]


def test_each_worker_is_a_thread_with_its_name(crowd):
    assert threads(crowd[0].warren.vpnd()) == [f"data-{number}" for number in range(WORKERS)]


def test_customers_of_different_workers_share_addresses_but_never_packets(crowd):
    town, offices = crowd
    sizes = [100, 1392, 700, 4] * 25
    before = {office.customer.id: town.warren.status(office.customer.id) for office in offices}
    for office in offices:
        stack = town.stack(office.customer)
        # Each datagram has different bytes.
        assert scenery.send_udp(office.ns, stack, STACK4, sizes) == (len(sizes), True)
        assert scenery.send_udp(stack, office.ns, office.client.addresses[0].split("/")[0], sizes) == (len(sizes), True)
        assert scenery.send_tcp(office.ns, stack, STACK4, 1 << 20)
    netlab.wait_until(lambda: all(town.warren.status(id_)["rx_packets"] > then["rx_packets"]
                                  for id_, then in before.items()), 5)
    assert handed_over(town.warren) == [0] * WORKERS  # the kernel delivered every packet to the right worker


@pytest.mark.losses
def test_added_and_removed_customers_disturb_nobody_on_any_worker(crowd):
    town, offices = crowd
    pinging = [scenery.Pinging(office.ns, STACK4) for office in offices]
    for _ in range(2):
        guests = [town.office(f"guest{number}") for number in range(WORKERS)]
        ids = [town.customer([guest.peer], f"crowd-guest-{number}").id for number, guest in enumerate(guests)]
        guests[-1].connect()
        town.warren.remove(*ids)
    assert [each.lost() for each in pinging] == [0] * len(offices)


def queues_of(town, customer):
    """The number of queues of the customer's vpn0; normally 1."""
    return int(re.search(r"numtxqueues (\d+)",
                         town.stack(customer).run("ip", "-d", "link", "show", "vpn0").stdout).group(1))


@pytest.mark.losses
def test_a_large_customer_gets_another_number_of_queues_and_nobody_else_notices(crowd):
    town, offices = crowd
    others = [scenery.Pinging(office.ns, STACK4) for office in offices if office.customer.id != "crowd-large"]
    large = [office for office in offices if office.customer.id == "crowd-large"]
    customer = large[0].customer
    assert queues_of(town, customer) > 1
    for queues in (1, 3):
        customer.queues = queues
        town.warren.put(customer)
        assert (queues_of(town, customer) > 1) == (queues > 1)
        come_back(large)
    assert [each.lost() for each in others] == [0] * len(others)


def test_another_number_of_workers_is_another_vpnd_with_the_same_sessions(crowd):
    town, offices = crowd
    for count in (2, WORKERS):
        vpnd = town.warren.vpnd()
        town.warren.workers = count
        town.warren.write()
        town.warren.apply()
        assert town.warren.vpnd() != vpnd
        assert threads(town.warren.vpnd()) == [f"data-{number}" for number in range(count)]
        assert all(office.ping(count=3) for office in offices)  # a client that must shake hands again needs longer


@pytest.mark.losses
def test_a_new_stackd_adopts_all_workers_and_keeps_their_number(crowd):
    town, offices = crowd
    vpnd, pinging = town.warren.vpnd(), [scenery.Pinging(office.ns, STACK4) for office in offices]
    town.warren.workers = 2  # changed while no stackd ran
    town.warren.kill()
    town.warren.start()
    assert (town.warren.vpnd(), len(threads(vpnd))) == (vpnd, WORKERS)
    assert "workers: 2 is not in force" in town.warren.ctl("status", check=False).stdout
    assert [each.lost() for each in pinging] == [0] * len(offices)
    town.warren.workers = WORKERS
    town.warren.write()
    guest = town.office("adopted")
    town.customer([guest.peer], "crowd-adopted")  # new tunnels find their sockets and workers
    assert (town.warren.vpnd(), len(threads(vpnd))) == (vpnd, WORKERS)
    guest.connect()
    town.warren.remove("crowd-adopted")
    assert "is not in force" not in town.warren.ctl("status", check=False).stdout


@pytest.mark.losses
def test_a_killed_vpnd_restarts_with_all_its_workers(crowd):
    town, offices = crowd
    vpnd = town.warren.vpnd()
    os.kill(vpnd, signal.SIGKILL)
    come_back(offices)
    assert town.warren.vpnd() != vpnd and len(threads(town.warren.vpnd())) == WORKERS


@pytest.mark.losses
def test_a_start_uses_the_number_of_the_configuration(crowd):
    town, offices = crowd
    town.warren.workers = 2
    assert town.warren.stop() == 0
    town.warren.start()
    assert threads(town.warren.vpnd()) == ["data-0", "data-1"]
    come_back(offices)
    vpnd = town.warren.vpnd()
    town.warren.apply()
    assert town.warren.vpnd() == vpnd
