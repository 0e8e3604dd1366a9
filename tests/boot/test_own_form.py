"""A version whose configuration has another form works on a copy, and the version in the other slot finds its own. The
tests use a directory that looks like an appliance."""

import os
import pathlib
import subprocess

import pytest

from tests.lab import netlab
from tests.lab.warren import ROOT

OWN_FORM = f"{ROOT}/image/overlay/usr/lib/warren/own-form"
OLD = {"warren.toml": "port = 1\n", "customers/acme.toml": "mtu = 1400\n"}
NEW = {"warren.toml": "port = 1\nform = 2\n", "customers/acme.toml": "mtu = 1400\nform = 2\n"}
KILLED_AT = ('n=0; set -T; trap \'[[ $BASHPID != $$ ]] || '
             '{ n=$((n + 1)); echo $n >"$STEP"; [[ $n != "$CUT" ]] || kill -KILL $$; }\' DEBUG; . "$0"')


class Appliance:
    """It runs a version with form 2 in /data/etc/warren-2; the other slot's version has form 1."""

    def __init__(self, root):
        self.root, self.first, self.own = root, root / "data/etc/warren", root / "data/etc/warren-2"
        for path in ("etc", "usr/lib/warren", "sys/firmware/efi/efivars", "data/etc/warren/customers", "data/update"):
            (root / path).mkdir(parents=True)
        os.symlink("/data/etc/warren-2", root / "etc/warren")
        migrate = root / "usr/lib/warren/migrate"
        migrate.write_text(
            '#!/bin/sh\nset -e\nfor file in "$1"/*.toml "$1"/customers/*.toml; do echo "form = 2" >>"$file"; done\n')
        migrate.chmod(0o755)
        write(self.first, OLD)

    def on_trial(self, trial):
        variable = self.root / "sys/firmware/efi/efivars/LoaderBootCountPath-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
        variable.write_text("") if trial else variable.unlink(missing_ok=True)

    def remember(self, why, form="/data/etc/warren", customers=1):
        """Writes what an install or a rollback remembers."""
        (self.root / "data/update/before").write_text(f"for={why} customers={customers} gateway=yes form={form}\n")

    def start(self, cut_at=None, fails=False):
        """Runs own-form; returns the number of commands that it ran."""
        step = self.root / "step"
        done = subprocess.run(["bash", "-c", KILLED_AT, OWN_FORM],
                              env={**os.environ, "WARREN_ROOT": str(self.root), "CUT": str(cut_at), "STEP": str(step)},
                              capture_output=True, text=True, timeout=30)
        assert done.returncode == (-9 if cut_at else 1 if fails else 0), done.stderr
        return int(step.read_text())


def write(directory, files):
    for name, text in files.items():
        (directory / name).write_text(text)


def write_all(directory, files):
    (directory / "customers").mkdir(parents=True)
    write(directory, files)


def read(directory):
    return {str(path.relative_to(directory)): path.read_text() for path in directory.rglob("*.toml")}


@pytest.fixture
def appliance(tmp_path):
    return Appliance(tmp_path)


def test_the_first_start_makes_a_copy_and_leaves_the_other_versions_files(appliance):
    appliance.on_trial(True)
    appliance.start()
    assert read(appliance.own) == NEW and read(appliance.first) == OLD


def test_a_version_on_trial_takes_over_changes_made_under_the_other_version(appliance):
    appliance.on_trial(True)
    appliance.start()
    write(appliance.first, {"warren.toml": "port = 9\n"})
    appliance.start()
    assert read(appliance.own)["warren.toml"] == "port = 9\nform = 2\n"


def test_a_good_version_keeps_the_changes_made_under_it(appliance):
    appliance.on_trial(True)
    appliance.start()
    appliance.on_trial(False)
    write(appliance.own, {"warren.toml": "port = 7\nform = 2\n"})
    write(appliance.first, {"warren.toml": "port = 9\n"})
    appliance.start()
    assert read(appliance.own)["warren.toml"] == "port = 7\nform = 2\n"
    assert read(appliance.first)["warren.toml"] == "port = 9\n"


