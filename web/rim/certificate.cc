#include "web/rim/certificate.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <ctime>
#include <memory>

#include "access/secrets.h"

namespace warren::web {

namespace {

constexpr long kTenYears = 3650L * 24 * 3600;

template <auto Free>
struct Freed {
    template <typename T>
    void operator()(T* thing) const {
        Free(thing);
    }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;

tl::unexpected<Error> failed(const char* what) {
    return fail(ErrorCode::kFailed, std::string("make a certificate: ") + what);
}

bool extend(X509* certificate, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
    const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
    return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool fill(X509* certificate, EVP_PKEY* key, const std::string& appliance) {
    std::array<unsigned char, 16> serial{};
    if (RAND_bytes(serial.data(), serial.size()) != 1) return false;
    serial[0] = static_cast<unsigned char>((serial[0] & 0x7f) | 0x01);  // positive, RFC 5280 §4.1.2.2
    BIGNUM* number = BN_bin2bn(serial.data(), serial.size(), nullptr);
    const bool has_serial =
        number != nullptr && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr;
    BN_free(number);
    X509_NAME* name = X509_get_subject_name(certificate);
    const auto* text = reinterpret_cast<const unsigned char*>(appliance.data());
    return has_serial && X509_set_version(certificate, X509_VERSION_3) == 1 &&
           // An hour ago, for clients whose clock is slow.
           X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) != nullptr &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), kTenYears) != nullptr &&
           X509_set_pubkey(certificate, key) == 1 &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text, static_cast<int>(appliance.size()), -1, 0) ==
               1 &&
           X509_set_issuer_name(certificate, name) == 1 &&
           extend(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
           extend(certificate, NID_key_usage, "critical,digitalSignature") &&
           extend(certificate, NID_ext_key_usage, "serverAuth") &&
           extend(certificate, NID_subject_alt_name, "DNS:" + appliance + ",DNS:localhost,IP:127.0.0.1,IP:::1");
}

WallTime time_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
    // RFC 5280 §4.1.2.5: 99991231235959Z is no end; nanoseconds count until 2262.
    constexpr std::int64_t kMost = INT64_MAX / 1'000'000'000;
    return {std::clamp(static_cast<std::int64_t>(::timegm(&parts)), -kMost, kMost) * 1'000'000'000};
}

std::string subject_of(X509* certificate) {
    const Bio out(BIO_new(BIO_s_mem()));
    if (out == nullptr || X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) < 0)
        return {};
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

std::vector<std::string> names_of(X509* certificate) {
    std::vector<std::string> out;
    auto* names = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
    for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_DNS) continue;
        const auto* text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
        std::string& added = out.emplace_back(text, static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
        for (char& c : added) {
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
        }
    }
    GENERAL_NAMES_free(names);
    return out;
}

}  // namespace

Result<std::string> make_certificate(const std::string& appliance) {
    const Key key(EVP_EC_gen("P-256"));
    const Certificate certificate(X509_new());
    if (key == nullptr || certificate == nullptr) return failed("no key");
    if (!fill(certificate.get(), key.get(), appliance)) return failed("its fields");
    if (X509_sign(certificate.get(), key.get(), EVP_sha256()) == 0) return failed("its signature");
    const Bio out(BIO_new(BIO_s_mem()));
    if (out == nullptr || PEM_write_bio_PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1 ||
        PEM_write_bio_X509(out.get(), certificate.get()) != 1)
        return failed("its text");
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return std::string(text, static_cast<std::size_t>(size));
}

Result<CertificateFacts> read_certificate(const std::string& pem) {
    const auto open = [&pem] { return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))); };
    const Certificate certificate(PEM_read_bio_X509(open().get(), nullptr, nullptr, nullptr));
    if (certificate == nullptr) return fail(ErrorCode::kInvalid, "it contains no certificate (BEGIN CERTIFICATE)");
    // There is no terminal for a passphrase: with an empty one OpenSSL fails instead of prompting.
    char none[] = "";
    const Key key(PEM_read_bio_PrivateKey(open().get(), nullptr, nullptr, none));
    if (key == nullptr)
        return fail(ErrorCode::kInvalid, "it contains no private key (BEGIN PRIVATE KEY, without a passphrase)");
    if (X509_check_private_key(certificate.get(), key.get()) != 1)
        return fail(ErrorCode::kInvalid, "the private key does not match the certificate");
    auto fingerprint = access::certificate_fingerprint(pem);
    if (!fingerprint) return tl::unexpected<Error>(fingerprint.error());
    CertificateFacts out;
    out.fingerprint_sha256 = std::move(*fingerprint);
    out.subject = subject_of(certificate.get());
    out.not_before = time_of(X509_get0_notBefore(certificate.get()));
    out.not_after = time_of(X509_get0_notAfter(certificate.get()));
    out.self_signed =
        X509_NAME_cmp(X509_get_subject_name(certificate.get()), X509_get_issuer_name(certificate.get())) == 0;
    out.names = names_of(certificate.get());
    return out;
}

}  // namespace warren::web
