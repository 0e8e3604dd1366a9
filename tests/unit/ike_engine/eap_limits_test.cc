#include "vpnd/ike/eap_limits.h"

#include <doctest/doctest.h>

#include "tests/unit/ike_engine/names.h"
#include "tests/vectors/seeded_random.h"

namespace warren::ike {
namespace {

using namespace testing;

struct Bench {
    test::SeededRandom random{1};
    EapLimits limits{random};
    std::uint32_t next_slot = 0;

    // How many more may begin, of sources that are all different.
    std::size_t fill(CustomerIndex customer, bool is_stranger, std::size_t most = 2 * kMostEap) {
        std::size_t count = 0;
        for (; count < most; ++count) {
            const auto number = next_slot;
            const IpAddress from =
                IpAddress::v4(10, 0, static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number));
            if (!limits.has_room(customer, from, is_stranger)) break;
            limits.add(next_slot++, customer, from, is_stranger);
        }
        return count;
    }
};

TEST_CASE("KA7: conversations are bounded in all, and of a customer") {
    Bench bench;
    CHECK(bench.fill(kAcme, false) == kMostEapOfCustomer);
    CHECK(bench.fill(kBeta, false) == kMostEapOfCustomer);
    CHECK(bench.fill(CustomerIndex{}, false) == kMostEapOfCustomer);
    CHECK(bench.fill(CustomerIndex{7}, false) == kMostEap - 3 * kMostEapOfCustomer);
    CHECK(bench.fill(CustomerIndex{8}, false) == 0);
    bench.limits.remove(0);
    CHECK(bench.fill(CustomerIndex{8}, false) == 1);
}

TEST_CASE("strangers leave room to those who were here") {
    Bench bench;
    std::size_t strangers = 0;
    for (std::uint32_t customer = 0; customer < 8; ++customer) strangers += bench.fill(CustomerIndex{customer}, true);
    CHECK(strangers == kMostEapOfStrangers);
    CHECK(bench.fill(CustomerIndex{9}, false) == kMostEapOfCustomer);
}

TEST_CASE("conversations of one source are bounded, and others begin all the same") {
    Bench bench;
    const IpAddress from = IpAddress::v4(192, 0, 2, 1);
    for (std::uint32_t slot = 0; slot < kMostEapOfPrefix; ++slot) {
        REQUIRE(bench.limits.has_room(kAcme, from, true));
        bench.limits.add(slot, kAcme, from, true);
    }
    CHECK(!bench.limits.has_room(kAcme, from, true));
    CHECK(!bench.limits.has_room(kBeta, from, false));
    CHECK(bench.limits.has_room(kAcme, IpAddress::v4(192, 0, 2, 2), true));
}

TEST_CASE("whose a conversation is may be known later, and counts then") {
    Bench bench;
    const IpAddress from = IpAddress::v4(192, 0, 2, 1);
    bench.next_slot = 1;
    bench.limits.add(0, CustomerIndex{}, from, false);
    CHECK(bench.fill(kAcme, false) == kMostEapOfCustomer);
    CHECK(!bench.limits.move(0, kAcme));
    CHECK(bench.limits.move(0, kBeta));
    CHECK(bench.limits.move(0, kBeta));
    CHECK(bench.fill(kBeta, false) == kMostEapOfCustomer - 1);
    CHECK(bench.fill(CustomerIndex{}, false, 300) == kMostEapOfCustomer);
    CHECK(!bench.limits.move(9999, kBeta));
}

TEST_CASE("what is removed twice is removed once") {
    Bench bench;
    (void)bench.fill(kAcme, true, 2);
    bench.limits.remove(0);
    bench.limits.remove(0);
    CHECK(bench.limits.size() == 1);
}

TEST_CASE("KA8: a source that fails often at a customer is not listened to for a while there, and no other") {
    Bench bench;
    const IpAddress from = IpAddress::v4(192, 0, 2, 1);
    const Instant now = at(0s).instant;
    for (unsigned i = 0; i < kFreeEapFailures; ++i) bench.limits.note_failure(now, kAcme, from);
    CHECK(!bench.limits.is_paused(now, kAcme, from));
    bench.limits.note_failure(now, kAcme, from);
    CHECK(bench.limits.is_paused(now, kAcme, from));
    CHECK(!bench.limits.is_paused(now, kAcme, IpAddress::v4(192, 0, 2, 2)));
    CHECK(!bench.limits.is_paused(now, kBeta, from));
    CHECK(!bench.limits.is_paused(now, CustomerIndex{}, from));
    CHECK(!bench.limits.is_paused(now, from));
    CHECK(!bench.limits.is_paused(now + Mistakes::kPauseLeast, kAcme, from));
}

TEST_CASE("KA8: a source that fails very often, wherever, is listened to nowhere for a while") {
    Bench bench;
    const IpAddress from = IpAddress::v4(192, 0, 2, 1);
    const Instant now = at(0s).instant;
    for (unsigned i = 0; i < kFreeEapFailuresOfPrefix; ++i) bench.limits.note_failure(now, CustomerIndex{i}, from);
    CHECK(!bench.limits.is_paused(now, from));
    bench.limits.note_failure(now, kAcme, from);
    CHECK(bench.limits.is_paused(now, from));
    CHECK(!bench.limits.is_paused(now, IpAddress::v4(192, 0, 2, 2)));
}

TEST_CASE("KA8: a success ends the pause of its source at its customer, and no other") {
    Bench bench;
    const IpAddress from = IpAddress::v4(192, 0, 2, 1);
    const Instant now = at(0s).instant;
    for (const CustomerIndex customer : {kAcme, kBeta}) {
        for (unsigned i = 0; i <= kFreeEapFailures; ++i) bench.limits.note_failure(now, customer, from);
    }
    bench.limits.note_success(kAcme, from);
    CHECK(!bench.limits.is_paused(now, kAcme, from));
    CHECK(bench.limits.is_paused(now, kBeta, from));
    bench.limits.note_failure(now, kAcme, from);
    CHECK(!bench.limits.is_paused(now, kAcme, from));
}

TEST_CASE("the tables of sources that failed are bounded") {
    Bench bench;
    const Instant now = at(0s).instant;
    for (std::uint32_t i = 0; i < kEapFailuresTable; ++i)
        bench.limits.note_failure(now, kAcme,
                                  IpAddress::v4(10, static_cast<std::uint8_t>(i >> 16),
                                                static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)));
    const IpAddress late = IpAddress::v4(192, 0, 2, 1);
    const auto fail_often = [&](Instant when) {
        for (unsigned i = 0; i < 2 * kFreeEapFailuresOfPrefix; ++i) bench.limits.note_failure(when, kAcme, late);
    };
    fail_often(now);
    CHECK(!bench.limits.is_paused(now, kAcme, late));
    CHECK(!bench.limits.is_paused(now, late));
    const Instant later = now + Mistakes::kForgotten;
    fail_often(later);
    CHECK(bench.limits.is_paused(later, kAcme, late));
    CHECK(bench.limits.is_paused(later, late));
}

}  // namespace
}  // namespace warren::ike
