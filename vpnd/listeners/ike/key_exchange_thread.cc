#include "vpnd/listeners/ike/key_exchange_thread.h"

#include <pthread.h>

#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "vpnd/ike/exchange.h"
#include "vpnd/io/doorbell.h"

namespace warren::vpnd {

struct KeyExchangeThread::State {
    explicit State(UniqueFd fd, crypto::RandomSource& source) : doorbell(std::move(fd)), random(source) {}

    struct Waiting {
        ike::AskId id = 0;
        ike::KeyExchangeAsk ask;
    };

    void run();

    io::Doorbell doorbell;
    crypto::RandomSource& random;
    std::mutex mutex;  // of all that follows
    std::condition_variable is_wanted;
    std::deque<Waiting> urgent;
    std::deque<Waiting> waiting;
    std::vector<Answered> answered;
    std::uint64_t epoch = 0;  // grows with forget_all()
    bool is_stopping = false;
    std::thread thread;  // the owner's
};

void KeyExchangeThread::State::run() {
    std::unique_lock lock(mutex);
    while (true) {
        is_wanted.wait(lock, [this] { return is_stopping || !urgent.empty() || !waiting.empty(); });
        if (is_stopping) return;
        std::deque<Waiting>& first = urgent.empty() ? waiting : urgent;
        Waiting next = std::move(first.front());
        first.pop_front();
        const std::uint64_t begun_in = epoch;
        lock.unlock();
        ike::Answer answer = ike::exchange(std::move(next.ask), random);
        lock.lock();
        if (epoch != begun_in) continue;
        answered.push_back({next.id, std::move(answer)});
        doorbell.raise();
    }
}

Result<std::unique_ptr<KeyExchangeThread>> KeyExchangeThread::start(crypto::RandomSource& random) {
    auto fd = io::Doorbell::make_fd();
    if (!fd) return tl::unexpected<Error>(fd.error());
    auto state = std::make_unique<State>(std::move(*fd), random);
    // Signals are for the control worker's thread.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    state->thread = std::thread([of = state.get()] { of->run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    pthread_setname_np(state->thread.native_handle(), "ke-0");
    return std::unique_ptr<KeyExchangeThread>(new KeyExchangeThread(std::move(state)));
}

KeyExchangeThread::KeyExchangeThread(std::unique_ptr<State> state) : state_(std::move(state)) {}

KeyExchangeThread::~KeyExchangeThread() {
    {
        const std::lock_guard lock(state_->mutex);
        state_->is_stopping = true;
    }
    state_->is_wanted.notify_one();
    state_->thread.join();
}

void KeyExchangeThread::post(ike::AskId id, ike::KeyExchangeAsk ask, bool may_wait) {
    {
        const std::lock_guard lock(state_->mutex);
        (may_wait ? state_->waiting : state_->urgent).push_back({id, std::move(ask)});
    }
    state_->is_wanted.notify_one();
}

std::vector<KeyExchangeThread::Answered> KeyExchangeThread::take() {
    state_->doorbell.clear();
    const std::lock_guard lock(state_->mutex);
    return std::exchange(state_->answered, {});
}

void KeyExchangeThread::forget_all() {
    const std::lock_guard lock(state_->mutex);
    ++state_->epoch;
    state_->urgent.clear();
    state_->waiting.clear();
    state_->answered.clear();
}

int KeyExchangeThread::fd() const {
    return state_->doorbell.fd();
}

}  // namespace warren::vpnd
