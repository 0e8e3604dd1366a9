"""Shared by every Python test: root's own view of namespace names, so that runs beside each other and the host never
meet."""

import contextlib
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tests.lab import netlab  # noqa: E402
from tests.lab.town import Town  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes minutes; runs beside the others")
    config.addinivalue_line(
        "markers",
        "losses: counts lost packets or time on cores that others use too; has a second try, which the summary names")
    if os.geteuid() != 0:
        raise SystemExit("these tests make network namespaces: run them as root")
    netlab.private_names()


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("losses"):
            item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=2))


@pytest.fixture(scope="session")
def town():
    """The internet, the hub and a running Warren, one for the whole session; at the end nothing may be left of it."""
    before = netlab.baseline()
    with netlab.Lab() as lab:
        built = Town(lab)
        built.warren.start()
        yield built
        output = built.warren.output()
    assert netlab.leaks(before) == []
    for bad in ("WARREN_CHECK", "check failed", "Sanitizer"):
        assert bad not in output


@pytest.fixture
def visit(town):
    """visit(peers, ...) adds a customer that is gone after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda peers, *args, **more: stack.enter_context(town.visiting(peers, *args, **more))
