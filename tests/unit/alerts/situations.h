// Answers of vpnd for tests.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "alerts/model/roll.h"

namespace warren::alerts::testing {

inline constexpr std::int64_t kSecond = 1'000'000'000;
inline constexpr WallTime kNow{1'764'500'000 * kSecond};

inline Now at(std::int64_t seconds_later) {
    return {{seconds_later * kSecond}, {kNow.nanoseconds + seconds_later * kSecond}};
}

struct Given {
    ipc::CustomerSnapshot customer;
    std::vector<ipc::PeerSnapshot> peers;
    std::vector<ipc::ConnectionSnapshot> connections{};
};

inline ipc::PeerSnapshot never(const std::string& name) {
    ipc::PeerSnapshot out;
    out.settings.name = name;
    return out;
}
inline ipc::PeerSnapshot up(const std::string& name, std::uint32_t age_seconds = 5) {
    ipc::PeerSnapshot out = never(name);
    out.state = ipc::PeerState::kOnline;
    out.latest_handshake_seconds = age_seconds;
    return out;
}
inline ipc::PeerSnapshot down(const std::string& name, std::uint32_t age_seconds = 3600) {
    ipc::PeerSnapshot out = up(name, age_seconds);
    out.state = ipc::PeerState::kIdle;
    return out;
}
inline ipc::ConnectionSnapshot connection(const std::string& name, ipc::ConnectionState state) {
    ipc::ConnectionSnapshot out;
    out.settings.name = name;
    out.state = state;
    return out;
}
inline Given customer(const std::string& id, std::vector<ipc::PeerSnapshot> peers) {
    Given out;
    out.customer.settings.id = id;
    out.customer.settings.name = "The " + id;
    out.peers = std::move(peers);
    return out;
}
inline Given site(const std::string& id, std::vector<ipc::ConnectionSnapshot> connections) {
    Given out = customer(id, {});
    out.connections = std::move(connections);
    return out;
}

inline void feed(Roll& roll, const std::vector<Given>& customers, bool full = true, Now now = at(0),
                 std::uint64_t generation = 1, std::uint64_t life = 0) {
    ipc::SnapshotHeader header;
    header.generation = generation;
    header.epoch = life;
    header.full = full;
    REQUIRE(roll.add(now, header).value());
    for (const Given& given : customers) {
        REQUIRE(roll.add(now, given.customer).value());
        for (const auto& peer : given.peers) REQUIRE(roll.add(now, peer).value());
        for (const auto& connection : given.connections) REQUIRE(roll.add(now, connection).value());
    }
    REQUIRE_FALSE(roll.add(now, ipc::SnapshotEnd{}).value());
}

inline Roll roll_of(const std::vector<Given>& customers) {
    Roll out;
    feed(out, customers);
    return out;
}

}  // namespace warren::alerts::testing
