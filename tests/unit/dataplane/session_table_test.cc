#include "vpnd/dataplane/session_table.h"
#include "vpnd/dataplane/framing/wireguard.h"

#include <doctest/doctest.h>

#include <map>
#include <random>

namespace warren::dataplane::test {
namespace {

std::unique_ptr<Session> session(std::uint32_t index, std::uint32_t peer) {
    InstallSession install;
    install.local_id = {index};
    install.peer = {peer};
    return std::make_unique<Session>(std::move(install), kWireguardFraming);
}

TEST_CASE("agrees with a map through random inserts, replacements and erases, in long runs of neighbours") {
    for (std::uint32_t seed = 1; seed <= 6; ++seed) {
        CAPTURE(seed);
        std::mt19937 random(seed);
        SessionTable table;
        std::map<std::uint32_t, std::uint32_t> oracle;
        for (std::uint32_t step = 0; step < 2'000; ++step) {
            // Few distinct homes, so that runs form, wrap round and are cut.
            const std::uint32_t index = static_cast<std::uint32_t>(random() % 16) << 6 |
                                        static_cast<std::uint32_t>(random() % 64) |
                                        (random() % 4 == 0 ? 0xffff'fc00U : 0U);
            if (random() % 5 < (step < 1'000 ? 3U : 2U)) {
                CHECK(table.insert(session(index, step)).local_id == SessionId{index});
                oracle[index] = step;
            } else {
                table.erase({index});
                oracle.erase(index);
            }
            CHECK(table.size() == oracle.size());
            if (step % 250 != 0) continue;
            bool agrees = true;
            for (const std::uint32_t high : {0U, 0xffff'fc00U}) {
                for (std::uint32_t low = 0; low < 1'024; ++low) {
                    const Session* const found = table.find({high | low});
                    const auto expected = oracle.find(high | low);
                    agrees = agrees && (found == nullptr) == (expected == oracle.end());
                    if (found != nullptr && expected != oracle.end())
                        agrees = agrees && found->peer.value == expected->second;
                }
            }
            REQUIRE(agrees);
        }
    }
}

TEST_CASE("pointers stay valid while other sessions are added and removed") {
    SessionTable table;
    Session* const mine = &table.insert(session(7, 7));
    for (std::uint32_t i = 100; i < 1'000; ++i) table.insert(session(i, i));
    for (std::uint32_t i = 100; i < 1'000; ++i) table.erase({i});
    CHECK(table.find({7}) == mine);
    CHECK(table.size() == 1);
}

}  // namespace
}  // namespace warren::dataplane::test
