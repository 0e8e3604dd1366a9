// Until when a certificate of a customer is valid, in the text of a ControlText (kFact). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace warren::ipc {

struct CertificateFact {
    std::string field;  // "ipsec.certificate"
    std::string file;   // below certs/; without spaces, as the configuration has it
    WallTime not_after{};
    bool operator==(const CertificateFact&) const = default;
};

// "certificate ipsec.certificate acme/gateway.pem 1796053250"
[[nodiscard]] std::string text_of(const CertificateFact& fact);
// Nothing when it is not such a text.
[[nodiscard]] std::optional<CertificateFact> parse_certificate_fact(std::string_view text);

}  // namespace warren::ipc
