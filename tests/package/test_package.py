"""The Debian package: its content, lintian's report, the exposure of its units, and that a purge removes everything."""

import os
import re
import shutil
import subprocess

import pytest

from tests.lab import netlab
from tests.lab.warren import ROOT, programs

# Unit -> the highest exposure level that systemd-analyze may report, of 10.
UNITS = {"warren.service": 4.5, "warren-vpnd@.service": 1.0, "warren-authd@.service": 1.0,
         "warren-statusd@.service": 1.0, "warren-alertd@.service": 2.0}
FLEET_UNITS = {"fleet/warren-fleet.service": 2.0, "fleet/warren-fleet-follow.service": 2.5}


@pytest.fixture(scope="module")
def package():
    """The .deb of the build under test."""
    preset = os.path.basename(os.path.dirname(programs()))
    return netlab.run(f"{ROOT}/package/build", preset, timeout=1800).stdout.strip()


@pytest.fixture(scope="module")
def fleet_package(package):
    """The .deb of fleetd, which is made with the other one."""
    return package.replace("/warren_", "/warren-fleet_")


@pytest.fixture(scope="module")
def debian(tmp_path_factory):
    """The root of a Debian 12 with systemd and the package's dependencies."""
    tar = netlab.run(f"{ROOT}/image/base", "vm", timeout=1000).stdout.strip()
    root = str(tmp_path_factory.mktemp("debian") / "root")
    os.mkdir(root, 0o755)
    netlab.run("tar", "-C", root, "-xpf", tar, "--exclude=./dev/*", "--exclude=./usr/lib/modules", "--exclude=./boot")
    yield root
    shutil.rmtree(root)


def listing(package):
    """{path: (mode, owner)} of the files in the package."""
    lines = netlab.run("dpkg-deb", "--contents", package).stdout.splitlines()
    return {line.split(None, 5)[5].removeprefix("."): tuple(line.split()[:2]) for line in lines}


def test_lintian_reports_nothing(package, fleet_package):
    for one in (package, fleet_package):
        said = netlab.run("lintian", "--allow-root", "--fail-on", "error,warning", one, check=False, timeout=120)
        assert said.returncode == 0, said.stdout + said.stderr


def test_what_a_fleet_needs_is_a_package_of_its_own(package, fleet_package):
    files = listing(fleet_package)
    assert files["/usr/sbin/fleetd"] == ("-rwxr-xr-x", "root/root")
    for path in (*(f"/lib/systemd/system/{os.path.basename(unit)}" for unit in FLEET_UNITS),
                 "/lib/systemd/system/warren.service.d/fleet.conf", "/usr/lib/sysusers.d/warren-fleet.conf",
                 "/usr/share/man/man8/fleetd.8.gz", "/usr/share/doc/warren-fleet/fleet.md"):
        assert files[path] == ("-rw-r--r--", "root/root"), path
    assert not [path for path in listing(package) if "fleet" in path]
    depends = netlab.run("dpkg-deb", "--field", fleet_package, "Depends").stdout
    version = netlab.run("dpkg-deb", "--field", package, "Version").stdout.strip()
    assert f"warren (= {version})" in depends and "bird2" in depends and "etcd-server" in depends
    assert "etcd" not in netlab.run("dpkg-deb", "--field", package, "Depends", "Recommends").stdout
    said = [netlab.run("dpkg-deb", "--field", one, "Description").stdout.splitlines()
            for one in (package, fleet_package)]
    assert [lines[0].endswith(("one machine", "act as one")) for lines in said] == [True, True]
    assert all(line.lstrip() not in lines[0] for lines in said for line in lines[1:])


def test_fleetd_has_no_capability_and_a_user_of_its_own():
    settings = settings_of("fleet/warren-fleet.service")
    wanted = {"CapabilityBoundingSet": "", "NoNewPrivileges": "yes", "ProtectSystem": "strict", "LimitCORE": "0"}
    assert {key: settings.get(key) for key in wanted} == wanted
    assert settings["User"] == settings["Group"] == "warren-fleet"


