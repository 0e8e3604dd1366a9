"""The firewall of the firmware image: what it admits, and that no stranger fills the table of connections."""

import os
import socket
import struct

import pytest

from tests.lab import inner, netlab

RULES = os.path.join(os.path.dirname(__file__), "../../image/overlay/etc/nftables.conf")
HUB, WORLD = "198.51.100.1", "198.51.100.2"
LISTENER, PAGE, CLOSED = 51820, 8443, 9000
STRANGERS = [f"203.0.{101 + number // 200}.{10 + number % 200}" for number in range(600)]


@pytest.fixture(scope="module")
def image():
    """(the appliance's uplink with the rules of the image, a stranger)."""
    with netlab.Lab() as lab:
        hub, world = lab.namespace("hub"), lab.namespace("world")
        lab.wire(hub, "up0", f"{HUB}/24", world, "up0", f"{WORLD}/24")
        hub.ip(f"route add default via {WORLD}")
        hub.run("nft", "-f", RULES)
        hub.run("nft", f"add element inet uplink udp_listeners {{ {LISTENER} }}")
        hub.run("nft", f"add element inet uplink tcp_listeners {{ {PAGE} }}")
        netlab.wait_until(lambda: world.ping(HUB, timeout=1), 10)
        yield hub, world


def connections(hub):
    return int(hub.run("cat", "/proc/sys/net/netfilter/nf_conntrack_count").stdout)


def send(world, packet):
    with world.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as sock:
        sock.sendto(packet, (HUB, 0))


def listening(ns, kind, port):
    sock = ns.socket(socket.AF_INET, kind)
    sock.settimeout(5)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("0.0.0.0", port))
    if kind == socket.SOCK_STREAM:
        sock.listen()
    return sock


def syn(source, port):
    return inner.tcp(source, HUB, 9, port, flags=2)


def test_who_sends_datagrams_is_not_remembered(image):
    hub, world = image
    before = connections(hub)
    with listening(hub, socket.SOCK_DGRAM, LISTENER) as listener, listening(world, socket.SOCK_DGRAM, 9) as client:
        for stranger in STRANGERS:
            send(world, inner.udp(stranger, HUB, 9, LISTENER, b"x"))
            assert listener.recvfrom(16) == (b"x", (stranger, 9))
        listener.sendto(b"answer", (WORLD, 9))
        assert client.recvfrom(16) == (b"answer", (HUB, LISTENER))
        assert connections(hub) == before
        client.sendto(b"again", (HUB, LISTENER))
        assert listener.recv(16) == b"again"


def test_who_asks_for_a_connection_or_an_echo_is_not_remembered(image):
    hub, world = image
    before = connections(hub)
    with listening(hub, socket.SOCK_STREAM, PAGE) as page:
        for stranger in STRANGERS:
            send(world, syn(stranger, PAGE))
            send(world, inner.echo_request(stranger, HUB))
        assert world.ping(HUB)  # so all of them have arrived
        assert connections(hub) == before
        with world.inside(socket.create_connection, (HUB, PAGE), 5) as client:
            server, _ = page.accept()
            with server:
                server.sendall(b"hello")
                assert client.recv(16) == b"hello"
                assert connections(hub) == before


def test_an_error_about_a_datagram_of_the_listener_reaches_it(image):
    """A router on the path says that a message is too long."""
    hub, world = image
    with listening(hub, socket.SOCK_DGRAM, LISTENER) as listener:
        listener.connect((WORLD, 9))
        listener.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER: IP_PMTUDISC_DO
        sent = inner.udp(HUB, WORLD, LISTENER, 9, bytes(1000))
        error = struct.pack("!BBHHH", 3, 4, 0, 0, 800) + sent[:28]
        send(world, inner.ip(WORLD, HUB, 1, error[:2] + struct.pack("!H", inner.checksum(error)) + error[4:]))
        netlab.wait_until(lambda: listener.getsockopt(socket.IPPROTO_IP, 14) == 800, 5, "IP_MTU follows")


def test_other_ports_are_closed_and_the_appliance_can_ask_outside(image):
    hub, world = image
    with listening(hub, socket.SOCK_STREAM, CLOSED), listening(hub, socket.SOCK_DGRAM, CLOSED) as closed, \
            listening(hub, socket.SOCK_DGRAM, LISTENER) as listener, listening(world, socket.SOCK_STREAM, 80):
        assert not world.answers(HUB, CLOSED, timeout=1)
        assert hub.answers(WORLD, 80)
        for port in (CLOSED, LISTENER):
            send(world, inner.udp(WORLD, HUB, 9, port, b"last"))
        assert listener.recv(16) == b"last"
        closed.settimeout(0.0)
        with pytest.raises(BlockingIOError):
            closed.recv(16)
