// Owners of OpenSSL's objects; used inside crypto/ only.
#pragma once

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include <memory>

namespace warren::crypto {

struct FreeOpenssl {
    void operator()(EVP_MD_CTX* context) const { ::EVP_MD_CTX_free(context); }
    void operator()(EVP_CIPHER_CTX* context) const { ::EVP_CIPHER_CTX_free(context); }
    void operator()(BIGNUM* number) const { ::BN_clear_free(number); }
    void operator()(BN_CTX* context) const { ::BN_CTX_free(context); }
    void operator()(BN_MONT_CTX* context) const { ::BN_MONT_CTX_free(context); }
    void operator()(EC_GROUP* group) const { ::EC_GROUP_free(group); }
    void operator()(EC_POINT* point) const { ::EC_POINT_clear_free(point); }
    void operator()(ECDSA_SIG* signature) const { ::ECDSA_SIG_free(signature); }
    void operator()(BIO* bytes) const { ::BIO_free(bytes); }
};
template <typename Object>
using Openssl = std::unique_ptr<Object, FreeOpenssl>;

}  // namespace warren::crypto
