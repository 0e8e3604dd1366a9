#include "crypto/hmac_sha.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "crypto/secret.h"
#include "crypto/sha_state.h"

namespace warren::crypto {

namespace {

constexpr std::size_t kMostBlock = 128;
constexpr std::uint8_t kInner = 0x36;
constexpr std::uint8_t kOuter = 0x5c;

// H(K ^ opad || H(K ^ ipad || text)), both after the block that depends on the key alone (RFC 2104 §2).
struct Keyed {
    Keyed(Sha sha, Bytes key) : inner(sha), outer(sha) {
        std::array<std::uint8_t, kMostBlock> block{};
        const MutableBytes padded = MutableBytes(block).first(hmac_block_size(sha));
        if (key.size() > padded.size()) {
            digest(sha, {key}, padded.first(digest_size(sha)));
        } else {
            std::copy(key.begin(), key.end(), padded.begin());
        }
        for (std::uint8_t& byte : padded) byte ^= kInner;
        inner.update(padded);
        for (std::uint8_t& byte : padded) byte ^= kInner ^ kOuter;
        outer.update(padded);
        wipe(block);
    }

    // Both states are spent afterwards.
    void finish(std::initializer_list<Bytes> parts, std::size_t size, MutableBytes out) {
        std::array<std::uint8_t, kMostDigest> whole;
        const MutableBytes digest = MutableBytes(whole).first(size);
        for (const Bytes part : parts) inner.update(part);
        inner.finish(digest);
        outer.update(digest);
        outer.finish(digest);
        std::copy_n(digest.begin(), out.size(), out.begin());
        wipe(whole);
    }

    ShaState inner;
    ShaState outer;
};

}  // namespace

struct HmacSha::Context {
    Keyed keyed;
};

HmacSha::HmacSha(Sha sha, Bytes key) : context_(new Context{Keyed(sha, key)}), sha_(sha) {}
HmacSha::HmacSha(HmacSha&& other) noexcept = default;
HmacSha& HmacSha::operator=(HmacSha&& other) noexcept = default;
HmacSha::~HmacSha() = default;

void HmacSha::compute(std::initializer_list<Bytes> parts, MutableBytes out) {
    WARREN_CHECK(out.size() <= digest_size(sha_));
    Keyed(context_->keyed).finish(parts, digest_size(sha_), out);
}

bool HmacSha::matches(std::initializer_list<Bytes> parts, Bytes mac) {
    if (mac.empty() || mac.size() > digest_size(sha_)) return false;
    std::array<std::uint8_t, kMostDigest> ours;
    const MutableBytes expected = MutableBytes(ours).first(mac.size());
    compute(parts, expected);
    const bool is_equal = equal_constant_time(expected, mac);
    wipe(ours);
    return is_equal;
}

void hmac(Sha sha, Bytes key, std::initializer_list<Bytes> parts, MutableBytes out) {
    WARREN_CHECK(out.size() <= digest_size(sha));
    Keyed(sha, key).finish(parts, digest_size(sha), out);
}

}  // namespace warren::crypto
