// The thread that computes key exchanges: they take milliseconds, and the control worker has none to wait.
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "crypto/random.h"
#include "vpnd/ike/ask.h"

namespace warren::vpnd {

// Owned by the control worker's thread, which makes all calls; the work happens on a thread of its own: in the order in
// which it came, but what may wait comes after all else.
class KeyExchangeThread {
  public:
    struct Answered {
        ike::AskId id = 0;
        ike::Answer answer;
    };

    // `random` outlives it, and is of any thread.
    [[nodiscard]] static Result<std::unique_ptr<KeyExchangeThread>> start(crypto::RandomSource& random);
    // Waits for the exchange under way; every key is wiped.
    ~KeyExchangeThread();
    KeyExchangeThread(const KeyExchangeThread&) = delete;
    KeyExchangeThread& operator=(const KeyExchangeThread&) = delete;

    // How many may wait the engine bounds (ike::kMostOpenAsks).
    void post(ike::AskId id, ike::KeyExchangeAsk ask, bool may_wait);
    // Those that are done since the last call.
    [[nodiscard]] std::vector<Answered> take();
    // Nothing of what was posted before is answered any more.
    void forget_all();

    // Readable when take() has something.
    [[nodiscard]] int fd() const;

  private:
    struct State;
    explicit KeyExchangeThread(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;
};

}  // namespace warren::vpnd
