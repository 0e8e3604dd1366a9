// Another number of data workers: what vpnd gets, and what goes back.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "room.h"
#include "stacks/reconciler.h"

namespace warren::stacks {
namespace {

// The data sockets that a fresh vpnd gets for the shared listener: all but four message sockets and the UAPI socket.
std::size_t data_sockets_of(Room& room) {
    FakeVpnd next;
    VpndLink link(next.take_channel());
    REQUIRE(room.reconciler.deliver_all(link).has_value());
    const Lines received = next.received();
    REQUIRE(received.size() > 1);
    return std::stoul(received[1].substr(received[1].find('+') + 1)) - 5;
}

bool has_problem(const Room& room, const std::string& text) {
    const auto& problems = room.reconciler.problems();
    return std::any_of(problems.begin(), problems.end(),
                       [&text](const auto& each) { return each.text.find(text) != std::string::npos; });
}

TEST_CASE("workers are as the first generation says, until another number is set") {
    Room room;
    room.link.close();
    const std::string appliance = room.appliance();
    room.write("warren.toml", "workers = 3\n" + appliance);
    Report report = room.apply();
    REQUIRE_MESSAGE(report.accepted, report.summary);
    CHECK_FALSE(has_problem(room, "workers: "));
    CHECK(room.reconciler.workers() == 3);
    CHECK(data_sockets_of(room) == 2 * 3);

    room.write("warren.toml", "workers = 5\n" + appliance);
    CHECK(mentions(room.reconciler.preview(), "", "replace vpnd: workers: 3 -> 5"));
    report = room.apply();
    CHECK(report.exit_status == 0);
    CHECK(room.reconciler.wanted_workers() == 5);
    CHECK(has_problem(room, "workers: 5 is not in force, vpnd goes on with 3"));
    CHECK(room.reconciler.workers() == 3);
    CHECK(data_sockets_of(room) == 2 * 3);
    CHECK(has_problem(room, "workers: 5 is not in force"));

    REQUIRE(room.reconciler.set_workers(5));
    CHECK_FALSE(has_problem(room, "workers: "));
    CHECK(data_sockets_of(room) == 2 * 5);
    CHECK_FALSE(mentions(room.reconciler.preview(), "", "replace vpnd"));

    room.write("warren.toml", "workers = 3\n" + appliance);
    room.apply();
    CHECK(has_problem(room, "workers: 3 is not in force, vpnd goes on with 5"));
    room.write("warren.toml", "workers = 5\n" + appliance);
    room.apply();
    CHECK_FALSE(has_problem(room, "workers: "));
}

TEST_CASE("a number of workers that is taken back leaves the sockets as they were") {
    Room room;
    room.link.close();
    room.write("warren.toml", "workers = 3\n" + room.appliance());
    REQUIRE(room.apply().accepted);
    for (const std::uint32_t other : {5U, 1U}) {
        REQUIRE(room.reconciler.set_workers(other));
        // Two sockets of each family are too many, and a third one, for solicited messages now, was a data socket.
        CHECK(data_sockets_of(room) == (other == 5 ? 2 * 5 : 2 * (1 + 3)));
        room.reconciler.keep_workers(room.link, 3);
        CHECK(room.reconciler.workers() == 3);
        CHECK(data_sockets_of(room) == 2 * 3);
    }
    REQUIRE(room.reconciler.set_workers(1));
    room.reconciler.close_surplus();
    CHECK(data_sockets_of(room) == 2 * 1);
    REQUIRE(room.reconciler.set_workers(4));
    CHECK(data_sockets_of(room) == 2 * 4);
}

TEST_CASE("a large customer gets as many queues as the new number of workers allows") {
    Room room;
    room.write("customers/large.toml",
               "schema = 1\nname = \"large\"\n[stack]\naddresses = [\"10.0.0.1/24\"]\nqueues = 4\n");
    room.write_customer("small", 'B');
    room.adopt();
    REQUIRE(room.apply().accepted);
    (void)room.received();
    const auto delivered = [&room] {
        FakeVpnd next;
        VpndLink link(next.take_channel());
        REQUIRE(room.reconciler.deliver_all(link).has_value());
        return joined(next.received());
    };
    CHECK(delivered().find("customer large with tun +1 descriptors") != std::string::npos);
    for (const std::uint32_t workers : {2U, 4U, 3U, 1U}) {
        REQUIRE(room.reconciler.set_workers(workers));
        room.reconciler.fit_queues();
        const std::string all = delivered();
        CHECK(all.find("customer large with tun +" + std::to_string(workers) + " descriptors") != std::string::npos);
        CHECK(all.find("customer small with tun +1 descriptors") != std::string::npos);
    }

    SUBCASE("it is taken back") {
        REQUIRE(room.reconciler.set_workers(2));
        room.reconciler.fit_queues();
        (void)room.received();
        room.reconciler.keep_workers(room.link, 1);
        // The device was made twice, so the vpnd that goes on has no queue of it.
        const std::string all = joined(room.received());
        CHECK(all.find("customer large with tun +1 descriptors") != std::string::npos);
    }
    SUBCASE("a stack that cannot be changed is left out, and everything else is delivered") {
        REQUIRE(room.reconciler.set_workers(2));
        room.kernel.steps_until_crash = 0;
        room.reconciler.fit_queues();
        room.kernel.steps_until_crash = SIZE_MAX;
        CHECK(has_problem(room, "the stack is not as configured"));
        const std::string all = delivered();
        CHECK(all.find("customer large") == std::string::npos);
        CHECK(all.find("customer small with tun +1 descriptors") != std::string::npos);
        FakeVpnd next;
        VpndLink link(next.take_channel());
        REQUIRE(room.reconciler.deliver_all(link).has_value());
        (void)next.received();
        room.reconciler.mend(link);
        CHECK(joined(next.received()).find("customer large with tun +2 descriptors") != std::string::npos);
        CHECK_FALSE(has_problem(room, "the stack is not as configured"));
    }
}

TEST_CASE("more workers than the limit of open files allows for are refused, and nothing changes") {
    // The shared listener has three sockets of one worker, and gets two more with each other one.
    constexpr std::size_t kNeeded = Reconciler::kSpareDescriptors + (3 + 2 * 3) + (4 + 1);
    for (const std::size_t limit : {kNeeded - 1, kNeeded}) {
        CAPTURE(limit);
        Room room(limit);
        room.write_customer("large", 'A', "", "queues = 8\n");
        room.write_customer("small", 'B');
        room.adopt();
        REQUIRE(room.apply().exit_status == 0);
        const Status set = room.reconciler.set_workers(4);
        CHECK(set.has_value() == (limit == kNeeded));
        CHECK(room.reconciler.workers() == (limit == kNeeded ? 4U : 1U));
        if (!set) {
            CHECK(set.error().what.find("need " + std::to_string(kNeeded)) != std::string::npos);
            continue;
        }
        // The way back is always open.
        REQUIRE(room.reconciler.set_workers(1));
        room.reconciler.keep_workers(room.link, 4);
        CHECK(room.reconciler.workers() == 4);
    }
}

TEST_CASE("workers that the limit of open files does not allow for are refused before a vpnd is started for them") {
    constexpr std::size_t kNeeded = Reconciler::kSpareDescriptors + (3 + 2 * 3) + 1;
    for (const std::size_t limit : {kNeeded - 1, kNeeded}) {
        CAPTURE(limit);
        Room room(limit);
        room.write("warren.toml", "workers = 4\n" + room.appliance());
        room.write_customer("acme", 'A');
        room.adopt();
        REQUIRE(room.apply().exit_status == 0);
        const bool fits = limit == kNeeded;
        CHECK(room.reconciler.check_workers().has_value() == fits);
        const std::string reason = "with 4 workers tunnels and listeners need " + std::to_string(kNeeded);
        CHECK(has_problem(room, "workers: 4 is not in force, vpnd goes on with 1: " + reason) == !fits);
        CHECK(has_problem(room, "vpnctl restart vpnd") == fits);
        const Report preview = room.reconciler.preview();
        CHECK(mentions(preview, "", "replace vpnd: workers: 1 -> 4") == fits);
        CHECK(mentions(preview, "", "workers would not be changed: " + reason) == !fits);
        CHECK(preview.exit_status == (fits ? 1 : 4));
    }
}

TEST_CASE("an adopted vpnd keeps its workers, whatever the configuration says") {
    Room room;
    room.write("warren.toml", "workers = 7\n" + room.appliance());
    room.adopt({}, 2);
    const Report report = room.apply();
    CHECK(report.accepted);
    CHECK(has_problem(room, "workers: 7 is not in force, vpnd goes on with 2"));
    CHECK(room.reconciler.workers() == 2);
}

TEST_CASE("another number of workers waits for a customer that only the adopted vpnd serves") {
    Room room;
    room.write("warren.toml", "workers = 7\n" + room.appliance());
    room.write_customer("acme", 'A');
    room.break_customer("globex");
    room.break_customer("initech");  // nobody serves it
    room.adopt({"acme", "globex"}, 2);
    REQUIRE(room.apply().accepted);
    CHECK(room.reconciler.only_in_vpnd() == "globex");
    CHECK(has_problem(room, "workers: 7 is not in force, vpnd goes on with 2 until"));
    CHECK(has_problem(room, "until customer globex can be applied (" + room.directory_ + "/customers/globex.toml:"));
    CHECK_FALSE(has_problem(room, "clients notice nothing"));
    CHECK_FALSE(mentions(room.reconciler.preview(), "", "replace vpnd"));
    room.write_customer("globex", 'B');
    CHECK(mentions(room.reconciler.preview(), "", "replace vpnd: workers: 2 -> 7"));
    REQUIRE(room.apply().accepted);
    CHECK(room.reconciler.only_in_vpnd().empty());
    CHECK(has_problem(room, "clients notice nothing"));
}

TEST_CASE("another number of workers waits for a customer whose stack is refused after an adoption, and says why") {
    Room room;
    room.write("warren.toml", "workers = 7\n" + room.appliance());
    room.write_customer("acme", 'A');
    room.write_customer("globex", 'B');
    room.kernel.stacks["warren-globex"] = FakeKernel::fresh_stack("");  // somebody else's
    room.adopt({"acme", "globex"}, 2);
    REQUIRE(room.apply().accepted);
    CHECK(room.reconciler.only_in_vpnd() == "globex");
    CHECK(has_problem(room, "vpnd goes on with 2 until customer globex can be applied (refused: "));
    CHECK_FALSE(has_problem(room, "is mended"));
}

TEST_CASE("without `workers` there is one for each core") {
    Room room;
    room.adopt({}, 2);
    room.apply();
    CHECK(room.reconciler.wanted_workers() == 1);
}

}  // namespace
}  // namespace warren::stacks
