"""Stock `wg show` reads Warren's state, and `vpnctl wg` prints the same format."""

import os
import time

from tests.lab import netlab, wireguard_go
from tests.lab.town import STACK4


def wg(town, *arguments, **more):
    return town.hub.run("wg", *arguments, **more)


def test_wg_show_lists_every_peer_of_the_shared_listener(town, visit):
    one, other = town.office("show", psk=wireguard_go.new_psk(), peer={"keepalive": 25}), town.office("other")
    visit([one])
    visit([other])
    one.connect()
    other.connect()
    peers = wireguard_go.parse_dump(wg(town, "show", "warren", "dump").stdout)
    mine = peers[one.client.key.public]
    assert sorted(mine.allowed_ips) == ["10.0.0.2/32", "fd00:42::2/128"]
    assert mine.endpoint.startswith(one.place.ipv4 + ":")
    assert abs(mine.latest_handshake - time.time()) < 60
    assert mine.keepalive == "25"
    assert mine.rx > 0 and mine.tx > 0
    assert peers[other.client.key.public].allowed_ips == mine.allowed_ips  # both customers use the same addresses
    assert wg(town, "show", "warren", "public-key").stdout.strip() == town.warren.key.public
    assert wg(town, "show", "warren", "listen-port").stdout.strip() == str(town.warren.listen_port)


def test_only_root_may_open_the_socket(town):
    """The socket reveals keys, like the one of any WireGuard."""
    status = os.stat("/run/wireguard/warren.sock")
    assert (status.st_uid, status.st_mode & 0o777) == (0, 0o600)


def test_set_is_refused_and_changes_nothing(town, visit):
    office = town.office("fixed")
    visit([office])
    office.connect()
    assert wg(town, "set", "warren", "peer", office.client.key.public, "remove", check=False).returncode != 0
    assert office.peer.public_key in wg(town, "show", "warren", "peers").stdout
    assert office.ping(STACK4)


def test_the_counters_are_those_of_vpnctl(town, visit):
    office = town.office("same")
    customer = visit([office])
    office.connect()

    def same():
        shown = wireguard_go.parse_dump(wg(town, "show", "warren", "dump").stdout)[office.client.key.public]
        ours = town.warren.peer(customer.id, "same")
        return (shown.rx, shown.tx) == (ours["rx_bytes"], ours["tx_bytes"]) and shown.rx > 0

    netlab.wait_until(same, 5)


def test_a_customers_own_listener_has_its_own_socket(town, visit):
    key = wireguard_go.new_key()
    office = town.office("own", hub_key=key, port=51843)
    customer = visit([office], listen_port=51843, private_key=key.private)
    office.connect()
    assert wg(town, "show", f"warren-{customer.id}", "peers").stdout.split() == [office.client.key.public]
    assert office.client.key.public not in wg(town, "show", "warren", "peers").stdout


def test_vpnctl_wg_shows_only_one_customer(town, visit):
    one, other = town.office("mine"), town.office("theirs")
    customer = visit([one])
    visit([other])
    one.connect()
    shown = town.warren.ctl("wg", customer.id).stdout
    assert f"peer: {one.client.key.public}" in shown and "latest handshake:" in shown
    assert other.client.key.public not in shown
