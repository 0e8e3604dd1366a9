"""Troubles as operators meet them, each made with a stock client in one scene: what is wrong, how it is made, how it is
mended. bench/troubles shows what Warren says of each, and tests/e2e/test_troubles.py that it is right."""

import json
import threading
import time
from dataclasses import dataclass, field

from . import netlab, page, rawpeer, sites, strongswan, warren, wireguard_go
from .town import HUB4, PORT, STACK4, STACK6, Town

LISTEN = "127.0.0.1:8443"
BRANCH4, DEPOT4 = "10.0.0.2", "10.0.0.3"
AHEAD = 120  # seconds that a clock was
LOOK = 0.25  # seconds between two looks at the page


class Scene:
    """A Warren with WireGuard, IPsec and a status page. Each trouble has a customer of its own in it."""

    def __init__(self, lab):
        self.town = Town(lab, name="clinic")
        self.warren = self.town.warren
        self.warren.ipsec = {}
        self.warren.status_listen, self.warren.state_dir = LISTEN, lab.path("state")
        self.warren.start()
        self.page = page.Page(self.town.hub, LISTEN)
        self.token = self.warren.configure("token", "add", "clinic", "operator").stdout.strip()
        netlab.wait_until(lambda: self.page.ask("/api/v1/overview", token=self.token).status == 200, 20,
                          "statusd has the token")

    def doctor(self, *about):
        """The findings of `vpnctl doctor` about a customer, or one of its peers."""
        done = self.warren.ctl("--json", "doctor", *about, check=False)
        assert done.returncode in (0, 1), done.stderr
        return json.loads(done.stdout)["findings"]

    def get(self, path):
        return self.page.ask(f"/api/v1/{path}", token=self.token).json()


@dataclass(frozen=True)
class Told:
    """One thing that the page tells. `key`: what does not change while it is the same thing."""

    place: str  # System: refused; Overview: dropped, alarm; the customer's page: event, dropped, customer, device, ...
    key: str
    sentence: str = field(compare=False)


@dataclass
class Result:
    """What was said of a trouble, and when, in seconds since it was made; None: never."""

    trouble: object
    doctor: str = ""
    evidence: str = ""
    doctor_after: float = None
    page: str = ""
    page_after: float = None
    wrong: set = field(default_factory=set)  # other kinds that doctor named
    neighbour: list = field(default_factory=list)  # what it said of the healthy peer beside
    gone_after: float = None  # seconds after it was mended until the tunnel carried packets and nothing was said


