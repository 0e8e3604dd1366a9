"""A peer gets another key, and the server another one, while tunnels go on; a peer has a tunnel until a date."""

import contextlib
import datetime
import json
import os
import signal

import pytest

from tests.lab import inner, netlab, rawpeer, warren, wireguard_go
from tests.lab.town import HUB4, PORT, STACK4, Pinging, Town

RAW = "10.0.0.9"


@pytest.fixture(scope="module")
def own():
    """A town of this file's own, because its server's key changes."""
    with warren.leaves_nothing(lambda lab: Town(lab, name="rotating")) as made:
        made.warren.public_endpoint = f"{HUB4}:{PORT}"
        made.warren.start()
        yield made


@pytest.fixture
def join(own):
    with contextlib.ExitStack() as stack:
        yield lambda peers, **more: stack.enter_context(own.visiting(peers, **more))


@pytest.fixture
def office(own, join):
    made = own.office("branch")
    made.customer = join([made])
    return made.connect()


def rotate(own, office, *options, check=True):
    return own.warren.configure("peer", "rotate", office.customer.id, office.peer.name, *options, check=check)


def shown(own, office):
    text = own.warren.configure("--json", "peer", "show", office.customer.id, office.peer.name).stdout
    return json.loads(text)


def use_key(office, key):
    """What the client's operator does."""
    file = office.ns.lab.write(f"{office.client.device}.key", key.private + "\n")
    office.client.wg("set", office.client.device, "private-key", file)


def wait_for(own, office, key):
    netlab.wait_until(lambda: office.ping(timeout=1), 10, "the tunnel carries packets")
    netlab.wait_until(lambda: shown(own, office)["key_in_use"] == key, 5, f"the {key} key is in use")


# --- a peer's key -----------------------------------------------------------------------------------------------------


def test_a_peer_changes_its_key_and_warren_loses_no_packet(own, office):
    new = wireguard_go.new_key()
    before = shown(own, office)
    pings = Pinging(office.ns, STACK4)
    rotate(own, office, "--public-key", new.public)
    assert pings.lost() == 0  # the client still has its old key
    assert shown(own, office)["key_in_use"] == "present"
    assert before["public_key"] != shown(own, office)["next_public_key"] == new.public

    use_key(office, new)
    wait_for(own, office, "next")
    assert "next" in own.warren.ctl("peers", office.customer.id).stdout
    pings = Pinging(office.ns, STACK4)
    rotate(own, office, "--commit")
    assert pings.lost() == 0
    after = shown(own, office)
    assert (after["public_key"], after["next_public_key"], after["key_in_use"]) == (new.public, None, "present")
    assert own.warren.peer(office.customer.id, office.peer.name)["state"] == "online"


def test_the_old_key_is_refused_after_the_commit(own, office):
    old, new = office.client.key, wireguard_go.new_key()
    rotate(own, office, "--public-key", new.public)
    use_key(office, new)
    wait_for(own, office, "next")
    use_key(office, old)  # it may go back until then
    wait_for(own, office, "present")
    use_key(office, new)
    wait_for(own, office, "next")
    rotate(own, office, "--commit")
    refused = own.warren.all_drops().get("unknown_peer", 0)
    use_key(office, old)
    assert not office.ping(timeout=2)
    netlab.wait_until(lambda: own.warren.all_drops().get("unknown_peer", 0) > refused, 10, "it is refused")
    use_key(office, new)
    office.connect()


def test_the_printed_profile_is_that_of_the_next_key(own, office):
    made = rotate(own, office).stdout
    private = next(line.split(" = ")[1] for line in made.splitlines() if line.startswith("PrivateKey"))
    assert wireguard_go.public_key(private) == shown(own, office)["next_public_key"]
    assert own.warren.key.public in made
    again = rotate(own, office, check=False)
    assert again.returncode != 0 and "next key already" in again.stderr
    use_key(office, wireguard_go.Key(private, ""))
    wait_for(own, office, "next")


def test_a_commit_that_would_end_the_tunnel_asks(own, office):
    new = wireguard_go.new_key()
    rotate(own, office, "--public-key", new.public)
    refused = rotate(own, office, "--commit", check=False)
    assert refused.returncode == 1 and "was not seen with its next key" in refused.stderr
    assert office.ping()
    rotate(own, office, "--cancel")
    assert shown(own, office)["next_public_key"] is None
    assert office.ping()
    rotate(own, office, "--public-key", new.public)
    rotate(own, office, "--commit", "--force")
    assert not office.ping(timeout=1)
    use_key(office, new)
    office.connect()


def test_which_key_is_in_use_survives_a_crash_of_vpnd(own, office):
    new = wireguard_go.new_key()
    rotate(own, office, "--public-key", new.public)
    use_key(office, new)
    wait_for(own, office, "next")
    handshake = office.shown().latest_handshake
    vpnd = own.warren.vpnd()
    os.kill(vpnd, signal.SIGKILL)
    netlab.wait_until(lambda: vpnd not in own.warren.children("vpnd") and own.warren.children("vpnd") and
                      own.warren.ctl("status", check=False).returncode == 0, 15, "the next vpnd serves")
    netlab.wait_until(lambda: office.ping(timeout=1), 10, "the tunnel goes on")
    assert shown(own, office)["key_in_use"] == "next"
    assert office.shown().latest_handshake == handshake
    rotate(own, office, "--commit")
    assert office.ping()


