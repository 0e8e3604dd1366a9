"""Stock IKEv2 peers: strongSwan's charon, one in each namespace that asks for it. ESP is in user space
(kernel-libipsec), always in UDP, and its device is `ipsec0`.

    site = Charon(ns, [Connection("hub", "198.51.100.1", local_id="graz@acme.example", remote_id="acme.vpn.example.net",
                                  children=[Child("lan", ["10.0.1.0/24"], ["10.0.0.0/24"])])],
                  secrets=[psk("a key of twenty letters", "graz@acme.example", "acme.vpn.example.net")]).start()
    site.initiate("lan")
    assert site.sa("hub").children[0].state == "INSTALLED"
"""

import os
import re
import shutil
from dataclasses import dataclass, field

from . import netlab

CHARON, SWANCTL = "/usr/sbin/charon-systemd", "/usr/sbin/swanctl"
# The first provider of a thing wins: kernel-libipsec before kernel-netlink.
PLUGINS = ("random nonce openssl pem pkcs1 pkcs8 x509 pubkey revocation constraints hmac kdf kernel-libipsec "
           "kernel-netlink socket-default vici eap-identity eap-mschapv2 eap-tls resolve")
MARK = "0x42"  # of charon's own packets: they pass by its tunnels, even where those take every address
DEVICE = "ipsec0"


# --- what is configured -----------------------------------------------------------------------------------------------


@dataclass
class Child:
    """One CHILD_SA. The selectors are as swanctl.conf has them: 10.0.0.0/24, 10.0.0.0/24[tcp/80], dynamic. Times are in
    seconds, 0 = never."""

    name: str
    local: list = field(default_factory=lambda: ["dynamic"])
    remote: list = field(default_factory=lambda: ["dynamic"])
    esp: str = "aes128gcm16"
    rekey_time: int = 0
    more: dict = field(default_factory=dict)

    def settings(self):
        return {"local_ts": self.local, "remote_ts": self.remote, "esp_proposals": self.esp,
                "rekey_time": self.rekey_time, "rand_time": 0, **self.more}


@dataclass
class Connection:
    """One connection to `remote`, an address, or from anywhere with "". `local_auth` and `remote_auth` are as
    swanctl.conf has them: psk, pubkey, eap-mschapv2, eap-tls. ESP is in UDP in any case: charon pretends a NAT when its
    ESP is in user space, also without `encap`."""

    name: str
    remote: str = ""
    local_id: str = ""
    remote_id: str = ""
    children: list = field(default_factory=list)
    local: str = ""
    local_auth: str = "psk"
    remote_auth: str = "psk"
    certificate: str = ""  # a name in Charon.identities
    eap_id: str = ""  # of whichever end is authenticated by EAP
    proposals: str = "aes128gcm16-prfsha256-x25519"
    vips: list = field(default_factory=list)  # addresses to ask for; 0.0.0.0 and :: mean any
    pools: list = field(default_factory=list)  # names of Charon.pools, to give addresses from
    encap: bool = False
    mobike: bool = True
    fragmentation: str = "yes"  # yes | accept | force | no
    rekey_time: int = 0
    dpd_delay: int = 0
    ppk_id: str = ""
    ppk_required: bool = False
    local_more: dict = field(default_factory=dict)
    remote_more: dict = field(default_factory=dict)
    more: dict = field(default_factory=dict)

    def settings(self):
        local = {"auth": self.local_auth, "id": self.local_id, "certs": self.certificate and f"{self.certificate}.pem"}
        remote = {"auth": self.remote_auth, "id": self.remote_id}
        if self.eap_id:
            (local if self.local_auth.startswith("eap") else remote)["eap_id"] = self.eap_id
        return {"version": 2, "remote_addrs": self.remote, "local_addrs": self.local, "proposals": self.proposals,
                "vips": self.vips, "pools": self.pools, "encap": self.encap, "mobike": self.mobike,
                "fragmentation": self.fragmentation, "rekey_time": self.rekey_time, "rand_time": 0,
                "dpd_delay": self.dpd_delay, "ppk_id": self.ppk_id, "ppk_required": self.ppk_required,
                "keyingtries": 1, "local": local | self.local_more, "remote": remote | self.remote_more,
                "children": {child.name: child.settings() for child in self.children}, **self.more}


