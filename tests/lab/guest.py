"""A firmware image in QEMU, without KVM. A test reads its console from a file and writes to it through a socket."""

import base64
import os
import re
import shutil
import socket
import subprocess
import threading

from . import netlab
from .warren import ROOT

# The firmware and its variables. The variables for Secure Boot contain the certificate in SIGNED.
FIRMWARE = {False: ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
            True: ("/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "/usr/share/OVMF/OVMF_VARS_4M.snakeoil.fd")}
# Options for image/build.
SIGNED = ("--secure-boot-key", f"{ROOT}/build/image/snakeoil.key",
          "--secure-boot-certificate", "/usr/share/ovmf/PkKek-1-snakeoil.pem")
CONTROL = re.compile(r"\x1b\[[0-9;?=]*[a-zA-Z]|\r")


class Guest:
    """A machine with a new disk on top of `image`, and its uplink on device `tap` of namespace `ns`.

    `seed`: a directory for the seed disk
    `drives`: more disks
    `credential`: a directory for the credential warren.seed, which the machine finds in its firmware's tables
    `secure_boot`: it starts only signed programs
    `trunk`: a cable.Cable, whose card is cable.DEVICE in the guest
    `parts`: (disk, network card), in QEMU's names
    `options`: more options of QEMU
    """

    def __init__(self, lab, ns, image, tap, seed=None, name="guest", disk_size="2G", drives=(), credential=None,
                 secure_boot=False, trunk=None, memory=768, parts=("virtio-blk-pci", "virtio-net-pci"), options=()):
        self.lab, self.ns, self.name, self.memory, self.parts = lab, ns, name, memory, parts
        self.options = [*options, *(trunk.options() if trunk else [])]
        self.console_path, self._socket_path = lab.path(f"{name}.console"), lab.path(f"{name}.sock")
        self.disk, self._seen, self.process, self._socket = lab.path(f"{name}.qcow2"), 0, None, None
        netlab.run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", image, self.disk, disk_size)
        self.firmware, variables = FIRMWARE[secure_boot]
        self.variables = shutil.copy(variables, lab.path(f"{name}.vars"))
        self.password, self.drives = None, [*drives]
        if seed:
            self.drives.append(make_disk(lab.path(f"{name}-seed.raw"), "WARREN-SEED", seed, megabytes=8))
        self.credential = make_credential(lab, credential, name) if credential else None
        ns.ip(f"tuntap add dev {tap} mode tap", f"link set {tap} up")
        self.tap = tap

    def start(self, log=None):
        """Powers the machine on, also after stop(). The console begins empty. `log`: a powercut.Log that records writes
        to the disk from now on."""
        self._seen, self._socket = 0, socket.socket(socket.AF_UNIX)
        for path in (self._socket_path, self.console_path):
            if os.path.exists(path):
                os.remove(path)
        command = ["nice", "qemu-system-x86_64", "-machine", "q35,smm=on", "-accel", "tcg", "-cpu", "max",
                   "-m", str(self.memory), "-smp", "1", "-display", "none", "-monitor", "none",
                   "-device", "virtio-rng-pci", "-device", "i6300esb",
                   "-chardev", f"socket,id=console,path={self._socket_path},server=on,wait=on",
                   "-serial", "chardev:console",
                   "-drive", f"if=pflash,format=raw,readonly=on,file={self.firmware}",
                   "-drive", f"if=pflash,format=raw,file={self.variables}",
                   "-netdev", f"tap,id=uplink,ifname={self.tap},script=no,downscript=no",
                   "-device", f"{self.parts[1]},netdev=uplink", *self.options]
        if self.credential:
            command += ["-smbios", f"type=11,path={self.credential}"]
        if log:
            command += log.options(self.disk)
        else:
            command += ["-drive", f"if=none,id=disk,cache=unsafe,format=qcow2,file={self.disk}",
                        "-device", f"{self.parts[0]},drive=disk,serial=disk"]
        for drive in self.drives:
            command += ["-drive", f"if=virtio,cache=unsafe,format=raw,file={drive}"]
        self.process = self.ns.start(*command, name=self.name)
        netlab.wait_until(self._is_connected, 20, f"{self.name} has a console")
        threading.Thread(target=_keep, args=(self._socket, self.console_path), daemon=True).start()
        return self

    def _is_connected(self):
        if not self.process.running():
            raise netlab.LabError(f"{self.name} does not start: {self.process.tail()}")
        return self._socket.connect_ex(self._socket_path) == 0

    def console(self):
        """All text that the machine has printed."""
        try:
            with open(self.console_path, errors="replace") as text:
                return CONTROL.sub("", text.read())
        except FileNotFoundError:
            return ""

    def expect(self, pattern, timeout):
        """Waits until the console shows `pattern` after the previous match; returns the match."""
        def found():
            match = re.compile(pattern).search(self.console(), self._seen)
            if not match and not self.process.running():
                raise netlab.LabError(f"{self.name} ended: {self.process.tail()}\n{self.console()[-2000:]}")
            return match
        try:
            match = netlab.wait_until(found, timeout, f"{self.name} prints {pattern!r}", every=0.2)
        except netlab.LabError as error:
            raise netlab.LabError(f"{error}; the console's last lines:\n{self.console()[-3000:]}") from None
        self._seen = match.end()
        return match

    def type(self, line):
        self._socket.sendall(line.encode() + b"\n")

    def log_in(self, timeout=60):
        """Logs in with the first boot's one-time code, and sets a password; later logs in with that password."""
        first, self.password = self.password is None, self.password or "correct horse battery"
        self.type("")
        self.expect(r"login: ", timeout)
        self.type("root")
        self.expect(r"Password: ", timeout)
        self.type(re.search(r"with the code (\S+)", self.console()).group(1) if first else self.password)
        for prompt in ("New password: ", "Again: ") if first else ():
            self.expect(prompt, timeout)
            self.type(self.password)
        self.expect(r":~# ", timeout)
        self.type("stty -echo; export PAGER=cat PS1=")
        self.run("true")

    def run(self, command, timeout=30):
        """Runs a command in the logged-in shell; returns (exit status, output)."""
        self.type(f"echo BE''GIN; {command}; echo E''ND=$?.")
        self.expect(r"BEGIN\n", timeout)
        start = self._seen
        match = self.expect(r"END=(\d+)\.", timeout)
        return int(match.group(1)), self.console()[start:match.start()]

    def stop(self):
        """Stops the machine like a power cut."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


def _keep(console, path):
    """Copies the machine's output into a file. QEMU's own log repeats parts of it if the reader is late."""
    with open(path, "wb", buffering=0) as out:
        try:
            while piece := console.recv(65536):
                out.write(piece)
        except OSError:
            pass  # the machine was switched off


def make_disk(path, label, directory, megabytes):
    """Makes the raw image of a disk with this label and the files of `directory`."""
    with open(path, "wb") as image:
        image.truncate(megabytes << 20)
    netlab.run("mkfs.ext4", "-q", "-L", label, "-d", directory, path)
    return path


def make_credential(lab, directory, name):
    """Makes a file with the string of SMBIOS type 11 that systemd reads as the credential warren.seed
    (systemd.system-credentials(7))."""
    packed = subprocess.run(["tar", "-C", directory, "-cz", "."], check=True, capture_output=True).stdout
    path = lab.path(f"{name}-credential")
    with open(path, "w") as out:
        out.write("io.systemd.credential.binary:warren.seed=" + base64.b64encode(packed).decode())
    return path
