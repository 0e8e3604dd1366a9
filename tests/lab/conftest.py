"""Shared by the tests of the lab: a stock charon at the hub, and the scripted IKEv2 peer for which it is configured."""

import pytest

from tests.lab import netlab, strongswan
from tests.lab.ikepeer import IkePeer
from tests.lab.strongswan import Charon, Child, Connection
from tests.lab.town import HUB4, Internet

HUB_ID, RAW_ID, KEY = "hub.example.net", "raw@acme.example", "the key of raw, of more than 20 letters"
LAN, RAW_LAN = "10.0.0.0/24", "10.0.1.0/24"
SUITES = ["aes128gcm16-prfsha256-x25519", "aes256gcm16-prfsha384-ecp256", "chacha20poly1305-prfsha512-ecp384",
          "aes256-sha256-modp2048", "aes128-sha512-x25519"]
ESP = ["aes128gcm16", "aes256gcm16", "chacha20poly1305", "aes128-sha256", "aes256-sha512"]


@pytest.fixture(scope="module")
def internet():
    """The hub with a LAN, and a place `raw` for the scripted peer."""
    before = netlab.baseline()
    with netlab.Lab() as lab:
        made = Internet(lab)
        lab.bridge(made.hub, "lan0", ["10.0.0.1/24", "fd00:42::1/64"])
        made.raw = made.place("raw")
        yield made
    assert netlab.leaks(before, ("wlab-",)) == []


@pytest.fixture(scope="module")
def hub(internet):
    """A charon that takes everything that the raw peer may offer, one child or many, and can initiate to it."""
    raw = Connection("raw", internet.raw.ipv4, HUB_ID, RAW_ID, local=HUB4, proposals=",".join(SUITES),
                     more={"unique": "never", "over_time": 0},
                     children=[Child("lan", [LAN], [RAW_LAN], ",".join(ESP + ["aes128gcm16-x25519"]))])
    made = Charon(internet.hub, [raw], [strongswan.psk(KEY, RAW_ID, HUB_ID)],
                  settings={"retransmit_timeout": 1, "retransmit_tries": 2, "retransmit_base": 1}).start()
    yield made
    made.stop()


@pytest.fixture
def peer(internet, hub):
    """The raw peer, with nothing left of it at the hub afterwards."""
    made = IkePeer(internet.raw.ns, internet.raw.ipv4, HUB4, RAW_ID, HUB_ID, KEY.encode())
    yield made
    with made.serving():
        hub.terminate(ike="raw", force=True, check=False)
    made.close()
    netlab.wait_until(lambda: hub.sas() == [], 5)
