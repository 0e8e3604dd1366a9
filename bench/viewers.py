#!/usr/bin/python3
"""Viewers of the status page: opens COUNT event streams at HOST PORT, with the tokens in stdin's first line in turn.
Prints "open" when all are open, and at the end of stdin a JSON report of what they received."""

import asyncio
import json
import ssl
import sys


class Viewer:
    def __init__(self):
        self.bytes = self.messages = 0
        self.ended = False

    async def open(self, host, port, token, context):
        self.reader, self.writer = await asyncio.open_connection(host, port, ssl=context, limit=1 << 24)
        request = (f"GET /api/v1/events HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\n"
                   "Accept: text/event-stream\r\n\r\n")
        self.writer.write(request.encode())
        head = await self.reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n")[0]:
            raise SystemExit(f"no stream: {head.decode()}")

    async def look(self):
        while data := await self.reader.read(1 << 20):
            self.bytes += len(data)
            self.messages += data.count(b"event: ")
        self.ended = True


async def main(host, port, count):
    loop = asyncio.get_running_loop()
    tokens = (await loop.run_in_executor(None, sys.stdin.readline)).split()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # the hub's certificate signs itself
    viewers = [Viewer() for _ in range(count)]
    for number, viewer in enumerate(viewers):
        await viewer.open(host, port, tokens[number % len(tokens)], context)
    looking = [asyncio.create_task(viewer.look()) for viewer in viewers]
    print("open", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    print(json.dumps({"bytes": sum(viewer.bytes for viewer in viewers),
                      "messages": sum(viewer.messages for viewer in viewers),
                      "ended": sum(viewer.ended for viewer in viewers)}), flush=True)
    for task in looking:
        task.cancel()


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
