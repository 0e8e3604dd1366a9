#include "crypto/random.h"

#include <doctest/doctest.h>

#include <array>
#include <set>

namespace warren::crypto {

TEST_CASE("the system's randomness fills a whole span, and differs each time") {
    SystemRandom random;
    std::set<std::array<std::uint8_t, 16>> seen;
    std::array<int, 16> zeros{};
    for (int i = 0; i < 256; ++i) {
        std::array<std::uint8_t, 16> bytes{};
        random.fill(bytes);
        seen.insert(bytes);
        for (std::size_t at = 0; at < bytes.size(); ++at) zeros[at] += bytes[at] == 0 ? 1 : 0;
    }
    CHECK(seen.size() == 256);
    for (const int count : zeros) CHECK(count < 32);  // 1 is expected of 256; 32 has a chance below 2^-128
}

TEST_CASE("an empty span is allowed") {
    SystemRandom random;
    std::array<std::uint8_t, 3> bytes = {1, 2, 3};
    random.fill(MutableBytes(bytes).subspan(1, 0));
    CHECK(bytes == std::array<std::uint8_t, 3>{1, 2, 3});
}

}  // namespace warren::crypto
