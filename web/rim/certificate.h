// The certificate of the status page and its key, in one PEM text.
#pragma once

#include <string>

#include "base/result.h"
#include "web/model/system_facts.h"

namespace warren::web {

// A new ECDSA P-256 key and a self-signed certificate, valid for ten years, for `appliance`, localhost and the loopback
// addresses.
[[nodiscard]] Result<std::string> make_certificate(const std::string& appliance);

// Parses it. kInvalid, with the reason, when there is no certificate, no key, or the two do not match.
[[nodiscard]] Result<CertificateFacts> read_certificate(const std::string& pem);

}  // namespace warren::web
