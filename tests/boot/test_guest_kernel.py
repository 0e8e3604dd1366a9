"""Tests that need kernel WireGuard as the stock client, and 802.1Q. This host's kernel may lack them, but Debian's
kernel in the image has them. All tests use one guest, in this order.

    guest  Warren 198.51.100.1 ── veth ── site-acme, site-beta: kernel WireGuard, the same addresses inside
           enp0s16 ── trunk ── this test: machines on VLANs 42 and 43, also with the same addresses
"""

import json
import os
import re

import pytest

from tests.lab import cable, guest, netlab, toolbox, warren, wireguard_go

IMAGE = os.environ.get("WARREN_IMAGE", "")
READY_SECONDS = 480
TAGS = {"acme": 42, "beta": 43}
STACK4, STACK6, SITE4, SITE6 = "10.0.0.1", "fd00:42::1", "10.0.1.1", "fd00:42:1::1"
LAN_GATEWAY, LAN_MACHINE = "10.42.0.1", "10.42.0.10"
LOST = re.compile(r"(\d+) packets transmitted, (\d+) received")


def lan(tag, parent=cable.DEVICE, address=f"{LAN_GATEWAY}/24", **more):
    return {"type": "vlan", "parent": parent, "vlan_id": tag, "address": [address], **more}


def customer(id_, peers=(), handoff=None, routes=()):
    return warren.Customer(id_, [f"{STACK4}/24", f"{STACK6}/64"], list(peers), handoff=handoff, routes=list(routes))


def site_script(name, number):
    """A script that makes a stock client: a namespace, a wire to the uplink, and the kernel's WireGuard with the
    configuration NAME.conf beside the script."""
    outside = [f"netns add {name}", f"link add wan-{name} type veth peer name wan0 netns {name}",
               f"addr add 203.0.113.{4 * number + 1}/30 dev wan-{name}",
               f"addr add 2001:db8:{number}::1/64 dev wan-{name} nodad", f"link set wan-{name} up"]
    inside = ["link set lo up", f"addr add 203.0.113.{4 * number + 2}/30 dev wan0",
              f"addr add 2001:db8:{number}::2/64 dev wan0 nodad", "link set wan0 up",
              f"route add default via 203.0.113.{4 * number + 1}", "link add wg0 type wireguard",
              f"addr add {SITE4}/24 dev wg0", f"addr add {SITE6}/64 dev wg0 nodad"]
    after = ["link set wg0 mtu 1420 up", "route add 10.0.0.0/24 dev wg0", "route add 10.42.0.0/24 dev wg0",
             "route add fd00:42::/64 dev wg0"]
    batch = "ip{} -batch - <<END\n{}\nEND\n"
    return ("set -e\n" + batch.format("", "\n".join(outside)) + batch.format(f" -n {name}", "\n".join(inside)) +
            f"ip netns exec {name} wg setconf wg0 {toolbox.HERE}/{name}.conf\n"
            + batch.format(f" -n {name}", "\n".join(after)))


@pytest.fixture(scope="module")
def place():
    """(guest, cable): two customers with the same addresses everywhere, each with a site and a VLAN."""
    assert IMAGE, "set WARREN_IMAGE to the qcow2 image to boot"
    with netlab.Lab() as lab:
        internet = lab.namespace("internet")
        keys = {name: wireguard_go.new_key() for name in TAGS}
        customers = [customer(name, [warren.Peer("site", key.public, ["10.0.1.0/24", "fd00:42:1::/64"])],
                              lan(TAGS[name])) for name, key in keys.items()]
        server = warren.Warren(lab, internet, customers=customers, config=lab.path("seed/warren"))
        server.write()
        lab.write("seed/network/10-uplink.network",
                  "[Match]\nMACAddress=52:54:00:12:34:56\n[Network]\nAddress=198.51.100.1/24\nGateway=198.51.100.254\n")
        lab.write("seed/network/20-trunk.network",
                  f"[Match]\nMACAddress={cable.MAC}\n[Network]\nLinkLocalAddressing=no\n")
        files = {}
        for number, (name, key) in enumerate(keys.items(), 1):
            endpoint = "198.51.100.1:51820" if name == "acme" else f"[2001:db8:{number}::1]:51820"
            peer = wireguard_go.Peer(server.key.public, ["10.0.0.0/24", "10.42.0.0/24", "fd00:42::/64"],
                                     endpoint=endpoint)
            files[f"site-{name}.conf"] = f"[Interface]\nPrivateKey = {key.private}\n{peer.text()}"
            files[f"site-{name}.sh"] = site_script(f"site-{name}", number)
            peers = next(one.peers for one in customers if one.id == name)
            files[f"{name}-without-lan.toml"] = customer(name, peers).text()
        handoffs = {"missing": lan(7, "nosuch0", "10.43.0.1/24"), "narrow": lan(7, address="10.43.0.1/24", mtu=1400),
                    "wide": lan(7, address="10.43.0.1/24", mtu=9000), "namesake": lan(7, "lan0", "10.43.0.1/24")}
        for name, handoff in handoffs.items():
            files[f"{name}.toml"] = customer("guest", handoff=handoff, routes=[("10.50.0.0/16", "10.43.0.254")]).text()
        tools = toolbox.pack(lab, files=files)
        trunk = cable.Cable(lab)
        machine = guest.Guest(lab, internet, IMAGE, "tap0", seed=lab.path("seed"), drives=[tools], trunk=trunk)
        machine.start()
        machine.expect(r"warren: READY slot=a", READY_SECONDS)
        machine.log_in(timeout=120)
        done(machine, toolbox.MOUNT)
        yield machine, trunk
        machine.stop()


