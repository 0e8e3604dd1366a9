"""What a hub's work costs the machine: CPU time of its threads, and of its core as a whole, over a block.

There are two figures, because each misses something that the other includes:
  threads   the time that schedstat counts for the hub's threads and for the kernel thread that polls its uplink. It
            includes softirq work done in their time (this kernel does not count that separately), but not softirq work
            done in the time of others.
  core      the time in which the hub's core was not idle. It is computed from idle time, because the busy columns of
            /proc/stat are sampled at the tick and miss paced work. It includes all softirq work and all other programs.
`foreign` is work of the machine besides the hub, the generator and softirqs on an otherwise idle core: a block with
much of it is measured again. Where real clients run beside the hub it is unknown (None), and no block is repeated.
"""

import glob
import os
import time
from dataclasses import dataclass

TICK = 1 / os.sysconf("SC_CLK_TCK")


def thread_seconds(pids):
    """CPU time of all threads of these processes, in seconds, to the nanosecond."""
    total = 0
    for pid in pids:
        for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
            try:
                with open(path) as schedstat:
                    total += int(schedstat.read().split()[0])
            except OSError:
                pass  # a thread that ended
    return total / 1e9


def kernel_thread(prefix):
    """The pids of kernel threads whose name starts with `prefix`."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/comm") as comm:
                if comm.read().startswith(prefix):
                    found.append(int(entry))
        except OSError:
            pass
    return found


def _cores():
    """(idle, stolen, softirq) seconds of each core."""
    with open("/proc/stat") as stat:
        lines = [line.split() for line in stat if line.startswith("cpu") and line[3] != " "]
    return [((int(f[4]) + int(f[5])) * TICK, int(f[8]) * TICK, int(f[7]) * TICK) for f in lines]


def busy_seconds(work):
    """(the result of work, seconds in which a core of this machine was not idle while it ran)."""
    before, start = _cores(), time.monotonic()
    outcome = work()
    seconds = time.monotonic() - start
    idle = sum(new[0] - old[0] for new, old in zip(_cores(), before))
    return outcome, max(0.0, seconds * len(before) - idle)


@dataclass
class Cost:
    """The cost of one block, in seconds."""

    seconds: float
    threads: float
    core: float
    softirq: float
    foreign: float
    stolen: float

    def document(self):
        return {name: value if value is None else round(value, 4) for name, value in vars(self).items()}

    def is_clean(self):
        """True when little else ran beside it, as far as that is known."""
        return (self.foreign or 0) < 0.1 * self.seconds and self.stolen < 0.02 * self.seconds


class Meter:
    """Reads the clocks at both ends of a block.  with Meter(hub, generator, core) as meter: ...;  meter.cost"""

    def __init__(self, hub_pids, generator_pids, core):
        """Without a generator, other work is unknown."""
        self.hub_pids, self.generator_pids, self.core_number = hub_pids, generator_pids, core

    def _read(self):
        return time.monotonic(), thread_seconds(self.hub_pids), thread_seconds(self.generator_pids), _cores()

    def __enter__(self):
        self._before = self._read()
        return self

    def __exit__(self, kind, error, trace):
        before, after = self._before, self._read()
        seconds, threads, generator = (after[i] - before[i] for i in range(3))
        idle = [new[0] - old[0] for new, old in zip(after[3], before[3])]
        stolen = sum(new[1] - old[1] for new, old in zip(after[3], before[3]))
        softirq = sum(new[2] - old[2] for new, old in zip(after[3], before[3]))
        busy = seconds * len(idle) - sum(idle)
        self.cost = Cost(seconds, threads, max(0.0, seconds - idle[self.core_number]), softirq,
                         max(0.0, busy - threads - generator) if self.generator_pids else None, stolen)
