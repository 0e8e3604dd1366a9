"""Established traffic during an attack, compared with calm. Used by S6 and S7."""

from bench import blocks
from bench.scenarios import delivery, traffic


def compare(stage, table, options, cases, peers, limit=None, **connect):
    """`cases`: name -> what wgblast does in addition (the first is calm; `limit` names the best possible case). Peer
    0's bulk TCP is the established traffic."""
    with stage() as lineup:
        hubs = lineup.hubs(peers=peers, **connect)
        order = [*cases.items(), *reversed(cases.items())]
        for hub in blocks.turns(hubs, options.rounds):
            for name, besides in order:
                figures, cost = measure(hub, besides, options.seconds)
                table.add(name, hub.name, cost, **figures)
    calm, *hostile = cases
    for name in hostile:
        for hub in dict.fromkeys(hub.name for hub in hubs):
            table.compare(f"{hub}: goodput under {name}, over calm", (name, "goodput_kpps"), (calm, "goodput_kpps"),
                          hub)
            if limit in hostile and name != limit:
                table.compare(f"{hub}: goodput under {name}, over {limit}", (name, "goodput_kpps"),
                              (limit, "goodput_kpps"), hub)


def measure(hub, besides, seconds):
    def block():
        with delivery.Sink(hub.stacks()[0], "tcp", [1420]) as sink:
            answer = hub.generator.run(seconds, load=[traffic.mix(burst=44)], **besides)
        return sink.delivered, answer

    (delivered, answer), cost = blocks.measured(hub, block)
    figures = {"goodput_kpps": delivered.packets / answer["seconds"] / 1e3, "stalls": answer["load"][0]["stalls"]}
    for flood in answer.get("flood", []):
        figures["flood_kpps"] = flood["sent"] / answer["seconds"] / 1e3
    for renewals in answer.get("renew", []):
        figures["handshakes_s"] = renewals["completed"] / answer["seconds"]
    return figures, cost
