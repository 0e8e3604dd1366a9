"""Parked customers of one peer each beside as many that are not: the time from the start of stackd to READY=1, memory
for one, and the time from a peer's first packet into the stack of a parked customer to the echo reply, beside that of
the second packet, when the stack is there. User memory is anonymous memory; kernel memory is the rest of what
MemAvailable lost. Use --customers 2000 20000; the latter makes no stacks but parked ones (see LARGEST)."""

import time

from bench import facts
from bench.scenarios.ready import available_kb, random_public_key
from tests.lab import inner, netlab, warren
from tests.lab.town import STACK4, Town

LARGEST = 2000  # beyond that only parked customers are made: stacks of the others take minutes and gigabytes
WAKES = 40  # customers that a peer wakes, one after the other
LAB_ID = "wake"


def run(stage, table, options):
    for count in options.customers:
        for park in ("idle", "never") if count <= LARGEST else ("idle",):
            for _ in range(options.rounds):
                name = {"idle": "parked", "never": "not parked"}[park]
                table.add(f"{count} customers, {name}", "warren", None, **measure(count, park))
    table.derive("ms of the first packet more than of the second, 1000 parked", woken_more(table))


def woken_more(table):
    first, second = [], []
    for values in wakes(1000):
        table.add("1000 parked, one after the other", "warren", None, **values)
        first.append(values["first_ms"])
        second.append(values["second_ms"])
    return sorted(first)[len(first) // 2] - sorted(second)[len(second) // 2]


def measure(count, park):
    with netlab.Lab() as lab:
        hub = warren.Warren(lab, lab.namespace("uplink"), customers=customers_of(count, park))
        hub.write()
        free_before = available_kb()
        began = time.monotonic()
        hub.start(timeout=1800)
        ready = time.monotonic() - began
        stackd, vpnd = (facts.memory_kb([pid]) for pid in (hub.process.pid, hub.vpnd()))
        kernel = free_before - available_kb() - stackd - vpnd
        began = time.monotonic()
        hub.ctl("apply", timeout=1800)
        reload_unchanged = time.monotonic() - began
        hub.down()
        return {"ready_s": ready, "reload_s": reload_unchanged, "stackd_kb_each": stackd / count,
                "vpnd_kb_each": vpnd / count, "kernel_kb_each": kernel / count}


def wakes(count):
    """The two times for each of WAKES customers, whose peers have shaken hands before, among `count` parked ones."""
    with netlab.Lab() as lab:
        town = Town(lab)
        peers = []
        place = town.place("peers")
        for number in range(WAKES):
            raw, entry = town.raw_peer(f"raw-{number}", addresses=["10.0.0.9/32"], place=place)
            customer = warren.Customer(f"{LAB_ID}-{number}", [f"{STACK4}/24"], [entry], park="idle", park_after="1 h")
            town.warren.customers[customer.id] = customer
            peers.append(raw)
        for customer in customers_of(count - WAKES, "idle"):
            town.warren.customers[customer.id] = customer
        town.warren.start(timeout=600)
        for raw in peers:
            session = raw.handshake()
            raw.confirm(session)
            yield {"first_ms": echo_ms(raw, session), "second_ms": echo_ms(raw, session)}


def echo_ms(raw, session):
    message = session.data(inner.echo_request("10.0.0.9", STACK4, b"park"))
    began = time.monotonic()
    raw.send(message)
    answer = raw.receive_inner(session, 30)
    if answer is None or not inner.is_echo_reply(answer):
        raise RuntimeError("the stack does not answer")
    return (time.monotonic() - began) * 1000


def customers_of(count, park):
    return [warren.Customer(f"c{number}", ["10.0.0.1/24"],
                            [warren.Peer("site", random_public_key(), ["10.1.0.0/16"])], park=park)
            for number in range(count)]
