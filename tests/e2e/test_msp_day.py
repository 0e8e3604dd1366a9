"""A day of a managed service provider, from outside: what its operator types, and what stock clients notice of it.

    road warrior ──┐                      ┌── LAN: server .10, another .11, and a way to the Internet (203.0.113.1)
    branch ────────┴── stack 10.0.0.1 ────┘
"""

import os
import re
import subprocess

import pytest

from tests.e2e.test_firewall import Server, attempt
from tests.e2e.test_peers import wg_quick
from tests.lab import netlab, town as scenery, warren, wireguard_go
from tests.lab.town import HUB4, PORT, STACK4, Pinging

PASSPHRASE = "correct horse battery"
ERP, OTHER, INTERNET = "10.42.0.10", "10.42.0.11", "203.0.113.1"

CUSTOMER = f"""schema = 1
name = "Acme Manufacturing"

[stack]
addresses = ["{STACK4}/24"]

[handoff]
type    = "veth"
parent  = "br-acme"
address = ["10.42.0.1/24"]

[[stack.route]]
to  = "0.0.0.0/0"
via = "10.42.0.254"

[nat]
masquerade = ["handoff"]

[clients]
pool     = ["10.0.0.0/24"]
routes   = ["0.0.0.0/0"]
endpoint = "{HUB4}:{PORT}"
"""

RULES = f"""
[firewall]
default = "drop"

[[firewall.rule]]
name   = "the branch reaches the ERP"
from   = ["peer:branch"]
to     = ["{ERP}/32"]
proto  = "tcp"
ports  = [443]
action = "accept"

[[firewall.rule]]
name   = "phones go everywhere"
from   = ["peer:phone"]
to     = ["any"]
action = "accept"
"""


class Provider(scenery.Town):
    """An appliance with one customer's LAN at a bridge."""

    def __init__(self, lab):
        super().__init__(lab, name="msp")
        self.warren.state_dir = lab.path("state")
        self.warren.start()
        self.lan = lab.namespace("lan")
        lab.wire(self.lan, "eth0", f"{ERP}/24", self.hub, "p-acme", [])
        self.lan.ip(f"addr add {OTHER}/24 dev eth0", "addr add 10.42.0.254/24 dev eth0",
                    f"addr add {INTERNET}/32 dev lo")
        lab.bridge(self.hub, "br-acme")
        self.hub.ip("link set dev p-acme master br-acme")
        lab.at_end(lambda: self.hub.run("ip", "link", "del", "br-acme", check=False))

    def type(self, *arguments, input=None, check=True):
        """What the operator types after `vpnctl`."""
        return self.hub.run(f"{self.warren.bin}/vpnctl", "--run-dir", self.warren.run_dir, "--config",
                            self.warren.config, "--state-dir", self.warren.state_dir, *arguments, input=input,
                            check=check)

    def path(self, id_):
        return f"{self.warren.config}/customers/{id_}.toml"

    def append(self, id_, text):
        with open(self.path(id_), "a") as file:
            file.write(text)


@pytest.fixture(scope="module")
def provider():
    with warren.leaves_nothing(Provider) as made:
        yield made


def scanned(picture, directory):
    """What a phone reads in the picture: zbarimg takes PNG, which rsvg-convert or ImageMagick makes of it."""
    image = directory / "qr.pgm"
    # One rectangle a dark module, in modules: the picture as rows of booleans.
    size = int(re.search(r'viewBox="0 0 (\d+) \1"', picture).group(1))
    scale, dark = 4, set()
    for x, y, width in re.findall(r"M(\d+)[ ,](\d+)h(\d+)", picture):
        dark |= {(int(x) + offset, int(y)) for offset in range(int(width))}
    rows = [b"".join((b"\x00" if (x, y) in dark else b"\xff") * scale for x in range(size)) for y in range(size)]
    image.write_bytes(b"P5 %d %d 255\n" % (size * scale, size * scale) + b"".join(row for row in rows
                                                                                  for _ in range(scale)))
    return netlab.run("zbarimg", "--quiet", "--raw", str(image)).stdout


def reaches(ns, address, timeout=1):
    return ns.run("ping", "-c", "1", "-W", str(timeout), address, check=False).returncode == 0


