"""`./run --fleet` brings a fleet up, ends a node and counts the seconds."""

import re

import pytest

from tests.lab import fleets, netlab, warren


def test_the_demo_of_a_fleet_succeeds_and_leaves_nothing():
    if fleets.missing():
        pytest.skip(f"{', '.join(fleets.missing())}: not installed (tools/setup fleet)")
    before = netlab.baseline()
    done = netlab.run(f"{warren.ROOT}/tests/lab/room", "/usr/bin/python3", f"{warren.ROOT}/demo/fleet.py", "--once",
                      timeout=400, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    gaps = re.findall(r"was without an answer for ([0-9.]+) s", done.stdout)
    assert len(gaps) == 2 and all(float(gap) < 10 for gap in gaps)
    assert "The demo succeeded." in done.stdout
    assert netlab.leaks(before, ("fleet-", "warren")) == []
