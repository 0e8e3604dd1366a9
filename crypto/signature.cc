#include "crypto/signature.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/check.h"
#include "crypto/openssl_objects.h"
#include "crypto/sha.h"
#include "crypto/signature_algorithm.h"
#include "crypto/signature_library.h"

namespace warren::crypto {

namespace {

constexpr int kMostExponentBits = 32;

using KeyOrFlaw = tl::expected<SigningKeyKind, KeyFlaw>;

tl::unexpected<KeyFlaw> flaw(KeyFlaw what) {
    ::ERR_clear_error();
    return tl::unexpected<KeyFlaw>(what);
}

KeyOrFlaw kind_of_rsa(const EVP_PKEY* key) {
    const int bits = ::EVP_PKEY_get_bits(key);
    if (bits < kLeastRsaBits) return flaw(KeyFlaw::kTooShort);
    if (bits > kMostRsaBits) return flaw(KeyFlaw::kTooLong);
    BIGNUM* exponent = nullptr;
    if (::EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) != 1) return flaw(KeyFlaw::kMalformed);
    const Openssl<BIGNUM> owned(exponent);
    if (::BN_num_bits(exponent) > kMostExponentBits) return flaw(KeyFlaw::kTooLong);
    return SigningKeyKind::kRsa;
}

KeyOrFlaw kind_of_ec(const EVP_PKEY* key) {
    int is_explicit = 0;  // a curve that is spelled out may have another generator
    if (::EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit) == 1 &&
        is_explicit != 0)
        return flaw(KeyFlaw::kUnsupported);
    std::array<char, 64> name{};
    std::size_t size = 0;
    if (::EVP_PKEY_get_group_name(key, name.data(), name.size(), &size) != 1) return flaw(KeyFlaw::kUnsupported);
    const std::string_view curve(name.data(), size);
    if (curve == "prime256v1") return SigningKeyKind::kEcdsaP256;
    if (curve == "secp384r1") return SigningKeyKind::kEcdsaP384;
    if (curve == "secp521r1") return SigningKeyKind::kEcdsaP521;
    return flaw(KeyFlaw::kUnsupported);
}

KeyOrFlaw kind_of(const EVP_PKEY* key) {
    if (::EVP_PKEY_is_a(key, "RSA") == 1) return kind_of_rsa(key);
    if (::EVP_PKEY_is_a(key, "EC") == 1) return kind_of_ec(key);
    if (::EVP_PKEY_is_a(key, "ED25519") == 1) return SigningKeyKind::kEd25519;
    return flaw(KeyFlaw::kUnsupported);
}

// An encrypted key has no password here, and OpenSSL must not ask a terminal for one.
int no_password(char* /*to*/, int /*size*/, int /*is_for_writing*/, void* /*context*/) {
    return -1;
}

