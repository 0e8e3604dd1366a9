#include "base/hex.h"

#include <doctest/doctest.h>

using namespace warren;

TEST_CASE("bytes are digits in lower case, and digits are bytes again") {
    const std::vector<std::uint8_t> bytes{0x00, 0x05, 0xa1, 0xff};
    CHECK(to_hex(bytes) == "0005a1ff");
    CHECK(from_hex("0005a1ff") == bytes);
    CHECK(to_hex({}).empty());
    CHECK(from_hex("")->empty());
}

TEST_CASE("half a byte, capitals and all else are no digits") {
    for (const char* text : {"0", "005", "0A", "0g", " 00", "0x00", "-1"}) CHECK_FALSE(from_hex(text));
}
