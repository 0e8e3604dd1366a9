"""statusd as a process that strangers can reach: its privileges, its limits, and that it never costs a packet."""

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import time

import pytest

from tests.lab import netlab
from tests.lab.town import STACK4
from tests.lab.watched import LISTEN, OWN


def is_up(scene):
    with contextlib.suppress(OSError, EOFError):
        return scene.page.ask("/healthz").status == 200


@contextlib.contextmanager
def no_packet_is_lost(scene):
    """Meanwhile 200 pings run through the tunnel; each has to be answered."""
    ping = subprocess.Popen(scene.office.ns.command("ping", "-q", "-c", "200", "-i", "0.02", "-W", "2", STACK4),
                            stdout=subprocess.PIPE, text=True)
    yield
    said = ping.communicate(timeout=30)[0]
    assert "200 received" in said, said


# --- privileges -------------------------------------------------------------------------------------------------------

def test_statusd_has_no_privileges(scene):
    pid = scene.statusd()
    with open(f"/proc/{pid}/status") as lines:
        status = dict(line.rstrip().split(":\t", 1) for line in lines if ":\t" in line)
    assert "0" not in status["Uid"].split() and "0" not in status["Gid"].split()
    assert all(int(status[name], 16) == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    assert os.stat(f"/proc/{pid}/fd").st_uid == 0, "dumpable: its own user could read its memory"
    with open(f"/proc/{pid}/oom_score_adj") as score:
        assert int(score.read()) > 0


def test_it_holds_no_file_of_a_customer(scene):
    pid = scene.statusd()
    held = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    assert not [path for path in held if path.startswith(scene.warren.config) and not path.endswith("status.pem")], held
    assert os.stat(f"{scene.warren.config}/secrets/status.pem").st_mode & 0o777 == 0o600
    assert os.stat(f"{scene.warren.config}/users.toml").st_mode & 0o777 == 0o600


# --- it crashes, hangs or is stopped ----------------------------------------------------------------------------------

@pytest.mark.losses
def test_a_killed_statusd_costs_no_packet_and_restarts(scene):
    pid, vpnd = scene.statusd(), scene.warren.vpnd()
    with no_packet_is_lost(scene):
        os.kill(pid, signal.SIGKILL)
    netlab.wait_until(lambda: is_up(scene), 20, "statusd is back")
    assert scene.statusd() != pid and scene.warren.vpnd() == vpnd
    assert [line for line in scene.log("statusd_lost") if "signal 9" in line]
    netlab.wait_until(lambda: scene.get("/readyz").status == 200, 20)


@pytest.mark.losses
def test_a_stopped_statusd_costs_no_packet_and_continues(scene):
    pid, vpnd = scene.statusd(), scene.warren.vpnd()
    os.kill(pid, signal.SIGSTOP)
    try:
        with no_packet_is_lost(scene):
            assert scene.warren.status()["customers"], "vpnctl gets an answer"
            scene.warren.apply()
            time.sleep(12)  # longer than vpnd waits for a client
    finally:
        os.kill(pid, signal.SIGCONT)
    netlab.wait_until(lambda: scene.get("/readyz").status == 200, 20, "it continues, with a new connection to vpnd")
    assert scene.statusd() == pid and scene.warren.vpnd() == vpnd


@pytest.mark.slow
def test_the_page_reports_a_crash_of_vpnd_and_recovers(scene):
    os.kill(scene.warren.vpnd(), signal.SIGKILL)
    scene.office.connect(timeout=60)
    netlab.wait_until(lambda: scene.view(f"/api/v1/customers/{OWN}/peers/graz")["state"] == "online", 20)
    netlab.wait_until(lambda: "vpnd_started" in [event["kind"]
                                                 for event in scene.view("/api/v1/events")["items"]], 20)


@pytest.mark.slow
def test_the_page_reports_a_stackd_that_hangs_and_recovers(scene):
    time.sleep(20)  # longer than statusd waits for a stackd that has nothing new to say
    assert scene.get("/readyz").status == 200
    scene.warren.process.kill(signal.SIGSTOP)
    try:
        netlab.wait_until(lambda: scene.get("/readyz").status == 503, 30, "the page says that stackd is silent")
        reason, = scene.get("/readyz").json()["reasons"]
        assert "stackd does not answer" in reason
        assert scene.warren.ctl("status", check=False).returncode == 3
    finally:
        scene.warren.process.kill(signal.SIGCONT)
    netlab.wait_until(lambda: scene.get("/readyz").status == 200, 10, "stackd is heard again")


# --- strangers --------------------------------------------------------------------------------------------------------

HOST = b"Host: localhost\r\n"
LAST = HOST + b"Connection: close\r\n\r\n"


@pytest.mark.parametrize("sent, status", [
    (b"\x00\x01\x02\r\n\r\n", 400),
    (b"GET\r\n\r\n", 400),
    (b"GET / HTTP/9.9\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nNo colon\r\n\r\n", 400),
    (b"GET /%zz HTTP/1.1\r\n" + LAST, 400),
    (b"GET //etc/passwd HTTP/1.1\r\n" + LAST, 400),
    (b"GET /../../etc/passwd HTTP/1.1\r\n" + LAST, 400),
    (b"GET http://evil/ HTTP/1.1\r\n" + LAST, 400),
    (b"BREW / HTTP/1.1\r\n" + LAST, 405),
    (b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 9000 + b"\r\n\r\n", 431),
    (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 431),
    (b"POST /api/v1/login HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999999\r\n\r\n", 413),
    (b"POST /api/v1/login HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", 400)])
def test_a_malformed_request_gets_a_short_answer(scene, sent, status):
    answer = scene.page.raw(sent)
    assert int(answer.split()[1]) == status, answer
    assert b"Content-Security-Policy: default-src 'none'" in answer and is_up(scene)


def test_plain_http_gets_nothing(scene):
    with scene.page.connect() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"HTTP" not in sock.recv(4096)


@pytest.mark.losses
@pytest.mark.slow
def test_half_open_and_slow_clients_are_dropped_and_disturb_nobody(scene):
    silent, slow = scene.page.connect(), scene.page.tls()
    try:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: ")
        started = time.monotonic()
        silent.settimeout(20)
        assert silent.recv(1) == b"", "no TLS within 10 s"
        assert time.monotonic() - started < 15
        slow.settimeout(40)
        with contextlib.suppress(OSError):
            while time.monotonic() - started < 40:
                slow.sendall(b"a")  # active, but never complete
                time.sleep(0.5)
        assert time.monotonic() - started < 38, "a request may take at most 30 s"
        assert is_up(scene)
    finally:
        silent.close()
        slow.close()


def narrow_tls(scene):
    """Opens TLS to the page over a connection with small buffers for unread data."""
    def connect():
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        sock.connect(scene.page.where)
        return sock

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(scene.town.hub.inside(connect))


@pytest.mark.losses
@pytest.mark.slow
def test_a_viewer_that_does_not_read_is_dropped_and_others_continue(scene):
    viewers = lambda: scene.view("/api/v1/system")["statusd"]["viewers"]
    before = viewers()
    scene.town.hub.sysctl("net.ipv4.tcp_wmem", "4096 4096 4096")
    request = f"GET /api/v1/events?customer={OWN} HTTP/1.1\r\nHost: {LISTEN}\r\nAccept: text/event-stream\r\n"
    talk = subprocess.Popen(scene.office.ns.command("ping", "-q", "-i", "0.2", STACK4), stdout=subprocess.DEVNULL)
    idle, reading = narrow_tls(scene), scene.page.stream(token=scene.tokens["operator"])
    try:
        idle.sendall(f"{request}Authorization: Bearer {scene.tokens['operator']}\r\n\r\n".encode())
        netlab.wait_until(lambda: viewers() == before + 2, 10, "both look")

        def is_dropped():
            assert "data" in reading.message()
            return viewers() == before + 1

        netlab.wait_until(is_dropped, 120, "the viewer that does not read is dropped")
        assert "data" in reading.message()
    finally:
        talk.kill()
        talk.wait()
        idle.close()
        reading.close()
        scene.town.hub.sysctl("net.ipv4.tcp_wmem", "4096 16384 4194304")


def test_a_client_that_does_not_read_answers_is_dropped(scene):
    sock = scene.page.tls(timeout=60)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    token = scene.tokens["operator"]
    request = f"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    with contextlib.suppress(OSError):
        for _ in range(3000):  # pipelined: far more answers than the kernel's buffers hold
            sock.sendall(request)
    netlab.wait_until(lambda: scene.view("/api/v1/system")["statusd"]["connections"] <= 2, 60,
                      "the connection is gone")
    sock.close()


@pytest.mark.losses
def test_a_flood_of_connections_leaves_packets_and_vpnctl_alone(scene):
    memory = scene.view("/api/v1/system")["statusd"]["memory_bytes"]
    with no_packet_is_lost(scene), contextlib.ExitStack() as stack:
        for _ in range(600):
            with contextlib.suppress(OSError):
                stack.enter_context(scene.page.connect(2))
        assert scene.warren.status()["customers"]
    netlab.wait_until(lambda: is_up(scene), 30, "the page is there again")
    assert scene.view("/api/v1/system")["statusd"]["memory_bytes"] < memory + 100_000_000


def test_a_flood_of_logins_is_bounded(scene):
    socks = [scene.page.tls(30) for _ in range(30)]
    body = b'{"user": "nobody-%d", "password": "x"}'
    for number, sock in enumerate(socks):
        text = body % number
        sock.sendall(b"POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nOrigin: https://localhost\r\n"
                     b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
    statuses = [int(sock.recv(65536).split()[1]) for sock in socks]
    for sock in socks:
        sock.close()
    assert set(statuses) <= {401, 429, 503} and statuses.count(401) <= 5 + 8, statuses
    assert is_up(scene)


def test_a_scanner_finds_no_weakness_in_tls(scene):
    said = scene.town.hub.run("sslscan", "--no-colour", "--show-certificate", LISTEN, timeout=60).stdout
    for version in ("SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1"):
        assert [line for line in said.splitlines() if line.startswith(version) and "disabled" in line], version
    for version in ("TLSv1.2", "TLSv1.3"):
        assert [line for line in said.splitlines() if line.startswith(version) and "enabled" in line], version
    accepted = [line for line in said.splitlines() if line.startswith(("Accepted", "Preferred")) and "bits" in line]
    assert accepted and all("GCM" in line or "CHACHA20" in line for line in accepted), said
    for bad in ("Compression enabled", "Insecure session renegotiation"):
        assert bad not in said, said
    assert not [line for line in said.splitlines() if "vulnerable" in line and "not vulnerable" not in line], said
    assert "ecdsa-with-SHA256" in said and "prime256v1" in said, said


# --- configuration ----------------------------------------------------------------------------------------------------

def test_a_port_in_use_is_logged_and_harms_nothing(scene):
    taken = scene.town.hub.inside(lambda: socket.create_server(("127.0.0.1", 8444)))
    vpnd = scene.warren.vpnd()
    scene.warren.status_listen = "127.0.0.1:8444"
    try:
        scene.warren.write()
        with no_packet_is_lost(scene):
            scene.warren.apply()
        assert [line for line in scene.log("statusd_lost") if "127.0.0.1:8444" in line and "in use" in line]
        assert scene.warren.vpnd() == vpnd and scene.warren.ctl("peers").stdout
    finally:
        taken.close()
        scene.warren.status_listen = LISTEN
        scene.warren.write()
        scene.warren.apply()
    netlab.wait_until(lambda: is_up(scene), 20, "the page is at its old address")


def test_an_unreadable_certificate_is_logged_and_the_page_stays(scene):
    path, before = f"{scene.warren.config}/secrets/status.pem", scene.page.fingerprint()
    with open(path) as file:
        good = file.read()
    try:
        with open(path, "w") as file:
            file.write("not a certificate\n")
        scene.warren.apply()
        netlab.wait_until(lambda: scene.log("certificate_rejected"), 10, "the error is in the log")
        assert scene.page.fingerprint() == before
    finally:
        with open(path, "w") as file:
            file.write(good)


def test_a_page_that_is_no_longer_configured_ends(scene):
    scene.warren.status_listen = ""
    scene.warren.write()
    scene.warren.apply()
    netlab.wait_until(lambda: not scene.warren.children("statusd"), 10, "statusd ended")
    with pytest.raises(OSError):
        scene.page.connect(2)
    scene.warren.status_listen = LISTEN
    scene.warren.write()
    scene.warren.apply()
    netlab.wait_until(lambda: is_up(scene), 20, "the page is back")
