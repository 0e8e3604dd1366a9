"""A customer whose file is renamed is the same customer: its stack, its tunnels and its sessions stay. A peer that
moves to another customer takes nothing along (docs/decisions/0012)."""

import os
import socket

import pytest

from tests.lab import inner, netlab, town as scenery, wireguard_go
from tests.lab.town import STACK4
from tests.lab.watched import FOREIGN, OWN

RAW = "10.0.0.9"
OWN_PORT = 51899


def rename(warren, *pairs):
    """Moves the customers' files, all at once, and applies nothing."""
    folder = f"{warren.config}/customers"
    for customer, to in pairs:
        customer.name = customer.name or customer.id  # the file stays as it is
        os.rename(f"{folder}/{customer.id}.toml", f"{folder}/{to}.toml.moved")
        del warren.customers[customer.id]
    for customer, to in pairs:
        os.rename(f"{folder}/{to}.toml.moved", f"{folder}/{to}.toml")
        customer.id = to
        warren.customers[to] = customer


def space(town, customer):
    """Which namespace the customer's stack is."""
    return os.stat(town.stack(customer).path).st_ino


def names():
    return set(os.listdir(netlab.NETNS_DIR))


def echo(raw, session, patience=10):
    raw.send(session.data(inner.echo_request(RAW, STACK4)))
    answer = raw.receive_inner(session, patience)
    return answer is not None and inner.is_echo_reply(answer)


def connected(raw):
    session = raw.handshake()
    raw.confirm(session)
    assert echo(raw, session)
    return session


def uapi_answers(customer):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(f"/run/wireguard/warren-{customer}.sock")
        client.sendall(b"get=1\n\n")
        return b"errno=0" in client.recv(1 << 16)


@pytest.mark.losses
def test_a_renamed_customer_keeps_its_tunnels_its_stack_and_its_counters(town, visit):
    office = town.office("firm")
    customer = visit([office])
    office.connect()
    old, stack, handshake = customer.id, space(town, customer), office.shown().latest_handshake
    counted = town.warren.peer(old, "firm")["rx_bytes"]
    assert counted > 0
    pinging = scenery.Pinging(office.ns, STACK4)
    rename(town.warren, (customer, f"{old}-new"))
    said = town.warren.ctl("diff", check=False).stdout
    assert f"customer {old} is renamed to {customer.id}" in said and "remove" not in said
    assert space(town, customer_named(old)) == stack  # nothing was done yet
    said = town.warren.apply().stdout
    assert f"customer {old} is renamed to {customer.id}" in said and "create" not in said
    # The packet path is the same, so that not one is lost.
    assert office.ping(count=3)
    assert pinging.lost() == 0
    assert office.shown().latest_handshake == handshake
    assert space(town, customer) == stack
    assert f"warren-{old}" not in names() and not any(name.endswith(".new") for name in names())
    assert town.stack(customer).ping("10.0.0.2", count=1)
    assert town.warren.peer(customer.id, "firm")["rx_bytes"] > counted
    assert old not in [entry["id"] for entry in town.warren.status()["customers"]]
    assert town.warren.ctl("diff").stdout.startswith("nothing to do")


def customer_named(id_):
    class Named:
        id = id_
    return Named


def test_sessions_of_a_renamed_customer_with_its_own_listener_outlive_vpnd(town, visit):
    key = wireguard_go.new_key()
    raw, entry = town.raw_peer("lone", remote=(scenery.HUB4, OWN_PORT), hub_key=key)
    customer = visit([entry], listen_port=OWN_PORT, private_key=key.private)
    session = connected(raw)
    old = customer.id
    assert uapi_answers(old)
    rename(town.warren, (customer, f"{old}-new"))
    town.warren.apply()
    assert echo(raw, session)
    assert uapi_answers(customer.id)
    assert not os.path.exists(f"/run/wireguard/warren-{old}.sock")
    town.warren.ctl("restart", "vpnd")
    assert echo(raw, session)
    assert session.received == sorted(set(session.received))