def test_every_file_is_where_it_belongs(package):
    files = listing(package)
    for path in ("/usr/sbin/stackd", "/usr/sbin/vpnd", "/usr/sbin/authd", "/usr/sbin/statusd", "/usr/sbin/alertd",
                 "/usr/bin/vpnctl"):
        assert files[path] == ("-rwxr-xr-x", "root/root"), path
    for path in (*(f"/lib/systemd/system/{unit}" for unit in UNITS), "/lib/systemd/system/warren-vpnd.socket",
                 "/lib/systemd/system/warren-authd.socket", "/lib/systemd/system/warren-statusd.socket",
                 "/lib/systemd/system/warren-service.socket", "/lib/systemd/system/warren-service@.service",
                 "/usr/lib/sysusers.d/warren.conf",
                 "/usr/share/bash-completion/completions/vpnctl", "/usr/share/zsh/vendor-completions/_vpnctl",
                 "/usr/share/fish/vendor_completions.d/vpnctl.fish", "/usr/share/man/man1/vpnctl.1.gz",
                 "/usr/share/man/man5/warren.toml.5.gz", "/usr/share/man/man5/warren-customer.5.gz",
                 "/usr/share/man/man8/stackd.8.gz", "/usr/share/man/man8/vpnd.8.gz",
                 "/usr/share/man/man8/authd.8.gz", "/usr/share/man/man8/statusd.8.gz",
                 "/usr/share/man/man8/alertd.8.gz", "/lib/systemd/system/warren-alertd.socket"):
        assert files[path] == ("-rw-r--r--", "root/root"), path
    for path in ("examples/warren.toml", "examples/customers/acme.toml", "recipes.md", "config.md", "troubles.md",
                 "monitoring/alerts.yml", "monitoring/alerts_test.yml", "monitoring/dashboard.json"):
        assert files[f"/usr/share/doc/warren/{path}"] == ("-rw-r--r--", "root/root"), path
    assert files["/etc/warren/secrets/"] == ("drwx------", "root/root")


def test_it_needs_and_recommends_no_kernel(package):
    """The recommends of wireguard-tools is a module, which brings a kernel where none is installed."""
    wanted = netlab.run("dpkg-deb", "--field", package, "Depends", "Recommends").stdout
    assert "wireguard" not in wanted and "linux-" not in wanted


def test_others_cannot_write_any_file_and_no_file_is_setuid(package):
    for path, (mode, owner) in listing(package).items():
        assert owner == "root/root", f"{owner} {path}"
        assert mode[0] == "l" or ("s" not in mode and "w" not in mode[5:]), f"{mode} {path}"


def settings_of(unit):
    with open(f"{ROOT}/package/{unit}") as text:
        return dict(re.findall(r"^(\w+)=(.*)", text.read(), re.M))


def exposure(unit, directory):
    said = netlab.run("systemd-analyze", "security", "--offline=true", "--no-pager", unit, check=False, cwd=directory)
    return float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", said.stdout).group(1))


@pytest.mark.parametrize("unit, most", {**UNITS, **FLEET_UNITS}.items())
def test_the_units_drop_the_rights_that_the_daemons_do_not_need(unit, most):
    assert exposure(f"{ROOT}/package/{unit}", ROOT) <= most


@pytest.mark.parametrize("daemon", ["vpnd", "authd", "statusd"])
def test_the_daemons_have_no_network_no_capability_and_their_own_root(daemon):
    settings = settings_of(f"warren-{daemon}@.service")
    wanted = {"CapabilityBoundingSet": "", "NoNewPrivileges": "yes", "PrivateNetwork": "yes",
              "RootDirectory": "/usr/lib/warren/root", "BindReadOnlyPaths": "/usr", "ProtectSystem": "strict",
              "ProtectHome": "yes", "RestrictAddressFamilies": "none", "IgnoreOnIsolate": "yes", "LimitCORE": "0"}
    assert {key: settings.get(key) for key in wanted} == wanted
    user = {"vpnd": "warren", "authd": "warren-auth", "statusd": "warren-web"}[daemon]
    assert settings["User"] == settings["Group"] == user


