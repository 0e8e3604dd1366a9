"""The firmware image, from power-on to a stock client's ping.

    client 100.64.1.2 ── internet ── tap ── guest 198.51.100.1 (the image: systemd-boot, verified root, Warren)
"""

import os
import re
import shutil

import pytest

from tests.lab import guest, netlab, warren, wireguard_go

IMAGE = os.environ.get("WARREN_IMAGE", "")
READY_SECONDS = 480  # 60 s on an idle machine; builds and another image may run in parallel


@pytest.fixture(scope="module")
def place():
    """A running guest, and a client's namespace. The configuration of Warren with one customer is on a seed disk, the
    uplink's is in the firmware's tables."""
    assert IMAGE, "set WARREN_IMAGE to the qcow2 image to boot"
    with netlab.Lab() as lab:
        internet, client = lab.router("internet"), lab.namespace("client")
        lab.wire(client, "eth0", "100.64.1.2/24", internet, "to-client", "100.64.1.1/24")
        client.ip("route add default via 100.64.1.1")
        key = wireguard_go.new_key()
        acme = warren.Customer("acme", ["10.0.0.1/24"], [warren.Peer("branch", key.public, ["10.0.1.0/24"])])
        server = warren.Warren(lab, internet, customers=[acme], config=lab.path("seed/warren"),
                               status_listen="198.51.100.1:8443")
        server.write()
        for name in ("key", "other-key"):
            netlab.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", lab.path(name))
        shutil.copy(lab.path("key.pub"), lab.path("seed/warren/authorized_keys"))
        lab.write("credential/network/10-uplink.network",
                  "[Match]\nType=ether\n[Network]\nAddress=198.51.100.1/24\nGateway=198.51.100.254\n")
        machine = guest.Guest(lab, internet, IMAGE, "tap0", seed=lab.path("seed"), credential=lab.path("credential"),
                              secure_boot=True)
        internet.ip("addr add 198.51.100.254/24 dev tap0")
        peer = wireguard_go.Peer(server.key.public, ["10.0.0.0/24"], endpoint="198.51.100.1:51820")
        tunnel = wireguard_go.Client(client, "wgboot0", key, ["10.0.1.1/24"], [peer])
        machine.start()
        yield machine, tunnel, client
        machine.stop()


def test_the_image_boots_to_ready_and_its_daemons_run(place):
    machine, _, _ = place
    ready = machine.expect(r"warren: READY slot=(\w) version=(\S+) uptime=(\S+)", READY_SECONDS)
    assert ready.group(1) == "a"
    console = machine.console()
    assert "configured by the seed disk" in console and "configured by the seed credential" in console
    for what in ("root is verified and read-only", "the data partition is prepared", "the uplink's firewall is loaded",
                 "stackd is ready", "vpnd runs", "statusd runs", "the daemons answer", "customers: 1 of 1 up"):
        assert f"health: {what}: ok" in console
    assert "FAILED" not in console


def test_a_stock_client_reaches_the_seeded_customer(place):
    _, tunnel, client = place
    tunnel.start()
    netlab.wait_until(lambda: client.ping("10.0.0.1", timeout=2, check=False), 30, "a ping through the tunnel")
    assert client.ping("10.0.0.1", count=3, timeout=5)


def test_the_status_page_answers_on_the_uplink(place):
    _, _, client = place
    health = client.run("curl", "-sk", "-m", "20", "https://198.51.100.1:8443/healthz", timeout=30)
    assert health.stdout.strip()


def test_the_console_shows_the_pages_address_and_fingerprint(place):
    machine, _, client = place
    said = machine.expect(r"warren: status page https://198\.51\.100\.1:8443/\s+(?:\[.*\] \S+ )?"
                          r"warren: its certificate is ([0-9A-F:]{95})", 120)
    certificate = client.run("sh", "-c", "openssl s_client -connect 198.51.100.1:8443 </dev/null 2>/dev/null"
                                         " | openssl x509 -noout -fingerprint -sha256", timeout=30)
    assert certificate.stdout.strip().endswith("=" + said.group(1))


def test_ssh_accepts_a_configured_key_and_nothing_else(place):
    machine, _, client = place
    known, at = machine.lab.path("known-hosts"), "198.51.100.1"
    netlab.wait_until(lambda: "its host key is" in machine.console(), 120, "the console names the host key")
    with open(known, "w") as file:
        file.write(client.run("ssh-keyscan", "-t", "ed25519", at, timeout=30).stdout)
    fingerprint = netlab.run("ssh-keygen", "-lf", known).stdout.split()[1]
    assert f"warren: ssh root@{at}; its host key is {fingerprint}" in machine.console()

    def ssh(key, *options):
        return client.run("ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes",
                          "-o", f"UserKnownHostsFile={known}", "-i", machine.lab.path(key), *options, f"root@{at}",
                          "vpnctl customers", timeout=60, check=False)

    assert "acme" in ssh("key").stdout
    for refused in (ssh("other-key"), ssh("key", "-o", "PubkeyAuthentication=no"), ssh("key", "-l", "warren")):
        assert refused.returncode == 255 and not refused.stdout, refused
        assert "Permission denied (publickey)" in refused.stderr


