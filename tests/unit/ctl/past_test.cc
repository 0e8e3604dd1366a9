// events, outages, find and top: times as people write them, and the tables.
#include <doctest/doctest.h>

#include "ctl/ask/page_client.h"
#include "ctl/commands/page_answers.h"
#include "ctl/show/past_views.h"

using namespace warren;
using namespace warren::ctl;

TEST_CASE("a time is a day, a moment, or how long ago; nothing else") {
    constexpr WallTime kNow{1'764'460'800'000'000'000};  // 2025-11-30
    const auto seconds = [&](const char* text) -> std::int64_t {
        const auto at = past_time(text, kNow);
        return at ? at->nanoseconds / 1'000'000'000 : -1;
    };
    CHECK(seconds("2025-11-29") == 1'764'374'400);
    CHECK(seconds("2025-11-29 14:30") == 1'764'374'400 + 14 * 3600 + 30 * 60);
    CHECK(seconds("2025-11-29T14:30:05Z") == 1'764'374'400 + 14 * 3600 + 30 * 60 + 5);
    CHECK(seconds("2d") == 1'764'460'800 - 2 * 86'400);
    CHECK(seconds("90s") == 1'764'460'800 - 90);
    for (const char* text : {"", "d", "2", "2x", "-2d", "2d3h", "yesterday", "2025-13-01", "2025-02-29",
                             "2025-11-29 25:00", "2025-11-29x", "99999999999d"}) {
        CAPTURE(text);
        CHECK(seconds(text) == -1);
    }
}

TEST_CASE("a length has its two largest units") {
    CHECK(length_text(0) == "0 s");
    CHECK(length_text(59) == "59 s");
    CHECK(length_text(3600) == "1 h");
    CHECK(length_text(3725) == "1 h 2 min");
    CHECK(length_text(86'400 + 5) == "1 d");
    CHECK(length_text(2 * 86'400 + 3 * 3600 + 59) == "2 d 3 h");
}

TEST_CASE("a question's parameters are encoded, and empty ones left out") {
    CHECK(page_target("/api/v1/find", {{"text", "a b&c/ü"}, {"limit", ""}, {"n", "5"}}) ==
          "/api/v1/find?text=a%20b%26c%2F%C3%BC&n=5");
    CHECK(page_target("/x", {{"a", ""}}) == "/x");
}

TEST_CASE("outages are a table; one of the customer itself has no name, one that lasts has no end") {
    const Json rows = Json::parse(R"([
        {"customer": "acme", "peer": "graz", "connection": null, "began": "2026-11-29T01:00:00Z",
         "ended": "2026-11-29T02:30:00Z", "seconds": 5400, "cause": "silent", "removed": true},
        {"customer": "acme", "peer": null, "connection": null, "began": "2026-11-28T01:00:00Z", "ended": null,
         "seconds": 90, "cause": "suspended", "removed": false}])");
    CHECK(outages_text(rows) ==
          "BEGAN                 ENDED                     LENGTH  CUSTOMER  PEER  CAUSE\n"
          "2026-11-29 01:00:00Z  2026-11-29 02:30:00Z  1 h 30 min  acme      graz  silent, then removed\n"
          "2026-11-28 01:00:00Z  still                 1 min 30 s  acme      -     suspended\n");
    CHECK(outages_text(Json::array()).empty());
}

TEST_CASE("rates have the unit that fits") {
    CHECK(rate_text(0) == "0 bit/s");
    CHECK(rate_text(1500) == "1.5 kbit/s");
    CHECK(rate_text(2.5e9) == "2.5 Gbit/s");
}
