// Customers whose TUN comes with their first packet and goes when none came for a while.
#include <doctest/doctest.h>

#include <algorithm>

#include "loop_rig.h"

namespace warren::io::test {
namespace {

using Numbers = std::vector<std::uint64_t>;

constexpr Duration kAfter = std::chrono::seconds(60);

template <typename T>
std::vector<CustomerIndex> told(const std::vector<WorkerEvent>& events) {
    std::vector<CustomerIndex> out;
    for (const WorkerEvent& event : events) {
        if (const auto* one = std::get_if<T>(&event)) out.push_back(one->customer);
    }
    return out;
}

TEST_CASE("packets into a parked stack wait for its TUN, and are asked for once") {
    LoopRig rig;
    rig.set_park_after(kAfter, false);
    rig.put(0);
    rig.run();
    rig.receive(0, 3);
    rig.run();
    CHECK(told<TunMissed>(rig.take_events()) == std::vector<CustomerIndex>{{0}});
    rig.receive(0, 1);
    rig.run();
    CHECK(told<TunMissed>(rig.take_events()).empty());
    rig.give_tun(0);
    rig.run();
    CHECK(rig.delivered(0) == Numbers{0, 1, 2, 3});
    rig.receive(0, 1);
    rig.run();
    CHECK(rig.delivered(0) == Numbers{0, 1, 2, 3, 4});
    CHECK(rig.drops(DropReason::kStackParked, 0) == 0);
}

TEST_CASE("a forged packet asks for no stack") {
    LoopRig rig;
    rig.set_park_after(kAfter, false);
    rig.put(0);
    rig.run();
    rig.receive_forged(0, 5);
    rig.run();
    CHECK(told<TunMissed>(rig.take_events()).empty());
}

TEST_CASE("what waits too long is dropped and counted") {
    LoopRig rig;
    rig.set_park_after(kAfter, false);
    rig.put(0);
    rig.run();
    rig.receive(0, 2);
    rig.run();
    rig.advance(dataplane::ParkedPackets::kLongest);
    rig.round();
    CHECK(rig.drops(DropReason::kStackParked, 0) == 2);
    rig.give_tun(0);
    rig.run();
    CHECK(rig.delivered(0).empty());
}

TEST_CASE("a customer that is never parked drops what its TUN does not take, as before") {
    LoopRig rig;
    rig.set_park_after(Duration::zero(), true);
    rig.put(0);
    rig.run();
    rig.close_tun(0);  // nobody asks for that
    rig.run();
    (void)rig.take_events();
    rig.advance(2 * kAfter);
    rig.round();
    CHECK(told<TunIdle>(rig.take_events()).empty());
}

TEST_CASE("a stack is idle when no packet went in or out for its time, and not before") {
    LoopRig rig;
    rig.set_park_after(kAfter, true);
    rig.put(0);
    rig.run();
    const auto is_idle_after = [&](Duration time) {
        rig.advance(time);
        rig.round();
        return !told<TunIdle>(rig.take_events()).empty();
    };
    CHECK_FALSE(is_idle_after(kAfter / 2));
    rig.receive(0, 1);
    rig.run();
    CHECK_FALSE(is_idle_after(kAfter - std::chrono::seconds(1)));
    rig.transmit(0, 1);
    rig.run();
    CHECK_FALSE(is_idle_after(kAfter - std::chrono::seconds(1)));
    CHECK(is_idle_after(std::chrono::seconds(1)));
    CHECK_FALSE(is_idle_after(std::chrono::seconds(1)));
    CHECK(is_idle_after(std::chrono::seconds(10)));  // nobody closed it
}

TEST_CASE("idle customers are looked for once a second, however many become idle one after the other") {
    LoopRig rig;
    rig.set_park_after(kAfter, true);
    rig.put(0);
    rig.put(1);
    rig.run();
    const Duration apart = std::chrono::milliseconds(300);
    rig.advance(apart);
    rig.receive(1, 1);
    rig.run();
    const auto idle_after = [&](Duration time) {
        rig.advance(time);
        rig.round();
        return told<TunIdle>(rig.take_events());
    };
    CHECK(idle_after(kAfter - apart) == std::vector<CustomerIndex>{{0}});
    CHECK(idle_after(apart).empty());
    CHECK(idle_after(std::chrono::seconds(1) - apart) == std::vector<CustomerIndex>{{1}});
}

TEST_CASE("a closed TUN is told of, and the next packet waits for another") {
    LoopRig rig;
    rig.set_park_after(kAfter, true);
    rig.put(0);
    rig.put(1);
    rig.run();
    rig.receive(0, 1);
    rig.run();
    CHECK(rig.delivered(0) == Numbers{0});
    rig.close_tun(0);
    rig.run();
    CHECK_FALSE(rig.tun(0).is_open());
    CHECK(told<TunClosed>(rig.take_events()) == std::vector<CustomerIndex>{{0}});
    rig.receive(0, 2);
    rig.receive(1, 1);
    rig.run();
    CHECK(told<TunMissed>(rig.take_events()) == std::vector<CustomerIndex>{{0}});
    CHECK(rig.delivered(1) == Numbers{0});
    rig.give_tun(0);
    rig.run();
    CHECK(rig.tun(0).to_stack.size() == 2);
}

TEST_CASE("packets of a customer that is gone reach nobody that has its index later") {
    LoopRig rig;
    rig.set_park_after(kAfter, false);
    rig.put(0);
    rig.run();
    rig.receive(0, 3);
    rig.run();
    rig.drop(0);
    rig.run();
    rig.set_park_after(Duration::zero(), true);
    rig.put(0);
    rig.run();
    CHECK(rig.tun(0).to_stack.empty());
    rig.receive(0, 1);
    rig.run();
    CHECK(rig.tun(0).to_stack.size() == 1);
}

}  // namespace
}  // namespace warren::io::test
