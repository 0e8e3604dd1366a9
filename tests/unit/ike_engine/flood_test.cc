// First messages from many sources that nobody is behind: who gets a cookie when not everybody can.
#include <doctest/doctest.h>

#include "tests/unit/ike_engine/bench.h"
#include "vpnd/ike/notify.h"
#include "vpnd/ike/reader.h"

namespace warren::ike {
namespace {

using namespace testing;

Endpoint forged(std::uint32_t number) {
    return {IpAddress::v4(198, 18, static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)), kIkePort,
            0};
}

// Whether it was answered, with a cookie.
bool has_cookie(Bench& bench, const Endpoint& from, const std::vector<std::uint8_t>& request) {
    bench.hub.sent.clear();
    bench.send_from(from, request, kIkePort);
    if (bench.hub.sent.empty()) return false;
    return read_message(bench.hub.sent.front().message())->payloads.notify(NotifyType::kCookie) != nullptr;
}

// As many as there are cookies for first messages.
void use_up_cookies(Bench& bench) {
    auto request = ScriptedPeer(1000).init_request();
    for (std::uint32_t i = 1; i <= static_cast<std::uint32_t>(kCookieAnswers.burst); ++i) {
        store_be(request.data(), std::uint64_t{i});
        REQUIRE(has_cookie(bench, forged(i), request));
    }
}

TEST_CASE("KD2: in a flood a new site gets a cookie as the others do, and comes in with it") {
    Bench bench;
    bench.hub.engine.set_queue_length(1000);
    auto request = ScriptedPeer(1000).init_request();
    std::int64_t answered = 0;
    for (std::uint32_t i = 1; i <= 50'000 / 10; ++i) {  // a tenth of a second
        store_be(request.data(), std::uint64_t{i});
        bench.hub.now.instant = bench.hub.now.instant + 20us;
        answered += has_cookie(bench, forged(i), request) ? 1 : 0;
    }
    CHECK(answered == 5000);
    REQUIRE(has_cookie(bench, bench.there, bench.peer.init_request()));
    const auto answer = bench.answer();
    const auto message = read_message(answer);
    const Bytes cookie = message->payloads.notify(NotifyType::kCookie)->data;
    const std::vector<std::uint8_t> kept(cookie.begin(), cookie.end());
    bench.send(bench.peer.init_request(kept), kIkePort);
    CHECK(bench.peer.take_init_response(bench.answer()));
    CHECK(bench.hub.engine.sizes().all == 1);
}

TEST_CASE("KD2: so many cookies are sent at once, and more later") {
    Bench bench;
    bench.hub.engine.set_queue_length(1000);
    use_up_cookies(bench);
    const auto request = bench.peer.init_request();
    CHECK_FALSE(has_cookie(bench, bench.there, request));
    // A million requests a second for a hundredth of one.
    std::size_t answered = 0;
    for (int i = 0; i < 10'000; ++i) {
        bench.hub.now.instant = bench.hub.now.instant + 1us;
        if (has_cookie(bench, bench.there, request)) ++answered;
    }
    CHECK(answered == 250'000 / 100);
    CHECK(bench.hub.engine.sizes().all == 0);
}

TEST_CASE("KD2: the shortest request that gets a cookie is longer than the answer") {
    Bench bench;
    bench.hub.engine.set_queue_length(1000);
    const auto answer_to = [&](std::size_t nonce_size) {
        Header header;
        header.spis.initiator = 5;
        header.exchange = ExchangeType::kIkeSaInit;
        header.is_initiator = true;
        Proposal nothing;
        nothing.number = 1;
        nothing.protocol = ProtocolId::kIke;
        Chain chain;
        chain.sa({&nothing, 1});
        chain.ke(static_cast<KeyExchangeId>(60'000), std::vector<std::uint8_t>(1));
        chain.nonce(std::vector<std::uint8_t>(nonce_size));
        const auto request = write_message(header, chain);
        const bool is_answered = has_cookie(bench, bench.there, request);
        return std::pair(request.size(), is_answered ? bench.hub.sent.front().message().size() : 0);
    };
    CHECK(answer_to(15).second == 0);
    const auto [asked, answered] = answer_to(16);
    CHECK(asked == 69);
    CHECK(answered == 53);
}

TEST_CASE("KD2: an answer to IKE_SA_INIT is repeated five times a second at most, whoever asks for it") {
    Bench bench;
    const auto request = bench.peer.init_request();
    bench.send(request, kIkePort);
    const auto answer = bench.answer();
    std::size_t repeated = 0;
    for (int i = 0; i < 1000; ++i) {
        bench.hub.now.instant = bench.hub.now.instant + 1ms;
        bench.send(request, kIkePort);
        repeated += bench.hub.sent.size();
        if (!bench.hub.sent.empty()) CHECK(bench.answer() == answer);
    }
    CHECK(repeated == 5);
    CHECK(bench.hub.dropped(DropReason::kIkeBusy) == 1000 - 5);
    CHECK(bench.peer.take_init_response(answer));
}

TEST_CASE("KD4: a source that is known needs no cookie, however many are refused") {
    Bench bench;
    bench.connect();
    bench.hub.engine.set_queue_length(1000);
    use_up_cookies(bench);
    ScriptedPeer again(9);
    bench.hub.sent.clear();
    bench.send(again.init_request(), kIkePort);
    CHECK(again.take_init_response(bench.answer()));
}

}  // namespace
}  // namespace warren::ike