def done(machine, command, timeout=60):
    """The output of the command, which has to succeed."""
    status, said = machine.run(command, timeout)
    assert status == 0, f"{command}: exit {status}\n{said}"
    return said


def pings(machine, ns, address, *options, count=1):
    return machine.run(f"ip netns exec {ns} ping -n -q -c {count} -i 0.2 -W 3 {' '.join(options)} {address}")[0] == 0


def until_pings(machine, ns, address):
    netlab.wait_until(lambda: pings(machine, ns, address), 60, f"{ns} reaches {address}")


def document(machine, command):
    return json.loads(done(machine, f"vpnctl --json {command}"))


def counted(machine, id_):
    return next(one for one in document(machine, "counters")["counters"] if one["customer"] == id_)


def shown(machine, ns):
    """The hub in the client's `wg show`."""
    fields = done(machine, f"ip netns exec {ns} wg show wg0 dump | tail -n 1").split()
    return {"handshake": int(fields[4]), "rx": int(fields[5]), "tx": int(fields[6])}


def apply(machine, name, id_="guest"):
    """Copies a customer's prepared file and applies it; returns vpnctl's output."""
    return machine.run(f"cp {toolbox.HERE}/{name}.toml /etc/warren/customers/{id_}.toml && vpnctl apply 2>&1", 60)[1]


def test_the_kernels_wireguard_gets_a_session_over_ipv4_and_over_ipv6(place):
    machine, _ = place
    for name in TAGS:
        done(machine, f"sh {toolbox.HERE}/site-{name}.sh")
        until_pings(machine, f"site-{name}", STACK4)
        assert shown(machine, f"site-{name}")["handshake"] > 0
    peers = {peer["customer"]: peer for peer in document(machine, "peers")["peers"]}
    assert peers["acme"]["endpoint"].startswith("203.0.113.6:")
    assert peers["beta"]["endpoint"].startswith("[2001:db8:2::2]:")
    # This ping runs beside the next tests, until after the kernel has renewed the session (two minutes).
    done(machine, f"ip netns exec site-acme ping -n -q -i 0.5 {STACK4} >/tmp/steady 2>&1 & "
                  "echo $! >/tmp/steady.pid; date +%s >/tmp/steady.since")


def test_site_and_stack_reach_each_other_with_ipv4_and_ipv6(place):
    machine, _ = place
    for name in TAGS:
        for ns, addresses in ((f"site-{name}", (STACK4, STACK6)), (f"warren-{name}", (SITE4, SITE6))):
            for address in addresses:
                assert pings(machine, ns, address, count=3), (ns, address)
        # 1420 bytes with headers, the device's MTU.
        assert pings(machine, f"site-{name}", STACK4, "-M", "do", "-s", "1392")


@pytest.mark.parametrize("source, target, address",
                         [("site-acme", "warren-acme", STACK4), ("warren-acme", "site-acme", SITE4),
                          ("site-acme", "warren-acme", STACK6), ("warren-beta", "site-beta", SITE6)])
def test_tcp_and_udp_arrive_unchanged(place, source, target, address):
    machine, _ = place
    assert "tcp ok, udp 70 of 70" in done(machine, f"python3 -m tests.lab.traffic {source} {target} {address}",
                                          timeout=240)


def test_packets_of_one_customer_reach_no_other(place):
    """Both have the same addresses, and beta sends nothing."""
    machine, _ = place
    before = {name: counted(machine, name) for name in TAGS}
    assert pings(machine, "site-acme", STACK4, count=10)
    after = {name: counted(machine, name) for name in TAGS}
    assert after["acme"]["rx_packets"] >= before["acme"]["rx_packets"] + 10
    assert after["acme"]["tx_packets"] >= before["acme"]["tx_packets"] + 10
    assert (after["beta"]["rx_packets"],
            after["beta"]["tx_packets"]) == (before["beta"]["rx_packets"], before["beta"]["tx_packets"])


def test_warren_and_the_kernel_count_the_same_bytes(place):
    machine, _ = place
    netlab.wait_until(lambda: _agree(machine), 30, "both ends of a silent tunnel agree")


