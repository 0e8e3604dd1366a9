// What stackd says to a vpnd whose answers it cannot read.
#include "stacks/children/vpnd_link.h"

#include <doctest/doctest.h>
#include <sys/eventfd.h>

#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "ipc/codec.h"

using namespace warren;
using namespace warren::stacks;

namespace {

// vpnd's end of a link, which the test plays.
struct Former {
    Former() {
        auto ends = ipc::Channel::pair();
        REQUIRE(ends);
        link = VpndLink(std::move(ends->first));
        vpnd = std::move(ends->second);
    }
    VpndLink link;
    ipc::Channel vpnd;
};

}  // namespace

TEST_CASE("a vpnd of the former release gets Hello in its version, with memory for its sessions") {
    Former former;
    const UniqueFd memory(::eventfd(0, EFD_CLOEXEC));
    std::vector<std::uint8_t> wire(ipc::kMaxMessageSize);
    std::size_t descriptors = 0;
    std::thread vpnd([&] {
        const auto received = former.vpnd.receive(wire);
        if (!received) return;
        wire.resize(received->size);
        descriptors = received->descriptors.size();
        (void)former.vpnd.send(std::vector<std::uint8_t>{9, 1, 2, 3});  // what it holds, in a form that nobody knows
    });
    const Status handed = former.link.hand_memory({"vienna", "0.2.0", 2, LogLevel::kInfo}, memory.get());
    vpnd.join();
    CHECK(handed);
    CHECK(descriptors == 1);
    REQUIRE_FALSE(wire.empty());
    CHECK(wire.front() + 1 == ipc::kWireVersion);
    wire.front() = ipc::kWireVersion;
    const auto message = ipc::decode(wire);
    REQUIRE(message);
    REQUIRE(std::holds_alternative<ipc::Hello>(*message));
    CHECK(std::get<ipc::Hello>(*message).appliance == "vienna");
}

TEST_CASE("one of any other release hangs up, and nothing is handed") {
    Former former;
    const UniqueFd memory(::eventfd(0, EFD_CLOEXEC));
    former.vpnd = {};
    CHECK_FALSE(former.link.hand_memory({"vienna", "0.2.0", 2, LogLevel::kInfo}, memory.get()));
}
