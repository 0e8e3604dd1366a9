#!/usr/bin/python3
"""Makes docs/conformance.md: every requirement on the network's side, with the tests that show it.

    docs/conformance.py          writes it
    docs/conformance.py --check  fails if it is out of date, or if a row has lost its tests

The name of a C++ test begins with the rows that it shows ("D4: ..."). Tests in Python are named here, and must exist.
The rows of IPsec are in docs/conformance_ipsec.py.
"""

import os
import re
import sys
import textwrap

import conformance_ipsec

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HEAD = """# Conformance

What an implementation of WireGuard, of IKEv2 and of ESP must do, and the tests that show that Warren does it.
`docs/conformance.py` makes this page; a test compares them. Comments in the code cite a row as "conformance S6". The
names of *unit* and *sim* tests contain the row. *interop* tests run against stock wireguard-go, *ipsec* tests against
stock strongSwan and a scripted peer that misbehaves, *e2e* and *stacks* tests against the whole of Warren. Rows without
a test say why. The rows of WireGuard have one letter, those of IKEv2 begin with K, those of ESP with ES.

"""
COLUMNS = 110

SECTIONS = {
    "H": "Handshake",
    "I": "Receiver indexes",
    "C": "Cookies and load",
    "S": "Sessions, keys, counters",
    "T": "Timers and keepalives",
    "D": "Data path",
    "A": "AllowedIPs",
    "E": "Endpoints and sockets",
}

