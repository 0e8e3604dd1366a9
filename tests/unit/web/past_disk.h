// The database of the past on a disk of the test's own.
#pragma once

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "web/model/census.h"
#include "web/past/store.h"

namespace warren::test {

using web::Census;
using web::Event;
using web::EventKind;
using web::EventQuestion;
using web::PastFiles;
using web::PastStore;

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

inline Event event(std::uint64_t id, const std::string& customer, EventKind kind, const std::string& peer = "graz",
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

inline std::vector<Event> events_of(PastStore& store, EventQuestion question) {
    auto answer = store.answer(question);
    REQUIRE(answer);
    return std::get<std::vector<Event>>(*answer);
}

inline std::vector<std::uint64_t> ids_of(const std::vector<Event>& events) {
    std::vector<std::uint64_t> out;
    for (const Event& one : events) out.push_back(one.id);
    return out;
}

inline EventQuestion about(const std::string& customer, bool with_disowned = false) {
    EventQuestion out;
    if (!customer.empty()) out.customers = {customer};
    out.with_disowned = with_disowned;
    return out;
}

using Ids = std::vector<std::uint64_t>;

inline std::vector<std::string> all_kinds(const Census& census) {
    std::vector<std::string> out;
    for (const Event* one : census.events().find("acme", 0, UINT64_MAX, 100, [](const Event&) { return true; }))
        out.insert(out.begin(), std::string(name_of(one->kind)));
    return out;
}

// What one statusd sees, and the next one begins with.
inline void write_all(Census& census, PastStore& store) {
    REQUIRE(store.write(census.collect_past(0, 1000)));
}
inline void begin_with(Census& census, PastStore& store) {
    auto past = store.restore();
    REQUIRE(past);
    census.number_events_by_time();
    census.restore(std::move(*past));
}

}  // namespace warren::test
