"""IKE_SAs and their children outlive vpnd: a planned replacement, an upgrade and a crash (docs/decisions/0017)."""

import os
import signal

import pytest

from tests.lab import ikewire, inner, netlab, sites
from tests.lab.clients import Device, people, put
from tests.lab.ikewire import IKE, Exchange, Kind
from tests.lab.sites import SITE
from tests.lab.town import STACK4, Pinging

OLD = 8  # seconds: a vpnd that ends sooner, 5 s after it was put in charge, may have died quickly; two leave nothing
ECHO = inner.echo_request("10.0.1.9", "10.0.0.1", b"once")


def spis(charon):
    """What a stock peer has: of each IKE_SA its SPIs and those of its children."""
    return {one.spis: {(child.spi_in, child.spi_out) for child in one.children} for one in charon.sas()}


def replace(town):
    vpnd = town.warren.vpnd()
    town.warren.ctl("restart", "vpnd")
    assert town.warren.vpnd() != vpnd


def kill(town):
    """Ends vpnd with SIGKILL and waits for its successor."""
    vpnd = town.warren.vpnd()
    netlab.wait_until(lambda: age_of(vpnd) > OLD, 2 * OLD, "vpnd has run for a while")
    os.kill(vpnd, signal.SIGKILL)
    netlab.wait_until(lambda: vpnd not in town.warren.children("vpnd") and town.warren.children("vpnd") and
                      town.warren.ctl("status", check=False).returncode == 0, 15, "the next vpnd serves")


