#include "vpnd/packet/checksum.h"

#include <doctest/doctest.h>

#include "packets.h"

namespace warren::dataplane::test {
namespace {

TEST_CASE("the sum agrees with RFC 1071 for every length and content") {
    std::mt19937 random(1);
    for (std::size_t size = 0; size < 300; ++size) {
        const Packet bytes = random_bytes(random, size);
        CHECK(byte_swap(checksum_finish(checksum_sum(bytes))) == naive_checksum(bytes));
    }
    for (const std::size_t size : {1'499U, 1'500U, 9'001U, 65'535U}) {
        const Packet ones(size, 0xff);
        CHECK(byte_swap(checksum_finish(checksum_sum(ones))) == naive_checksum(ones));
        const Packet bytes = random_bytes(random, size);
        CHECK(byte_swap(checksum_finish(checksum_sum(bytes))) == naive_checksum(bytes));
    }
}

TEST_CASE("summing while copying gives the same sum and an exact copy") {
    std::mt19937 random(2);
    for (std::size_t size = 0; size < 200; ++size) {
        const Packet bytes = random_bytes(random, size);
        Packet copy(size + 1, 0xaa);
        CHECK(checksum_fold(checksum_copy(copy.data(), bytes)) == checksum_fold(checksum_sum(bytes)));
        CHECK(copy.back() == 0xaa);
        copy.pop_back();
        CHECK(copy == bytes);
    }
}

TEST_CASE("sums of pieces of even length add up") {
    std::mt19937 random(3);
    const Packet bytes = random_bytes(random, 1'001);
    for (std::size_t cut = 0; cut <= 1'000; cut += 2) {
        const ChecksumSum sum = checksum_sum(Bytes(bytes).first(cut)) + checksum_sum(Bytes(bytes).subspan(cut));
        CHECK(checksum_fold(sum) == checksum_fold(checksum_sum(bytes)));
    }
}

TEST_CASE("with the pseudo-header of IPv4 or IPv6 a valid transport checksum sums to all ones") {
    const Packet payload{1, 2, 3};
    IpFields v6;
    v6.source = *parse_ip("fd00::1");
    v6.destination = *parse_ip("fd00::2");
    const Packet packet_v4 = udp_packet({}, 1, 2, payload);
    const Packet packet_v6 = udp_packet(v6, 1, 2, payload);
    CHECK(checksum_fold(checksum_pseudo_header(Bytes(packet_v4).subspan(12, 8), 17, 11) +
                        checksum_sum(Bytes(packet_v4).subspan(20))) == 0xffff);
    CHECK(checksum_fold(checksum_pseudo_header(Bytes(packet_v6).subspan(8, 32), 17, 11) +
                        checksum_sum(Bytes(packet_v6).subspan(40))) == 0xffff);
}

}  // namespace
}  // namespace warren::dataplane::test
