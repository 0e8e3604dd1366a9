"""The lab that ./run brings up: two companies that do not know each other, with the same sites and the same addresses.

                          demo-acme-graz  ── LAN 10.0.1.0/24, web server 10.0.1.10 says "acme"
                         /  demo-acme-linz  ── LAN 10.0.2.0/24, web server 10.0.2.10 says "acme"
                        /   demo-acme-steyr ── LAN 10.0.3.0/24, web server 10.0.3.10 says "acme"      (IPsec)
    demo-hub ── demo-internet
    Warren              \\   demo-globex-oslo ── LAN 10.0.1.0/24, web server 10.0.1.10 says "globex"
                         \\  demo-globex-bergen ── LAN 10.0.2.0/24, web server 10.0.2.10 says "globex"
                          demo-globex-molde ── LAN 10.0.3.0/24, web server 10.0.3.10 says "globex"    (IPsec)

Everything, including the hub, runs in network namespaces; the host stays as it is. Each site's gateway is a stock
wireguard-go, or a stock strongSwan where that is installed.
"""

import fcntl
import os
import secrets
import shutil
import signal
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)
sys.dont_write_bytecode = True

from relay import Relay  # noqa: E402  (beside this file)
from tests.lab import connection, netlab, page, strongswan, warren, wireguard_go  # noqa: E402

PREFIX = "demo-"
# Holds the config, the run directory and the logs. Its lock shows whether a demo runs or was killed.
STATE = os.environ.get("WARREN_DEMO_STATE", "/run/warren-demo")
COPIES = f"{ROOT}/build/demo"  # of strongSwan's programs: /run, where the lab is, may allow no execution
HUB_ADDRESS, PORT = "198.51.100.1", 51820
STATUS_PORT = 8443
SITES = {"acme": ["graz", "linz"], "globex": ["oslo", "bergen"]}
IPSEC_SITES = {"acme": ["steyr"], "globex": ["molde"]}  # where strongSwan is installed
STACKS = [f"warren-{customer}" for customer in SITES]
OFFICES = [f"{customer}-{town}{what}" for customer in SITES for town in SITES[customer] + IPSEC_SITES[customer]
           for what in ("", "-web")]
NAMESPACES = [PREFIX + host for host in ("hub", "internet", *OFFICES)]


def say(text=""):
    print(text, flush=True)


def refuse(text):
    print(f"./run: {text}", file=sys.stderr)
    sys.exit(4)


class Site:
    """One office: a gateway, and a LAN with a web server."""

    def __init__(self, lab, internet, customer, town, number, outer):
        self.customer, self.town, self.number = customer, town, number
        self.lan = f"10.0.{number}.0/24"
        self.server_address = f"10.0.{number}.10"
        self.gateway = lab.router(f"{customer}-{town}")
        self.server = lab.namespace(f"{customer}-{town}-web")
        lab.wire(internet, f"to-{customer[:4]}-{town}"[:15], f"203.0.113.{outer}/30", self.gateway, "wan0",
                 f"203.0.113.{outer + 1}/30")
        self.gateway.ip(f"route add default via 203.0.113.{outer}")
        lab.wire(self.gateway, "lan0", f"10.0.{number}.1/24", self.server, "lan0", f"{self.server_address}/24")
        self.server.ip(f"route add default via 10.0.{number}.1")
        self.server.start("/usr/bin/python3", f"{ROOT}/demo/web_server.py", self.server_address, customer,
                          name=f"{customer}-{town}-web")

    def fetch(self, address):
        """The answer of the web server at `address` to a machine in this site's LAN; empty without an answer."""
        return self.server.run("curl", "-s", "--max-time", "2", f"http://{address}/", check=False).stdout.strip()


