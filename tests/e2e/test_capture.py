"""vpnctl capture: a customer's packets as a file for tcpdump, with each datagram beside what was in it."""

import contextlib
import re
import signal
import socket
import subprocess
import time

import pytest

from tests.lab import inner, netlab, pcapng
from tests.lab.town import STACK4, Pinging

CAPTURED = re.compile(r"(\d+) packets? captured, (\d+) lost")
PAIR = re.compile(r"^(\d+) (inbound|outbound), peer (\S+), wireguard receiver 0x[0-9a-f]{8} counter (\d+)")


class Capturing:
    """`vpnctl capture` beside the test, with its file."""

    def __init__(self, town, *arguments, name="capture"):
        self.path = town.lab.path(f"{name}-{time.monotonic_ns()}.pcapng")
        self.process = town.hub.start(f"{town.warren.bin}/vpnctl", "--run-dir", town.warren.run_dir, "capture", "-w",
                                      self.path, *arguments, name=name)
        netlab.wait_until(lambda: len(self.data()) > 100 or not self.process.running(), 10, "the capture has begun")

    def data(self):
        with contextlib.suppress(FileNotFoundError), open(self.path, "rb") as file:
            return file.read()
        return b""

    def packets(self):
        return pcapng.read(self.data())

    def said(self):
        """(captured, lost), as it says at its end."""
        return tuple(map(int, CAPTURED.search(self.process.output()).groups()))

    def end(self, with_signal=signal.SIGINT):
        self.process.kill(with_signal)
        status = self.process.wait(20)
        assert status == 0, self.process.tail()
        return self.packets()


@pytest.fixture
def capturing(town):
    running = []

    def start(*arguments, **more):
        running.append(Capturing(town, *arguments, **more))
        return running[-1]
    yield start
    for one in running:
        one.process.stop()


def echo(packet):
    """(type, payload) of an ICMP echo; None for anything else."""
    if packet[0] >> 4 != 4 or packet[9] != 1:
        return None
    return packet[20], packet[28:]


def test_each_packet_stands_beside_its_datagram(town, visit, capturing):
    office = town.office("branch")
    customer = visit([office])
    office.connect()
    capture = capturing(customer.id, "-c", "8")
    assert office.ping(count=5)
    assert capture.process.wait(20) == 0
    assert capture.said() == (8, 0)
    packets = capture.packets()
    inside = [one for one in packets if one.interface == "inner" and echo(one.data)]
    assert {echo(one.data)[0] for one in inside} == {0, 8}  # both directions
    for one in inside:
        number, way, peer, _ = PAIR.match(one.comment).groups()
        assert peer == "branch" and way == ("inbound" if echo(one.data)[0] == 8 else "outbound")
        outside, = [other for other in packets if other.interface == "outer" and other.comment == one.comment]
        message = outside.data[28:]
        # The counter and the receiver index are those of the datagram itself.
        assert message[:4] == b"\4\0\0\0"
        assert f"counter {int.from_bytes(message[8:16], 'little')}" in one.comment
        assert f"receiver 0x{int.from_bytes(message[4:8], 'little'):08x}" in one.comment
        assert len(message) >= len(one.data) + 32
    shown = netlab.run("tcpdump", "-n", "-r", capture.path).stdout
    assert "10.0.0.2 > 10.0.0.1: ICMP echo request" in shown and "ICMP echo reply" in shown
    assert f"> 198.51.100.1.{town.warren.listen_port}: " in shown


def test_a_dropped_packet_has_its_reason(town, visit, capturing):
    raw, entry = town.raw_peer("raw")
    customer = visit([entry])
    session = raw.handshake()
    raw.confirm(session)
    capture = capturing(customer.id)
    raw.send(session.data(inner.echo_request("10.9.9.9", STACK4, b"mine")))
    stack = town.stack(customer)
    stack.ip("route add 10.77.0.0/24 dev vpn0")
    stack.run("ping", "-c1", "-W1", "10.77.0.1", check=False)
    netlab.wait_until(lambda: any("an error that vpnd answers with" in one.comment for one in capture.packets()), 5,
                      "the last of them is there")
    packets = capture.end()
    refused, = [one for one in packets if "dropped: source_not_allowed" in one.comment and one.interface == "inner"]
    assert echo(refused.data)[1] == b"mine"
    lost, = [one for one in packets if "dropped: no_peer_for_destination" in one.comment]
    assert lost.interface == "inner" and lost.data[16:20] == bytes([10, 77, 0, 1])


def test_a_capture_has_no_packet_of_another_customer(town, visit, capturing):
    """Two customers with the same addresses, both busy."""
    ours, theirs = town.office("ours"), town.office("theirs")
    customer, other = visit([ours]), visit([theirs])
    ours.connect()
    theirs.connect()
    capture = capturing(customer.id)
    busy = [one.ns.start("ping", "-q", "-i", "0.002", "-c", "1500", "-p", pattern, STACK4, name=f"load-{pattern}")
            for one, pattern in ((ours, "aa"), (theirs, "bb"))]
    for one in busy:
        assert one.wait(60) == 0, one.tail()
        assert " 0% packet loss" in one.output()
    packets = capture.end()
    inside = [one.data for one in packets if one.interface == "inner" and echo(one.data)]
    assert sum(b"\xaa" * 16 in one for one in inside) == 3000
    assert not any(b"\xbb" * 16 in one for one in inside)
    senders = {one.data[12:16] for one in packets if one.interface == "outer"}
    there = bytes(map(int, theirs.place.ipv4.split(".")))
    assert there not in senders
    assert other.id not in capture.process.output()


