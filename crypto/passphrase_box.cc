#include "crypto/passphrase_box.h"

#include <sodium.h>

#include <algorithm>
#include <array>

#include "base/check.h"
#include "crypto/secret.h"
#include "crypto/sodium_ready.h"

namespace warren::crypto {

namespace {

// MAGIC passes mebibytes salt | header | chunks: the first three lines of it are bound to each chunk.
constexpr std::string_view kMagic = "WARRENB1";
constexpr std::size_t kSalt = crypto_pwhash_argon2id_SALTBYTES;
constexpr std::size_t kPrefix = kMagic.size() + 4 + 4 + kSalt;
constexpr std::size_t kHeader = crypto_secretstream_xchacha20poly1305_HEADERBYTES;
constexpr std::size_t kChunk = 64 * 1024;
constexpr std::size_t kOverhead = crypto_secretstream_xchacha20poly1305_ABYTES;
// More would let a foreign file use up the machine.
constexpr std::uint32_t kMostPasses = 16;
constexpr std::uint32_t kMostMebibytes = 1024;

using Key = Secret<crypto_secretstream_xchacha20poly1305_KEYBYTES>;

Result<Key> key_of(std::string_view passphrase, Bytes salt, const PassphraseCost& cost) {
    Key key;
    if (crypto_pwhash(key.writable().data(), Key::kSize, passphrase.data(), passphrase.size(), salt.data(), cost.passes,
                      std::size_t{cost.mebibytes} << 20U, crypto_pwhash_ALG_ARGON2ID13) != 0)
        return fail(ErrorCode::kUnavailable,
                    "there is too little memory: " + std::to_string(cost.mebibytes) + " MB are needed");
    return key;
}

}  // namespace

Result<std::vector<std::uint8_t>> seal_with_passphrase(Bytes plain, std::string_view passphrase, RandomSource& random,
                                                       const PassphraseCost& cost) {
    ensure_sodium_ready();
    std::vector<std::uint8_t> out(kPrefix + kHeader);
    const Bytes magic = as_bytes(kMagic);
    std::copy(magic.begin(), magic.end(), out.begin());
    store_le(out.data() + kMagic.size(), cost.passes);
    store_le(out.data() + kMagic.size() + 4, cost.mebibytes);
    const MutableBytes salt = MutableBytes(out).subspan(kPrefix - kSalt, kSalt);
    random.fill(salt);
    const auto key = key_of(passphrase, salt, cost);
    if (!key) return tl::unexpected<Error>(key.error());
    crypto_secretstream_xchacha20poly1305_state state;
    crypto_secretstream_xchacha20poly1305_init_push(&state, out.data() + kPrefix, key->reveal().data());
    do {
        const Bytes chunk = plain.first(std::min(kChunk, plain.size()));
        plain = plain.subspan(chunk.size());
        const std::size_t at = out.size();
        out.resize(at + chunk.size() + kOverhead);
        const unsigned char tag = plain.empty() ? crypto_secretstream_xchacha20poly1305_TAG_FINAL
                                                : crypto_secretstream_xchacha20poly1305_TAG_MESSAGE;
        const int pushed = crypto_secretstream_xchacha20poly1305_push(&state, out.data() + at, nullptr, chunk.data(),
                                                                      chunk.size(), out.data(), kPrefix, tag);
        WARREN_CHECK(pushed == 0);
    } while (!plain.empty());
    wipe({reinterpret_cast<std::uint8_t*>(&state), sizeof state});
    return out;
}

Result<SecretBuffer> open_with_passphrase(Bytes box, std::string_view passphrase) {
    ensure_sodium_ready();
    const Bytes magic = as_bytes(kMagic);
    if (box.size() < kPrefix + kHeader + kOverhead || !std::equal(magic.begin(), magic.end(), box.begin()))
        return fail(ErrorCode::kInvalid, "it is no backup of Warren, or the most of it is missing");
    const PassphraseCost cost{load_le<std::uint32_t>(box.data() + kMagic.size()),
                              load_le<std::uint32_t>(box.data() + kMagic.size() + 4)};
    if (cost.passes == 0 || cost.passes > kMostPasses || cost.mebibytes == 0 || cost.mebibytes > kMostMebibytes)
        return fail(ErrorCode::kInvalid, "its first bytes were changed");
    const Bytes prefix = box.first(kPrefix);
    const auto key = key_of(passphrase, prefix.last(kSalt), cost);
    if (!key) return tl::unexpected<Error>(key.error());
    crypto_secretstream_xchacha20poly1305_state state;
    const auto refused = [&state](const char* what) {
        wipe({reinterpret_cast<std::uint8_t*>(&state), sizeof state});
        return fail(ErrorCode::kPermission, what);
    };
    constexpr const char* kFirst = "the passphrase is another one, or the file was changed";
    if (crypto_secretstream_xchacha20poly1305_init_pull(&state, box.data() + kPrefix, key->reveal().data()) != 0)
        return refused(kFirst);
    Bytes left = box.subspan(kPrefix + kHeader);
    SecretBuffer out(left.size());
    std::size_t used = 0;
    while (true) {
        if (left.empty()) return refused("the end of the file is missing");
        const Bytes chunk = left.first(std::min(kChunk + kOverhead, left.size()));
        left = left.subspan(chunk.size());
        unsigned char tag = 0;
        unsigned long long size = 0;
        if (chunk.size() < kOverhead ||
            crypto_secretstream_xchacha20poly1305_pull(&state, out.writable().data() + used, &size, &tag, chunk.data(),
                                                       chunk.size(), prefix.data(), prefix.size()) != 0)
            return refused(used == 0 ? kFirst : "the file was changed, or its end is missing");
        used += size;
        if (tag != crypto_secretstream_xchacha20poly1305_TAG_FINAL) continue;
        if (!left.empty()) return refused("something was added to the file");
        break;
    }
    wipe({reinterpret_cast<std::uint8_t*>(&state), sizeof state});
    return SecretBuffer(out.reveal().first(used));
}

}  // namespace warren::crypto
