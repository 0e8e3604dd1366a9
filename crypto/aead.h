// ChaCha20-Poly1305 (RFC 8439): single calls for handshakes, batches behind a backend seam for packets.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/keys.h"

namespace warren::crypto {

inline constexpr std::size_t kTagSize = 16;

// --- Single calls (libsodium). Nonce: 32 zero bits, then the counter, little-endian (WireGuard whitepaper §5.4).
// ----------------------

// out.size() == plaintext.size() + kTagSize; may not overlap.
void aead_seal(const Secret<32>& key, std::uint64_t counter, Bytes associated, Bytes plaintext, MutableBytes out);
// out.size() == sealed.size() - kTagSize. False, and `out` all zero, when the tag is wrong or sealed is shorter than a
// tag.
[[nodiscard]] bool aead_open(const Secret<32>& key, std::uint64_t counter, Bytes associated, Bytes sealed,
                             MutableBytes out);

// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha), for cookie replies (WireGuard whitepaper §5.4.7).
void xaead_seal(Bytes key, const std::array<std::uint8_t, 24>& nonce, Bytes associated, Bytes plaintext,
                MutableBytes out);
[[nodiscard]] bool xaead_open(Bytes key, const std::array<std::uint8_t, 24>& nonce, Bytes associated, Bytes sealed,
                              MutableBytes out);

// --- Batches of packets, in place, no associated data
// ---------------------------------------------------------------------------

enum class AeadBackend : std::uint8_t { kIpsecMb, kOpenssl, kSodium };
[[nodiscard]] std::string_view name_of(AeadBackend backend);

// One packet. seal: `text` is plaintext and becomes ciphertext, the tag is written to the kTagSize bytes after it.
// open: `text` is ciphertext with its tag in the kTagSize bytes after it, becomes plaintext, all zero when not
// `authentic`.
struct AeadJob {
    const AeadKey* key = nullptr;
    std::uint64_t counter = 0;
    std::uint8_t* text = nullptr;  // kTagSize bytes beyond `size` are part of the packet
    std::uint32_t size = 0;        // without the tag; may be 0
    bool authentic = false;        // result of open
};

// Seals and opens packets with one backend. One per thread, no allocation after creation; one virtual call per batch.
class PacketAead {
  public:
    virtual ~PacketAead() = default;
    virtual void seal(std::span<AeadJob> jobs) = 0;
    virtual void open(std::span<AeadJob> jobs) = 0;
    // No copy of a key that was used stays inside. To be called when a session ends: a backend may keep the last key
    // until the next packet.
    virtual void forget_keys() {}
};

// kUnsupported when this machine or build lacks it.
[[nodiscard]] Result<std::unique_ptr<PacketAead>> make_packet_aead(AeadBackend backend);

// Known-answer tests of one backend (RFC 8439, lengths around every block size, wrong tags, against the single calls).
[[nodiscard]] Status self_test(PacketAead& aead);

struct AeadChoice {
    AeadBackend backend;
    double nanoseconds_per_packet = 0;  // 1420 bytes, sealed
};
// Tests every backend this machine has, times those that pass (about 20 ms each) and picks the fastest. Fails when none
// passes. The clock is read through `monotonic_nanoseconds`, given by the rim.
[[nodiscard]] Result<AeadChoice> choose_backend(std::int64_t (*monotonic_nanoseconds)());

}  // namespace warren::crypto
