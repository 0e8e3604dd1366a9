"""The rows of docs/conformance.md for IKEv2 and ESP. docs/conformance.py makes the page."""


SECTIONS = {
    "KP": "IKE: packets and payloads",
    "KN": "IKE: negotiation",
    "KI": "IKE: whose a peer is",
    "KA": "IKE: authentication",
    "KL": "IKE: exchanges, rekeys, deletion, liveness",
    "KS": "IKE: traffic selectors",
    "KC": "IKE: addresses for clients",
    "KM": "IKE: NAT and mobility",
    "KF": "IKE: fragments",
    "KD": "IKE: under attack",
    "KQ": "IKE: after quantum computers",
    "ES": "ESP",
}

# As ROWS of docs/conformance.py.
ROWS = {
    "KP1": (
        "Ports 500 and 4500; an answer leaves from the address and port that was addressed; the non-ESP marker on 4500 "
        "only; keepalives and SPIs below 256 are dropped",
        [
            "test_short_datagrams_get_no_answer",
            "test_a_message_with_a_live_ike_sas_spis_at_the_wrong_port",
            "test_keepalives_get_no_answer_and_move_nothing",
            "test_wireguard_and_ike_do_not_answer_at_each_others_port",
        ],
        "",
    ),
    "KP2": (
        "The header: length of the datagram, SPIs and flags of the role, reserved bits ignored; a later major version "
        "is answered once a second, a later minor one is taken, IKEv1 is dropped",
        [
            "test_a_later_major_version_is_told_ours",
            "test_a_later_minor_version_is_taken",
            "test_a_first_message_with_a_wrong_header_gets_no_answer",
            "test_the_length_in_the_header_is_that_of_the_datagram",
            "test_bytes_behind_a_message_make_it_another_one",
        ],
        "",
    ),
    "KP3": (
        "An unknown critical payload is named and refused, an unknown other one skipped; the critical bit of a known "
        "one means nothing; payloads come in any order",
        [
            "test_an_unknown_critical_payload_in_the_first_message_is_named",
            "test_an_unknown_critical_payload_is_named_and_the_ike_sa_stays",
            "test_an_unknown_payload_is_skipped_wherever_it_is",
            "test_the_critical_bit_of_a_known_payload_and_reserved_bits_are_ignored",
            "test_payloads_come_in_any_order",
        ],
        "",
    ),
    "KP4": (
        "At most 64 payloads, 32 proposals, 255 transforms, 64 selectors, 8 certificates and 64 KB a message; reading "
        "takes no memory",
        [],
        "Ring `fuzz`: `tests/fuzz/ike_message.cc`, `tests/fuzz/ike_sealed.cc`, `tests/fuzz/ike_engine.cc`. That the "
        "worst message takes less than a millisecond is not measured",
    ),
    "KP5": (
        "Nonces of 16 to 256 bytes and at least half of the PRF's key; a public value has its group's length; what a "
        "message has once is refused twice",
        [
            "test_a_nonce_of_a_wrong_length_is_refused",
            "test_a_public_value_of_another_length_is_refused",
            "test_a_payload_that_comes_twice_makes_the_message_malformed",
        ],
        "",
    ),
    "KP6": (
        "Protected messages: integrity before any content, the header is authentic too, no IV twice; nothing that is "
        "not authentic changes a state",
        [
            "test_an_sk_payload_that_nobody_with_the_keys_made_moves_nothing",
            "test_an_unprotected_message_moves_nothing_and_uses_no_message_id",
            "test_a_header_that_was_changed_on_the_way_moves_nothing",
            "test_no_flipped_bit_and_no_cut_gets_through",
            "test_our_own_message_sent_back_to_us_is_dropped",
        ],
        "",
    ),
    "KP7": (
        "A message that fits no row of the table of states is counted and dropped",
        [],
        "The table: [life of an IKE exchange](life-of-an-ike-exchange.md)",
    ),
    "KN1": (
        "Proposals in any order, with duplicates and unknown transforms and attributes; one proposal answers, with its "
        "number and one transform of a type",
        [
            "test_the_suites_that_are_taken_by_default",
            "test_offers_with_unknown_things_and_duplicates_are_read",
            "test_an_offer_without_anything_that_we_take_is_refused_and_counted",
            "test_an_esp_suite_that_is_not_ours_is_refused_and_the_ike_sa_stays",
        ],
        "Not yet against stock libreswan and OpenIKED",
    ),
    "KN2": (
        "Our order of preference decides; a public value of another group draws INVALID_KE_PAYLOAD and keeps no state, "
        "with and without a cookie",
        [
            "test_our_own_order_decides_and_another_group_is_asked_for_without_state",
            "test_a_stock_site_is_led_to_our_group",
            "test_invalid_ke_and_a_cookie_for_the_same_peer",
        ],
        "",
    ),
    "KN3": (
        "Public values are checked (MODP range, point on the curve, secret not zero); an ephemeral key is used once",
        ["test_a_public_value_that_is_none_makes_no_ike_sa"],
        "",
    ),
    "KN4": ("Weak algorithms only where `ipsec.legacy` says so", [], ""),
    "KN5": (
        "As initiator: our best group first, INVALID_KE_PAYLOAD followed once and only to a group that we offered; an "
        "answer is part of our offer",
        [],
        "",
    ),
    "KI1": (
        "The IDr names the customer: names without case, all else byte by byte",
        [
            "test_two_customers_with_the_same_addresses_identities_and_keys_never_meet",
            "test_the_same_key_at_two_customers_leads_to_the_one_that_is_asked_for",
            "test_a_name_has_no_case_and_the_rest_has",
            "test_an_identity_that_moves_to_another_customer_takes_its_peers_along",
        ],
        "",
    ),
    "KI2": (
        "An IDr that is nobody's is nobody",
        ["test_an_identity_that_no_customer_has_is_refused_and_counted"],
        "",
    ),
    "KI3": ("At an address that is a customer's own, the IDr does not matter", [], ""),
    "KI4": (
        "Without an IDr: only where there is a gateway, and only an identity that one customer expects",
        ["test_without_an_idr_nobody_is_found_where_there_is_no_gateway"],
        "By preshared key, and by realm with EAP; by CA with certificates",
    ),
    "KI5": (
        "One connection, one key: the peer is checked with the key of the connection found, and with no other",
        [
            "test_a_key_opens_only_its_own_connection",
            "test_another_customers_key_opens_nothing_and_tears_nothing_down",
            "test_a_peer_that_no_connection_expects_is_refused_and_counted",
            "test_a_connection_with_an_address_takes_nobody_from_elsewhere",
        ],
        "",
    ),
    "KI6": (
        "INITIAL_CONTACT, duplicates and `max_sessions` count per customer, connection and authenticated identity",
        [
            "test_initial_contact_replaces_only_the_same_identitys_ike_sas",
            "test_a_site_that_died_and_comes_back_at_once_replaces_itself",
        ],
        "",
    ),
    "KI7": ("A connection that does not allow the algorithms of the IKE_SA is no candidate", [], ""),
    "KA1": (
        "AUTH by preshared key, over the first messages as they were on the wire, compared in constant time",
        [
            "test_auth_proves_the_first_message_as_it_was_on_the_wire",
            "test_a_site_reaches_the_hub_over_ipv6",
        ],
        "",
    ),
    "KA2": (
        "Signatures: method 14 where both sides have it, methods 1 and 9 to 11 else",
        [
            "test_auth_of_another_method_is_refused",
            "test_a_stock_site_with_a_certificate_comes_up_and_pings",
            "test_a_peer_without_signature_hash_algorithms",
        ],
        "RSASSA-PSS is verified; we sign as PKCS1 v1.5",
    ),
    "KA3": (
        "Identities are those of the certificate's SAN or subject",
        ["test_a_wrong_certificate_is_refused_and_people_learn_why"],
        "Distinguished names are verified, and not served yet as an identity in the configuration; with EAP-TLS the "
        "subject is no name",
    ),
    "KA4": (
        "A certificate's path leads to one of this customer's CAs",
        [
            "test_a_wrong_certificate_is_refused_and_people_learn_why",
            "test_a_peer_with_only_betas_certificate_never_reaches_acme",
        ],
        "Ring `fuzz`: `tests/fuzz/certificate.cc`",
    ),
    "KA5": (
        "Revocation by files; nothing is fetched",
        ["test_a_wrong_certificate_is_refused_and_people_learn_why"],
        "OCSP responses of peers are skipped",
    ),
    "KA6": (
        "Our certificate is always sent, the root left out; a request for the peer's has the customer's CAs where its "
        "addresses say whose it is",
        ["test_a_stock_site_with_a_certificate_comes_up_and_pings"],
        "vpnd is not told the CAs yet: its requests name none",
    ),
    "KA7": (
        "EAP: we sign first, then ask for a name; no success before the method is done, and nothing but AUTH with the "
        "key of EAP after it; at most 20 requests; a Nak to a method that we have is honoured; conversations are "
        "bounded in all, of a customer and of a source, and in time",
        [],
        "",
    ),
    "KA8": (
        "EAP-MSCHAPv2: both sides show that they know the password; the vectors of RFC 2759 and RFC 3079; one wrong "
        "password may be corrected; whoever guesses has to wait, by user, and by source at each customer",
        [
            "test_a_password_opens_the_tunnel",
            "test_a_wrong_password_is_refused_and_counted",
            "test_a_user_of_the_same_name_at_another_customer_opens_nothing_here",
        ],
        "",
    ),
    "KA9": (
        "EAP-TLS with TLS 1.2 and 1.3, in fragments; the peer is whom its certificate shows",
        [
            "test_a_certificate_opens_the_tunnel_by_eap_tls",
            "test_another_authoritys_certificate_opens_nothing",
        ],
        "",
    ),
    "KA10": (
        "EAP without our own AUTH is off: we sign first whatever the peer offers (RFC 5998)",
        [],
        "",
    ),
    "KA11": (
        "A peer that is refused gets AUTHENTICATION_FAILED and nothing else, the same after the same work; as "
        "initiator we send it",
        [
            "test_a_wrong_key_is_refused_and_counted",
            "test_a_stock_site_with_a_wrong_key_is_refused",
            "test_every_refusal_looks_the_same",
            "test_after_a_refusal_nothing_is_left",
        ],
        "The same work is shown by the asks; no timing measurement is made",
    ),
    "KA12": (
        "A first child that fails leaves the IKE_SA, without children for 30 s",
        [
            "test_selectors_that_do_not_meet_ours_are_refused_and_the_ike_sa_stays",
            "test_an_ike_sa_that_stays_without_a_child_is_deleted",
        ],
        "",
    ),
    "KL1": (
        "Message IDs: a window of one; the last response is sent again, byte for byte, and nothing is done twice",
        [
            "test_the_same_first_message_gets_the_same_answer",
            "test_a_repeated_ike_auth_makes_one_ike_sa_and_gets_the_same_bytes",
            "test_a_repeated_request_for_a_child_makes_one_child",
            "test_a_repeated_delete_is_answered_the_same",
            "test_only_the_last_answer_is_repeated",
            "test_an_authentic_response_that_nobody_asked_for_is_dropped",
            "test_a_request_that_is_not_the_next_is_dropped",
            "test_a_captured_request_of_before_is_dropped",
        ],
        "",
    ),
    "KL2": (
        "A request is repeated after 1, 2, 4, 8, 16 and 16 s; after about 65 s IKE_SA and children are gone",
        [
            "test_a_dead_peer_is_given_up_after_the_same_request_in_growing_steps",
            "test_our_rekey_is_repeated_until_it_is_answered_and_made_once",
            "test_a_delete_of_ours_waits_for_the_peers_answer_and_is_repeated",
        ],
        "",
    ),
    "KL3": (
        "Rekey at the soft lifetime, less up to a tenth; gone at a tenth more: by time, bytes and sequence numbers",
        ["test_lifetimes_make_us_rekey_under_pings_and_lose_none"],
        "Not yet 10,000 rekeys under traffic",
    ),
    "KL4": (
        "Make before break: the new child is received on before the old one is left, in either role",
        [
            "test_a_site_rekeys_under_pings_and_loses_none",
            "test_we_rekey_under_pings_and_lose_none",
            "test_a_site_rekeys_a_thousand_times_and_nothing_is_lost",
            "test_we_rekey_a_thousand_times_and_nothing_is_lost",
            "test_we_send_on_the_old_child_until_the_new_one_is_used",
            "test_we_send_on_the_new_child_after_the_old_ones_delete",
            "test_we_send_on_the_new_child_after_five_seconds_in_any_case",
            "test_our_rekey_leaves_its_old_child_only_when_the_new_one_is_there",
            "test_packets_of_the_stack_are_not_lost_when_a_peer_deletes_the_old_child_first",
        ],
        "",
    ),
    "KL5": (
        "A rekeyed IKE_SA has the children and message IDs from 0; the old one answers until it is deleted",
        [
            "test_a_new_ike_sa_has_the_children_and_its_ids_start_at_zero",
            "test_the_old_ike_sa_answers_until_it_is_deleted",
            "test_a_rekey_of_the_ike_sa_needs_a_key_exchange_of_a_group_that_we_take",
            "test_new_keys_are_new_and_start_at_one",
        ],
        "",
    ),
    "KL6": (
        "Deletion of a child is answered with our SPI, of an unknown one with nothing; of the IKE_SA with nothing, "
        "then all is gone",
        [
            "test_a_deleted_child_is_named_by_our_spi_and_carries_nothing_more",
            "test_a_delete_of_a_child_that_is_not_there_is_answered_without_a_word",
            "test_delete_of_the_ike_sa_takes_its_children_along",
            "test_a_site_deletes_its_child_and_makes_another",
            "test_a_site_deletes_its_ike_sa",
        ],
        "",
    ),
    "KL7": (
        "A silent peer is asked after `dpd`; packets are answers; what is not authentic hastens one question a minute",
        [
            "test_a_silent_peer_is_asked_and_its_answer_is_enough",
            "test_a_peer_that_sends_packets_is_not_asked",
            "test_we_answer_a_stock_site_that_asks",
            "test_a_forged_word_that_the_peer_lost_its_sa_asks_the_peer_once_at_most",
            "test_a_stock_site_that_dies_is_given_up_and_comes_back",
        ],
        "",
    ),
    "KL8": (
        "A peer that refuses a rekey is not asked in a loop: the child expires",
        ["test_a_peer_that_refuses_our_rekeys_is_not_asked_in_a_loop"],
        "",
    ),
    "KL9": (
        "What we lost is told to the peer: one INVALID_IKE_SPI or INVALID_SPI per source and minute; where we may "
        "initiate we do",
        [
            "test_a_request_for_an_ike_sa_that_is_not_there_is_told_so_once_a_minute",
            "test_a_response_for_an_ike_sa_that_is_not_there_gets_no_answer",
            "test_stock_sites_find_out_that_their_sas_are_gone_and_come_back",
            "test_a_peer_is_told_that_its_sas_are_gone",
        ],
        "",
    ),
    "KL10": (
        "A reload keeps the SAs of an unchanged connection; changed children are made anew; another identity or key: "
        "everything is",
        [
            "test_a_change_of_one_customer_or_connection_leaves_the_others_alone",
            "test_another_key_ends_the_ike_sa_that_was_made_with_the_old_one",
            "test_a_connection_that_is_no_more_is_deleted_and_refused",
            "test_a_removed_customers_sites_are_told_and_stay_out",
        ],
        "",
    ),
    "KL11": (
        "AUTH_LIFETIME is sent with `reauth`, and kept; as initiator a new IKE_SA takes the old one's place",
        [],
        "With two engines of ours",
    ),
    "KL12": (
        "Collisions: what the peer asks for while our own request is under way gets the answer of the table",
        [
            "test_both_sides_rekey_at_once_under_pings_and_lose_none",
            "test_of_two_rekeys_at_once_the_one_with_the_lowest_nonce_is_deleted_by_who_asked_for_it",
            "test_a_rekey_is_put_off_while_we_delete_the_ike_sa",
            "test_a_second_rekey_of_the_same_child_is_put_off",
            "test_a_rekey_of_a_child_that_is_not_there_names_it",
        ],
        "The table: [life of an IKE exchange](life-of-an-ike-exchange.md)",
    ),
    "KL13": (
        "IKE_SAs and their children outlive the process: nothing is sent or taken twice, and what is another's or was "
        "changed does not go on",
        [
            "test_a_replaced_vpnd_costs_a_stock_site_no_packet_and_no_sa",
            "test_after_a_replacement_both_ends_can_ask_for_everything",
            "test_an_upgrade_costs_a_stock_site_no_packet_and_no_sa",
            "test_another_number_of_workers_costs_a_stock_site_no_packet_and_no_sa",
            "test_a_crash_costs_a_stock_site_no_sa",
            "test_a_leased_address_stays_its_clients_and_is_nobody_elses",
            "test_a_client_moves_after_a_replacement",
            "test_no_counter_and_no_iv_is_used_twice",
            "test_nothing_is_taken_twice",
            "test_a_connection_that_was_changed_while_vpnd_was_down_ends_with_a_delete",
        ],
        "",
    ),
    "KS1": (
        "Selectors are narrowed to the largest part that the configuration allows, the offer's first pair before "
        "others",
        [
            "test_wide_selectors_are_narrowed_to_the_configured_ones",
            "test_narrow_selectors_are_taken_as_they_are",
            "test_a_protocol_and_a_port_are_kept",
        ],
        "SINGLE_PAIR_REQUIRED is not followed yet",
    ),
    "KS2": (
        "Peers that take one pair of networks a child: several children of one connection",
        ["test_the_children_of_one_ike_sa_have_a_bound"],
        "As initiator with `split`",
    ),
    "KS3": ("A rekeyed child's selectors are no smaller than the old one's", [], ""),
    "KS4": (
        "A second child with equal selectors is taken; the newest sends, both receive",
        ["test_a_second_child_with_the_same_selectors_is_taken_and_the_newest_sends"],
        "",
    ),
    "KS5": (
        "Selectors of 0.0.0.0/0 in several connections of a customer: `routes` decide what goes where and which source "
        "is accepted",
        ["test_a_source_of_another_site_of_the_customer_is_refused"],
        "",
    ),
    "KS6": ("Transport mode and IPComp are not answered", [], ""),
    "KC1": (
        "Clients ask for addresses, DNS servers and domains; unknown attributes are skipped",
        [
            "test_a_client_gets_addresses_of_both_families_and_name_servers",
            "test_two_customers_have_the_same_pool",
        ],
        "",
    ),
    "KC2": (
        "A lease belongs to customer, connection and identity, and comes again with it",
        ["test_a_lease_comes_again_and_a_full_pool_is_told", "test_a_lease_outlives_vpnd"],
        "",
    ),
    "KC3": (
        "Two clients behind one NAT with the same inner address",
        ["test_two_clients_of_one_identity_behind_one_nat_with_the_same_lan_address"],
        "",
    ),
    "KM1": (
        "NAT detection both ways; our source hash never matches, so that every peer encapsulates",
        [
            "test_nat_detection_says_that_there_is_one_so_that_every_peer_encapsulates",
            "test_everything_outside_is_udp_on_the_two_ports",
        ],
        "",
    ),
    "KM2": ("A keepalive every 20 s, only when we are behind a NAT and sent nothing", [], ""),
    "KM3": (
        "A peer behind a NAT is where its authentic packets and newest requests come from; others stay where they are",
        [
            "test_the_ike_sa_stays_where_it_is_when_a_repeated_request_comes_from_elsewhere",
            "test_a_forged_packet_moves_neither_the_window_nor_the_endpoint",
        ],
        "Not yet with a NAT that binds anew under a stock site",
    ),
    "KM4": (
        "MOBIKE as responder: a peer moves with UPDATE_SA_ADDRESSES, and its packets when it has answered from there",
        [
            "test_a_client_that_loses_its_address_goes_on_from_another",
            "test_mobike_is_not_announced_where_it_is_switched_off",
        ],
        "Other addresses that the peer tells of are not used; NO_NATS_ALLOWED counts in INFORMATIONAL only",
    ),
    "KM5": (
        "Path MTU: the outer packet may be fragmented; an inner packet that does not fit draws ICMP from the stack",
        ["test_a_large_packet_in_both_directions"],
        "Not yet with a sweep of sizes",
    ),
    "KF1": (
        "Fragments of IKE messages, when both announced them; each is authentic before it is kept, and the whole is "
        "bounded",
        ["test_long_certificates_come_in_fragments"],
        "",
    ),
    "KF2": ("All fragments are repeated; a repetition is answered on fragment 1 only", [], "Not tested"),
    "KF3": ("A peer without fragments of IKE uses those of IP", [], "Not tested"),
    "KD1": (
        "IKE_SA_INIT is checked from cheap to expensive; Diffie-Hellman only when IKE_AUTH comes",
        [],
        "",
    ),
    "KD2": (
        "Cookies are asked for when many are half-open or come too fast; nothing is kept, the answer is not larger",
        [
            "test_many_half_open_ike_sas_of_one_place_cost_a_cookie",
            "test_a_cookie_is_good_only_for_its_own_question",
        ],
        "250,000 a second are sent at most",
    ),
    "KD3": ("Half-open IKE_SAs: 4,096 in all, 16 of a prefix and 64 with a cookie, 30 s each", [], ""),
    "KD4": ("A prefix with an IKE_SA in the last hour has a budget of its own", [], ""),
    "KD5": (
        "A wrong IKE_AUTH costs one Diffie-Hellman for each half-open IKE_SA, which stays",
        ["test_ten_wrong_messages_cost_a_half_open_ike_sa_nothing"],
        "",
    ),
    "KD6": (
        "Open asks are bounded: 256 in all, 64 of a customer, 4 of a prefix; so are IKE_SAs and children",
        [
            "test_a_stranger_cannot_push_a_customers_attempts_out",
            "test_many_who_ask_for_one_customer_leave_the_others_their_share",
        ],
        "That a customer's storm delays another's set-up by no more than a half is not measured",
    ),
    "KD7": ("Puzzles (RFC 8019)", [], "Not offered"),
    "KD8": ("Traffic goes on under a flood of IKE_SA_INIT", [], "Not measured yet"),
    "KQ1": (
        "Postquantum preshared keys: absent, optional or required at either side",
        ["test_a_stock_site_with_a_postquantum_key"],
        "",
    ),
    "KQ2": ("IKE_INTERMEDIATE and additional key exchanges", [], "Not served yet"),
    "KQ3": ("ML-KEM", [], "Not served yet"),
    "KQ4": ("Profiles for clients that ask for ML-KEM", [], "Not served yet"),
    "ES1": (
        "SPIs are random, at least 256 and unique over all customers and protocols; their low bits name the worker",
        [
            "test_spis_are_random_and_never_small",
            "test_spis_do_not_say_whose_they_are",
            "test_a_packet_with_another_customers_spi_reaches_nobody",
            "test_a_child_used_from_another_customers_address_stays_with_its_customer",
            "test_esp_at_the_wireguard_port_and_wireguard_at_the_esp_port_reach_nobody",
        ],
        "",
    ),
    "ES2": (
        "Sequence numbers from 1; window, then integrity, then the mark; a forged packet changes nothing",
        [
            "test_our_packets_are_numbered_from_one_without_a_gap",
            "test_the_window_takes_what_is_late_once",
            "test_a_repeated_packet_arrives_once_and_is_counted",
            "test_sequence_zero_is_refused",
            "test_no_flipped_bit_gets_through",
        ],
        "",
    ),
    "ES3": (
        "Extended sequence numbers: the high half is inferred and authentic; without them nothing follows 2^32 - 1",
        [],
        "Not yet with a stock peer: libipsec of strongSwan has none",
    ),
    "ES4": (
        "AES-GCM, ChaCha20-Poly1305, and AES-CBC with HMAC, whose ICV is compared before its padding is looked at",
        [
            "test_the_suites_carry_packets_of_every_size",
            "test_a_stock_site_carries_tcp_and_udp_unchanged",
            "test_a_site_rekeys_with_a_key_exchange_of_the_childs_own",
        ],
        "",
    ),
    "ES5": (
        "Padding 1, 2, 3 and so on; next header 4 and 41 only, 59 dropped silently; TFC padding cut off",
        [
            "test_packets_to_a_site_are_padded_and_bare_and_in_udp",
            "test_traffic_flow_padding_is_cut_off",
            "test_dummies_are_dropped_without_a_word",
            "test_wrong_padding_is_refused_and_counted",
            "test_what_is_no_ip_packet_is_refused_and_counted",
            "test_short_packets_and_reserved_spis_are_refused",
        ],
        "",
    ),
    "ES6": (
        "What comes out lies inside the child's selectors, and its source is this peer's by the longest prefix",
        [
            "test_a_packet_outside_the_childs_selectors_is_dropped_and_counted",
            "test_packets_between_two_sites_of_a_customer_go_through_the_stack",
            "test_ipsec_and_wireguard_are_one_network_of_the_customer",
            "test_what_is_sent_to_a_site_without_a_tunnel_leaves_nowhere_else",
        ],
        "",
    ),
    "ES7": ("A later fragment goes where selectors without ports let it", [], ""),
    "ES8": (
        "ECN follows RFC 6040; DSCP is not copied to the outer packet, unless `copy_dscp` says so",
        ["test_congestion_marks_are_copied_outside_and_dscp_is_not", "test_copy_dscp_copies_it"],
        "",
    ),
    "ES9": (
        "Keys are wiped; nothing is sent past a hard limit",
        ["test_no_key_is_left_in_memory_after_its_ike_sa", "test_a_child_sends_nothing_after_its_delete"],
        "",
    ),
    "ES10": ("ESP without UDP (protocol 50)", [], "Not served yet: every peer is made to encapsulate (KM1)"),
}
