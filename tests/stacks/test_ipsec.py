"""What stackd does for IPsec, seen from outside and without a peer: ports, routes, adoption, and that nobody is told
that a tunnel works."""

import os

from tests.lab import netlab, warren
from tests.stacks.running import customer, inside

CONNECTIONS = """
[ipsec]
identity = "IDENTITY.example"

[[ipsec.connection]]
name            = "graz"
auth            = "psk"
psk             = { secret = "graz" }
remote_identity = "graz@acme.example"
local           = ["10.0.0.0/24", "fd00::/64"]
remote          = ["0.0.0.0/0", "::/0"]
routes          = ["10.77.0.0/16", "fd00:77::/64"]

[[ipsec.connection]]
name  = "people"
auth  = "eap-mschapv2"
users = { secret = "users" }
pool  = ["10.99.0.0/24"]
local = [TOO_MANY]
""".replace("TOO_MANY", ", ".join(f'"10.60.{i}.0/24"' for i in range(33)))
CERTIFICATE = 'certificate = "hub.pem"\nprivate_key = { secret = "hub.key" }'


class Ipsec(warren.Warren):
    """With a listener of IKE, and with CONNECTIONS for each customer that is named in `sites`."""

    has_listener = True
    sites = ("acme",)

    def write(self):
        super().write()
        if self.has_listener:
            with open(f"{self.config}/warren.toml") as now:
                self._put("warren.toml", now.read() + "\n[ipsec]\n", 0o644)
        self._put("secrets/graz", "our cat is called Fritz\n")
        self._put("secrets/users", 'alice = "secret"\n')
        self._put("secrets/hub.key", "-----BEGIN PRIVATE KEY-----\n")
        self._put("certs/hub.pem", "-----BEGIN CERTIFICATE-----\n", 0o644)

    def write_customer(self, customer):
        super().write_customer(customer)
        if customer.id not in self.sites:
            return
        path = f"{self.config}/customers/{customer.id}.toml"
        ipsec = CONNECTIONS.replace("IDENTITY", customer.id).replace("\n\n[[", f"\n{CERTIFICATE}\n\n[[", 1)
        with open(path) as now:
            text = now.read().replace("mtu = 1420", "mtu = 1400") + ipsec
        with open(path, "w") as out:
            out.write(text)

    def ports(self):
        """{port: sockets}, of IKE's ports in the uplink."""
        lines = self.uplink.run("ss", "-lunH").stdout.splitlines()
        found = [int(line.split()[3].rsplit(":", 1)[1]) for line in lines]
        return {port: found.count(port) for port in (500, 4500) if port in found}


def start(lab, uplink, **more):
    running = Ipsec(lab, uplink, customers=[customer("acme", **more), customer("globex")])
    running.sites = ("acme",)
    return running.start()


def test_both_ports_are_open_while_there_is_ipsec_and_closed_when_it_goes(lab, uplink):
    running = start(lab, uplink)
    ports = running.ports()
    assert set(ports) == {500, 4500}
    # Two for messages, and for each data worker one more at 4500; on IPv4 and on IPv6.
    assert ports[500] == 4 and ports[4500] > ports[500]
    running.has_listener, running.sites = False, ()
    running.write()
    running.apply()
    assert running.ports() == {}
    assert "10.77.0.0/16" not in inside("acme", "ip", "route")


def test_networks_behind_connections_lead_to_vpn0_before_anybody_comes(lab, uplink):
    start(lab, uplink)
    routes = inside("acme", "ip", "route")
    assert "10.77.0.0/16 dev vpn0" in routes and "10.99.0.0/24 dev vpn0" in routes
    assert "fd00:77::/64 dev vpn0" in inside("acme", "ip", "-6", "route")
    assert "mtu 1400" in inside("acme", "ip", "link", "show", "vpn0")
    assert "10.77.0.0/16" not in inside("globex", "ip", "route")


def test_a_connection_that_this_version_has_no_way_for_is_said_not_to_be_served(lab, uplink):
    running = start(lab, uplink)
    acme = running.status("acme")
    assert [(one["name"], one["state"]) for one in acme["connections"]] == [("graz", "listening"),
                                                                            ("people", "unserved")]
    assert acme["connections_unserved"] == 1 and acme["connections_up"] == 0
    said = running.ctl("status", check=False)
    assert said.returncode == 1  # all is not well
    assert "1 not served" in said.stdout
    assert "event=connections_not_served connections=1" in running.output()
    assert "our cat" not in running.output()


def test_a_new_stackd_adopts_the_sockets_and_plans_nothing(lab, uplink):
    running = start(lab, uplink)
    before, vpnd = running.ports(), running.vpnd()
    running.kill()
    assert running.ports() == before
    running.start()
    assert running.vpnd() == vpnd
    assert running.ports() == before
    assert running.ctl("diff").returncode == 0


def test_a_vpnd_that_ends_gets_them_again(lab, uplink):
    running = start(lab, uplink)
    before, vpnd = running.ports(), running.vpnd()
    os.kill(vpnd, 9)
    netlab.wait_until(lambda: running.vpnd() not in (None, vpnd), 20, "there is another vpnd")
    netlab.wait_until(lambda: running.ctl("status", "acme", check=False).returncode == 1, 20,
                      "it answers")  # 1: people is not served
    assert running.ports() == before
    assert running.status("acme")["connections_unserved"] == 1


def test_another_ike_daemon_on_the_port_is_named(lab, uplink):
    running = start(lab, uplink)
    running.has_listener, running.sites = False, ()
    running.write()
    running.apply()
    other = running.uplink.start("python3", "-c", "import socket, time; one = socket.socket(type=socket.SOCK_DGRAM); "
                                 "one.bind(('0.0.0.0', 500)); print('bound', flush=True); time.sleep(1000)")
    netlab.wait_until(lambda: "bound" in other.output(), 10, "the other one has the port")
    running.has_listener = True
    running.write()
    said = running.apply(check=False)
    assert said.returncode == 4
    assert "UDP port 500 (IPv4): in use by another program, perhaps an IKE daemon" in said.stdout + said.stderr
    assert running.status("acme")["state"] == "active"


def test_a_refused_file_leaves_the_connections_as_they_were(lab, uplink):
    running = start(lab, uplink)
    path = f"{running.config}/customers/acme.toml"
    with open(path) as now:
        text = now.read()
    with open(path, "w") as out:
        out.write(text.replace('remote_identity = "graz@acme.example"', 'remote_identity = "any"'))
    said = running.apply(check=False)
    assert said.returncode == 1 and "one key for everybody lets each of them play the hub" in said.stdout + said.stderr
    assert [one["name"] for one in running.status("acme")["connections"]] == ["graz", "people"]
