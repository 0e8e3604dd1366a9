"""The configuration in etcd: what is applied on one node is in force on the others, nobody's edit is lost, and no
private key is there to read."""

import base64
import os
import subprocess

import pytest

from tests.lab import fleets, netlab, warren, wireguard_go


@pytest.fixture
def cluster(make_cluster):
    built = make_cluster(3)
    built.share()
    return built


def text_of(node, name):
    try:
        with open(f"{node.config}/{name}") as file:
            return file.read()
    except FileNotFoundError:
        return None


def customers_of(node):
    return {row["id"] for row in node.json("customers")["customers"]}


def test_what_is_applied_on_one_node_is_in_force_on_the_others(cluster):
    first, second, third = cluster.fleet.nodes
    psk = wireguard_go.new_psk()
    beta = fleets.Grouped("beta", ["10.50.0.1/24"], [
        warren.Peer("site", wireguard_go.new_key().public, ["10.51.0.2/32"], psk=psk)])
    first.write_customer(beta)
    done = first.configure("apply", "--comment", "a new customer")
    assert "revision 2 of the fleet: 2 files" in done.stdout
    for node in (second, third):
        netlab.wait_until(lambda: "beta" in customers_of(node), 15, f"{node.name} has the new customer")
        assert text_of(node, "customers/beta.toml") == text_of(first, "customers/beta.toml")
        assert text_of(node, "secrets/beta/site.psk") == psk + "\n"
        assert os.stat(f"{node.config}/secrets/beta/site.psk").st_mode & 0o777 == 0o600

    # From another node, and a removal.
    os.unlink(f"{third.config}/customers/beta.toml")
    third.configure("apply", "--remove")
    for node in (first, second):
        netlab.wait_until(lambda: "beta" not in customers_of(node), 15, f"{node.name} has lost the customer")
        assert text_of(node, "customers/beta.toml") is None
    no_key_in_etcd(cluster, [first.key.private, psk])


def test_a_secret_that_its_customer_cannot_use_is_named_and_stays_here(cluster):
    first, second, _ = cluster.fleet.nodes
    good = text_of(second, "secrets/uplink")
    first._put("secrets/uplink", "no key at all\n", 0o600)
    refused = first.configure("apply", check=False)
    assert refused.returncode == 1 and "secrets/uplink" in refused.stderr, refused.stderr
    first._put("secrets/uplink", good, 0o600)
    psk = fleets.Grouped("beta", ["10.50.0.1/24"], [
        warren.Peer("site", wireguard_go.new_key().public, ["10.51.0.2/32"], psk=wireguard_go.new_psk())])
    first.write_customer(psk)
    first.configure("apply")
    first._put("secrets/beta/site.psk", "half a key\n", 0o600)
    refused = first.configure("apply", check=False)
    assert refused.returncode == 1 and "secrets/beta/site.psk" in refused.stderr, refused.stderr
    assert "revision 2" in first.configure("fleet", "status").stdout


def test_a_node_that_lost_its_files_takes_none_from_the_others(cluster):
    first, second, _ = cluster.fleet.nodes
    text = text_of(first, "customers/acme.toml")
    os.unlink(f"{first.config}/customers/acme.toml")
    refused = first.configure("apply", check=False)
    assert refused.returncode == 1
    assert "remove 1 of 1 customer (acme) from every node of the fleet" in refused.stderr, refused.stderr
    assert "revision 1" in second.configure("fleet", "status").stdout
    assert text_of(second, "customers/acme.toml") == text
    first.configure("fleet", "theirs", "acme")
    assert text_of(first, "customers/acme.toml") == text


def no_key_in_etcd(cluster, keys):
    """Neither as text nor as bytes, in what etcd wrote."""
    wanted = [text.encode() for text in keys] + [base64.b64decode(text) for text in keys]
    found = 0
    for directory, _, files in os.walk(cluster.data):
        for name in filter(lambda name: os.path.isfile(os.path.join(directory, name)), files):  # BIRD's sockets are not
            with open(os.path.join(directory, name), "rb") as file:
                content = file.read()
            found += content.count(b"/warren/secrets/uplink")
            assert not [key for key in wanted if key in content], name
    assert found  # it was looked at the right place


