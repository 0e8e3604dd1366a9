// A table of situations and what is said about each. Every program that reports health uses this.
#include "health/health.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace warren;
using namespace warren::health;
using TextKind = ipc::ControlText::Kind;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kDay = 24 * 3600 * kSecond;

Situation well() {
    Situation out;
    out.now = {1000 * kDay};
    return out;
}

Situation with(TextKind kind, const std::string& customer, const std::string& text) {
    Situation out = well();
    out.problems.push_back({{kind, customer, text}, {7 * kSecond}});
    return out;
}

Situation certificate_with(std::int64_t left) {
    Situation out = well();
    out.certificate = Situation::Certificate{{out.now.nanoseconds + left}, true};
    return out;
}

struct Row {
    std::string what;
    Situation situation;
    std::string kind;  // "" = all is well
    bool critical = false;
    bool ready = true;
    std::string sentence;
    std::string customer;
};

std::vector<Row> table() {
    std::vector<Row> rows{{"nothing is wrong", well(), "", false, true, "", ""}};
    const auto add = [&rows](std::string what, const Situation& situation, std::string kind, bool critical, bool ready,
                             std::string sentence, std::string customer = {}) {
        rows.push_back(
            {std::move(what), situation, std::move(kind), critical, ready, std::move(sentence), std::move(customer)});
    };
    Situation one = well();
    one.vpnd_answers = false;
    add("vpnd is silent", one, "vpnd_unreachable", true, false,
        "The tunnel daemon does not answer; all figures are old.");
    one = well();
    one.stackd_silence = "cannot reach stackd";
    add("stackd is silent", one, "stackd_unreachable", true, false,
        "cannot reach stackd; tunnels keep running, changes wait");
    add("a customer is not served", with(TextKind::kUnserved, "acme", "acme.toml:2:1: error: no\n  2 | x"),
        "customer_not_served", true, false, "Customer acme is not served: acme.toml:2:1: error: no", "acme");
    add("a device is missing", with(TextKind::kIncomplete, "acme", "no device eth7"), "stack_incomplete", true, false,
        "acme: no device eth7", "acme");
    add("a stack could not be made for a packet",
        with(TextKind::kIncomplete, "acme",
             "no room; a packet needs its stack, which is not there, and Warren retries"),
        "stack_incomplete", true, false,
        "acme: no room; a packet needs its stack, which is not there, and Warren retries", "acme");
    add("a change waits", with(TextKind::kNote, "", "workers: at the next restart"), "not_in_force", false, true,
        "workers: at the next restart");
    add("an earlier configuration is in force", with(TextKind::kLastGood, "", "that of yesterday is in force"),
        "last_good_in_force", true, false, "that of yesterday is in force");
    add("a customer's change is refused, its stack stays as it was",
        with(TextKind::kNote, "acme", "refused: port 51820 is in use"), "not_in_force", false, true,
        "acme: refused: port 51820 is in use", "acme");
    add("a file has an error, its customer stays as it was",
        with(TextKind::kDiagnostic, "acme", "a.toml:1:1: error: x"), "file_invalid", false, true,
        "a.toml:1:1: error: x", "acme");
    add("a step is no problem", with(TextKind::kStep, "acme", "add an address"), "", false, true, "");
    add("a change is no problem", with(TextKind::kChange, "acme", "stack.mtu: 1420 -> 1380"), "", false, true, "");
    add("a fact is no problem", with(TextKind::kFact, "", "pid 12"), "", false, true, "");
    one = well();
    one.under_load = true;
    add("handshakes flood", one, "under_load", false, true,
        "Too many handshakes arrive at once. Clients must prove their address with a cookie first.");
    one = well();
    one.users_problem = "line 3";
    add("users.toml has an error", one, "users_file_invalid", false, true,
        "users.toml has an error; the previous users stay in force: line 3");
    add("the certificate is good for a month", certificate_with(30 * kDay), "", false, true, "");
    add("the certificate ends soon", certificate_with(30 * kDay - 1), "certificate_expiring", false, true,
        "The certificate of this page expires soon.");
    add("the certificate has ended", certificate_with(-1), "certificate_expiring", true, true,
        "The certificate of this page has expired.");
    one = well();
    one.down.push_back({"acme", "Acme: no peer is online", {}});
    add("a customer's sites are down", one, "customer_down", true, true, "Acme: no peer is online", "acme");
    one = well();
    one.unserved.push_back({"acme", "Acme: graz is not served", {}});
    add("a connection is not served", one, "connection_unserved", false, true, "Acme: graz is not served", "acme");
    return rows;
}

bool is_ready(const std::vector<Finding>& findings) {
    bool out = true;
    for (const Finding& finding : findings) out = out && !is_unready(finding.kind);
    return out;
}

}  // namespace

