// MOBIKE as responder (RFC 4555).
#include <doctest/doctest.h>

#include "tests/unit/ike_engine/crowd.h"

using namespace warren;
using namespace warren::ike;
using namespace warren::ike::testing;

namespace {

const IpAddress kHub = *parse_ip("192.0.2.2");
const Endpoint kSecond{*parse_ip("203.0.113.20"), 4500, 0};
const Endpoint kThird{*parse_ip("203.0.113.30"), 4500, 0};

void announce(Chain& chain) {
    chain.notify(notify_of(NotifyType::kMobikeSupported));
}

// One client of a pool, with MOBIKE unless something is changed.
struct Moving {
    explicit Moving(const std::function<void(Connection&)>& change = {}, bool announces = true)
        : crowd(2, {"10.99.0.0/24"}, change), client(1) {
        const OpenedMessage answer = crowd.connect(client, "a.example.net", [&](Chain& chain) {
            asking_v4()(chain);
            if (announces) announce(chain);
        });
        REQUIRE(answer.payloads.find<SaPayload>() != nullptr);
        is_announced = answer.has(NotifyType::kMobikeSupported);
    }
    Chain update(const Endpoint& from) {
        Chain chain;
        chain.notify(notify_of(NotifyType::kUpdateSaAddresses));
        chain.notify(notify_of(NotifyType::kNatDetectionSourceIp, nat_hash(client.peer.spis, from.address, from.port)));
        chain.notify(notify_of(NotifyType::kNatDetectionDestinationIp, nat_hash(client.peer.spis, kHub, kNatPort)));
        return chain;
    }
    // The answer to a request from there. `tests`: the hub's own request to there, if it sent one.
    OpenedMessage ask_from(const Endpoint& from, const Chain& chain, std::uint16_t port = kNatPort) {
        client.at = from;
        crowd.send(client, client.peer.sealed(ExchangeType::kInformational, client.next_id++, chain), port);
        tests.reset();
        std::optional<OpenedMessage> answer;
        for (const Wire& wire : crowd.hub.sent) {
            CHECK(wire.to.address == from.address);
            OpenedMessage message = client.peer.open(wire.message());
            (wire.is_response() ? answer : tests) = std::move(message);
        }
        REQUIRE(answer.has_value());
        return std::move(*answer);
    }
    OpenedMessage move(const Endpoint& to) { return ask_from(to, update(to)); }
    // Answers its test with these bytes, or with what it has.
    void answer_test(const Endpoint& from, std::optional<std::vector<std::uint8_t>> other = {}) {
        REQUIRE(tests.has_value());
        const NotifyPayload* const cookie = tests->payloads.notify(NotifyType::kCookie2);
        REQUIRE(cookie != nullptr);
        CHECK(cookie->data.size() >= 8);
        Chain chain;
        if (!other || !other->empty())
            chain.notify(notify_of(NotifyType::kCookie2, other ? Bytes(*other) : cookie->data));
        client.at = from;
        crowd.send(client, client.peer.sealed(ExchangeType::kInformational, tests->header.message_id, chain, true));
    }
    [[nodiscard]] Endpoint data_at() { return crowd.hub.sessions.endpoints.at(0); }

    Crowd crowd;
    Client client;
    bool is_announced = false;
    std::optional<OpenedMessage> tests;
};

}  // namespace

TEST_CASE("KM4: MOBIKE is announced to who announces it, where it is allowed") {
    CHECK(Moving().is_announced);
    CHECK_FALSE(Moving({}, false).is_announced);
    CHECK_FALSE(Moving([](Connection& connection) { connection.mobike = false; }).is_announced);
}

