// One certificate (RFC 5280), read and checked for what needs no CA.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ipsec.h"
#include "base/result.h"
#include "base/time.h"
#include "crypto/signature.h"

struct x509_st;

namespace warren::auth {

inline constexpr std::size_t kMostCertificate = 16 * 1024;  // bytes
inline constexpr std::size_t kMostChain = 8;                // certificates

struct FreeCertificate {
    void operator()(x509_st* certificate) const;
};

// Any thread may read it.
class Certificate {
  public:
    // DER with nothing behind it. kMalformed, or kWeak: its key is none that may be used, which is checked before
    // anything is computed with it.
    [[nodiscard]] static tl::expected<Certificate, PeerVerdict> from_der(Bytes der);
    // Those of a file, in its order: PEM, or one in DER. What else a PEM file has is skipped. kInvalid: one that cannot
    // be used, or more than `most`.
    [[nodiscard]] static Result<std::vector<Certificate>> from_file(Bytes content, std::size_t most);

    [[nodiscard]] std::vector<std::uint8_t> der() const;
    // DER of its SubjectPublicKeyInfo.
    [[nodiscard]] std::vector<std::uint8_t> public_key() const;
    [[nodiscard]] const crypto::VerifyingKey& key() const { return key_; }
    [[nodiscard]] WallTime not_before() const;
    [[nodiscard]] WallTime not_after() const;
    // It may issue others: basicConstraints say so.
    [[nodiscard]] bool is_authority() const;
    // It has the subject of its issuer: a root.
    [[nodiscard]] bool is_self_issued() const;
    [[nodiscard]] bool is_issued_by_name_of(const Certificate& other) const;
    // As RFC 4514 writes it, for people.
    [[nodiscard]] std::string subject() const;
    // keyUsage and extendedKeyUsage let it sign in IKE, where it has them (RFC 4945 §5.1.3.2, §5.1.3.12).
    [[nodiscard]] bool may_sign_for_ike() const;
    [[nodiscard]] bool has_server_auth() const;  // its extendedKeyUsage has serverAuth

    // Whether it is that of an identity: type and value of an ID payload (RFC 7296 §3.5). An address, FQDN or mail
    // address: it is a subjectAltName of that type. DN: it is the subject, compared as RFC 5280 §7.1 says. Never by the
    // common name, and a "*" stands for itself only (conformance KA3).
    [[nodiscard]] bool is_of(std::uint8_t id_type, Bytes identity) const;

    [[nodiscard]] x509_st* native() const { return certificate_.get(); }

  private:
    using Held = std::unique_ptr<x509_st, FreeCertificate>;
    Certificate(Held certificate, crypto::VerifyingKey key)
        : certificate_(std::move(certificate)), key_(std::move(key)) {}
    [[nodiscard]] static tl::expected<Certificate, PeerVerdict> checked(Held certificate);

    Held certificate_;
    crypto::VerifyingKey key_;
};

}  // namespace warren::auth
