"""What `./run --fleet` shows: three nodes that act as one, a router, two companies with the same addresses, and the end
of the node that serves them.

    acme's office ──┐                      ┌── vie-1
                    ├── router (BIRD) ─────┼── vie-2     each with stackd, fleetd, etcd and BIRD
    globex' office ─┘                      └── vie-3

Everything runs in a room of its own (tests/lab/room), and ends with this program.
"""

import os
import signal
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)
sys.dont_write_bytecode = True

from tests.lab import fleets, netlab, nodes  # noqa: E402

COMPANIES = ("acme", "globex")
GOAL = 10  # seconds without an answer


def say(text=""):
    print(text, flush=True)


class Demo:
    def __init__(self, lab):
        self.lab, self.failed = lab, False

    def bring_up(self):
        say("[1/5] Networks: a router, an office of each company, three nodes")
        self.fleet = fleets.Fleet(self.lab, 3, COMPANIES[1:])
        say("[2/5] Three nodes: stackd and vpnd, etcd, BIRD and fleetd on each")
        self.fleet.start()
        self.cluster = fleets.Cluster(self.fleet).start()
        self.cluster.share()
        say("[3/5] Clients: a stock wireguard-go in each office; both companies use the same addresses")
        self.fleet.start_site(keepalive=5)
        self.offices = {"acme": self.fleet.site_ns, **{name: ns for name, (ns, _) in self.fleet.others.items()}}
        for name, office in self.offices.items():
            netlab.wait_until(lambda: office.ping(fleets.STACK, timeout=2), 60, f"the office of {name} has its tunnel")
            say(f"   the office of {name:<7} reaches {fleets.STACK} in its own stack")
        owner = self.cluster.owner()
        netlab.wait_until(lambda: self.cluster.known_places(owner).count("198.51.100.") == len(self.offices), 30,
                          "etcd knows where the clients are")

    def change(self):
        """One node's change is the others'."""
        first, *others = self.fleet.nodes
        path = f"{first.config}/customers/acme.toml"
        with open(path) as file:
            text = file.read().replace('name = "acme"', 'name = "Acme Ltd"')
        first._put("customers/acme.toml", text, 0o644)
        begin = time.time()
        first.configure("apply", "--comment", "another name")

        def others_have_it():
            for node in others:
                with open(f"{node.config}/customers/acme.toml") as file:
                    if file.read() != text:
                        return False
            return True
        netlab.wait_until(others_have_it, 20, "the other nodes have the change")
        say(f"[4/5] A change that was applied on {first.name} was on the others after {time.time() - begin:.1f} s")

    def kill(self):
        owner = self.cluster.owner()
        say(f"[5/5] {owner.name} serves both companies. Its power is cut now ...")
        watches = {name: nodes.Watch(office, fleets.STACK) for name, office in self.offices.items()}
        time.sleep(2)
        moment = time.time()
        self.fleet.power_off(owner)
        for name, watch in watches.items():
            gap = watch.wait_for_answer_after(moment + 0.5, 40) + 0.5
            self.failed |= gap > GOAL
            say(f"   the office of {name:<7} was without an answer for {gap:.1f} s"
                + (f"   <-- more than {GOAL} s" if gap > GOAL else ""))
        self.fleet.nodes.remove(owner)
        new = self.cluster.owner()
        say(f"   {new.name} serves them now; no client changed anything\n")
        say(f"$ vpnctl fleet status\n{new.configure('fleet', 'status').stdout}")


def main():
    os.environ.setdefault("WARREN_BIN", f"{ROOT}/build/release/bin")
    if fleets.missing():
        print(f"./run: {', '.join(fleets.missing())}: not installed (tools/setup fleet)", file=sys.stderr)
        sys.exit(4)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    lab = netlab.Lab("fleet-")
    demo = Demo(lab)
    try:
        demo.bring_up()
        demo.change()
        demo.kill()
        if "--once" not in sys.argv:
            say("Press Ctrl-C to end the demo and to remove everything.")
            while True:
                time.sleep(1)
    except KeyboardInterrupt:
        say()
    except (netlab.LabError, OSError) as error:
        demo.failed = True
        print(f"./run: {error}", file=sys.stderr)
        lab.print_logs()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    say("Removing everything ...")
    lab.close()
    say("The demo failed." if demo.failed else "The demo succeeded.")
    sys.exit(1 if demo.failed else 0)


if __name__ == "__main__":
    main()