TEST_CASE("each situation gives its finding and no other") {
    for (const Row& row : table()) {
        CAPTURE(row.what);
        const auto findings = findings_of(row.situation);
        CHECK(is_ready(findings) == row.ready);
        CHECK((verdict_of(findings) == "All is well.") == row.kind.empty());
        if (row.kind.empty()) {
            CHECK(findings.empty());
            continue;
        }
        REQUIRE(findings.size() == 1);
        CHECK(name_of(findings[0].kind) == row.kind);
        CHECK(findings[0].critical == row.critical);
        CHECK(findings[0].sentence == row.sentence);
        CHECK(findings[0].customer == row.customer);
        CHECK_FALSE(findings[0].what_to_do.empty());
    }
}

TEST_CASE("every kind has a row, and a name of its own") {
    std::vector<std::string> missing;
    for (std::size_t i = 0; i < kKinds; ++i) {
        bool found = false;
        for (const Row& row : table()) found = found || row.kind == name_of(static_cast<Kind>(i));
        if (!found) missing.emplace_back(name_of(static_cast<Kind>(i)));
    }
    CHECK(missing.empty());
}

TEST_CASE("critical findings come first, and the verdict counts") {
    Situation one = with(TextKind::kDiagnostic, "acme", "a.toml:1:1: error: x");
    one.under_load = true;
    CHECK(verdict_of(findings_of(one)) == "2 things need attention.");
    one.vpnd_answers = false;
    one.down.push_back({"acme", "down", {}});
    const auto findings = findings_of(one);
    CHECK(verdict_of(findings) == "4 things need attention, 2 of them at once.");
    CHECK((findings[0].critical && findings[1].critical && !findings[2].critical && !findings[3].critical));
    CHECK(verdict_of(findings_of(with(TextKind::kNote, "", "x"))) == "1 thing needs attention.");
    CHECK(verdict_of(findings_of(with(TextKind::kIncomplete, "acme", "x"))) == "1 thing needs attention at once.");
}

TEST_CASE("only of an error it is said that the previous settings stay in force") {
    const auto says = [](const char* line) {
        const auto findings = findings_of(with(TextKind::kDiagnostic, "acme", line));
        return findings.at(0).what_to_do.find("previous settings") != std::string::npos;
    };
    CHECK(says("a.toml:1:1: error: x: warning: y"));
    CHECK_FALSE(says("a.toml:1:1: warning: x: error: y"));
}

TEST_CASE("a customer that is not served is one finding, whatever else is wrong with its file") {
    Situation one = with(TextKind::kDiagnostic, "acme", "a.toml:1:1: error: x");
    one.problems.push_back({{TextKind::kDiagnostic, "acme", "a.toml:2:1: error: y"}, {}});
    one.problems.push_back({{TextKind::kDiagnostic, "globex", "g.toml:2:1: error: z"}, {}});
    one.problems.push_back({{TextKind::kUnserved, "acme", "a.toml:1:1: error: x"}, {5 * kSecond}});
    const auto findings = findings_of(one);
    REQUIRE(findings.size() == 2);
    CHECK(findings[0].kind == Kind::kCustomerNotServed);
    CHECK(findings[0].since == WallTime{5 * kSecond});
    CHECK(findings[1].customer == "globex");
}

TEST_CASE("a customer sees what concerns it, without the appliance's files and devices") {
    Situation one = with(TextKind::kIncomplete, "acme", "no device eth7");
    one.problems.push_back({{TextKind::kNote, "acme", "refused: /etc/warren"}, {}});
    one.problems.push_back({{TextKind::kUnserved, "lab", "/etc/warren/customers/lab.toml:1:1"}, {}});
    one.problems.push_back({{TextKind::kDiagnostic, "acme", "/etc/warren/customers/acme.toml:1:1"}, {}});
    one.problems.push_back({{TextKind::kNote, "globex", "refused: no device eth8"}, {}});
    one.problems.push_back({{TextKind::kNote, "", "workers"}, {}});
    one.users_problem = "line 3";
    one.vpnd_answers = false;
    one.down = {{"acme", "Acme is down", {}}, {"globex", "Globex is down", {}}};
    std::vector<std::string> sentences;
    for (const Finding& finding : findings_for({"acme", "lab"}, findings_of(one)))
        sentences.push_back(finding.sentence);
    CHECK(sentences == std::vector<std::string>{"The tunnel daemon does not answer; all figures are old.",
                                                "The stack of customer acme is not complete.",
                                                "Customer lab is not served.", "Acme is down",
                                                "Not all settings of customer acme are in force."});
    for (const Finding& finding : findings_for({"acme", "lab"}, findings_of(one)))
        CHECK(finding.what_to_do.find("/etc") == std::string::npos);
}
