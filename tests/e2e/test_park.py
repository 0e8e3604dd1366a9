"""Customers without a stack while no packet needs one (docs/decisions/0029): the first packet makes the stack and
arrives, nothing else does, and it goes when no packet came for a while."""

import os
import signal

import pytest

from tests.lab import inner, netlab
from tests.lab.town import STACK4, Pinging
from tests.lab.warren import Customer

RAW = "10.0.0.9"
SHORT, LONG = "2 s", "1 h"  # until a customer is parked


def has_stack(customer):
    return os.path.exists(f"{netlab.NETNS_DIR}/warren-{customer.id}")


def is_parked(town, customer):
    return not has_stack(customer) and town.warren.status(customer.id)["state"] == "parked"


def wait_until_parked(town, customer):
    netlab.wait_until(lambda: is_parked(town, customer), 15, f"{customer.id} is parked", every=0.2)


@pytest.fixture
def raw(town, visit):
    made, entry = town.raw_peer("dormant-raw", addresses=[f"{RAW}/32"])
    made.customer = visit([entry], park="idle", park_after=LONG)
    return made


def session_of(raw):
    session = raw.handshake()
    raw.confirm(session)
    return session


def is_answered(raw, session, payload=b"wake", patience=10):
    """Sends one echo request, and never again."""
    raw.send(session.data(inner.echo_request(RAW, STACK4, payload)))
    answer = raw.receive_inner(session, patience)
    return answer is not None and inner.is_echo_reply(answer)


def came(town, customer):
    """Packets from the customer's peers, keepalives among them. Asks vpnd alone."""
    return next(one["rx_packets"] for one in town.warren.json("counters", customer.id)["counters"]
                if one["customer"] == customer.id)


def online(town, raw):
    """A session that vpnd has seen a keepalive of."""
    session = session_of(raw)
    netlab.wait_until(lambda: came(town, raw.customer) >= 1, 5)
    return session


def kill_vpnd(town):
    vpnd = town.warren.vpnd()
    os.kill(vpnd, signal.SIGKILL)
    netlab.wait_until(lambda: vpnd not in town.warren.children("vpnd") and town.warren.children("vpnd") and
                      town.warren.ctl("status", check=False).returncode in (0, 1), 20, "the next vpnd serves")


# --- waking ----------------------------------------------------------------------------------------------------------


def test_the_first_ping_of_a_stock_client_wakes_the_stack_and_is_answered(town, visit):
    other = town.office("awake")
    awake = visit([other])
    other.connect()
    office = town.office("dormant")
    customer = visit([office], park="idle", park_after=LONG)
    assert not has_stack(customer)
    assert is_parked(town, customer)
    pinging = Pinging(other.ns, STACK4)
    sent = office.ns.run("ping", "-n", "-q", "-c", 5, "-i", "0.2", "-W", 4, STACK4, check=False).stdout
    assert " 5 received" in sent, sent
    assert has_stack(customer)
    assert town.warren.status(customer.id)["state"] == "active"
    assert town.warren.drops(customer.id) == {}
    assert pinging.lost() == 0
    assert awake.id in {entry["customer"] for entry in town.warren.json("stack", "list")["stacks"]}


def test_a_handshake_and_a_keepalive_wake_nothing_and_a_packet_does(town, raw):
    session = online(town, raw)
    raw.send(session.data())
    netlab.wait_until(lambda: came(town, raw.customer) >= 2, 5)
    assert town.warren.peer(raw.customer.id, "dormant-raw")["state"] == "online"
    assert is_parked(town, raw.customer)
    assert is_answered(raw, session)
    assert has_stack(raw.customer)


def test_what_a_stranger_recorded_wakes_nothing(town, raw):
    """The whole conversation, again, while the customer is parked again."""
    raw.customer.park_after = SHORT
    town.warren.put(raw.customer)
    initiation = raw.initiation()
    raw.send(initiation.message)
    session = raw.consume_response(initiation, raw.receive_kind(2))
    packet = session.data(inner.echo_request(RAW, STACK4, b"recorded"))
    raw.send(packet)
    assert raw.receive_inner(session) is not None
    wait_until_parked(town, raw.customer)
    with raw.place.ns.socket() as stranger:
        for _ in range(20):
            for message in (initiation.message, packet):
                stranger.sendto(message, raw.remote)
    netlab.wait_until(lambda: town.warren.drops(raw.customer.id).get("replay_duplicate", 0) >= 20, 10)
    assert is_parked(town, raw.customer)
    assert not [line for line in town.warren.output().splitlines()
                if "event=stack_woken" in line and raw.customer.id in line][1:]
    raw.drain()
    assert is_answered(raw, session, b"the peer itself")


