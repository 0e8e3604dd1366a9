#include "crypto/sha.h"

#include "base/check.h"
#include "crypto/openssl_objects.h"

namespace warren::crypto {

namespace {

// Looking an algorithm up takes longer than a short digest, so each is looked up once.
const EVP_MD* fetched(Sha sha) {
    static const std::array<Openssl<EVP_MD>, 4> all = {
        Openssl<EVP_MD>(::EVP_MD_fetch(nullptr, "SHA1", nullptr)),
        Openssl<EVP_MD>(::EVP_MD_fetch(nullptr, "SHA2-256", nullptr)),
        Openssl<EVP_MD>(::EVP_MD_fetch(nullptr, "SHA2-384", nullptr)),
        Openssl<EVP_MD>(::EVP_MD_fetch(nullptr, "SHA2-512", nullptr)),
    };
    const EVP_MD* const md = all[static_cast<std::size_t>(sha)].get();
    WARREN_CHECK(md != nullptr);
    return md;
}

}  // namespace

void digest(Sha sha, std::initializer_list<Bytes> parts, MutableBytes out) {
    WARREN_CHECK(out.size() == digest_size(sha));
    const Openssl<EVP_MD_CTX> context(::EVP_MD_CTX_new());
    WARREN_CHECK(context != nullptr && ::EVP_DigestInit_ex2(context.get(), fetched(sha), nullptr) == 1);
    for (const Bytes part : parts) {
        WARREN_CHECK(::EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1);
    }
    WARREN_CHECK(::EVP_DigestFinal_ex(context.get(), out.data(), nullptr) == 1);
}

}  // namespace warren::crypto
