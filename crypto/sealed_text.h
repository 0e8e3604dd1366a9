// A secret as a text that only some machines can read: encrypted with a key of its own (XChaCha20-Poly1305), and that
// key sealed to each of them (libsodium's sealed boxes, X25519). Source: libsodium 1.0.18, crypto_box_seal(3).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/keys.h"
#include "crypto/secret_buffer.h"

namespace warren::crypto {

inline constexpr std::size_t kMostReaders = 64;

// Who may read: the public key by the machine's name, of letters, digits and "-".
using Readers = std::map<std::string, PublicKey>;

// `name` and `revision` are part of what is authenticated: under another name, or as another revision, nobody can open
// it. kInvalid: nobody may read, too many may, or a public key is none.
[[nodiscard]] Result<std::string> seal_text(Bytes plain, std::string_view name, std::uint64_t revision,
                                            const Readers& readers);

struct OpenedText {
    SecretBuffer plain;
    std::uint64_t revision = 0;
};
// kInvalid: no such text; kPermission: not sealed to this machine, or changed, or another's name.
[[nodiscard]] Result<OpenedText> open_text(std::string_view text, std::string_view name, const std::string& reader,
                                           const PrivateKey& key);

}  // namespace warren::crypto
