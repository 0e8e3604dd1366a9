// Our own certificate: a private key, and the chain that peers get.
#pragma once

#include <vector>

#include "auth/chain/certificate.h"
#include "base/bytes.h"
#include "base/result.h"
#include "crypto/signature.h"

namespace warren::auth {

// One thread.
class Signer {
  public:
    // `certificate`: PEM, the leaf first, then what issued it; roots are left out of what peers get. `private_key`:
    // PEM. kInvalid: one of them cannot be used, or the key is not the certificate's.
    [[nodiscard]] static Result<Signer> from_files(Bytes certificate, Bytes private_key);

    [[nodiscard]] const crypto::SigningKey& key() const { return key_; }
    [[nodiscard]] const Certificate& leaf() const { return chain_.front(); }
    [[nodiscard]] const std::vector<Certificate>& chain() const { return chain_; }
    // DER, the leaf first, without roots.
    [[nodiscard]] const std::vector<std::vector<std::uint8_t>>& chain_to_send() const { return to_send_; }

  private:
    Signer(crypto::SigningKey key, std::vector<Certificate> chain);

    crypto::SigningKey key_;
    std::vector<Certificate> chain_;
    std::vector<std::vector<std::uint8_t>> to_send_;
};

}  // namespace warren::auth
