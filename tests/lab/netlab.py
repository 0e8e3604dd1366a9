"""Networks for tests: namespaces, wires and processes that are always removed afterwards, even after a failure.

    with Lab() as lab:
        hub, site = lab.namespace("hub"), lab.namespace("site")
        lab.wire(hub, "up0", "198.51.100.1/24", site, "up0", "198.51.100.2/24")
        assert site.ping("198.51.100.1")

All names in a Lab have its prefix (`wlab-<pid>-<n>-`), so the labs of several runs do not collide. Needs root.
"""

import ctypes
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count(1)
NETNS_DIR = "/run/netns"


class LabError(Exception):
    """The lab failed (a command, a timeout), not the code under test."""


def _check(result, what):
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


SLOW = 4  # a shared machine may be as much slower; what waits for something ends as soon as it is there


def wait_until(predicate, timeout=10.0, what="", every=0.02):
    """Polls until `predicate()` is true and returns its value; LabError after SLOW times `timeout` seconds. Tests wait
    only with this function."""
    deadline = time.monotonic() + timeout * SLOW
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise LabError(f"not within {timeout * SLOW} s: {what or getattr(predicate, '__name__', 'condition')}")
        time.sleep(every)


def private_names():
    """Gives this process and its children their own /run/netns and /run/wireguard. Names then cannot collide with the
    host's, and they disappear with the last process. Call it once, early, while there is one thread."""
    for directory in (NETNS_DIR, "/run/wireguard"):
        os.makedirs(directory, mode=0o755, exist_ok=True)
    _check(_libc.unshare(CLONE_NEWNS), "unshare")
    _check(_libc.mount(b"none", b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None), "making mounts private")
    for directory in (NETNS_DIR, "/run/wireguard"):
        _check(_libc.mount(b"tmpfs", directory.encode(), b"tmpfs", ctypes.c_ulong(0), b"mode=0755"),
               f"tmpfs on {directory}")


def run(*command, check=True, timeout=60, text=True, **more):
    """Runs a command and returns the CompletedProcess; with `check`, LabError with the output if it fails."""
    done = subprocess.run(command, stdin=more.pop("stdin", None if "input" in more else subprocess.DEVNULL),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=text, timeout=timeout, **more)
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


class Process:
    """A program that runs beside the test, with its output in a file. The lab ends it by its pid, never by name."""

    def __init__(self, name, command, log, env=None, pass_fds=(), cwd=None):
        self.name, self.log = name, log
        with open(log, "ab") as out:
            self.popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, pass_fds=pass_fds,
                                          cwd=cwd, env={**os.environ, **(env or {})}, start_new_session=True)

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def output(self):
        with open(self.log, errors="replace") as log:
            return log.read()

    def tail(self, lines=40):
        return "\n".join(self.output().splitlines()[-lines:])

    def kill(self, with_signal=signal.SIGKILL):
        if self.running():
            self.popen.send_signal(with_signal)

    def wait(self, timeout=10):
        """The exit status; LabError if it still runs after `timeout` seconds."""
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise LabError(f"{self.name} does not end\n{self.tail()}") from None

    def stop(self, patience=5):
        """Sends SIGTERM, then SIGKILL if it does not end. Returns the exit status."""
        self.kill(signal.SIGTERM)
        try:
            return self.popen.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.popen.wait()


class Namespace:
    """A network namespace. `host` is the short name, `name` the name in `ip netns`. Lab.namespace makes it, or another
    program did (`adopt`)."""

    def __init__(self, lab, host, name):
        self.lab, self.host, self.name = lab, host, name
        self.path = f"{NETNS_DIR}/{name}"

    def __repr__(self):
        return f"<{self.name}>"

    def ip(self, *lines):
        """Runs `ip` commands, one per string, in this namespace: ns.ip("addr add ...", "link set ...")."""
        run("ip", "-n", self.name, "-batch", "-", input="\n".join(lines) + "\n")

    def command(self, *command):
        return ["nsenter", f"--net={self.path}", "--", *map(str, command)]

    def run(self, *command, **more):
        return run(*self.command(*command), **more)

    def start(self, *command, name=None, **more):
        """Starts a program in this namespace and returns the Process. The lab ends it."""
        return self.lab.start(self.command(*command), name or f"{self.host}-{os.path.basename(str(command[0]))}",
                              **more)

    def inside(self, function, *arguments):
        """Calls function(*arguments) in a thread in this namespace; returns its result or raises its exception."""
        outcome = {}

        def body():
            try:
                with open(self.path) as handle:
                    _check(_libc.setns(handle.fileno(), CLONE_NEWNET), f"entering {self.name}")
                outcome["value"] = function(*arguments)
            except BaseException as error:  # raised for the caller below
                outcome["error"] = error

        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        if "error" in outcome:
            raise outcome["error"]
        return outcome["value"]

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_DGRAM, protocol=0):
        """Opens a socket in this namespace; any thread can use it."""
        return self.inside(socket.socket, family, kind, protocol)

    def sysctl(self, key, value):
        def write():
            with open("/proc/sys/" + key.replace(".", "/"), "w") as knob:
                knob.write(str(value))
        self.inside(write)

    def ping(self, address, *options, count=1, timeout=4, check=True):
        """True if every echo request is answered, and sooner than by a client that must shake hands again (5 s)."""
        if count > 1 and "-i" not in options:
            options = (*options, "-i", "0.05")
        done = self.run("ping", "-n", "-q", "-c", count, "-W", timeout, *options, address, check=False)
        return done.returncode == 0 and f" {count} received" in done.stdout

    def answers(self, address, port, timeout=2):
        """True if the address accepts a TCP connection."""
        return self.run("timeout", timeout, "bash", "-c", f"</dev/tcp/{address}/{port}", check=False).returncode == 0

    def devices(self):
        return self.inside(lambda: sorted(name for _, name in socket.if_nameindex()))

    def set_offloads(self, device, state):
        """Turns segmentation offloads on or off. Without them a capture shows packets as on a real wire."""
        self.run("ethtool", "-K", device,
                 *itertools.chain.from_iterable((what, state) for what in ("gso", "gro", "tso", "tx-udp-segmentation")),
                 check=False)


