// The SK payload (RFC 7296 §3.14): sealing a chain of payloads into a message, and opening one.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "crypto/ike_cipher.h"
#include "crypto/random.h"
#include "vpnd/ike/flaw.h"
#include "vpnd/ike/header.h"
#include "vpnd/ike/payload.h"
#include "vpnd/ike/writer.h"

namespace warren::ike {

// One direction's key for sending, with the counter that gives every message an IV of its own. A message that is sent
// again is sent as it is, never sealed again.
class Sealer {
  public:
    // first_iv: no message was sealed with this key and an IV from there on.
    explicit Sealer(crypto::IkeCipherKey key, std::uint64_t first_iv = 0) : key_(std::move(key)), next_iv_(first_iv) {}

    // A whole message: `header` (its next payload and length are set here), then SK with `first` and `chain` in it. CBC
    // takes its IV from `random`. chain.size() <= kMostChain, as of a Chain that is ok().
    [[nodiscard]] std::vector<std::uint8_t> seal(const Header& header, PayloadType first, Bytes chain,
                                                 crypto::RandomSource& random);
    [[nodiscard]] std::vector<std::uint8_t> seal(const Header& header, const Chain& chain,
                                                 crypto::RandomSource& random) {
        return seal(header, chain.first(), chain.bytes(), random);
    }
    // The same with SKF (RFC 7383 §2.5); first: of fragment 1, else kNone.
    [[nodiscard]] std::vector<std::uint8_t> seal_fragment(const Header& header, PayloadType first, std::uint16_t number,
                                                          std::uint16_t total, Bytes part,
                                                          crypto::RandomSource& random);

    // The most bytes of a chain of which the whole sealed message has at most `message_size`. 0: none.
    [[nodiscard]] std::size_t most_chain(std::size_t message_size, bool is_fragment) const;
    // How many bytes a message with a chain of this size has.
    [[nodiscard]] std::size_t message_size(std::size_t chain_size, bool is_fragment) const;

    // What outlives the process.
    [[nodiscard]] const crypto::IkeCipherKey& key() const { return key_; }
    [[nodiscard]] std::uint64_t next_iv() const { return next_iv_; }
    // So many IVs are left out.
    void jump(std::uint64_t ivs) { next_iv_ += ivs; }

  private:
    std::vector<std::uint8_t> seal_payload(const Header& header, PayloadType type, PayloadType first, Bytes fields,
                                           Bytes chain, crypto::RandomSource& random);

    crypto::IkeCipherKey key_;
    std::uint64_t next_iv_ = 0;
};

// What was in an SK payload. Moved, never copied, and wiped: it may hold what EAP keeps secret.
struct Opened {
    // For read_payloads. What that yields are views of `chain`: this must outlive them, and may be moved.
    PayloadType first = PayloadType::kNone;
    std::vector<std::uint8_t> chain;

    Opened() = default;
    Opened(PayloadType type, std::vector<std::uint8_t> text) : first(type), chain(std::move(text)) {}
    Opened(Opened&&) = default;
    Opened& operator=(Opened&& other) noexcept {
        std::swap(first, other.first);
        std::swap(chain, other.chain);
        return *this;
    }
    Opened(const Opened&) = delete;
    Opened& operator=(const Opened&) = delete;
    ~Opened() { crypto::wipe(chain); }
};

// Integrity first; until it is right nothing of the payload means anything (conformance KP6). kNotAuthentic: drop the
// message, nothing has happened. kPadding: authentic and malformed.
[[nodiscard]] Read<Opened> open(const crypto::IkeCipherKey& key, const SkPayload& payload);
// One fragment's part of the chain.
[[nodiscard]] Read<std::vector<std::uint8_t>> open(const crypto::IkeCipherKey& key, const SkfPayload& payload);

}  // namespace warren::ike
