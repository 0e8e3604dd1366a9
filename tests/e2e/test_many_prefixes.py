"""A peer with as many allowed_ips as it may have: all of them count, and a change of one disturbs nothing. What it
costs is printed (pytest -s)."""

import time

from tests.lab import netlab
from tests.lab.town import STACK4

COUNT = 20_000  # config/schema.h: kMaxAllowedIpsPerPeer
OWN, FIRST, LAST, FOREIGN = "10.0.0.2", "10.64.0.1", "10.142.30.1", "10.199.0.1"


def network_of(address):
    return address.rpartition(".")[0] + ".0/24"


def resident_kib(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def timed(what, do):
    began = time.monotonic()
    done = do()
    print(f"\n{what}: {time.monotonic() - began:.2f} s")
    return done


def test_twenty_thousand_prefixes_of_one_peer_are_in_force_and_one_changes_alone(town, visit):
    office = town.office("many", addresses=[f"{each}/32" for each in (OWN, FIRST, LAST, FOREIGN)])
    office.peer.allowed_ips = [f"{OWN}/32"]
    customer = visit([office])
    office.connect()
    handshake = office.shown().latest_handshake
    stack, vpnd = town.stack(customer), town.warren.vpnd()

    networks = [f"10.{64 + number // 256}.{number % 256}.0/24" for number in range(COUNT - 1)]
    assert (networks[0], networks[-1]) == (network_of(FIRST), network_of(LAST))
    office.peer.allowed_ips = [*networks[:1], f"{OWN}/32", *networks[1:]]
    before = resident_kib(vpnd)
    applied = timed(f"apply of {COUNT} prefixes", lambda: town.warren.put(customer))
    print(f"vpnd grew by {resident_kib(vpnd) - before} KiB")
    assert len(applied.stdout) < 20_000, "the steps of an apply are a text that somebody can read"

    def reaches(address, timeout=10):
        return stack.ping(address, timeout=timeout), office.ping(STACK4, "-I", address, timeout=timeout)

    for address in (OWN, FIRST, LAST):
        assert reaches(address) == (True, True), address
    drops = town.warren.drops(customer.id).get("source_not_allowed", 0)
    assert reaches(FOREIGN, 1) == (False, False)
    assert town.warren.drops(customer.id)["source_not_allowed"] > drops
    shown = town.warren.peer(customer.id, office.peer.name)
    assert shown["allowed_ips"] == office.peer.allowed_ips[:2000] and shown["allowed_ips_left_out"] == COUNT - 2000

    office.peer.allowed_ips[-1] = network_of(FOREIGN)
    town.warren.write_customer(customer)
    difference = town.warren.ctl("diff", check=False).stdout
    assert f"{network_of(LAST)} -> {network_of(FOREIGN)}" in difference and len(difference) < 2000, difference
    applied = timed("apply of one prefix that changed", lambda: town.warren.put(customer))
    assert len(applied.stdout) < 2000, applied.stdout
    for address in (OWN, FIRST, FOREIGN):
        assert reaches(address) == (True, True), address
    assert reaches(LAST, 1) == (False, False)
    assert office.shown().latest_handshake == handshake, "the tunnel did not fall"
    assert town.warren.vpnd() == vpnd


def test_more_prefixes_than_a_peer_may_have_are_refused_and_change_nothing(town, visit):
    office = town.office("too-many", addresses=[f"{OWN}/32"])
    customer = visit([office])
    office.connect()
    office.peer.allowed_ips = [f"{OWN}/32",
                               *(f"10.{64 + number // 256}.{number % 256}.0/24" for number in range(COUNT))]
    town.warren.write_customer(customer)
    done = town.warren.apply(check=False)
    assert done.returncode == 1 and "accepted: 0 to 20000" in done.stdout + done.stderr, done.stderr
    netlab.wait_until(office.ping, 10, "the customer is served as before")
    office.peer.allowed_ips = [f"{OWN}/32"]
    town.warren.put(customer)
