"""Blocks of measurement: hubs take turns (A-B-B-A), and a block with too much other work is measured again."""

import json
import subprocess

from bench import cost

RETRIES = 2  # of a disturbed block; after them it counts, marked as disturbed


def turns(hubs, rounds):
    """A-B-B-A, or A-B-C-C-B-A."""
    return [hub for _ in range(rounds) for hub in (*hubs, *reversed(hubs))]


def measured(hub, work):
    """Calls work() under the meter, again if it was disturbed. Returns (the result of work, Cost)."""
    outcome, spent, _ = counted(hub, work, lambda: 0)
    return outcome, spent


def counted(hub, work, count):
    """As measured(), for a count that takes time to read: count() is called before and after, outside the meter.
    Returns (the result of work, Cost, the growth of the count)."""
    for _ in range(1 + RETRIES):
        before = count()
        meter = cost.Meter(hub.measured_pids(), [hub.generator.pid] if hub.generator else [], hub.field.hub_core)
        with meter:
            outcome = work()
        grown = count() - before
        if meter.cost.is_clean():
            break
    return outcome, meter.cost, grown


def aead_nanoseconds(tools, core, directions, size=1420):
    """Nanoseconds of this machine's fastest AEAD for one packet in each direction, summed, measured now on the hub's
    core (the best of five)."""
    sizes = (64, 512, 1420)
    nearest = min(sizes, key=lambda one: abs(one - size))
    command = ["taskset", "-c", str(core), tools.aead, f"--benchmark_filter=/({'|'.join(directions)})/{nearest}/",
               "--benchmark_min_time=0.02", "--benchmark_repetitions=5", "--benchmark_format=json"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    runs = [run for run in json.loads(done.stdout)["benchmarks"] if run["run_type"] == "iteration"]
    return sum(min(run["ns_per_packet"] for run in runs if f"/{direction}/" in run["name"]) for direction in directions)
