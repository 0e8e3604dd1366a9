// The bounded tables: indexes, seen initiations, limiters, deadlines, timestamps.
#include <algorithm>
#include <map>
#include <set>

#include "tests/unit/wireguard/harness.h"
#include "vpnd/control/deadline_heap.h"
#include "vpnd/control/rate_limiter.h"
#include "vpnd/control/refusals.h"
#include "vpnd/wireguard/initiation_filter.h"

namespace warren::wireguard {
namespace {

using namespace testing;

Instant after(Duration by) {
    return Instant{1'000'000'000'000} + by;
}

IpAddress numbered(std::uint32_t number) {
    std::array<std::uint8_t, 4> octets{};
    store_be(octets.data(), number);
    return IpAddress::from_bytes(octets);
}

// --- index table ---

TEST_CASE("I1: indexes are random in all bits but the worker's, and unique") {
    SeededRandom random(7);
    control::IndexTable table;
    std::set<std::uint32_t> seen;
    for (std::uint32_t i = 0; i < 10'000; ++i) {
        const SessionId index =
            table.allocate({control::IndexKind::kHandshake, ListenerIndex{0}, PeerIndex{i}}, i % 64, random);
        CHECK(index.worker() == i % 64);
        CHECK(seen.insert(index.value).second);
    }
    CHECK(table.size() == 10'000);
    for (unsigned bit = SessionId::kWorkerBits; bit < 32; ++bit) {
        double ones = 0;
        for (const std::uint32_t index : seen) ones += index >> bit & 1;
        CHECK((ones - 5000) * (ones - 5000) / 5000 * 2 < 15.1);
    }
}

TEST_CASE("the directory of data workers has an index while it is in the table") {
    SeededRandom random(7);
    const auto directory = std::make_unique<SessionDirectory>();
    control::IndexTable table;
    table.publish_to(*directory);
    const SessionId index = table.allocate({}, 3, random);
    const SessionId other = table.allocate({}, 3, random);
    CHECK(directory->may_exist(index));
    table.become_keypair(index);
    CHECK(directory->may_exist(index));
    table.release(index);
    CHECK_FALSE(directory->may_exist(index));
    table.release(index);  // an index that is gone
    CHECK_FALSE(directory->may_exist(index));
    CHECK(directory->may_exist(other));
}

TEST_CASE("No index below 256 is allocated, because ESP reserves these SPIs (RFC 4303 §2.1)") {
    // 300 values: the first 100 are below 256 in all but the worker's bits.
    class Small final : public crypto::RandomSource {
      public:
        void fill(MutableBytes out) override {
            std::fill(out.begin(), out.end(), std::uint8_t{0});
            out[calls_ < 100 ? 0 : 1] = static_cast<std::uint8_t>(calls_);
            ++calls_;
        }
        unsigned calls_ = 1;
    } random;
    control::IndexTable table;
    CHECK(table.allocate({}, 5, random).value >= SessionId::kLeast);
    CHECK(random.calls_ == 101);
}

TEST_CASE("I1: an index in use is not allocated again") {
    // Randomness that repeats itself: each value twice.
    class Stutter final : public crypto::RandomSource {
      public:
        void fill(MutableBytes out) override {
            for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(calls_ / 2);
            ++calls_;
        }

      private:
        unsigned calls_ = 0;
    } random;
    control::IndexTable table;
    std::set<std::uint32_t> seen;
    for (int i = 0; i < 20; ++i) CHECK(seen.insert(table.allocate({}, 0, random).value).second);
}

TEST_CASE("I2, I3: an index belongs to a handshake, then to a session, then to nothing") {
    SeededRandom random(7);
    control::IndexTable table;
    const SessionId index = table.allocate({control::IndexKind::kHandshake, ListenerIndex{2}, PeerIndex{3}}, 0, random);
    CHECK(table.find(index)->kind == control::IndexKind::kHandshake);
    CHECK(table.find(index)->listener == ListenerIndex{2});
    CHECK(table.find(index)->peer == PeerIndex{3});
    table.become_keypair(index);
    CHECK(table.find(index)->kind == control::IndexKind::kKeypair);
    table.release(index);
    CHECK_FALSE(table.find(index).has_value());
}

// --- seen initiations ---

TEST_CASE("C13: the filter recognises what it saw, forgets the oldest, and has no false positive") {
    SeededRandom random(8);
    InitiationFilter filter(random);
    std::vector<Mac> macs(20'000);
    for (Mac& mac : macs) {
        random.fill(mac);
        CHECK_FALSE(filter.contains(mac));
        filter.insert(mac);
        CHECK(filter.contains(mac));
    }
    std::size_t remembered = 0;
    for (std::size_t i = macs.size() - 2000; i < macs.size(); ++i) remembered += filter.contains(macs[i]) ? 1U : 0U;
    CHECK(remembered > 1950);
    CHECK_FALSE(filter.contains(macs[0]));
}

// --- limiters ---

TEST_CASE("C3: a limiter allows a burst of 5, then 20 per second") {
    SeededRandom random(9);
    control::RateLimiter<IpAddress> limiter({20, 5}, 100, 1s, random);
    const IpAddress source = numbered(1);
    for (int i = 0; i < 5; ++i) CHECK(limiter.allow(after(0s), source));
    CHECK_FALSE(limiter.allow(after(0s), source));
    CHECK_FALSE(limiter.allow(after(49ms), source));
    CHECK(limiter.allow(after(50ms), source));
    CHECK_FALSE(limiter.allow(after(50ms), source));
    CHECK(limiter.allow(after(50ms), numbered(2)));  // another source
    std::size_t allowed = 0;
    for (int i = 0; i < 10'000; ++i) allowed += limiter.allow(after(1s + i * 1ms), source) ? 1U : 0U;
    CHECK(allowed == 200 + 4);
}

TEST_CASE("C3: an IPv6 /64 is one source, an IPv4 address is one, and a v4-mapped address equals its IPv4 address") {
    CHECK(control::source_prefix_of(*parse_ip("2001:db8:1:2::1")) ==
          control::source_prefix_of(*parse_ip("2001:db8:1:2:ffff::9")));
    CHECK(control::source_prefix_of(*parse_ip("2001:db8:1:2::1")) !=
          control::source_prefix_of(*parse_ip("2001:db8:1:3::1")));
    CHECK(control::source_prefix_of(*parse_ip("192.0.2.1")) != control::source_prefix_of(*parse_ip("192.0.2.2")));
    CHECK(control::source_prefix_of(*parse_ip("::ffff:192.0.2.1")) == *parse_ip("192.0.2.1"));
}

TEST_CASE("C12: a full limiter refuses new sources, and has room again when old ones are silent") {
    SeededRandom random(9);
    control::RateLimiter<IpAddress> limiter({20, 5}, 1000, 1s, random);
    for (std::uint32_t i = 0; i < 1000; ++i) CHECK(limiter.allow(after(0s), numbered(i)));
    for (std::uint32_t i = 1000; i < 3000; ++i) CHECK_FALSE(limiter.allow(after(500ms), numbered(i)));
    CHECK(limiter.size() == 1000);
    CHECK(limiter.allow(after(500ms), numbered(1)));  // a listed one
    CHECK(limiter.allow(after(1100ms), numbered(2000)));
    CHECK(limiter.size() == 2);  // the one that asked at 500 ms, and the new one
    CHECK(limiter.allow(after(1700ms), numbered(0)));
}

TEST_CASE("C11: a source stays known for ten minutes, with its own budget") {
    SeededRandom random(9);
    control::KnownSources known({kKnownSourceRate, kKnownSourceBurst}, kKnownSourceLimit, kKnownSourceLife, random);
    CHECK_FALSE(known.allow(after(0s), numbered(1)));
    known.remember(after(0s), numbered(1));
    for (int i = 0; i < 5; ++i) CHECK(known.allow(after(1s), numbered(1)));
    CHECK_FALSE(known.allow(after(1s), numbered(1)));
    CHECK(known.allow(after(599s), numbered(1)));
    CHECK_FALSE(known.allow(after(600s), numbered(1)));
    known.remember(after(1200s), numbered(2));
    CHECK(known.size() == 1);
}

TEST_CASE("C11: the table of known sources has a bound, and those in it stay") {
    SeededRandom random(9);
    control::KnownSources known({kKnownSourceRate, kKnownSourceBurst}, 3, kKnownSourceLife, random);
    for (std::uint32_t i = 0; i < 5; ++i) known.remember(after(0s), numbered(i));
    CHECK(known.size() == 3);
    CHECK(known.allow(after(1s), numbered(2)));
    CHECK_FALSE(known.allow(after(1s), numbered(3)));
    known.remember(after(2s), numbered(1));  // it is there already
    CHECK(known.size() == 3);
}

TEST_CASE("T8: reserved tokens are granted one after the other") {
    TokenBucket bucket;
    const TokenRate rate{10, 3};
    for (int i = 0; i < 3; ++i) CHECK(bucket.reserve(after(0s), rate) == after(0s));
    CHECK(bucket.reserve(after(0s), rate) == after(100ms));
    CHECK(bucket.reserve(after(0s), rate) == after(200ms));
    CHECK(bucket.reserve(after(10s), rate) == after(10s));
}

// --- deadlines ---

TEST_CASE("T8: the heap of deadlines agrees with a sorted map") {
    SeededRandom random(10);
    control::DeadlineHeap heap;
    std::map<std::uint32_t, Instant> oracle;
    const auto oracle_next = [&] {
        Instant next = kNever;
        for (const auto& [timer, deadline] : oracle) next = std::min(next, deadline);
        return next;
    };
    Instant now{0};
    for (int step = 0; step < 20'000; ++step) {
        const auto timer = static_cast<std::uint32_t>(random.below(64));
        switch (random.below(8)) {
            case 0:
                heap.set(timer, kNever);
                oracle.erase(timer);
                break;
            case 1: {
                now = now + Duration(static_cast<std::int64_t>(random.below(200)));
                std::vector<std::uint32_t> due;
                heap.take_due(now, SIZE_MAX, due);
                Instant last = kLongAgo;
                for (const std::uint32_t each : due) {
                    REQUIRE(oracle.contains(each));
                    CHECK(oracle[each] <= now);
                    CHECK(oracle[each] >= last);
                    last = oracle[each];
                    oracle.erase(each);
                }
                CHECK(oracle_next() > now);
                break;
            }
            default: {
                const Instant deadline = now + Duration(static_cast<std::int64_t>(random.below(1000)));
                heap.set(timer, deadline);
                oracle[timer] = deadline;
            }
        }
        REQUIRE(heap.next() == oracle_next());
        REQUIRE(heap.size() == oracle.size());
        CHECK(heap.deadline_of(timer) == (oracle.contains(timer) ? oracle[timer] : kNever));
    }
}

// --- timestamps ---

TEST_CASE("H9: timestamps count from 1970 in TAI64N, in steps of 2^24 ns") {
    CHECK(tai64n_whitened({0}).bytes == test::array_from_hex<12>("400000000000000a00000000"));
    CHECK(tai64n_whitened({1'600'000'000'999'999'999}).bytes == test::array_from_hex<12>("400000005f5e100a3b000000"));
    CHECK(tai64n_whitened({-1}).bytes == test::array_from_hex<12>("40000000000000093b000000"));
    CHECK(tai64n_whitened({16'777'215}) == tai64n_whitened({0}));
    CHECK(tai64n_whitened({16'777'216}) > tai64n_whitened({0}));
}

TEST_CASE("H9: each timestamp is later than the one before, across seconds and after the clock went back") {
    Tai64n latest = tai64n_whitened({5'000'000'000});
    for (int i = 0; i < 200; ++i) {
        const Tai64n next = tai64n_after(latest, {0});
        CHECK(next > latest);
        CHECK((load_be<std::uint32_t>(next.bytes.data() + 8) & 0xffffffU) == 0);
        CHECK(load_be<std::uint32_t>(next.bytes.data() + 8) < 1'000'000'000);
        latest = next;
    }
    CHECK(load_be<std::uint64_t>(latest.bytes.data()) == 0x400000000000000aU + 8);
    CHECK(tai64n_after(latest, {100'000'000'000}) == tai64n_whitened({100'000'000'000}));
}

TEST_CASE("H9: at the end of all time no timestamp starts again from the beginning") {
    const auto of = [](std::uint64_t seconds, std::uint32_t nanoseconds) {
        Tai64n out;
        store_be(out.bytes.data(), seconds);
        store_be(out.bytes.data() + 8, nanoseconds);
        return out;
    };
    for (const std::uint32_t nanoseconds : {999'999'999U, 0xff000000U, 0xffffffffU}) {
        CHECK(tai64n_after(of(7ULL << 60, nanoseconds), {0}) == of((7ULL << 60) + 1, 0));
        CHECK(tai64n_after(of(UINT64_MAX, nanoseconds), {0}) == of(UINT64_MAX, nanoseconds));
    }
    CHECK(tai64n_after(of(UINT64_MAX, 0), {0}) > of(UINT64_MAX, 0));
    CHECK(later_by(of(UINT64_MAX - 3, 5), std::chrono::seconds(10)) == of(UINT64_MAX, 5));
    CHECK(later_by(of(20, 5), std::chrono::seconds(10)) == of(30, 5));
}

TEST_CASE("of those who are refused a bounded number is remembered, and a flood pushes out nobody of another reason") {
    control::Refusals refusals;
    const auto from = [](std::uint32_t number) {
        return Endpoint{
            IpAddress::v4(192, 0, static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)), 1, 0};
    };
    const auto at = [](std::int64_t time) { return Now{Instant{time}, WallTime{time}}; };
    refusals.note(at(1), DropReason::kUnknownPeer, from(0), "key");
    for (std::uint32_t i = 0; i < 1'000; ++i) refusals.note(at(2 + i), DropReason::kBadMac1, from(i));
    const auto all = refusals.all();
    CHECK(all.size() == control::Refusals::kOfReason + 1);
    CHECK(std::count_if(all.begin(), all.end(), [](const auto& one) { return one.who == "key"; }) == 1);
    for (const auto& one : all) CHECK((one.who == "key" || one.last.nanoseconds > 1'001 - 8));  // the latest
    refusals.note(at(5'000), DropReason::kBadMac1, from(999));
    const auto again = refusals.all();
    CHECK(std::count_if(again.begin(), again.end(),
                        [&](const auto& one) { return one.from == from(999) && one.messages == 2; }) == 1);
}

TEST_CASE("who names nobody pushes out none of those that claim to be peers, from the table and from the log") {
    control::Refusals refusals;
    const auto from = [](std::uint8_t number) { return Endpoint{IpAddress::v4(192, 0, 2, number), 1, 0}; };
    const auto at = [](std::int64_t time) { return Now{Instant{time}, WallTime{time}}; };
    refusals.note(at(1), DropReason::kBadInitiation, from(200), "key", PeerIndex{3});
    for (std::uint8_t i = 0; i < 100; ++i) refusals.note(at(2 + i), DropReason::kBadInitiation, from(i));
    const auto is_claim = [](const control::Refusal& one) { return one.peer == PeerIndex{3}; };
    const auto all = refusals.all();
    CHECK(all.size() == control::Refusals::kOfReason + 1);
    CHECK(std::count_if(all.begin(), all.end(), is_claim) == 1);

    CHECK(refusals.tell(Instant{1'000'000'000}, 100).size() == all.size());
    for (std::uint8_t i = 100; i < 199; ++i) refusals.note(at(200 + i), DropReason::kBadInitiation, from(i));
    refusals.note(at(400), DropReason::kBadInitiation, from(201), "another key", PeerIndex{3});
    const auto told = refusals.tell(Instant{1'000'000'001}, 100);
    REQUIRE(told.size() == 1);
    CHECK(told[0].refusal.from == from(201));
    CHECK(told[0].suppressed == 0);
}

TEST_CASE("a log is told of each refused sender once an hour, and of a flood as many as a person reads") {
    using control::Refusals;
    Refusals refusals;
    const auto from = [](std::uint32_t number) {
        return Endpoint{
            IpAddress::v4(192, 0, static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)), 1, 0};
    };
    Instant now{1'000'000'000};
    std::int64_t wall = 0;
    const auto refuse = [&](DropReason reason, std::uint32_t sender, PeerIndex peer = {}) {
        refusals.note({now, {++wall}}, reason, from(sender), {}, peer);
    };
    CHECK_FALSE(refusals.has_news());
    CHECK(refusals.tell(now, 10).empty());

    refuse(DropReason::kUnknownPeer, 1);
    refuse(DropReason::kUnknownPeer, 1);
    CHECK(refusals.has_news());
    auto told = refusals.tell(now, 10);
    REQUIRE(told.size() == 1);
    CHECK(told[0].refusal.from == from(1));
    CHECK(told[0].refusal.messages == 2);
    CHECK(told[0].suppressed == 0);
    CHECK_FALSE(refusals.has_news());

    SUBCASE("the same sender is no news before its time") {
        now = now + Refusals::kToldAgain - std::chrono::nanoseconds(1);
        refuse(DropReason::kUnknownPeer, 1);
        CHECK(refusals.tell(now, 10).empty());
        now = now + std::chrono::nanoseconds(1);
        refuse(DropReason::kUnknownPeer, 1);
        told = refusals.tell(now, 10);
        REQUIRE(told.size() == 1);
        CHECK(told[0].refusal.messages == 4);
    }
    SUBCASE("without a message there is none") {
        CHECK(refusals.tell(now + Refusals::kToldAgain, 10).empty());
    }
    SUBCASE("a flood of one reason is bounded, says how many it left out, and hides no other reason") {
        std::size_t lines = 0;
        for (std::uint32_t i = 0; i < 1'000; ++i) {
            refuse(DropReason::kBadMac1, i);
            now = now + std::chrono::milliseconds(1);
            lines += refusals.tell(now, 10).size();
        }
        CHECK(lines == Refusals::kToldOfReason);
        refuse(DropReason::kUnknownPeer, 2);
        told = refusals.tell(now, 10);
        REQUIRE(told.size() == 1);
        CHECK(told[0].refusal.from == from(2));
        CHECK(told[0].suppressed == 0);

        now = now + Refusals::kToldPeriod;
        refuse(DropReason::kBadMac1, 5'000);
        told = refusals.tell(now, 10);
        REQUIRE(told.size() == 1);
        CHECK(told[0].refusal.from == from(5'000));
        CHECK(told[0].suppressed == 1'000 - Refusals::kToldOfReason);
    }
    SUBCASE("those that were pushed out untold are counted") {
        for (std::uint32_t i = 0; i < 100; ++i) refuse(DropReason::kBadMac1, i);
        told = refusals.tell(now, 100);
        REQUIRE(told.size() == Refusals::kOfReason);
        CHECK(told[0].suppressed == 100 - Refusals::kOfReason);
        CHECK(told[1].suppressed == 0);
    }
    SUBCASE("what one call leaves, the next one tells") {
        for (std::uint32_t i = 0; i < 3; ++i) refuse(DropReason::kBadMac1, i);
        CHECK(refusals.tell(now, 2).size() == 2);
        CHECK(refusals.has_news());
        CHECK(refusals.tell(now, 2).size() == 1);
        CHECK_FALSE(refusals.has_news());
    }
    SUBCASE("a peer that is gone is not named") {
        refuse(DropReason::kBadInitiation, 7, PeerIndex{3});
        refuse(DropReason::kBadInitiation, 8, PeerIndex{4});
        refusals.forget(PeerIndex{3});
        for (const control::Refusal& one : refusals.all()) {
            if (one.from == from(7)) CHECK_FALSE(one.peer.valid());
            if (one.from == from(8)) CHECK(one.peer == PeerIndex{4});
        }
        const std::size_t count = refusals.all().size();
        refuse(DropReason::kBadInitiation, 7);  // the same sender, not a second one
        CHECK(refusals.all().size() == count);
    }
}

}  // namespace
}  // namespace warren::wireguard
