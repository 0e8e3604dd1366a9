// A test for each bound: what strangers, one source, one customer or one peer may take.
#include "tests/unit/ike_engine/bench.h"
#include "vpnd/ike/ephemerals.h"
#include "vpnd/ike/half_open.h"
#include "vpnd/ike/once.h"

namespace warren::ike {
namespace {

using namespace testing;

IpAddress source(std::uint32_t number) {
    return IpAddress::v4(203, static_cast<std::uint8_t>(number >> 16), static_cast<std::uint8_t>(number >> 8),
                         static_cast<std::uint8_t>(number));
}

// --- half-open -----------------------------------------------------------------------------------

TEST_CASE("KD3: a source has 16 half-open IKE_SAs, and 64 once it showed that it receives") {
    test::SeededRandom random(1);
    HalfOpen half_open(random);
    const Instant now = at(0s).instant;
    std::uint32_t slot = 0;
    for (std::size_t i = 0; i < kMostHalfOpenOfPrefix; ++i) {
        REQUIRE(half_open.admit(now, source(1), false) == HalfOpen::Admission::kTake);
        half_open.add(slot++, source(1), false);
    }
    CHECK(half_open.admit(now, source(1), false) == HalfOpen::Admission::kCookie);
    CHECK(half_open.admit(now, source(2), false) == HalfOpen::Admission::kTake);
    std::size_t taken = kMostHalfOpenOfPrefix;
    for (int second = 0; second < 20; ++second) {
        while (half_open.admit(now + second * 1s, source(1), true) == HalfOpen::Admission::kTake) {
            half_open.add(slot++, source(1), true);
            REQUIRE(++taken <= kMostHalfOpenOfPrefixWithCookie);
        }
    }
    CHECK(taken == kMostHalfOpenOfPrefixWithCookie);
    CHECK(half_open.admit(now + 30s, source(1), true) == HalfOpen::Admission::kFull);
    half_open.remove(0);
    CHECK(half_open.admit(now + 30s, source(1), true) == HalfOpen::Admission::kTake);
}

TEST_CASE("KD3: with as many as may be, the oldest without a cookie goes, never one with") {
    test::SeededRandom random(1);
    HalfOpen half_open(random);
    half_open.add(7, source(1), true);
    half_open.add(8, source(2), false);
    half_open.add(9, source(3), false);
    half_open.remove(8);
    half_open.add(8, source(4), true);  // the slot is another's now
    CHECK(half_open.oldest_without_cookie() == 9U);
    half_open.add(10, source(5), false);
    CHECK(half_open.oldest_without_cookie() == 9U);
    half_open.remove(9);
    CHECK(half_open.oldest_without_cookie() == 10U);
    half_open.remove(10);
    CHECK_FALSE(half_open.oldest_without_cookie().has_value());
    CHECK(half_open.size() == 2);
    for (std::uint32_t i = 100; !half_open.is_full(true); ++i) half_open.add(i, source(i), false);
    CHECK(half_open.size() == kMostHalfOpen);
}

TEST_CASE("KD2: cookies are wanted when a quarter is used, when too many come, and when the queue is long") {
    test::SeededRandom random(1);
    HalfOpen half_open(random);
    const Instant now = at(0s).instant;
    for (std::uint32_t i = 0; i < kCookiesFrom; ++i) half_open.add(i, source(i), false);
    CHECK_FALSE(half_open.wants_cookies(now));
    half_open.add(kCookiesFrom, source(1), false);
    CHECK(half_open.wants_cookies(now));
    CHECK(half_open.admit(now, source(77'000), false) == HalfOpen::Admission::kCookie);

    HalfOpen fast(random);
    std::size_t taken = 0;
    while (fast.admit(now, source(static_cast<std::uint32_t>(taken)), false) == HalfOpen::Admission::kTake) {
        REQUIRE(++taken <= static_cast<std::size_t>(kInits.burst));
    }
    CHECK(taken == static_cast<std::size_t>(kInits.burst));
    CHECK_FALSE(fast.wants_cookies(now + 10s));

    HalfOpen queued(random);
    queued.set_queue_is_long(true);
    CHECK(queued.admit(now, source(1), false) == HalfOpen::Admission::kCookie);
}

TEST_CASE("KD4: a source with an IKE_SA in the last hour comes in without a cookie, within a budget of its own") {
    test::SeededRandom random(1);
    HalfOpen half_open(random);
    const Instant now = at(0s).instant;
    half_open.remember(now, source(5));
    half_open.set_queue_is_long(true);
    std::size_t taken = 0;
    while (half_open.admit(now, source(5), false) == HalfOpen::Admission::kTake) REQUIRE(++taken < 100);
    CHECK(taken == static_cast<std::size_t>(kInitsOfKnownPrefix.burst));
    CHECK(half_open.admit(now + 2h, source(5), false) == HalfOpen::Admission::kCookie);
}

TEST_CASE("KD3: a source that has a cookie begins so many a second") {
    test::SeededRandom random(1);
    HalfOpen half_open(random);
    const Instant now = at(0s).instant;
    std::size_t taken = 0;
    while (half_open.admit(now, source(1), true) == HalfOpen::Admission::kTake) REQUIRE(++taken < 1000);
    CHECK(half_open.admit(now, source(1), true) == HalfOpen::Admission::kRateLimited);
    CHECK(taken == static_cast<std::size_t>(kInitsOfPrefix.burst));
}

TEST_CASE(
    "KD2: the engine asks for a cookie, keeps nothing, and takes the request with it, in either order with the group") {
    Bench bench;
    bench.hub.engine.set_queue_length(1000);
    CHECK(bench.hub.engine.under_load(bench.hub.now));
    const auto request = bench.peer.init_request();
    bench.send(request, kIkePort);
    const auto refusal = bench.answer();
    CHECK(refusal.size() <= request.size());
    const auto message = read_message(refusal);
    const auto* const notify = message->payloads.notify(NotifyType::kCookie);
    REQUIRE(notify != nullptr);
    const std::vector<std::uint8_t> cookie(notify->data.begin(), notify->data.end());
    CHECK(bench.hub.engine.sizes().all == 0);
    CHECK(bench.hub.asked == 0);
    CHECK(bench.hub.dropped(DropReason::kIkeCookieRequired) == 1);

    auto wrong = cookie;
    wrong.back() ^= 1U;
    bench.send(bench.peer.init_request(wrong), kIkePort);
    CHECK(read_message(bench.answer())->payloads.notify(NotifyType::kCookie) != nullptr);
    CHECK(bench.hub.dropped(DropReason::kIkeCookieWrong) == 1);
    const auto with_cookie = bench.peer.init_request(cookie);
    const control::Arrival arrival{bench.there, {bench.hub.address, 1}, kIkePort};
    CHECK(bench.hub.engine.standing_of(bench.hub.now, arrival, with_cookie) == control::Standing::kProven);
    CHECK(bench.hub.engine.standing_of(bench.hub.now, arrival, request) == control::Standing::kStranger);
    // From another place it is worth nothing.
    Endpoint elsewhere = bench.there;
    elsewhere.address = source(1);
    bench.send_from(elsewhere, with_cookie, kIkePort);
    CHECK(bench.hub.engine.sizes().all == 0);
    // With another group first: INVALID_KE_PAYLOAD, then both.
    ScriptedPeer other(12);
    other.offered.front().transforms.push_back(
        {TransformType::kKeyExchange, static_cast<std::uint16_t>(KeyExchangeId::kEcp256)});
    other.group = KeyExchangeId::kEcp256;
    bench.send(other.init_request(), kIkePort);
    const auto second = bench.answer();
    const auto second_message = read_message(second);
    const auto* const again = second_message->payloads.notify(NotifyType::kCookie);
    REQUIRE(again != nullptr);
    bench.send(other.init_request(std::vector<std::uint8_t>(again->data.begin(), again->data.end())), kIkePort);
    CHECK(read_message(bench.answer())->payloads.notify(NotifyType::kInvalidKePayload) != nullptr);

    bench.send(with_cookie, kIkePort);
    CHECK(bench.peer.take_init_response(bench.answer()));
    CHECK(bench.hub.engine.sizes().half_open == 1);
}

TEST_CASE("KD2: two engines under load set up an IKE_SA with a cookie, and the initiator follows three at most") {
    Pair pair;
    pair.right.engine.set_queue_length(1000);
    pair.connect();
    CHECK(pair.log.size() == 6);
    pair.check_agree();

    Pair other;
    other.left.initiate();
    const Wire request = other.left.sent.front();
    Header to = *read_header(request.message());
    to.is_initiator = false;
    to.is_response = true;
    std::size_t followed = 0;
    for (std::uint8_t i = 0; i < 10; ++i) {
        other.left.sent.clear();
        const std::vector<std::uint8_t> cookie(8, i);
        other.left.deliver(
            {request.to, request.from, write_message(to, Chain().notify(notify_of(NotifyType::kCookie, cookie)))});
        followed += other.left.sent.size();
    }
    CHECK(followed == kMostCookies);
}

TEST_CASE("KD3: half-open IKE_SAs end after 30 s, and a flood leaves as many as there may be") {
    Bench bench;
    for (std::uint32_t i = 0; i < 100; ++i) {
        ScriptedPeer stranger(1000 + i);
        Endpoint from = bench.there;
        from.address = source(i);
        bench.send_from(from, stranger.init_request(), kIkePort);
    }
    CHECK(bench.hub.engine.sizes().half_open == 100);
    bench.hub.run_until(bench.hub.now.instant + kHalfOpenLife - 1s);
    CHECK(bench.hub.engine.sizes().half_open == 100);
    bench.hub.run_until(bench.hub.now.instant + 1s);
    CHECK(bench.hub.engine.sizes().half_open == 0);
    CHECK(bench.hub.engine.sizes().all == 0);
    CHECK(bench.hub.indexes.size() == 0);
}

TEST_CASE("KD3: a first message that is longer than any is dropped") {
    Bench bench;
    for (int i = 0; i < 60; ++i)
        bench.peer.more.push_back(notify_of(static_cast<NotifyType>(40'000), std::vector<std::uint8_t>(60)));
    bench.send(bench.peer.init_request(), kIkePort);
    CHECK(bench.hub.sent.empty());
    CHECK(bench.hub.dropped(DropReason::kIkeTooLong) == 1);
}

// --- asks ----------------------------------------------------------------------------------------

TEST_CASE("KD1, KD5: no key exchange before IKE_AUTH, and one for each half-open IKE_SA, whatever comes") {
    Bench bench;
    bench.send(bench.peer.init_request(), kIkePort);
    REQUIRE(bench.peer.take_init_response(bench.answer()));
    const std::size_t asked = bench.hub.asked;
    CHECK(asked <= 1 + kEphemeralsKept);  // ephemeral keys only
    const auto good = bench.peer.auth_request(kPsk, "left.example.net", "right.example.net");
    for (int i = 0; i < 50; ++i) {
        auto wrong = good;
        wrong[40] ^= static_cast<std::uint8_t>(i + 1);
        bench.send(wrong);
        CHECK(bench.hub.sent.empty());
    }
    CHECK(bench.hub.asked == asked + 1);
    CHECK(bench.hub.engine.sizes().half_open == 1);
    bench.send(bench.peer.auth_request(kPsk, "left.example.net", "right.example.net"));
    CHECK(bench.opened().payloads.find<AuthPayload>() != nullptr);
    CHECK(bench.hub.asked == asked + 2);
}

TEST_CASE("KP5: a first nonce has half of the PRF's key, and a public value is as long as its group's") {
    for (const std::size_t size : {31U, 32U}) {
        Bench bench;
        for (Transform& transform : bench.peer.offered.front().transforms) {
            if (transform.type == TransformType::kPrf) transform.id = static_cast<std::uint16_t>(PrfId::kHmacSha2_512);
        }
        bench.peer.nonce.resize(size);
        bench.send(bench.peer.init_request(), kIkePort);
        CHECK(bench.hub.engine.sizes().half_open == (size < 32 ? 0 : 1));
        CHECK(bench.hub.dropped(DropReason::kIkeMalformed) == (size < 32 ? 1 : 0));
    }
    for (const std::size_t size : {31U, 32U, 33U}) {
        Bench bench;
        Chain chain;
        const std::vector<std::uint8_t> value(size, 9);
        chain.sa(bench.peer.offered).ke(KeyExchangeId::kCurve25519, value).nonce(bench.peer.nonce);
        Header header = bench.peer.header(ExchangeType::kIkeSaInit, 0, false);
        bench.send(write_message(header, chain), kIkePort);
        CHECK(bench.hub.engine.sizes().half_open == (size == 32 ? 1 : 0));
    }
}

TEST_CASE("a first message from another place or port is another one, though its bytes are the same") {
    Bench bench;
    const auto request = bench.peer.init_request();
    bench.send(request, kIkePort);
    const auto first = bench.answer();
    Endpoint elsewhere = bench.there;
    elsewhere.address = source(1);
    bench.send_from(elsewhere, request, kIkePort);
    CHECK(bench.answer() != first);
    elsewhere = bench.there;
    elsewhere.port = 1024;
    bench.send_from(elsewhere, request, kIkePort);
    CHECK(bench.answer() != first);
    CHECK(bench.hub.engine.sizes().half_open == 3);
    bench.send(request, kIkePort);
    CHECK(bench.answer() == first);
    CHECK(bench.hub.engine.sizes().half_open == 3);
}

TEST_CASE("KD1: what cannot be an IKE_AUTH request costs a half-open IKE_SA nothing") {
    Bench bench;
    bench.send(bench.peer.init_request(), kIkePort);
    REQUIRE(bench.peer.take_init_response(bench.answer()));
    const std::size_t asked = bench.hub.asked;
    const Chain chain = bench.peer.auth_chain(kPsk, "left.example.net", "right.example.net");
    bench.send(bench.peer.sealed(ExchangeType::kIkeAuth, 0, chain));
    bench.send(bench.peer.sealed(ExchangeType::kIkeAuth, 2, chain));
    bench.send(bench.peer.sealed(ExchangeType::kIkeAuth, 1, chain, true));
    CHECK(bench.hub.dropped(DropReason::kIkeUnexpected) == 3);
    bench.send(write_message(bench.peer.header(ExchangeType::kIkeAuth, 1, false), chain));
    CHECK(bench.hub.dropped(DropReason::kIkeUnprotected) == 1);
    CHECK(bench.hub.asked == asked);
    CHECK(bench.hub.sent.empty());
}

TEST_CASE("datagrams that wait for keys have 12 KB, and one counts once") {
    Bench bench;
    bench.peer.more = {notify_of(NotifyType::kIkev2FragmentationSupported)};
    bench.send(bench.peer.init_request(), kIkePort);
    REQUIRE(bench.peer.take_init_response(bench.answer()));
    bench.hub.holds_asks = true;
    const Header header = bench.peer.header(ExchangeType::kIkeAuth, 1, false);
    const auto fragment = [&](std::uint16_t number) {
        return bench.peer.sealer->seal_fragment(header, PayloadType::kIdi, number, 8, std::vector<std::uint8_t>(4000),
                                                bench.peer.random);
    };
    const auto first = fragment(1);
    for (int i = 0; i < 5; ++i) bench.send(first);
    CHECK(bench.hub.dropped(DropReason::kIkeBusy) == 4);
    for (std::uint16_t number = 2; number <= 4; ++number) bench.send(fragment(number));
    CHECK(bench.hub.dropped(DropReason::kIkeBusy) == 4 + 1);  // the fourth has no room
    CHECK(bench.hub.engine.sizes().half_open == 1);
}

TEST_CASE("KD6: a source has four open asks, and another source is served") {
    Bench bench;
    bench.hub.holds_asks = true;
    std::vector<std::unique_ptr<ScriptedPeer>> peers;
    for (std::uint32_t i = 0; i < 10; ++i) {
        peers.push_back(std::make_unique<ScriptedPeer>(100 + i));
        bench.send(peers.back()->init_request(), kIkePort);
    }
    // Nobody answers: four wait for their key, the others are as good as lost.
    CHECK(bench.hub.engine.sizes().half_open == kMostOpenAsksOfPrefix);
    CHECK(bench.hub.dropped(DropReason::kIkeAsksFull) == 10 - kMostOpenAsksOfPrefix);
    Endpoint elsewhere = bench.there;
    elsewhere.address = source(1);
    bench.send_from(elsewhere, ScriptedPeer(500).init_request(), kIkePort);
    CHECK(bench.hub.engine.sizes().half_open == kMostOpenAsksOfPrefix + 1);
    bench.hub.holds_asks = false;
    bench.hub.answer_asks();
    CHECK(bench.hub.engine.sizes().open_asks == 0);
}

TEST_CASE(
    "KD6: while an ask is open its IKE_SA takes no other request; late answers count, answers to nothing do not") {
    Bench bench;
    bench.connect();
    bench.hub.holds_asks = true;
    const auto create = bench.peer.sealed(ExchangeType::kCreateChildSa, 2,
                                          bench.peer.child_chain(0xc0ffee02, KeyExchangeId::kCurve25519));
    bench.send(create);
    CHECK(bench.hub.sent.empty());
    REQUIRE(bench.hub.engine.sizes().open_asks >= 1);
    bench.send(create);
    bench.send(bench.peer.sealed(ExchangeType::kInformational, 2, Chain().delete_ike()));
    CHECK(bench.hub.sent.empty());
    CHECK(bench.hub.dropped(DropReason::kIkeBusy) == 2);
    bench.hub.call([&] { bench.hub.engine.handle_answer(bench.hub.now, 123'456, AskFailed{}, bench.hub.out); });
    bench.hub.holds_asks = false;
    bench.hub.answer_asks();
    CHECK(bench.opened().payloads.find<KePayload>() != nullptr);
    CHECK(bench.hub.engine.sizes().children == 2);
}

TEST_CASE("an ask that fails or is never answered is as good as a lost message: the repetition is asked again") {
    Bench bench;
    bench.connect();
    bench.hub.holds_asks = true;
    const auto create = bench.peer.sealed(ExchangeType::kCreateChildSa, 2,
                                          bench.peer.child_chain(0xc0ffee02, KeyExchangeId::kCurve25519));
    bench.send(create);
    bench.hub.run_until(bench.hub.now.instant + kAskLife);
    CHECK(bench.hub.dropped(DropReason::kIkeAskFailed) == 1);
    bench.hub.asks.clear();
    bench.send(create);
    REQUIRE_FALSE(bench.hub.asks.empty());
    const AskId id = bench.hub.asks.front().id;
    bench.hub.asks.clear();
    bench.hub.call([&] { bench.hub.engine.handle_answer(bench.hub.now, id, AskFailed{}, bench.hub.out); });
    CHECK(bench.hub.dropped(DropReason::kIkeAskFailed) == 2);
    bench.hub.holds_asks = false;
    bench.send(create);
    CHECK(bench.opened().payloads.find<KePayload>() != nullptr);
    CHECK(bench.hub.engine.sizes().children == 2);
}

TEST_CASE("KD5: datagrams that wait for the keys of a half-open IKE_SA are few and short") {
    Bench bench;
    bench.peer.more = {notify_of(NotifyType::kIkev2FragmentationSupported)};
    bench.send(bench.peer.init_request(), kIkePort);
    REQUIRE(bench.peer.take_init_response(bench.answer()));
    bench.hub.holds_asks = true;
    const Chain chain = bench.peer.auth_chain(kPsk, "left.example.net", "right.example.net");
    const std::size_t part = (chain.bytes().size() + 11) / 12;
    for (std::uint16_t i = 0; i < 12; ++i) {
        const Bytes bytes = chain.bytes().subspan(std::min(i * part, chain.bytes().size()));
        bench.send(bench.peer.sealer->seal_fragment(
            bench.peer.header(ExchangeType::kIkeAuth, 1, false), i == 0 ? chain.first() : PayloadType::kNone,
            static_cast<std::uint16_t>(i + 1), 12, bytes.first(std::min(part, bytes.size())), bench.peer.random));
    }
    CHECK(bench.hub.dropped(DropReason::kIkeBusy) == 12 - kMostWaiting);
    CHECK(bench.hub.engine.sizes().open_asks >= 1);
    bench.hub.holds_asks = false;
    bench.hub.answer_asks();
    CHECK(bench.hub.sent.empty());  // four fragments are missing
    for (std::uint16_t i = 0; i < 12; ++i) {
        const Bytes bytes = chain.bytes().subspan(std::min(i * part, chain.bytes().size()));
        bench.send(bench.peer.sealer->seal_fragment(
            bench.peer.header(ExchangeType::kIkeAuth, 1, false), i == 0 ? chain.first() : PayloadType::kNone,
            static_cast<std::uint16_t>(i + 1), 12, bytes.first(std::min(part, bytes.size())), bench.peer.random));
        if (!bench.hub.sent.empty()) break;
    }
    CHECK(bench.hub.sent.size() >= 1);
    CHECK(bench.hub.engine.sizes().ike_sas == 1);
}

TEST_CASE("KD1: ephemeral keys are made beforehand, so many of a method, and used once") {
    Ephemerals keys;
    test::SeededRandom random(1);
    CHECK_FALSE(keys.take(crypto::KeyExchangeMethod::kX25519).has_value());
    std::size_t wanted = 0;
    while (keys.wants(crypto::KeyExchangeMethod::kX25519)) ++wanted;
    CHECK(wanted == kEphemeralsKept);
    for (std::size_t i = 0; i < wanted + 3; ++i)
        keys.put(crypto::EphemeralKey::generate(crypto::KeyExchangeMethod::kX25519, random));
    CHECK(keys.size(crypto::KeyExchangeMethod::kX25519) == kEphemeralsKept);
    std::vector<std::vector<std::uint8_t>> seen;
    while (auto key = keys.take(crypto::KeyExchangeMethod::kX25519)) {
        const std::vector<std::uint8_t> value(key->public_value().begin(), key->public_value().end());
        CHECK(std::find(seen.begin(), seen.end(), value) == seen.end());
        seen.push_back(value);
    }
    CHECK(keys.wants(crypto::KeyExchangeMethod::kX25519));
    keys.failed(crypto::KeyExchangeMethod::kX25519);
    CHECK(keys.wants(crypto::KeyExchangeMethod::kX25519));
}

// --- IKE_SAs and children ------------------------------------------------------------------------

TEST_CASE("KI6: a connection has max_sessions peers of other identities") {
    Hub hub("192.0.2.2", 7);
    Connection connection = connection_of(false);
    connection.remote_address.reset();
    connection.remote_identity = expected("*.example.net");
    connection.max_sessions = 2;
    connection.children[0].more_peers = {PeerIndex{1}};
    hub.put_psk(kFirst, kPsk);
    hub.put(connection);
    const auto attempt = [&](std::uint64_t seed, const char* own) {
        ScriptedPeer peer(seed);
        const auto send = [&](const std::vector<std::uint8_t>& message, std::uint16_t port) {
            Wire wire{{source(static_cast<std::uint32_t>(seed)), port, 0}, {hub.address, port, 0}, {}};
            if (port == kNatPort) wire.bytes.assign(4, 0);
            wire.bytes.insert(wire.bytes.end(), message.begin(), message.end());
            hub.sent.clear();
            hub.deliver(wire);
        };
        send(peer.init_request(), kIkePort);
        const auto response = hub.sent.front().message();
        REQUIRE(peer.take_init_response(response));
        send(peer.auth_request(kPsk, own, "right.example.net"), kNatPort);
        return peer.open(hub.sent.front().message()).payloads.find<AuthPayload>() != nullptr;
    };
    CHECK(attempt(1, "a.example.net"));
    CHECK(attempt(2, "b.example.net"));
    CHECK_FALSE(attempt(3, "c.example.net"));
    CHECK(hub.dropped(DropReason::kIkeSessionsFull) == 1);
    CHECK(attempt(4, "a.example.net"));  // it was here before
    CHECK(hub.engine.sizes().ike_sas <= 3);
}

TEST_CASE("KD6: an IKE_SA has 16 children, and a bounded number of replaced ones") {
    Bench bench;
    bench.connect();
    std::uint32_t id = 2;
    std::size_t made = 1;
    for (std::uint32_t i = 0; i < 20; ++i) {
        bench.send(bench.peer.sealed(ExchangeType::kCreateChildSa, id++, bench.peer.child_chain(0xc1000000 + i)));
        const OpenedMessage answer = bench.opened();
        if (answer.payloads.find<SaPayload>() != nullptr) {
            ++made;
        } else {
            CHECK(answer.has(NotifyType::kNoAdditionalSas));
        }
    }
    CHECK(made == kMostChildren);
    CHECK(bench.hub.dropped(DropReason::kIkeChildrenFull) == 5);
    // Rekeyed and never deleted.
    for (std::uint32_t i = 0; i < 40; ++i) {
        Chain chain = bench.peer.child_chain(0xc2000000 + i);
        chain.notify(rekey_sa(i < 15 ? 0xc1000000 + i : 0xc2000000 + i - 15));
        bench.send(bench.peer.sealed(ExchangeType::kCreateChildSa, id++, chain));
        REQUIRE(bench.hub.sessions.entries.size() <= kMostChildrenWithReplaced);
    }
    CHECK(bench.hub.sessions.entries.size() == kMostChildrenWithReplaced);
}

TEST_CASE("a peer's child has as many flows as the data plane has") {
    Bench bench([](Connection& connection) { connection.children[0].local = {network("10.2.0.0/16")}; });
    bench.peer.remote = {network("10.2.100.0/24")};
    bench.connect();
    for (std::uint32_t i = 0; i < 15; ++i) {
        bench.peer.remote = {TrafficSelector{IpAddress::v4(10, 2, static_cast<std::uint8_t>(i), 0),
                                             IpAddress::v4(10, 2, static_cast<std::uint8_t>(i), 255), 0, 0,
                                             UINT16_MAX}};
        bench.send(bench.peer.sealed(ExchangeType::kCreateChildSa, 2 + i, bench.peer.child_chain(0xc1000000 + i)));
        CHECK(bench.opened().payloads.find<SaPayload>() != nullptr);
    }
    std::array<bool, dataplane::kFlowsPerPeer> is_used{};
    for (const auto& [id, entry] : bench.hub.sessions.entries) is_used[entry.session.flow] = true;
    CHECK(std::all_of(is_used.begin(), is_used.end(), [](bool used) { return used; }));
}

TEST_CASE("KD6: a peer that rekeys its IKE_SA again and again gets TEMPORARY_FAILURE, not memory") {
    Bench bench;
    bench.connect();
    std::uint32_t id = 2;
    std::size_t refused = 0;
    for (int i = 0; i < 20; ++i) {
        Proposal proposal = bench.peer.offered.front();
        proposal.spi.assign(8, static_cast<std::uint8_t>(i + 1));
        const auto key = crypto::EphemeralKey::generate(crypto::KeyExchangeMethod::kX25519, bench.peer.random);
        const auto nonce = bench.peer.random.bytes(32);
        Chain chain;
        chain.sa({&proposal, 1}).nonce(nonce).ke(KeyExchangeId::kCurve25519, key.public_value());
        bench.send(bench.peer.sealed(ExchangeType::kCreateChildSa, id++, chain));
        const OpenedMessage answer = bench.opened();
        if (answer.has(NotifyType::kTemporaryFailure)) ++refused;
        REQUIRE(bench.hub.engine.sizes().all <= most_ike_sas(1));
        const auto* const sa = answer.payloads.find<SaPayload>();
        if (sa == nullptr) continue;
        // It goes on with the new one.
        const auto choice = accept_ike(*sa, {&proposal, 1});
        REQUIRE(choice.has_value());
        const auto secret = key.agree(answer.payloads.find<KePayload>()->public_value);
        const Bytes theirs = answer.payloads.find<NoncePayload>()->nonce;
        const IkeSpis spis{load_be<std::uint64_t>(proposal.spi.data()), choice->spi};
        bench.peer.keys = derive_rekeyed_ike_keys(choice->suite, bench.peer.suite.prf_hash(), bench.peer.keys.sk_d,
                                                  *secret, {nonce, theirs}, spis);
        bench.peer.sealer.emplace(std::move(bench.peer.keys.sk_i));
        bench.peer.spis = spis;
        bench.peer.suite = choice->suite;
        id = 0;
    }
    CHECK(refused > 0);
    CHECK(bench.hub.engine.sizes().children == 1);
}

TEST_CASE("KL9: answers to sources without an IKE_SA are remembered for a bounded number of them") {
    test::SeededRandom random(1);
    Once once(60s, 100, random);
    const Instant now = at(0s).instant;
    std::size_t allowed = 0;
    for (std::uint32_t i = 0; i < 100; ++i) CHECK(once.allow(now, source(i)));
    CHECK_FALSE(once.allow(now + 59s, source(1)));
    CHECK(once.allow(now + 60s, source(1)));
    // A flood of made-up sources keeps nobody else without an answer.
    for (std::uint32_t i = 100; i < 600; ++i) allowed += once.allow(now + 61s, source(i)) ? 1U : 0U;
    CHECK(allowed == 500);
    CHECK(once.size() <= 100);
    CHECK_FALSE(once.allow(now + 62s, source(599)));
}

TEST_CASE("people see the last eight attempts, each with bounded text") {
    Bench bench;
    const std::string name(1000, 'x');
    for (std::uint64_t i = 0; i < 20; ++i) {
        ScriptedPeer peer(200 + i);
        bench.hub.run_until(bench.hub.now.instant + 3s);
        bench.send(peer.init_request(), kIkePort);
        REQUIRE(peer.take_init_response(bench.answer()));
        bench.send(peer.auth_request(kPsk, name.c_str(), "right.example.net"));
    }
    const auto attempts = bench.hub.engine.strangers_attempts();
    CHECK(attempts.size() == kAttemptsKept);
    for (const Attempt& attempt : attempts) CHECK(attempt.sentence.size() < 1000);
}

}  // namespace
}  // namespace warren::ike
