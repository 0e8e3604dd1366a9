"""Shared by every Python test: a private view of namespace names, so that parallel runs and the host do not collide."""

import contextlib
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tests.lab import netlab, warren  # noqa: E402
from tests.lab.town import Town  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes minutes, so it runs in parallel with the others")
    config.addinivalue_line(
        "markers",
        "losses: counts lost packets or time on shared cores; gets a second try, which the summary reports")
    if os.geteuid() != 0:
        raise SystemExit("run these tests as root, because they make network namespaces")
    netlab.private_names()


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("losses"):
            item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=2))


@pytest.fixture(scope="session")
def town():
    """The internet, the hub and a running Warren, one for the whole session."""
    with warren.leaves_nothing(Town) as built:
        built.warren.start()
        yield built


@pytest.fixture
def visit(town):
    """visit(peers, ...) adds a customer for the duration of the test."""
    with contextlib.ExitStack() as stack:
        yield lambda peers, *args, **more: stack.enter_context(town.visiting(peers, *args, **more))
