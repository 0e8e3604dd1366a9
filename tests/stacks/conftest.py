"""A running Warren for the tests of stackd."""

import os

import pytest

from tests.lab import netlab, warren
from tests.stacks.running import customer


@pytest.fixture
def lab():
    with netlab.Lab(prefix=f"wst-{os.getpid()}-") as lab:
        yield lab


@pytest.fixture
def uplink(lab):
    return lab.namespace("up")


@pytest.fixture
def acme(lab, uplink):
    """A running Warren with one customer."""
    return warren.Warren(lab, uplink, customers=[customer("acme")]).start()
