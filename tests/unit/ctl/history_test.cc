// The history as an operator reads it.
#include <doctest/doctest.h>

#include <string>

#include "ctl/show/history_views.h"

using namespace warren;
using namespace warren::ctl;

namespace {

history::Content content(char c) {
    return {std::string(64, c), 3};
}

history::Revisions sample() {
    using history::Origin;
    history::Revisions out;
    history::Manifest now{{"warren.toml", content('a')}, {"customers/acme.toml", content('b')}};
    REQUIRE(history::append(out, now, {0}, {Origin::Kind::kStart, 0, "", ""}, {}));
    now["customers/acme.toml"] = content('c');
    REQUIRE(history::append(out, now, {1'000'000'000}, {Origin::Kind::kRequest, 0, "ada", ""},
                            {{"acme", "stack.mtu: 1420 -> 1380"}, {"acme", "x"}}));
    now.erase("customers/acme.toml");
    for (const char* id : {"a", "b", "c", "d", "e"}) now[std::string("customers/") + id + ".toml"] = content('d');
    REQUIRE(history::append(out, now, {2'000'000'000}, {Origin::Kind::kRequest, 7, "", "all\x1b[31m new"}, {}));
    now["secrets/uplink"] = {std::string(64, 'e'), 0};
    REQUIRE(history::append(out, now, {3'000'000'000}, {Origin::Kind::kReturned, 0, "", ""}, {}));
    return out;
}

}  // namespace

TEST_CASE("newest first, with who, what and why; a comment controls no terminal") {
    CHECK(
        history_text(sample(), "") ==
        "REVISION  WHEN                  BY                CHANGED                WHAT\n"
        "       4  1970-01-01T00:00:03Z  returned          secrets\n"
        "       3  1970-01-01T00:00:02Z  uid 7             a, acme, b and 3 more  all?[31m new\n"
        "       2  1970-01-01T00:00:01Z  root (sudo: ada)  acme                   acme: stack.mtu: 1420 -> 1380, ...\n"
        "       1  1970-01-01T00:00:00Z  start             warren.toml, acme\n");
    CHECK(history_text(sample(), "nobody").empty());
}

TEST_CASE("of one customer only what changed it") {
    const std::string json = history_json(sample(), "acme");
    CHECK(json.find("\"revision\": 4") == std::string::npos);
    CHECK(json.find("\"revision\": 3") != std::string::npos);
    CHECK(json.find("\"claimed_user\": \"ada\"") != std::string::npos);
    CHECK(json.find("\"kind\": \"removed\"") != std::string::npos);
    // Of what stackd did by itself there is no user.
    CHECK(history_json(sample(), "").find("\"uid\": null") != std::string::npos);
}