class Lab:
    """Owns namespaces, processes and a directory. A context manager that removes all of them at its end."""

    def __init__(self, prefix=None, directory=None):
        self.prefix = prefix or f"wlab-{os.getpid()}-{next(_numbers)}-"
        self.directory = directory or tempfile.mkdtemp(prefix=self.prefix)
        os.makedirs(self.directory, exist_ok=True)
        os.chmod(self.directory, 0o755)
        self.namespaces, self.processes, self._last_steps = {}, [], []

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is not None and not isinstance(error, (KeyboardInterrupt, GeneratorExit)):
            self.print_logs()
        self.close()

    def at_end(self, step):
        """Calls `step()` when the lab closes, before it removes anything. The last step comes first."""
        self._last_steps.append(step)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text, mode=0o600):
        """Writes a file below the lab's directory and returns its path."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as out:
            os.fchmod(out.fileno(), mode)
            out.write(text)
        return path

    def namespace(self, host, name=None):
        """A new namespace with `lo` up, without IPv6 duplicate address detection, which would delay tests."""
        name = name or self.prefix + host
        run("ip", "netns", "add", name)
        ns = self.namespaces[name] = Namespace(self, host, name)
        ns.ip("link set lo up")
        for scope in ("all", "default"):
            ns.sysctl(f"net.ipv6.conf.{scope}.accept_dad", 0)
        return ns

    def adopt(self, name):
        """A Namespace that another program made and will remove."""
        return Namespace(self, name, name)

    def router(self, host, name=None):
        ns = self.namespace(host, name)
        ns.sysctl("net.ipv4.ip_forward", 1)
        ns.sysctl("net.ipv6.conf.all.forwarding", 1)
        return ns

    def wire(self, left, left_device, left_addresses, right, right_device, right_addresses, mtu=1500):
        """Makes a veth pair between two namespaces. Addresses are one string or a list. Both ends are up afterwards."""
        run("ip", "link", "add", "name", left_device, "netns", left.name, "mtu", str(mtu), "type", "veth", "peer",
            "name", right_device, "netns", right.name, "mtu", str(mtu))
        for ns, device, addresses in ((left, left_device, left_addresses), (right, right_device, right_addresses)):
            addresses = [addresses] if isinstance(addresses, str) else addresses
            ns.ip(*[f"addr add {address} dev {device}{' nodad' if ':' in address else ''}" for address in addresses],
                  f"link set dev {device} up")

    def bridge(self, ns, device, addresses=()):
        ns.ip(f"link add name {device} type bridge", *[f"addr add {address} dev {device}" for address in addresses],
              f"link set dev {device} up")

    def start(self, command, name, **more):
        process = Process(name, [str(word) for word in command], self.path(f"{name}.{len(self.processes)}.log"), **more)
        self.processes.append(process)
        return process

    def print_logs(self, lines=25):
        for process in self.processes:
            text = process.tail(lines)
            if text.strip():
                print(f"--- {process.name} (pid {process.pid}), last lines ---\n{text}", file=sys.stderr)

    def close(self):
        """Ends the lab's processes and removes its namespaces and files. It tries every step, even after a failure, and
        raises the first failure at the end."""
        failures = []

        def attempt(step, *arguments):
            try:
                step(*arguments)
            except Exception as error:
                failures.append(error)

        while self._last_steps:
            attempt(self._last_steps.pop())
        for process in reversed(self.processes):
            process.kill(signal.SIGTERM)
        for process in reversed(self.processes):
            attempt(process.stop)
        for name in list(self.namespaces):
            attempt(remove_namespace, name)
        self.namespaces.clear()
        shutil.rmtree(self.directory, ignore_errors=True)
        if failures:
            raise failures[0]


def remove_namespace(name):
    """Ends the processes in a namespace, then removes it."""
    def emptied():
        pids = run("ip", "netns", "pids", name, check=False).stdout.split()
        for pid in pids:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
        return not pids

    wait_until(emptied, 10, f"the processes in {name} end")
    if os.path.exists(f"{NETNS_DIR}/{name}"):
        run("ip", "netns", "del", name)


def baseline():
    """The named namespaces, devices and other processes that are visible here. Take it before a test, and compare
    with leaks() afterwards."""
    processes = set()
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/cmdline") as words:
                command = words.read().replace("\0", " ").strip()
        except OSError:
            continue
        if command and int(entry) != os.getpid():  # kernel threads have no command line
            processes.add((int(entry), command))
    names = os.listdir(NETNS_DIR) if os.path.isdir(NETNS_DIR) else []
    return {"namespaces": set(names), "devices": {name for _, name in socket.if_nameindex()}, "processes": processes}


def leaks(before, ours=("wlab-", "warren")):
    """Namespaces, devices and processes of the tests that have appeared since `before`, as text."""
    now = baseline()
    found = [f"namespace {name}" for name in now["namespaces"] - before["namespaces"] if name.startswith(tuple(ours))]
    found += [f"device {name}" for name in now["devices"] - before["devices"]]
    marks = (*ours, "stackd", "vpnd", "wireguard-go")
    found += [f"process {pid}: {command}"
              for pid, command in now["processes"] - before["processes"] if any(mark in command for mark in marks)]
    return found
