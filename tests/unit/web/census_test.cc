// States, rates, events and series derived from snapshots over time.
#include "web/model/census.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <variant>
#include <vector>

#include "tests/unit/ipc/field_changer.h"
#include "tests/unit/web/vpnd_rounds.h"

#include "web/model/sentences.h"

using namespace warren;
using namespace warren::web;
using namespace warren::test;
using std::chrono::seconds;

namespace {

const PeerEntry& peer_of(const Census& census) {
    return census.find("acme")->peers.begin()->second;
}

}  // namespace

TEST_CASE("a peer becomes idle 180 s after its handshake without news from vpnd") {
    Census census;
    Vpnd vpnd;
    vpnd.handshake(0);
    census.apply_snapshot(at(0), vpnd.round);
    CHECK(peer_of(census).state == ipc::PeerState::kOnline);
    CHECK(census.find("acme")->state == CustomerState::kUp);
    SnapshotRound nothing;
    nothing.header.epoch = 7;
    nothing.header.full = false;
    census.apply_snapshot(at(179), nothing);
    CHECK(peer_of(census).state == ipc::PeerState::kOnline);
    census.apply_snapshot(at(180), nothing);
    CHECK(peer_of(census).state == ipc::PeerState::kIdle);
    CHECK(census.find("acme")->state == CustomerState::kDown);
    CHECK(kinds(census) == std::vector<std::string>{"idle"});
    CHECK(peer_of(census).state_since == at(180).wall);
    CHECK(peer_of(census).tick == census.tick());
}

TEST_CASE("a peer is online no longer than its session") {
    Census census;
    Vpnd vpnd;
    vpnd.handshake(5);
    census.apply_snapshot(at(0), vpnd.round);
    REQUIRE(peer_of(census).state == ipc::PeerState::kOnline);
    vpnd.peer().state = ipc::PeerState::kIdle;  // the server's key was changed
    vpnd.peer().activity.lost_because = "key_changed";
    census.apply_snapshot(at(2), vpnd.round);
    CHECK(peer_of(census).state == ipc::PeerState::kIdle);
    CHECK(census.find("acme")->state == CustomerState::kDown);
    CHECK(peer_of(census).tick == census.tick());
}

TEST_CASE("what was up before vpnd was restarted is down when it does not come back in time, not never up") {
    Census census;
    Vpnd vpnd;
    vpnd.handshake(0);
    const bool is_statusd_new = [] {
        bool out = false;
        SUBCASE("vpnd alone") {}
        SUBCASE("statusd too") {
            out = true;
        }
        return out;
    }();
    if (!is_statusd_new) census.apply_snapshot(at(0), vpnd.round);
    vpnd.round.header.epoch = 8;
    vpnd.handshake(30);
    vpnd.peer().state = ipc::PeerState::kIdle;
    vpnd.peer().activity.lost_because = "restarted";
    census.apply_snapshot(at(30), vpnd.round);
    census.apply_snapshot(at(44), vpnd.round);
    CHECK(peer_of(census).state == (is_statusd_new ? ipc::PeerState::kIdle : ipc::PeerState::kOnline));
    CHECK(census.find("acme")->has_state_since == false);
    CHECK(kinds(census).empty());
    census.apply_snapshot(at(46), vpnd.round);
    CHECK(peer_of(census).state == ipc::PeerState::kIdle);
    CHECK(census.find("acme")->state == CustomerState::kDown);
    CHECK(census.find("acme")->has_state_since);  // an alarm
}

