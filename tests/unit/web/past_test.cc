// The database of the past: what survives, what is forgotten, whose it is, and what a bad file does.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "tests/unit/web/past_disk.h"
#include "tests/unit/web/vpnd_rounds.h"
#include "web/model/census.h"
#include "web/past/store.h"

using namespace warren;
using namespace warren::web;
using namespace warren::test;

TEST_CASE("events, states and keys are there after a restart") {
    const Disk disk;
    {
        const auto store = disk.open();
        PastBatch batch;
        batch.keys["acme"] = {"key 1", "key 2"};
        batch.events = {event(1, "acme", EventKind::kOnline, "graz", "never", "online"),
                        event(2, "acme", EventKind::kIdle, "graz", "online", "idle"),
                        event(3, "", EventKind::kVpndStarted, "", "", "1.2")};
        REQUIRE(store->write(batch));
    }
    const auto store = disk.open();
    const auto past = store->restore();
    REQUIRE(past);
    CHECK(ids_of(past->events) == Ids{1, 2, 3});
    CHECK(past->last_event == 3);
    CHECK(past->keys.at("acme") == std::set<std::string>{"key 1", "key 2"});
    REQUIRE(past->states.size() == 1);
    CHECK(past->states[0].state == "idle");
    CHECK(past->states[0].since == WallTime{2000});
    CHECK(past->events[1].from == "online");
    CHECK(past->events[2].customer.empty());
}

TEST_CASE("what was written is there after a power cut, without an orderly end") {
    const Disk disk;
    const auto store = disk.open();
    PastBatch batch;
    for (std::uint64_t id = 1; id <= 500; ++id) batch.events.push_back(event(id, "acme", EventKind::kOnline));
    REQUIRE(store->write(batch));
    const Disk after = disk.copy();
    // One database in a process.
    std::vector<Event> found;
    {
        auto first = events_of(*store, about("acme"));
        CHECK(first.size() == 100);
    }
    const_cast<std::unique_ptr<PastStore>&>(store).reset();
    CHECK(after.open()->restore()->events.size() == 500);
}

TEST_CASE("a log that ends in the middle of a write loses that write and nothing before it") {
    const Disk disk;
    auto store = disk.open();
    PastBatch batch;
    batch.events = {event(1, "acme", EventKind::kOnline)};
    REQUIRE(store->write(batch));
    const off_t whole = ::lseek(disk.log.get(), 0, SEEK_END);
    batch.events = {event(2, "acme", EventKind::kIdle)};
    REQUIRE(store->write(batch));
    const Disk after = disk.copy();
    store.reset();
    REQUIRE(::ftruncate(after.log.get(), whole + 1000) == 0);
    CHECK(ids_of(after.open()->restore()->events) == Ids{1});
}

TEST_CASE("a file that is no database, or another program's, is refused as useless") {
    Disk disk;
    const std::string text(8192, 'x');
    REQUIRE(::pwrite(disk.database.get(), text.data(), text.size(), 0) == 8192);
    auto store = disk.try_open();
    REQUIRE(!store);
    CHECK(store.error().code == ErrorCode::kInvalid);

    const Disk foreign;
    foreign.open().reset();
    const std::uint32_t other = 0x01020304;  // application_id: https://www.sqlite.org/fileformat2.html §1.3
    REQUIRE(::pwrite(foreign.database.get(), &other, sizeof other, 68) == sizeof other);
    store = foreign.try_open();
    REQUIRE(!store);
    CHECK(store.error().code == ErrorCode::kInvalid);
    CHECK(store.error().what == "it is the database of another program");

    // One of a later version is of use for that one.
    const Disk later;
    later.open().reset();
    const std::array<std::uint8_t, 4> layout{0, 0, 0, 99};  // user_version: the same, big-endian
    REQUIRE(::pwrite(later.database.get(), layout.data(), layout.size(), 60) == 4);
    store = later.try_open();
    REQUIRE(!store);
    CHECK(store.error().code == ErrorCode::kUnsupported);
}

TEST_CASE("a renamed customer keeps its past, and two that swap ids swap it") {
    const Disk disk;
    const auto store = disk.open();
    PastBatch batch;
    batch.events = {event(1, "acme", EventKind::kOnline), event(2, "globex", EventKind::kOnline)};
    REQUIRE(store->write(batch));
    PastBatch swap;
    swap.steps = {{{{"acme", "globex"}, {"globex", "acme"}}, {}}};
    swap.events = {event(3, "globex", EventKind::kIdle)};
    REQUIRE(store->write(swap));
    CHECK(ids_of(events_of(*store, about("globex"))) == Ids{3, 1});
    CHECK(ids_of(events_of(*store, about("acme"))) == Ids{2});
    CHECK(events_of(*store, about("globex"))[1].customer == "globex");
}

