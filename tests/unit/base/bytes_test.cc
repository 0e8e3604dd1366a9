#include "base/bytes.h"

#include <doctest/doctest.h>

namespace warren {

namespace {
constexpr std::array<std::uint8_t, 8> kCounting = {1, 2, 3, 4, 5, 6, 7, 8};
}  // namespace

TEST_CASE("integers are read in the order that is asked for") {
    CHECK(load_le<std::uint32_t>(kCounting.data()) == 0x04030201U);
    CHECK(load_be<std::uint32_t>(kCounting.data()) == 0x01020304U);
    CHECK(load_le<std::uint16_t>(kCounting.data() + 1) == 0x0302U);  // without alignment
    CHECK(load_be<std::uint16_t>(kCounting.data() + 1) == 0x0203U);
    CHECK(load_le<std::uint64_t>(kCounting.data()) == 0x0807060504030201U);
    CHECK(load_be<std::uint64_t>(kCounting.data()) == 0x0102030405060708U);
    CHECK(load_be<std::uint8_t>(kCounting.data()) == 1);
}

TEST_CASE("what is stored is what is loaded") {
    std::array<std::uint8_t, 9> memory{};
    store_le<std::uint64_t>(memory.data() + 1, 0x1122334455667788U);
    CHECK(memory == std::array<std::uint8_t, 9>{0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11});
    store_be<std::uint32_t>(memory.data() + 1, 0xa1b2c3d4U);
    CHECK(memory == std::array<std::uint8_t, 9>{0, 0xa1, 0xb2, 0xc3, 0xd4, 0x44, 0x33, 0x22, 0x11});
}

TEST_CASE("text is seen as its bytes") {
    const Bytes bytes = as_bytes("a\xff");
    REQUIRE(bytes.size() == 2);
    CHECK(bytes[0] == 'a');
    CHECK(bytes[1] == 0xff);
}

TEST_CASE("a reader goes forward and knows when it has finished") {
    ByteReader reader(kCounting);
    CHECK(reader.u8() == 1);
    CHECK(reader.be<std::uint16_t>() == 0x0203);
    CHECK(reader.le<std::uint16_t>() == 0x0504);
    CHECK(reader.array<2>() == std::array<std::uint8_t, 2>{6, 7});
    CHECK(reader.ok());
    CHECK_FALSE(reader.finished());
    CHECK(reader.rest().size() == 1);
    CHECK(reader.take(1)[0] == 8);
    CHECK(reader.finished());
}

TEST_CASE("a read past the end is zero, and every later read fails too") {
    ByteReader reader(Bytes(kCounting).first(3));
    CHECK(reader.u8() == 1);
    CHECK(reader.le<std::uint32_t>() == 0);
    CHECK_FALSE(reader.ok());
    CHECK_FALSE(reader.finished());
    // Two bytes were left; they must not be given to whoever asks next.
    CHECK(reader.u8() == 0);
    CHECK(reader.take(0).empty());
    CHECK(reader.rest().empty());
    CHECK(reader.array<2>() == std::array<std::uint8_t, 2>{});
    CHECK_FALSE(reader.ok());
}

TEST_CASE("a reader of nothing has finished, and fails at the first byte") {
    ByteReader reader({});
    CHECK(reader.finished());
    CHECK(reader.take(0).empty());
    CHECK(reader.ok());
    CHECK(reader.u8() == 0);
    CHECK_FALSE(reader.ok());
}

TEST_CASE("a length from the network cannot overflow a reader") {
    ByteReader reader(kCounting);
    CHECK(reader.take(SIZE_MAX).empty());
    CHECK_FALSE(reader.ok());
}

TEST_CASE("a writer fills its space and says how much it used") {
    std::array<std::uint8_t, 10> space{};
    ByteWriter writer(space);
    writer.u8(0xaa);
    writer.be<std::uint16_t>(0x0102);
    writer.le<std::uint32_t>(0x0a0b0c0d);
    writer.bytes(Bytes(kCounting).first(3));
    CHECK(writer.ok());
    CHECK(writer.size() == 10);
    CHECK(space == std::array<std::uint8_t, 10>{0xaa, 1, 2, 0x0d, 0x0c, 0x0b, 0x0a, 1, 2, 3});
    CHECK(writer.written().size() == 10);
    writer.bytes({});
    CHECK(writer.ok());
}

TEST_CASE("a write past the end writes nothing, and nothing follows it") {
    std::array<std::uint8_t, 4> memory = {9, 9, 9, 9};
    ByteWriter writer(MutableBytes(memory).first(3));
    writer.u8(1);
    writer.le<std::uint32_t>(0x02020202);
    CHECK_FALSE(writer.ok());
    writer.u8(3);  // would fit, but the structure has a hole already
    CHECK(writer.size() == 1);
    CHECK(writer.written().size() == 1);
    CHECK(memory == std::array<std::uint8_t, 4>{1, 9, 9, 9});
    CHECK_FALSE(writer.ok());
}

}  // namespace warren
