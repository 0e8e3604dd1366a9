// The certification authority of a fleet: keys of ECDSA P-256, certificates of X.509 (RFC 5280), requests for them
// (RFC 2986), and texts that the authority signs. All keys and certificates are PEM. Draws keys and serial numbers;
// the time is an argument.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "crypto/secret_buffer.h"

namespace warren::crypto {

inline constexpr Duration kAuthorityLifetime = std::chrono::hours(24 * 3650);
inline constexpr Duration kCertificateLifetime = std::chrono::hours(24 * 90);
inline constexpr std::size_t kMostPem = 16 * 1024;  // of one key, request or certificate

[[nodiscard]] Result<SecretBuffer> make_key();

// The authority's own certificate, signed by its key.
[[nodiscard]] Result<std::string> make_authority(Bytes key, const std::string& name, WallTime now);

// Says that whoever asks has the key. Signed by it.
[[nodiscard]] Result<std::string> request_certificate(Bytes key, const std::string& name);

// What a certificate is for. `addresses`: as text, in its subjectAltName.
struct CertificateUse {
    std::string name;
    std::vector<std::string> addresses;
    bool is_server = false;  // and client; else only client
};
// The public key is the request's, all else is the use's. kInvalid: the request is none, is not signed by its own key,
// or has another kind of key; or `key` is not that of `authority`.
[[nodiscard]] Result<std::string> issue_certificate(const std::string& authority, Bytes key, const std::string& request,
                                                    const CertificateUse& use, WallTime now);
// The same certificate with a new serial number and new dates. kPermission: `authority` did not issue it.
[[nodiscard]] Result<std::string> renew_certificate(const std::string& authority, Bytes key,
                                                    const std::string& certificate, WallTime now);

struct CertificateView {
    std::string name;  // common name
    WallTime not_before;
    WallTime not_after;
    std::string fingerprint;  // SHA-256 of its DER, as 64 digits of base 16
    std::string key;          // the same of its public key
};
[[nodiscard]] Result<CertificateView> view_certificate(const std::string& certificate);
// The first certificate of the text, written anew: nothing that the text has before or after it. What the functions
// here say of a text, they say of this one.
[[nodiscard]] Result<std::string> certificate_alone(const std::string& text);
// Signed by the authority's key, and named after it. Says nothing of dates.
[[nodiscard]] bool is_issued_by(const std::string& certificate, const std::string& authority);
// The certificate, or the request, is for this private key.
[[nodiscard]] bool is_certificate_of(const std::string& certificate, Bytes key);
// The key of a request and of a certificate is the same.
[[nodiscard]] bool has_key_of_request(const std::string& certificate, const std::string& request);

// A signature of the text, as digits of base 16, which `verify_text` takes.
[[nodiscard]] Result<std::string> sign_text(Bytes key, std::string_view text);
[[nodiscard]] bool verify_text(const std::string& authority, std::string_view text, const std::string& signature);

}  // namespace warren::crypto
