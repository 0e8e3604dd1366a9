// Requests of both sides that cross (RFC 7296 §2.8.1, §2.8.2, §2.25): each row with a scripted peer, then two engines
// in every order of delivery, with one loss.
#include <array>

#include "tests/unit/ike_engine/bench.h"

namespace warren::ike {
namespace {

using namespace testing;

// --- one row at a time ---------------------------------------------------------------------------

enum class Ours { kNothing, kCreateChild, kRekeyChild, kDeleteChild, kRekeyIke, kDeleteIke };
enum class Theirs {
    kCreateChild,
    kRekeyA,
    kRekeyB,
    kDeleteA,
    kDeleteB,
    kRekeyIke,
    kDeleteIke,
    kRekeyNone,
    kDeleteNone
};
enum class Expect { kMade, kIkeMade, kTemporary, kNotFound, kEmpty, kOurSpi };

// A bench whose hub has two children, A (asked for by IKE_AUTH) and B, and a request of `ours` on the wire.
struct Row {
    explicit Row(Ours ours) : bench([](Connection& connection) { connection.dpd = Duration::zero(); }) {
        bench.peer.remote = {network("10.2.1.0/24")};
        bench.connect();
        bench.peer.remote = {network("10.2.2.0/24")};
        bench.send(bench.peer.sealed(ExchangeType::kCreateChildSa, 2, bench.peer.child_chain(kSpiB)));
        const auto children = bench.hub.status().ike_sas.at(0).children;
        a = children.at(0).spi_in.value;
        b = children.at(1).spi_in.value;
        bench.hub.run_until(bench.hub.now.instant + kYoungest);
        bench.hub.sent.clear();
        begin(ours);
    }

    void begin(Ours ours) {
        Hub& hub = bench.hub;
        if (ours == Ours::kNothing) return;
        if (ours == Ours::kCreateChild) {
            dataplane::FlowKey flow;
            flow.local = *parse_ip("10.2.3.1");
            flow.remote = *parse_ip("10.1.0.1");
            flow.protocol = 17;
            hub.tell(dataplane::NeedSession{PeerIndex{0}, flow});
        }
        if (ours == Ours::kRekeyChild || ours == Ours::kDeleteChild) hub.rekey(Engine::Rekey::kChildren);
        if (ours == Ours::kRekeyIke) hub.rekey(Engine::Rekey::kIkeSas);
        if (ours == Ours::kDeleteIke) hub.terminate();
        REQUIRE(hub.sent.size() == 1);
        if (ours != Ours::kDeleteChild) return;
        // The peer answers the rekey of A; its deletion comes before the rekey of B.
        const OpenedMessage request = bench.peer.open(hub.sent[0].message());
        REQUIRE(request.has(NotifyType::kRekeySa));
        bench.send(bench.peer.sealed(ExchangeType::kCreateChildSa, request.header.message_id,
                                     answer_to(request, 0xdd000001), true));
        REQUIRE(hub.sent.size() == 1);
        const OpenedMessage deletion = bench.peer.open(hub.sent[0].message());
        REQUIRE(deletion.payloads.find<DeletePayload>() != nullptr);
        REQUIRE(deletion.payloads.find<DeletePayload>()->esp_spi(0) == a);
    }

    Chain answer_to(const OpenedMessage& request, std::uint32_t spi) {
        return answer_to(request, spi, bench.peer.random.bytes(32));
    }

    Chain answer_to(const OpenedMessage& request, std::uint32_t spi, const std::vector<std::uint8_t>& nonce) {
        const auto choice =
            choose_child(*request.payloads.find<SaPayload>(), default_child_policy(), Pfs::kOptional, true);
        const Proposal proposal = choice->answer(spi);
        const auto key = crypto::EphemeralKey::generate(choice->suite.key_exchange->method, bench.peer.random);
        Chain out;
        out.sa({&proposal, 1}).nonce(nonce);
        out.ke(static_cast<KeyExchangeId>(choice->suite.key_exchange->id), key.public_value());
        SelectorList tsi;
        SelectorList tsr;
        for (const auto& one : request.payloads.find<TsiPayload>()->selectors) tsi.push_back(one);
        for (const auto& one : request.payloads.find<TsrPayload>()->selectors) tsr.push_back(one);
        out.ts(PayloadType::kTsi, tsi).ts(PayloadType::kTsr, tsr);
        return out;
    }

