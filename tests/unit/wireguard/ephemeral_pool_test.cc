#include "vpnd/wireguard/ephemeral_pool.h"

#include <doctest/doctest.h>

#include <set>

#include "tests/unit/wireguard/harness.h"
#include "tests/vectors/seeded_random.h"

namespace warren::wireguard {
namespace {

bool is_pair(const crypto::KeyPair& pair) {
    return crypto::public_key_of(pair.private_key) == pair.public_key;
}

TEST_CASE("every pair is valid and is used once, from the store or made on demand") {
    test::SeededRandom random(1);
    EphemeralPool pool(random);
    pool.refill(20);
    CHECK(pool.size() == 20);
    std::set<crypto::PublicKey> seen;
    for (int i = 0; i < 40; ++i) {
        const crypto::KeyPair pair = pool.take();
        CHECK(is_pair(pair));
        CHECK(seen.insert(pair.public_key).second);
        if (i == 30) pool.refill(3);
    }
    CHECK(pool.size() == 0);
}

TEST_CASE("an engine takes its ephemeral keys from the pool, one for each message, and handshakes with them succeed") {
    test::SeededRandom random(2);
    EphemeralPool pool(random);
    pool.refill(2);
    control::IndexTable indexes;
    Engine engine(ListenerIndex{0}, crypto::generate_private_key(random), indexes, random, &pool);
    testing::ScriptedPeer peer(random, engine.public_key());
    PeerConfig config;
    config.index = PeerIndex{0};
    config.customer = CustomerIndex{0};
    config.public_key = peer.keys.public_key;
    config.endpoint = testing::endpoint_at(1);
    Output out;
    engine.put_peer(testing::at(Duration{}), std::move(config), out);
    out.clear();

    engine.handle_datagram(testing::at(Duration{}), {testing::endpoint_at(1), {}},
                           peer.initiate(1, tai64n_whitened(testing::at(Duration{}).wall)), out);
    REQUIRE(out.messages.size() == 1);
    CHECK(peer.consume(out.messages[0].view()).has_value());
    CHECK(pool.size() == 1);
    const auto response = parse_response(out.messages[0].view());
    out.clear();

    const Now later = testing::at(std::chrono::seconds(200));
    engine.handle_timeout(later, out);
    out.clear();
    engine.handle_event(later, dataplane::NeedSession{PeerIndex{0}}, out);
    REQUIRE(out.messages.size() == 1);
    CHECK(pool.size() == 0);
    CHECK(peer.respond(out.messages[0].view(), 2).has_value());
    CHECK(parse_initiation(out.messages[0].view())->ephemeral != response->ephemeral);
}

TEST_CASE("the pool never holds more than its capacity") {
    test::SeededRandom random(3);
    EphemeralPool pool(random);
    CHECK_FALSE(pool.full());
    pool.refill(EphemeralPool::kCapacity - 1);
    CHECK_FALSE(pool.full());
    pool.refill(100);
    CHECK(pool.full());
    CHECK(pool.size() == EphemeralPool::kCapacity);
}

}  // namespace
}  // namespace warren::wireguard
