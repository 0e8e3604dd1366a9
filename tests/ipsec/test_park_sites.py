"""A parked customer of IPsec: its IKE_SA comes up without a stack, and the first packet of a child makes one."""

import os

from tests.lab import netlab
from tests.lab.sites import SITE
from tests.lab.town import STACK4


def has_stack(id_):
    return os.path.exists(f"{netlab.NETNS_DIR}/warren-{id_}")


def test_a_site_comes_up_without_a_stack_and_its_first_packet_wakes_it(town, join, site):
    id_ = town.new_id("asleep")
    graz = site(id_)
    join(id_, [graz], park="idle", park_after="2 s")
    graz.charon.initiate("lan")
    netlab.wait_until(lambda: town.warren.connection(id_, graz.connection.name).state == "up", 15)
    assert not has_stack(id_)
    sent = graz.ns.run("ping", "-n", "-q", "-c", 3, "-i", "0.2", "-W", 4, "-I", SITE, STACK4, check=False).stdout
    assert " 3 received" in sent, sent
    assert has_stack(id_)
    netlab.wait_until(lambda: not has_stack(id_), 15, "it is parked again")
    assert town.warren.connection(id_, graz.connection.name).state == "up"
    assert graz.ping()