TEST_CASE("KM4: data move when the peer has answered from its new address, and its lease stays") {
    Moving moving;
    const Endpoint first = moving.client.at;
    CHECK(moving.crowd.hub.sessions.sending(PeerIndex{0})->follow == dataplane::Follow::kNever);
    const auto reach = moving.crowd.hub.sessions.reach;
    const std::vector<std::uint8_t> cookie(20, 7);
    Chain request = moving.update(kSecond);
    request.notify(notify_of(NotifyType::kCookie2, cookie));
    const OpenedMessage answer = moving.ask_from(kSecond, request);
    CHECK(answer.has(NotifyType::kNatDetectionSourceIp));
    CHECK(answer.has(NotifyType::kNatDetectionDestinationIp));
    const NotifyPayload* const echo = answer.payloads.notify(NotifyType::kCookie2);
    REQUIRE(echo != nullptr);
    CHECK(std::equal(cookie.begin(), cookie.end(), echo->data.begin(), echo->data.end()));
    CHECK(moving.data_at() == first);
    CHECK(moving.crowd.hub.status().ike_sas.at(0).endpoint == kSecond);
    moving.answer_test(kSecond);
    CHECK(moving.data_at() == kSecond);
    CHECK(moving.crowd.hub.sessions.reach == reach);
    CHECK(moving.crowd.hub.news<control::PeerMoved>() == 1);
    // Back to where it has answered from, or to another port there: at once.
    (void)moving.move(first);
    CHECK_FALSE(moving.tests.has_value());
    CHECK(moving.data_at() == first);
    const Endpoint rebound{first.address, 61'000, 0};
    (void)moving.move(rebound);
    CHECK(moving.data_at() == rebound);
}

TEST_CASE("KM4: who does not answer with what was sent there has lost its IKE_SA, and nothing was sent there") {
    for (const std::vector<std::uint8_t>& wrong : {std::vector<std::uint8_t>{}, std::vector<std::uint8_t>(16, 1)}) {
        Moving moving;
        const Endpoint first = moving.client.at;
        (void)moving.move(kSecond);
        CHECK(moving.data_at() == first);
        moving.answer_test(kSecond, wrong);
        CHECK(moving.crowd.hub.sessions.entries.empty());
        CHECK(moving.crowd.hub.dropped(DropReason::kIkePathWrong) == 1);
    }
    Moving silent;
    (void)silent.move(kSecond);
    silent.crowd.hub.run_until(silent.crowd.hub.now.instant + 2min);
    CHECK(silent.crowd.hub.engine.sizes().ike_sas == 0);
}

TEST_CASE("KM4: an answer says nothing of where the peer has moved since") {
    Moving moving;
    const Endpoint first = moving.client.at;
    (void)moving.move(kSecond);
    const std::optional<OpenedMessage> test = std::move(moving.tests);
    (void)moving.move(kThird);
    CHECK_FALSE(moving.tests.has_value());  // ours waits for its response
    moving.tests = test ? std::optional(moving.client.peer.open(test->bytes)) : std::nullopt;
    moving.answer_test(kThird);
    CHECK(moving.data_at() == first);
    REQUIRE(moving.crowd.hub.sent.size() == 1);
    CHECK(moving.crowd.hub.sent.front().to == kThird);
    moving.tests = moving.client.peer.open(moving.crowd.hub.sent.front().message());
    moving.answer_test(kThird);
    CHECK(moving.data_at() == kThird);
}

TEST_CASE("KM4: a test of an address that was read at another one shows nothing") {
    Moving moving;
    const Endpoint first = moving.client.at;
    (void)moving.move(kSecond);
    const std::optional<OpenedMessage> test = std::move(moving.tests);
    (void)moving.move(first);
    (void)moving.move(kSecond);
    moving.tests = test ? std::optional(moving.client.peer.open(test->bytes)) : std::nullopt;
    moving.answer_test(kSecond);
    CHECK(moving.data_at() == first);
}

TEST_CASE("KM4: a child that is made while the new address is not tested sends to the old one") {
    Moving moving;
    const Endpoint first = moving.client.at;
    (void)moving.move(kSecond);
    Chain chain = moving.client.peer.child_chain(0xbeef0001);
    chain.notify(rekey_sa(moving.client.peer.child_spi));
    (void)moving.crowd.request(moving.client, ExchangeType::kCreateChildSa, chain);
    CHECK(moving.crowd.hub.sessions.entries.size() == 2);
    CHECK(moving.data_at() == first);
    moving.answer_test(kSecond);
    CHECK(moving.data_at() == kSecond);
}

TEST_CASE("KM3: with MOBIKE only UPDATE_SA_ADDRESSES moves a peer; without, that means nothing") {
    Moving moving;
    const Endpoint first = moving.client.at;
    const OpenedMessage probe = moving.ask_from(
        kSecond, Chain().notify(notify_of(NotifyType::kNatDetectionSourceIp, std::vector<std::uint8_t>(20, 1))));
    CHECK(probe.has(NotifyType::kNatDetectionDestinationIp));  // answered there: it looks for a path
    CHECK(moving.data_at() == first);
    CHECK(moving.crowd.hub.status().ike_sas.at(0).endpoint == first);
    Moving without({}, false);
    const Endpoint there = without.client.at;
    Chain request = without.update(kSecond);
    const OpenedMessage answer = without.ask_from(kSecond, request);
    CHECK(answer.payloads.empty());
    const bool is_behind_nat = without.crowd.hub.status().ike_sas.at(0).peer_is_behind_nat;
    CHECK(without.data_at() == (is_behind_nat ? kSecond : there));
}

TEST_CASE("KM4: an address that the peer may not have, and a NAT that it does not allow") {
    Moving moving;
    const Endpoint first = moving.client.at;
    const Endpoint on_500{kSecond.address, kIkePort, 0};
    CHECK(moving.ask_from(on_500, moving.update(on_500), kIkePort).has(NotifyType::kUnacceptableAddresses));
    const Endpoint nowhere{*parse_ip("127.0.0.1"), 4500, 0};
    CHECK(moving.ask_from(nowhere, moving.update(nowhere)).has(NotifyType::kUnacceptableAddresses));
    const auto no_nats = [&](const Endpoint& from) {
        std::vector<std::uint8_t> data;
        for (const IpAddress& address : {from.address, kHub})
            data.insert(data.end(), address.bytes().begin(), address.bytes().end());
        for (const std::uint16_t port : {from.port, kNatPort}) {
            data.push_back(static_cast<std::uint8_t>(port >> 8U));
            data.push_back(static_cast<std::uint8_t>(port));
        }
        return notify_of(NotifyType::kNoNatsAllowed, data);
    };
    Chain translated = moving.update(kSecond);
    translated.notify(no_nats(kThird));
    CHECK(moving.ask_from(kSecond, translated).has(NotifyType::kUnexpectedNatDetected));
    CHECK(moving.data_at() == first);
    CHECK(moving.crowd.hub.status().ike_sas.at(0).endpoint == first);
    Chain plain = moving.update(kSecond);
    plain.notify(no_nats(kSecond));
    CHECK_FALSE(moving.ask_from(kSecond, plain).has(NotifyType::kUnexpectedNatDetected));
    CHECK(moving.crowd.hub.status().ike_sas.at(0).endpoint == kSecond);

    Moving fixed([](Connection& connection) { connection.remote_address = Client::network_address(1); });
    CHECK(fixed.move(kSecond).has(NotifyType::kUnacceptableAddresses));
}