TEST_CASE("a new company under an old id reads nothing of the former one, and operators read both") {
    const Disk disk;
    {
        const auto store = disk.open();
        PastBatch batch;
        batch.keys["acme"] = {"key 1"};
        batch.events = {event(1, "acme", EventKind::kOnline, "graz", "never", "online")};
        batch.minutes = {{100, {{"", 7, 7}, {"acme", 7, 7}}}};
        REQUIRE(store->write(batch));
        PastBatch next;
        next.steps = {{{}, {"acme"}}};
        next.keys["acme"] = {"key 2"};
        next.events = {event(2, "acme", EventKind::kAdded)};
        REQUIRE(store->write(next));
    }
    const auto store = disk.open();
    CHECK(ids_of(events_of(*store, about("acme"))) == Ids{2});
    CHECK(ids_of(events_of(*store, about("acme", true))) == Ids{2, 1});
    CHECK(ids_of(events_of(*store, about(""))) == Ids{2});
    CHECK(events_of(*store, about("acme", true))[1].is_disowned);
    TrafficQuestion traffic{"acme", TrafficRange::kHour, 100};
    const auto bytes = std::get<TrafficAnswer>(*store->answer(traffic)).bytes;
    CHECK(bytes.at(0) == std::optional(std::pair<std::uint64_t, std::uint64_t>{0, 0}));
    const auto past = store->restore();
    CHECK(past->keys.at("acme") == std::set<std::string>{"key 2"});
    CHECK(past->states.empty());
}