@dataclass
class Secret:
    kind: str  # ike | eap | ppk
    secret: str  # text, 0x... or 0s... (base64)
    ids: tuple  # whose it is

    def settings(self):
        return {**{f"id-{number}": id_ for number, id_ in enumerate(self.ids)}, "secret": self.secret}


def psk(secret, *ids):
    """A preshared key of the identities; of everybody without any."""
    return Secret("ike", secret, ids)


def password(user, secret):
    return Secret("eap", secret, (user,))


def ppk(id_, secret):
    return Secret("ppk", secret, (id_,))


def section(settings, indent=""):
    """The lines of strongSwan's configuration language. Settings that are "" or an empty list are left out."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield f"{indent}{key} {{"
            yield from section(value, indent + "  ")
            yield f"{indent}}}"
        elif isinstance(value, bool):
            yield f"{indent}{key} = {'yes' if value else 'no'}"
        elif isinstance(value, (list, tuple)) and value:
            yield f"{indent}{key} = {', '.join(map(str, value))}"
        elif value not in ("", [], ()):
            text = str(value)
            quoted = text if re.fullmatch(r"[\w.:/,!@%-]+", text) else '"' + text.replace("\\", r"\\").replace(
                '"', r'\"') + '"'
            yield f"{indent}{key} = {quoted}"


def merge(settings, more):
    """Adds `more` to nested settings; what both have is taken from `more`."""
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(settings.get(key), dict):
            merge(settings[key], value)
        else:
            settings[key] = value


# --- what is shown ----------------------------------------------------------------------------------------------------


@dataclass
class ChildSa:
    name: str
    number: int
    state: str  # INSTALLED, REKEYED, ...
    spi_in: int
    spi_out: int
    suite: str  # as in a proposal's long names: AES_GCM_16-128, AES_CBC-128/HMAC_SHA2_256_128, then +ESN
    group: str  # of the key exchange of its own; "" without
    local: list
    remote: list
    bytes_in: int
    bytes_out: int
    packets_in: int
    packets_out: int


@dataclass
class IkeSa:
    name: str
    number: int
    state: str  # ESTABLISHED, CONNECTING, ...
    spis: tuple  # (initiator's, responder's), both are integers
    initiator: bool  # we are
    local: tuple  # (address, port)
    remote: tuple
    local_id: str
    remote_id: str
    suite: str  # AES_GCM_16-128/PRF_HMAC_SHA2_256/CURVE_25519
    nat: tuple  # the ends that are behind a NAT, or pretend to be: "local", "remote"
    vips: list  # addresses that we were given
    given: list  # addresses that we gave to the other end
    ppk: bool
    children: list


def _algorithm(values, name):
    size = values.get(f"{name}-keysize")
    return values.get(f"{name}-alg", "") + (f"-{size}" if size else "")


def _suite(values, *names):
    return "/".join(filter(None, (_algorithm(values, name) for name in names)))


def child_sa(values):
    esn = "+ESN" if values.get("esn") == "1" else ""
    counts = [int(values.get(key, 0)) for key in ("bytes-in", "bytes-out", "packets-in", "packets-out")]
    return ChildSa(values["name"], int(values["uniqueid"]), values["state"], int(values.get("spi-in", "0"), 16),
                   int(values.get("spi-out", "0"), 16), _suite(values, "encr", "integ") + esn,
                   values.get("dh-group", ""), values.get("local-ts", []), values.get("remote-ts", []), *counts)


def ike_sa(name, values):
    ends = [(values[f"{end}-host"], int(values[f"{end}-port"])) for end in ("local", "remote")]
    suite = _suite(values, "encr", "integ", "prf") + "".join(f"/{values[key]}" for key in ["dh-group"] if key in values)
    nat = tuple(end for end in ("local", "remote") if values.get(f"nat-{end}") == "yes")
    return IkeSa(name, int(values["uniqueid"]), values["state"],
                 tuple(int(values[f"{end}-spi"], 16) for end in ("initiator", "responder")),
                 values.get("initiator") == "yes", *ends, values.get("local-id", ""), values.get("remote-id", ""),
                 suite, nat, values.get("local-vips", []), values.get("remote-vips", []), values.get("ppk") == "yes",
                 [child_sa(child) for child in values.get("child-sas", {}).values()])


def parse_pretty(text):
    """The sections of swanctl's `--pretty` output as [(name, {key: text, list or section})]."""
    root = []
    open_ = [("", root)]
    for line in map(str.strip, text.splitlines()):
        name, top = open_[-1]
        if line in ("}", "]"):
            open_.pop()
        elif line.endswith(" {") or line.endswith(" = ["):
            key, made = (line[:-2], {}) if line.endswith(" {") else (line[:-4], [])
            if top is root:
                root.append((key, made))
            else:
                top[key] = made
            open_.append((key, made))
        elif isinstance(top, dict) and " = " in line:
            key, value = line.split(" = ", 1)
            top[key] = value
        elif isinstance(top, list) and top is not root:
            top.append(line)
    return root


