#include "alerts/rim/courier.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "alerts/rim/deliver.h"

namespace warren::alerts {

Courier::Courier() : shared_(std::make_shared<Shared>()) {}

Status Courier::start() {
    if (!start_delivering()) return fail(ErrorCode::kFailed, "libcurl cannot be initialized");
    shared_->news = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!shared_->news.valid()) return fail_errno("eventfd", errno);
    for (const Receiver receiver : kReceivers) std::thread(&Courier::run, shared_, receiver).detach();
    return {};
}

void Courier::send(std::shared_ptr<const ipc::AlertSettings> settings, Outbox::Batch batch, bool is_test) {
    const auto number = static_cast<std::size_t>(batch.to);
    const std::lock_guard lock(shared_->mutex);
    shared_->jobs[number].push_back({std::move(settings), std::move(batch), is_test});
    shared_->wake[number].notify_one();
}

std::vector<Outcome> Courier::take() {
    std::uint64_t count = 0;
    (void)!::read(shared_->news.get(), &count, sizeof count);
    const std::lock_guard lock(shared_->mutex);
    return std::exchange(shared_->outcomes, {});
}

void Courier::run(const std::shared_ptr<Shared>& shared, Receiver receiver) {
    const auto number = static_cast<std::size_t>(receiver);
    while (true) {
        Job job;
        {
            std::unique_lock lock(shared->mutex);
            shared->wake[number].wait(lock, [&] { return !shared->jobs[number].empty(); });
            job = std::move(shared->jobs[number].front());
            shared->jobs[number].pop_front();
        }
        Answer answer = deliver(*job.settings, job.batch, kPatience);
        const std::lock_guard lock(shared->mutex);
        shared->outcomes.push_back({receiver, job.is_test, answer.delivery, std::move(answer.text)});
        const std::uint64_t one = 1;
        (void)!::write(shared->news.get(), &one, sizeof one);
    }
}

}  // namespace warren::alerts
