// Names of algorithms for IKE and ESP: "aes256gcm-sha384-x25519". What vpnd gets are their numbers (base/ipsec.h); a
// test compares this list with the engine's.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/ipsec.h"

namespace warren::config {

enum class ProposalFor : std::uint8_t { kIke, kEsp };

struct Algorithm {
    std::string_view name;
    IkeTransform transform;       // a hash: its PRF
    std::uint16_t integrity = 0;  // a hash: the number of its HMAC; else 0
    bool is_aead = false;
};
// In our order of preference, by type.
[[nodiscard]] std::span<const Algorithm> algorithms();

// The names of a cipher, a hash and a group in this order, joined by "-". IKE needs all three; the hash is the PRF, and
// the integrity as well when the cipher is not an AEAD. ESP has no hash beside an AEAD, and a group only for perfect
// forward secrecy. Nothing when it is not such a text: proposal_problem() says why.
[[nodiscard]] std::optional<IkeProposal> parse_proposal(ProposalFor what, std::string_view text);
// Nothing when it is one. Says what is wrong with a weak algorithm, and suggests names that are near.
[[nodiscard]] std::optional<std::string> proposal_problem(ProposalFor what, std::string_view text);
// What parse_proposal() reads back.
[[nodiscard]] std::string proposal_text(const IkeProposal& proposal);

// HMAC-SHA1, or a group of 1024 bits: taken in a connection's `esp` with a warning (HMAC-SHA1), in its `ike` only
// where `legacy` of warren.toml allows it.
[[nodiscard]] bool is_weak(const IkeProposal& proposal);
[[nodiscard]] bool has_group(const IkeProposal& proposal);

}  // namespace warren::config