def test_an_edit_is_never_overwritten_and_a_conflict_is_refused(cluster):
    first, second, _ = cluster.fleet.nodes
    theirs = text_of(first, "customers/acme.toml").replace('name = "acme"', 'name = "Acme of the first"')
    mine = theirs.replace("of the first", "of the second")
    second._put("customers/acme.toml", mine, 0o644)
    netlab.wait_until(lambda: "acme: edited here, and not applied" in second.configure("fleet", "status").stdout, 5,
                      "status names the edited file")
    first._put("customers/acme.toml", theirs, 0o644)
    first.configure("apply")
    netlab.wait_until(lambda: "acme: edited here and changed in the fleet" in
                      second.configure("fleet", "status").stdout, 15, "status says that both have changed it")
    assert text_of(second, "customers/acme.toml") == mine
    refused = second.configure("apply", check=False)
    assert refused.returncode == 4
    assert "acme: changed on vie-1 by root" in refused.stderr and "s ago" in refused.stderr
    assert text_of(first, "customers/acme.toml") == theirs

    second.configure("fleet", "theirs", "acme")
    assert text_of(second, "customers/acme.toml") == theirs
    second.configure("apply")
    assert "acme" not in second.configure("fleet", "status").stdout.partition("configuration:")[2]

    # The other way: what is here is to be.
    second._put("customers/acme.toml", mine, 0o644)
    first._put("customers/acme.toml", theirs.replace("of the first", "once more"), 0o644)
    first.configure("apply")
    netlab.wait_until(lambda: second.configure("apply", check=False).returncode == 4, 15, "it is refused")
    second.configure("fleet", "ours", "acme")
    second.configure("apply")
    netlab.wait_until(lambda: text_of(first, "customers/acme.toml") == mine, 15, "the first has it")


def test_without_a_majority_a_change_is_refused(cluster):
    first, *others = cluster.fleet.nodes
    pids = [node.room.run("pidof", "etcd").stdout.split()[0] for node in others]
    for node, pid in zip(others, pids):
        node.room.run("kill", "-STOP", pid)
    before = text_of(first, "customers/acme.toml")
    first._put("customers/acme.toml", before.replace('name = "acme"', 'name = "changed"'), 0o644)
    refused = first.configure("apply", check=False)
    assert refused.returncode == 4 and "nothing was changed" in refused.stderr, refused.stderr
    assert "etcd does not answer" in refused.stderr
    for node, pid in zip(others, pids):
        node.room.run("kill", "-CONT", pid)
    netlab.wait_until(lambda: first.configure("apply", check=False).returncode == 0, 40, "it is put")
    for node in others:
        netlab.wait_until(lambda: 'name = "changed"' in text_of(node, "customers/acme.toml"), 20, "the others follow")


def test_what_is_broken_in_etcd_keeps_the_last_good_one_and_is_named(cluster):
    first, second, _ = cluster.fleet.nodes
    good = text_of(second, "customers/acme.toml")
    secret = text_of(second, "secrets/uplink")
    cluster.etcdctl(first, "put", "/warren/customers/acme", "this is no TOML")
    cluster.etcdctl(first, "put", "/warren/customers/../../../tmp/evil", "schema = 1")
    cluster.etcdctl(first, "put", "/warren/secrets/uplink", "no ciphertext")
    cluster.etcdctl(first, "put", "/warren/appliance", "schema = 9")

    def names_all():
        """One after the other: each is a change of its own."""
        shown = second.configure("fleet", "status").stdout
        return all(text in shown for text in (
            "acme: not valid; the last good one stays", "secrets/uplink: it is not in the form of a sealed secret",
            "warren.toml: not valid; the last good one stays", "../../../tmp/evil: too large for a file, or no file"))
    netlab.wait_until(names_all, 25, "status names them")
    assert text_of(second, "customers/acme.toml") == good
    assert text_of(second, "secrets/uplink") == secret
    assert not os.path.exists("/tmp/evil.toml")
    assert customers_of(second) == {"acme"}


def test_a_node_that_is_added_reads_secrets_once_they_are_sealed_to_it(make_cluster):
    cluster = make_cluster(3)
    first, second, third = cluster.fleet.nodes
    keys = [node.configure("fleet", "key").stdout.strip() for node in cluster.fleet.nodes]
    assert keys[0] == first.configure("fleet", "key").stdout.strip()  # it is made once
    line = "nodes = [" + ", ".join(f'"{key}"' for key in keys[:2]) + "]\n"
    for node in (first, second):
        cluster.fleet.write_settings(node, line)
    refused = third.configure("fleet", "join", check=False)
    assert refused.returncode == 4 and "nodes" in refused.stderr
    first.configure("fleet", "init")
    second.configure("fleet", "join")
    cluster.fleet.write_settings(third, "nodes = [" + ", ".join(f'"{key}"' for key in keys) + "]\n")
    os.unlink(f"{third.config}/secrets/uplink")
    subprocess.run(["rm", "-r", f"{third.config}/customers/acme.toml"], check=True)
    third.configure("fleet", "join", check=False)
    assert "secrets/uplink: it is not sealed to this node" in third.configure("fleet", "status").stdout
    assert text_of(third, "secrets/uplink") is None
    cluster.fleet.write_settings(first, "nodes = [" + ", ".join(f'"{key}"' for key in keys) + "]\n")
    assert "to 3 nodes" in first.configure("fleet", "seal").stdout
    cluster.follow(third)
    netlab.wait_until(lambda: text_of(third, "secrets/uplink") == text_of(first, "secrets/uplink"), 20, "it reads it")
    assert text_of(third, "customers/acme.toml") == text_of(first, "customers/acme.toml")
