#include "base/drop_reason.h"

#include <algorithm>

namespace warren {

namespace {

using enum DropReason;

// Written out where there is nothing to do.
constexpr std::string_view kNoAdvice;

constexpr std::array<DropReasonRow, kDropReasonCount> kRows{{
    {kDatagramMalformed, "datagram_malformed",
     "Not a message of the protocol that this port serves: other traffic, or a scan.",
     "If a customer complains, check that its client speaks that protocol to this port; otherwise ignore it."},
    {kDatagramTruncated, "datagram_truncated",
     "A datagram larger than the receive buffer, which no client of ours sends.", kNoAdvice},
    {kHandshakeQueueFull, "handshake_queue_full",
     "Handshake messages arrived faster than they can be handled: a flood, or very many clients that return at once.",
     "Look at the rate of datagrams on the uplink: if it is a flood, filter it upstream."},
    {kReceiverIndexUnknown, "receiver_index_unknown",
     "A message for a session that does not exist, or no longer exists: usual just after a restart, the client makes a "
     "new one.",
     "Nothing, unless it lasts for minutes: then restart the client."},
    {kSpiUnknown, "spi_unknown",
     "An ESP packet for an SA that does not exist, or no longer exists: usual just after a restart or a rekey.",
     "Nothing, unless it lasts for minutes: then restart the tunnel on the peer."},
    {kEspMalformed, "esp_malformed",
     "A packet to the IPsec port that is no ESP: a reserved SPI, sequence number 0, a wrong length, or something other "
     "than IPv4 or IPv6 inside (transport mode).",
     "If it is counted for a customer, let its peer use tunnel mode; otherwise ignore it."},
    {kHandoverFull, "handover_full",
     "A packet arrived at another data worker than its session's, which did not take it over fast enough.",
     "See vpnctl counters: the worker that takes over has too much to do."},
    {kHandoverRefused, "handover_refused",
     "A packet was handed to a data worker that no longer serves its peer: the peer was just moved or removed.",
     kNoAdvice},
    {kListenerMismatch, "listener_mismatch",
     "A message for a session of another listener: the client uses the wrong port.",
     "Correct the port in the client's endpoint."},
    {kCustomerSuspended, "customer_suspended", "Traffic of a suspended customer (state = \"suspended\" in its file).",
     "Set state = \"active\" in its file to resume its service."},
    {kSessionExpired, "session_expired",
     "A data message of a session that is past its lifetime: the peer should have made a new one.",
     "If it lasts, restart the client."},
    {kCounterExhausted, "counter_exhausted",
     "The message counter of a session reached its end: the peer should have made a new session long before.",
     "Update the client's software."},
    {kLifetimeBytesSpent, "lifetime_bytes_spent",
     "A message of a session that has carried as many bytes as it may: the peer should have made a new one.",
     "If it lasts, restart the client."},
    {kReplayTooOld, "replay_too_old",
     "A data message so late that it is behind the replay window: heavy reordering, or a replay.",
     "If it grows steadily, look for links of very different delay on the path."},
    {kForgeryBudgetSpent, "forgery_budget_spent",
     "Somebody sends forged messages in the name of a peer's session, so for a while only datagrams from the peer's "
     "known address are opened.",
     "If a peer has just roamed, its next handshake lets it in; if it lasts, find out who sends them and filter it "
     "upstream."},
    {kBacklogFull, "backlog_full",
     "There was not enough processor time, and this customer's sites sent more than its share (traffic.share) was "
     "enough for.",
     "If it lasts, look at what its packets cost (vpnctl counters; its firewall is part of it), or move to a machine "
     "with more or faster cores."},
    {kRateUpExceeded, "rate_up_exceeded",
     "A customer's sites sent more into its stack than traffic.rate_up in its file allows, for longer than the queue "
     "lasts.",
     "Raise traffic.rate_up if the contract allows more; otherwise no action."},
    {kAuthenticationFailed, "authentication_failed",
     "A data message whose tag is wrong: damaged on the path, forged, or of a session with other keys.",
     "If it grows steadily, look for a broken link or a device that rewrites packets on the path."},
    {kReplayDuplicate, "replay_duplicate",
     "A data message that was received before: duplicated on the path, or replayed.",
     "If it grows steadily, look for a device that duplicates packets."},
    {kEspPaddingWrong, "esp_padding_wrong",
     "An authentic ESP packet whose padding is not 1, 2, 3 and so on (RFC 4303 §2.4).",
     "Update the peer's software; if it is up to date, somebody experiments there."},
    {kEspDummy, "esp_dummy",
     "An authentic ESP packet that carries nothing, by which a peer hides how much it sends (RFC 4303 §2.6).",
     kNoAdvice},
    {kInnerMalformed, "inner_malformed",
     "The packet inside the tunnel is no IPv4 or IPv6 packet of the length it claims.",
     "Update the peer's software; if it is up to date, somebody experiments there."},
    {kInnerJumbogram, "inner_jumbogram", "The packet inside the tunnel is an IPv6 jumbogram, which is not carried.",
     "Let the sender use packets up to the tunnel's MTU."},
    {kEcnCongestionLost, "ecn_congestion_lost",
     "Congestion was marked on the path and the packet inside cannot carry the mark, so it is dropped (RFC 6040).",
     "Look for congestion on the path to the peer."},
    {kSelectorMismatch, "selector_mismatch",
     "A packet from a peer that the traffic selectors of its session do not allow.",
     "Compare the networks that both sides have configured."},
    {kSourceMartian, "source_martian",
     "A packet from a peer whose source no host can have: loopback, multicast, unspecified or v4-mapped.",
     "Look at the machine behind the peer that sends this."},
    {kSourceIsStack, "source_is_stack", "A packet from a peer that claims to come from the stack's own address.",
     "Correct the address of the peer or the machine behind it."},
    {kSourceNotAllowed, "source_not_allowed",
     "A packet from a peer whose source is not in its allowed_ips: the network is missing there, or it is spoofed.",
     "Add the network to the peer's allowed_ips if it belongs to the peer; otherwise find out who spoofs it."},
    {kTunWriteFailed, "tun_write_failed", "The stack's device did not take a packet: it is down, or its queue is full.",
     "Check that vpn0 in the customer's stack is up."},
    {kOffloadHeaderInvalid, "offload_header_invalid",
     "The stack's device gave a packet whose offload header makes no sense; should not happen.",
     "Please report it, with the kernel's version."},
    {kNoPeerForDestination, "no_peer_for_destination",
     "A packet into the tunnel whose destination is in no peer's allowed_ips.",
     "Add the destination to a peer's allowed_ips, or remove the route that leads it here."},
    {kNoEndpoint, "no_endpoint",
     "A packet for a peer that has not been heard from and has no endpoint in its configuration.",
     "Let the peer connect first, or give it an endpoint in its configuration."},
    {kNoChildForPacket, "no_child_for_packet",
     "A packet for a peer whose tunnel is up, but none of its CHILD_SAs carries this source, protocol or port, or a "
     "fragment whose ports are not known.",
     "Compare the networks that both sides have configured."},
    {kPacketTooBig, "packet_too_big",
     "A packet that does not fit into one datagram: stack.mtu is larger than the uplink carries.",
     "Lower stack.mtu in the customer's file (1420 fits an uplink of 1500)."},
    {kRateDownExceeded, "rate_down_exceeded",
     "A customer's stack sent more to its sites than traffic.rate_down in its file allows, for longer than the queue "
     "lasts.",
     "Raise traffic.rate_down if the contract allows more; otherwise no action."},
    {kStagedOverflow, "staged_overflow",
     "More packets waited for a peer's session than are kept; the oldest was dropped.",
     "Find out why the peer does not answer; see its last handshake."},
    {kStagedPurged, "staged_purged", "Packets waited for a session that was not established: the peer does not answer.",
     "Find out why the peer does not answer: is it switched on, is its endpoint right?"},
    {kBuffersExhausted, "buffers_exhausted",
     "All packet buffers were in use: more arrived than this machine can forward.",
     "Look at the load of the machine; it needs more or faster cores."},
    {kUplinkFull, "uplink_full",
     "The uplink did not take datagrams fast enough: it is slower than what the stacks send.",
     "Look at the uplink's load; a faster one, or less traffic, is needed."},
    {kUplinkRefused, "uplink_refused",
     "The kernel refused to send a datagram: no route to the peer, or a firewall on the uplink.",
     "Check the route to the peer and the firewall of the uplink."},
    {kHandshakeSendFailed, "handshake_send_failed",
     "A handshake message of ours could not be sent: the listener has no socket for the peer's address family, no "
     "route, or a firewall refuses it.",
     "Check the route to the peer and the firewall of the uplink."},
    {kBadType, "bad_type", "A handshake message of a type that WireGuard does not have.", kNoAdvice},
    {kBadLength, "bad_length",
     "A handshake message whose length is not that of its type: no WireGuard client sends that.", kNoAdvice},
    {kBadMac1, "bad_mac1",
     "A handshake message by somebody who does not know our public key: a scanner, or a client with the wrong server "
     "key.",
     "If a customer complains, compare the server key in its client with the one shown here; otherwise ignore it."},
    {kReplayedInitiation, "replayed_initiation",
     "The same handshake initiation as shortly before: duplicated on the path, or replayed.",
     "If it grows steadily, look for a device that duplicates packets."},
    {kCookieRequired, "cookie_required",
     "Under load a client was asked to prove its address by a cookie; it does so with its next attempt.",
     "Nothing, unless it lasts: then find out who floods the port."},
    {kRateLimited, "rate_limited", "Under load one source address started more handshakes than it may.",
     "Nothing, unless a customer complains: then check whether many of its clients share one address."},
    {kCustomerRateLimited, "customer_rate_limited",
     "Under load one customer's peers started more handshakes than its share.",
     "Look at this customer's peers: many of them reconnect at once."},
    {kBadInitiation, "bad_initiation",
     "A handshake initiation that does not open with our key: the client has another server key, or it is forged.",
     "Give the client the right server key."},
    {kUnknownPeer, "unknown_peer",
     "A handshake by a client whose public key no customer has: it was removed, is disabled, or was never entered.",
     "If the client should be allowed, add its public key to a customer's file and apply."},
    {kOldTimestamp, "old_timestamp",
     "A handshake initiation that is not newer than the last one: a replay, or two machines that use one peer's key.",
     "The log names the peer (handshake_refused). If its clock was ahead once: vpnctl peer reset CUSTOMER PEER. "
     "Otherwise check whether two machines use its key or its clock was set back."},
    {kInitiationTooSoon, "initiation_too_soon", "A peer started a handshake within 20 ms of its last one.",
     "Look for two machines that use one peer's key."},
    {kUnknownIndex, "unknown_index",
     "A handshake response or cookie reply to a handshake that does not exist, or no longer exists.", kNoAdvice},
    {kWrongState, "wrong_state", "A handshake response to a handshake that is over: a duplicate.", kNoAdvice},
    {kBadResponse, "bad_response",
     "A handshake response that does not open: damaged, forged, or the preshared keys differ.",
     "Compare the preshared keys of both sides."},
    {kUnexpectedCookieReply, "unexpected_cookie_reply",
     "A cookie reply to a message that we did not send, or the second one to it.", kNoAdvice},
    {kBadCookieReply, "bad_cookie_reply", "A cookie reply that does not open: not made by the peer we asked.",
     kNoAdvice},
    {kIkeMalformed, "ike_malformed",
     "A message to the IKE ports that is no IKEv2: a wrong length, flags or SPIs that no message has.",
     "If a customer complains, look at what its device sends; otherwise ignore it."},
    {kIkeVersion, "ike_version", "A message of another version of IKE, usually IKEv1.", "Set the client to IKEv2."},
    {kIkeTooLong, "ike_too_long", "The first message of an IKE_SA is longer than any that clients send.", kNoAdvice},
    {kIkeSpiUnknown, "ike_spi_unknown",
     "A message for an IKE_SA that does not exist, or no longer exists: usual just after a restart, the peer makes a "
     "new one.",
     "Nothing, unless it lasts for minutes: then restart the tunnel on the peer."},
    {kIkeUnprotected, "ike_unprotected", "A message in the clear that names an IKE_SA: only its keys can change it.",
     kNoAdvice},
    {kIkeIntegrityWrong, "ike_integrity_wrong",
     "A message of an IKE_SA whose integrity is wrong: damaged on the path, forged, or made with other keys.",
     "If it grows steadily, look for a broken link or a device that rewrites packets on the path."},
    {kIkeMessageId, "ike_message_id",
     "A request that is not the next one of its IKE_SA: late, repeated long after, or too early.", kNoAdvice},
    {kIkeResponseUnasked, "ike_response_unasked", "A response that nobody asked for, or that came twice.", kNoAdvice},
    {kIkeUnexpected, "ike_unexpected", "An authentic message that its IKE_SA does not take at this point.",
     "Update the peer's software; if it is up to date, its log says what it sends."},
    {kIkeBusy, "ike_busy", "A request that arrived while the one before was still in work; the peer repeats it.",
     "If it grows steadily, the machine has too much to do."},
    {kIkeRateLimited, "ike_rate_limited", "A source began more IKE_SAs than one may.",
     "If it is a site with many clients, nothing: they come in one after another."},
    {kIkeHalfOpenFull, "ike_half_open_full",
     "So many IKE_SAs are begun and not authenticated that no more are kept: of one source, or in all.",
     "If it lasts, somebody floods: filter it upstream."},
    {kIkeCookieRequired, "ike_cookie_required", "Under load a source was asked for a cookie before it may begin.",
     "Nothing: honest clients send it. Look at the rate of datagrams on the uplink."},
    {kIkeCookieWrong, "ike_cookie_wrong", "A cookie that was not ours, or is too old; the client gets a new one.",
     kNoAdvice},
    {kIkeNoProposal, "ike_no_proposal", "A peer offers no algorithms that are allowed here.",
     "vpnctl ipsec CUSTOMER CONNECTION --why shows what it offered; change its settings, or ike and esp of the "
     "connection."},
    {kIkeInvalidKe, "ike_invalid_ke",
     "A peer sent a public value of another group than we take; it is told which, and tries again.", kNoAdvice},
    {kIkeKeyExchangeFailed, "ike_key_exchange_failed", "A public value that is none of its group.",
     "Update the peer's software; if it is up to date, somebody experiments there."},
    {kIkeAsksFull, "ike_asks_full",
     "More key exchanges and authentications were open than are taken at once: of a source, of a customer, or in all.",
     "If it lasts, the machine has too much to do, or somebody floods."},
    {kIkeAskFailed, "ike_ask_failed", "A key exchange or an authentication was not answered in time.",
     "Look at the log for a process that ended."},
    {kIkeUnknownIdentity, "ike_unknown_identity", "A peer asks for an identity that no customer has, or for none.",
     "Compare the remote identity in the peer's settings with ipsec.identity of the customer."},
    {kIkeNoConnection, "ike_no_connection", "A peer whose identity no connection of the customer expects.",
     "Compare the local identity in the peer's settings with remote_identity of the connection."},
    {kIkeAuthFailed, "ike_auth_failed",
     "A peer could not show that it is who it says: its preshared key is another one.",
     "Compare the preshared keys of both sides."},
    {kIkePpkRequired, "ike_ppk_required",
     "A peer without the postquantum preshared key that its connection requires, or that names another one.",
     "Compare ppk and ppk_identity of both sides."},
    {kIkeCertificateRefused, "ike_certificate_refused", "A peer's certificate or its signature was not taken.",
     "vpnctl ipsec CUSTOMER CONNECTION --why says what is wrong with it."},
    {kIkeNoSignature, "ike_no_signature", "We could not sign for a peer that uses EAP or certificates.",
     "Check certificate and private_key of the customer or of ipsec.gateway, and which algorithms the peer takes."},
    {kIkeSessionsFull, "ike_sessions_full", "A connection has as many peers as max_sessions allows.",
     "Raise max_sessions of the connection."},
    {kIkePoolEmpty, "ike_pool_empty",
     "A client gets no address: none of its connection's pool is free, or it asks for none.",
     "Enlarge pool of the connection, or have the client ask for an address (a virtual IP)."},
    {kIkeInvalidSyntax, "ike_invalid_syntax",
     "An authentic message that is malformed inside; it ends its IKE_SA (RFC 7296 §2.21.3).",
     "Update the peer's software."},
    {kIkeCriticalPayload, "ike_critical_payload",
     "A message has a payload that we do not know and that must not be skipped.",
     "Switch that feature off in the peer's settings."},
    {kIkeFragment, "ike_fragment", "A part of a message that does not fit the others, or came without agreement.",
     kNoAdvice},
    {kIkeTsUnacceptable, "ike_ts_unacceptable",
     "A peer wants to send other networks through the tunnel than the connection has.",
     "Compare the networks that both sides have configured."},
    {kIkeChildrenFull, "ike_children_full", "A peer wants more CHILD_SAs than one IKE_SA has.",
     "Let the peer's settings join networks."},
    {kIkeChildNotFound, "ike_child_not_found",
     "A peer wants to rekey or delete a CHILD_SA that is not there: it was just deleted.", kNoAdvice},
    {kIkeTemporaryFailure, "ike_temporary_failure",
     "A request of a peer crossed one of ours; it was asked to try again.", kNoAdvice},
    {kIkePeerSilent, "ike_peer_silent", "A peer did not answer for a minute; its IKE_SA was given up.",
     "If it lasts, look at the path to the peer."},
    {kIkePeerRefused, "ike_peer_refused", "A peer refused what we asked for.",
     "vpnctl ipsec CUSTOMER CONNECTION --why shows its answer."},
    {kIkePathWrong, "ike_path_wrong",
     "A peer that moved did not answer with what was sent to its new address (RFC 4555 §3.7).",
     "Update the peer's software."},
    {kIkeNoEncapsulation, "ike_no_encapsulation", "A peer would send ESP without UDP, which is not taken here.",
     "Switch NAT traversal on in the peer's settings."},
}};

static_assert(
    [] {
        for (std::size_t i = 0; i < kRows.size(); ++i) {
            const DropReasonRow& row = kRows[i];
            if (index_of(row.reason) != i || row.name.empty() || row.meaning.empty()) return false;
        }
        return true;
    }(),
    "every reason has its row, in the order of the enum");

}  // namespace

std::span<const DropReasonRow, kDropReasonCount> drop_reasons() {
    return kRows;
}

const DropReasonRow& row_of(DropReason reason) {
    return kRows.at(index_of(reason));
}

std::string_view name_of(DropReason reason) {
    return row_of(reason).name;
}

const DropReasonRow* find_drop_reason(std::string_view name) {
    const auto* const row =
        std::find_if(kRows.begin(), kRows.end(), [name](const DropReasonRow& one) { return one.name == name; });
    return row == kRows.end() ? nullptr : row;
}

}  // namespace warren
