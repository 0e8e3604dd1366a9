"""Changes while traffic flows at a fifth of the hub's capacity: customers added and removed as fast as the hub applies
them, 200 rekeys per second, and peers that roam 20 times per second. Measures the longest round trip and lost
packets."""

import threading

from bench import blocks
from bench.scenarios import delivery, traffic
from bench.scenarios.s11 import round_trips
from tests.lab import warren

PEERS = 200


class Churn:
    """While it is entered, adds and removes a customer again and again, with up to 100 changes per second."""

    def __init__(self, hub):
        self.hub, self.changes, self.over = hub, 0, threading.Event()
        self.thread = threading.Thread(target=self._work)

    def _work(self):
        customer = warren.Customer("churn", ["10.0.0.1/32"])
        while not self.over.is_set():
            self.hub.warren.put(customer)
            self.over.wait(0.01)
            self.hub.warren.remove("churn")
            self.over.wait(0.01)
            self.changes += 2

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, error, trace):
        self.over.set()
        self.thread.join()


class Calm:
    changes = 0

    def __init__(self, hub):
        pass

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        pass


CASES = {"calm": (Calm, {}), "config churn": (Churn, {}), "rekeys": (Calm, {"renew": [{"rate": 200, "peers": PEERS}]}),
         "roaming": (Calm, {"roam": [{"rate": 20, "peers": 2}]})}


def run(stage, table, options):
    with stage() as lineup:
        hub = lineup.hub("warren", peers=PEERS).start().lay_sinks().connect()
        rate = traffic.capacity(hub) / 5
        for name, (changing, besides) in [one for _ in range(options.rounds)
                                          for one in (*CASES.items(), *reversed(CASES.items()))]:
            figures, cost = measure(hub, rate, changing, besides, options.seconds)
            table.add(name, hub.name, cost, **figures)


def measure(hub, rate, changing, besides, seconds):
    def block():
        with changing(hub) as change, delivery.Sink(hub.stacks()[0], "tcp", [1420]) as sink:
            answer = hub.generator.run(seconds, load=[traffic.mix(rate=rate, burst=44)],
                                       echo=[{"peer": 1, "rate": 1000}], **besides)
        return sink.delivered, answer, change.changes

    (delivered, answer, changes), cost = blocks.measured(hub, block)
    echo = answer["echo"][0]
    return {"worst_us": echo.get("worst_us", float("nan")), **round_trips(echo),
            "changes_s": changes / answer["seconds"],
            "lost_packets": answer["load"][0]["sent_packets"] - delivered.packets}, cost
