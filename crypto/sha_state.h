// The state of a digest as a value; used inside crypto/ only. OpenSSL's objects (EVP_MD_CTX, EVP_MAC_CTX) allocate five
// times for one HMAC, which cost three times the hashing of a short message. Its plain functions, which are deprecated
// in favour of those, keep their state where the caller says.
#pragma once

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "base/bytes.h"
#include "base/check.h"
#include "crypto/secret.h"
#include "crypto/sha.h"

namespace warren::crypto {

// Copied to go on from one prefix with several messages. Wiped at the end.
class ShaState {
  public:
    explicit ShaState(Sha sha) : sha_(sha) {
        switch (sha) {
            case Sha::kSha1: WARREN_CHECK(::SHA1_Init(&state_.sha1) == 1); break;
            case Sha::kSha256: WARREN_CHECK(::SHA256_Init(&state_.sha256) == 1); break;
            case Sha::kSha384: WARREN_CHECK(::SHA384_Init(&state_.sha512) == 1); break;
            case Sha::kSha512: WARREN_CHECK(::SHA512_Init(&state_.sha512) == 1); break;
        }
    }
    ShaState(const ShaState&) = default;
    ShaState& operator=(const ShaState&) = default;
    ~ShaState() { wipe(as_writable_bytes()); }

    void update(Bytes part) {
        int done = 0;
        switch (sha_) {
            case Sha::kSha1: done = ::SHA1_Update(&state_.sha1, part.data(), part.size()); break;
            case Sha::kSha256: done = ::SHA256_Update(&state_.sha256, part.data(), part.size()); break;
            case Sha::kSha384: done = ::SHA384_Update(&state_.sha512, part.data(), part.size()); break;
            case Sha::kSha512: done = ::SHA512_Update(&state_.sha512, part.data(), part.size()); break;
        }
        WARREN_CHECK(done == 1);
    }
    // Once, at the end. out.size() == digest_size(sha)
    void finish(MutableBytes out) {
        WARREN_CHECK(out.size() == digest_size(sha_));
        int done = 0;
        switch (sha_) {
            case Sha::kSha1: done = ::SHA1_Final(out.data(), &state_.sha1); break;
            case Sha::kSha256: done = ::SHA256_Final(out.data(), &state_.sha256); break;
            case Sha::kSha384: done = ::SHA384_Final(out.data(), &state_.sha512); break;
            case Sha::kSha512: done = ::SHA512_Final(out.data(), &state_.sha512); break;
        }
        WARREN_CHECK(done == 1);
    }

  private:
    [[nodiscard]] MutableBytes as_writable_bytes() {
        return {reinterpret_cast<std::uint8_t*>(&state_), sizeof(state_)};
    }

    union State {
        SHA_CTX sha1;
        SHA256_CTX sha256;
        SHA512_CTX sha512;
    } state_;
    Sha sha_;
};

// What each message of an HMAC is hashed in: bytes (RFC 2104 §2).
[[nodiscard]] constexpr std::size_t hmac_block_size(Sha sha) {
    return sha == Sha::kSha1 || sha == Sha::kSha256 ? 64 : 128;
}

}  // namespace warren::crypto
