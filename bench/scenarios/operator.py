"""What an operator waits for, with many customers of 10 peers each, one of whose files changed: check (asked of stackd,
and with every file read), diff, apply, and a command that changes a file and applies it. Use --customers 1 1000 10000.
"""

import time

from bench.scenarios.ready import SETTLE, customers_of
from tests.lab import netlab, warren


def run(stage, table, options):
    for count in options.customers * options.rounds:
        table.add(f"{count} customer{'s' * (count > 1)}", "warren", None, **measure(count))


def measure(count):
    with netlab.Lab() as lab:
        hub = warren.Warren(lab, lab.namespace("uplink"), customers=customers_of(count))
        hub.start(timeout=900)
        time.sleep(SETTLE)
        hub.ctl("apply", timeout=900)  # from now on, modification times are enough to tell that a file is unchanged
        changed = hub.customers[f"c{count // 2}"]
        changed.mtu = 1380
        hub.write_customer(changed)

        def seconds(*command):
            began = time.monotonic()
            hub.configure(*command, check=False)
            return time.monotonic() - began

        figures = {"check_s": seconds("check"), "check_all_s": seconds("--json", "check"), "diff_s": seconds("diff"),
                   "apply_s": seconds("apply"), "suspend_s": seconds("customer", "suspend", "c0")}
        hub.down()
        return figures
