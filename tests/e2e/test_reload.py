"""A change of one customer touches no other customer; a bad file changes nothing and is reported."""

import os

import pytest

from tests.lab import netlab, town as scenery, warren, wireguard_go
from tests.lab.town import STACK4


@pytest.fixture(scope="module")
def steady(town):
    """A customer whose traffic no change may disturb."""
    office = town.office("steady")
    with town.visiting([office]) as customer:
        office.customer = customer
        yield office.connect()


def some_peer(name="p", last=9):
    return warren.Peer(name, wireguard_go.new_key().public, [f"10.0.0.{last}/32"])


@pytest.mark.losses
def test_fifty_changes_of_other_customers_lose_no_ping_of_this_one(town, steady):
    handshake = steady.shown().latest_handshake
    pinging = scenery.Pinging(steady.ns, STACK4)
    for turn in range(17):
        customer = town.customer([some_peer()], f"busy-{turn}")
        customer.peers.append(some_peer("q", 8))
        customer.addresses = ["10.0.0.1/24"]
        town.warren.put(customer)
        town.warren.remove(customer.id)
    assert pinging.lost() == 0
    assert steady.shown().latest_handshake == handshake


@pytest.mark.losses
def test_a_new_peer_of_a_customer_disturbs_none_of_its_other_peers(town, steady):
    pinging = scenery.Pinging(steady.ns, STACK4)
    late = town.office("late", addresses=["10.0.0.7/32"])
    steady.customer.peers.append(late.peer)
    town.warren.put(steady.customer)
    late.connect()
    late.peer.allowed_ips.append("10.0.7.0/24")
    town.warren.put(steady.customer)
    steady.customer.peers.remove(late.peer)
    town.warren.put(steady.customer)
    assert pinging.lost() == 0
    assert not late.ping(timeout=1)


def test_a_reload_by_signal_does_what_apply_does(town, steady):
    office = town.office("signalled", addresses=["10.0.0.6/32"])
    customer = warren.Customer("signalled", [f"{STACK4}/24"], [office.peer])
    town.warren.customers[customer.id] = customer
    town.warren.write_customer(customer)
    town.warren.reload()
    office.connect()
    town.warren.remove(customer.id)


def test_a_suspended_customer_keeps_the_stack_and_loses_the_tunnels(town, visit, steady):
    office = town.office("debtor")
    customer = visit([office])
    office.connect()
    inode = os.stat(town.stack(customer).path).st_ino
    customer.state = "suspended"
    town.warren.put(customer)
    assert not office.ping(timeout=1) and not town.stack(customer).ping("10.0.0.2", timeout=1)
    assert os.stat(town.stack(customer).path).st_ino == inode
    assert town.warren.status(customer.id)["state"] == "suspended"
    office.client.configure()  # a new handshake does not help
    assert not office.ping(timeout=1)
    assert steady.ping()
    customer.state = "active"
    town.warren.put(customer)
    office.client.configure()
    office.connect()


def break_file(town, customer, text):
    path = f"{town.warren.config}/customers/{customer.id}.toml"
    with open(path, "w") as out:
        out.write(text)
    return path


@pytest.mark.parametrize("text, line", [("schema = 1\nname = \n", 2), ("schema = 1\nadresses = 3\n", 2), ("", 1),
                                        ("\0\1\2", 1), ("schema = 99\n", 1)],
                         ids=["syntax", "unknown key", "empty", "binary", "schema"])
def test_a_bad_file_is_reported_and_that_customer_stays_while_others_apply(town, visit, text, line):
    office, other = town.office("kept"), town.office("other", addresses=["10.0.0.5/32"])
    kept = visit([office])
    office.connect()
    path = break_file(town, kept, text)
    new = warren.Customer("newcomer", [f"{STACK4}/24"], [other.peer])
    town.warren.customers["newcomer"] = new
    town.warren.write_customer(new)
    done = town.warren.apply(check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 1 and f"customers/{kept.id}.toml:" in said, said
    assert "error:" in said
    other.connect()
    assert office.ping()
    checked = town.warren.ctl("check", town.warren.config, check=False)
    assert checked.returncode == 1 and f"{kept.id}.toml:" in checked.stdout + checked.stderr
    town.warren.write_customer(kept)
    assert os.path.exists(path)
    town.warren.remove("newcomer")
    assert office.ping()


def test_a_broken_appliance_file_changes_nothing(town, steady):
    path = f"{town.warren.config}/warren.toml"
    with open(path) as good:
        text = good.read()
    generation = town.warren.status()["generation"]
    with open(path, "w") as out:
        out.write(text + "\nlisten_prt = 1\n")
    try:
        assert town.warren.apply(check=False).returncode == 1
        assert town.warren.status()["generation"] == generation
        assert steady.ping()
    finally:
        with open(path, "w") as out:
            out.write(text)
    town.warren.apply()


def test_diff_shows_what_apply_would_do_and_is_empty_after_apply(town):
    customer = warren.Customer("planned", [f"{STACK4}/24"], [some_peer()])
    town.warren.customers[customer.id] = customer
    town.warren.write_customer(customer)
    before = town.warren.ctl("diff", check=False)
    assert before.returncode == 1 and "planned" in before.stdout
    assert not os.path.exists(f"{netlab.NETNS_DIR}/warren-planned")
    town.warren.apply()
    after = town.warren.ctl("diff", check=False)
    assert after.returncode == 0
    town.warren.remove("planned")


def test_a_peer_whose_key_changes_is_cut_off(town, visit):
    office = town.office("rekeyed")
    customer = visit([office])
    office.connect()
    old = office.peer.public_key
    office.peer.public_key = wireguard_go.new_key().public
    town.warren.put(customer)
    assert not office.ping(timeout=1)
    office.peer.public_key = old
    town.warren.put(customer)
    office.client.configure()
    office.connect()


def test_a_prefix_that_moves_between_peers_belongs_to_exactly_one_of_them(town, visit):
    one = town.office("one", addresses=["10.0.0.2/32", "10.0.9.1/32"])
    two = town.office("two", addresses=["10.0.0.3/32", "10.0.9.1/32"])
    one.peer.allowed_ips, two.peer.allowed_ips = ["10.0.0.2/32", "10.0.9.0/24"], ["10.0.0.3/32"]
    customer = visit([one, two])
    one.connect()
    two.connect()
    stack = town.stack(customer)
    for turn in range(4):
        owner, other = (one, two) if turn % 2 == 0 else (two, one)
        if turn:
            other.peer.allowed_ips.remove("10.0.9.0/24")
            owner.peer.allowed_ips.append("10.0.9.0/24")
            town.warren.put(customer)
        got = owner.client.show()[town.warren.key.public].rx, other.client.show()[town.warren.key.public].rx
        assert stack.ping("10.0.9.1", "-s", "1000", count=3)
        now = owner.client.show()[town.warren.key.public].rx, other.client.show()[town.warren.key.public].rx
        assert now[0] - got[0] > 3000 and now[1] - got[1] < 1000
