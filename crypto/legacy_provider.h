// Where MD4 and DES come from: OpenSSL's provider `legacy`, which is a file.
#pragma once

#include "base/result.h"
#include "crypto/legacy_digest.h"

namespace warren::crypto {

// Opens the file the first time, so that this comes before a sandbox. What it gives is good until the process ends.
// kUnsupported: the provider is not installed.
[[nodiscard]] Result<LegacyDigest> load_legacy_digest();

}  // namespace warren::crypto
