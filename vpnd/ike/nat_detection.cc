#include "vpnd/ike/nat_detection.h"

#include "crypto/sha.h"

namespace warren::ike {

NatHash nat_hash(const IkeSpis& spis, const IpAddress& address, std::uint16_t port) {
    std::array<std::uint8_t, 16> spi_bytes;
    store_be(spi_bytes.data(), spis.initiator);
    store_be(spi_bytes.data() + 8, spis.responder);
    std::array<std::uint8_t, 2> port_bytes;
    store_be(port_bytes.data(), port);
    NatHash out;
    crypto::digest(crypto::Sha::kSha1, {spi_bytes, address.bytes(), port_bytes}, out);
    return out;
}

}  // namespace warren::ike
