#!/usr/bin/python3
"""Makes docs/conformance.md: every requirement on the WireGuard side, with the tests that show it.

    docs/conformance.py          writes it            docs/conformance.py --check    fails when it is out of date, or a row has lost its tests

C++ tests name the rows they prove at the front of their names ("D4: ..."); tests in Python are named here, and must exist.
"""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HEAD = """# Conformance

What a WireGuard implementation must do, and the tests that show that this one does. Made by `docs/conformance.py`; a test compares. *unit* and *sim* tests carry the row in their
name; *interop* runs against stock wireguard-go, *e2e* and *stacks* against the whole of Warren. Rows that are not covered say why.

"""

SECTIONS = {
    "H": "Handshake", "I": "Receiver indexes", "C": "Cookies and load", "S": "Sessions, keys, counters", "T": "Timers and keepalives", "D": "Data path",
    "A": "AllowedIPs", "E": "Endpoints and sockets"}

# Row: what is required, tests in Python, and a note (the reason where nothing covers it).
ROWS = {
    "H1": ("Length, type and reserved bytes are exact before any crypto; else silence", ["test_junk_of_every_length_and_type_gets_no_answer", "test_valid_messages_with_a_wrong_length_or_reserved_bits_get_no_answer"], ""),
    "H2": ("mac1 first, in constant time, never an answer without it", ["test_no_bit_of_mac1_may_be_wrong"], ""),
    "H3": ("Initiation as the whitepaper says; an unknown static key gets silence after one Diffie-Hellman", ["test_a_client_connects_and_both_families_pass_both_ways", "test_a_stranger_who_knows_the_public_key_gets_no_answer"], ""),
    "H4": ("All-zero Diffie-Hellman results are refused; low-order peers never cause a packet", ["test_low_order_points_get_no_answer"], ""),
    "H5": ("A timestamp must be later than the peer's latest", ["test_a_replayed_or_older_initiation_gets_no_answer"], ""),
    "H6": ("The latest timestamp survives reload and key wiping", [], ""),
    "H7": ("The latest timestamp survives a killed daemon", ["test_an_initiation_from_before_the_crash_is_not_answered_after_it"], ""),
    "H8": ("Accepted initiations of a peer are 20 ms apart", ["test_initiations_of_one_peer_are_spaced_by_20_ms"], ""),
    "H9": ("Our timestamps are whitened and always grow", [], ""),
    "H10": ("Response: fresh ephemeral, ee, se, psk, empty payload", ["test_the_raw_peer_initiates_and_pings_through_a_real_wireguard"], ""),
    "H11": ("A response is taken once, in the state that awaits it", [], ""),
    "H12": ("Crossing initiations end in one working session", [], ""),
    "H13": ("A preshared key that differs, or is one-sided, makes no session", ["test_the_same_preshared_key_connects", "test_another_preshared_key_does_not_connect"], ""),
    "H14": ("A changed preshared key counts from the next handshake; the session stays", ["test_a_psk_that_changes_keeps_the_session_and_counts_from_the_next_handshake"], ""),
    "H15": ("A changed private key: nothing more is sent on old sessions, a handshake is possible at once; oneself as peer is ignored", [], ""),
    "H16": ("Handshakes are marked AF41, cookie replies are not", ["test_marks_on_the_uplink_handshakes_af41_data_only_the_inner_ecn", "test_a_response_is_marked_af41_too"], ""),
    "H17": ("No handshake before the random generator is ready", [], "getrandom(2) blocks until it is; there is no path around it to test from outside"),
    "H18": ("A clean start costs one initiation, one response, one keepalive", [], ""),
    "I1": ("Receiver indexes are random and unique", [], "The low 6 bits name the data worker, so 26 bits are random"),
    "I2": ("An index is a handshake's or a session's, never both", [], ""),
    "I3": ("A session takes over its handshake's index; a removed one stops at once", [], ""),
    "I4": ("The index alone names session, peer, customer; the outer address never", ["test_a_message_under_another_customers_index_reaches_nobody", "test_a_session_used_from_the_other_customers_address_stays_its_customers"], ""),
    "I5": ("At most four indexes per peer", [], ""),
    "C1": ("Not under load, mac2 is not looked at", [], ""),
    "C2": ("Under load, mac1 without mac2 gets a cookie reply and no Diffie-Hellman", ["test_under_a_flood_a_cookie_is_asked_for_and_honoured"], ""),
    "C3": ("Then the limit per source applies", [], ""),
    "C4": ("A cookie is bound to address and port, its secret lives 120 s", [], ""),
    "C5": ("Cookie reply: XChaCha20-Poly1305, random nonce, mac1 as associated data", ["test_a_flooded_wireguard_sends_a_cookie_that_opens_and_is_honoured"], ""),
    "C6": ("As initiator: a cookie once per sent message, used at the next try", [], ""),
    "C7": ("A cookie reply never moves an endpoint", [], ""),
    "C8": ("Under load for a second after the last trigger", [], ""),
    "C9": ("Answers are smaller than questions", [], ""),
    "C10": ("Every handshake path knows the source address", [], ""),
    "C11": ("One customer's flood does not lock the others out", ["test_a_flood_does_not_keep_a_known_source_out"], ""),
    "C12": ("The limiter's table is bounded; full means no", [], ""),
    "C13": ("Exact duplicates are dropped before Diffie-Hellman", [], ""),
    "S1": ("Three slots: current, previous, next", [], ""),
    "S2": ("A responder sends nothing on a session that is not confirmed", [], ""),
    "S3": ("An initiator confirms at once", [], ""),
    "S4": ("Age and counter limits, both directions", [], ""),
    "S5": ("Renewal after 120 s on sending, 165 s on receiving, by the initiator", ["test_keys_are_renewed_after_two_minutes_whoever_began", "test_a_rekey_under_traffic_loses_nothing"], ""),
    "S6": ("64-bit counters", [], ""),
    "S7": ("Replay window of 8128, after authentication", ["test_a_replayed_message_arrives_once"], ""),
    "S8": ("What is not authentic changes nothing", ["test_a_data_message_that_is_not_authentic_moves_nothing"], ""),
    "S9": ("Keys are wiped when they are done with", [], ""),
    "S10": ("Suspend and virtual machine clones", [], "Left out here: it needs a guest that can be restored from a snapshot"),
    "S11": ("Secrets are compared in constant time", [], "By construction (`crypto::equal_constant_time` is libsodium's); no timing measurement is made"),
    "S12": ("Time that counts suspend; jumps of the wall clock do no harm", [], ""),
    "T1": ("Initiation again every 5 s with jitter for 90 s, then silence", [], ""),
    "T2": ("Never more than one initiation per 5 s", [], ""),
    "T3": ("Passive keepalive after 10 s; keepalives are not answered", [], ""),
    "T4": ("It counts from reception", [], ""),
    "T5": ("Data sent, nothing back for 15 s: new handshake, source address forgotten", [], ""),
    "T6": ("Persistent keepalive", ["test_a_client_behind_nat_stays_reachable_by_its_keepalive", "test_persistent_keepalive_of_warren_makes_the_handshake_without_traffic"], ""),
    "T7": ("Giving up is told to the operator, not to the sender", ["test_junk_writes_no_log_and_counts"], "The give-up itself is a log line and a drop reason (`staged_purged`)"),
    "T8": ("Idle peers cost nothing; jitter avoids a herd after a mass restart", [], ""),
    "D1": ("Padding to 16, not beyond the MTU", ["test_every_small_size_passes", "test_exactly_the_mtu_passes_and_one_byte_more_does_not"], "The MTU is the device's; a TUN does not tell a route's"),
    "D2": ("An empty payload never reaches the TUN", [], ""),
    "D3": ("The packet inside is what it claims", [], ""),
    "D4": ("The source belongs to this peer by the longest prefix over all peers", ["test_a_spoofed_inner_source_is_dropped_and_counted"], ""),
    "D5": ("Endpoint and timers move although the packet inside is refused", [], ""),
    "D6": ("No peer, no endpoint: ICMP into the right stack", ["test_no_peer_and_no_endpoint_are_told_by_icmp"], ""),
    "D7": ("128 packets wait per peer, the oldest goes first", [], ""),
    "D8": ("Order within a flow", ["test_udp_of_every_size_arrives_whole_and_in_order", "test_udp_in_random_sizes_arrives_whole_and_in_order"], ""),
    "D9": ("ECN as RFC 6040, DSCP not copied out", ["test_congestion_marked_on_the_way_reaches_the_inner_packet"], ""),
    "D10": ("The outer packet may be fragmented", ["test_a_narrow_path_in_the_middle_is_passed_in_outer_fragments"], ""),
    "D11": ("IPv4 and IPv6 outside, and roaming between them", ["test_a_client_that_moves_from_ipv4_to_ipv6_and_back_is_followed"], ""),
    "D12": ("Big MTUs, and giant datagrams that kill nobody", ["test_a_big_mtu_passes_over_an_uplink_that_fragments", "test_giant_datagrams_at_the_port_disturb_nobody"], ""),
    "D13": ("Nothing is joined across peers, endpoints or ECN", ["test_tcp_in_bulk_goes_from_site_to_site"], ""),
    "D14": ("Fragments and options outside are survived", [], ""),
    "D15": ("Multicast follows AllowedIPs", [], "As a destination it does; a multicast source is refused always (D4)"),
    "A1": ("A prefix belongs to one peer; moving it is atomic", ["test_a_prefix_that_moves_between_peers_is_at_exactly_one_of_them"], ""),
    "A2": ("Host bits are masked; the longest prefix wins", [], ""),
    "A3": ("Removal of single prefixes through the UAPI", [], "The UAPI is read-only; a change is a new generation (A1)"),
    "A4": ("Deep tables do not overflow a stack", [], ""),
    "A5": ("The same prefix at two customers is legal; the same key behind one listener is refused", ["test_payload_is_seen_by_its_owner_alone_and_never_in_clear_on_the_uplink"], "Refusal of the key: `tests/unit/config`"),
    "E1": ("Roaming on any authentic, new message", ["test_a_client_that_changes_address_and_port_is_followed"], ""),
    "E2": ("Answers leave from the address that was asked", ["test_the_answer_comes_from_the_address_that_was_asked", "test_traffic_goes_on_when_the_hubs_local_address_vanishes"], ""),
    "E3": ("Cookie replies too", [], ""),
    "E4": ("fwmark", [], "Not offered: the uplink is a namespace of its own, policy routing by mark has no use there"),
    "E5": ("Tunnels in their own tunnel do not grow", [], "Cannot happen: stacks have no way to the uplink (`test_a_stack_has_no_way_to_the_uplink_or_to_another_stack`)"),
    "E6": ("A changed port keeps sessions", ["test_listeners_come_move_change_places_and_go"], ""),
    "E7": ("ICMP errors on sending are not fatal", ["test_a_peer_whose_port_is_closed_does_not_disturb_the_others"], ""),
    "E8": ("Any worker's socket may get any session's packet", [], ""),
}


