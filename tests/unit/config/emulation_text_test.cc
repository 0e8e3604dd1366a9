#include "config/emulation_text.h"

#include <doctest/doctest.h>

using namespace warren::config;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("parts are read with and without a space, with decimals, and written as they are read") {
    CHECK(parse_part("1 %") == 10'000);
    CHECK(parse_part("1%") == 10'000);
    CHECK(parse_part("0.25 %") == 2'500);
    CHECK(parse_part("0.0001 %") == 1);
    CHECK(parse_part("0 %") == 0);
    CHECK(parse_part("100 %") == kWholePart);
    for (const char* text : {"", "1", "%", " %", "101 %", "100.0001 %", "1. %", ".5 %", "0.00001 %", "-1 %", "1  %",
                             "1e1 %", "0001 %", "1 % "})
        CHECK(parse_part(text) == std::nullopt);
    for (const std::uint32_t part : {0U, 1U, 10U, 2'500U, 10'000U, 123'456U, 999'999U, kWholePart})
        CHECK(parse_part(part_text(part)) == part);
    CHECK(part_text(2'500) == "0.25 %");
    CHECK(part_text(1) == "0.0001 %");
}

TEST_CASE("delays are read with each unit, and written as they are read") {
    CHECK(parse_delay("50 ms") == milliseconds(50));
    CHECK(parse_delay("50ms") == milliseconds(50));
    CHECK(parse_delay("500 us") == microseconds(500));
    CHECK(parse_delay("2 s") == seconds(2));
    CHECK(parse_delay("10 s") == kMostDelay);
    CHECK(parse_delay("10000000 us") == kMostDelay);
    for (const char* text : {"", "50", "ms", "1.5 ms", "11 s", "10001 ms", "10000001 us", "-1 ms", "1 min", "50  ms",
                             "99999999 s", "123456789 us", "1 ms "})
        CHECK(parse_delay(text) == std::nullopt);
    for (const auto delay : {microseconds(0), microseconds(7), microseconds(1'500), microseconds(50'000), kMostDelay})
        CHECK(parse_delay(delay_text(delay)) == delay);
    CHECK(delay_text(microseconds(0)) == "0 ms");
    CHECK(delay_text(microseconds(2'000'000)) == "2 s");
}

TEST_CASE("a line's summary names what happens on it, and nothing else") {
    LinkEmulation line;
    CHECK(summary_of(line) == "");
    line.delay = milliseconds(50);
    CHECK(summary_of(line) == "delay 50 ms");
    line.jitter = milliseconds(5);
    line.loss = 10'000;
    line.reorder = 5'000;
    line.duplicate = 1'000;
    line.rate = 10'000'000;
    CHECK(summary_of(line) == "delay 50 ms +- 5 ms, loss 1 %, reorder 0.5 %, duplicate 0.1 %, rate 10 Mbit/s");
}
