// Message formats: classification, transport header, padding.
#include <doctest/doctest.h>

#include <vector>

#include "vpnd/dataplane/framing/wireguard.h"
#include "vpnd/packet/packet_buffer.h"

namespace warren::dataplane::test {
namespace {

TEST_CASE("H1: only the exact type, length and reserved bytes are accepted") {
    int wrong = 0;
    for (std::size_t size = 0; size <= 200; ++size) {
        for (unsigned type = 0; type < 256; ++type) {
            std::vector<std::uint8_t> datagram(size);
            if (size > 0) datagram[0] = static_cast<std::uint8_t>(type);
            MessageKind expected = MessageKind::kMalformed;
            if (type == 4 && size >= 32) expected = MessageKind::kData;
            if ((type == 1 && size == 148) || (type == 2 && size == 92) || (type == 3 && size == 64))
                expected = MessageKind::kControl;
            wrong += WireguardFraming::parse(datagram).kind == expected ? 0 : 1;
            for (std::size_t reserved = 1; reserved < 4 && reserved < size; ++reserved) {
                for (unsigned bit = 0; bit < 8; ++bit) {
                    datagram[reserved] = static_cast<std::uint8_t>(1U << bit);
                    wrong += WireguardFraming::parse(datagram).kind == MessageKind::kMalformed ? 0 : 1;
                    datagram[reserved] = 0;
                }
            }
        }
    }
    CHECK(wrong == 0);
}

TEST_CASE("the transport header is little-endian, as in whitepaper §5.4.6") {
    std::vector<std::uint8_t> message(32);
    WireguardFraming::write_header(message.data(), 0x04030201, 0x0807060504030201);
    const std::vector<std::uint8_t> expected{4, 0, 0, 0, 1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8};
    CHECK(std::equal(expected.begin(), expected.end(), message.begin()));
    const MessageHead head = WireguardFraming::parse(message);
    CHECK(head.kind == MessageKind::kData);
    CHECK(head.session == SessionId{0x04030201});
    CHECK(head.sequence == 0x0807060504030201);
}

TEST_CASE("D1: packets are padded to 16, but not beyond the MTU") {
    struct Row {
        std::size_t size, mtu, padded;
    };
    for (const Row& row : {Row{0, 1420, 0},
                           {1, 1420, 16},
                           {16, 1420, 16},
                           {17, 1420, 32},
                           {1407, 1420, 1408},
                           {1408, 1420, 1408},
                           {1409, 1420, 1420},
                           {1420, 1420, 1420},
                           {20, 1299, 32},
                           {1299, 1299, 1299},
                           {1290, 1299, 1296},
                           {65'400, 65'400, 65'400},
                           {100, 0, 112},
                           // Larger than the MTU: as the part beyond whole MTUs would be.
                           {1421, 1420, 1436},
                           {2840, 1420, 2840},
                           {2839, 1420, 2840},
                           {1500, 1420, 1500},
                           {1501, 1420, 1516}}) {
        CAPTURE(row.size);
        CAPTURE(row.mtu);
        CHECK(WireguardFraming::padded_size(row.size, row.mtu) == row.padded);
    }
}

TEST_CASE("the largest inner packet fits into one datagram") {
    CHECK(WireguardFraming::padded_size(WireguardFraming::kInnerMaximum, 0) + kWireguardFraming.overhead <= 65'507);
    CHECK(WireguardFraming::padded_size(WireguardFraming::kInnerMaximum + 1, 0) + kWireguardFraming.overhead > 65'507);
}

TEST_CASE("a buffer pool gives the last one back first, and no more than it has") {
    BufferPool pool(2);
    PacketBuffer first = pool.take();
    PacketBuffer second = pool.take();
    REQUIRE(first.valid());
    REQUIRE(second.valid());
    CHECK_FALSE(pool.take().valid());
    CHECK(pool.available() == 0);
    CHECK(first.bytes().size() == PacketBuffer::kSize);
    std::uint8_t* const place = second.bytes().data();
    PacketBuffer moved = std::move(second);
    CHECK_FALSE(second.valid());
    CHECK_FALSE(pool.take().valid());
    moved = PacketBuffer();
    CHECK(pool.available() == 1);
    second = pool.take();
    CHECK(second.bytes().data() == place);
    first = std::move(second);
    CHECK(pool.available() == 1);
}

}  // namespace
}  // namespace warren::dataplane::test
