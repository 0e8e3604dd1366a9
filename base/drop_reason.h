// Why a packet or a message went no further: one table for the data plane, the engines and the rim around them, with
// the operator's sentence and advice. A new reason is an enumerator here and a row in drop_reason.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/check.h"

namespace warren {

enum class DropReason : std::uint8_t {
    // The data plane's. Before a customer is known: counted by the worker.
    kDatagramMalformed,
    kDatagramTruncated,
    kHandshakeQueueFull,  // counted per listener too
    kReceiverIndexUnknown,
    kSpiUnknown,
    kEspMalformed,     // by the worker, or by customer
    kHandoverFull,     // by the worker, or by customer
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
    kPeerRateUpExceeded,
    kQuotaSpent,         // in both directions
    kEmulatedLoss,       // likewise, of a test link
    kEmulatedQueueFull,  // likewise
    kAuthenticationFailed,
    kReplayDuplicate,
    kEspPaddingWrong,
    kEspDummy,
    kInnerMalformed,
    kInnerJumbogram,
    kEcnCongestionLost,
    kSelectorMismatch,
    kSourceMartian,
    kSourceIsStack,
    kSourceNotAllowed,
    kTunWriteFailed,
    kStackParked,
    // Outbound: stack to network.
    kOffloadHeaderInvalid,
    kNoPeerForDestination,
    kNoEndpoint,
    kNoChildForPacket,
    kPacketTooBig,
    kRateDownExceeded,
    kPeerRateDownExceeded,
    kStagedOverflow,
    kStagedPurged,
    kBuffersExhausted,
    kUplinkFull,
    kUplinkRefused,
    kDataPlaneEnd,  // no reason: those before it are counted per customer

    // The engines' and their rim's, counted per listener.
    kHandshakeSendFailed = kDataPlaneEnd,
    // WireGuard, in the order in which a message meets them: cheap checks before expensive ones.
    kBadType,
    kBadLength,
    kBadMac1,
    kReplayedInitiation,
    kCookieRequired,
    kRateLimited,
    kCustomerRateLimited,
    kCustomerHandshakeRate,
    kBadInitiation,
    kUnknownPeer,
    kOldTimestamp,
    kInitiationTooSoon,
    kPeerExpired,
    kUnknownIndex,
    kWrongState,
    kBadResponse,
    kUnexpectedCookieReply,
    kBadCookieReply,
    // IKEv2, likewise.
    kIkeMalformed,
    kIkeVersion,
    kIkeTooLong,
    kIkeSpiUnknown,
    kIkeUnprotected,
    kIkeIntegrityWrong,
    kIkeMessageId,
    kIkeResponseUnasked,
    kIkeUnexpected,
    kIkeBusy,
    kIkeRateLimited,
    kIkeHalfOpenFull,
    kIkeCookieRequired,
    kIkeCookieWrong,
    kIkeNoProposal,
    kIkeInvalidKe,
    kIkeKeyExchangeFailed,
    kIkeAsksFull,
    kIkeAskFailed,
    kIkeUnknownIdentity,
    kIkeNoConnection,
    kIkeAuthFailed,
    kIkePpkRequired,
    kIkeCertificateRefused,
    kIkeNoSignature,
    kIkeSessionsFull,
    kIkePoolEmpty,
    kIkeEapFailed,
    kIkeEapNoMethod,
    kIkeEapTlsFailed,
    kIkeEapUnexpected,
    kIkeEapPaused,
    kIkeEapAbandoned,
    kIkeEapFull,
    kIkeInvalidSyntax,
    kIkeCriticalPayload,
    kIkeFragment,
    kIkeTsUnacceptable,
    kIkeChildrenFull,
    kIkeChildNotFound,
    kIkeTemporaryFailure,
    kIkePeerSilent,
    kIkePeerRefused,
    kIkePathWrong,
    kIkeNoEncapsulation,
    kEnd,  // no reason: the number of reasons
};

// A reason's place in arrays of counters.
[[nodiscard]] constexpr std::size_t index_of(DropReason reason) {
    return static_cast<std::size_t>(reason);
}
inline constexpr std::size_t kDropReasonCount = index_of(DropReason::kEnd);
inline constexpr std::size_t kDataPlaneReasonCount = index_of(DropReason::kDataPlaneEnd);

struct DropReasonRow {
    DropReason reason;
    std::string_view name;     // snake_case, stable: operators' scripts use it
    std::string_view meaning;  // one sentence for an operator
    std::string_view advice;   // what the operator may do; "" = nothing
};

// In the order of the enum, each reason once.
[[nodiscard]] std::span<const DropReasonRow, kDropReasonCount> drop_reasons();
[[nodiscard]] const DropReasonRow& row_of(DropReason reason);
[[nodiscard]] std::string_view name_of(DropReason reason);
// By name; nullptr when there is no such reason.
[[nodiscard]] const DropReasonRow* find_drop_reason(std::string_view name);

// Drops by reason, for the first `kCount` reasons. One thread.
template <std::size_t kCount>
class DropCountersOf {
  public:
    using Counts = std::array<std::uint64_t, kCount>;  // indexed by DropReason

    void add(DropReason reason, std::uint64_t packets = 1) {
        WARREN_CHECK(index_of(reason) < kCount);
        counts_[index_of(reason)] += packets;
    }
    [[nodiscard]] std::uint64_t of(DropReason reason) const { return counts_.at(index_of(reason)); }
    [[nodiscard]] const Counts& all() const { return counts_; }

  private:
    Counts counts_{};
};

using DropCounters = DropCountersOf<kDropReasonCount>;
using DataPlaneDrops = DropCountersOf<kDataPlaneReasonCount>;

}  // namespace warren
