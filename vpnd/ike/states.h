// The state machine of an IKE_SA: which message is taken when, what it must have, and what follows. A message that fits
// no row is counted and dropped. One table, from which the documentation's is made.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/time.h"
#include "vpnd/ike/limits.h"
#include "vpnd/ike/numbers.h"
#include "vpnd/ike/reader.h"

namespace warren::ike {

enum class IkeState : std::uint8_t {
    kNone,      // there is no IKE_SA
    kInitSent,  // we began: IKE_SA_INIT
    kHalfOpen,  // the peer began: its IKE_AUTH may come
    kEap,       // likewise, and it shows by EAP who it is
    kAuthSent,  // we began: IKE_AUTH
    kEstablished,
    kRekeyed,   // another IKE_SA took over its children
    kDeleting,  // we delete it
    kClosed,    // its last request was answered; only that answer is repeated
};
inline constexpr std::size_t kIkeStates = 9;
[[nodiscard]] std::string_view name_of(IkeState state);

// Ours in the IKE_SA: its initiator is who began it, by IKE_SA_INIT or by a rekey.
enum class Role : std::uint8_t { kInitiator, kResponder };
enum class Direction : std::uint8_t { kRequest, kResponse };  // what the peer sends

// What is done with a message.
enum class Step : std::uint8_t {
    kAnswerInit,
    kTakeInit,
    kTakeInitRefusal,  // a cookie is wanted, or another group; or nothing of ours is taken
    kAnswerAuth,
    kBeginEap,       // no AUTH: we sign first, and ask for a name
    kRelayEap,       // the peer's message goes to authd
    kAnswerEapAuth,  // with the key that EAP has made
    kTakeEapEnd,
    kTakeAuth,
    kTakeAuthRefusal,
    kAnswerChild,  // a new one, or a rekey of one
    kAnswerIkeRekey,
    kTakeCreated,   // what our CREATE_CHILD_SA request asked for
    kTakeRefusal,   // or why not
    kRefuseForNow,  // TEMPORARY_FAILURE
    kAnswerInformational,
    kTakeInformational,
};

// Sets of payload types that count.
using PayloadSet = std::uint32_t;
[[nodiscard]] constexpr PayloadSet bit_of(PayloadType type) {
    return PayloadSet{1} << (static_cast<unsigned>(type) - static_cast<unsigned>(PayloadType::kSa));
}
[[nodiscard]] PayloadSet set_of(const Payloads& payloads);

// What ends a state when nothing else does.
enum class Deadline : std::uint8_t {
    kNone,
    kHalfOpen,  // kHalfOpenLife
    kEap,       // kEapLife
    kRequest,   // the last retransmission of ours
    kLifetime,  // the configured one
    kReplaced,  // kReplacedLife
    kClosed,    // kClosedLife
};

// In which role a row counts.
enum class Roles : std::uint8_t { kInitiator, kResponder, kBoth };

struct Row {
    IkeState state;
    ExchangeType exchange;
    Roles roles;  // ours
    Direction direction;
    PayloadSet required;
    PayloadSet optional;  // that are looked at; all others are ignored
    Step step;
    IkeState next;      // when it goes well
    Deadline deadline;  // of `next`
};

[[nodiscard]] std::span<const Row> rows();
// The first that fits; null when none does.
[[nodiscard]] const Row* find_row(IkeState state, ExchangeType exchange, Role role, Direction direction,
                                  PayloadSet payloads);
// Whether there is a row that payloads could make fit.
[[nodiscard]] bool may_come(IkeState state, ExchangeType exchange, Role role, Direction direction);

// --- collisions, RFC 7296 §2.8.1, §2.8.2, §2.25 ------------------------------------------------------

// Our request that waits for its response.
enum class Task : std::uint8_t {
    kNone,
    kInit,
    kAuth,
    kCreateChild,
    kRekeyChild,
    kDeleteChild,
    kRekeyIke,
    kDeleteIke,
    kProbe,     // an empty INFORMATIONAL
    kTestPath,  // whether the peer receives where it says that it is (RFC 4555 §3.7)
};
inline constexpr std::size_t kTasks = 10;
[[nodiscard]] std::string_view name_of(Task task);

// What the peer asks for meanwhile. "Same": the child that our request is about.
enum class PeerAsks : std::uint8_t {
    kCreateChild,
    kRekeySameChild,
    kRekeyOtherChild,
    kDeleteSameChild,
    kDeleteOtherChild,
    kRekeyIke,
    kDeleteIke,
};
inline constexpr std::size_t kPeerAsks = 7;

enum class Collision : std::uint8_t {
    kAnswer,            // as if nothing else were under way
    kAnswerAndCompare,  // both rekeys are made; the one with the lowest of the four nonces goes
    kAnswerEmpty,       // without our SPI: our own request names it
    kRefuseForNow,      // TEMPORARY_FAILURE
    kAnswerAndDrop,     // ours is void
};
[[nodiscard]] Collision collision_of(Task ours, PeerAsks theirs);

}  // namespace warren::ike
