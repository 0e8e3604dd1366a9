"""The status page with many customers of 10 peers, one of them at half the hub's capacity. Watched: 100 open event
streams, with statusd on the generator's core. Unwatched: statusd is stopped. Measures the hub's cost of a packet in
both cases, and the cost of statusd: CPU, memory, bytes to each viewer, and the time from its start to its first answer
about the customers."""

import contextlib
import json
import os
import signal
import subprocess
import time

from bench import cost, facts, field, generator, hubs
from bench.scenarios import traffic
from tests.lab import netlab, page

PEERS, VIEWERS, LISTEN = 10, 100, "127.0.0.1:8443"
STREAMS_EACH = 10  # of the 16 that a token may have open
SETTLE = 6  # seconds: three rounds of statusd's queries


def run(stage, table, options):
    for count in sorted({min(options.customers), max(options.customers)}):
        with stage() as lineup:
            measure(Watched(lineup, count), table, options, f"{count} customer{'s' * (count > 1)}")


def measure(hub, table, options, size):
    hub.lay_sinks().connect()
    table.add(f"{size}: statusd", "warren", None, first_answer_s=hub.first_answer())
    # Paced, because statusd takes time from the generator, and a packet costs more when fewer arrive at once.
    rate = traffic.capacity(hub) / 2
    with hub.viewers() as viewers:
        for _ in range(options.rounds):
            for name in ("unwatched", "watched", "watched", "unwatched"):
                hub.let(name == "watched")
                time.sleep(SETTLE)
                before = (hub.statusd_seconds(), time.monotonic())
                figures, spent = traffic.measure(hub, "in", options.seconds, rate=rate)
                table.add(f"{size}: {name}", "warren", spent, **figures)
                if name == "watched":
                    share = (hub.statusd_seconds() - before[0]) / (time.monotonic() - before[1])
                    table.add(f"{size}: statusd", "warren", None, cores=share,
                              memory_mb=facts.memory_kb([hub.statusd()]) / 1024)
        hub.let(True)
        seen = viewers()
    if seen["ended"]:
        raise RuntimeError(f"statusd closed {seen['ended']} of {VIEWERS} event streams")
    table.add(f"{size}: statusd", "warren", None, kb_each_s=seen["bytes"] / VIEWERS / seen["seconds"] / 1024)
    table.compare(f"{size}: hub's cost of a packet, watched over unwatched", (f"{size}: watched", "ns_packet"),
                  (f"{size}: unwatched", "ns_packet"))


class Watched(hubs.Warren):
    """One customer has traffic, the others only exist."""

    def __init__(self, lineup, count):
        played = generator.public_keys(lineup.tools.wgblast, hubs.SEED, PEERS)
        others = []
        if count > 1:
            others = generator.public_keys(lineup.tools.wgblast, hubs.SEED + " others", (count - 1) * PEERS)
        super().__init__(lineup.field, lineup.tools, customers=count, peers=PEERS, public_keys=played + others)
        self.start(status_listen=LISTEN)
        self.tokens = [self.warren.configure("token", "add", f"bench-{number}", "viewer").stdout.strip()
                       for number in range(VIEWERS // STREAMS_EACH)]
        self.page = page.Page(self.field.uplink, LISTEN)
        netlab.wait_until(self.answers, 60, "the page is ready")
        self.customers = 1  # from here on, only the one with traffic

    def answers(self):
        with contextlib.suppress(OSError, EOFError):
            return self.page.ask("/api/v1/customers?limit=50", token=self.tokens[-1]).status == 200

    def statusd(self):
        pid = netlab.wait_until(lambda: self.warren.children("statusd"), 20, "a statusd runs")[0]
        for thread in os.listdir(f"/proc/{pid}/task"):
            os.sched_setaffinity(int(thread), {self.field.generator_core})
        return pid

    def statusd_seconds(self):
        return cost.thread_seconds([self.statusd()])

    def first_answer(self):
        """Seconds from the end of a statusd to the first answer about the customers from the next one; they include
        stackd's pause before the restart."""
        os.kill(self.statusd(), signal.SIGKILL)
        began = time.monotonic()
        netlab.wait_until(self.answers, 60, "the page is ready again", every=0.02)
        return time.monotonic() - began

    def let(self, look):
        os.kill(self.statusd(), signal.SIGCONT if look else signal.SIGSTOP)

    @contextlib.contextmanager
    def viewers(self):
        host, port = LISTEN.split(":")
        script = os.path.join(os.path.dirname(__file__), "..", "viewers.py")
        command = self.field.uplink.command("taskset", "-c", self.field.generator_core, script, host, port, VIEWERS)
        crowd = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            crowd.stdin.write(" ".join(self.tokens) + "\n")
            crowd.stdin.flush()
            if crowd.stdout.readline() != "open\n":
                raise RuntimeError("not all viewers have a stream")
            began = time.monotonic()
            yield lambda: {**json.loads(crowd.communicate("", timeout=30)[0]), "seconds": time.monotonic() - began}
        finally:
            if crowd.poll() is None:
                crowd.kill()
                crowd.wait()
