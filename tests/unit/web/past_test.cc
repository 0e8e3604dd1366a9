// The database of the past: what survives, what is forgotten, whose it is, and what a bad file does.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "tests/unit/web/vpnd_rounds.h"
#include "web/model/census.h"
#include "web/past/store.h"

using namespace warren;
using namespace warren::web;
using namespace warren::test;

namespace {

// Two files without a name, as stackd gives them to statusd.
struct Disk {
    UniqueFd database{::memfd_create("past", 0)};
    UniqueFd log{::memfd_create("past-wal", 0)};

    Result<std::unique_ptr<PastStore>> try_open(std::int64_t most_pages = PastStore::kMostPages) const {
        REQUIRE(PastFiles::start_sqlite());
        return PastStore::open(UniqueFd(::dup(database.get())), UniqueFd(::dup(log.get())), most_pages);
    }
    std::unique_ptr<PastStore> open(std::int64_t most_pages = PastStore::kMostPages) const {
        auto store = try_open(most_pages);
        REQUIRE_MESSAGE(store, (store ? "" : store.error().what));
        return std::move(*store);
    }
    // What a power cut would leave: the files as they are while a store has them open.
    Disk copy() const {
        Disk out;
        for (const auto& [from, to] : {std::pair{&database, &out.database}, std::pair{&log, &out.log}}) {
            std::vector<char> bytes(1 << 16);
            off_t at = 0;
            for (ssize_t count = 0; (count = ::pread(from->get(), bytes.data(), bytes.size(), at)) > 0; at += count)
                REQUIRE(::pwrite(to->get(), bytes.data(), static_cast<std::size_t>(count), at) == count);
        }
        return out;
    }
};

Event event(std::uint64_t id, const std::string& customer, EventKind kind, const std::string& peer = "graz",
            std::string from = {}, std::string to = {}, std::string reason = {}) {
    return {id,
            WallTime{static_cast<std::int64_t>(id) * 1000},
            kind,
            customer,
            peer,
            std::move(reason),
            std::move(from),
            std::move(to)};
}

std::vector<Event> events_of(PastStore& store, EventQuestion question) {
    auto answer = store.answer(question);
    REQUIRE(answer);
    return std::get<std::vector<Event>>(*answer);
}

std::vector<std::uint64_t> ids_of(const std::vector<Event>& events) {
    std::vector<std::uint64_t> out;
    for (const Event& one : events) out.push_back(one.id);
    return out;
}

EventQuestion about(const std::string& customer, bool with_disowned = false) {
    EventQuestion out;
    if (!customer.empty()) out.customers = {customer};
    out.with_disowned = with_disowned;
    return out;
}

using Ids = std::vector<std::uint64_t>;

std::vector<std::string> all_kinds(const Census& census) {
    std::vector<std::string> out;
    for (const Event* one : census.events().find("acme", 0, UINT64_MAX, 100, [](const Event&) { return true; }))
        out.insert(out.begin(), std::string(name_of(one->kind)));
    return out;
}

// What one statusd sees, and the next one begins with.
void write_all(Census& census, PastStore& store) {
    REQUIRE(store.write(census.collect_past(0, 1000)));
}
void begin_with(Census& census, PastStore& store) {
    auto past = store.restore();
    REQUIRE(past);
    census.number_events_by_time();
    census.restore(std::move(*past));
}

}  // namespace

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

TEST_CASE("minutes add up to five minutes and hours, also over a restart in between") {
    const Disk disk;
    const std::int64_t begin = 28'333'320;  // a minute at the beginning of an hour
    auto store = disk.open();
    for (std::int64_t minute = 0; minute <= 61; ++minute) {
        if (minute == 30) {
            store.reset();
            store = disk.open();
        }
        PastBatch batch;
        batch.minutes = {{begin + minute, {{"", 100, 10}, {"acme", 60, 6}}}};
        REQUIRE(store->write(batch));
    }
    const auto sum = [&](const std::string& customer, TrafficRange range, std::int64_t step) {
        return std::get<TrafficAnswer>(*store->answer(TrafficQuestion{customer, range, step})).bytes.at(0);
    };
    using Sum = std::optional<std::pair<std::uint64_t, std::uint64_t>>;
    CHECK(sum("acme", TrafficRange::kHour, begin + 7) == Sum({60, 6}));
    CHECK(sum("acme", TrafficRange::kDay, begin / 5) == Sum({300, 30}));
    CHECK(sum("acme", TrafficRange::kDay, begin / 5 + 6) == Sum({300, 30}));
    CHECK(sum("acme", TrafficRange::kMonth, begin / 60) == Sum({3600, 360}));
    CHECK(sum("", TrafficRange::kWeek, begin / 60) == Sum({6000, 600}));
    CHECK(sum("globex", TrafficRange::kHour, begin + 7) == Sum({0, 0}));  // there was none
    CHECK(sum("acme", TrafficRange::kHour, begin - 1) == Sum());          // nobody counted
}