def test_a_newer_version_with_the_same_form_takes_over_the_current_files(appliance):
    appliance.on_trial(True)
    appliance.start()
    write(appliance.own, {"warren.toml": "port = 7\nform = 2\n"})
    appliance.remember("install", "/data/etc/warren-2")
    appliance.start()
    assert read(appliance.own)["warren.toml"] == "port = 7\nform = 2\n"
    appliance.remember("install")
    appliance.start()
    assert read(appliance.own) == NEW


def test_this_form_is_made_from_a_third_one_that_was_in_use(appliance):
    write_all(appliance.root / "data/etc/warren-3", {"warren.toml": "port = 3\n", "customers/acme.toml": "mtu = 3\n"})
    appliance.on_trial(True)
    appliance.remember("install", "/data/etc/warren-3")
    appliance.start()
    assert read(appliance.own) == {"warren.toml": "port = 3\nform = 2\n", "customers/acme.toml": "mtu = 3\nform = 2\n"}


def test_after_a_rollback_a_version_finds_its_own_files(appliance):
    appliance.on_trial(True)
    appliance.start()
    write(appliance.own, {"warren.toml": "port = 7\nform = 2\n"})
    write_all(appliance.root / "data/etc/warren-3", {"warren.toml": "port = 3\n", "customers/acme.toml": "mtu = 3\n"})
    for form in ("/data/etc/warren-3", "/data/etc/warren"):
        appliance.remember("rollback", form)
        appliance.start()
        assert read(appliance.own)["warren.toml"] == "port = 7\nform = 2\n"


@pytest.mark.parametrize("trial, why, form, wanted", [
    (True, "install", "/data/etc/warren", 3), (True, "install", "/data/etc/warren-2", 3),
    (True, "rollback", "/data/etc/warren-2", 3), (True, "rollback", "/data/etc/warren-3", 1),
    (False, "install", "/data/etc/warren-2", 1), (True, None, None, 1)])
def test_as_many_customers_as_before_have_to_be_up_but_after_a_rollback_only_those_in_the_old_files(
    appliance, trial, why, form, wanted):
    write_all(appliance.own, OLD)
    appliance.on_trial(trial)
    if why:
        appliance.remember(why, form, customers=3)
    said = netlab.run("bash",
                      "-euc", f'root={appliance.root}; . {os.path.dirname(OWN_FORM)}/slots.bash; customers_wanted')
    assert said.stdout == f"{wanted}\n"


def test_a_failed_migration_leaves_no_copy(appliance):
    migrate = appliance.root / "usr/lib/warren/migrate"
    migrate.write_text('#!/bin/sh\necho half >"$1/warren.toml"\nexit 1\n')
    appliance.on_trial(True)
    appliance.start(fails=True)
    assert sorted(path.name for path in (appliance.root / "data/etc").iterdir()) == ["warren"]
    assert read(appliance.first) == OLD


def test_a_version_with_the_first_form_changes_nothing(appliance):
    os.unlink(appliance.root / "etc/warren")
    os.symlink("/data/etc/warren", appliance.root / "etc/warren")
    appliance.on_trial(True)
    appliance.start()
    assert read(appliance.first) == OLD and not appliance.own.exists()


def test_a_cut_at_any_step_leaves_both_forms_intact(appliance):
    whole = appliance.start()
    assert whole > 12
    for cut_at in range(1, whole + 1):
        appliance = Appliance(pathlib.Path(f"{appliance.root}-{cut_at}"))
        appliance.on_trial(True)
        appliance.start(cut_at)
        assert read(appliance.first) == OLD
        assert not appliance.own.exists() or read(appliance.own) == NEW, cut_at
        appliance.start()
        assert read(appliance.first) == OLD and read(appliance.own) == NEW, cut_at