TEST_CASE("the number of a customer that is forgotten is nobody's ever again") {
    const Disk disk;
    const auto store = disk.open();
    const std::int64_t now = 1'700'000'000;
    PastBatch batch;
    batch.minutes = {{now / 60, {{"", 7, 7}, {"acme", 7, 7}}}};
    REQUIRE(store->write(batch));
    PastBatch left;
    left.steps = {{{}, {"acme"}}};
    REQUIRE(store->write(left));
    // It has no event, so nothing says who it was; its bytes are still there.
    REQUIRE(store->trim({now * 1'000'000'000}));
    PastBatch next;
    next.keys["globex"] = {};
    REQUIRE(store->write(next));
    const auto bytes = [&](const std::string& customer) {
        return std::get<TrafficAnswer>(*store->answer(TrafficQuestion{customer, TrafficRange::kHour, now / 60}))
            .bytes[0];
    };
    CHECK(bytes("globex") == std::optional(std::pair<std::uint64_t, std::uint64_t>{0, 0}));
    CHECK(bytes("") == std::optional(std::pair<std::uint64_t, std::uint64_t>{7, 7}));
}

TEST_CASE("a customer that was renamed onto another one's id takes nothing of the other") {
    const Disk disk;
    const auto store = disk.open();
    PastBatch batch;
    batch.events = {event(1, "acme", EventKind::kOnline), event(2, "globex", EventKind::kOnline)};
    REQUIRE(store->write(batch));
    PastBatch rename;
    rename.steps = {{{{"acme", "globex"}}, {}}};
    REQUIRE(store->write(rename));
    CHECK(ids_of(events_of(*store, about("globex"))) == Ids{1});
    CHECK(ids_of(events_of(*store, about("acme", true))).empty());
}

TEST_CASE("events are found by time, peer and kind, newest first and page by page") {
    const Disk disk;
    const auto store = disk.open();
    PastBatch batch;
    for (std::uint64_t id = 1; id <= 10; ++id)
        batch.events.push_back(
            event(id, "acme", id % 2 == 0 ? EventKind::kIdle : EventKind::kOnline, id <= 4 ? "graz" : "linz"));
    REQUIRE(store->write(batch));
    EventQuestion question = about("acme");
    question.limit = 3;
    CHECK(ids_of(events_of(*store, question)) == Ids{10, 9, 8});
    question.before = 8;
    CHECK(ids_of(events_of(*store, question)) == Ids{7, 6, 5});
    question = about("acme");
    question.since = WallTime{3000};
    question.until = WallTime{6000};
    CHECK(ids_of(events_of(*store, question)) == Ids{6, 5, 4, 3});
    question.peer = "linz";
    CHECK(ids_of(events_of(*store, question)) == Ids{6, 5});
    question.kind = EventKind::kIdle;
    CHECK(ids_of(events_of(*store, question)) == Ids{6});
    CHECK(events_of(*store, about("initech")).empty());
}

TEST_CASE("a customer with the keys of before is known again by the next statusd, and its states go on") {
    const Disk disk;
    {
        const auto store = disk.open();
        Census census;
        begin_with(census, *store);
        Vpnd vpnd;
        key_of(vpnd.peer()) = "key 1";
        vpnd.customer().all_peers = true;
        census.apply_snapshot(at(0), vpnd.round);
        vpnd.handshake(0);
        census.apply_snapshot(at(2), vpnd.round);
        CHECK(kinds(census) == std::vector<std::string>{"online"});
        write_all(census, *store);
    }
    const auto store = disk.open();
    Census census;
    begin_with(census, *store);
    Vpnd vpnd;
    key_of(vpnd.peer()) = "key 1";
    vpnd.handshake(1000);
    census.apply_snapshot(at(1000), vpnd.round);
    // It went idle while nobody looked: an outage begins, of the peer and of the customer.
    CHECK(all_kinds(census) == std::vector<std::string>{"online", "idle", "down"});
    vpnd.handshake(0);
    census.apply_snapshot(at(1002), vpnd.round);
    CHECK(all_kinds(census) == std::vector<std::string>{"online", "idle", "down", "online", "up"});
}

TEST_CASE("what was removed while statusd did not run is removed from its first look on") {
    const Disk disk;
    Vpnd vpnd;
    vpnd.customer().all_peers = true;
    key_of(vpnd.peer()) = "key 1";
    vpnd.round.customers.resize(2, vpnd.round.customers[0]);
    vpnd.round.customers[1].customer.settings.id = "globex";
    key_of(vpnd.round.customers[1].peers[0]) = "key 2";
    vpnd.round.customers[0].peers.resize(2, vpnd.round.customers[0].peers[0]);
    vpnd.round.customers[0].peers[1].settings.name = "linz";
    key_of(vpnd.round.customers[0].peers[1]) = "key 3";
    {
        const auto store = disk.open();
        Census census;
        begin_with(census, *store);
        census.apply_snapshot(at(0), vpnd.round);
        write_all(census, *store);
    }
    vpnd.round.customers.resize(1);
    vpnd.round.customers[0].peers.resize(1);
    const auto store = disk.open();
    CHECK(store->restore()->states.size() == 5);  // two customers, three peers
    Census census;
    begin_with(census, *store);
    SnapshotRound nothing;  // vpnd has no configuration yet
    census.apply_snapshot(at(99), nothing);
    write_all(census, *store);
    CHECK(store->restore()->states.size() == 5);
    census.apply_snapshot(at(100), vpnd.round);
    CHECK(all_kinds(census) == std::vector<std::string>{"added", "removed"});
    CHECK(kinds(census, "globex") == std::vector<std::string>{"removed"});
    const auto linz = census.events().find("acme", 0, UINT64_MAX, 1, [](const Event&) { return true; });
    CHECK(linz[0]->peer == "linz");
    write_all(census, *store);
    CHECK(store->restore()->states.size() == 2);
}

TEST_CASE("whose events are older than those that are restored is compared all the same") {
    for (const bool is_another : {false, true}) {
        CAPTURE(is_another);
        Census census;
        RestoredPast past;
        past.keys["acme"] = {"key 1"};
        census.restore(past);
        Vpnd vpnd;
        vpnd.customer().all_peers = true;
        key_of(vpnd.peer()) = is_another ? "key 2" : "key 1";
        census.apply_snapshot(at(0), vpnd.round);
        const PastBatch batch = census.collect_past(0, 100);
        REQUIRE(batch.steps.size() == (is_another ? 1 : 0));
        if (is_another) CHECK(batch.steps[0].disowned == std::set<std::string>{"acme"});
        CHECK(batch.keys.at("acme").contains(is_another ? "key 2" : "key 1"));
    }
}

TEST_CASE("a customer goes down with its last peer, and its suspension says so") {
    Census census;
    Vpnd vpnd;
    vpnd.handshake(0);
    census.apply_snapshot(at(0), vpnd.round);
    vpnd.customer().settings.suspended = true;
    vpnd.peer().latest_handshake_seconds.reset();
    census.apply_snapshot(at(2), vpnd.round);
    CHECK(all_kinds(census).back() == "down");
    CHECK(census.events().find("acme", 0, UINT64_MAX, 1, [](const Event&) { return true; })[0]->reason == "suspended");
    vpnd.customer().settings.suspended = false;
    vpnd.handshake(0);
    census.apply_snapshot(at(4), vpnd.round);
    CHECK(all_kinds(census).back() == "up");
    // One without peers misses none.
    vpnd.round.customers[0].peers.clear();
    census.apply_snapshot(at(6), vpnd.round);
    CHECK(all_kinds(census).back() == "removed");
}

TEST_CASE("another company under the id, after a restart, owns nothing of before") {
    const Disk disk;
    {
        const auto store = disk.open();
        Census census;
        begin_with(census, *store);
        Vpnd vpnd;
        key_of(vpnd.peer()) = "key 1";
        census.apply_snapshot(at(0), vpnd.round);
        vpnd.handshake(0);
        census.apply_snapshot(at(2), vpnd.round);
        write_all(census, *store);
    }
    const auto store = disk.open();
    Census census;
    begin_with(census, *store);
    Vpnd vpnd;
    key_of(vpnd.peer()) = "key of another company";
    vpnd.customer().all_peers = true;
    census.apply_snapshot(at(100), vpnd.round);
    const auto own = census.events().find("acme", 0, UINT64_MAX, 10, [](const Event& one) { return !one.is_disowned; });
    CHECK(own.empty());
    write_all(census, *store);
    CHECK(events_of(*store, about("acme")).empty());
    CHECK(!events_of(*store, about("acme", true)).empty());
}