def _agree(machine):
    peer = next(peer for peer in document(machine, "peers")["peers"] if peer["customer"] == "beta")
    there = shown(machine, "site-beta")
    # The kernel also counts handshake messages.
    initiations, responses = (there["tx"] - peer["rx_bytes"]) / 148, (there["rx"] - peer["tx_bytes"]) / 92
    return (initiations, responses) in ((1, 1), (2, 1), (2, 2))


def test_a_keepalive_is_received(place):
    machine, _ = place
    before = counted(machine, "beta")["rx_packets"]
    hub = done(machine, "ip netns exec site-beta wg show wg0 peers").strip()
    done(machine, f"ip netns exec site-beta wg set wg0 peer {hub} persistent-keepalive 1")
    netlab.wait_until(lambda: counted(machine, "beta")["rx_packets"] >= before + 3, 30, "three keepalives arrive")
    done(machine, f"ip netns exec site-beta wg set wg0 peer {hub} persistent-keepalive 0")


def test_a_vlan_carries_a_customers_lan_with_its_own_tag(place):
    machine, trunk = place
    for name, tag in TAGS.items():
        there = trunk.machine(tag, LAN_MACHINE)
        word = f"canary of {name}".encode()
        pattern = word[:16].hex()
        assert pings(machine, f"site-{name}", LAN_MACHINE, "-p", pattern, "-s", "64", count=3)  # from behind the tunnel
        assert there.ping(SITE4, LAN_GATEWAY, payload=b"from the LAN of " + name.encode())      # and to it
        assert trunk.tags(word[:16]) == {tag} and trunk.tags(b"from the LAN of " + name.encode()) == {tag}


def test_a_missing_parent_is_reported_and_the_other_customers_work(place):
    machine, _ = place
    said = apply(machine, "missing")
    assert "no device nosuch0 in the uplink" in said
    assert "warren-guest" in done(machine, "ip netns") and "lan0" not in done(machine, "ip -n warren-guest -br link")
    done(machine, "ip link add nosuch0 type dummy && vpnctl apply")
    assert "vlan protocol 802.1Q id 7" in done(machine, "ip -n warren-guest -d link show lan0")


def test_a_parent_may_be_down_and_go_down_and_the_lans_routes_stay(place):
    machine, _ = place
    for state in ("down", "up", "down"):
        done(machine, f"ip link set nosuch0 {state}")
        assert "10.50.0.0/16 via 10.43.0.254 dev lan0" in done(machine, "ip -n warren-guest route")
    done(machine, "ip link del nosuch0")  # and the kernel removes the VLAN with it
    assert "no device nosuch0" in machine.run("vpnctl apply 2>&1", 60)[1]


def test_a_parent_may_have_the_name_of_the_stacks_own_device(place):
    machine, _ = place
    done(machine, "ip link add lan0 type dummy && ip link set lan0 up")
    said = apply(machine, "namesake")
    assert "vlan protocol 802.1Q id 7" in machine.run("ip -n warren-guest -d link show lan0 2>&1")[1], said
    done(machine, "ip link del lan0")


def test_a_vlans_mtu_is_as_configured_and_never_wider_than_its_parent(place):
    machine, _ = place
    said = apply(machine, "narrow")
    assert "mtu 1400" in machine.run("ip -n warren-guest link show lan0 2>&1")[1], said
    said = apply(machine, "wide")
    assert f"the mtu 9000 is larger than that of its parent {cable.DEVICE} has; that of lan0 is 1500" in said
    assert "mtu 1500" in done(machine, "ip -n warren-guest link show lan0")
    assert "inet 10.43.0.1/24" in done(machine, "ip -n warren-guest addr show lan0")


def test_a_removed_lan_disappears_and_the_other_stays(place):
    machine, _ = place
    apply(machine, "acme-without-lan", "acme")
    assert "lan0" not in done(machine, "ip -n warren-acme -br link")
    assert not pings(machine, "site-acme", LAN_MACHINE) and pings(machine, "site-acme", STACK4)
    assert pings(machine, "site-beta", LAN_MACHINE)
    done(machine, "rm /etc/warren/customers/beta.toml /etc/warren/customers/guest.toml && vpnctl apply --remove")
    assert "warren-acme" in done(machine, "ip netns") and "warren-beta" not in done(machine, "ip netns")
    assert "8021q" not in done(machine, f"ip -d link show {cable.DEVICE}")
    assert not pings(machine, "site-beta", LAN_MACHINE)


def test_the_kernel_renews_its_session_and_nothing_is_lost(place):
    machine, _ = place
    netlab.wait_until(lambda: int(done(machine, "echo $(($(date +%s) - $(cat /tmp/steady.since)))")) > 130, 180,
                      "two minutes have passed", every=2)
    since = int(done(machine, "cat /tmp/steady.since"))
    assert shown(machine, "site-acme")["handshake"] > since + 100
    done(machine, "kill -INT $(cat /tmp/steady.pid); sleep 1")
    sent, received = map(int, LOST.search(done(machine, "cat /tmp/steady")).groups())
    assert received >= sent - 1 and sent > 200  # the last one may have been in flight