class WireguardSite(Site):
    """An office whose gateway is a stock wireguard-go."""

    def __init__(self, hub_key, *where):
        super().__init__(*where)
        self.tunnel_address = f"10.0.0.{self.number + 1}"
        self.key = wireguard_go.new_key()
        hub = wireguard_go.Peer(hub_key.public, ["10.0.0.0/16"], endpoint=f"{HUB_ADDRESS}:{PORT}", keepalive=25)
        self.client = wireguard_go.Client(self.gateway, f"wg-{self.customer[:4]}-{self.town}"[:15], self.key,
                                          [f"{self.tunnel_address}/32"], [hub])

    def peer(self):
        """This site's entry in the hub's config."""
        return warren.Peer(self.town, self.key.public, [f"{self.tunnel_address}/32", self.lan])

    def start(self):
        self.client.start()


class IpsecSite(Site):
    """An office whose gateway is a stock strongSwan, with a preshared key."""

    def __init__(self, *where):
        super().__init__(*where)
        self.others = ["10.0.0.0/24", *(f"10.0.{number}.0/24" for number in range(1, self.number))]
        identity, key = f"{self.town}@{self.customer}.example", secrets.token_hex(24)
        lan = strongswan.Child("lan", [self.lan], self.others, more={"dpd_action": "start", "close_action": "start"})
        hub = strongswan.Connection("hub", HUB_ADDRESS, identity, hub_identity(self.customer), [lan], dpd_delay=5)
        self.charon = strongswan.Charon(
            self.gateway, [hub], [strongswan.psk(key, identity, hub_identity(self.customer))],
            settings={"retransmit_timeout": 1, "retransmit_tries": 2, "retransmit_base": 1},
            programs=f"{COPIES}/{self.customer}-{self.town}")
        self.connection = connection.Connection(self.town, identity, key,
                                                [connection.Child("lan", self.others, [self.lan])])

    def start(self):
        self.charon.start()
        self.charon.initiate("lan")


def hub_identity(customer):
    """What the customer's IPsec sites ask for: it names the customer."""
    return f"{customer}.vpn.example.net"


