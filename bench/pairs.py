"""Hubs whose site runs the same program as the hub, to compare whole tunnels."""

from bench import generator, hubs, openvpn, sink
from tests.lab import netlab, warren, wireguard_go

SITE = hubs.peer_address(0)


def make_pairs(lineup):
    """The requested hubs and OpenVPN, each with its site connected and a generator in that site."""
    made = []
    for number, name in enumerate([*lineup.names, "openvpn"]):
        site, hub_side = lineup.field.site(number)
        key = wireguard_go.new_key()
        if name == "openvpn":
            hub = openvpn.OpenVpn(lineup.field, lineup.tools)
        else:
            hub = lineup.hub(name, peers=1, public_keys=[key.public])
        hub.start()
        start = {"openvpn": _openvpn_site, "warren": _warren_site}.get(name, _go_site)
        hub.site, hub.site_tunnel = start(lineup, hub, site, hub_side, key)
        hub.is_played = False
        netlab.wait_until(lambda: hub.site.ping(hubs.STACK), 20, f"the tunnel of {hub.name} is up")
        sink.lay(hub.site, SITE)
        hub.lay_sinks()
        hub.generator = generator.Generator(hub.site, lineup.tools.wgblast, lineup.field.generator_core)
        made.append(hub)
    return made


def _openvpn_site(lineup, hub, site, hub_side, key):
    site, device = hub.start_site(site, hub_side)
    site.ip(f"addr add {SITE}/32 dev {device}", f"link set {device} mtu 1420 up",
            f"route add {hubs.STACK}/32 dev {device}")
    return site, device


def _go_site(lineup, hub, site, hub_side, key):
    peer = wireguard_go.Peer(hub.key.public, [f"{hubs.STACK}/32"], f"{hub_side}:{hub.port}", keepalive=5)
    device = f"wgp{hub.port % 100}"
    wireguard_go.Client(site, device, key, [f"{SITE}/32"], [peer], program=hub.program).start()
    return site, device


def _warren_site(lineup, hub, site, hub_side, key):
    """A Warren of one customer that calls the hub; its stack is the site's host."""
    peer = warren.Peer("hub", hub.key.public, [f"{hubs.STACK}/32"], endpoint=f"{hub_side}:{hub.port}", keepalive=5)
    client = hubs.PinnedWarren(lineup.lab, site, name="site-warren", key=key, listen_port=51899,
                               customers=[warren.Customer("site", [f"{SITE}/32"], [peer])])
    client.pin = ["taskset", "-c", str(lineup.field.generator_core)]
    client.start()
    return client.stack("site"), "vpn0"
