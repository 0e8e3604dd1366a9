#include "vpnd/io/mailbox.h"

namespace warren::io {

void Mailbox::post(WorkerCommand command) {
    post_overflow();
    if (!overflow_.empty() || !commands_.push(std::move(command))) {
        overflow_.push_back(std::move(command));
        overflowing_.store(true);
        // The worker may have made room just before it could see the flag; then nobody else would post the rest.
        post_overflow();
    }
    command_bell_.raise();
}

void Mailbox::post_overflow() {
    while (!overflow_.empty() && commands_.push(std::move(overflow_.front()))) overflow_.pop_front();
    if (overflow_.empty()) overflowing_.store(false);
}

void Mailbox::take_events(std::vector<WorkerEvent>& out) {
    event_bell_.clear();
    while (auto event = events_.pop()) out.push_back(std::move(*event));
    if (overflow_.empty()) return;
    post_overflow();
    command_bell_.raise();
}

void Mailbox::stop() {
    stopped_.store(true);
    command_bell_.raise();
}

std::optional<WorkerCommand> Mailbox::next_command() {
    auto command = commands_.pop();
    // The control worker posts the rest when it hears that there is room.
    if (command && overflowing_.load() && commands_.empty()) event_bell_.raise();
    return command;
}

void Mailbox::publish(WorkerEvent event) {
    publish_waiting();
    if (unpublished_.empty() && events_.push(std::move(event))) {
        event_bell_.raise();
    } else {
        unpublished_.push_back(std::move(event));
    }
}

void Mailbox::publish_waiting() {
    if (unpublished_.empty()) return;
    while (!unpublished_.empty() && events_.push(std::move(unpublished_.front()))) unpublished_.pop_front();
    event_bell_.raise();
}

std::size_t Mailbox::room_for_events() const {
    if (!unpublished_.empty()) return 0;
    return events_.capacity() - events_.size();
}

}  // namespace warren::io
