// Who was refused: what of it is shown, and how the log names it.
#include <doctest/doctest.h>

#include "tests/unit/base/stderr_capture.h"
#include "tests/unit/vpnd/fixtures.h"
#include "vpnd/show/news_log.h"
#include "vpnd/show/snapshot.h"

using namespace warren;
using namespace warren::vpnd;

namespace {

ipc::RefusedSender sender(const std::string& listener, std::int64_t last, const std::string& customer = "") {
    ipc::RefusedSender out;
    out.reason = "unknown_peer";
    out.listener = listener;
    out.last = {last};
    out.customer = customer;
    return out;
}

std::string line_of(const CustomerSet& customers, const std::string& owner, const control::Refusal& refusal) {
    test::StderrCapture capture;
    NewsLog::sender_refused(customers, {owner}, {refusal, 5});
    return capture.text();
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("of refused senders the latest are shown, the latest first") {
    const auto shown = latest_of({sender("", 1), sender("", 3), sender("", 2)}, 2);
    REQUIRE(shown.size() == 2);
    CHECK(shown[0].last == WallTime{3});
    CHECK(shown[1].last == WallTime{2});
    CHECK(latest_of({}, 2).empty());
}

TEST_CASE("a flood of one listener leaves room for the senders of the others, and for those that claim to be peers") {
    std::vector<ipc::RefusedSender> all{sender("acme", 1), sender("", 2, "globex"), sender("", 3, "initech")};
    for (std::int64_t i = 0; i < 100; ++i) all.push_back(sender("", 1'000 + i));
    const auto shown = latest_of(all, 8);
    REQUIRE(shown.size() == 8);
    for (std::size_t i = 0; i < 5; ++i) CHECK(shown[i].last == WallTime{1'099 - static_cast<std::int64_t>(i)});
    CHECK(shown[5].customer == "initech");
    CHECK(shown[6].customer == "globex");
    CHECK(shown[7].listener == "acme");
}

TEST_CASE("the log names a refused sender: why, where from, as whom, how often, when") {
    CustomerSet customers(1);
    Generation generation;
    generation.number = 1;
    generation.listeners.push_back(test::new_listener("", 9));
    std::vector<ipc::PutPeer> peers;
    peers.push_back(test::put_peer(1, {"10.1.0.0/16"}));
    generation.customers.push_back(test::new_customer("acme", std::move(peers)));
    REQUIRE(customers.apply(std::move(generation)));

    control::Refusal refusal{DropReason::kUnknownPeer,
                             {IpAddress::v4(192, 0, 2, 7), 5000, 0},
                             "gN65BkIK",
                             3,
                             {1'764'424'800'000'000'000},
                             {1'764'424'860'000'000'000},
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
