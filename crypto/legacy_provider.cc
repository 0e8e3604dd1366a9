#include "crypto/legacy_provider.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include "base/check.h"

namespace warren::crypto {

namespace {

struct Algorithms {
    const EVP_MD* md4 = nullptr;
    const EVP_CIPHER* des = nullptr;
};

// In a library context of its own: nobody else finds these algorithms. It is never freed.
Algorithms loaded() {
    OSSL_LIB_CTX* const context = ::OSSL_LIB_CTX_new();
    WARREN_CHECK(context != nullptr);
    Algorithms out;
    if (::OSSL_PROVIDER_load(context, "legacy") != nullptr) {
        out.md4 = ::EVP_MD_fetch(context, "MD4", nullptr);
        out.des = ::EVP_CIPHER_fetch(context, "DES-ECB", nullptr);
    }
    ::ERR_clear_error();
    return out;
}

}  // namespace

Result<LegacyDigest> load_legacy_digest() {
    static const Algorithms algorithms = loaded();
    if (algorithms.md4 == nullptr || algorithms.des == nullptr)
        return fail(ErrorCode::kUnsupported, "OpenSSL's provider legacy, with MD4 and DES, is not there");
    return LegacyDigest(*algorithms.md4, *algorithms.des);
}

}  // namespace warren::crypto
