#include "config/rate.h"

#include <doctest/doctest.h>

#include <string>

using namespace warren::config;

TEST_CASE("rates are read with every unit, with and without a space, with decimals") {
    CHECK(parse_rate("100 Mbit/s") == 100'000'000);
    CHECK(parse_rate("100Mbit/s") == 100'000'000);
    CHECK(parse_rate("1.5 Gbit/s") == 1'500'000'000);
    CHECK(parse_rate("0.064 Mbit/s") == 64'000);
    CHECK(parse_rate("64 kbit/s") == 64'000);
    CHECK(parse_rate("64000 bit/s") == 64'000);
    CHECK(parse_rate("1000 Gbit/s") == kMaxRate);
    CHECK(parse_rate("1000000000000 bit/s") == kMaxRate);
}

TEST_CASE("what is no rate, or out of range, is none") {
    for (const char* text : {"",
                             "100",
                             "100 Mbit",
                             "Mbit/s",
                             " Mbit/s",
                             "100  Mbit/s",
                             " 100 Mbit/s",
                             "100 mbit/s",
                             "100 MB/s",
                             "-1 Mbit/s",
                             "1e3 Mbit/s",
                             "1. Mbit/s",
                             ".5 Mbit/s",
                             "1.2345 Mbit/s",
                             "1.2.3 Mbit/s",
                             "1,5 Mbit/s",
                             "63999 bit/s",
                             "0 Mbit/s",
                             "1000.001 Gbit/s",
                             "1000000000001 bit/s",
                             "18446744073709551616 bit/s",
                             "9999999999999 Gbit/s"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_rate(text).has_value());
    }
}

TEST_CASE("a rate is written as it can be read, in the largest unit that fits") {
    CHECK(rate_text(100'000'000) == "100 Mbit/s");
    CHECK(rate_text(1'500'000'000) == "1.5 Gbit/s");
    CHECK(rate_text(1'000'001'000) == "1000.001 Mbit/s");
    CHECK(rate_text(64'001) == "64.001 kbit/s");
    for (const std::uint64_t rate : {kMinRate, kMaxRate, std::uint64_t{123'456'789}, std::uint64_t{1'234'567'890'1},
                                     std::uint64_t{999'999'999'999}}) {
        CHECK(parse_rate(rate_text(rate)) == rate);
    }
}