TEST_CASE("adding, roaming, changing and removing are events with the previous value") {
    Census census;
    Vpnd vpnd;
    census.apply_snapshot(at(0), vpnd.round);
    vpnd.handshake(0);
    vpnd.peer().activity.endpoint = Endpoint{IpAddress::v4(192, 0, 2, 1), 1000};
    census.apply_snapshot(at(2), vpnd.round);
    vpnd.peer().activity.endpoint->port = 2000;
    census.apply_snapshot(at(4), vpnd.round);
    std::get<ipc::ShownWireguardPeer>(vpnd.peer().tunnel).persistent_keepalive_seconds = 25;
    vpnd.customer().settings.mtu = 1400;
    census.apply_snapshot(at(6), vpnd.round);
    vpnd.customer().settings.suspended = true;
    census.apply_snapshot(at(8), vpnd.round);
    vpnd.round.customers[0].peers.clear();
    census.apply_snapshot(at(10), vpnd.round);
    vpnd.round.customers.clear();
    census.apply_snapshot(at(12), vpnd.round);
    CHECK(kinds(census) ==
          std::vector<std::string>{"online", "roamed", "changed", "changed", "suspended", "removed", "removed"});
    const auto roamed = census.events().find("acme", 0, UINT64_MAX, 1,
                                             [](const Event& event) { return event.kind == EventKind::kRoamed; });
    CHECK(roamed[0]->from == "192.0.2.1:1000");
    CHECK(roamed[0]->to == "192.0.2.1:2000");
}

// Changes one field after the other in what `part` returns, and returns the events that each change gives.
template <typename Part>
std::vector<std::string> events_of_changes(const Part& part) {
    std::vector<std::string> out;
    Vpnd sample;
    const std::size_t count = test::count_fields(part(sample));
    for (std::size_t i = 0; i < count; ++i) {
        INFO("field ", i);
        Census census;
        Vpnd vpnd;
        census.apply_snapshot(at(0), vpnd.round);
        test::change_field(part(vpnd), i);
        census.apply_snapshot(at(2), vpnd.round);
        for (const std::string& kind : kinds(census)) {
            CHECK(census.customers().begin()->second.config_tick == census.tick());
            out.push_back(kind);
        }
    }
    return out;
}

TEST_CASE("a change of any setting is an event, and an open page loads the customer again") {
    using Kinds = std::vector<std::string>;
    Kinds customer = events_of_changes([](Vpnd & vpnd) -> auto& { return vpnd.customer().settings; });
    CHECK(customer.at(0) == "removed");  // another id is another customer
    customer.erase(customer.begin());
    const auto suspended = std::find(customer.begin(), customer.end(), "suspended");
    REQUIRE(suspended != customer.end());
    customer.erase(suspended);
    CHECK(customer.size() >= 6);
    CHECK(customer == Kinds(customer.size(), "changed"));
    const Kinds listeners = events_of_changes([](Vpnd & vpnd) -> auto& { return vpnd.customer().listeners; });
    CHECK(listeners.size() >= 5);
    CHECK(listeners == Kinds(listeners.size(), "changed"));

    Kinds peer = events_of_changes([](Vpnd & vpnd) -> auto& { return vpnd.peer().settings; });
    CHECK(peer.at(0) == "renamed");  // its identity is the same
    peer.erase(peer.begin());
    CHECK(peer.size() >= 2);
    CHECK(peer == Kinds(peer.size(), "changed"));
    const Kinds tunnel =
        events_of_changes([](Vpnd & vpnd) -> auto& { return std::get<ipc::ShownWireguardPeer>(vpnd.peer().tunnel); });
    CHECK(tunnel == Kinds(4, "changed"));
}

TEST_CASE("an open page of a customer that was marked loads it again, others do not") {
    Census census;
    Vpnd vpnd;
    vpnd.round.customers.push_back(vpnd.round.customers[0]);
    vpnd.round.customers[1].customer.settings.id = "globex";
    census.apply_snapshot(at(0), vpnd.round);
    const std::uint64_t before = census.tick();
    census.mark_changed({"acme", "nobody"});
    CHECK(census.find("acme")->config_tick > before);
    CHECK(census.find("globex")->config_tick <= before);
    CHECK(census.find("nobody") == nullptr);
}

TEST_CASE("in the first snapshot no customer is new, whatever stackd said before it") {
    Vpnd vpnd;
    Census census;
    SUBCASE("nothing") {}
    SUBCASE("what the customers' stacks have") {
        census.mark_changed({"acme"});
    }
    SUBCASE("which customers are not served") {
        census.set_unserved({"broken"});
    }
    SUBCASE("that this one is not served yet") {
        census.set_unserved({"acme"});
    }
    census.apply_snapshot(at(0), vpnd.round);
    CHECK(kinds(census) == std::vector<std::string>{});
    vpnd.round.customers.push_back(vpnd.round.customers[0]);
    vpnd.round.customers[1].customer.settings.id = "globex";
    census.apply_snapshot(at(2), vpnd.round);
    CHECK(kinds(census) == std::vector<std::string>{});
    CHECK(kinds(census, "globex") == std::vector<std::string>{"added"});
}