@pytest.mark.losses
def test_two_customers_change_their_names(town, visit):
    offices = {name: town.office(name) for name in ("left", "right")}
    customers = {name: visit([office]) for name, office in offices.items()}
    for office in offices.values():
        office.connect()
    left, right = customers.values()
    ids = left.id, right.id
    spaces = space(town, left), space(town, right)
    handshakes = [office.shown().latest_handshake for office in offices.values()]
    pings = [scenery.Pinging(office.ns, STACK4) for office in offices.values()]
    rename(town.warren, (left, right.id), (right, left.id))
    assert (left.id, right.id) == ids[::-1]
    town.warren.apply()
    for office in offices.values():
        assert office.ping(count=3)
    assert [ping.lost() for ping in pings] == [0, 0]
    assert [office.shown().latest_handshake for office in offices.values()] == handshakes
    assert (space(town, left), space(town, right)) == spaces
    for name, customer in customers.items():
        assert [peer["name"] for peer in town.warren.status(customer.id)["peers"]] == [name]
        assert town.stack(customer).ping("10.0.0.2", count=1)


def test_a_renamed_file_with_other_peers_is_another_customer(town, visit):
    raw, entry = town.raw_peer("mover")
    _, other = town.raw_peer("stayer", addresses=["10.0.0.8/32"])
    customer = visit([entry, other])
    session = connected(raw)
    old, stack = customer.id, space(town, customer)
    rename(town.warren, (customer, f"{old}-new"))
    customer.peers.remove(other)
    town.warren.write_customer(customer)
    said = town.warren.ctl("apply", "-v", "--remove").stdout
    assert "renamed" not in said and f"{old}: remove the stack" in said
    assert space(town, customer) != stack
    assert not echo(raw, session, 2)
    assert connected(raw)


def test_the_lan_of_a_renamed_customer_stays(town, visit):
    host = town.lab.namespace("renamed-lan")
    town.lab.wire(host, "eth0", "10.42.0.10/24", town.hub, "port-renamed", [])
    host.ip("route add default via 10.42.0.1")
    town.lab.bridge(town.hub, "br-renamed")
    town.hub.ip("link set dev port-renamed master br-renamed")
    town.lab.at_end(lambda: town.hub.ip("link del dev br-renamed"))
    office = town.office("landed", reach=["10.0.0.0/16", "10.42.0.0/24"])
    customer = visit([office], "landed", handoff={"type": "veth", "parent": "br-renamed", "address": ["10.42.0.1/24"]})
    office.connect("10.42.0.10")
    index = town.stack(customer).run("ip", "-o", "link", "show", "dev", "lan0").stdout.split(":")[0]
    rename(town.warren, (customer, "grounded"))
    said = town.warren.apply().stdout
    assert "lan0" not in said
    netlab.wait_until(lambda: office.ping("10.42.0.10", timeout=1), 5, "the LAN answers")
    assert town.stack(customer).run("ip", "-o", "link", "show", "dev", "lan0").stdout.split(":")[0] == index
    devices = town.hub.devices()
    assert "wr-grounded" in devices and "wr-landed" not in devices


# How far a stackd that was killed had come: which names the namespace has then.
@pytest.mark.parametrize("left", ["both names", "only the passing name", "all but the end"])
def test_a_stackd_that_is_killed_in_the_middle_of_a_rename_finds_its_way(town, visit, left):
    raw, entry = town.raw_peer("broken-off")
    customer = visit([entry])
    session = connected(raw)
    old, stack, vpnd = customer.id, space(town, customer), town.warren.vpnd()
    town.warren.kill()
    rename(town.warren, (customer, f"{old}-new"))
    before, passing = f"{netlab.NETNS_DIR}/warren-{old}", f"{netlab.NETNS_DIR}/warren-{customer.id}.new"
    wanted = f"{netlab.NETNS_DIR}/warren-{customer.id}"
    for name in [passing] + ([wanted] if left == "all but the end" else []):
        with open(name, "x"):
            pass
        netlab.run("mount", "--bind", before, name)
    if left != "both names":
        netlab.run("umount", before)
        os.unlink(before)
    town.warren.start()
    assert town.warren.vpnd() == vpnd
    assert space(town, customer) == stack
    assert f"warren-{old}" not in names() and os.path.basename(passing) not in names()
    assert echo(raw, session)
    assert town.warren.peer(customer.id, "broken-off")["state"] == "online"
    assert town.warren.ctl("diff").stdout.startswith("nothing to do")


