// Whether a peer of IKE_AUTH is who it says (RFC 7296 §2.15, RFC 4945, conformance KA2 to KA5).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "auth/chain/trust.h"

namespace warren::auth {

// What a peer sent. The views must outlive the call.
struct PeerProof {
    std::uint8_t id_type = 0;  // of its ID payload
    Bytes identity;
    std::span<const std::vector<std::uint8_t>> chain;  // DER, the leaf first
    std::uint8_t method = 0;                           // of its AUTH
    Bytes data;
    Bytes octets;  // that AUTH covers
};

struct Judged {
    PeerVerdict verdict = PeerVerdict::kUnknown;
    std::uint32_t trust = 0;  // kTrusted: its place among the candidates
    WallTime not_after;       // likewise: until when the path is valid
    bool has_current_lists = true;
};

// Paths to CAs that one question may try; candidates without a CA of a fitting name cost nothing.
inline constexpr std::size_t kMostPaths = 8;

// The first of the candidates that a path ends in. A null one is none. Without candidates the rest of the work is done
// all the same, and nobody is trusted. The verdict is that of the first candidate that has a CA of the fitting name.
// A candidate that has trusted the chain before may remember it.
[[nodiscard]] Judged judge_peer(std::span<Trust* const> candidates, const PeerProof& proof, WallTime now);

}  // namespace warren::auth
