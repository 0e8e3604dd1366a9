"""The updater on a directory that looks like an appliance: refused bundles, the loader's next choice, and cuts at every
step.

image/bundle makes the bundles, as it makes the real ones. test_update.py tests a real machine.
"""

import fcntl
import hashlib
import json
import os
import pathlib
import re
import subprocess

import pytest

from tests.lab import loader, netlab
from tests.lab.warren import ROOT

UPDATE = f"{ROOT}/image/overlay/usr/lib/warren/update"
SIZES = {"root": 2 << 20, "verity": 64 << 10}


def key_at(path):
    netlab.run("openssl", "genpkey", "-algorithm", "ed25519", "-out", str(path))
    return path


def bundle_of(directory, version, key, flavour="vm", salt=b"", program=None):
    """Makes a real bundle with small files. Each slot's program names its root and hash tree, or is the file
    `program`."""
    work = directory / f"work-{version}-{flavour}-{key.name}"
    work.mkdir()
    files = {name: hashlib.sha512(f"{name} {version}".encode() + salt).digest() * (size // 64)
             for name, size in SIZES.items()}
    (work / "root.erofs").write_bytes(files["root"])
    (work / "root.verity").write_bytes(files["verity"])
    for slot in "ab":
        (work / f"warren-{slot}.efi").write_bytes(program.read_bytes() if program
                                                  else program_text(slot, files["root"], files["verity"]).encode())
    path = work / "bundle.update"
    env = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
    subprocess.run([f"{ROOT}/image/bundle", work, version, flavour, key, path], check=True, env=env, timeout=30)
    return path


def program_text(slot, root, verity):
    return f"slot={slot} root={hashlib.sha256(root).hexdigest()} verity={hashlib.sha256(verity).hexdigest()} " * 40


# Counts the shell's own commands, and kills it before the n-th.
KILLED_AT = ('n=0; set -T; trap \'[[ $BASHPID != $$ ]] || '
             '{ n=$((n + 1)); echo $n >"$TRACE"; [[ $n != "$CUT" ]] || kill -KILL 0; }\' DEBUG; . "$0" "$@"')


class Appliance:
    """Slot a runs version 1.0.0, slot b is empty."""

    def __init__(self, directory, key):
        self.root, self.programs = directory, directory / "efi/EFI/Linux"
        self.disk = directory / "dev/disk/by-partlabel"
        for name in ("proc", "usr/lib", "usr/share/warren/update-keys", "run", "data", "efi/EFI/Linux",
                     "dev/disk/by-partlabel"):
            (directory / name).mkdir(parents=True)
        self.runs("a", "1.0.0")
        netlab.run("openssl", "pkey", "-in", str(key), "-pubout",
                   "-out", str(directory / "usr/share/warren/update-keys/release.pem"))
        for slot in "ab":
            for name, size in SIZES.items():
                # A partition is larger than its content.
                (self.disk / f"{name}-{slot}").write_bytes(os.urandom(size) + bytes(size))
        self.put_program("warren_1.0.0-a.efi")

    def runs(self, slot, version):
        (self.root / "proc/cmdline").write_text(f"warren.slot={slot} warren.roothash=00 ro\n")
        (self.root / "usr/lib/os-release").write_text(f"ID=warren\nIMAGE_VERSION={version}\nVARIANT_ID=vm\n")

    def put_program(self, name):
        slot = re.search(r"-([ab])(\+|\.efi)", name).group(1)
        (self.programs / name).write_text(program_text(slot, *(self.content(slot, what) for what in SIZES)))

    def content(self, slot, what):
        return (self.disk / f"{what}-{slot}").read_bytes()[: SIZES[what]]

    def update(self, *arguments, cut_at=None, trace=None):
        command = [UPDATE, *map(str, arguments)]
        if trace:  # the shell calls the trap before each command, and the n-th call kills it
            command = ["bash", "-c", KILLED_AT, *command]
        env = {**os.environ, "WARREN_ROOT": str(self.root), "CUT": str(cut_at), "TRACE": str(trace)}
        return subprocess.run(["unshare", "-n", *command], capture_output=True, text=True, env=env, timeout=60,
                              start_new_session=True)

    def names(self):
        return sorted(path.name for path in self.programs.iterdir() if not path.name.startswith("."))

    def chosen(self):
        return loader.chosen(self.names())

    def boots(self, name):
        """True if this program finds its own root and hash tree."""
        slot = re.search(r"-([ab])(\+|\.efi)", name).group(1)
        return (self.programs / name).read_text() == program_text(slot, self.content(slot, "root"),
                                                                  self.content(slot, "verity"))


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return key_at(tmp_path_factory.mktemp("keys") / "release.key")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory, key):
    return bundle_of(tmp_path_factory.mktemp("bundle"), "1.10.0", key)


