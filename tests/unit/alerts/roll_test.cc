// What was up, over restarts of vpnd and of alertd.
#include "alerts/model/roll.h"

#include <doctest/doctest.h>

#include "alerts/model/kept.h"
#include "situations.h"

using namespace warren;
using namespace warren::alerts;
using namespace warren::alerts::testing;

namespace {

constexpr auto kUp = ipc::ConnectionState::kUp;
constexpr auto kDown = ipc::ConnectionState::kDown;

// The roll of the next alertd.
Roll restarted(const Roll& roll) {
    const auto kept = parse_kept(kept_text({{}, {}, roll.were_up()}));
    REQUIRE(kept.has_value());
    Roll out;
    out.remember(kept->were_up);
    return out;
}

bool is_missed(const Roll& roll, const std::string& customer = "acme") {
    return roll.customers().at(customer).down_since.has_value();
}

}  // namespace

TEST_CASE("a connection that was up before a reboot is missed after it") {
    const Roll before = roll_of({site("acme", {connection("graz", kUp), connection("linz", kDown)})});
    Roll after = restarted(before);
    feed(after, {site("acme", {connection("graz", kDown), connection("linz", kDown)})});
    CHECK(is_missed(after));
    CHECK(after.customers().at("acme").connections.at("graz").down_since.has_value());
    CHECK_FALSE(after.customers().at("acme").connections.at("linz").down_since.has_value());
}

TEST_CASE("a vpnd that has no configuration yet makes nothing forgotten") {
    Roll roll = roll_of({site("acme", {connection("graz", kUp)}), customer("zeta", {up("graz")})});
    feed(roll, {}, true, at(10), 0, 2);
    CHECK_FALSE(roll.is_known());
    CHECK(roll.epoch() == 0);  // all is asked for
    feed(roll, {site("acme", {connection("graz", kDown)}), customer("zeta", {never("graz")})}, true, at(20), 1, 2);
    CHECK(is_missed(roll));
    CHECK(roll.epoch() == 2);
}

TEST_CASE("a customer whose stack comes late is remembered for an hour, and a connection that is gone is not") {
    const Roll before = roll_of({site("acme", {connection("graz", kUp)}), site("zeta", {connection("linz", kUp)})});
    const auto missed_after = [&before](std::int64_t seconds) {
        Roll after = restarted(before);
        feed(after, {site("zeta", {})});
        CHECK(after.were_up() == WereUp{{"acme", "graz"}});
        after.settle(at(seconds).instant);
        feed(after, {site("acme", {connection("graz", kDown)})}, true, at(seconds + 1));
        return is_missed(after);
    };
    CHECK(missed_after(3500));
    CHECK_FALSE(missed_after(3700));
}

TEST_CASE("a vpnd that began anew and knows an older handshake does not make a peer down for longer") {
    Roll roll = roll_of({customer("acme", {up("graz", 0)})});
    feed(roll, {customer("acme", {down("graz", 600)})}, true, at(200));
    CHECK(roll.customers().at("acme").down_since == at(180).instant);
}

TEST_CASE("a tunnel is missed from when it counts again") {
    auto graz = down("graz");
    auto of = customer("acme", {graz});
    of.customer.settings.suspended = true;
    Roll roll = roll_of({of});
    CHECK_FALSE(is_missed(roll));
    roll.settle(at(100).instant);
    of.customer.settings.suspended = false;
    feed(roll, {of}, true, at(110));
    CHECK(roll.customers().at("acme").down_since == at(100).instant);
    of.peers[0].activity.is_expired = true;
    feed(roll, {of}, true, at(120));
    CHECK_FALSE(is_missed(roll));
}

TEST_CASE("the connections that were up are bounded") {
    std::vector<ipc::ConnectionSnapshot> many;
    for (std::size_t i = 0; i < kMostWereUp + 10; ++i) many.push_back(connection(std::to_string(i), kUp));
    CHECK(roll_of({site("acme", many)}).were_up().size() == kMostWereUp);
}
