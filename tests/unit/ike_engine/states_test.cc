// The table itself, and the engine against it: every state, exchange and direction.
#include "vpnd/ike/states.h"

#include <set>
#include <tuple>

#include "tests/unit/ike_engine/bench.h"

namespace warren::ike {
namespace {

using namespace testing;

constexpr std::array kExchanges{ExchangeType::kIkeSaInit,       ExchangeType::kIkeAuth,
                                ExchangeType::kCreateChildSa,   ExchangeType::kInformational,
                                ExchangeType::kIkeIntermediate, static_cast<ExchangeType>(200)};
constexpr PayloadSet kEverything = ~PayloadSet{0};

TEST_CASE("KP7: every row can be reached: none is hidden by one before it") {
    for (const Row& row : rows()) {
        const Role role = row.roles == Roles::kInitiator ? Role::kInitiator : Role::kResponder;
        const Row* const found = find_row(row.state, row.exchange, role, row.direction, row.required);
        REQUIRE(found != nullptr);
        CHECK(found->step == row.step);
        CHECK((row.required & row.optional) == 0);
    }
}

TEST_CASE("requests are taken in states that live, responses where a request of ours may wait") {
    for (const Row& row : rows()) {
        if (row.direction == Direction::kResponse) CHECK(row.state != IkeState::kNone);
        CHECK(row.state != IkeState::kClosed);
        if (row.exchange == ExchangeType::kIkeSaInit)
            CHECK((row.state == IkeState::kNone || row.state == IkeState::kInitSent));
        if (row.exchange == ExchangeType::kIkeAuth)
            CHECK(
                (row.state == IkeState::kHalfOpen || row.state == IkeState::kEap || row.state == IkeState::kAuthSent));
        const bool is_live =
            row.state == IkeState::kEstablished || row.state == IkeState::kRekeyed || row.state == IkeState::kDeleting;
        if (row.exchange == ExchangeType::kCreateChildSa) CHECK(is_live);
        if (row.exchange == ExchangeType::kInformational) CHECK((is_live || row.state == IkeState::kEap));
    }
}

TEST_CASE("KP7: every state, exchange, role and direction is in the table or is not, as written down here") {
    // State, exchange, direction: 'i' as initiator, 'r' as responder, 'b' both.
    const std::set<std::tuple<IkeState, ExchangeType, Direction, char>> expected_rows{
        {IkeState::kNone, ExchangeType::kIkeSaInit, Direction::kRequest, 'r'},
        {IkeState::kInitSent, ExchangeType::kIkeSaInit, Direction::kResponse, 'i'},
        {IkeState::kHalfOpen, ExchangeType::kIkeAuth, Direction::kRequest, 'r'},
        {IkeState::kEap, ExchangeType::kIkeAuth, Direction::kRequest, 'r'},
        {IkeState::kEap, ExchangeType::kInformational, Direction::kRequest, 'r'},
        {IkeState::kAuthSent, ExchangeType::kIkeAuth, Direction::kResponse, 'i'},
        {IkeState::kEstablished, ExchangeType::kCreateChildSa, Direction::kRequest, 'b'},
        {IkeState::kEstablished, ExchangeType::kCreateChildSa, Direction::kResponse, 'b'},
        {IkeState::kEstablished, ExchangeType::kInformational, Direction::kRequest, 'b'},
        {IkeState::kEstablished, ExchangeType::kInformational, Direction::kResponse, 'b'},
        {IkeState::kRekeyed, ExchangeType::kCreateChildSa, Direction::kRequest, 'b'},
        {IkeState::kRekeyed, ExchangeType::kCreateChildSa, Direction::kResponse, 'b'},
        {IkeState::kRekeyed, ExchangeType::kInformational, Direction::kRequest, 'b'},
        {IkeState::kRekeyed, ExchangeType::kInformational, Direction::kResponse, 'b'},
        {IkeState::kDeleting, ExchangeType::kCreateChildSa, Direction::kRequest, 'b'},
        {IkeState::kDeleting, ExchangeType::kInformational, Direction::kRequest, 'b'},
        {IkeState::kDeleting, ExchangeType::kInformational, Direction::kResponse, 'b'},
    };
    for (std::size_t state = 0; state < kIkeStates; ++state) {
        for (const ExchangeType exchange : kExchanges) {
            for (const Direction direction : {Direction::kRequest, Direction::kResponse}) {
                for (const Role role : {Role::kInitiator, Role::kResponder}) {
                    const auto of = static_cast<IkeState>(state);
                    const char letter = role == Role::kInitiator ? 'i' : 'r';
                    const bool is_expected = expected_rows.contains({of, exchange, direction, letter}) ||
                                             expected_rows.contains({of, exchange, direction, 'b'});
                    INFO(name_of(of), " ", name_of(exchange), " ", letter);
                    CHECK(may_come(of, exchange, role, direction) == is_expected);
                    CHECK((find_row(of, exchange, role, direction, kEverything) != nullptr) == is_expected);
                }
            }
        }
    }
}

TEST_CASE("KL12: the rows of collisions are those of RFC 7296 §2.25") {
    using enum Collision;
    CHECK(collision_of(Task::kRekeyChild, PeerAsks::kRekeySameChild) == kAnswerAndCompare);
    CHECK(collision_of(Task::kRekeyChild, PeerAsks::kDeleteSameChild) == kAnswer);
    CHECK(collision_of(Task::kRekeyChild, PeerAsks::kRekeyOtherChild) == kAnswer);
    CHECK(collision_of(Task::kDeleteChild, PeerAsks::kRekeySameChild) == kRefuseForNow);
    CHECK(collision_of(Task::kDeleteChild, PeerAsks::kDeleteSameChild) == kAnswerEmpty);
    CHECK(collision_of(Task::kRekeyIke, PeerAsks::kRekeyIke) == kAnswerAndCompare);
    CHECK(collision_of(Task::kRekeyIke, PeerAsks::kDeleteIke) == kAnswerAndDrop);
    CHECK(collision_of(Task::kRekeyIke, PeerAsks::kDeleteOtherChild) == kAnswer);
    for (const PeerAsks asks : {PeerAsks::kCreateChild, PeerAsks::kRekeySameChild, PeerAsks::kRekeyOtherChild})
        CHECK(collision_of(Task::kRekeyIke, asks) == kRefuseForNow);
    for (const Task task : {Task::kCreateChild, Task::kRekeyChild, Task::kDeleteChild})
        CHECK(collision_of(task, PeerAsks::kRekeyIke) == kRefuseForNow);
    for (std::size_t asks = 0; asks < kPeerAsks; ++asks)
        CHECK(collision_of(Task::kNone, static_cast<PeerAsks>(asks)) == kAnswer);
    CHECK(collision_of(Task::kDeleteIke, PeerAsks::kDeleteIke) == kAnswerAndDrop);
    CHECK(collision_of(Task::kDeleteIke, PeerAsks::kRekeyIke) == kRefuseForNow);
}

// --- the engine against the table ----------------------------------------------------------------

// An authentic message of every exchange that the state does not take: counted, not answered, nothing moves.
void check_untaken(Bench& bench, IkeState state, std::uint32_t next_request, const char* name) {
    const Role role = bench.peer.is_initiator ? Role::kResponder : Role::kInitiator;
    for (const ExchangeType exchange : kExchanges) {
        if (exchange == ExchangeType::kIkeSaInit) continue;  // in the clear
        if (may_come(state, exchange, role, Direction::kRequest)) continue;
        INFO(name, " ", name_of(exchange));
        const auto sizes = bench.hub.engine.sizes();
        const std::uint64_t before = bench.hub.dropped(DropReason::kIkeUnexpected);
        bench.send(bench.peer.sealed(exchange, next_request, Chain()));
        CHECK(bench.hub.sent.empty());
        CHECK(bench.hub.dropped(DropReason::kIkeUnexpected) == before + 1);
        CHECK(bench.hub.engine.sizes().all == sizes.all);
        CHECK(bench.hub.engine.sizes().children == sizes.children);
    }
    for (const ExchangeType exchange : kExchanges) {
        if (exchange == ExchangeType::kIkeSaInit) continue;
        INFO(name, " unasked response of ", name_of(exchange));
        const auto sizes = bench.hub.engine.sizes();
        const std::uint64_t before = bench.hub.dropped(DropReason::kIkeResponseUnasked);
        for (std::uint32_t id = 40; id < 43; ++id)
            bench.send(bench.peer.sealed(exchange, id, Chain().delete_ike(), true));
        CHECK(bench.hub.sent.empty());
        CHECK(bench.hub.dropped(DropReason::kIkeResponseUnasked) == before + 3);
        CHECK(bench.hub.engine.sizes().all == sizes.all);
        CHECK(bench.hub.engine.sizes().children == sizes.children);
    }
}

TEST_CASE("KP7: an established IKE_SA takes what its rows say and nothing else, and stays usable") {
    Bench bench;
    bench.connect();
    check_untaken(bench, IkeState::kEstablished, 2, "established");
    bench.send(bench.peer.sealed(ExchangeType::kInformational, 2, Chain()));
    CHECK(bench.opened().payloads.empty());
}

TEST_CASE("KP7: a half-open IKE_SA with keys takes IKE_AUTH and nothing else") {
    Bench bench;
    bench.send(bench.peer.init_request(), kIkePort);
    REQUIRE(bench.peer.take_init_response(bench.answer()));
    // Before its keys are made, other exchanges cost nothing at all.
    bench.send(bench.peer.sealed(ExchangeType::kInformational, 1, Chain()));
    CHECK(bench.hub.asked <= 1 + kEphemeralsKept);
    CHECK(bench.hub.dropped(DropReason::kIkeUnexpected) == 1);
    // A wrong SK makes them.
    auto wrong = bench.peer.auth_request(kPsk, "left.example.net", "right.example.net");
    wrong.back() ^= 1U;
    bench.send(wrong);
    CHECK(bench.hub.dropped(DropReason::kIkeIntegrityWrong) == 1);
    check_untaken(bench, IkeState::kHalfOpen, 1, "half-open");
    bench.send(bench.peer.auth_request(kPsk, "left.example.net", "right.example.net"));
    CHECK(bench.opened().payloads.find<AuthPayload>() != nullptr);
}

TEST_CASE("KP7: a closed IKE_SA repeats its last answer and takes nothing") {
    Bench bench;
    bench.connect();
    const auto deletion = bench.peer.sealed(ExchangeType::kInformational, 2, Chain().delete_ike());
    bench.send(deletion);
    const auto first = bench.answer();
    bench.send(deletion);
    CHECK(bench.answer() == first);
    check_untaken(bench, IkeState::kClosed, 3, "closed");
    bench.hub.run_until(bench.hub.now.instant + kClosedLife);
    CHECK(bench.hub.engine.sizes().all == 0);
    CHECK(bench.hub.indexes.size() == 0);
}

}  // namespace
}  // namespace warren::ike
