#include "crypto/secret.h"

#include <sodium.h>

namespace warren::crypto {

void wipe(MutableBytes memory) {
    ::sodium_memzero(memory.data(), memory.size());
}

bool equal_constant_time(Bytes a, Bytes b) {
    return a.size() == b.size() && ::sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace warren::crypto
