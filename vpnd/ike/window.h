// Message IDs and retransmission of one IKE_SA, with a window of one (RFC 7296 §2.1 to §2.3).
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.h"
#include "crypto/random.h"
#include "vpnd/ike/numbers.h"

namespace warren::ike {

// The datagrams of one message: one, or its fragments. Without non-ESP marker.
using Datagrams = std::vector<std::vector<std::uint8_t>>;

class Window {
  public:
    // --- the peer's requests -----------------------------------------------------------------------

    enum class Place : std::uint8_t {
        kNext,     // it was not answered yet
        kLast,     // it was: the same answer goes out again
        kOutside,  // older, or ahead
    };
    [[nodiscard]] Place place_of(std::uint32_t id) const;
    // The next request has this answer from now on, and the one behind it may come.
    void answered(Datagrams response);
    [[nodiscard]] const Datagrams& last_response() const { return response_; }
    // Its first request was answered elsewhere, in the clear.
    void answered_init() { next_from_peer_ = 1; }
    [[nodiscard]] std::uint32_t next_from_peer() const { return next_from_peer_; }

    // --- our requests ------------------------------------------------------------------------------

    [[nodiscard]] std::uint32_t next_id() const { return next_id_; }
    [[nodiscard]] bool is_waiting() const { return is_waiting_; }
    // Our request, with next_id(), leaves now; none is waiting.
    void sent(Instant now, ExchangeType exchange, Datagrams request, crypto::RandomSource& random);
    // The one that waits is sent anew in another form, with the same ID (RFC 7296 §2.6, §2.7).
    void changed(Instant now, Datagrams request, crypto::RandomSource& random);
    [[nodiscard]] bool is_awaited(std::uint32_t id, ExchangeType exchange) const {
        return is_waiting_ && id + 1 == next_id_ && exchange == exchange_;
    }
    void got_response() {
        is_waiting_ = false;
        request_.clear();
    }
    // When again() is due; kNever when nothing waits.
    [[nodiscard]] Instant deadline() const { return is_waiting_ ? resend_at_ : kNever; }
    // What is to be sent again; null: it was sent often enough, nobody answers.
    [[nodiscard]] const Datagrams* again(Instant now, crypto::RandomSource& random);

    // --- of an earlier process ----------------------------------------------------------------------

    // What of it outlives a process.
    struct Kept {
        std::uint32_t next_from_peer = 0;
        std::uint32_t next_id = 0;
        bool is_waiting = false;
        ExchangeType exchange{};
        Datagrams request;   // is_waiting
        Datagrams response;  // the last one; empty: it is not known any more
        bool operator==(const Kept&) const = default;
    };
    [[nodiscard]] Kept keep() const { return {next_from_peer_, next_id_, is_waiting_, exchange_, request_, response_}; }
    // A request that waits is due to be sent again at once.
    [[nodiscard]] static Window resume(Kept kept);

  private:
    void schedule(Instant now, crypto::RandomSource& random);

    Datagrams response_;
    Datagrams request_;
    Instant resend_at_ = kNever;
    std::uint32_t next_from_peer_ = 0;
    std::uint32_t next_id_ = 0;
    ExchangeType exchange_{};
    std::uint8_t sendings_ = 0;
    bool is_waiting_ = false;
};

// A random duration from `least` to `most`.
[[nodiscard]] Duration random_between(Duration least, Duration most, crypto::RandomSource& random);

}  // namespace warren::ike
