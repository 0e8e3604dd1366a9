#include "tests/unit/eap/tls_client.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>

#include "base/check.h"

namespace warren::eap::testing {

Party::Party(const std::string& name) : key(::EVP_EC_gen("P-256")), certificate(::X509_new()) {
    X509* const made = certificate.get();
    WARREN_CHECK(key != nullptr && made != nullptr);
    (void)::X509_set_version(made, 2);
    (void)::ASN1_INTEGER_set(::X509_get_serialNumber(made), 1);
    (void)::X509_gmtime_adj(::X509_getm_notBefore(made), -60);
    (void)::X509_gmtime_adj(::X509_getm_notAfter(made), 3600);
    (void)::X509_set_pubkey(made, key.get());
    X509_NAME* const subject = ::X509_get_subject_name(made);
    (void)::X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, as_bytes(name).data(),
                                       static_cast<int>(name.size()), -1, 0);
    (void)::X509_set_issuer_name(made, subject);
    WARREN_CHECK(::X509_sign(made, key.get(), ::EVP_sha256()) > 0);
}

Party::Party(Bytes certificate_der, std::string_view key_pem) {
    const unsigned char* at = certificate_der.data();
    certificate.reset(::d2i_X509(nullptr, &at, static_cast<long>(certificate_der.size())));
    const std::unique_ptr<BIO, int (*)(BIO*)> text(::BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size())),
                                                   ::BIO_free);
    key.reset(::PEM_read_bio_PrivateKey(text.get(), nullptr, nullptr, nullptr));
    WARREN_CHECK(key != nullptr && certificate != nullptr);
}

Der Party::der() const {
    Der out(static_cast<std::size_t>(::i2d_X509(certificate.get(), nullptr)));
    unsigned char* at = out.data();
    (void)::i2d_X509(certificate.get(), &at);
    return out;
}

Der Party::private_key() const {
    const std::unique_ptr<BIO, int (*)(BIO*)> text(::BIO_new(::BIO_s_mem()), ::BIO_free);
    WARREN_CHECK(::PEM_write_bio_PKCS8PrivateKey(text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
    Der out(::BIO_ctrl_pending(text.get()));
    WARREN_CHECK(::BIO_read(text.get(), out.data(), static_cast<int>(out.size())) == static_cast<int>(out.size()));
    return out;
}

TlsClient::TlsClient(int version, const Party* party, std::size_t fragment)
    : context_(::SSL_CTX_new(::TLS_client_method())), fragment_(fragment) {
    (void)::SSL_CTX_set_min_proto_version(context_.get(), version);
    (void)::SSL_CTX_set_max_proto_version(context_.get(), version);
    ssl_.reset(::SSL_new(context_.get()));
    if (party != nullptr) {
        WARREN_CHECK(::SSL_use_certificate(ssl_.get(), party->certificate.get()) == 1);
        WARREN_CHECK(::SSL_use_PrivateKey(ssl_.get(), party->key.get()) == 1);
    }
    BIO* const in = ::BIO_new(::BIO_s_mem());
    (void)::BIO_set_mem_eof_return(in, -1);
    ::SSL_set_bio(ssl_.get(), in, ::BIO_new(::BIO_s_mem()));
    ::SSL_set_connect_state(ssl_.get());
}

std::optional<Der> TlsClient::respond(Bytes request) {
    ByteReader reader(request);
    const std::uint8_t flags = reader.u8();
    if ((flags & 0x80U) != 0) (void)reader.be<std::uint32_t>();
    const Bytes part = reader.rest();
    if (sent_ < output_.size()) return next_fragment();
    if (!part.empty()) {
        (void)::BIO_write(::SSL_get_rbio(ssl_.get()), part.data(), static_cast<int>(part.size()));
        if ((flags & 0x40U) != 0) return Der{0};
    }
    if (!is_done_) is_done_ = ::SSL_do_handshake(ssl_.get()) == 1;
    if (is_done_) {
        std::uint8_t byte = 0xff;
        has_protected_success_ = ::SSL_read(ssl_.get(), &byte, 1) == 1 && byte == 0;
    }
    BIO* const from = ::SSL_get_wbio(ssl_.get());
    output_.resize(::BIO_ctrl_pending(from));
    sent_ = 0;
    if (output_.empty()) return is_done_ ? std::optional(Der{0}) : std::nullopt;
    (void)::BIO_read(from, output_.data(), static_cast<int>(output_.size()));
    return next_fragment();
}

Der TlsClient::next_fragment() {
    const std::size_t size = std::min(fragment_, output_.size() - sent_);
    const bool has_more = sent_ + size < output_.size();
    const bool has_length = sent_ == 0;
    Der out(1 + (has_length ? 4 : 0) + size);
    ByteWriter writer(out);
    writer.u8(static_cast<std::uint8_t>((has_length ? 0x80U : 0U) | (has_more ? 0x40U : 0U)));
    if (has_length) writer.be(static_cast<std::uint32_t>(output_.size()));
    writer.bytes(Bytes(output_).subspan(sent_, size));
    sent_ += size;
    return out;
}

// RFC 5216 §2.3, RFC 9190 §2.3
Msk TlsClient::msk() const {
    const bool is_13 = ::SSL_version(ssl_.get()) == TLS1_3_VERSION;
    const std::string label = is_13 ? "EXPORTER_EAP_TLS_Key_Material" : "client EAP encryption";
    constexpr std::uint8_t kType = 13;
    std::array<std::uint8_t, 128> out{};
    WARREN_CHECK(::SSL_export_keying_material(ssl_.get(), out.data(), out.size(), label.data(), label.size(), &kType,
                                              is_13 ? 1 : 0, is_13 ? 1 : 0) == 1);
    return Msk(std::span<const std::uint8_t>(out).first<64>());
}

}  // namespace warren::eap::testing
