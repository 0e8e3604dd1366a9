// TLS without a socket: OpenSSL between two memory buffers. This file and its .cc are all that know OpenSSL's TLS.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "auth/eap/ms_chap.h"
#include "base/bytes.h"
#include "base/result.h"

struct ssl_ctx_st;
struct ssl_st;
struct x509_store_ctx_st;

namespace warren::eap {

using Der = std::vector<std::uint8_t>;

// Reads what OpenSSL reads from files, and makes what it makes once: before a sandbox.
void prepare_tls();

// Looks at a client's certificates, leaf first: the identity that they show, or why they are not taken.
using CertificateCheck = std::function<tl::expected<std::string, std::string>(const std::vector<Der>&)>;

// What a server of TLS 1.2 and 1.3 shows to its clients. Sessions are never resumed. One thread.
class TlsServer {
  public:
    // `chain`: DER, leaf first. `key`: the leaf's private key in PEM, without a password. kInvalid: they do not fit.
    [[nodiscard]] static Result<TlsServer> make(const std::vector<Der>& chain, Bytes key);

    [[nodiscard]] ssl_ctx_st* context() const { return context_.get(); }

  private:
    struct Free {
        void operator()(ssl_ctx_st* context) const;
    };
    std::unique_ptr<ssl_ctx_st, Free> context_;
};

// One handshake, and what both sides know after it.
class TlsSession {
  public:
    // `server` must outlive it. `check` is called once at most, from receive().
    TlsSession(const TlsServer& server, CertificateCheck check);
    TlsSession(const TlsSession&) = delete;
    TlsSession& operator=(const TlsSession&) = delete;
    ~TlsSession();

    enum class Progress : std::uint8_t { kMore, kDone, kFailed };
    // A whole flight of the client's. kDone: the client is authentic.
    [[nodiscard]] Progress receive(Bytes flight);
    // What the client is to get, an alert too. Empty: nothing.
    [[nodiscard]] std::vector<std::uint8_t> take_output();

    [[nodiscard]] const std::string& identity() const { return identity_; }  // after kDone; its check's
    [[nodiscard]] const std::string& problem() const { return problem_; }    // after kFailed
    [[nodiscard]] bool was_certificate_refused() const { return was_refused_; }
    // After kDone (RFC 5216 §2.3, RFC 9190 §2.3). False: OpenSSL refuses.
    [[nodiscard]] bool export_msk(Msk& out) const;

  private:
    friend class TlsServer;
    struct Free {
        void operator()(ssl_st* ssl) const;
    };
    static int verify(x509_store_ctx_st* store, void* unused);

    CertificateCheck check_;
    std::unique_ptr<ssl_st, Free> ssl_;
    std::string identity_;
    std::string problem_;
    bool was_refused_ = false;
    bool is_done_ = false;
};

}  // namespace warren::eap
