// Turns what engines report about peers into log lines, no more of them than a person can read.
#pragma once

#include <vector>

#include "base/log_gate.h"
#include "base/time.h"
#include "vpnd/control/engine.h"
#include "vpnd/customers/customer_set.h"

namespace warren::vpnd {

// One thread.
class NewsLog {
  public:
    // A first session, or one after a time without: info. A renewed one: debug.
    void completed(const CustomerSet& customers, const control::HandshakeCompleted& news);
    void gave_up(const CustomerSet& customers, const control::HandshakeGaveUp& news);

  private:
    std::vector<Instant> latest_;  // handshake, by PeerIndex
    LogGate sessions_;
    LogGate given_up_;
};

}  // namespace warren::vpnd
