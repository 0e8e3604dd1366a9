// A vpnd as the census sees it: rounds of snapshots, made by the test.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "web/model/census.h"

namespace warren::test {

inline Now at(std::int64_t second) {
    return {{(10'000 + second) * 1'000'000'000}, {(1'700'000'000 + second) * 1'000'000'000}};
}

struct Vpnd {
    web::SnapshotRound round;
    Vpnd() {
        round.header.epoch = 7;
        round.customers.resize(1);
        round.customers[0].customer.settings.id = "acme";
        round.customers[0].customer.listeners.resize(1);
        round.customers[0].peers.resize(1);
        round.customers[0].peers[0].settings.name = "graz";
    }
    ipc::CustomerSnapshot& customer() { return round.customers[0].customer; }
    ipc::PeerSnapshot& peer() { return round.customers[0].peers[0]; }
    void handshake(std::uint32_t age) {
        peer().latest_handshake_seconds = age;
        peer().activity.latest_handshake = {1};
        peer().state = age < 180 ? ipc::PeerState::kOnline : ipc::PeerState::kIdle;
        peer().activity.lost_because = "";
    }
};

// A customer as a whole goes down with its last peer, and up with its first: past_test.cc.
inline bool is_of_whole(const web::Event& event) {
    return (event.kind == web::EventKind::kUp || event.kind == web::EventKind::kDown) && event.connection.empty();
}

inline std::vector<std::string> kinds(const web::Census& census, const std::string& customer = "acme") {
    std::vector<std::string> out;
    for (const web::Event* event :
         census.events().find(customer, 0, UINT64_MAX, 100, [](const web::Event& one) { return !is_of_whole(one); }))
        out.insert(out.begin(), std::string(name_of(event->kind)));
    return out;
}

inline std::string& key_of(ipc::PeerSnapshot& peer) {
    return std::get<ipc::ShownWireguardPeer>(peer.tunnel).public_key;
}

}  // namespace warren::test