TEST_CASE("a change of any figure changes the row") {
    const auto check_rows = [](const auto& part, const auto& row_of) {
        Vpnd sample;
        const std::size_t count = test::count_fields(part(sample));
        for (std::size_t i = 0; i < count; ++i) {
            INFO("field ", i);
            Census census;
            Vpnd vpnd;
            census.apply_snapshot(at(0), vpnd.round);
            test::change_field(part(vpnd), i);
            census.apply_snapshot(at(2), vpnd.round);
            CHECK(row_of(census).tick == census.tick());
        }
    };
    const auto customer_of = [](const Census& census) -> const auto& {
        return *census.find("acme");
    };
    check_rows(
        [](Vpnd & vpnd) -> auto& { return vpnd.customer().activity; }, customer_of);
    check_rows(
        [](Vpnd & vpnd) -> auto& { return vpnd.peer().activity; },
        [](const Census& census) -> const auto& { return peer_of(census); });
}

TEST_CASE("rates are means between two snapshots; a customer that the answer omits had no traffic") {
    Census census;
    Vpnd vpnd;
    census.apply_snapshot(at(0), vpnd.round);
    vpnd.customer().activity.rx_bytes = vpnd.peer().activity.rx_bytes = 1000;
    census.apply_snapshot(at(2), vpnd.round);
    CHECK(peer_of(census).rates.inbound == doctest::Approx(4000));
    CHECK(census.find("acme")->rates.inbound == doctest::Approx(4000));
    SnapshotRound nothing;
    nothing.header.epoch = 7;
    nothing.header.full = false;
    census.apply_snapshot(at(4), nothing);
    CHECK(peer_of(census).rates.inbound == 0);
    CHECK(census.find("acme")->rates.inbound == 0);
    CHECK(census.find("acme")->tick == census.tick());
}

TEST_CASE("a partial answer removes no customer; an answer with all peers of a customer removes the others") {
    Census census;
    Vpnd vpnd;
    vpnd.round.customers[0].peers.resize(2);
    vpnd.round.customers[0].peers[1].settings.name = "linz";
    census.apply_snapshot(at(0), vpnd.round);
    vpnd.round.header.full = false;
    vpnd.round.customers[0].peers.pop_back();
    vpnd.customer().all_peers = false;
    census.apply_snapshot(at(2), vpnd.round);
    CHECK(census.find("acme")->peers.size() == 2);
    vpnd.customer().all_peers = true;
    census.apply_snapshot(at(4), vpnd.round);
    CHECK(census.find("acme")->peers.size() == 1);
    CHECK(kinds(census) == std::vector<std::string>{"removed"});
}

TEST_CASE("drops are an event when their reason was quiet for a minute, and not again while they continue") {
    Census census;
    Vpnd vpnd;
    census.apply_snapshot(at(0), vpnd.round);
    for (int second = 2; second < 120; second += 2) {
        vpnd.customer().activity.drops = {{"source_not_allowed", static_cast<std::uint64_t>(second)}};
        census.apply_snapshot(at(second), vpnd.round);
    }
    CHECK(kinds(census) == std::vector<std::string>{"drops"});
    census.apply_snapshot(at(190), vpnd.round);
    vpnd.customer().activity.drops = {{"source_not_allowed", 500}, {"customer_rate_limited", 1}};
    census.apply_snapshot(at(192), vpnd.round);
    CHECK(kinds(census) == std::vector<std::string>{"drops", "drops", "rate_limited"});
}

TEST_CASE("a silent vpnd is one event, and so is its return") {
    Census census;
    Vpnd vpnd;
    census.apply_snapshot(at(0), vpnd.round);
    census.check_silence(at(9));
    CHECK_FALSE(census.is_stale(at(10).instant));
    census.check_silence(at(11));
    census.check_silence(at(13));
    census.apply_snapshot(at(15), vpnd.round);
    std::vector<std::string> all = kinds(census, "");
    CHECK(all == std::vector<std::string>{"vpnd_started", "vpnd_lost", "vpnd_started"});
}

