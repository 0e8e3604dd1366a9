// SIGNATURE_HASH_ALGORITHMS (RFC 7427 §4): what each side takes in signatures of AUTH method 14.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "vpnd/ike/numbers.h"

namespace warren::ike {

// What we take; SHA-1 is none of them.
inline constexpr std::array kHashesTaken = {HashAlgorithmId::kSha2_256, HashAlgorithmId::kSha2_384,
                                            HashAlgorithmId::kSha2_512, HashAlgorithmId::kIdentity};

// Those that we know in an IKE_SA_INIT message, as it was on the wire. Nothing: it has no such notification. Never an
// empty list: of hashes that nobody here knows it is {0}.
[[nodiscard]] std::optional<std::vector<std::uint16_t>> hashes_in(Bytes init_message);

}  // namespace warren::ike
