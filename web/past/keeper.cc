#include "web/past/keeper.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "web/past/store.h"

namespace warren::web {

namespace {

// The wall clock is believed once it has gone along with the other one for so long, but for slewing.
constexpr Duration kSteady = std::chrono::hours(1);
constexpr std::int64_t kJump = 10'000'000'000;  // nanoseconds
// Between two looks for what is too old; while there is more of it, a piece after each write.
constexpr Duration kTrim = std::chrono::minutes(10);

struct Open {
    UniqueFd database;
    UniqueFd log;
};
struct Write {
    PastBatch batch;
    Now now;
};
struct Ask {
    PastKeeper::Id id = 0;
    PastQuestion question;
};
using Order = std::variant<Open, Write, Ask>;

Error none_open() {
    return {ErrorCode::kUnavailable, "there is no database"};
}

}  // namespace

struct PastKeeper::Shared {
    std::mutex mutex;  // guards what follows up to `work`
    std::condition_variable changed;
    std::deque<Order> orders;
    std::vector<News> news;
    bool is_stopping = false;
    bool has_ended = false;
    // The thread's own.
    std::unique_ptr<PastStore> store;
    Instant trimmed = kLongAgo;
    bool has_more_to_trim = true;
    std::optional<Now> last;  // of the last write
    Instant steady_since = kLongAgo;
    bool was_ahead = false;  // the wall clock was set back

    UniqueFd readable;  // an eventfd

    PastStore::Clock judge(Now now) {
        const std::int64_t jump =
            last ? (now.wall.nanoseconds - last->wall.nanoseconds) - Duration(now.instant - last->instant).count() : 0;
        if (!last || jump > kJump || jump < -kJump) steady_since = now.instant;
        was_ahead = was_ahead || jump < -kJump;
        last = now;
        if (now.instant - steady_since < kSteady) return PastStore::Clock::kDoubtful;
        return was_ahead ? PastStore::Clock::kTrueAfterAhead : PastStore::Clock::kTrue;
    }
    News carry_out(Open& order) {
        store.reset();
        auto opened = PastStore::open(std::move(order.database), std::move(order.log));
        if (!opened) return Restored{tl::unexpected<Error>(opened.error())};
        store = std::move(*opened);
        auto past = store->restore();
        if (!past) store.reset();
        return Restored{std::move(past)};
    }
    News carry_out(Write& order) {
        if (store == nullptr) return Written{tl::unexpected(none_open())};
        Status written = store->write(order.batch);
        const PastStore::Clock clock = judge(order.now);
        if (written && (has_more_to_trim || order.now.instant - trimmed > kTrim)) {
            trimmed = order.now.instant;
            const auto more = store->trim(order.now.wall, clock);
            has_more_to_trim = more && *more;
            // The batch is written; what could not be thrown away is tried again, unless the file is of no use.
            if (!more && more.error().code == ErrorCode::kInvalid) written = tl::unexpected<Error>(more.error());
        }
        if (!written && written.error().code == ErrorCode::kUnavailable) {
            // Too large by itself: makes room for the next try. On a full disk it fails as well.
            (void)store->trim(order.now.wall, clock);
        }
        if (!written && written.error().code == ErrorCode::kInvalid) store.reset();
        return Written{std::move(written)};
    }
    News carry_out(Ask& order) {
        if (store == nullptr) return Answered{order.id, tl::unexpected(none_open())};
        Answered out{order.id, store->answer(order.question)};
        // A broken page that only a question meets.
        if (!out.answer && out.answer.error().code == ErrorCode::kInvalid) store.reset();
        return out;
    }
};

PastKeeper::PastKeeper() : shared_(std::make_shared<Shared>()) {
    shared_->readable = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    // It begins with no system call of its own: they may be restricted by the time it runs.
    std::thread([shared = shared_] { run(*shared); }).detach();
}

PastKeeper::~PastKeeper() {
    stop(Duration(0));
}

void PastKeeper::run(Shared& shared) {
    std::unique_lock lock(shared.mutex);
    while (true) {
        shared.changed.wait(lock, [&shared] { return !shared.orders.empty() || shared.is_stopping; });
        if (shared.orders.empty()) break;
        Order order = std::move(shared.orders.front());
        shared.orders.pop_front();
        lock.unlock();
        News news = std::visit([&shared](auto& one) { return shared.carry_out(one); }, order);
        lock.lock();
        shared.news.push_back(std::move(news));
        const std::uint64_t one = 1;
        (void)!::write(shared.readable.get(), &one, sizeof one);
    }
    lock.unlock();
    shared.store.reset();
    lock.lock();
    shared.has_ended = true;
    shared.changed.notify_all();
}

namespace {

void add(auto& shared, Order order) {
    {
        const std::scoped_lock lock(shared.mutex);
        shared.orders.push_back(std::move(order));
    }
    shared.changed.notify_all();
}

}  // namespace

void PastKeeper::open(UniqueFd database, UniqueFd log) {
    add(*shared_, Open{std::move(database), std::move(log)});
}

void PastKeeper::write(PastBatch batch, Now now) {
    is_writing_ = true;
    add(*shared_, Write{std::move(batch), now});
}

bool PastKeeper::ask(Id id, PastQuestion question) {
    if (questions_ >= kMostQuestions) return false;
    ++questions_;
    add(*shared_, Ask{id, std::move(question)});
    return true;
}

int PastKeeper::fd() const {
    return shared_->readable.get();
}

std::vector<PastKeeper::News> PastKeeper::take() {
    std::uint64_t count = 0;
    (void)!::read(shared_->readable.get(), &count, sizeof count);
    std::vector<News> out;
    {
        const std::scoped_lock lock(shared_->mutex);
        out = std::exchange(shared_->news, {});
    }
    for (const News& one : out) {
        if (std::holds_alternative<Written>(one)) is_writing_ = false;
        if (std::holds_alternative<Answered>(one)) --questions_;
    }
    return out;
}

void PastKeeper::stop(Duration patience) {
    std::unique_lock lock(shared_->mutex);
    shared_->is_stopping = true;
    shared_->changed.notify_all();
    (void)shared_->changed.wait_for(lock, patience, [this] { return shared_->has_ended; });
}

}  // namespace warren::web
