"""What the tests of stackd share: customers, and a look at a running stackd and its stacks."""

import os

from tests.lab import netlab, warren, wireguard_go


def a_peer(name="site", allowed=("10.43.0.0/16", "fd00:43::/64")):
    return warren.Peer(name, wireguard_go.new_key().public, list(allowed))


def customer(id_, peers=None, **more):
    return warren.Customer(id_, more.pop("addresses", ["10.0.0.1/24", "fd00:42::1/64"]),
                           [a_peer()] if peers is None else peers, **more)


def inode(id_):
    return os.stat(f"{netlab.NETNS_DIR}/warren-{id_}").st_ino


def inside(id_, *command, check=True):
    return netlab.run("ip", "netns", "exec", f"warren-{id_}", *command, check=check).stdout


def events(running, event, **fields):
    """The log lines of this event that have all these fields."""
    return [line for line in running.output().splitlines() if f" event={event}" in line
            and all(f"{key}={value}" in line for key, value in fields.items())]


def names_of_stacks():
    return {name for name in os.listdir(netlab.NETNS_DIR) if name.startswith("warren-")}


def devices(ns):
    return set(ns.devices())


def write(running, *customers):
    """Adds or replaces the files of customers, without applying them."""
    for each in customers:
        running.customers[each.id] = each
        running.write_customer(each)


def try_to_put(running, *customers):
    """Adds or replaces customers and applies, which may fail."""
    write(running, *customers)
    return running.apply(check=False)


def break_file(running, id_):
    with open(f"{running.config}/customers/{id_}.toml", "w") as out:
        out.write("schema = 1\nadresses = 3\n")


def peers_of_vpnd(running):
    return running.uplink.run("wg", "show", "warren", "peers").stdout


def restart(running, how):
    """Stops stackd one way and starts it again without writing the configuration."""
    running.process.kill(how)
    running.process.wait(20)
    running.write = lambda: None
    running.start()
