// The database of the past: what adds up, what waits, and what goes when.
#include <doctest/doctest.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/web/past_disk.h"
#include "tests/unit/web/vpnd_rounds.h"

using namespace warren;
using namespace warren::web;
using namespace warren::test;

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

TEST_CASE("what is down for longer than events are kept is down still, and outages end with the time asked for") {
    const Disk disk;
    const auto store = disk.open();
    constexpr std::int64_t kDay = 86'400;
    const std::int64_t now = 1'700'000'000;
    const auto id_at = [](std::int64_t seconds) { return static_cast<std::uint64_t>(seconds) * 1'000'000; };
    PastBatch batch;
    batch.events = {event(id_at(now - 40 * kDay), "acme", EventKind::kIdle, "graz", "online", "idle"),
                    event(id_at(now - 3 * kDay), "acme", EventKind::kIdle, "linz", "online", "idle"),
                    event(id_at(now - 2 * kDay), "acme", EventKind::kOnline, "linz", "idle", "online"),
                    event(id_at(now - kDay), "acme", EventKind::kIdle, "linz", "online", "idle")};
    REQUIRE(store->write(batch));
    REQUIRE(store->trim(WallTime{now * 1'000'000'000}));
    CHECK(events_of(*store, about("acme")).size() == 3);
    OutageQuestion question;
    question.customers = {"acme"};
    question.since = WallTime{(now - 10 * kDay) * 1'000'000'000};
    question.until = WallTime{(now - 2 * kDay) * 1'000'000'000};
    const auto outages = std::get<OutageAnswer>(*store->answer(question)).outages;
    REQUIRE(outages.size() == 2);
    CHECK(outages[0].peer == "linz");
    CHECK(outages[0].ended == WallTime{(now - 2 * kDay) * 1'000'000'000});
    CHECK(outages[1].peer == "graz");
    CHECK(outages[1].began == WallTime{(now - 40 * kDay) * 1'000'000'000});
    CHECK(!outages[1].ended);
    question.until = WallTime{now * 1'000'000'000};
    CHECK(std::get<OutageAnswer>(*store->answer(question)).outages.size() == 3);
}
