#include "crypto/authority.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <memory>

#include "base/hex.h"
#include "base/ip.h"

namespace warren::crypto {

namespace {

constexpr std::int64_t kNanoseconds = 1'000'000'000;
constexpr std::int64_t kSlowClock = 3600;  // seconds: certificates are valid for those whose clock is behind

template <auto Free>
struct Freed {
    template <typename T>
    void operator()(T* thing) const {
        Free(thing);
    }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Request = std::unique_ptr<X509_REQ, Freed<X509_REQ_free>>;
using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;
using Context = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;

tl::unexpected<Error> failed(const char* what) {
    return fail(ErrorCode::kFailed, std::string("make a certificate: ") + what);
}

Bio open_text(Bytes text) {
    if (text.size() > kMostPem) return nullptr;
    return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}
Bio open_text(const std::string& text) {
    return open_text(as_bytes(text));
}

Key read_key(Bytes pem) {
    const Bio in = open_text(pem);
    char none[] = "";  // there is no terminal for a passphrase
    return Key(in == nullptr ? nullptr : PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, none));
}
Certificate read_certificate(const std::string& pem) {
    const Bio in = open_text(pem);
    return Certificate(in == nullptr ? nullptr : PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
}
Request read_request(const std::string& pem) {
    const Bio in = open_text(pem);
    return Request(in == nullptr ? nullptr : PEM_read_bio_X509_REQ(in.get(), nullptr, nullptr, nullptr));
}

std::string_view content_of(const Bio& bio) {
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

Result<std::string> text_of(X509* certificate) {
    const Bio out(BIO_new(BIO_s_mem()));
    if (out == nullptr || PEM_write_bio_X509(out.get(), certificate) != 1) return failed("its text");
    return std::string(content_of(out));
}

bool is_p256(const EVP_PKEY* key) {
    std::array<char, 32> name{};
    std::size_t size = 0;
    return EVP_PKEY_is_a(key, "EC") == 1 && EVP_PKEY_get_group_name(key, name.data(), name.size(), &size) == 1 &&
           std::string_view(name.data(), size) == "prime256v1";
}

bool extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
    return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool set_serial(X509* certificate) {
    std::array<unsigned char, 16> serial{};
    if (RAND_bytes(serial.data(), serial.size()) != 1) return false;
    serial[0] = static_cast<unsigned char>((serial[0] & 0x7f) | 0x01);  // positive, RFC 5280 §4.1.2.2
    const std::unique_ptr<BIGNUM, Freed<BN_free>> number(BN_bin2bn(serial.data(), serial.size(), nullptr));
    return number != nullptr && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_dates(X509* certificate, WallTime now, Duration lifetime) {
    const std::int64_t seconds = now.nanoseconds / kNanoseconds;
    const std::int64_t length = std::chrono::duration_cast<std::chrono::seconds>(lifetime).count();
    return ASN1_TIME_set(X509_getm_notBefore(certificate), seconds - kSlowClock) != nullptr &&
           ASN1_TIME_set(X509_getm_notAfter(certificate), seconds + length) != nullptr;
}

bool set_name(X509_NAME* name, const std::string& text) {
    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(text.data()),
                                      static_cast<int>(text.size()), -1, 0) == 1;
}

bool sign(X509* certificate, EVP_PKEY* key) {
    return X509_sign(certificate, key, EVP_sha256()) != 0;
}

WallTime time_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
    constexpr std::int64_t kMost = INT64_MAX / kNanoseconds;
    return {std::clamp(static_cast<std::int64_t>(::timegm(&parts)), -kMost, kMost) * kNanoseconds};
}

struct Issuer {
    Certificate certificate;
    Key key;
};

Result<Issuer> read_issuer(const std::string& authority, Bytes key) {
    Issuer out{read_certificate(authority), read_key(key)};
    if (out.certificate == nullptr) return fail(ErrorCode::kInvalid, "the authority's certificate is none");
    if (out.key == nullptr) return fail(ErrorCode::kInvalid, "the authority's key is none");
    if (X509_check_private_key(out.certificate.get(), out.key.get()) != 1)
        return fail(ErrorCode::kInvalid, "the key is not that of the authority's certificate");
    return out;
}

}  // namespace

Result<SecretBuffer> make_key() {
    const Key key(EVP_EC_gen("P-256"));
    const Bio out(BIO_new(BIO_s_secmem()));
    if (key == nullptr || out == nullptr ||
        PEM_write_bio_PKCS8PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
        return failed("no key");
    return SecretBuffer(as_bytes(content_of(out)));
}

Result<std::string> make_authority(Bytes key, const std::string& name, WallTime now) {
    const Key read = read_key(key);
    const Certificate made(X509_new());
    if (read == nullptr || made == nullptr) return failed("no key");
    X509_NAME* subject = X509_get_subject_name(made.get());
    const bool is_done =
        X509_set_version(made.get(), X509_VERSION_3) == 1 && set_serial(made.get()) &&
        set_dates(made.get(), now, kAuthorityLifetime) && set_name(subject, name) &&
        X509_set_issuer_name(made.get(), subject) == 1 && X509_set_pubkey(made.get(), read.get()) == 1 &&
        extend(made.get(), made.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
        extend(made.get(), made.get(), NID_key_usage, "critical,keyCertSign,digitalSignature") &&
        extend(made.get(), made.get(), NID_subject_key_identifier, "hash") && sign(made.get(), read.get());
    if (!is_done) return failed("its fields");
    return text_of(made.get());
}

Result<std::string> request_certificate(Bytes key, const std::string& name) {
    const Key read = read_key(key);
    const Request made(X509_REQ_new());
    const Bio out(BIO_new(BIO_s_mem()));
    if (read == nullptr || made == nullptr || out == nullptr) return failed("no key");
    if (!set_name(X509_REQ_get_subject_name(made.get()), name) || X509_REQ_set_pubkey(made.get(), read.get()) != 1 ||
        X509_REQ_sign(made.get(), read.get(), EVP_sha256()) == 0 || PEM_write_bio_X509_REQ(out.get(), made.get()) != 1)
        return failed("its request");
    return std::string(content_of(out));
}

Result<std::string> issue_certificate(const std::string& authority, Bytes key, const std::string& request,
                                      const CertificateUse& use, WallTime now) {
    const auto issuer = read_issuer(authority, key);
    if (!issuer) return tl::unexpected<Error>(issuer.error());
    const Request asked = read_request(request);
    if (asked == nullptr) return fail(ErrorCode::kInvalid, "the request for a certificate is none");
    EVP_PKEY* public_key = X509_REQ_get0_pubkey(asked.get());
    if (public_key == nullptr || !is_p256(public_key))
        return fail(ErrorCode::kInvalid, "the request has another kind of key than ECDSA P-256");
    if (X509_REQ_verify(asked.get(), public_key) != 1)
        return fail(ErrorCode::kInvalid, "the request is not signed by its own key");
    std::string names = "DNS:" + use.name;
    for (const std::string& address : use.addresses) {
        if (!parse_ip(address)) return fail(ErrorCode::kInvalid, "\"" + address + "\" is no address");
        names += ",IP:" + address;
    }
    const Certificate made(X509_new());
    X509* own = issuer->certificate.get();
    const bool is_done =
        made != nullptr && X509_set_version(made.get(), X509_VERSION_3) == 1 && set_serial(made.get()) &&
        set_dates(made.get(), now, kCertificateLifetime) && set_name(X509_get_subject_name(made.get()), use.name) &&
        X509_set_issuer_name(made.get(), X509_get_subject_name(own)) == 1 &&
        X509_set_pubkey(made.get(), public_key) == 1 &&
        extend(made.get(), own, NID_basic_constraints, "critical,CA:FALSE") &&
        extend(made.get(), own, NID_key_usage, "critical,digitalSignature") &&
        extend(made.get(), own, NID_ext_key_usage, use.is_server ? "serverAuth,clientAuth" : "clientAuth") &&
        extend(made.get(), own, NID_subject_alt_name, names) &&
        extend(made.get(), own, NID_authority_key_identifier, "keyid") && sign(made.get(), issuer->key.get());
    if (!is_done) return failed("its fields");
    return text_of(made.get());
}

Result<std::string> renew_certificate(const std::string& authority, Bytes key, const std::string& certificate,
                                      WallTime now) {
    const auto issuer = read_issuer(authority, key);
    if (!issuer) return tl::unexpected<Error>(issuer.error());
    if (!is_issued_by(certificate, authority))
        return fail(ErrorCode::kPermission, "the certificate is not of this authority");
    const Certificate made = read_certificate(certificate);
    if (X509_check_ca(made.get()) != 0) return fail(ErrorCode::kPermission, "the certificate is an authority's");
    if (!set_serial(made.get()) || !set_dates(made.get(), now, kCertificateLifetime) ||
        !sign(made.get(), issuer->key.get()))
        return failed("its fields");
    return text_of(made.get());
}

Result<CertificateView> view_certificate(const std::string& certificate) {
    const Certificate read = read_certificate(certificate);
    if (read == nullptr) return fail(ErrorCode::kInvalid, "it contains no certificate (BEGIN CERTIFICATE)");
    CertificateView out;
    std::array<char, 256> name{};
    if (X509_NAME_get_text_by_NID(X509_get_subject_name(read.get()), NID_commonName, name.data(), name.size()) > 0)
        out.name = name.data();
    out.not_before = time_of(X509_get0_notBefore(read.get()));
    out.not_after = time_of(X509_get0_notAfter(read.get()));
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (X509_digest(read.get(), EVP_sha256(), digest.data(), &size) != 1) return failed("its fingerprint");
    out.fingerprint = to_hex(Bytes(digest).first(size));
    if (X509_pubkey_digest(read.get(), EVP_sha256(), digest.data(), &size) != 1) return failed("its key");
    out.key = to_hex(Bytes(digest).first(size));
    return out;
}

Result<std::string> certificate_alone(const std::string& text) {
    const Certificate read = read_certificate(text);
    if (read == nullptr) return fail(ErrorCode::kInvalid, "it contains no certificate (BEGIN CERTIFICATE)");
    return text_of(read.get());
}

bool is_issued_by(const std::string& certificate, const std::string& authority) {
    const Certificate read = read_certificate(certificate);
    const Certificate issuer = read_certificate(authority);
    if (read == nullptr || issuer == nullptr) return false;
    EVP_PKEY* key = X509_get0_pubkey(issuer.get());
    return key != nullptr && X509_check_ca(issuer.get()) == 1 &&
           X509_NAME_cmp(X509_get_issuer_name(read.get()), X509_get_subject_name(issuer.get())) == 0 &&
           X509_verify(read.get(), key) == 1;
}

bool is_certificate_of(const std::string& certificate, Bytes key) {
    const Certificate read = read_certificate(certificate);
    const Key own = read_key(key);
    return read != nullptr && own != nullptr && X509_check_private_key(read.get(), own.get()) == 1;
}

bool has_key_of_request(const std::string& certificate, const std::string& request) {
    const Certificate read = read_certificate(certificate);
    const Request asked = read_request(request);
    if (read == nullptr || asked == nullptr) return false;
    const EVP_PKEY* one = X509_get0_pubkey(read.get());
    const EVP_PKEY* other = X509_REQ_get0_pubkey(asked.get());
    return one != nullptr && other != nullptr && EVP_PKEY_eq(one, other) == 1;
}

Result<std::string> sign_text(Bytes key, std::string_view text) {
    const Key read = read_key(key);
    const Context context(EVP_MD_CTX_new());
    const Bytes bytes = as_bytes(text);
    std::array<std::uint8_t, 256> signature{};
    std::size_t size = signature.size();
    if (read == nullptr || context == nullptr ||
        EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, read.get()) != 1 ||
        EVP_DigestSign(context.get(), signature.data(), &size, bytes.data(), bytes.size()) != 1)
        return fail(ErrorCode::kFailed, "sign: the key cannot");
    return to_hex(Bytes(signature).first(size));
}

bool verify_text(const std::string& authority, std::string_view text, const std::string& signature) {
    const Certificate issuer = read_certificate(authority);
    const Context context(EVP_MD_CTX_new());
    const std::vector<std::uint8_t> sent = from_hex(signature).value_or(std::vector<std::uint8_t>());
    const Bytes bytes = as_bytes(text);
    if (issuer == nullptr || context == nullptr || sent.empty() || X509_check_ca(issuer.get()) != 1) return false;
    EVP_PKEY* key = X509_get0_pubkey(issuer.get());
    return key != nullptr && EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
           EVP_DigestVerify(context.get(), sent.data(), sent.size(), bytes.data(), bytes.size()) == 1;
}

}  // namespace warren::crypto
