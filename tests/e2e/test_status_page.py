"""The status page over real HTTPS: every route for every role, the form of the answers, and refused requests."""

import base64
import contextlib
import json
import os
import re
import signal
import subprocess
import time

import jsonschema
import pytest

from tests.lab import netlab, page as client, warren
from tests.lab.town import STACK4
from tests.lab.watched import FOREIGN, LISTEN, OWN, PASSWORD

ABSENT = "nobody-has-this-id"

with open(f"{warren.ROOT}/web/api/openapi.json") as file:
    CONTRACT = json.load(file)


def pointed(schema):
    """The schema together with the components that its references need."""
    return {**schema, "components": CONTRACT["components"]}


def conforms(document, name):
    jsonschema.Draft202012Validator(pointed({"$ref": f"#/components/schemas/{name}"})).validate(document)
    return document


# --- answers ----------------------------------------------------------------------------------------------------------

SHAPES = {"/api/v1/session": "Session", "/api/v1/overview": "Overview", "/api/v1/timeseries": "Timeseries",
          "/api/v1/timeseries?step=60": "Timeseries", "/api/v1/timeseries?step=1800": "Timeseries",
          "/api/v1/customers": "CustomerPage",
          f"/api/v1/customers/{OWN}": "CustomerDetail", f"/api/v1/customers/{OWN}/peers": "PeerPage",
          f"/api/v1/customers/{OWN}/peers/graz": "Peer", f"/api/v1/customers/{OWN}/timeseries": "Timeseries",
          f"/api/v1/customers/{OWN}/peers/graz/timeseries": "Timeseries", "/api/v1/events": "EventList",
          f"/api/v1/events?customer={OWN}": "EventList", "/api/v1/system": "System", "/readyz": "Ready",
          "/api/v1/timeseries?range=month": "Timeseries", "/api/v1/events?since=2026-01-01": "EventList",
          f"/api/v1/customers/{OWN}/timeseries?range=hour": "Timeseries",
          f"/api/v1/customers/{OWN}/outages": "OutageList", "/api/v1/outages": "OutageList",
          "/api/v1/revisions": "RevisionPage",
          f"/api/v1/customers/{OWN}/revisions": "RevisionPage", f"/api/v1/customers/{OWN}/stack": "StackNow",
          "/api/v1/find?text=graz": "FoundList", "/api/v1/top": "Top", "/api/v1/soon": "Soon"}
CHANGES = {"/api/v1/unlock", "/api/v1/pending/confirm", "/api/v1/pending/go-back",  # in test_page_changes.py
           *("/api/v1/customers/{id}" + rest for rest in ("/devices", "/suspend", "/resume", "/peers/{name}/enable",
                                                          "/peers/{name}/disable"))}
SIGHT = {"/api/v1/revisions/{number}"}  # in test_page_sight.py
CONNECTIONS = ("", "/{name}", "/{name}/timeseries")  # in test_page_connections.py
ONLY_ALL = {"/api/v1/timeseries", "/api/v1/timeseries?step=60", "/api/v1/timeseries?step=1800",
            "/api/v1/timeseries?range=month", "/api/v1/system"}


@pytest.mark.parametrize("role", ["operator", "viewer", "customer"])
@pytest.mark.parametrize("path", SHAPES)
def test_every_answer_conforms_to_the_contract(scene, path, role):
    answer = scene.get(path, role)
    if role == "customer" and path in ONLY_ALL:
        assert answer.status == 404
        return
    assert answer.status == 200, answer.body
    assert answer.header("content-type") == "application/json" and answer.header("cache-control") == "no-store"
    conforms(answer.json(), SHAPES[path])


def test_every_path_of_the_contract_is_tested():
    shown = {re.sub(r"\?.*", "", path).replace(f"/{OWN}", "/{id}").replace("/graz", "/{name}") for path in SHAPES}
    shown |= {"/api/v1/customers/{id}/connections" + rest for rest in CONNECTIONS}
    assert set(CONTRACT["paths"]) == shown | {"/api/v1/about", "/api/v1/login", "/api/v1/logout", "/healthz",
                                              "/metrics", *SIGHT} | CHANGES


