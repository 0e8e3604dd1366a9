// From bytes to payloads. Every length is checked before anything is read, the work is linear in the message's length,
// and nothing is allocated. What it takes is well-formed; whether it fits the exchange is the caller's to check.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <variant>

#include "base/bytes.h"
#include "vpnd/ike/flaw.h"
#include "vpnd/ike/header.h"
#include "vpnd/ike/payload.h"

namespace warren::ike {

// Bounds of one message (conformance KP4).
inline constexpr std::size_t kMostPayloads = 64;
inline constexpr std::size_t kMostProposals = 32;
inline constexpr std::size_t kMostTransforms = 255;  // of one proposal
inline constexpr std::size_t kMostSelectors = 64;    // of one TSi or TSr
inline constexpr std::size_t kMostCertificates = 8;  // CERT payloads

inline constexpr std::size_t kLeastNonce = 16;  // RFC 7296 §3.9
inline constexpr std::size_t kMostNonce = 256;

// The payloads of one message, or of one SK payload, in their order. Unknown ones that are not critical are left out.
class Payloads {
  public:
    [[nodiscard]] const Payload* begin() const { return payloads_.data(); }
    [[nodiscard]] const Payload* end() const { return payloads_.data() + size_; }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }

    // The first of its kind; null when there is none. SA, KE, nonce, IDi, IDr, AUTH, TSi, TSr, CP, EAP, SK and SKF are
    // there once at most.
    template <typename Kind>
    [[nodiscard]] const Kind* find() const {
        for (const Payload& payload : *this) {
            if (const Kind* found = std::get_if<Kind>(&payload)) return found;
        }
        return nullptr;
    }
    // The first notification of a type; null when there is none.
    [[nodiscard]] const NotifyPayload* notify(NotifyType type) const;
    // The first error notification; null when there is none.
    [[nodiscard]] const NotifyPayload* error() const;

    // False when it is full.
    [[nodiscard]] bool add(const Payload& payload) {
        if (size_ == kMostPayloads) return false;
        payloads_[size_++] = payload;
        return true;
    }

  private:
    std::array<Payload, kMostPayloads> payloads_{};
    std::size_t size_ = 0;
};

struct Message {
    Bytes bytes;  // from the header to the end
    Header header;
    Payloads payloads;
};

// A datagram without its non-ESP marker. read_header's checks, then all payloads up to SK or SKF, which are not opened.
[[nodiscard]] Read<Message> read_message(Bytes datagram);

// A chain of payloads of which the first is of type `first`: what an SK payload held. SK and SKF are not taken here.
[[nodiscard]] Read<Payloads> read_payloads(PayloadType first, Bytes chain);

}  // namespace warren::ike
