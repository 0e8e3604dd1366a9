// A hub and a scripted peer.
#pragma once

#include "tests/unit/ike_engine/harness.h"
#include "tests/unit/ike_engine/scripted_peer.h"

namespace warren::ike::testing {

// A hub, and a scripted peer at 192.0.2.1 that it is to talk to.
struct Bench {
    explicit Bench(const std::function<void(Connection&)>& change = {});

    // Afterwards `hub.sent` has what this caused, and nothing older.
    void send(const std::vector<std::uint8_t>& message, std::uint16_t port = kNatPort);
    void send_from(const Endpoint& from, const std::vector<std::uint8_t>& message, std::uint16_t port = kNatPort);
    // The only message that the hub sent; without marker.
    [[nodiscard]] std::vector<std::uint8_t> answer();
    [[nodiscard]] OpenedMessage opened() { return peer.open(answer()); }
    // IKE_SA_INIT and IKE_AUTH; afterwards the next request of the peer has ID 2.
    void connect();

    Hub hub{"192.0.2.2", 7};
    ScriptedPeer peer{8};
    Endpoint there{*parse_ip("192.0.2.1"), kIkePort, 0};
};

}  // namespace warren::ike::testing
