"""Connections of IPsec on the status page, its API and its metrics, without a peer: one waits, one is not served."""

import re
import subprocess

import pytest

from tests.e2e.test_status_page import conforms
from tests.lab import connection, netlab
from tests.lab.watched import FOREIGN, OWN

SHAPES = {"": "ConnectionPage", "/steyr": "ConnectionDetail", "/steyr/timeseries": "Timeseries"}
WHY = "a child has more pairs of networks than this version serves"


@pytest.fixture(scope="module", autouse=True)
def connections(scene):
    """OWN has a site that waits, and one that is not served."""
    def site(name, local, remote):
        return connection.Connection(name, f"{name}@acme.example", "our cat is called Fritz",
                                     [connection.Child("lan", local, remote)])
    steyr = site("steyr", ["10.0.0.0/24"], ["10.44.0.0/16"])
    wels = site("wels", [f"10.60.{i}.0/24" for i in range(17)], [f"10.45.{i}.0/24" for i in range(17)])
    scene.warren.ipsec = {}
    scene.warren.customers[OWN].ipsec = connection.Ipsec("acme.vpn.example.net", [steyr, wels])
    scene.warren.write()
    scene.warren.apply()
    netlab.wait_until(lambda: len(shown(scene)) == 2, 10, "the page has the connections")


def shown(scene, query=""):
    return scene.view(f"/api/v1/customers/{OWN}/connections{query}")["items"]


@pytest.mark.parametrize("role", ["operator", "viewer", "customer"])
@pytest.mark.parametrize("path", SHAPES)
def test_every_answer_conforms_to_the_contract(scene, path, role):
    answer = scene.get(f"/api/v1/customers/{OWN}/connections{path}", role)
    assert answer.status == 200, answer.body
    conforms(answer.json(), SHAPES[path])
    absent = scene.get(f"/api/v1/customers/{FOREIGN}/connections{path}", "customer")
    assert absent.status == 404


def test_the_page_says_of_each_connection_what_vpnctl_says(scene):
    truth = {one["name"]: one for one in scene.warren.json("ipsec", OWN)["connections"]}
    rows = {one["name"]: one for one in shown(scene)}
    assert set(rows) == set(truth) == {"steyr", "wels"}
    for name, row in rows.items():
        assert row["state"] == truth[name]["state"] and row["reason"] == truth[name]["reason"]
    assert rows["steyr"]["state"] == "listening" and rows["steyr"]["remote_identity"] == "steyr@acme.example"
    assert rows["wels"]["state"] == "unserved" and rows["wels"]["reason"] == WHY
    assert f"{OWN}/wels is not served: {WHY}\n" in scene.warren.ctl("ipsec", OWN, "wels", "--why").stdout
    customer = conforms(scene.view(f"/api/v1/customers/{OWN}"), "CustomerDetail")
    assert customer["connections"] == {"total": 2, "up": 0, "connecting": 0, "down": 0, "listening": 1, "unserved": 1}
    alarms = conforms(scene.view("/api/v1/overview"), "Overview")["alarms"]
    assert [(one["kind"], one["customer"]) for one in alarms] == [("connection_unserved", OWN)]
    assert scene.get("/readyz").status == 200


@pytest.mark.parametrize("query, names", [
    ("?search=STEYR@", ["steyr"]), ("?search=10.45.3.9", ["wels"]), ("?state=unserved", ["wels"]),
    ("?order=desc", ["wels", "steyr"]), ("?limit=1", ["steyr"]), ("?search=zzz", [])])
def test_the_list_is_searched_filtered_sorted_and_paged(scene, query, names):
    assert [row["name"] for row in shown(scene, query)] == names


def test_metrics_are_what_promtool_accepts(scene):
    answer = scene.get("/metrics")
    done = subprocess.run(["promtool", "check", "metrics"], input=answer.body, capture_output=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    text = answer.body.decode()
    for line in (f'ipsec_connection_up{{customer="{OWN}",connection="steyr"}} 0', "ipsec_ike_sas 0",
                 "ipsec_half_open 0", f'warren_customer_connections_unserved{{customer="{OWN}"}} 1'):
        assert re.search(f"^{re.escape(line)}$", text, re.MULTILINE), line
