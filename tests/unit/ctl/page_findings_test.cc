// What statusd says about health, as vpnctl takes it up.
#include "ctl/commands/page_findings.h"

#include <doctest/doctest.h>

#include <string>

using namespace warren;
using namespace warren::ctl;

namespace {

std::string overview(const std::string& alarms) {
    return R"({"appliance": "pop-1", "alarms": [)" + alarms + "]}";
}

constexpr const char* kDown =
    R"({"kind": "customer_down", "severity": "critical", "since": "2026-11-30T10:00:00Z", "customer": "acme",
        "sentence": "Acme: no peer is online.", "what_to_do": "Ask it."})";
constexpr const char* kUsers =
    R"({"kind": "users_file_invalid", "severity": "warning", "since": null, "customer": null, "sentence": "x"})";

}  // namespace

TEST_CASE("the page's users and certificate and customers that are down are statusd's to tell") {
    const auto found = parse_page_findings(overview(std::string(kDown) + "," + kUsers), "");
    REQUIRE(found.size() == 2);
    CHECK(found[0].kind == health::Kind::kCustomerDown);
    CHECK(found[0].critical);
    CHECK(found[0].customer == "acme");
    CHECK(found[0].since.nanoseconds > 0);
    CHECK(found[0].sentence == "Acme: no peer is online.");
    CHECK(found[0].what_to_do == "Ask it.");
    CHECK(found[1].kind == health::Kind::kUsersFileInvalid);
    CHECK_FALSE(found[1].critical);
    CHECK(found[1].since.nanoseconds == 0);
}

TEST_CASE("of one customer its own and the appliance's are told") {
    const std::string both = overview(std::string(kDown) + "," + kUsers);
    CHECK(parse_page_findings(both, "acme").size() == 2);
    const auto other = parse_page_findings(both, "globex");
    REQUIRE(other.size() == 1);
    CHECK(other[0].customer.empty());
}

TEST_CASE("what vpnctl sees by itself is not statusd's word") {
    for (const char* kind :
         {"vpnd_unreachable", "customer_not_served", "file_invalid", "connection_unserved", "", "new"})
        CHECK(parse_page_findings(overview(R"({"kind": ")" + std::string(kind) + R"("})"), "").empty());
}

TEST_CASE("an answer of any form harms nothing") {
    for (const char* body : {"", "[]", "{", "null", R"({"alarms": 1})", R"({"alarms": [1, null, [], {"kind": 5}]})"})
        CHECK(parse_page_findings(body, "").empty());
    const auto odd = parse_page_findings(
        overview(R"({"kind": "customer_down", "severity": 1, "since": "soon", "sentence": "a\u001b[2Jb"})"), "");
    REQUIRE(odd.size() == 1);
    CHECK_FALSE(odd[0].critical);
    CHECK(odd[0].sentence.find('\x1b') == std::string::npos);
    std::string many = kDown;
    for (int i = 0; i < 1000; ++i) many += std::string(",") + kDown;
    CHECK(parse_page_findings(overview(many), "").size() == 64);
    const auto deep = std::string(100'000, '[');
    CHECK(parse_page_findings(deep, "").empty());
}
