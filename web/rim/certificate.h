// The certificate of the status page and its key, as one PEM text.
#pragma once

#include <string>

#include "base/result.h"
#include "web/model/system_facts.h"

namespace warren::web {

// A fresh ECDSA P-256 key and a certificate that it signs itself, for ten years, for `appliance`, localhost and the
// loopback addresses.
[[nodiscard]] Result<std::string> make_certificate(const std::string& appliance);

// What is in it. kInvalid, saying what is wrong, when there is no certificate, no key, or they do not belong together.
[[nodiscard]] Result<CertificateFacts> read_certificate(const std::string& pem);

}  // namespace warren::web
