// bench-past DIRECTORY [CUSTOMERS]: fills past.db there with 30 days of customers that all have traffic in every minute
// and ten events a day each, then times what statusd does with it. Needs 2 GB of disk.
#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "web/past/store.h"

namespace {

using namespace warren;
using namespace warren::web;

constexpr std::int64_t kNow = 1'764'500'000;  // seconds since 1970
constexpr std::int64_t kDays = 30;
constexpr std::int64_t kEventsADay = 10;

double seconds_of(const auto& work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

[[noreturn]] void stop(const std::string& why) {
    std::fprintf(stderr, "bench-past: %s\n", why.c_str());
    std::exit(1);
}

void check(const Status& status) {
    if (!status) stop(status.error().what);
}

std::unique_ptr<PastStore> open_store(const std::string& path) {
    const auto file = [](const std::string& name) {
        return UniqueFd(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    };
    auto store = PastStore::open(file(path), file(path + "-wal"));
    if (!store) stop(store.error().what);
    return std::move(*store);
}

std::string customer(std::int64_t number) {
    return fmt::format("customer-{}", number);
}

// What the store would have written in 30 days, without its syncs.
void fill(const std::string& path, std::int64_t customers) {
    sqlite3* database = nullptr;
    if (sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READWRITE, "unix") != SQLITE_OK) stop("cannot open it");
    const auto run = [database](const std::string& text) {
        if (sqlite3_exec(database, text.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
            stop(sqlite3_errmsg(database));
    };
    run("PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; BEGIN");
    for (const auto& [seconds, count] : {std::pair<std::int64_t, std::int64_t>{60, 120}, {300, 300}, {3600, 720}})
        run(
            fmt::format("WITH RECURSIVE step(s) AS (SELECT {0} UNION ALL SELECT s + 1 FROM step WHERE s < {1}), "
                        "c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < {2}) "
                        "INSERT INTO traffic_{3} SELECT s, n, abs(random()) % 1000000000, abs(random()) % 1000000000 "
                        "FROM step, c",
                        kNow / seconds - count, kNow / seconds - 1, customers, seconds));
    const std::int64_t events = kDays * kEventsADay * customers;
    run(
        fmt::format("WITH RECURSIVE e(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM e WHERE n < {0} - 1) "
                    "INSERT INTO event SELECT ({1} + n * {2}), ({1} + n * {2}) * 1000, "
                    "CASE n / {3} % 2 WHEN 0 THEN 'idle' ELSE 'online' END, n % {3} + 1, 'office-graz', '', '', "
                    "'online', 'idle' FROM e",
                    events, (kNow - kDays * 86'400) * 1'000'000, kDays * 86'400 * 1'000'000 / events, customers));
    run("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
    sqlite3_close(database);
}

void time_question(PastStore& store, const char* what, const PastQuestion& question) {
    const double took = seconds_of([&] {
        if (const auto answer = store.answer(question); !answer) stop(answer.error().what);
    });
    std::printf("%-52s %8.1f ms\n", what, took * 1000);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) stop("usage: bench-past DIRECTORY [CUSTOMERS]");
    const std::string path = std::string(argv[1]) + "/past.db";
    const std::int64_t customers = argc > 2 ? std::atoll(argv[2]) : 10'000;
    check(PastFiles::start_sqlite());
    PastBatch first;
    for (std::int64_t i = 1; i <= customers; ++i) first.keys[customer(i)] = {fmt::format("key of {}", i)};
    check(open_store(path)->write(first));
    std::printf("%-52s %8.1f s\n", "filled in", seconds_of([&] { fill(path, customers); }));
    struct stat about {};
    (void)::stat(path.c_str(), &about);
    std::printf("%-52s %8.1f MB\n", "size", static_cast<double>(about.st_size) / 1e6);

    std::unique_ptr<PastStore> store;
    std::printf("%-52s %8.1f ms\n", "open", seconds_of([&] { store = open_store(path); }) * 1000);
    std::printf("%-52s %8.1f ms\n", "restore", seconds_of([&] {
                                                   if (const auto past = store->restore(); !past)
                                                       stop(past.error().what);
                                               }) * 1000);
    PastBatch minute;
    minute.minutes.push_back({kNow / 60, {{}}});
    for (std::int64_t i = 1; i <= customers; ++i) minute.minutes[0].sums.push_back({customer(i), 1'000'000, 1'000'000});
    std::printf("%-52s %8.1f ms\n", "write a minute of all", seconds_of([&] { check(store->write(minute)); }) * 1000);
    PastBatch hour = minute;
    hour.minutes[0].minute = (kNow / 3600 + 1) * 60;
    std::printf("%-52s %8.1f ms\n", "write a minute that ends an hour",
                seconds_of([&] { check(store->write(hour)); }) * 1000);
    PastBatch few;
    for (std::uint64_t i = 0; i < 20; ++i)
        few.events.push_back({static_cast<std::uint64_t>(kNow) * 1'000'000 + i,
                              {kNow * 1'000'000'000},
                              EventKind::kOnline,
                              customer(static_cast<std::int64_t>(i) * 37 + 1),
                              "office-graz",
                              {},
                              "idle",
                              "online"});
    std::printf("%-52s %8.1f ms\n", "write 20 events", seconds_of([&] { check(store->write(few)); }) * 1000);

    const WallTime now{kNow * 1'000'000'000};
    const WallTime two_days{now.nanoseconds - 2 * 86'400 * 1'000'000'000LL};
    EventQuestion events;
    events.limit = 500;
    events.with_disowned = true;
    time_question(*store, "500 events of all", events);
    events.since = two_days;
    events.kind = EventKind::kIdle;
    time_question(*store, "500 idle ones of the last two days", events);
    events.until = WallTime{two_days.nanoseconds + 3'600'000'000'000};
    time_question(*store, "one hour, two days ago", events);
    events = {};
    events.customers = {customer(customers / 2)};
    events.limit = 500;
    time_question(*store, "all events of a customer", events);
    events.kind = EventKind::kRoamed;
    time_question(*store, "those of a kind that it has none of", events);
    OutageQuestion outages{{customer(customers / 2)}, false, {}, {}, now, 500};
    time_question(*store, "all outages of a customer", outages);
    outages.customers.clear();
    outages.since = two_days;
    time_question(*store, "outages of all, the last two days", outages);
    for (const TrafficRange range : {TrafficRange::kHour, TrafficRange::kDay, TrafficRange::kMonth})
        time_question(*store,
                      fmt::format("a customer's traffic, {}", kTrafficRanges[static_cast<std::size_t>(range)]).c_str(),
                      traffic_question(customer(customers / 3), range, now));
    std::printf("%-52s %8.1f ms\n", "throw away what is too old, one piece",
                seconds_of([&] {
                    if (const auto more = store->trim({now.nanoseconds + 86'400'000'000'000}); !more)
                        stop(more.error().what);
                }) * 1000);
    return 0;
}
