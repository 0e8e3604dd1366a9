// Carries alerts to their receivers: a thread for each, so that one that hangs delays no other and nothing else.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "alerts/model/formats.h"
#include "alerts/model/outbox.h"
#include "base/fd.h"
#include "base/result.h"
#include "ipc/alert_messages.h"

namespace warren::alerts {

// The result of one delivery.
struct Outcome {
    Receiver from = Receiver::kWebhook;
    bool is_test = false;
    Delivery delivery = Delivery::kFailed;
    std::string answer;  // one line: what the receiver said, or why there is no answer. No secret, harmless
};

class Courier {
  public:
    // From the resolution of the name to the answer. At most, unless the resolver alone takes longer: 2 s for each name
    // server, as often as there are search domains.
    static constexpr Duration kPatience = std::chrono::seconds(20);

    Courier();
    // Threads that wait for a receiver are not waited for: end the process.
    ~Courier() = default;
    Courier(const Courier&) = delete;
    Courier& operator=(const Courier&) = delete;

    // Loads what libcurl and the resolver read, and starts the threads. Before the system calls are restricted.
    [[nodiscard]] Status start();
    // Readable when take() has something.
    [[nodiscard]] int fd() const { return shared_->news.get(); }
    // Never waits. `settings`: of this delivery. Each gives one outcome.
    void send(std::shared_ptr<const ipc::AlertSettings> settings, Outbox::Batch batch, bool is_test);
    [[nodiscard]] std::vector<Outcome> take();

  private:
    struct Job {
        std::shared_ptr<const ipc::AlertSettings> settings;
        Outbox::Batch batch;
        bool is_test = false;
    };
    // The threads keep it.
    struct Shared {
        std::mutex mutex;  // guards jobs and outcomes
        std::array<std::condition_variable, kReceivers.size()> wake;
        std::array<std::deque<Job>, kReceivers.size()> jobs;
        std::vector<Outcome> outcomes;
        UniqueFd news;
    };
    static void run(const std::shared_ptr<Shared>& shared, Receiver receiver);

    std::shared_ptr<Shared> shared_;
};

}  // namespace warren::alerts
