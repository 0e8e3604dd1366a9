// Answers key exchanges.
#pragma once

#include "crypto/random.h"
#include "vpnd/ike/ask.h"

namespace warren::ike {

// Takes milliseconds with the large groups. Of any thread, as far as `random` is.
[[nodiscard]] KeyExchangeAnswer exchange(KeyExchangeAsk ask, crypto::RandomSource& random);

}  // namespace warren::ike
