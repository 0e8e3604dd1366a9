// What a process leaves to its successor of one IKE_SA and its children, as a value and as bytes
// (docs/decisions/0017-ike-sas-outlive-vpnd.md).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/time.h"
#include "vpnd/ike/connection.h"
#include "vpnd/ike/ike_sa.h"
#include "vpnd/ike/pool.h"

namespace warren::ike {

// Names a connection in every process: a hash over its customer's id and its own name. What it is in memory, its index,
// may be another connection's in the next process.
using ConnectionName = std::array<std::uint8_t, 16>;
[[nodiscard]] ConnectionName name_of(std::string_view customer, std::string_view connection);

// A hash over what makes another connection of it: both sides' identities, how they are shown, the peer's address. An
// IKE_SA goes on only where it is the same (conformance KL10).
using ConnectionDigest = std::array<std::uint8_t, 16>;
[[nodiscard]] ConnectionDigest digest_of(const Connection& connection, const CustomerConfig& customer);
// Of a child's name and networks. Never 0.
[[nodiscard]] std::uint64_t digest_of(const ChildConfig& child);

// Whose an IKE_SA is.
struct SaOwner {
    ConnectionName connection{};
    ConnectionDigest config{};
    Lease lease;            // of its session
    Instant session_began;  // likewise
    bool is_going = false;  // it was to be deleted
    bool operator==(const SaOwner&) const = default;
};

struct SaRecord {
    SaOwner owner;
    // Established or replaced, with its keys. Its index, customer, connection and deadlines of silence are not in it,
    // nor the peer and the worker of a child; a request of a rekey is an orphan.
    IkeSa sa;
};

// Names a child's session in the table of counters (vpnd/control/session_keeper.h): its keys are in the record.
[[nodiscard]] control::PeerName name_of_session(SessionId ours, std::uint32_t theirs, Instant created);

// The form of the bytes: another number with every change of a field. A successor ignores every other form.
inline constexpr std::uint32_t kSaForm = 1;

// A successor seals from this many IVs behind the last one on, and no key comes near the end of them.
inline constexpr std::uint64_t kIvJump = std::uint64_t{1} << 20;
inline constexpr std::uint64_t kMostIv = std::uint64_t{1} << 62;

// Writes an IKE_SA that is established or replaced, without the last response where there is no room for it. Returns
// how many bytes that took; 0: there is no room.
[[nodiscard]] std::size_t write(const SaOwner& owner, const IkeSa& sa, MutableBytes out);
// How many bytes what write() wrote has, as it says; 0: nothing is there.
[[nodiscard]] std::size_t size_of_record(Bytes record);
// Nothing when the bytes are not what write() wrote, or name an algorithm that we do not have.
[[nodiscard]] std::optional<SaRecord> read(Bytes record);

}  // namespace warren::ike
