"""Power cuts at many moments of a first boot, of changes of the configuration, and of two installs, the second over the
first.

One real machine is recorded while it does all of this. From the record the tests make the disk after a cut at a moment,
including losses of the disk's cache (tests/lab/powercut.py). They judge it like the loader, the kernel and e2fsck:
which program starts, whether it is complete, and whether its root matches its hash. Two of these disks are booted.
"""

import os
import re
import shutil
import tomllib
from dataclasses import dataclass

import pytest

from tests.lab import guest, loader, netlab, powercut, warren
from tests.lab.warren import ROOT

IMAGE = os.environ.get("WARREN_IMAGE", "")
PACKAGE = os.environ.get("WARREN_PACKAGE", "")
READY_SECONDS = 480
BUNDLES = ("91.0.0", "91.1.0")
USERS = 5
# Renames on the ESP, while sync runs again and again.
RENAMES = ("mkdir /efi/try && echo 'all of it' >/efi/try/one && sync",
           "(for i in $(seq 60); do sync; done & for i in $(seq 30); do mv /efi/try/one /efi/try/two && "
           "sleep 0.05 && mv /efi/try/two /efi/try/one || exit; done; wait)",
           "rm -r /efi/try")
PASSWORD = re.compile(r"\$argon2id\$v=19\$m=\d+,t=\d+,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}")


@dataclass
class Record:
    lab: netlab.Lab
    machine: guest.Guest
    log: powercut.Log
    seeded: int       # the moment when the machine was up
    renames: list     # when the renaming began and ended, and when the file was removed
    users: list       # when vpnctl reported the n-th user as added
    installs: list    # when the first began, and when vpnctl reported each as done
    programs: dict    # version -> the bytes of its program

    def cuts(self):
        return powercut.Cuts(self.lab.path("before.raw"), self.lab.path("durable.raw"), self.log)


def start(machine, log=None):
    """Starts the machine and logs in; returns the slot and the version that started."""
    machine.start(log)
    ready = machine.expect(r"warren: READY slot=(\w) version=(\S+)", READY_SECONDS)
    machine.log_in(timeout=120)
    machine.run("systemctl is-active --wait systemd-bless-boot; true", timeout=60)
    status, said = machine.run("mkdir -p /run/bundles && mount -o ro /dev/disk/by-label/BUNDLES /run/bundles")
    assert status == 0, said
    return ready.groups()


def esp_of(disk):
    return f"{disk}@@{powercut.partitions(disk)['esp'][0]}"


def programs_on(disk):
    return [line.rsplit("/", 1)[1]
            for line in netlab.run("mdir", "-b", "-i", esp_of(disk), "::/EFI/Linux").stdout.split()]


def program_on(disk, name):
    return netlab.run("mtype", "-i", esp_of(disk), f"::/EFI/Linux/{name}", text=False).stdout


@pytest.fixture(scope="module")
def record():
    assert IMAGE and PACKAGE, "set WARREN_IMAGE to the qcow2 image to boot, and WARREN_PACKAGE to its package"
    with netlab.Lab() as lab:
        os.makedirs(lab.path("bundles"))
        for version in BUNDLES:
            out = lab.path("release")
            netlab.run(f"{ROOT}/image/build", "--package", PACKAGE, "--version", version, "--only", "bundle",
                       "--out", out, *guest.SIGNED, timeout=600)
            os.rename(f"{out}/warren-{version}-vm.update", lab.path(f"bundles/{version}"))
        internet = lab.namespace("internet")
        warren.Warren(lab, internet, customers=[warren.Customer("acme", ["10.0.0.1/24"], [])],
                      config=lab.path("seed/warren")).write()
        lab.write("seed/network/10-uplink.network", "[Match]\nType=ether\n[Network]\nAddress=198.51.100.1/24\n")
        bundles = guest.make_disk(lab.path("bundles.raw"), "BUNDLES", lab.path("bundles"), megabytes=480)
        machine = guest.Guest(lab, internet, IMAGE, "tap0", seed=lab.path("seed"), drives=[bundles])
        before, log = lab.path("before.raw"), powercut.Log(lab.path("log"))
        netlab.run("qemu-img", "convert", "-O", "raw", machine.disk, before)

        slot, version = start(machine, log)
        assert slot == "a"
        seeded, users, renames = log.moment(), [], []
        for command in RENAMES:
            status, said = machine.run(command, timeout=120)
            assert status == 0, said
            renames.append(log.moment())
        for number in range(USERS):
            status, said = machine.run(f"echo 'a long pass phrase {number}' | vpnctl user add user{number} operator",
                                       timeout=60)
            assert status == 0, said
            users.append(log.moment())
        installs = [log.moment()]
        for bundle in BUNDLES:
            status, said = machine.run(f"vpnctl update install /run/bundles/{bundle}", timeout=400)
            assert status == 0, said
            installs.append(log.moment())
        machine.stop()

        programs = {version: program_on(before, programs_on(before)[0])}
        for bundle in BUNDLES:
            programs[bundle] = netlab.run("tar", "-xOf", lab.path(f"bundles/{bundle}"), "warren-b.efi",
                                          text=False).stdout
        yield Record(lab, machine, log, seeded, renames, users, installs, programs)


