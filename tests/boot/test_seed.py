"""A seed configures a machine without a configuration, and changes nothing on others. The tests use a directory that
looks like an appliance; test_boot.py uses real ones."""

import os
import pathlib
import re
import subprocess

import pytest

from tests.lab.warren import ROOT

PREPARE, NEW_PASSWORD, HOST_KEY = (f"{ROOT}/image/overlay/usr/lib/warren/{name}"
                                   for name in ("prepare-data", "new-password", "host-key"))
# Each bash sources this: it counts the commands of all of them, and kills them before the n-th.
TRACE = ('set -T; trap \'read -r TRACED <"$STEP"; echo $((++TRACED)) >"$STEP"; '
         '[[ $TRACED != "$CUT" ]] || kill -KILL 0\' DEBUG\n')
SEED = {"warren/warren.toml": "port = 1\n", "warren/customers/acme.toml": "mtu = 1400\n",
        "network/10-uplink.network": "[Match]\n", "network/10-uplink.network.d/more.conf": "[Network]\n"}


class Appliance:
    def __init__(self, root):
        self.root, self.etc = root, root / "data/etc"
        for path in ("etc", "data", "run/credentials/@system", "seed"):
            (root / path).mkdir(parents=True)
        os.symlink("/data/etc/warren", root / "etc/warren")

    def seed(self, files, directories=()):
        for name in directories:
            (self.root / "seed" / name).mkdir(parents=True)
        write(self.root / "seed", files)
        subprocess.run(["tar", "-C", self.root / "seed", "-czf", self.credential, "."], check=True, timeout=30)

    @property
    def credential(self):
        return self.root / "run/credentials/@system/warren.seed"

    def start(self, cut_at=None, broken=None):
        """(the output, the number of commands that ran); the program `broken` fails."""
        step, trace = self.root / "step", self.root / "trace"
        step.write_text("0\n")
        trace.write_text(TRACE + (f"{broken}() {{ return 1; }}\n" if broken else ""))
        env = {**os.environ, "WARREN_ROOT": str(self.root), "CUT": str(cut_at), "STEP": str(step),
               "BASH_ENV": str(trace)}
        done = subprocess.run([PREPARE], env=env, capture_output=True, text=True, timeout=60, start_new_session=True)
        assert done.returncode == (-9 if cut_at else 0), done.stderr
        return done.stdout, int(step.read_text())

    def files(self):
        return {str(path.relative_to(self.etc)): path.read_text() for path in self.etc.rglob("*") if path.is_file()
                and path.name not in ("shadow", "one-time-code")}


def write(directory, files):
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)


def mode(path):
    return path.stat().st_mode & 0o7777


@pytest.fixture
def appliance(tmp_path):
    return Appliance(tmp_path / "root")


def test_a_seed_is_copied_with_the_right_permissions(appliance):
    appliance.seed(SEED)
    said, _ = appliance.start()
    assert "configured by the seed credential" in said and "log in on this console as root with the code" in said
    assert appliance.files() == SEED
    assert mode(appliance.etc / "warren/customers") == 0o700 and mode(appliance.etc / "warren/warren.toml") == 0o600
    assert mode(appliance.etc / "network/10-uplink.network.d") == 0o755
    assert mode(appliance.etc / "network/10-uplink.network") == 0o644


def test_an_empty_network_is_no_error(appliance):
    appliance.seed({"warren/warren.toml": "port = 1\n"}, ["network"])
    said, _ = appliance.start()
    assert "with the code" in said and appliance.files() == {"warren/warren.toml": "port = 1\n"}


@pytest.mark.parametrize("content, message",
                         [(b"no archive", "cannot be unpacked"), (None, "has neither warren/ nor network/")])
def test_a_bad_seed_is_reported_and_login_works_and_the_next_seed_is_used(appliance, content, message):
    appliance.seed({"hints.txt": "x\n"})
    if content:
        appliance.credential.write_bytes(content)
    said, _ = appliance.start()
    assert message in said and "with the code" in said and appliance.files() == {}
    appliance.seed(SEED)
    said, _ = appliance.start()
    assert "configured by the seed credential" in said and appliance.files() == SEED


def test_a_seed_that_cannot_be_copied_is_reported_and_login_works(appliance):
    appliance.seed(SEED)
    said, _ = appliance.start(broken="cp")
    assert "with the code" in said and "the seed was not taken" in said and appliance.files() == {}
    said, _ = appliance.start()
    assert "configured by the seed credential" in said and appliance.files() == SEED