class Demo:
    def __init__(self, lab):
        self.lab, self.sites, self.failed = lab, [], False
        self.password = secrets.token_urlsafe(9)

    def bring_up(self):
        say("[1/4] Networks: an internet, a hub and the offices")
        hub, internet = self.lab.namespace("hub"), self.lab.router("internet")
        self.lab.wire(internet, "to-hub", "198.51.100.254/24", hub, "uplink0", f"{HUB_ADDRESS}/24")
        hub.ip("route add default via 198.51.100.254")
        self.warren = warren.Warren(self.lab, hub, name="demo-hub", listen_port=PORT, config=f"{STATE}/etc",
                                    run_dir=f"{STATE}/run", status_listen=f"127.0.0.1:{STATUS_PORT}")
        has_ipsec = all(map(os.path.exists, (strongswan.CHARON, strongswan.SWANCTL)))
        self.lab.at_end(lambda: shutil.rmtree(COPIES, ignore_errors=True))
        for customer, towns in SITES.items():
            for number, town in enumerate(towns, start=1):
                self._add(WireguardSite, self.warren.key, self.lab, internet, customer, town, number)
            for number, town in enumerate(IPSEC_SITES[customer] if has_ipsec else [], start=len(towns) + 1):
                self._add(IpsecSite, self.lab, internet, customer, town, number)

        say("[2/4] Warren: one process for all tunnels, one network stack for each customer")
        if has_ipsec:
            self.warren.ipsec = {}
        for customer in SITES:
            peers = [site.peer() for site in self._of(customer, WireguardSite)]
            connections = [site.connection for site in self._of(customer, IpsecSite)]
            ipsec = connection.Ipsec(hub_identity(customer), connections) if connections else None
            self.warren.customers[customer] = warren.Customer(customer, ["10.0.0.1/24"], peers, ipsec=ipsec,
                                                              name=f"{customer.capitalize()} Ltd")
        self.warren.start()
        self.warren.configure("user", "add", "demo", "operator", input=self.password + "\n")

        say("[3/4] Clients: a stock wireguard-go in two offices of each company, a stock strongSwan in the third"
            if has_ipsec else "[3/4] WireGuard clients: a stock wireguard-go in each office")
        if not has_ipsec:
            say("      The IPsec offices are left out, because strongSwan is not installed: tools/setup ipsec")
        for site in self.sites:
            site.start()

    def _add(self, kind, *where):
        self.sites.append(kind(*where, len(self.sites) * 4 + 1))

    def _of(self, customer, kind=Site):
        return [site for site in self.sites if site.customer == customer and isinstance(site, kind)]

    def _other(self, site):
        """Another office of the same company."""
        return next(one for one in self._of(site.customer) if one is not site)

    def prove(self):
        say("[4/4] Proof: both companies ask the same addresses, and each gets its own answer\n")
        for site in self.sites:
            other = self._other(site)
            self._expect(f"{site.customer} {site.town}, through the tunnels", other.server_address, site.customer,
                         lambda: site.fetch(other.server_address))
        for site in self.sites:
            if site.number != 2:
                self._expect(f"the hub's stack of {site.customer}", site.server_address, site.customer,
                             lambda: self._fetch_from_stack(site))
        say()
        for table in (["customers"], ["peers"], *([["ipsec"]] if self.warren.ipsec is not None else [])):
            shown = self.warren.ctl(*table, check=False)
            self.failed |= shown.returncode != 0
            say(f"$ vpnctl {' '.join(table)}\n{shown.stdout}{shown.stderr}")

    def prove_page(self):
        """The API answers, and shows what vpnctl showed."""
        status = page.Page(self.warren.uplink, self.warren.status_listen)
        cookie = netlab.wait_until(lambda: status.login("demo", self.password).cookie(), 20,
                                   "the demo's user logs in to the status page")
        def both_online():
            rows = status.ask("/api/v1/customers", cookie=cookie).json()["items"]
            online = {row["id"]: row["peers"]["online"] for row in rows if row["state"] == "up"}
            return all(online.get(customer, 0) >= len(towns) for customer, towns in SITES.items())
        netlab.wait_until(both_online, 20, "the status page shows both customers with all their peers online")
        say(f"   The status page's API reports: {' and '.join(SITES)} are up, and every WireGuard peer is online.\n")

    def _fetch_from_stack(self, site):
        return self.warren.ctl("exec", site.customer, "--", "curl", "-s", "--max-time", "2",
                               f"http://{site.server_address}/", check=False).stdout.strip()

    def _expect(self, who, address, expected, ask):
        try:
            answer = netlab.wait_until(ask, 20)
        except netlab.LabError:
            answer = "nothing"
        self.failed |= answer != expected
        verdict = "" if answer == expected else f"   <-- WRONG, expected {expected}"
        say(f"   from {who:<32} http://{address}/ answers: {answer}{verdict}")

    def keep_talking(self):
        """Makes a little traffic, so that there is something to see: each office pings the other office of its company;
        those of acme ping more often."""
        for site in self.sites:
            pause = "0.02" if site.customer == "acme" else "0.1"
            site.server.start("/usr/bin/ping", "-q", "-i", pause, "-s", "1000", self._other(site).server_address,
                              name=f"{site.customer}-{site.town}-ping")

    def invite(self):
        vpnctl = f"{os.path.relpath(self.warren.bin, ROOT)}/vpnctl --run-dir {self.warren.run_dir}"
        relay = Relay(self.warren.uplink, ("127.0.0.1", STATUS_PORT), STATUS_PORT)
        self.lab.at_end(relay.close)
        fingerprint = self.warren.configure("web", "fingerprint").stdout.strip()
        say(f"""Live status page:  https://127.0.0.1:{relay.port}/   user demo, password {self.password}
   Its certificate is self-signed. The SHA-256 fingerprint is
   {fingerprint}
""")
        say(f"""Try these in another terminal, as root, in {ROOT}:

  Ask the same web address in both companies:
     ip netns exec demo-acme-linz-web     curl http://10.0.1.10/
     ip netns exec demo-globex-bergen-web curl http://10.0.1.10/
  Ask the hub for its state (see also customers, routes acme, counters acme and drops; add --json before any of them):
     {vpnctl} peers
     {vpnctl} wg acme
{self._invite_to_ipsec(vpnctl)}  Run any program in acme's network stack:
     {vpnctl} exec acme -- ip route
     {vpnctl} exec acme -- ping -c 3 10.0.2.10
  See what the stock client in an office knows:
     ip netns exec demo-acme-graz wg show
  Change one customer without disturbing the others: edit {self.warren.config}/customers/acme.toml, then
     {vpnctl} diff
     {vpnctl} apply
  Kill the tunnel daemon: it restarts, the stacks stay, and the offices reconnect:
     kill -9 {self.warren.vpnd()}
""")

    def _invite_to_ipsec(self, vpnctl):
        """More to try, where there are IPsec offices."""
        site = next(iter(self._of("acme", IpsecSite)), None)
        if site is None:
            return ""
        charon = site.charon
        environment = f"STRONGSWAN_CONF={charon.directory}/strongswan.conf"
        return f"""  Ask an office with WireGuard from one with IPsec; see what the hub and the stock strongSwan know:
     ip netns exec {site.server.name} curl http://10.0.1.10/
     {vpnctl} ipsec acme
     {environment} {charon.programs}/swanctl --list-sas --uri {charon.uri}
"""


