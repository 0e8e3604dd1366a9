// Asks authd what takes a long-lived secret, over the channel that stackd passes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/time.h"
#include "ipc/auth_messages.h"
#include "ipc/channel.h"
#include "vpnd/ike/ask.h"
#include "vpnd/io/readiness.h"

namespace warren::vpnd {

// One thread. Never waits: an ask that authd does not take stays here, those that may wait behind all others, for as
// long as the engine waits for an answer. Without authd every ask fails at once.
class AuthdChannel {
  public:
    static constexpr std::size_t kMostAsked = 16;  // that authd has at a time: what may wait is not before what may not
    static constexpr std::size_t kMostWaiting = 256;  // as many as the engine has open (ike::kMostOpenAsks)

    struct Answered {
        ike::AskId id = 0;
        ike::Answer answer;
    };

    // Says to `readiness`, which outlives it, under `token` what it waits for.
    AuthdChannel(io::Readiness& readiness, std::uint64_t token) : readiness_(readiness), token_(token) {}

    // It takes the place of the present one, whose asks fail: that authd may be gone.
    void attach(ipc::Channel channel);
    [[nodiscard]] bool is_attached() const { return channel_.valid(); }

    // Anything but a KeyExchangeAsk.
    void post(Instant now, ike::AskId id, ike::Question question, bool may_wait);
    // Takes what authd has answered since, and passes it what waits.
    [[nodiscard]] std::vector<Answered> take(Instant now);
    // take() has something, whatever is ready.
    [[nodiscard]] bool has_answered() const { return !answered_.empty(); }
    // Nothing of what was posted before is answered any more.
    void forget_all();

  private:
    struct Waiting {
        ike::AskId id = 0;
        ipc::AuthQuestion question;
        Instant until;  // then the engine has given it up
    };
    void receive();
    void send();
    [[nodiscard]] bool send_one();
    void drop_late(Instant now);
    void detach(std::string_view reason);
    void drop_all();

    io::Readiness& readiness_;
    std::uint64_t token_;
    ipc::Channel channel_;
    std::deque<Waiting> urgent_;
    std::deque<Waiting> waiting_;
    std::unordered_map<std::uint64_t, ike::AskId> asked_;  // by the number of the message
    std::vector<Answered> answered_;
    std::vector<std::uint8_t> space_;
    std::vector<std::uint8_t> wire_;  // a message that authd has not taken yet
    std::uint64_t last_number_ = 0;
};

}  // namespace warren::vpnd
