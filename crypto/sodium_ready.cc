#include "crypto/sodium_ready.h"

#include <sodium.h>

#include "base/check.h"

namespace warren::crypto {

void ensure_sodium_ready() {
    static const bool ready = ::sodium_init() >= 0;
    WARREN_CHECK(ready);
}

}  // namespace warren::crypto