# Row: what is required, tests in Python, and a note (the reason where nothing covers it).
ROWS = {
    "H1": (
        "Length, type and reserved bytes are checked before any crypto; a wrong one gets no answer",
        [
            "test_junk_of_every_length_and_type_gets_no_answer",
            "test_valid_messages_with_a_wrong_length_or_reserved_bits_get_no_answer",
        ],
        "",
    ),
    "H2": (
        "mac1 is checked first and in constant time; without it there is never an answer",
        ["test_an_initiation_with_any_wrong_bit_in_mac1_gets_no_answer"],
        "",
    ),
    "H3": (
        "An initiation follows the whitepaper; an unknown static key gets no answer after one Diffie-Hellman",
        [
            "test_a_client_connects_and_both_families_pass_both_ways",
            "test_a_stranger_who_knows_the_public_key_gets_no_answer",
        ],
        "",
    ),
    "H4": (
        "All-zero Diffie-Hellman results are refused; low-order peers never cause a packet",
        ["test_low_order_points_get_no_answer"],
        "",
    ),
    "H5": (
        "A timestamp must be later than the peer's latest",
        ["test_a_replayed_or_older_initiation_gets_no_answer"],
        "",
    ),
    "H6": ("The latest timestamp survives reload and key wiping", [], ""),
    "H7": (
        "The latest timestamp survives a killed daemon",
        ["test_an_initiation_from_before_the_crash_is_not_answered_after_it"],
        "",
    ),
    "H8": (
        "Accepted initiations of one peer are at least 20 ms apart",
        ["test_initiations_of_one_peer_are_spaced_by_20_ms"],
        "",
    ),
    "H9": (
        "Our timestamps are whitened and always increase, also over restarts and steps of the clock",
        ["test_own_timestamps_are_later_than_those_of_a_vpnd_whose_clock_was_ahead"],
        "",
    ),
    "H10": (
        "Response: a fresh ephemeral key, ee, se, psk, empty payload",
        ["test_the_raw_peer_initiates_and_pings_through_a_real_wireguard"],
        "",
    ),
    "H11": ("A response is accepted once, in the state that awaits it", [], ""),
    "H12": ("Crossing initiations end in one working session", [], ""),
    "H13": (
        "A preshared key that differs, or that only one side has, makes no session",
        ["test_the_same_preshared_key_connects", "test_another_preshared_key_does_not_connect"],
        "",
    ),
    "H14": (
        "A changed preshared key applies from the next handshake; the session stays",
        ["test_a_changed_psk_keeps_the_session_and_applies_from_the_next_handshake"],
        "",
    ),
    "H15": (
        "After a change of the private key old sessions send nothing more, and a handshake is possible at once; "
        "a peer with our own key is ignored",
        [],
        "",
    ),
    "H16": (
        "Handshakes are marked AF41, cookie replies are not",
        ["test_marks_on_the_uplink_handshakes_af41_data_only_the_inner_ecn", "test_a_response_is_marked_af41_too"],
        "",
    ),
    "H17": (
        "No handshake before the random generator is ready",
        [],
        "getrandom(2) blocks until it is ready; no path around it can be tested from outside",
    ),
    "H18": ("A clean start costs one initiation, one response, one keepalive", [], ""),
    "I1": ("Receiver indexes are random and unique", [], "The low 6 bits name the data worker, so 26 bits are random"),
    "I2": ("An index belongs to a handshake or to a session, never to both", [], ""),
    "I3": ("A session takes over the index of its handshake; a removed index stops at once", [], ""),
    "I4": (
        "The index alone names session, peer and customer; the outer address never does",
        [
            "test_a_message_with_another_customers_index_reaches_nobody",
            "test_a_session_used_from_another_customers_address_stays_with_its_customer",
        ],
        "",
    ),
    "I5": ("At most four indexes per peer", [], ""),
    "C1": ("When not under load, mac2 is not checked", [], ""),
    "C2": (
        "Under load, an initiation with mac1 and without mac2 gets a cookie reply and no Diffie-Hellman",
        ["test_under_a_flood_the_hub_requires_a_cookie_and_accepts_it"],
        "",
    ),
    "C3": ("With a valid mac2 the limit per source applies", [], ""),
    "C4": ("A cookie is bound to address and port; its secret lives 120 s", [], ""),
    "C5": (
        "Cookie reply: XChaCha20-Poly1305, random nonce, mac1 as associated data",
        ["test_a_flooded_wireguard_sends_a_cookie_that_opens_and_that_it_accepts"],
        "",
    ),
    "C6": ("As initiator: a cookie is used once per sent message, at the next attempt", [], ""),
    "C7": ("A cookie reply never moves an endpoint", [], ""),
    "C8": ("The state \"under load\" lasts a second after the last trigger", [], ""),
    "C9": ("Answers are smaller than the messages that they answer", [], ""),
    "C10": ("Every handshake path knows the source address", [], ""),
    "C11": ("One customer's flood does not lock the others out", ["test_a_flood_does_not_keep_a_known_source_out"], ""),
    "C12": ("The table of the limiter is bounded; a full table refuses new sources", [], ""),
    "C13": ("Exact duplicates are dropped before Diffie-Hellman", [], ""),
    "S1": ("Three slots: current, previous, next", [], ""),
    "S2": ("A responder sends nothing on an unconfirmed session", [], ""),
    "S3": ("An initiator confirms at once", [], ""),
    "S4": ("Age and counter limits, both directions", [], ""),
    "S5": (
        "Renewal after 120 s on sending, 165 s on receiving, by the initiator",
        ["test_keys_are_renewed_after_two_minutes_by_either_initiator", "test_a_rekey_under_traffic_loses_nothing"],
        "",
    ),
    "S6": ("64-bit counters", [], ""),
    "S7": ("Replay window of 8128, after authentication", ["test_a_replayed_message_arrives_once"], ""),
    "S8": (
        "A message that is not authentic changes nothing",
        ["test_a_data_message_that_is_not_authentic_changes_nothing"],
        "",
    ),
    "S9": ("Keys are wiped when they are no longer needed", [], ""),
    "S10": (
        "Suspend and virtual machine clones",
        [],
        "Not tested: this needs a guest that can be restored from a snapshot",
    ),
    "S11": (
        "Secrets are compared in constant time",
        [],
        "By construction (`crypto::equal_constant_time` is libsodium's); no timing measurement is made",
    ),
    "S12": ("The clock counts suspended time; jumps of the wall clock have no effect", [], ""),
    "T1": (
        "An initiation is repeated every 5 s with jitter for 90 s; then it stops",
        [],
        "Here Warren differs from the whitepaper: while packets wait for the session, two more repetitions come first, "
        "after 0.3 s and 1 s and without jitter; stock peers accept initiations that are 20 ms apart",
    ),
    "T2": ("Never more than one initiation per 5 s, those of T1 apart", [], ""),
    "T3": ("Passive keepalive after 10 s; keepalives are not answered", [], ""),
    "T4": ("The 10 s count from reception", [], ""),
    "T5": (
        "Data sent, nothing received for 15 s: a new handshake",
        [],
        "Here Warren differs from the kernel: the source address is kept (E2)",
    ),
    "T6": (
        "Persistent keepalive",
        [
            "test_a_client_behind_nat_stays_reachable_by_its_keepalive",
            "test_persistent_keepalive_of_warren_makes_the_handshake_without_traffic",
        ],
        "",
    ),
    "T7": (
        "Giving up is reported to the operator, not to the sender",
        ["test_junk_is_counted_and_not_logged"],
        "The give-up itself is a log line and a drop reason (`staged_purged`)",
    ),
    "T8": ("Idle peers cost nothing; jitter avoids a herd after a mass restart", [], ""),
    "D1": (
        "Padding to a multiple of 16, but not beyond the MTU",
        ["test_every_small_size_passes", "test_exactly_the_mtu_passes_and_one_byte_more_does_not"],
        "The MTU is the device's; a TUN does not report a route's",
    ),
    "D2": ("An empty payload never reaches the TUN", [], ""),
    "D3": ("The inner packet has the version and length that it claims", [], ""),
    "D4": (
        "The source belongs to this peer by the longest prefix over all peers",
        ["test_a_spoofed_inner_source_is_dropped_and_counted"],
        "",
    ),
    "D5": ("Endpoint and timers are updated even if the inner packet is refused", [], ""),
    "D6": (
        "No peer, no endpoint: an ICMP error into the right stack",
        ["test_icmp_reports_a_missing_peer_and_a_missing_endpoint"],
        "",
    ),
    "D7": ("128 packets wait per peer; the oldest is dropped first", [], ""),
    "D8": (
        "Order within a flow",
        ["test_udp_of_every_size_arrives_whole_and_in_order", "test_udp_in_random_sizes_arrives_whole_and_in_order"],
        "",
    ),
    "D9": (
        "ECN follows RFC 6040; DSCP is not copied to the outer packet",
        ["test_congestion_marked_on_the_way_reaches_the_inner_packet"],
        "",
    ),
    "D10": (
        "The outer packet may be fragmented",
        ["test_outer_fragments_pass_a_narrow_link_on_the_path"],
        "",
    ),
    "D11": (
        "IPv4 and IPv6 as outer protocols, and roaming between them",
        ["test_a_client_that_moves_from_ipv4_to_ipv6_and_back_is_followed"],
        "",
    ),
    "D12": (
        "Large MTUs; giant datagrams do no harm",
        ["test_a_big_mtu_passes_over_an_uplink_that_fragments", "test_giant_datagrams_to_the_port_disturb_nobody"],
        "",
    ),
    "D13": ("Packets are never joined across peers, endpoints or ECN", ["test_tcp_in_bulk_goes_from_site_to_site"], ""),
    "D14": ("Outer fragments and IP options do no harm", [], ""),
    "D15": (
        "Multicast follows AllowedIPs",
        [],
        "This holds for destinations; a multicast source is always refused (D4)",
    ),
    "A1": (
        "A prefix belongs to one peer; moving it is atomic",
        ["test_a_prefix_that_moves_between_peers_belongs_to_exactly_one_of_them"],
        "",
    ),
    "A2": ("Host bits are masked; the longest prefix wins", [], ""),
    "A3": (
        "Removal of single prefixes through the UAPI",
        [],
        "The UAPI is read-only; a change is a new generation (A1)",
    ),
    "A4": ("Deep tables do not overflow a stack", [], ""),
    "A5": (
        "The same prefix at two customers is legal; the same key behind one listener is refused",
        ["test_only_its_owner_sees_a_payload_and_the_uplink_never_sees_it_unencrypted"],
        "Refusal of the key: `tests/unit/config`",
    ),
    "E1": (
        "Roaming on any authentic, new message but an initiation, which is answered where it came from",
        [
            "test_a_client_that_changes_address_and_port_is_followed",
            "test_an_initiation_that_somebody_held_back_attracts_no_packets",
        ],
        "Here Warren differs from the whitepaper: an initiation can be held back and sent from elsewhere, so only the "
        "first data message of its session moves the endpoint",
    ),
    "E2": (
        "Answers, and initiations of ours, leave from the address that the peer last sent to",
        [
            "test_the_answer_comes_from_the_address_that_the_client_used",
            "test_our_own_initiations_leave_from_the_address_that_the_client_used",
            "test_traffic_continues_when_the_hubs_local_address_disappears",
        ],
        "",
    ),
    "E3": ("The same holds for cookie replies", [], ""),
    "E4": ("fwmark", [], "Not offered: the uplink is its own namespace, where policy routing by mark has no use"),
    "E5": (
        "A tunnel inside itself does not grow",
        [],
        "Cannot happen: stacks have no path to the uplink "
        "(`test_a_stack_has_no_way_to_the_uplink_or_to_another_stack`)",
    ),
    "E6": ("A changed port keeps sessions", ["test_listeners_are_added_moved_swapped_and_removed"], ""),
    "E7": (
        "ICMP errors on sending are not fatal",
        ["test_a_peer_whose_port_is_closed_does_not_disturb_the_others"],
        "",
    ),
    "E8": ("Any worker's socket may receive a packet of any session", [], ""),
}

