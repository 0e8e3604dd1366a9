// What the reconciler does for a configuration that is in force: it keeps customers whose files are gone, says what
// vpnd did not take, sizes the kernel's tables, and mends what others change.
#include "room.h"

namespace warren::stacks {
namespace {

// Ten customers, c0 to c9, in force.
void fill(Room& room) {
    for (int i = 0; i < 10; ++i) room.write_customer("c" + std::to_string(i), static_cast<char>('A' + i));
    room.adopt();
    REQUIRE(room.apply().exit_status == 0);
    (void)room.received();
}

TEST_CASE("removing more than one customer, or more than a tenth of them, is asked first") {
    Room room;
    fill(room);
    room.remove_customer("c1");
    room.remove_customer("c2");
    Report report = room.apply(Reconciler::Removals::kAsk);
    CHECK_FALSE(report.accepted);
    CHECK(report.exit_status == 1);
    CHECK(mentions(report, "", "2 of 10 customers (c1, c2)"));
    CHECK(room.received().empty());
    CHECK(room.has_stack("c1"));
    CHECK(room.reconciler.current().customers.size() == 10);
    report = room.apply(Reconciler::Removals::kAllowed);
    CHECK(report.exit_status == 0);
    CHECK_FALSE(room.has_stack("c1"));
    CHECK(room.reconciler.current().customers.size() == 8);
    // One of eight is more than a tenth.
    room.remove_customer("c3");
    CHECK(mentions(room.apply(Reconciler::Removals::kAsk), "", "1 of 8 customers (c3)"));
}

TEST_CASE("one customer that was asked about goes at once, and nobody else with it") {
    Room room;
    fill(room);
    const Instant start = Instant{} + std::chrono::seconds(100);
    room.remove_customer("c1");
    CHECK(room.apply(Reconciler::Removals::kAsk, start, "c1").accepted);
    CHECK_FALSE(room.has_stack("c1"));
    CHECK(room.reconciler.next_departure() == kNever);
    // Two others that nobody was asked about stop it.
    for (const char* id : {"c2", "c3", "c4"}) room.remove_customer(id);
    Report report = room.apply(Reconciler::Removals::kAsk, start, "c2");
    CHECK_FALSE(report.accepted);
    CHECK(mentions(report, "", "2 of 9 customers (c3, c4)"));
    CHECK(room.has_stack("c2"));
    CHECK(room.has_stack("c3"));
    // So does one that is more than a tenth; with its file back only the one goes.
    room.write_customer("c3", 'D');
    CHECK(mentions(room.apply(Reconciler::Removals::kAsk, start, "c2"), "", "1 of 9 customers (c4)"));
    room.write_customer("c4", 'E');
    CHECK(room.apply(Reconciler::Removals::kAsk, start, "c2").accepted);
    CHECK_FALSE(room.has_stack("c2"));
    CHECK(room.reconciler.current().customers.size() == 8);
}

TEST_CASE("one customer that was asked about goes at once, though its stack was to stay for a while") {
    Room room;
    fill(room);
    const Instant start = Instant{} + std::chrono::seconds(100);
    room.remove_customer("c1");
    CHECK(room.apply(Reconciler::Removals::kAsk, start).accepted);
    REQUIRE(room.has_stack("c1"));
    CHECK(room.apply(Reconciler::Removals::kAsk, start, "c1").accepted);
    CHECK_FALSE(room.has_stack("c1"));
    CHECK(room.reconciler.next_departure() == kNever);
}

TEST_CASE("a signal with an emptied directory keeps the customers and says so") {
    Room room;
    fill(room);
    for (int i = 0; i < 10; ++i) room.remove_customer("c" + std::to_string(i));
    const Report report = room.apply(Reconciler::Removals::kKeep);
    CHECK(report.accepted);
    CHECK(mentions(report, "", "10 of 10 customers"));
    CHECK(room.reconciler.current().customers.size() == 10);
    CHECK(joined(room.received()) == joined(Lines{"begin", "commit"}));
    CHECK(room.has_stack("c5"));
    CHECK(room.reconciler.problems().size() == 1);
    // The files are back.
    for (int i = 0; i < 10; ++i) room.write_customer("c" + std::to_string(i), static_cast<char>('A' + i));
    CHECK(room.apply(Reconciler::Removals::kKeep).exit_status == 0);
    CHECK(room.reconciler.problems().empty());
}

TEST_CASE("a start with an emptied directory keeps the stacks") {
    Room room;
    fill(room);
    for (int i = 0; i < 10; ++i) room.remove_customer("c" + std::to_string(i));
    FakeVpnd vpnd;
    VpndLink link(vpnd.take_channel());
    Reconciler next{room.kernel, {room.directory_, kTestRunDir}};
    Holdings holdings;
    ReturnedListener& shared = holdings.listeners[{}];
    shared.port = 51820;
    shared.roles = {{ipc::SocketRole::kMessages}, {ipc::SocketRole::kData}, {ipc::SocketRole::kControl}};
    for (int i = 0; i < 3; ++i) shared.descriptors.push_back(some_descriptor());
    for (int i = 0; i < 10; ++i) holdings.tunnels["c" + std::to_string(i)].push_back(some_descriptor());
    next.adopt(std::move(holdings));
    const Report report = next.apply(link, Reconciler::Removals::kKeep);
    CHECK(report.accepted);
    CHECK(mentions(report, "", "10 of 10 customers"));
    CHECK(room.has_stack("c5"));
    CHECK(joined(vpnd.received()) == joined(Lines{"begin", "listener '' 51820", "commit"}));
}

TEST_CASE("one file away for a moment costs its tunnels, but not its stack") {
    Room room;
    fill(room);
    const Instant start = Instant{} + std::chrono::seconds(100);
    for (const auto removals : {Reconciler::Removals::kKeep, Reconciler::Removals::kAsk}) {
        room.remove_customer("c4");
        CHECK(room.apply(removals, start).exit_status == 0);
        CHECK(joined(room.received()) == joined(Lines{"begin", "remove customer c4", "commit"}));
        CHECK(room.has_stack("c4"));
        CHECK(room.reconciler.next_departure() == start + Reconciler::kGrace);
        room.reconciler.remove_departed(start + Reconciler::kGrace - std::chrono::milliseconds(1));
        CHECK(room.has_stack("c4"));
        room.write_customer("c4", 'E');
        CHECK(room.apply(removals, start + std::chrono::seconds(1)).exit_status == 0);
        CHECK(joined(room.received()) ==
              joined(Lines{"begin", "customer c4 with tun +1 descriptors", "peer c4-site", "commit"}));
        CHECK(room.reconciler.next_departure() == kNever);
        room.reconciler.remove_departed(start + 2 * Reconciler::kGrace);
        CHECK(room.has_stack("c4"));
    }
    room.remove_customer("c4");
    room.apply(Reconciler::Removals::kKeep, start);
    room.apply(Reconciler::Removals::kKeep, start + std::chrono::seconds(30));
    CHECK(room.reconciler.next_departure() == start + Reconciler::kGrace);
    room.reconciler.remove_departed(start + Reconciler::kGrace);
    CHECK_FALSE(room.has_stack("c4"));
    CHECK(room.reconciler.next_departure() == kNever);
}

TEST_CASE("a removed stack gets no grace when a new customer may need its device, or when the operator says so") {
    Room room;
    fill(room);
    room.remove_customer("c4");
    room.write_customer("another", 'Z');
    CHECK(room.apply(Reconciler::Removals::kAsk).exit_status == 0);
    CHECK_FALSE(room.has_stack("c4"));
    CHECK(room.has_stack("another"));
    room.remove_customer("c5");
    CHECK(room.apply(Reconciler::Removals::kAsk).exit_status == 0);
    CHECK(room.has_stack("c5"));
    CHECK(room.apply(Reconciler::Removals::kAllowed).exit_status == 0);
    CHECK_FALSE(room.has_stack("c5"));
}

TEST_CASE("while the stacks cannot be listed nothing is removed, or nothing applied") {
    Room room;
    fill(room);
    for (int i = 0; i < 10; ++i) room.remove_customer("c" + std::to_string(i));
    room.kernel.lists_stacks = false;
    Report report = room.apply(Reconciler::Removals::kAsk);
    CHECK_FALSE(report.accepted);
    CHECK(report.exit_status == 4);
    CHECK(mentions(report, "", "too many open files"));
    CHECK(room.reconciler.current().customers.size() == 10);
    report = room.apply(Reconciler::Removals::kKeep);
    CHECK(report.accepted);
    CHECK(report.exit_status == 4);
    CHECK(mentions(report, "", "no stack is removed"));
    CHECK(room.reconciler.current().customers.size() == 10);
    CHECK(room.has_stack("c5"));
}

TEST_CASE("a stack in its grace leaves its device to a customer that needs it now") {
    const auto vlan = [](int id) {
        return "[handoff]\ntype = \"vlan\"\nparent = \"eth0\"\nvlan_id = " + std::to_string(id) +
               "\naddress = [\"10.42.0.1/24\"]\n";
    };
    Room room;
    room.kernel.add_uplink("eth0", "");
    fill(room);
    for (int i = 1; i < 4; ++i) room.write_customer("c" + std::to_string(i), static_cast<char>('A' + i), vlan(i));
    REQUIRE(room.apply().exit_status == 0);
    const Instant start = Instant{} + std::chrono::seconds(100);
    room.remove_customer("c1");
    CHECK(room.apply(Reconciler::Removals::kAsk, start).exit_status == 0);
    CHECK(room.has_stack("c1"));
    room.write_customer("c4", 'E', vlan(9));
    CHECK(room.apply(Reconciler::Removals::kAsk, start).exit_status == 0);
    CHECK(room.has_stack("c1"));  // another VLAN
    room.kernel.observed.clear();
    room.write_customer("c4", 'E', vlan(1));
    CHECK(room.apply(Reconciler::Removals::kAsk, start).exit_status == 0);
    CHECK_FALSE(room.has_stack("c1"));
    CHECK(room.kernel.observed.front() == "warren-c1");  // before the stack of c4 was looked at
    CHECK(room.reconciler.next_departure() == kNever);
}

TEST_CASE("what vpnd does not take is owed to it") {
    Room room;
    room.write_customer("acme", 'A');
    room.adopt();
    CHECK_FALSE(room.apply().is_owed);
    room.write_customer("acme", 'B');
    room.vpnd.answer_with({"hang up"});
    CHECK(room.apply().is_owed);
    room.write_customer("acme", 'C');
    CHECK(room.apply().is_owed);  // without a vpnd
}

TEST_CASE("the neighbour tables grow with the stacks that have a handoff or devices, and no other") {
    Room room;
    room.adopt();
    room.write_customer("acme", 'A');
    room.apply();
    CHECK(room.kernel.tables == NeighbourTables{1024, 1024});
    room.write_customer("acme", 'A', "[handoff]\ntype = \"veth\"\naddress = [\"10.42.0.1/24\"]\n");
    CHECK(room.apply().exit_status == 0);
    CHECK(room.kernel.tables == NeighbourTables{needed_entries(1), needed_entries(1)});
    const std::vector<Prefix> lan{prefix("10.42.0.1/24")};
    CHECK(room.kernel.stacks.at("warren-acme").firewall->identity == identity(default_firewall(kMostNeighbours, lan)));
    room.remove_customer("acme");
    room.apply();
    CHECK(room.kernel.tables.v4 == needed_entries(1));
    // The operator's devices have neighbours too.
    const std::vector<std::string> devices{"vx0"};
    room.write_customer("globex", 'B', "", "devices = [\"vx0\"]\n");
    room.write_customer("initech", 'C', "", "devices = [\"vx0\"]\n");
    CHECK(room.apply().exit_status == 0);
    CHECK(room.kernel.tables.v4 == needed_entries(2));
    CHECK(room.kernel.stacks.at("warren-globex").firewall->identity ==
          identity(default_firewall(kMostNeighbours, {}, true, devices)));
}

TEST_CASE("a link-local endpoint follows the device that it names") {
    Room room;
    room.adopt();
    const auto has = [&room](const std::string& line) { return (joined(room.received()) + "\n").find(line + "\n"); };
    room.write_customer("acme", 'A', "", "", "endpoint = \"[fe80::7%up0]:51820\"\n");
    const Report report = room.apply();
    CHECK(mentions(report, "acme", "peer acme-site: no device up0 in the uplink, so its endpoint is not used"));
    CHECK(has("peer acme-site") != std::string::npos);
    CHECK(room.reconciler.needs_mending());
    room.reconciler.mend(room.link);
    CHECK(room.received().empty());
    room.kernel.add_uplink("up0", "veth");
    Link& up0 = room.kernel.uplink.links.at("up0");
    up0.index = 7;
    room.reconciler.mend(room.link);
    CHECK_FALSE(room.reconciler.needs_mending());
    CHECK(has("peer acme-site at [fe80::7%7]:51820") != std::string::npos);
    // Made anew, with another index; an apply that changes nothing else tells vpnd.
    up0.index = 9;
    CHECK(room.apply().exit_status == 0);
    CHECK(has("peer acme-site at [fe80::7%9]:51820") != std::string::npos);
    CHECK(room.apply().exit_status == 0);
    CHECK(has("peer acme-site at [fe80::7%9]:51820") == std::string::npos);
    // The same without an apply.
    up0.index = 11;
    room.reconciler.follow_devices(room.link);
    CHECK(has("peer acme-site at [fe80::7%11]:51820") != std::string::npos);
    room.reconciler.follow_devices(room.link);
    CHECK(room.received().empty());
    up0.index = 9;
    // An index is a name too.
    room.write_customer("acme", 'A', "", "", "endpoint = \"[fe80::7%9]:51820\"\n");
    CHECK(room.apply().exit_status == 0);
    CHECK(has("peer acme-site at [fe80::7%9]:51820") != std::string::npos);
    room.write_customer("acme", 'A', "", "", "endpoint = \"[fe80::7%10]:51820\"\n");
    CHECK(mentions(room.apply(), "acme", "no device 10 in the uplink"));
}

TEST_CASE("what a stack lacks is no problem any more when its customer has left") {
    Room room;
    fill(room);
    room.write_customer("c4", 'E', "", "", "endpoint = \"[fe80::7%up0]:51820\"\n");
    CHECK(mentions(room.apply(), "c4", "no device up0"));
    CHECK(room.reconciler.needs_mending());
    room.remove_customer("c4");
    const Report report = room.apply(Reconciler::Removals::kKeep);
    CHECK(report.exit_status == 0);
    CHECK(room.has_stack("c4"));
    CHECK(room.reconciler.problems().empty());
    CHECK_FALSE(room.reconciler.needs_mending());
}

TEST_CASE("where the neighbour tables cannot grow each stack gets less, and stackd says so") {
    Room room;
    room.kernel.refuses_tables = true;
    room.adopt();
    room.write_customer("acme", 'A', "[handoff]\ntype = \"veth\"\naddress = [\"10.42.0.1/24\"]\n");
    const Report report = room.apply();
    CHECK(report.exit_status == 0);
    CHECK(mentions(report, "", "gc_thresh3"));
    const std::vector<Prefix> lan{prefix("10.42.0.1/24")};
    CHECK(room.kernel.stacks.at("warren-acme").firewall->identity == identity(default_firewall(256, lan)));
}

TEST_CASE("a stack that somebody changed is mended before the others") {
    Room room;
    room.adopt();
    room.write_customer("acme", 'A');
    room.write_customer("globex", 'B');
    room.apply();
    CHECK(room.kernel.watched == Lines{"warren-acme", "warren-globex"});
    CHECK_FALSE(room.reconciler.has_patrol());
    room.kernel.stacks.at("warren-globex").firewall.reset();
    room.kernel.changes.names = {"warren-globex", "warren-unknown"};
    room.reconciler.note_changes();
    room.kernel.observed.clear();
    room.reconciler.patrol(room.link, 8);
    CHECK(room.kernel.observed == Lines{"warren-globex"});
    CHECK(room.kernel.stacks.at("warren-globex").firewall.has_value());
    // What apply() itself changed in the stacks is no news.
    room.kernel.changes.names = {"warren-globex"};
    room.apply();
    CHECK_FALSE(room.reconciler.has_patrol());
    room.kernel.changes.lost = true;
    room.reconciler.note_changes();
    room.kernel.observed.clear();
    room.reconciler.patrol(room.link, 8);
    CHECK(room.kernel.observed == Lines{"warren-acme", "warren-globex"});
}

TEST_CASE("a stack that cannot be watched is watched at the next occasion") {
    Room room;
    room.adopt();
    room.write_customer("acme", 'A');
    room.kernel.refuses_watches = true;
    CHECK(room.apply().exit_status == 0);
    CHECK(room.kernel.watched.empty());
    room.kernel.refuses_watches = false;
    room.apply();
    CHECK(room.kernel.watched == Lines{"warren-acme"});
    room.apply();
    CHECK(room.kernel.watched == Lines{"warren-acme"});
}

TEST_CASE("a stack whose repairs are undone is repaired less and less often, and is a problem") {
    Room room;
    Instant now = Instant{} + std::chrono::seconds(1000);
    Reconciler reconciler{room.kernel,
                          {room.directory_, kTestRunDir, 1, [] { return false; }, SIZE_MAX, [&now] { return now; }}};
    Holdings holdings;
    ReturnedListener& shared = holdings.listeners[{}];
    shared.port = 51820;
    shared.roles = {{ipc::SocketRole::kMessages}, {ipc::SocketRole::kData}, {ipc::SocketRole::kControl}};
    for (int i = 0; i < 3; ++i) shared.descriptors.push_back(some_descriptor());
    reconciler.adopt(std::move(holdings));
    room.write_customer("acme", 'A');
    REQUIRE(reconciler.apply(room.link).exit_status == 0);
    auto& firewall = room.kernel.stacks.at("warren-acme").firewall;
    // Half a second later somebody has removed the firewall again, and so on for five minutes.
    int repairs = 0;
    for (int half_seconds = 0; half_seconds < 600; ++half_seconds) {
        firewall.reset();
        room.kernel.changes.names = {"warren-acme"};
        reconciler.note_changes();
        if (reconciler.has_patrol()) reconciler.patrol(room.link, 8);
        if (half_seconds % 10 == 0 && reconciler.needs_mending()) reconciler.mend(room.link);
        repairs += firewall.has_value() ? 1 : 0;
        now = now + std::chrono::milliseconds(500);
    }
    CHECK(repairs > 6);
    CHECK(repairs < 14);
    REQUIRE(reconciler.problems().size() == 1);
    CHECK(reconciler.problems().front().text.find("somebody undoes") != std::string::npos);
    CHECK(reconciler.problems().front().kind == ipc::ControlText::Kind::kNote);  // the stack is complete
    CHECK_FALSE(reconciler.has_patrol());
    CHECK(reconciler.needs_mending());
    // It stays as it is at last.
    now = now + std::chrono::seconds(20);
    reconciler.mend(room.link);
    CHECK(firewall.has_value());
    CHECK(reconciler.problems().size() == 1);
    now = now + std::chrono::seconds(60);
    reconciler.mend(room.link);
    CHECK(reconciler.problems().empty());
    CHECK_FALSE(reconciler.needs_mending());
}

}  // namespace
}  // namespace warren::stacks