class Case:
    """A customer with a site `branch` (or an IPsec site), which will have the trouble, and a site `depot` beside it
    that is well."""

    def __init__(self, scene, trouble, number):
        self.scene, self.town, self.trouble, self.name = scene, scene.town, trouble, "branch"
        self.id = f"case-{number}"
        self.places, self.stops, self.uses = [], [], []
        self.depot = self.town.office("depot", addresses=[f"{DEPOT4}/32"])
        self.stops.append(self.depot.client.stop)
        self.customer = warren.Customer(self.id, [f"{STACK4}/24", f"{STACK6}/64"], [self.depot.peer])
        self.result = Result(trouble)

    # --- what a trouble does --------------------------------------------------------------------------------------

    def put(self):
        """Gives the customer's file to Warren, and returns when it is in force: from then on the time counts."""
        self.scene.warren.put(self.customer)
        self.began = time.monotonic()

    def stack(self):
        return self.town.stack(self.customer)

    def keep_pinging(self, ns, *arguments):
        """What a customer does all the time, and notices."""
        self.uses.append(ns.start("ping", "-n", "-q", "-i", "0.5", "-W", "1", *arguments, name=f"{ns.host}-use"))

    def rest(self):
        """Nobody uses it any more."""
        while self.uses:
            self.uses.pop().stop()

    # --- its course -----------------------------------------------------------------------------------------------

    def open(self):
        self.trouble.prepare(self)
        self.put()
        self.depot.connect()
        if self.trouble.begins_well:
            netlab.wait_until(lambda: self.trouble.is_well(self), 20, f"{self.trouble.title}: {self.name} is well")
            assert self.findings() == [], "it is healthy before"
        netlab.wait_until(lambda: "state_sentence" in self.scene.get(f"customers/{self.id}"), 10, "the page has it")
        return self

    def findings(self):
        return [one for one in self.scene.doctor(self.id, self.name) if one["customer"] in (self.id, None)]

    def look(self):
        """What the page tells now that may be about this customer: a set of Told."""
        get, out = self.scene.get, set()
        mine = get(f"customers/{self.id}")
        out |= {Told("customer", mine["state_sentence"], mine["state_sentence"])}
        out |= {Told("dropped", f"{one['name']} {self.id}", one["sentence"]) for one in mine["drops"]}
        for what, kind in (("peers", "device"), ("connections", "connection")):
            out |= {Told(kind, one["state_sentence"], one["state_sentence"])
                    for one in get(f"customers/{self.id}/{what}")["items"] if one["name"] == self.name}
        out |= {Told("event", f"{one['kind']} {one['reason']} {one['id']}", one["sentence"])
                for one in get(f"events?customer={self.id}&limit=50")["items"]}
        out |= {Told("refused", f"{one['reason']} {one['from']}", one["sentence"]) for one in get("system")["refused"]
                if one["customer"] == self.id or one["from"].rpartition(":")[0] in self.places}
        overview = get("overview")
        out |= {Told("dropped", f"{one['name']} {one['packets']}", one["sentence"]) for one in overview["drops"]}
        return out | {Told("alarm", one["kind"], one["sentence"]) for one in overview["alarms"]
                      if one["customer"] == self.id}

    def _watch_page(self, before, over):
        place, _, words = self.trouble.page.partition(" ")
        while place and not over.is_set():
            told = [one for one in self.look() - before if one.place == place and words in one.key]
            if told:
                self.result.page_after = time.monotonic() - self.began
                self.result.page = f"{place}: {told[0].sentence}"
                return
            over.wait(LOOK)

    def suffer(self, patience):
        """Makes the trouble and waits until doctor and the page have told it, for so many seconds at most."""
        result, trouble, over = self.result, self.trouble, threading.Event()
        before = self.look()
        self.began = time.monotonic()
        trouble.make(self)
        watcher = threading.Thread(target=self._watch_page, args=(before, over))
        watcher.start()
        try:
            while time.monotonic() - self.began < patience:
                trouble.go_on(self)
                for one in self.findings():
                    if one["kind"] != trouble.kind or (not trouble.is_of_all and one["peer"] != self.name):
                        result.wrong.add(one["kind"])
                    elif result.doctor_after is None:
                        result.doctor_after = time.monotonic() - self.began
                        result.doctor, result.evidence = one["sentence"], one["evidence"]
                if (result.doctor_after or not trouble.kind) and not (trouble.page and watcher.is_alive()):
                    break
                time.sleep(trouble.every)
        finally:
            over.set()
            watcher.join()
        result.neighbour = [one["kind"] for one in self.scene.doctor(self.id) if one["peer"] == "depot"]

    def mend(self):
        self.mended = time.monotonic()
        self.trouble.mend(self)

    def is_healthy(self):
        if self.result.gone_after is None and self.trouble.is_well(self) and not self.findings():
            self.result.gone_after = time.monotonic() - self.mended
        return self.result.gone_after is not None

    def close(self):
        self.rest()
        for stop in self.stops:
            stop()
        self.scene.warren.remove(self.id)


def _office(case, **more):
    case.branch = case.town.office("branch", addresses=[f"{BRANCH4}/32"], **more)
    case.places.append(case.branch.place.ipv4)
    case.stops.append(case.branch.client.stop)
    case.customer.peers.insert(0, case.branch.peer)


