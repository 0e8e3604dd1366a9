// libsodium picks its code for this CPU once per process.
#pragma once

namespace warren::crypto {

// Returns when libsodium is ready. Its first call initialises libsodium, which asks getrandom(2) once. Any thread.
void ensure_sodium_ready();

}  // namespace warren::crypto
