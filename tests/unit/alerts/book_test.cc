// Each condition is told once, and once when it is over; also over a restart.
#include "alerts/model/book.h"

#include <doctest/doctest.h>

#include "alerts/model/kept.h"
#include "situations.h"

using namespace warren;
using namespace warren::alerts;
using namespace warren::alerts::testing;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

const std::set<Witness> kAll{Witness::kUs, Witness::kVpnd, Witness::kStackd, Witness::kProblems,
                             Witness::kCertificates};
const Subject kGraz{"peer_down", "acme", "graz"};

Conditions graz_down(Duration patience = minutes(10), std::int64_t since = 0) {
    return {{kGraz, {Severity::kWarning, "Peer graz is down.", at(since).instant, patience}}};
}

}  // namespace

TEST_CASE("a peer is told once it is down for so long, once, and when it is up again") {
    Book book;
    CHECK(book.update(at(0), graz_down(), kAll, nullptr).empty());
    CHECK(book.update(at(599), graz_down(), kAll, nullptr).empty());
    const auto told = book.update(at(600), graz_down(), kAll, nullptr);
    REQUIRE(told.size() == 1);
    CHECK(told[0].state == AlertState::kProblem);
    CHECK(told[0].subject == kGraz);
    CHECK(told[0].since == kNow);
    CHECK(book.update(at(700), graz_down(), kAll, nullptr).empty());
    Roll roll;
    feed(roll, {customer("acme", {up("graz")})}, true, at(715));
    const auto over = book.update(at(720), {}, kAll, &roll);
    REQUIRE(over.size() == 1);
    CHECK(over[0].state == AlertState::kResolved);
    CHECK(over[0].text == "Peer graz of customer acme (The acme) is up again, after 12 min.");
    CHECK(over[0].id > told[0].id);
    CHECK(book.update(at(730), {}, kAll, &roll).empty());
}

TEST_CASE("what was down for a shorter time is not told at all") {
    Book book;
    CHECK(book.update(at(0), graz_down(), kAll, nullptr).empty());
    CHECK(book.update(at(300), {}, kAll, nullptr).empty());
    CHECK(book.update(at(301), graz_down(minutes(10), 301), kAll, nullptr).empty());
    CHECK(book.update(at(700), graz_down(minutes(10), 301), kAll, nullptr).empty());
}

TEST_CASE("what looks bad right after a start is told once it was seen for a moment") {
    Book book;
    CHECK(book.update(at(5000), graz_down(), kAll, nullptr).empty());
    CHECK(book.update(at(5002), graz_down(), kAll, nullptr).empty());
    CHECK(book.update(at(5005), graz_down(), kAll, nullptr).size() == 1);
}

TEST_CASE("of a witness that says nothing neither a problem nor its end is told") {
    Book book;
    (void)book.update(at(0), graz_down(minutes(1)), kAll, nullptr);
    REQUIRE(book.update(at(60), graz_down(minutes(1)), kAll, nullptr).size() == 1);
    CHECK(book.update(at(70), {}, {Witness::kUs}, nullptr).empty());
    CHECK(book.update(at(80), graz_down(minutes(1)), kAll, nullptr).empty());
    CHECK(book.update(at(90), {}, {Witness::kUs, Witness::kVpnd}, nullptr).size() == 1);
}

TEST_CASE("certificates and problems that were not heard of yet are not over") {
    for (const char* kind : {"certificate_expires", "customer_not_served"}) {
        CAPTURE(kind);
        Book book;
        const Conditions one{{{kind, "acme", ""}, {Severity::kCritical, "x", {}, {}}}};
        (void)book.update(at(0), one, kAll, nullptr);
        REQUIRE(book.update(at(5), one, kAll, nullptr).size() == 1);
        CHECK(book.update(at(6), {}, {Witness::kUs, Witness::kVpnd, Witness::kStackd}, nullptr).empty());
        CHECK(book.is_told({kind, "acme", ""}));
        CHECK(book.update(at(20), one, kAll, nullptr).empty());
    }
}

TEST_CASE("a vpnd that dies is told though all that may be open of its own is") {
    Book book;
    Conditions many;
    for (std::size_t i = 0; i < kMostConditions + 10; ++i)
        many[{"peer_down", "acme", std::to_string(i)}] = {Severity::kWarning, "x", {}, {}};
    (void)book.update(at(0), many, kAll, nullptr);
    CHECK(book.update(at(5), many, kAll, nullptr).size() == kMostConditions);
    const Conditions dead{{{"vpnd_unreachable", "", ""}, {Severity::kCritical, "x", {}, {}}}};
    (void)book.update(at(10), dead, {Witness::kUs}, nullptr);
    CHECK(book.update(at(15), dead, {Witness::kUs}, nullptr).size() == 1);
}

