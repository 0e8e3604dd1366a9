// The bookkeeping of peers and their sessions.
#include "vpnd/dataplane/roster.h"

#include <doctest/doctest.h>

#include "vpnd/dataplane/framing/wireguard.h"

namespace warren::dataplane {
namespace {

constexpr PeerIndex kPeer{0};

struct Fixture {
    Fixture() : aead(std::move(*crypto::make_packet_aead(crypto::AeadBackend::kSodium))), roster(*aead) {
        auto view = std::make_unique<CustomerView>();
        view->index = {0};
        view->peers = {kPeer};
        roster.put_listener({0}, kWireguardFraming);
        roster.swap_customer(std::move(view), {});
    }
    void install(std::uint32_t id, bool has_selectors) {
        InstallSession command;
        command.local_id = {id};
        command.peer = kPeer;
        command.listener = {0};
        if (has_selectors) command.selectors.emplace_back();
        REQUIRE(roster.install(peer(), std::move(command)) != nullptr);
    }
    Peer& peer() { return *roster.find(kPeer); }

    std::unique_ptr<crypto::PacketAead> aead;
    Roster roster;
};

TEST_CASE("a peer has selectors as long as one of its sessions has") {
    Fixture fixture;
    fixture.install(1, false);
    CHECK_FALSE(fixture.peer().has_selectors);
    fixture.install(2, true);
    fixture.install(3, true);
    CHECK(fixture.peer().has_selectors);
    fixture.roster.retire({2});
    CHECK(fixture.peer().has_selectors);
    fixture.roster.retire({1});
    CHECK(fixture.peer().has_selectors);
    fixture.roster.retire({3});
    CHECK_FALSE(fixture.peer().has_selectors);
    fixture.install(4, true);
    fixture.install(4, false);  // the same id again
    CHECK_FALSE(fixture.peer().has_selectors);
}

}  // namespace
}  // namespace warren::dataplane