SECTIONS |= conformance_ipsec.SECTIONS
ROWS |= conformance_ipsec.ROWS
ROW = r"(?:K[A-Z]|ES|[HICSTDAE])\d+"


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
                front = re.match(rf"({ROW}(?:(?:, | and |/| ){ROW})*):? (.*)", name)
                for row in re.findall(ROW, front.group(1)) if front else ():
                    found.setdefault(row, []).append(f"{ring}: {front.group(2)}")
    return found


def python_tests():
    found = {}
    for path in files_below("tests/interop", "tests/ipsec", "tests/e2e", "tests/stacks", "tests/lab", ending=".py"):
        ring = os.path.relpath(path, os.path.join(ROOT, "tests")).split(os.sep)[0]
        with open(path) as source:
            for name in re.findall(r"^def (test_\w+)", source.read(), re.MULTILINE):
                found[name] = ring
    return found


def wrapped(text, indent=""):
    """A paragraph or a list item, in lines of at most COLUMNS."""
    return textwrap.fill(
        text, COLUMNS, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def make():
    problems, text = [], HEAD
    cpp, python = cpp_tests(), python_tests()
    for row in cpp:
        if row not in ROWS:
            problems.append(f"a test names the row {row}, which is not in the list")
    uncovered = []
    for letter, title in SECTIONS.items():
        text += f"## {title}\n\n"
        for row in (row for row in ROWS if row.rstrip("0123456789") == letter):
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
            text += f"### {row}\n\n" + wrapped(f"{requirement}.") + "\n\n"
            text += "".join(wrapped(f"- {test}", "  ") + "\n" for test in shown)
            text += "\n" * bool(shown) + (wrapped(f"{note}.") + "\n\n" if note else "")
    shown = len(ROWS) - len(uncovered)
    text += "## Coverage\n\n"
    text += wrapped(f"Tests show {shown} of {len(ROWS)} rows. Not {', '.join(uncovered)}, for the reasons above.")
    return text + "\n", problems


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
