// Turns what engines report about peers into log lines, no more of them than a person can read.
#pragma once

#include <unordered_map>
#include <unordered_set>
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
    // It had a session before we were restarted, which goes on: no news, but it is up.
    void resumed(const CustomerSet& customers, const control::PeerResumed& news);
    // Its last session is gone: peer_down, and customer_down when it was the last peer of its customer that had one.
    void lost(const CustomerSet& customers, const control::PeerLost& news);
    void refused(const CustomerSet& customers, const control::HandshakeRefused& news);
    void flaps(const CustomerSet& customers, const control::PeerFlaps& news);
    // Who sends messages of handshakes that are refused. How many lines there are, control::Refusals decides.
    static void sender_refused(const CustomerSet& customers, const ipc::ListenerId& listener,
                               const control::Refusals::Told& told);
    // It is removed from the configuration, or suspended: that is no news.
    void forget(CustomerIndex customer, PeerIndex peer);

  private:
    enum class Place : std::uint8_t { kUnknown, kUp, kDown };
    [[nodiscard]] Place& place_of(PeerIndex peer);
    void take_down(CustomerIndex customer);

    std::vector<Place> places_;                            // by PeerIndex
    std::unordered_map<CustomerIndex, std::uint32_t> up_;  // how many peers of a customer are up, where any is
    std::unordered_set<CustomerIndex> down_;               // customers that were said to be down
    LogGate sessions_;
    LogGate peers_up_;
    LogGate peers_down_;
    LogGate customers_;
    LogGate given_up_;
    LogGate flaps_;
    LogGate refused_as_old_;
    LogGate refused_as_too_soon_;
    LogGate refused_as_expired_;
};

}  // namespace warren::vpnd
