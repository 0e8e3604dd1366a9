// The other side of EAP-TLS: OpenSSL as a client, and certificates made for a test.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "auth/eap/tls_session.h"

namespace warren::eap::testing {

struct Free {
    void operator()(EVP_PKEY* key) const { ::EVP_PKEY_free(key); }
    void operator()(SSL* ssl) const { ::SSL_free(ssl); }
    void operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }
    void operator()(X509* certificate) const { ::X509_free(certificate); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

struct Party {
    // An ECDSA key with a certificate, self-signed.
    explicit Party(const std::string& name);
    Party(Bytes certificate_der, std::string_view key_pem);
    [[nodiscard]] Der der() const;
    [[nodiscard]] Der private_key() const;  // PEM
    Owned<EVP_PKEY> key;
    Owned<X509> certificate;
};

class TlsClient {
  public:
    // `version`: TLS1_2_VERSION or TLS1_3_VERSION. Null: without a certificate.
    TlsClient(int version, const Party* party, std::size_t fragment = 700);

    // What is behind the type of the response to a request's data; nothing: the client has nothing to say any more.
    [[nodiscard]] std::optional<Der> respond(Bytes request);
    [[nodiscard]] bool is_done() const { return is_done_; }
    [[nodiscard]] bool has_protected_success() const { return has_protected_success_; }
    [[nodiscard]] Msk msk() const;

  private:
    [[nodiscard]] Der next_fragment();

    Owned<SSL_CTX> context_;
    Owned<SSL> ssl_;
    std::size_t fragment_;
    Der output_;
    std::size_t sent_ = 0;
    bool is_done_ = false;
    bool has_protected_success_ = false;
};

}  // namespace warren::eap::testing
