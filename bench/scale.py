#!/usr/bin/python3
"""What customers cost: time to ready and memory, user and kernel apart, for 1, 100 and 1000 customers of 10 peers each.

    bench/scale.py [--customers 1 100 1000] [--peers 10]        as root; needs build/release (tools/setup build demo test)

Time to ready is from the start of stackd to READY=1 with every stack made and vpnd's Applied, config already on disk. User memory is the proportional set
size of stackd and vpnd; kernel memory is what is gone from MemAvailable besides.
"""

import argparse
import base64
import os
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

from bench import facts  # noqa: E402
from tests.lab import netlab, warren  # noqa: E402


def available_kb():
    with open("/proc/meminfo") as meminfo:
        return next(int(line.split()[1]) for line in meminfo if line.startswith("MemAvailable"))


def random_public_key():
    return base64.b64encode(os.urandom(32)).decode()


def customers_of(count, peers):
    made = []
    for number in range(count):
        own = [warren.Peer(f"peer-{peer}", random_public_key(), [f"10.{peer + 1}.0.0/16"]) for peer in range(peers)]
        made.append(warren.Customer(f"c{number}", ["10.0.0.1/24"], own))
    return made


def measure(count, peers):
    with netlab.Lab() as lab:
        hub = warren.Warren(lab, lab.namespace("uplink"), customers=customers_of(count, peers))
        hub.write()
        kernel_before = available_kb()
        began = time.monotonic()
        hub.start(timeout=600)
        ready = time.monotonic() - began
        pids = {"stackd": hub.process.pid, "vpnd": hub.vpnd()}
        user = {name: facts.memory_kb([pid]) for name, pid in pids.items()}
        kernel = kernel_before - available_kb() - sum(user.values())
        began = time.monotonic()
        hub.apply()
        reload_unchanged = time.monotonic() - began
        began = time.monotonic()
        hub.down()
        return {"customers": count, "peers": count * peers, "ready_s": ready, "reload_unchanged_s": reload_unchanged,
                "down_s": time.monotonic() - began, "stackd_kb": user["stackd"], "vpnd_kb": user["vpnd"], "kernel_kb": kernel}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, nargs="+", default=[1, 100, 1000])
    parser.add_argument("--peers", type=int, default=10, help="of each customer")
    options = parser.parse_args()
    netlab.private_names()
    rows = []
    print(f"{'customers':>9} {'peers':>7} {'ready s':>8} {'reload s':>9} {'down s':>7} {'stackd MB':>10} {'vpnd MB':>8} {'kernel MB':>10}")
    for count in options.customers:
        row = measure(count, options.peers)
        rows.append(row)
        print(f"{row['customers']:9} {row['peers']:7} {row['ready_s']:8.2f} {row['reload_unchanged_s']:9.2f} {row['down_s']:7.2f} {row['stackd_kb'] / 1024:10.1f} "
              f"{row['vpnd_kb'] / 1024:8.1f} {row['kernel_kb'] / 1024:10.1f}", flush=True)
    first, last = rows[0], rows[-1]
    if last["customers"] > first["customers"]:
        more = last["customers"] - first["customers"]
        print(f"\neach customer of {options.peers} peers adds {(last['stackd_kb'] - first['stackd_kb']) / more:.1f} KB to stackd, "
              f"{(last['vpnd_kb'] - first['vpnd_kb']) / more:.1f} KB to vpnd, {(last['kernel_kb'] - first['kernel_kb']) / more:.0f} KB to the kernel")
    facts.save(ROOT, "scale", {"command": " ".join(sys.argv), "rows": rows})


if __name__ == "__main__":
    main()
