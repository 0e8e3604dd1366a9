// How the control worker and one data worker talk: two bounded queues and two eventfds.
#pragma once

#include <atomic>
#include <deque>

#include "base/bounded.h"
#include "base/fd.h"
#include "vpnd/io/doorbell.h"
#include "vpnd/io/worker_messages.h"

namespace warren::io {

// "Control" and "data" name the thread that may call.
class Mailbox {
  public:
    static constexpr std::size_t kCommands = 1024;
    static constexpr std::size_t kEvents = 4096;
    // Handshake messages that went astray may fill this much of the events.
    static constexpr std::size_t kStrays = kEvents / 8;

    Mailbox(UniqueFd command_bell, UniqueFd event_bell)
        : command_bell_(std::move(command_bell)), event_bell_(std::move(event_bell)) {}

    // --- control ---
    // Never fails: what does not fit waits on this side.
    void post(WorkerCommand command);
    void take_events(std::vector<WorkerEvent>& out);
    [[nodiscard]] int event_fd() const { return event_bell_.fd(); }
    // Asks the data worker to stop.
    void stop();

    // --- data ---
    [[nodiscard]] int command_fd() const { return command_bell_.fd(); }
    void clear_command_bell() { command_bell_.clear(); }
    [[nodiscard]] std::optional<WorkerCommand> next_command();
    // Keeps what does not fit and tries again at the next publish().
    void publish(WorkerEvent event);
    void publish_waiting();
    // Events that still fit; 0 while some wait.
    [[nodiscard]] std::size_t room_for_events() const;
    [[nodiscard]] bool takes_stray() const { return unpublished_.empty() && events_.size() < kStrays; }
    [[nodiscard]] bool stopped() const { return stopped_.load(); }

  private:
    void post_overflow();

    Doorbell command_bell_;
    Doorbell event_bell_;
    SpscQueue<WorkerCommand> commands_{kCommands};
    SpscQueue<WorkerEvent> events_{kEvents};
    std::atomic<bool> overflowing_{false};  // overflow_ may hold commands
    std::atomic<bool> stopped_{false};
    std::deque<WorkerCommand> overflow_;   // control
    std::deque<WorkerEvent> unpublished_;  // data
};

}  // namespace warren::io