TEST_CASE("after a clock that was ahead, five minutes and hours go on, and a minute that comes twice is both") {
    const Disk disk;
    const std::int64_t begin = 28'333'320;
    const auto store = disk.open();
    PastBatch batch;
    const auto write = [&](std::int64_t minute) {
        batch.minutes = {{minute, {{"", 100, 10}, {"acme", 60, 6}}}};
        REQUIRE(store->write(batch));
    };
    constexpr std::int64_t kAhead = 60 * 24 * 100;
    for (std::int64_t minute = 0; minute <= 120; ++minute) write(begin + kAhead + minute);
    for (std::int64_t minute = 0; minute <= 121; ++minute) write(begin + minute);
    write(begin + 121);
    const auto sum = [&](TrafficRange range, std::int64_t step) {
        return std::get<TrafficAnswer>(*store->answer(TrafficQuestion{"acme", range, step})).bytes.at(0);
    };
    using Sum = std::optional<std::pair<std::uint64_t, std::uint64_t>>;
    CHECK(sum(TrafficRange::kDay, begin / 5 + 20) == Sum({300, 30}));
    CHECK(sum(TrafficRange::kMonth, begin / 60 + 1) == Sum({3600, 360}));
    CHECK(sum(TrafficRange::kHour, begin + 120) == Sum({60, 6}));
    CHECK(sum(TrafficRange::kHour, begin + 121) == Sum({120, 12}));
}

TEST_CASE("minutes that wait for the disk follow their customer, and a former one's are nobody's") {
    const Disk disk;
    const auto store = disk.open();
    Census census;
    begin_with(census, *store);
    Vpnd vpnd;
    vpnd.customer().all_peers = true;
    key_of(vpnd.peer()) = "key 1";
    std::int64_t second = 0;
    const auto see = [&] {
        vpnd.customer().activity.rx_bytes += 10;
        census.apply_snapshot(at(second += 2), vpnd.round);
    };
    see();
    // More minutes than may wait: those of an hour become one, and no byte is lost.
    for (std::int64_t minute = 0; minute < 100; ++minute) {
        see();
        census.end_minute(6000 + minute);
    }
    key_of(vpnd.peer()) = "key of another company";
    see();
    census.end_minute(6200);
    see();
    census.end_minute(6201);
    const PastBatch batch = census.collect_past(0, 1000);
    CHECK(batch.minutes.size() <= Census::kMostMinutes);
    std::uint64_t all = 0;
    std::uint64_t own = 0;
    for (const PastMinute& minute : batch.minutes) {
        REQUIRE(minute.sums.at(0).customer.empty());
        all += minute.sums[0].rx;
        for (const PastMinute::Sum& sum : minute.sums) own += sum.customer == "acme" ? sum.rx : 0;
    }
    CHECK(all == 1010);
    CHECK(own == 10);
    CHECK(census.collect_past(0, 1000).minutes.empty());
}

