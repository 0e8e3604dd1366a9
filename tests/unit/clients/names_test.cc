#include "clients/names.h"

#include <doctest/doctest.h>

using warren::clients::description_from;
using warren::clients::peer_name_from;

TEST_CASE("any text becomes a valid name that says the same") {
    std::set<std::string> used;
    CHECK(peer_name_from("branch-graz", used) == "branch-graz");
    CHECK(peer_name_from("Büro Süd", used) == "Buero-Sued");
    CHECK(peer_name_from("Café / José", used) == "Cafe-Jose");
    CHECK(peer_name_from("📱 Anna's phone 📱", used) == "Anna-s-phone");
    CHECK(peer_name_from("..._x@example.net", used) == "x@example.net");
    CHECK(peer_name_from("", used) == "peer");
    CHECK(peer_name_from("🧀", used) == "peer-2");
    CHECK(peer_name_from("\xff\xfe\xc3", used) == "peer-3");
}

TEST_CASE("no name is given twice, and none is too long") {
    std::set<std::string> used;
    const std::string longest(100, 'a');
    CHECK(peer_name_from(longest, used) == std::string(63, 'a'));
    CHECK(peer_name_from(longest, used) == std::string(61, 'a') + "-2");
    CHECK(peer_name_from("x", used) == "x");
    CHECK(peer_name_from("x", used) == "x-2");
    CHECK(peer_name_from("x-2", used) == "x-2-2");
}

TEST_CASE("a description keeps the text, without what would break a line or a terminal") {
    CHECK(description_from("Büro Süd 🧀") == "Büro Süd 🧀");
    CHECK(description_from("a\r\n\x1b[31mb ") == "a [31mb");
    CHECK(description_from("a\xc2\x9b"
                           "31mb\xc2\xa0") == "a 31mb\xc2\xa0");
    std::string cheese;
    for (int i = 0; i < 200; ++i) cheese += "🧀";
    CHECK(description_from(cheese).size() == 128 * 4);
    CHECK(description_from("\xf0\x9f") == "");
}
