#include "ipc/drop_reasons.h"

#include <algorithm>
#include <iterator>

namespace warren::ipc {

namespace {

// clang-format off
constexpr DropExplanation kExplanations[] = {
    {"authentication_failed", "A data message whose tag is wrong: damaged on the way, forged, or of a session with other keys.", "If it grows steadily, look for a broken link or a device that rewrites packets on the way."},
    {"backlog_full", "There was not enough processor time, and this customer's sites sent more than his share of it (traffic.share) was enough for.", "If it stays, look at what his packets cost (vpnctl counters; his firewall is part of it), or move to a machine with more or faster cores."},
    {"bad_cookie_reply", "A cookie reply that does not open: not made by the peer we asked.", ""},
    {"bad_initiation", "A handshake initiation that does not open with our key: the client has another server key, or it is forged.", "Give the client the right server key."},
    {"bad_length", "A handshake message that has not the length of its type: no WireGuard client sends that.", ""},
    {"bad_mac1", "A handshake message by somebody who does not know our public key: a scanner, or a client with the wrong server key.", "If a customer complains, compare the server key in his client with the one shown here; else ignore it."},
    {"bad_response", "A handshake response that does not open: damaged, forged, or the preshared keys differ.", "Compare the preshared keys of both sides."},
    {"bad_type", "A handshake message of a type that there is not.", ""},
    {"buffers_exhausted", "All packet buffers were in use: more arrived than this machine can forward.", "Look at the load of the machine; it needs more or faster cores."},
    {"cookie_required", "Under load a client was asked to prove his address by a cookie; he does so with his next attempt.", "Nothing, unless it stays: then look at who floods the port."},
    {"counter_exhausted", "The message counter of a session reached its end: the peer should have made a new session long before.", "Update the client's software."},
    {"customer_rate_limited", "Under load one customer's peers started more handshakes than his share.", "Look at this customer's peers: many of them reconnect at once."},
    {"customer_suspended", "Traffic of a suspended customer (state = \"suspended\" in his file).", "Set state = \"active\" in his file to let him in again."},
    {"datagram_malformed", "Not a WireGuard message: other traffic, or a scan, on our port.", "If a customer complains, check that his client speaks WireGuard to this port; else ignore it."},
    {"datagram_truncated", "A datagram larger than any WireGuard message we take.", ""},
    {"ecn_congestion_lost", "Congestion was marked on the way and the packet inside cannot carry the mark, so it is dropped (RFC 6040).", "Look for congestion on the way to the peer."},
    {"forgery_budget_spent", "Somebody sends forged messages in the name of a peer's session, so only what comes from the peer's known address is opened for a while.", "If a peer roamed just now, his next handshake lets him in; if it stays, look who sends them and filter it upstream."},
    {"handover_full", "A packet came to another data worker than its session's, which could not take it over fast enough.", "See vpnctl counters: the worker that takes over has too much to do."},
    {"handover_refused", "A packet was handed to a data worker that does not serve its peer any more: he was just moved or removed.", ""},
    {"handshake_queue_full", "Handshake messages came faster than they can be handled: a flood, or very many clients coming back at once.", "Look at the rate of datagrams on the uplink: if it is a flood, filter it upstream."},
    {"initiation_too_soon", "A peer started a handshake within 20 ms of his last one.", "Look for two machines that use one peer's key."},
    {"inner_jumbogram", "The packet inside the tunnel is an IPv6 jumbogram, which is not carried.", "Let the sender use packets up to the tunnel's MTU."},
    {"inner_malformed", "The packet inside the tunnel is no IPv4 or IPv6 packet of the length it claims.", "Update the peer's software; if it is up to date, somebody experiments there."},
    {"lifetime_bytes_spent", "A message of a session that has carried as many bytes as it may: the peer should have made a new one.", "If it goes on, restart the client."},
    {"listener_mismatch", "A message for a session of another listener: the client uses the wrong port.", "Correct the port in the client's endpoint."},
    {"no_endpoint", "A packet for a peer who has not been heard from and has no endpoint in his configuration.", "Let the peer connect first, or give it an endpoint in its configuration."},
    {"no_peer_for_destination", "A packet into the tunnel whose destination is in no peer's allowed_ips.", "Add the destination to a peer's allowed_ips, or remove the route that leads it here."},
    {"offload_header_invalid", "The stack's device handed out a packet whose offload header makes no sense; should not happen.", "Please report it, with the kernel's version."},
    {"old_timestamp", "A handshake initiation that is not newer than the last one: a replay, or two machines that use one peer's key.", "If it is one peer, look whether two machines use its key or its clock was set back; restart its client."},
    {"packet_too_big", "A packet that does not fit into one datagram: stack.mtu is larger than the uplink carries.", "Lower stack.mtu in the customer's file (1420 fits an uplink of 1500)."},
    {"rate_down_exceeded", "A customer's stack sent more to his sites than traffic.rate_down in his file allows.", "Raise traffic.rate_down if he pays for more; else nothing."},
    {"rate_limited", "Under load one source address started more handshakes than it may.", "Nothing, unless a customer complains: then look whether many of his clients share one address."},
    {"rate_up_exceeded", "A customer's sites sent more into his stack than traffic.rate_up in his file allows.", "Raise traffic.rate_up if he pays for more; else nothing."},
    {"receiver_index_unknown", "A message for a session that there is not, or not any more: usual just after a restart, the client makes a new one.", "Nothing, unless it goes on for minutes: then restart the client."},
    {"replay_duplicate", "A data message that was received before: duplicated on the way, or replayed.", "If it grows steadily, look for a device that duplicates packets."},
    {"replay_too_old", "A data message so late that it is behind the replay window: heavy reordering, or a replay.", "If it grows steadily, look for links of very different delay on the way."},
    {"replayed_initiation", "The same handshake initiation as shortly before: duplicated on the way, or replayed.", "If it grows steadily, look for a device that duplicates packets."},
    {"selector_mismatch", "A packet from a peer that the traffic selectors of its session do not allow.", "Compare the networks that both sides have configured."},
    {"session_expired", "A data message of a session that is past its 180 seconds: the peer should have made a new one.", "If it goes on, restart the client."},
    {"source_is_stack", "A packet from a peer that claims to come from the stack's own address.", "Correct the address of the peer or the machine behind it."},
    {"source_martian", "A packet from a peer whose source no host can have: loopback, multicast, unspecified or v4-mapped.", "Look at the machine behind the peer that sends this."},
    {"source_not_allowed", "A packet from a peer whose source is not in his allowed_ips: the network is missing there, or it is spoofed.", "Add the network to the peer's allowed_ips if it is his; else find out who spoofs it."},
    {"staged_overflow", "More packets waited for a peer's session than are kept; the oldest went.", "Find out why the peer does not answer; see its last handshake."},
    {"staged_purged", "Packets waited for a session that did not come about: the peer does not answer.", "Find out why the peer does not answer: is it switched on, is its endpoint right?"},
    {"tun_write_failed", "The stack's device did not take a packet: it is down, or its queue is full.", "Check that vpn0 in the customer's stack is up."},
    {"unexpected_cookie_reply", "A cookie reply to nothing we sent, or the second one to it.", ""},
    {"unknown_index", "A handshake response or cookie reply to a handshake that there is not, or not any more.", ""},
    {"unknown_peer", "A handshake by a client whose public key no customer has: it was removed, is disabled, or was never entered.", "If the client should be allowed, add its public key to a customer's file and apply."},
    {"uplink_full", "The uplink did not take datagrams fast enough: it is slower than what the stacks send.", "Look at the uplink's load; a faster one, or less traffic, is needed."},
    {"uplink_refused", "The kernel refused to send a datagram: no route to the peer, or a firewall on the uplink.", "Check the route to the peer and the firewall of the uplink."},
    {"wrong_state", "A handshake response to a handshake that is over: a duplicate.", ""},
};
// clang-format on

static_assert(std::is_sorted(std::begin(kExplanations), std::end(kExplanations),
                             [](const DropExplanation& a, const DropExplanation& b) { return a.reason < b.reason; }));

}  // namespace

std::span<const DropExplanation> drop_explanations() {
    return kExplanations;
}

const DropExplanation* explain_drop(std::string_view reason) {
    const auto* found =
        std::lower_bound(std::begin(kExplanations), std::end(kExplanations), reason,
                         [](const DropExplanation& entry, std::string_view wanted) { return entry.reason < wanted; });
    return found != std::end(kExplanations) && found->reason == reason ? found : nullptr;
}

}  // namespace warren::ipc
