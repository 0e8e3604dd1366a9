"""A real Warren, used from outside: a config directory written from values, stackd in an uplink namespace, and vpnctl
for the operator's commands."""

import contextlib
import json
import os
import signal
import socket
from dataclasses import dataclass, field

from . import connection, netlab, wireguard_go

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
UNPRIVILEGED = "nobody"  # a user that every Debian has
WIRE_VERSION = 10  # the first byte of each message between the programs (ipc/codec.h)


@contextlib.contextmanager
def leaves_nothing(make):
    """Yields make(lab), an object with a `warren`, in a new lab. At the end nothing of the lab may be left, and Warren
    may not have reported a failed check."""
    before = netlab.baseline()
    with netlab.Lab() as lab:
        made = make(lab)
        yield made
        output = made.warren.output()
    left = netlab.leaks(before)
    assert left == [], left
    for bad in ("WARREN_CHECK", "check failed", "Sanitizer"):
        assert bad not in output, output


def programs():
    """The directory of stackd, vpnd and vpnctl: $WARREN_BIN, else that of the newest build."""
    if "WARREN_BIN" in os.environ:
        return os.environ["WARREN_BIN"]
    built = [path for build in ("dev", "release") if os.path.exists(path := f"{ROOT}/build/{build}/bin/stackd")]
    if not built:
        raise netlab.LabError("no stackd is built: run ./test, or set WARREN_BIN")
    return os.path.dirname(max(built, key=os.path.getmtime))


def _toml(value):
    return json.dumps(value)  # JSON strings, numbers, booleans and lists of them are valid TOML


def customer_file(id_):
    """That of acme.north is customers/acme/north.toml."""
    return f"customers/{id_.replace('.', '/')}.toml"


def _policy(table, keys):
    """[firewall] or [nat]; a list of tables in it is one [[...]] each."""
    if keys is None:
        return []
    plain = {key: value for key, value in keys.items() if not (value and isinstance(value, list)
                                                               and isinstance(value[0], dict))}
    lines = ["", f"[{table}]"] + [f"{key} = {_toml(value)}" for key, value in plain.items()]
    for key in keys.keys() - plain.keys():
        for entry in keys[key]:
            lines += ["", f"[[{table}.{key}]]"] + [f"{name} = {_toml(value)}" for name, value in entry.items()]
    return lines


@dataclass
class Peer:
    """One [[wireguard.peer]]. `psk` is the key; it goes into a file below secrets/."""

    name: str
    public_key: str
    allowed_ips: list
    endpoint: str = ""
    psk: str = ""
    keepalive: int = 0
    enabled: bool = True
    groups: list = field(default_factory=list)
    expires: str = ""  # as TOML
    limits: dict = field(default_factory=dict)  # rate_up, rate_down, quota, after_quota

    def text(self, customer):
        lines = ["[[wireguard.peer]]", f"name = {_toml(self.name)}", f"public_key = {_toml(self.public_key)}",
                 f"allowed_ips = {_toml(self.allowed_ips)}"]
        if self.psk:
            lines.append(f"preshared_key = {{ secret = {_toml(f'{customer}/{self.name}.psk')} }}")
        if self.endpoint:
            lines.append(f"endpoint = {_toml(self.endpoint)}")
        if self.keepalive:
            lines.append(f"persistent_keepalive = {self.keepalive}")
        if not self.enabled:
            lines.append("enabled = false")
        if self.expires:
            lines.append(f"expires = {self.expires}")
        if self.groups:
            lines.append(f"groups = {_toml(self.groups)}")
        lines += [f"{key} = {_toml(value)}" for key, value in self.limits.items()]
        return "\n".join(lines) + "\n"


