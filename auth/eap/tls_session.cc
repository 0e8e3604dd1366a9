#include "auth/eap/tls_session.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <utility>

#include "base/check.h"

namespace warren::eap {

namespace {

struct FreeX509 {
    void operator()(X509* certificate) const { ::X509_free(certificate); }
};
struct FreeBio {
    void operator()(BIO* bytes) const { ::BIO_free(bytes); }
};
struct FreeKey {
    void operator()(EVP_PKEY* key) const { ::EVP_PKEY_free(key); }
};

constexpr long kMostCertificateBytes = 32'768;
// RFC 5216 §2.3
constexpr std::string_view kLabel12 = "client EAP encryption";
// RFC 9190 §2.3, with the type of EAP-TLS as context
constexpr std::string_view kLabel13 = "EXPORTER_EAP_TLS_Key_Material";
constexpr std::uint8_t kContext13 = 13;
// RFC 9190 §2.5: the server says that it sends nothing more.
constexpr std::uint8_t kProtectedSuccess = 0;

std::string last_problem() {
    const unsigned long code = ::ERR_peek_error();
    const char* const reason = code == 0 ? nullptr : ::ERR_reason_error_string(code);
    std::string out = reason == nullptr ? "TLS" : reason;
    ::ERR_clear_error();
    return out;
}

X509* parsed(const Der& der) {
    const unsigned char* at = der.data();
    return ::d2i_X509(nullptr, &at, static_cast<long>(der.size()));
}

int no_password(char* /*buffer*/, int /*size*/, int /*is_writing*/, void* /*unused*/) {
    return -1;
}

EVP_PKEY* parsed_key(Bytes pem) {
    const std::unique_ptr<BIO, FreeBio> text(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    return text == nullptr ? nullptr : ::PEM_read_bio_PrivateKey(text.get(), nullptr, no_password, nullptr);
}

Der der_of(const X509* certificate) {
    const int size = ::i2d_X509(certificate, nullptr);
    if (size <= 0) return {};
    Der out(static_cast<std::size_t>(size));
    unsigned char* at = out.data();
    (void)::i2d_X509(certificate, &at);
    return out;
}

}  // namespace

void prepare_tls() {
    constexpr std::uint64_t kNoFile = OPENSSL_INIT_NO_LOAD_CONFIG;
    WARREN_CHECK(::OPENSSL_init_ssl(kNoFile | OPENSSL_INIT_LOAD_SSL_STRINGS, nullptr) == 1);
    // A context looks the algorithms up.
    ::SSL_CTX_free(::SSL_CTX_new(::TLS_server_method()));
    ::ERR_clear_error();
}

// --- server --------------------------------------------------------------------------------------

void TlsServer::Free::operator()(ssl_ctx_st* context) const {
    ::SSL_CTX_free(context);
}

Result<TlsServer> TlsServer::make(const std::vector<Der>& chain, Bytes key) {
    TlsServer out;
    out.context_.reset(::SSL_CTX_new(::TLS_server_method()));
    SSL_CTX* const context = out.context_.get();
    WARREN_CHECK(context != nullptr);
    (void)::SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    (void)::SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION);
    (void)::SSL_CTX_set_options(
        context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION);
    (void)::SSL_CTX_set_num_tickets(context, 0);
    (void)::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    ::SSL_CTX_set_max_cert_list(context, kMostCertificateBytes);
    ::SSL_CTX_set_cert_verify_callback(context, &TlsSession::verify, nullptr);
    const std::unique_ptr<EVP_PKEY, FreeKey> read(parsed_key(key));
    bool fits = !chain.empty() && read != nullptr;
    for (std::size_t i = 0; fits && i < chain.size(); ++i) {
        const std::unique_ptr<X509, FreeX509> one(parsed(chain[i]));
        fits = one != nullptr && (i == 0 ? ::SSL_CTX_use_certificate(context, one.get())
                                         : static_cast<int>(::SSL_CTX_add1_chain_cert(context, one.get()))) == 1;
    }
    fits = fits && ::SSL_CTX_use_PrivateKey(context, read.get()) == 1 && ::SSL_CTX_check_private_key(context) == 1;
    if (!fits) return fail(ErrorCode::kInvalid, "the certificate and the private key do not fit: " + last_problem());
    return out;
}

// --- session -------------------------------------------------------------------------------------

void TlsSession::Free::operator()(ssl_st* ssl) const {
    ::SSL_free(ssl);
}

TlsSession::TlsSession(const TlsServer& server, CertificateCheck check)
    : check_(std::move(check)), ssl_(::SSL_new(server.context())) {
    WARREN_CHECK(ssl_ != nullptr);
    BIO* const in = ::BIO_new(::BIO_s_mem());
    BIO* const out = ::BIO_new(::BIO_s_mem());
    WARREN_CHECK(in != nullptr && out != nullptr);
    ::SSL_set_bio(ssl_.get(), in, out);  // they are its from now on
    (void)::BIO_set_mem_eof_return(in, -1);
    (void)SSL_set_app_data(ssl_.get(), this);
    ::SSL_set_verify(ssl_.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    ::SSL_set_accept_state(ssl_.get());
}

TlsSession::~TlsSession() = default;

// OpenSSL's own verification would take any CA of its store; ours takes one customer's.
int TlsSession::verify(X509_STORE_CTX* store, void* /*unused*/) {
    auto* const ssl = static_cast<SSL*>(::X509_STORE_CTX_get_ex_data(store, ::SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto* const session = static_cast<TlsSession*>(SSL_get_app_data(ssl));
    std::vector<Der> chain;
    const STACK_OF(X509)* const sent = ::X509_STORE_CTX_get0_untrusted(store);
    for (int i = 0; i < sk_X509_num(sent); ++i) chain.push_back(der_of(sk_X509_value(sent, i)));
    auto checked = chain.empty() ? tl::unexpected<std::string>("no certificate") : session->check_(chain);
    if (checked) {
        session->identity_ = std::move(*checked);
        ::X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }
    session->was_refused_ = true;
    session->problem_ = std::move(checked.error());
    // One alert for all that may be wrong with it.
    ::X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_UNTRUSTED);
    return 0;
}

TlsSession::Progress TlsSession::receive(Bytes flight) {
    ::ERR_clear_error();
    if (is_done_) return Progress::kFailed;
    const int size = static_cast<int>(flight.size());
    if (size > 0 && ::BIO_write(::SSL_get_rbio(ssl_.get()), flight.data(), size) != size) return Progress::kFailed;
    const int result = ::SSL_do_handshake(ssl_.get());
    if (result != 1) {
        const int error = ::SSL_get_error(ssl_.get(), result);
        if (error == SSL_ERROR_WANT_READ) return Progress::kMore;
        if (problem_.empty()) problem_ = last_problem();
        ::ERR_clear_error();
        return Progress::kFailed;
    }
    is_done_ = true;
    if (::SSL_version(ssl_.get()) != TLS1_3_VERSION) return Progress::kDone;
    const bool is_written = ::SSL_write(ssl_.get(), &kProtectedSuccess, 1) == 1;
    if (!is_written) problem_ = last_problem();
    return is_written ? Progress::kDone : Progress::kFailed;
}

std::vector<std::uint8_t> TlsSession::take_output() {
    BIO* const from = ::SSL_get_wbio(ssl_.get());
    std::vector<std::uint8_t> out(::BIO_ctrl_pending(from));
    if (out.empty()) return out;
    const int size = ::BIO_read(from, out.data(), static_cast<int>(out.size()));
    out.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return out;
}

bool TlsSession::export_msk(Msk& out) const {
    const bool is_13 = ::SSL_version(ssl_.get()) == TLS1_3_VERSION;
    const std::string_view label = is_13 ? kLabel13 : kLabel12;
    crypto::Secret<128> material;  // the MSK, then the EMSK
    const bool is_there =
        ::SSL_export_keying_material(ssl_.get(), material.writable().data(), material.kSize, label.data(), label.size(),
                                     is_13 ? &kContext13 : nullptr, is_13 ? 1 : 0, is_13 ? 1 : 0) == 1;
    if (!is_there) return false;
    out = Msk(material.reveal().first<Msk::kSize>());
    return true;
}

}  // namespace warren::eap
