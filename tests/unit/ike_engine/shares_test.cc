// What strangers, sources, customers and connections take of what all share, and what is left to the others.
#include <memory>

#include "tests/unit/ike_engine/bench.h"
#include "vpnd/ike/half_open.h"

namespace warren::ike {
namespace {

using namespace testing;

Endpoint source(std::uint32_t number) {
    return {IpAddress::v4(203, static_cast<std::uint8_t>(number >> 16), static_cast<std::uint8_t>(number >> 8),
                          static_cast<std::uint8_t>(number)),
            kIkePort, 0};
}

// A hub that takes the left side from anywhere, of acme and of beta.
struct Shared {
    explicit Shared(Duration dpd = Connection().dpd)
        : bench([&](Connection& connection) {
              connection.remote_address.reset();
              connection.dpd = dpd;
          }) {
        bench.hub.engine.put_customer({}, {kBeta, "beta", identity("beta.example.net"), {}}, bench.hub.out);
        Connection other = connection_of(false);
        other.index = ConnectionIndex{1};
        other.customer = kBeta;
        other.local_identity.reset();
        other.remote_address.reset();
        other.children[0].peer = PeerIndex{1};
        bench.hub.put_psk(other.index, kPsk);
        bench.hub.put(other);
    }

    // The answer to the peer's first message, with a cookie if one is asked for; false: none, or a refusal.
    bool begin(ScriptedPeer& peer, const Endpoint& from) {
        bench.send_from(from, peer.init_request(), kIkePort);
        if (bench.hub.sent.empty()) return false;
        std::vector<std::uint8_t> answer = bench.answer();
        const auto message = read_message(answer);
        if (const auto* const cookie = message->payloads.notify(NotifyType::kCookie)) {
            const std::vector<std::uint8_t> value(cookie->data.begin(), cookie->data.end());
            bench.send_from(from, peer.init_request(value), kIkePort);
            if (bench.hub.sent.empty()) return false;
            answer = bench.answer();
        }
        return peer.take_init_response(answer);
    }
    void authenticate(ScriptedPeer& peer, Endpoint from, const char* asked, const char* psk = kPsk) {
        from.port = kNatPort;
        bench.send_from(from, peer.auth_request(psk, "left.example.net", asked));
    }
    // The answer; what follows it may be the deletion of what the peer had before.
    [[nodiscard]] OpenedMessage opened(const ScriptedPeer& peer) const {
        REQUIRE_FALSE(bench.hub.sent.empty());
        return peer.open(bench.hub.sent.front().message());
    }
    // An IKE_SA from there was authentic.
    void make_known(const Endpoint& from, std::uint64_t seed) {
        ScriptedPeer peer(seed);
        REQUIRE(begin(peer, from));
        authenticate(peer, from, "right.example.net");
        REQUIRE(opened(peer).payloads.find<AuthPayload>() != nullptr);
    }
    // Of the asks that are open, those that are about a key exchange. The others are kept.
    void answer_key_exchanges() {
        Hub& hub = bench.hub;
        while (!hub.asks.empty()) {
            Ask ask = std::move(hub.asks.front());
            hub.asks.pop_front();
            if (std::holds_alternative<PskMacAsk>(ask.question)) {
                macs.push_back(std::move(ask));
                continue;
            }
            hub.call([&] {
                hub.engine.handle_answer(hub.now, ask.id, hub.answerer.answer(std::move(ask.question)), hub.out);
            });
        }
    }