bool set_padding(EVP_PKEY_CTX* context, const SignatureAlgorithm& algorithm) {
    if (algorithm.kind != SignatureAlgorithm::Kind::kRsa && algorithm.kind != SignatureAlgorithm::Kind::kRsaPss)
        return true;
    if (algorithm.kind == SignatureAlgorithm::Kind::kRsa)
        return ::EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
    return ::EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           ::EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

const char* digest_of(const SignatureAlgorithm& algorithm) {
    if (algorithm.kind == SignatureAlgorithm::Kind::kEd25519) return nullptr;
    constexpr std::array<const char*, 4> names = {"SHA1", "SHA2-256", "SHA2-384", "SHA2-512"};
    return names[static_cast<std::size_t>(algorithm.sha)];
}

std::vector<std::uint8_t> sign_octets(EVP_PKEY* key, const SignatureAlgorithm& algorithm, Bytes octets) {
    const Openssl<EVP_MD_CTX> context(::EVP_MD_CTX_new());
    WARREN_CHECK(context != nullptr);
    EVP_PKEY_CTX* options = nullptr;  // the context's
    std::size_t size = 0;
    std::vector<std::uint8_t> out;
    bool is_done =
        ::EVP_DigestSignInit_ex(context.get(), &options, digest_of(algorithm), nullptr, nullptr, key, nullptr) == 1 &&
        set_padding(options, algorithm) &&
        ::EVP_DigestSign(context.get(), nullptr, &size, octets.data(), octets.size()) == 1;
    if (is_done) {
        out.resize(size);
        is_done = ::EVP_DigestSign(context.get(), out.data(), &size, octets.data(), octets.size()) == 1;
    }
    ::ERR_clear_error();
    out.resize(is_done ? size : 0);
    return out;
}

bool verify_octets(EVP_PKEY* key, const SignatureAlgorithm& algorithm, Bytes signature, Bytes octets) {
    const Openssl<EVP_MD_CTX> context(::EVP_MD_CTX_new());
    WARREN_CHECK(context != nullptr);
    EVP_PKEY_CTX* options = nullptr;  // the context's
    const bool is_right =
        ::EVP_DigestVerifyInit_ex(context.get(), &options, digest_of(algorithm), signature_library(), nullptr, key,
                                  nullptr) == 1 &&
        set_padding(options, algorithm) &&
        ::EVP_DigestVerify(context.get(), signature.data(), signature.size(), octets.data(), octets.size()) == 1;
    ::ERR_clear_error();
    return is_right;
}

std::vector<std::uint8_t> public_key_of(const EVP_PKEY* key) {
    std::uint8_t* der = nullptr;
    const int size = ::i2d_PUBKEY(key, &der);
    WARREN_CHECK(size > 0);
    std::vector<std::uint8_t> out(der, der + size);
    ::OPENSSL_free(der);
    return out;
}

// As AUTH carries it with method 14 (RFC 7427 §3).
std::vector<std::uint8_t> with_identifier(const SignatureAlgorithm& algorithm, Bytes signature) {
    const Bytes identifier = identifier_of(algorithm);
    std::vector<std::uint8_t> out = {static_cast<std::uint8_t>(identifier.size())};
    out.insert(out.end(), identifier.begin(), identifier.end());
    out.insert(out.end(), signature.begin(), signature.end());
    return out;
}

// The method without AlgorithmIdentifier that a kind of key has; nothing: none.
std::optional<std::uint8_t> plain_method_of(SigningKeyKind kind) {
    switch (kind) {
        case SigningKeyKind::kRsa: return kAuthRsaSha1;
        case SigningKeyKind::kEcdsaP256: return kAuthEcdsaSha256;
        case SigningKeyKind::kEcdsaP384: return kAuthEcdsaSha384;
        case SigningKeyKind::kEcdsaP521: return kAuthEcdsaSha512;
        case SigningKeyKind::kEd25519: break;
    }
    return std::nullopt;
}

SignatureAlgorithm plain_algorithm_of(SigningKeyKind kind) {
    using Kind = SignatureAlgorithm::Kind;
    switch (kind) {
        case SigningKeyKind::kEcdsaP256: return {Kind::kEcdsa, Sha::kSha256};
        case SigningKeyKind::kEcdsaP384: return {Kind::kEcdsa, Sha::kSha384};
        case SigningKeyKind::kEcdsaP521: return {Kind::kEcdsa, Sha::kSha512};
        default: return {Kind::kRsa, Sha::kSha1};
    }
}

bool fits(SigningKeyKind key, SignatureAlgorithm::Kind algorithm) {
    switch (algorithm) {
        case SignatureAlgorithm::Kind::kRsa:
        case SignatureAlgorithm::Kind::kRsaPss: return key == SigningKeyKind::kRsa;
        case SignatureAlgorithm::Kind::kEd25519: return key == SigningKeyKind::kEd25519;
        case SignatureAlgorithm::Kind::kEcdsa: break;
    }
    return key != SigningKeyKind::kRsa && key != SigningKeyKind::kEd25519;
}

// Of a hash as strong as the curve first.
std::optional<SignatureAlgorithm> algorithm_for(SigningKeyKind kind, HashSet hashes, bool prefers_pss) {
    using Kind = SignatureAlgorithm::Kind;
    if (kind == SigningKeyKind::kEd25519) {
        if ((hashes & kHashIdentity) == 0) return std::nullopt;
        return SignatureAlgorithm{Kind::kEd25519, Sha::kSha512};
    }
    std::array<Sha, 3> order = {Sha::kSha256, Sha::kSha384, Sha::kSha512};
    if (kind == SigningKeyKind::kEcdsaP384) order = {Sha::kSha384, Sha::kSha512, Sha::kSha256};
    if (kind == SigningKeyKind::kEcdsaP521) order = {Sha::kSha512, Sha::kSha384, Sha::kSha256};
    const Kind algorithm = kind != SigningKeyKind::kRsa ? Kind::kEcdsa : prefers_pss ? Kind::kRsaPss : Kind::kRsa;
    for (const Sha sha : order) {
        // SHA2-256 is number 2 (RFC 7427 §7).
        if ((hashes & (1U << (static_cast<unsigned>(sha) + 1U))) != 0) return SignatureAlgorithm{algorithm, sha};
    }
    return std::nullopt;
}

}  // namespace

