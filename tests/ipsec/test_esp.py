"""Packets of a child: what is taken, from where, in which order, and what of it reaches the stack. The scripted peer
decides every field."""

import os

import pytest

from tests.lab import ikewire, inner, netlab, rawpeer, sites
from tests.lab.capture import Capture
from tests.lab.ikesockets import NAT_PORT
from tests.lab.memory import found_in_memory
from tests.lab.sites import SCRIPTED, SITE
from tests.lab.town import HUB4, PORT, STACK4, send_tcp, send_udp

TSI, TSR = ["10.0.1.0/24"], ["10.0.0.0/24"]
WINDOW = 8128


@pytest.fixture
def live(peer):
    """(peer, a child that carries packets)."""
    child, = peer.connect().children
    assert peer.echo(child)
    return peer, child


def canary(word):
    return f"<{word} {os.urandom(6).hex()}>".encode()


def packet(mark, source=SCRIPTED, target=STACK4, **header):
    return inner.udp(source, target, 9, 9, mark, **header)


def arrives(peer, child, send):
    """True if what send(mark) sends reaches the stack. An honest packet afterwards says when everything before has."""
    mark, honest = canary("tried"), canary("honest")
    with Capture(peer.stack, "vpn0") as capture:
        send(mark)
        peer.send_inner(child, packet(honest))
        netlab.wait_until(lambda: honest in capture.bytes(), 5, "the honest packet arrives")
    return mark in capture.bytes()


# --- forms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("esp", ["aes128gcm16"])
def test_the_suites_carry_packets_of_every_size(peer, esp):
    peer.esp = esp
    child, = peer.connect().children
    for size in (0, 1, 2, 3, 4, 5, 13, 100, 1279, 1372):
        mark = os.urandom(size)
        peer.send_inner(child, inner.echo_request(SCRIPTED, STACK4, mark))
        answer = peer.receive_esp(child)
        assert answer.inner[28:] == mark and answer.next_header == 4  # what it opened was padded as the RFC says


def test_our_packets_are_numbered_from_one_without_a_gap(peer):
    child, = peer.connect().children
    for _ in range(20):
        assert peer.echo(child)
    assert child.received == list(range(1, 21)) and len(child.ivs) == 20


def test_packets_to_a_site_are_padded_and_bare_and_in_udp(town, live):
    peer, child = live
    with Capture(town.hub, "up0", f"host {peer.place.ipv4}") as capture:
        assert peer.echo(child)
        netlab.wait_until(lambda: len(capture.packets()) >= 2, 5)
    answers = [one for one in capture.packets() if one.source == HUB4]
    assert {(one.source_port, one.destination_port, one.payload[:4]) for one in answers} == {
        (NAT_PORT, NAT_PORT, child.local_spi)}


def test_traffic_flow_padding_is_cut_off(live):
    peer, child = live
    assert peer.echo(child, behind=bytes(200))
    assert arrives(peer, child, lambda mark: peer.send_inner(child, packet(mark), behind=b"\xff" * 300))


def test_dummies_are_dropped_without_a_word(live, counted):
    peer, child = live
    with counted("esp_dummy", more=3):
        for content in (b"", b"x", os.urandom(100)):
            peer.send_inner(child, content, next_header=59)


@pytest.mark.parametrize("lie", [
    {"padding": b"\0\0\0\0"}, {"padding": b"\4\3\2\1"}, {"padding": b"\1\2\3\5"}, {"pad_length": 200},
    {"pad_length": 255}], ids=str)
def test_wrong_padding_is_refused_and_counted(live, counted, lie):
    peer, child = live
    with counted("esp_padding_wrong"):
        assert not arrives(peer, child, lambda mark: peer.send_inner(
            child, packet(mark) + bytes(-(len(packet(mark)) + 2) % 4), **lie))


@pytest.mark.parametrize("next_header", [0, 1, 6, 17, 50, 58, 255])
def test_what_is_no_ip_packet_is_refused_and_counted(live, counted, next_header):
    """Transport mode, among others."""
    peer, child = live
    with counted("esp_malformed"):
        assert not arrives(peer, child, lambda mark: peer.send_inner(child, packet(mark), next_header=next_header))


