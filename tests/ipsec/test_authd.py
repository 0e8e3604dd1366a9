"""authd, which has the keys of IPsec: nobody else has them, and no tunnel depends on it."""

import contextlib
import os
import signal

import pytest

from tests.lab import ikepeer, netlab, sites
from tests.lab.ikewire import Exchange
from tests.lab.memory import found_in_memory
from tests.lab.town import HUB4

TSI, TSR = ["10.0.1.0/24"], ["10.0.0.0/24"]


def authd(town, but=()):
    """The pid of the one authd that is none of `but`."""
    def only():
        found = [pid for pid in town.warren.children("authd") if pid not in but]
        return found if len(found) == 1 else None

    return netlab.wait_until(only, 20, "one authd runs")[0]


def answers(peer):
    """An IKE_SA comes up, packets pass in its child, and it is deleted."""
    sa = peer.connect()
    works = peer.echo(sa.children[0])
    peer.delete_ike(sa)
    return works


def status_of(pid):
    with open(f"/proc/{pid}/status") as lines:
        return dict(line.rstrip().split(":\t", 1) for line in lines if ":\t" in line)


# --- what it is, and who has the keys ---------------------------------------------------------------------------------


def test_authd_has_no_privileges_and_no_file(town, peer):
    pid = authd(town)
    netlab.wait_until(lambda: status_of(pid)["Seccomp"] == "2", 5, "it confines itself once it has started")
    status = status_of(pid)
    assert "0" not in status["Uid"].split() and "0" not in status["Gid"].split()
    assert all(int(status[name], 16) == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    assert int(status["VmLck"].split()[0]) > 0
    assert os.stat(f"/proc/{pid}/fd").st_uid == 0, "dumpable: its own user could read its memory"
    held = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    # Its log, the signals, the channels to stackd and to vpnd.
    assert sum(name.startswith("socket:") for name in held) <= 2, held
    assert not [name for name in held if name.startswith((town.warren.config, town.warren.run_dir))], held
    assert town.warren.json("log-level")["log_levels"]["authd"] == "info"
    assert f"authd pid {pid}" in town.warren.status()["stackd"]["facts"]


def test_vpnd_has_no_preshared_key_and_authd_has(town, peer, graz):
    """And that of a site that goes leaves it, while another's stays."""
    key, other = {"the key": peer.psk}, {"the other key": graz.connection.psk.encode()}
    sa = peer.connect()
    assert peer.echo(sa.children[0])
    assert found_in_memory(authd(town), key | other) == {*key, *other}
    # The search does find what is there.
    in_use = {"a session key": sa.children[0].send_keys[0][:16]}
    assert found_in_memory(town.warren.vpnd(), in_use) == in_use.keys()
    assert not found_in_memory(town.warren.vpnd(), key | other)
    town.warren.remove(peer.customer)
    netlab.wait_until(lambda: found_in_memory(authd(town), key | other) == other.keys(), 5, "authd has wiped it")


# --- it dies, hangs, or others do -------------------------------------------------------------------------------------


@pytest.mark.losses
def test_a_killed_authd_loses_no_tunnel_and_no_packet_and_sites_come_up_again(town, peer, graz):
    before, child, pinging = authd(town), graz.child(), graz.pinging()
    pid, vpnd = before, town.warren.vpnd()
    for _ in range(3):
        os.kill(pid, signal.SIGKILL)
        assert answers(peer)
        pid = authd(town, [before, pid])
    assert pinging.lost() == 0
    assert graz.child().spi_in == child.spi_in and town.warren.vpnd() == vpnd
    assert [line for line in town.warren.output().splitlines() if "event=authd_lost" in line and "signal 9" in line]


@pytest.mark.slow
@pytest.mark.losses
def test_an_authd_that_hangs_is_replaced_and_holds_nobody_up(town, peer, graz):
    pid, pinging = authd(town), graz.pinging()
    os.kill(pid, signal.SIGSTOP)
    town.warren.apply()
    assert town.warren.ctl("status", check=False).returncode in (0, 1)
    authd(town, [pid])
    assert not os.path.exists(f"/proc/{pid}")
    assert answers(peer)
    assert pinging.lost() == 0


def test_another_vpnd_asks_the_same_authd(town, peer):
    pid = authd(town)
    assert answers(peer)
    vpnd = town.warren.vpnd()
    os.kill(vpnd, signal.SIGKILL)
    netlab.wait_until(lambda: town.warren.children("vpnd") not in ([], [vpnd]), 10, "another vpnd runs")
    assert answers(peer)
    town.warren.ctl("restart", "vpnd")
    assert answers(peer)
    assert authd(town) == pid


@pytest.mark.losses
def test_authd_serves_on_without_stackd_and_the_next_stackd_starts_another(town, peer, graz):
    """The numbers of the keys are the same then, so that no IKE_SA ends."""
    pid, spis, pinging = authd(town), graz.sa().spis, graz.pinging()
    town.warren.kill()
    assert answers(peer)
    assert authd(town) == pid
    town.warren.start()
    authd(town, [pid])
    # Its parent is gone: nobody may have buried it.
    netlab.wait_until(lambda: not os.path.exists(f"/proc/{pid}") or status_of(pid)["State"].startswith("Z"), 10,
                      "the former one has ended")
    assert answers(peer)
    assert pinging.lost() == 0
    assert graz.sa().spis == spis


# --- many ask ---------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def many_peers(town, customer, key, count):
    """IkePeers that say they are the customer's site, each from an address of its own."""
    place = town.place("flood")
    net = place.ipv4.rsplit(".", 1)[0]
    place.ns.ip(*(f"address add {net}.{10 + i}/24 dev wan0" for i in range(count)))
    with contextlib.ExitStack() as stack:
        identity, ours = f"flood@{customer}.example", sites.hub_identity(customer)
        made = [ikepeer.IkePeer(place.ns, f"{net}.{10 + i}", HUB4, identity, ours, key.encode()) for i in range(count)]
        for one in made:
            stack.callback(one.close)
        yield made


@pytest.mark.slow
def test_many_who_ask_for_one_customer_leave_the_others_their_share(town, join, peer, count):
    """More at a time than all strangers together may, all for one customer, while authd answers nothing. The request of
    another customer's peer waits with them, and is answered without being repeated."""
    id_, key = town.new_id("flooded"), sites.new_key()
    join(id_, [sites.connection.Connection("flood", f"flood@{id_}.example", key, [sites.child()])])
    with many_peers(town, id_, key, 36) as peers:
        waiting = [(one, one.init()) for one in peers for _ in range(4)]
        mine = peer.init()
        pid, before = authd(town), count("ike_asks_full")
        os.kill(pid, signal.SIGSTOP)
        try:
            for one, sa in waiting:
                one.send(sa.seal(Exchange.IKE_AUTH, one.auth_payloads(sa, TSI, TSR, ikepeer.new_spi()), message_id=1))
            netlab.wait_until(lambda: count("ike_asks_full") - before >= len(waiting) - 64, 5, "there is no room left")
            spi = ikepeer.new_spi()
            peer.send(mine.seal(Exchange.IKE_AUTH, peer.auth_payloads(mine, TSI, TSR, spi), message_id=1))
            for _ in range(5):
                town.warren.status()  # vpnd goes round, so it has read that by then
        finally:
            os.kill(pid, signal.SIGCONT)
        answer = peer.response(mine, 1)
        assert answer is not None
        assert town.warren.connection(peer.customer, peer.name).state == "up"
        assert authd(town) == pid