class Trouble:
    """`title` is what the table calls it."""

    title = ""
    kind = ""            # of doctor's finding; "": it has none
    page = ""            # where the page tells it: a place of Told and a part of its key; "": nowhere
    begins_well = True
    is_of_all = False    # the finding is not about the peer alone
    is_slow = False      # it takes more than half a minute until it is told, or gone
    every = 0.0          # seconds between two looks: doctor's own pings count as nobody's use for a while

    def prepare(self, case):
        _office(case)

    def is_well(self, case):
        return case.branch.ping(timeout=1)

    def make(self, case):
        raise NotImplementedError

    def go_on(self, case):
        """What a client without a use of its own does meanwhile."""

    def mend(self, case):
        raise NotImplementedError


def _changed(case, **values):
    """The client's only peer, which is the hub, has these values now."""
    peer = case.branch.client.peers[0]
    before = {key: getattr(peer, key) for key in values}
    for key, value in values.items():
        setattr(peer, key, value)
    case.branch.client.configure()
    return before


class WrongServerKey(Trouble):
    """The client has the public key of another server."""

    title, kind, page = "wrong key of the server", "wrong_server_key", "refused bad_mac1"

    def make(self, case):
        case.before = _changed(case, public_key=wireguard_go.new_key().public)
        case.keep_pinging(case.branch.ns, STACK4)

    def mend(self, case):
        _changed(case, **case.before)


class UnknownClientKey(Trouble):
    """Somebody installed the client anew, with a new key."""

    title, kind, page = "unknown key of the client", "unknown_client_key", "refused unknown_peer"

    def make(self, case):
        case.key, case.branch.client.key = case.branch.client.key, wireguard_go.new_key()
        case.branch.client.configure()
        case.keep_pinging(case.branch.ns, STACK4)

    def mend(self, case):
        case.branch.client.key = case.key
        case.branch.client.configure()


class PresharedKey(Trouble):
    title, kind, page = "another preshared key", "preshared_key", "device preshared key may be another one"

    def prepare(self, case):
        _office(case, psk=wireguard_go.new_psk())

    def make(self, case):
        case.before = _changed(case, psk=wireguard_go.new_psk())
        case.keep_pinging(case.branch.ns, STACK4)

    def mend(self, case):
        _changed(case, **case.before)


class ClientClock(Trouble):
    """The client's clock is set back by two minutes. Its key with a time that is ahead makes that."""

    title, kind, page = "clock of the client in the past", "client_clock", "dropped old_timestamp"

    def make(self, case):
        client = case.branch.client
        case.branch.client.wg("set", client.device, "peer", client.peers[0].public_key, "remove")
        with case.branch.ns.socket() as sock:
            sock.bind((case.branch.place.ipv4, 0))
            ahead = rawpeer.RawPeer(client.key.private, client.peers[0].public_key, sock, (HUB4, PORT), "")
            ahead.confirm(ahead.handshake(timestamp=rawpeer.tai64n(time.time() + AHEAD)))
        case.began = time.monotonic()
        client.configure()
        case.keep_pinging(case.branch.ns, STACK4)

    def mend(self, case):
        case.scene.warren.ctl("peer", "reset", case.id, case.name)


class SharedKey(Trouble):
    """A second device has a copy of the configuration. Afterwards each has a key of its own."""

    title, kind, page = "two devices with one key", "shared_key", "device two machines may use its key"
    is_slow = True

    def prepare(self, case):
        _office(case, listen_port=41_001)

    def make(self, case):
        first = case.branch.client
        second = case.town.place("copy")
        case.copy = wireguard_go.Client(second.ns, f"{first.device}b", first.key, first.addresses, first.peers,
                                        listen_port=first.listen_port).start()
        case.keep_pinging(case.branch.ns, STACK4)
        case.keep_pinging(second.ns, STACK4)

    def mend(self, case):
        case.copy.stop()
        case.branch.client.key = key = wireguard_go.new_key()
        case.branch.peer.public_key = key.public
        case.put()
        case.branch.client.configure()