def test_a_flood_of_strangers_wakes_nothing(town, raw):
    woken = town.warren.output().count("event=stack_woken")
    with raw.place.ns.socket() as stranger:
        for number in range(3000):
            stranger.sendto(os.urandom(148), raw.remote)
            stranger.sendto(raw.initiation(static_private=os.urandom(32)).message if number % 50 == 0
                            else b"\4\0\0\0" + os.urandom(92), raw.remote)
    assert is_parked(town, raw.customer)
    assert town.warren.output().count("event=stack_woken") == woken
    assert is_answered(raw, session_of(raw))


def test_a_packet_from_an_address_that_is_not_the_peers_wakes_nothing(town, raw):
    session = session_of(raw)
    raw.send(session.data(inner.echo_request("10.0.0.77", STACK4, b"spoofed")))
    netlab.wait_until(lambda: town.warren.drops(raw.customer.id).get("source_not_allowed") == 1, 5)
    assert is_parked(town, raw.customer)


def test_packets_beyond_the_bound_are_counted_and_the_first_is_kept(town, raw):
    session = online(town, raw)
    town.warren.process.kill(signal.SIGSTOP)
    try:
        raw.send(session.data(inner.echo_request(RAW, STACK4, b"first")))
        for _ in range(200):
            raw.send(session.data(inner.udp(RAW, STACK4, 9, 9, bytes(1300))))
        netlab.wait_until(lambda: came(town, raw.customer) >= 202, 2)
    finally:
        town.warren.process.kill(signal.SIGCONT)
    answer = raw.receive_inner(session)
    while answer is not None and not inner.is_echo_reply(answer):
        answer = raw.receive_inner(session, 5)
    assert answer is not None
    held = 200 - town.warren.drops(raw.customer.id).get("stack_parked", 0)
    assert 30 < held < 60, held  # 64 KB


def test_many_stacks_wake_at_once_and_each_first_packet_arrives(town, visit):
    """More than are asked for at a time, while another customer's tunnel goes on."""
    other = town.office("undisturbed")
    visit([other])
    other.connect()
    place, made = town.place("many"), []
    for number in range(48):
        raw, entry = town.raw_peer(f"many-{number}", addresses=[f"{RAW}/32"], place=place)
        raw.customer = Customer(town.new_id("many"), [f"{STACK4}/24"], [entry], park="idle", park_after=LONG)
        made.append(raw)
    town.warren.put(*(raw.customer for raw in made))
    try:
        sessions = [session_of(raw) for raw in made]
        assert not any(has_stack(raw.customer) for raw in made)
        pinging = Pinging(other.ns, STACK4)
        for raw, session in zip(made, sessions):
            raw.send(session.data(inner.echo_request(RAW, STACK4, b"at once")))
        for raw, session in zip(made, sessions):
            answer = raw.receive_inner(session, 20)
            assert answer is not None and inner.is_echo_reply(answer)
        assert pinging.lost() == 0
        assert all(has_stack(raw.customer) for raw in made)
    finally:
        town.warren.remove(*(raw.customer.id for raw in made))


# --- parking ---------------------------------------------------------------------------------------------------------


def test_an_idle_customer_is_parked_again_and_its_counters_go_on(town, visit):
    office = town.office("comes-and-goes")
    customer = visit([office], park="idle", park_after=SHORT)
    seen = 0
    for _ in range(3):
        assert office.ping(count=1)
        wait_until_parked(town, customer)
        now = town.warren.status(customer.id)["rx_bytes"]
        assert now > seen
        seen = now
    assert town.warren.peer(customer.id, "comes-and-goes")["state"] == "online"


def test_a_log_of_the_firewall_begins_with_the_stack_and_keeps_none(town, raw):
    """A namespace without a name would stay in the kernel as long as a socket in it."""
    raw.customer.park_after = SHORT
    raw.customer.firewall = {"rule": [{"name": "told", "from": ["any"], "to": ["any"], "proto": "udp", "ports": [80],
                                       "action": "drop", "log": True}]}
    town.warren.put(raw.customer)
    session = session_of(raw)

    def told():
        raw.send(session.data(inner.udp(RAW, "10.0.0.8", 9, 80, b"told")))
        return town.warren.ctl("log", raw.customer.id).stdout

    def descriptors():
        return len(os.listdir(f"/proc/{town.warren.process.pid}/fd"))

    before = descriptors()
    netlab.wait_until(told, 5, "the rule's packets are told of", every=0.2)
    lines = len(told().splitlines())
    wait_until_parked(town, raw.customer)
    netlab.wait_until(lambda: descriptors() <= before + 1, 5, "nothing of the stack is left open")  # epoll
    netlab.wait_until(lambda: len(told().splitlines()) > lines, 5, "and told of again", every=0.2)


