// Rekeys of children and of IKE_SAs, from both sides, and what is deleted when.
#include "tests/unit/ike_engine/bench.h"

namespace warren::ike {
namespace {

using namespace testing;

constexpr Duration kLongEnough = 100min;  // for a child's lifetime of an hour, not for an IKE_SA's of four

void only_left_rekeys(Connection& connection, bool is_left) {
    if (is_left) return;
    connection.lifetimes.child_rekey = 100h;
    connection.lifetimes.ike_rekey = 100h;
}

TEST_CASE("KL3: a child is rekeyed within the last tenth of its lifetime, and nothing is lost meanwhile") {
    Pair pair(3, only_left_rekeys);
    pair.connect();
    const std::uint32_t first = pair.left.sessions.sending(PeerIndex{0})->local_id.value;
    pair.advance(54min - 1s);
    CHECK(pair.left.sessions.sending(PeerIndex{0})->local_id.value == first);
    pair.advance(6min + 2s);
    CHECK(pair.left.sessions.sending(PeerIndex{0})->local_id.value != first);
    pair.advance(10s);
    pair.check_agree();
    CHECK(pair.left.sessions.entries.size() == 1);
    CHECK(pair.right.sessions.entries.size() == 1);
    CHECK(pair.left.news<control::PeerLost>() == 0);
    CHECK(pair.right.news<control::PeerLost>() == 0);
}

TEST_CASE("KL4: make before break: who asked sends on the new one at once, who answered when the old one is deleted") {
    Pair pair(3);
    pair.connect();
    const std::uint32_t old_left = pair.left.sessions.sending(PeerIndex{0})->local_id.value;
    const std::uint32_t old_right = pair.right.sessions.sending(PeerIndex{0})->local_id.value;
    pair.left.rekey(Engine::Rekey::kChildren);
    pair.step(pair.left);  // CREATE_CHILD_SA
    // Received on before the response leaves; sent on the old one.
    CHECK(pair.right.sessions.entries.size() == 2);
    CHECK(pair.right.sessions.sending(PeerIndex{0})->local_id.value == old_right);
    pair.step(pair.right);
    CHECK(pair.left.sessions.entries.size() == 2);
    CHECK(pair.left.sessions.sending(PeerIndex{0})->local_id.value != old_left);
    pair.step(pair.left);  // Delete
    CHECK(pair.right.sessions.sending(PeerIndex{0})->local_id.value != old_right);
    pair.step(pair.right);
    pair.settle();
    // What was sent on the old one before may come after the messages that deleted it.
    pair.advance(kReceivedAfterDelete - 100ms);
    for (Hub* const hub : {&pair.left, &pair.right}) {
        CHECK(hub->engine.sizes().children == 1);
        CHECK(hub->sessions.entries.size() == 2);
        CHECK(hub->indexes.size() == 2);  // nobody else has its SPI
    }
    pair.advance(200ms);
    for (Hub* const hub : {&pair.left, &pair.right}) {
        CHECK(hub->sessions.entries.size() == 1);
        CHECK(hub->indexes.size() == 1);
    }
    pair.check_agree();
}

TEST_CASE("a replaced child is received on no longer than its peer has another one") {
    Pair pair(3);
    pair.connect();
    pair.left.rekey(Engine::Rekey::kChildren);
    pair.settle();
    REQUIRE(pair.right.sessions.entries.size() == 2);
    Hub& right = pair.right;
    SUBCASE("an operator ends it") {
        right.terminate();
    }
    SUBCASE("the connection is removed") {
        right.call([&] { right.engine.remove_connection(right.now, kFirst, right.out); });
    }
    SUBCASE("the peer is removed") {
        right.call([&] { right.engine.remove_peer(right.now, PeerIndex{0}, right.out); });
    }
    SUBCASE("its child has other networks") {
        Connection other = connection_of(false);
        other.children.at(0).local = {network("10.2.7.0/24")};
        right.put(std::move(other));
    }
    CHECK(pair.right.sessions.entries.empty());
}

TEST_CASE("of the replaced children of a peer the newest are received on") {
    Pair pair(3, [](Connection& connection, bool) { connection.dpd = Duration::zero(); });
    pair.connect();
    std::uint32_t last = 0;
    for (std::size_t rekeys = 1; rekeys <= kMostReceivedAfterDeleteOfPeer + 4; ++rekeys) {
        last = pair.left.sessions.sending(PeerIndex{0})->local_id.value;
        pair.left.rekey(Engine::Rekey::kChildren);
        pair.settle();
        CHECK(pair.left.sessions.entries.size() == 1 + std::min(rekeys, kMostReceivedAfterDeleteOfPeer));
        CHECK(pair.left.sessions.entries.contains(last));
    }
    pair.advance(kReceivedAfterDelete + 1s);
    CHECK(pair.left.sessions.entries.size() == 1);
    pair.check_agree();
}

TEST_CASE("KL4: a responder whose peer neither sends nor deletes changes over after 5 s") {
    Bench bench;
    bench.connect();
    const std::uint32_t old = bench.hub.sessions.sending(PeerIndex{0})->local_id.value;
    Chain chain = bench.peer.child_chain(0xc0ffee02);
    chain.notify(rekey_sa(bench.peer.child_spi));
    bench.send(bench.peer.sealed(ExchangeType::kCreateChildSa, 2, chain));
    CHECK(bench.hub.sessions.entries.size() == 2);
    CHECK(bench.hub.sessions.sending(PeerIndex{0})->local_id.value == old);
    bench.hub.run_until(bench.hub.now.instant + kSendOnOldAtMost - 1s);
    CHECK(bench.hub.sessions.sending(PeerIndex{0})->local_id.value == old);
    bench.hub.run_until(bench.hub.now.instant + 2s);
    CHECK(bench.hub.sessions.sending(PeerIndex{0})->local_id.value != old);
    CHECK(bench.hub.sessions.entries.size() == 2);
}

TEST_CASE(
    "the first packet on the new child changes over too, and the old one is deleted by us when the peer forgets to") {
    Bench bench([](Connection& connection) { connection.dpd = Duration::zero(); });
    bench.connect();
    Chain chain = bench.peer.child_chain(0xc0ffee02);
    chain.notify(rekey_sa(bench.peer.child_spi));
    bench.send(bench.peer.sealed(ExchangeType::kCreateChildSa, 2, chain));
    const ChildStatus made = bench.hub.status().ike_sas.at(0).children.at(1);
    bench.hub.tell(dataplane::SessionConfirmed{PeerIndex{0}, made.spi_in});
    bench.hub.sent.clear();
    bench.hub.run_until(bench.hub.now.instant + kReplacedLife + 1s);
    REQUIRE_FALSE(bench.hub.sent.empty());
    const OpenedMessage told = bench.peer.open(bench.hub.sent[0].message());
    const auto* const deletion = told.payloads.find<DeletePayload>();
    REQUIRE(deletion != nullptr);
    CHECK(deletion->protocol == ProtocolId::kEsp);
    CHECK(deletion->esp_spi(0) == bench.hub.status().ike_sas.at(0).children.at(0).spi_in.value);
}

TEST_CASE("KL3: children are rekeyed by either side, with and without a key exchange, for days") {
    for (const Pfs pfs : {Pfs::kNone, Pfs::kOptional, Pfs::kRequired}) {
        Pair pair(5, [&](Connection& connection, bool) { connection.pfs = pfs; });
        pair.connect();
        pair.advance(48h);
        pair.check_agree();
        CHECK(pair.left.engine.sizes().ike_sas == 1);
        CHECK(pair.right.engine.sizes().ike_sas == 1);
        CHECK(pair.left.engine.sizes().children <= 2);
        CHECK(pair.left.news<control::PeerLost>() == 0);
        CHECK(pair.right.news<control::PeerLost>() == 0);
        CHECK(pair.left.news<control::HandshakeCompleted>() >= 48);
        CHECK(pair.left.indexes.size() == pair.left.sessions.entries.size());
        CHECK(pair.right.indexes.size() == pair.right.sessions.entries.size());
        const std::string suite = pair.left.status().ike_sas.at(0).children.at(0).suite;
        CHECK((suite.find("x25519") != std::string::npos) == (pfs != Pfs::kNone));
    }
}

TEST_CASE("KL5: a rekeyed IKE_SA has the children, new SPIs and message IDs from 0, and the old one is deleted") {
    Pair pair(3, only_left_rekeys);
    pair.connect();
    const IkeSpis before = pair.left.spis();
    const std::uint32_t child = pair.left.sessions.sending(PeerIndex{0})->local_id.value;
    pair.log.clear();
    pair.left.rekey();
    pair.settle();
    pair.advance(1s);
    REQUIRE(pair.left.status().ike_sas.size() == 1);
    const IkeSaStatus after = pair.left.status().ike_sas[0];
    CHECK(pair.left.spis() != before);
    CHECK(after.children.size() == 1);
    CHECK(pair.right.spis() == pair.left.spis());
    CHECK(pair.left.sessions.sending(PeerIndex{0})->local_id.value != child);  // rekey() asks for both
    pair.check_agree();
    pair.log.clear();
    pair.advance(40s);
    REQUIRE_FALSE(pair.log.empty());
    CHECK(pair.log[0].id() == 0);
    CHECK(load_be<std::uint64_t>(pair.log[0].message().data()) == pair.left.spis().initiator);
    pair.advance(2min);
    CHECK(pair.left.engine.sizes().all == 1);
    CHECK(pair.right.engine.sizes().all == 1);
}

TEST_CASE("KL5: requests on the old IKE_SA are answered until it is deleted, with TEMPORARY_FAILURE for new things") {
    Bench bench;
    bench.connect();
    // The peer rekeys the IKE_SA.
    auto key = crypto::EphemeralKey::generate(crypto::KeyExchangeMethod::kX25519, bench.peer.random);
    Proposal proposal = bench.peer.offered.front();
    proposal.spi.assign(8, 7);
    Chain chain;
    chain.sa({&proposal, 1}).nonce(bench.peer.random.bytes(32)).ke(KeyExchangeId::kCurve25519, key.public_value());
    bench.send(bench.peer.sealed(ExchangeType::kCreateChildSa, 2, chain));
    CHECK(bench.opened().payloads.find<SaPayload>() != nullptr);
    CHECK(bench.hub.engine.sizes().all == 2);
    CHECK(bench.hub.engine.sizes().ike_sas == 1);
    bench.send(bench.peer.sealed(ExchangeType::kInformational, 3, Chain()));
    CHECK(bench.opened().payloads.empty());
    bench.send(bench.peer.sealed(ExchangeType::kCreateChildSa, 4, bench.peer.child_chain(0xc0ffee09)));
    CHECK(bench.opened().has(NotifyType::kTemporaryFailure));
    const std::size_t sessions = bench.hub.sessions.entries.size();
    bench.send(bench.peer.sealed(ExchangeType::kInformational, 5, Chain().delete_ike()));
    CHECK(bench.opened().payloads.empty());
    CHECK(bench.hub.sessions.entries.size() == sessions);  // the children have moved
    CHECK(bench.hub.status().ike_sas.size() == 1);
    CHECK(bench.hub.news<control::PeerLost>() == 0);
}

TEST_CASE("KL5: IKE_SAs are rekeyed by both sides for weeks, and the children live on") {
    Pair pair(6);
    pair.connect();
    pair.advance(14 * 24h);
    pair.check_agree();
    CHECK(pair.left.engine.sizes().ike_sas == 1);
    CHECK(pair.right.engine.sizes().ike_sas == 1);
    CHECK(pair.left.news<control::PeerLost>() == 0);
    CHECK(pair.right.news<control::PeerLost>() == 0);
    CHECK(pair.left.spis() == pair.right.spis());
    CHECK(pair.left.engine.totals().handshakes_completed == 1);
}

TEST_CASE("KS3: a rekey that would narrow a child is refused, and as initiator taken back") {
    Bench bench;
    bench.connect();
    bench.peer.local = {network("10.1.7.0/24")};
    Chain chain = bench.peer.child_chain(0xc0ffee02);
    chain.notify(rekey_sa(bench.peer.child_spi));
    bench.send(bench.peer.sealed(ExchangeType::kCreateChildSa, 2, chain));
    CHECK(bench.opened().has(NotifyType::kTsUnacceptable));
    CHECK(bench.hub.sessions.entries.size() == 1);

    bench.hub.sent.clear();
    bench.hub.rekey(Engine::Rekey::kChildren);
    REQUIRE(bench.hub.sent.size() == 1);
    const OpenedMessage request = bench.peer.open(bench.hub.sent[0].message());
    REQUIRE(request.has(NotifyType::kRekeySa));
    // The peer answers with less: what it made is deleted, the old child stays.
    const auto answer_ke = crypto::EphemeralKey::generate(crypto::KeyExchangeMethod::kX25519, bench.peer.random);
    const auto choice = choose_child(*request.payloads.find<SaPayload>(), default_child_policy(), Pfs::kOptional, true);
    const Proposal proposal = choice->answer(0xc0ffee03);
    Chain answer;
    answer.sa({&proposal, 1}).nonce(bench.peer.random.bytes(32));
    answer.ke(KeyExchangeId::kCurve25519, answer_ke.public_value());
    answer.ts(PayloadType::kTsi, SelectorList{network("10.2.0.0/24")})
        .ts(PayloadType::kTsr, SelectorList{network("10.1.0.0/16")});
    bench.send(bench.peer.sealed(ExchangeType::kCreateChildSa, request.header.message_id, answer, true));
    REQUIRE(bench.hub.sent.size() == 1);
    const OpenedMessage next = bench.peer.open(bench.hub.sent[0].message());
    CHECK(bench.hub.sessions.entries.size() == 1);
    CHECK(bench.hub.dropped(DropReason::kIkeTsUnacceptable) == 2);
    (void)next;
}

TEST_CASE("KP5: a nonce of a child has half of the PRF's key at least, asked for or answered") {
    const auto wide_prf = [](Bench& bench) {
        for (Transform& transform : bench.peer.offered.front().transforms) {
            if (transform.type == TransformType::kPrf) transform.id = static_cast<std::uint16_t>(PrfId::kHmacSha2_512);
        }
        bench.connect();
    };
    for (const std::size_t size : {31U, 32U}) {
        Bench bench;
        wide_prf(bench);
        const Proposal proposal = ScriptedPeer::child_proposal(0xc0ffee02);
        Chain chain;
        chain.sa({&proposal, 1}).nonce(bench.peer.random.bytes(size));
        chain.ts(PayloadType::kTsi, bench.peer.local).ts(PayloadType::kTsr, bench.peer.remote);
        bench.send(bench.peer.sealed(ExchangeType::kCreateChildSa, 2, chain));
        CHECK(bench.opened().has(NotifyType::kInvalidSyntax) == (size < 32));
        CHECK(bench.hub.engine.sizes().children == (size < 32 ? 0 : 2));

        Bench other([](Connection& connection) { connection.pfs = Pfs::kNone; });
        wide_prf(other);
        other.hub.rekey(Engine::Rekey::kChildren);
        REQUIRE(other.hub.sent.size() == 1);
        const OpenedMessage request = other.peer.open(other.hub.sent[0].message());
        const auto choice =
            choose_child(*request.payloads.find<SaPayload>(), default_child_policy(), Pfs::kNone, false);
        const Proposal chosen = choice->answer(0xc0ffee03);
        Chain answer;
        answer.sa({&chosen, 1}).nonce(other.peer.random.bytes(size));
        answer.ts(PayloadType::kTsi, other.peer.remote).ts(PayloadType::kTsr, other.peer.local);
        other.send(other.peer.sealed(ExchangeType::kCreateChildSa, request.header.message_id, answer, true));
        CHECK(other.hub.sessions.entries.size() == (size < 32 ? 1 : 2));
        CHECK(other.hub.dropped(DropReason::kIkeInvalidSyntax) == (size < 32 ? 1 : 0));
    }
}

TEST_CASE("KL8: a peer that refuses to rekey is not asked again and again; the child expires") {
    Pair pair(4, [](Connection& connection, bool is_left) {
        only_left_rekeys(connection, is_left);
        if (!is_left) connection.child.lines.clear();
    });
    // The right side took a child at first, and takes none any more.
    Hub& right = pair.right;
    Connection usual = connection_of(false);
    only_left_rekeys(usual, false);
    right.put(usual);
    pair.connect();
    REQUIRE(pair.left.sessions.entries.size() == 1);
    usual.child.lines.clear();
    right.put(usual);
    pair.log.clear();
    pair.advance(65min);
    std::size_t creates = 0;
    for (const Wire& wire : pair.log) {
        if (wire.exchange() == ExchangeType::kCreateChildSa && !wire.is_response()) ++creates;
    }
    CHECK(creates == 1);
    CHECK(pair.left.sessions.entries.size() == 1);
    pair.advance(2min);
    CHECK(pair.left.sessions.entries.empty());
    CHECK(pair.left.news<control::PeerLost>() == 1);
    CHECK(pair.left.dropped(DropReason::kIkePeerRefused) == 1);
}

TEST_CASE("KL3: the data plane's limits bring about a rekey, once") {
    Pair pair(4, [](Connection& connection, bool) {
        for (Acceptable& line : connection.child.lines) line.esn = {EsnId::kNo};
    });
    pair.connect();
    pair.advance(kYoungest);
    pair.log.clear();
    pair.left.tell(dataplane::NeedSession{PeerIndex{0}, std::nullopt});
    pair.left.tell(dataplane::NeedSession{PeerIndex{0}, std::nullopt});
    pair.settle();
    CHECK(pair.log.size() == 4);  // the rekey and the deletion
    pair.check_agree();
    // The new one is young: a late report brings about nothing.
    pair.left.tell(dataplane::NeedSession{PeerIndex{0}, std::nullopt});
    pair.settle();
    CHECK(pair.log.size() == 4);
    const auto& lifetime = pair.left.sessions.sending(PeerIndex{0})->lifetime;
    CHECK(lifetime.renew_on_sending.messages == kSoftSequence);
    CHECK(lifetime.hard.messages == kHardSequence);
    CHECK(lifetime.hard.bytes > lifetime.renew_on_sending.bytes);
    CHECK(lifetime.hard.age == 66min);
}

TEST_CASE("KL3: a rekey whose key was not made is asked for again, of the same child") {
    Bench bench([](Connection& connection) {
        connection.dpd = Duration::zero();
        for (Acceptable& line : connection.child.lines) line.key_exchange = {find_method(KeyExchangeId::kEcp256)};
    });
    bench.connect();
    const std::uint32_t child = bench.hub.status().ike_sas.at(0).children.at(0).spi_in.value;
    bench.hub.holds_asks = true;
    bench.hub.rekey(Engine::Rekey::kChildren);
    REQUIRE_FALSE(bench.hub.asks.empty());
    bench.hub.call([&] {
        for (const Ask& ask : std::exchange(bench.hub.asks, {}))
            bench.hub.engine.handle_answer(bench.hub.now, ask.id, AskFailed{}, bench.hub.out);
    });
    CHECK(bench.hub.sent.empty());
    bench.hub.holds_asks = false;
    bench.hub.run_until(bench.hub.now.instant + kAskAgain);
    REQUIRE(bench.hub.sent.size() == 1);
    const OpenedMessage request = bench.peer.open(bench.hub.sent[0].message());
    const NotifyPayload* const rekeyed = request.payloads.notify(NotifyType::kRekeySa);
    REQUIRE(rekeyed != nullptr);
    CHECK(esp_spi_of(*rekeyed) == child);
}

TEST_CASE("KL12: TEMPORARY_FAILURE: again after some seconds, ten times, then everything anew") {
    Bench bench([](Connection& connection) { connection.dpd = Duration::zero(); });
    bench.connect();
    bench.hub.sent.clear();
    bench.hub.rekey(Engine::Rekey::kChildren);
    std::size_t rekeys = 0;
    Instant last = bench.hub.now.instant;
    for (int i = 0; i < 40 && bench.hub.engine.sizes().ike_sas == 1; ++i) {
        REQUIRE_FALSE(bench.hub.sent.empty());
        const OpenedMessage request = bench.peer.open(bench.hub.sent[0].message());
        if (request.payloads.find<DeletePayload>() != nullptr) break;
        if (request.has(NotifyType::kRekeySa)) {
            if (rekeys > 0) {
                CHECK(bench.hub.now.instant - last >= kTemporaryLeast);
                CHECK(bench.hub.now.instant - last <= 2 * kTemporaryMost);
            }
            last = bench.hub.now.instant;
            ++rekeys;
        }
        bench.send(bench.peer.sealed(ExchangeType::kCreateChildSa, request.header.message_id,
                                     Chain().notify(notify_of(NotifyType::kTemporaryFailure)), true));
        for (int s = 0; s < 10 && bench.hub.sent.empty(); ++s) bench.hub.run_until(bench.hub.now.instant + 1s);
    }
    CHECK(rekeys >= kTemporaryTries);
    CHECK(rekeys <= kTemporaryTries + 1);
    CHECK(bench.hub.sessions.entries.empty());
}

}  // namespace
}  // namespace warren::ike
