// HMAC with SHA-1 and SHA-2 (RFC 2104, RFC 4868), from OpenSSL.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>

#include "base/bytes.h"
#include "crypto/sha.h"

namespace warren::crypto {

// An HMAC with a key that is used more than once: what depends on the key alone is hashed once. Moved, never copied.
// One thread.
class HmacSha {
  public:
    // Any length of key, also none.
    HmacSha(Sha sha, Bytes key);
    HmacSha(HmacSha&& other) noexcept;
    HmacSha& operator=(HmacSha&& other) noexcept;
    ~HmacSha();

    // The first out.size() bytes of HMAC(key, a || b || ...); out.size() <= digest_size(sha).
    void compute(std::initializer_list<Bytes> parts, MutableBytes out);
    // Whether `mac` is that. Constant time. False when `mac` is empty or longer than a digest.
    [[nodiscard]] bool matches(std::initializer_list<Bytes> parts, Bytes mac);
    [[nodiscard]] Sha sha() const { return sha_; }

  private:
    struct Context;
    std::unique_ptr<Context> context_;
    Sha sha_;
};

// The same with a key that is used once.
void hmac(Sha sha, Bytes key, std::initializer_list<Bytes> parts, MutableBytes out);

}  // namespace warren::crypto
