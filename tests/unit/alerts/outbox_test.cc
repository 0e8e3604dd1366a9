// The queue: order, back-off, bounds, restarts; a receiver that is gone holds up no other.
#include "alerts/model/outbox.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "alerts/model/kept.h"
#include "situations.h"

using namespace warren;
using namespace warren::alerts;
using namespace warren::alerts::testing;
using std::chrono::seconds;

namespace {

constexpr std::array<bool, 3> kWebhookAndMail{true, false, true};

Alert alert(std::uint64_t id, WallTime when = kNow) {
    return {id, AlertState::kProblem, Severity::kWarning, {"peer_down", "acme", "graz"}, "x", when, when};
}

Outbox outbox_with(std::uint64_t alerts) {
    Outbox out;
    out.configure(kWebhookAndMail);
    for (std::uint64_t id = 1; id <= alerts; ++id) out.add(at(0).instant, alert(id));
    return out;
}

std::vector<std::uint64_t> ids(const std::optional<Outbox::Batch>& batch) {
    std::vector<std::uint64_t> out;
    if (!batch) return out;
    for (const Alert& one : batch->alerts) out.push_back(one.id);
    return out;
}

using Ids = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("each receiver gets each alert once, in order, those that wait together") {
    Outbox outbox = outbox_with(2);
    CHECK(ids(outbox.next(at(0), Receiver::kWebhook)) == Ids{1, 2});
    CHECK(ids(outbox.next(at(0), Receiver::kSyslog)) == Ids{});
    outbox.add(at(0).instant, alert(3));
    CHECK(ids(outbox.next(at(0), Receiver::kWebhook)) == Ids{});  // one is in flight
    outbox.finish(at(1).instant, Receiver::kWebhook, Delivery::kDone);
    CHECK(ids(outbox.next(at(1), Receiver::kWebhook)) == Ids{3});
    outbox.finish(at(2).instant, Receiver::kWebhook, Delivery::kDone);
    CHECK(ids(outbox.next(at(2), Receiver::kWebhook)) == Ids{});
    CHECK(ids(outbox.next(at(2), Receiver::kMail)) == Ids{1, 2, 3});
    outbox.finish(at(3).instant, Receiver::kMail, Delivery::kDone);
    CHECK(outbox.kept().waiting.empty());
    CHECK(outbox.delivered(Receiver::kWebhook) == 3);
    CHECK(outbox.next_deadline() == kNever);
}

TEST_CASE("mails are 30 s apart, and what happens meanwhile goes together") {
    Outbox outbox = outbox_with(1);
    REQUIRE(ids(outbox.next(at(0), Receiver::kMail)) == Ids{1});
    outbox.finish(at(1).instant, Receiver::kMail, Delivery::kDone);
    outbox.add(at(2).instant, alert(2));
    outbox.add(at(4).instant, alert(3));
    CHECK(ids(outbox.next(at(30), Receiver::kMail)) == Ids{});
    CHECK(ids(outbox.next(at(31), Receiver::kMail)) == Ids{2, 3});
    CHECK(ids(outbox.next(at(4), Receiver::kWebhook)) == Ids{1, 2, 3});
}

TEST_CASE("a mail has all that wait, so that none is lost while the next one has to wait") {
    Outbox outbox = outbox_with(Outbox::kMostWaiting);
    CHECK(ids(outbox.next(at(0), Receiver::kWebhook)).size() == Outbox::kMostInBatch);
    CHECK(ids(outbox.next(at(0), Receiver::kMail)).size() == Outbox::kMostWaiting);
    outbox.finish(at(1).instant, Receiver::kMail, Delivery::kRefused);
    CHECK(ids(outbox.next(at(10), Receiver::kMail)).size() == Outbox::kMostWaiting / 2);
    outbox.finish(at(11).instant, Receiver::kMail, Delivery::kDone);
    CHECK(outbox.dropped(Receiver::kMail) == 0);
}

TEST_CASE("a delivery that failed is repeated after 5 s, 10 s, and at last every 5 min") {
    Outbox outbox = outbox_with(1);
    std::int64_t now = 0;
    std::vector<std::int64_t> pauses;
    for (int i = 0; i < 9; ++i) {
        REQUIRE(ids(outbox.next(at(now), Receiver::kWebhook)) == Ids{1});
        outbox.finish(at(now).instant, Receiver::kWebhook, Delivery::kFailed);
        outbox.configure({true, false, false});
        const std::int64_t next = outbox.next_deadline().nanoseconds / kSecond;
        CHECK(ids(outbox.next(at(next - 1), Receiver::kWebhook)) == Ids{});
        pauses.push_back(next - now);
        now = next;
    }
    CHECK(pauses == std::vector<std::int64_t>{5, 10, 20, 40, 80, 160, 300, 300, 300});
}

TEST_CASE("a receiver that is gone holds up no other, and gets all when it is back") {
    Outbox outbox = outbox_with(1);
    REQUIRE(outbox.next(at(0), Receiver::kWebhook));
    outbox.finish(at(0).instant, Receiver::kWebhook, Delivery::kFailed);
    REQUIRE(outbox.next(at(0), Receiver::kMail));
    outbox.finish(at(0).instant, Receiver::kMail, Delivery::kDone);
    outbox.add(at(0).instant, alert(2));
    CHECK(ids(outbox.next(at(30), Receiver::kMail)) == Ids{2});
    CHECK(ids(outbox.next(at(5), Receiver::kWebhook)) == Ids{1, 2});
}

TEST_CASE("other settings are tried at once") {
    Outbox outbox = outbox_with(1);
    REQUIRE(outbox.next(at(0), Receiver::kWebhook));
    outbox.finish(at(0).instant, Receiver::kWebhook, Delivery::kFailed);
    CHECK_FALSE(outbox.next(at(1), Receiver::kWebhook));
    outbox.try_again(Receiver::kWebhook);
    CHECK(outbox.next(at(1), Receiver::kWebhook));
}

TEST_CASE("what a receiver refuses is given up after some tries, so that what follows gets through") {
    Outbox outbox = outbox_with(1);
    std::int64_t now = 0;
    for (unsigned i = 0; i < Outbox::kMostRefusals; ++i) {
        REQUIRE(ids(outbox.next(at(now), Receiver::kWebhook)) == Ids{1});
        outbox.finish(at(now).instant, Receiver::kWebhook, Delivery::kRefused);
        now += 300;
    }
    outbox.add(at(0).instant, alert(2));
    const auto next = outbox.next(at(now), Receiver::kWebhook);
    CHECK(ids(next) == Ids{2});
    CHECK(next->dropped == 1);
    CHECK(outbox.dropped(Receiver::kWebhook) == 1);
}

TEST_CASE("one alert that a receiver refuses costs no other") {
    Outbox outbox = outbox_with(Outbox::kMostInBatch);
    std::int64_t now = 0;
    Ids got;
    for (int tries = 0; outbox.waiting_for(Receiver::kWebhook) > 0; ++tries) {
        REQUIRE(tries < 100);
        const Ids batch = ids(outbox.next(at(now), Receiver::kWebhook));
        const bool is_bad = std::find(batch.begin(), batch.end(), 7) != batch.end();
        if (!is_bad) got.insert(got.end(), batch.begin(), batch.end());
        outbox.finish(at(now).instant, Receiver::kWebhook, is_bad ? Delivery::kRefused : Delivery::kDone);
        now += 300;
    }
    CHECK(got.size() == Outbox::kMostInBatch - 1);
    CHECK(outbox.dropped(Receiver::kWebhook) == 1);
}

TEST_CASE("a refusal counts for the alert that was refused") {
    Outbox outbox = outbox_with(1);
    std::int64_t now = 0;
    for (unsigned i = 0; i + 1 < Outbox::kMostRefusals; ++i) {
        REQUIRE(outbox.next(at(now), Receiver::kWebhook));
        outbox.finish(at(now).instant, Receiver::kWebhook, Delivery::kRefused);
        now += 300;
    }
    outbox.add(at(now).instant, alert(2));
    REQUIRE(ids(outbox.next(at(now), Receiver::kWebhook)) == Ids{1, 2});
    outbox.finish(at(now).instant, Receiver::kWebhook, Delivery::kRefused);
    CHECK(outbox.dropped(Receiver::kWebhook) == 0);
}

TEST_CASE("a customer with many alerts costs no other customer, nor the appliance, one") {
    Outbox outbox;
    outbox.configure(kWebhookAndMail);
    const auto of = [](std::uint64_t id, const char* customer, Severity severity) {
        Alert out = alert(id);
        out.subject.customer = customer;
        out.severity = severity;
        return out;
    };
    outbox.add(at(0).instant, of(1, "", Severity::kInfo));
    outbox.add(at(0).instant, of(2, "globex", Severity::kWarning));
    outbox.add(at(0).instant, of(3, "acme", Severity::kCritical));
    for (std::uint64_t id = 4; id < 4 + 2 * Outbox::kMostWaiting; ++id)
        outbox.add(at(0).instant, of(id, "acme", Severity::kWarning));
    CHECK(outbox.kept().waiting.size() == Outbox::kMostWaiting);
    const Ids first = ids(outbox.next(at(0), Receiver::kWebhook));
    REQUIRE(first.size() > 3);
    CHECK(Ids(first.begin(), first.begin() + 3) == Ids{1, 2, 3});
    CHECK(first[3] > Outbox::kMostWaiting);
}

TEST_CASE("what is in flight is not dropped when too many wait") {
    Outbox outbox = outbox_with(Outbox::kMostWaiting);
    REQUIRE(ids(outbox.next(at(0), Receiver::kWebhook)).front() == 1);
    outbox.add(at(0).instant, alert(Outbox::kMostWaiting + 1));
    outbox.finish(at(0).instant, Receiver::kWebhook, Delivery::kDone);
    CHECK(outbox.delivered(Receiver::kWebhook) == Outbox::kMostInBatch);
    CHECK(ids(outbox.next(at(0), Receiver::kWebhook)).front() == Outbox::kMostInBatch + 2);
}

TEST_CASE("a clock that is set makes no alert of this process old") {
    Outbox outbox = outbox_with(1);
    const Now set{at(60).instant, {kNow.nanoseconds + 400 * 86'400 * kSecond}};
    CHECK(ids(outbox.next(set, Receiver::kWebhook)) == Ids{1});
}

TEST_CASE("the oldest go when too many wait, and the receiver learns how many") {
    Outbox outbox = outbox_with(Outbox::kMostWaiting + 10);
    CHECK(outbox.kept().waiting.size() == Outbox::kMostWaiting);
    const auto batch = outbox.next(at(0), Receiver::kWebhook);
    REQUIRE(batch);
    CHECK(batch->alerts.size() == Outbox::kMostInBatch);
    CHECK(batch->alerts.front().id == 11);
    CHECK(batch->dropped == 10);
    outbox.finish(at(0).instant, Receiver::kWebhook, Delivery::kDone);
    CHECK(outbox.next(at(0), Receiver::kWebhook)->dropped == 0);
    CHECK(outbox.next(at(0), Receiver::kMail)->dropped == 10);
}

TEST_CASE("what is too old is not delivered any more") {
    Outbox outbox = outbox_with(1);
    const std::int64_t late = std::chrono::duration_cast<seconds>(Outbox::kMostAge).count();
    outbox.add(at(late).instant, alert(2, at(late).wall));
    const auto batch = outbox.next(at(late), Receiver::kWebhook);
    CHECK(ids(batch) == Ids{2});
    CHECK(batch->dropped == 1);
}

TEST_CASE("what was delivered is not repeated after a restart, and what was in flight is") {
    Outbox outbox = outbox_with(2);
    REQUIRE(outbox.next(at(0), Receiver::kWebhook));
    outbox.finish(at(0).instant, Receiver::kWebhook, Delivery::kDone);
    REQUIRE(outbox.next(at(0), Receiver::kMail));
    const auto kept = parse_kept(kept_text({{}, outbox.kept(), {}}));
    REQUIRE(kept.has_value());
    CHECK(kept->outbox == outbox.kept());
    Outbox next(kept->outbox);
    next.configure(kWebhookAndMail);
    CHECK(ids(next.next(at(1), Receiver::kWebhook)) == Ids{});
    CHECK(ids(next.next(at(1), Receiver::kMail)) == Ids{1, 2});
}

TEST_CASE("what waits for a receiver that is not configured any more is forgotten") {
    Outbox outbox = outbox_with(1);
    outbox.configure({true, false, false});
    CHECK(outbox.waiting_for(Receiver::kMail) == 0);
    outbox.configure({false, false, false});
    CHECK(outbox.kept().waiting.empty());
    outbox.add(at(0).instant, alert(2));
    CHECK(outbox.kept().waiting.empty());
}
