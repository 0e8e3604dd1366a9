#include "base/printable.h"

#include <doctest/doctest.h>

#include <string>

using warren::printable;

TEST_CASE("text stays as it is") {
    for (const char* text : {"", "acme GmbH", "Zürich", "日本", "😀", "\xc2\xa0", "a\"b\\c"})
        CHECK(printable(text) == text);
}

TEST_CASE("what steers a terminal does not pass") {
    CHECK(printable("a\033[31mb") == "a?[31mb");
    CHECK(printable("a\r\nb\tc\x7f") == "a??b?c?");
    CHECK(printable("a\xc2\x9b"
                    "31m") == "a?31m");  // CSI as a C1 character
    CHECK(printable(std::string("a\0b", 3)) == "a?b");
    CHECK(printable("a\tb\nc", "\t\n") == "a\tb\nc");
}

TEST_CASE("bytes that are no UTF-8 do not pass") {
    CHECK(printable("\xff\xfe") == "??");
    CHECK(printable("\x9b"
                    "31m") == "?31m");
    CHECK(printable("\xc3") == "?");
    CHECK(printable("\xe2\x82") == "??");
    CHECK(printable("\xc0\xaf") == "??");
    CHECK(printable("\xe2(\xa1") == "?(?");
}
