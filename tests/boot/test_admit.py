"""The firewall follows files below resellers, which are in directories that no unit watches."""

import re

from tests.lab.warren import ROOT

UNITS = f"{ROOT}/image/overlay/usr/lib/systemd/system"


def text(name):
    with open(f"{UNITS}/{name}") as file:
        return file.read()


def test_the_history_that_stackd_writes_is_watched():
    """Each configuration that comes into force is a revision there, whichever file has changed."""
    state = re.search(r"--state-dir (\S+)", text("warren.service.d/state.conf")).group(1)
    watched = re.findall(r"^PathChanged=(.*)$", text("warren-admit.path"), re.M)
    assert f"{state}/history" in watched
    with open(f"{ROOT}/history/store.h") as file:
        assert '"STATE_DIR/history"' in file.read()
    assert {"/data/etc/warren", "/data/etc/warren/customers"} <= set(watched)
