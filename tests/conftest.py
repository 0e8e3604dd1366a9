"""Shared by every Python test: root's own view of namespace names, so that runs beside each other and the host never meet."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tests.lab import netlab  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes minutes; runs beside the others")
    if os.geteuid() != 0:
        raise SystemExit("these tests make network namespaces: run them as root")
    netlab.private_names()
