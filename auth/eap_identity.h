// Whom a client's certificate shows in EAP-TLS.
#pragma once

#include <string>

#include "auth/chain/certificate.h"

namespace warren::auth {

// The first subjectAltName of the first of these kinds that it has: mail address, Windows' user principal name, DNS
// name; else its subject (RFC 5216 §5.2). Printable and not longer than eap::kMostIdentity; "" when there is none.
[[nodiscard]] std::string name_of(const Certificate& certificate);

}  // namespace warren::auth
