"""fleetd and etcd know each other by certificates: another authority's, or another machine's, and nothing is served."""

import time

import pytest

from tests.fleet.conftest import SERVICE
from tests.lab import fleets, netlab, pki


class SecureCluster(fleets.Cluster):
    """One node, whose etcd listens on the node's own address and asks for certificates."""

    def __init__(self, fleet):
        super().__init__(fleet)
        self.node, = fleet.nodes
        self.authority = pki.Authority("Fleet")
        self.files = {}
        self.keep("etcd", self.authority.issue("etcd", [self.node.room.address, "127.0.0.1"]))
        self.keep("fleetd", self.authority.issue("fleetd"))
        self.ca = self.write_pem("ca", self.authority.pem)

    def write_pem(self, name, text):
        return self.fleet.lab.write(f"pki/{name}.pem", text, mode=0o644)

    def keep(self, name, identity):
        self.files[name] = (self.write_pem(name, identity.pem), self.write_pem(f"{name}-key", identity.key_pem))

    def start_etcd(self, node):
        certificate, key = self.files["etcd"]
        urls = f"https://{node.room.address}:2379,https://127.0.0.1:2379,https://127.0.0.2:2379"
        self.etcds[node.name] = node.room.start(
            "etcd", "--name", node.name, "--data-dir", f"{self.data}/{node.name}",
            "--listen-client-urls", urls, "--advertise-client-urls", urls,
            "--client-cert-auth", "--trusted-ca-file", self.ca, "--cert-file", certificate, "--key-file", key,
            "--logger", "zap", "--log-level", "warn", name=f"{node.name}-etcd")

    def _etcd_is_well(self):
        certificate, key = self.files["fleetd"]
        return self.node.room.run("env", "ETCDCTL_API=3", "etcdctl",
                                  f"--endpoints=https://{self.node.room.address}:2379", f"--cacert={self.ca}",
                                  f"--cert={certificate}", f"--key={key}", "put", "/well", "1",
                                  check=False).returncode == 0

    def settle(self, authority, who="fleetd", address=""):
        certificate, key = self.files[who]
        self.fleet.write_settings(self.node, f'etcd = "{address or self.node.room.address}:2379"\n'
                                             f'etcd_ca = "{authority}"\netcd_certificate = "{certificate}"\n'
                                             f'etcd_key = "{key}"\n')

    def start(self):
        self.start_etcd(self.node)
        self.start_bird(self.node)
        netlab.wait_until(self._etcd_is_well, 60, "etcd answers")
        return self

    def log(self):
        return self.fleetds[self.node.name].tail(200)

    def refuses(self, reason):
        """A fleetd that was started now says why it does not take part, and does not."""
        self.start_fleetd(self.node)
        netlab.wait_until(lambda: "etcd_does_not_answer" in self.log() and reason in self.log(), 20, "it says why")
        time.sleep(2)
        assert self.owner() is None
        self.fleetds[self.node.name].stop()


@pytest.fixture
def secure(make_fleet):
    if fleets.missing():
        pytest.skip(f"{', '.join(fleets.missing())}: not installed (tools/setup fleet)")
    return SecureCluster(make_fleet(1).start()).start()


def test_both_sides_prove_who_they_are(secure):
    stranger = pki.Authority("Fleet")  # of the same name
    secure.settle(secure.write_pem("stranger", stranger.pem))
    secure.refuses("certificate verify failed")
    # An address that is not in etcd's certificate: one of the authority's other machines.
    secure.settle(secure.ca, address="127.0.0.2")
    secure.refuses("certificate verify failed")
    # etcd asks fleetd as well.
    secure.keep("other", stranger.issue("fleetd"))
    secure.settle(secure.ca, "other")
    secure.refuses("etcd does not answer")

    secure.settle(secure.ca)
    secure.start_fleetd(secure.node)
    netlab.wait_until(secure.owner, 40, "the group is served")
    assert secure.node.service_addresses() == {SERVICE}
