"""IPsec sites in a town: a stock charon or a scripted peer at a place of its own, and what Warren's configuration has
to say about it."""

import os
from dataclasses import dataclass

from . import connection, ikepeer, netlab, strongswan, warren
from .town import HUB4, STACK4, STACK6, Place, Pinging

STACK_LAN, SITE_LAN, SITE = "10.0.0.0/24", "10.0.1.0/24", "10.0.1.1"  # the same for every customer, on purpose
SCRIPTED = "10.0.1.9"  # a machine behind a scripted peer


def new_key():
    return f"a preshared key {os.urandom(12).hex()}"


def hub_identity(customer):
    """What the peers of a customer call Warren."""
    return f"{customer}.vpn.example.net"


@dataclass(eq=False)
class Site:
    """A stock charon with the network SITE_LAN, and the connection of Warren for it."""

    place: Place
    charon: strongswan.Charon
    connection: connection.Connection
    customer: str = ""

    @property
    def ns(self):
        return self.place.ns

    def ping(self, address=STACK4, *options, **more):
        return self.ns.ping(address, "-I", SITE, *options, **more)

    def pinging(self, address=STACK4):
        return Pinging(self.ns, address)

    def connect(self):
        """Sets the tunnel up, and waits until it carries packets."""
        self.charon.initiate("lan")
        netlab.wait_until(lambda: self.ping(timeout=1), 5, f"{self.ns.host} reaches {STACK4}")
        return self

    def sa(self):
        """Its IKE_SA, as it sees it; None: there is none."""
        return self.charon.sa("hub")

    def child(self):
        return self.charon.child("lan")


def child():
    """Warren's half of the usual child."""
    return connection.Child("lan", [STACK_LAN], [SITE_LAN])


def site(town, customer, host="graz", identity="", key="", hub=HUB4, place=None, entry=None, start=True, settings=None,
         esp="aes128gcm16", **more):
    """A started Site for `customer` (its id). `entry`: more keys of Warren's connection; `more`: fields of charon's."""
    place = place or town.place(host)
    town.lab.bridge(place.ns, "lan0", [f"{SITE}/24"])
    identity, key = identity or f"{host}@{customer}.example", key or new_key()
    theirs = strongswan.Connection("hub", hub, identity, hub_identity(customer),
                                   [strongswan.Child("lan", [SITE_LAN], [STACK_LAN], esp)], **more)
    charon = strongswan.Charon(place.ns, [theirs], [strongswan.psk(key, identity, hub_identity(customer))],
                               settings=settings)
    if start:
        charon.start()
    return Site(place, charon, connection.Connection(host, identity, key, [child()], more=entry or {}), customer)


def scripted(town, customer, host="scripted", identity="", key="", hub=HUB4, place=None, entry=None):
    """(IkePeer, connection.Connection): a scripted peer for `customer` at a place, with the network SITE_LAN."""
    place = place or town.place(host)
    identity, key = identity or f"{host}@{customer}.example", key or new_key()
    peer = ikepeer.IkePeer(place.ns, place.ipv6 if ":" in hub else place.ipv4, hub, identity, hub_identity(customer),
                           key.encode())
    peer.place, peer.customer, peer.name = place, customer, host
    return peer, connection.Connection(host, identity, key, [child()], more=entry or {})


def customer(id_, connections, peers=(), **more):
    """A warren.Customer whose stack has the usual addresses, with these IPsec connections (or Sites) and WireGuard
    peers. Without a place in any configuration yet."""
    entries = [one.connection if isinstance(one, Site) else one for one in connections]
    return warren.Customer(id_, [f"{STACK4}/24", f"{STACK6}/64"], list(peers),
                           ipsec=connection.Ipsec(hub_identity(id_), entries), **more)
