#include "crypto/signature_library.h"

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "base/check.h"

namespace warren::crypto {

namespace {

// As OpenSSL lists them: ended by an empty one.
using Algorithms = std::vector<OSSL_ALGORITHM>;

constexpr std::array<std::string_view, 3> kKeys = {"RSA", "EC", "ED25519"};
constexpr std::array<std::string_view, 3> kSignatures = {"RSA", "ECDSA", "ED25519"};
constexpr std::array<std::string_view, 4> kDigests = {"SHA1", "SHA2-256", "SHA2-384", "SHA2-512"};

// Held for ever: the algorithms are its.
OSSL_PROVIDER* default_provider() {
    static OSSL_PROVIDER* const provider = ::OSSL_PROVIDER_load(nullptr, "default");
    WARREN_CHECK(provider != nullptr);
    return provider;
}

// Its first name: others are object identifiers and aliases.
std::string_view name_of(const OSSL_ALGORITHM& algorithm) {
    const std::string_view names(algorithm.algorithm_names);
    return names.substr(0, names.find(':'));
}

// Of an operation, those with one of these names; decoders: of a SubjectPublicKeyInfo in DER.
Algorithms chosen(int operation, std::span<const std::string_view> names) {
    int is_not_to_be_kept = 0;
    const OSSL_ALGORITHM* one = ::OSSL_PROVIDER_query_operation(default_provider(), operation, &is_not_to_be_kept);
    WARREN_CHECK(one != nullptr && is_not_to_be_kept == 0);
    Algorithms out;
    for (; one->algorithm_names != nullptr; ++one) {
        const std::string_view properties(one->property_definition);
        const bool is_read = operation != OSSL_OP_DECODER ||
                             (properties.find("input=der") != std::string_view::npos &&
                              properties.find("structure=SubjectPublicKeyInfo") != std::string_view::npos);
        if (is_read && std::find(names.begin(), names.end(), name_of(*one)) != names.end()) out.push_back(*one);
    }
    WARREN_CHECK(out.size() == names.size());
    out.push_back({});
    return out;
}

const OSSL_ALGORITHM* query(void* /*provider*/, int operation, int* is_not_to_be_kept) {
    static const Algorithms keys = chosen(OSSL_OP_KEYMGMT, kKeys);
    static const Algorithms decoders = chosen(OSSL_OP_DECODER, kKeys);
    static const Algorithms signatures = chosen(OSSL_OP_SIGNATURE, kSignatures);
    static const Algorithms digests = chosen(OSSL_OP_DIGEST, kDigests);
    *is_not_to_be_kept = 0;
    switch (operation) {
        case OSSL_OP_KEYMGMT: return keys.data();
        case OSSL_OP_DECODER: return decoders.data();
        case OSSL_OP_SIGNATURE: return signatures.data();
        case OSSL_OP_DIGEST: return digests.data();
        default: return nullptr;
    }
}

// Its algorithms get the context of the provider that they are of.
int begin(const OSSL_CORE_HANDLE* /*handle*/, const OSSL_DISPATCH* /*core*/, const OSSL_DISPATCH** functions,
          void** context) {
    static const std::array<OSSL_DISPATCH, 2> all = {
        {{OSSL_FUNC_PROVIDER_QUERY_OPERATION, reinterpret_cast<void (*)()>(query)}, {0, nullptr}}};
    *functions = all.data();
    *context = ::OSSL_PROVIDER_get0_provider_ctx(default_provider());
    return 1;
}

OSSL_LIB_CTX* made() {
    OSSL_LIB_CTX* const library = ::OSSL_LIB_CTX_new();
    WARREN_CHECK(library != nullptr && ::OSSL_PROVIDER_add_builtin(library, "signatures", begin) == 1 &&
                 ::OSSL_PROVIDER_load(library, "signatures") != nullptr);
    return library;
}

}  // namespace

ossl_lib_ctx_st* signature_library() {
    static OSSL_LIB_CTX* const library = made();
    return library;
}

}  // namespace warren::crypto