def test_who_may_see_the_old_name_does_not_see_the_new_one(scene):
    own = scene.warren.customers[OWN]
    other = "initech"
    before = scene.view(f"/api/v1/events?customer={OWN}&limit=500")["items"]
    rename(scene.warren, (own, other))
    said = scene.warren.ctl("apply").stdout
    assert f"users and tokens of customer {OWN} do not see {other}" in said
    try:
        netlab.wait_until(lambda: scene.get(f"/api/v1/customers/{other}").status == 200, 20, "the page has the new id")
        assert scene.get(f"/api/v1/customers/{OWN}").status == 404
        for path in (f"customers/{other}", f"events?customer={other}", f"events?customer={OWN}"):
            assert scene.get(f"/api/v1/{path}", "customer").status == 404
        assert other not in scene.get("/api/v1/customers", "customer").body.decode()
        events = scene.view(f"/api/v1/events?customer={other}&limit=500")["items"]
        known = {event["id"] for event in before}
        assert known <= {event["id"] for event in events}  # they went along
        kinds = [event["kind"] for event in events if event["id"] not in known]
        assert kinds.count("renamed") == 1 and not {"added", "removed"} & set(kinds)
        assert scene.view(f"/api/v1/customers/{other}/peers/graz")["state"] == "online"
        assert FOREIGN in scene.get("/api/v1/customers").body.decode()
    finally:
        rename(scene.warren, (own, OWN))
        scene.warren.ctl("apply")
    netlab.wait_until(lambda: scene.get(f"/api/v1/customers/{OWN}").status == 200, 20, "the page has the old id again")
    again = scene.view(f"/api/v1/events?customer={OWN}&limit=500")["items"]
    assert {event["id"] for event in events} < {event["id"] for event in again}


def test_events_go_along_when_two_customers_swap_ids_and_a_peer_is_disabled_in_the_same_edit(scene):
    own, foreign = scene.warren.customers[OWN], scene.warren.customers[FOREIGN]
    idle = own.peers[1]

    def events(customer, role="operator"):
        path = f"/api/v1/events?customer={customer}&limit=500"
        # Who may not see all is refused until it is on the disk whose an id is now.
        return {event["id"]: event for event in scene.view(path, role)["items"]}

    def is_swapped():
        """Whichever ids the page has by now, what it tells of a stack is of the customer whose tunnels it shows."""
        for customer in (OWN, FOREIGN):
            shown = scene.view(f"/api/v1/customers/{customer}")
            is_own = any(route["peer"] == "graz" for route in shown["routes"])
            assert shown["disabled_peers"] == [] or is_own and shown["disabled_peers"] == [idle.name]
        return scene.get(f"/api/v1/customers/{own.id}/peers/graz").status == 200

    def swap(enabled):
        rename(scene.warren, (own, foreign.id), (foreign, own.id))
        idle.enabled = enabled
        scene.warren.write_customer(own)
        scene.warren.ctl("apply")
        netlab.wait_until(is_swapped, 20, "the page has the swapped ids")

    before = events(OWN), events(FOREIGN)
    swap(False)
    try:
        netlab.wait_until(lambda: scene.view(f"/api/v1/customers/{own.id}")["disabled_peers"] == [idle.name], 20,
                          "the page tells of the disabled peer")
        after = events(FOREIGN), events(OWN)
        for known, now in zip(before, after):
            assert known.keys() <= now.keys()
            assert [now[one]["kind"] for one in now.keys() - known.keys()].count("renamed") == 1
        read = events(OWN, "customer")
        assert "renamed" in {event["kind"] for event in read.values()}
        assert not {"graz", idle.name} & {event["peer"] for event in read.values()}
    finally:
        swap(True)
    assert events(OWN).keys() >= after[0].keys()