def test_the_page_shows_the_same_as_vpnctl(scene):
    netlab.wait_until(lambda: scene.view(f"/api/v1/customers/{OWN}/peers/graz")["state"] == "online", 10,
                      "the peer is shown online")
    shown = scene.view(f"/api/v1/customers/{OWN}/peers/graz")
    truth = scene.warren.peer(OWN, "graz")
    assert shown["state"] == truth["state"] == "online"
    assert shown["public_key"] == truth["public_key"] and shown["endpoint"] == truth["endpoint"]
    idle = scene.view(f"/api/v1/customers/{OWN}/peers/idle")
    assert idle["state"] == "never" and idle["last_handshake"] is None and idle["endpoint"] is None
    assert scene.view(f"/api/v1/customers/{OWN}")["state"] == "up"
    assert scene.view("/api/v1/system")["certificate"]["fingerprint_sha256"] == scene.page.fingerprint()
    assert scene.warren.configure("web", "fingerprint").stdout.strip() == scene.page.fingerprint()


def busiest(scene, whose):
    """The highest rate in a time series; 0 without one."""
    rates = scene.view(f"/api/v1/customers/{whose}/timeseries")["rx_bits_per_second"]
    return max(filter(None, rates), default=0)


def test_traffic_moves_the_rates_and_the_series(scene):
    scene.office.ping(STACK4, "-c", "200", "-i", "0.02", "-s", "1000", timeout=20)
    netlab.wait_until(lambda: busiest(scene, OWN) > 10_000, 10, "the series shows the traffic")
    assert busiest(scene, f"{OWN}/peers/graz") > 10_000
    assert max(filter(None, scene.view("/api/v1/timeseries")["rx_bits_per_second"])) > 10_000
    assert not any(scene.view(f"/api/v1/customers/{FOREIGN}/timeseries")["rx_bits_per_second"])


@pytest.mark.parametrize("query, ids", [
    ("search=ACM", [OWN]), ("search=Globex%20L", [FOREIGN]), ("search=zzz", []), ("sort=id&order=desc", [FOREIGN, OWN]),
    ("limit=1&offset=1", [FOREIGN]), ("state=up", [OWN]), ("state=never", [FOREIGN]),
    ("sort=peers&order=desc", [OWN, FOREIGN])])
def test_lists_are_searched_sorted_and_paged(scene, query, ids):
    assert [row["id"] for row in scene.view(f"/api/v1/customers?{query}")["items"]] == ids


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "limit=-1", "offset=99999999999999999999",
                                   "sort=password", "state=ill", "order=up", "search=" + "x" * 101])
def test_a_wrong_parameter_is_named(scene, query):
    answer = scene.get(f"/api/v1/customers?{query}")
    assert answer.status == 400 and answer.header("content-type") == "application/problem+json"
    assert query.split("=")[0] in conforms(answer.json(), "Problem")["detail"]


