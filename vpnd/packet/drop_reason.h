// Why a packet went no further. Every early exit of the data path is one of these, counted; a new one is a line here
// and in kDropReasons.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <tl/expected.hpp>

namespace warren::dataplane {

enum class DropReason : std::uint8_t {
    // Before a customer is known: counted by the worker.
    kDatagramMalformed,
    kDatagramTruncated,
    kHandshakeQueueFull,
    kReceiverIndexUnknown,
    kHandoverFull,     // likewise, or the customer's
    kHandoverRefused,  // likewise
    // Inbound: network to stack.
    kListenerMismatch,
    kCustomerSuspended,
    kSessionExpired,
    kCounterExhausted,
    kLifetimeBytesSpent,
    kReplayTooOld,
    kForgeryBudgetSpent,
    kBacklogFull,
    kRateUpExceeded,
    kAuthenticationFailed,
    kReplayDuplicate,
    kInnerMalformed,
    kInnerJumbogram,
    kEcnCongestionLost,
    kSelectorMismatch,
    kSourceMartian,
    kSourceIsStack,
    kSourceNotAllowed,
    kTunWriteFailed,
    // Outbound: stack to network.
    kOffloadHeaderInvalid,
    kNoPeerForDestination,
    kNoEndpoint,
    kPacketTooBig,
    kRateDownExceeded,
    kStagedOverflow,
    kStagedPurged,
    kBuffersExhausted,
    kUplinkFull,
    kUplinkRefused,
};

struct DropReasonText {
    DropReason reason;
    std::string_view name;      // snake_case, stable: operators' scripts use it
    std::string_view sentence;  // for people
};

inline constexpr std::array kDropReasons{
    DropReasonText{DropReason::kDatagramMalformed, "datagram_malformed",
                   "Not a WireGuard message: wrong type, length or reserved bytes."},
    DropReasonText{DropReason::kDatagramTruncated, "datagram_truncated", "A datagram larger than the receive buffer."},
    DropReasonText{DropReason::kHandshakeQueueFull, "handshake_queue_full",
                   "Handshake messages came faster than they can be handled."},
    DropReasonText{DropReason::kReceiverIndexUnknown, "receiver_index_unknown",
                   "The message names a session that does not exist (any more)."},
    DropReasonText{DropReason::kHandoverFull, "handover_full",
                   "The packet belongs to another data worker, which did not take packets over fast enough."},
    DropReasonText{DropReason::kHandoverRefused, "handover_refused",
                   "The data worker that the packet was handed to has no such customer or peer (any more)."},
    DropReasonText{DropReason::kListenerMismatch, "listener_mismatch",
                   "The session belongs to another listener than the one it arrived on."},
    DropReasonText{DropReason::kCustomerSuspended, "customer_suspended", "The customer is suspended."},
    DropReasonText{DropReason::kSessionExpired, "session_expired", "The session is older than REJECT_AFTER_TIME."},
    DropReasonText{DropReason::kCounterExhausted, "counter_exhausted",
                   "The message counter is at or above REJECT_AFTER_MESSAGES."},
    DropReasonText{DropReason::kLifetimeBytesSpent, "lifetime_bytes_spent",
                   "The session has carried as many bytes as it may."},
    DropReasonText{DropReason::kReplayTooOld, "replay_too_old", "The message counter is behind the replay window."},
    DropReasonText{
        DropReason::kForgeryBudgetSpent, "forgery_budget_spent",
        "Many messages of this session were forged, and this one did not come from where the peer is known to be."},
    DropReasonText{
        DropReason::kBacklogFull, "backlog_full",
        "There was not enough processor time, and the customer's sites sent more than his share of it was enough for."},
    DropReasonText{DropReason::kRateUpExceeded, "rate_up_exceeded",
                   "More came from the customer's sites than traffic.rate_up allows."},
    DropReasonText{DropReason::kAuthenticationFailed, "authentication_failed", "The authentication tag is wrong."},
    DropReasonText{DropReason::kReplayDuplicate, "replay_duplicate",
                   "A message with this counter was received before."},
    DropReasonText{DropReason::kInnerMalformed, "inner_malformed",
                   "The packet inside is no IPv4 or IPv6 packet of the length it claims."},
    DropReasonText{DropReason::kInnerJumbogram, "inner_jumbogram", "The packet inside is an IPv6 jumbogram."},
    DropReasonText{DropReason::kEcnCongestionLost, "ecn_congestion_lost",
                   "Congestion was marked on the way, but the packet inside cannot carry the mark (RFC 6040)."},
    DropReasonText{DropReason::kSelectorMismatch, "selector_mismatch",
                   "The packet inside does not match the traffic selectors of its session."},
    DropReasonText{DropReason::kSourceMartian, "source_martian",
                   "The source inside is no address a host can have: loopback, multicast, unspecified, v4-mapped."},
    DropReasonText{DropReason::kSourceIsStack, "source_is_stack",
                   "The source inside is an address of the customer's own stack."},
    DropReasonText{DropReason::kSourceNotAllowed, "source_not_allowed",
                   "The source inside belongs to another peer or to none (AllowedIPs)."},
    DropReasonText{DropReason::kTunWriteFailed, "tun_write_failed", "The stack's device did not take the packet."},
    DropReasonText{DropReason::kOffloadHeaderInvalid, "offload_header_invalid",
                   "The stack's device gave a packet with an offload header that makes no sense."},
    DropReasonText{DropReason::kNoPeerForDestination, "no_peer_for_destination",
                   "No peer's AllowedIPs contain the destination."},
    DropReasonText{DropReason::kNoEndpoint, "no_endpoint",
                   "The peer has not been heard from and has no configured endpoint."},
    DropReasonText{DropReason::kPacketTooBig, "packet_too_big", "The packet does not fit into one datagram."},
    DropReasonText{DropReason::kRateDownExceeded, "rate_down_exceeded",
                   "More went to the customer's sites than traffic.rate_down allows."},
    DropReasonText{DropReason::kStagedOverflow, "staged_overflow",
                   "Too many packets wait for the peer's session; the oldest was dropped."},
    DropReasonText{DropReason::kStagedPurged, "staged_purged", "Packets waited for a session that did not come about."},
    DropReasonText{DropReason::kBuffersExhausted, "buffers_exhausted", "All packet buffers are in use."},
    DropReasonText{DropReason::kUplinkFull, "uplink_full", "The uplink did not take datagrams fast enough."},
    DropReasonText{DropReason::kUplinkRefused, "uplink_refused", "The kernel refused to send the datagram."},
};

inline constexpr std::size_t kDropReasonCount = kDropReasons.size();

static_assert(
    [] {
        for (std::size_t i = 0; i < kDropReasonCount; ++i) {
            if (static_cast<std::size_t>(kDropReasons[i].reason) != i) return false;
        }
        return true;
    }(),
    "kDropReasons is in the order of the enum and complete");

[[nodiscard]] constexpr const DropReasonText& text_of(DropReason reason) {
    return kDropReasons[static_cast<std::size_t>(reason)];
}

// What a check of a packet yields: the checked thing, or why it is dropped.
template <typename T>
using Checked = tl::expected<T, DropReason>;
[[nodiscard]] inline tl::unexpected<DropReason> drop(DropReason reason) {
    return tl::unexpected<DropReason>(reason);
}

// Packets dropped, by reason. One thread.
class DropCounters {
  public:
    void add(DropReason reason, std::uint64_t packets = 1) { counts_[static_cast<std::size_t>(reason)] += packets; }
    [[nodiscard]] std::uint64_t of(DropReason reason) const { return counts_[static_cast<std::size_t>(reason)]; }
    // Indexed by DropReason.
    [[nodiscard]] const std::array<std::uint64_t, kDropReasonCount>& all() const { return counts_; }

  private:
    std::array<std::uint64_t, kDropReasonCount> counts_{};
};

}  // namespace warren::dataplane