# --- sequence ---------------------------------------------------------------------------------------------------------


def test_the_window_takes_what_is_late_once(live):
    peer, child = live
    assert peer.echo(child, sequence=100_000)
    assert peer.echo(child, sequence=100_000 - WINDOW + 1)
    assert not peer.echo(child, sequence=100_000 - WINDOW + 1, patience=1)
    assert not peer.echo(child, sequence=100_000 - WINDOW - 1, patience=1)
    assert peer.echo(child, sequence=99_999) and not peer.echo(child, sequence=99_999, patience=1)
    assert peer.echo(child, sequence=0xFFFFFFF0) and peer.echo(child, sequence=0xFFFFFFEF)
    assert not peer.echo(child, sequence=100_001, patience=1)


def test_a_repeated_packet_arrives_once_and_is_counted(live, counted):
    peer, child = live
    mark = canary("replay")
    sealed = child.seal(packet(mark))
    with Capture(peer.stack, "vpn0", "udp") as capture, counted("replay_duplicate", more=9):
        for _ in range(10):
            peer.send_esp(sealed)
    assert capture.bytes().count(mark) == 1


def test_sequence_zero_is_refused(live, counted):
    peer, child = live
    with counted("esp_malformed"):
        assert not arrives(peer, child, lambda mark: peer.send_inner(child, packet(mark), sequence=0))


def test_a_forged_packet_moves_neither_the_window_nor_the_endpoint(live, stranger, counted):
    peer, child = live
    with counted("authentication_failed", more=4):
        for sequence in (1 << 31, 0xFFFFFFFF, 50, 7):
            peer.send_esp(child.seal(packet(b"forged"), sequence=sequence, keys=(os.urandom(20), b"")), via=stranger)
    assert peer.echo(child, sequence=7) and peer.echo(child, sequence=50)


def test_no_flipped_bit_gets_through(live, counted):
    peer, child = live
    mark = canary("flipped")
    sealed = child.seal(packet(mark))
    bits = [bit for byte in range(4, len(sealed)) for bit in (8 * byte, 8 * byte + 7)]  # not of the SPI
    with Capture(peer.stack, "vpn0", "udp") as capture, counted("authentication_failed", "esp_malformed", more=None):
        for number, bit in enumerate(bits):
            peer.send_esp(rawpeer.flip(sealed, bit))
            if number % 50 == 0:
                assert peer.echo(child)
        peer.send_esp(sealed)
        netlab.wait_until(lambda: mark in capture.bytes(), 5)
    assert capture.bytes().count(mark) == 1


def test_short_packets_and_reserved_spis_are_refused(live):
    peer, child = live
    sealed = child.seal(packet(b"short"))
    for size in range(2, len(sealed)):
        peer.send_esp(sealed[:size])
    for spi in (b"\0\0\0\1", b"\0\0\0\xff"):
        peer.send_esp(spi + sealed[4:])
    assert peer.echo(child)


# --- selectors and sources --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("addresses", [
    ("10.0.2.9", STACK4), ("10.0.1.9", "10.0.9.9"), ("10.0.0.9", STACK4), (STACK4, STACK4), ("127.0.0.1", STACK4),
    ("0.0.0.0", STACK4), ("224.0.0.1", STACK4), ("255.255.255.255", STACK4), ("10.0.1.9", "255.255.255.255"),
    ("198.51.100.254", STACK4), ("fd00:42::9", "fd00:42::1")], ids="-".join)
def test_a_packet_outside_the_childs_selectors_is_dropped_and_counted(live, counted, addresses):
    peer, child = live
    with counted("selector_mismatch", "source_not_allowed", "source_martian", "source_is_stack", "inner_malformed"):
        assert not arrives(peer, child, lambda mark: peer.send_inner(child, packet(mark, *addresses)))


