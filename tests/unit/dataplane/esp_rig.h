// The far end of ESP tunnels, written from the RFCs and not from the framing.
#pragma once

#include <optional>

#include "rig.h"

namespace warren::dataplane::test {

inline constexpr std::uint32_t kEspListener = 4;

// Both directions of one CHILD_SA: the keys follow from its SPI.
struct Sa {
    std::uint32_t spi = 0x1000'0040;
    crypto::AeadSuite suite = crypto::AeadSuite::kAes128Gcm;
    bool esn = false;
    std::uint32_t peer = 0;

    [[nodiscard]] std::uint32_t remote_spi() const { return spi ^ 0x8000'0000; }
};

// What a far end may do otherwise than it should.
struct Trailer {
    std::optional<std::uint8_t> next_header = std::nullopt;
    std::optional<std::uint8_t> pad_length = std::nullopt;
    std::uint8_t wrong_byte = 0;   // of the padding, from 1; 0: none
    std::size_t more_padding = 0;  // a multiple of 4
    std::size_t tfc = 0;           // bytes behind the packet, before the padding
};

class EspRig : public Rig {
  public:
    // A customer, its peer 0 behind 10.0.0.2/32, 10.1.0.0/16 and fd00:1::/64, known at the rig's `from`.
    EspRig();

    [[nodiscard]] InstallSession session_of(const Sa& sa) const;
    void install(const Sa& sa) { apply(session_of(sa)); }

    // A message to us with this 64-bit sequence number.
    [[nodiscard]] static Packet seal(const Sa& sa, std::uint64_t sequence, Bytes packet, const Trailer& trailer = {});
    // The packet in a message of ours that has this sequence number; nothing when any octet is not as it should be.
    [[nodiscard]] static std::optional<Packet> open(const Sa& sa, std::uint64_t sequence, Bytes message);

    // To us, and what was delivered.
    [[nodiscard]] std::vector<Packet> take(const Packet& message);
};

inline constexpr std::array kEspSuites{
    crypto::AeadSuite::kChacha20Poly1305, crypto::AeadSuite::kAes128Gcm,       crypto::AeadSuite::kAes256Gcm,
    crypto::AeadSuite::kAes128CbcSha1,    crypto::AeadSuite::kAes256CbcSha1,   crypto::AeadSuite::kAes128CbcSha256,
    crypto::AeadSuite::kAes256CbcSha256,  crypto::AeadSuite::kAes128CbcSha512, crypto::AeadSuite::kAes256CbcSha512};

// UDP from the peer to the stack, and back.
[[nodiscard]] Packet from_peer(const char* source = "10.0.0.2", const char* destination = "10.0.0.1");
[[nodiscard]] Packet to_peer(const char* destination = "10.0.0.2", const char* source = "10.0.0.1");

}  // namespace warren::dataplane::test
