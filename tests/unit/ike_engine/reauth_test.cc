// How long it counts that a peer has shown who it is (RFC 4478).
#include <doctest/doctest.h>

#include "tests/unit/ike_engine/bench.h"

using namespace warren;
using namespace warren::ike;
using namespace warren::ike::testing;

TEST_CASE("KL11: AUTH_LIFETIME is sent with reauth, and who does not begin anew by then is gone") {
    Bench bench([](Connection& connection) {
        connection.reauth = 30min;
        connection.dpd = Duration::zero();
    });
    bench.send(bench.peer.init_request(), kIkePort);
    REQUIRE(bench.peer.take_init_response(bench.answer()));
    bench.send(bench.peer.auth_request(kPsk, "left.example.net", "right.example.net"));
    const OpenedMessage answer = bench.opened();
    const NotifyPayload* const notify = answer.payloads.notify(NotifyType::kAuthLifetime);
    REQUIRE(notify != nullptr);
    CHECK(auth_lifetime_of(*notify) == 30min);
    bench.hub.run_until(bench.hub.now.instant + 30min - 1s);
    CHECK(bench.hub.engine.sizes().ike_sas == 1);
    bench.hub.sent.clear();
    bench.hub.run_until(bench.hub.now.instant + 2s);
    CHECK(bench.hub.sessions.entries.empty());
    REQUIRE(!bench.hub.sent.empty());
    CHECK(bench.hub.sent.front().exchange() == ExchangeType::kInformational);
}

TEST_CASE("KL11: without reauth there is no AUTH_LIFETIME") {
    Bench bench;
    bench.send(bench.peer.init_request(), kIkePort);
    REQUIRE(bench.peer.take_init_response(bench.answer()));
    bench.send(bench.peer.auth_request(kPsk, "left.example.net", "right.example.net"));
    CHECK_FALSE(bench.opened().has(NotifyType::kAuthLifetime));
}

TEST_CASE("KL11: the initiator begins anew before the time is over, and a child is always there") {
    for (const bool is_told : {true, false}) {
        CAPTURE(is_told);
        Pair pair(1, [&](Connection& connection, bool is_left) {
            if (is_left != is_told) connection.reauth = 30min;  // the responder's, or its own
        });
        pair.connect();
        const std::uint64_t first = pair.left.spis().initiator;
        for (int i = 0; i < 60; ++i) {
            pair.advance(1min);
            REQUIRE(pair.left.sessions.sending(PeerIndex{0}) != nullptr);
            REQUIRE(pair.right.sessions.sending(PeerIndex{0}) != nullptr);
            pair.check_agree();
        }
        CHECK(pair.left.engine.sizes().ike_sas == 1);
        CHECK(pair.right.engine.sizes().ike_sas == 1);
        CHECK(pair.left.spis().initiator != first);
        CHECK(pair.left.news<control::PeerLost>() == 0);
    }
}

TEST_CASE("KL11: a rekey of the IKE_SA proves nothing") {
    Pair pair(1, [&](Connection& connection, bool is_left) {
        if (!is_left) connection.reauth = 30min;
        if (is_left) connection.start = Start::kResponder;
    });
    pair.connect();
    pair.advance(20min);
    pair.right.rekey(Engine::Rekey::kIkeSas);
    pair.settle();
    pair.filter = [](const Wire& wire) { return wire.exchange() != ExchangeType::kIkeSaInit; };
    pair.advance(12min);
    CHECK(pair.right.sessions.entries.empty());
}
