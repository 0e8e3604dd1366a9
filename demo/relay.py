"""A relay for a browser on this host to the status page, which listens inside the hub. It copies bytes in both
directions."""

import socket
import threading


class Relay:
    """Listens at 127.0.0.1:`port`, or at any free port if that one is in use, and connects each client to `address`
    inside `ns`."""

    def __init__(self, ns, address, port):
        self.ns, self.address = ns, address
        try:
            self.listener = socket.create_server(("127.0.0.1", port))
        except OSError:
            self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return  # closed
            try:
                server = self.ns.inside(socket.create_connection, self.address, 5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._copy, args=(source, target), daemon=True).start()

    @staticmethod
    def _copy(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()
