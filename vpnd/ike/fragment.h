// Messages in several datagrams (RFC 7383).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/ip.h"
#include "base/time.h"
#include "crypto/random.h"
#include "vpnd/ike/flaw.h"
#include "vpnd/ike/header.h"
#include "vpnd/ike/payload.h"
#include "vpnd/ike/sealed.h"

namespace warren::ike {

// What is around an IKE message in an IP packet without options: IP, UDP and the non-ESP marker (as on port 4500).
[[nodiscard]] constexpr std::size_t outer_size(Family family) {
    return (family == Family::kV4 ? 20U : 40U) + 8U + 4U;
}
inline constexpr std::size_t kLeastFragmentSize = 576;  // of the IP packet; RFC 7383 §2.5.1

// The datagrams of a message: one with SK when its IP packet has at most `fragment_size` bytes, else as many with SKF
// as it takes. fragment_size >= kLeastFragmentSize; the chain is ok().
[[nodiscard]] std::vector<std::vector<std::uint8_t>> seal_in_fragments(Sealer& sealer, const Header& header,
                                                                       const Chain& chain, std::size_t fragment_size,
                                                                       Family family, crypto::RandomSource& random);

// Collects the fragments of one message at a time (conformance KF1). Only what was opened and is authentic comes in. It
// keeps at most kMostFragments and kMostMessage bytes, for at most kReassemblyTime, and wipes them. One thread.
class Reassembly {
  public:
    static constexpr Duration kReassemblyTime = std::chrono::seconds(10);
    static constexpr std::size_t kMostFragments = 256;  // more than a whole message in the least fragments

    enum class Verdict : std::uint8_t {
        kWaiting,   // kept; more are missing
        kComplete,  // take() has the whole
        kIgnored,   // a repeat, or of an older split: it has a smaller total
        kRefused,   // beyond the total or the bounds. What was collected stays, but for what has outgrown kMostMessage
    };
    // Whether a fragment would be kept: one that would not need not be opened.
    [[nodiscard]] bool wants(Instant now, const Header& header, const SkfPayload& payload) const;
    // `part` is what open() yielded for `payload` in a message with this header. Another message ID, direction or
    // exchange, or a larger total, starts anew (RFC 7383 §2.6).
    [[nodiscard]] Verdict add(Instant now, const Header& header, const SkfPayload& payload,
                              std::vector<std::uint8_t> part);
    // The chain of payloads, after kComplete; then nothing is left.
    [[nodiscard]] Opened take();
    // Bytes that it holds.
    [[nodiscard]] std::size_t size() const { return size_; }
    // When the caller is to clear() it; kNever when it holds nothing.
    [[nodiscard]] Instant deadline() const;
    void clear();

    Reassembly() = default;
    Reassembly(Reassembly&&) = default;
    Reassembly& operator=(Reassembly&&) = delete;
    Reassembly(const Reassembly&) = delete;
    Reassembly& operator=(const Reassembly&) = delete;
    ~Reassembly() { clear(); }

  private:
    struct Part {
        std::uint16_t number;
        std::vector<std::uint8_t> bytes;
    };
    // Whose fragments are collected.
    struct Key {
        std::uint32_t message_id = 0;
        bool is_response = false;
        ExchangeType exchange = ExchangeType::kIkeAuth;
        bool operator==(const Key&) const = default;
    };
    [[nodiscard]] bool is_current(Instant now, const Key& key) const;
    [[nodiscard]] bool has(std::uint16_t number) const;

    std::vector<Part> parts_;  // as they came
    std::size_t size_ = 0;     // of all parts
    std::uint16_t total_ = 0;  // 0: nothing is collected
    Key key_;
    PayloadType first_ = PayloadType::kNone;
    Instant started_ = kLongAgo;
};

}  // namespace warren::ike
