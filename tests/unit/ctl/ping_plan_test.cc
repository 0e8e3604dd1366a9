// When which ping is sent, and when one counts as lost.
#include "ctl/ask/ping_plan.h"

#include <doctest/doctest.h>

#include <chrono>
#include <vector>

namespace warren::ctl {
namespace {

using std::chrono::milliseconds;

constexpr PingPlan::Time kBegin{};

std::vector<Ping> small_and_large() {
    const IpAddress to = *parse_ip("10.0.0.2");
    return {{to, 84, {}}, {to, 1'420, 0}};
}

// Sends all that are due; how many that were.
std::size_t send_due(PingPlan& plan, PingPlan::Time now) {
    std::size_t out = 0;
    while (const auto number = plan.due(now)) {
        plan.note_sent(*number, now);
        ++out;
    }
    return out;
}

TEST_CASE("a large ping goes only to who answered a small one, and is lost after three tries") {
    std::vector<Ping> pings = small_and_large();
    PingPlan plan(pings);
    CHECK(plan.due(kBegin) == 0);
    CHECK(send_due(plan, kBegin) == 1);
    plan.note_answered(0);
    CHECK(plan.due(kBegin + milliseconds(5)) == 1);
    for (int i = 0; i < PingPlan::kTries; ++i) {
        const auto now = kBegin + milliseconds(5) + i * PingPlan::kPatience;
        CHECK(send_due(plan, now) == 1);
        plan.judge(now + milliseconds(1));
        CHECK_FALSE(pings[1].is_lost);  // not yet
        CHECK_FALSE(plan.is_over(now + milliseconds(1)));
    }
    const auto end = kBegin + milliseconds(5) + PingPlan::kTries * PingPlan::kPatience;
    CHECK(send_due(plan, end) == 0);
    CHECK(plan.is_over(end));
    plan.judge(end);
    CHECK(pings[0].answered);
    CHECK_FALSE(pings[0].is_lost);
    CHECK(pings[1].is_lost);
}

TEST_CASE("one lost packet is made good, and a late answer counts") {
    std::vector<Ping> pings = small_and_large();
    PingPlan plan(pings);
    CHECK(send_due(plan, kBegin) == 1);
    CHECK(send_due(plan, kBegin + PingPlan::kPatience) == 1);
    plan.note_answered(0);
    CHECK(send_due(plan, kBegin + 2 * PingPlan::kPatience) == 1);
    plan.note_answered(1);
    CHECK(plan.is_over(kBegin + 2 * PingPlan::kPatience));
    plan.judge(kBegin + 9 * PingPlan::kPatience);
    CHECK_FALSE(pings[1].is_lost);
}

TEST_CASE("what was never sent is not lost") {
    std::vector<Ping> pings = small_and_large();
    PingPlan plan(pings);
    plan.note_unsendable(0);
    CHECK(send_due(plan, kBegin) == 0);
    CHECK(plan.is_over(kBegin));
    plan.judge(kBegin + std::chrono::hours(1));
    CHECK_FALSE(pings[0].is_lost);
    CHECK_FALSE(pings[1].is_lost);
}

TEST_CASE("a few are on their way at once") {
    std::vector<Ping> pings(1'000, Ping{*parse_ip("10.0.0.2"), 84, {}});
    PingPlan plan(pings);
    CHECK(send_due(plan, kBegin) == PingPlan::kMostAtOnce);
    plan.note_answered(3);
    CHECK(send_due(plan, kBegin) == 1);
    std::vector<Ping> large(100, Ping{*parse_ip("10.0.0.2"), 1'420, {}});
    PingPlan other(large);
    CHECK(send_due(other, kBegin) == PingPlan::kWindow / 1'420);
}

}  // namespace
}  // namespace warren::ctl