def echo(raw, sent_on, answered_on):
    raw.send(sent_on.data(inner.echo_request(RAW, STACK4)))
    answer = raw.receive_inner(answered_on, 2)
    return answer is not None and inner.is_echo_reply(answer)


def test_only_a_confirmed_handshake_moves_the_tunnel_and_the_old_session_is_received_on(own, join):
    raw, entry = own.raw_peer("raw", addresses=[f"{RAW}/32"])
    customer = join([entry])
    raw.customer, raw.peer = customer, entry
    old = raw.handshake()
    raw.confirm(old)
    assert echo(raw, old, old)
    new = wireguard_go.new_key()
    own.warren.configure("peer", "rotate", customer.id, entry.name, "--public-key", new.public)
    successor = rawpeer.RawPeer(new.private, own.warren.key.public, raw.sock, raw.remote)
    session = successor.handshake()
    assert echo(raw, old, old)  # not confirmed: answers come as before
    assert shown(own, raw)["key_in_use"] == "present"
    successor.confirm(session)
    netlab.wait_until(lambda: shown(own, raw)["key_in_use"] == "next", 5)
    assert echo(successor, old, session)  # what the client still sent on the old one is not lost
    assert echo(successor, session, session)
    own.warren.configure("peer", "rotate", customer.id, entry.name, "--commit")
    assert not echo(successor, old, session)
    assert echo(successor, session, session)


def test_a_next_key_is_nobody_elses(own, office, join):
    other = own.office("other", start=False)
    customer = join([other])
    refused = own.warren.configure("peer", "rotate", office.customer.id, office.peer.name, "--public-key",
                                   other.peer.public_key, check=False)
    assert refused.returncode != 0 and "occurs once on a listener" in refused.stderr
    new = wireguard_go.new_key()
    rotate(own, office, "--public-key", new.public)
    refused = own.warren.configure("peer", "add", customer.id, "thief", "--address", "none", "--public-key", new.public,
                                   check=False)
    assert refused.returncode != 0 and "occurs once on a listener" in refused.stderr
    use_key(office, new)
    wait_for(own, office, "next")
    assert own.warren.peer(customer.id, other.peer.name)["state"] == "never"


# --- the server's key -------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def changed_server_key(own):
    """Yields the new key. At the end the old one is back."""
    old, new = own.warren.key, wireguard_go.new_key()
    try:
        own.warren.key, own.warren.previous_key = new, old
        own.warren.write()
        own.warren.apply()
        yield new
    finally:
        own.warren.key, own.warren.previous_key = old, None
        own.warren.write()
        own.warren.apply()


def on_previous_key(own):
    listeners = json.loads(own.warren.configure("--json", "listeners").stdout)["listeners"]
    return next(each["peers_on_previous_key"] for each in listeners if each["purpose"] == "wireguard")


def test_the_servers_key_changes_peer_by_peer(own, office, join):
    late = own.office("late", addresses=["10.0.0.2/32"])
    late.customer = join([late])
    late.connect()
    pings = Pinging(office.ns, STACK4)
    with changed_server_key(own) as new:
        assert pings.lost() == 0
        both = [{"customer": one.customer.id, "peer": one.peer.name} for one in (office, late)]
        assert sorted(map(str, on_previous_key(own))) == sorted(map(str, both))
        assert "2 peers use the previous key" in own.warren.configure("listeners").stderr
        # A client that begins anew with the old server's key is answered, too.
        late.client.configure()
        late.connect()

        office.client.peers[0].public_key = new.public
        office.client.configure()
        office.connect()
        netlab.wait_until(lambda: on_previous_key(own) == both[1:], 5, "one peer is left")
        assert own.warren.peer(late.customer.id, "late")["server_key_in_use"] == "previous"
        vpnd = own.warren.vpnd()
        os.kill(vpnd, signal.SIGKILL)
        netlab.wait_until(lambda: vpnd not in own.warren.children("vpnd") and own.warren.children("vpnd") and
                          own.warren.ctl("status", check=False).returncode == 0, 15, "the next vpnd serves")
        netlab.wait_until(lambda: late.ping(timeout=1) and office.ping(timeout=1), 10, "both tunnels go on")
        assert on_previous_key(own) == both[1:]

        own.warren.previous_key = None
        own.warren.write()
        pings = Pinging(office.ns, STACK4)
        own.warren.apply()
        assert pings.lost() == 0
        assert not late.ping(timeout=1)


# --- a date -----------------------------------------------------------------------------------------------------------


def test_a_peer_has_a_tunnel_until_its_date(own, office):
    date = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=6)
    office.peer.expires = date.strftime("%Y-%m-%dT%H:%M:%SZ")
    own.warren.put(office.customer)
    assert office.ping()
    peer = own.warren.peer(office.customer.id, office.peer.name)
    assert (peer["state"], peer["expires"]) == ("online", office.peer.expires)
    netlab.wait_until(lambda: own.warren.peer(office.customer.id, office.peer.name)["state"] == "expired", 10)
    assert datetime.datetime.now(datetime.timezone.utc) >= date.replace(microsecond=0)
    assert not office.ping(timeout=1)
    netlab.wait_until(lambda: office.ping(timeout=1) or own.warren.all_drops().get("peer_expired", 0) > 0, 30)
    assert not office.ping(timeout=1)
    office.peer.expires = "2199-01-01"
    own.warren.put(office.customer)
    office.connect()
