"""A backup has everything, only its passphrase opens it, and a restore changes nothing before it is asked to."""

import os
import stat

import pytest

from tests.lab import netlab, warren, wireguard_go

PASSPHRASE = "correct horse battery"
APPLIANCE = """schema = 1

[appliance]
name = "pop-1"

[wireguard]
listen_port = 51833
private_key = { secret = "uplink" }
"""
CUSTOMER = """schema = 1
name = "Acme"
# a comment that stays

[stack]
addresses = ["10.0.0.1/24"]
"""


def put(path, text, mode=0o600):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)


def tree(directory):
    """Every file below it: its text and mode by name."""
    found = {}
    for parent, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(parent, name)
            with open(path) as file:
                found[os.path.relpath(path, directory)] = (file.read(), stat.S_IMODE(os.stat(path).st_mode))
    return found


@pytest.fixture
def etc(tmp_path):
    directory = tmp_path / "etc"
    put(f"{directory}/warren.toml", APPLIANCE, 0o644)
    put(f"{directory}/customers/acme.toml", CUSTOMER, 0o644)
    put(f"{directory}/secrets/uplink", wireguard_go.new_key().private + "\n")
    put(f"{directory}/users.toml", "")
    os.chmod(f"{directory}/secrets", 0o700)
    return directory


@pytest.fixture
def run(tmp_path):
    def vpnctl(command, directory, *arguments, passphrase=PASSPHRASE):
        return netlab.run(f"{warren.programs()}/vpnctl", "--config", str(directory), command,
                          str(tmp_path / "backup"), *arguments, input=passphrase + "\n", check=False)
    return vpnctl


def test_a_backup_restores_everything_on_another_machine_after_it_was_asked_to(tmp_path, etc, run):
    done = run("backup", etc)
    assert done.returncode == 0, done.stderr
    path = tmp_path / "backup"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert b"10.0.0.1" not in path.read_bytes() and b"uplink" not in path.read_bytes()
    assert run("backup", etc).returncode == 4  # never over a file
    fresh = tmp_path / "fresh"
    looked = run("restore", fresh)
    assert looked.returncode == 1 and "add     secrets/uplink" in looked.stdout and not fresh.exists()
    assert run("restore", fresh, "--write").returncode == 0
    assert tree(fresh) == tree(etc) and stat.S_IMODE(os.stat(fresh / "secrets").st_mode) == 0o700
    assert run("restore", fresh).returncode == 0  # nothing differs


def test_a_restore_keeps_the_configuration_of_before_and_says_where(tmp_path, etc, run):
    assert run("backup", etc).returncode == 0
    before = tree(etc)
    put(f"{etc}/customers/acme.toml", CUSTOMER + "# later\n", 0o644)
    put(f"{etc}/customers/globex.toml", CUSTOMER, 0o644)
    later = tree(etc)
    looked = run("restore", etc)
    assert "change  customers/acme.toml" in looked.stdout and "remove  customers/globex.toml" in looked.stdout
    assert tree(etc) == later
    done = run("restore", etc, "--write")
    assert done.returncode == 0 and tree(etc) == before
    kept, = [name for name in os.listdir(tmp_path) if name.startswith("etc.kept-")]
    assert kept in done.stdout and tree(tmp_path / kept) == later
    # In the same second or not, never over what is there.
    put(f"{tmp_path}/{kept}/precious", "x")
    put(f"{etc}/customers/acme.toml", CUSTOMER + "# later\n", 0o644)
    run("restore", etc, "--write")
    assert (tmp_path / kept / "precious").exists()


def test_a_restore_leaves_what_is_not_the_configurations_also_behind_a_link(tmp_path, etc, run):
    """As on the firmware image: the operator's SSH keys are there, and the directory is a link."""
    put(f"{etc}/authorized_keys", "ssh-ed25519 AAAA\n", 0o640)
    put(f"{etc}/more/deep/file", "1\n", 0o604)
    os.symlink("more/deep", f"{etc}/link")
    os.chmod(etc, 0o751)
    link = tmp_path / "read-only" / "etc"
    link.parent.mkdir()
    link.symlink_to(etc)
    before = tree(etc)
    done = run("backup", link)
    assert done.returncode == 0 and "authorized_keys is not the configuration's" in done.stderr
    put(f"{etc}/customers/acme.toml", CUSTOMER + "# later\n", 0o644)
    looked = run("restore", link)
    assert "authorized_keys" not in looked.stdout
    done = run("restore", link, "--write")
    assert done.returncode == 0, done.stderr
    assert tree(etc) == before and os.readlink(f"{etc}/link") == "more/deep" and link.is_symlink()
    assert stat.S_IMODE(os.stat(etc).st_mode) == 0o751
    assert os.listdir(link.parent) == ["etc"]


def test_what_no_backup_can_have_is_an_error(tmp_path, etc, run):
    os.symlink(tmp_path, f"{etc}/secrets/elsewhere")
    done = run("backup", etc)
    assert done.returncode == 4 and "secrets/elsewhere" in done.stderr and not (tmp_path / "backup").exists()
    os.unlink(f"{etc}/secrets/elsewhere")
    os.mkfifo(f"{etc}/customers/pipe")
    done = run("backup", etc)
    assert done.returncode == 4 and "customers/pipe" in done.stderr
    os.unlink(f"{etc}/customers/pipe")
    put(f"{etc}/secrets/two\nlines", "x")
    assert run("backup", etc).returncode == 4


def test_a_wrong_passphrase_and_a_file_that_was_cut_or_changed_change_nothing(tmp_path, etc, run):
    assert run("backup", etc).returncode == 0
    path, before = tmp_path / "backup", tree(etc)
    whole = path.read_bytes()
    put(f"{etc}/customers/acme.toml", "schema = 1\n", 0o644)
    before = tree(etc)
    wrong = run("restore", etc, "--write", passphrase="another passphrase")
    assert wrong.returncode == 4 and "passphrase" in wrong.stderr and "nothing was written" in wrong.stderr
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1
    for bad in (whole[:-1], whole[:40], b"", bytes(changed), b"else" * 100):
        path.write_bytes(bad)
        done = run("restore", etc, "--write")
        assert done.returncode == 4 and "nothing was written" in done.stderr, done.stderr
    path.unlink()
    assert run("restore", etc, "--write").returncode == 4
    assert tree(etc) == before
    assert run("backup", etc, passphrase="short").returncode == 2 and not path.exists()


def test_a_backup_whose_appliance_has_errors_here_is_not_restored(tmp_path, etc, run):
    put(f"{etc}/warren.toml", APPLIANCE + "unknown = 2\n", 0o644)
    put(f"{etc}/customers/globex.toml", "schema = 1\nunknown = 2\n", 0o644)
    assert run("backup", etc).returncode == 0
    put(f"{etc}/warren.toml", APPLIANCE, 0o644)
    before = tree(etc)
    done = run("restore", etc, "--write")
    assert done.returncode == 4 and "warren.toml" in done.stderr and tree(etc) == before
    assert not [name for name in os.listdir(tmp_path) if name.startswith("etc.")]
    # A customer's error is told, and keeps nobody else from being served.
    (tmp_path / "backup").unlink()
    assert run("backup", etc).returncode == 0
    os.unlink(f"{etc}/customers/acme.toml")
    done = run("restore", etc, "--write")
    assert done.returncode == 0 and "globex.toml" in done.stderr and tree(etc) == before
