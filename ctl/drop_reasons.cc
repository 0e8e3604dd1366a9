#include "ctl/drop_reasons.h"

#include <algorithm>
#include <iterator>

namespace warren::ctl {

namespace {

// clang-format off
constexpr DropExplanation kExplanations[] = {
    {"authentication_failed", "A data message whose tag is wrong: damaged on the way, forged, or of a session with other keys."},
    {"bad_cookie_reply", "A cookie reply that does not open: not made by the peer we asked."},
    {"bad_initiation", "A handshake initiation that does not open with our key: the client has another server key, or it is forged."},
    {"bad_length", "A handshake message that has not the length of its type: no WireGuard client sends that."},
    {"bad_mac1", "A handshake message by somebody who does not know our public key: a scanner, or a client with the wrong server key."},
    {"bad_response", "A handshake response that does not open: damaged, forged, or the preshared keys differ."},
    {"bad_type", "A handshake message of a type that there is not."},
    {"buffers_exhausted", "All packet buffers were in use: more arrived than this machine can forward."},
    {"cookie_required", "Under load a client was asked to prove his address by a cookie; he does so with his next attempt."},
    {"counter_exhausted", "The message counter of a session reached its end: the peer should have made a new session long before."},
    {"customer_rate_limited", "Under load one customer's peers started more handshakes than his share."},
    {"customer_suspended", "Traffic of a suspended customer (state = \"suspended\" in his file)."},
    {"datagram_malformed", "Not a WireGuard message: other traffic, or a scan, on our port."},
    {"datagram_truncated", "A datagram larger than any WireGuard message we take."},
    {"ecn_congestion_lost", "Congestion was marked on the way and the packet inside cannot carry the mark, so it is dropped (RFC 6040)."},
    {"handshake_queue_full", "Handshake messages came faster than they can be handled: a flood, or very many clients coming back at once."},
    {"initiation_too_soon", "A peer started a handshake within 20 ms of his last one."},
    {"inner_jumbogram", "The packet inside the tunnel is an IPv6 jumbogram, which is not carried."},
    {"inner_malformed", "The packet inside the tunnel is no IPv4 or IPv6 packet of the length it claims."},
    {"listener_mismatch", "A message for a session of another listener: the client uses the wrong port."},
    {"no_endpoint", "A packet for a peer who has not been heard from and has no endpoint in his configuration."},
    {"no_peer_for_destination", "A packet into the tunnel whose destination is in no peer's allowed_ips."},
    {"offload_header_invalid", "The stack's device handed out a packet whose offload header makes no sense; should not happen."},
    {"old_timestamp", "A handshake initiation that is not newer than the last one: a replay, or two machines that use one peer's key."},
    {"packet_too_big", "A packet that does not fit into one datagram: stack.mtu is larger than the uplink carries."},
    {"rate_down_exceeded", "A customer's stack sent more to his sites than traffic.rate_down in his file allows."},
    {"rate_limited", "Under load one source address started more handshakes than it may."},
    {"rate_up_exceeded", "A customer's sites sent more into his stack than traffic.rate_up in his file allows."},
    {"receiver_index_unknown", "A message for a session that there is not, or not any more: usual just after a restart, the client makes a new one."},
    {"replay_duplicate", "A data message that was received before: duplicated on the way, or replayed."},
    {"replay_too_old", "A data message so late that it is behind the replay window: heavy reordering, or a replay."},
    {"replayed_initiation", "The same handshake initiation as shortly before: duplicated on the way, or replayed."},
    {"session_expired", "A data message of a session that is past its 180 seconds: the peer should have made a new one."},
    {"source_is_stack", "A packet from a peer that claims to come from the stack's own address."},
    {"source_martian", "A packet from a peer whose source no host can have: loopback, multicast, unspecified or v4-mapped."},
    {"source_not_allowed", "A packet from a peer whose source is not in his allowed_ips: add the network there if it is his, or it is spoofed."},
    {"staged_overflow", "More packets waited for a peer's session than are kept; the oldest went."},
    {"staged_purged", "Packets waited for a session that did not come about: the peer does not answer."},
    {"tun_write_failed", "The stack's device did not take a packet: it is down, or its queue is full."},
    {"unexpected_cookie_reply", "A cookie reply to nothing we sent, or the second one to it."},
    {"unknown_index", "A handshake response or cookie reply to a handshake that there is not, or not any more."},
    {"unknown_peer", "A handshake by a client whose public key no customer has: it was removed, is disabled, or was never entered."},
    {"uplink_full", "The uplink did not take datagrams fast enough: it is slower than what the stacks send."},
    {"uplink_refused", "The kernel refused to send a datagram: no route to the peer, or a firewall on the uplink."},
    {"wrong_state", "A handshake response to a handshake that is over: a duplicate."},
};
// clang-format on

static_assert(std::is_sorted(std::begin(kExplanations), std::end(kExplanations),
                             [](const DropExplanation& a, const DropExplanation& b) { return a.reason < b.reason; }));

}  // namespace

std::span<const DropExplanation> drop_explanations() {
    return kExplanations;
}

std::string_view explain_drop(std::string_view reason) {
    const auto* found = std::lower_bound(std::begin(kExplanations), std::end(kExplanations), reason,
                                         [](const DropExplanation& entry, std::string_view wanted) { return entry.reason < wanted; });
    return found != std::end(kExplanations) && found->reason == reason ? found->sentence : std::string_view();
}

}  // namespace warren::ctl
