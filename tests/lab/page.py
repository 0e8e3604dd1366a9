"""A client of the status page: HTTPS from inside the hub's namespace, with Python's standard library only."""

import hashlib
import http.client
import json
import socket
import ssl
from dataclasses import dataclass

from . import netlab

COOKIE = "__Host-warren"
DEVICE = "__Host-warren-device"


@dataclass
class Answer:
    status: int
    headers: list  # (name in lower case, value)
    body: bytes

    def header(self, name):
        return next((value for key, value in self.headers if key == name.lower()), None)

    def json(self):
        return json.loads(self.body)

    def cookie(self, wanted=COOKIE):
        """The session cookie in the response (or the one called `wanted`), or None."""
        for key, value in self.headers:
            name, _, rest = value.partition("=")
            if key == "set-cookie" and name == wanted:
                return rest.split(";")[0] or None
        return None


class Stream:
    """An open event stream."""

    def __init__(self, sock):
        self.sock, self.rest = sock, b""
        self.status = int(self._until(b"\r\n\r\n").split()[1])

    def _until(self, mark):
        while mark not in self.rest:
            more = self.sock.recv(65536)
            if not more:
                raise EOFError("the stream ended")
            self.rest += more
        head, _, self.rest = self.rest.partition(mark)
        return head

    def message(self):
        """The next message as a dict of its fields; data is parsed."""
        fields = dict(line.split(": ", 1) for line in self._until(b"\n\n").decode().splitlines())
        fields["data"] = json.loads(fields["data"])
        return fields

    def close(self):
        self.sock.close()


class Page:
    """`ns`: the namespace of the client; `address`: for example "127.0.0.1:8443"; `source`: the client's address."""

    def __init__(self, ns, address, source=None):
        self.ns, self.address = ns, address
        self.source = (source, 0) if source else None
        host, _, port = address.rpartition(":")
        self.where = (host.strip("[]"), int(port))

    def connect(self, timeout=10):
        """A TCP connection, without TLS."""
        return self.ns.inside(lambda: socket.create_connection(self.where, timeout, self.source))

    def tls(self, timeout=10):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(self.connect(timeout))

    def fingerprint(self):
        with self.tls() as sock:
            return ":".join(f"{byte:02X}" for byte in hashlib.sha256(sock.getpeercert(True)).digest())

    def ask(self, path, method="GET", cookie=None, token=None, body=None, host=None, origin=None, headers=None,
            sock=None):
        """Sends one request on a new connection (or on `sock`, which stays open). With `origin` "", a POST has no
        Origin header."""
        sent = {"Host": host or self.address, **(headers or {})}
        if cookie:
            sent["Cookie"] = f"{COOKIE}={cookie}"
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if method == "POST" and origin != "":
            sent["Origin"] = origin or f"https://{sent['Host']}"
        if isinstance(body, dict):
            body = json.dumps(body)
            sent.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("unused")
        connection.sock = sock or self.tls()
        try:
            connection.request(method, path, body=body, headers=sent)
            answer = connection.getresponse()
            return Answer(answer.status, [(key.lower(), value) for key, value in answer.getheaders()], answer.read())
        finally:
            if sock is None:
                connection.close()

    def view(self, path, **more):
        """What a GET answers; asked again while the page says that it cannot tell yet (503, as after its start)."""
        answer = netlab.wait_until(lambda: (one := self.ask(path, **more)).status != 503 and one, 20,
                                   f"{path} can be told")
        if answer.status != 200:
            raise netlab.LabError(f"{path}: {answer.status} {answer.body[:500]}")
        return answer.json()

    def login(self, user, password, **more):
        return self.ask("/api/v1/login", "POST", body={"user": user, "password": password}, **more)

    def raw(self, data, timeout=10):
        """Sends bytes over TLS and returns all bytes received until the end."""
        with self.tls(timeout) as sock:
            sock.sendall(data)
            received = b""
            while more := sock.recv(65536):
                received += more
            return received

    def stream(self, path="/api/v1/events", cookie=None, token=None, last_event_id=None, timeout=10):
        lines = [f"GET {path} HTTP/1.1", f"Host: {self.address}", "Accept: text/event-stream"]
        if cookie:
            lines.append(f"Cookie: {COOKIE}={cookie}")
        if token:
            lines.append(f"Authorization: Bearer {token}")
        if last_event_id:
            lines.append(f"Last-Event-ID: {last_event_id}")
        sock = self.tls(timeout)
        sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return Stream(sock)