TEST_CASE("shares of a core are means between two snapshots of the same vpnd") {
    Census census;
    Vpnd vpnd;
    vpnd.round.header.workers = {{0, 0, 0, 1'000'000'000}, {0, 0, 0, 0}};
    vpnd.round.header.cpu_nanoseconds = 5'000'000'000;
    census.apply_snapshot(at(0), vpnd.round);
    CHECK_FALSE(census.cpu_shares());
    vpnd.round.header.workers[0].cpu_nanoseconds += 500'000'000;
    vpnd.round.header.workers[1].cpu_nanoseconds += 2'100'000'000;  // more than a whole core: its clock was read later
    vpnd.round.header.cpu_nanoseconds += 3'000'000'000;
    census.apply_snapshot(at(2), vpnd.round);
    REQUIRE(census.cpu_shares());
    CHECK(census.cpu_shares()->process == doctest::Approx(1.5));
    REQUIRE(census.cpu_shares()->workers.size() == 2);
    CHECK(census.cpu_shares()->workers[0] == doctest::Approx(0.25));
    CHECK(census.cpu_shares()->workers[1] == 1);
    ++vpnd.round.header.epoch;  // another vpnd, although it used more time
    census.apply_snapshot(at(4), vpnd.round);
    CHECK_FALSE(census.cpu_shares());
    census.apply_snapshot(at(6), vpnd.round);
    CHECK(census.cpu_shares()->process == 0);
    census.apply_snapshot(at(600), vpnd.round);  // too long ago
    CHECK_FALSE(census.cpu_shares());
}

TEST_CASE("a flapping customer does not displace another's history") {
    EventLog log;
    log.add({0, {}, EventKind::kIdle, "quiet", "p", {}, {}, {}});
    for (std::size_t i = 0; i < EventLog::kOverall + 10; ++i)
        log.add({0, {}, EventKind::kOnline, "flaps", "p", {}, {}, {}});
    const auto any = [](const Event&) { return true; };
    CHECK(log.find("quiet", 0, UINT64_MAX, 10, any).size() == 1);
    CHECK(log.find("flaps", 0, UINT64_MAX, 10'000, any).size() == EventLog::kPerCustomer);
    CHECK(log.find("", 0, UINT64_MAX, 100'000, any).size() == EventLog::kOverall);
}

TEST_CASE("a series keeps steps, gaps and its bound, and uses no memory without traffic") {
    Ring ring(5);
    for (std::int64_t step = 100; step < 200; ++step) ring.add(step, {0, 0});
    CHECK(ring.memory() == 0);
    CHECK(ring.column().values.size() == 5);
    CHECK(ring.column().first_step == 195);
    ring.add(200, {8, 9});
    ring.add(202, {1, 2});
    ring.add(202, {7, 7});  // not newer
    const auto column = ring.column();
    REQUIRE(column.values.size() == 5);
    CHECK(column.first_step == 198);
    CHECK(column.values[2].inbound == 8);
    CHECK_FALSE(column.values[3].is_known());
    CHECK(column.values[4].outbound == 2);
    for (std::int64_t step = 203; step < 230; ++step) ring.add(step, {0, 0});
    CHECK(ring.memory() == 0);
    CHECK(ring.column().values.size() == 5);
}

TEST_CASE("a minute is the mean of its known values") {
    Series series;
    for (std::int64_t second = 600; second < 660; second += 2)
        series.add(second, {static_cast<float>(second - 600), 4});
    series.add(660, {0, 0});
    const auto minutes = series.coarse().column();
    REQUIRE(minutes.values.size() == 1);
    CHECK(minutes.first_step == 10);
    CHECK(minutes.values[0].inbound == doctest::Approx(29));
    CHECK(minutes.values[0].outbound == doctest::Approx(4));
}

TEST_CASE("a customer that is not served is listed without figures, until it is served or its file is gone") {
    Census census;
    Vpnd vpnd;
    census.apply_snapshot(at(0), vpnd.round);
    const std::uint64_t before = census.tick();
    census.set_unserved({"broken"});
    REQUIRE(census.find("broken") != nullptr);
    CHECK(census.find("broken")->state == CustomerState::kUnserved);
    CHECK(census.find("broken")->shown.settings.name == "broken");
    CHECK(census.list_tick() > before);
    census.apply_snapshot(at(2), vpnd.round);
    REQUIRE(census.find("broken") != nullptr);  // although vpnd does not know it
    CHECK(census.find("broken")->state == CustomerState::kUnserved);
    const std::uint64_t tick = census.tick();
    census.set_unserved({"broken"});
    CHECK(census.tick() == tick);  // nothing new

    vpnd.round.customers.push_back({});
    vpnd.round.customers.back().customer.settings.id = "broken";
    vpnd.round.customers.back().customer.settings.name = "Now served";
    census.apply_snapshot(at(4), vpnd.round);
    CHECK(census.find("broken")->state == CustomerState::kNever);
    CHECK(census.find("broken")->shown.settings.name == "Now served");
    CHECK(kinds(census, "broken") == std::vector<std::string>{"added"});
    census.set_unserved({});
    CHECK(census.find("broken") != nullptr);

    census.set_unserved({"acme", "other"});  // acme is served with its previous file
    CHECK(census.find("acme")->state == CustomerState::kNever);
    vpnd.round.customers.clear();
    census.apply_snapshot(at(6), vpnd.round);
    CHECK(census.find("acme")->state == CustomerState::kUnserved);
    CHECK(census.find("broken") == nullptr);
    census.set_unserved({"acme"});
    CHECK(census.find("other") == nullptr);
    CHECK(census.customers().size() == 1);
}

TEST_CASE("a session that ends says why: the customer was suspended, a key changed, or vpnd was restarted") {
    Census census;
    Vpnd vpnd;
    vpnd.handshake(0);
    census.apply_snapshot(at(0), vpnd.round);
    int second = 0;
    const auto end_session = [&](auto cause) {
        vpnd.handshake(0);
        census.apply_snapshot(at(second += 20), vpnd.round);
        vpnd.peer().latest_handshake_seconds.reset();
        vpnd.peer().activity.latest_handshake = {};
        cause();
        census.apply_snapshot(at(second += 20), vpnd.round);
        const auto last = census.events().find("acme", 0, UINT64_MAX, 1,
                                               [](const Event& event) { return event.kind == EventKind::kIdle; });
        REQUIRE(last.size() == 1);
        return last[0]->reason;
    };
    CHECK(end_session([&] { vpnd.customer().settings.suspended = true; }) == "suspended");
    vpnd.customer().settings.suspended = false;
    CHECK(end_session([&] { key_of(vpnd.peer()) = "another"; }) == "key_changed");
    CHECK(end_session([&] { vpnd.customer().listeners[0].identity = "another"; }) == "key_changed");
    CHECK(end_session([&] { ++vpnd.round.header.epoch; }) == "vpnd_restarted");
    CHECK(end_session([] {}) == "session_ended");
    // A second after a key change, with a round in between.
    vpnd.handshake(0);
    key_of(vpnd.peer()) = "a third";
    census.apply_snapshot(at(1000), vpnd.round);
    vpnd.peer().latest_handshake_seconds.reset();
    census.apply_snapshot(at(1002), vpnd.round);
    const auto any = [](const Event& event) { return !is_of_whole(event); };
    CHECK(sentence_of(*census.events().find("acme", 0, UINT64_MAX, 1, any)[0]) ==
          "A key was replaced; no handshake with the new one yet.");
}

TEST_CASE("half an hour is the mean of its known values, kept for a week") {
    Series series;
    for (std::int64_t second = 0; second < 9 * 86'400; second += 600)
        series.add(1'800'000 + second, {static_cast<float>(second % 1800), 6});
    const auto column = series.week().column();
    CHECK(column.values.size() == Series::kLongSteps);
    CHECK(column.values.back().inbound == doctest::Approx(600));  // 0, 600 and 1200
    CHECK(column.values.back().outbound == doctest::Approx(6));
    CHECK(static_cast<std::int64_t>(Series::kLongSteps) * Series::kLongSeconds == 7 * 86'400);
}
