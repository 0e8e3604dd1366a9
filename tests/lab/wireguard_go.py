"""Stock WireGuard clients: wireguard-go and `wg`, used in the ordinary way."""

from dataclasses import dataclass, field

from . import netlab


@dataclass
class Key:
    private: str
    public: str


def new_key():
    private = netlab.run("wg", "genkey").stdout.strip()
    return Key(private, public_key(private))


def public_key(private):
    return netlab.run("wg", "pubkey", input=private + "\n").stdout.strip()


def new_psk():
    return netlab.run("wg", "genpsk").stdout.strip()


@dataclass
class Peer:
    """One [Peer] section of a client's configuration."""

    public_key: str
    allowed_ips: list
    endpoint: str = ""
    psk: str = ""
    keepalive: int = 0

    def text(self):
        lines = ["[Peer]", f"PublicKey = {self.public_key}", f"AllowedIPs = {', '.join(self.allowed_ips)}"]
        if self.endpoint:
            lines.append(f"Endpoint = {self.endpoint}")
        if self.psk:
            lines.append(f"PresharedKey = {self.psk}")
        if self.keepalive:
            lines.append(f"PersistentKeepalive = {self.keepalive}")
        return "\n".join(lines) + "\n"


@dataclass
class Shown:
    """One peer's line of `wg show DEVICE dump`."""

    public_key: str
    psk: str
    endpoint: str
    allowed_ips: list
    latest_handshake: int  # seconds since 1970, 0 = never
    rx: int
    tx: int
    keepalive: str


def parse_dump(text):
    """The peers of `wg show DEVICE dump`, by public key."""
    peers = {}
    for line in text.splitlines()[1:]:
        key, psk, endpoint, allowed, handshake, rx, tx, keepalive = line.split("\t")
        allowed = [] if allowed == "(none)" else allowed.split(",")
        peers[key] = Shown(key, psk, endpoint, allowed, int(handshake), int(rx), int(tx), keepalive)
    return peers


LOST_SOCKET = ("listen on uapi socket: no such file", "UAPI listen error: remove")


@dataclass
class Client:
    """wireguard-go in namespace `ns`: `device` is up, has its addresses, and its peers' AllowedIPs are routed to it."""

    ns: netlab.Namespace
    device: str  # unique on the machine, because wireguard-go has one directory of control sockets for all namespaces
    key: Key
    addresses: list
    peers: list = field(default_factory=list)
    listen_port: int = 0
    mtu: int = 1420
    log_level: str = "error"
    program: str = "wireguard-go"
    process: netlab.Process = None

    def start(self):
        # Rarely, wireguard-go loses its new socket: its garbage collector closes, and so removes, the first of two
        # handles. And rarely, a killed wireguard-go removes its socket just when the next one opens its own.
        for attempt in range(3):
            self.process = self.ns.start(self.program, "-f", self.device, name=f"{self.ns.host}-wireguard-go",
                                         env={"WG_PROCESS_FOREGROUND": "1", "LOG_LEVEL": self.log_level})
            netlab.wait_until(self._answers_or_lost_its_socket, 10, f"wireguard-go {self.device} answers", every=0.01)
            if self.process.running():
                break
        self.configure()
        self.ns.ip(*[f"addr add {address} dev {self.device}{' nodad' if ':' in address else ''}"
                     for address in self.addresses], f"link set dev {self.device} mtu {self.mtu} up",
                   *[f"route replace {prefix} dev {self.device}" for peer in self.peers for prefix in peer.allowed_ips])
        return self

    def _answers_or_lost_its_socket(self):
        if self.process.running():
            return self.wg("show", self.device, "listen-port", check=False).returncode == 0
        said = self.process.tail()
        if said and not any(text in said for text in LOST_SOCKET):
            raise netlab.LabError(f"wireguard-go ended: {said}")
        return said  # its last words may come a moment after its end

    def configure(self):
        """Sets wireguard-go's key and peers with `wg setconf`."""
        self.wg("setconf", self.device, self._file())

    def sync(self):
        """Like configure, but keeps the sessions of unchanged peers."""
        self.wg("syncconf", self.device, self._file())

    def _file(self):
        head = ["[Interface]", f"PrivateKey = {self.key.private}"]
        if self.listen_port:
            head.append(f"ListenPort = {self.listen_port}")
        return self.ns.lab.write(f"{self.device}.conf",
                                 "\n".join(head) + "\n" + "".join(peer.text() for peer in self.peers))

    def wg(self, *arguments, **more):
        return self.ns.run("wg", *arguments, **more)

    def show(self):
        """wireguard-go's peers by public key."""
        return parse_dump(self.wg("show", self.device, "dump").stdout)

    def port(self):
        return int(self.wg("show", self.device, "listen-port").stdout)

    def stop(self):
        self.process.stop()
