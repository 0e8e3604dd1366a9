// Who is refused in IKE_AUTH learns the same, after the same work, whatever is wrong; and takes nothing of others.
#include "tests/unit/ike_engine/bench.h"

namespace warren::ike {
namespace {

using namespace testing;

constexpr const char* kLeft = "left.example.net";
constexpr const char* kRight = "right.example.net";

void connection_elsewhere(Connection& connection) {
    connection.remote_address = *parse_ip("192.0.2.77");
}
void connection_with_other_suite(Connection& connection) {
    for (Acceptable& line : connection.ike.lines)
        std::erase_if(line.key_exchange, [](const Algorithm* one) {
            return one->id == static_cast<std::uint16_t>(KeyExchangeId::kCurve25519);
        });
}
void nothing(Connection& /*connection*/) {}

// A second connection of acme, or one of beta, that expects the same peer.
void put_another(Hub& hub, CustomerIndex customer) {
    hub.engine.put_customer(hub.now, {kBeta, "beta", identity("beta.example.net"), {}}, hub.out);
    Connection other = connection_of(false);
    other.index = ConnectionIndex{1};
    other.customer = customer;
    other.children[0].peer = PeerIndex{1};
    if (customer == kBeta) other.local_identity.reset();
    hub.put_psk(other.index, "the key of another");
    hub.put(other);
}

struct Wrong {
    const char* name;
    DropReason reason;
    const char* psk = kPsk;
    std::string own = kLeft;
    const char* asked = kRight;
    AuthMethod method = AuthMethod::kSharedKeyMic;
    void (*change)(Connection&) = nothing;
    CustomerIndex another{};
};

// What the hub asks of whoever has the keys, and answers, to an IKE_AUTH request with that wrong with it.
struct Seen {
    std::size_t key_exchanges = 0;
    std::size_t macs = 0;
    bool has_both_octets = false;
    bool is_answered_before = false;
    std::size_t answer_size = 0;
    bool operator==(const Seen&) const = default;
};

Seen seen_with(const Wrong& wrong) {
    Bench bench(wrong.change);
    Hub& hub = bench.hub;
    if (wrong.another.valid()) put_another(hub, wrong.another);
    bench.send(bench.peer.init_request(), kIkePort);
    REQUIRE(bench.peer.take_init_response(bench.answer()));
    const Chain usual = bench.peer.auth_chain(wrong.psk, wrong.own.c_str(), wrong.asked);
    Chain chain;
    if (wrong.method == AuthMethod::kSharedKeyMic) {
        chain = usual;
    } else {
        const Identity own = identity(wrong.own.c_str());
        const Proposal proposal = ScriptedPeer::child_proposal(5);
        chain.id(PayloadType::kIdi, own.type, own.value);
        chain.id(PayloadType::kIdr, identity(wrong.asked).type, identity(wrong.asked).value);
        chain.auth(wrong.method, std::vector<std::uint8_t>(32)).sa({&proposal, 1});
        chain.ts(PayloadType::kTsi, bench.peer.local).ts(PayloadType::kTsr, bench.peer.remote);
    }
    Seen seen;
    hub.holds_asks = true;
    bench.send(bench.peer.sealed(ExchangeType::kIkeAuth, 1, chain));
    while (!hub.asks.empty()) {
        seen.is_answered_before = seen.is_answered_before || !hub.sent.empty();
        Ask ask = std::move(hub.asks.front());
        hub.asks.pop_front();
        if (const auto* const mac = std::get_if<PskMacAsk>(&ask.question)) {
            ++seen.macs;
            seen.has_both_octets = !mac->peer_octets.empty() && !mac->our_octets.empty();
        } else {
            ++seen.key_exchanges;
        }
        hub.call(
            [&] { hub.engine.handle_answer(hub.now, ask.id, hub.answerer.answer(std::move(ask.question)), hub.out); });
    }
    const auto answer = bench.answer();
    seen.answer_size = answer.size();
    const OpenedMessage opened = bench.peer.open(answer);
    CHECK(opened.has(NotifyType::kAuthenticationFailed));
    CHECK(opened.payloads.size() == 1);
    CHECK(hub.dropped(wrong.reason) == 1);
    CHECK(hub.sessions.entries.empty());
    CHECK(hub.indexes.size() == 0);
    CHECK(hub.engine.sizes().ike_sas == 0);
    // The request again: the same answer. Another one: nothing.
    bench.send(bench.peer.sealed(ExchangeType::kIkeAuth, 2, usual));
    CHECK(hub.sent.empty());
    return seen;
}

TEST_CASE("KA11: whatever is wrong with a peer, it gets the same answer after the same asks") {
    const Seen expected = seen_with({"wrong key", DropReason::kIkeAuthFailed, "wrong"});
    CHECK(expected.key_exchanges == 1);
    CHECK(expected.macs == 1);
    CHECK(expected.has_both_octets);
    CHECK_FALSE(expected.is_answered_before);
    const std::vector<Wrong> all{
        {.name = "unknown peer", .reason = DropReason::kIkeNoConnection, .own = "lift.example.net"},
        {.name = "unknown customer", .reason = DropReason::kIkeUnknownIdentity, .asked = "wrong.example.net"},
        {.name = "no customer", .reason = DropReason::kIkeUnknownIdentity, .asked = nullptr},
        {.name = "wrong customer", .reason = DropReason::kIkeAuthFailed, .asked = "beta.example.net", .another = kBeta},
        {.name = "elsewhere", .reason = DropReason::kIkeNoConnection, .change = connection_elsewhere},
        {.name = "not with these algorithms",
         .reason = DropReason::kIkeNoProposal,
         .change = connection_with_other_suite},
        {.name = "two connections", .reason = DropReason::kIkeNoConnection, .another = kAcme},
        {.name = "another method", .reason = DropReason::kIkeNoConnection, .method = static_cast<AuthMethod>(13)},
    };
    for (const Wrong& wrong : all) {
        INFO(wrong.name);
        CHECK(seen_with(wrong) == expected);
    }
}

TEST_CASE("an identity longer than any is nobody's, though a pattern or `any` would fit") {
    Bench bench([](Connection& connection) { connection.remote_identity = expected("*.example.net"); });
    bench.send(bench.peer.init_request(), kIkePort);
    REQUIRE(bench.peer.take_init_response(bench.answer()));
    const std::string name = std::string(kMostIdentity, 'x') + ".example.net";
    const Identity own = identity_of(IdType::kFqdn, as_bytes(name));
    const auto octets = auth_octets(bench.peer.suite.prf_hash(), bench.peer.sent_init, bench.peer.peer_nonce,
                                    bench.peer.keys.sk_pi, id_body(own.type, own.value));
    const Proposal proposal = ScriptedPeer::child_proposal(5);
    Chain chain;
    chain.id(PayloadType::kIdi, own.type, own.value);
    chain.id(PayloadType::kIdr, identity(kRight).type, identity(kRight).value);
    chain.auth(AuthMethod::kSharedKeyMic, shared_key_mic(bench.peer.suite.prf_hash(), as_bytes(kPsk), octets).reveal());
    chain.sa({&proposal, 1}).ts(PayloadType::kTsi, bench.peer.local).ts(PayloadType::kTsr, bench.peer.remote);
    bench.send(bench.peer.sealed(ExchangeType::kIkeAuth, 1, chain));
    CHECK(bench.opened().has(NotifyType::kAuthenticationFailed));
}

TEST_CASE("KA1: an empty AUTH is not proven by an answer without a MAC") {
    Bench bench;
    Hub& hub = bench.hub;
    bench.send(bench.peer.init_request(), kIkePort);
    REQUIRE(bench.peer.take_init_response(bench.answer()));
    const Identity own = identity(kLeft);
    const Proposal proposal = ScriptedPeer::child_proposal(5);
    Chain chain;
    chain.id(PayloadType::kIdi, own.type, own.value);
    chain.id(PayloadType::kIdr, identity(kRight).type, identity(kRight).value);
    chain.auth(AuthMethod::kSharedKeyMic, {}).sa({&proposal, 1});
    chain.ts(PayloadType::kTsi, bench.peer.local).ts(PayloadType::kTsr, bench.peer.remote);
    hub.holds_asks = true;
    bench.send(bench.peer.sealed(ExchangeType::kIkeAuth, 1, chain));
    while (!hub.asks.empty()) {
        Ask ask = std::move(hub.asks.front());
        hub.asks.pop_front();
        const bool is_mac = std::holds_alternative<PskMacAsk>(ask.question);
        Answer answer = is_mac ? Answer(PskMacAnswer{}) : hub.answerer.answer(std::move(ask.question));
        hub.call([&] { hub.engine.handle_answer(hub.now, ask.id, std::move(answer), hub.out); });
    }
    CHECK(hub.engine.sizes().ike_sas == 0);
    CHECK(hub.sessions.entries.empty());
}

TEST_CASE("a secret or a connection that changes while the MAC is made decides nothing: the peer asks again") {
    for (const bool is_secret : {true, false}) {
        Bench bench;
        Hub& hub = bench.hub;
        bench.send(bench.peer.init_request(), kIkePort);
        REQUIRE(bench.peer.take_init_response(bench.answer()));
        const auto request = bench.peer.auth_request(kPsk, kLeft, kRight);
        hub.holds_asks = true;
        bench.send(request);
        while (std::holds_alternative<KeyExchangeAsk>(hub.asks.front().question)) {
            Ask ask = std::move(hub.asks.front());
            hub.asks.pop_front();
            hub.call([&] {
                hub.engine.handle_answer(hub.now, ask.id, hub.answerer.answer(std::move(ask.question)), hub.out);
            });
        }
        Connection changed = connection_of(false);
        if (is_secret) {
            changed.psk = psk_of(ConnectionIndex{7});
            hub.put_psk(ConnectionIndex{7}, "a new one");
            hub.put(changed);
        } else {
            // Another one has its place.
            hub.call([&] { hub.engine.remove_connection(hub.now, kFirst, hub.out); });
            changed.index = ConnectionIndex{1};
            hub.put_psk(changed.index, "a new one");
            hub.put(changed);
        }
        hub.holds_asks = false;
        // The MAC is made with the former key.
        Ask ask = std::move(hub.asks.front());
        hub.asks.pop_front();
        Answer answer = hub.answerer.answer(std::move(ask.question));
        REQUIRE(std::holds_alternative<PskMacAnswer>(answer));
        hub.call([&] { hub.engine.handle_answer(hub.now, ask.id, std::move(answer), hub.out); });
        CHECK(hub.sent.empty());
        CHECK(hub.engine.sizes().ike_sas == 0);
        bench.send(request);
        CHECK(bench.opened().has(NotifyType::kAuthenticationFailed));
    }
}

TEST_CASE("INITIAL_CONTACT and a second IKE_SA take nothing of another identity of the same connection") {
    Bench bench([](Connection& connection) {
        connection.remote_address.reset();
        connection.remote_identity = expected("*.example.net");
        connection.max_sessions = 2;
        connection.workers = {0};
        connection.children[0].more_peers = {PeerIndex{1}};
    });
    bench.connect();
    const std::uint32_t real = bench.hub.sessions.sending(PeerIndex{0})->local_id.value;
    const IkeSpis spis = bench.hub.spis();
    for (const bool is_initial_contact : {true, false}) {
        ScriptedPeer other(is_initial_contact ? 31 : 32);
        bench.send(other.init_request(), kIkePort);
        REQUIRE(other.take_init_response(bench.answer()));
        Chain chain = other.auth_chain(kPsk, "other.example.net", kRight);
        if (is_initial_contact) chain.notify(notify_of(NotifyType::kInitialContact));
        bench.send(other.sealed(ExchangeType::kIkeAuth, 1, chain));
        REQUIRE_FALSE(bench.hub.sent.empty());
        CHECK(other.open(bench.hub.sent.front().message()).payloads.find<AuthPayload>() != nullptr);
        CHECK(bench.hub.sessions.entries.contains(real));
        CHECK(bench.hub.spis() == spis);
    }
    bench.send(bench.peer.sealed(ExchangeType::kInformational, 2, Chain()));
    CHECK(bench.opened().payloads.empty());
}

TEST_CASE("INITIAL_CONTACT of whoever is refused takes nothing") {
    Bench bench;
    bench.connect();
    const std::uint32_t real = bench.hub.sessions.sending(PeerIndex{0})->local_id.value;
    ScriptedPeer other(31);
    bench.send(other.init_request(), kIkePort);
    REQUIRE(other.take_init_response(bench.answer()));
    Chain chain = other.auth_chain("wrong", kLeft, kRight);
    chain.notify(notify_of(NotifyType::kInitialContact));
    bench.send(other.sealed(ExchangeType::kIkeAuth, 1, chain));
    CHECK(other.open(bench.answer()).has(NotifyType::kAuthenticationFailed));
    CHECK(bench.hub.sessions.sending(PeerIndex{0})->local_id.value == real);
    CHECK(bench.hub.engine.sizes().ike_sas == 1);
}

}  // namespace
}  // namespace warren::ike
