"""Shared by the tests from end to end."""

import pytest

from tests.lab.warren import leaves_nothing
from tests.lab.watched import Scene


@pytest.fixture(scope="module")
def scene():
    """A Warren with a status page and a connected office."""
    with leaves_nothing(Scene) as made:
        made.office.connect()
        yield made


@pytest.fixture(autouse=True)
def stackd_runs_again(request):
    """Restarts stackd after a test that killed it, so that the next tests can run."""
    yield
    if "town" in request.fixturenames:
        warren = request.getfixturevalue("town").warren
        if not warren.process.running():
            warren.start()
