"""What docs/recipes.md tells an operator to do, on real packets."""

import re
import tomllib

from tests.e2e.test_handoff import LAN, Lan, firm
from tests.lab import netlab
from tests.lab.warren import ROOT


def section(title):
    """What is below the heading that begins with `title`."""
    with open(f"{ROOT}/docs/recipes.md") as text:
        return next(part for part in re.split(r"^## ", text.read(), flags=re.M) if part.startswith(title))


def recipe(title, kind):
    """The first block of this kind there."""
    return re.search(rf"^```{kind}\n(.*?)^```", section(title), re.M | re.S).group(1)


def test_nat_lets_a_site_reach_a_lan_that_has_no_route_back(town, visit):
    lan = Lan(town, "nat", "port-nat", bridge="br-nat")
    office = firm(town, visit, "nat", {"type": "veth", "parent": "br-nat"})
    netlab.wait_until(lambda: office.ping(f"{LAN}.10", timeout=1), 5)
    lan.host.ip("route del default")
    assert not office.ping(f"{LAN}.10", timeout=1)
    office.customer.nat = tomllib.loads(recipe("NAT", "toml"))["nat"]
    town.warren.write()
    town.warren.ctl("apply")
    assert office.ping(f"{LAN}.10")


def test_an_operators_own_table_stays(town, visit):
    lan = Lan(town, "own", "port-own", bridge="br-own")
    office = firm(town, visit, "own", {"type": "veth", "parent": "br-own"})
    netlab.wait_until(lambda: office.ping(f"{LAN}.10", timeout=1), 5)
    lan.host.ip("route del default")
    rules = re.search(r"<<'END'\n(.*?)^END", section("NAT"), re.M | re.S).group(1)
    town.warren.configure("exec", office.customer.id, "--", "nft", "-f", "-", input=rules)
    assert office.ping(f"{LAN}.10")
    town.warren.ctl("apply")
    assert office.ping(f"{LAN}.10")
