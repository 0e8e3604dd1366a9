"""What a client notices when vpnd ends, beside customers of 10 peers each that say nothing: the gap (the longest time
between two answers to pings that are sent every 2 ms), how many pings had no answer, and whether the client needed a
new handshake. Planned (`vpnctl restart vpnd`), an upgrade (a new stackd, then that), and SIGKILL."""

import os
import re
import signal
import time

from bench.scenarios import ready
from tests.lab import netlab, warren
from tests.lab.town import STACK4, Town

EVERY = 0.002  # seconds
SETTLE = 6  # seconds: until a killed vpnd has not died quickly


def replace(town):
    town.warren.ctl("restart", "vpnd")


def upgrade(town):
    town.warren.process.kill(signal.SIGUSR1)
    town.warren.process.wait()
    town.warren.start(timeout=600)
    replace(town)


def kill(town):
    os.kill(town.warren.vpnd(), signal.SIGKILL)


def run(stage, table, options):
    for count in options.customers:
        with netlab.Lab() as lab:
            town = Town(lab)
            office = town.office("bench")
            mine = warren.Customer("bench", [f"{STACK4}/24"], [office.peer])
            for customer in [mine, *ready.customers_of(count - 1)]:
                town.warren.customers[customer.id] = customer
            town.warren.start(timeout=600)
            office.connect()
            for name, event in (("planned", replace), ("upgrade", upgrade), ("killed", kill)):
                for _ in range(options.rounds):
                    time.sleep(SETTLE)
                    table.add(f"{name}, {count} customer{'s' * (count > 1)}", "warren", None,
                              **measure(town, office, event))


def measure(town, office, event):
    handshake = office.shown().latest_handshake
    pings = office.ns.start("ping", "-n", "-D", "-i", EVERY, "-W", 1, STACK4, name="bench-ping")
    time.sleep(0.5)
    event(town)
    time.sleep(2)
    pings.kill(signal.SIGINT)
    pings.wait()
    answers = re.findall(r"\[(\d+\.\d+)\].*icmp_seq=(\d+) ttl", pings.output())
    times = [float(at) for at, _ in answers]
    sent = int(re.search(r"(\d+) packets transmitted", pings.output()).group(1))
    return {"gap_ms": 1000 * max(later - earlier for earlier, later in zip(times, times[1:])),
            "lost": max(0, sent - len({number for _, number in answers}) - 1),
            "handshakes": int(office.shown().latest_handshake != handshake)}
