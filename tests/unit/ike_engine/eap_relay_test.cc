// IKE_AUTH with EAP (conformance KA7): the order of messages, whose a peer is, and what it gets when it is nobody's.
#include <memory>
#include "base/mistakes.h"

#include "tests/unit/ike_engine/eap_bench.h"

namespace warren::ike {
namespace {

using namespace testing;

eap::Message eap_of(const OpenedMessage& message) {
    const auto* const payload = message.payloads.find<EapPayload>();
    REQUIRE(payload != nullptr);
    return eap::read_message(payload->message).value();
}

bool is_up(const EapBench& bench) {
    return bench.hub.engine.sizes().ike_sas == 1;
}

// That nobody is authentic, and nothing waits.
void check_refused(EapBench& bench, DropReason reason) {
    CHECK(bench.hub.dropped(reason) == 1);
    CHECK(!is_up(bench));
    CHECK(bench.hub.sessions.entries.empty());
    CHECK(bench.hub.indexes.size() == 0);
}

TEST_CASE("KA7: we sign first, then ask for a name, then relay, then both show the key") {
    EapBench bench;
    const OpenedMessage first = bench.begin();
    const auto* const auth = first.payloads.find<AuthPayload>();
    REQUIRE(auth != nullptr);
    CHECK(auth->method == AuthMethod::kDigitalSignature);
    CHECK(auth->data[0] == kSigner);
    REQUIRE(first.payloads.find<IdrPayload>() != nullptr);
    CHECK(identity_of(IdType::kFqdn, first.payloads.find<IdrPayload>()->value) == identity("right.example.net"));
    std::size_t certificates = 0;
    for (const Payload& payload : first.payloads)
        certificates += std::holds_alternative<CertPayload>(payload) ? 1U : 0U;
    CHECK(certificates == 2);
    CHECK(eap_of(first).type == eap::Type::kIdentity);
    CHECK(first.payloads.find<SaPayload>() == nullptr);

    CHECK(eap_of(bench.say_name("alice@acme.example")).type == eap::Type::kMschapv2);
    CHECK(bench.holder.steps[0].users == kUsers);
    CHECK(bench.holder.steps[0].source == *parse_ip("192.0.2.1"));
    const OpenedMessage success = bench.say_password();
    CHECK(eap_of(success).code == eap::Code::kSuccess);
    CHECK(success.payloads.size() == 1);
    CHECK(!is_up(bench));
    CHECK(bench.hub.sessions.entries.empty());

    const OpenedMessage last = bench.say_auth(bench.holder.msk.reveal());
    REQUIRE(last.payloads.find<AuthPayload>() != nullptr);
    CHECK(bench.is_hubs(last.payloads.find<AuthPayload>()->data));
    CHECK(last.payloads.find<SaPayload>() != nullptr);
    CHECK(is_up(bench));
    CHECK(bench.hub.sessions.entries.size() == 1);
    CHECK(bench.hub.status().ike_sas.at(0).remote_identity == "alice");
    CHECK(bench.hub.engine.sizes().half_open == 0);
}

TEST_CASE("our signature covers what the peer sees of us, and is for the hashes that it takes") {
    EapBench bench;
    (void)bench.begin();
    REQUIRE(bench.holder.signatures.size() == 1);
    const SignAsk& ask = bench.holder.signatures[0];
    const Identity ours = identity("right.example.net");
    CHECK(ask.octets == auth_octets(bench.peer.suite.prf_hash(), bench.peer.got_init, bench.peer.nonce,
                                    bench.peer.keys.sk_pr, id_body(ours.type, ours.value)));
    CHECK(ask.hashes.empty());
}

TEST_CASE("a conversation has one number, and others have others") {
    EapBench one;
    (void)one.begin();
    (void)one.say_name("alice");
    (void)one.say_password();
    REQUIRE(one.holder.steps.size() == 2);
    CHECK(one.holder.steps[0].conversation == one.holder.steps[1].conversation);
    CHECK(one.holder.steps[0].conversation == one.peer.spis.responder);
}

TEST_CASE("KA7: there is no success before EAP's, with no key, with another key, or with an empty one") {
    const std::vector<std::uint8_t> zeros(64);
    for (int place = 0; place < 3; ++place) {
        for (const Bytes key : {Bytes(), Bytes(zeros)}) {
            CAPTURE(place);
            EapBench bench;
            (void)bench.begin();
            if (place > 0) (void)bench.say_name("alice");
            if (place > 1) (void)bench.say_password();
            const OpenedMessage answer = bench.say_auth(key);
            CHECK(answer.has(NotifyType::kAuthenticationFailed));
            CHECK(answer.payloads.size() == 1);
            check_refused(bench, DropReason::kIkeAuthFailed);
        }
    }
}

TEST_CASE("KA7: after EAP's success comes AUTH and nothing else") {
    EapBench bench;
    (void)bench.begin();
    (void)bench.say_name("alice");
    (void)bench.say_password();
    CHECK(bench.say_password().has(NotifyType::kAuthenticationFailed));
    check_refused(bench, DropReason::kIkeEapUnexpected);
}

TEST_CASE("a wrong password gets EAP's failure, and the IKE_SA is gone") {
    EapBench bench;
    (void)bench.begin();
    (void)bench.say_name("alice");
    const OpenedMessage answer = bench.say_password(2);
    CHECK(eap_of(answer).code == eap::Code::kFailure);
    CHECK(answer.payloads.size() == 1);
    check_refused(bench, DropReason::kIkeEapFailed);
    const auto attempts = bench.hub.engine.attempts(kFirst);
    REQUIRE(attempts.size() == 1);
    CHECK(attempts[0].sentence.find("alice") != std::string::npos);
    CHECK(attempts[0].sentence.find("password is wrong") != std::string::npos);
    bench.send(bench.request(Chain().auth(AuthMethod::kSharedKeyMic, bench.auth_data(bench.holder.msk.reveal()))));
    CHECK(bench.hub.sent.empty());
    CHECK(!is_up(bench));
}

TEST_CASE("a wrong password that may be corrected is told at once, and once") {
    EapBench bench;
    (void)bench.begin();
    (void)bench.say_name("alice");
    const auto otherwise = bench.hub.answerer.otherwise;
    bench.hub.answerer.otherwise = [](const Question&) {
        EapStepAnswer out;
        out.outcome = EapOutcome::kContinue;
        out.message = eap::write_message({eap::Code::kRequest, 1, eap::Type::kMschapv2, {}});
        out.reason = eap::Reason::kWrongPassword;
        return out;
    };
    (void)bench.say_password(2);
    CHECK(bench.hub.dropped(DropReason::kIkeEapFailed) == 1);
    bench.hub.answerer.otherwise = otherwise;
    (void)bench.say_password(2);
    check_refused(bench, DropReason::kIkeEapFailed);
    CHECK(bench.hub.engine.attempts(kFirst).size() == 1);
}

TEST_CASE("KA8: another customer's realm is nobody's here, and is asked like a user that is not there") {
    EapBench bench;
    put_beta(bench.hub);
    (void)bench.begin("acme.example.net");
    const OpenedMessage offered = bench.say_name("alice@beta.example");
    CHECK(eap_of(offered).type == eap::Type::kMschapv2);
    CHECK(bench.holder.steps[0].users == kNoSecret);
    CHECK(eap_of(bench.say_password()).code == eap::Code::kFailure);
    check_refused(bench, DropReason::kIkeEapFailed);
}

TEST_CASE("KA8: wrong passwords pause their source at their customer, and at no other behind the same address") {
    EapBench bench;
    put_beta(bench.hub);
    bench.hub.engine.set_gateway(identity("vpn.example.net"), kGatewaySigner);
    std::uint64_t next_spi = 100;
    const auto say_name = [&](const char* name) {
        bench.peer.spis = {++next_spi, 0};
        bench.next_id = 1;
        bench.send(bench.peer.init_request(), kIkePort);
        REQUIRE(bench.peer.take_init_response(bench.answer()));
        (void)bench.begin(nullptr);
        return bench.say_name(name);
    };
    for (unsigned i = 0; i <= kFreeEapFailures; ++i) {
        // The attempts before are forgotten: more at once would need a cookie.
        bench.hub.run_until(bench.hub.now.instant + kClosedLife);
        REQUIRE(eap_of(say_name("alice@acme.example")).code == eap::Code::kRequest);
        (void)bench.say_password(2);
    }
    CHECK(bench.hub.dropped(DropReason::kIkeEapFailed) == kFreeEapFailures + 1);
    CHECK(say_name("alice@acme.example").has(NotifyType::kAuthenticationFailed));
    CHECK(bench.hub.dropped(DropReason::kIkeEapPaused) == 1);
    CHECK(eap_of(say_name("alice@beta.example")).code == eap::Code::kRequest);
    // What arrived in the pause did not lengthen it.
    bench.hub.run_until(bench.hub.now.instant + Mistakes::kPauseLeast);
    CHECK(eap_of(say_name("alice@acme.example")).code == eap::Code::kRequest);
}

TEST_CASE("a name without realm is the customer's that the peer asks for") {
    for (const char* const name : {"alice", "ACME\\alice", "alice@Acme.Example"}) {
        EapBench bench;
        put_beta(bench.hub);
        (void)bench.begin("acme.example.net");
        (void)bench.say_name(name);
        CHECK(bench.holder.steps[0].users == kUsers);
    }
}

TEST_CASE("KA7: without IDr the gateway signs, and the realm tells whose the peer is") {
    const auto users_for = [](const char* name, const char* asked) {
        EapBench bench;
        put_beta(bench.hub);
        bench.hub.engine.set_gateway(identity("vpn.example.net"), kGatewaySigner);
        const OpenedMessage first = bench.begin(asked);
        CHECK(first.payloads.find<AuthPayload>()->data[0] == kGatewaySigner);
        CHECK(identity_of(IdType::kFqdn, first.payloads.find<IdrPayload>()->value) == identity("vpn.example.net"));
        (void)bench.say_name(name);
        return bench.holder.steps.at(0).users;
    };
    for (const char* const asked : {static_cast<const char*>(nullptr), "vpn.example.net"}) {
        CHECK(users_for("alice@acme.example", asked) == kUsers);
        CHECK(users_for("ACME\\alice", asked) == kUsers);
        CHECK(users_for("alice@beta.example", asked) == kBetaUsers);
        CHECK(users_for("alice@nobody.example", asked) == kNoSecret);
        CHECK(users_for("alice", asked) == kNoSecret);
    }
}

TEST_CASE("who asks for nobody, and who asks for a customer without EAP, is refused without a signature") {
    EapBench nobody;
    CHECK(nobody.begin("wrong.example.net").has(NotifyType::kAuthenticationFailed));
    check_refused(nobody, DropReason::kIkeUnknownIdentity);
    EapBench without([](Connection& connection) { connection.auth = Auth::kPsk; });
    CHECK(without.begin("right.example.net").has(NotifyType::kAuthenticationFailed));
    check_refused(without, DropReason::kIkeNoConnection);
    EapBench no_gateway;
    CHECK(no_gateway.begin(nullptr).has(NotifyType::kAuthenticationFailed));
    check_refused(no_gateway, DropReason::kIkeUnknownIdentity);
    CHECK(nobody.holder.signatures.size() + without.holder.signatures.size() == 0);
}

TEST_CASE("KA10: a peer that would do without our signature gets one") {
    EapBench bench;
    Chain chain = bench.first_chain("right.example.net");
    chain.notify(notify_of(NotifyType::kEapOnlyAuthentication));  // RFC 5998 §3
    bench.send(bench.request(chain));
    const OpenedMessage answer = bench.opened();
    REQUIRE(answer.payloads.find<AuthPayload>() != nullptr);
    CHECK(answer.payloads.find<AuthPayload>()->data[0] == kSigner);
}

TEST_CASE("when we cannot sign, nobody is asked for a name") {
    EapBench bench;
    bench.holder.can_sign = false;
    CHECK(bench.begin().has(NotifyType::kAuthenticationFailed));
    check_refused(bench, DropReason::kIkeNoSignature);
}

TEST_CASE("what is no name ends it") {
    for (const std::string& name : {std::string(), std::string("a\0b", 3), std::string(254, 'a')}) {
        EapBench bench;
        (void)bench.begin();
        CHECK(bench.say_name(name).has(NotifyType::kAuthenticationFailed));
        check_refused(bench, DropReason::kIkeEapUnexpected);
    }
    EapBench other;
    (void)other.begin();
    ++other.identifier;
    CHECK(other.say_name("alice").has(NotifyType::kAuthenticationFailed));
    EapBench method;
    (void)method.begin();
    CHECK(method.say_password().has(NotifyType::kAuthenticationFailed));
    CHECK(method.holder.steps.empty());
}

TEST_CASE("KA9: with EAP-TLS the peer is whom its certificate shows, and the connection expects that") {
    const auto up_as = [](const char* who) {
        EapBench bench([](Connection& connection) {
            connection.auth = Auth::kEapTls;
            connection.users = kNoSecret;
            connection.trust = kTrust;
            connection.remote_identity = expected("*@acme.example");
        });
        bench.holder.type = eap::Type::kTls;
        bench.holder.identity = who;
        (void)bench.begin();
        (void)bench.say_name("alice@acme.example");
        CHECK(bench.holder.steps[0].trust == kTrust);
        CHECK(bench.holder.steps[0].users == kNoSecret);
        CHECK(bench.holder.steps[0].signer == kSigner);
        (void)bench.say(eap::Type::kTls, {1});
        (void)bench.say_auth(bench.holder.msk.reveal());
        return is_up(bench);
    };
    CHECK(up_as("bob@acme.example"));
    CHECK(!up_as("bob@other.example"));
}

Connection with_users(SecretId users) {
    Connection out = connection_of(false);
    out.auth = Auth::kEapMschapv2;
    out.psk = 99;
    out.users = users;
    out.signer = kSigner;
    out.remote_identity = expected("any");
    out.remote_address.reset();
    return out;
}

TEST_CASE("other users: whom they still have keeps its tunnel, whom they do not loses it") {
    EapBench bench;
    (void)bench.begin();
    (void)bench.say_name("alice@acme.example");
    (void)bench.say_password();
    (void)bench.say_auth(bench.holder.msk.reveal());
    REQUIRE(is_up(bench));
    const std::uint32_t session = bench.hub.sessions.entries.begin()->first;
    bench.holder.gone = {{kUsers + 1, "bob"}, {kUsers + 2, "alice"}};
    bench.hub.put(with_users(kUsers + 1));
    bench.hub.run_until(bench.hub.now.instant + 1s);
    REQUIRE(bench.holder.users_asked.size() == 1);
    CHECK(bench.holder.users_asked[0].users == kUsers + 1);
    CHECK(bench.holder.users_asked[0].name == "alice");
    CHECK(is_up(bench));
    CHECK(bench.hub.sessions.entries.contains(session));
    bench.hub.put(with_users(kUsers + 2));
    bench.hub.run_until(bench.hub.now.instant + 1s);
    CHECK_FALSE(is_up(bench));
    CHECK(bench.hub.sessions.entries.empty());
    CHECK(bench.hub.engine.attempts(kFirst).back().sentence.find("users any more") != std::string::npos);
}

TEST_CASE("users that changed meanwhile are another answer's") {
    EapBench bench;
    (void)bench.begin();
    (void)bench.say_name("alice");
    (void)bench.say_password();
    bench.hub.put(with_users(kUsers + 1000));
    CHECK(bench.say_auth(bench.holder.msk.reveal()).has(NotifyType::kAuthenticationFailed));
    check_refused(bench, DropReason::kIkeNoConnection);
}

TEST_CASE("a request that is repeated gets the same answer, and authd is not asked again") {
    EapBench bench;
    const auto first = bench.request(bench.first_chain("right.example.net"));
    bench.send(first);
    const auto answer = bench.answer();
    bench.send(first);
    CHECK(bench.answer() == answer);
    CHECK(bench.holder.signatures.size() == 1);
}

TEST_CASE("an ask that is lost is made again when the peer repeats its request") {
    EapBench bench;
    (void)bench.begin();
    const auto otherwise = bench.hub.answerer.otherwise;
    bench.hub.answerer.otherwise = [](const Question&) { return AskFailed{}; };
    const auto message =
        eap::write_message({eap::Code::kResponse, bench.identifier, eap::Type::kIdentity, octets_of("alice")});
    const auto request = bench.request(Chain().eap(message));
    bench.send(request);
    CHECK(bench.hub.sent.empty());
    bench.hub.answerer.otherwise = otherwise;
    bench.send(request);
    CHECK(eap_of(bench.opened()).type == eap::Type::kMschapv2);
}

TEST_CASE("a peer that gives up is answered, and gone") {
    for (const bool is_error : {true, false}) {
        EapBench bench;
        (void)bench.begin();
        Chain chain;
        if (is_error) {
            chain.notify(notify_of(NotifyType::kAuthenticationFailed));
        } else {
            chain.delete_ike();
        }
        bench.send(bench.request(chain, ExchangeType::kInformational));
        CHECK(bench.opened().payloads.size() == 0);
        check_refused(bench, DropReason::kIkePeerRefused);
    }
}

TEST_CASE("KA7: a conversation that comes to no end is over after a while, whatever comes") {
    EapBench bench;
    (void)bench.begin();
    bench.hub.run_until(bench.hub.now.instant + kEapLife - 1s);
    CHECK(bench.hub.engine.sizes().all == 1);
    (void)bench.say_name("alice");
    bench.hub.run_until(bench.hub.now.instant + 2s);
    CHECK(bench.hub.engine.sizes().all == 0);
    CHECK(bench.hub.dropped(DropReason::kIkeEapAbandoned) == 1);
}

TEST_CASE("KD3: in EAP an IKE_SA is no half-open one, and after a failure it is until its answer is forgotten") {
    EapBench bench;
    CHECK(bench.hub.engine.sizes().half_open == 1);
    (void)bench.begin();
    CHECK(bench.hub.engine.sizes().half_open == 0);
    (void)bench.say_name("alice");
    (void)bench.say_password(2);
    CHECK(bench.hub.engine.sizes().half_open == 1);
    bench.hub.run_until(bench.hub.now.instant + kClosedLife);
    CHECK(bench.hub.engine.sizes().half_open == 0);
    CHECK(bench.hub.engine.sizes().all == 0);
}

TEST_CASE("KD4: half-open IKE_SAs of strangers do not drive out a person who types a password") {
    EapBench bench;
    (void)bench.begin();
    ScriptedPeer stranger(5);
    for (std::uint32_t i = 0; bench.hub.dropped(DropReason::kIkeHalfOpenFull) == 0; ++i) {
        REQUIRE(i < 2 * kMostHalfOpen);
        stranger.spis = {1000 + i, 0};
        const Endpoint from{IpAddress::v4(10, 1, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)),
                            kIkePort};
        bench.send_from(from, stranger.init_request(), kIkePort);
        if (bench.hub.sent.empty()) continue;
        const auto answer = bench.answer();
        const auto message = read_message(answer);
        const auto* const cookie = message->payloads.notify(NotifyType::kCookie);
        if (cookie == nullptr) continue;
        const std::vector<std::uint8_t> value(cookie->data.begin(), cookie->data.end());
        bench.send_from(from, stranger.init_request(value), kIkePort);
        if (!bench.hub.sent.empty()) (void)bench.answer();
    }
    CHECK(eap_of(bench.say_name("alice")).type == eap::Type::kMschapv2);
}

TEST_CASE("a conversation has a bounded number of messages, whatever authd says") {
    EapBench bench;
    (void)bench.begin();
    bench.hub.answerer.otherwise = [](const Question&) {
        EapStepAnswer out;
        out.outcome = EapOutcome::kContinue;
        out.message = eap::write_message({eap::Code::kRequest, 1, eap::Type::kTls, {}});
        return out;
    };
    (void)bench.say_name("alice");
    for (unsigned i = 1; i < kMostEapRounds; ++i) CHECK(!bench.say_password().has(NotifyType::kAuthenticationFailed));
    CHECK(bench.say_password().has(NotifyType::kAuthenticationFailed));
}

TEST_CASE("whoever uses EAP begins: we do not") {
    EapBench bench([](Connection& connection) { connection.remote_address = *parse_ip("192.0.2.1"); });
    CHECK(!bench.hub.engine.initiate(bench.hub.now, kFirst, bench.hub.out));
    CHECK(bench.hub.out.messages.empty());
}

}  // namespace
}  // namespace warren::ike