def test_metrics_are_what_promtool_accepts(scene):
    answer = scene.get("/metrics")
    done = subprocess.run(["promtool", "check", "metrics"], input=answer.body, capture_output=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    text = answer.body.decode()
    for name in ("wireguard_peer_last_handshake_seconds", "wireguard_peer_received_bytes_total",
                 "wireguard_peer_transmit_bytes_total"):
        assert re.search(rf'^{name}{{customer="{OWN}",peer="graz"}} [1-9]\d+$', text, re.MULTILINE), name
    assert FOREIGN in text
    workers = len(scene.view("/api/v1/system")["vpnd"]["workers"])
    assert re.findall(r'^warren_worker_cpu_seconds_total{worker="(\d+)"} \d', text,
                      re.MULTILINE) == [str(each) for each in range(workers)]
    assert float(re.search(r"^warren_vpnd_cpu_seconds_total (\S+)$", text, re.MULTILINE)[1]) > 0


def test_the_system_page_shows_the_resources_that_vpnd_uses(scene):
    with open(f"/proc/{scene.warren.vpnd()}/statm") as file:
        resident = int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    shown = scene.view("/api/v1/system")["vpnd"]
    assert resident / 2 < shown["memory_bytes"] < resident * 2
    assert [each["worker"] for each in shown["workers"]] == list(range(len(scene.warren.json("counters")["workers"])))
    assert sum(each["cpu_seconds"] for each in shown["workers"]) <= shown["cpu_seconds"] + 0.01 * len(shown["workers"])
    scene.office.ping(STACK4, "-f", "-c", "2000", "-s", "1000")
    netlab.wait_until(lambda: scene.view("/api/v1/system")["vpnd"]["cpu_seconds"] > shown["cpu_seconds"], 10,
                      "the traffic took CPU time")
    assert 0 <= scene.view("/api/v1/system")["vpnd"]["cpu_share"] <= os.cpu_count()


# --- permissions ------------------------------------------------------------------------------------------------------

FOREIGN_ROUTES = ["/api/v1/customers/{}", "/api/v1/customers/{}/peers", "/api/v1/customers/{}/peers/other",
                  "/api/v1/customers/{}/timeseries", "/api/v1/customers/{}/peers/other/timeseries",
                  "/api/v1/events?customer={}"]


@pytest.mark.parametrize("path", [*SHAPES, "/metrics", "/api/v1/nothing", "/api/v1/customers/" + ABSENT])
def test_every_route_needs_a_login(scene, path):
    for how in ({}, {"token": "x" * 43}, {"cookie": "x" * 43},
                {"headers": {"Authorization": "Basic b3BlcmF0b3I6eA=="}}):
        answer = scene.page.ask(path, **how)
        assert answer.status == 401 and conforms(answer.json(), "Problem")


def test_healthz_and_the_page_itself_need_no_login_and_reveal_nothing_but_the_appliances_name(scene):
    assert (scene.page.ask("/healthz").status, scene.page.ask("/healthz").body) == (200, b"ok\n")
    assert conforms(scene.page.ask("/api/v1/about").json(), "About") == {"appliance": scene.warren.name}
    start = scene.page.ask("/")
    assert start.status == 200 and OWN.encode() not in start.body


@pytest.mark.parametrize("path", FOREIGN_ROUTES)
def test_a_customer_cannot_tell_a_foreign_id_from_an_absent_one(scene, path):
    foreign, absent = (scene.get(path.format(id_), "customer") for id_ in (FOREIGN, ABSENT))
    assert foreign.status == absent.status == 404
    ignored = {"date"}
    assert foreign.body == absent.body
    assert [h for h in foreign.headers if h[0] not in ignored] == [h for h in absent.headers if h[0] not in ignored]
    stream = {"headers": {"Accept": "text/event-stream"}}
    if path.startswith("/api/v1/events"):
        assert scene.get(path.format(FOREIGN), "customer", **stream).status == 404
    for role in ("operator", "viewer"):
        assert scene.get(path.format(FOREIGN), role).status == 200
        assert scene.get(path.format(ABSENT), role).body == absent.body


def test_a_foreign_id_takes_no_longer_than_an_absent_one(scene):
    """The requests alternate on one connection; fast ones are compared, so a pause of the machine does not count."""
    with scene.page.tls() as sock:
        times = {FOREIGN: [], ABSENT: []}
        for _ in range(150):
            for id_, taken in times.items():
                started = time.perf_counter()
                scene.get(f"/api/v1/customers/{id_}", "customer", sock=sock)
                taken.append(time.perf_counter() - started)
    foreign, absent = (sorted(taken)[15] for taken in times.values())
    assert abs(foreign - absent) < max(0.25 * absent, 0.0002), (foreign, absent)


def test_a_customer_sees_only_itself_in_every_list(scene):
    for path in ("/api/v1/customers", "/api/v1/overview", "/api/v1/events?limit=500", "/metrics", "/api/v1/session",
                 "/api/v1/revisions", f"/api/v1/customers/{OWN}/stack"):
        text = scene.get(path, "customer").body.decode()
        assert FOREIGN not in text and "other" not in text.replace("other way", ""), path
    assert scene.view("/api/v1/overview", "customer")["customers"]["total"] == 1
    assert "warren_vpnd_up" not in scene.get("/metrics", "customer").body.decode()


def test_refused_senders_are_shown_to_those_whom_they_concern_and_named_in_the_log(scene):
    """A stranger concerns operators; who claims to be a customer's peer concerns that customer too, and no other."""
    senders = {name: scene.town.raw_peer(name)[0] for name in ("stranger", "lost", "pretender", "impostor")}
    senders["stranger"].send(senders["stranger"].initiation().message)
    senders["lost"].send(senders["lost"].initiation(mac1=bytes(16)).message)  # made for another server
    for name, victim in (("pretender", scene.idle), ("impostor", scene.other)):
        claimed = base64.b64decode(victim.key.public)
        senders[name].send(senders[name].initiation(static_public=claimed).message)

    def of(rows):
        names = {sender.place.ipv4: name for name, sender in senders.items()}
        return {names[row["from"].rpartition(":")[0]]: row for row in rows if row["from"].rpartition(":")[0] in names}

    shown = netlab.wait_until(
        lambda: len(found := of(scene.view("/api/v1/system", "viewer")["refused"])) == 4 and found, 20,
        "all are on the System page")
    assert {name: row["reason"] for name, row in shown.items()} == {
        "stranger": "unknown_peer", "lost": "bad_mac1", "pretender": "bad_initiation", "impostor": "bad_initiation"}
    assert {name: (row["customer"], row["peer"]) for name, row in shown.items()} == {
        "stranger": (None, None), "lost": (None, None), "pretender": (OWN, "idle"), "impostor": (FOREIGN, "other")}
    assert shown["stranger"]["key_begins"] == senders["stranger"].key.public[:8] and shown["lost"]["key_begins"] is None
    assert shown["pretender"]["key_begins"] == scene.idle.key.public[:8]
    conforms(scene.view("/api/v1/system"), "System")

    own = scene.view(f"/api/v1/customers/{OWN}", "customer")
    conforms(own, "CustomerDetail")
    assert set(of(own["refused"])) == {"pretender"} and len(own["refused"]) == 1
    assert set(of(scene.view(f"/api/v1/customers/{FOREIGN}")["refused"])) == {"impostor"}
    assert set(of(scene.warren.json("drops")["refused"])) == set(senders)
    for path in ("/api/v1/overview", "/api/v1/customers", "/api/v1/events?limit=500", "/metrics"):
        text = scene.get(path, "customer").body.decode()
        assert not [name for name, sender in senders.items() if sender.place.ipv4 in text], path

    def lines():
        return {name: [line for line in scene.log("sender_refused") if f"from={sender.place.ipv4}:" in line]
                for name, sender in senders.items()}

    told = netlab.wait_until(lambda: all((found := lines()).values()) and found, 20, "the log names each of them")
    assert all(len(of_one) == 1 for of_one in told.values()), told
    assert f"customer={OWN} peer=idle reason=bad_initiation" in told["pretender"][0]
    assert f"reason=unknown_peer from={senders['stranger'].place.ipv4}:" in told["stranger"][0]
    assert f"key={senders['stranger'].key.public[:8]}" in told["stranger"][0].replace('"', "")
    senders["stranger"].send(senders["stranger"].initiation().message)
    netlab.wait_until(
        lambda: of(scene.view("/api/v1/system")["refused"])["stranger"]["messages"] == 2, 20, "it is counted")
    assert len(lines()["stranger"]) == 1, "a sender is named again after an hour only"


def test_only_an_operator_sees_the_users(scene):
    assert scene.view("/api/v1/system", "operator")["users_file"] == {"users": 3, "tokens": 3, "error": None}
    assert scene.view("/api/v1/system", "viewer")["users_file"] is None


# --- logging in -------------------------------------------------------------------------------------------------------

def test_a_session_begins_and_ends(scene):
    answer = scene.page.login("customer", PASSWORD)
    assert answer.status == 200 and conforms(answer.json(), "Session")["customers"] == [OWN]
    said = answer.header("set-cookie")
    assert said.startswith(f"{client.COOKIE}=")
    assert all(part in said for part in ("; Path=/", "; Secure", "; HttpOnly", "; SameSite=Strict"))
    cookie = answer.cookie()
    assert scene.page.ask("/api/v1/session", cookie=cookie).json()["kind"] == "cookie"
    ended = scene.page.ask("/api/v1/logout", "POST", cookie=cookie)
    assert ended.status == 204 and "Max-Age=0" in ended.header("set-cookie")
    assert scene.page.ask("/api/v1/session", cookie=cookie).status == 401
    assert [line for line in scene.log("login") if "user=customer" in line] and scene.log("logout")


def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(scene):
    wrong, unknown = scene.page.login("viewer", "not the password"), scene.page.login("nobody", "not the password")
    assert wrong.status == unknown.status == 401 and wrong.body == unknown.body and wrong.cookie() is None
    assert scene.log("login_failed")
    assert PASSWORD not in scene.warren.output() and "not the password" not in scene.warren.output()


@pytest.mark.parametrize("origin", ["", "https://evil.example", "http://" + LISTEN, "https://127.0.0.1", "null"])
def test_a_write_from_another_origin_is_refused(scene, origin):
    assert scene.page.login("operator", PASSWORD, origin=origin).status == 403
    cookie = scene.page.login("operator", PASSWORD).cookie()
    assert scene.page.ask("/api/v1/logout", "POST", cookie=cookie, origin=origin).status == 403
    assert scene.page.ask("/api/v1/session", cookie=cookie).status == 200


@pytest.mark.parametrize("host, status",
                         [("evil.example", 421), ("evil.example:8443", 421), ("", 421), ("localhost:8443", 200),
                          ("paged", 200), ("[::1]:8443", 200), ("127.0.0.1.evil.example", 421)])
def test_only_requests_for_our_own_names_are_answered(scene, host, status):
    with scene.page.tls() as sock:
        sock.sendall(f"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert int(sock.recv(65536).split()[1]) == status


@pytest.mark.parametrize("body, content_type, status", [
    ("{}", "application/json", 400), ("[]", "application/json", 400), ("{", "application/json", 400),
    ("", "application/json", 400), ('{"user": "operator", "password": 1}', "application/json", 400),
    ('{"user": "operator", "password": ""}', "application/json", 400),
    ('{"user": "operator", "password": "x", "more": 1}', "application/json", 400),
    ("[" * 3000, "application/json", 400), ("\xff\xfe", "application/json", 400),
    ('{"user": "operator", "password": "x"}', "text/plain", 415), ("x" * 5000, "application/json", 413)])
def test_a_malformed_login_is_refused(scene, body, content_type, status):
    assert scene.page.ask("/api/v1/login", "POST", body=body, headers={"Content-Type": content_type}).status == status


def test_a_client_that_guesses_passwords_has_to_wait(scene):
    scene.warren.configure("user", "add", "guessed", "viewer", input=PASSWORD + "\n")
    try:
        answers = [scene.page.login("guessed", "wrong password %d" % i) for i in range(7)]
        late = next(answer for answer in answers if answer.status == 429)
        assert [answer.status for answer in answers].index(429) <= 5 and int(late.header("retry-after")) >= 1
        assert scene.page.login("guessed", PASSWORD).status == 429, "the right password has to wait too"
        assert scene.log("login_delayed")
        netlab.wait_until(lambda: scene.page.login("guessed", PASSWORD).status == 200, 40,
                          "after a wait, the right password works")
    finally:
        scene.warren.configure("user", "del", "guessed")


def test_a_session_ends_when_its_user_changes(scene):
    scene.warren.configure("user", "add", "changing", "viewer", input=PASSWORD + "\n")
    cookie = netlab.wait_until(lambda: scene.page.login("changing", PASSWORD).cookie(), 10)
    scene.warren.configure("user", "passwd", "changing", input="another " + PASSWORD + "\n")
    netlab.wait_until(lambda: scene.page.ask("/api/v1/session", cookie=cookie).status == 401, 10,
                      "the session ends when the password changes")
    cookie = scene.page.login("changing", "another " + PASSWORD).cookie()
    scene.warren.configure("user", "del", "changing")
    netlab.wait_until(lambda: scene.page.ask("/api/v1/session", cookie=cookie).status == 401, 10,
                      "the session ends when its user is removed")


def test_a_removed_token_is_refused(scene):
    token = scene.warren.configure("token", "add", "brief", "viewer").stdout.strip()
    netlab.wait_until(lambda: scene.page.ask("/api/v1/session", token=token).status == 200, 10)
    scene.warren.configure("token", "del", "brief")
    netlab.wait_until(lambda: scene.page.ask("/api/v1/session", token=token).status == 401, 10)
    with open(f"{scene.warren.config}/users.toml") as file:
        assert token not in file.read()


def test_a_users_file_with_an_error_changes_nothing_and_is_shown(scene):
    path = f"{scene.warren.config}/users.toml"
    with open(path) as file:
        before = file.read()
    try:
        with open(path, "w") as file:
            file.write(before + "\n[[user]]\nname = 1\n")
        scene.warren.apply(check=False)
        shown = netlab.wait_until(lambda: scene.view("/api/v1/system")["users_file"]["error"], 10,
                                  "the error is shown")
        assert "users.toml:" in shown and scene.log("users_rejected")
        assert scene.get("/api/v1/session", "customer").status == 200
        assert "users_file_invalid" in [alarm["kind"] for alarm in scene.view("/api/v1/overview")["alarms"]]
        assert scene.warren.configure("user", "add", "more", "viewer", input=PASSWORD + "\n",
                                      check=False).returncode == 4
    finally:
        with open(path, "w") as file:
            file.write(before)
        scene.warren.apply()
    netlab.wait_until(lambda: scene.view("/api/v1/system")["users_file"]["error"] is None, 10)


# --- events and streams -----------------------------------------------------------------------------------------------

def test_a_stream_sends_deltas_and_resumes(scene):
    stream = scene.page.stream(f"/api/v1/events?customer={OWN}", token=scene.tokens["operator"])
    assert stream.status == 200
    first = second = stream.message()
    while second["id"] == first["id"]:
        second = stream.message()
    for message in (first, second):
        assert message["event"] == "delta"
        conforms(message["data"], "Delta")
    scene.office.ping(STACK4, "-c", "5", "-i", "0.2")
    while "graz" not in [row["name"] for row in stream.message()["data"]["peers"]]:
        pass
    stream.close()
    resumed = scene.page.stream(f"/api/v1/events?customer={OWN}", token=scene.tokens["operator"],
                                last_event_id=second["id"])
    message = resumed.message()
    assert message["event"] == "delta"
    assert "graz" in [row["name"] for row in message["data"]["peers"]], "the change made meanwhile is in it"
    resumed.close()
    forgotten = scene.page.stream("/api/v1/events", token=scene.tokens["operator"], last_event_id="someoneelse-5-5")
    assert forgotten.message()["event"] == "reset"
    assert forgotten.message()["event"] == "delta"
    forgotten.close()


def test_a_customers_stream_shows_only_that_customer(scene):
    stream = scene.page.stream(f"/api/v1/events?watch={FOREIGN},{OWN}", token=scene.tokens["customer"],
                               last_event_id=None)
    text = json.dumps([stream.message()["data"], stream.message()["data"]])
    stream.close()
    assert FOREIGN not in text


def test_a_stream_ends_with_its_session(scene):
    cookie = scene.page.login("viewer", PASSWORD).cookie()
    stream = scene.page.stream(cookie=cookie)
    stream.message()
    assert scene.page.ask("/api/v1/logout", "POST", cookie=cookie).status == 204
    with pytest.raises((EOFError, OSError)):
        for _ in range(4):
            stream.message()


def test_added_and_removed_customers_are_events(scene):
    _, peer = scene.town.raw_peer("brief")
    scene.warren.put(warren.Customer("initech", [f"{STACK4}/24"], [peer], name="Initech"))
    netlab.wait_until(lambda: scene.get("/api/v1/customers/initech").status == 200, 10, "a new customer is shown")
    scene.warren.remove("initech")
    netlab.wait_until(lambda: scene.get("/api/v1/customers/initech").status == 404, 10, "a removed customer is gone")
    kinds = [event["kind"] for event in scene.view("/api/v1/events?customer=initech")["items"]]
    assert kinds == ["removed", "added"]
    assert "online" in [event["kind"]
                        for event in scene.view(f"/api/v1/events?customer={OWN}&peer=graz")["items"]]


def test_a_customer_has_its_lan_its_static_routes_and_its_disabled_peers(scene):
    _, peer = scene.town.raw_peer("spare")
    peer.enabled = False
    customer = warren.Customer("initech", [f"{STACK4}/24"], [peer], routes=[("10.9.0.0/16", "192.168.7.254")],
                               handoff={"type": "veth", "address": ["192.168.7.1/24"]})

    def shown():
        with contextlib.suppress(OSError, EOFError):
            document = scene.get("/api/v1/customers/initech").json()
            return {key: document.get(key) for key in ("stack_complete", "lan", "static_routes", "disabled_peers")}

    lan = {"type": "veth", "parent": None, "addresses": ["192.168.7.1/24"]}
    bare = {"stack_complete": True, "lan": lan, "static_routes": [], "disabled_peers": []}
    scene.warren.put(customer)
    try:
        netlab.wait_until(lambda: shown() == {
            "stack_complete": True, "lan": lan, "static_routes": [{"to": "10.9.0.0/16", "via": "192.168.7.254"}],
            "disabled_peers": [peer.name]}, 10, "the stack of a new customer is shown")
        conforms(scene.view("/api/v1/customers/initech"), "CustomerDetail")
        assert f"\ndisabled    {peer.name}\n" in scene.warren.ctl("status", "initech", check=False).stdout
        for asked in (["initech"], []):
            status = json.loads(scene.warren.ctl("status", *asked, "--json", check=False).stdout)
            row, = (one for one in status["customers"] if one["id"] == "initech")
            assert (row["disabled_peers"], row["disabled_peers_more"]) == ([peer.name], 0)
        stream = scene.page.stream("/api/v1/events?customer=initech", token=scene.tokens["operator"])
        stream.message()
        customer.routes = []
        peer.enabled = True
        scene.warren.put(customer)
        while not stream.message()["data"]["reload"]:
            pass
        stream.close()
        netlab.wait_until(lambda: shown() == bare, 10, "a change is shown")
        os.kill(scene.statusd(), signal.SIGKILL)
        netlab.wait_until(lambda: shown() == bare, 20, "a new statusd shows it, too")
    finally:
        scene.warren.remove("initech")


def test_an_open_page_learns_that_a_stack_is_complete_or_not(scene):
    customer = warren.Customer("initech", [f"{STACK4}/24"], [],
                               handoff={"type": "physical", "parent": "late0", "address": ["192.168.7.1/24"]})
    shown = lambda: scene.get("/api/v1/customers/initech").json().get("stack_complete")
    scene.warren.customers["initech"] = customer
    scene.warren.write_customer(customer)
    scene.warren.apply(check=False)
    try:
        netlab.wait_until(lambda: shown() is False, 10, "the stack is not complete")
        stream = scene.page.stream("/api/v1/events?customer=initech", token=scene.tokens["operator"])
        stream.message()
        scene.town.hub.run("ip", "link", "add", "late0", "type", "veth", "peer", "name", "late1")
        while not stream.message()["data"]["reload"]:
            pass
        stream.close()
        netlab.wait_until(lambda: shown() is True, 10, "the stack is complete")
    finally:
        scene.warren.remove("initech")
        scene.town.hub.run("ip", "link", "del", "late0", check=False)
