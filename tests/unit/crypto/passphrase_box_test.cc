// Only the passphrase opens a box, and nothing of it can be changed, cut or added.
#include "crypto/passphrase_box.h"

#include <doctest/doctest.h>

#include <string>

using namespace warren;
using namespace warren::crypto;

namespace {

constexpr PassphraseCost kCheap{1, 1};

std::vector<std::uint8_t> sealed(const std::string& text) {
    SystemRandom random;
    auto out = seal_with_passphrase(as_bytes(text), "correct horse", random, kCheap);
    REQUIRE(out);
    return *out;
}

std::string opened(const std::vector<std::uint8_t>& box) {
    const auto out = open_with_passphrase(box, "correct horse");
    REQUIRE_MESSAGE(out, (out ? "" : out.error().what));
    const Bytes bytes = out->reveal();
    return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("what was sealed is opened, of any size") {
    for (const std::size_t size : {0U, 1U, 65'535U, 65'536U, 65'537U, 200'000U}) {
        const std::string text(size, 'x');
        CHECK(opened(sealed(text)) == text);
    }
    CHECK(sealed("a") != sealed("a"));
}

TEST_CASE("another passphrase opens nothing") {
    const auto box = sealed("secret");
    CHECK(open_with_passphrase(box, "correct hors").error().code == ErrorCode::kPermission);
    CHECK(open_with_passphrase(box, "").error().code == ErrorCode::kPermission);
}

TEST_CASE("a box that was changed anywhere is refused") {
    const auto box = sealed("secret");
    for (std::size_t i = 0; i < box.size(); ++i) {
        if (i >= 8 && i < 16) continue;  // the cost: below, as another one takes long
        auto other = box;
        other[i] = static_cast<std::uint8_t>(other[i] ^ 1U);
        CHECK_FALSE(open_with_passphrase(other, "correct horse"));
    }
    auto dear = box;
    dear[15] = 0xff;
    CHECK(open_with_passphrase(dear, "correct horse").error().code == ErrorCode::kInvalid);
    auto other = box;
    other[8] = 2;  // passes
    CHECK_FALSE(open_with_passphrase(other, "correct horse"));
}

TEST_CASE("a box that was cut, also between two chunks, or grew is refused") {
    const auto box = sealed(std::string(70'000, 'x'));
    for (const std::size_t size : {std::size_t{0}, std::size_t{10}, std::size_t{56}, std::size_t{60}, box.size() / 2,
                                   std::size_t{56 + 65'536 + 17}, box.size() - 1})
        CHECK_FALSE(open_with_passphrase(Bytes(box).first(size), "correct horse"));
    auto longer = box;
    longer.push_back(0);
    CHECK_FALSE(open_with_passphrase(longer, "correct horse"));
}