    void peer_asks(Theirs theirs) {
        ScriptedPeer& peer = bench.peer;
        Chain chain;
        ExchangeType exchange = ExchangeType::kCreateChildSa;
        const auto rekey = [&](std::uint32_t spi, const char* remote) {
            peer.remote = {network(remote)};
            chain = peer.child_chain(kSpiNew);
            chain.notify(rekey_sa(spi));
        };
        const auto remove = [&](std::uint32_t spi) {
            exchange = ExchangeType::kInformational;
            chain.delete_esp({&spi, 1});
        };
        switch (theirs) {
            case Theirs::kCreateChild:
                peer.remote = {network("10.2.4.0/24")};
                chain = peer.child_chain(kSpiNew);
                break;
            case Theirs::kRekeyA: rekey(peer.child_spi, "10.2.1.0/24"); break;
            case Theirs::kRekeyB: rekey(kSpiB, "10.2.2.0/24"); break;
            case Theirs::kRekeyNone: rekey(0x55555555, "10.2.1.0/24"); break;
            case Theirs::kDeleteA: remove(peer.child_spi); break;
            case Theirs::kDeleteB: remove(kSpiB); break;
            case Theirs::kDeleteNone: remove(0x55555555); break;
            case Theirs::kRekeyIke: {
                Proposal proposal = peer.offered.front();
                proposal.spi.assign(8, 9);
                const auto key = crypto::EphemeralKey::generate(crypto::KeyExchangeMethod::kX25519, peer.random);
                chain.sa({&proposal, 1}).nonce(peer.random.bytes(32));
                chain.ke(KeyExchangeId::kCurve25519, key.public_value());
                break;
            }
            case Theirs::kDeleteIke:
                exchange = ExchangeType::kInformational;
                chain.delete_ike();
                break;
        }
        bench.send(peer.sealed(exchange, 3, chain));
    }

    void check(Expect expect) {
        const OpenedMessage answer = bench.opened();
        CHECK(answer.header.is_response);
        CHECK(answer.header.message_id == 3);
        const auto* const deletion = answer.payloads.find<DeletePayload>();
        switch (expect) {
            case Expect::kMade: CHECK(answer.payloads.find<TsrPayload>() != nullptr); break;
            case Expect::kIkeMade:
                CHECK(answer.payloads.find<SaPayload>() != nullptr);
                CHECK(answer.payloads.find<TsrPayload>() == nullptr);
                break;
            case Expect::kTemporary:
                CHECK(answer.has(NotifyType::kTemporaryFailure));
                CHECK(answer.payloads.size() == 1);
                break;
            case Expect::kNotFound: {
                const auto* const notify = answer.payloads.notify(NotifyType::kChildSaNotFound);
                REQUIRE(notify != nullptr);
                CHECK(esp_spi_of(*notify) == 0x55555555);
                break;
            }
            case Expect::kEmpty: CHECK(answer.payloads.empty()); break;
            case Expect::kOurSpi:
                REQUIRE(deletion != nullptr);
                CHECK(deletion->count() == 1);
                CHECK((deletion->esp_spi(0) == a || deletion->esp_spi(0) == b));
                break;
        }
    }

