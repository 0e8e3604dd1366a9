// Packets that arrive at another worker than their owner: two packet loops between ends in memory (loop_rig.h).
#include <doctest/doctest.h>

#include <numeric>

#include "loop_rig.h"

namespace warren::io::test {
namespace {

// Packets of customer 0 that arrive at worker 0 and belong to worker 1.
constexpr LoopRig::Path kDetour{0, 1};

std::vector<std::uint64_t> first_numbers(std::size_t count) {
    std::vector<std::uint64_t> out(count);
    std::iota(out.begin(), out.end(), 0);
    return out;
}

TEST_CASE("datagrams of another worker's session reach its stack through that worker, in order, and are counted") {
    for (const FarEnd* const far_end : far_ends()) {
        CAPTURE(far_end->framing().name);
        LoopRig rig(2, *far_end);
        rig.put(0);
        rig.run();
        for (const std::size_t count : {1U, 40U, 100U, 2U}) rig.receive(0, count, kDetour);
        rig.receive(0, 7, {1, 1});  // its own, after those
        rig.round(0);
        CHECK(rig.delivered(0, 1).empty());  // the owner has not run
        CHECK(rig.transfers(0).given == 143);
        rig.round(1);
        rig.run();
        CHECK(rig.delivered(0, 0).empty());
        CHECK(rig.delivered(0, 1).size() == 150);
        CHECK(rig.transfers(1).taken == 143);
        CHECK(rig.transfers(1).given == 0);
        CHECK(rig.transfers(0).refused == 0);
        CHECK(rig.drops(DropReason::kReceiverIndexUnknown, {}, 0) == 0);
    }
}

TEST_CASE("datagrams for both workers in one train: each worker gets its own, in order") {
    LoopRig rig(2);
    rig.put(0);
    rig.run();
    for (int i = 0; i < 20; ++i) {
        rig.receive(0, 3, {0, 0});
        rig.receive(0, 2, kDetour);
        // Behind one address: the kernel makes one train of both.
        MemoryUplink& uplink = rig.uplink(0);
        const auto second = std::move(uplink.arriving.back().bytes);
        uplink.arriving.pop_back();
        auto& first = uplink.arriving.back().bytes;
        first.insert(first.end(), second.begin(), second.end());
    }
    rig.run();
    CHECK(rig.delivered(0, 0) == first_numbers(60));
    CHECK(rig.delivered(0, 1) == first_numbers(40));
    CHECK(rig.transfers(0).given == 40);
}

TEST_CASE("what a stack sends to another worker's peer leaves through that worker, in order") {
    for (const FarEnd* const far_end : far_ends()) {
        CAPTURE(far_end->framing().name);
        LoopRig rig(2, *far_end);
        rig.put(0);
        rig.run();
        rig.transmit(0, 300, kDetour);
        rig.transmit(0, 50, {0, 0});
        rig.run();
        CHECK(rig.sent(0, 1) == first_numbers(300));
        CHECK(rig.sent(0, 0) == first_numbers(50));
        CHECK(rig.transfers(0).given == 300);
        CHECK(rig.transfers(1).taken == 300);
        CHECK(rig.drops(DropReason::kHandoverRefused, {}, 1) == 0);
    }
}

TEST_CASE("a full ring drops and counts, for the customer if it is known, and what fitted arrives in order") {
    LoopRig rig(2);
    rig.put(0);
    rig.run();
    SUBCASE("datagrams") {
        constexpr std::size_t kTrains = 200;
        for (std::size_t i = 0; i < kTrains; ++i) rig.receive(0, 64, kDetour);
        while (!rig.uplink(0).arriving.empty()) rig.round(0);
        const std::uint64_t dropped = rig.drops(DropReason::kHandoverFull, {}, 0);
        CHECK(dropped > 0);
        CHECK(dropped == rig.transfers(0).refused);
        rig.run();
        CHECK(rig.delivered(0, 1) == first_numbers(kTrains * 64 - dropped));
    }
    SUBCASE("reads of a TUN") {
        constexpr std::size_t kReads = 600;
        rig.transmit(0, kReads, kDetour, 1'380);
        while (!rig.tun(0, 0).from_stack.empty()) rig.round(0);
        const std::uint64_t dropped = rig.drops(DropReason::kHandoverFull, 0, 0);
        CHECK(dropped > 0);
        CHECK(dropped == rig.transfers(0).refused);
        rig.run();
        CHECK(rig.sent(0, 1) == first_numbers(kReads - dropped));
    }
    rig.receive(0, 1, kDetour);
    const std::size_t before = rig.delivered(0, 1).size();
    rig.run();
    CHECK(rig.delivered(0, 1).size() == before + 1);  // there is room again
}

TEST_CASE("a session that no worker has is refused where its datagrams arrive, and nothing is transferred") {
    LoopRig rig(2);
    rig.put(0);
    rig.run();
    rig.receive(0, 3, kDetour);
    for (std::size_t i = 4; i < 8; ++i) rig.uplink(0).arriving.back().bytes[i] = static_cast<std::uint8_t>(i * 17);
    rig.uplink(0).arriving.back().bytes[4] = 1;  // the other worker's, if it were there
    rig.run();
    CHECK(rig.transfers(0).given == 2);
    CHECK(rig.drops(DropReason::kReceiverIndexUnknown, {}, 0) == 1);
    CHECK(rig.drops(DropReason::kReceiverIndexUnknown, {}, 1) == 0);
    CHECK(rig.delivered(0, 1) == std::vector<std::uint64_t>{1, 2});
}

TEST_CASE("a read of a TUN for a customer that its owner serves no more, or has replaced, is refused and counted") {
    LoopRig rig(2);
    rig.put(0);
    rig.run();
    rig.transmit(0, 3, kDetour);
    rig.round(0);  // transferred while the customer is there
    rig.drop(0);
    SUBCASE("gone") {}
    SUBCASE("another one has its index") {
        rig.put(0);
    }
    rig.round(1);
    rig.run();
    CHECK(rig.drops(DropReason::kHandoverRefused, {}, 1) == 3);
    CHECK(rig.sent(0, 1).empty());
}

TEST_CASE("what is transferred beyond one round's measure is taken in the next, without another bell") {
    LoopRig rig(2);
    rig.put(0);
    rig.run();
    constexpr std::size_t kTransfers = 150;
    for (std::size_t i = 0; i < kTransfers; ++i) rig.receive(0, 1, kDetour);
    rig.round(0);
    REQUIRE(rig.uplink(0).arriving.empty());
    for (int i = 0; i < 10; ++i) rig.round(1);
    CHECK(rig.delivered(0, 1) == first_numbers(kTransfers));
}

TEST_CASE("a session that was posted before its first message was transferred is there when that is looked at") {
    LoopRig rig(2);
    rig.put(0, 1, false);
    rig.run();
    rig.readiness(1).set_reversed(true);  // the bell of transfers before that of commands
    rig.receive(0, 3, kDetour);
    rig.round(0);
    rig.install(0);
    rig.round(1);
    CHECK(rig.delivered(0, 1) == first_numbers(3));
    CHECK(rig.drops(DropReason::kReceiverIndexUnknown, {}, 1) == 0);
}

}  // namespace
}  // namespace warren::io::test
