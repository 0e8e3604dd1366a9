"""Secure Boot: the firmware has enrolled the certificate of the test image, and starts nothing else.

test_boot.py and test_update.py show that signed programs boot, and that Warren works under the kernel's lockdown: they
use machines with Secure Boot too.
"""

import os

import pytest

from tests.lab import guest, netlab

IMAGE = os.environ.get("WARREN_IMAGE", "")
ESP_OFFSET = "1M"
LOADER = "::/EFI/BOOT/BOOTX64.EFI"
REFUSED = {LOADER: r'failed to load Boot\d+ "UEFI Misc Device" .*: Access Denied',
           "program": r"Error loading \\EFI\\Linux\\warren_[0-9.~a-z]+-a\+2-1\.efi: Access Denied"}


def without_signature(path):
    netlab.run("sbattach", "--remove", path)


def with_another_signature(path):
    key = f"{path}.key"
    netlab.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", "-subj", "/CN=Somebody", "-keyout", key,
               "-out", f"{path}.pem")
    without_signature(path)
    netlab.run("sbsign", "--key", key, "--cert", f"{path}.pem", "--output", path, path)


def with_another_byte(path):
    with open(path, "r+b") as file:
        file.seek(os.path.getsize(path) // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))


@pytest.mark.parametrize("change, what", [
    (with_another_byte, LOADER), (with_another_byte, "program"), (without_signature, "program"),
    (with_another_signature, "program")])
def test_the_firmware_refuses(change, what):
    assert IMAGE, "set WARREN_IMAGE to the qcow2 image to boot"
    with netlab.Lab() as lab:
        disk, file, image = lab.path("disk.raw"), lab.path("file.efi"), lab.path("changed.qcow2")
        netlab.run("qemu-img", "convert", "-O", "raw", IMAGE, disk)
        esp = f"{disk}@@{ESP_OFFSET}"
        name = LOADER if what == LOADER else netlab.run("mdir", "-b", "-i", esp, "::/EFI/Linux").stdout.strip()
        netlab.run("mcopy", "-n", "-i", esp, name, file)
        change(file)
        netlab.run("mcopy", "-o", "-i", esp, file, name)
        netlab.run("qemu-img", "convert", "-O", "qcow2", disk, image)
        machine = guest.Guest(lab, lab.namespace("uplink"), image, "tap0", secure_boot=True).start()
        try:
            machine.expect(REFUSED[what], 120)
            machine.expect("iPXE", 60)  # the firmware continues with the next device, so it started nothing
        finally:
            machine.stop()
