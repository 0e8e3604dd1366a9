// IKE_SA_INIT and IKE_AUTH between two engines, and with a scripted peer.
#include "tests/unit/ike_engine/bench.h"

namespace warren::ike {
namespace {

using namespace testing;

TEST_CASE("KA1: two engines set up an IKE_SA and a child with a preshared key in four messages") {
    Pair pair;
    pair.connect();
    CHECK(pair.log.size() == 4);
    for (Hub* const hub : {&pair.left, &pair.right}) {
        CHECK(hub->engine.sizes().ike_sas == 1);
        CHECK(hub->engine.sizes().half_open == 0);
        CHECK(hub->engine.sizes().open_asks == 0);
        CHECK(hub->status().state == ConnectionState::kUp);
        CHECK(hub->news<control::HandshakeCompleted>() == 1);
        CHECK(hub->engine.totals().handshakes_completed == 1);
    }
    pair.check_agree();
    const auto* const session = pair.right.sessions.sending(PeerIndex{0});
    REQUIRE(session->selectors.size() == 1);
    CHECK(session->selectors[0].local.first == *parse_ip("10.2.0.0"));
    CHECK(session->selectors[0].remote.last == *parse_ip("10.1.255.255"));
    CHECK(session->first_counter == 1);
    CHECK(pair.right.sessions.endpoints[0] == Endpoint{*parse_ip("192.0.2.1"), kNatPort, 0});
}

TEST_CASE("KM1: with encapsulation = always the initiator goes to port 4500 with IKE_AUTH") {
    Pair pair;
    pair.connect();
    CHECK(pair.log[0].to.port == kIkePort);
    CHECK(pair.log[1].from.port == kIkePort);
    CHECK(pair.log[2].to.port == kNatPort);
    CHECK(pair.log[2].from.port == kNatPort);
    CHECK(pair.log[3].from.port == kNatPort);
    CHECK(pair.left.status().ike_sas[0].peer_is_behind_nat);  // so the other side makes it believe
    CHECK_FALSE(pair.left.status().ike_sas[0].we_are_behind_nat);
}

TEST_CASE("status says what a connection is made of") {
    Pair pair;
    CHECK(pair.left.status().state == ConnectionState::kListening);
    CHECK(pair.left.status().latest_handshake == kLongAgo);
    pair.connect();
    const ConnectionStatus status = pair.left.status();
    REQUIRE(status.ike_sas.size() == 1);
    const IkeSaStatus& sa = status.ike_sas[0];
    CHECK(sa.local_identity == "left.example.net");
    CHECK(sa.remote_identity == "right.example.net");
    CHECK(sa.is_initiator);
    CHECK(sa.endpoint == Endpoint{*parse_ip("192.0.2.2"), kNatPort, 0});
    CHECK_FALSE(sa.suite.empty());
    CHECK(sa.next_rekey > sa.created);
    CHECK(sa.expires > sa.next_rekey);
    REQUIRE(sa.children.size() == 1);
    const ChildStatus& child = sa.children[0];
    CHECK(child.name == "lan");
    CHECK(child.local == Texts{"10.1.0.0/16"});
    CHECK(child.remote == Texts{"10.2.0.0/16"});
    const ChildStatus theirs = pair.right.status().ike_sas[0].children.at(0);
    CHECK(child.spi_out == theirs.spi_in.value);
    CHECK(child.spi_in.value == theirs.spi_out);
    CHECK(child.spi_in.value >= SessionId::kLeast);
    CHECK_FALSE(child.suite.empty());
    CHECK(pair.left.engine.attempts(kFirst).at(0).failure == std::nullopt);
    CHECK(status.sessions == 1);
    CHECK(status.endpoint == sa.endpoint);
    CHECK(status.latest_handshake == child.created);
    CHECK(status.latest_handshake_wall.nanoseconds > 0);
    const auto summary = pair.left.engine.connection_status(kFirst, control::ConnectionDetail::kSummary);
    CHECK(summary->sessions == 1);
    CHECK(summary->ike_sas.empty());
    CHECK_FALSE(pair.left.engine.connection_status(ConnectionIndex{7}, control::ConnectionDetail::kIkeSas).has_value());
}

TEST_CASE("what is shown of a connection and no session changed is news: attempts, and rekeys of the IKE_SA") {
    Pair pair;
    const auto changes = [&] { return pair.left.news<control::ConnectionChanged>(); };
    pair.connect();
    CHECK(changes() == 2);  // it was begun, and came up
    CHECK(pair.left.status().rekeys == 0);
    CHECK(pair.left.status().failures == 0);
    CHECK_FALSE(pair.left.status().last_failure.has_value());
    CHECK(pair.left.status().lost_because.empty());
    const std::uint64_t mark = pair.left.status().sas_mark;
    CHECK(mark == pair.left.status().sas_mark);
    pair.left.rekey(Engine::Rekey::kIkeSas);
    pair.settle();
    CHECK(changes() == 3);
    CHECK(pair.left.status().rekeys == 1);
    CHECK(pair.left.status().sas_mark != mark);
    pair.left.terminate();
    pair.settle();
    CHECK(pair.left.status().lost_because == "stopped");
    pair.right.put_psk(kFirst, "another key of twenty");
    pair.left.initiate();
    pair.settle();
    CHECK(changes() == 5);
    CHECK(pair.left.status().failures == 1);
    CHECK(pair.left.status().last_failure.has_value());
    CHECK(pair.right.status().last_failure == DropReason::kIkeAuthFailed);
    CHECK(pair.left.engine.sa_counts().ike_sas == 0);
}

TEST_CASE("KL1: every message of the set-up may be lost once, or come twice") {
    for (std::size_t lost = 0; lost < 4; ++lost) {
        Pair pair(10 + lost);
        std::size_t count = 0;
        pair.filter = [&](const Wire&) { return count++ != lost; };
        pair.connect();
        pair.advance(3s);
        CHECK(pair.left.engine.sizes().ike_sas == 1);
        CHECK(pair.right.engine.sizes().ike_sas == 1);
        pair.check_agree();
    }
    Pair pair;
    pair.left.initiate();
    for (int i = 0; i < 4; ++i) {
        Hub& from = i % 2 == 0 ? pair.left : pair.right;
        REQUIRE(from.sent.size() == 1);
        from.sent.push_back(from.sent.front());
        pair.step(from);
        Hub& to = pair.other(from);
        const std::size_t answers = to.sent.size();
        pair.step(from);
        // A repeated request gets the same answer again; what else comes twice gets nothing.
        if (from.address == pair.left.address) {
            REQUIRE(to.sent.size() == answers + 1);
            CHECK(to.sent[0].bytes == to.sent[1].bytes);
            to.sent.pop_back();
        } else {
            CHECK(to.sent.size() == answers);
        }
    }
    CHECK(pair.left.engine.sizes().all == 1);
    CHECK(pair.right.engine.sizes().all == 1);
    pair.check_agree();
}

TEST_CASE("KL2: without an answer the attempt is given up after a minute, and people are told where") {
    Pair pair(1, [](Connection& connection, bool) { connection.start = Start::kOnTraffic; });
    pair.filter = [](const Wire&) { return false; };
    pair.connect();
    pair.advance(70s);
    CHECK(pair.left.engine.sizes().all == 0);
    CHECK(pair.left.news<control::HandshakeGaveUp>() == 1);
    CHECK(pair.left.dropped(DropReason::kIkePeerSilent) == 1);
    CHECK(pair.left.status().state == ConnectionState::kDown);
    CHECK(pair.left.status().reason == "we called 192.0.2.2; it did not answer IKE_SA_INIT");
    CHECK(pair.log.size() == 7);
    CHECK(pair.left.indexes.size() == 0);
}

TEST_CASE("KA11: another preshared key: AUTHENTICATION_FAILED and nothing else, on both sides and in the log") {
    Pair pair;
    pair.left.put_psk(kFirst, "another one");
    pair.connect();
    CHECK(pair.left.engine.sizes().ike_sas == 0);
    CHECK(pair.right.engine.sizes().ike_sas == 0);
    CHECK(pair.right.sessions.entries.empty());
    CHECK(pair.right.dropped(DropReason::kIkeAuthFailed) == 1);
    CHECK(pair.left.dropped(DropReason::kIkePeerRefused) == 1);
    const Attempt attempt = pair.right.engine.attempts(kFirst).at(0);
    CHECK(attempt.failure == DropReason::kIkeAuthFailed);
    CHECK(attempt.sentence == "192.0.2.1 says it is left.example.net; its preshared key is not that of to-left");
    CHECK(pair.left.status().reason == "we called 192.0.2.2; it answered AUTHENTICATION_FAILED");
    REQUIRE(pair.right.engine.refusals().size() == 1);
    CHECK(pair.right.engine.refusals()[0].who == "left.example.net");
    pair.advance(2min);
    CHECK(pair.right.engine.sizes().all == 0);
    CHECK(pair.left.indexes.size() == 0);
    CHECK(pair.right.indexes.size() == 0);
}

TEST_CASE("KA11: a responder with another key is told so, and forgets us") {
    // The peer takes our AUTH, and answers with a wrong one.
    Hub hub("192.0.2.2", 7);
    Connection connection = connection_of(false);
    hub.put_psk(kFirst, kPsk);
    hub.put(connection);
    hub.initiate();
    ScriptedPeer peer(5, false);
    const Endpoint there{*parse_ip("192.0.2.1"), kIkePort, 0};
    const auto deliver = [&](const std::vector<std::uint8_t>& message, std::uint16_t port) {
        Wire wire{{there.address, port, 0}, {hub.address, port, 0}, {}};
        if (port == kNatPort) wire.bytes.assign(4, 0);
        wire.bytes.insert(wire.bytes.end(), message.begin(), message.end());
        hub.sent.clear();
        hub.deliver(wire);
    };
    const auto first = hub.sent.front().message();
    deliver(peer.answer_init(first), kIkePort);
    REQUIRE(hub.sent.size() == 1);
    CHECK(peer.open(hub.sent[0].message()).has(NotifyType::kInitialContact));
    deliver(peer.sealed(ExchangeType::kIkeAuth, 1, peer.auth_answer("wrong", "left.example.net"), true), kNatPort);
    REQUIRE(hub.sent.size() == 1);
    const OpenedMessage told = peer.open(hub.sent[0].message());
    CHECK(told.header.exchange == ExchangeType::kInformational);
    CHECK_FALSE(told.header.is_response);
    CHECK(told.has(NotifyType::kAuthenticationFailed));
    CHECK(hub.dropped(DropReason::kIkeAuthFailed) == 1);
    CHECK(hub.sessions.entries.empty());
    deliver(peer.sealed(ExchangeType::kInformational, 2, Chain(), true), kNatPort);
    CHECK(hub.engine.sizes().all == 0);
    CHECK(hub.indexes.size() == 0);
}

TEST_CASE("KI5: a responder that is somebody else is refused, though it has the key") {
    Pair pair(1, [](Connection& connection, bool is_left) {
        if (is_left) connection.remote_identity = expected("*.example.net");
        if (!is_left) connection.local_identity = identity("right.example.org");
    });
    pair.right.engine.set_gateway(identity("vpn.example.org"));
    pair.connect();
    CHECK(pair.left.engine.sizes().ike_sas == 0);
    CHECK(pair.right.engine.sizes().ike_sas == 0);
    CHECK(pair.left.dropped(DropReason::kIkeNoConnection) == 1);
    CHECK(pair.right.sessions.entries.empty());
    CHECK(pair.left.sessions.entries.empty());
}

TEST_CASE("KA11: a peer that shows nothing of what we know is refused like one with a wrong key") {
    Bench bench;
    bench.send(bench.peer.init_request(), kIkePort);
    REQUIRE(bench.peer.take_init_response(bench.answer()));
    // EAP: no AUTH (RFC 7296 §2.16).
    Chain chain;
    const Identity own = identity("left.example.net");
    const Proposal proposal = ScriptedPeer::child_proposal(5);
    chain.id(PayloadType::kIdi, own.type, own.value).sa({&proposal, 1});
    chain.ts(PayloadType::kTsi, bench.peer.local).ts(PayloadType::kTsr, bench.peer.remote);
    bench.send(bench.peer.sealed(ExchangeType::kIkeAuth, 1, chain));
    CHECK(bench.opened().has(NotifyType::kAuthenticationFailed));
    CHECK(bench.hub.engine.sizes().ike_sas == 0);
}

TEST_CASE("KI5, KI6: a peer of acme with beta's key, or with another site's, is refused, and the real tunnel stays") {
    Hub hub("192.0.2.2", 7);
    hub.engine.put_customer({}, {kBeta, "beta", identity("beta.example.net"), {}}, hub.out);
    const auto put = [&](std::uint32_t index, CustomerIndex customer, const char* psk) {
        Connection connection = connection_of(false);
        connection.index = ConnectionIndex{index};
        connection.customer = customer;
        connection.local_identity.reset();
        connection.remote_address.reset();
        connection.remote_identity = expected(index == 2 ? "other@site.example" : "graz@site.example");
        connection.children[0].peer = PeerIndex{index};
        hub.put_psk(connection.index, psk);
        hub.put(connection);
    };
    put(0, kAcme, "the key of acme's site");
    put(1, kBeta, "the key of beta's site");  // the same identity
    put(2, kAcme, "the key of acme's other site");
    const auto attempt = [&](std::uint64_t seed, const char* psk, const char* own, const char* asked,
                             bool claims_initial_contact) {
        ScriptedPeer peer(seed);
        const auto send = [&](const std::vector<std::uint8_t>& message, std::uint16_t port) {
            Wire wire{{*parse_ip("192.0.2.1"), port, 0}, {hub.address, port, 0}, {}};
            if (port == kNatPort) wire.bytes.assign(4, 0);
            wire.bytes.insert(wire.bytes.end(), message.begin(), message.end());
            hub.sent.clear();
            hub.deliver(wire);
        };
        send(peer.init_request(), kIkePort);
        const auto response = hub.sent.front().message();
        REQUIRE(peer.take_init_response(response));
        Chain chain = peer.auth_chain(psk, own, asked);
        if (claims_initial_contact) chain.notify(notify_of(NotifyType::kInitialContact));
        send(peer.sealed(ExchangeType::kIkeAuth, 1, chain), kNatPort);
        return peer.open(hub.sent.front().message()).payloads.find<AuthPayload>() != nullptr;
    };
    CHECK(attempt(21, "the key of acme's site", "graz@site.example", "acme.example.net", true));
    const std::uint32_t real = hub.sessions.sending(PeerIndex{0})->local_id.value;
    CHECK_FALSE(attempt(22, "the key of beta's site", "graz@site.example", "acme.example.net", true));
    CHECK_FALSE(attempt(23, "the key of acme's other site", "graz@site.example", "acme.example.net", true));
    CHECK(hub.sessions.sending(PeerIndex{0})->local_id.value == real);
    CHECK(hub.status(ConnectionIndex{0}).state == ConnectionState::kUp);
    // With its own customer's identity it is somebody, and takes nothing of acme's.
    CHECK(attempt(24, "the key of beta's site", "graz@site.example", "beta.example.net", true));
    CHECK(hub.sessions.sending(PeerIndex{0})->local_id.value == real);
    CHECK(hub.status(ConnectionIndex{0}).state == ConnectionState::kUp);
    CHECK(hub.status(ConnectionIndex{1}).state == ConnectionState::kUp);
    CHECK(hub.news<control::PeerLost>() == 0);
    // And the same peer again: only now the old tunnel goes.
    CHECK(attempt(25, "the key of acme's site", "graz@site.example", "acme.example.net", true));
    CHECK(hub.sessions.sending(PeerIndex{0})->local_id.value != real);
    CHECK(hub.status(ConnectionIndex{0}).ike_sas.size() == 1);
    CHECK(hub.engine.sizes().children == 2);
    CHECK(hub.news<control::PeerLost>() == 0);
}

TEST_CASE("KA11: a refused peer learns nothing, and people learn which name is nearest") {
    Bench bench;
    bench.send(bench.peer.init_request(), kIkePort);
    REQUIRE(bench.peer.take_init_response(bench.answer()));
    bench.send(bench.peer.auth_request(kPsk, "lefd.example.net", "right.example.net"));
    const auto attempts = bench.hub.engine.strangers_attempts();
    REQUIRE(attempts.size() == 1);
    CHECK(attempts[0].sentence ==
          "192.0.2.1 says it is lefd.example.net; no connection of acme expects that; "
          "nearest: to-left (left.example.net)");
    CHECK(attempts[0].asked_identity == "right.example.net");
    CHECK(bench.hub.engine.attempts(kFirst).empty());
}

TEST_CASE("KN2: a public value of another group draws INVALID_KE_PAYLOAD, and keeps nothing") {
    Bench bench;
    Proposal& proposal = bench.peer.offered.front();
    proposal.transforms.push_back({TransformType::kKeyExchange, static_cast<std::uint16_t>(KeyExchangeId::kEcp256)});
    bench.peer.group = KeyExchangeId::kEcp256;
    bench.send(bench.peer.init_request(), kIkePort);
    const auto refusal = bench.answer();
    const auto message = read_message(refusal);
    const auto* const notify = message->payloads.notify(NotifyType::kInvalidKePayload);
    REQUIRE(notify != nullptr);
    CHECK(wanted_method(*notify) == KeyExchangeId::kCurve25519);
    CHECK(message->header.spis.responder == 0);
    CHECK(bench.hub.engine.sizes().all == 0);
    CHECK(bench.hub.asked == 0);
    CHECK(bench.hub.dropped(DropReason::kIkeInvalidKe) == 1);
}

TEST_CASE("KN5: as initiator we follow INVALID_KE_PAYLOAD once, to a group that we offered") {
    Pair pair(1, [](Connection& connection, bool is_left) {
        if (is_left) return;
        for (Acceptable& line : connection.ike.lines)
            std::erase_if(line.key_exchange, [](const Algorithm* one) {
                return one->id != static_cast<std::uint16_t>(KeyExchangeId::kEcp256);
            });
    });
    pair.connect();
    CHECK(pair.log.size() == 6);
    CHECK(pair.right.dropped(DropReason::kIkeInvalidKe) == 1);
    CHECK(pair.left.status().ike_sas.at(0).suite.find("ecp256") != std::string::npos);
    pair.check_agree();

    // One that was not offered, and a second one: the attempt goes on as it was.
    Pair other;
    other.left.initiate();
    const Wire request = other.left.sent.front();
    const auto header = read_header(request.message());
    const auto refuse = [&](KeyExchangeId group) {
        Header to = *header;
        to.is_initiator = false;
        to.is_response = true;
        other.left.deliver({request.to, request.from, write_message(to, Chain().notify(invalid_ke_payload(group)))});
    };
    other.left.sent.clear();
    refuse(KeyExchangeId::kModp1024);
    CHECK(other.left.sent.empty());
    refuse(KeyExchangeId::kEcp384);
    REQUIRE(other.left.sent.size() == 1);
    other.left.sent.clear();
    refuse(KeyExchangeId::kEcp256);
    CHECK(other.left.sent.empty());
    CHECK(other.left.engine.sizes().all == 1);
}

TEST_CASE("KN1: no proposal in common: the peer is told, and people what was offered and what is taken") {
    Bench bench;
    bench.peer.offered.front().transforms = {
        {TransformType::kEncryption, static_cast<std::uint16_t>(EncryptionId::k3des)},
        {TransformType::kPrf, static_cast<std::uint16_t>(PrfId::kHmacSha1)},
        {TransformType::kKeyExchange, static_cast<std::uint16_t>(KeyExchangeId::kCurve25519)}};
    bench.send(bench.peer.init_request(), kIkePort);
    const auto refusal = bench.answer();
    CHECK(read_message(refusal)->payloads.notify(NotifyType::kNoProposalChosen) != nullptr);
    CHECK(bench.hub.engine.sizes().all == 0);
    const auto attempts = bench.hub.engine.strangers_attempts();
    REQUIRE(attempts.size() == 1);
    CHECK(attempts[0].failure == DropReason::kIkeNoProposal);
    CHECK(attempts[0].offered.find("3des") != std::string::npos);
    CHECK(attempts[0].accepted.find("aes256gcm") != std::string::npos);
    CHECK(bench.hub.dropped(DropReason::kIkeNoProposal) == 1);
}

TEST_CASE("KP6: an answer in the clear that refuses us is remembered, and the genuine one still counts") {
    Pair pair;
    pair.left.initiate();
    const Wire request = pair.left.sent.front();
    Header to = *read_header(request.message());
    to.is_initiator = false;
    to.is_response = true;
    pair.left.deliver(
        {request.to, request.from, write_message(to, Chain().notify(notify_of(NotifyType::kNoProposalChosen)))});
    CHECK(pair.left.engine.sizes().all == 1);
    pair.settle();
    CHECK(pair.left.engine.sizes().ike_sas == 1);
    pair.check_agree();
}

TEST_CASE("an answer to our first message that does not fit is dropped, and the genuine one still counts") {
    Hub hub("192.0.2.2", 7);
    hub.put_psk(kFirst, kPsk);
    hub.put(connection_of(false));
    hub.initiate();
    const Wire request = hub.sent.front();
    hub.sent.clear();
    ScriptedPeer peer(5, false);
    const auto good = peer.answer_init(request.message());
    const auto changed = [&](std::size_t nonce_size, std::size_t value_size, std::uint64_t spi, KeyExchangeId group) {
        ScriptedPeer other(5, false);
        (void)other.answer_init(request.message());
        const auto choice =
            choose_ike(*read_message(request.message())->payloads.find<SaPayload>(), default_ike_policy(), false);
        Proposal proposal = choice->answer();
        proposal.transforms.back().id = static_cast<std::uint16_t>(group);
        const std::vector<std::uint8_t> value(value_size, 9);
        const std::vector<std::uint8_t> nonce(nonce_size, 7);
        Chain chain;
        chain.sa({&proposal, 1}).ke(group, value).nonce(nonce);
        Header header = other.header(ExchangeType::kIkeSaInit, 0, true);
        header.spis.responder = spi;
        return write_message(header, chain);
    };
    const auto deliver = [&](const std::vector<std::uint8_t>& message, const Endpoint& from) {
        hub.deliver({from, request.from, message});
        return hub.sent.size();
    };
    Endpoint elsewhere = request.to;
    elsewhere.address = *parse_ip("192.0.2.9");
    CHECK(deliver(good, elsewhere) == 0);
    elsewhere = request.to;
    elsewhere.port = 1024;
    CHECK(deliver(good, elsewhere) == 0);
    CHECK(hub.dropped(DropReason::kIkeResponseUnasked) == 2);
    constexpr KeyExchangeId kGroup = KeyExchangeId::kCurve25519;
    CHECK(deliver(changed(15, 32, 1, kGroup), request.to) == 0);
    CHECK(deliver(changed(32, 31, 1, kGroup), request.to) == 0);
    CHECK(deliver(changed(32, 32, 0, kGroup), request.to) == 0);
    CHECK(deliver(changed(32, 64, 1, KeyExchangeId::kEcp256), request.to) == 0);  // offered, and not what we sent
    CHECK(hub.dropped(DropReason::kIkeMalformed) == 4);
    CHECK(hub.engine.sizes().all == 1);
    CHECK(deliver(good, request.to) == 1);
    CHECK(hub.sent.front().exchange() == ExchangeType::kIkeAuth);
    // Once more, while its request waits.
    CHECK(deliver(good, request.to) == 1);
    CHECK(hub.dropped(DropReason::kIkeResponseUnasked) == 3);
}

TEST_CASE("KA12: a child that cannot be made leaves the IKE_SA, which goes when it stays childless") {
    Bench bench;
    bench.peer.remote = {network("172.16.0.0/12")};
    bench.send(bench.peer.init_request(), kIkePort);
    REQUIRE(bench.peer.take_init_response(bench.answer()));
    bench.send(bench.peer.auth_request(kPsk, "left.example.net", "right.example.net"));
    const OpenedMessage answer = bench.opened();
    CHECK(answer.payloads.find<AuthPayload>() != nullptr);
    CHECK(answer.has(NotifyType::kTsUnacceptable));
    CHECK(answer.payloads.find<SaPayload>() == nullptr);
    CHECK(bench.hub.engine.sizes().ike_sas == 1);
    CHECK(bench.hub.status().state == ConnectionState::kConnecting);
    const auto attempts = bench.hub.engine.attempts(kFirst);
    CHECK(std::any_of(attempts.begin(), attempts.end(), [](const Attempt& attempt) {
        return attempt.failure == DropReason::kIkeTsUnacceptable &&
               attempt.sentence.find("172.16.0.0/12 with 10.1.0.0/16") != std::string::npos;
    }));
    SUBCASE("it is deleted after a while") {
        bench.hub.sent.clear();
        bench.hub.run_until(bench.hub.now.instant + kChildlessLife);
        REQUIRE_FALSE(bench.hub.sent.empty());
        const OpenedMessage deletion = bench.peer.open(bench.hub.sent[0].message());
        REQUIRE(deletion.payloads.find<DeletePayload>() != nullptr);
        CHECK(deletion.payloads.find<DeletePayload>()->protocol == ProtocolId::kIke);
    }
    SUBCASE("unless a child comes in time") {
        bench.peer.remote = {network("10.2.0.0/16")};
        bench.send(bench.peer.sealed(ExchangeType::kCreateChildSa, 2, bench.peer.child_chain(0xc0ffee05)));
        CHECK(bench.opened().payloads.find<SaPayload>() != nullptr);
        bench.hub.sent.clear();
        bench.hub.run_until(bench.hub.now.instant + kChildlessLife - 1s);
        bench.hub.tell(dataplane::PeerActivity{.peer = PeerIndex{0}, .last_received = bench.hub.now.instant});
        bench.hub.run_until(bench.hub.now.instant + 2s);
        CHECK(bench.hub.sent.empty());
        CHECK(bench.hub.status().state == ConnectionState::kUp);
    }
}

TEST_CASE("KI6: two sites that call each other at once keep one IKE_SA, the same on both sides") {
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
        Pair pair(seed);
        pair.left.initiate();
        pair.right.initiate();
        pair.settle();
        pair.advance(3s);
        CHECK(pair.left.engine.sizes().ike_sas == 1);
        CHECK(pair.right.engine.sizes().ike_sas == 1);
        CHECK(pair.left.spis() == pair.right.spis());
        pair.check_agree();
        CHECK(pair.left.news<control::PeerLost>() == 0);
    }
}

TEST_CASE("KI6: a peer that comes back without INITIAL_CONTACT takes the place of what was there") {
    Pair pair;
    pair.connect();
    pair.advance(20s);
    const IkeSpis before = pair.right.spis();
    // The left side restarts, and forgets everything.
    Hub restarted("192.0.2.1", 77);
    restarted.put_psk(kFirst, kPsk);
    restarted.put(connection_of(true));
    std::swap(pair.left.sent, restarted.sent);
    restarted.initiate();
    while (!restarted.sent.empty() || !pair.right.sent.empty()) {
        if (!restarted.sent.empty()) {
            const Wire wire = restarted.sent.front();
            restarted.sent.pop_front();
            pair.right.deliver(wire);
        }
        if (!pair.right.sent.empty()) {
            const Wire wire = pair.right.sent.front();
            pair.right.sent.pop_front();
            restarted.deliver(wire);
        }
    }
    REQUIRE(pair.right.status().ike_sas.size() == 1);
    CHECK(pair.right.spis() != before);
    CHECK(pair.right.sessions.entries.size() == 1);
    CHECK(pair.right.news<control::PeerLost>() == 0);
}

TEST_CASE("start = always begins when it is put, and again when it fails, ever more slowly") {
    Pair pair(1, [](Connection& connection, bool is_left) {
        if (is_left) connection.start = Start::kAlways;
    });
    pair.filter = [](const Wire&) { return false; };
    pair.advance(Duration::zero());
    CHECK(pair.left.engine.sizes().all == 1);
    pair.advance(10min);
    const std::size_t tries = pair.left.news<control::HandshakeGaveUp>();
    CHECK(tries >= 4);
    CHECK(tries <= 8);
    pair.filter = nullptr;
    pair.advance(6min);
    CHECK(pair.left.status().state == ConnectionState::kUp);
    pair.check_agree();
}

TEST_CASE("KS1: on-traffic: a packet begins, and leads the selectors of the first child") {
    Pair pair(1, [](Connection& connection, bool is_left) {
        if (is_left) connection.start = Start::kOnTraffic;
    });
    pair.advance(1s);
    CHECK(pair.log.empty());
    CHECK(pair.left.sessions.endpoints.contains(0));
    CHECK_FALSE(pair.right.sessions.endpoints.contains(0));
    dataplane::FlowKey flow;
    flow.local = *parse_ip("10.1.0.1");
    flow.remote = *parse_ip("10.2.0.9");
    flow.protocol = 17;
    flow.has_ports = true;
    flow.local_port = 1000;
    flow.remote_port = 53;
    pair.left.tell(dataplane::NeedSession{PeerIndex{0}, flow});
    pair.left.tell(dataplane::NeedSession{PeerIndex{0}, flow});
    pair.settle();
    CHECK(pair.log.size() == 4);
    pair.check_agree();
    // The responder's policy is wider than one flow, and both have all of it.
    CHECK(pair.left.status().ike_sas.at(0).children.at(0).remote == Texts{"10.2.0.0/16"});
    // A packet that a child carries needs nothing more.
    pair.left.tell(dataplane::NeedSession{PeerIndex{0}, flow});
    pair.settle();
    CHECK(pair.log.size() == 4);
}

}  // namespace
}  // namespace warren::ike