TEST_CASE("a clock that is set makes nothing old and nothing young") {
    for (const std::int64_t step : {-3600, 3600}) {
        CAPTURE(step);
        const auto stepped = [step](std::int64_t later) { return Now{at(later).instant, at(later + step).wall}; };
        Book book;
        CHECK(book.update(at(0), graz_down(), kAll, nullptr).empty());
        CHECK(book.update(stepped(599), graz_down(), kAll, nullptr).empty());
        CHECK(book.update(at(600), graz_down(), kAll, nullptr).size() == 1);
        const auto over = book.update(stepped(720), {}, kAll, nullptr);
        REQUIRE(over.size() == 1);
        CHECK(over[0].text.find(", after 12 min.") != std::string::npos);
    }
}

TEST_CASE("nobody is told of what a start looks like before peers had time to return") {
    Book book;
    Conditions down = graz_down();
    down.at(kGraz).not_before = at(900).instant;
    CHECK(book.update(at(600), down, kAll, nullptr).empty());
    CHECK(book.update(at(899), down, kAll, nullptr).empty());
    CHECK(book.update(at(900), down, kAll, nullptr).size() == 1);
}

TEST_CASE("what gets worse is told once more, also after a restart, and what gets better is not") {
    const auto certificate = [](Severity severity, const char* text) {
        return Conditions{{{"certificate_expires", "acme", "certs/a.pem"}, {severity, text, {}, {}}}};
    };
    const Conditions soon = certificate(Severity::kWarning, "expires");
    const Conditions over = certificate(Severity::kCritical, "expired");
    Book book;
    (void)book.update(at(0), soon, kAll, nullptr);
    REQUIRE(book.update(at(5), soon, kAll, nullptr).size() == 1);
    Book next(book.kept());
    CHECK(next.update(at(100), over, kAll, nullptr).empty());
    CHECK(next.update(at(102), soon, kAll, nullptr).empty());
    CHECK(next.update(at(104), over, kAll, nullptr).empty());
    const auto told = next.update(at(109), over, kAll, nullptr);
    REQUIRE(told.size() == 1);
    CHECK(told[0].severity == Severity::kCritical);
    CHECK(told[0].text == "expired");
    CHECK(told[0].since == kNow);
    CHECK(next.update(at(120), over, kAll, nullptr).empty());
    CHECK(next.update(at(130), soon, kAll, nullptr).empty());
    CHECK(next.update(at(140), soon, kAll, nullptr).empty());
}

TEST_CASE("another update that fails is told, though the failure before is not over") {
    const auto failed = [](const char* text) {
        return Conditions{{{"update_failed", "", ""}, {Severity::kCritical, text, {}, {}, kLongAgo, true}}};
    };
    Book book;
    (void)book.update(at(0), failed("0.3.0"), kAll, nullptr);
    REQUIRE(book.update(at(5), failed("0.3.0"), kAll, nullptr).size() == 1);
    CHECK(book.update(at(10), failed("0.3.1"), kAll, nullptr).empty());
    CHECK(book.update(at(15), failed("0.3.1"), kAll, nullptr).size() == 1);
    CHECK(book.update(at(20), failed("0.3.1"), kAll, nullptr).empty());
    CHECK(book.kept().open.size() == 1);
}

TEST_CASE("a restart repeats nothing, and tells what is over since") {
    Book book;
    (void)book.update(at(0), graz_down(minutes(1)), kAll, nullptr);
    const auto told = book.update(at(60), graz_down(minutes(1)), kAll, nullptr);
    REQUIRE(told.size() == 1);
    const auto kept = parse_kept(kept_text({book.kept(), {}, {}}));
    REQUIRE(kept.has_value());
    CHECK(kept->book == book.kept());
    Book next(kept->book);
    CHECK(next.update(at(100), graz_down(minutes(1)), kAll, nullptr).empty());
    CHECK(next.update(at(200), graz_down(minutes(1)), kAll, nullptr).empty());
    const auto over = next.update(at(300), {}, kAll, nullptr);
    REQUIRE(over.size() == 1);
    CHECK(over[0].since == kNow);
    CHECK(over[0].id > told[0].id);
}