# --- the daemon -------------------------------------------------------------------------------------------------------


class Charon:
    """charon in namespace `ns`. `identities` ({name: pki.Identity}) are its own, `authorities` ({name: pki.Authority})
    are those that it trusts. `settings` are more of strongswan.conf's `charon` section. `programs`: a directory for its
    copies of the programs, where the lab's own allows no execution."""

    def __init__(self, ns, connections=(), secrets=(), pools=None, identities=None, authorities=None, settings=None,
                 name="charon", programs=""):
        self.ns, self.name = ns, name
        self.connections, self.secrets, self.pools = list(connections), list(secrets), pools or {}
        self.identities, self.authorities, self.settings = identities or {}, authorities or {}, settings or {}
        self.directory = ns.lab.path(f"{ns.host}-{name}")
        self.programs = programs or self.directory
        self.resolv = f"{self.directory}/resolv.conf"
        self.uri = f"unix://{self.directory}/vici"
        self.process = None

    # --- life ---------------------------------------------------------------------------------------------------------

    def start(self):
        if shutil.which(CHARON) is None:
            raise netlab.LabError(f"{CHARON} is missing: tools/setup ipsec")
        os.makedirs(f"{self.directory}/etc", exist_ok=True)
        os.makedirs(self.programs, exist_ok=True)
        for program in (CHARON, SWANCTL):  # a copy, because AppArmor lets the original read only its own directories
            shutil.copy(program, self.programs)
        for scope in ("all", "default"):
            self.ns.sysctl(f"net.ipv4.conf.{scope}.rp_filter", 0)
        settings = {
            "load_modular": False, "load": PLUGINS, "filelog": {"lab": {
                "path": "stderr", "flush_line": True, "time_format": "%T", "time_add_ms": True, "default": 1,
                "ike_name": True}}, "journal": {"default": -1},
            "install_virtual_ip": True, "plugins": {
                "vici": {"socket": self.uri}, "resolve": {"file": self.resolv},
                "kernel-netlink": {"fwmark": f"!{MARK}"}, "socket-default": {"fwmark": MARK}}}
        merge(settings, self.settings)
        # charon-systemd reads the section of its own name, then `charon`; swanctl only looks for its plugins.
        text = section({"charon": settings, "swanctl": {"load": "random pem pkcs1 pkcs8 x509 pubkey openssl"}})
        config = self._write("strongswan.conf", "\n".join(text) + "\n")
        self.env = {"STRONGSWAN_CONF": config, "SWANCTL_DIR": f"{self.directory}/etc"}
        self.process = self.ns.start(f"{self.programs}/charon-systemd", name=f"{self.ns.host}-{self.name}",
                                     env=self.env)
        netlab.wait_until(self._answers, 10, f"charon in {self.ns} answers", every=0.05)
        self.load()
        return self

    def _answers(self):
        if not self.process.running():
            raise netlab.LabError(f"charon ended: {self.process.tail()}")
        return self.swanctl("--stats", check=False).returncode == 0

    def load(self):
        """Writes swanctl.conf and its files, and has charon take them. IKE_SAs stay as they are."""
        directories = {"x509": {}, "x509ca": {}, "private": {}}
        for name, identity in self.identities.items():
            directories["x509"][f"{name}.pem"] = identity.pem
            directories["private"][f"{name}.pem"] = identity.key_pem
            for number, certificate in enumerate(identity.chain_pem.split("-----BEGIN ")[1:]):
                directories["x509ca"][f"{name}-{number}.pem"] = "-----BEGIN " + certificate
        for name, authority in self.authorities.items():
            directories["x509ca"][f"{name}.pem"] = authority.pem
        for directory, files in directories.items():
            shutil.rmtree(f"{self.directory}/etc/{directory}", ignore_errors=True)
            for file, text in files.items():
                self._write(f"etc/{directory}/{file}", text)
        secrets = {f"{secret.kind}-{number}": secret.settings() for number, secret in enumerate(self.secrets)}
        self._write("etc/swanctl.conf", "\n".join(section({
            "connections": {connection.name: connection.settings() for connection in self.connections},
            "secrets": secrets, "pools": self.pools})) + "\n")
        self.swanctl("--load-all", "--noprompt")

    def configure(self, text):
        """Has charon take this swanctl.conf instead of its own."""
        self._write("etc/swanctl.conf", text)
        self.swanctl("--load-all", "--noprompt")

    def _write(self, name, text):
        return self.ns.lab.write(f"{os.path.basename(self.directory)}/{name}", text)

    def stop(self):
        """Ends charon with SIGTERM; it deletes its IKE_SAs first."""
        self.process.stop()

    def kill(self):
        """Ends charon with SIGKILL; its peers are not told."""
        self.process.kill()
        self.process.wait()

    def running(self):
        return self.process is not None and self.process.running()

    # --- orders -------------------------------------------------------------------------------------------------------

    def swanctl(self, *arguments, check=True, timeout=60):
        command, *options = arguments
        return self.ns.run(f"{self.programs}/swanctl", command, "--uri", self.uri, *options, check=check,
                           timeout=timeout, env={**os.environ, **self.env})

    def initiate(self, child="", ike="", timeout=10, check=True, wait=True):
        """Sets up the child, with its IKE_SA if there is none. Returns True if that succeeded. Without `wait` it only
        begins."""
        done = self.swanctl("--initiate", *(["--child", child] if child else []), *(["--ike", ike] if ike else []),
                            "--timeout", timeout if wait else -1, check=check, timeout=timeout + 30)
        return done.returncode == 0

    def terminate(self, child="", ike="", force=False, check=True):
        """Deletes a child or an IKE_SA with all its children. `force`: without waiting for the answer."""
        self.swanctl("--terminate", *(["--child", child] if child else []), *(["--ike", ike] if ike else []),
                     *(["--force"] if force else []), "--timeout", 10, check=check)

    def rekey(self, child="", ike="", check=True):
        """Starts a rekey; returns when charon has taken the order, not when it is done."""
        self.swanctl("--rekey", *(["--child", child] if child else []), *(["--ike", ike] if ike else []), check=check)

    # --- views --------------------------------------------------------------------------------------------------------

    def sas(self):
        """All IKE_SAs."""
        text = self.swanctl("--list-sas", "--pretty").stdout
        return [ike_sa(name, values) for _, event in parse_pretty(text) for name, values in event.items()]

    def sa(self, name):
        """The newest IKE_SA of the connection, or None."""
        return max((sa for sa in self.sas() if sa.name == name), key=lambda sa: sa.number, default=None)

    def child(self, name):
        """The newest child of this name, or None."""
        return max((child for sa in self.sas() for child in sa.children if child.name == name),
                   key=lambda child: child.number, default=None)

    def established(self):
        """The names of the connections with an established IKE_SA, once for each."""
        return sorted(sa.name for sa in self.sas() if sa.state == "ESTABLISHED")

    def dns(self):
        """The name servers that the other ends told."""
        if not os.path.exists(self.resolv):
            return []
        with open(self.resolv) as file:
            return re.findall(r"^nameserver (\S+)", file.read(), re.MULTILINE)

    def log(self):
        return self.process.output()

    def routes(self):
        return self.ns.run("ip", "route", "show", "table", "220", check=False).stdout
