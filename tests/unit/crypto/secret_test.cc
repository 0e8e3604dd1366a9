#include "crypto/secret.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <new>
#include <ostream>
#include <type_traits>

#include "crypto/keys.h"

namespace warren::crypto {

namespace {

std::array<std::uint8_t, 32> pattern() {
    std::array<std::uint8_t, 32> out{};
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(i + 1);
    return out;
}

Secret<32> sample() {
    return Secret<32>(std::span<const std::uint8_t, 32>(pattern()));
}

bool all_zero(Bytes bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t octet) { return octet == 0; });
}

template <typename T>
concept Printable = requires(std::ostream& out, const T& value) {
    out << value;
};

static_assert(!std::is_copy_constructible_v<Secret<32>> && !std::is_copy_assignable_v<Secret<32>>);
static_assert(!std::is_copy_constructible_v<PrivateKey> && !std::is_copy_constructible_v<PresharedKey>);
static_assert(!std::is_copy_constructible_v<AeadKey>);
static_assert(std::is_nothrow_move_constructible_v<Secret<32>> && std::is_nothrow_move_assignable_v<Secret<32>>);
static_assert(!Printable<Secret<32>> && !Printable<PrivateKey>);
static_assert(!std::is_convertible_v<PrivateKey, PresharedKey> && !std::is_convertible_v<Secret<32>, PublicKey>);

}  // namespace

TEST_CASE("wipe zeroes every byte and nothing else") {
    std::array<std::uint8_t, 34> memory;
    memory.fill(0xee);
    wipe(MutableBytes(memory).subspan(1, 32));
    CHECK(memory.front() == 0xee);
    CHECK(memory.back() == 0xee);
    CHECK(all_zero(Bytes(memory).subspan(1, 32)));
}

TEST_CASE("a secret is all zero by default") {
    CHECK(Secret<32>().is_zero());
    CHECK_FALSE(sample().is_zero());
}

TEST_CASE("a moved-from secret is wiped") {
    SUBCASE("by construction") {
        Secret<32> from = sample();
        const Secret<32> to(std::move(from));
        CHECK(from.is_zero());  // NOLINT(bugprone-use-after-move): the claim
        CHECK(to.equals(sample()));
    }
    SUBCASE("by assignment") {
        Secret<32> from = sample();
        Secret<32> to;
        to = std::move(from);
        CHECK(from.is_zero());  // NOLINT(bugprone-use-after-move): the claim
        CHECK(to.equals(sample()));
    }
}

TEST_CASE("a secret assigned to itself is unchanged") {
    Secret<32> secret = sample();
    Secret<32>& same = secret;
    secret = std::move(same);
    CHECK(secret.equals(sample()));
}

TEST_CASE("a secret is wiped when it is destroyed") {
    alignas(Secret<32>) std::array<std::uint8_t, sizeof(Secret<32>)> storage;
    storage.fill(0);
    auto* const secret = new (storage.data()) Secret<32>(sample());
    REQUIRE_FALSE(all_zero(storage));
    secret->~Secret();
    CHECK(all_zero(storage));
}

TEST_CASE("a clone is equal and independent") {
    Secret<32> secret = sample();
    const Secret<32> clone = secret.clone();
    CHECK(clone.equals(secret));
    secret.writable()[31] ^= 1;
    CHECK_FALSE(clone.equals(secret));
    CHECK(clone.equals(sample()));
}

TEST_CASE("constant-time comparison detects every single bit") {
    const auto a = pattern();
    CHECK(equal_constant_time(a, a));
    for (std::size_t bit = 0; bit < 8 * a.size(); ++bit) {
        auto b = a;
        b[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        CHECK_FALSE(equal_constant_time(a, b));
    }
}

TEST_CASE("bytes of different length are never equal") {
    const auto a = pattern();
    CHECK_FALSE(equal_constant_time(a, Bytes(a).first(31)));
    CHECK_FALSE(equal_constant_time(Bytes(a).first(0), a));
    CHECK(equal_constant_time({}, {}));
}

}  // namespace warren::crypto