TEST_CASE("numbers increase though the clock goes back") {
    Book book;
    const auto first = book.test(kNow);
    const auto second = book.test({kNow.nanoseconds - 3600 * kSecond});
    CHECK(second.id == first.id + 1);
}

TEST_CASE("the end of a date or a quota is nobody's business") {
    for (const char* kind : {"peer_expires", "quota_80", "configuration_waits", "certificate_expires"}) {
        CAPTURE(kind);
        Book book;
        const Conditions one{{{kind, "acme", "graz"}, {Severity::kWarning, "x", {}, {}}}};
        (void)book.update(at(0), one, kAll, nullptr);
        CHECK(book.update(at(5), one, kAll, nullptr).size() == 1);
        CHECK(book.update(at(6), {}, kAll, nullptr).empty());
    }
}

TEST_CASE("an event of stackd's is told once, also after a restart") {
    Book book;
    const auto back = [](std::int64_t later) {
        return Book::Event{at(later).wall, {"configuration_returned", "", ""}, Severity::kCritical, "back"};
    };
    CHECK(book.happened(kNow, {back(0)}).size() == 1);
    CHECK(book.happened(kNow, {back(0)}).empty());
    const auto kept = parse_kept(kept_text({book.kept(), {}, {}}));
    REQUIRE(kept.has_value());
    Book next(kept->book);
    CHECK(next.happened(kNow, {back(0)}).empty());
    const auto told = next.happened(kNow, {back(0), back(1)});
    REQUIRE(told.size() == 1);
    CHECK(told[0].since == at(1).wall);
}

TEST_CASE("an event is told though its clock was set back by years") {
    Book book;
    const auto event = [](std::int64_t later) {
        return Book::Event{at(later).wall, {"reload_refused", "", ""}, Severity::kWarning, "refused"};
    };
    CHECK(book.happened(kNow, {event(150'000'000)}).size() == 1);
    CHECK(book.happened(kNow, {event(150'000'000), event(0)}).size() == 1);
    CHECK(book.happened(kNow, {event(-10)}).size() == 1);  // of a stackd that began since
    CHECK(book.happened(kNow, {event(-10)}).empty());
}

TEST_CASE("why something is over is said as it is") {
    const Subject all{"customer_down", "acme", ""};
    const auto over = [](const Subject& subject, const std::vector<Given>& customers) {
        const Roll roll = roll_of(customers);
        return end_text(subject, &roll, at(0).instant);
    };
    CHECK(over(kGraz, {}) == "vpnd does not serve customer acme any more");
    CHECK(over(kGraz, {customer("acme", {up("linz")})}) ==
          "Peer graz of customer acme (The acme) is disabled or not configured any more");
    auto gone = up("graz", 200);  // as vpnd said before
    CHECK(over(kGraz, {customer("acme", {gone})}) == "Peer graz of customer acme (The acme) is not missed any more");
    gone.activity.is_expired = true;
    CHECK(over(kGraz, {customer("acme", {gone})}) == "Peer graz of customer acme (The acme) has expired");
    CHECK(over(all, {customer("acme", {gone})}) == "Customer acme (The acme) has no tunnel that is missed any more");
    CHECK(over(all, {customer("acme", {})}) == "Customer acme (The acme) has no tunnel that is missed any more");
    CHECK(over(all, {customer("acme", {up("graz")})}) == "A tunnel of customer acme (The acme) is up again");
    auto suspended = customer("acme", {down("graz")});
    suspended.customer.settings.suspended = true;
    CHECK(over(kGraz, {suspended}) == "Customer acme (The acme) is suspended");
}

TEST_CASE("lengths are as people say them") {
    CHECK(length_text(seconds(-5)) == "0 s");
    CHECK(length_text(seconds(59)) == "59 s");
    CHECK(length_text(minutes(12)) == "12 min");
    CHECK(length_text(minutes(120)) == "2 h");
    CHECK(length_text(minutes(125)) == "2 h 5 min");
    CHECK(length_text(std::chrono::hours(72)) == "3 days");
}

TEST_CASE("a state that is none is refused") {
    for (const char* text : {"", "{", "[]", "{\"version\":1}", "null", "{\"version\":\"x\"}"})
        CHECK_FALSE(parse_kept(text).has_value());
    const auto later = parse_kept("{\"version\":2}");
    REQUIRE(later.has_value());
    CHECK(*later == Kept{});
}