def judge(record, disk):
    """The version that the loader starts from this raw disk. Fails unless its program is complete and its root matches
    the program's hash."""
    names = programs_on(disk)
    assert all(loader.PROGRAM.fullmatch(name) for name in names if name.lower().endswith(".efi")), names
    # The loader ignores a file without content, which an interrupted rename may leave.
    chosen = loader.PROGRAM.fullmatch(loader.chosen([name for name in names if loader.PROGRAM.fullmatch(name)
                                                     and program_on(disk, name)]))
    program = program_on(disk, chosen[0])
    assert program == record.programs[chosen["version"]], names
    roothash = re.search(rb"warren\.roothash=([0-9a-f]{64})", program)[1].decode()
    root, tree = (powercut.extract(disk, f"{what}-{chosen['slot']}", record.lab.path(what))
                  for what in ("root", "verity"))
    netlab.run("veritysetup", "verify", root, tree, roothash)
    return chosen["version"]


def read(path):
    with open(path) as file:
        return file.read()


def tree(top):
    return {os.path.relpath(path, top): read(path) for directory, _, names in os.walk(top)
            for path in (os.path.join(directory, name) for name in names)}


def is_unmade(disk):
    """True if the next boot will make a new file system on the data partition."""
    with open(disk, "rb") as raw:
        raw.seek(2047 * powercut.SECTOR)
        return raw.read(powercut.SECTOR).rstrip(b"\0") == b"warren: data has no file system yet"


def configuration(record, disk):
    """The data partition's /etc, as the next boot will find it: path -> text."""
    if is_unmade(disk):
        return {}
    data, out = powercut.extract(disk, "data", record.lab.path("data")), record.lab.path("data-etc")
    checked = netlab.run("e2fsck", "-fy", data, check=False)
    assert checked.returncode <= 1, checked.stdout  # 1 means corrected
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    netlab.run("debugfs", "-R", f"rdump /etc {out}", data)
    return tree(out)


def below(files, directory):
    return {name: text for name, text in files.items() if name.startswith(directory + "/")}