def test_a_seed_with_only_a_network_is_used_once(appliance):
    appliance.seed({"network/10-uplink.network": "[Match]\n"})
    assert "configured by the seed" in appliance.start()[0]
    own = {"network/10-uplink.network": "[Match]\nName=eth0\n", "network/20-own.network": "[Match]\n"}
    write(appliance.etc, own)
    assert "configured by the seed" not in appliance.start()[0] and appliance.files() == own


def test_a_configuration_that_is_a_link_or_has_links_stays(appliance):
    write(appliance.root / "elsewhere", {"warren.toml": "port = 7\n"})
    appliance.seed(SEED)
    appliance.etc.mkdir()
    (appliance.etc / "warren").symlink_to(appliance.root / "elsewhere")
    assert "configured by the seed" not in appliance.start()[0]
    assert (appliance.etc / "warren/warren.toml").read_text() == "port = 7\n"
    (appliance.etc / "warren").unlink()
    (appliance.etc / "warren").mkdir()
    (appliance.etc / "warren/warren.toml").symlink_to(appliance.root / "elsewhere/warren.toml")
    assert "configured by the seed" not in appliance.start()[0]
    assert (appliance.etc / "warren/warren.toml").read_text() == "port = 7\n"


def test_a_configured_machine_ignores_a_seed(appliance):
    own = {"warren/customers/acme.toml": "mtu = 1300\n", "network/20-own.network": "[Match]\n"}
    write(appliance.etc, own)
    appliance.seed(SEED)
    said, _ = appliance.start()
    assert "seed" not in said and appliance.files() == own


def code_of(said):
    return re.search(r"with the code (\S+)", said).group(1)


def logs_in(appliance, password):
    hashed = (appliance.etc / "shadow").read_text().splitlines()[0].split(":")[1]
    return subprocess.run(["openssl", "passwd", "-6", "-salt", hashed.split("$")[2], password], check=True,
                          capture_output=True, text=True, timeout=30).stdout.strip() == hashed


def test_the_code_works_for_one_login_and_a_password_replaces_it(appliance):
    missed = code_of(appliance.start()[0])  # an earlier code that nobody saw
    code = code_of(appliance.start()[0])
    assert logs_in(appliance, code) and not logs_in(appliance, missed)
    others = (appliance.etc / "shadow").read_text().splitlines()[1:]
    env = {**os.environ, "WARREN_ROOT": str(appliance.root)}
    hung_up = subprocess.run([NEW_PASSWORD], input="too short\nlong enough it is\n", env=env, capture_output=True,
                             text=True, timeout=30)
    # After a hang-up, the next login asks again.
    assert hung_up.returncode == 1 and (appliance.etc / "one-time-code").exists()
    assert logs_in(appliance, code)
    done = subprocess.run([NEW_PASSWORD], input="short\n" + 129 * "x"
                          + "\nlong enough : $it\nanother one it is\nlong enough : $it\nlong enough : $it\n", env=env,
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 0
    assert "It has 5 characters" in done.stdout
    assert "It has 129 characters" in done.stdout
    assert "two different ones" in done.stdout
    assert logs_in(appliance, "long enough : $it") and not logs_in(appliance, code)
    assert not (appliance.etc / "one-time-code").exists()
    assert (appliance.etc / "shadow").read_text().splitlines()[1:] == others
    assert mode(appliance.etc / "shadow") == 0o600
    assert "with the code" not in appliance.start()[0]


def test_the_host_key_is_made_once(appliance):
    appliance.start()
    key = appliance.etc / "ssh/ssh_host_ed25519_key"

    def made():
        subprocess.run([HOST_KEY], env={**os.environ, "WARREN_ROOT": str(appliance.root)}, check=True, timeout=30)
        return key.read_text()

    first = made()
    assert "OPENSSH PRIVATE KEY" in first and mode(key) == 0o600
    assert made() == first


def test_after_a_cut_at_any_step_the_next_start_uses_the_whole_seed(appliance):
    appliance.seed(SEED)
    _, whole = appliance.start()
    assert whole > 20
    for cut_at in range(1, whole + 1):
        cut = Appliance(pathlib.Path(f"{appliance.root}-{cut_at}"))
        cut.seed(SEED)
        cut.start(cut_at)
        warren = {name: text for name, text in cut.files().items() if name.startswith("warren/")}
        assert warren in ({}, {name: text for name, text in SEED.items() if name.startswith("warren/")}), cut_at
        said, _ = cut.start()
        assert cut.files() == SEED and logs_in(cut, code_of(said)), cut_at
