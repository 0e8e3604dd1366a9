"""The end of a packet's way: TCP and UDP to one address of a namespace are counted and dropped before anything else
processes them, at the same cost for every hub."""

TABLE = "warren_bench"


def lay(ns, address, extra_rules=0):
    """`extra_rules`: the number of rules before it that match nothing, like a customer with a long firewall."""
    rules = [f"ip saddr 192.0.2.{number % 250} tcp dport {1 + number} drop" for number in range(extra_rules)]
    rules.append(f"meta l4proto {{ tcp, udp }} ip daddr {address} counter drop")
    chain = "\n".join(["type filter hook prerouting priority -400", *rules])
    ns.run("nft", "-f", "-", input=f"table inet {TABLE} {{\nchain sink {{\n{chain}\n}}\n}}\n")


def arrived(ns):
    """(super-packets, bytes of IP) so far."""
    lines = ns.run("nft", "list", "chain", "inet", TABLE, "sink").stdout.splitlines()
    words = next(line for line in lines if "counter" in line).split()
    at = words.index("counter")
    return int(words[at + 2]), int(words[at + 4])
