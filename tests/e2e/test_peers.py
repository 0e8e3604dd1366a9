"""An operator adds, changes and removes customers and devices by vpnctl alone; a client uses what it prints."""

import concurrent.futures
import contextlib
import re
import subprocess

import pytest

from tests.lab import netlab, town as scenery, wireguard_go
from tests.lab.town import HUB4, PORT, STACK4

QUIET = 4  # modules around a QR code
BLACK_ON_WHITE = "\x1b[38;5;16;48;5;231m"


class Operator:
    """vpnctl for one customer, which it adds and removes."""

    def __init__(self, town, id_):
        self.warren, self.id = town.warren, id_
        self.file = f"{self.warren.config}/customers/{id_}.toml"

    def __call__(self, *arguments, **more):
        return self.warren.configure(*arguments, **more)

    def text(self):
        with open(self.file) as file:
            return file.read()

    def add(self, name, *options, **more):
        """The configuration that `peer add` prints."""
        return self("peer", "add", self.id, name, *options, **more).stdout

    def peers(self):
        return {peer["name"]: peer for peer in self.warren.status(self.id)["peers"]}


@pytest.fixture
def operator(town):
    made = Operator(town, town.new_id("desk"))
    made("customer", "add", made.id, "--address", f"{STACK4}/24", "--address", "fd00:42::1/64")
    with open(made.file, "a") as file:
        file.write(f'\n# where clients find us\n[clients]\nendpoint = "{HUB4}:{PORT}"\n')
    yield made
    made("customer", "rm", made.id, "--remove")
    assert made.id not in [customer["id"] for customer in town.warren.status()["customers"]]


@contextlib.contextmanager
def wg_quick(place, directory, text):
    """A client that uses the configuration as it is."""
    device = f"wgq{place.number}"
    path = directory / f"{device}.conf"
    path.write_text(text)
    path.chmod(0o600)
    place.ns.run("env", "WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go", "wg-quick", "up", str(path))
    try:
        yield
    finally:
        place.ns.run("wg-quick", "down", str(path))


def test_a_client_uses_the_configuration_that_peer_add_prints(town, operator, tmp_path):
    text = operator.add("phone", "--psk")
    assert operator.peers()["phone"]["state"] == "never"
    place = town.place("phone")
    with wg_quick(place, tmp_path, text):
        netlab.wait_until(lambda: place.ns.ping(STACK4, timeout=1), 10, "the phone reaches the stack")
        place.ns.ping("fd00:42::1")
        assert operator.peers()["phone"]["state"] == "online"
        shown = operator("peer", "show", operator.id, "phone").stdout
        assert "online" in shown and "10.0.0.2/32" in shown and f"secrets/{operator.id}/phone.psk" in shown
        operator("peer", "disable", operator.id, "phone")
        assert "phone" not in operator.peers()
        place.ns.ping(STACK4, timeout=1, check=False)
        operator("peer", "enable", operator.id, "phone")
        netlab.wait_until(lambda: place.ns.ping(STACK4, timeout=1), 15, "the phone reaches the stack again")


def test_a_new_device_disturbs_nobody(town, visit):
    office = town.office("firm", addresses=("10.0.0.2/32", "fd00:42::2/128"))
    customer = visit([office])
    office.connect()
    handshake, pinging = office.shown().latest_handshake, scenery.Pinging(office.ns, STACK4)
    key = wireguard_go.new_key()
    said = town.warren.configure("peer", "add", customer.id, "tablet", "--public-key", key.public).stderr
    assert "tablet" in said and "10.0.0.3/32" in said
    town.warren.configure("peer", "rm", customer.id, "tablet")
    assert pinging.lost() == 0 and office.shown().latest_handshake == handshake


def test_commands_at_the_same_time_run_one_after_the_other(operator):
    names = [f"device-{number}" for number in range(8)]
    with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
        texts = list(pool.map(lambda name: operator.add(name, "--no-apply"), names))
    addresses = {re.search("^Address = (.*)$", text, re.MULTILINE)[1] for text in texts}
    assert len(addresses) == len(names)
    operator.warren.apply()
    assert set(names) <= set(operator.peers())
    assert "# where clients find us\n[clients]\n" in operator.text()


def test_suspended_customers_keep_their_file_and_have_no_tunnel(operator):
    operator.add("phone")
    operator("customer", "suspend", operator.id)
    assert operator.warren.status(operator.id)["state"] == "suspended"
    operator("customer", "resume", operator.id)
    assert operator.warren.status(operator.id)["state"] == "active"


def test_a_thousand_peers_of_a_table_come_with_one_generation(operator, tmp_path):
    with open(operator.file) as file:
        text = file.read()
    with open(operator.file, "w") as file:
        file.write(text.replace("[clients]\n", '[clients]\npool = ["10.9.0.0/16", "fd00:9::/64"]\n'))
    keys = subprocess.run("for i in $(seq 1000); do wg genkey | wg pubkey; done", shell=True, check=True,
                          capture_output=True, text=True).stdout.split()
    table = tmp_path / "peers.csv"
    table.write_text("name,public_key\n" + "".join(f"Gerät {number},{key}\n" for number, key in enumerate(keys)))
    before = operator.warren.status()["generation"]
    operator("import", "csv", str(table), "--customer", operator.id, "--write")
    assert operator.warren.status()["generation"] == before + 1
    peers = operator.peers()
    assert len(peers) == 1000 and peers["Geraet-999"]["allowed_ips"] == ["10.9.3.232/32", "fd00:9::3e8/128"]
    assert 'description = "Gerät 999"' in operator.text()


# --- QR codes ---------------------------------------------------------------------------------------------------------


def scanned(rows, directory):
    """What a scanner reads in rows of booleans (dark)."""
    scale = 4
    lines = [b"".join(b"\x00" * scale if dark else b"\xff" * scale for dark in row) for row in rows]
    image = directory / "qr.pgm"
    image.write_bytes(b"P5 %d %d 255\n" % (len(rows[0]) * scale, len(rows) * scale) +
                      b"".join(line for line in lines for _ in range(scale)))
    return netlab.run("zbarimg", "--quiet", "--raw", str(image)).stdout


def rows_of_terminal(text):
    rows = []
    for line in text.splitlines():
        # Black on white by itself, so that it can be read on a dark terminal and on a light one.
        assert line.startswith(BLACK_ON_WHITE) and line.endswith("\x1b[0m"), repr(line)
        characters = line.removeprefix(BLACK_ON_WHITE).removesuffix("\x1b[0m")
        rows.append([character in "█▀" for character in characters])
        rows.append([character in "█▄" for character in characters])
    assert not any(any(row) for row in rows[:QUIET]) and not any(row[0] for row in rows)
    return rows


def rows_of_svg(text):
    size = int(re.search(r'viewBox="0 0 (\d+)', text)[1])
    rows = [[False] * size for _ in range(size)]
    for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1", text):
        rows[int(y)][int(x):int(x) + int(width)] = [True] * int(width)
    return rows


def test_a_scanner_reads_the_codes(operator, tmp_path):
    picture, plain = tmp_path / "phone.svg", tmp_path / "phone.conf"
    shown = operator.add("phone", "--qr", "--svg", str(picture), "--out", str(plain))
    text = plain.read_text()
    assert text.startswith(f"# {operator.id}: phone\n[Interface]\nPrivateKey = ")
    assert scanned(rows_of_terminal(shown), tmp_path).strip() == text.strip()
    assert scanned(rows_of_svg(picture.read_text()), tmp_path).strip() == text.strip()