def age_of(pid):
    with open(f"/proc/{pid}/stat") as stat, open("/proc/uptime") as uptime:
        started = int(stat.read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
        return float(uptime.read().split()[0]) - started


def check_alive(town, site):
    """Everything that two ends ask of each other still works, from either side."""
    for what, name in (("child", "lan"), ("ike", "hub")):
        before = spis(site.charon)
        site.charon.rekey(**{what: name})
        netlab.wait_until(lambda: len(site.charon.sas()) == 1 and spis(site.charon) != before, 10, f"{what} is rekeyed")
        assert site.ping()
    before = site.sa().spis
    town.warren.ctl("ipsec", site.customer, "graz", "rekey")
    netlab.wait_until(lambda: len(site.charon.sas()) == 1 and site.sa().spis != before, 10, "we rekey")
    assert site.ping() and site.stack.ping(SITE)
    shown, = town.warren.connection(site.customer, "graz").ike_sas
    assert (int(shown.initiator_spi, 16), int(shown.responder_spi, 16)) == site.sa().spis


# --- a stock site -----------------------------------------------------------------------------------------------------


@pytest.mark.losses
def test_a_replaced_vpnd_costs_a_stock_site_no_packet_and_no_sa(town, graz):
    before, said = spis(graz.charon), len(graz.charon.log())
    pinging = graz.pinging()
    for _ in range(3):
        replace(town)
    assert graz.ping(count=3) and graz.stack.ping(SITE)
    assert pinging.lost() == 0
    assert spis(graz.charon) == before
    assert graz.charon.log()[said:].count("INFORMATIONAL") == 0, "charon has noticed"
    assert town.warren.connection(graz.customer, "graz").state == "up"


def test_after_a_replacement_both_ends_can_ask_for_everything(town, graz):
    replace(town)
    check_alive(town, graz)
    replace(town)
    check_alive(town, graz)


def test_a_site_that_goes_after_a_replacement_is_gone_here_too(town, graz):
    replace(town)
    graz.charon.terminate(ike="hub")
    netlab.wait_until(lambda: town.warren.connection(graz.customer, "graz").ike_sas == [], 5)
    graz.connect()
    replace(town)
    town.warren.ctl("ipsec", graz.customer, "graz", "terminate")
    netlab.wait_until(lambda: graz.charon.sas() == [], 10, "the site is told")


@pytest.mark.losses
def test_an_upgrade_costs_a_stock_site_no_packet_and_no_sa(town, graz):
    """As the package's unit does: another stackd, then another vpnd."""
    before, pinging = spis(graz.charon), graz.pinging()
    vpnd = town.warren.vpnd()
    town.warren.process.kill(signal.SIGUSR1)
    assert town.warren.process.wait() == 0
    town.warren.start()
    assert town.warren.vpnd() == vpnd
    replace(town)
    assert graz.ping(count=3)
    assert pinging.lost() == 0
    assert spis(graz.charon) == before
    check_alive(town, graz)


@pytest.mark.losses
def test_another_number_of_workers_costs_a_stock_site_no_packet_and_no_sa(town, graz):
    before, pinging = spis(graz.charon), graz.pinging()
    former = town.warren.workers
    try:
        for count in (3, 1):
            town.warren.workers = count
            town.warren.write()
            assert "vpnd was replaced" in town.warren.apply().stdout
            assert graz.ping(count=3) and graz.stack.ping(SITE)
        assert pinging.lost() == 0
        assert spis(graz.charon) == before
        check_alive(town, graz)
    finally:
        town.warren.workers = former
        town.warren.write()
        town.warren.apply()


def test_a_crash_costs_a_stock_site_no_sa(town, graz):
    before = spis(graz.charon)
    kill(town)
    netlab.wait_until(lambda: graz.ping(timeout=1), 5, "the tunnel goes on")
    assert graz.stack.ping(SITE)
    assert spis(graz.charon) == before
    check_alive(town, graz)


@pytest.mark.parametrize("esp", ["aes256-sha256", "aes128-sha512", "chacha20poly1305"])
def test_every_kind_of_key_goes_on(town, join, site, esp):
    id_ = town.new_id("acme")
    graz = site(id_, esp=esp)
    join(id_, [graz])
    graz.stack = town.warren.stack(id_)
    graz.connect()
    before = spis(graz.charon)
    replace(town)
    assert graz.ping(count=3) and graz.stack.ping(SITE)
    assert spis(graz.charon) == before


def test_a_leased_address_stays_its_clients_and_is_nobody_elses(town, join):
    entry = people(pool=["10.99.0.0/29"])
    id_ = put(town, join, [entry])
    made = [Device(town, id_, host, entry, vips=["0.0.0.0"]) for host in ("one", "two", "three")]
    try:
        for one in made[:2]:
            one.start().connect()
        leased, before = [one.address for one in made[:2]], [spis(one.charon) for one in made[:2]]
        replace(town)
        for one, its, sas in zip(made, leased, before):
            assert one.ping() and town.warren.stack(id_).ping(its)
            assert one.address == its and spis(one.charon) == sas
        assert made[2].start().connect().address not in leased
        assert made[0].ping()
    finally:
        for one in made:
            if one.charon.running():
                one.charon.stop()


def test_a_client_moves_after_a_replacement(town, join):
    entry = people(pool=["10.99.0.0/29"])
    id_ = put(town, join, [entry])
    place = town.place("roamer")
    second = place.ipv4[:-1] + "7"
    roamer = Device(town, id_, "roamer", entry, place=place, vips=["0.0.0.0"]).start().connect()
    try:
        place.ns.sysctl("net.ipv4.conf.wan0.promote_secondaries", 1)
        place.ns.ip(f"addr add {second}/24 dev wan0")
        replace(town)
        before = roamer.charon.sa("hub").spis
        place.ns.ip(f"addr del {place.ipv4}/24 dev wan0")
        netlab.wait_until(lambda: town.warren.connection(id_, "people").ike_sas[0].endpoint.startswith(f"{second}:"),
                          15, "the client has moved")
        netlab.wait_until(roamer.ping, 5, "packets flow again")
        assert roamer.charon.sa("hub").spis == before
    finally:
        roamer.charon.stop()


# --- message by message -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [replace, kill])
def test_no_counter_and_no_iv_is_used_twice(town, peer, end):
    """The scripted peer refuses an ESP packet with an IV that was there before."""
    sa = peer.connect()
    child, = sa.children
    seen = []
    for _ in range(2):
        assert peer.echo(child)
        answer = peer.probe(sa)
        seen.append(answer.datagram.data[ikewire.HEADER + 4:][:8])
        end(town)
        assert peer.echo(child)
        seen.append(peer.probe(sa).datagram.data[ikewire.HEADER + 4:][:8])
    assert child.received == sorted(set(child.received))
    assert seen == sorted(set(seen))


@pytest.mark.parametrize("end", [replace, kill])
def test_nothing_is_taken_twice(town, peer, count, end):
    sa = peer.connect()
    child, = sa.children
    packets = [child.seal(ECHO) for _ in range(5)]
    for packet in packets:
        peer.send_esp(packet)
        assert peer.receive_inner(child)
    asked = sa.seal(Exchange.INFORMATIONAL, [])
    peer.send(asked)
    answered = peer.message(sa, 2)
    sa.next_id += 1
    before = count("replay_duplicate", "replay_too_old")
    end(town)
    for packet in packets:
        peer.send_esp(packet)
    assert peer.receive_inner(child, 1) is None
    netlab.wait_until(lambda: count("replay_duplicate", "replay_too_old") > before, 5, "they are counted")
    assert count("replay_duplicate", "replay_too_old") - before == len(packets)
    peer.send(asked)
    assert peer.message(sa, 2).datagram.data == answered.datagram.data
    assert peer.is_alive(sa) and peer.echo(child)


def test_a_request_of_ours_is_repeated_and_not_made_anew(town, join, scripted):
    id_ = town.new_id("acme")
    peer, entry = scripted(id_, entry={"dpd": "5 s"})
    join(id_, [entry])
    sa = peer.connect()
    asked = peer.message(sa, 15)
    replace(town)
    again = peer.message(sa, 5)
    assert again.datagram.data == asked.datagram.data
    peer.serve(sa, again)
    assert peer.is_alive(sa) and peer.echo(sa.children[0])


def test_a_rekey_that_was_under_way_is_undone_and_made_anew(town, peer):
    """The ephemeral key is gone with its process: the child that the peer has made is deleted, and another one made.
    Until then the old one carries packets. No message ID is left out or used for something else."""
    sa = peer.connect()
    old, = sa.children
    town.warren.ctl("ipsec", peer.customer, peer.name, "rekey")
    asked = peer.message(sa, 5)
    assert asked.exchange == Exchange.CREATE_CHILD_SA
    replace(town)
    assert peer.echo(old)
    again = peer.message(sa, 5)
    assert again.datagram.data == asked.datagram.data
    peer.serve(sa, again)
    with peer.serving():
        netlab.wait_until(lambda: sa.closed and sa.replaced_by, 15, "everything is rekeyed")
    new = sa.replaced_by
    assert len(new.children) == 1 and new.children[0] is not old
    assert peer.echo(new.children[0]) and peer.is_alive(new) and peer.stray == []


def test_a_connection_that_was_changed_while_vpnd_was_down_ends_with_a_delete(town, peer):
    sa = peer.connect()
    mine = town.warren.customers[peer.customer]
    mine.ipsec.connections[0].psk = sites.new_key()
    vpnd = town.warren.vpnd()
    netlab.wait_until(lambda: age_of(vpnd) > OLD, 2 * OLD, "vpnd has run for a while")
    os.kill(vpnd, signal.SIGKILL)
    town.warren.write_customer(mine)
    town.warren.apply(check=False)  # vpnd may not be back yet
    message = peer.message(sa, 10)
    assert ikewire.parse_delete(message.of(Kind.DELETE)) == (IKE, [])
    peer.serve(sa, message)
    peer.psk = mine.ipsec.connections[0].psk.encode()
    assert peer.echo(peer.connect().children[0])


def test_two_customers_with_the_same_addresses_identities_and_keys_stay_apart(town, join, site):
    names, key = [town.new_id("acme"), town.new_id("globex")], sites.new_key()
    made = {name: site(name, "graz", identity="graz@branches.example", key=key) for name in names}
    for name, one in made.items():
        join(name, [one])
    for one in made.values():
        one.connect()
    before = {name: spis(one.charon) for name, one in made.items()}
    replace(town)
    for name, one in made.items():
        assert one.ping() and town.warren.stack(name).ping(SITE)
        assert spis(one.charon) == before[name]
        shown, = town.warren.connection(name, "graz").ike_sas
        assert (int(shown.initiator_spi, 16), int(shown.responder_spi, 16)) == one.sa().spis


def test_a_wireguard_peer_and_a_site_go_on_together(town, join, site):
    id_ = town.new_id("mixed")
    graz = site(id_)
    office = town.office("linz", addresses=["10.0.2.1/32"], reach=["10.0.0.0/24"])
    join(id_, [graz], [office.peer])
    graz.connect()
    office.connect()
    handshake, before = office.shown().latest_handshake, spis(graz.charon)
    pings = [graz.pinging(), Pinging(office.ns, STACK4)]
    replace(town)
    assert [stream.lost() for stream in pings] == [0, 0]
    assert office.shown().latest_handshake == handshake and spis(graz.charon) == before