void FreeOpensslKey::operator()(evp_pkey_st* key) const {
    ::EVP_PKEY_free(key);
}

// --- private keys --------------------------------------------------------------------------------

tl::expected<SigningKey, KeyFlaw> SigningKey::from_pem(Bytes pem) {
    const Openssl<BIO> text(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    if (text == nullptr) return flaw(KeyFlaw::kMalformed);
    OpensslKey key(::PEM_read_bio_PrivateKey_ex(text.get(), nullptr, no_password, nullptr, nullptr, nullptr));
    if (key == nullptr) return flaw(KeyFlaw::kMalformed);
    const auto kind = kind_of(key.get());
    if (!kind) return flaw(kind.error());
    return SigningKey(std::move(key), *kind);
}

std::vector<std::uint8_t> SigningKey::public_key() const {
    return public_key_of(key_.get());
}

std::optional<AuthSignature> SigningKey::sign(HashSet hashes, bool prefers_pss, Bytes octets) const {
    if (hashes == 0) {
        const auto method = plain_method_of(kind_);
        if (!method) return std::nullopt;
        std::vector<std::uint8_t> data = sign_octets(key_.get(), plain_algorithm_of(kind_), octets);
        if (*method != kAuthRsaSha1) data = plain_ecdsa(data, field_size_of(*method));
        if (data.empty()) return std::nullopt;
        return AuthSignature{*method, std::move(data)};
    }
    const auto algorithm = algorithm_for(kind_, hashes, prefers_pss);
    if (!algorithm) return std::nullopt;
    const std::vector<std::uint8_t> signature = sign_octets(key_.get(), *algorithm, octets);
    if (signature.empty()) return std::nullopt;
    return AuthSignature{kAuthDigitalSignature, with_identifier(*algorithm, signature)};
}

// --- public keys ---------------------------------------------------------------------------------

tl::expected<VerifyingKey, KeyFlaw> VerifyingKey::from_der(Bytes subject_public_key_info) {
    const std::uint8_t* at = subject_public_key_info.data();
    const std::uint8_t* const end = at + subject_public_key_info.size();
    OpensslKey key(
        ::d2i_PUBKEY_ex(nullptr, &at, static_cast<long>(subject_public_key_info.size()), signature_library(), nullptr));
    if (at != end) return flaw(KeyFlaw::kMalformed);
    return from_key(std::move(key));
}

tl::expected<VerifyingKey, KeyFlaw> VerifyingKey::from_key(OpensslKey key) {
    if (key == nullptr) return flaw(KeyFlaw::kMalformed);
    const auto kind = kind_of(key.get());
    if (!kind) return flaw(kind.error());
    return VerifyingKey(std::move(key), *kind);
}

bool VerifyingKey::verify(std::uint8_t method, Bytes data, Bytes octets) const {
    if (method == kAuthDigitalSignature) {
        const auto split = split_identifier(data);
        if (!split || !fits(kind_, split->algorithm.kind)) return false;
        return verify_octets(key_.get(), split->algorithm, split->signature, octets);
    }
    if (plain_method_of(kind_) != method) return false;
    if (method == kAuthRsaSha1) return verify_octets(key_.get(), plain_algorithm_of(kind_), data, octets);
    const std::vector<std::uint8_t> signature = der_ecdsa(data, field_size_of(method));
    return !signature.empty() && verify_octets(key_.get(), plain_algorithm_of(kind_), signature, octets);
}

void load_signature_algorithms() {
    constexpr std::uint8_t kNothing = 0;
    for (const bool is_ec : {true, false}) {
        const OpensslKey key(is_ec ? ::EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")
                                   : ::EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{kLeastRsaBits}));
        WARREN_CHECK(key != nullptr);
        const SignatureAlgorithm algorithm{is_ec ? SignatureAlgorithm::Kind::kEcdsa : SignatureAlgorithm::Kind::kRsa,
                                           Sha::kSha256};
        const auto signature = sign_octets(key.get(), algorithm, {&kNothing, 1});
        const auto theirs = VerifyingKey::from_der(public_key_of(key.get()));
        WARREN_CHECK(theirs &&
                     theirs->verify(kAuthDigitalSignature, with_identifier(algorithm, signature), {&kNothing, 1}));
    }
    (void)SigningKey::from_pem({&kNothing, 1});  // what reads private keys
}

bool is_rsa_pss(std::uint8_t method, Bytes data) {
    if (method != kAuthDigitalSignature) return false;
    const auto split = split_identifier(data);
    return split && split->algorithm.kind == SignatureAlgorithm::Kind::kRsaPss;
}

}  // namespace warren::crypto
