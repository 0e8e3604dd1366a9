"""A thousand rekeys of a child and a hundred of its IKE_SA from each side, while pings flow both ways: none is lost."""

import pytest

from tests.ipsec.test_rekey import keys_of
from tests.lab import netlab
from tests.lab.town import STACK4, Pinging
from tests.lab.sites import SITE

CHILDREN, IKE_SAS = 1000, 100
EVERY = CHILDREN // IKE_SAS


def flood(graz):
    """Hundreds of pings a second each way, so that some are on their way whenever keys change."""
    return [Pinging(graz.place.ns, STACK4, interval=0.002), Pinging(graz.stack, SITE, interval=0.002)]


def renewed(graz, what, before):
    netlab.wait_until(lambda: keys_of(graz, what) not in (None, before), 10, f"new keys of the {what}", every=0.02)


@pytest.mark.slow
@pytest.mark.losses
def test_a_site_rekeys_a_thousand_times_and_nothing_is_lost(town, graz):
    pings = flood(graz)
    for number in range(1, CHILDREN + 1):
        kinds = ["child"] if number % EVERY else ["child", "ike"]
        for what in kinds:
            before = keys_of(graz, what)
            graz.charon.rekey(**{what: {"child": "lan", "ike": "hub"}[what]})
            renewed(graz, what, before)
    assert [stream.lost() for stream in pings] == [0, 0]
    shown, = town.warren.connection(graz.customer, "graz").ike_sas
    assert len([child for child in shown.children if not child.replaced]) == 1


@pytest.mark.slow
@pytest.mark.losses
def test_we_rekey_a_thousand_times_and_nothing_is_lost(town, graz):
    """The operator's order is for the IKE_SA and its child: a thousand of both."""
    pings = flood(graz)
    for _ in range(CHILDREN):
        before = {what: keys_of(graz, what) for what in ("child", "ike")}
        town.warren.ctl("ipsec", graz.customer, "graz", "rekey")
        for what, old in before.items():
            renewed(graz, what, old)
    assert [stream.lost() for stream in pings] == [0, 0]
    assert len(graz.charon.sas()) == 1
