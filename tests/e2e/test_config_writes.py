"""After a power cut, every file of the configuration that vpnctl writes is either the old one or the new one: vpnctl
writes a new file, syncs it, renames it, and syncs its directory.

The test reads system calls from strace, because a file system may keep data even without a sync.
tests/boot/test_power_cut.py shows that a machine's ext4 works with these calls.
"""

import os
import re

import pytest

from tests.lab import netlab, warren

OPEN = re.compile(r'openat\(\S+ "([^"]+)", (\S+?)(?:, \d+)?\) = (\d+)')
RENAME = re.compile(r'rename(?:at2?)?\((?:AT_FDCWD\S*, )?"([^"]+)", (?:AT_FDCWD\S*, )?"([^"]+)"')
ON_FILE = re.compile(r"(write|fsync|fdatasync|pwrite64|ftruncate)\(\d+<([^>]+)>")


def writes_of(trace, below):
    """The calls on files below this directory, in order: (call, path) and ("rename", from, to)."""
    done = []
    for line in trace.splitlines():
        if " = -1 " in line:
            continue
        if match := OPEN.search(line):
            if set(match[2].split("|")) & {"O_WRONLY", "O_RDWR"}:
                done.append(("open", match[1]))
        elif match := RENAME.search(line):
            done.append(("rename", match[1], match[2]))
        elif match := ON_FILE.search(line):
            done.append((match[1], match[2]))
    return [step for step in done if any(path.startswith(str(below)) for path in step[1:])]


def check_order(steps):
    """Returns the names of the written files; fails unless each was complete before it got its name."""
    given = []
    for at, step in enumerate(steps):
        if step[0] == "open":
            assert step[1].endswith(".new"), f"{step[1]} is overwritten in place"
        if step[0] != "rename":
            continue
        _, fresh, name = step
        about = [call for call, *rest in steps[:at] if rest == [fresh]]
        assert about[:2] == ["open", "write"] and about[-1] == "fsync", f"{name}: {about}"
        assert ("fsync", os.path.dirname(name)) in steps[at:], f"the directory of {name} is not synced"
        given.append(name)
    return given


@pytest.fixture
def traced(tmp_path):
    config, network = tmp_path / "etc", tmp_path / "network"
    network.mkdir()

    def run(*arguments, answers=()):
        trace = tmp_path / "trace"
        netlab.run("strace", "-f", "-y", "-s", "0", "-o", str(trace),
                   "-e", "trace=openat,write,pwrite64,ftruncate,fsync,fdatasync,rename,renameat,renameat2",
                   f"{warren.programs()}/vpnctl", "--config", str(config), *arguments,
                   input="\n".join(answers) + "\n")
        return [os.path.relpath(name, tmp_path) for name in check_order(writes_of(trace.read_text(), tmp_path))]
    run.directory = tmp_path
    return run


def test_every_file_is_complete_before_it_gets_its_name(traced):
    device = sorted(os.listdir("/sys/class/net"))[0]
    answers = ["pop-1", "51833", "198.51.100.7/24", device, "198.51.100.1", "none", "", "127.0.0.1:8449",
               "alice",
               "correct horse", "correct horse"]
    written = traced("setup", "--network-dir", f"{traced.directory}/network", answers=answers)
    assert written == ["etc/secrets/uplink", "etc/users.toml", "network/10-uplink.network",
                       "network/70-others.network", "etc/warren.toml"]
    for arguments, answer in ((["user", "add", "bob", "viewer"], "another horse"),
                              (["user", "passwd", "bob"], "a third horse"), (["user", "del", "bob"], ""),
                              (["token", "add", "prometheus", "viewer"], ""), (["token", "del", "prometheus"], "")):
        assert traced(*arguments, answers=[answer]) == ["etc/users.toml"], arguments
    # vpnctl runs where no daemon is, so nothing is applied.
    for arguments, written in (
            (["customer", "add", "acme", "--address", "10.0.0.1/24"], ["etc/customers/acme.toml"]),
            (["peer", "add", "acme", "phone", "--psk", "--out", f"{traced.directory}/phone.conf"],
             ["etc/secrets/acme/phone.psk", "phone.conf", "etc/customers/acme.toml"]),
            (["peer", "rm", "acme", "phone"], ["etc/customers/acme.toml"])):
        assert traced(*arguments, "--no-apply") == written, arguments
