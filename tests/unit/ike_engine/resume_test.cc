// IKE_SAs outlive the process (docs/decisions/0017-ike-sas-outlive-vpnd.md): a hub ends at any moment, and another one
// goes on with what is in memory.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "tests/unit/ike_engine/crowd.h"
#include "tests/unit/ike_engine/lives.h"

namespace warren::ike::testing {
namespace {

TEST_CASE("KL13: an IKE_SA and its child go on with the same SPIs and keys, and nobody is told") {
    for (const bool by_left : {true, false}) {
        Lives lives;
        lives.connect(by_left);
        const IkeSpis spis = lives.right->spis();
        const ChildStatus child = lives.right->status().ike_sas.at(0).children.at(0);
        const std::size_t said = lives.log.size();
        lives.restart();
        lives.settle();
        CHECK(lives.log.size() == said);
        CHECK(lives.is_up());
        CHECK(lives.right->spis() == spis);
        const ChildStatus after = lives.right->status().ike_sas.at(0).children.at(0);
        CHECK(after.spi_in == child.spi_in);
        CHECK(after.spi_out == child.spi_out);
        CHECK(after.created == child.created);
        CHECK(after.next_rekey == child.next_rekey);
        CHECK(lives.right->news<control::PeerResumed>() == 1);
        lives.check_alive();
    }
}

TEST_CASE("KL13: with AES-CBC and an HMAC too") {
    Lives lives([](Connection& connection, bool) {
        const auto* const cipher = find_algorithm(TransformType::kEncryption, "aes256");
        const auto* const integrity = find_algorithm(TransformType::kIntegrity, "sha512");
        for (Acceptable& line : connection.child.lines) {
            line.encryption = {cipher};
            line.integrity = {integrity};
        }
    });
    lives.connect();
    lives.restart();
    lives.check_alive();
}

TEST_CASE("KL13: over many processes") {
    Lives lives;
    lives.connect();
    for (int i = 0; i < 5; ++i) {
        lives.restart();
        lives.check_alive();
    }
}

TEST_CASE("KL13: no IV is used twice with one key") {
    Lives lives;
    lives.connect();
    std::set<std::pair<std::uint64_t, std::uint64_t>> seen;
    for (int i = 0; i < 3; ++i) {
        lives.restart();
        lives.advance(100s);
    }
    for (const Wire& wire : lives.log) {
        if (wire.to.address == lives.right->address || wire.exchange() == ExchangeType::kIkeSaInit) continue;
        const std::uint8_t* const message = wire.message().data();
        CHECK(seen.emplace(load_be<std::uint64_t>(message), load_be<std::uint64_t>(message + 32)).second);
    }
    CHECK(seen.size() > 5);
    std::vector<std::uint64_t> of_sa;
    for (const auto& [spi, iv] : seen) of_sa.push_back(iv);
    // Each process leaves some out.
    CHECK(std::adjacent_find(of_sa.begin(), of_sa.end(), [](auto a, auto b) { return b - a >= kIvJump; }) !=
          of_sa.end());
}

TEST_CASE("KL13: packets go on from counters that were never used, and counters that were received are refused") {
    Lives lives;
    lives.connect();
    const auto* const before = lives.right->sessions.sending(PeerIndex{0});
    REQUIRE(before->kept != nullptr);
    before->kept->reserved.store(65'537);
    before->kept->received.store(900);
    lives.restart();
    const auto* const after = lives.right->sessions.sending(PeerIndex{0});
    CHECK(after->first_counter == 65'537);
    REQUIRE(after->kept != nullptr);
    CHECK(after->kept->received.load() == 900);
}

TEST_CASE("KL13: a request that was answered before is answered alike, and does nothing again") {
    Lives lives;
    lives.connect();
    lives.left.rekey(Engine::Rekey::kChildren);
    const Wire asked = lives.left.sent.front();
    lives.left.sent.clear();
    lives.right->deliver(asked);
    REQUIRE(lives.right->sent.size() == 1);
    const Wire answered = lives.right->sent.front();
    lives.right->sent.clear();
    const std::size_t children = lives.right->engine.sizes().children;
    lives.restart();
    lives.right->deliver(asked);
    REQUIRE(lives.right->sent.size() == 1);
    CHECK(lives.right->sent.front().bytes == answered.bytes);
    CHECK(lives.right->engine.sizes().children == children);
    lives.settle();
    // Older ones are not answered at all.
    lives.restart();
    lives.right->deliver(asked);
    CHECK(lives.right->sent.empty());
    lives.check_alive();
}

TEST_CASE("KL13: our request that waits is sent again as it was, and its response is taken") {
    Lives lives([](Connection& connection, bool is_left) { connection.dpd = is_left ? 0s : 30s; });
    lives.connect();
    lives.filter = [&](const Wire& wire) { return wire.to.address == lives.left.address; };
    lives.right->run_until(lives.right->now.instant + 30s + 500ms);
    REQUIRE(lives.right->sent.size() == 1);
    const Wire probe = lives.right->sent.front();
    lives.left.run_until(lives.right->now.instant);
    lives.right->sent.clear();
    lives.filter = {};
    lives.restart();
    lives.right->run_until(lives.right->now.instant);
    REQUIRE(lives.right->sent.size() == 1);
    CHECK(lives.right->sent.front().bytes == probe.bytes);
    lives.settle();
    lives.check_alive();
}

TEST_CASE("KL13: a rekey of a child that was under way is undone, and the tunnel stays") {
    for (const bool is_answered : {false, true}) {
        Lives lives;
        lives.connect();
        lives.right->rekey(Engine::Rekey::kChildren);
        REQUIRE(lives.right->sent.size() == 1);
        if (is_answered) lives.left.deliver(lives.right->sent.front());
        lives.left.sent.clear();
        lives.right->sent.clear();
        lives.restart();
        lives.check_agree();
        lives.advance(0s);
        lives.settle();
        lives.check_agree();
        lives.advance(80s);
        CHECK(lives.right->status().ike_sas.at(0).children.size() == 1);
        CHECK(lives.left.status().ike_sas.at(0).children.size() == 1);
        lives.check_alive();
    }
}

TEST_CASE("KL13: a rekey of the IKE_SA that was under way ends it, and another one comes") {
    Lives lives([](Connection& connection, bool) { connection.start = Start::kAlways; });
    lives.advance(10s);
    REQUIRE(lives.is_up());
    lives.right->rekey(Engine::Rekey::kIkeSas);
    lives.left.deliver(lives.right->sent.front());
    lives.right->sent.clear();
    lives.left.sent.clear();
    lives.restart();
    lives.advance(120s);
    CHECK(lives.is_up());
    lives.check_alive();
}

TEST_CASE("KL13: a child that waits for its first packet, and the one that is sent on until then") {
    Lives lives;
    lives.connect();
    lives.left.rekey(Engine::Rekey::kChildren);
    lives.right->deliver(lives.left.sent.front());
    REQUIRE(lives.right->engine.sizes().children == 2);
    const auto sent_on = lives.right->sessions.sending(PeerIndex{0})->local_id;
    lives.left.sent.clear();
    const Wire response = lives.right->sent.front();
    lives.right->sent.clear();
    lives.restart();
    CHECK(lives.right->engine.sizes().children == 2);
    CHECK(lives.right->sessions.sending(PeerIndex{0})->local_id == sent_on);
    lives.left.deliver(response);
    lives.settle();
    lives.advance(80s);
    CHECK(lives.right->engine.sizes().children == 1);
    lives.check_alive();
}

TEST_CASE("KL13: where the data plane was ahead of us, what it sends on is sent on") {
    Lives lives;
    lives.connect();
    lives.left.rekey(Engine::Rekey::kChildren);
    lives.right->deliver(lives.left.sent.front());
    const auto old = lives.right->sessions.sending(PeerIndex{0})->local_id;
    lives.right->sent.clear();
    for (auto& [id, entry] : lives.right->sessions.entries) {
        if (entry.session.local_id != old) entry.session.kept->received.store(2);
    }
    lives.restart();
    CHECK(lives.right->sessions.sending(PeerIndex{0})->local_id != old);
}

TEST_CASE("KL13: deadlines stay where they were") {
    Lives lives([](Connection& connection, bool) { connection.reauth = 2h; });
    lives.connect();
    lives.advance(30min);
    const IkeSaStatus before = lives.right->status().ike_sas.at(0);
    lives.restart();
    const IkeSaStatus after = lives.right->status().ike_sas.at(0);
    CHECK(after.created == before.created);
    CHECK(after.next_rekey == before.next_rekey);
    CHECK(after.expires == before.expires);
    // The proof that the peer has shown ends when it would have.
    lives.left.engine.keep_in(nullptr, nullptr);
    lives.filter = [](const Wire&) { return false; };
    lives.right->run_until(before.created + 2h + 1s);
    CHECK_FALSE(lives.is_up());
}

// What has left, by its keys and IV: the same IV with other bytes gives a key away.
struct SealedMessages {
    std::map<std::tuple<std::uint64_t, std::uint64_t, bool, std::uint64_t>, std::vector<std::uint8_t>> all;
    void note(const Wire& wire) {
        const Bytes message = wire.message();
        const auto first = static_cast<PayloadType>(message[16]);
        if (first != PayloadType::kSk && first != PayloadType::kSkf) return;  // nothing is sealed
        const std::size_t before_iv = kHeaderSize + (first == PayloadType::kSk ? 4 : 8);
        const std::tuple key{load_be<std::uint64_t>(message.data()), load_be<std::uint64_t>(message.data() + 8),
                             (message[19] & 0x08U) != 0, load_be<std::uint64_t>(message.data() + before_iv)};
        const auto [found, is_new] = all.emplace(key, std::vector<std::uint8_t>(message.begin(), message.end()));
        CHECK((is_new || std::equal(message.begin(), message.end(), found->second.begin(), found->second.end())));
    }
};

TEST_CASE("KL13: a side that is killed at any moment goes on, with whatever was under way") {
    std::size_t kills = 0;
    std::size_t same = 0;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        CAPTURE(seed);
        test::SeededRandom dice(seed);
        Lives lives([](Connection& connection, bool) { connection.start = Start::kAlways; });
        lives.advance(20s);
        REQUIRE(lives.is_up());
        SealedMessages messages;
        for (const Wire& wire : lives.log) messages.note(wire);
        const IkeSpis first = lives.right->spis();
        for (int step = 0; step < 60; ++step) {
            Hub& hub = dice.below(2) == 0 ? lives.left : *lives.right;
            switch (dice.below(8)) {
                case 0:
                    if (hub.engine.sizes().ike_sas > 0 && seed % 2 == 0) hub.rekey(Engine::Rekey::kIkeSas);
                    break;
                case 1:
                    // Not of a child that the other side may not know of yet.
                    if (lives.left.engine.sizes().children == 1 && lives.right->engine.sizes().children == 1)
                        hub.rekey(Engine::Rekey::kChildren);
                    break;
                case 2: {
                    // Messages that have not left are lost with the process.
                    ++kills;
                    lives.restart();
                    lives.right->run_until(lives.right->now.instant);
                    break;
                }
                case 3: {
                    const Instant until = lives.left.now.instant + Duration(static_cast<std::int64_t>(dice.below(3e9)));
                    lives.left.run_until(until);
                    lives.right->run_until(until);
                    break;
                }
                default:
                    if (hub.sent.empty()) break;
                    messages.note(hub.sent.front());
                    if (dice.below(10) == 0) {
                        hub.sent.pop_front();  // lost
                    } else {
                        const Wire wire = std::move(hub.sent.front());
                        hub.sent.pop_front();
                        (&hub == &lives.left ? *lives.right : lives.left).deliver(wire);
                    }
            }
        }
        lives.log.clear();
        lives.advance(6min);
        for (const Wire& wire : lives.log) messages.note(wire);
        REQUIRE(lives.is_up());
        lives.check_agree();
        CHECK(lives.right->status().ike_sas.size() == 1);
        CHECK(lives.keepers->sas.kept() == 1);
        same += lives.right->spis() == first ? 1U : 0U;
        lives.check_alive();
    }
    MESSAGE("killed ", kills, " times; without rekeys of the IKE_SA it was the same in ", same, " of 30");
    CHECK(same == 30);
}

TEST_CASE("KL13: clients keep their sessions and addresses, and nobody else gets these") {
    KeptMemory memory;
    Crowd crowd(4, {"10.9.0.0/29"});
    Keepers first(memory, crowd.hub);
    Client one(1);
    Client two(2);
    const std::string leased_one = lease_v4(crowd.connect(one, "one.example.net", asking_v4()));
    const std::string leased_two = lease_v4(crowd.connect(two, "two.example.net", asking_v4()));
    CHECK(leased_one != leased_two);
    const auto reach = crowd.hub.sessions.reach;

    Crowd next(4, {"10.9.0.0/29"});
    next.hub.call([&] { next.hub.engine.remove_connection(next.hub.now, kFirst, next.hub.out); });
    next.hub.sessions = {};
    Keepers second(memory, next.hub);
    next.hub.put(next.connection);
    second.end_succession();
    CHECK(second.ended == 0);
    CHECK(next.hub.engine.sizes().ike_sas == 2);
    CHECK(next.hub.sessions.reach == reach);
    CHECK(next.child_of(0) == one.peer.child_spi);
    CHECK(next.child_of(1) == two.peer.child_spi);
    Client three(3);
    const std::string leased_three = lease_v4(next.connect(three, "three.example.net", asking_v4(leased_one.c_str())));
    CHECK(leased_three != leased_one);
    CHECK(leased_three != leased_two);
    CHECK(leased_three != "none");
    // They are still there.
    CHECK(next.request(one, ExchangeType::kInformational, Chain()).header.is_response);

    // An address that the pool has not any more, and a session that there is not.
    for (const bool is_pool : {true, false}) {
        Crowd other(is_pool ? 4 : 1, {is_pool ? "10.8.0.0/29" : "10.9.0.0/29"});
        other.hub.call([&] { other.hub.engine.remove_connection(other.hub.now, kFirst, other.hub.out); });
        other.hub.sessions = {};
        KeptMemory copy;
        for (std::size_t i = 0; i < memory.sas.size(); ++i) {
            copy.sas[i].record = memory.sas[i].record;
            copy.sas[i].state.store(memory.sas[i].state.load());
        }
        Keepers third(copy, other.hub);
        other.hub.put(other.connection);
        third.end_succession();
        CHECK(third.ended == (is_pool ? 3 : 2));
    }
}

}  // namespace
}  // namespace warren::ike::testing
