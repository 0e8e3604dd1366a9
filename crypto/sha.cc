#include "crypto/sha.h"

#include "crypto/sha_state.h"

namespace warren::crypto {

void digest(Sha sha, std::initializer_list<Bytes> parts, MutableBytes out) {
    ShaState state(sha);
    for (const Bytes part : parts) state.update(part);
    state.finish(out);
}

}  // namespace warren::crypto
