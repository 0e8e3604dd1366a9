// OpenSSL's algorithms that verify signatures, and no others.
#pragma once

struct ossl_lib_ctx_st;

namespace warren::crypto {

// A library context with those of OpenSSL's default provider that certificates and AUTH payloads may use: RSA, EC and
// Ed25519 keys, their signatures, SHA-1 and SHA-2. OpenSSL 3.0 looks through all decoders of a context for each key
// that it reads, which takes longer than to verify a signature with it; here it finds three. And what a stranger sends
// reaches no decoder of a kind of key that nobody may use. Any thread. Made when it is asked for the first time, and
// good until the process ends.
[[nodiscard]] ossl_lib_ctx_st* signature_library();

}  // namespace warren::crypto
