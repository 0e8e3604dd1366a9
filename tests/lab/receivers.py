"""Receivers of alerts in a namespace: a webhook, a syslog server, a mail relay. Each can hang, refuse, or be gone."""

import base64
import email
import hashlib
import hmac
import json
import re
import socket
import ssl
import threading

from . import netlab


class Receiver:
    """Listens in `ns`; one thread for each connection. `got` has what arrived, oldest first."""

    def __init__(self, ns, address, port):
        self.ns, self.address, self.port = ns, address, port
        self.got, self.hangs, self.refuses = [], False, False
        self.connections, self._listener, self._held = 0, None, []
        self.open()

    @property
    def endpoint(self):
        return f"{self.address}:{self.port}"

    def open(self):
        self._listener = self.ns.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((self.address, self.port))
        self._listener.listen(16)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self):
        """It is gone: connections are refused."""
        listener, self._listener = self._listener, None
        if listener:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.release()

    def release(self):
        """Ends the connections that hang."""
        for held in self._held:
            held.close()
        self._held.clear()

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            if self.hangs:
                self._held.append(connection)
                continue
            threading.Thread(target=self._serve_quietly, args=(connection,), daemon=True).start()

    def _serve_quietly(self, connection):
        with connection:
            try:
                connection.settimeout(20)
                self.serve(connection)
            except OSError:
                pass


class Webhook(Receiver):
    """`got` has (headers, body as bytes) of requests that were answered with 200."""

    def __init__(self, ns, address, port, key=""):
        self.key = key
        super().__init__(ns, address, port)

    def serve(self, connection):
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536) or b"\r\n\r\n"
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        while len(body) < int(headers.get("content-length", 0)):
            body += connection.recv(65536)
        if self.refuses:
            connection.sendall(b"HTTP/1.1 503 Not now\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        self.got.append((headers, body))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nthank")

    def is_signed(self, headers, body):
        """As a receiver checks it."""
        match = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", headers.get("warren-signature", ""))
        mac = match and hmac.new(self.key.encode(), match[1].encode() + b"." + body, hashlib.sha256).hexdigest()
        return bool(match) and hmac.compare_digest(mac, match[2])

    def alerts(self, kind=None):
        every = [alert for _, body in self.got for alert in json.loads(body)["alerts"]]
        return [alert for alert in every if kind in (None, alert["kind"])]


class TlsWebhook(Webhook):
    """With a certificate that nobody trusts."""

    def __init__(self, ns, address, port, path):
        netlab.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                   "2", "-subj", "/CN=nobody", "-keyout", f"{path}.key", "-out", f"{path}.pem")
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(f"{path}.pem", f"{path}.key")
        super().__init__(ns, address, port)

    def serve(self, connection):
        with self._context.wrap_socket(connection, server_side=True) as tls:
            super().serve(tls)


class Syslog(Receiver):
    """RFC 6587 with octet counting. `got` has messages."""

    def serve(self, connection):
        data = b""
        while True:
            more = connection.recv(65536)
            if not more:
                break
            data += more
        while data:
            size, _, data = data.partition(b" ")
            self.got.append(data[:int(size)].decode())
            data = data[int(size):]


class Relay(Receiver):
    """SMTP without TLS, which takes any login. `got` has (sender, recipients, message)."""

    def __init__(self, ns, address, port):
        self.commands = []
        super().__init__(ns, address, port)

    def serve(self, connection):
        file = connection.makefile("rwb")

        def say(line):
            file.write(line.encode() + b"\r\n")
            file.flush()
        say("220 relay.example.net ESMTP")
        sender, to = "", []
        while line := file.readline().decode().strip():
            verb = line.split(" ")[0].upper()
            self.commands.append(line)
            if verb == "EHLO":
                say("250-relay.example.net")
                say("250-AUTH PLAIN LOGIN")
                say("250 8BITMIME")
            elif verb == "AUTH":
                say("235 ok")
            elif verb == "MAIL":
                sender, to = line.partition(":")[2], []
                say("451 later" if self.refuses else "250 ok")
            elif verb == "RCPT":
                to.append(line.partition(":")[2])
                say("250 ok")
            elif verb == "DATA":
                say("354 go on")
                text = b""
                while (row := file.readline()) not in (b".\r\n", b""):
                    text += row[1:] if row.startswith(b".") else row
                self.got.append((sender, to, email.message_from_bytes(text)))
                say("250 queued")
            elif verb == "QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")

    def texts(self):
        return [base64.b64decode(message.get_payload()).decode() for _, _, message in self.got]
