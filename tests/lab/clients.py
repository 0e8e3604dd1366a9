"""Stock clients that lease an address: charon with `vips`, and what Warren's configuration has to say about them."""

from . import connection, netlab, sites, strongswan
from .town import HUB4, STACK4

STACK_LAN = sites.STACK_LAN
POOL = ["10.99.0.0/29", "fd00:99::/125"]
DNS = ["10.0.0.53", "fd00:42::53"]


class Device:
    """A stock client that leases its addresses, with kernel-libipsec."""

    def __init__(self, town, customer, host, entry, place=None, vips=("0.0.0.0", "::"), **more):
        self.place = place or town.place(host)
        theirs = strongswan.Connection(
            "hub", HUB4, entry.remote_identity, sites.hub_identity(customer),
            [strongswan.Child("all", ["dynamic"], [STACK_LAN, "fd00:42::/64"])], vips=list(vips),
            more={"unique": "never", **more})
        self.charon = strongswan.Charon(
            self.place.ns, [theirs], [strongswan.psk(entry.psk, entry.remote_identity, sites.hub_identity(customer))])

    def start(self):
        self.charon.start()
        return self

    @property
    def vips(self):
        return self.charon.sa("hub").vips

    @property
    def address(self):
        """Its leased IPv4 address."""
        return next(vip for vip in self.vips if "." in vip)

    def connect(self):
        self.charon.initiate("all")
        netlab.wait_until(lambda: self.ping(timeout=1), 5, f"{self.place.ns.host} reaches {STACK4}")
        return self

    def ping(self, *options, **more):
        return self.place.ns.ping(STACK4, "-I", self.address, *options, **more)


def people(pool=POOL, sessions=4, name="people"):
    """Warren's connection for the devices of one identity."""
    return connection.Connection(name, f"{name}@acme.example", sites.new_key(),
                                 more={"pool": pool, "local": [STACK_LAN, "fd00:42::/64"], "max_sessions": sessions})


def put(town, join, entries, id_=None):
    id_ = id_ or town.new_id("acme")
    join(id_, [])
    made = town.warren.customers[id_]
    made.ipsec = connection.Ipsec(sites.hub_identity(id_), entries,
                                  more={"dns": DNS, "dns_domains": ["corp.acme.example"]})
    town.warren.put(made)
    return id_
