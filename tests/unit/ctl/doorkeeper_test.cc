// The process at the door of an invitation.
#include <doctest/doctest.h>
#include <unistd.h>

#include <future>
#include <vector>

#include "ctl/ask/doorkeeper.h"

using namespace warren;
using namespace warren::ctl;

TEST_CASE("whoever got an answer gets the whole of it, also where the invitation ends at once") {
    if (::geteuid() != 0) return;  // the process becomes another user
    const std::vector<std::uint8_t> question(100, 'q');
    const std::vector<std::uint8_t> answer(60'000, 'a');
    constexpr std::size_t kMost = 64 * 1024;
    for (int round = 0; round < 20; ++round) {
        const std::uint16_t port = static_cast<std::uint16_t>(23'810 + round);
        auto door = Doorkeeper::open({*parse_ip("127.0.0.1"), port}, "", kMost);
        REQUIRE(door);
        auto guest = std::async(std::launch::async, [&] {
            return knock({*parse_ip("127.0.0.1"), port}, question, kMost, 10);
        });
        const auto asked = door->next(10'000);
        REQUIRE(asked);
        REQUIRE(*asked);
        CHECK(**asked == question);
        CHECK(door->answer(answer));
        { const Doorkeeper ended = std::move(*door); }
        const auto got = guest.get();
        REQUIRE(got);
        CHECK(*got == answer);
    }
}