    Bench bench;
    std::deque<Ask> macs;
};

TEST_CASE("KD3, KD4: strangers fill three quarters of the half-open IKE_SAs, and who was here before still comes in") {
    test::SeededRandom random(1);
    HalfOpen half_open(random);
    std::uint32_t slot = 0;
    for (; !half_open.is_full(false); ++slot) half_open.add(slot, source(slot).address, true);
    CHECK(half_open.size() == kMostHalfOpenOfStrangers);
    for (; !half_open.is_full(true); ++slot) half_open.add(slot, source(slot).address, true);
    CHECK(half_open.size() == kMostHalfOpen);

    Shared shared;
    const Endpoint site = source(1U << 20);
    shared.make_known(site, 77);
    ScriptedPeer stranger(5);
    constexpr std::uint32_t kAttempts = kMostHalfOpenOfStrangers + 500;
    std::uint32_t taken = 0;
    std::uint32_t cookies = 0;
    for (std::uint32_t i = 0; i < kAttempts; ++i) {
        stranger.spis = {1000 + i, 0};
        const std::uint64_t before = shared.bench.hub.dropped(DropReason::kIkeCookieRequired);
        if (shared.begin(stranger, source(i))) ++taken;
        if (shared.bench.hub.dropped(DropReason::kIkeCookieRequired) > before) ++cookies;
        REQUIRE(shared.bench.hub.engine.sizes().half_open <= kMostHalfOpenOfStrangers);
    }
    // Those that came without a cookie gave way to the last ones; with nothing but cookies, nobody else gets in.
    CHECK(cookies > kMostHalfOpenOfStrangers);
    CHECK(taken == kMostHalfOpenOfStrangers + kAttempts - cookies);
    CHECK(shared.bench.hub.engine.sizes().half_open == kMostHalfOpenOfStrangers);
    CHECK(shared.bench.hub.dropped(DropReason::kIkeHalfOpenFull) == 500);
    // The site is served at once, without a cookie.
    ScriptedPeer again(78);
    shared.bench.send_from(site, again.init_request(), kIkePort);
    REQUIRE(again.take_init_response(shared.bench.answer()));
    shared.authenticate(again, site, "right.example.net");
    CHECK(shared.opened(again).payloads.find<AuthPayload>() != nullptr);
}

TEST_CASE("KD3: attempts with a wrong key stay half-open ones of their source until their answer is forgotten") {
    Shared shared;
    for (std::uint64_t i = 0; i < kMostHalfOpenOfPrefix; ++i) {
        ScriptedPeer peer(100 + i);
        REQUIRE(shared.begin(peer, source(1)));
        REQUIRE(shared.bench.hub.dropped(DropReason::kIkeCookieRequired) == 0);
        shared.authenticate(peer, source(1), "right.example.net", "wrong");
        REQUIRE(shared.opened(peer).has(NotifyType::kAuthenticationFailed));
    }
    CHECK(shared.bench.hub.engine.sizes().half_open == kMostHalfOpenOfPrefix);
    ScriptedPeer next(200);
    shared.bench.send_from(source(1), next.init_request(), kIkePort);
    CHECK(read_message(shared.bench.answer())->payloads.notify(NotifyType::kCookie) != nullptr);
    shared.bench.hub.run_until(shared.bench.hub.now.instant + kClosedLife);
    CHECK(shared.bench.hub.engine.sizes().half_open == 0);
    shared.bench.send_from(source(1), next.init_request(), kIkePort);
    CHECK(next.take_init_response(shared.bench.answer()));
}

TEST_CASE("KD6: strangers have half of the asks, and who is up or was here before has the others") {
    Shared shared;
    Hub& hub = shared.bench.hub;
    // Four asks each: more than strangers leave.
    const std::uint32_t sites = (kMostOpenAsks - kMostOpenAsksOfStrangers) / kMostOpenAsksOfPrefix + 4;
    for (std::uint32_t i = 0; i < sites; ++i) {
        shared.make_known(source((1U << 20) + i), 5000 + i);
        hub.run_until(hub.now.instant + 1s);
    }
    hub.holds_asks = true;
    ScriptedPeer stranger(5);
    for (std::uint32_t i = 0; i < 200; ++i) {
        stranger.spis = {1000 + i, 0};
        shared.bench.send_from(source(i), stranger.init_request(), kIkePort);
    }
    const std::size_t by_strangers = hub.engine.sizes().open_asks;
    CHECK(by_strangers >= kMostOpenAsksOfStrangers);
    CHECK(by_strangers <= kMostOpenAsksOfStrangers + kEphemeralsKept);
    CHECK(hub.dropped(DropReason::kIkeAsksFull) > 0);
    for (std::uint32_t i = 0; i < kMostOpenAsksOfPrefix * sites; ++i) {
        stranger.spis = {2000 + i, 0};
        shared.bench.send_from(source((1U << 20) + i % sites), stranger.init_request(), kIkePort);
        REQUIRE(hub.engine.sizes().open_asks <= kMostOpenAsks);
    }
    CHECK(hub.engine.sizes().open_asks == kMostOpenAsks);
    // Never answered: they end, and what waited for them.
    hub.run_until(hub.now.instant + kAskLife + 1s);
    CHECK(hub.engine.sizes().open_asks == 0);
    hub.asks.clear();
    hub.holds_asks = false;
    ScriptedPeer last(6);
    CHECK(shared.begin(last, source(0)));
}

TEST_CASE("KD6: strangers that want a customer have a share of its asks, it has the rest, other customers theirs") {
    Shared shared;
    Hub& hub = shared.bench.hub;
    shared.bench.connect();
    std::vector<std::unique_ptr<ScriptedPeer>> peers;
    const auto attempt = [&](std::uint32_t number, const char* asked) {
        peers.push_back(std::make_unique<ScriptedPeer>(100 + number));
        REQUIRE(shared.begin(*peers.back(), source(number)));
        hub.holds_asks = true;
        shared.authenticate(*peers.back(), source(number), asked);
        shared.answer_key_exchanges();
        hub.holds_asks = false;
    };
    for (std::uint32_t i = 0; i < kMostOpenAsksOfCustomersStrangers + 10; ++i) attempt(i, "right.example.net");
    CHECK(shared.macs.size() == kMostOpenAsksOfCustomersStrangers);
    CHECK(hub.dropped(DropReason::kIkeAsksFull) == 10);
    attempt(1000, "beta.example.net");
    CHECK(shared.macs.size() == kMostOpenAsksOfCustomersStrangers + 1);
    // A peer of acme that is up.
    hub.holds_asks = true;
    const std::size_t before = hub.engine.sizes().open_asks;
    shared.bench.send(shared.bench.peer.sealed(ExchangeType::kCreateChildSa, 2,
                                               shared.bench.peer.child_chain(0xc0ffee02, KeyExchangeId::kCurve25519)));
    CHECK(hub.engine.sizes().open_asks == before + 1);
    CHECK(hub.dropped(DropReason::kIkeAsksFull) == 10);
    // Answered, all of it is free again.
    hub.holds_asks = false;
    std::move(shared.macs.begin(), shared.macs.end(), std::back_inserter(hub.asks));
    shared.macs.clear();
    hub.answer_asks();
    CHECK(hub.engine.sizes().open_asks == 0);
    for (std::uint32_t i = 0; i < kMostOpenAsksOfCustomersStrangers; ++i) attempt(2000 + i, "right.example.net");
    CHECK(shared.macs.size() == kMostOpenAsksOfCustomersStrangers);
}

TEST_CASE("KD6: all peers of a customer together have 64 open asks") {
    Hub hub("192.0.2.2", 7);
    constexpr std::uint32_t kSites = kMostOpenAsksOfCustomer + 10;
    for (std::uint32_t i = 0; i < kSites; ++i) {
        Connection connection = connection_of(false);
        connection.index = ConnectionIndex{i};
        connection.remote_address = source(i).address;
        connection.children[0].peer = PeerIndex{i};
        hub.put_psk(connection.index, kPsk);
        hub.put(connection);
    }
    hub.holds_asks = true;
    for (std::uint32_t i = 0; i < kSites; ++i)
        hub.call([&] { (void)hub.engine.initiate(hub.now, ConnectionIndex{i}, hub.out); });
    CHECK(hub.dropped(DropReason::kIkeAsksFull) == kSites - kMostOpenAsksOfCustomer);
    CHECK(hub.engine.sizes().all == kMostOpenAsksOfCustomer);
}

TEST_CASE("an IKE_AUTH request in fragments is as long as one may be, and then the peer begins anew") {
    Bench bench;
    bench.peer.more = {notify_of(NotifyType::kIkev2FragmentationSupported)};
    bench.send(bench.peer.init_request(), kIkePort);
    REQUIRE(bench.peer.take_init_response(bench.answer()));
    const Header header = bench.peer.header(ExchangeType::kIkeAuth, 1, false);
    const std::vector<std::uint8_t> part(1000);
    constexpr std::uint16_t kTotal = 60;
    for (std::uint16_t i = 1; i < kTotal; ++i)
        bench.send(bench.peer.sealer->seal_fragment(header, i == 1 ? PayloadType::kIdi : PayloadType::kNone, i, kTotal,
                                                    part, bench.peer.random));
    CHECK(bench.hub.dropped(DropReason::kIkeFragment) == (kTotal - 1) / (kMostAuthMessage / part.size() + 1));
    CHECK(bench.hub.sent.empty());
    bench.send(bench.peer.auth_request(kPsk, "left.example.net", "right.example.net"));
    CHECK(bench.opened().payloads.find<AuthPayload>() != nullptr);
}

TEST_CASE("a peer that comes and goes again and again leaves a few answers to repeat, no more") {
    Shared shared;
    for (std::uint32_t i = 0; i < 20; ++i) {
        ScriptedPeer peer(300 + i);
        REQUIRE(shared.begin(peer, source(i)));
        shared.authenticate(peer, source(i), "right.example.net");
        REQUIRE(shared.opened(peer).payloads.find<AuthPayload>() != nullptr);
        const auto deletion = peer.sealed(ExchangeType::kInformational, 2, Chain().delete_ike());
        shared.bench.send_from(source(i), deletion);
        const auto answer = shared.bench.answer();
        shared.bench.send_from(source(i), deletion);
        CHECK(shared.bench.answer() == answer);
        REQUIRE(shared.bench.hub.engine.sizes().all <= kMostClosed);
    }
    CHECK(shared.bench.hub.engine.sizes().all == kMostClosed);
    shared.bench.hub.run_until(shared.bench.hub.now.instant + kClosedLife);
    CHECK(shared.bench.hub.engine.sizes().all == 0);
}

TEST_CASE("a peer that comes back again and again, and answers no deletion, is let in each time") {
    for (const bool is_asked : {false, true}) {
        Shared shared(2s);
        Hub& hub = shared.bench.hub;
        for (std::uint32_t i = 0; i < 20; ++i) {
            shared.make_known(source(i), 400 + i);
            // Then its deletion waits until an older question is answered, which nobody does.
            if (is_asked) hub.run_until(hub.now.instant + 2s);
            REQUIRE(hub.engine.sizes().all <= most_ike_sas(1));
            CHECK(hub.sessions.sending(PeerIndex{0}) != nullptr);
        }
        CHECK(hub.news<control::PeerLost>() == 0);
    }
}

TEST_CASE("KD2: unprotected answers and cookies have a budget each") {
    Bench bench;
    auto critical = bench.peer.init_request();
    critical[16] = 200;  // an unknown payload first, critical
    critical[29] = 0x80;
    std::size_t answers = 0;
    for (int i = 0; i < 3000; ++i) {
        bench.send(critical, kIkePort);
        answers += bench.hub.sent.size();
    }
    CHECK(answers == static_cast<std::size_t>(kUnprotectedAnswers.burst));
    bench.hub.engine.set_queue_length(1000);
    const auto request = bench.peer.init_request();
    answers = 0;
    for (int i = 0; i < 25'000; ++i) {
        bench.send(request, kIkePort);
        answers += bench.hub.sent.size();
    }
    CHECK(answers == static_cast<std::size_t>(kCookieAnswers.burst));
    CHECK(bench.hub.engine.sizes().all == 0);
}

}  // namespace
}  // namespace warren::ike
