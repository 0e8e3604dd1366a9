#include "vpnd/io/mailbox.h"

#include <doctest/doctest.h>
#include <poll.h>

#include <thread>

namespace warren::io::test {
namespace {

bool is_raised(int fd) {
    pollfd waiting{fd, POLLIN, 0};
    return ::poll(&waiting, 1, 0) == 1;
}

std::unique_ptr<Mailbox> make() {
    return std::make_unique<Mailbox>(*Doorbell::make_fd(), *Doorbell::make_fd());
}

std::uint64_t token_of(const WorkerCommand& command) {
    return std::get<Barrier>(command).token;
}

TEST_CASE("commands arrive in the order posted, and ring the bell") {
    const auto mailbox = make();
    CHECK_FALSE(is_raised(mailbox->command_fd()));
    for (std::uint64_t i = 0; i < 10; ++i) mailbox->post(Barrier{i});
    CHECK(is_raised(mailbox->command_fd()));
    mailbox->clear_command_bell();
    CHECK_FALSE(is_raised(mailbox->command_fd()));
    for (std::uint64_t i = 0; i < 10; ++i) CHECK(token_of(*mailbox->next_command()) == i);
    CHECK_FALSE(mailbox->next_command().has_value());
    mailbox->post(Barrier{10});
    CHECK(is_raised(mailbox->command_fd()));
}

TEST_CASE("more commands than fit wait on the poster's side, who hears when there is room") {
    constexpr std::uint64_t kCount = Mailbox::kCommands * 3 + 7;
    const auto mailbox = make();
    for (std::uint64_t i = 0; i < kCount; ++i) mailbox->post(Barrier{i});
    std::uint64_t next = 0;
    std::vector<WorkerEvent> events;
    while (next < kCount) {
        mailbox->clear_command_bell();
        while (const auto command = mailbox->next_command()) REQUIRE(token_of(*command) == next++);
        if (next == kCount) break;
        REQUIRE(is_raised(mailbox->event_fd()));
        mailbox->take_events(events);
        REQUIRE(is_raised(mailbox->command_fd()));
    }
    CHECK(events.empty());
    CHECK_FALSE(is_raised(mailbox->event_fd()));
}

TEST_CASE(
    "more events than fit wait on the worker's side; meanwhile there is no room for reports and none for strays") {
    const auto mailbox = make();
    CHECK(mailbox->room_for_events() == Mailbox::kEvents);
    constexpr std::uint64_t kCount = Mailbox::kEvents + 100;
    for (std::uint64_t i = 0; i < kCount; ++i) mailbox->publish(BarrierReached{i});
    CHECK(mailbox->room_for_events() == 0);
    CHECK_FALSE(mailbox->takes_stray());
    std::vector<WorkerEvent> events;
    mailbox->take_events(events);
    CHECK(events.size() == Mailbox::kEvents);
    CHECK(mailbox->room_for_events() == 0);
    mailbox->publish_waiting();
    CHECK(mailbox->room_for_events() == Mailbox::kEvents - 100);
    CHECK(mailbox->takes_stray());
    CHECK(is_raised(mailbox->event_fd()));
    mailbox->take_events(events);
    REQUIRE(events.size() == kCount);
    for (std::uint64_t i = 0; i < kCount; ++i) REQUIRE(std::get<BarrierReached>(events[i]).token == i);
}

TEST_CASE("strays may fill a part of the queue only") {
    const auto mailbox = make();
    std::size_t taken = 0;
    while (mailbox->takes_stray()) {
        mailbox->publish(StrayMessage{});
        ++taken;
    }
    CHECK(taken == Mailbox::kStrays);
    CHECK(mailbox->room_for_events() > Mailbox::kEvents / 2);
}

TEST_CASE("between two threads nothing is lost, doubled or stuck, however full the queues") {
    constexpr std::uint64_t kCount = 100'000;
    const auto mailbox = make();
    std::thread data([&] {
        std::uint64_t next = 0;
        while (!mailbox->stopped() || next < kCount) {
            pollfd waiting{mailbox->command_fd(), POLLIN, 0};
            ::poll(&waiting, 1, mailbox->room_for_events() == 0 ? 1 : 2'000);
            mailbox->publish_waiting();
            mailbox->clear_command_bell();
            while (const auto command = mailbox->next_command()) {
                if (token_of(*command) != next++) return;
                mailbox->publish(BarrierReached{next});
            }
        }
    });
    std::vector<WorkerEvent> events;
    std::uint64_t posted = 0;
    while (events.size() < kCount) {
        for (int i = 0; i < 3'000 && posted < kCount; ++i) mailbox->post(Barrier{posted++});
        pollfd waiting{mailbox->event_fd(), POLLIN, 0};
        if (::poll(&waiting, 1, 5'000) != 1) break;
        mailbox->take_events(events);
    }
    mailbox->stop();
    data.join();
    CHECK(events.size() == kCount);
    bool ordered = true;
    for (std::uint64_t i = 0; i < events.size(); ++i)
        ordered = ordered && std::get<BarrierReached>(events[i]).token == i + 1;
    CHECK(ordered);
}

}  // namespace
}  // namespace warren::io::test