def test_a_customer_that_a_program_runs_in_keeps_its_stack(town, raw):
    raw.customer.park_after = SHORT
    town.warren.put(raw.customer)
    program = town.hub.start(f"{town.warren.bin}/vpnctl", "--run-dir", town.warren.run_dir, "--config",
                             town.warren.config, "stack", "exec", raw.customer.id, "--", "sleep", "600")
    netlab.wait_until(lambda: has_stack(raw.customer), 10, "exec wakes the stack")
    refused = f"event=stack_not_parked customer={raw.customer.id}"
    netlab.wait_until(lambda: refused in town.warren.output() or not program.running(), 15)
    assert program.running(), program.output()
    assert has_stack(raw.customer)
    assert is_answered(raw, session_of(raw))
    program.stop()
    wait_until_parked(town, raw.customer)


def test_a_customer_with_a_handoff_or_without_the_key_has_its_stack(town, visit):
    office = town.office("stays")
    customer = visit([office])
    assert has_stack(customer)
    customer.park, customer.park_after = "never", SHORT
    town.warren.put(customer)
    lan = visit([town.office("has-lan")], handoff={"type": "veth", "address": ["10.42.0.1/24"]})
    office.connect()
    customer.park = "idle"
    town.warren.put(customer)
    wait_until_parked(town, customer)
    assert has_stack(lan)
    customer.park = "never"
    town.warren.put(customer)
    assert has_stack(customer)
    office.connect()


def test_an_idle_customer_with_a_handoff_is_an_error(town):
    office = town.office("wrong")
    with pytest.raises(netlab.LabError, match="stack.park"):
        town.customer([office], "wrong-park", park="idle", handoff={"type": "veth", "address": ["10.42.0.1/24"]})


def test_the_operator_sees_parked(town, raw):
    id_ = raw.customer.id
    assert {entry["customer"]: entry["state"] for entry in town.warren.json("stack", "list")["stacks"]}[id_] == "parked"
    assert "parked" in town.warren.ctl("stack", "show", id_, check=False).stdout
    assert "parked" in town.warren.ctl("status", id_, check=False).stdout
    assert id_ not in town.warren.ctl("doctor", check=False).stdout


# --- crashes ---------------------------------------------------------------------------------------------------------


def test_parked_customers_outlive_both_daemons(town, raw):
    session = online(town, raw)
    town.warren.kill()
    town.warren.start()
    assert is_parked(town, raw.customer)
    kill_vpnd(town)
    assert is_parked(town, raw.customer)
    assert is_answered(raw, session)


def test_a_stackd_that_is_killed_while_it_wakes_a_stack_leaves_no_half(town, raw):
    session = online(town, raw)
    town.warren.process.kill(signal.SIGSTOP)
    raw.send(session.data(inner.echo_request(RAW, STACK4, b"lost")))
    netlab.wait_until(lambda: came(town, raw.customer) >= 2, 5)
    town.warren.kill()
    town.warren.start()
    netlab.wait_until(lambda: is_answered(raw, session, patience=1), 15)
    assert has_stack(raw.customer)


def test_a_vpnd_that_is_killed_while_it_waits_for_a_stack_goes_on(town, raw):
    session = online(town, raw)
    vpnd = town.warren.vpnd()
    town.warren.process.kill(signal.SIGSTOP)
    try:
        raw.send(session.data(inner.echo_request(RAW, STACK4, b"lost")))
        netlab.wait_until(lambda: came(town, raw.customer) >= 2, 5)
        os.kill(vpnd, signal.SIGKILL)
    finally:
        town.warren.process.kill(signal.SIGCONT)
    netlab.wait_until(lambda: vpnd not in town.warren.children("vpnd") and town.warren.children("vpnd"), 20)
    netlab.wait_until(lambda: is_answered(raw, session, patience=1), 20)


def test_a_stack_that_an_earlier_stackd_left_is_kept_and_parked_later(town, visit):
    office = town.office("left")
    customer = visit([office], park="idle", park_after="5 s")
    assert office.ping(count=1)
    town.warren.kill()
    assert has_stack(customer)
    town.warren.start()
    assert has_stack(customer) and office.ping(count=1)
    wait_until_parked(town, customer)
    assert office.ping(count=1)