def spread(first, last, count):
    return [first + (last - first) * i // (count - 1) for i in range(count)]


def test_a_cut_of_the_first_boot_leaves_all_of_the_seed_or_nothing(record):
    cuts, made, seen, shadows, disk = record.cuts(), set(), set(), set(), record.lab.path("cut.raw")
    seed = {f"etc/{name}/{path}": text for name in ("warren", "network")
            for path, text in tree(record.lab.path(f"seed/{name}")).items()}
    last = cuts.index_of(record.seeded)
    # The last step renames the machine's only program.
    for index in sorted({*spread(1, last, 20), *range(last - 40, last)}):
        cuts.leave(index, disk)
        files = configuration(record, disk)
        for directory in ("etc/warren", "etc/network"):
            assert below(files, directory) in ({}, below(seed, directory)), (index, directory)
        made.add(not is_unmade(disk))
        seen.add(tuple(name in files for name in ("etc/warren/warren.toml", "etc/shadow")))
        shadows.add(files.get("etc/shadow"))
        assert judge(record, disk) not in BUNDLES
    assert made == {False, True} and {(False, False), (True, True)} <= seen
    assert len(shadows) == 3  # no file, the one with the one-time code, and the one with the password, all complete


def test_a_cut_during_a_rename_on_the_esp_leaves_the_file_complete_under_at_least_one_name(record):
    cuts, disk, seen = record.cuts(), record.lab.path("cut.raw"), set()
    first, last = (cuts.index_of(moment) for moment in record.renames[:2])
    for index in spread(first, last, 80):
        cuts.leave(index, disk)
        listed = netlab.run("mdir", "-b", "-i", esp_of(disk), "::/try", check=False).stdout.split()
        names = {name.rsplit("/", 1)[1]
                 for name in listed if netlab.run("mtype", "-i", esp_of(disk), name).stdout == "all of it\n"}
        assert names, (index, listed)
        seen |= names
    assert seen == {"one", "two"}


def test_a_cut_while_users_are_added_leaves_the_old_file_or_the_new(record):
    cuts, seen, cached, disk = record.cuts(), set(), 0, record.lab.path("cut.raw")
    begin, done = cuts.index_of(record.renames[-1]), [cuts.index_of(moment) for moment in record.users]
    for index in sorted({*spread(begin, done[-1], 40), *done}):
        cached += cuts.leave(index, disk)
        files = configuration(record, disk)
        users = tomllib.loads(files.get("etc/warren/users.toml", "")).get("user", [])
        assert [user["name"] for user in users] == [f"user{number}" for number in range(len(users))]
        assert all(user["role"] == "operator" and PASSWORD.fullmatch(user["password"]) for user in users)
        assert len(users) >= sum(
            index >= at for at in done), f"after {index} writes, a user is lost that vpnctl had reported as added"
        assert files["etc/warren/customers/acme.toml"] == read(record.lab.path("seed/warren/customers/acme.toml"))
        seen.add(len(users))
    # The cuts hit every version of the file, and a cache with unwritten data.
    assert seen == set(range(USERS + 1)) and cached > 10


def flushes_of_installs(cuts, record):
    first, last = cuts.index_of(record.installs[0]), cuts.index_of(record.installs[-1])
    return [at for at in range(first, last) if cuts.writes[at].size == 0]


def test_a_cut_of_an_install_leaves_one_version_or_the_other(record):
    cuts, disk, seen = record.cuts(), record.lab.path("cut.raw"), set()
    old = next(iter(record.programs))
    done = [cuts.index_of(moment) for moment in record.installs]
    # Moments evenly spread, and for each flush the moments before and after it; before it, most data can be lost.
    flushes = flushes_of_installs(cuts, record)
    moments = sorted({*spread(done[0], done[-1], 20), *flushes, *(at + 1 for at in flushes), *done})
    for index in moments:
        cuts.leave(index, disk)
        version = judge(record, disk)
        assert version in ((old, BUNDLES[0]) if index < done[1] else record.programs), index
        if index in done[1:]:
            assert version == BUNDLES[done.index(index) - 1], "an install is lost that vpnctl had reported as done"
        seen.add(version)
    assert len(moments) >= 20 and seen == set(record.programs)


@pytest.mark.parametrize("moment", ["while the root is written", "before the last flush"])
def test_a_machine_boots_after_a_cut_and_the_install_can_be_repeated(record, moment):
    lab, cuts, disk = record.lab, record.cuts(), record.lab.path("cut.raw")
    flushes = flushes_of_installs(cuts, record)
    cuts.leave(flushes[-1] if moment == "before the last flush"
               else (cuts.index_of(record.installs[0]) + flushes[0]) // 2, disk)
    version = judge(record, disk)
    image = lab.path(f"cut-{len(moment)}.qcow2")
    netlab.run("qemu-img", "convert", "-O", "qcow2", disk, image)
    machine = guest.Guest(lab, lab.namespace(f"after-{len(moment)}"), image, "tap0", name=f"after-{len(moment)}",
                          drives=[lab.path("bundles.raw")])
    machine.password = record.machine.password
    try:
        assert start(machine)[1] == version
        if version != BUNDLES[-1]:
            status, said = machine.run(f"vpnctl update install /run/bundles/{BUNDLES[-1]}", timeout=400)
            assert status == 0, said
    finally:
        machine.stop()
    netlab.run("qemu-img", "convert", "-O", "raw", machine.disk, disk)
    assert judge(record, disk) == BUNDLES[-1]
