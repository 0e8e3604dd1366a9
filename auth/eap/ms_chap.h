// The arithmetic of MS-CHAPv2 (RFC 2759 §8) and of its keys (RFC 3079 §3.4). PURE.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "crypto/legacy_digest.h"
#include "crypto/secret.h"

namespace warren::eap {

using NtHash = crypto::Secret<16>;  // as good as the password
using Challenge = std::array<std::uint8_t, 16>;
using NtResponse = std::array<std::uint8_t, 24>;
using Msk = crypto::Secret<64>;  // the Master Session Key (RFC 3748 §7.10)

// NtPasswordHash(): MD4 of the password in UTF-16, little-endian. Nothing: it is no UTF-8, or has more than 256 units.
[[nodiscard]] std::optional<NtHash> nt_hash_of(const crypto::LegacyDigest& legacy, std::string_view password);

// What both sides say in one authentication.
struct Exchange {
    Challenge authenticator;  // ours
    Challenge peer;
    std::string_view name;  // of the user, without the domain in front
};

// GenerateNTResponse(): what a peer with that password sends.
[[nodiscard]] NtResponse nt_response(const crypto::LegacyDigest& legacy, const NtHash& hash, const Exchange& exchange);
// GenerateAuthenticatorResponse(), without "S=": that we know the password too.
[[nodiscard]] std::array<char, 40> authenticator_response(const crypto::LegacyDigest& legacy, const NtHash& hash,
                                                          const NtResponse& response, const Exchange& exchange);
// MasterReceiveKey || MasterSendKey || zeros, of 16 bytes each and 32 (draft-kamath-pppext-eap-mschapv2-02, RFC 3079).
[[nodiscard]] Msk ms_chap_msk(const crypto::LegacyDigest& legacy, const NtHash& hash, const NtResponse& response);

}  // namespace warren::eap
