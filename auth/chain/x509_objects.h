// Owners of OpenSSL's X.509 objects; used inside auth/chain only.
#pragma once

#include <openssl/bio.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <memory>

#include "base/time.h"

namespace warren::auth {

struct FreeX509 {
    void operator()(BIO* bytes) const { ::BIO_free(bytes); }
    void operator()(X509* certificate) const { ::X509_free(certificate); }
    void operator()(X509_CRL* list) const { ::X509_CRL_free(list); }
    void operator()(X509_NAME* name) const { ::X509_NAME_free(name); }
    void operator()(X509_STORE* store) const { ::X509_STORE_free(store); }
    void operator()(X509_STORE_CTX* context) const { ::X509_STORE_CTX_free(context); }
    void operator()(STACK_OF(X509) * certificates) const { sk_X509_free(certificates); }  // not what is in it
    void operator()(GENERAL_NAMES* names) const { ::GENERAL_NAMES_free(names); }
    void operator()(EXTENDED_KEY_USAGE* usages) const { ::EXTENDED_KEY_USAGE_free(usages); }
};
template <typename Object>
using Owned = std::unique_ptr<Object, FreeX509>;

// Made with MD5, SHA-1 or what we do not know.
[[nodiscard]] bool is_signed_weakly(X509* certificate);
// Its extendedKeyUsage lets it, or what it issues, stand for an IKE peer; or it has none (RFC 4945 §5.1.3.12).
[[nodiscard]] bool is_usage_for_ike(X509* certificate);
[[nodiscard]] WallTime end_of(X509* certificate);
[[nodiscard]] WallTime start_of(X509_CRL* list);  // its thisUpdate
// Its nextUpdate; without one it has no end.
[[nodiscard]] WallTime end_of(X509_CRL* list);

}  // namespace warren::auth
