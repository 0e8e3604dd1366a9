// Deletions, liveness, reloads, what an operator asks for.
#include "tests/unit/ike_engine/bench.h"

namespace warren::ike {
namespace {

using namespace testing;

TEST_CASE("KL6: the deletion of a child is answered with ours, of an unknown one with nothing") {
    Bench bench;
    bench.connect();
    const std::uint32_t ours = bench.hub.sessions.sending(PeerIndex{0})->local_id.value;
    const std::array<std::uint32_t, 2> spis{bench.peer.child_spi, 0x12345678};
    bench.send(bench.peer.sealed(ExchangeType::kInformational, 2, Chain().delete_esp(spis)));
    const OpenedMessage answer = bench.opened();
    const auto* const deletion = answer.payloads.find<DeletePayload>();
    REQUIRE(deletion != nullptr);
    CHECK(deletion->count() == 1);
    CHECK(deletion->esp_spi(0) == ours);
    CHECK(bench.hub.sessions.entries.empty());
    CHECK(bench.hub.dropped(DropReason::kIkeChildNotFound) == 1);
    CHECK(bench.hub.news<control::PeerLost>() == 1);
    bench.send(bench.peer.sealed(ExchangeType::kInformational, 3, Chain().delete_esp(spis)));
    CHECK(bench.opened().payloads.empty());
    CHECK(bench.hub.engine.peer_status(PeerIndex{0})->lost_because == control::LostBecause::kDeleted);
    CHECK_FALSE(bench.hub.engine.peer_status(PeerIndex{0})->has_session);
}

TEST_CASE("KL6: the deletion of the IKE_SA is answered with nothing, and everything goes") {
    Pair pair;
    pair.connect();
    pair.left.terminate();
    CHECK(pair.left.sessions.entries.empty());
    pair.settle();
    for (Hub* const hub : {&pair.left, &pair.right}) {
        CHECK(hub->sessions.entries.empty());
        CHECK(hub->engine.sizes().ike_sas == 0);
        CHECK(hub->news<control::PeerLost>() == 1);
        CHECK(hub->indexes.size() == 0);
    }
    CHECK(pair.left.status().state == ConnectionState::kDown);
    CHECK(pair.left.status().reason == "stopped by an operator");
    CHECK(pair.right.status().reason == "deleted");
    pair.advance(1min);
    CHECK(pair.left.engine.sizes().all == 0);
    CHECK(pair.right.engine.sizes().all == 0);
}

TEST_CASE("KL6: the answer to a deletion is lost: it is repeated, and both are rid of everything") {
    Pair pair;
    pair.connect();
    bool is_lost = false;
    pair.filter = [&](const Wire& wire) {
        return !(wire.exchange() == ExchangeType::kInformational && wire.is_response() &&
                 !std::exchange(is_lost, true));
    };
    pair.left.terminate();
    pair.settle();
    CHECK(is_lost);
    CHECK(pair.left.engine.sizes().all == 1);
    pair.advance(2s);
    CHECK(pair.left.engine.sizes().all == 0);
    pair.advance(1min);
    CHECK(pair.right.engine.sizes().all == 0);
}

TEST_CASE("KL6: a malformed answer to our deletion of the IKE_SA ends it too, at once") {
    Bench bench;
    bench.connect();
    bench.hub.terminate();
    REQUIRE(bench.hub.sent.size() == 1);
    const std::uint32_t id = bench.hub.sent[0].id();
    bench.send(bench.peer.sealed(ExchangeType::kInformational, id, Chain().raw(PayloadType::kDelete, {}), true));
    CHECK(bench.hub.dropped(DropReason::kIkeInvalidSyntax) == 1);
    CHECK(bench.hub.engine.sizes().all == 0);
    CHECK(bench.hub.sent.empty());
}

TEST_CASE("KL7: while an ask of ours is open its peer is not asked whether it is there, and after it is") {
    Bench bench([](Connection& connection) {
        connection.dpd = 5s;
        for (Acceptable& line : connection.child.lines) line.key_exchange = {find_method(KeyExchangeId::kEcp256)};
    });
    bench.connect();
    bench.hub.holds_asks = true;
    bench.hub.rekey(Engine::Rekey::kChildren);
    REQUIRE_FALSE(bench.hub.asks.empty());
    bench.hub.run_until(bench.hub.now.instant + 9s);  // an ask lives longer
    CHECK(bench.hub.sent.empty());
    bench.hub.call([&] {
        for (const Ask& ask : std::exchange(bench.hub.asks, {}))
            bench.hub.engine.handle_answer(bench.hub.now, ask.id, AskFailed{}, bench.hub.out);
    });
    bench.hub.run_until(bench.hub.now.instant);
    REQUIRE(bench.hub.sent.size() == 1);
    CHECK(bench.hub.sent[0].exchange() == ExchangeType::kInformational);
    CHECK(bench.peer.open(bench.hub.sent[0].message()).payloads.empty());
}

TEST_CASE("KL7: a silent peer is asked after `dpd`, packets count as answers") {
    Pair pair(
        1, [](Connection& connection, bool is_left) { connection.dpd = is_left ? Duration(30s) : Duration::zero(); });
    pair.connect();
    pair.log.clear();
    pair.advance(29s);
    CHECK(pair.log.empty());
    pair.advance(2s);
    REQUIRE(pair.log.size() == 2);
    CHECK(pair.log[0].exchange() == ExchangeType::kInformational);
    pair.log.clear();
    for (int i = 0; i < 20; ++i) {
        pair.advance(10s);
        pair.left.tell(dataplane::PeerActivity{.peer = PeerIndex{0}, .last_received = pair.left.now.instant});
    }
    CHECK(pair.log.empty());
}

TEST_CASE("KL7: a peer that is dead is noticed, its children go, and start = always begins anew") {
    Pair pair(1, [](Connection& connection, bool is_left) {
        if (is_left) connection.start = Start::kAlways;
    });
    pair.advance(Duration::zero());
    pair.settle();
    REQUIRE(pair.left.status().state == ConnectionState::kUp);
    bool is_cut = true;
    pair.filter = [&](const Wire&) { return !is_cut; };
    pair.advance(30s + 70s);
    CHECK(pair.left.sessions.entries.empty());
    CHECK(pair.left.news<control::PeerLost>() == 1);
    CHECK(pair.left.engine.peer_status(PeerIndex{0})->lost_because == control::LostBecause::kSilent);
    const auto attempts = pair.left.engine.attempts(kFirst);
    CHECK(std::any_of(attempts.begin(), attempts.end(), [](const Attempt& attempt) {
        return attempt.sentence.find("did not answer dead peer detection") != std::string::npos;
    }));
    is_cut = false;
    pair.advance(1min);
    CHECK(pair.left.status().state == ConnectionState::kUp);
    pair.check_agree();
}

TEST_CASE("KM2: a keepalive leaves every 20 s when we are behind a NAT and send nothing else") {
    Bench bench([](Connection& connection) { connection.dpd = Duration::zero(); });
    // What the peer sees as our address is another one.
    bench.hub.address = *parse_ip("192.0.2.99");
    bench.connect();
    REQUIRE(bench.hub.status().ike_sas.at(0).we_are_behind_nat);
    bench.hub.sent.clear();
    bench.hub.run_until(bench.hub.now.instant + 61s);
    REQUIRE(bench.hub.sent.size() == 3);
    CHECK(bench.hub.sent[0].bytes == std::vector<std::uint8_t>{0xff});
    CHECK(bench.hub.sent[0].from.port == kNatPort);
    bench.hub.sent.clear();
    for (int i = 0; i < 12; ++i) {
        bench.hub.tell(dataplane::PeerActivity{.peer = PeerIndex{0}, .last_sent = bench.hub.now.instant});
        bench.hub.run_until(bench.hub.now.instant + 10s);
    }
    CHECK(bench.hub.sent.empty());
}

TEST_CASE("KM3: a new authentic request moves a peer behind a NAT, a repeated or forged one does not") {
    Bench bench([](Connection& connection) { connection.remote_address.reset(); });
    bench.there.address = *parse_ip("192.0.2.50");  // not what its hash says
    bench.connect();
    REQUIRE(bench.hub.status().ike_sas.at(0).peer_is_behind_nat);
    CHECK(bench.hub.sessions.sending(PeerIndex{0})->follow == dataplane::Follow::kAuthentic);
    const auto request = bench.peer.sealed(ExchangeType::kInformational, 2, Chain());
    bench.send(request);
    const Endpoint elsewhere{*parse_ip("192.0.2.51"), 1024, 0};
    auto forged = bench.peer.sealed(ExchangeType::kInformational, 3, Chain());
    forged.back() ^= 1U;
    bench.send_from(elsewhere, request);
    bench.send_from(elsewhere, forged);
    CHECK(bench.hub.sessions.endpoints[0].address == bench.there.address);
    bench.send_from(elsewhere, bench.peer.sealed(ExchangeType::kInformational, 3, Chain()));
    REQUIRE(bench.hub.sent.size() == 1);
    CHECK(bench.hub.sent[0].to == elsewhere);
    CHECK(bench.hub.sessions.endpoints[0] == elsewhere);
    CHECK(bench.hub.news<control::PeerMoved>() == 1);
    // And what the data plane hears moves the IKE_SA.
    const Endpoint third{*parse_ip("192.0.2.52"), 1025, 0};
    bench.hub.tell(dataplane::PeerRoamed{PeerIndex{0}, third, {bench.hub.address, 1}});
    CHECK(bench.hub.status().ike_sas.at(0).endpoint == third);
}

TEST_CASE("KM3: a peer that is behind no NAT stays where it is, and gets its answer all the same") {
    Bench bench;
    bench.connect();
    REQUIRE_FALSE(bench.hub.status().ike_sas.at(0).peer_is_behind_nat);
    CHECK(bench.hub.sessions.sending(PeerIndex{0})->follow == dataplane::Follow::kNever);
    const Endpoint elsewhere{*parse_ip("192.0.2.51"), 1024, 0};
    bench.send_from(elsewhere, bench.peer.sealed(ExchangeType::kInformational, 2, Chain()));
    REQUIRE(bench.hub.sent.size() == 1);
    CHECK(bench.hub.sent[0].to == elsewhere);
    CHECK(bench.hub.status().ike_sas.at(0).endpoint.address == bench.there.address);
}

TEST_CASE("KL10: an unchanged connection keeps its SAs, a changed secret or identity makes everything anew") {
    Pair pair(1, [](Connection& connection, bool is_left) {
        if (is_left) connection.start = Start::kAlways;
    });
    pair.advance(Duration::zero());
    pair.settle();
    Connection same = connection_of(true);
    same.start = Start::kAlways;
    const IkeSpis before = pair.left.spis();
    pair.left.put(same);
    pair.settle();
    CHECK(pair.left.spis() == before);
    same.dpd = 10s;
    same.lifetimes.child_rekey = 2h;
    pair.left.put(same);
    pair.settle();
    CHECK(pair.left.spis() == before);
    same.psk = 7;
    pair.left.answerer.put_psk(7, as_bytes(kPsk));
    pair.left.put(same);
    pair.settle();
    pair.advance(5s);
    REQUIRE(pair.left.status().ike_sas.size() == 1);
    CHECK(pair.left.spis() != before);
    CHECK(pair.right.status().ike_sas.size() == 1);
    pair.check_agree();
}

TEST_CASE("KL6: an IKE_SA that ends while the key of its rekey is being made is deleted all the same") {
    Pair pair(1, [](Connection& connection, bool) {
        for (Acceptable& line : connection.child.lines) line.key_exchange = {find_method(KeyExchangeId::kEcp256)};
    });
    pair.connect();
    pair.left.holds_asks = true;
    pair.left.rekey(Engine::Rekey::kChildren);
    REQUIRE_FALSE(pair.left.asks.empty());
    pair.left.terminate();
    pair.left.holds_asks = false;
    pair.left.call([] {});
    pair.settle();
    CHECK(pair.right.engine.sizes().ike_sas == 0);
    CHECK(pair.left.engine.sizes().all == 0);
}

TEST_CASE("KL10: of two children that share a peer one comes and goes without the other") {
    const TrafficSelector more{*parse_ip("10.9.0.0"), *parse_ip("10.9.0.255")};
    const auto add = [&](Connection& connection, bool is_left) {
        if (is_left) connection.start = Start::kAlways;
        connection.children.push_back(connection.children.front());
        connection.children.back().name = "more";
        (is_left ? connection.children.back().local : connection.children.back().remote) = {more};
    };
    Pair pair(1, add);
    pair.advance(Duration::zero());
    pair.settle();
    const auto names = [](const Hub& hub) {
        std::vector<std::string> out;
        const auto status = hub.status();
        for (const auto& child : status.ike_sas.at(0).children) out.push_back(child.name);
        return out;
    };
    const std::string first = connection_of(true).children.front().name;
    CHECK(names(pair.left) == std::vector<std::string>{first, "more"});
    CHECK(names(pair.right) == std::vector<std::string>{first, "more"});
    Connection without = connection_of(true);
    without.start = Start::kAlways;
    pair.left.put(without);
    pair.settle();
    CHECK(names(pair.left) == std::vector<std::string>{first});
    CHECK(names(pair.right) == std::vector<std::string>{first});
}

TEST_CASE("KL10: a customer with another identity loses the IKE_SAs that were made with the former one") {
    Pair pair(1, [](Connection& connection, bool is_left) {
        if (is_left) connection.remote_identity = expected("acme.example.net");
        if (!is_left) connection.local_identity.reset();
    });
    pair.connect();
    const auto put = [&](const char* name) {
        pair.right.call([&] {
            pair.right.engine.put_customer(pair.right.now, {kAcme, "acme", identity(name), {}}, pair.right.out);
        });
        pair.settle();
    };
    put("acme.example.net");
    CHECK(pair.right.status().ike_sas.size() == 1);
    put("retired.example.net");
    CHECK(pair.right.status().ike_sas.empty());
    CHECK(pair.left.status().ike_sas.empty());  // it was told
    pair.left.initiate();
    pair.settle();
    CHECK(pair.right.status().ike_sas.empty());
    put("acme.example.net");
    pair.left.initiate();
    pair.settle();
    CHECK(pair.right.status().ike_sas.size() == 1);
}

TEST_CASE("KL10: changed children are made anew, gone ones deleted, on the same IKE_SA") {
    Pair pair(1, [](Connection& connection, bool is_left) {
        if (is_left) connection.start = Start::kAlways;
        ChildConfig second = connection.children[0];
        second.name = "dmz";
        second.peer = PeerIndex{1};
        second.local = {network(is_left ? "10.11.0.0/16" : "10.12.0.0/16")};
        second.remote = {network(is_left ? "10.12.0.0/16" : "10.11.0.0/16")};
        connection.children.push_back(second);
    });
    pair.advance(Duration::zero());
    pair.settle();
    CHECK(pair.left.engine.sizes().children == 2);
    CHECK(pair.right.sessions.sending(PeerIndex{1}) != nullptr);
    const IkeSpis before = pair.left.spis();
    Connection fewer = connection_of(true);
    fewer.start = Start::kAlways;
    pair.left.put(fewer);
    pair.settle();
    CHECK(pair.left.engine.sizes().children == 1);
    CHECK(pair.right.sessions.sending(PeerIndex{1}) == nullptr);
    CHECK(pair.left.spis() == before);
    CHECK_FALSE(pair.left.engine.peer_status(PeerIndex{1}).has_value());
    fewer.children[0].local = {network("10.1.0.0/17")};
    pair.left.put(fewer);
    pair.settle();
    pair.advance(2s);
    CHECK(pair.left.spis() == before);
    CHECK(pair.left.status().ike_sas.at(0).children.at(0).local == Texts{"10.1.0.0/17"});
    pair.check_agree();
}

TEST_CASE(
    "KL10: an IKE_SA that is being deleted is no part of what the connection becomes, and is deleted all the same") {
    Pair pair;
    pair.connect();
    pair.left.rekey(Engine::Rekey::kIkeSas);
    pair.filter = [](const Wire& wire) { return wire.exchange() != ExchangeType::kInformational; };
    pair.settle();
    REQUIRE(pair.left.status().ike_sas.size() == 2);  // the new one, and the old one whose deletion was lost
    Connection other = connection_of(true);
    other.psk = 7;
    pair.left.put(other);
    CHECK(pair.left.status().ike_sas.empty());
    pair.settle();
    pair.filter = {};
    pair.left.sent.clear();
    pair.advance(2s);
    // Both were repeated, and answered.
    CHECK(pair.left.engine.sizes().all == 0);
    CHECK(pair.right.engine.sizes().ike_sas == 0);
    pair.advance(2min);
    CHECK(pair.left.status().ike_sas.empty());
    CHECK(pair.right.engine.sizes().all == 0);
}

TEST_CASE("KL10: who was refused is shown as nobody's peer once the connection has that peer no more") {
    for (const bool is_removed : {false, true}) {
        CAPTURE(is_removed);
        Bench bench;
        bench.send(bench.peer.init_request(), kIkePort);
        REQUIRE(bench.peer.take_init_response(bench.answer()));
        bench.send(bench.peer.auth_request("another key of twenty", "left.example.net", "right.example.net"));
        const auto claimed = [&] {
            const auto refusals = bench.hub.engine.refusals();
            REQUIRE(refusals.size() == 1);
            return refusals[0].peer;
        };
        CHECK(claimed() == PeerIndex{0});
        if (is_removed) {
            bench.hub.call([&] { bench.hub.engine.remove_connection(bench.hub.now, kFirst, bench.hub.out); });
        } else {
            Connection other = connection_of(false);
            bench.hub.put(other);
            CHECK(claimed() == PeerIndex{0});
            other.children[0].peer = PeerIndex{5};
            bench.hub.put(other);
        }
        CHECK_FALSE(claimed().valid());
    }
}

TEST_CASE("a connection that may not begin any more has no place where packets wait for its peer") {
    Bench bench([](Connection& connection) { connection.start = Start::kOnTraffic; });
    REQUIRE(bench.hub.sessions.endpoints.contains(0));
    bench.hub.put(connection_of(false));  // a responder
    CHECK_FALSE(bench.hub.sessions.endpoints.contains(0));
    // With a session it has one until that is gone.
    Bench other;
    other.connect();
    Connection changed = connection_of(false);
    changed.dpd = 10s;
    other.hub.put(changed);
    CHECK(other.hub.sessions.endpoints.contains(0));
}

TEST_CASE("KL10: a child that the peer has made while its configuration changed is not used, and made as it is now") {
    const auto with_dmz = [](bool is_left) {
        Connection out = connection_of(is_left);
        if (is_left) out.start = Start::kAlways;
        ChildConfig dmz = out.children[0];
        dmz.name = "dmz";
        dmz.peer = PeerIndex{1};
        dmz.local = {network(is_left ? "10.11.0.0/16" : "10.12.0.0/16")};
        dmz.remote = {network(is_left ? "10.12.0.0/16" : "10.11.0.0/16")};
        out.children.push_back(dmz);
        return out;
    };
    enum class Change { kPeer, kWorker, kLocal, kRemote };
    for (const Change change : {Change::kPeer, Change::kWorker, Change::kLocal, Change::kRemote}) {
        CAPTURE(static_cast<int>(change));
        Pair pair;
        pair.right.put(with_dmz(false));
        pair.connect();
        pair.left.put(with_dmz(true));
        REQUIRE(pair.left.sent.size() == 1);
        pair.step(pair.left);
        REQUIRE(pair.right.sent.size() == 1);  // the answer is on its way
        Connection changed = with_dmz(true);
        ChildConfig& dmz = changed.children[1];
        if (change == Change::kPeer) dmz.peer = PeerIndex{2};
        if (change == Change::kWorker) dmz.worker = 3;
        if (change == Change::kLocal) dmz.local = {network("10.11.0.0/17")};
        if (change == Change::kRemote) dmz.remote = {network("10.12.0.0/17")};
        pair.left.put(changed);
        pair.settle();
        pair.advance(5s);
        CHECK(pair.left.dropped(DropReason::kIkeTsUnacceptable) == 1);
        const auto children = pair.left.status().ike_sas.at(0).children;
        REQUIRE(children.size() == 2);
        CHECK(children[1].peer == dmz.peer);
        CHECK(children[1].spi_in.worker() == dmz.worker);
        CHECK(children[1].local == Texts{change == Change::kLocal ? "10.11.0.0/17" : "10.11.0.0/16"});
        CHECK(children[1].remote == Texts{change == Change::kRemote ? "10.12.0.0/17" : "10.12.0.0/16"});
        CHECK(pair.right.status().ike_sas.at(0).children.size() == 2);
        CHECK(pair.left.sessions.entries.size() == 2);
        CHECK(pair.right.sessions.entries.size() == 2);
    }
}

TEST_CASE("KL10: a removed connection or peer leaves nothing, here and there") {
    Pair pair;
    pair.connect();
    pair.left.call([&] { pair.left.engine.remove_peer(pair.left.now, PeerIndex{0}, pair.left.out); });
    pair.settle();
    CHECK(pair.left.sessions.entries.empty());
    CHECK(pair.right.sessions.entries.empty());
    pair.left.call([&] { pair.left.engine.remove_connection(pair.left.now, kFirst, pair.left.out); });
    pair.settle();
    CHECK(pair.right.engine.sizes().ike_sas == 0);
    CHECK_FALSE(pair.left.engine.connection_status(kFirst, control::ConnectionDetail::kIkeSas).has_value());
    pair.advance(2min);
    CHECK(pair.left.engine.sizes().all == 0);
    CHECK(pair.right.engine.sizes().all == 0);
    CHECK(pair.left.indexes.size() == 0);
    // Events of a peer that is not there any more.
    pair.left.tell(dataplane::NeedSession{PeerIndex{0}, std::nullopt});
    pair.left.tell(dataplane::SessionConfirmed{PeerIndex{9}, SessionId{300}});
    CHECK(pair.left.sent.empty());
}

TEST_CASE(
    "KS4: a second child with equal selectors shares the flow: the newest sends, and the older one when it goes") {
    Bench bench;
    bench.connect();
    const std::uint32_t first = bench.hub.sessions.sending(PeerIndex{0})->local_id.value;
    bench.send(bench.peer.sealed(ExchangeType::kCreateChildSa, 2, bench.peer.child_chain(0xc0ffee02)));
    CHECK(bench.hub.sessions.entries.size() == 2);
    CHECK(bench.hub.sessions.sending(PeerIndex{0})->local_id.value == first);  // until the peer can have it
    bench.hub.run_until(bench.hub.now.instant + kSendOnOldAtMost);
    CHECK(bench.hub.sessions.sending(PeerIndex{0})->remote_id == 0xc0ffee02);
    const std::uint32_t spi = 0xc0ffee02;
    bench.send(bench.peer.sealed(ExchangeType::kInformational, 3, Chain().delete_esp({&spi, 1})));
    CHECK(bench.hub.sessions.sending(PeerIndex{0})->local_id.value == first);
    CHECK(bench.hub.news<control::PeerLost>() == 0);
}

TEST_CASE("KS2: children with other selectors get flows of their own") {
    Bench bench;
    bench.peer.remote = {network("10.2.1.0/24")};
    bench.connect();
    bench.peer.remote = {network("10.2.2.0/24")};
    bench.send(bench.peer.sealed(ExchangeType::kCreateChildSa, 2, bench.peer.child_chain(0xc0ffee02)));
    CHECK(bench.hub.sessions.sending(PeerIndex{0}, 0)->remote_id == bench.peer.child_spi);
    CHECK(bench.hub.sessions.sending(PeerIndex{0}, 1)->remote_id == 0xc0ffee02);
}

TEST_CASE("KS2: children that share a peer are tried in the order of the file, whichever came first") {
    Bench bench([](Connection& connection) {
        ChildConfig narrow = connection.children[0];
        narrow.name = "narrow";
        narrow.local = {network("10.2.7.0/24")};
        connection.children.insert(connection.children.begin(), narrow);
    });
    bench.connect();  // the wide one
    CHECK(bench.hub.sessions.sending(PeerIndex{0}, 1)->remote_id == bench.peer.child_spi);
    bench.peer.remote = {network("10.2.7.0/24")};
    bench.send(bench.peer.sealed(ExchangeType::kCreateChildSa, 2, bench.peer.child_chain(0xc0ffee02)));
    REQUIRE(bench.hub.sessions.sending(PeerIndex{0}, 0) != nullptr);
    CHECK(bench.hub.sessions.sending(PeerIndex{0}, 0)->remote_id == 0xc0ffee02);
    // One that no child of the file has alone comes behind both.
    bench.peer.remote = {network("10.2.9.0/24")};
    bench.send(bench.peer.sealed(ExchangeType::kCreateChildSa, 3, bench.peer.child_chain(0xc0ffee03)));
    REQUIRE(bench.hub.sessions.sending(PeerIndex{0}, 2) != nullptr);
    CHECK(bench.hub.sessions.sending(PeerIndex{0}, 2)->remote_id == 0xc0ffee03);
}

TEST_CASE("KS6: transport mode is not answered, and tunnel mode is what comes") {
    Bench bench;
    bench.connect();
    Chain chain = bench.peer.child_chain(0xc0ffee02);
    chain.notify(notify_of(NotifyType::kUseTransportMode));
    bench.send(bench.peer.sealed(ExchangeType::kCreateChildSa, 2, chain));
    const OpenedMessage answer = bench.opened();
    CHECK_FALSE(answer.has(NotifyType::kUseTransportMode));
    CHECK(answer.payloads.find<SaPayload>() != nullptr);
}

}  // namespace
}  // namespace warren::ike
