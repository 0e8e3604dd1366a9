"""OpenVPN 2.6, point to point, with AES-256-GCM in user space: a hub of one site, and that site."""

from bench import hubs
from tests.lab import netlab

OPTIONS = ("--dev-type", "tun", "--proto", "udp4", "--ifconfig-noexec", "--route-noexec", "--data-ciphers",
           "AES-256-GCM", "--disable-dco", "--verb", "1", "--tun-mtu", "1420", "--script-security", "1")


class Certificate:
    """A self-signed certificate; the other end knows its fingerprint."""

    def __init__(self, lab, name):
        self.key, self.certificate = lab.path(f"{name}.key"), lab.path(f"{name}.crt")
        netlab.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                   "-days", "7", "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.certificate)
        self.fingerprint = netlab.run("openssl", "x509", "-in", self.certificate, "-noout", "-fingerprint",
                                      "-sha256").stdout.split("=")[1].strip()

    def options(self, other):
        return ("--cert", self.certificate, "--key", self.key, "--peer-fingerprint", other.fingerprint)


class OpenVpn(hubs.Hub):
    """One process for one site. Its TUN is moved into the stack, like wireguard-go's."""

    name, port, tunnel, is_played = "openvpn", 1194, "ovhub", False

    def __init__(self, field, tools):
        super().__init__(field, tools, peers=0)

    def start(self):
        lab, uplink = self.field.lab, self.field.uplink
        ours, theirs = Certificate(lab, "hub"), Certificate(lab, "site")
        self.stack = lab.router("openvpn-stack")
        self.process = uplink.start(*self.pin(), "openvpn", "--dev", self.tunnel, "--lport", str(self.port),
                                    "--tls-server", "--dh", "none", *OPTIONS, *ours.options(theirs), name="hub-openvpn")
        netlab.wait_until(lambda: self.tunnel in uplink.devices(), 10, "OpenVPN's TUN")
        uplink.ip(f"link set {self.tunnel} netns {self.stack.name}")
        self.stack.ip(f"addr add {hubs.STACK}/32 dev {self.tunnel}", f"link set {self.tunnel} mtu 1420 up",
                      f"route add 10.0.0.0/8 dev {self.tunnel}")
        self._options = theirs.options(ours)
        return self

    def start_site(self, site, hub_side):
        core = str(self.field.generator_core)
        client = site.start("taskset", "-c", core, "openvpn", "--dev", "tun0", "--nobind", "--remote", hub_side,
                            str(self.port), "--tls-client", *OPTIONS, *self._options, name="site-openvpn")
        netlab.wait_until(lambda: "Initialization Sequence Completed" in client.output(), 20, "OpenVPN connects")
        return site, "tun0"

    def pids(self):
        return [self.process.pid]

    def stacks(self):
        return [self.stack]
