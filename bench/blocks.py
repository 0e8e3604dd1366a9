"""Blocks of measurement: hubs take turns (A-B-B-A), a block with too much foreign work is measured again."""

import json
import subprocess

from bench import cost

RETRIES = 2  # of a block that was disturbed; then it counts, and says so


def turns(hubs, rounds):
    """A-B-B-A, or A-B-C-C-B-A."""
    return [hub for _ in range(rounds) for hub in (*hubs, *reversed(hubs))]


def measured(hub, work):
    """Calls work() under the meter, again when it was disturbed. Returns (what work returned, Cost)."""
    outcome, spent, _ = counted(hub, work, lambda: 0)
    return outcome, spent


def counted(hub, work, count):
    """The same for what takes time to count: count() is asked before and after, not under the meter. Returns (...,
    Cost, by how much it grew)."""
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
    """What the fastest AEAD of this machine takes for one packet of each direction together, just now, on the hub's
    core (the best of five)."""
    sizes = (64, 512, 1420)
    nearest = min(sizes, key=lambda one: abs(one - size))
    done = subprocess.run(["taskset", "-c", str(core), tools.aead,
                           f"--benchmark_filter=/({'|'.join(directions)})/{nearest}/", "--benchmark_min_time=0.02",
                           "--benchmark_repetitions=5", "--benchmark_format=json"], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True)
    runs = [run for run in json.loads(done.stdout)["benchmarks"] if run["run_type"] == "iteration"]
    return sum(min(run["ns_per_packet"] for run in runs if f"/{direction}/" in run["name"]) for direction in directions)
