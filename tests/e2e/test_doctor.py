"""vpnctl doctor: each kind of trouble is made with a client, and named; a peer that is well is not."""

import contextlib
import json
import time

from tests.lab import netlab, rawpeer, town as scenery, wireguard_go
from tests.lab.town import PORT, STACK4


def findings(town, *about):
    """The kinds that are found, with the findings by kind."""
    began = time.monotonic()
    done = town.warren.ctl("--json", "doctor", *about, check=False)
    took = time.monotonic() - began
    assert took < 5 * netlab.SLOW, took
    found = json.loads(done.stdout)["findings"]
    assert done.returncode == (1 if found else 0), done.stderr
    assert all(one["sentence"] and one["evidence"] and one["advice"] for one in found)
    return {one["kind"]: one for one in found}


@contextlib.contextmanager
def steady(ns, *arguments):
    """Pings all the time."""
    process = ns.start("ping", "-n", "-i", "0.2", *arguments, name=f"{ns.host}-steady")
    try:
        yield
    finally:
        process.stop()


def test_a_healthy_peer_has_nothing(town, visit):
    office = town.office("branch")
    customer = visit([office])
    office.connect()
    assert findings(town, customer.id, "branch") == {}
    assert findings(town, customer.id) == {}
    shown = town.warren.ctl("doctor", customer.id)
    assert "nothing is wrong" in shown.stdout


def test_a_client_with_the_key_of_another_server(town, visit):
    office = town.office("branch")
    customer = visit([office])
    office.connect()
    office.client.peers[0].public_key = wireguard_go.new_key().public
    office.client.configure()
    office.ping(timeout=1, check=False)
    netlab.wait_until(lambda: "wrong_server_key" in findings(town, customer.id, "branch"), 40, "it is named")
    found = findings(town, customer.id, "branch")["wrong_server_key"]
    assert office.place.ipv4 in found["evidence"] and "vpnctl profile" in found["advice"]


def test_a_client_that_lets_nothing_in(town, visit):
    """Its AllowedIPs have no network of this side."""
    office = town.office("branch", reach=["10.66.0.0/16"], keepalive=1)
    customer = visit([office])
    netlab.wait_until(lambda: office.shown().latest_handshake > 0, 10, "a handshake")
    town.stack(customer).run("ping", "-c2", "-i0.2", "-W1", "10.0.0.2", check=False)
    assert set(findings(town, customer.id, "branch")) == {"no_return_path"}


def test_a_client_with_an_address_that_is_not_its_own(town, visit):
    office = town.office("branch", addresses=("10.0.0.2/32", "10.9.9.9/32"))
    office.peer.allowed_ips = ["10.0.0.2/32"]
    customer = visit([office])
    with steady(office.ns, "-I", "10.9.9.9", STACK4):
        netlab.wait_until(lambda: town.warren.drops(customer.id).get("source_not_allowed"), 10, "drops")
        found = findings(town, customer.id, "branch")
    assert set(found) == {"source_refused"}
    assert "10.9.9.9" in found["source_refused"]["sentence"]


def test_a_path_that_loses_large_packets(town, visit):
    office = town.office("branch")
    customer = visit([office])
    office.connect()
    town.internet.run("nft", "-f", "-", input="table ip hole { chain f { type filter hook forward priority 0; "
                      f"ip daddr {office.place.ipv4} meta length > 1400 drop; }}; }}")
    try:
        found = findings(town, customer.id, "branch")
    finally:
        town.internet.run("nft", "delete", "table", "ip", "hole")
    assert set(found) == {"mtu_black_hole"}
    assert "1280" in found["mtu_black_hole"]["evidence"]


def test_a_nat_that_changes_ports(town, visit):
    """The client's own port changes, which looks the same from here."""
    office = town.office("branch")
    customer = visit([office])
    office.connect()
    for number in range(6):
        office.client.wg("set", office.client.device, "listen-port", str(42_000 + number))
        office.connect()
        time.sleep(0.3)  # the moves are told one by one
    assert set(findings(town, customer.id, "branch")) == {"nat_rebinds"}


def test_two_devices_with_one_key(town, visit):
    first = town.office("first", listen_port=41_001)
    customer = visit([first])
    second = scenery.Office(town.place("second"), None, first.peer)
    second.client = wireguard_go.Client(second.place.ns, f"{first.client.device}b", first.client.key,
                                        first.client.addresses, first.client.peers,
                                        listen_port=41_001).start()
    first.connect()

    def named():
        for one in (first, second):
            # Each begins anew, as a device does that wakes up. Within a step of wireguard-go's timestamps (17 ms) after
            # the other it would be refused as old.
            time.sleep(0.1)
            one.client.configure()
            one.ping(timeout=2, check=False)
        return "shared_key" in findings(town, customer.id, "first")
    netlab.wait_until(named, 40, "it is named")


def test_a_clock_in_the_past(town, visit):
    raw, entry = town.raw_peer("raw")
    customer = visit([entry])
    raw.confirm(raw.handshake())
    netlab.wait_until(lambda: town.warren.peer(customer.id, "raw")["state"] == "online", 5, "it is online")
    raw.initiate(timestamp=rawpeer.tai64n(time.time() - 86_400))
    netlab.wait_until(lambda: "client_clock" in findings(town, customer.id, "raw"), 10, "it is named")


def test_a_firewall_that_drops(town, visit):
    branch, depot = town.office("branch"), town.office("depot", addresses=("10.0.0.3/32", "fd00:42::3/128"))
    customer = visit([branch, depot])
    branch.connect()
    depot.connect()
    customer.firewall = {"allow_ping": False,
                         "rule": [{"name": "no-depot", "action": "drop", "to": ["peer:depot"]}]}
    town.warren.put(customer)
    with steady(branch.ns, "10.0.0.3"):
        found = findings(town, customer.id)
    assert set(found) == {"firewall_drops"} and "no-depot" in found["firewall_drops"]["sentence"]
    assert findings(town, customer.id) == {}


def test_peers_that_may_not_connect(town, visit):
    office = town.office("branch", peer={"expires": "2020-01-01"})
    off = town.office("off", addresses=("10.0.0.3/32",), peer={"enabled": False})
    customer = visit([office, off])
    assert set(findings(town, customer.id, "branch")) == {"expired"}
    assert set(findings(town, customer.id, "off")) == {"disabled"}
    unknown = town.warren.ctl("doctor", customer.id, "nobody", check=False)
    assert unknown.returncode == 4 and "no peer and no connection nobody" in unknown.stderr


def test_a_port_that_a_firewall_closes(town, visit):
    office = town.office("branch")
    customer = visit([office])
    office.connect()
    town.hub.run("nft", "-f", "-", input="table ip shut { chain i { type filter hook input priority 0; "
                 f"udp dport {PORT} drop; }}; }}")
    try:
        found = findings(town, customer.id, "branch")
    finally:
        town.hub.run("nft", "delete", "table", "ip", "shut")
    assert "port_unreachable" in found
    netlab.wait_until(lambda: "port_unreachable" not in findings(town, customer.id, "branch"), 10, "it is open again")


def test_the_previous_key_of_the_server(town, visit):
    office = town.office("branch")
    customer = visit([office])
    old, new = town.warren.key, wireguard_go.new_key()
    try:
        town.warren.key, town.warren.previous_key = new, old
        town.warren.write()
        town.warren.apply()
        office.client.configure()
        office.connect()
        assert set(findings(town, customer.id, "branch")) == {"previous_server_key"}
    finally:
        town.warren.key, town.warren.previous_key = old, None
        town.warren.write()
        town.warren.apply()