def files_below(*directories, ending):
    for directory in directories:
        for folder, _, names in os.walk(os.path.join(ROOT, directory)):
            for name in sorted(names):
                if name.endswith(ending):
                    yield os.path.join(folder, name)


def cpp_tests():
    """Test names by row. A name begins with its rows: "H5: ...", "S4, D12: ..."."""
    found = {}
    for path in files_below("tests/unit", "tests/sim", ending=".cc"):
        ring = os.path.relpath(path, os.path.join(ROOT, "tests")).split(os.sep)[0]
        with open(path) as source:
            for name in re.findall(r'(?:TEST_CASE|SUBCASE)\(\s*"((?:[^"\\]|\\.)*)"', source.read()):
                front = re.match(r"((?:[HICSTDAE]\d+)(?:(?:, | and |/| )[HICSTDAE]\d+)*):? (.*)", name)
                for row in re.findall(r"[HICSTDAE]\d+", front.group(1)) if front else ():
                    found.setdefault(row, []).append(f"{ring}: {front.group(2)}")
    return found


def python_tests():
    found = {}
    for path in files_below("tests/interop", "tests/e2e", "tests/stacks", "tests/lab", ending=".py"):
        ring = os.path.relpath(path, os.path.join(ROOT, "tests")).split(os.sep)[0]
        with open(path) as source:
            for name in re.findall(r"^def (test_\w+)", source.read(), re.MULTILINE):
                found[name] = ring
    return found


