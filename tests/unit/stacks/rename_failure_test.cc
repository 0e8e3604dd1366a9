// A rename that fails: each customer keeps its own stack, and nobody else waits for it.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "room.h"
#include "stacks/stack_keeper.h"

namespace warren::stacks {
namespace {

// `number` tells it from others afterwards.
void make_stack(FakeKernel& kernel, const std::string& id, std::uint32_t number) {
    FakeStack& stack = kernel.stacks["warren-" + id] = FakeKernel::fresh_stack(owner_mark(kTestRunDir, id));
    stack.link(kLoopback)->queue_length = number;
}

// Which stack has the name and the mark of this customer; 0: none.
std::uint32_t stack_of(FakeKernel& kernel, const std::string& id) {
    const auto found = kernel.stacks.find("warren-" + id);
    if (found == kernel.stacks.end()) return 0;
    const Link* const lo = found->second.link(kLoopback);
    return lo->alias == owner_mark(kTestRunDir, id) ? lo->queue_length : 0;
}

const std::vector<Rename> kSwap{{"a", "b"}, {"b", "a"}};
const std::vector<Rename> kRow{{"a", "b"}, {"b", "c"}};
const std::vector<Rename> kApart{{"a", "b"}, {"c", "d"}};

TEST_CASE("whatever fails in a rename, every stack has its old name, or every one its new name") {
    for (const std::vector<Rename>& renames : {kSwap, kRow, kApart}) {
        // Two steps give passing names, two drop old names, and three give each stack its new name.
        for (std::size_t error = 0; error < 10; ++error) {
            CAPTURE(renames.back().from);
            CAPTURE(renames.back().to);
            CAPTURE(error);
            FakeKernel kernel;
            std::uint32_t number = 0;
            for (const Rename& rename : renames) make_stack(kernel, rename.from, ++number);
            StackKeeper stacks(kernel, kTestRunDir);
            kernel.steps_until_error = error;
            const bool done = stacks.rename(renames).has_value();
            CHECK(done == (error >= 7));  // one has its new name alone
            CHECK_FALSE(stacks.has_names_in_doubt());
            CHECK(kernel.stacks.size() == 2);
            CHECK(kernel.second_names.empty());
            CHECK(kernel.broken_rules.empty());
            number = 0;
            for (const Rename& rename : renames) CHECK(stack_of(kernel, done ? rename.to : rename.from) == ++number);
            // Nothing is in the way of the next one.
            REQUIRE(stacks.rename(done ? reversed(renames) : renames));
            number = 0;
            for (const Rename& rename : renames) CHECK(stack_of(kernel, done ? rename.from : rename.to) == ++number);
        }
    }
}

TEST_CASE("a look at the names that fails leaves nobody with another one's stack") {
    for (const std::vector<Rename>& renames : {kSwap, kRow, kApart}) {
        for (std::size_t step = 0; step < 11; ++step) {  // 10: none fails
            bool has_failed = true;
            for (std::size_t look = 0; has_failed; ++look) {
                CAPTURE(renames.back().from);
                CAPTURE(renames.back().to);
                CAPTURE(step);
                CAPTURE(look);
                FakeKernel kernel;
                std::uint32_t number = 0;
                for (const Rename& rename : renames) make_stack(kernel, rename.from, ++number);
                StackKeeper stacks(kernel, kTestRunDir);
                kernel.steps_until_error = step;
                kernel.looks_until_error = look;
                bool done = stacks.rename(renames).has_value();
                has_failed = kernel.looks_until_error > look;  // it begins anew below 0
                kernel.looks_until_error = SIZE_MAX;
                kernel.steps_until_error = SIZE_MAX;
                if (stacks.has_names_in_doubt()) {
                    CHECK_FALSE(done);
                    const auto settled = stacks.settle_renames();
                    REQUIRE(settled);
                    done = !settled->empty();
                }
                CHECK(kernel.stacks.size() == 2);
                CHECK(kernel.second_names.empty());
                number = 0;
                for (const Rename& rename : renames)
                    CHECK(stack_of(kernel, done ? rename.to : rename.from) == ++number);
            }
        }
    }
}

TEST_CASE("a name that somebody else gets meanwhile takes the whole rename back") {
    FakeKernel kernel;
    make_stack(kernel, "a", 1);
    make_stack(kernel, "c", 2);
    StackKeeper stacks(kernel, kTestRunDir);
    kernel.steps_until_crash = 7;  // the first stack has its new name
    CHECK_FALSE(stacks.rename(kApart));
    kernel.steps_until_crash = SIZE_MAX;
    kernel.stacks["warren-d"] = FakeKernel::fresh_stack("");
    const auto settled = stacks.settle_renames();
    REQUIRE(settled);
    CHECK(settled->empty());
    CHECK_FALSE(stacks.has_names_in_doubt());
    CHECK(stack_of(kernel, "a") == 1);
    CHECK(stack_of(kernel, "c") == 2);
    CHECK(kernel.stacks.size() == 3);
    CHECK(kernel.second_names.empty());
}

TEST_CASE("a stack that somebody removes in the middle of a rename leaves no doubt about the others") {
    FakeKernel kernel;
    make_stack(kernel, "a", 1);
    make_stack(kernel, "c", 2);
    StackKeeper stacks(kernel, kTestRunDir);
    kernel.steps_until_crash = 7;
    CHECK_FALSE(stacks.rename(kApart));
    kernel.steps_until_crash = SIZE_MAX;
    REQUIRE(kernel.stacks.erase("warren-d.new") == 1);
    const auto settled = stacks.settle_renames();
    REQUIRE(settled);
    CHECK(*settled == kApart);
    CHECK_FALSE(stacks.has_names_in_doubt());
    CHECK(stack_of(kernel, "b") == 1);
    CHECK(kernel.stacks.size() == 1);
}

TEST_CASE("the far ends of veths change their names with the stacks, or keep them") {
    // Four steps rename both ends, after two that give passing names.
    for (const std::size_t error : {1U, 6U, 8U, 11U, 99U}) {
        CAPTURE(error);
        FakeKernel kernel;
        for (const std::string id : {"a", "b"}) {
            make_stack(kernel, id, 0);
            kernel.add_uplink("wr-" + id, "veth", owner_mark(kTestRunDir, id));
        }
        const std::uint32_t a = kernel.uplink.links.at("wr-a").index;
        const std::uint32_t b = kernel.uplink.links.at("wr-b").index;
        StackKeeper stacks(kernel, kTestRunDir);
        kernel.steps_until_error = error;
        const bool done = stacks.rename(kSwap).has_value();
        CHECK(done == (error >= 11));
        REQUIRE(kernel.uplink.links.size() == 2);
        CHECK(kernel.uplink.links.at("wr-a").index == (done ? b : a));
        CHECK(kernel.uplink.links.at("wr-b").index == (done ? a : b));
        for (const std::string id : {"a", "b"})
            CHECK(kernel.uplink.links.at("wr-" + id).alias == owner_mark(kTestRunDir, id));
    }
}

TEST_CASE("while a rename can be neither finished nor undone nobody gets another one's stack") {
    for (const std::size_t crash : {5U, 7U}) {
        CAPTURE(crash);
        FakeKernel kernel;
        make_stack(kernel, "a", 1);
        make_stack(kernel, "b", 2);
        StackKeeper stacks(kernel, kTestRunDir);
        std::vector<UniqueFd> tunnel;
        tunnel.push_back(some_descriptor());
        const int descriptor = tunnel.front().get();
        stacks.adopt_tunnel("a", std::move(tunnel));
        kernel.steps_until_crash = crash;
        CHECK_FALSE(stacks.rename(kSwap));
        CHECK(stacks.has_names_in_doubt());
        CHECK_FALSE(stacks.settle_renames());
        CHECK(stacks.has_names_in_doubt());
        kernel.steps_until_crash = SIZE_MAX;

        config::Customer customer = acme();
        customer.id = "a";
        CHECK_FALSE(stacks.preview(customer));
        CHECK_FALSE(stacks.bring_up(customer));
        for (const auto& [name, stack] : kernel.stacks) CHECK(stack.links.size() == 1);
        customer.id = "other";
        CHECK(stacks.bring_up(customer));

        const auto settled = stacks.settle_renames();
        REQUIRE(settled);
        const bool done = crash == 7;
        CHECK(*settled == (done ? kSwap : std::vector<Rename>()));
        CHECK_FALSE(stacks.has_names_in_doubt());
        CHECK(stack_of(kernel, "a") == (done ? 2U : 1U));
        CHECK(stack_of(kernel, "b") == (done ? 1U : 2U));
        CHECK(kernel.second_names.empty());
        CHECK(stacks.tunnel(done ? "b" : "a") == std::vector<int>{descriptor});
        customer.id = "a";
        CHECK(stacks.bring_up(customer));
        REQUIRE(stacks.settle_renames());
        CHECK(stacks.settle_renames()->empty());
    }
}

TEST_CASE("what an earlier rename has left is in the way of its own names only") {
    FakeKernel kernel;
    kernel.stacks["warren-x.new"] = FakeKernel::fresh_stack(owner_mark(kTestRunDir, "y"));
    kernel.stacks["warren-c.new"] = FakeKernel::fresh_stack(owner_mark(kTestRunDir, "c"));
    make_stack(kernel, "x", 8);
    make_stack(kernel, "a", 1);
    StackKeeper stacks(kernel, kTestRunDir);
    const Status finished = stacks.finish_renames();
    REQUIRE_FALSE(finished);
    CHECK(finished.error().code == ErrorCode::kConflict);
    CHECK(finished.error().what.find("warren-x exists already") != std::string::npos);
    CHECK(kernel.stacks.contains("warren-c"));  // the other one is finished
    REQUIRE(stacks.rename({{"a", "b"}}));
    CHECK(stack_of(kernel, "b") == 1);
    for (const Rename& rename : {Rename{"b", "x"}, Rename{"x", "z"}}) {
        CAPTURE(rename.from);
        const Status renamed = stacks.rename({rename});
        REQUIRE_FALSE(renamed);
        CHECK(renamed.error().what.find("warren-x.new is left of a rename that was not finished") == 0);
    }
    CHECK(kernel.stacks.contains("warren-x.new"));
    CHECK(stack_of(kernel, "b") == 1);
    CHECK(stack_of(kernel, "x") == 8);
}

// A stackd that was killed in the middle has left it: both have their passing names.
void begin_swap(FakeKernel& kernel) {
    make_stack(kernel, "a", 1);
    make_stack(kernel, "b", 2);
    kernel.second_names = {{"warren-b.new", "warren-a"}, {"warren-a.new", "warren-b"}};
}

TEST_CASE("a rename drops what another one has left, and finishes none of it: vpnd has the stacks under these names") {
    FakeKernel kernel;
    begin_swap(kernel);
    make_stack(kernel, "c", 3);
    StackKeeper stacks(kernel, kTestRunDir);
    REQUIRE(stacks.rename({{"c", "d"}}));
    CHECK(stack_of(kernel, "a") == 1);
    CHECK(stack_of(kernel, "b") == 2);
    CHECK(stack_of(kernel, "d") == 3);
    CHECK(kernel.second_names.empty());
    CHECK(kernel.broken_rules.empty());
}

TEST_CASE("stackd does not start while it cannot tell which stack gets which name, and the next start finishes it") {
    std::size_t error = 0;
    for (bool failed = true; failed; ++error) {
        CAPTURE(error);
        Room room;
        begin_swap(room.kernel);
        room.kernel.looks_until_error = error;
        failed = !room.reconciler.finish_renames();
        room.kernel.looks_until_error = SIZE_MAX;
        CHECK(stack_of(room.kernel, "a") == (failed ? 1U : 2U));
        if (failed) REQUIRE(room.reconciler.finish_renames());
        CHECK(stack_of(room.kernel, "a") == 2);
        CHECK(stack_of(room.kernel, "b") == 1);
    }
    CHECK(error > 8);  // two lists, two marks, four names, and then none failed
    for (std::size_t step = 0; step < 8; ++step) {
        CAPTURE(step);
        Room room;
        begin_swap(room.kernel);
        room.kernel.steps_until_error = step;
        CHECK_FALSE(room.reconciler.finish_renames());
        REQUIRE(room.reconciler.finish_renames());
        CHECK(stack_of(room.kernel, "a") == 2);
        CHECK(stack_of(room.kernel, "b") == 1);
    }
}

TEST_CASE("a name that has to wait for another stack does not keep stackd from starting") {
    Room room;
    room.kernel.stacks["warren-x.new"] = FakeKernel::fresh_stack(owner_mark(kTestRunDir, "y"));
    make_stack(room.kernel, "x", 8);
    CHECK(room.reconciler.finish_renames());
    CHECK(stack_of(room.kernel, "x") == 8);
}

// --- a whole apply -------------------------------------------------------------------------------

void move_file(const Room& room, const std::string& from, const std::string& to) {
    const std::string folder = room.directory_ + "/customers/";
    std::filesystem::rename(folder + from + ".toml", folder + to + ".toml");
}

void swap_files(const Room& room) {
    move_file(room, "acme", "between");
    move_file(room, "globex", "acme");
    move_file(room, "between", "globex");
}

std::uint64_t number_of(Room& room, const std::string& id) {
    const auto number = room.kernel.number_of("warren-" + id);
    return number ? *number : 0;
}

TEST_CASE("nothing is applied while it is in doubt which stack has which name, and the next apply goes on") {
    Room room;
    room.write_customer("acme", 'A');
    room.write_customer("globex", 'B');
    room.adopt();
    REQUIRE(room.apply().exit_status == 0);
    (void)room.received();
    const std::uint64_t acme = number_of(room, "acme");
    const std::uint64_t globex = number_of(room, "globex");
    swap_files(room);
    room.kernel.steps_until_crash = 7;
    for (int i = 0; i < 2; ++i) {
        const Report report = room.apply(Reconciler::Removals::kAsk);
        CHECK_FALSE(report.accepted);
        CHECK(report.exit_status == 4);
        CHECK(report.summary.find("nothing applied: stacks are between their old names and the new ones") == 0);
        CHECK(report.summary.find("acme -> globex") != std::string::npos);
        REQUIRE_FALSE(room.reconciler.problems().empty());
        CHECK(room.reconciler.problems().back().text == report.summary);
        CHECK(room.received().empty());
        CHECK(room.told.empty());
    }
    room.kernel.steps_until_crash = SIZE_MAX;
    const std::uint64_t before = room.reconciler.generation();
    const Report report = room.apply(Reconciler::Removals::kAsk);
    CHECK_MESSAGE(report.exit_status == 0, report.summary);
    CHECK(joined(room.received()) ==
          joined(Lines{"begin", "rename customer globex to acme", "rename customer acme to globex", "commit", "begin",
                       "commit"}));  // the names first, whatever the files say now
    CHECK(number_of(room, "globex") == acme);
    CHECK(number_of(room, "acme") == globex);
    CHECK(room.reconciler.problems().empty());
    const std::string number = std::to_string(before + 1);
    CHECK(joined(room.told) == joined(Lines{number + ": acme to globex", number + ": globex to acme"}));
    CHECK(room.reconciler.generation() == before + 3);
}

TEST_CASE(
    "statusd is told of a rename that is finished late, and then of the way back when the files were moved back") {
    Room room;
    room.write_customer("acme", 'A');
    room.write_customer("globex", 'B');
    room.adopt();
    REQUIRE(room.apply().exit_status == 0);
    (void)room.received();
    const std::uint64_t acme = number_of(room, "acme");
    swap_files(room);
    room.kernel.steps_until_crash = 7;
    REQUIRE_FALSE(room.apply(Reconciler::Removals::kAsk).accepted);
    room.kernel.steps_until_crash = SIZE_MAX;
    swap_files(room);
    const std::uint64_t before = room.reconciler.generation();

    SUBCASE("vpnd has both, one after the other") {
        const Report report = room.apply(Reconciler::Removals::kAsk);
        REQUIRE_MESSAGE(report.exit_status == 0, report.summary);
        const Lines swap{"begin", "rename customer globex to acme", "rename customer acme to globex", "commit"};
        Lines both = swap;
        both.insert(both.end(), swap.begin(), swap.end());
        CHECK(joined(room.received()) == joined(both));
        CHECK(number_of(room, "acme") == acme);
        const std::string there = std::to_string(before + 1);
        const std::string back = std::to_string(before + 3);
        CHECK(joined(room.told) == joined(Lines{there + ": acme to globex", there + ": globex to acme",
                                                back + ": acme to globex", back + ": globex to acme"}));
        CHECK(room.reconciler.generation() == before + 4);
    }
    SUBCASE("a vpnd that is started meanwhile has the first") {
        room.write("warren.toml", "schema = 1\nlisten_prt = 1\n");
        REQUIRE_FALSE(room.apply(Reconciler::Removals::kAsk).accepted);
        FakeVpnd next;
        VpndLink link(next.take_channel());
        REQUIRE(room.reconciler.deliver_all(link));
        const std::string there = std::to_string(before + 1);
        CHECK(joined(room.told) == joined(Lines{there + ": acme to globex", there + ": globex to acme"}));
        CHECK(room.reconciler.generation() == before + 2);
    }
    SUBCASE("a vpnd that refuses the first is asked to reset no peer, whose customer has another id there") {
        room.write("warren.toml", "schema = 1\nlisten_prt = 1\n");
        room.vpnd.answer_with({"no"});
        REQUIRE_FALSE(room.apply(Reconciler::Removals::kAsk).accepted);
        (void)room.received();
        for (const char* id : {"acme", "globex"}) {
            for (const char* peer : {"acme-site", "globex-site"})
                CHECK(room.reconciler.reset_peer(room.link, id, peer).exit_status != 0);
        }
        CHECK(room.received().empty());
    }
}

TEST_CASE("while names are in doubt another vpnd gets no other number of workers, and tunnels stay open") {
    Room room;
    room.write_customer("acme", 'A', "", "queues = 4\n");
    room.write_customer("globex", 'B');
    room.adopt();
    room.write("warren.toml", "workers = 2\n" + Room::appliance());
    REQUIRE(room.apply().exit_status == 0);
    swap_files(room);
    room.kernel.steps_until_crash = 7;
    REQUIRE_FALSE(room.apply(Reconciler::Removals::kAsk).accepted);
    room.kernel.steps_until_crash = SIZE_MAX;
    REQUIRE(room.reconciler.wanted_workers() == 2);
    for (const std::uint32_t workers : {2U, 3U}) {
        const Status set = room.reconciler.set_workers(workers);
        REQUIRE_FALSE(set);
        CHECK(set.error().code == ErrorCode::kUnavailable);
    }
    CHECK_FALSE(room.reconciler.check_workers());
    CHECK(room.reconciler.set_workers(1));  // as it has
    FakeVpnd next;
    VpndLink link(next.take_channel());
    REQUIRE(room.reconciler.deliver_all(link));
    CHECK(contains(next.received(), "customer acme with tun +1 descriptors"));

    REQUIRE(room.apply(Reconciler::Removals::kAsk).accepted);
    CHECK(room.reconciler.check_workers());
    CHECK(room.reconciler.set_workers(2));
}

std::string vlan(int id) {
    return "[handoff]\ntype = \"vlan\"\nparent = \"eth0\"\nvlan_id = " + std::to_string(id) +
           "\naddress = [\"10.42.0.1/24\"]\n";
}

std::uint16_t vlan_of(const Room& room, const std::string& id) {
    const config::AcceptedCustomer* const accepted = room.reconciler.current().find(id);
    if (accepted == nullptr || !accepted->customer.handoff) return 0;
    return accepted->customer.handoff->vlan_id.value_or(0);
}

TEST_CASE("a customer that keeps its old name keeps what it has, and only those that would get it are refused") {
    Room room;
    room.kernel.add_uplink("eth0", "");
    room.write_customer("acme", 'A', vlan(7));
    room.write_customer("globex", 'B', vlan(8));
    room.write_customer("umbrella", 'C');
    room.adopt();
    REQUIRE(room.apply().exit_status == 0);
    (void)room.received();
    room.kernel.stacks["warren-initech"] = FakeKernel::fresh_stack("");
    room.remove_customer("acme");
    room.write_customer("initech", 'A');
    room.write_customer("globex", 'B', vlan(7));
    room.write_customer("hooli", 'D', vlan(8));  // globex would have given it up
    room.write_customer("umbrella", 'E');
    const Report report = room.apply(Reconciler::Removals::kAsk);
    CHECK_MESSAGE(report.accepted, report.summary);
    CHECK(report.exit_status == 4);
    CHECK(mentions(report, "initech", "refused, and acme stays"));
    CHECK(mentions(report, "globex",
                   "refused: VLAN 7 of eth0 is used by the handoff of customer acme, which stays as it was"));
    CHECK(mentions(report, "hooli",
                   "refused: VLAN 8 of eth0 is used by the handoff of customer globex, which stays as it was"));
    CHECK(joined(room.received()) == joined(Lines{"begin", "customer umbrella", "peer umbrella-site", "commit"}));
    CHECK(vlan_of(room, "acme") == 7);
    CHECK(vlan_of(room, "globex") == 8);
    CHECK_FALSE(room.has_stack("hooli"));
    room.kernel.stacks.erase("warren-initech");
    CHECK(room.apply(Reconciler::Removals::kAsk).exit_status == 0);
    CHECK(vlan_of(room, "globex") == 7);
    CHECK(vlan_of(room, "hooli") == 8);
    CHECK(room.has_stack("initech"));
}

TEST_CASE("all that give way are found in one search, and stackd can be told to stop before each") {
    for (std::size_t looks = 0; looks < 3; ++looks) {
        CAPTURE(looks);
        Room room;
        room.kernel.add_uplink("eth0", "");
        room.write_customer("acme", 'A', vlan(7));
        room.write_customer("globex", 'B', vlan(8));
        room.adopt();
        REQUIRE(room.apply().exit_status == 0);
        (void)room.received();
        room.kernel.stacks["warren-initech"] = FakeKernel::fresh_stack("");
        for (const std::string id : {"acme", "globex"}) room.remove_customer(id);
        room.write_customer("initech", 'A');
        room.write_customer("umbrella", 'B');
        room.write_customer("hooli", 'C', vlan(7));
        room.write_customer("soylent", 'D', vlan(8));
        room.looks_until_stop = looks;
        const Report report = room.apply(Reconciler::Removals::kAsk);
        CHECK_FALSE(report.accepted);
        CHECK(mentions(report, "hooli", "refused: VLAN 7") == (looks > 0));
        CHECK(mentions(report, "soylent", "refused: VLAN 8") == (looks > 0));
        // The second search finds nothing, and the third look is before the stacks are brought up.
        CHECK((report.summary.find("nothing applied: acme cannot be renamed to initech") == 0) == (looks < 2));
        CHECK((report.summary.find("stackd was told to stop") != std::string::npos) == (looks < 2));
        CHECK((report.summary == "interrupted") == (looks == 2));
        CHECK(room.received().empty());
    }
}

TEST_CASE("nothing is applied when the appliance gets what a customer keeps because another one is not renamed") {
    const std::string own = "[wireguard]\nlisten_port = 51877\nprivate_key = { secret = \"uplink\" }\n";
    Room room;
    room.kernel.add_uplink("eth0", "");
    room.write_customer("acme", 'A', vlan(7));
    room.write_customer("globex", 'B', own);
    room.adopt();
    REQUIRE(room.apply().exit_status == 0);
    (void)room.received();
    room.kernel.stacks["warren-initech"] = FakeKernel::fresh_stack("");
    room.remove_customer("acme");
    room.write_customer("initech", 'A');
    room.write_customer("globex", 'B', vlan(7));
    std::string appliance = Room::appliance();
    appliance.replace(appliance.find("51820"), 5, "51877");
    room.write("warren.toml", appliance);
    const Report report = room.apply(Reconciler::Removals::kAsk);
    CHECK_FALSE(report.accepted);
    CHECK(report.exit_status == 4);
    CHECK(report.summary.find("nothing applied: acme cannot be renamed to initech") == 0);
    CHECK(report.summary.find("UDP port 51877 is used by the shared listener and by") != std::string::npos);
    CHECK(room.received().empty());
    CHECK(room.reconciler.current().find("acme") != nullptr);
    room.reconciler.close_listeners();
}

}  // namespace
}  // namespace warren::stacks