@pytest.mark.parametrize("daemon", ["vpnd", "authd", "statusd"])
def test_only_root_can_have_a_daemon_started(daemon):
    settings = settings_of(f"warren-{daemon}.socket")
    assert (settings["SocketMode"], settings["DirectoryMode"], settings["Accept"]) == ("0600", "0700", "yes")


def test_a_stackd_that_hangs_is_started_again_and_leaves_vpnd_alone(package):
    settings = settings_of("warren.service")
    assert settings["Type"] == "notify"
    assert settings["WatchdogSec"] == "3min"
    assert settings["Restart"] == "always"
    assert settings["KillMode"] == "process"


def test_a_restart_and_an_upgrade_leave_vpnd_running(package):
    assert settings_of("warren.service")["RestartKillSignal"] == "SIGUSR1"
    with open(f"{ROOT}/package/postinst") as script:
        text = script.read()
    assert text.index("deb-systemd-invoke") < text.index("vpnctl restart vpnd")


def test_the_unit_has_no_mount_namespace(package):
    """A mount namespace would hide the names of the stacks from the host and from the next stackd."""
    with open(f"{ROOT}/package/warren.service") as text:
        settings = re.findall(r"^(\w+)=", text.read(), re.M)
    implying = ("ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateDevices", "PrivateMounts",
                "ProtectKernelTunables", "ProtectKernelModules", "ProtectKernelLogs", "ProtectControlGroups",
                "ProtectProc", "ProcSubset", "ReadWritePaths", "ReadOnlyPaths", "InaccessiblePaths", "BindPaths",
                "BindReadOnlyPaths", "TemporaryFileSystem", "RootDirectory", "RootImage", "DynamicUser", "MountFlags")
    assert not set(implying) & set(settings)


def test_it_installs_runs_and_a_purge_leaves_nothing(package, debian):
    def chroot(*command, **more):
        return netlab.run("chroot", debian, *command, timeout=120, **more)

    def state():
        files = subprocess.run(["find", ".", "-xdev", "(", "-path", "./var/lib/dpkg", "-o", "-path", "./var/log", "-o",
                                "-path", "./dev", ")", "-prune", "-o", "-print"],
                               cwd=debian, capture_output=True, text=True, check=True).stdout.splitlines()
        with open(f"{debian}/etc/passwd") as users, open(f"{debian}/etc/group") as groups:
            return set(files), sorted(users), sorted(groups)

    # systemd-sysusers keeps copies of the files that it changed, like every tool that changes them.
    chroot("sh", "-c", "for f in passwd group shadow gshadow; do cp -p /etc/$f /etc/$f-; done")
    before = state()
    shutil.copy(package, f"{debian}/warren.deb")
    chroot("dpkg", "-i", "/warren.deb")
    os.unlink(f"{debian}/warren.deb")
    version = chroot("dpkg-query", "-W", "-f", "${Version}", "warren").stdout.removesuffix("-1")
    assert chroot("stackd", "--version").stdout == f"stackd {version.replace('~', '-')}\n"
    assert chroot("vpnctl", "check", "/etc/warren", check=False).returncode == 1  # it runs; there is no warren.toml yet
    users, earlier = ({line.split(":")[0] for line in lines} for lines in (state()[1], before[1]))
    assert users - earlier == {"warren", "warren-alert", "warren-auth", "warren-service", "warren-web"}
    assert os.path.islink(f"{debian}/etc/systemd/system/multi-user.target.wants/warren.service")
    with open(f"{debian}/etc/warren/warren.toml", "w") as text:
        text.write("# the operator's\n")
    chroot("dpkg", "-r", "warren")
    assert os.path.exists(f"{debian}/etc/warren/warren.toml")
    chroot("dpkg", "-P", "warren")
    after = state()
    assert after[0] == before[0], sorted(after[0] ^ before[0])
    assert after[1:] == before[1:]
