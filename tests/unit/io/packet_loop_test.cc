// Whose turn it is, and that nothing is left lying: a packet loop at a time of its own (loop_rig.h).
#include "vpnd/io/packet_loop.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "loop_rig.h"

namespace warren::io::test {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// So many messages are not done at once, where they lie: they wait for a turn.
constexpr std::size_t kMany = 100;

std::size_t opened_of(const LoopRig& rig, std::uint32_t customer) {
    return static_cast<std::size_t>(
        std::count_if(rig.opened().begin(), rig.opened().end(),
                      [&](const LoopRig::Opened& message) { return message.customer == customer; }));
}

bool is_in_order(const LoopRig& rig, std::uint32_t customer) {
    std::uint64_t next = 0;
    for (const LoopRig::Opened& message : rig.opened()) {
        if (message.customer == customer && message.counter != next++) return false;
    }
    return true;
}

TEST_CASE("customers get the same time, whatever their packets cost, and each his packets in order") {
    LoopRig rig;
    for (const std::uint32_t customer : {0U, 1U}) rig.put(customer);
    rig.set_cost(0, microseconds(20));
    rig.set_cost(1, microseconds(4));
    for (const std::uint32_t customer : {0U, 1U}) {
        for (int i = 0; i < 5; ++i) rig.transfer(customer, kMany);
    }
    rig.rounds_until([&] { return rig.opened().size() == 10 * kMany; });
    REQUIRE(rig.opened().size() == 10 * kMany);
    const auto& opened = rig.opened();
    const auto last = std::find_if(opened.begin(), opened.end(),
                                   [](const auto& message) { return message.counter == 5 * kMany - 1; });
    CHECK(last->customer == 1);
    const auto of_dear = std::count_if(opened.begin(), last, [](const auto& message) { return message.customer == 0; });
    const Duration dear = microseconds(20) * of_dear;
    CHECK(dear > 5 * kMany * microseconds(4) * 8 / 10);
    CHECK(dear < 5 * kMany * microseconds(4) * 12 / 10);
    CHECK(is_in_order(rig, 0));
    CHECK(is_in_order(rig, 1));
}

TEST_CASE("what comes while others of the same customer wait is done after them") {
    LoopRig rig;
    rig.put(0);
    rig.round();
    rig.transfer(0, kMany);
    rig.transfer(0, 1);  // by itself little enough to be done at once
    rig.rounds_until([&] { return rig.opened().size() == kMany + 1; });
    CHECK(opened_of(rig, 0) == kMany + 1);
    CHECK(is_in_order(rig, 0));
}

TEST_CASE("the loop does not sleep while something waits, though no descriptor is ready and no deadline near") {
    LoopRig rig;
    rig.put(0);
    rig.set_cost(0, milliseconds(1));  // more than one round is long
    rig.round();
    rig.transfer_forged(0, kMany);  // of which there is nothing to report, which would be a deadline
    std::thread loop([&] { rig.loop().run(); });
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (rig.opened_count() < kMany && std::chrono::steady_clock::now() < patience)
        std::this_thread::sleep_for(milliseconds(1));
    CHECK(rig.opened_count() == kMany);
    rig.stop();
    loop.join();
}

TEST_CASE("what is transferred beyond one round's measure is taken in the next, without another bell") {
    LoopRig rig;
    rig.put(0);
    rig.round();
    constexpr std::size_t kTransfers = 150;
    for (std::size_t i = 0; i < kTransfers; ++i) rig.transfer(0, 1);
    for (int i = 0; i < 10; ++i) rig.round();
    CHECK(rig.opened().size() == kTransfers);
    CHECK(is_in_order(rig, 0));
}

TEST_CASE("a session that was posted before its first message was transferred is there when that is looked at") {
    LoopRig rig;
    rig.put(0, false);
    rig.round();
    // The bell for transfers is heard before the one for commands, because it rang first.
    rig.ring();
    rig.loop().round();
    rig.ring();
    rig.install(0);
    rig.transfer(0, 3);
    rig.loop().round();
    CHECK(rig.opened().size() == 3);
    CHECK(rig.drops(DropReason::kReceiverIndexUnknown) == 0);
}

TEST_CASE("what waits of a customer goes with him, and is not taken for another's who has the index after him") {
    LoopRig rig;
    rig.put(0);
    rig.set_cost(0, milliseconds(1));
    rig.round();
    for (int i = 0; i < 3; ++i) rig.transfer(0, kMany);
    rig.round();
    const std::size_t before = rig.opened().size();
    REQUIRE(before < kMany);  // most of it waits
    rig.drop(0);
    rig.put(0);
    rig.transfer(0, 5);
    rig.rounds_until([&] { return rig.opened().size() == before + 5; });
    CHECK(rig.opened().size() == before + 5);
    CHECK(rig.drops(DropReason::kReceiverIndexUnknown) == 0);
}

TEST_CASE("a customer does not pay what was owed by one who had the index before him") {
    LoopRig rig;
    for (const std::uint32_t customer : {0U, 1U}) rig.put(customer);
    rig.set_cost(0, microseconds(100));
    rig.set_cost(1, milliseconds(5));
    rig.round();
    for (int i = 0; i < 8; ++i) rig.transfer(0, kMany);
    rig.transfer(1, kMany);
    rig.rounds_until([&] { return opened_of(rig, 1) > 0; });  // a turn that was far too long
    rig.drop(1);
    rig.put(1);
    rig.transfer(1, 1);
    const std::size_t before = rig.opened().size();
    const std::size_t his = opened_of(rig, 1);
    rig.rounds_until([&] { return opened_of(rig, 1) > his; });
    CHECK(opened_of(rig, 1) == his + 1);
    CHECK(rig.opened().size() - before < 20);  // of the other's, who has plenty
}

TEST_CASE("receiving what somebody sends is his time too, whether it is wanted or not") {
    constexpr std::uint32_t kOthers = 7;
    LoopRig rig;
    for (std::uint32_t customer = 0; customer <= kOthers; ++customer) {
        rig.put(customer);
        rig.set_cost(customer, microseconds(10));
    }
    rig.set_cost_of_look(microseconds(20));
    for (int i = 0; i < 300; ++i) {
        rig.send(0, 64);  // more than he has time for
        for (std::uint32_t customer = 1; i % 10 == 0 && customer <= kOthers; ++customer) rig.transfer(customer, kMany);
        rig.round();
    }
    const double of_another = static_cast<double>(rig.opened().size() - opened_of(rig, 0)) / kOthers;
    CHECK(static_cast<double>(opened_of(rig, 0)) < 0.75 * of_another);
    CHECK(static_cast<double>(opened_of(rig, 0)) > 0.4 * of_another);  // and no more of his turns than half
}

}  // namespace
}  // namespace warren::io::test