@dataclass
class Customer:
    """One customers/ID.toml."""

    id: str
    addresses: list
    peers: list = field(default_factory=list)
    name: str = ""
    state: str = "active"
    mtu: int = 1420
    queues: int = 1
    clamp_mss: bool = True
    devices: list = field(default_factory=list)  # that a test adds in the stack
    park: str = ""  # stack.park, and park_after
    park_after: str = ""
    traffic: dict = None  # rate_up, rate_down, share, quota, after_quota
    emulate: dict = field(default_factory=dict)  # "up", "down": keys of a test link
    routes: list = field(default_factory=list)  # (to, via)
    handoff: dict = None
    firewall: dict = None  # and its `rule`s
    nat: dict = None  # and its `forward`s and `map`s
    clients: dict = None  # what profiles say
    dns: dict = None  # and its `zone`s and `host`s
    bgp: dict = None  # and its `neighbour`s
    listen_port: int = 0  # with `private_key`: a listener of its own
    private_key: str = ""
    max_handshake_rate: int = 0  # 0: none
    ipsec: connection.Ipsec = None
    reseller: dict = None  # keys of [reseller]; {}: with their defaults

    def text(self):
        mtu = min(self.mtu, connection.LARGEST_MTU) if self.ipsec else self.mtu
        lines = ["schema = 1", f"name = {_toml(self.name or self.id)}", f"state = {_toml(self.state)}", "", "[stack]",
                 f"addresses = {_toml(self.addresses)}", f"mtu = {mtu}",
                 *([f"queues = {self.queues}"] if self.queues > 1 else []),
                 *([] if self.clamp_mss else ["clamp_mss = false"]),
                 *([f"devices = {_toml(self.devices)}"] if self.devices else []),
                 *([f"park = {_toml(self.park)}"] if self.park else []),
                 *([f"park_after = {_toml(self.park_after)}"] if self.park_after else [])]
        for to, via in self.routes:
            lines += ["", "[[stack.route]]", f"to = {_toml(to)}", f"via = {_toml(via)}"]
        if self.traffic:
            lines += ["", "[traffic]"] + [f"{key} = {_toml(value)}" for key, value in self.traffic.items()]
        for direction, keys in self.emulate.items():
            lines += ["", f"[traffic.emulate.{direction}]"] + [f"{key} = {_toml(value)}" for key, value in keys.items()]
        if self.handoff:
            lines += ["", "[handoff]"] + [f"{key} = {_toml(value)}" for key, value in self.handoff.items()]
        if self.reseller is not None:
            lines += ["", "[reseller]"] + [f"{key} = {_toml(value)}" for key, value in self.reseller.items()]
        if self.clients:
            lines += ["", "[clients]"] + [f"{key} = {_toml(value)}" for key, value in self.clients.items()]
        lines += _policy("firewall", self.firewall) + _policy("nat", self.nat)
        lines += _policy("dns", self.dns) + _policy("bgp", self.bgp)
        if self.max_handshake_rate:
            lines += ["", "[wireguard]", f"max_handshake_rate = {self.max_handshake_rate}"]
        if self.listen_port:
            lines += [*([] if self.max_handshake_rate else ["", "[wireguard]"]), f"listen_port = {self.listen_port}",
                      f"private_key = {{ secret = {_toml(f'{self.id}/listener')} }}"]
        tunnels = [peer.text(self.id) for peer in self.peers] + ([self.ipsec.text(self.id)] if self.ipsec else [])
        return "\n".join(lines) + "\n\n" + "\n".join(tunnels)


