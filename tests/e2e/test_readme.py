"""README's first customer, as somebody types it in: each command of the steps 2 to 5, in their order."""

import os
import re

import pytest

from tests.e2e.test_firewall import Server, attempt
from tests.e2e.test_peers import wg_quick
from tests.lab import netlab, warren
from tests.lab.town import HUB4, Town

HEADING = "Your first customer, in five minutes, on a real host"
BRANCH = "10.0.1.1"


def chapter(heading):
    with open(f"{warren.ROOT}/README.md") as file:
        return next(part for part in re.split(r"^## ", file.read(), flags=re.M) if part.startswith(heading))


def without_figures(text):
    """Packets, bytes and times differ; columns follow them."""
    return re.sub(r"[ \t]+", " ", re.sub(r"\d+", "N", text))


def step(number, heading=HEADING):
    """What README says there: the text of each block, of files and of commands."""
    text = re.search(rf"^\*\*{number}\. .*?(?=^\*\*\d\. |^\*\*A firmware|\Z)", chapter(heading), re.M | re.S).group(0)
    return re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S)


class Reader:
    """Types what README says, on a host with a LAN at eth1."""

    def __init__(self, town):
        self.town, self.host = town, town.hub
        self.lan = town.lab.namespace("lan")
        town.lab.wire(self.lan, "eth0", "10.42.0.10/24", self.host, "eth1", [])
        self.lan.ip("route add default via 10.42.0.1")
        town.lab.at_end(lambda: self.host.run("ip", "link", "del", "br-acme", check=False))

    def here(self, text):
        """The appliance's directory is this test's, and the name in DNS is the hub's address."""
        return re.sub(r"(?<![\w.])vpn\.example\.net", HUB4, text.replace("/etc/warren", self.town.warren.config))

    def write(self, name, text):
        path = f"{self.town.warren.config}/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(self.here(text))

    def type(self, commands, check=True):
        """Runs them one after the other, as root; the first that fails is the end. Returns the last one's process."""
        mine = self.town.warren
        as_root = (f"sudo() {{ \"$@\"; }}; vpnctl() {{ {mine.bin}/vpnctl --run-dir {mine.run_dir} "
                   f"--config {mine.config} \"$@\"; }}\n")
        return self.host.run("bash", "-euo", "pipefail", "-c", as_root + self.here(commands), check=check)

    def start(self):
        """What systemd does."""
        warren_ = self.town.warren
        warren_.process = self.host.start(*warren_.stackd(), name="readme-stackd")
        netlab.wait_until(lambda: os.path.exists(f"{warren_.run_dir}/control.sock"), 10, "stackd is there")


@pytest.fixture
def reader():
    with warren.leaves_nothing(lambda lab: Town(lab, name="readme")) as town:
        yield Reader(town)


def test_the_first_customer_is_reached_as_readme_says(reader, tmp_path):
    town = reader.town
    appliance, make_key = step(2)
    reader.write("warren.toml", appliance)
    reader.type(make_key)
    customer, bridge = step(3)
    reader.write("customers/acme.toml", customer)
    reader.type(bridge)
    check, service, status = step(4)[0].splitlines()
    assert "systemctl start warren" in service
    reader.type(check)
    reader.start()
    netlab.wait_until(lambda: "acme" in reader.type(status, check=False).stdout, 10, "acme has its stack")
    branch, phone = step(5)[0].splitlines()
    text = reader.type(branch).stdout
    assert f"Endpoint = {HUB4}:51820" in text
    place = town.place("branch")
    town.lab.bridge(place.ns, "lan0", [f"{BRANCH}/24"])
    with wg_quick(place, tmp_path, text):
        netlab.wait_until(lambda: place.ns.run("ping", "-c1", "-W1", "-I", BRANCH, "10.0.0.1", check=False)
                          .returncode == 0, 10, "the branch reaches acme's 10.0.0.1")
        place.ns.run("ping", "-c1", "-W2", "-I", BRANCH, "10.42.0.10")
        assert reader.lan.ping(BRANCH)
        assert "\u2584" in reader.type(phone).stdout or "\u2580" in reader.type(phone).stdout
        rule, commands, shown, *_ = step(6)
        with open(f"{town.warren.config}/customers/acme.toml", "a") as file:
            file.write(rule)
        diff, apply, firewall = commands.splitlines()
        assert reader.type(diff, check=False).returncode == 1, "something would change"
        reader.type(apply)
        with Server(reader.lan, "10.42.0.10", 443), Server(reader.lan, "10.42.0.10", 80):
            assert attempt(place.ns, "10.42.0.10", 443) == "open"
            assert attempt(place.ns, "10.42.0.10", 80) == "silence"
        seen = reader.type(firewall).stdout
        assert without_figures(seen) == without_figures(shown), seen
        reader.type(re.search(r"`(sudo vpnctl customer add globex [^`]*)`", chapter(HEADING)).group(1))
        assert attempt(place.ns, "10.42.0.10", 443) == "refused", "the first customer's tunnel stays up"
        assert {customer["id"] for customer in town.warren.status()["customers"]} == {"acme", "globex"}
