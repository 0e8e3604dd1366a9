"""The flavour for real machines: the generic kernel and a raw disk, here on NVMe with an Intel network card."""

import os

from tests.lab import guest, netlab, warren
from tests.lab.warren import ROOT

PACKAGE = os.environ.get("WARREN_PACKAGE", "")
READY_SECONDS = 480


def test_it_boots_from_a_raw_disk_to_ready_and_is_blessed():
    assert PACKAGE, "set WARREN_PACKAGE to the package for the image"
    with netlab.Lab() as lab:
        out, disk = lab.path("release"), lab.path("disk.qcow2")
        netlab.run(f"{ROOT}/image/build", "--flavour", "hw", "--package", PACKAGE, "--out", out, *guest.SIGNED,
                   timeout=1200)
        raw = next(name for name in os.listdir(out) if name.endswith("-hw.raw"))
        netlab.run("qemu-img", "convert", "-O", "qcow2", f"{out}/{raw}", disk)
        uplink = lab.namespace("uplink")
        warren.Warren(lab, uplink, customers=[warren.Customer("acme", ["10.0.0.1/24"], [])],
                      config=lab.path("seed/warren")).write()
        lab.write("seed/network/10-uplink.network", "[Match]\nType=ether\n[Network]\nAddress=198.51.100.1/24\n")
        machine = guest.Guest(lab, uplink, disk, "tap0", seed=lab.path("seed"), secure_boot=True, memory=1024,
                              parts=("nvme", "e1000e"))
        uplink.ip("addr add 198.51.100.254/24 dev tap0")
        machine.start()
        try:
            machine.expect(r"warren: READY slot=a", READY_SECONDS)
            assert "FAILED" not in machine.console()
            assert uplink.ping("198.51.100.1", timeout=10)
            machine.log_in(timeout=120)
            machine.run("systemctl is-active --wait systemd-bless-boot; true", timeout=60)
            assert machine.run("ls /efi/EFI/Linux")[1].strip().endswith("-a.efi")
            assert machine.run("basename $(readlink -f /sys/class/net/en*/device/driver)")[1].strip() == "e1000e"
            assert "nvme" in machine.run("readlink -f /dev/disk/by-partlabel/data")[1]
        finally:
            machine.stop()
