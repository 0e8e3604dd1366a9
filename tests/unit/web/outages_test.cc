// Outages, read from events.
#include "web/model/outages.h"

#include <doctest/doctest.h>

using namespace warren;
using namespace warren::web;

namespace {

WallTime second(std::int64_t count) {
    return {count * 1'000'000'000};
}

Event peer_event(std::int64_t at, EventKind kind, std::string peer, std::string reason = {}) {
    return {0, second(at), kind, "acme", std::move(peer), std::move(reason), {}, {}};
}

std::vector<Outage> all_of(OutageReader& reader) {
    return reader.take(second(0), second(1'000'000));
}

}  // namespace

TEST_CASE("an outage lasts from idle to online, with the first cause") {
    OutageReader reader;
    reader.add(peer_event(10, EventKind::kOnline, "graz"));
    reader.add(peer_event(20, EventKind::kIdle, "graz", "session_ended"));
    reader.add(peer_event(25, EventKind::kIdle, "graz", "suspended"));
    reader.add(peer_event(50, EventKind::kOnline, "graz"));
    reader.add(peer_event(60, EventKind::kIdle, "graz"));
    const auto outages = all_of(reader);
    REQUIRE(outages.size() == 2);
    CHECK(outages[0] == Outage{"acme", "graz", "", second(60), {}, ""});
    CHECK(outages[1] == Outage{"acme", "graz", "", second(20), second(50), "session_ended"});
}

TEST_CASE("an outage goes along with a renamed peer, and ends with a removed one") {
    OutageReader reader;
    reader.add(peer_event(20, EventKind::kIdle, "graz"));
    Event renamed = peer_event(30, EventKind::kRenamed, "wien");
    renamed.from = "graz";
    renamed.to = "wien";
    reader.add(renamed);
    reader.add(peer_event(40, EventKind::kRemoved, "wien"));
    const auto outages = all_of(reader);
    REQUIRE(outages.size() == 1);
    CHECK(outages[0].peer == "wien");
    CHECK(outages[0].ended == second(40));
    CHECK(outages[0].was_removed);
}

TEST_CASE("a connection's outage and a peer's of the same name are two") {
    OutageReader reader;
    Event down = peer_event(20, EventKind::kPeerDead, "", "silent");
    down.connection = "graz";
    reader.add(down);
    reader.add(peer_event(30, EventKind::kOnline, "graz"));
    const auto outages = all_of(reader);
    REQUIRE(outages.size() == 1);
    CHECK(outages[0].connection == "graz");
    CHECK(!outages[0].ended);
}

TEST_CASE("outages outside of the time asked for are left out, and what overlaps it is not") {
    OutageReader reader;
    reader.add(peer_event(10, EventKind::kIdle, "a"));
    reader.add(peer_event(20, EventKind::kOnline, "a"));
    reader.add(peer_event(25, EventKind::kIdle, "b"));
    reader.add(peer_event(45, EventKind::kOnline, "b"));
    reader.add(peer_event(70, EventKind::kIdle, "c"));
    const auto outages = reader.take(second(30), second(60));
    REQUIRE(outages.size() == 1);
    CHECK(outages[0].peer == "b");
}

TEST_CASE("a removed customer ends the outages of its peers, and of no former customer") {
    OutageReader reader;
    Event former = peer_event(10, EventKind::kIdle, "graz");
    former.is_disowned = true;
    reader.add(former);
    reader.add(peer_event(20, EventKind::kIdle, "graz"));
    reader.add(peer_event(30, EventKind::kRemoved, ""));
    const auto outages = all_of(reader);
    REQUIRE(outages.size() == 2);
    CHECK(outages[0].ended == second(30));
    CHECK(!outages[1].ended);
}
