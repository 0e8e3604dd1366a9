// Whose turn it is, and that nothing is left lying: a packet loop between ends in memory (loop_rig.h).
#include "vpnd/io/packet_loop.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "loop_rig.h"

namespace warren::io::test {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// So many messages are not done at once, where they lie: they wait for a turn.
constexpr std::size_t kMany = 100;

std::vector<std::uint64_t> first_numbers(std::size_t count) {
    std::vector<std::uint64_t> out(count);
    std::iota(out.begin(), out.end(), 0);
    return out;
}

bool is_ascending(const std::vector<std::uint64_t>& numbers) {
    return std::adjacent_find(numbers.begin(), numbers.end(), std::greater_equal<>()) == numbers.end();
}

TEST_CASE("customers get the same time, whatever their packets cost, and each its packets in order") {
    LoopRig rig;
    for (const std::uint32_t customer : {0U, 1U}) rig.put(customer);
    rig.run();
    rig.set_cost(0, microseconds(20));
    rig.set_cost(1, microseconds(4));
    for (const std::uint32_t customer : {0U, 1U}) {
        for (int i = 0; i < 5; ++i) rig.receive(customer, kMany);
    }
    rig.run();
    const auto& served = rig.served();
    const auto last = std::find_if(served.rbegin(), served.rend(), [](const auto& one) { return one.customer == 1; });
    const auto others = std::count_if(last, served.rend(), [](const auto& one) { return one.customer == 0; });
    const Duration cheap = 5 * kMany * microseconds(4);
    const Duration expensive = microseconds(20) * others;
    CHECK(expensive > cheap * 8 / 10);
    CHECK(expensive < cheap * 12 / 10);
    CHECK(rig.delivered(0) == first_numbers(5 * kMany));
    CHECK(rig.delivered(1) == first_numbers(5 * kMany));
}

TEST_CASE("packets above a customer's rate go later, in order, each way, and the loop sleeps until then") {
    LoopRig rig;
    rig.set_rate(1'000'000);
    rig.put(0);
    rig.run();
    constexpr std::size_t kPackets = 200;
    rig.receive(0, kPackets / 2);
    rig.transmit(0, kPackets / 2);
    rig.run();
    CHECK(rig.delivered(0).size() < kPackets / 4);
    CHECK(rig.sent(0).size() < kPackets / 4);
    const Instant began = rig.now();
    for (int i = 0; i < 1'000 && rig.readiness().timeout() >= Duration::zero(); ++i) {
        rig.advance(rig.readiness().timeout());
        rig.run();
    }
    CHECK(rig.delivered(0) == first_numbers(kPackets / 2));
    CHECK(rig.sent(0) == first_numbers(kPackets / 2));
    CHECK(rig.drops(DropReason::kRateUpExceeded, 0) == 0);
    const Duration wanted = milliseconds(kPackets / 2 * 36 * 8 / 1'000);  // headers and the number, without a burst
    CHECK(rig.now() - began > wanted - milliseconds(6));
}

TEST_CASE("what waits for the rate of a customer that is dropped is gone, and its successor gets nothing of it") {
    LoopRig rig;
    rig.set_rate(64'000);
    rig.put(0);
    rig.run();
    rig.receive(0, 20);
    rig.transmit(0, 20);
    rig.run();
    rig.drop(0);
    rig.round();
    rig.put(0);
    rig.run();
    rig.advance(std::chrono::seconds(5));
    rig.run();
    CHECK(rig.delivered(0).empty());
    CHECK(rig.sent(0).empty());
}

TEST_CASE("full TUNs are emptied by share, in turns that are short") {
    LoopRig rig;
    constexpr std::size_t kPackets = 8'000;
    rig.put(0, 1);
    rig.put(1, 3);
    rig.run();
    for (const std::uint32_t customer : {0U, 1U}) {
        rig.set_cost(customer, microseconds(3));
        rig.transmit(customer, kPackets);
    }
    const std::size_t before = rig.served().size();
    rig.rounds_until([&] { return rig.served(1) > kPackets / 2; });
    const double ratio = static_cast<double>(rig.served(1)) / static_cast<double>(rig.served(0));
    CHECK(ratio > 2.7);
    CHECK(ratio < 3.3);
    // Once the loop has learnt how long packets take: three quanta, and what is begun before their end.
    constexpr std::size_t kLearnt = 1'000;
    std::size_t longest = 0;
    std::size_t run = 1;
    for (std::size_t i = before + kLearnt; i < rig.served().size(); ++i) {
        run = rig.served()[i].customer == rig.served()[i - 1].customer ? run + 1 : 1;
        longest = std::max(longest, run);
    }
    CHECK(longest * microseconds(3) <= 4 * dataplane::Scheduler::kQuantum);
    rig.run();
    for (const std::uint32_t customer : {0U, 1U}) CHECK(rig.sent(customer) == first_numbers(kPackets));
}

TEST_CASE("full TUNs of a reseller's customers are emptied in its turns, whatever their number") {
    LoopRig rig;
    constexpr std::size_t kPackets = 8'000;
    rig.put(0);
    rig.set_groups({{"acme", 1}});
    for (const std::uint32_t customer : {1U, 2U, 3U, 4U}) rig.put(customer);
    rig.run();
    for (const std::uint32_t customer : {0U, 1U, 2U, 3U, 4U}) {
        rig.set_cost(customer, microseconds(3));
        rig.transmit(customer, kPackets);
    }
    rig.rounds_until([&] { return rig.served(0) > kPackets / 2; });
    for (const std::uint32_t customer : {1U, 2U, 3U, 4U}) {
        const double ratio = static_cast<double>(rig.served(0)) / static_cast<double>(rig.served(customer));
        CHECK(ratio > 3.5);
        CHECK(ratio < 4.5);
    }
    // One that is gone leaves the rest of its turns to the others.
    rig.drop(1);
    rig.run();
    for (const std::uint32_t customer : {0U, 2U, 3U, 4U}) CHECK(rig.sent(customer) == first_numbers(kPackets));
}

TEST_CASE("a flood leaves the packets of others alone: none is lost and none waits long, in both directions") {
    LoopRig rig;
    for (const std::uint32_t customer : {0U, 1U}) {
        rig.put(customer);
        rig.set_cost(customer, microseconds(5));
    }
    rig.run();
    std::size_t flooded = 0;
    Duration longest{};
    for (std::size_t i = 0; i < 40; ++i) {
        // More than the backlog holds, before the other's packet and behind it.
        for (int train = 0; train < 10; ++train, flooded += kMany) rig.receive(0, kMany);
        rig.receive(1, 1);
        rig.transmit(1, 1);
        for (int train = 0; train < 10; ++train, flooded += kMany) rig.receive(0, kMany);
        const Instant begin = rig.now();
        rig.rounds_until([&] { return rig.delivered(1).size() > i && rig.sent(1).size() > i; });
        longest = std::max(longest, rig.now() - begin);
    }
    CHECK(rig.delivered(1) == first_numbers(40));
    CHECK(rig.sent(1) == first_numbers(40));
    CHECK(longest < milliseconds(1));
    for (const DropReason reason : {DropReason::kBacklogFull, DropReason::kBuffersExhausted, DropReason::kUplinkFull})
        CHECK(rig.drops(reason, 1) == 0);
    rig.run();
    CHECK(rig.drops(DropReason::kBacklogFull, 0) > 0);
    CHECK(rig.delivered(0).size() + rig.drops(DropReason::kBacklogFull, 0) == flooded);
    CHECK(is_ascending(rig.delivered(0)));
}

TEST_CASE("a customer with packets both ways is served both ways, by turns") {
    LoopRig rig;
    rig.put(0);
    rig.put(1);
    rig.run();
    rig.set_cost(0, microseconds(5));
    rig.set_cost(1, microseconds(5));
    for (int i = 0; i < 5; ++i) rig.receive(0, kMany);
    rig.transmit(0, 5 * kMany);
    rig.transmit(1, 1'000);  // so that it has no time to itself
    rig.rounds_until([&] { return rig.served(0) >= 5 * kMany; });
    const auto out = std::count_if(rig.served().begin(), rig.served().end(),
                                   [](const auto& one) { return one.customer == 0 && one.outbound; });
    CHECK(out > static_cast<std::ptrdiff_t>(2 * kMany));
    CHECK(out < static_cast<std::ptrdiff_t>(3 * kMany));
    rig.run();
    CHECK(rig.delivered(0) == first_numbers(5 * kMany));
    CHECK(rig.sent(0) == first_numbers(5 * kMany));
}

TEST_CASE("packets that arrive while others of the same customer wait are done after these") {
    LoopRig rig;
    rig.put(0);
    rig.run();
    rig.receive(0, kMany);
    rig.receive(0, 1);  // by itself little enough to be done at once
    rig.run();
    CHECK(rig.delivered(0) == first_numbers(kMany + 1));
}

TEST_CASE("the loop does not sleep while something waits, though no descriptor is ready and no deadline near") {
    LoopRig rig;
    rig.put(0);
    rig.set_cost(0, milliseconds(1));  // more than one round is long
    rig.run();
    rig.receive_forged(0, kMany);  // of which there is nothing to report, which would be a deadline
    rig.round();
    REQUIRE(rig.uplink().arriving.empty());
    REQUIRE(rig.served(0) < kMany);
    for (std::size_t i = 0; i < 2 * kMany && rig.served(0) < kMany + 1; ++i) {
        rig.round();
        CHECK_FALSE(rig.readiness().slept());
    }
    CHECK(rig.served(0) == kMany + 1);  // with the first keepalive
    CHECK(rig.drops(DropReason::kAuthenticationFailed, 0) == kMany);
    CHECK(rig.delivered(0).empty());
}

TEST_CASE("a session that was posted before its first message arrived is there when that is looked at") {
    LoopRig rig;
    rig.readiness().set_reversed(true);  // the uplink before the commands
    rig.put(0, 1, false);
    rig.run();
    rig.receive(0, 3);
    rig.install(0);
    rig.round();
    CHECK(rig.delivered(0) == first_numbers(3));
    CHECK(rig.drops(DropReason::kReceiverIndexUnknown) == 0);
}

TEST_CASE("what waits of a customer goes with it, and is not taken for the next customer's with the same index") {
    LoopRig rig;
    rig.put(0);
    rig.run();
    rig.set_cost(0, milliseconds(1));
    for (int i = 0; i < 3; ++i) rig.receive(0, kMany);
    rig.round();
    REQUIRE(rig.delivered(0).size() < kMany);  // most of it waits
    rig.drop(0);
    rig.put(0);
    rig.round();
    const std::size_t before = rig.served().size();
    rig.receive(0, 5);
    rig.run();
    CHECK(rig.served().size() == before + 5);
    CHECK(rig.delivered(0) == first_numbers(5));
    CHECK(rig.drops(DropReason::kReceiverIndexUnknown) == 0);
}

TEST_CASE("a customer does not pay what was owed by one that had the index before it") {
    LoopRig rig;
    for (const std::uint32_t customer : {0U, 1U}) rig.put(customer);
    rig.run();
    rig.set_cost(0, microseconds(100));
    rig.set_cost(1, milliseconds(5));
    for (int i = 0; i < 8; ++i) rig.receive(0, kMany);
    rig.receive(1, kMany);
    rig.rounds_until([&] { return !rig.delivered(1).empty(); });  // a turn that was far too long
    rig.drop(1);
    rig.put(1);
    rig.round();
    rig.receive(1, 1);
    const std::size_t before = rig.served(0);
    rig.rounds_until([&] { return !rig.delivered(1).empty(); });
    CHECK(rig.delivered(1) == first_numbers(1));
    CHECK(rig.served(0) - before < 20);  // of the other, which has plenty
}

TEST_CASE("receiving what a customer is sent is its time too, whether it is wanted or not") {
    constexpr std::uint32_t kOthers = 7;
    LoopRig rig(2);
    for (std::uint32_t customer = 0; customer <= kOthers; ++customer) rig.put(customer);
    rig.run();
    for (std::uint32_t customer = 0; customer <= kOthers; ++customer) rig.set_cost(customer, microseconds(10));
    rig.set_cost_of_look(microseconds(20));
    for (int i = 0; i < 300; ++i) {
        rig.receive(0, 64);  // more than it has time for
        // Those of the others are received by another worker.
        for (std::uint32_t customer = 1; i % 10 == 0 && customer <= kOthers; ++customer)
            rig.receive(customer, kMany, {1, 0});
        rig.round(1);
        rig.round(0);
    }
    std::size_t all = 0;
    for (std::uint32_t customer = 1; customer <= kOthers; ++customer) all += rig.delivered(customer).size();
    const double of_another = static_cast<double>(all) / kOthers;
    const auto its = static_cast<double>(rig.delivered(0).size());
    CHECK(its < 0.75 * of_another);
    CHECK(its > 0.4 * of_another);  // and no more of its turns than half
}

}  // namespace
}  // namespace warren::io::test
