"""A fleet that begins with one node and grows by invitations: its own authority, TLS everywhere, and etcd with the
settings that vpnctl wrote."""

import datetime
import hashlib
import os
import pwd
import re

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from . import fleets, netlab


class Growing(fleets.Cluster):
    """`begin()` makes the first node; `invite()`, `join()` and `take_part()` are the steps of another one."""

    def begin(self):
        first = self.fleet.nodes[0]
        self._start_router()
        self.fleet.write_settings(first)
        first.configure("fleet", "authority", "--at", first.room.address)
        self.start_etcd(first)
        netlab.wait_until(lambda: self.etcdctl(first, "put", "/well", "1", check=False), 60, "etcd answers")
        self._start_rest(first)
        netlab.wait_until(self.owner, 60, "the first node serves the group")
        first.configure("fleet", "init")
        self.follow(first)
        return self

    def _start_rest(self, node):
        """BIRD's socket is at another place on each node of the lab."""
        with open(f"{node.config}/fleet.toml") as file:
            text = file.read()
        with open(f"{node.config}/fleet.toml", "w") as file:
            file.write(re.sub(r'bird_socket = ".*"', f'bird_socket = "{node.fleet_dir}/bird.ctl"', text))
        self.start_bird(node)
        node.start(timeout=120)
        os.chown(f"{node.config}-fleet/fleetd.key", pwd.getpwnam("nobody").pw_uid, -1)
        self.start_fleetd(node)

    def start_etcd(self, node):
        """With the variables of etcd.env, but for the place of its data and for times: the machine is busy."""
        with open(f"{node.config}-fleet/etcd.env") as file:
            variables = [line for line in file.read().splitlines() if line and not line.startswith("#")]
        variables = [line for line in variables if not line.startswith("ETCD_DATA_DIR=")]
        variables += [f"ETCD_DATA_DIR={self.data}/{node.name}", "ETCD_HEARTBEAT_INTERVAL=200",
                      "ETCD_ELECTION_TIMEOUT=1500", "ETCD_LOGGER=zap", "ETCD_LOG_LEVEL=warn"]
        self.etcds[node.name] = node.room.start("env", *variables, "etcd", name=f"{node.name}-etcd")

    def etcdctl(self, node, *command, check=True):
        files = f"{node.config}-fleet"
        return node.room.run("env", "ETCDCTL_API=3", "etcdctl", f"--endpoints=https://{node.room.address}:2379",
                             f"--cacert={files}/ca.pem", f"--cert={files}/fleetd.pem", f"--key={files}/fleetd.key",
                             *command, check=check).stdout

    def members(self, node):
        """{name: whether it is a learner}; a name is "" before it was started."""
        rows = self.etcdctl(node, "member", "list").splitlines()
        fields = [[field.strip() for field in row.split(",")] for row in rows]
        return {row[2]: row[5] == "true" for row in fields}

    def invite(self, name, *options, by=None):
        """(the process, the token)"""
        node = by or self.fleet.nodes[0]
        process = node.room.start(f"{node.bin}/vpnctl", "--run-dir", node.run_dir, "--config", node.config, "fleet",
                                  "invite", name, *options, name=f"invite-{name}")
        found = netlab.wait_until(lambda: re.search(r"warren1[0-9a-f]+", process.output()) or not process.running(), 20,
                                  "there is a token")
        assert found is not True, process.output()
        return process, found[0]

    def end(self, invitation, how="INT", by=None):
        """A signal for vpnctl itself, which is a child of what entered the room. Its exit status."""
        (by or self.fleet.nodes[0]).room.run("pkill", f"-{how}", "-f", "fleet invite")
        return invitation.wait(30)

    def join(self, node, token, check=True):
        os.makedirs(node.config, exist_ok=True)
        return node.configure("fleet", "join", token, check=check)

    def take_part(self, node, invitation):
        """What `join` says that is to be done next."""
        self.start_etcd(node)
        netlab.wait_until(lambda: not invitation.running(), 60, "it is a member")
        assert f"{node.name} is a node of the fleet" in invitation.output(), invitation.output()
        self._start_rest(node)
        netlab.wait_until(lambda: node.configure("fleet", "status", check=False).returncode == 0, 60, "it is valid")
        os.unlink(f"{node.config}/customers/acme.toml")  # the lab wrote it, and the fleet's may be another by now
        node.configure("fleet", "join")
        self.follow(node)


def changed(token, place, sum_too=True):
    """A token in which one byte is another: "secret" or "fingerprint"; with a sum that says so or not."""
    raw = bytearray(bytes.fromhex(token[len("warren1"):]))
    raw[{"secret": 3, "fingerprint": 19}[place]] ^= 1
    if sum_too:
        raw[-4:] = hashlib.sha256(bytes(raw[:-4])).digest()[:4]
    return "warren1" + raw.hex()


def shortened(first, pem, days, name=None):
    """The certificate as the authority might have given it some time ago: with the same key, and few days left."""
    with open(f"{first.config}-fleet/ca.key", "rb") as file:
        authority_key = serialization.load_pem_private_key(file.read(), None)
    with open(f"{first.config}-fleet/ca.pem", "rb") as file:
        authority = x509.load_pem_x509_certificate(file.read())
    old = x509.load_pem_x509_certificate(pem.encode())
    now = datetime.datetime.utcnow()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) if name else old.subject
    made = x509.CertificateBuilder(authority.subject, subject, old.public_key(), x509.random_serial_number(),
                                   now - datetime.timedelta(days=85), now + datetime.timedelta(days=days))
    for extension in old.extensions:
        made = made.add_extension(extension.value, extension.critical)
    return made.sign(authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def days_left(pem):
    return (x509.load_pem_x509_certificate(pem.encode()).not_valid_after - datetime.datetime.utcnow()).days


def key_of(pem):
    return x509.load_pem_x509_certificate(pem.encode()).public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
