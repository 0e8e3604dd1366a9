"""Another number of data workers: vpnd is replaced, and sessions go on (docs/decisions/0011)."""

import contextlib
import os
import signal
import tempfile

import pytest

from tests.lab import inner, netlab, town as scenery, warren
from tests.lab.town import STACK4, Town

RAW = "10.0.0.9"


def echo(raw, session, patience=10):
    raw.send(session.data(inner.echo_request(RAW, STACK4)))
    answer = raw.receive_inner(session, patience)
    return answer is not None and inner.is_echo_reply(answer)


def connected(raw):
    session = raw.handshake()
    raw.confirm(session)
    assert echo(raw, session)
    return session


@pytest.fixture(scope="module")
def shifting():
    """A Warren that begins with one data worker, and a customer of each kind: small ones, and one that uses as many
    workers as there are."""
    with warren.leaves_nothing(lambda lab: Town(lab, name="shifting", workers=1)) as town:
        town.warren.start()
        yield town


def set_workers(town, count):
    """Applies it, and checks that this took effect without anything else."""
    if len(town.warren.json("counters")["workers"]) == count:
        return
    vpnd = town.warren.vpnd()
    town.warren.workers = count
    town.warren.write()
    said = town.warren.apply()
    assert "vpnd was replaced; its sessions go on" in said.stdout + said.stderr
    assert town.warren.vpnd() != vpnd
    assert len(town.warren.json("counters")["workers"]) == count
    status = town.warren.ctl("status", check=False).stdout
    assert f"{count} data worker" in status and "is not in force" not in status


@pytest.mark.losses
@pytest.mark.parametrize("former, count", [(1, 2), (2, 4), (4, 2), (4, 1)])
def test_another_number_of_workers_costs_no_packet_and_no_handshake(shifting, former, count):
    town = shifting
    set_workers(town, former)
    office = town.office("growing")
    with town.visiting([office], "shift-growing") as customer:
        office.connect()
        before = office.shown()
        pinging = scenery.Pinging(office.ns, STACK4)
        set_workers(town, count)
        assert office.ping(count=3)
        assert town.stack(customer).ping("10.0.0.2", count=1)
        assert pinging.lost() == 0
        assert office.shown().latest_handshake == before.latest_handshake


def test_sessions_go_on_with_more_and_fewer_workers(shifting):
    town = shifting
    set_workers(town, 3)
    offices = [town.office(f"shift{number}") for number in range(4)]  # each worker has some
    large = [town.office(f"large{number}", addresses=[f"10.0.0.{20 + number}/32"]) for number in range(3)]
    raw, entry = town.raw_peer("shift-raw", addresses=[f"{RAW}/32"])
    with contextlib.ExitStack() as stack:
        places = [(office, stack.enter_context(town.visiting([office], f"shift-{number}")), "10.0.0.2")
                  for number, office in enumerate(offices)]
        crowd = stack.enter_context(town.visiting(large, "shift-large", queues=4))
        places += [(office, crowd, f"10.0.0.{20 + number}") for number, office in enumerate(large)]
        raw.customer = stack.enter_context(town.visiting([entry], "shift-raw"))
        for office, _, _ in places:
            office.connect()
        before = [office.shown().latest_handshake for office, _, _ in places]
        session = connected(raw)
        sent = [session.data(inner.echo_request(RAW, STACK4, b"once")) for _ in range(5)]
        for message in sent:
            raw.send(message)
            assert raw.receive_inner(session)
        for count in (4, 1, 2):
            set_workers(town, count)
            for message in sent:
                raw.send(message)
            assert raw.receive_inner(session, 1) is None  # the replay windows were kept
            assert echo(raw, session)
            for office, customer, address in places:
                assert office.ping(count=3)
                assert town.stack(customer).ping(address, count=1)
                assert scenery.send_tcp(office.ns, town.stack(customer), STACK4, 1 << 18)
        assert [office.shown().latest_handshake for office, _, _ in places] == before
        assert session.received == sorted(set(session.received))  # no counter was used twice


def test_a_vpnd_that_died_comes_back_with_the_number_of_the_configuration(shifting):
    town = shifting
    set_workers(town, 3)
    vpnd = town.warren.vpnd()
    town.warren.process.kill(signal.SIGSTOP)  # it sees the end of vpnd before the configuration
    town.warren.workers = 2
    town.warren.write()
    os.kill(vpnd, signal.SIGKILL)
    town.warren.reload()
    town.warren.process.kill(signal.SIGCONT)
    netlab.wait_until(lambda: town.warren.children("vpnd") not in ([], [vpnd]) and
                      town.warren.ctl("counters", check=False).returncode == 0 and
                      len(town.warren.json("counters")["workers"]) == 2, 15, "the next vpnd has two workers")


def test_a_program_that_does_not_start_leaves_the_number_of_workers_as_it_is():
    with tempfile.TemporaryDirectory(dir=os.path.dirname(warren.programs())) as programs, \
            warren.leaves_nothing(lambda lab: Town(lab, workers=2)) as town:
        for name in ("stackd", "vpnd", "vpnctl"):
            os.link(f"{warren.programs()}/{name}", f"{programs}/{name}")
        town.warren.bin = programs
        town.warren.start()
        office = town.office("steady")
        with town.visiting([office], "shift-steady"):
            office.connect()
            before, vpnd = office.shown().latest_handshake, town.warren.vpnd()
            os.rename(f"{programs}/vpnd", f"{programs}/vpnd.away")
            town.warren.workers = 4
            town.warren.write()
            refused = town.warren.apply(check=False)
            assert refused.returncode == 4 and "vpnd goes on" in refused.stdout + refused.stderr
            assert town.warren.vpnd() == vpnd
            assert "workers: 4 is not in force, vpnd goes on with 2" in town.warren.ctl("status", check=False).stdout
            assert office.ping(count=3)
            os.rename(f"{programs}/vpnd.away", f"{programs}/vpnd")
            town.warren.ctl("restart", "vpnd")
            assert len(town.warren.json("counters")["workers"]) == 4
            assert office.ping(count=3)
            assert office.shown().latest_handshake == before
            assert "is not in force" not in town.warren.ctl("status", check=False).stdout
