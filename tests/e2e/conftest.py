"""A test that kills stackd must not take the next ones with it."""

import pytest


@pytest.fixture(autouse=True)
def stackd_runs_again(request):
    yield
    if "town" in request.fixturenames:
        warren = request.getfixturevalue("town").warren
        if not warren.process.running():
            warren.start()