def test_a_source_of_another_site_of_the_customer_is_refused(town, join, scripted, counted):
    """Selectors 0.0.0.0/0 at both: `routes` say which source is whose (KS5)."""
    id_ = town.new_id("acme")
    (one, first), (two, second) = scripted(id_, "one"), scripted(id_, "two")
    for entry, network in ((first, "10.0.1.0/24"), (second, "10.0.2.0/24")):
        entry.children = [sites.connection.Child("any", ["0.0.0.0/0"], ["0.0.0.0/0"], [network])]
    join(id_, [first, second])
    one.stack = two.stack = town.warren.stack(id_)
    child, other = one.connect(["0.0.0.0/0"], ["0.0.0.0/0"]).children[0], two.connect(["0.0.0.0/0"],
                                                                                    ["0.0.0.0/0"]).children[0]
    assert one.echo(child) and two.echo(other, "10.0.2.9")
    with counted("source_not_allowed"):
        assert not arrives(one, child, lambda mark: one.send_inner(child, packet(mark, "10.0.2.9")))


def test_packets_between_two_sites_of_a_customer_go_through_the_stack(town, join, scripted):
    id_ = town.new_id("acme")
    (one, first), (two, second) = scripted(id_, "one"), scripted(id_, "two")
    first.children = [sites.connection.Child("lan", ["10.0.0.0/16"], ["10.0.1.0/24"])]
    second.children = [sites.connection.Child("lan", ["10.0.0.0/16"], ["10.0.2.0/24"])]
    join(id_, [first, second])
    a = one.connect(["10.0.1.0/24"], ["10.0.0.0/16"]).children[0]
    b = two.connect(["10.0.2.0/24"], ["10.0.0.0/16"]).children[0]
    mark = canary("between")
    one.send_inner(a, packet(mark, "10.0.1.9", "10.0.2.9"))
    assert mark in two.receive_inner(b)


# --- other customers --------------------------------------------------------------------------------------------------


@pytest.fixture
def twins(town, join, scripted):
    """{customer: (peer, child)} of two customers with the same networks."""
    made = {}
    for id_ in (town.new_id("acme"), town.new_id("globex")):
        peer, entry = scripted(id_)
        join(id_, [entry])
        peer.stack = town.warren.stack(id_)
        made[id_] = peer, peer.connect().children[0]
    return made


def test_a_packet_with_another_customers_spi_reaches_nobody(twins, counted):
    (acme, ours), (globex, theirs) = twins.values()
    foreign = canary("foreign")
    with Capture(acme.stack, "vpn0") as here, Capture(globex.stack, "vpn0") as there:
        with counted("authentication_failed", more=20):
            for number in range(20):
                acme.send_esp(ours.seal(packet(foreign), sequence=1000 + number, spi=theirs.remote_spi))
        with counted("spi_unknown", more=None):
            for number in range(50):
                acme.send_esp(ours.seal(packet(foreign), sequence=2000 + number, spi=b"\x7f" + os.urandom(3)))
        assert acme.echo(ours) and globex.echo(theirs)
    assert foreign not in here.bytes() and foreign not in there.bytes()


def test_a_child_used_from_another_customers_address_stays_with_its_customer(twins):
    (acme, ours), (globex, _) = twins.values()
    mark = canary("moved")
    with Capture(acme.stack, "vpn0") as here, Capture(globex.stack, "vpn0") as there:
        acme.send_esp(ours.seal(packet(mark)), via=globex.sockets[NAT_PORT])
        netlab.wait_until(lambda: mark in here.bytes(), 5)
    assert mark not in there.bytes()


def test_spis_do_not_say_whose_they_are(twins):
    (_, ours), (_, theirs) = twins.values()
    assert ours.remote_spi[:3] != theirs.remote_spi[:3]


def test_esp_at_the_wireguard_port_and_wireguard_at_the_esp_port_reach_nobody(town, live, counted):
    peer, child = live
    raw, entry = town.raw_peer("wireguard", addresses=["10.0.5.9/32"])
    mine = town.warren.customers[peer.customer]
    mine.peers.append(entry)
    town.warren.put(mine)
    session = raw.handshake()
    raw.confirm(session)
    mark = canary("crossed")
    with Capture(peer.stack, "vpn0") as capture:
        peer.sockets[NAT_PORT].sendto(child.seal(packet(mark)), (HUB4, PORT))
        raw.sock.sendto(session.data(packet(mark, "10.0.5.9")), (HUB4, NAT_PORT))
        assert peer.echo(child)
        raw.send(session.data(inner.echo_request("10.0.5.9", STACK4, b"wireguard")))
        assert raw.receive_inner(session)
    assert mark not in capture.bytes()


