#include "crypto/hmac_sha.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/check.h"
#include "crypto/openssl_objects.h"
#include "crypto/secret.h"

namespace warren::crypto {

namespace {

// A context that knows its hash and no key yet. Copying one costs less than looking the hash up again.
Openssl<EVP_MAC_CTX> keyless(const char* hash) {
    const Openssl<EVP_MAC> mac(::EVP_MAC_fetch(nullptr, "HMAC", nullptr));
    Openssl<EVP_MAC_CTX> context(::EVP_MAC_CTX_new(mac.get()));
    std::string name(hash);
    const std::array<OSSL_PARAM, 2> parameters = {
        ::OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.data(), 0), ::OSSL_PARAM_construct_end()};
    WARREN_CHECK(context != nullptr && ::EVP_MAC_CTX_set_params(context.get(), parameters.data()) == 1);
    return context;
}

const EVP_MAC_CTX* keyless(Sha sha) {
    static const std::array<Openssl<EVP_MAC_CTX>, 4> all = {keyless("SHA1"), keyless("SHA2-256"), keyless("SHA2-384"),
                                                            keyless("SHA2-512")};
    return all[static_cast<std::size_t>(sha)].get();
}

}  // namespace

struct HmacSha::Context {
    Openssl<EVP_MAC_CTX> mac;
    bool is_fresh = true;  // no message since it got its key
};

HmacSha::HmacSha(Sha sha, Bytes key) : context_(std::make_unique<Context>()), sha_(sha) {
    context_->mac.reset(::EVP_MAC_CTX_dup(keyless(sha)));
    const std::uint8_t no_key = 0;  // a null pointer would mean "the key of before"
    WARREN_CHECK(context_->mac != nullptr &&
                 ::EVP_MAC_init(context_->mac.get(), key.empty() ? &no_key : key.data(), key.size(), nullptr) == 1);
}

HmacSha::HmacSha(HmacSha&& other) noexcept = default;
HmacSha& HmacSha::operator=(HmacSha&& other) noexcept = default;
HmacSha::~HmacSha() = default;

void HmacSha::compute(std::initializer_list<Bytes> parts, MutableBytes out) {
    WARREN_CHECK(out.size() <= digest_size(sha_));
    EVP_MAC_CTX* const mac = context_->mac.get();
    if (!context_->is_fresh) WARREN_CHECK(::EVP_MAC_init(mac, nullptr, 0, nullptr) == 1);
    context_->is_fresh = false;
    for (const Bytes part : parts) {
        if (!part.empty()) WARREN_CHECK(::EVP_MAC_update(mac, part.data(), part.size()) == 1);
    }
    std::array<std::uint8_t, kMostDigest> whole;
    std::size_t size = 0;
    WARREN_CHECK(::EVP_MAC_final(mac, whole.data(), &size, whole.size()) == 1 && size == digest_size(sha_));
    std::copy_n(whole.begin(), out.size(), out.begin());
    wipe(whole);
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
    HmacSha(sha, key).compute(parts, out);
}

}  // namespace warren::crypto