@pytest.mark.losses
def test_a_day(provider, tmp_path):
    # 9:00. A new customer with fifty devices from its table.
    with open(provider.path("acme"), "w") as file:
        file.write(CUSTOMER)
    provider.type("apply")
    keys = [wireguard_go.new_key() for _ in range(50)]
    table = tmp_path / "devices.csv"
    table.write_text("name,public_key\n" + "".join(f"device {number},{key.public}\n"
                                                   for number, key in enumerate(keys)))
    provider.type("import", "csv", str(table), "--customer", "acme", "--write")
    assert len(provider.warren.status("acme")["peers"]) == 50
    profile = provider.type("profile", "acme", "device-7", "--private-key-file",
                            provider.lab.write("device-7.key", keys[7].private + "\n")).stdout
    with wg_quick(provider.place("device7"), tmp_path, profile):
        pass

    # 9:30. A phone by its camera; it goes to the Internet by the customer's LAN.
    provider.type("peer", "add", "acme", "phone", "--svg", str(tmp_path / "phone.svg"))
    phone, picture = provider.place("phone"), (tmp_path / "phone.svg").read_text()
    with wg_quick(phone, tmp_path, scanned(picture, tmp_path)):
        netlab.wait_until(lambda: reaches(phone.ns, STACK4), 15, "the phone reaches the stack")
        assert reaches(phone.ns, INTERNET, 2), "by NAT"

    # 10:00. A branch that may reach one server's port, and nothing else.
    branch = provider.office("branch", addresses=["10.0.0.200/32"], reach=["10.0.0.0/16", "10.42.0.0/24"])
    provider.type("peer", "add", "acme", "branch", "--address", "10.0.0.200", "--public-key", branch.client.key.public)
    provider.append("acme", RULES)
    provider.type("apply")
    with Server(provider.lan, ERP, 443), Server(provider.lan, ERP, 80), Server(provider.lan, OTHER, 443):
        netlab.wait_until(lambda: attempt(branch.ns, ERP, 443) == "open", 15, "the branch reaches the ERP")
        assert attempt(branch.ns, ERP, 80) == attempt(branch.ns, OTHER, 443) == "silence"

    # 11:00. The operator comes in by that branch, and locks itself out; the change undoes itself.
    with open(provider.path("acme")) as file:
        before = file.read()
    with open(provider.path("acme"), "w") as file:
        file.write(before.replace("ports  = [443]", "ports  = [444]"))
    provider.type("apply", "--confirm-within", "10s")
    with Server(provider.lan, ERP, 443):
        assert attempt(branch.ns, ERP, 443) == "silence"
        netlab.wait_until(lambda: attempt(branch.ns, ERP, 443) == "open", 30, "it comes back by itself")
    netlab.wait_until(lambda: open(provider.path("acme")).read() == before, 10, "the file, too")

    # 13:00. A new key, while it works; 14:00. Another name of the customer.
    provider.append("acme", '\n[[firewall.rule]]\nname = "ping"\nfrom = ["peer:branch"]\nto = ["any"]\n'
                            'proto = "icmp"\naction = "accept"\n')
    provider.type("apply")
    netlab.wait_until(lambda: reaches(branch.ns, ERP), 15)
    pings, new = Pinging(branch.ns, ERP), wireguard_go.new_key()
    provider.type("peer", "rotate", "acme", "branch", "--public-key", new.public)
    assert pings.lost() == 0
    branch.client.wg("set", branch.client.device, "private-key", provider.lab.write("branch.key", new.private + "\n"))
    netlab.wait_until(lambda: reaches(branch.ns, ERP), 15)
    pings = Pinging(branch.ns, ERP)
    provider.type("peer", "rotate", "acme", "branch", "--commit")
    provider.type("customer", "rename", "acme", "acme-gmbh")
    assert pings.lost() == 0

    # 16:00. Another machine takes over: every client is back.
    kept = tmp_path / "backup"
    provider.type("backup", str(kept), input=PASSPHRASE + "\n")
    provider.warren.process.kill(15)
    provider.warren.process.wait()
    provider.hub.run(f"{provider.warren.bin}/stackd", "--run-dir", provider.warren.run_dir, "--down")
    os.rename(provider.warren.config, provider.warren.config + ".old")
    assert not reaches(branch.ns, ERP)
    provider.type("restore", str(kept), "--write", input=PASSPHRASE + "\n")
    write, provider.warren.write = provider.warren.write, lambda: None
    provider.warren.start()
    provider.warren.write = write
    netlab.wait_until(lambda: reaches(branch.ns, ERP), 60, "the branch is back")
    again = provider.place("phone2")
    with wg_quick(again, tmp_path, scanned(picture, tmp_path)):
        netlab.wait_until(lambda: reaches(again.ns, STACK4), 30, "the phone is back")
        assert reaches(again.ns, INTERNET, 2)
