"""Nodes of a fleet, each a room of its own (mounts, processes, network), so that its end is a power cut."""

import os
import re
import socket
import struct
import threading
import time

from . import netlab, warren

GROUP = "nogroup"  # of netlab's unprivileged user
VERBS = {"prepare": 13, "serve": 14, "stop": 15, "status": 16, "fleet status": 17, "fleet move": 18, "fleet drain": 19,
         "fleet undrain": 20}


def boot_time():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Room(netlab.Namespace):
    """A namespace whose programs see mounts and processes of their own, and end with the room."""

    def furnish(self):
        script = ("mount -t tmpfs -o mode=0755 tmpfs /run/netns; mount -t tmpfs -o mode=0755 tmpfs /run/wireguard; "
                  "echo $$; exec sleep infinity")
        self.init = self.lab.start(
            ["nsenter", f"--net={self.path}", "--", "unshare", "--mount", "--propagation", "private", "--pid", "--fork",
             "--kill-child", "--mount-proc", "--", "bash", "-ec", script], f"{self.host}-room")
        netlab.wait_until(lambda: self.init.tail().strip() == "1", 10, "the room is furnished")
        with open(f"/proc/{self.init.pid}/task/{self.init.pid}/children") as children:
            self.first = int(children.read().split()[0])
        return self

    def command(self, *command):
        return ["nsenter", "-t", str(self.first), "--mount", "--pid", "--net", "--", *map(str, command)]

    def outside(self, *command, **more):
        """In the network of the room only; works when the room has ended."""
        return netlab.run("nsenter", f"--net={self.path}", "--", *map(str, command), **more)

    def end(self):
        """Every program ends at once, as with kill -9."""
        self.init.kill(9)
        self.init.wait()


class Node(warren.Warren):
    """stackd of one node. `files` is a directory for what fleetd, BIRD and etcd have."""

    def __init__(self, lab, room, **more):
        super().__init__(lab, room, name=room.host, **more)
        self.appliance = "fleet"  # warren.toml is the same on all
        self.room = room
        self.fleet_dir = lab.path(f"{room.host}-fleet")
        os.makedirs(self.fleet_dir)
        os.chmod(self.fleet_dir, 0o777)

    def stackd(self, *options):
        return super().stackd("--fleet-group", GROUP, "--fleet-dir", self.fleet_dir, *options)

    def down(self):
        """The room ends, and the stacks with it."""
        if self.process:
            self.process = None
            self.room.end()

    # --- what fleetd asks of stackd, by hand --------------------------------------------------------------------------

    def ask(self, verb, group=0, epoch=0, until=0, addresses=(), node=""):
        """(exit status, summary, texts) of one request to stackd's fleet.sock, or to fleetd. Source:
        ipc/control_messages.h."""
        def text(value):
            return struct.pack("<I", len(value)) + value.encode()
        wire = bytes([warren.WIRE_VERSION, 0, VERBS[verb], 0]) + text("") + text(node) + b"\0" + struct.pack("<I", 0)
        wire += text("") + text("") + text("") + struct.pack("<HQQI", group, epoch, until, len(addresses))
        for address in addresses:
            is_v4 = ":" not in address
            wire += bytes([0 if is_v4 else 1]) + socket.inet_pton(socket.AF_INET if is_v4 else socket.AF_INET6, address)
        texts = []
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as channel:
            channel.settimeout(20)
            is_fleetd = verb.startswith("fleet ")
            channel.connect(f"{self.run_dir}-fleet/fleetd.sock" if is_fleetd else f"{self.run_dir}/fleet.sock")
            channel.send(wire)
            while True:
                answer = channel.recv(65536)
                assert answer and answer[0] == warren.WIRE_VERSION, answer
                if answer[1] == 2:
                    size, = struct.unpack_from("<I", answer, 11)
                    return answer[2], answer[15:15 + size].decode(), texts
                size, = struct.unpack_from("<I", answer, 3)  # of the customer's id
                texts.append(answer[11 + size:].decode())

    def serve(self, group, addresses, seconds, epoch):
        return self.ask("serve", group, epoch, boot_time() + int(seconds * 1e9), addresses)

    def service_addresses(self):
        done = self.room.outside("ip", "-o", "addr", "show", "dev", "warren0", check=False)
        return set(re.findall(r"inet6? ([0-9a-f.:]+)/(?:32|128)", done.stdout))


class Watch:
    """Pings through a tunnel all the time, and says when answers came."""

    def __init__(self, ns, address, interval=0.1):
        self.process = ns.start("ping", "-n", "-D", "-i", interval, address, name=f"{ns.host}-ping")

    def answers(self):
        return [float(at) for at in re.findall(r"^\[([0-9.]+)\] \d+ bytes from", self.process.tail(100_000), re.M)]

    def wait_for_answer_after(self, moment, timeout):
        """Seconds from `moment` (of time.time()) to the first answer after it that follows a gap or is later."""
        return netlab.wait_until(lambda: next((at for at in self.answers() if at > moment), None), timeout,
                                 "an answer comes through the tunnel") - moment

    def longest_gap(self, since):
        times = [since] + [at for at in self.answers() if at > since]
        return max((later - earlier for earlier, later in zip(times, times[1:])), default=0)


class TwoOwners(threading.Thread):
    """Looks all the time whether two nodes have one service address."""

    def __init__(self, nodes):
        super().__init__(daemon=True)
        self.nodes, self.found, self.over, self.looks = nodes, [], threading.Event(), 0

    def run(self):
        while not self.over.wait(0.02):
            self.looks += 1
            holders = {}
            for node in self.nodes:
                for address in node.service_addresses():
                    holders.setdefault(address, []).append(node)
            for address, nodes in holders.items():
                # One may have lost it while we looked at the next.
                if len(nodes) > 1 and sum(address in node.service_addresses() for node in nodes) > 1:
                    self.found.append((address, [node.name for node in nodes]))

    def finish(self):
        self.over.set()
        self.join()
        assert self.looks > 0
        assert self.found == []
