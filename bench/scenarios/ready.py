"""Customers of 10 peers each: the time from the start of stackd to READY=1 (every stack made, vpnd configured, the
files already on disk), of a reload without a change, of a reload after one customer's file changed, and of removing
everything. User memory is anonymous memory; kernel memory is the rest of what MemAvailable lost."""

import base64
import os
import time

from bench import facts
from tests.lab import netlab, warren

PEERS = 10
SETTLE = 2.5  # seconds; see LoadOptions::tick in config/load.h


def run(stage, table, options):
    for count in options.customers * options.rounds:
        table.add(f"{count} customer{'s' * (count > 1)}", "warren", None, **measure(count))
    fewest, most = min(options.customers), max(options.customers)
    for figure in ("stackd_mb", "vpnd_mb", "kernel_mb") if most > fewest else ():
        table.derive(f"KB that a customer of {PEERS} peers adds, {figure[:-3]}",
                     table.growth(figure, f"{fewest} customer{'s' * (fewest > 1)}", f"{most} customers",
                                  "warren") / (most - fewest) * 1024)


def measure(count):
    with netlab.Lab() as lab:
        hub = warren.Warren(lab, lab.namespace("uplink"), customers=customers_of(count))
        hub.write()
        free_before = available_kb()
        began = time.monotonic()
        hub.start(timeout=600)
        ready = time.monotonic() - began
        stackd, vpnd = (facts.memory_kb([pid]) for pid in (hub.process.pid, hub.vpnd()))
        kernel = free_before - available_kb() - stackd - vpnd
        began = time.monotonic()
        hub.ctl("apply", timeout=600)
        reload_unchanged = time.monotonic() - began
        time.sleep(SETTLE)
        hub.ctl("apply", timeout=600)  # from now on, modification times are enough to tell that a file is unchanged
        changed = hub.customers[f"c{count // 2}"]
        changed.mtu = 1380
        hub.write_customer(changed)
        began = time.monotonic()
        hub.ctl("apply", timeout=600)
        reload_one = time.monotonic() - began
        began = time.monotonic()
        hub.down()
        return {"ready_s": ready, "reload_unchanged_s": reload_unchanged, "reload_one_s": reload_one,
                "down_s": time.monotonic() - began, "stackd_mb": stackd / 1024, "vpnd_mb": vpnd / 1024,
                "kernel_mb": kernel / 1024}


def customers_of(count):
    made = []
    for number in range(count):
        own = [warren.Peer(f"peer-{peer}", random_public_key(), [f"10.{peer + 1}.0.0/16"]) for peer in range(PEERS)]
        made.append(warren.Customer(f"c{number}", ["10.0.0.1/24"], own))
    return made


def random_public_key():
    return base64.b64encode(os.urandom(32)).decode()


def available_kb():
    with open("/proc/meminfo") as meminfo:
        return next(int(line.split()[1]) for line in meminfo if line.startswith("MemAvailable"))
