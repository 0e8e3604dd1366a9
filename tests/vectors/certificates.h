// Certificates for tests, made by OpenSSL on the spot.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"

struct evp_pkey_st;
struct x509_st;

namespace warren::test {

// The present of such tests, and the usual lifetime around it.
inline constexpr WallTime kCertificateTime{1'800'000'000'000'000'000};
inline constexpr std::int64_t kDay = 86'400;

enum class KeyType : std::uint8_t {
    kP256,
    kP384,
    kP521,
    kEd25519,
    kRsa2048,
    kRsa3072,
    kRsa1024,
    kRsa4608Public,  // a modulus that nobody has the factors of: it signs nothing
    kBrainpool256,   // a curve that is none of ours
};

// A certificate and its key.
class Made {
  public:
    [[nodiscard]] std::vector<std::uint8_t> der() const;
    [[nodiscard]] std::string pem() const;
    [[nodiscard]] std::string key_pem() const;  // PKCS8; "": there is none
    [[nodiscard]] std::vector<std::uint8_t> subject_der() const;

    std::shared_ptr<evp_pkey_st> key;
    std::shared_ptr<x509_st> certificate;
};

// DER of its SubjectPublicKeyInfo.
[[nodiscard]] std::vector<std::uint8_t> public_key_of(const Made& made);

struct Wanted {
    std::string common_name = "peer";
    KeyType key = KeyType::kP256;
    // As a file of OpenSSL writes them: {"subjectAltName", "DNS:graz.example"}.
    std::vector<std::pair<std::string, std::string>> extensions{};
    std::int64_t begins = -30 * kDay;  // seconds from kCertificateTime
    std::int64_t ends = 300 * kDay;
    std::string digest = "SHA256";  // of its signature, where the issuer's key takes one
    int version = 3;
    std::uint64_t serial = 0;  // 0: the next one
};
// Issued by `issuer`; null: by itself.
[[nodiscard]] Made make_certificate(const Wanted& wanted, const Made* issuer);
// A root with the extensions that RFC 5280 wants of it.
[[nodiscard]] Made make_root(std::string common_name, KeyType key = KeyType::kP256);
// A leaf with usual extensions and these subjectAltNames ("DNS:graz.example,email:graz@acme.example").
[[nodiscard]] Made make_leaf(const Made& issuer, std::string names, KeyType key = KeyType::kP256);

// PEM. Of `revoked` it has the serials. It begins and ends as many seconds after kCertificateTime.
[[nodiscard]] std::string make_revocation_list(const Made& issuer, const std::vector<const Made*>& revoked,
                                               std::int64_t ends = 10 * kDay, std::int64_t begins = -20 * kDay);

}  // namespace warren::test
