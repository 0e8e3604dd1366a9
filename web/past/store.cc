#include "web/past/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace warren::web {

namespace {

// "warn" in ASCII: another program's database has another number here.
constexpr std::int64_t kApplication = 0x7761726e;
constexpr std::int64_t kVersion = 1;

// A customer of any time has a number, and events and sums have numbers: so a renamed one is one row, and a new company
// under an old id begins with nothing; no number is ever used again. Sums are in the order in which they are written: a
// minute of 10,000 customers is one piece of the disk. Number 0 is all customers together.
constexpr std::string_view kTables = R"(
CREATE TABLE customer (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL,
  is_former INTEGER NOT NULL, keys TEXT NOT NULL);
CREATE INDEX customer_by_id ON customer (id);
CREATE TABLE event (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, customer INTEGER NOT NULL,
  peer TEXT NOT NULL, connection TEXT NOT NULL, reason TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL);
CREATE INDEX event_by_customer ON event (customer, id);
CREATE TABLE state (customer INTEGER NOT NULL, is_connection INTEGER NOT NULL, name TEXT NOT NULL,
  state TEXT NOT NULL, since INTEGER NOT NULL, PRIMARY KEY (customer, is_connection, name)) WITHOUT ROWID;
CREATE TABLE traffic_60 (step INTEGER NOT NULL, customer INTEGER NOT NULL, rx INTEGER NOT NULL, tx INTEGER NOT NULL,
  PRIMARY KEY (step, customer)) WITHOUT ROWID;
CREATE TABLE traffic_300 (step INTEGER NOT NULL, customer INTEGER NOT NULL, rx INTEGER NOT NULL, tx INTEGER NOT NULL,
  PRIMARY KEY (step, customer)) WITHOUT ROWID;
CREATE TABLE traffic_3600 (step INTEGER NOT NULL, customer INTEGER NOT NULL, rx INTEGER NOT NULL, tx INTEGER NOT NULL,
  PRIMARY KEY (step, customer)) WITHOUT ROWID;
)";

// How long sums of so many seconds are kept: what the charts show, and a little more.
struct Level {
    std::int64_t seconds;
    std::int64_t kept_seconds;
};
constexpr std::array<Level, 3> kLevels{Level{60, 2 * 3600}, Level{300, 25 * 3600}, Level{3600, 30 * 24 * 3600}};

constexpr std::int64_t kSlack = 3'600'000'000;  // microseconds: so far may an id be after its event's time
constexpr std::int64_t kEventsAtOnce = 5000;
constexpr std::int64_t kStepsAtOnce = 20;
constexpr std::size_t kFewOutageEvents = 20'000;
constexpr std::size_t kMostOutageEvents = 200'000;

constexpr std::string_view kEventColumns =
    "event.id, at, kind, customer.id, peer, connection, reason, before, after, is_former";

std::string text_of(const std::set<std::string>& keys) {
    std::string out;
    for (const std::string& key : keys) out.append(out.empty() ? "" : "\n").append(key);
    return out;
}

std::set<std::string> keys_of(const std::string& text) {
    std::set<std::string> out;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        out.insert(text.substr(at, end - at));
        at = end + 1;
    }
    return out;
}

// An unknown kind is of a later version: nothing.
std::optional<Event> event_of(const Statement& row) {
    Event out;
    if (!parse_event_kind(row.text(2), out.kind)) return std::nullopt;
    out.id = static_cast<std::uint64_t>(row.number(0));
    out.at.nanoseconds = row.number(1);
    out.customer = row.text(3);
    out.peer = row.text(4);
    out.connection = row.text(5);
    out.reason = row.text(6);
    out.from = row.text(7);
    out.to = row.text(8);
    out.is_disowned = row.number(9) != 0;
    return out;
}

std::int64_t id_of(std::uint64_t id) {
    return static_cast<std::int64_t>(std::min<std::uint64_t>(id, INT64_MAX));
}

// The numbers come from our own table.
std::string list_of(const std::vector<std::int64_t>& numbers) {
    return fmt::format("({})", fmt::join(numbers, ", "));
}

}  // namespace

