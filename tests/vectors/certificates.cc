#include "tests/vectors/certificates.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "base/check.h"

namespace warren::test {

namespace {

constexpr std::int64_t kNow = kCertificateTime.nanoseconds / 1'000'000'000;

using Key = std::shared_ptr<EVP_PKEY>;

Key owned(EVP_PKEY* key) {
    WARREN_CHECK(key != nullptr);
    return {key, &::EVP_PKEY_free};
}

Key public_rsa(int bits) {
    const std::unique_ptr<BIGNUM, decltype(&::BN_free)> modulus(::BN_new(), &::BN_free);
    const std::unique_ptr<BIGNUM, decltype(&::BN_free)> exponent(::BN_new(), &::BN_free);
    WARREN_CHECK(::BN_rand(modulus.get(), bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD) == 1 &&
                 ::BN_set_word(exponent.get(), RSA_F4) == 1);
    const std::unique_ptr<OSSL_PARAM_BLD, decltype(&::OSSL_PARAM_BLD_free)> builder(::OSSL_PARAM_BLD_new(),
                                                                                    &::OSSL_PARAM_BLD_free);
    WARREN_CHECK(::OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) == 1 &&
                 ::OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) == 1);
    const std::unique_ptr<OSSL_PARAM, decltype(&::OSSL_PARAM_free)> parameters(::OSSL_PARAM_BLD_to_param(builder.get()),
                                                                               &::OSSL_PARAM_free);
    const std::unique_ptr<EVP_PKEY_CTX, decltype(&::EVP_PKEY_CTX_free)> context(
        ::EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr), &::EVP_PKEY_CTX_free);
    EVP_PKEY* key = nullptr;
    WARREN_CHECK(::EVP_PKEY_fromdata_init(context.get()) == 1 &&
                 ::EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) == 1);
    return owned(key);
}

