"""Clients that connect for the first time while 100,000 initiations/s with a valid mac1 arrive: from random
addresses, and from the address that the client has itself; without a mac2, and with a guessed one; on a quiet
machine, and beside two busy programs on each CPU. Measures how many initiations a client needs (a client sends the
next after a second without an answer, or with the cookie that it got), the part of clients for which three are
enough, and the part of initiations with a valid cookie that are answered."""

import os
import statistics
import threading
import time

from bench import field as fields
from bench import generator, hubs
from tests.lab import rawpeer, wireguard_go

CLIENTS, RATE, PATIENCE, MOST, PROVEN = 12, 100_000, 1.0, 10, 40
OWN = "198.18.1.1"  # of the client whose address is forged; all clients have it, with a port each


def run(stage, table, options):
    flood = {"rate": RATE, "first_source": fields.FLOOD_SOURCE, "sources": 65_536, "kind": "initiations"}
    own = {**flood, "first_source": OWN, "sources": 1}
    guessed = {"kind": "guessed_mac2"}
    cases = {"random": (flood, 0), "own": (own, 0), "random, guessed mac2": ({**flood, **guessed}, 0),
             "own, guessed mac2": ({**own, **guessed}, 0), "random, busy": (flood, 2), "own, busy": (own, 2)}
    for name in options.hubs:
        for _ in range(options.rounds):
            for case, (spec, busy) in cases.items():
                with stage() as lineup:  # a hub that nobody is known to
                    table.add(case, name, None, **measure(lineup, name, spec, busy))


def measure(lineup, name, flood, busy):
    lab, field = lineup.lab, lineup.field
    keys = [wireguard_go.new_key() for _ in range(CLIENTS)]
    played = generator.public_keys(lineup.tools.wgblast, hubs.SEED, 1)
    hub = lineup.hub(name, peers=1 + CLIENTS, public_keys=played + [key.public for key in keys], pinned=False).start()
    remote = (fields.UPLINK, hub.port)
    clients = []
    for key in keys:
        sock = field.field.socket()
        sock.bind((OWN, 0))
        lab.at_end(sock.close)
        clients.append(rawpeer.RawPeer(key.private, hub.key.public, sock, remote))
    blast = generator.Generator(field.field, lineup.tools.wgblast, field.generator_core, seed=hubs.SEED, peers=1,
                                peers_per_customer=1 + CLIENTS, hub=f"{fields.UPLINK}:{hub.port}",
                                hub_key=hub.key.public, sockets=1, first_source=fields.FIRST_SOURCE, sources=1)
    seconds = CLIENTS * 2 + PROVEN * 0.15
    answer = {}
    flooding = threading.Thread(target=lambda: answer.update(blast.run(seconds, flood=[flood])))
    busy_programs = [field.field.start("sh", "-c", "while :; do :; done", name=f"busy-{number}")
                     for number in range(busy * os.cpu_count())]
    flooding.start()
    try:
        time.sleep(1)
        end = time.monotonic() + seconds - 1 - PROVEN * 0.15
        needed = [connect(client) for client in clients if time.monotonic() < end]
        proven = [client for client in clients if client.cookie]
        answered = sum(shows_cookie(proven[number % len(proven)]) for number in range(PROVEN)) if proven else 0
    finally:
        flooding.join()
        for process in busy_programs:
            process.kill()
            process.wait()
    return {"within_3_%": 100 * sum(count <= 3 for count in needed) / len(needed),
            "initiations": statistics.fmean(needed), "proven_%": 100 * answered / PROVEN,
            "flood_kpps": answer["flood"][0]["sent"] / answer["seconds"] / 1e3}


def connect(client):
    """How many initiations it needed, MOST + 1 if it gave up."""
    for count in range(1, MOST + 1):
        if try_once(client, PATIENCE):
            return count
    return MOST + 1


def shows_cookie(client):
    time.sleep(0.1)
    return try_once(client, PATIENCE)


def try_once(client, patience):
    sent = client.initiation()
    client.drain()
    client.send(sent.message)
    end = time.monotonic() + patience
    while (left := end - time.monotonic()) > 0 and (got := client.receive(left)):
        message = got[0]
        if message[0] == rawpeer.RESPONSE:
            client.consume_response(sent, message)
            return True
        if message[0] == rawpeer.COOKIE_REPLY and message[4:8] == sent.message[4:8]:
            client.consume_cookie_reply(message, sent.mac1)
            return False
    return False