    static constexpr std::uint32_t kSpiB = 0xc0ffee02;
    static constexpr std::uint32_t kSpiNew = 0xc0ffee03;
    Bench bench;
    std::uint32_t a = 0;
    std::uint32_t b = 0;
};

TEST_CASE("KL12: what the peer asks while a request of ours is on the wire gets the answer of the table") {
    struct Case {
        Ours ours;
        Theirs theirs;
        Expect expect;
    };
    constexpr std::array kCases = std::to_array<Case>({
        {Ours::kNothing, Theirs::kCreateChild, Expect::kMade},
        {Ours::kNothing, Theirs::kRekeyA, Expect::kMade},
        {Ours::kNothing, Theirs::kRekeyNone, Expect::kNotFound},
        {Ours::kNothing, Theirs::kDeleteNone, Expect::kEmpty},
        {Ours::kNothing, Theirs::kDeleteA, Expect::kOurSpi},
        {Ours::kNothing, Theirs::kRekeyIke, Expect::kIkeMade},
        {Ours::kNothing, Theirs::kDeleteIke, Expect::kEmpty},
        {Ours::kCreateChild, Theirs::kCreateChild, Expect::kMade},
        {Ours::kCreateChild, Theirs::kRekeyA, Expect::kMade},
        {Ours::kCreateChild, Theirs::kDeleteA, Expect::kOurSpi},
        {Ours::kCreateChild, Theirs::kRekeyIke, Expect::kTemporary},
        {Ours::kCreateChild, Theirs::kDeleteIke, Expect::kEmpty},
        {Ours::kRekeyChild, Theirs::kCreateChild, Expect::kMade},
        {Ours::kRekeyChild, Theirs::kRekeyA, Expect::kMade},
        {Ours::kRekeyChild, Theirs::kRekeyB, Expect::kMade},
        {Ours::kRekeyChild, Theirs::kDeleteA, Expect::kOurSpi},
        {Ours::kRekeyChild, Theirs::kDeleteB, Expect::kOurSpi},
        {Ours::kRekeyChild, Theirs::kRekeyIke, Expect::kTemporary},
        {Ours::kRekeyChild, Theirs::kDeleteIke, Expect::kEmpty},
        {Ours::kDeleteChild, Theirs::kCreateChild, Expect::kMade},
        {Ours::kDeleteChild, Theirs::kRekeyA, Expect::kTemporary},
        {Ours::kDeleteChild, Theirs::kDeleteA, Expect::kEmpty},
        {Ours::kDeleteChild, Theirs::kRekeyIke, Expect::kTemporary},
        {Ours::kDeleteChild, Theirs::kDeleteIke, Expect::kEmpty},
        {Ours::kRekeyIke, Theirs::kCreateChild, Expect::kTemporary},
        {Ours::kRekeyIke, Theirs::kRekeyA, Expect::kTemporary},
        {Ours::kRekeyIke, Theirs::kDeleteA, Expect::kOurSpi},
        {Ours::kRekeyIke, Theirs::kRekeyIke, Expect::kIkeMade},
        {Ours::kRekeyIke, Theirs::kDeleteIke, Expect::kEmpty},
        {Ours::kDeleteIke, Theirs::kCreateChild, Expect::kTemporary},
        {Ours::kDeleteIke, Theirs::kRekeyIke, Expect::kTemporary},
        {Ours::kDeleteIke, Theirs::kDeleteA, Expect::kEmpty},  // the children are gone already
        {Ours::kDeleteIke, Theirs::kDeleteIke, Expect::kEmpty},
    });
    for (const Case& one : kCases) {
        INFO("ours ", static_cast<int>(one.ours), ", theirs ", static_cast<int>(one.theirs));
        Row row(one.ours);
        row.peer_asks(one.theirs);
        row.check(one.expect);
        if (one.theirs == Theirs::kDeleteIke) {
            CHECK(row.bench.hub.sessions.entries.empty());
            // Ours is void: nothing is sent again.
            row.bench.hub.sent.clear();
            row.bench.hub.run_until(row.bench.hub.now.instant + 20s);
            CHECK(row.bench.hub.sent.empty());
        }
    }
}

TEST_CASE("KL12: a child that is rekeyed a second time before it is deleted draws TEMPORARY_FAILURE") {
    Row row(Ours::kNothing);
    row.peer_asks(Theirs::kRekeyA);
    row.check(Expect::kMade);
    Chain chain = row.bench.peer.child_chain(0xc0ffee08);
    chain.notify(rekey_sa(row.bench.peer.child_spi));
    row.bench.send(row.bench.peer.sealed(ExchangeType::kCreateChildSa, 4, chain));
    CHECK(row.bench.opened().has(NotifyType::kTemporaryFailure));
    CHECK(row.bench.hub.engine.sizes().children == 3);
}

TEST_CASE("KL12: CHILD_SA_NOT_FOUND for our rekey: the child goes here too, and a packet brings a new one") {
    Row row(Ours::kRekeyChild);
    const OpenedMessage request = row.bench.peer.open(row.bench.hub.sent[0].message());
    row.bench.send(row.bench.peer.sealed(ExchangeType::kCreateChildSa, request.header.message_id,
                                         Chain().notify(child_sa_not_found(row.a)), true));
    CHECK(row.bench.hub.sessions.entries.find(row.a) == row.bench.hub.sessions.entries.end());
    CHECK(row.bench.hub.sessions.entries.contains(row.b));
}

TEST_CASE(
    "KL12: both rekey a child and the peer deletes it before it answers us: the lowest nonce decides all the same") {
    const std::vector<std::uint8_t> lowest(32, 0);
    for (const bool ours_loses : {false, true}) {
        CAPTURE(ours_loses);
        Row row(Ours::kRekeyChild);
        Bench& bench = row.bench;
        const OpenedMessage request = bench.peer.open(bench.hub.sent[0].message());
        REQUIRE(esp_spi_of(*request.payloads.notify(NotifyType::kRekeySa)) == row.a);
        bench.peer.remote = {network("10.2.1.0/24")};
        Chain rekey;
        const Proposal proposal = ScriptedPeer::child_proposal(0xc0ffee03);
        rekey.sa({&proposal, 1}).nonce(ours_loses ? std::vector<std::uint8_t>(32, 0xff) : lowest);
        rekey.ts(PayloadType::kTsi, bench.peer.local).ts(PayloadType::kTsr, bench.peer.remote);
        rekey.notify(rekey_sa(bench.peer.child_spi));
        bench.send(bench.peer.sealed(ExchangeType::kCreateChildSa, 3, rekey));
        const OpenedMessage answered = bench.opened();
        REQUIRE(answered.payloads.find<SaPayload>() != nullptr);
        const std::uint32_t old = bench.peer.child_spi;
        bench.send(bench.peer.sealed(ExchangeType::kInformational, 4, Chain().delete_esp({&old, 1})));
        const auto children = bench.hub.status().ike_sas.at(0).children;
        REQUIRE(std::none_of(children.begin(), children.end(),
                             [&](const auto& child) { return child.spi_in.value == row.a; }));
        // Its answer to our request, with the lowest nonce of all, or not.
        Chain answer = row.answer_to(request, 0xdd000001, ours_loses ? lowest : std::vector<std::uint8_t>(32, 0xff));
        bench.send(bench.peer.sealed(ExchangeType::kCreateChildSa, request.header.message_id, answer, true));
        std::uint32_t ours = 0;
        std::uint32_t theirs = 0;
        for (const auto& [spi, entry] : bench.hub.sessions.entries) {
            if (entry.session.remote_id == 0xdd000001) ours = spi;
            if (entry.session.remote_id == 0xc0ffee03) theirs = spi;
        }
        REQUIRE(ours != 0);
        REQUIRE(theirs != 0);
        const auto& sessions = bench.hub.sessions.entries;
        CHECK(sessions.at(ours_loses ? theirs : ours).is_sent_on);
        CHECK_FALSE(sessions.at(ours_loses ? ours : theirs).is_sent_on);
        // Whoever asked for the one too many deletes it.
        const bool deletes = std::any_of(bench.hub.sent.begin(), bench.hub.sent.end(), [&](const Wire& wire) {
            const OpenedMessage message = bench.peer.open(wire.message());
            const auto* const deletion = message.payloads.find<DeletePayload>();
            return deletion != nullptr && deletion->esp_spi(0) == ours;
        });
        CHECK(deletes == ours_loses);
    }
}

// --- two engines, every order --------------------------------------------------------------------

using Action = void (*)(Hub&);
void rekey_child(Hub& hub) {
    hub.rekey(Engine::Rekey::kChildren);
}
void rekey_ike(Hub& hub) {
    hub.rekey(Engine::Rekey::kIkeSas);
}
void rekey_both(Hub& hub) {
    hub.rekey(Engine::Rekey::kBoth);
}
void terminate(Hub& hub) {
    hub.terminate();
}

struct Outcome {
    bool has_child = true;
    bool has_ike = true;
};

// Runs both actions at once and delivers what is in flight in the order that `choices` say: of all messages in flight,
// the one of that number. Counts how many there were each time. The `lost`th is lost.
void run_order(std::uint64_t seed, Action on_left, Action on_right, const std::vector<std::size_t>& choices,
               std::size_t lost, std::vector<std::size_t>& options, const Outcome& outcome) {
    Pair pair(seed, [](Connection& connection, bool) { connection.dpd = 20s; });
    pair.connect();
    pair.advance(kYoungest);
    pair.settle();
    on_left(pair.left);
    on_right(pair.right);
    options.clear();
    for (std::size_t step = 0; !pair.left.sent.empty() || !pair.right.sent.empty(); ++step) {
        const std::size_t count = pair.left.sent.size() + pair.right.sent.size();
        options.push_back(count);
        REQUIRE(step < 100);
        const std::size_t chosen = step < choices.size() ? choices[step] : 0;
        const bool is_left = chosen < pair.left.sent.size();
        Hub& from = is_left ? pair.left : pair.right;
        const std::size_t at = is_left ? chosen : chosen - pair.left.sent.size();
        std::swap(from.sent[0], from.sent[at]);
        if (step == lost) {
            from.sent.pop_front();
        } else {
            pair.step(from);
        }
    }
    pair.advance(kReplacedLife + 70s);
    for (Hub* const hub : {&pair.left, &pair.right}) {
        CHECK(hub->engine.sizes().ike_sas == (outcome.has_ike ? 1 : 0));
        CHECK(hub->engine.sizes().children == (outcome.has_child ? 1 : 0));
        CHECK(hub->sessions.entries.size() == hub->engine.sizes().children);
        CHECK(hub->indexes.size() == hub->engine.sizes().children);
        CHECK(hub->engine.sizes().all == hub->engine.sizes().ike_sas);
        CHECK(hub->sessions.keys_twice == 0);
        CHECK(hub->news<control::PeerLost>() == (outcome.has_child ? 0 : 1));
    }
    if (outcome.has_child) pair.check_agree();
    if (outcome.has_ike) CHECK(pair.left.spis() == pair.right.spis());
}

void explore(Action on_left, Action on_right, const Outcome& outcome = {}) {
    constexpr std::size_t kDepth = 8;   // of the first messages every order is tried
    constexpr std::size_t kLosses = 7;  // of one of the first messages, or of none
    constexpr std::size_t kMostRuns = 400;
    // The seed decides who has the lowest nonce.
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        for (std::size_t lost = 0; lost <= kLosses; ++lost) {
            std::vector<std::size_t> choices;
            for (std::size_t runs = 0; runs < kMostRuns; ++runs) {
                CAPTURE(seed);
                CAPTURE(lost);
                CAPTURE(runs);
                std::vector<std::size_t> options;
                run_order(seed, on_left, on_right, choices, lost == kLosses ? SIZE_MAX : lost, options, outcome);
                choices.resize(std::min(options.size(), kDepth), 0);
                while (!choices.empty() && choices.back() + 1 >= options[choices.size() - 1]) choices.pop_back();
                if (choices.empty()) break;
                ++choices.back();
            }
        }
    }
}

TEST_CASE("KL12: rekey of a child against rekey of the same child, in every order and with every loss") {
    explore(rekey_child, rekey_child);
}

TEST_CASE("KL12: rekey of the IKE_SA against rekey of the IKE_SA, in every order and with every loss") {
    explore(rekey_ike, rekey_ike);
}

TEST_CASE("KL12: rekey of a child against rekey of the IKE_SA, in every order and with every loss") {
    explore(rekey_child, rekey_ike);
}

TEST_CASE("KL12: both rekey everything, in every order and with every loss") {
    explore(rekey_both, rekey_both);
}

TEST_CASE("KL12: deletion of the IKE_SA against everything, in every order and with every loss") {
    constexpr Outcome kGone{.has_child = false, .has_ike = false};
    explore(rekey_child, terminate, kGone);
    explore(rekey_ike, terminate, kGone);
    explore(terminate, terminate, kGone);
}

}  // namespace
}  // namespace warren::ike
