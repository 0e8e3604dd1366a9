"""Postquantum preshared keys (RFC 8784) with a stock site."""

import os

import pytest

from tests.lab import sites, strongswan

PPK_ID = "graz-2026"


@pytest.fixture
def mixed(town, join, site):
    """mixed(ours, theirs): whether a stock site comes up, and whether it has the key in its keys. Each side: None,
    "optional" or "required"."""
    def connect(ours, theirs, key=""):
        id_ = town.new_id("acme")
        secret = os.urandom(32).hex()
        more = {"ppk_id": PPK_ID, "ppk_required": theirs == "required"} if theirs else {}
        made = site(id_, start=False, **more)
        if theirs:
            made.charon.secrets.append(strongswan.ppk(PPK_ID, "0x" + (key or secret)))
        if ours:
            made.connection.ppk = f"hex:{secret}"
            made.connection.more |= {"ppk_identity": PPK_ID, "ppk_required": ours == "required"}
        join(id_, [made])
        made.charon.start()
        if not made.charon.initiate("lan", check=False):
            return "down"
        assert made.ping()
        return "mixed" if made.sa().ppk else "up"

    return connect


@pytest.mark.parametrize("ours, theirs, outcome", [
    ("optional", None, "up"), ("required", None, "down"), (None, "optional", "up"), (None, "required", "down"),
    ("optional", "optional", "mixed"), ("required", "required", "mixed"), ("required", "optional", "mixed")])
def test_a_stock_site_with_a_postquantum_key(mixed, ours, theirs, outcome):
    assert mixed(ours, theirs) == outcome


def test_a_stock_site_with_another_postquantum_key(mixed):
    assert mixed("optional", "optional", key=os.urandom(32).hex()) == "down"