Key make_key(KeyType type) {
    const auto rsa = [](std::size_t bits) { return owned(::EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", bits)); };
    const auto ec = [](const char* curve) { return owned(::EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve)); };
    switch (type) {
        case KeyType::kP256: return ec("P-256");
        case KeyType::kP384: return ec("P-384");
        case KeyType::kP521: return ec("P-521");
        case KeyType::kBrainpool256: return ec("brainpoolP256r1");
        case KeyType::kEd25519: return owned(::EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
        case KeyType::kRsa1024: return rsa(1024);
        case KeyType::kRsa2048: return rsa(2048);
        case KeyType::kRsa3072: return rsa(3072);
        case KeyType::kRsa4608Public: break;
    }
    return public_rsa(4608);
}

template <typename Encode, typename Object>
std::vector<std::uint8_t> der_of(Encode encode, Object* object) {
    std::uint8_t* der = nullptr;
    const int size = encode(object, &der);
    WARREN_CHECK(size > 0);
    std::vector<std::uint8_t> out(der, der + size);
    ::OPENSSL_free(der);
    return out;
}

template <typename Write>
std::string text_of(Write write) {
    const std::unique_ptr<BIO, decltype(&::BIO_free)> text(::BIO_new(::BIO_s_mem()), &::BIO_free);
    WARREN_CHECK(write(text.get()) == 1);
    char* data = nullptr;
    const long size = BIO_get_mem_data(text.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

const EVP_MD* digest_for(const EVP_PKEY* key, const std::string& name) {
    return ::EVP_PKEY_is_a(key, "ED25519") == 1 ? nullptr : ::EVP_get_digestbyname(name.c_str());
}

void set_time(const ASN1_TIME* field, std::int64_t from_now) {
    WARREN_CHECK(::ASN1_TIME_set(const_cast<ASN1_TIME*>(field), static_cast<std::time_t>(kNow + from_now)) != nullptr);
}

}  // namespace

std::vector<std::uint8_t> Made::der() const {
    return der_of(::i2d_X509, certificate.get());
}

std::vector<std::uint8_t> Made::subject_der() const {
    return der_of(::i2d_X509_NAME, ::X509_get_subject_name(certificate.get()));
}

std::string Made::pem() const {
    return text_of([this](BIO* to) { return ::PEM_write_bio_X509(to, certificate.get()); });
}

std::string Made::key_pem() const {
    const std::unique_ptr<BIO, decltype(&::BIO_free)> text(::BIO_new(::BIO_s_mem()), &::BIO_free);
    if (::PEM_write_bio_PKCS8PrivateKey(text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) return {};
    char* data = nullptr;
    const long size = BIO_get_mem_data(text.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

std::vector<std::uint8_t> public_key_of(const Made& made) {
    return der_of(::i2d_PUBKEY, made.key.get());
}

Made make_certificate(const Wanted& wanted, const Made* issuer) {
    static std::uint64_t last_serial = 1000;
    Made out;
    out.key = make_key(wanted.key);
    out.certificate = {::X509_new(), &::X509_free};
    X509* const certificate = out.certificate.get();
    const Made& by = issuer == nullptr ? out : *issuer;
    X509_NAME* const subject = ::X509_get_subject_name(certificate);
    const auto* const name = reinterpret_cast<const unsigned char*>(wanted.common_name.c_str());
    WARREN_CHECK(::X509_set_version(certificate, wanted.version - 1) == 1);
    WARREN_CHECK(::ASN1_INTEGER_set_uint64(::X509_get_serialNumber(certificate),
                                           wanted.serial != 0 ? wanted.serial : ++last_serial) == 1);
    if (!wanted.common_name.empty()) {
        const auto* const organisation = reinterpret_cast<const unsigned char*>("Acme");
        WARREN_CHECK(::X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8, organisation, -1, -1, 0) == 1);
        WARREN_CHECK(::X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, name, -1, -1, 0) == 1);
    }
    WARREN_CHECK(::X509_set_issuer_name(certificate, ::X509_get_subject_name(by.certificate.get())) == 1);
    set_time(::X509_get0_notBefore(certificate), wanted.begins);
    set_time(::X509_get0_notAfter(certificate), wanted.ends);
    WARREN_CHECK(::X509_set_pubkey(certificate, out.key.get()) == 1);
    X509V3_CTX context;
    ::X509V3_set_ctx(&context, by.certificate.get(), certificate, nullptr, nullptr, 0);
    for (const auto& [key, value] : wanted.extensions) {
        const std::unique_ptr<X509_EXTENSION, decltype(&::X509_EXTENSION_free)> extension(
            ::X509V3_EXT_nconf(nullptr, &context, key.c_str(), value.c_str()), &::X509_EXTENSION_free);
        WARREN_CHECK(extension != nullptr && ::X509_add_ext(certificate, extension.get(), -1) == 1);
    }
    WARREN_CHECK(::X509_sign(certificate, by.key.get(), digest_for(by.key.get(), wanted.digest)) > 0);
    return out;
}

Made make_root(std::string common_name, KeyType key) {
    return make_certificate({.common_name = std::move(common_name),
                             .key = key,
                             .extensions = {{"basicConstraints", "critical,CA:TRUE"},
                                            {"keyUsage", "critical,keyCertSign,cRLSign"},
                                            {"subjectKeyIdentifier", "hash"}}},
                            nullptr);
}

Made make_leaf(const Made& issuer, std::string names, KeyType key) {
    return make_certificate({.key = key,
                             .extensions = {{"basicConstraints", "CA:FALSE"},
                                            {"keyUsage", "critical,digitalSignature"},
                                            {"subjectKeyIdentifier", "hash"},
                                            {"authorityKeyIdentifier", "keyid"},
                                            {"subjectAltName", std::move(names)}}},
                            &issuer);
}

std::string make_revocation_list(const Made& issuer, const std::vector<const Made*>& revoked, std::int64_t ends,
                                 std::int64_t begins) {
    const std::unique_ptr<X509_CRL, decltype(&::X509_CRL_free)> list(::X509_CRL_new(), &::X509_CRL_free);
    WARREN_CHECK(::X509_CRL_set_version(list.get(), X509_CRL_VERSION_2) == 1 &&
                 ::X509_CRL_set_issuer_name(list.get(), ::X509_get_subject_name(issuer.certificate.get())) == 1);
    const std::unique_ptr<ASN1_TIME, decltype(&::ASN1_STRING_free)> begin(
        ::ASN1_TIME_set(nullptr, static_cast<std::time_t>(kNow + begins)), &::ASN1_STRING_free);
    const std::unique_ptr<ASN1_TIME, decltype(&::ASN1_STRING_free)> end(
        ::ASN1_TIME_set(nullptr, static_cast<std::time_t>(kNow + ends)), &::ASN1_STRING_free);
    WARREN_CHECK(::X509_CRL_set1_lastUpdate(list.get(), begin.get()) == 1 &&
                 ::X509_CRL_set1_nextUpdate(list.get(), end.get()) == 1);
    for (const Made* const one : revoked) {
        X509_REVOKED* const entry = ::X509_REVOKED_new();
        WARREN_CHECK(::X509_REVOKED_set_serialNumber(entry, ::X509_get_serialNumber(one->certificate.get())) == 1 &&
                     ::X509_REVOKED_set_revocationDate(entry, begin.get()) == 1 &&
                     ::X509_CRL_add0_revoked(list.get(), entry) == 1);
    }
    X509V3_CTX context;
    ::X509V3_set_ctx(&context, issuer.certificate.get(), nullptr, nullptr, list.get(), 0);
    for (const auto& [key, value] : {std::pair{"authorityKeyIdentifier", "keyid"}, std::pair{"crlNumber", "1"}}) {
        const std::unique_ptr<X509_EXTENSION, decltype(&::X509_EXTENSION_free)> extension(
            ::X509V3_EXT_nconf(nullptr, &context, key, value), &::X509_EXTENSION_free);
        if (extension != nullptr) WARREN_CHECK(::X509_CRL_add_ext(list.get(), extension.get(), -1) == 1);
    }
    WARREN_CHECK(::X509_CRL_sign(list.get(), issuer.key.get(), digest_for(issuer.key.get(), "SHA256")) > 0);
    return text_of([&list](BIO* to) { return ::PEM_write_bio_X509_CRL(to, list.get()); });
}

}  // namespace warren::test
