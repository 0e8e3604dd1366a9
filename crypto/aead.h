// AEADs: single calls for control messages, batches behind a backend seam for packets.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/keys.h"

namespace warren::crypto {

inline constexpr std::size_t kTagSize = 16;  // of an AEAD
// Of any suite: AES-CBC's is as much of the HMAC as its name says (RFC 2404, RFC 4868).
[[nodiscard]] constexpr std::size_t tag_size_of(AeadSuite suite) {
    switch (suite) {
        case AeadSuite::kAes128CbcSha1:
        case AeadSuite::kAes256CbcSha1: return 12;
        case AeadSuite::kAes128CbcSha512:
        case AeadSuite::kAes256CbcSha512: return 32;
        default: return 16;
    }
}

// --- Single calls (libsodium) --------------------------------------------------------------------
// Nonce: 32 zero bits, then the counter, little-endian (WireGuard whitepaper §5.4).

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

// --- Single calls of any suite: for control messages, and as the oracle of the backends' tests ---

// Nonce: the key's salt, then `iv` as a little-endian integer. As above otherwise.
// AES-CBC: the plaintext is a multiple of 16 bytes. What is sealed is IV, ciphertext, tag; seal makes the IV of `iv`,
// open does not look at it. The first 8 bytes of `associated` are authentic before the IV, the others behind the
// ciphertext.
void suite_seal(const AeadKey& key, std::uint64_t iv, Bytes associated, Bytes plaintext, MutableBytes out);
[[nodiscard]] bool suite_open(const AeadKey& key, std::uint64_t iv, Bytes associated, Bytes sealed, MutableBytes out);

// --- Batches of packets, in place ----------------------------------------------------------------

enum class AeadBackend : std::uint8_t { kIpsecMb, kOpenssl, kSodium };
[[nodiscard]] std::string_view name_of(AeadBackend backend);

// One packet of an AEAD. seal: `text` is plaintext and becomes ciphertext, the tag is written to the kTagSize bytes
// after it. open: `text` is ciphertext with its tag in the kTagSize bytes after it, becomes plaintext, all zero when
// not `authentic`. Nonce: the key's salt, then `iv` as a little-endian integer: WireGuard's counter is that (WireGuard
// whitepaper §5.4), ESP's 8 bytes of IV are loaded so (RFC 4106 §4).
// AES-CBC: `size` is a multiple of 16 and not 0, and the tag has tag_size_of() bytes. Before `text` are 8 bytes of
// header and the IV, both authentic; seal writes the IV, made of `iv`, which is used once. `associated` is authentic
// behind the text.
struct AeadJob {
    static constexpr std::size_t kMostAssociated = 12;  // ESP with extended sequence numbers (RFC 4106 §5)

    const AeadKey* key = nullptr;
    std::uint64_t iv = 0;
    std::uint8_t* text = nullptr;      // kTagSize bytes beyond `size` are part of the packet
    std::uint32_t size = 0;            // without the tag; may be 0
    bool authentic = false;            // result of open
    std::uint8_t associated_size = 0;  // of `associated`; WireGuard has none
    std::array<std::uint8_t, kMostAssociated> associated{};

    [[nodiscard]] Bytes associated_data() const { return Bytes(associated).first(associated_size); }
};

// Seals and opens packets with one backend. One per thread, no allocation in seal and open; one virtual call per batch.
class PacketAead {
  public:
    virtual ~PacketAead() = default;
    [[nodiscard]] virtual bool has(AeadSuite suite) const { return suite == AeadSuite::kChacha20Poly1305; }
    // Call it once for a key, before its first packet. The suite is one that has() accepts.
    virtual void prepare(AeadKey& /*key*/) {}
    virtual void seal(std::span<AeadJob> jobs) = 0;
    virtual void open(std::span<AeadJob> jobs) = 0;
    // Wipes every copy of a key. Call it when a session ends: a backend may keep the last key until the next packet.
    virtual void forget_keys() {}
};

// Which backend serves which suite: not every backend has all suites, and the fastest one differs.
struct AeadBackends {
    AeadBackends(AeadBackend chacha, AeadBackend gcm = AeadBackend::kOpenssl,  // NOLINT(google-explicit-constructor)
                 bool lanes = false)
        : chacha20poly1305(chacha), aes_gcm(gcm), has_lanes(lanes) {}
    AeadBackend chacha20poly1305;
    AeadBackend aes_gcm;
    bool has_lanes;  // small packets of ChaCha20-Poly1305 are done several at a time, by our own code
};

// kUnsupported when this machine or build lacks the backend.
[[nodiscard]] Result<std::unique_ptr<PacketAead>> make_packet_aead(AeadBackend backend);
// All suites, each by its backend.
[[nodiscard]] Result<std::unique_ptr<PacketAead>> make_packet_aead(const AeadBackends& backends);

// Known-answer tests of one backend in every suite that it has (RFC 8439, the GCM specification, lengths around every
// block size, wrong tags, against the single calls).
[[nodiscard]] Status self_test(PacketAead& aead);

struct AeadChoice {
    AeadBackend backend;                // for ChaCha20-Poly1305
    double nanoseconds_per_packet = 0;  // 1420 bytes, sealed
    // For AES-GCM: the first that has it and passes its tests, in the order of AeadBackend.
    AeadBackend aes_gcm = AeadBackend::kOpenssl;
    bool has_lanes = false;  // as in AeadBackends: this CPU has them, they pass the tests and are faster

    [[nodiscard]] AeadBackends backends() const { return {backend, aes_gcm, has_lanes}; }
};
// As people see it: the backend for ChaCha20-Poly1305, and "+lanes" when it has them.
[[nodiscard]] std::string name_of(const AeadChoice& choice);
// Tests every backend this machine has, times those that pass (about 20 ms each) and picks the fastest. Fails when none
// passes. Tests and times lanes with that one (about 10 ms). The clock is read through `monotonic_nanoseconds`, given
// by the rim.
[[nodiscard]] Result<AeadChoice> choose_backend(std::int64_t (*monotonic_nanoseconds)());

}  // namespace warren::crypto
