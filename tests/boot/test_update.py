"""Updates of a whole machine under Secure Boot: refused bundles, a power cut after an install, the new slot, a damaged
slot, and a version whose vpnd does not work and whose configuration has a new form. All tests use one guest, in this
order; without KVM each boot takes minutes.

The loader counts the tries of a slot before it gives the slot up. To save boots, the tests remove two of three tries by
hand.
"""

import os

import pytest

from tests.lab import guest, netlab, warren
from tests.lab.warren import ROOT

IMAGE = os.environ.get("WARREN_IMAGE", "")
PACKAGE = os.environ.get("WARREN_PACKAGE", "")
READY_SECONDS = 480
GOOD, SICK = "90.1.0", "90.2.0"


def build(lab, version, *options):
    """Builds a real bundle of this version; returns its path."""
    out = lab.path(f"release-{version}")
    netlab.run(f"{ROOT}/image/build", "--package", PACKAGE, "--version", version, "--only", "bundle", "--out", out,
               *guest.SIGNED, *options, timeout=600)
    return f"{out}/warren-{version}-vm.update"


@pytest.fixture(scope="module")
def machine():
    """A running guest with one customer, the bundles on a disk mounted at /run/bundles."""
    assert IMAGE and PACKAGE, "set WARREN_IMAGE to the qcow2 image to boot, and WARREN_PACKAGE to its package"
    with netlab.Lab() as lab:
        os.makedirs(lab.path("bundles"))
        os.rename(build(lab, GOOD), lab.path("bundles/good"))
        lab.write("overlay/usr/sbin/vpnd", "#!/bin/sh\nexit 1\n", mode=0o755)
        # Its configuration also has another form.
        lab.write("overlay/usr/lib/warren/migrate", "#!/bin/sh\necho '# form 2' >>$1/warren.toml\n", mode=0o755)
        os.makedirs(lab.path("overlay/etc"))
        os.symlink("/data/etc/warren-2", lab.path("overlay/etc/warren"))
        os.rename(build(lab, SICK, "--overlay", lab.path("overlay")), lab.path("bundles/sick"))
        netlab.run("openssl", "genpkey", "-algorithm", "ed25519", "-out", lab.path("other.key"))
        manifest = netlab.run("tar", "-xOf", lab.path("bundles/good"), "manifest").stdout
        lab.write("forged/manifest", manifest)
        netlab.run(f"{ROOT}/image/sign", lab.path("other.key"), lab.path("forged/manifest"),
                   lab.path("forged/manifest.sig"))
        netlab.run("tar", "-C", lab.path("forged"), "-cf", lab.path("bundles/forged"), "manifest", "manifest.sig")

        internet = lab.namespace("internet")
        server = warren.Warren(lab, internet, customers=[warren.Customer("acme", ["10.0.0.1/24"], [])],
                               config=lab.path("seed/warren"), status_listen="198.51.100.1:8443")
        server.write()
        lab.write("seed/network/10-uplink.network",
                  "[Match]\nType=ether\n[Network]\nAddress=198.51.100.1/24\nGateway=198.51.100.254\n")
        bundles = guest.make_disk(lab.path("bundles.raw"), "BUNDLES", lab.path("bundles"), megabytes=480)
        machine = guest.Guest(lab, internet, IMAGE, "tap0", seed=lab.path("seed"), drives=[bundles], secure_boot=True)
        internet.ip("addr add 198.51.100.254/24 dev tap0")
        machine.start()
        arrive(machine, "a")
        yield machine
        machine.stop()


def arrive(machine, slot):
    """Waits until this slot has started and is blessed, and logs in."""
    ready = machine.expect(r"warren: READY slot=(\w) version=(\S+)", READY_SECONDS)
    assert ready.group(1) == slot
    machine.log_in(timeout=120)
    status, said = machine.run("mkdir -p /run/bundles && mount -o ro /dev/disk/by-label/BUNDLES /run/bundles")
    assert status == 0, said
    machine.run("systemctl is-active --wait systemd-bless-boot; true", timeout=60)


def programs(machine):
    return machine.run("ls /efi/EFI/Linux")[1].split()


def restart(machine):
    machine.type("systemctl --no-block reboot")


def test_a_bundle_with_a_foreign_signature_is_refused(machine):
    before = programs(machine)
    status, said = machine.run("vpnctl update install /run/bundles/forged", timeout=60)
    assert status == 4 and "is not signed with a key that this appliance trusts" in said
    assert programs(machine) == before and len(before) == 1 and before[0].endswith("-a.efi")


def test_an_update_survives_a_power_cut_at_its_end_and_starts_in_the_other_slot_and_is_blessed(machine):
    machine.type("vpnctl update install /run/bundles/good")
    machine.expect(rf"version {GOOD} is in slot b and is tried at the next start", 300)
    machine.stop()
    machine.start()
    arrive(machine, "b")
    assert f"warren_{GOOD}-b.efi" in programs(machine)  # it had three tries; a good version has no counter
    assert machine.run(". /usr/lib/os-release; echo $IMAGE_VERSION")[1].strip() == GOOD
    for check in ("the gateway answers, as before", "the status page answers", "customers: 1 of 1 up"):
        assert f"warren: health: {check}: ok" in machine.console()
    assert "warren-acme" in machine.run("ip netns")[1]
    # Without keys there is no SSH.
    assert machine.ns.answers("198.51.100.1", 8443) and not machine.ns.answers("198.51.100.1", 22)
    assert machine.run("systemctl is-active ssh")[1].strip() == "inactive"


def install_last_try(machine):
    """Installs the broken version into slot a, as if it had already failed twice."""
    status, said = machine.run("vpnctl update install /run/bundles/sick", timeout=300)
    assert status == 0, said
    assert f"warren_{SICK}-a+3.efi" in programs(machine)
    machine.run(f"mv /efi/EFI/Linux/warren_{SICK}-a+3.efi /efi/EFI/Linux/warren_{SICK}-a+1-2.efi; sync")


def test_a_machine_with_a_damaged_root_falls_back(machine):
    install_last_try(machine)
    status, said = machine.run(
        "dd if=/dev/urandom of=/dev/disk/by-partlabel/root-a bs=1M count=100 conv=fsync,notrunc 2>&1", timeout=120)
    assert status == 0, said
    restart(machine)
    machine.expect("is not the root that this kernel was signed with|panic", READY_SECONDS)
    arrive(machine, "b")
    assert set(programs(machine)) == {f"warren_{SICK}-a+0-3.efi", f"warren_{GOOD}-b.efi"}
    assert "failed" in machine.run("vpnctl update status")[1]


def test_a_machine_whose_new_vpnd_fails_falls_back_to_the_old_version_and_its_configuration(machine):
    before = machine.run("sha256sum /etc/warren/warren.toml")[1]
    install_last_try(machine)
    restart(machine)
    machine.expect("the configuration has a new form in /data/etc/warren-2", READY_SECONDS)
    machine.expect(r"health: vpnd runs: FAILED", READY_SECONDS)
    machine.expect(rf"UNHEALTHY slot=a version={SICK}", 120)
    arrive(machine, "b")
    assert set(programs(machine)) == {f"warren_{SICK}-a+0-3.efi", f"warren_{GOOD}-b.efi"}
    assert machine.run("sha256sum /etc/warren/warren.toml")[1] == before
    assert "acme" in machine.run("vpnctl customers")[1]
    assert machine.run("tail -n 1 /data/etc/warren-2/warren.toml")[1].strip() == "# form 2"
