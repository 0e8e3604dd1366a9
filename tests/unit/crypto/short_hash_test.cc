#include "crypto/short_hash.h"

#include <doctest/doctest.h>

#include <numeric>
#include <string>
#include <vector>

#include "tests/vectors/hex.h"

namespace warren::crypto {
namespace {

ShortHashKey counting_key() {
    ShortHashKey key;
    std::iota(key.begin(), key.end(), std::uint8_t{0});
    return key;
}

TEST_CASE("short hashes are those of SipHash's paper and its reference") {
    std::vector<std::uint8_t> text(15);
    std::iota(text.begin(), text.end(), std::uint8_t{0});
    CHECK(short_hash(counting_key(), text) == 0xa129ca6149be45e5ULL);
    CHECK(test::to_hex(short_hash_128(counting_key(), {})) == "a3817f04ba25a8e66df67214c7550293");
}

TEST_CASE("a short hash depends on each bit of its key") {
    const std::vector<std::uint8_t> text(20, 7);
    const std::uint64_t hash = short_hash(counting_key(), text);
    for (std::size_t bit = 0; bit < 128; ++bit) {
        ShortHashKey other = counting_key();
        other[bit / 8] = static_cast<std::uint8_t>(other[bit / 8] ^ (1U << (bit % 8)));
        CHECK(short_hash(other, text) != hash);
        CHECK(short_hash_128(other, text) != short_hash_128(counting_key(), text));
    }
}

}  // namespace
}  // namespace warren::crypto
