// Until when the certificates are valid that a customer's file names. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/time.h"
#include "config/customer.h"
#include "config/secrets.h"

namespace warren::config {

struct CertificateEnd {
    std::string field;  // "ipsec.certificate", "ipsec.ca[0]"
    std::string file;   // below certs/
    WallTime not_after;
    bool operator==(const CertificateEnd&) const = default;
};

inline constexpr std::size_t kMostCertificateEnds = 16;    // files
inline constexpr std::size_t kMostCertificatesRead = 128;  // in all of them together

// Of each file that with the earliest end: our own chain, then the CAs. What cannot be read, or is beyond these
// numbers, is left out.
[[nodiscard]] std::vector<CertificateEnd> certificate_ends(const Customer& customer, const Secrets& secrets);

}  // namespace warren::config