@pytest.fixture
def appliance(tmp_path, key):
    return Appliance(tmp_path / "root", key)


def state(appliance):
    said = appliance.update("status", "--json")
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


def test_an_install_fills_the_other_slot_and_leaves_the_running_one(appliance, bundle):
    before = [appliance.content("a", what) for what in SIZES]
    done = appliance.update("install", bundle)
    assert done.returncode == 0, done.stderr
    assert appliance.names() == ["warren_1.0.0-a.efi", "warren_1.10.0-b+3.efi"]
    assert appliance.chosen() == "warren_1.10.0-b+3.efi" and appliance.boots(appliance.chosen())
    assert before == [appliance.content("a", what) for what in SIZES] and appliance.boots("warren_1.0.0-a.efi")
    assert state(appliance) == {"next": "b", "slots": [
        {"slot": "a", "running": True, "version": "1.0.0", "state": "good", "tries_left": None},
        {"slot": "b", "running": False, "version": "1.10.0", "state": "trial", "tries_left": 3}]}


def test_a_release_is_newer_than_its_development_version(appliance, key, tmp_path):
    appliance.runs("a", "1.0.0~dev")
    os.rename(appliance.programs / "warren_1.0.0-a.efi", appliance.programs / "warren_1.0.0~dev-a.efi")
    assert [slot["version"] for slot in state(appliance)["slots"]] == ["1.0.0~dev", ""]
    done = appliance.update("install", bundle_of(tmp_path, "1.0.0", key))
    assert done.returncode == 0, done.stderr
    assert appliance.chosen() == "warren_1.0.0-b+3.efi" and state(appliance)["next"] == "b"


def test_status_as_text(appliance, bundle):
    appliance.update("install", bundle)
    assert appliance.update("status").stdout == ("running  slot a  1.0.0      good\n"
                                                 "other    slot b  1.10.0     on trial, tries left: 3; next start\n")