TEST_CASE("what is older than 30 days goes, and the rest stays") {
    const Disk disk;
    const auto store = disk.open();
    constexpr std::int64_t kDay = 86'400;
    const std::int64_t now = 1'700'000'000;
    const auto at_day = [&](std::int64_t days) { return static_cast<std::uint64_t>(now - days * kDay) * 1'000'000; };
    PastBatch batch;
    batch.events = {event(at_day(31), "acme", EventKind::kOnline), event(at_day(29), "acme", EventKind::kIdle)};
    batch.minutes = {{(now - 31 * kDay) / 60, {{"", 1, 1}}}, {now / 60, {{"", 1, 1}}}};
    REQUIRE(store->write(batch));
    while (*store->trim(WallTime{now * 1'000'000'000})) {
    }
    CHECK(ids_of(events_of(*store, about("acme"))) == Ids{at_day(29)});
    const auto first =
        std::get<TrafficAnswer>(*store->answer(TrafficQuestion{"", TrafficRange::kHour, (now - 31 * kDay) / 60}));
    CHECK(!first.bytes[0]);
}

TEST_CASE("a doubtful clock makes nothing old, and traffic of one that was ahead goes") {
    const Disk disk;
    auto store = disk.open();
    constexpr std::int64_t kDay = 86'400;
    const std::int64_t now = 1'700'000'000;
    const std::int64_t ahead = now + 400 * kDay;
    const auto id_at = [](std::int64_t seconds) { return static_cast<std::uint64_t>(seconds) * 1'000'000; };
    PastBatch batch;
    batch.events = {event(id_at(now - 5 * kDay), "acme", EventKind::kOnline),
                    event(id_at(ahead), "acme", EventKind::kIdle),
                    // The clock is right again, and ids go on.
                    event(id_at(ahead) + 1, "acme", EventKind::kOnline)};
    batch.events[2].at = {now * 1'000'000'000};
    batch.minutes = {{now / 60, {{"", 1, 1}}}, {ahead / 60, {{"", 1, 1}}}};
    REQUIRE(store->write(batch));
    REQUIRE(store->trim(WallTime{ahead * 1'000'000'000}, PastStore::Clock::kDoubtful));
    CHECK(events_of(*store, about("acme")).size() == 3);
    store.reset();
    store = disk.open();
    EventQuestion question = about("acme");
    question.until = WallTime{(now + kDay) * 1'000'000'000};
    CHECK(ids_of(events_of(*store, question)) == Ids{id_at(ahead) + 1, id_at(now - 5 * kDay)});
    REQUIRE(store->trim(WallTime{(now + 60) * 1'000'000'000}, PastStore::Clock::kTrueAfterAhead));
    CHECK(events_of(*store, about("acme")).size() == 3);
    REQUIRE(store->trim(WallTime{(now + 31 * kDay) * 1'000'000'000}));
    CHECK(ids_of(events_of(*store, about("acme"))) == Ids{id_at(ahead)});
    const auto counted = [&](std::int64_t minute) {
        return std::get<TrafficAnswer>(*store->answer(TrafficQuestion{"", TrafficRange::kHour, minute}))
            .bytes[0]
            .has_value();
    };
    CHECK(!counted(ahead / 60));
}

TEST_CASE("a database that is as large as it may be loses its oldest events, and takes new ones") {
    const Disk disk;
    constexpr std::int64_t kPages = 500;
    const auto store = disk.open(kPages);
    const WallTime now{1'700'000'000'000'000'000};
    std::uint64_t id = static_cast<std::uint64_t>(now.nanoseconds / 1000) - 10'000'000;
    bool was_full = false;
    for (int round = 0; round < 60; ++round) {
        PastBatch batch;
        for (int i = 0; i < 500; ++i)
            batch.events.push_back(event(++id, "acme", EventKind::kDrops, "", "", "", std::string(40, 'r')));
        while (true) {
            const Status written = store->write(batch);
            if (written) break;
            REQUIRE(written.error().code == ErrorCode::kUnavailable);
            was_full = true;
            REQUIRE(store->trim(now));
        }
        (void)store->trim(now);
    }
    CHECK(events_of(*store, about("acme")).front().id == id);
    CHECK(::lseek(disk.database.get(), 0, SEEK_END) <= kPages * 4096);
    (void)was_full;
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

TEST_CASE("more events at once than the census shows wait for the disk, and those beyond the bound are counted") {
    EventLog log;
    log.add(event(0, "acme", EventKind::kOnline));  // id 1: the database has it
    log.add(event(0, "acme", EventKind::kOnline));
    log.keep_unwritten(1);
    constexpr std::uint64_t kEvents = 100'000;
    while (log.last_id() < kEvents) log.add(event(0, "globex", EventKind::kIdle));
    log.disown({"globex"});
    log.rename({{"acme", "initech"}});
    std::uint64_t last = 1;
    for (std::vector<Event> some; !(some = log.take_unwritten(5000)).empty();) {
        for (const Event& one : some) {
            REQUIRE(one.id == ++last);
            REQUIRE(one.customer == (one.id == 2 ? "initech" : "globex"));
            REQUIRE(one.is_disowned == (one.id != 2));
        }
    }
    CHECK(last == kEvents);
    CHECK(log.take_dropped() == 0);
    for (std::size_t i = 0; i < EventLog::kMostUnwritten + 3; ++i) log.add(event(0, "acme", EventKind::kIdle));
    CHECK(log.take_dropped() == 3);
    CHECK(log.take_dropped() == 0);
    CHECK(log.take_unwritten(1).at(0).id == kEvents + 4);
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
