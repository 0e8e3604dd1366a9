// Who was refused: what of it is shown, and how the log names it.
#include "vpnd/show/refused.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/base/stderr_capture.h"
#include "tests/unit/vpnd/fixtures.h"
#include "vpnd/show/news_log.h"

namespace warren::vpnd::test {
namespace {

ListenerRefusal refused(const std::string& listener, DropReason reason, std::int64_t heard, std::int64_t wall) {
    return {listener, {reason, {}, "", 1, WallTime{wall}, WallTime{wall}, Instant{heard}, {}}, "", ""};
}

std::string line_of(const CustomerSet& customers, const std::string& owner, const control::Refusal& refusal) {
    warren::test::StderrCapture capture;
    NewsLog::sender_refused(customers, {owner}, {refusal, 5});
    return capture.text();
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

TEST_CASE("of the refused senders, each listener and reason shows its latest before any shows a second one") {
    std::vector<ListenerRefusal> all;
    for (int owner = 0; owner < 8; ++owner) {
        for (int i = 0; i < 8; ++i)
            all.push_back(refused("c" + std::to_string(owner), DropReason::kBadMac1, 100 + i, 100 + i));
    }
    all.push_back(refused("", DropReason::kUnknownPeer, 1, 1));
    const auto shown = select_refused(all, 16);
    REQUIRE(shown.size() == 16);
    CHECK(std::is_sorted(shown.begin(), shown.end(), [](const auto& a, const auto& b) { return a.last > b.last; }));
    CHECK(std::count_if(shown.begin(), shown.end(), [](const auto& one) { return one.reason == "unknown_peer"; }) == 1);
    for (int owner = 0; owner < 8; ++owner) {
        CHECK(std::count_if(shown.begin(), shown.end(),
                            [&](const auto& one) { return one.listener == "c" + std::to_string(owner); }) >= 1);
    }
}

TEST_CASE("refused senders are in the order in which they were heard, whatever the wall clock said") {
    const auto shown =
        select_refused({refused("a", DropReason::kBadMac1, 1, 9'000), refused("b", DropReason::kBadMac1, 2, 5)}, 16);
    REQUIRE(shown.size() == 2);
    CHECK(shown[0].listener == "b");
}

TEST_CASE("a flood of one listener leaves room for those that claim to be peers") {
    std::vector<ListenerRefusal> all;
    for (const char* customer : {"globex", "initech"}) {
        all.push_back(refused("", DropReason::kBadMac1, 1, 1));
        all.back().customer = customer;
        all.back().peer = "graz";
    }
    for (int i = 0; i < 100; ++i) all.push_back(refused("", DropReason::kBadMac1, 100 + i, 100 + i));
    const auto shown = select_refused(all, 8);
    REQUIRE(shown.size() == 8);
    for (std::size_t i = 0; i < 6; ++i) CHECK(shown[i].customer.empty());
    CHECK(shown[6].customer != shown[7].customer);
    for (const std::size_t i : {6U, 7U}) CHECK(shown[i].peer == "graz");
}

TEST_CASE("floods of more listeners than are shown leave room for those that claim to be peers") {
    std::vector<ListenerRefusal> all{refused("", DropReason::kBadMac1, 1, 1)};
    all.back().customer = "globex";
    constexpr std::size_t kMost = ipc::SnapshotHeader::kMostRefused;
    for (std::size_t owner = 0; owner < kMost + 1; ++owner) {
        const auto heard = static_cast<std::int64_t>(100 + owner);
        all.push_back(refused("c" + std::to_string(owner), DropReason::kBadMac1, heard, heard));
    }
    const auto shown = select_refused(all, kMost);
    REQUIRE(shown.size() == kMost);
    CHECK(shown.back().customer == "globex");
    CHECK(shown.front().listener == "c" + std::to_string(kMost));
}

TEST_CASE("the log names a refused sender: why, where from, as whom, how often, when") {
    CustomerSet customers(1);
    Generation generation;
    generation.number = 1;
    generation.listeners.push_back(warren::test::new_listener("", 9));
    std::vector<ipc::PutPeer> peers;
    peers.push_back(warren::test::put_peer(1, {"10.1.0.0/16"}));
    generation.customers.push_back(warren::test::new_customer("acme", std::move(peers)));
    REQUIRE(customers.apply(std::move(generation)));

    control::Refusal refusal{DropReason::kUnknownPeer,
                             {IpAddress::v4(192, 0, 2, 7), 5000, 0},
                             "gN65BkIK",
                             3,
                             {1'764'424'800'000'000'000},
                             {1'764'424'860'000'000'000},
                             {},
                             {}};
    const std::string stranger = line_of(customers, "", refusal);
    CHECK(has(stranger, "level=info"));
    CHECK(has(stranger, "event=sender_refused listener=shared reason=unknown_peer from=192.0.2.7:5000 key=gN65BkIK"));
    CHECK(has(stranger, "messages=3 first=2025-11-29T14:00:00Z last=2025-11-29T14:01:00Z suppressed=5"));
    CHECK_FALSE(has(stranger, "peer="));
    CHECK(has(line_of(customers, "globex", refusal), "event=sender_refused listener=globex "));

    refusal.who.clear();
    CHECK(has(line_of(customers, "", refusal), "key=unread"));
    refusal.peer = customers.customer("acme")->peers.at(0).index;
    CHECK(has(line_of(customers, "", refusal), "event=sender_refused customer=acme peer=peer-1 reason=unknown_peer"));
}

}  // namespace
}  // namespace warren::vpnd::test
