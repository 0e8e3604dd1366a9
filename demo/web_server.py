"""A web server that answers with one word: demo/web_server.py ADDRESS WORD. (http.server would ask the DNS for its own
name first, and there is no DNS here.)"""

import socketserver
import sys
from http.server import BaseHTTPRequestHandler


class OneWord(BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"{sys.argv[2]}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer((sys.argv[1], 80), OneWord).serve_forever()
