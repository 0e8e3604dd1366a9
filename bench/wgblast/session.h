// A tunnel's session as a peer has it.
#pragma once

#include "base/time.h"
#include "crypto/keys.h"

namespace warren::bench {

struct Session {
    crypto::AeadKey send_key;
    crypto::AeadKey receive_key;
    std::uint32_t local_id = 0;  // 0: there is none yet
    std::uint32_t remote_id = 0;
    std::uint64_t counter = 0;  // the next to send
    Instant created;
    bool has_extended_sequence = false;  // ESP's
};

}  // namespace warren::bench
