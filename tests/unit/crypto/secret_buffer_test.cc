#include "crypto/secret_buffer.h"

#include <doctest/doctest.h>

#include <string>
#include <type_traits>
#include <vector>

#include "heap_search.h"

namespace warren::crypto {

namespace {

// Not in the heap by itself: a literal is in the program.
Bytes pattern() {
    return as_bytes("c6f1 a pattern that is nowhere else 91e0");
}

static_assert(!std::is_copy_constructible_v<SecretBuffer> && !std::is_copy_assignable_v<SecretBuffer>);
static_assert(std::is_nothrow_move_constructible_v<SecretBuffer> && std::is_nothrow_move_assignable_v<SecretBuffer>);

}  // namespace

TEST_CASE("a secret buffer has the bytes it was made of, and is empty after it was moved from") {
    SecretBuffer from(pattern());
    CHECK(from.size() == pattern().size());
    CHECK(equal_constant_time(from.reveal(), pattern()));
    const SecretBuffer to = std::move(from);
    CHECK(from.empty());  // NOLINT(bugprone-use-after-move): that is the claim
    CHECK(to == to.clone());
    CHECK_FALSE(to == SecretBuffer());
    CHECK_FALSE(to == SecretBuffer(pattern().first(3)));
    SecretBuffer other(pattern());
    other.writable()[5] ^= 1;
    CHECK_FALSE(to == other);
    CHECK(SecretBuffer() == SecretBuffer(std::size_t{0}));
}

TEST_CASE("an ended, an overwritten and a moved secret buffer leave nothing in the heap") {
    const int before = test::times_in_heap(pattern());
    if (before < 0) {
        MESSAGE("skipped: the heap of this build is elsewhere");
        return;
    }
    REQUIRE(before == 0);
    {
        SecretBuffer one(pattern());
        CHECK(test::times_in_heap(pattern()) == 1);
        SecretBuffer other(pattern());
        CHECK(test::times_in_heap(pattern()) == 2);
        one = std::move(other);
        CHECK(test::times_in_heap(pattern()) == 1);
    }
    CHECK(test::times_in_heap(pattern()) == 0);
}

}  // namespace warren::crypto