class NatRebinds(Trouble):
    """The client's router forgets a UDP flow after a second, and takes another port for the next one."""

    title, kind, page = "NAT with a timeout of 1 s", "nat_rebinds", "event roamed"
    is_slow = True

    def prepare(self, case):
        case.nat = case.town.nat("router")
        _office(case, place=case.nat.place("branch"))

    def _timeout(self, case, seconds):
        for key in ("udp_timeout", "udp_timeout_stream"):
            case.nat.outside.ns.sysctl(f"net.netfilter.nf_conntrack_{key}", seconds)

    def _masquerade(self, case, how):
        case.nat.outside.ns.run("nft", "-f", "-", input="flush chain ip hide out; add rule ip hide out "
                                f'oifname "wan0" masquerade {how}')

    def make(self, case):
        self._masquerade(case, "fully-random")
        self._timeout(case, 1)
        case.uses.append(case.branch.ns.start("ping", "-n", "-q", "-i", "4", STACK4, name="branch-use"))

    def mend(self, case):
        self._masquerade(case, "")
        self._timeout(case, 120)


class NoReturnPath(Trouble):
    """A new client whose AllowedIPs have no network of this side."""

    title, kind, page = "no way back at the client", "no_return_path", "device none came back"
    begins_well, every = False, 5

    def prepare(self, case):
        _office(case, reach=["10.66.0.0/16"], keepalive=1, start=False)

    def make(self, case):
        case.branch.client.start()
        case.keep_pinging(case.stack(), BRANCH4)

    def mend(self, case):
        _changed(case, allowed_ips=["10.0.0.0/16"])
        case.branch.ns.ip(f"route replace 10.0.0.0/16 dev {case.branch.client.device}")


class SourceRefused(Trouble):
    """The client sends from an address that its allowed_ips here do not have."""

    title, kind, page = "source that is not in allowed_ips", "source_refused", "event drops source_not_allowed"

    def make(self, case):
        case.branch.ns.ip(f"addr add 10.9.9.9/32 dev {case.branch.client.device}")
        case.keep_pinging(case.branch.ns, "-I", "10.9.9.9", STACK4)

    def mend(self, case):
        case.branch.ns.ip(f"addr del 10.9.9.9/32 dev {case.branch.client.device}")
        case.rest()


class MtuBlackHole(Trouble):
    title, kind, page = "path that loses large packets", "mtu_black_hole", ""

    def make(self, case):
        case.town.internet.run("nft", "-f", "-", input="table ip hole { chain f { type filter hook forward priority 0; "
                               f"ip daddr {case.branch.place.ipv4} meta length > 1400 drop; }}; }}")

    def mend(self, case):
        case.town.internet.run("nft", "delete", "table", "ip", "hole")


class FirewallDrops(Trouble):
    """A rule of the customer stops what the branch wants from the depot."""

    title, kind, page, is_of_all = "rule of the customer's firewall", "firewall_drops", "", True

    def make(self, case):
        case.customer.firewall = {"allow_ping": False,
                                  "rule": [{"name": "no-depot", "action": "drop", "to": ["peer:depot"]}]}
        case.put()
        case.keep_pinging(case.branch.ns, DEPOT4)

    def mend(self, case):
        case.customer.firewall = None
        case.put()

    def is_well(self, case):
        return case.branch.ping(timeout=1) and case.branch.ping(DEPOT4, timeout=1)


class BlockedPort(Trouble):
    title, kind, page, is_of_all = "port closed by the host's firewall", "port_unreachable", "", True

    def make(self, case):
        case.town.hub.run("nft", "-f", "-", input="table ip shut { chain i { type filter hook input priority 0; "
                          f"udp dport {PORT} drop; }}; }}")

    def mend(self, case):
        case.town.hub.run("nft", "delete", "table", "ip", "shut")