def make():
    problems, text = [], HEAD
    cpp, python = cpp_tests(), python_tests()
    for row in cpp:
        if row not in ROWS:
            problems.append(f"a test names the row {row}, which is not in the list")
    uncovered = []
    for letter, title in SECTIONS.items():
        text += f"## {title}\n\n| row | requirement | shown by |\n|---|---|---|\n"
        for row in (row for row in ROWS if row[0] == letter):
            requirement, names, note = ROWS[row]
            shown = list(dict.fromkeys(cpp.get(row, [])))
            for name in names:
                if name not in python:
                    problems.append(f"{row} names {name}, which does not exist")
                shown.append(f"{python.get(name, '?')}: {name.removeprefix('test_').replace('_', ' ')}")
            if not shown:
                uncovered.append(row)
                if not note:
                    problems.append(f"{row} has neither a test nor a reason")
            cells = [cell.replace("|", "\\|") for cell in shown] + ([f"*{note}*"] if note else [])
            text += f"| {row} | {requirement} | {'<br>'.join(cells)} |\n"
        text += "\n"
    text += f"{len(ROWS) - len(uncovered)} of {len(ROWS)} rows are shown by tests; not: {', '.join(uncovered)}, with the reasons above.\n"
    return text, problems


def main():
    path = os.path.join(ROOT, "docs", "conformance.md")
    text, problems = make()
    if "--check" in sys.argv:
        with open(path) as present:
            if present.read() != text:
                problems.append("docs/conformance.md is out of date: run docs/conformance.py")
    else:
        with open(path, "w") as out:
            out.write(text)
    for problem in problems:
        print(problem, file=sys.stderr)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