def test_nothing_else_answers_on_the_uplink(place):
    _, _, client = place
    assert [port for port in (22, 23, 53, 80, 111, 8443) if client.answers("198.51.100.1", port)] == [22, 8443]


def test_the_running_system_is_set_up_as_specified(place):
    """Logs in on the console with the first boot's code."""
    machine, _, _ = place
    machine.log_in()
    facts = {
        "ls /efi/EFI/Linux": r"^warren_[0-9.~a-z]+-a\.efi\s*$",  # blessed: its name has no counter of tries
        "systemctl --failed --no-legend | wc -l": r"^0\s*$",
        "touch /usr/x 2>&1": "Read-only file system",
        "ip netns": "warren-acme",
        "nft list set inet uplink udp_listeners": r"elements = \{ 51820 \}",
        "nft list set inet uplink tcp_listeners": r"elements = \{ 22, 8443 \}",
        "nft list chain inet uplink input | grep -c 'dport'": r"^4\s*$",  # DHCP, DHCPv6 and the two sets
        "cat /sys/kernel/security/lockdown": r"\[integrity\]",  # the firmware verified its signature
        "cat /run/issue.d/warren.issue": r"https://198\.51\.100\.1:8443/",
        "systemctl show warren -p WatchdogUSec": "3min",
        "vpnctl support-bundle /tmp/b.tar.gz && tar -tzf /tmp/b.tar.gz": r"stacks/acme/nftables\.txt",
        "vpnctl setup 2>&1": "setup is for an appliance without",
        "vpnctl customers": "acme",
        # Each is in a sandbox that systemd made: an empty network namespace, nothing to write, and stackd cannot change
        # its user.
        "for d in vpnd statusd; do p=$(pgrep -x $d); systemctl status $p | head -n 1; "
        "[ $(readlink /proc/$p/ns/net) != $(readlink /proc/1/ns/net) ] && echo $d is apart; done":
            r"(?s)warren-vpnd@.*vpnd is apart.*warren-statusd@.*statusd is apart",
        # Neither sees the stacks' names. Otherwise systemd would walk all of them at each start.
        "for d in 1 $(pgrep -x vpnd) $(pgrep -x statusd); do grep -c netns /proc/$d/mountinfo; done":
            r"^[1-9]\d*\s+0\s+0\s*$",
        # CAP_NET_BROADCAST, used up at the start, cannot leave the bounding set (stacks/host/sandbox.cc).
        "grep CapBnd /proc/$(pgrep -x stackd)/status": r"CapBnd:\s0000000000201c20",
        "cat /proc/$(pgrep -x vpnd)/status | grep -E 'Cap(Prm|Eff|Bnd)|Seccomp:|NoNewPrivs'":
            r"CapPrm:\s0+\s+CapEff:\s0+\s+CapBnd:\s0+\s+NoNewPrivs:\s1\s+Seccomp:\s2",
    }
    for command, wanted in facts.items():
        # The support bundle starts dozens of programs, on an emulated machine.
        _, said = machine.run(command, timeout=180)
        assert re.search(wanted, said), f"{command}: {said}"
    _, blocks = machine.run("df --output=size -BM /data | tail -n 1")
    assert int(blocks.strip().rstrip("M")) > 500  # 64 MB in the image, then grown to the end of the disk


def test_a_restart_of_the_service_leaves_the_stacks_up(place):
    machine, _, client = place
    _, before = machine.run("ls -i /run/netns/warren-acme; ip -n warren-acme -o link show vpn0 | cut -d: -f1")
    status, said = machine.run("systemctl restart warren", timeout=60)
    assert status == 0, said
    _, after = machine.run("ls -i /run/netns/warren-acme; ip -n warren-acme -o link show vpn0 | cut -d: -f1")
    assert after == before
    netlab.wait_until(lambda: client.ping("10.0.0.1", timeout=2, check=False), 60,
                      "a ping through the tunnel after the restart")


def test_a_killed_stackd_leaves_vpnd_forwarding_and_the_next_adopts_it(place):
    machine, _, client = place
    _, before = machine.run("pgrep -x vpnd")
    machine.run("kill -KILL $(pgrep -x stackd); sleep 4; systemctl is-active warren", timeout=60)
    _, after = machine.run("pgrep -x vpnd")
    assert after == before
    assert client.ping("10.0.0.1", count=2, timeout=5)
