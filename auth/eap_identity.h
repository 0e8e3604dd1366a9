// Whom a client's certificate shows in EAP-TLS.
#pragma once

#include <string>

#include "auth/chain/certificate.h"

namespace warren::auth {

// The first subjectAltName of the first of these kinds that it has: mail address, Windows' user principal name, DNS
// name (RFC 5216 §5.2). Its subject is no name: as text it could be written like anybody's (conformance KA3).
// Printable and not longer than eap::kMostIdentity; "" when there is none.
[[nodiscard]] std::string name_of(const Certificate& certificate);

}  // namespace warren::auth