def lock():
    """Takes the demo's lock until the program ends; refuses if another demo holds it."""
    os.makedirs(STATE, mode=0o755, exist_ok=True)
    handle = open(f"{STATE}.lock", "a+")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.seek(0)
        refuse(f"a demo is already running (pid {handle.read().strip()}): stop it with Ctrl-C first")
    handle.truncate(0)
    handle.write(f"{os.getpid()}\n")
    handle.flush()
    return handle


def present():
    """The demo's namespaces on this host, including the customers' stacks."""
    names = os.listdir(netlab.NETNS_DIR) if os.path.isdir(netlab.NETNS_DIR) else []
    return [name for name in names if name in STACKS or name in NAMESPACES]


def sweep():
    """Removes the remains of a killed demo; refuses if namespaces with the same names belong to others."""
    if present() and os.path.isdir(f"{STATE}/run"):
        say("Removing the remains of a killed demo ...")
        for name in (name for name in present() if name in NAMESPACES):
            netlab.remove_namespace(name)
        # Removes only the stacks of this run directory. It does not need the hub's namespace, which is gone.
        netlab.run(f"{warren.programs()}/stackd", "--config", f"{STATE}/etc", "--run-dir", f"{STATE}/run",
                   "--user", warren.UNPRIVILEGED, "--no-web", "--down")
    shutil.rmtree(STATE, ignore_errors=True)
    if remains := present():
        refuse(f"the demo needs these names for its network namespaces, but others use them: {', '.join(remains)}. "
               "Nothing was changed")


def take_down(lab):
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not stop this halfway
    say("Removing everything ...")
    lab.close()
    if remains := present():
        say(f"These namespaces could not be removed: {', '.join(remains)}.")
        return False
    say("Everything is removed.")
    return True


def main():
    os.environ.setdefault("WARREN_BIN", f"{ROOT}/build/release/bin")
    held = lock()
    try:
        sweep()
    except (netlab.LabError, OSError) as error:
        refuse(f"removing the remains of a killed demo failed: {error}")
    # Each of these signals ends the demo like Ctrl-C, also in the background, where SIGINT is ignored at first.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    lab = netlab.Lab(PREFIX, STATE)
    demo = Demo(lab)
    try:
        demo.bring_up()
        demo.prove()
        demo.prove_page()
        if demo.failed:
            lab.print_logs()
        if "--once" not in sys.argv:
            demo.keep_talking()
            demo.invite()
            say("Press Ctrl-C to end the demo and to remove everything.")
            while True:
                time.sleep(1)  # not signal.pause(): a signal that came just before would not end that
    except KeyboardInterrupt:
        say()
    except (netlab.LabError, OSError) as error:
        demo.failed = True
        print(f"./run: {error}", file=sys.stderr)
        lab.print_logs()
    clean = take_down(lab)
    held.close()
    os.unlink(f"{STATE}.lock")
    say("The demo failed." if demo.failed or not clean else "The demo succeeded.")
    sys.exit(1 if demo.failed or not clean else 0)


if __name__ == "__main__":
    main()
