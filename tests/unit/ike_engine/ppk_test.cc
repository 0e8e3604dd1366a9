// Postquantum preshared keys (RFC 8784).
#include <doctest/doctest.h>

#include "tests/unit/ike_engine/bench.h"

using namespace warren;
using namespace warren::ike;
using namespace warren::ike::testing;

namespace {

constexpr SecretId kPpk = 77;

enum class Has : std::uint8_t { kNone, kOptional, kRequired };

struct Side {
    Has has = Has::kNone;
    const char* name = "ours-2026";
    const char* key = "a postquantum preshared key of more than 32 bytes";
};

void give(Connection& connection, const Side& side) {
    if (side.has == Has::kNone) return;
    connection.ppk = kPpk;
    connection.ppk_identity = side.name;
    connection.ppk_required = side.has == Has::kRequired;
}

struct Outcome {
    bool is_up = false;
    bool is_mixed = false;
};

Outcome connect(const Side& initiator, const Side& responder) {
    Pair pair(1, [&](Connection& connection, bool is_left) { give(connection, is_left ? initiator : responder); });
    pair.left.answerer.put_psk(kPpk, as_bytes(std::string_view(initiator.key)));
    pair.right.answerer.put_psk(kPpk, as_bytes(std::string_view(responder.key)));
    pair.connect();
    Outcome out;
    out.is_up = pair.left.engine.sizes().ike_sas == 1;
    CHECK(out.is_up == (pair.right.engine.sizes().ike_sas == 1));
    if (!out.is_up) return out;
    pair.check_agree();
    out.is_mixed = pair.right.answerer.mixes > 0;
    // Keys that are made of SK_d later agree too.
    pair.left.rekey();
    pair.settle();
    pair.advance(1s);
    pair.check_agree();
    return out;
}

}  // namespace

TEST_CASE("KQ1: who has a key, requires it, or has none: every pair of both sides") {
    for (const Has initiator : {Has::kNone, Has::kOptional, Has::kRequired}) {
        for (const Has responder : {Has::kNone, Has::kOptional, Has::kRequired}) {
            CAPTURE(static_cast<int>(initiator));
            CAPTURE(static_cast<int>(responder));
            const Outcome same = connect({initiator}, {responder});
            const bool both = initiator != Has::kNone && responder != Has::kNone;
            const bool one_must = initiator == Has::kRequired || responder == Has::kRequired;
            CHECK(same.is_up == (both || !one_must));
            CHECK(same.is_mixed == (same.is_up && both));
            if (!both) continue;
            // Another name is as good as none.
            const Outcome unknown = connect({initiator}, {responder, "theirs-2027"});
            CHECK(unknown.is_up == !one_must);
            CHECK_FALSE(unknown.is_mixed);
            // The same name of another key is a wrong key.
            CHECK_FALSE(
                connect({initiator}, {responder, "ours-2026", "another key of the same name, long enough"}).is_up);
        }
    }
}

TEST_CASE("KQ1: the responder says that it has one only to who asks, and refuses as for a wrong key") {
    const auto says = [](const Side& side, bool asks) {
        Bench bench([&](Connection& connection) { give(connection, side); });
        if (asks) bench.peer.more.push_back(notify_of(NotifyType::kUsePpk));
        bench.send(bench.peer.init_request(), kIkePort);
        const auto message = bench.answer();
        return read_message(message)->payloads.notify(NotifyType::kUsePpk) != nullptr;
    };
    CHECK(says({Has::kOptional}, true));
    CHECK_FALSE(says({Has::kOptional}, false));
    CHECK_FALSE(says({Has::kNone}, true));

    Bench bench([](Connection& connection) { give(connection, {Has::kRequired}); });
    bench.send(bench.peer.init_request(), kIkePort);
    REQUIRE(bench.peer.take_init_response(bench.answer()));
    bench.send(bench.peer.auth_request(kPsk, "left.example.net", "right.example.net"));
    const OpenedMessage answer = bench.opened();
    CHECK(answer.has(NotifyType::kAuthenticationFailed));
    CHECK(answer.payloads.size() == 1);
    CHECK(bench.hub.dropped(DropReason::kIkePpkRequired) == 1);
}

TEST_CASE("KQ1: another key in a new configuration makes everything anew") {
    Pair pair(1, [](Connection& connection, bool) { give(connection, {Has::kOptional}); });
    for (Hub* const hub : {&pair.left, &pair.right})
        hub->answerer.put_psk(kPpk, as_bytes(std::string_view(Side().key)));
    pair.connect();
    CHECK(pair.right.engine.sizes().ike_sas == 1);
    Connection changed = connection_of(false);
    changed.psk = psk_of(changed.index);
    pair.right.put(changed);
    pair.settle();
    CHECK(pair.right.engine.sizes().ike_sas == 0);
}
