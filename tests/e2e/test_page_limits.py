"""An attacker uses up each limit of the status page that it can reach, and an operator notices nothing."""

import contextlib
import resource
import threading

import pytest

from tests.lab import netlab, page
from tests.lab.watched import LISTEN, PASSWORD


def client(scene, source):
    return page.Page(scene.town.hub, LISTEN, source)


@pytest.fixture
def many_descriptors():
    """For the attacker's sockets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_customers_token_cannot_take_all_streams(scene):
    with contextlib.ExitStack() as stack:
        statuses = []
        while not statuses or statuses[-1] == 200 and len(statuses) < 300:
            stream = stack.enter_context(contextlib.closing(scene.page.stream(token=scene.tokens["customer"])))
            statuses.append(stream.status)
        assert statuses == [200] * 16 + [429]
        for role in ("operator", "viewer"):
            stream = stack.enter_context(contextlib.closing(scene.page.stream(token=scene.tokens[role])))
            assert stream.status == 200 and stream.message()["event"] == "delta"


def test_idle_connections_from_four_addresses_keep_nobody_out(scene, many_descriptors):
    with contextlib.ExitStack() as stack:
        watching = stack.enter_context(contextlib.closing(scene.page.stream(token=scene.tokens["operator"])))
        for address in range(2, 6):
            attacker = client(scene, f"127.0.0.{address}")
            for _ in range(300):
                with contextlib.suppress(OSError):
                    stack.enter_context(attacker.connect(5))
        assert scene.view("/api/v1/system")["statusd"]["connections"] < 300
        for _ in range(20):
            assert scene.get("/api/v1/overview").status == 200
        assert scene.page.login("operator", PASSWORD).status == 200
        assert watching.message()["event"] == "delta"


def test_an_idle_address_gives_its_oldest_connection_up(scene):
    attacker = client(scene, "127.0.0.6")
    with contextlib.ExitStack() as stack:
        oldest = stack.enter_context(attacker.connect())
        for _ in range(32):
            stack.enter_context(attacker.connect())
        oldest.settimeout(9)  # before the 10 s that a handshake may take
        assert oldest.recv(1) == b""


def test_logins_with_made_up_names_do_not_delay_a_right_password(scene):
    stop = threading.Event()
    answers = {f"127.0.1.{number}": [] for number in range(1, 21)}

    def guess(address, heard):
        attacker = client(scene, address)
        while not stop.is_set():
            with contextlib.suppress(OSError, EOFError):
                heard.append(attacker.login(f"nobody-{len(heard)}", "guess").status)

    threads = [threading.Thread(target=guess, args=each) for each in answers.items()]
    for thread in threads:
        thread.start()
    try:
        netlab.wait_until(lambda: all(401 in heard for heard in answers.values()), 60, "each address failed once")
        assert scene.page.login("operator", PASSWORD).status == 200
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_logins_beyond_those_that_may_wait_get_503_and_those_that_go_away_make_room(scene):
    def request(number):
        body = b'{"user": "stranger-%d", "password": "guess"}' % number
        return (b"POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nOrigin: https://localhost\r\n"
                b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    def send(socks, first):
        for number, sock in enumerate(socks):
            sock.sendall(request(first + number))

    def statuses(socks):
        return sorted(int(sock.recv(65536).split()[1]) for sock in socks)

    with contextlib.ExitStack() as stack:
        first, second, third = ([stack.enter_context(client(scene, f"127.0.3.{address}").tls(60)) for _ in range(count)]
                                for address, count in ((1, 5), (2, 5), (3, 4)))
        send(first, 0)  # one is checked, four wait
        send(second, 10)  # four wait
        send(third, 20)
        for sock in third:
            sock.close()
        late = stack.enter_context(client(scene, "127.0.3.3").tls(60))
        assert scene.page.login("stranger-30", "guess", sock=late).status == 401
        assert statuses(first) == [401] * 5
        assert statuses(second) == [401] * 4 + [503]


def test_guesses_at_a_name_do_not_lock_its_user_out(scene):
    scene.warren.configure("user", "add", "alice", "operator", input=PASSWORD + "\n")
    try:
        first = netlab.wait_until(lambda: (answer := client(scene, "127.0.0.7").login("alice", PASSWORD)).cookie() and
                                  answer, 10, "alice logs in once")
        device = first.cookie(page.DEVICE)
        assert device
        statuses = [client(scene, f"127.0.2.{number}").login("alice", "guess").status for number in range(1, 8)]
        assert statuses[:5] == [401] * 5 and 429 in statuses
        elsewhere = client(scene, "127.0.0.8")
        assert elsewhere.login("alice", PASSWORD).status == 429, "an unknown device has to wait"
        cookie = {"Cookie": f"{page.DEVICE}={device}"}
        assert elsewhere.login("alice", PASSWORD, headers=cookie).status == 200
        assert client(scene, "127.0.0.7").login("alice", PASSWORD).status == 200, "the address of an earlier login"
    finally:
        scene.warren.configure("user", "del", "alice")