class Warren:
    """A config directory, a run directory, and stackd in `uplink`. Closing the lab removes stacks and daemons."""

    def __init__(self, lab, uplink, name="warren", listen_port=51820, key=None, customers=(), public_endpoint="",
                 config=None, run_dir=None, status_listen="", workers=0):
        self.lab, self.uplink, self.name, self.appliance = lab, uplink, name, name
        self.workers = workers or int(os.environ.get("WARREN_WORKERS") or 0)  # 0: Warren's default
        self.listen_port, self.key, self.public_endpoint = listen_port, key or wireguard_go.new_key(), public_endpoint
        self.previous_key = None  # of the shared listener, while its key is changed
        self.ipsec = None  # keys of [ipsec]; {}: with their defaults; None: no IPsec
        self.status_listen = status_listen  # "ADDRESS:PORT" of the status page; empty: no page
        self.status_changes = False  # its users may change something
        self.alerts = ""  # the text of [alerts]
        self.files = {}  # more files of the configuration: name -> text
        self.removes = False  # apply() says that customers may be removed
        self.state_dir = ""  # what outlives a reboot; empty: nothing
        self.launcher = ""  # directory of the sockets of an external launcher; empty: stackd starts the daemons
        self.customers = {customer.id: customer for customer in customers}
        self.config, self.run_dir = config or lab.path(f"{name}-etc"), run_dir or lab.path(f"{name}-run")
        self.bin = programs()
        self.process = None
        lab.at_end(self.down)

    # --- config -------------------------------------------------------------------------------------------------------

    def write(self):
        """Writes the whole config directory from the current values."""
        os.makedirs(f"{self.config}/customers", exist_ok=True)
        os.makedirs(f"{self.config}/secrets", mode=0o700, exist_ok=True)
        lines = ["schema = 1", *([f"workers = {self.workers}"] if self.workers else []), "[appliance]",
                 f"name = {_toml(self.appliance)}", "", "[wireguard]", f"listen_port = {self.listen_port}",
                 'private_key = { secret = "uplink" }']
        if self.previous_key:
            lines.append('previous_private_key = { secret = "uplink-before" }')
        if self.public_endpoint:
            lines.append(f"endpoint = {_toml(self.public_endpoint)}")
        if self.ipsec is not None:
            lines += ["", "[ipsec]"] + [f"{key} = {_toml(value)}" for key, value in self.ipsec.items()]
        if self.status_listen:
            lines += ["", "[status]", f"listen = {_toml(self.status_listen)}"]
            lines += ["changes = true"] if self.status_changes else []
        self._put("warren.toml", "\n".join(lines) + "\n" + self.alerts, 0o644)
        for name, text in self.files.items():
            self._put(name, text)
        self._put("secrets/uplink", self.key.private + "\n")
        if self.previous_key:
            self._put("secrets/uplink-before", self.previous_key.private + "\n")
        for customer in self.customers.values():
            self.write_customer(customer)
        top = f"{self.config}/customers"
        for folder, _, files in os.walk(top):
            for file in files:
                path = f"{folder}/{file}"
                if path[len(top) + 1:].removesuffix(".toml").replace("/", ".") not in self.customers:
                    os.unlink(path)

    def write_customer(self, customer):
        self._put(customer_file(customer.id), customer.text(), 0o644)
        if customer.listen_port:
            self._put(f"secrets/{customer.id}/listener", customer.private_key + "\n")
        for peer in customer.peers:
            if peer.psk:
                self._put(f"secrets/{customer.id}/{peer.name}.psk", peer.psk + "\n")
        for file, text in (customer.ipsec.secrets(customer.id) if customer.ipsec else {}).items():
            self._put(f"secrets/{file}", text)
        for file, text in (customer.ipsec.certificates(customer.id) if customer.ipsec else {}).items():
            self._put(f"certs/{file}", text, 0o644)

    def _put(self, name, text, mode=0o600):
        """Replaces a file atomically, so that a reload never reads half of it."""
        path = f"{self.config}/{name}"
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(path + ".new", "w") as out:
            os.fchmod(out.fileno(), mode)
            out.write(text)
        os.replace(path + ".new", path)

    def put(self, *customers):
        """Adds or replaces customers and applies. A change that fails is reverted, so that later tests do not fail
        too."""
        for customer in customers:
            self.customers[customer.id] = customer
            self.write_customer(customer)
        try:
            return self.apply()
        except netlab.LabError:
            for customer in customers:
                del self.customers[customer.id]
                os.unlink(f"{self.config}/{customer_file(customer.id)}")
            self.ctl("apply", "--remove", check=False)
            raise

    def remove(self, *ids):
        """Removes customers, without a question or a grace for their stacks."""
        for id_ in ids:
            del self.customers[id_]
            os.unlink(f"{self.config}/{customer_file(id_)}")
        return self.ctl("apply", "--remove")

    def apply(self, check=True):
        return self.ctl("apply", "-v", *(["--remove"] if self.removes else []), check=check)

    # --- stackd -------------------------------------------------------------------------------------------------------

    def stackd(self, *options):
        web = [] if self.status_listen else ["--no-web"]
        given = []
        if self.launcher:  # with the few capabilities that the package's unit grants
            web += ["--launcher", self.launcher]
            given = ["setpriv", "--bounding-set=-all,+net_admin,+net_broadcast,+sys_admin,+net_bind_service,+kill",
                     "--no-new-privs"]
        state = ["--state-dir", self.state_dir] if self.state_dir else []
        return [*given, f"{self.bin}/stackd", "--config", self.config, "--run-dir", self.run_dir,
                "--user", UNPRIVILEGED, *state, *web, *options]

    def start(self, timeout=30, wait=True):
        """Writes the config, starts stackd and waits until it reports READY=1."""
        self.write()
        notify_path = self.lab.path(f"{self.name}-notify")
        if os.path.exists(notify_path):
            os.unlink(notify_path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(notify_path)
            notify.setblocking(False)
            self.process = self.uplink.start(*self.stackd(), name=f"{self.name}-stackd",
                                             env={"NOTIFY_SOCKET": notify_path})
            if wait:
                netlab.wait_until(lambda: self._ready(notify), timeout, "stackd is ready")
        return self

    def _ready(self, notify):
        if not self.process.running():
            raise netlab.LabError(f"stackd ended with {self.process.wait()}:\n{self.process.tail()}")
        try:
            return "READY=1" in notify.recv(4096).decode().splitlines()
        except BlockingIOError:
            return False

    def reload(self):
        self.process.kill(signal.SIGHUP)

    def stop(self):
        """Ends stackd with SIGTERM; the stacks stay. Returns its exit status."""
        return self.process.stop(60)

    def kill(self):
        """Ends stackd with SIGKILL; vpnd and the stacks stay."""
        self.process.kill(signal.SIGKILL)
        self.process.wait()

    def down(self):
        """Ends stackd and removes its stacks, unless that is done already."""
        if self.process:
            self.stop()
            self.uplink.run(*self.stackd("--down"), timeout=600)
            self.process = None

    def children(self, program):
        """The pids of the processes of `program` in this uplink namespace. (vpnd outlives a killed stackd, so parents
        do not help.)"""
        found = []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{entry}/comm") as comm, open(f"/proc/{entry}/stat") as stat:
                    name, fields = comm.read().strip(), stat.read().rpartition(")")[2].split()
                if name == program and fields[0] != "Z" and os.path.samefile(f"/proc/{entry}/ns/net", self.uplink.path):
                    found.append(int(entry))
            except OSError:  # it ended meanwhile
                continue
        return found

    def vpnd(self):
        """vpnd's pid."""
        return netlab.wait_until(lambda: self.children("vpnd"), 10, "a vpnd runs")[0]

    # --- vpnctl -------------------------------------------------------------------------------------------------------

    def ctl(self, *arguments, check=True, timeout=60):
        return self.uplink.run(f"{self.bin}/vpnctl", "--run-dir", self.run_dir, *arguments, check=check,
                               timeout=timeout)

    def configure(self, *arguments, input=None, check=True):
        """Runs vpnctl with the config directory, as user, token and web need it."""
        return self.uplink.run(f"{self.bin}/vpnctl", "--run-dir", self.run_dir, "--config", self.config, *arguments,
                               input=input, check=check)

    def json(self, *arguments):
        return json.loads(self.ctl("--json", *arguments).stdout)

    def status(self, customer=None):
        """The document of `vpnctl status --json`, or one customer's entry in it."""
        done = self.ctl("--json", "status", *([customer] if customer else []), check=False)
        assert done.returncode in (0, 1, 3), done.stderr  # 1: something needs attention; 3: stackd is silent
        document = json.loads(done.stdout)
        return next(entry for entry in document["customers"] if entry["id"] == customer) if customer else document

    def peer(self, customer, name):
        return next(peer for peer in self.status(customer)["peers"] if peer["name"] == name)

    def connections(self, *which):
        """The IPsec connections of all customers, or of (customer, connection), as connection.ShownConnections."""
        return connection.connections(self.json("ipsec", *which))

    def connection(self, customer, name):
        return next(one for one in self.connections(customer) if one.name == name)

    def attempts(self, *which):
        """Why an IPsec connection did not come up: connection.ShownAttempts of (customer, connection), the latest last;
        without these, of peers that no connection was found for."""
        return connection.attempts(self.json("ipsec", *which, "--why"))

    def all_drops(self):
        """The drop counters of packets and messages whose customer is not known."""
        return self.status()["drops"]

    def drops(self, customer):
        """The customer's drop counters by reason; an absent reason means 0."""
        return self.status(customer)["drops"]

    def stack(self, customer):
        """The namespace of the customer's stack."""
        return self.lab.adopt(f"warren-{customer}")

    def output(self):
        """What stackd and its vpnd wrote. A vpnd that outlived a stackd writes on into the file of that one."""
        logs = {os.path.realpath(f"/proc/{pid}/fd/2") for pid in self.children("vpnd")} - {self.process.log}
        texts = []
        for log in filter(os.path.isfile, logs):
            with open(log, errors="replace") as file:
                texts += [line for line in file if line.startswith("vpnd:")]
        with open(self.process.log, errors="replace") as file:
            return "".join([*texts, file.read()])