class Expired(Trouble):
    title, kind, page = "peer whose date has passed", "expired", "device until when it has a tunnel"

    def make(self, case):
        case.branch.peer.expires = "2020-01-01"
        case.put()

    def mend(self, case):
        case.branch.peer.expires = ""
        case.put()
        case.branch.client.configure()


class Suspended(Trouble):
    title, kind, page, is_of_all = "customer suspended", "suspended", "customer Suspended", True

    def make(self, case):
        case.customer.state = "suspended"
        case.put()

    def mend(self, case):
        case.customer.state = "active"
        case.put()
        case.branch.client.configure()
        case.depot.client.configure()


class Quota(Trouble):
    title, kind, page = "quota of the month spent", "quota_spent", "event drops quota_spent"

    def make(self, case):
        case.branch.peer.limits = {"quota": "100 kB/month"}
        case.put()
        case.keep_pinging(case.branch.ns, "-s", "1000", "-i", "0.02", STACK4)

    def mend(self, case):
        case.branch.peer.limits = {}
        case.put()


class CableOut(Trouble):
    """The site is without its uplink, and somebody at this side goes on to use it. No tunnel shows the cable itself."""

    title, kind, page, is_slow, every = "cable of the site out", "no_return_path", "device none came back", True, 5

    def make(self, case):
        case.keep_pinging(case.stack(), BRANCH4)
        case.town.internet.ip(f"link set dev {case.branch.place.router_device} down")

    def mend(self, case):
        case.town.internet.ip(f"link set dev {case.branch.place.router_device} up")


class _Ipsec(Trouble):
    """A stock charon with a connection to the customer."""

    more = {}

    def prepare(self, case):
        case.name = "graz"
        case.site = sites.site(case.town, case.id, **self.more)
        case.stops.append(case.site.charon.stop)
        case.customer.ipsec = sites.connection.Ipsec(sites.hub_identity(case.id), [case.site.connection])

    def is_well(self, case):
        if case.site.ping(timeout=1):
            return True
        case.site.charon.initiate("lan", check=False, timeout=3)
        return False

    def make(self, case):
        case.site.charon.terminate(ike="hub", check=False)
        self.spoil(case)
        case.site.charon.load()

    def go_on(self, case):
        case.site.charon.initiate("lan", check=False, timeout=2)


class IpsecKey(_Ipsec):
    title, kind, page = "another preshared key of IPsec", "connection_down", "event auth_failed"

    def spoil(self, case):
        case.secrets = case.site.charon.secrets
        case.site.charon.secrets = [strongswan.psk(sites.new_key(), *case.secrets[0].ids)]

    def mend(self, case):
        case.site.charon.secrets = case.secrets
        case.site.charon.load()


class IkeProposal(_Ipsec):
    """Refused in the first message: nobody knows yet which connection it is."""

    title, kind, page = "proposals of IKE", "connection_down", "dropped ike_no_proposal"

    def spoil(self, case):
        case.proposals = case.site.charon.connections[0].proposals
        case.site.charon.connections[0].proposals = "aes128-sha1-modp1024"

    def mend(self, case):
        case.site.charon.connections[0].proposals = case.proposals
        case.site.charon.load()


class EspProposal(_Ipsec):
    title, kind, page = "proposals of ESP", "connection_down", "event connect_failed"

    def spoil(self, case):
        child = case.site.charon.connections[0].children[0]
        case.proposals, child.esp = child.esp, "aes128-sha1"

    def mend(self, case):
        case.site.charon.connections[0].children[0].esp = case.proposals
        case.site.charon.load()


TWELVE = [made() for made in (WrongServerKey, UnknownClientKey, PresharedKey, ClientClock, SharedKey, NatRebinds,
                              NoReturnPath, SourceRefused, MtuBlackHole, FirewallDrops, BlockedPort, IpsecKey)]
MORE = [made() for made in (IkeProposal, EspProposal, Expired, Suspended, Quota, CableOut)]
