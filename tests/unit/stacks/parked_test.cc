// Customers without a stack until a packet needs one.
#include <doctest/doctest.h>
#include <poll.h>

#include <functional>
#include <set>
#include <string>

#include "room.h"

namespace warren::stacks {
namespace {

const std::string kIdle = "park = \"idle\"\n";

// What vpnd says is carried out.
void hear(Room& room, const ipc::ConfigMessage& message) {
    room.vpnd.say(message);
    pollfd ready{room.link.fd(), POLLIN, 0};
    REQUIRE(::poll(&ready, 1, 5'000) == 1);
    REQUIRE(room.link.receive_next().has_value());
    CHECK_FALSE(room.reconciler.serve_parked(room.link, 10));
}

ipc::LeftTunnel left(Room& room, const std::string& customer) {
    return {customer, room.link.applied(), room.link.tunnels_passed()};
}

TEST_CASE("a parked customer has no stack, and vpnd has it without a TUN") {
    Room room;
    room.write_customer("acme", 'A', "", kIdle);
    room.write_customer("globex", 'B');
    room.adopt();
    REQUIRE(room.apply().exit_status == 0);
    CHECK(joined(room.received()) ==
          joined(Lines{"begin", "listener '' 51820", "customer acme", "peer acme-site",
                       "customer globex with tun +1 descriptors", "peer globex-site", "commit"}));
    CHECK_FALSE(room.has_stack("acme"));
    CHECK(room.has_stack("globex"));
    CHECK(room.reconciler.parked_count() == 1);
    CHECK(room.reconciler.problems().empty());
    // Neither an apply, nor a patrol, nor the retries make it.
    room.apply();
    CHECK(joined(room.received()) == joined(Lines{"begin", "commit"}));
    room.reconciler.begin_patrol();
    room.reconciler.patrol(room.link, 10);
    room.reconciler.mend(room.link);
    CHECK_FALSE(room.has_stack("acme"));
    CHECK(room.reconciler.preview().exit_status == 0);
}

TEST_CASE("a packet wakes a stack, and whoever is not there or never parked is not made") {
    Room room;
    room.write_customer("acme", 'A', "", kIdle);
    room.write_customer("globex", 'B');
    room.adopt();
    room.apply();
    (void)room.received();
    hear(room, ipc::NeedTunnel{"acme"});
    CHECK(room.has_stack("acme"));
    hear(room, ipc::NeedTunnel{"nobody"});
    hear(room, ipc::NeedTunnel{"globex"});
    CHECK_FALSE(room.has_stack("nobody"));
    room.apply();
    // globex gets the one that it has, in case vpnd has lost it.
    CHECK(joined(room.received()) ==
          joined(Lines{"tunnel of acme +1 descriptors", "tunnel of globex +1 descriptors", "begin", "commit"}));
}

TEST_CASE("a stack that no packet needs goes, and comes back") {
    Room room;
    room.write_customer("acme", 'A', "", kIdle);
    room.adopt();
    room.apply();
    hear(room, ipc::NeedTunnel{"acme"});
    hear(room, left(room, "acme"));
    CHECK_FALSE(room.has_stack("acme"));
    CHECK(room.kernel.broken_rules.empty());
    room.apply();
    CHECK_FALSE(room.has_stack("acme"));
    hear(room, ipc::NeedTunnel{"acme"});
    CHECK(room.has_stack("acme"));
}

TEST_CASE("a stack stays that somebody uses, and vpnd gets its tunnel back") {
    Room room;
    room.write_customer("acme", 'A', "", kIdle);
    room.adopt();
    room.apply();
    hear(room, ipc::NeedTunnel{"acme"});
    room.apply();
    (void)room.received();
    SUBCASE("a program") {
        room.kernel.in_use.insert("warren-acme");
    }
    SUBCASE("a device of the operator's") {
        Link link;
        link.name = "vx0";
        room.kernel.stacks.at("warren-acme").links.push_back(link);
    }
    SUBCASE("a device of the operator's with a name of the kernel's") {
        Link link;
        link.name = "sit0";
        link.up = true;
        room.kernel.stacks.at("warren-acme").links.push_back(link);
    }
    SUBCASE("somebody else's") {
        room.kernel.stacks.at("warren-acme").links.at(0).alias = "mine";
    }
    hear(room, left(room, "acme"));
    CHECK(room.has_stack("acme"));
    room.kernel.in_use.clear();
}

TEST_CASE("a stack is parked with the devices that the kernel makes in each namespace") {
    Room room;
    room.write_customer("acme", 'A', "", kIdle);
    room.adopt();
    room.apply();
    hear(room, ipc::NeedTunnel{"acme"});
    for (const char* name : {"sit0", "tunl0", "gre0", "gretap0", "ip6tnl0"}) {
        Link link;
        link.name = name;
        room.kernel.stacks.at("warren-acme").links.push_back(link);
    }
    hear(room, left(room, "acme"));
    CHECK_FALSE(room.has_stack("acme"));
}

TEST_CASE("a tunnel of two queues is never passed alone") {
    Room room;
    room.write_customer("acme", 'A', "", kIdle);
    room.adopt({}, 2);
    room.apply();
    hear(room, ipc::NeedTunnel{"acme"});
    room.apply();
    const auto said = left(room, "acme");
    room.write_customer("acme", 'A', "", "queues = 2\n");
    REQUIRE(room.apply().exit_status == 0);
    (void)room.received();
    hear(room, said);
    hear(room, ipc::NeedTunnel{"acme"});
    room.apply();
    CHECK_FALSE(contains(room.received(), "tunnel of acme"));
    CHECK(room.has_stack("acme"));
}

TEST_CASE("a customer that vpnd serves with a broken file gets back what it gave up, and no stack") {
    Room room;
    room.write_customer("globex", 'B');
    room.write_customer("acme", 'A', "", kIdle);
    room.adopt();
    room.apply();
    hear(room, ipc::NeedTunnel{"acme"});
    room.write_customer("acme", 'A');
    room.apply();
    (void)room.received();
    SUBCASE("it left its tunnel") {
        hear(room, left(room, "acme"));
    }
    SUBCASE("it needs it") {
        hear(room, ipc::NeedTunnel{"acme"});
    }
    room.apply();
    CHECK(contains(room.received(), "tunnel of acme +1 descriptors"));
    CHECK(room.has_stack("acme"));
}

TEST_CASE("while vpnd has other names than stackd no tunnel is passed, and what it said waits") {
    std::size_t unsettled = 0;
    for (std::size_t good_steps = 0; good_steps < 12; ++good_steps) {
        CAPTURE(good_steps);
        Room room;
        room.write_customer("acme", 'A', "", kIdle);
        room.adopt();
        room.apply();
        hear(room, ipc::NeedTunnel{"acme"});
        room.apply();
        (void)room.received();
        room.remove_customer("acme");
        room.write_customer("roadrunner", 'A', "", kIdle);
        room.vpnd.answer_with({"no", "no", "no"});
        room.kernel.steps_until_crash = good_steps;
        room.apply();
        (void)room.received();
        room.vpnd.say(ipc::NeedTunnel{"roadrunner"});
        pollfd ready{room.link.fd(), POLLIN, 0};
        REQUIRE(::poll(&ready, 1, 5'000) == 1);
        REQUIRE(room.link.receive_next().has_value());
        room.reconciler.serve_parked(room.link, 10);
        if (!room.link.has_reports()) continue;
        ++unsettled;
        CHECK_FALSE(room.reconciler.has_parked_work(room.link));
        room.kernel.steps_until_crash = SIZE_MAX;
        room.vpnd.answer_with({});
        room.apply();
        CHECK_FALSE(contains(room.received(), "tunnel of"));
        room.reconciler.serve_parked(room.link, 10);
        CHECK_FALSE(room.link.has_reports());
    }
    CHECK(unsettled > 0);
}

TEST_CASE("what vpnd said before it got another configuration or tunnel parks nothing") {
    Room room;
    room.write_customer("acme", 'A', "", kIdle);
    room.adopt();
    room.apply();
    hear(room, ipc::NeedTunnel{"acme"});
    SUBCASE("a configuration") {
        const auto said = left(room, "acme");
        room.write_customer("acme", 'B', "", kIdle);
        room.apply();
        hear(room, said);
    }
    SUBCASE("a tunnel") {
        const auto said = left(room, "acme");
        hear(room, ipc::NeedTunnel{"acme"});
        hear(room, said);
    }
    CHECK(room.has_stack("acme"));
}

TEST_CASE("a customer that is not parked any more has its stack, and one that may be keeps it until it is idle") {
    Room room;
    room.write_customer("acme", 'A', "", kIdle);
    room.write_customer("globex", 'B');
    room.adopt();
    room.apply();
    room.write_customer("acme", 'A');
    room.write_customer("globex", 'B', "", kIdle);
    (void)room.received();
    REQUIRE(room.apply().exit_status == 0);
    CHECK(room.has_stack("acme"));
    CHECK(room.has_stack("globex"));
    CHECK(joined(room.received()) == joined(Lines{"begin", "customer acme with tun +1 descriptors", "peer acme-site",
                                                  "customer globex", "peer globex-site", "commit"}));
    hear(room, left(room, "acme"));
    CHECK(room.has_stack("acme"));
    hear(room, left(room, "globex"));
    CHECK_FALSE(room.has_stack("globex"));
}

TEST_CASE("a stack of an earlier stackd stays, whether vpnd has its tunnel or not") {
    Room room;
    room.write_customer("acme", 'A', "", kIdle);
    room.write_customer("globex", 'B', "", kIdle);
    room.kernel.stacks["warren-acme"] = FakeKernel::fresh_stack(owner_mark(kTestRunDir, "acme"));
    room.adopt();
    REQUIRE(room.apply().exit_status == 0);
    CHECK(room.has_stack("acme"));
    CHECK_FALSE(room.has_stack("globex"));
    CHECK(contains(room.received(), "customer acme with tun"));
    hear(room, left(room, "acme"));
    CHECK_FALSE(room.has_stack("acme"));
}

TEST_CASE("a stack that is there when its customer may be parked for the first time stays, and is parked later") {
    Room room;
    room.write_customer("globex", 'B');
    room.break_customer("acme");
    room.kernel.stacks["warren-acme"] = FakeKernel::fresh_stack(owner_mark(kTestRunDir, "acme"));
    room.adopt();
    room.apply();
    room.write_customer("acme", 'A', "", kIdle);
    REQUIRE(room.apply().exit_status == 0);
    CHECK(room.reconciler.parked_count() == 0);
    hear(room, left(room, "acme"));
    CHECK_FALSE(room.has_stack("acme"));
}

TEST_CASE("a fresh vpnd gets parked customers as they are") {
    Room room;
    room.write_customer("acme", 'A', "", kIdle);
    room.write_customer("globex", 'B', "", kIdle);
    room.adopt();
    room.apply();
    hear(room, ipc::NeedTunnel{"acme"});
    room.apply();  // vpnd has read all of it
    (void)room.received();
    REQUIRE(room.reconciler.deliver_all(room.link).has_value());
    CHECK(joined(room.received()) == joined(Lines{"begin full", "listener '' 51820 with sockets +3 descriptors",
                                                  "customer acme with tun +1 descriptors", "peer acme-site",
                                                  "customer globex", "peer globex-site", "commit"}));
}

TEST_CASE("a stack that cannot be made is a problem until it can") {
    Room room;
    room.write_customer("acme", 'A', "", kIdle);
    room.adopt();
    room.apply();
    room.kernel.steps_until_error = 3;
    hear(room, ipc::NeedTunnel{"acme"});
    CHECK_FALSE(room.has_stack("acme"));
    CHECK(room.reconciler.problems().size() == 1);
    hear(room, ipc::NeedTunnel{"acme"});
    CHECK(room.has_stack("acme"));
    CHECK(room.reconciler.problems().empty());
}

TEST_CASE("a stack that could not be made is told of and tried again, whatever is applied meanwhile") {
    Room room;
    for (const char* id : {"acme", "globex"}) room.write_customer(id, id[0] == 'a' ? 'A' : 'B', "", kIdle);
    room.adopt();
    room.apply();
    room.kernel.steps_until_crash = 3;
    hear(room, ipc::NeedTunnel{"acme"});
    CHECK(room.reconciler.needs_mending());
    CHECK(room.apply().exit_status == 4);
    REQUIRE(room.reconciler.problems().size() == 1);
    CHECK(room.reconciler.problems().front().customer == "acme");
    CHECK(room.reconciler.problems().front().kind == ipc::ControlText::Kind::kIncomplete);
    // vpnd has it as ever: it lacks a stack, and keeps its tunnels.
    CHECK_FALSE(contains(room.received(), "remove customer acme"));
    room.kernel.steps_until_crash = SIZE_MAX;
    SUBCASE("by itself") {
        room.reconciler.mend(room.link);
    }
    SUBCASE("with the next packet") {
        hear(room, ipc::NeedTunnel{"acme"});
    }
    SUBCASE("with the next apply") {
        CHECK(room.apply().exit_status == 0);
    }
    CHECK(room.has_stack("acme"));
    CHECK_FALSE(room.has_stack("globex"));
    CHECK(room.reconciler.problems().empty());
    CHECK_FALSE(room.reconciler.needs_mending());
    room.apply();
    CHECK(contains(room.received(), "tunnel of acme +1 descriptors"));
}

TEST_CASE("of many stacks that could not be made a few are tried again at a time, in turn") {
    Room room;
    for (char letter = 'A'; letter < 'A' + 20; ++letter)
        room.write_customer(std::string("c") + static_cast<char>(letter + 'a' - 'A'), letter, "", kIdle);
    room.adopt();
    room.apply();
    room.kernel.steps_until_crash = 0;
    for (char letter = 'a'; letter < 'a' + 20; ++letter) hear(room, ipc::NeedTunnel{std::string("c") + letter});
    std::set<std::string> tried;
    for (int i = 0; i < 3; ++i) {
        room.kernel.observed.clear();
        room.reconciler.mend(room.link);
        const std::set<std::string> now(room.kernel.observed.begin(), room.kernel.observed.end());
        CHECK(now.size() == 8);
        tried.insert(now.begin(), now.end());
    }
    CHECK(tried.size() == 20);
    room.kernel.steps_until_crash = SIZE_MAX;
}

void check_failed_repair(bool is_of_apply, const std::function<void(Room&)>& repair) {
    Room room;
    room.write_customer("acme", 'A', "", kIdle);
    room.adopt();
    room.apply();
    hear(room, ipc::NeedTunnel{"acme"});
    room.apply();
    (void)room.received();
    room.kernel.stacks.erase("warren-acme");
    room.kernel.steps_until_crash = 3;
    if (is_of_apply) {
        room.write_customer("acme", 'A', "", kIdle + "mtu = 1300\n");
        CHECK(room.apply().exit_status == 4);
    } else {
        room.reconciler.begin_patrol();
        room.reconciler.patrol(room.link, 8);
    }
    CHECK(room.reconciler.parked_count() == 0);
    CHECK_FALSE(room.reconciler.problems().empty());
    REQUIRE(room.reconciler.needs_mending());
    room.kernel.steps_until_crash = SIZE_MAX;
    room.write_customer("globex", 'B');  // another one's apply
    repair(room);
    CHECK(room.has_stack("acme"));
    CHECK_FALSE(room.reconciler.needs_mending());
    room.apply();
    const Lines received = room.received();
    CHECK_FALSE(contains(received, "remove customer acme"));
    // vpnd may have the TUN of the stack that is gone, which PutTunnel does not replace.
    CHECK(contains(received, "customer acme with tun +1 descriptors"));
}

TEST_CASE("a repair that failed does not look parked: it is repeated, and vpnd keeps the customer") {
    for (const bool is_of_apply : {false, true}) {
        CAPTURE(is_of_apply);
        check_failed_repair(is_of_apply, [](Room& room) { room.reconciler.mend(room.link); });
        check_failed_repair(is_of_apply, [](Room& room) { CHECK(room.apply().exit_status == 0); });
        check_failed_repair(is_of_apply, [](Room& room) { hear(room, ipc::NeedTunnel{"acme"}); });
    }
}

TEST_CASE("a customer whose repair failed stays in vpnd when another one is applied") {
    Room room;
    room.write_customer("acme", 'A', "", kIdle);
    room.adopt();
    room.apply();
    hear(room, ipc::NeedTunnel{"acme"});
    room.apply();
    room.kernel.stacks.erase("warren-acme");
    room.kernel.steps_until_crash = 3;
    room.reconciler.begin_patrol();
    room.reconciler.patrol(room.link, 8);
    room.write_customer("globex", 'B');
    (void)room.received();
    CHECK(room.apply().exit_status == 4);
    CHECK_FALSE(contains(room.received(), "remove customer acme"));
    room.kernel.steps_until_crash = SIZE_MAX;
}

TEST_CASE("a stack that vpnd refused with the configuration that made it is passed, or it would never be idle") {
    Room room;
    room.write_customer("acme", 'A', "", kIdle);
    room.adopt();
    room.apply();
    (void)room.received();
    room.kernel.stacks["warren-acme"] = FakeKernel::fresh_stack(owner_mark(kTestRunDir, "acme"));  // a killed one's
    room.write_customer("acme", 'A');
    room.vpnd.answer_with({"no"});
    CHECK(room.apply().exit_status == 4);
    CHECK(room.has_stack("acme"));
    room.write_customer("acme", 'A', "", kIdle);
    room.apply();
    CHECK(contains(room.received(), "tunnel of acme +1 descriptors"));
    hear(room, left(room, "acme"));
    CHECK_FALSE(room.has_stack("acme"));
}

TEST_CASE("changes that were lost while a stack came or went are looked for") {
    Room room;
    room.write_customer("acme", 'A', "", kIdle);
    room.write_customer("globex", 'B');
    room.adopt();
    room.apply();
    REQUIRE_FALSE(room.reconciler.has_patrol());
    SUBCASE("came") {
        room.kernel.changes.lost = true;
        hear(room, ipc::NeedTunnel{"acme"});
    }
    SUBCASE("went") {
        hear(room, ipc::NeedTunnel{"acme"});
        room.apply();
        room.kernel.changes.lost = true;
        hear(room, left(room, "acme"));
    }
    CHECK(room.reconciler.has_patrol());
}

TEST_CASE("a customer that is to be parked no more, and is refused, stays parked") {
    Room room;
    room.write_customer("acme", 'A', "", kIdle);
    room.adopt();
    room.apply();
    room.write_customer("acme", 'A');
    SUBCASE("by vpnd") {
        room.vpnd.answer_with({"no"});
    }
    SUBCASE("by the kernel") {
        room.kernel.steps_until_error = 3;
    }
    CHECK(room.apply().exit_status == 4);
    CHECK_FALSE(room.has_stack("acme"));
    CHECK(room.reconciler.parked_count() == 1);
    CHECK_FALSE(room.reconciler.needs_mending());
    REQUIRE(room.apply().exit_status == 0);
    CHECK(room.has_stack("acme"));
}

TEST_CASE("an operator wakes a stack without a vpnd, too") {
    Room room;
    room.write_customer("acme", 'A', "", kIdle);
    room.adopt();
    room.apply();
    VpndLink none;
    CHECK(room.reconciler.wake(none, "acme").exit_status == 0);
    CHECK(room.has_stack("acme"));
    CHECK(room.reconciler.wake(none, "nobody").exit_status == 4);
}

TEST_CASE("a renamed customer stays parked") {
    Room room;
    room.write_customer("acme", 'A', "", kIdle);
    room.adopt();
    room.apply();
    room.remove_customer("acme");
    room.write_customer("roadrunner", 'A', "", kIdle);
    REQUIRE(room.apply().exit_status == 0);
    CHECK_FALSE(room.has_stack("roadrunner"));
    hear(room, ipc::NeedTunnel{"roadrunner"});
    CHECK(room.has_stack("roadrunner"));
    CHECK_FALSE(room.has_stack("acme"));
}

}  // namespace
}  // namespace warren::stacks
