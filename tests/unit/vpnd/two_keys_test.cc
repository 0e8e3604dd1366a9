// A peer with two keys is one peer, and each of them is nobody else's.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/vpnd/fixtures.h"
#include "vpnd/customers/customer_set.h"

using namespace warren;
using namespace warren::vpnd;

namespace {

struct Peer {
    std::string name;
    std::uint8_t key = 0;
    std::uint8_t next = 0;     // 0: none
    std::uint8_t network = 0;  // 0: that of its key
};
using Customers = std::vector<std::pair<std::string, std::vector<Peer>>>;

ipc::PutPeer put(const Peer& peer) {
    const std::uint8_t network = peer.network != 0 ? peer.network : peer.key;
    ipc::PutPeer out = test::put_peer(peer.key, {"10." + std::to_string(network) + ".0.0/16"});
    out.settings.name = peer.name;
    if (peer.next != 0) test::wireguard(out).next_public_key = test::public_key(peer.next);
    return out;
}

// The first one has the listener, too.
Generation generation(std::uint64_t number, const Customers& customers) {
    Generation out;
    out.number = number;
    out.full = number == 1;
    if (number == 1) out.listeners.push_back(test::new_listener("", 1, 51820, true));
    for (const auto& [id, peers] : customers) {
        std::vector<ipc::PutPeer> list;
        for (const Peer& peer : peers) list.push_back(put(peer));
        out.customers.push_back(test::new_customer(id, std::move(list), "", number == 1));
    }
    return out;
}

struct Held {
    CustomerSet set{1};
    std::uint64_t number = 0;

    Result<Changes> apply(const Customers& customers) {
        auto out = set.apply(generation(++number, customers));
        set.settle();
        return out;
    }
    PeerIndex index(const std::string& customer, std::size_t position) {
        return set.customer(customer)->peers.at(position).index;
    }
};

bool forgets(const Changes& changes, std::uint8_t key) {
    return std::any_of(changes.forget_peers.begin(), changes.forget_peers.end(),
                       [key](const auto& one) { return one.identity.bytes == test::public_key(key).bytes; });
}

}  // namespace

TEST_CASE("a peer keeps its index over the whole change of its key, and the key that goes is forgotten") {
    Held held;
    REQUIRE(held.apply({{"acme", {Peer{"a", 10}, Peer{"b", 11}}}}));
    const PeerIndex before = held.index("acme", 0);
    const auto begun = held.apply({{"acme", {Peer{"a", 10, 12}, Peer{"b", 11}}}});
    REQUIRE(begun);
    CHECK(held.index("acme", 0) == before);
    CHECK(begun->put_peers.size() == 1);
    CHECK(begun->remove_peers.empty());
    CHECK(begun->forget_peers.empty());

    const auto done = held.apply({{"acme", {Peer{"a", 12, 0, 10}, Peer{"b", 11}}}});
    REQUIRE(done);
    CHECK(held.index("acme", 0) == before);
    CHECK(done->put_peers.size() == 1);
    CHECK(done->remove_peers.empty());
    CHECK(done->swap_views.empty());
    CHECK(forgets(*done, 10));
    CHECK_FALSE(forgets(*done, 12));
    // The old key is free, for anybody.
    REQUIRE(held.index("acme", 1) != before);
    CHECK(held.apply({{"acme", {Peer{"a", 12}, Peer{"b", 11}, Peer{"c", 10}}}}));
}

TEST_CASE("a key that is a peer's next one is refused to every other customer") {
    Held held;
    REQUIRE(held.apply({{"acme", {Peer{"a", 10, 12}}}, {"globex", {Peer{"c", 20}}}}));
    CHECK_FALSE(held.apply({{"globex", {Peer{"c", 12}}}}));
    CHECK_FALSE(held.apply({{"globex", {Peer{"c", 20, 12}}}}));
    CHECK_FALSE(held.apply({{"globex", {Peer{"c", 20, 10}}}}));
    CHECK_FALSE(held.apply({{"globex", {Peer{"c", 20}, Peer{"d", 21, 20}}}}));
    // Within one generation it may change its owner.
    const auto moved = held.apply({{"acme", {Peer{"a", 10}}}, {"globex", {Peer{"c", 20, 12}}}});
    REQUIRE(moved);
    CHECK_FALSE(forgets(*moved, 12));
    CHECK_FALSE(held.apply({{"acme", {Peer{"a", 12}}}}));
}

TEST_CASE("who has a key continues the peer of that key, before who has it as the next one") {
    Held held;
    REQUIRE(held.apply({{"acme", {Peer{"a", 10, 12}, Peer{"b", 11}}}}));
    const PeerIndex a = held.index("acme", 0);
    const PeerIndex b = held.index("acme", 1);
    // The next key goes to another peer, which comes first.
    REQUIRE(held.apply({{"acme", {Peer{"b", 11, 12}, Peer{"a", 10}}}}));
    CHECK(held.index("acme", 0) == b);
    CHECK(held.index("acme", 1) == a);
    // And becomes a peer of its own.
    const auto split = held.apply({{"acme", {Peer{"c", 12}, Peer{"b", 11}, Peer{"a", 10}}}});
    REQUIRE(split);
    CHECK(held.index("acme", 1) == b);
    CHECK(held.index("acme", 0) != b);
    CHECK(split->forget_peers.empty());
}

TEST_CASE("a peer that goes takes both keys with it") {
    Held held;
    REQUIRE(held.apply({{"acme", {Peer{"a", 10, 12}}}}));
    const auto gone = held.apply({{"acme", {}}});
    REQUIRE(gone);
    CHECK(gone->remove_peers.size() == 1);
    CHECK(forgets(*gone, 10));
    CHECK(forgets(*gone, 12));
    CHECK(held.apply({{"acme", {Peer{"x", 12}, Peer{"y", 10}}}}));
}
