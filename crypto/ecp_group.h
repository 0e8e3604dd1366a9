// ECP groups, the curves P-256, P-384 and P-521 (RFC 5903); used by key_exchange.cc only. Over OpenSSL's points and
// not over its key objects, for the reason in modp_group.h.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "crypto/key_exchange.h"
#include "crypto/openssl_objects.h"
#include "crypto/random.h"
#include "crypto/secret_bytes.h"

namespace warren::crypto {

// Any thread: nothing changes after construction. A point is x || y, each of the field's length (RFC 5903 §7).
class EcpGroup {
  public:
    explicit EcpGroup(int nid);

    [[nodiscard]] SecretBytes<66> private_value(RandomSource& random) const;
    // scalar * G. Empty unless 0 < scalar < the order.
    [[nodiscard]] std::vector<std::uint8_t> multiple_of_generator(Bytes scalar) const;
    // The x coordinate of scalar * point. Empty when the point is not on the curve.
    [[nodiscard]] SharedSecret multiple(Bytes point, Bytes scalar) const;

  private:
    // Null unless 0 < scalar < the order.
    [[nodiscard]] Openssl<BIGNUM> scalar_of(Bytes scalar) const;

    Openssl<EC_GROUP> group_;
    std::size_t field_size_;  // bytes; the order has as many
    std::uint8_t top_mask_;   // of the first byte of a number that has as many bits as the order
};

// method is one of the ECP groups.
[[nodiscard]] const EcpGroup& ecp_group(KeyExchangeMethod method);

}  // namespace warren::crypto
