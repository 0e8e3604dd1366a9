// Long lists of prefixes: what vpnd has need not be sent again, and there are no more than a customer may have.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/vpnd/fixtures.h"
#include "vpnd/customers/customer_set.h"

using namespace warren;
using namespace warren::vpnd;

namespace {

Generation with_customer(std::uint64_t number, const std::string& id, std::vector<ipc::PutPeer> peers,
                         bool has_tun = false) {
    Generation generation;
    generation.number = number;
    generation.customers.push_back(test::new_customer(id, std::move(peers), "", has_tun));
    return generation;
}

// The shared listener and acme, applied.
CustomerSet with_acme(std::vector<ipc::PutPeer> peers) {
    CustomerSet set(1);
    Generation first = with_customer(1, "acme", std::move(peers), true);
    first.full = true;
    first.listeners.push_back(test::new_listener("", 1));
    REQUIRE(set.apply(std::move(first)));
    return set;
}

std::vector<ipc::PutPeer> one_peer(std::uint8_t key = 10) {
    std::vector<ipc::PutPeer> out;
    out.push_back(test::put_peer(key, {"10.1.0.0/16", "10.2.0.0/16"}));
    return out;
}

// The same without its prefixes.
std::vector<ipc::PutPeer> again(std::uint8_t key = 10) {
    auto out = one_peer(key);
    out[0].settings.allowed_ips.clear();
    out[0].same_prefixes = true;
    return out;
}

// Many peers with as many prefixes as each may have.
std::vector<ipc::PutPeer> with_prefixes(std::size_t count) {
    std::vector<ipc::PutPeer> out;
    for (std::uint8_t key = 10; count > 0; ++key) {
        ipc::PutPeer peer = test::put_peer(key, {});
        const std::size_t some = std::min(count, ipc::kMaxPrefixesPerPeer);
        for (std::size_t i = 0; i < some; ++i) {
            const auto address = IpAddress::v4(key, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i), 0);
            peer.settings.allowed_ips.push_back({address, 24});
        }
        count -= some;
        out.push_back(std::move(peer));
    }
    return out;
}

}  // namespace

TEST_CASE("a peer keeps the prefixes that it has without their being sent again, and what else changed is taken") {
    CustomerSet set = with_acme(one_peer());
    auto changes = set.apply(with_customer(2, "acme", again()));
    REQUIRE(changes);
    CHECK(changes->empty());

    auto changed = again();
    test::wireguard(changed[0]).persistent_keepalive_seconds = 25;
    changes = set.apply(with_customer(3, "acme", std::move(changed)));
    REQUIRE(changes);
    CHECK(changes->put_peers.size() == 1);
    CHECK(changes->swap_views.empty());
    const ipc::PutPeer& held = set.customer("acme")->peers[0].config;
    CHECK(held.settings.allowed_ips == one_peer()[0].settings.allowed_ips);
    CHECK_FALSE(held.same_prefixes);
}

TEST_CASE("a peer that vpnd does not know has no prefixes to keep") {
    CustomerSet set = with_acme(one_peer());
    auto renamed = again();
    renamed[0].settings.name = "nobody";
    CHECK_FALSE(set.apply(with_customer(2, "acme", std::move(renamed))));
    CHECK_FALSE(set.apply(with_customer(2, "initech", again(30), true)));
    CHECK(set.generation() == 1);
    CHECK(set.customer("acme")->peers[0].config.settings == one_peer()[0].settings);
}

TEST_CASE("a customer has no more prefixes than it may") {
    CustomerSet set = with_acme(with_prefixes(ipc::kMaxPrefixesPerCustomer));
    CHECK_FALSE(set.apply(with_customer(2, "acme", with_prefixes(ipc::kMaxPrefixesPerCustomer + 1))));
    CHECK(set.generation() == 1);
}
