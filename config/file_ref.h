// Files that the configuration names; what they hold is read by config/load and kept apart (config/secrets.h).
#pragma once

#include <cstdint>
#include <string>

namespace warren::config {

// A file below secrets/.
struct SecretRef {
    std::string name;  // relative, no "..", e.g. "acme/branch-graz.psk"
    bool operator==(const SecretRef&) const = default;
};

// A file below certs/: certificates, or a list of revoked ones. Not secret.
struct CertificateRef {
    std::string name;  // as a SecretRef's
    bool operator==(const CertificateRef&) const = default;
};

// What such a file holds. The first is 32 bytes in base64, as WireGuard has them.
enum class FileForm : std::uint8_t {
    kKey,
    kPsk,          // text, "hex:..." or "base64:..." (config/psk.h)
    kPpk,          // the same, and longer
    kUsers,        // lines: alice = "password" (config/psk.h)
    kPrivateKey,   // PKCS8 in PEM
    kCertificate,  // below certs/
    kPassword,     // one line of text
};

}  // namespace warren::config