Result<std::unique_ptr<PastStore>> PastStore::open(UniqueFd database, UniqueFd log, std::int64_t most_pages) {
    std::unique_ptr<PastStore> out(new PastStore(std::move(database), std::move(log)));
    WARREN_TRY(out->prepare(most_pages));
    WARREN_TRY(out->read_numbers());
    return out;
}

Status PastStore::prepare(std::int64_t most_pages) {
    auto opened = Database::open();
    if (!opened) return tl::unexpected<Error>(opened.error());
    database_ = std::move(*opened);
    most_pages_ = most_pages;
    // EXCLUSIVE before the log is first read: there is no shared memory. FULL: a commit is on the disk.
    WARREN_TRY(
        database_.run("PRAGMA locking_mode = EXCLUSIVE; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;"
                      "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"));
    const auto application = database_.number("PRAGMA application_id");
    if (!application) return tl::unexpected<Error>(application.error());
    const auto tables = database_.number("SELECT count(*) FROM sqlite_schema");
    if (!tables) return tl::unexpected<Error>(tables.error());
    const bool is_new = *application == 0 && *tables == 0;
    if (!is_new && *application != kApplication)
        return fail(ErrorCode::kInvalid, "it is the database of another program");
    // A new one: without a rollback journal, which would be a file.
    if (is_new) WARREN_TRY(database_.run("PRAGMA page_size = 4096; PRAGMA journal_mode = MEMORY;"));
    WARREN_TRY(
        database_.run(fmt::format("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                                  "PRAGMA max_page_count = {}; PRAGMA journal_size_limit = 16777216;",
                                  most_pages)));
    if (is_new) {
        auto transaction = Transaction::begin(database_);
        if (!transaction) return tl::unexpected<Error>(transaction.error());
        WARREN_TRY(database_.run(std::string(kTables)));
        WARREN_TRY(database_.run(
            fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {};", kApplication, kVersion)));
        WARREN_TRY(transaction->commit());
    }
    const auto version = database_.number("PRAGMA user_version");
    if (!version) return tl::unexpected<Error>(version.error());
    if (*version > kVersion)
        return fail(ErrorCode::kUnsupported, fmt::format("it is of a later version of Warren (layout {})", *version));
    if (*version != kVersion)
        return fail(ErrorCode::kInvalid,
                    fmt::format("it has the layout {}; this version reads {}", *version, kVersion));
    // Finds what a broken disk did to the pages that hold everything together, in a time that does not grow.
    WARREN_TRY(
        database_.run("SELECT count(*) FROM customer; SELECT max(id) FROM event; SELECT max(step) FROM "
                      "traffic_3600;"));

    WARREN_TRY(database_.run("CREATE TABLE IF NOT EXISTS ahead (id INTEGER NOT NULL)"));
    const auto ahead = database_.number("SELECT max(id) FROM ahead");
    if (!ahead) return tl::unexpected<Error>(ahead.error());
    ahead_ = *ahead;

    const auto make = [&](Statement& to, std::string_view text) -> Status {
        auto made = database_.prepare(text);
        if (!made) return tl::unexpected<Error>(made.error());
        to = std::move(*made);
        return {};
    };
    WARREN_TRY(make(add_event_, "INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    WARREN_TRY(make(add_state_, "INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?, ?)"));
    WARREN_TRY(make(drop_state_, "DELETE FROM state WHERE customer = ? AND is_connection = ? AND name = ?"));
    WARREN_TRY(make(rename_state_,
                    "UPDATE OR REPLACE state SET name = ? WHERE customer = ? AND is_connection = 0 AND name = ?"));
    WARREN_TRY(make(add_minute_,
                    "INSERT INTO traffic_60 VALUES (?, ?, ?, ?) "
                    "ON CONFLICT DO UPDATE SET rx = rx + excluded.rx, tx = tx + excluded.tx"));
    return {};
}

Status PastStore::read_numbers() {
    auto rows = database_.prepare("SELECT number, id, is_former FROM customer ORDER BY number");
    if (!rows) return tl::unexpected<Error>(rows.error());
    while (true) {
        const auto row = rows->step();
        if (!row) return tl::unexpected<Error>(row.error());
        if (!*row) return {};
        (rows->number(2) != 0 ? former_ : present_)[rows->text(1)] = rows->number(0);
    }
}

Result<RestoredPast> PastStore::restore() {
    RestoredPast out;
    auto events =
        database_.prepare(fmt::format("SELECT {} FROM event LEFT JOIN customer ON number = customer "
                                      "ORDER BY event.id DESC LIMIT {}",
                                      kEventColumns, kRestored));
    if (!events) return tl::unexpected<Error>(events.error());
    while (true) {
        const auto row = events->step();
        if (!row) return tl::unexpected<Error>(row.error());
        if (!*row) break;
        if (auto event = event_of(*events)) out.events.push_back(std::move(*event));
    }
    std::reverse(out.events.begin(), out.events.end());
    const auto last = database_.number("SELECT max(id) FROM event");
    if (!last) return tl::unexpected<Error>(last.error());
    out.last_event = static_cast<std::uint64_t>(*last);
    auto keys = database_.prepare("SELECT id, keys FROM customer WHERE is_former = 0");
    if (!keys) return tl::unexpected<Error>(keys.error());
    while (true) {
        const auto row = keys->step();
        if (!row) return tl::unexpected<Error>(row.error());
        if (!*row) break;
        out.keys[keys->text(0)] = keys_of(keys->text(1));
    }
    auto states = database_.prepare(
        "SELECT id, name, is_connection, state, since FROM state JOIN customer ON number = "
        "customer WHERE is_former = 0");
    if (!states) return tl::unexpected<Error>(states.error());
    while (true) {
        const auto row = states->step();
        if (!row) return tl::unexpected<Error>(row.error());
        if (!*row) break;
        out.states.push_back(
            {states->text(0), states->text(1), states->number(2) != 0, states->text(3), {states->number(4)}});
    }
    return out;
}

// --- writing ---

Status PastStore::write(const PastBatch& batch) {
    const Numbers present = present_;
    const Numbers former = former_;
    const auto all = [&]() -> Status {
        auto transaction = Transaction::begin(database_);
        if (!transaction) return tl::unexpected<Error>(transaction.error());
        for (const IdentityStep& step : batch.steps) WARREN_TRY(take_step(step));
        for (const auto& [customer, keys] : batch.keys) {
            const auto number = number_of(customer, false);
            if (!number) return tl::unexpected<Error>(number.error());
            auto update = database_.prepare("UPDATE customer SET keys = ? WHERE number = ?");
            if (!update) return tl::unexpected<Error>(update.error());
            WARREN_TRY(update->bind(1, text_of(keys)).bind(2, *number).run());
        }
        if (batch.has_all_states) WARREN_TRY(database_.run("DELETE FROM state"));
        for (const PastState& state : batch.states) {
            const auto number = number_of(state.customer, false);
            if (!number) return tl::unexpected<Error>(number.error());
            WARREN_TRY(write_state(state, *number));
        }
        for (const Event& event : batch.events) WARREN_TRY(write_event(event));
        WARREN_TRY(write_ahead(batch.events));
        for (const PastMinute& minute : batch.minutes) WARREN_TRY(write_minute(minute));
        return transaction->commit();
    };
    Status written = all();
    if (!written) {
        present_ = present;
        former_ = former;
    }
    return written;
}

Status PastStore::take_step(const IdentityStep& step) {
    // As rename_keys(): all at once; who had a new id that nobody gives up is another company.
    std::map<std::string, std::int64_t> moved;
    for (const Rename& rename : step.renames) {
        const auto found = present_.find(rename.from);
        if (found == present_.end()) continue;
        moved[rename.to] = found->second;
        present_.erase(found);
    }
    for (const Rename& rename : step.renames) WARREN_TRY(give_up(rename.to));
    for (const auto& [id, number] : moved) {
        auto update = database_.prepare("UPDATE customer SET id = ? WHERE number = ?");
        if (!update) return tl::unexpected<Error>(update.error());
        WARREN_TRY(update->bind(1, id).bind(2, number).run());
        present_[id] = number;
    }
    for (const std::string& customer : step.disowned) WARREN_TRY(give_up(customer));
    return {};
}

Status PastStore::give_up(const std::string& customer) {
    const auto found = present_.extract(customer);
    if (found.empty()) return {};
    for (const char* text :
         {"UPDATE customer SET is_former = 1, keys = '' WHERE number = ?", "DELETE FROM state WHERE customer = ?"}) {
        auto update = database_.prepare(text);
        if (!update) return tl::unexpected<Error>(update.error());
        WARREN_TRY(update->bind(1, found.mapped()).run());
    }
    former_[customer] = found.mapped();
    return {};
}

Result<std::int64_t> PastStore::add_customer(const std::string& customer, bool is_former) {
    auto insert = database_.prepare("INSERT INTO customer (id, is_former, keys) VALUES (?, ?, '')");
    if (!insert) return tl::unexpected<Error>(insert.error());
    WARREN_TRY(insert->bind(1, customer).bind(2, is_former ? 1 : 0).run());
    return database_.number("SELECT last_insert_rowid()");
}

Result<std::int64_t> PastStore::number_of(const std::string& customer, bool is_former) {
    if (customer.empty()) return 0;
    Numbers& numbers = is_former ? former_ : present_;
    const auto found = numbers.find(customer);
    if (found != numbers.end()) return found->second;
    auto number = add_customer(customer, is_former);
    if (number) numbers[customer] = *number;
    return number;
}

Status PastStore::write_state(const PastState& state, std::int64_t customer) {
    return add_state_.bind(1, customer)
        .bind(2, state.is_connection ? 1 : 0)
        .bind(3, state.name)
        .bind(4, state.state)
        .bind(5, state.since.nanoseconds)
        .run();
}

Status PastStore::write_event(const Event& event) {
    const auto number = number_of(event.customer, event.is_disowned);
    if (!number) return tl::unexpected<Error>(number.error());
    add_event_.bind(1, id_of(event.id)).bind(2, event.at.nanoseconds).bind(3, name_of(event.kind)).bind(4, *number);
    add_event_.bind(5, event.peer).bind(6, event.connection).bind(7, event.reason).bind(8, event.from);
    WARREN_TRY(add_event_.bind(9, event.to).run());
    if (event.customer.empty() || event.is_disowned) return {};
    const bool is_connection = !event.connection.empty();
    const std::string& name = is_connection ? event.connection : event.peer;
    switch (event.kind) {
        case EventKind::kOnline:
        case EventKind::kIdle:
        case EventKind::kUp:
        case EventKind::kDown:
        case EventKind::kPeerDead:
        case EventKind::kExpired:
            return write_state({event.customer, name, is_connection, event.to, event.at}, *number);
        case EventKind::kRemoved:
            if (!name.empty()) return drop_state_.bind(1, *number).bind(2, is_connection ? 1 : 0).bind(3, name).run();
            return database_.run(fmt::format("DELETE FROM state WHERE customer = {}", *number));
        case EventKind::kRenamed:
            if (event.peer.empty()) return {};
            return rename_state_.bind(1, event.to).bind(2, *number).bind(3, event.from).run();
        default: return {};
    }
}

Status PastStore::write_ahead(const std::vector<Event>& events) {
    std::int64_t ahead = ahead_;
    for (const Event& event : events) {
        if (id_of(event.id) - event.at.nanoseconds / 1000 > kSlack) ahead = std::max(ahead, id_of(event.id));
    }
    if (ahead == ahead_) return {};
    WARREN_TRY(database_.run(fmt::format("DELETE FROM ahead; INSERT INTO ahead VALUES ({})", ahead)));
    ahead_ = ahead;  // too high is harmless, should the batch not be written
    return {};
}

Status PastStore::write_minute(const PastMinute& minute) {
    for (const PastMinute::Sum& sum : minute.sums) {
        const auto number = number_of(sum.customer, false);
        if (!number) return tl::unexpected<Error>(number.error());
        add_minute_.bind(1, minute.minute).bind(2, *number).bind(3, static_cast<std::int64_t>(sum.rx));
        WARREN_TRY(add_minute_.bind(4, static_cast<std::int64_t>(sum.tx)).run());
    }
    return roll_up(minute.minute);
}

// The longer steps that are complete before this minute, from the shorter ones: those that a restart left out too.
Status PastStore::roll_up(std::int64_t minute) {
    for (std::size_t i = 1; i < kLevels.size(); ++i) {
        const std::int64_t fine = kLevels[i - 1].seconds;
        const std::int64_t coarse = kLevels[i].seconds;
        const std::int64_t factor = coarse / fine;
        const std::int64_t end = minute * 60 / coarse;  // the first incomplete one
        // Not those of a clock that was ahead.
        const auto done =
            database_.number(fmt::format("SELECT max(step) FROM traffic_{} WHERE step < {}", coarse, end));
        if (!done) return tl::unexpected<Error>(done.error());
        const auto oldest = database_.number(
            fmt::format("SELECT min(step) FROM traffic_{} WHERE step >= {}", fine, (*done + 1) * factor));
        if (!oldest) return tl::unexpected<Error>(oldest.error());
        const std::int64_t begin = std::max(*done + 1, *oldest / factor);
        if (begin >= end) continue;
        WARREN_TRY(database_.run(fmt::format(
            "INSERT OR REPLACE INTO traffic_{0} SELECT step / {1}, customer, sum(rx), sum(tx) FROM traffic_{2} "
            "WHERE step >= {3} AND step < {4} GROUP BY 1, 2",
            coarse, factor, fine, begin * factor, end * factor)));
    }
    return {};
}

// --- answering ---

Result<PastAnswer> PastStore::answer(const PastQuestion& question) {
    return std::visit([this](const auto& one) { return find(one); }, question);
}

Result<std::vector<std::int64_t>> PastStore::numbers_of(const std::vector<std::string>& customers, bool with_former) {
    std::vector<std::int64_t> out;
    auto rows = database_.prepare("SELECT number FROM customer WHERE id = ? AND is_former <= ?");
    if (!rows) return tl::unexpected<Error>(rows.error());
    for (const std::string& customer : customers) {
        rows->bind(1, customer).bind(2, with_former ? 1 : 0);
        while (true) {
            const auto row = rows->step();
            if (!row) return tl::unexpected<Error>(row.error());
            if (!*row) break;
            out.push_back(rows->number(0));
        }
        rows->reset();
    }
    return out;
}

// No event until then has this id or a higher one. Nothing: that is not known.
std::optional<std::uint64_t> PastStore::id_bound(const std::optional<WallTime>& until) const {
    if (!until || until->nanoseconds < 0 || until->nanoseconds / 1000 >= INT64_MAX - kSlack) return std::nullopt;
    const std::int64_t bound = until->nanoseconds / 1000 + kSlack;
    // While a clock that was ahead is caught up with, ids count on from then.
    if (ahead_ >= bound) return std::nullopt;
    return static_cast<std::uint64_t>(bound);
}

Result<PastAnswer> PastStore::find(const EventQuestion& question) {
    const auto numbers = numbers_of(question.customers, question.with_disowned);
    if (!numbers) return tl::unexpected<Error>(numbers.error());
    std::string wanted = "event.id < ?1";
    // An id is never below its event's time, and rarely much above: a bound by the key, before each row is looked at.
    if (question.since) wanted += " AND event.id >= ?2 AND at >= ?3";
    if (question.until) wanted += " AND at <= ?4";
    if (question.kind) wanted += " AND kind = ?5";
    if (question.peer) wanted += " AND peer = ?6";
    if (question.connection) wanted += " AND connection = ?7";
    if (!question.customers.empty()) wanted += " AND event.customer IN " + list_of(*numbers);
    if (!question.with_disowned) wanted += " AND coalesce(is_former, 0) = 0";
    auto rows =
        database_.prepare(fmt::format("SELECT {} FROM event LEFT JOIN customer ON number = customer WHERE {} "
                                      "ORDER BY event.id DESC LIMIT ?8",
                                      kEventColumns, wanted));
    if (!rows) return tl::unexpected<Error>(rows.error());
    std::uint64_t before = question.before;
    if (const auto bound = id_bound(question.until)) before = std::min(before, *bound);
    rows->bind(1, id_of(before)).bind(8, static_cast<std::int64_t>(question.limit));
    if (question.since) rows->bind(2, question.since->nanoseconds / 1000).bind(3, question.since->nanoseconds);
    if (question.until) rows->bind(4, question.until->nanoseconds);
    if (question.kind) rows->bind(5, name_of(*question.kind));
    if (question.peer) rows->bind(6, *question.peer);
    if (question.connection) rows->bind(7, *question.connection);
    std::vector<Event> out;
    while (true) {
        const auto row = rows->step();
        if (!row) return tl::unexpected<Error>(row.error());
        if (!*row) break;
        if (auto event = event_of(*rows)) out.push_back(std::move(*event));
    }
    return out;
}

Status PastStore::read_open(OutageReader& reader, const OutageQuestion& question,
                            const std::vector<std::int64_t>& numbers, std::int64_t before) {
    auto rows = database_.prepare(fmt::format(
        "SELECT id, name, is_connection, since FROM state JOIN customer ON number = state.customer WHERE is_former = 0 "
        "AND state IN ('idle', 'down') AND since > 0 AND since < ? AND since <= ? {}",
        question.customers.empty() ? "" : "AND state.customer IN " + list_of(numbers)));
    if (!rows) return tl::unexpected<Error>(rows.error());
    rows->bind(1, before).bind(2, question.until.nanoseconds);
    while (true) {
        const auto row = rows->step();
        if (!row) return tl::unexpected<Error>(row.error());
        if (!*row) return {};
        const bool is_connection = rows->number(2) != 0;
        const std::string name = rows->text(1);
        reader.add({0,
                    WallTime{rows->number(3)},
                    EventKind::kDown,
                    rows->text(0),
                    is_connection ? "" : name,
                    {},
                    {},
                    {},
                    is_connection ? name : ""});
    }
}

Result<PastAnswer> PastStore::find(const OutageQuestion& question) {
    const auto numbers = numbers_of(question.customers, question.with_disowned);
    if (!numbers) return tl::unexpected<Error>(numbers.error());
    // Also from before `since`: what was down then may still have been. The latest outages are those that began last,
    // so the latest events are enough when they have more outages than are asked for.
    auto rows = database_.prepare(fmt::format(
        "SELECT {} FROM event LEFT JOIN customer ON number = customer WHERE kind IN ('online', 'idle', 'up', 'down', "
        "'peer_dead', 'expired', 'removed', 'renamed') AND event.id < ?2 AND at <= ?3 {} {} ORDER BY event.id DESC "
        "LIMIT ?1",
        kEventColumns, question.customers.empty() ? "" : "AND event.customer IN " + list_of(*numbers),
        question.with_disowned ? "" : "AND coalesce(is_former, 0) = 0"));
    if (!rows) return tl::unexpected<Error>(rows.error());
    for (const std::size_t most : {kFewOutageEvents, kMostOutageEvents}) {
        rows->bind(1, static_cast<std::int64_t>(most));
        rows->bind(2, id_of(id_bound(question.until).value_or(INT64_MAX))).bind(3, question.until.nanoseconds);
        std::vector<Event> events;
        while (true) {
            const auto row = rows->step();
            if (!row) return tl::unexpected<Error>(row.error());
            if (!*row) break;
            if (auto event = event_of(*rows)) events.push_back(std::move(*event));
        }
        rows->reset();
        OutageReader reader;
        WARREN_TRY(read_open(reader, question, *numbers, events.empty() ? INT64_MAX : events.back().at.nanoseconds));
        for (auto event = events.rbegin(); event != events.rend(); ++event) reader.add(*event);
        OutageAnswer out = select_outages(reader, question);
        if (out.has_more || events.size() < most) return out;
        if (most < kMostOutageEvents) continue;
        out.has_more = true;
        return out;
    }
    return OutageAnswer{};
}

Result<PastAnswer> PastStore::find(const TrafficQuestion& question) {
    const TrafficSteps steps = steps_of(question.range);
    std::int64_t number = 0;
    if (!question.customer.empty()) {
        const auto found = present_.find(question.customer);
        number = found == present_.end() ? -1 : found->second;
    }
    auto rows =
        database_.prepare(fmt::format("SELECT rx, tx FROM traffic_{} WHERE step = ? AND customer = ?", steps.seconds));
    if (!rows) return tl::unexpected<Error>(rows.error());
    TrafficAnswer out;
    const auto read = [&](std::int64_t step, std::int64_t customer) -> Result<bool> {
        rows->reset();
        rows->bind(1, step).bind(2, customer);
        return rows->step();
    };
    for (std::int64_t step = question.first_step; step < question.first_step + steps.count; ++step) {
        auto& value = out.bytes.emplace_back();
        const auto counted = read(step, 0);
        if (!counted) return tl::unexpected<Error>(counted.error());
        if (!*counted) continue;
        value.emplace(0, 0);
        const auto row = number == 0 ? counted : read(step, number);
        if (!row) return tl::unexpected<Error>(row.error());
        if (*row) value.emplace(rows->number(0), rows->number(1));
    }
    return out;
}

// --- throwing away ---

Result<std::int64_t> PastStore::trim_events(std::int64_t before, std::int64_t now) {
    // In the order in which they came, which is that of ids whatever the clock did.
    WARREN_TRY(database_.run(fmt::format(
        "DELETE FROM event WHERE id IN (SELECT id FROM (SELECT id, at FROM event WHERE at <= {} ORDER BY id LIMIT {}) "
        "WHERE at < {})",
        now, kEventsAtOnce, before)));
    return database_.number("SELECT changes()");
}

Status PastStore::delete_later_steps(std::int64_t seconds) {
    for (const Level& level : kLevels) {
        WARREN_TRY(database_.run(
            fmt::format("DELETE FROM traffic_{} WHERE step > {}", level.seconds, seconds / level.seconds + 1)));
    }
    return {};
}

Result<bool> PastStore::trim(WallTime now, Clock clock) {
    auto transaction = Transaction::begin(database_);
    if (!transaction) return tl::unexpected<Error>(transaction.error());
    const auto pages = database_.number("PRAGMA page_count");
    const auto unused = database_.number("PRAGMA freelist_count");
    if (!pages || !unused) return tl::unexpected<Error>((pages ? unused : pages).error());
    const bool is_too_large = *pages - *unused > most_pages_ / 10 * 9;
    const std::int64_t seconds = now.nanoseconds / 1'000'000'000;
    const bool is_doubtful = clock == Clock::kDoubtful;
    if (clock == Clock::kTrueAfterAhead) WARREN_TRY(delete_later_steps(seconds));
    const std::int64_t oldest = is_doubtful ? INT64_MIN : now.nanoseconds - Duration(kPastKept).count();
    const auto events = is_too_large ? trim_events(INT64_MAX, INT64_MAX) : trim_events(oldest, now.nanoseconds);
    if (!events) return tl::unexpected<Error>(events.error());
    bool has_more = *events == kEventsAtOnce;
    for (const Level& level : kLevels) {
        const auto first = database_.number(fmt::format("SELECT min(step) FROM traffic_{}", level.seconds));
        if (!first) return tl::unexpected<Error>(first.error());
        std::int64_t end = is_doubtful ? 0 : (seconds - level.kept_seconds) / level.seconds;
        if (is_too_large && level.seconds == kLevels.back().seconds) end = std::max(end, *first + kStepsAtOnce);
        if (*first == 0 || *first >= end) continue;
        WARREN_TRY(database_.run(fmt::format("DELETE FROM traffic_{} WHERE step < {}", level.seconds,
                                             std::min(end, *first + kStepsAtOnce))));
        has_more = has_more || end > *first + kStepsAtOnce;
    }
    // Nobody's any more, and nothing is left of them.
    WARREN_TRY(database_.run(
        "DELETE FROM customer WHERE is_former = 1 AND NOT EXISTS (SELECT 1 FROM event WHERE customer = number)"));
    const auto forgotten = database_.number("SELECT changes()");
    if (!forgotten) return tl::unexpected<Error>(forgotten.error());
    WARREN_TRY(transaction->commit());
    if (*forgotten > 0) {
        former_.clear();
        WARREN_TRY(read_numbers());
    }
    return has_more || is_too_large;
}

}  // namespace warren::web
