#include "crypto/random.h"

#include <sodium.h>

#include "crypto/sodium_ready.h"

namespace warren::crypto {

void SystemRandom::fill(MutableBytes out) {
    ensure_sodium_ready();
    ::randombytes_buf(out.data(), out.size());
}

}  // namespace warren::crypto