@pytest.mark.parametrize("case, message", [
    ("another key", "is not signed with a key that this appliance trusts"),
    ("no signature", "it has no signed manifest"),
    ("manifest changed", "is not signed with a key that this appliance trusts"),
    ("another signed file", "has a form that this version does not know"),
    ("root changed", "is damaged: root.erofs"),
    ("program changed", "is damaged: warren-b.efi"),
    ("version of a path", "has no version"),
    ("cut short", "is damaged: root.erofs"),
    ("another flavour", 'is for the flavour "hw"'),
    ("older", "version 0.9.0 is older than 1.0.0"),
    ("older: a development version", "version 1.0.0~dev is older than 1.0.0"),
    ("the same", "version 1.0.0 is running already"),
    ("no trusted key", "is not signed with a key that this appliance trusts"),
    ("no bundle", "it has no signed manifest"),
    ("no file", "cannot be read"),
    ("on trial", "is still on trial"),
    ("too large", "does not fit"),
])
def test_a_refused_install_changes_nothing(appliance, bundle, key, tmp_path, case, message):
    name = "warren_1.0.0-a.efi"
    data = bytearray(bundle.read_bytes())
    if case == "another key":
        data = bundle_of(tmp_path, "2.0.0", key_at(tmp_path / "other.key")).read_bytes()
    elif case == "no signature":
        data = data.replace(b"manifest.sig", b"manifest.xxx")
    elif case == "manifest changed":
        data = data.replace(b"\nversion 1.10.0\n", b"\nversion 9.10.0\n")
    elif case == "another signed file":
        work = tmp_path / "sums"
        work.mkdir()
        (work / "manifest").write_text("00  warren.qcow2\n")
        netlab.run(f"{ROOT}/image/sign", str(key), str(work / "manifest"), str(work / "manifest.sig"))
        netlab.run("tar", "-C", str(work), "-cf", str(tmp_path / "sums.tar"), "manifest", "manifest.sig")
        data = (tmp_path / "sums.tar").read_bytes()
    elif case == "root changed":
        data[-20000 - (SIZES["root"] // 2)] ^= 1
    elif case == "program changed":
        data[data.index(b"slot=b root=")] ^= 1
    elif case == "version of a path":
        work = tmp_path / "path"
        work.mkdir()
        (work / "manifest").write_text("warren-update 1\nversion 2.0/../../x\nflavour vm\n")
        netlab.run(f"{ROOT}/image/sign", str(key), str(work / "manifest"), str(work / "manifest.sig"))
        netlab.run("tar", "-C", str(work), "-cf", str(tmp_path / "path.tar"), "manifest", "manifest.sig")
        data = (tmp_path / "path.tar").read_bytes()
    elif case == "cut short":
        data = data[: len(data) - SIZES["root"] // 2]
    elif case == "another flavour":
        data = bundle_of(tmp_path, "2.0.0", key, flavour="hw").read_bytes()
    elif case in (versions := {"older": "0.9.0", "older: a development version": "1.0.0~dev", "the same": "1.0.0"}):
        data = bundle_of(tmp_path, versions[case], key).read_bytes()
    elif case == "no trusted key":
        os.remove(appliance.root / "usr/share/warren/update-keys/release.pem")
    elif case == "no bundle":
        data = os.urandom(5000)
    elif case == "on trial":
        os.rename(appliance.programs / name, appliance.programs / (name := "warren_1.0.0-a+2-1.efi"))
    elif case == "too large":
        (appliance.disk / "root-b").write_bytes(b"")
    path = tmp_path / "given.update"
    if case != "no file":
        path.write_bytes(data)
    before = [appliance.content("b", what) for what in SIZES]
    said = appliance.update("install", path)
    assert said.returncode == 4 and message in said.stderr, said
    assert said.stderr.startswith("vpnctl: ")
    assert appliance.names() == [name]
    assert before == [appliance.content("b", what) for what in SIZES]


def test_a_disk_that_does_not_return_what_was_written_leaves_the_slot_empty(appliance, bundle, tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/dd").write_text("#!/bin/sh\ncat >/dev/null\n")
    (tmp_path / "bin/dd").chmod(0o755)
    appliance.put_program("warren_0.9.0-b.efi")
    with monkeypatch.context() as patched:
        patched.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
        said = appliance.update("install", bundle)
    assert said.returncode == 4 and "root-b does not return the data that was written" in said.stderr, said
    assert appliance.names() == ["warren_1.0.0-a.efi"] and appliance.boots(appliance.chosen())
    assert appliance.update("install", bundle).returncode == 0
    assert appliance.boots("warren_1.10.0-b+3.efi")


LOADER = pathlib.Path("/usr/lib/systemd/boot/efi/systemd-bootx64.efi")  # some EFI program


def signed_program(directory, name):
    """The loader, signed for Secure Boot by a new key of this name."""
    key, certificate, program = directory / f"{name}.key", directory / f"{name}.pem", directory / f"{name}.efi"
    netlab.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", "-subj", f"/CN={name}", "-keyout", str(key),
               "-out", str(certificate))
    netlab.run("sbsign", "--key", str(key), "--cert", str(certificate), "--output", str(program), str(LOADER))
    return program


@pytest.mark.parametrize("secure_boot, signer, message", [
    (True, "ours", ""), (True, "other", "signed for Secure Boot with another certificate"),
    (True, None, "is not signed for Secure Boot"), (False, None, ""), (False, "other", "")])
def test_under_secure_boot_a_program_that_the_firmware_would_not_start_is_refused(appliance, key, tmp_path, secure_boot,
                                                                                  signer, message):
    variables = appliance.root / "sys/firmware/efi/efivars"
    variables.mkdir(parents=True)
    (variables / "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c").write_bytes(bytes([6, 0, 0, 0, secure_boot]))
    ours = signed_program(tmp_path, "ours")
    (appliance.programs / "warren_1.0.0-a.efi").write_bytes(ours.read_bytes())
    program = {"ours": ours, None: LOADER}.get(signer) or signed_program(tmp_path, signer)
    before = [appliance.content("b", what) for what in SIZES]
    said = appliance.update("install", bundle_of(tmp_path, "2.0.0", key, program=program))
    if message:
        assert said.returncode == 4 and message in said.stderr, said
        assert appliance.names() == ["warren_1.0.0-a.efi"]
        assert before == [appliance.content("b", what) for what in SIZES]
    else:
        assert said.returncode == 0, said.stderr
        assert appliance.names() == ["warren_1.0.0-a.efi", "warren_2.0.0-b+3.efi"]


def test_a_cut_at_any_step_of_an_install_leaves_a_machine_that_boots(tmp_path, key, bundle):
    """Slot b has an older, failed version at first. A run without a cut gives the number of steps."""
    whole = Appliance(tmp_path / "whole", key)
    whole.put_program("warren_1.5.0-b+0-3.efi")
    assert whole.update("install", bundle, trace=tmp_path / "steps").returncode == 0
    steps = int((tmp_path / "steps").read_text())
    assert steps > 60
    outcomes = set()
    for cut_at in range(1, steps + 1, 2):
        appliance = Appliance(tmp_path / f"cut-{cut_at}", key)
        appliance.put_program("warren_1.5.0-b+0-3.efi")
        appliance.update("install", bundle, cut_at=cut_at, trace=tmp_path / "step")
        assert int((tmp_path / "step").read_text()) == cut_at
        assert "warren_1.0.0-a.efi" in appliance.names() and appliance.boots("warren_1.0.0-a.efi"), cut_at
        assert appliance.boots(appliance.chosen()), (cut_at, appliance.names())
        outcomes.add(appliance.chosen())
        if cut_at % 10 == 1:  # the remains of the last attempt do not block the next
            assert appliance.update("install", bundle).returncode == 0, cut_at
            assert appliance.names() == ["warren_1.0.0-a.efi", "warren_1.10.0-b+3.efi"]
            assert appliance.boots(appliance.chosen())
    assert outcomes == {"warren_1.0.0-a.efi", "warren_1.10.0-b+3.efi"}  # cuts before and after the decisive step


def test_a_rollback_before_the_restart_withdraws_the_update(appliance, bundle):
    appliance.update("install", bundle)
    assert appliance.update("rollback").returncode == 0
    assert appliance.names() == ["warren_1.0.0-a.efi"]
    assert "there is nothing to go back to" in appliance.update("rollback").stderr


def test_a_rollback_tries_the_old_version_and_returns_to_the_new_one_if_that_fails(appliance, bundle):
    appliance.update("install", bundle)
    appliance.runs("b", "1.10.0")
    assert appliance.update("mark-good").returncode == 0
    assert appliance.names() == ["warren_1.0.0-a.efi", "warren_1.10.0-b.efi"]
    assert appliance.chosen() == "warren_1.10.0-b.efi"
    assert appliance.update("rollback").returncode == 0
    assert appliance.names() == ["warren_1.0.0-a+3.efi", "warren_1.10.0-b+0.efi"]
    assert appliance.chosen() == "warren_1.0.0-a+3.efi" and state(appliance)["next"] == "a"
    os.rename(appliance.programs / "warren_1.0.0-a+3.efi", appliance.programs / "warren_1.0.0-a+0-3.efi")
    assert appliance.chosen() == "warren_1.10.0-b+0.efi" and state(appliance)["next"] == "b"
    assert "has failed its trial" in appliance.update("rollback").stderr


def test_mark_good_removes_the_counter(appliance):
    os.rename(appliance.programs / "warren_1.0.0-a.efi", appliance.programs / "warren_1.0.0-a+1-2.efi")
    assert state(appliance)["slots"][0] == {"slot": "a", "running": True, "version": "1.0.0", "state": "trial",
                                            "tries_left": 1}
    assert appliance.update("mark-good").returncode == 0
    assert appliance.names() == ["warren_1.0.0-a.efi"]


def test_bless_removes_the_counter_unless_the_operator_has_rolled_back_meanwhile(appliance, bundle):
    appliance.update("install", bundle)
    appliance.runs("b", "1.10.0")
    # The loader does this at the first start.
    os.rename(appliance.programs / "warren_1.10.0-b+3.efi", appliance.programs / "warren_1.10.0-b+2-1.efi")
    assert appliance.update("rollback").returncode == 0
    assert "is tried at the next start already" in appliance.update("rollback").stdout
    assert "given up by a rollback" in appliance.update("bless").stdout
    assert appliance.names() == ["warren_1.0.0-a+3.efi", "warren_1.10.0-b+0.efi"]
    assert appliance.chosen() == "warren_1.0.0-a+3.efi"
    # The old version fails, and the loader returns to the new one and counts one more try.
    os.rename(appliance.programs / "warren_1.0.0-a+3.efi", appliance.programs / "warren_1.0.0-a+0-3.efi")
    os.rename(appliance.programs / "warren_1.10.0-b+0.efi", appliance.programs / "warren_1.10.0-b+0-1.efi")
    assert appliance.update("bless").stdout == "slot b is good\n"
    assert appliance.names() == ["warren_1.0.0-a+0-3.efi", "warren_1.10.0-b.efi"]


def test_bless_waits_for_another_update(appliance):
    os.rename(appliance.programs / "warren_1.0.0-a.efi", appliance.programs / "warren_1.0.0-a+2-1.efi")
    with open(appliance.root / "run/warren-update.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = subprocess.Popen([UPDATE, "bless"], env={**os.environ, "WARREN_ROOT": str(appliance.root)},
                                   stdout=subprocess.PIPE, text=True)
        netlab.wait_until(lambda: netlab.run("pgrep", "-P", str(waiting.pid), "-x", "flock",
                                             check=False).returncode == 0, 20, "it waits")
        assert appliance.names() == ["warren_1.0.0-a+2-1.efi"]
    assert waiting.communicate(timeout=20)[0] == "slot a is good\n"


def test_one_update_at_a_time(appliance, bundle):
    with open(appliance.root / "run/warren-update.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another vpnctl update is at work" in appliance.update("install", bundle).stderr
        assert appliance.update("status").returncode == 0