def test_one_peer_one_part_and_a_filter(town, visit, capturing):
    branch, depot = town.office("branch"), town.office("depot", addresses=("10.0.0.3/32", "fd00:42::3/128"))
    customer = visit([branch, depot])
    branch.connect()
    depot.connect()
    capture = capturing(customer.id, "depot", "--inner", "icmp")
    branch.ping(count=2)
    depot.ping(count=2)
    depot.ping("fd00:42::1", count=2)  # ICMPv6, which the filter does not match
    netlab.wait_until(lambda: len(capture.packets()) >= 4, 5, "the pings are there")
    packets = capture.end()
    assert len(packets) == 4
    assert all(one.interface == "inner" and "peer depot" in one.comment for one in packets)
    assert all(bytes([10, 0, 0, 3]) in (one.data[12:16], one.data[16:20]) for one in packets)
    outside = capturing(customer.id, "--outer", "udp", "port", str(town.warren.listen_port))
    branch.ping(count=2)
    netlab.wait_until(lambda: len(outside.packets()) >= 4, 5, "the datagrams are there")
    assert {one.interface for one in outside.end()} == {"outer"}

    wrong = town.warren.ctl("capture", customer.id, "-w", "/dev/null", "tcp prt 443", check=False)
    assert wrong.returncode == 2 and "tcp prt 443" in wrong.stderr


def test_a_reader_that_does_not_read_loses_captures_and_no_packet(town, visit):
    office = town.office("branch")
    customer = visit([office])
    office.connect()
    command = [f"{town.warren.bin}/vpnctl", "--run-dir", town.warren.run_dir, "capture", customer.id]
    with subprocess.Popen(town.hub.command(*command), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as capture:
        assert capture.stdout.read(4) == b"\n\r\r\n"
        # 16 MB wait in the socket, and 64 KB in the pipe: more than that is lost.
        pings = Pinging(office.ns, STACK4)
        stack = town.stack(customer)
        with office.ns.socket() as far:
            far.bind(("10.0.0.2", 9))
            stack.inside(flood)
            assert pings.lost() == 0
        capture.send_signal(signal.SIGINT)
        said = capture.communicate(timeout=60)[1].decode()
    captured, lost = map(int, CAPTURED.search(said).groups())
    assert captured > 100 and lost > 100, said


def test_a_reader_that_stalls_does_not_keep_it_from_ending(town, visit):
    office = town.office("branch")
    customer = visit([office])
    office.connect()
    command = [f"{town.warren.bin}/vpnctl", "--run-dir", town.warren.run_dir, "capture", customer.id]
    with subprocess.Popen(town.hub.command(*command), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as capture:
        assert capture.stdout.read(4) == b"\n\r\r\n"
        with office.ns.socket() as far:
            far.bind(("10.0.0.2", 9))
            town.stack(customer).inside(flood, 1_000)
        capture.send_signal(signal.SIGTERM)
        # Nobody reads the pipe, which is full.
        assert capture.wait(10) == 4
        assert b"does not read" in capture.stderr.read()


def flood(count=14_000, size=1_300):
    """Datagrams from here to the office."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for number in range(count):
            with contextlib.suppress(BlockingIOError):
                sock.sendto(bytes(size), ("10.0.0.2", 9))
            if number % 10 == 0:
                time.sleep(0.002)


def test_its_end(town, visit, capturing):
    office = town.office("branch")
    customer = visit([office])
    office.connect()
    warren = town.warren
    first = capturing(customer.id)
    busy = warren.ctl("capture", customer.id, "-w", "/dev/null", check=False)
    assert busy.returncode == 4 and "one at a time" in busy.stderr
    # The same command again leaves the file of the first alone.
    again = warren.ctl("capture", customer.id, "-w", first.path, check=False)
    assert again.returncode == 4 and "written by another capture" in again.stderr
    assert len(first.data()) > 100
    # Who watches whom is written down, before the first packet.
    line, = [one for one in warren.output().splitlines() if "capture_requested" in one and customer.id in one][-2:-1]
    assert "uid=0" in line
    first.process.kill(signal.SIGKILL)
    first.process.wait()
    netlab.wait_until(lambda: "capture_ended" in warren.output(), 5, "vpnd notices that it was killed")

    second = capturing(customer.id)
    warren.ctl("restart", "vpnd")
    assert second.process.wait(20) == 4
    assert "vpnd ended or was replaced; the capture ends with it" in second.process.output()
    office.connect()

    third = capturing(customer.id)
    warren.remove(customer.id)
    assert third.process.wait(20) == 4
    assert "the customer is gone" in third.process.output()

    none = warren.ctl("capture", "nobody", "-w", "/dev/null", check=False)
    assert none.returncode == 4 and "no customer nobody" in none.stderr