# --- the outer packet -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ecn", [0, 1, 2, 3])
def test_congestion_marks_are_copied_outside_and_dscp_is_not(town, live, ecn):
    """ES8, RFC 6040."""
    peer, child = live
    with Capture(town.hub, "up0", f"udp and src {HUB4} and dst {peer.place.ipv4}") as capture:
        peer.send_inner(child, inner.echo_request(SCRIPTED, STACK4, b"mark", tos=0xB8 | ecn))
        assert peer.receive_inner(child)[1] & 3 == ecn
        netlab.wait_until(capture.packets, 5)
    assert {one.tos for one in capture.packets()} == {ecn}
    assert not any(one.dont_fragment for one in capture.packets())


def test_copy_dscp_copies_it(town, join, scripted):
    id_ = town.new_id("acme")
    peer, entry = scripted(id_, entry={"copy_dscp": True})
    join(id_, [entry])
    child = peer.connect([sites.SITE_LAN], [sites.STACK_LAN]).children[0]
    with Capture(town.hub, "up0", f"udp and src {HUB4} and dst {peer.place.ipv4}") as capture:
        peer.send_inner(child, inner.echo_request(SCRIPTED, STACK4, b"mark", tos=0xB8))
        peer.receive_inner(child)
        netlab.wait_until(capture.packets, 5)
    assert 0xB8 in {one.tos for one in capture.packets()}


@pytest.mark.parametrize("esp", ["aes128gcm16"])
def test_a_stock_site_carries_tcp_and_udp_unchanged(town, join, site, esp):
    id_ = town.new_id("acme")
    graz = site(id_, esp=esp)
    join(id_, [graz])
    graz.connect()
    stack = town.warren.stack(id_)
    assert send_tcp(graz.ns, stack, STACK4, 1 << 20) and send_tcp(stack, graz.ns, SITE, 1 << 20)
    sizes = [8, 100, 576, 1280, 1372] * 8
    assert send_udp(graz.ns, stack, STACK4, sizes, burst=8)[0] == len(sizes)


# --- what is left -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_no_key_is_left_in_memory_after_its_ike_sa(town, peer):
    sas = [peer.connect()]
    sas.append(peer.rekey_ike(sas[0]))
    old = sas[1].children[0]
    new = peer.rekey_child(sas[1], old)
    assert peer.echo(new)
    keys = {f"{name} of {number}": value for number, sa in enumerate(sas) for name, value in vars(sa.keys).items()
            if len(value) >= 16}
    keys |= {f"{way} of {word} child": key[0][:16] for word, child in (("old", old), ("new", new))
             for way, key in (("in", child.send_keys), ("out", child.receive_keys))}
    old_ones = {name: keys[name] for name in ("d of 0", "in of old child", "out of old child")}
    new_ones = {name: keys[name] for name in ("d of 1", "in of new child", "out of new child")}
    # The search does find keys that are in use.
    assert found_in_memory(town.warren.vpnd(), new_ones) == new_ones.keys()
    # A data worker lets go of a child a moment after the answer to its Delete has left.
    netlab.wait_until(lambda: not found_in_memory(town.warren.vpnd(), old_ones), 5, "the old keys are wiped")
    peer.delete_ike(sas[1])
    netlab.wait_until(lambda: not found_in_memory(town.warren.vpnd(), new_ones), 5, "the new keys are wiped")
    # As long as the last answer is repeated, a repetition has to prove itself.
    netlab.wait_until(lambda: not found_in_memory(town.warren.vpnd(), keys), 20, "all keys are wiped")


def test_a_child_sends_nothing_after_its_delete(town, live):
    peer, child = live
    sa = peer.sas[-1]
    peer.probe(sa, [ikewire.delete(ikewire.ESP, [child.local_spi])])
    peer.stack.run("ping", "-c", 2, "-i", "0.2", "-W", 1, SCRIPTED, check=False)
    assert peer.receive_esp(child, 1) is None
