#include "stacks/reconciler.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "room.h"

namespace warren::stacks {
namespace {

TEST_CASE("the first generation puts everything, the next ones only what changed") {
    Room room;
    room.write_customer("acme", 'A');
    room.write_customer("globex", 'B');
    room.adopt();
    Report report = room.apply();
    REQUIRE_MESSAGE(report.accepted, report.summary);
    CHECK(report.exit_status == 0);
    CHECK(joined(room.received()) ==
          joined(Lines{"begin", "listener '' 51820", "customer acme with tun +1 descriptors", "peer acme-site",
                       "customer globex with tun +1 descriptors", "peer globex-site", "commit"}));
    room.apply();
    CHECK(joined(room.received()) == joined(Lines{"begin", "commit"}));
    room.write_customer("globex", 'C');
    room.apply();
    CHECK(joined(room.received()) == joined(Lines{"begin", "customer globex", "peer globex-site", "commit"}));
    room.write_customer("globex", 'C', "state = \"suspended\"\n");
    room.apply();
    CHECK(joined(room.received()) == joined(Lines{"begin", "customer globex suspended", "peer globex-site", "commit"}));
    CHECK(room.has_stack("globex"));
}

TEST_CASE("a reseller that is suspended suspends its customers, and divides one share with them") {
    Room room;
    std::filesystem::create_directories(room.directory_ + "/customers/acme");
    const auto reseller = [&](const std::string& more) {
        room.write("customers/acme.toml",
                   "schema = 1\nname = \"R\"\n" + more + "[stack]\naddresses = [\"10.0.0.1/24\"]\n[reseller]\n");
    };
    reseller("");
    room.write("customers/acme/north.toml",
               "schema = 1\nname = \"N\"\n[stack]\naddresses = [\"10.0.0.1/24\"]\n[[wireguard.peer]]\nname = "
               "\"site\"\npublic_key = \"" +
                   std::string(42, 'A') + "E=\"\nallowed_ips = [\"10.43.0.0/16\"]\n");
    room.write_customer("plain", 'B');
    room.adopt();
    REQUIRE(room.apply().exit_status == 0);
    CHECK(joined(room.received()) ==
          joined(Lines{"begin", "listener '' 51820", "customer acme of acme 1 with tun +1 descriptors",
                       "customer acme.north of acme 1 with tun +1 descriptors", "peer site",
                       "customer plain with tun +1 descriptors", "peer plain-site", "commit"}));
    CHECK(room.has_stack("acme.north"));
    reseller("state = \"suspended\"\n");
    room.apply();
    CHECK(joined(room.received()) == joined(Lines{"begin", "customer acme of acme 1 suspended",
                                                  "customer acme.north of acme 1 suspended", "peer site", "commit"}));
    CHECK(room.has_stack("acme.north"));
    reseller("");
    room.apply();
    CHECK(joined(room.received()) ==
          joined(Lines{"begin", "customer acme of acme 1", "customer acme.north of acme 1", "peer site", "commit"}));
    // It may be removed by name with its customers, and others may not go along.
    std::filesystem::remove(room.directory_ + "/customers/acme.toml");
    CHECK(room.apply(Reconciler::Removals::kAsk).exit_status == 1);
    CHECK(room.has_stack("acme.north"));
    (void)room.received();
    std::filesystem::remove_all(room.directory_ + "/customers/acme");
    const Report removed = room.apply(Reconciler::Removals::kAsk, {}, "acme");
    CHECK(removed.accepted);
    CHECK(joined(room.received()) ==
          joined(Lines{"begin", "remove customer acme", "remove customer acme.north", "commit"}));
    CHECK(room.reconciler.current().find("plain") != nullptr);
    CHECK(room.reconciler.current().find("acme.north") == nullptr);
}

TEST_CASE("a long list of prefixes goes in several messages, and only when it changed") {
    const auto prefixes = [](std::size_t count) {
        std::string text;
        for (std::size_t i = 0; i < count; ++i)
            text += "\"10." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ".0/24\",";
        return text;
    };
    Room room;
    const auto write = [&](std::size_t count, const std::string& more) {
        room.write("customers/acme.toml", "schema = 1\nname = \"acme\"\n" + more +
                                              "[stack]\naddresses = [\"192.0.2.1/24\"]\n[[wireguard.peer]]\nname = "
                                              "\"site\"\npublic_key = \"" +
                                              std::string(42, 'A') + "E=\"\nallowed_ips = [" + prefixes(count) + "]\n");
    };
    write(9'000, "");
    room.adopt();
    REQUIRE(room.apply().exit_status == 0);
    CHECK(joined(room.received()) ==
          joined(Lines{"begin", "listener '' 51820", "customer acme with tun +1 descriptors",
                       "peer site, 5000 prefixes follow", "4000 prefixes", "1000 prefixes", "commit"}));
    CHECK(room.kernel.stacks.at("warren-acme").routes.size() >= 9'000);

    write(9'000, "state = \"suspended\"\n");
    room.apply();
    CHECK(joined(room.received()) ==
          joined(Lines{"begin", "customer acme suspended", "peer site with the same prefixes", "commit"}));
    // What vpnd did not take, it does not have.
    room.vpnd.answer_with({"no"});
    write(8'500, "");
    room.apply();
    room.apply();
    const Lines changed{"begin",         "customer acme", "peer site, 4500 prefixes follow",
                        "4000 prefixes", "500 prefixes",  "commit"};
    CHECK(joined(room.received()) == joined(changed) + joined(changed));
    write(ipc::kPrefixesPerMessage, "");
    room.apply();
    CHECK(joined(room.received()) == joined(Lines{"begin", "customer acme", "peer site", "commit"}));
    write(ipc::kPrefixesPerMessage + 1, "");
    room.apply();
    CHECK(joined(room.received()) ==
          joined(Lines{"begin", "customer acme", "peer site, 1 prefixes follow", "1 prefixes", "commit"}));
}

TEST_CASE("a vpnd that an earlier stackd left gets all prefixes, as it is not known which it has") {
    Room room;
    std::string text;
    for (std::size_t i = 0; i <= ipc::kPrefixesPerMessage; ++i)
        text += "\"10." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ".0/24\",";
    room.write("customers/acme.toml",
               "schema = 1\nname = \"acme\"\n[stack]\naddresses = [\"192.0.2.1/24\"]\n[[wireguard.peer]]\nname = "
               "\"site\"\npublic_key = \"" +
                   std::string(42, 'A') + "E=\"\nallowed_ips = [" + text + "]\n");
    room.kernel.stacks["warren-acme"] = FakeKernel::fresh_stack(owner_mark(kTestRunDir, "acme"));
    room.adopt({"acme"});
    room.apply();
    const std::string received = joined(room.received());
    CHECK(received.find("peer site, 1 prefixes follow\n1 prefixes\n") != std::string::npos);
}

TEST_CASE("a removed customer leaves vpnd before its stack is removed") {
    Room room;
    room.write_customer("acme", 'A');
    room.write_customer("globex", 'B');
    room.adopt();
    room.apply();
    room.remove_customer("globex");
    room.vpnd.answer_with({"not now"});
    (void)room.received();
    CHECK(room.apply().exit_status == 4);
    CHECK(room.has_stack("globex"));
    CHECK(joined(room.received()) == joined(Lines{"begin", "remove customer globex", "commit"}));
    CHECK(room.apply().exit_status == 0);
    CHECK_FALSE(room.has_stack("globex"));
    CHECK(room.has_stack("acme"));
}

TEST_CASE("what vpnd refuses changes nothing: new stacks go, changed ones go back") {
    Room room;
    room.write_customer("acme", 'A');
    room.adopt();
    room.apply();
    const auto before = room.kernel.stacks.at("warren-acme").routes;
    room.write("customers/acme.toml",
               "schema = 1\nname = \"acme\"\n[stack]\naddresses = [\"10.7.0.1/24\"]\nmtu = 1300\n");
    room.write_customer("globex", 'B');
    room.vpnd.answer_with({"no"});
    const Report report = room.apply();
    CHECK_FALSE(report.accepted);
    CHECK(report.exit_status == 4);
    CHECK(report.summary == "vpnd rejected it: no");
    CHECK_FALSE(room.has_stack("globex"));
    CHECK(room.kernel.stacks.at("warren-acme").link("vpn0")->mtu == 1420);
    CHECK(room.kernel.stacks.at("warren-acme").routes.size() == before.size());
    CHECK(room.apply().exit_status == 0);
    CHECK(room.kernel.stacks.at("warren-acme").link("vpn0")->mtu == 1300);
}

TEST_CASE("a customer whose file broke stays as it was, and the others apply") {
    Room room;
    room.write_customer("acme", 'A');
    room.adopt();
    room.apply();
    (void)room.received();
    room.break_customer("acme");
    room.write_customer("globex", 'B');
    const Report report = room.apply();
    CHECK(report.accepted);
    CHECK(report.exit_status == 1);
    CHECK(room.has_stack("acme"));
    CHECK(joined(room.received()) ==
          joined(Lines{"begin", "customer globex with tun +1 descriptors", "peer globex-site", "commit"}));
}

TEST_CASE("a customer that never came into force is reported as not served, with the reason, until its file is right") {
    using Kind = ipc::ControlText::Kind;
    const auto unserved = [](const Room& room) {
        std::vector<std::string> out;
        for (const ipc::ControlText& text : room.reconciler.problems()) {
            if (text.kind != Kind::kUnserved) continue;
            CHECK(text.text.find("acme.toml:") != std::string::npos);
            CHECK(text.text.find('\n') == std::string::npos);
            out.push_back(text.customer);
        }
        return out;
    };
    Room room;
    room.write_customer("globex", 'B');
    room.break_customer("acme");
    room.adopt();
    room.apply();
    CHECK(unserved(room) == std::vector<std::string>{"acme"});
    room.apply();
    CHECK(unserved(room) == std::vector<std::string>{"acme"});
    room.write_customer("acme", 'A');
    room.apply();
    CHECK(unserved(room).empty());
    room.break_customer("acme");  // it stays as it was
    room.apply();
    CHECK(unserved(room).empty());
    CHECK_FALSE(room.reconciler.problems().empty());
}

TEST_CASE("a customer with a broken file that an adopted vpnd serves is served, until that vpnd ends") {
    Room room;
    room.write_customer("globex", 'B');
    room.break_customer("acme");
    room.kernel.stacks["warren-acme"] = FakeKernel::fresh_stack(owner_mark(kTestRunDir, "acme"));
    room.adopt({"acme"});
    room.apply();
    const auto is_unserved = [](const ipc::ControlText& text) {
        return text.kind == ipc::ControlText::Kind::kUnserved;
    };
    const auto& problems = room.reconciler.problems();
    CHECK(std::none_of(problems.begin(), problems.end(), is_unserved));
    FakeVpnd next;
    VpndLink link(next.take_channel());
    CHECK(room.reconciler.deliver_all(link).has_value());
    CHECK(std::count_if(problems.begin(), problems.end(), is_unserved) == 1);
}

TEST_CASE("after a restart a customer whose file is broken is neither removed from vpnd nor from the kernel") {
    Room room;
    room.break_customer("acme");
    room.write_customer("globex", 'B');
    room.kernel.stacks["warren-acme"] = FakeKernel::fresh_stack(owner_mark(kTestRunDir, "acme"));
    room.kernel.stacks["warren-gone"] = FakeKernel::fresh_stack(owner_mark(kTestRunDir, "gone"));
    room.adopt({"acme", "globex", "gone"});
    CHECK(room.apply().exit_status == 1);
    CHECK(room.has_stack("acme"));
    CHECK_FALSE(room.has_stack("gone"));
    // globex's stack is new, so vpnd's old descriptor is worthless.
    CHECK(joined(room.received()) ==
          joined(Lines{"begin", "listener '' 51820", "customer globex with tun +1 descriptors", "peer globex-site",
                       "remove customer gone", "commit"}));
}

TEST_CASE("what vpnd kept of a broken customer gives way when it does not go with the rest") {
    Room room;
    room.break_customer("acme");
    room.write_customer("globex", 'B');
    room.adopt({"acme"});
    room.vpnd.answer_with({"a key is taken"});
    CHECK(room.apply().accepted);
    const Lines received = room.received();
    CHECK(std::count(received.begin(), received.end(), "begin full") == 1);
    CHECK(received.back() == "commit");
}

TEST_CASE("a vpnd that hangs up gets everything when it is back") {
    Room room;
    room.write_customer("acme", 'A');
    room.adopt();
    room.vpnd.answer_with({"hang up"});
    Report report = room.apply();
    CHECK(report.accepted);
    CHECK_FALSE(room.link.is_connected());
    CHECK(room.reconciler.problems().size() == 1);
    FakeVpnd next;
    VpndLink link(next.take_channel());
    CHECK(room.reconciler.deliver_all(link).has_value());
    CHECK(room.reconciler.problems().empty());
    CHECK(joined(next.received()) ==
          joined(Lines{"begin full", "listener '' 51820 with sockets +3 descriptors",
                       "customer acme with tun +1 descriptors", "peer acme-site", "commit"}));
}

TEST_CASE("a tunnel device that was made anew is handed over though the file did not change") {
    Room room;
    room.write_customer("acme", 'A');
    room.adopt();
    room.apply();
    (void)room.received();
    FakeStack& stack = room.kernel.stacks.at("warren-acme");
    std::erase_if(stack.links, [](const Link& link) { return link.name == "vpn0"; });
    std::erase_if(stack.routes, [](const Route& route) { return route.device == "vpn0"; });
    stack.addresses.clear();
    CHECK(room.apply().exit_status == 0);
    CHECK(joined(room.received()) ==
          joined(Lines{"begin", "customer acme with tun +1 descriptors", "peer acme-site", "commit"}));
}

TEST_CASE("an appliance with errors changes nothing and says where") {
    Room room;
    room.write_customer("acme", 'A');
    room.adopt();
    room.apply();
    (void)room.received();
    room.write("warren.toml", "schema = 1\nlisten_prt = 1\n");
    room.remove_customer("acme");
    const Report report = room.apply();
    CHECK_FALSE(report.accepted);
    CHECK(report.exit_status == 1);
    CHECK(mentions(report, "", "warren.toml:2:"));
    CHECK(joined(room.received()).empty());
    CHECK(room.has_stack("acme"));
}

TEST_CASE("a namespace that is not ours is that customer's problem alone") {
    Room room;
    room.kernel.stacks["warren-acme"] = FakeKernel::fresh_stack("");
    room.write_customer("acme", 'A');
    room.write_customer("globex", 'B');
    room.adopt();
    const Report report = room.apply();
    CHECK(report.accepted);
    CHECK(report.exit_status == 4);
    CHECK(mentions(report, "acme", "not ours"));
    CHECK(room.has_stack("globex"));
    CHECK(room.kernel.stacks.at("warren-acme").link("vpn0") == nullptr);
    room.remove_customer("acme");
    CHECK(room.apply().exit_status == 0);
    CHECK(room.has_stack("acme"));
}

TEST_CASE("preview says the steps, changes nothing, and agrees with apply") {
    Room room;
    room.write_customer("acme", 'A');
    room.adopt();
    Report report = room.reconciler.preview();
    CHECK(report.exit_status == 1);
    CHECK(mentions(report, "acme", "create the namespace"));
    CHECK_FALSE(room.has_stack("acme"));
    CHECK(joined(room.received()).empty());
    room.apply();
    report = room.reconciler.preview();
    CHECK(report.exit_status == 0);
    CHECK(report.summary == "nothing to do");
    room.remove_customer("acme");
    report = room.reconciler.preview();
    CHECK(report.exit_status == 1);
    CHECK(mentions(report, "acme", "remove the stack"));
}

TEST_CASE("a bridge that comes later completes the stack without another apply") {
    Room room;
    room.write("customers/acme.toml",
               "schema = 1\nname = \"acme\"\n[stack]\naddresses = [\"10.0.0.1/24\"]\n[handoff]\ntype = "
               "\"veth\"\nparent = \"br0\"\naddress "
               "= [\"10.42.0.1/24\"]\n");
    room.adopt();
    const Report report = room.apply();
    CHECK(report.accepted);
    CHECK(report.exit_status == 4);
    CHECK(mentions(report, "acme", "no bridge br0"));
    const auto& problems = room.reconciler.problems();
    REQUIRE(problems.size() == 1);
    CHECK(problems.front().kind == ipc::ControlText::Kind::kIncomplete);
    // An apply that changes nothing does not make it complete.
    room.write("warren.toml", "schema = 1\nlisten_prt = 1\n");
    CHECK_FALSE(room.apply().accepted);
    const auto is_incomplete = [](const ipc::ControlText& text) {
        return text.kind == ipc::ControlText::Kind::kIncomplete && text.customer == "acme";
    };
    CHECK(std::count_if(problems.begin(), problems.end(), is_incomplete) == 1);
    room.write("warren.toml", Room::appliance());
    CHECK(room.apply().accepted);
    CHECK(std::count_if(problems.begin(), problems.end(), is_incomplete) == 1);
    CHECK(room.reconciler.needs_mending());
    room.kernel.add_uplink("br0", "bridge");
    room.reconciler.mend(room.link);
    CHECK_FALSE(room.reconciler.needs_mending());
    CHECK(problems.empty());
    CHECK(room.kernel.stacks.at("warren-acme").link("lan0") != nullptr);
}

TEST_CASE("a generation that follows the question whether vpnd lives waits for that answer first") {
    Room room;
    room.adopt();
    room.write_customer("acme", 'A');
    REQUIRE(room.link.send_probe().has_value());
    CHECK(room.link.awaits_reply());
    CHECK(room.apply().exit_status == 0);
    CHECK_FALSE(room.link.awaits_reply());
    REQUIRE(room.link.send_probe().has_value());
    CHECK(room.link.receive_reply().has_value());
    CHECK_FALSE(room.link.receive_reply().has_value());  // no probe was sent
}

// A configuration of more customers than one apply() looks at.
class Crowd : public Room {
  public:
    static constexpr int kCustomers = static_cast<int>(Reconciler::kChecksPerApply) * 2 + 10;

    Crowd() {
        for (int i = 0; i < kCustomers; ++i) write_member(i);
        adopt();
        REQUIRE(apply().exit_status == 0);
        (void)received();
        kernel.observed.clear();
    }
    [[nodiscard]] static std::string member(int number) { return "c" + std::to_string(1000 + number); }
    void write_member(int number, const std::string& more = "") const {
        // 42 letters of base64, of which two count.
        std::string key(42, 'A');
        key[0] = static_cast<char>('A' + number / 26);
        key[1] = static_cast<char>('A' + number % 26);
        write("customers/" + member(number) + ".toml",
              "schema = 1\nname = \"x\"\n" + more +
                  "[stack]\naddresses = [\"10.0.0.1/24\"]\n[[wireguard.peer]]\nname = \"p\"\n"
                  "public_key = \"" +
                  key + "E=\"\nallowed_ips = [\"10.43.0.0/16\"]\n");
    }
    void patrol_to_the_end() {
        for (int turns = 0; reconciler.has_patrol(); ++turns) {
            REQUIRE(turns < kCustomers);
            reconciler.patrol(link, 7);
        }
    }
    [[nodiscard]] long looks_at(int number) const {
        return std::count(kernel.observed.begin(), kernel.observed.end(), "warren-" + member(number));
    }
};

TEST_CASE(
    "of many customers one changed: its stack is checked, a bounded number of others too, and vpnd is told of it "
    "alone") {
    Crowd room;
    const int last = Crowd::kCustomers - 1;
    room.write_member(last, "state = \"suspended\"\n");
    const Report report = room.apply();
    CHECK(report.exit_status == 0);
    CHECK(mentions(report, Crowd::member(last), "suspended"));
    CHECK(room.looks_at(last) == 1);
    CHECK(room.kernel.observed.size() == Reconciler::kChecksPerApply + 1);
    CHECK(joined(room.received()) ==
          joined(Lines{"begin", "customer " + Crowd::member(last) + " suspended", "peer p", "commit"}));
}

TEST_CASE(
    "a diff of one change among many looks at it, at what somebody changed by hand, and at a bounded number of "
    "others") {
    Crowd room;
    const int last = Crowd::kCustomers - 1;
    const int touched = Crowd::kCustomers - 2;
    room.write_member(last, "state = \"suspended\"\n");
    room.kernel.changes.names = {"warren-" + Crowd::member(touched)};
    const Report report = room.reconciler.preview();
    CHECK(mentions(report, Crowd::member(last), "suspended"));
    CHECK(room.looks_at(last) == 1);
    CHECK(room.looks_at(touched) == 1);
    CHECK(room.kernel.observed.size() == Reconciler::kChecksPerApply + 1);
    const auto passed_over = Crowd::kCustomers - Reconciler::kChecksPerApply - 1;
    CHECK(report.summary.ends_with("; " + std::to_string(passed_over) + " unchanged stacks not looked at"));
}

TEST_CASE(
    "a customer without a descriptor for its tunnel is refused by name, the others are served, and it is when there is "
    "one") {
    constexpr std::size_t kListenerDescriptors = 3;  // as adopt() leaves them
    Room room(Reconciler::kSpareDescriptors + kListenerDescriptors + 1);
    room.write_customer("acme", 'A');
    room.write_customer("globex", 'B');
    room.adopt();
    const Report report = room.apply();
    CHECK(report.accepted);
    CHECK(report.exit_status == 4);
    CHECK(mentions(report, "globex", "refused: no descriptor is left for this tunnel"));
    CHECK(room.has_stack("acme"));
    CHECK_FALSE(room.has_stack("globex"));
    room.remove_customer("acme");
    (void)room.apply();
    CHECK(room.apply().exit_status == 0);
    CHECK(room.has_stack("globex"));
}

TEST_CASE(
    "stacks that one apply did not check are checked afterwards, each once, also when applies follow one another") {
    Crowd room;
    room.apply();
    CHECK(room.reconciler.has_patrol());
    SUBCASE("in the background") {
        room.patrol_to_the_end();
        CHECK(room.kernel.observed.size() == Crowd::kCustomers);
    }
    SUBCASE("by the next applies, which begin where the last one ended") {
        room.apply();
        CHECK(room.kernel.observed.size() == 2 * Reconciler::kChecksPerApply);
        room.apply();
    }
    for (int number = 0; number < Crowd::kCustomers; ++number) CHECK(room.looks_at(number) >= 1);
}

TEST_CASE("what was broken by hand is repaired in the background, and a new tunnel delivered") {
    Crowd room;
    const int last = Crowd::kCustomers - 1;
    FakeStack& stack = room.kernel.stacks.at("warren-" + Crowd::member(last));
    stack.addresses.clear();
    room.kernel.stacks.erase("warren-" + Crowd::member(last - 1));
    room.apply();
    CHECK(room.looks_at(last) == 0);
    CHECK(stack.addresses.empty());
    (void)room.received();
    room.patrol_to_the_end();
    CHECK(stack.addresses.size() == 1);
    CHECK(room.has_stack(Crowd::member(last - 1)));
    CHECK(
        joined(room.received()) ==
        joined(Lines{"begin", "customer " + Crowd::member(last - 1) + " with tun +1 descriptors", "peer p", "commit"}));
}

TEST_CASE("a stack that cannot be mended is said, and the next apply tries it first") {
    Crowd room;
    const int last = Crowd::kCustomers - 1;
    room.kernel.stacks["warren-" + Crowd::member(last)] = FakeKernel::fresh_stack("somebody");
    room.apply();
    room.patrol_to_the_end();
    REQUIRE(room.reconciler.problems().size() == 1);
    CHECK(room.reconciler.problems().front().customer == Crowd::member(last));
    CHECK(room.reconciler.problems().front().kind == ipc::ControlText::Kind::kIncomplete);
    room.kernel.stacks.erase("warren-" + Crowd::member(last));
    room.apply();
    CHECK(room.kernel.stacks.at("warren-" + Crowd::member(last)).link("vpn0") != nullptr);
    CHECK(room.reconciler.problems().empty());
}

TEST_CASE("a stack that a refused change leaves half-made is not complete, until it is as it was") {
    using Kind = ipc::ControlText::Kind;
    Room room;
    room.write_customer("acme", 'A');
    room.adopt();
    REQUIRE(room.apply().exit_status == 0);
    room.kernel.stacks["warren-acme"] = FakeKernel::fresh_stack("somebody");
    room.write_customer("acme", 'B');
    CHECK(mentions(room.apply(), "acme", "refused: "));
    const auto& problems = room.reconciler.problems();
    const auto count = [&problems](Kind kind) {
        return std::count_if(problems.begin(), problems.end(), [kind](const ipc::ControlText& text) {
            return text.kind == kind && text.customer == "acme";
        });
    };
    CHECK(count(Kind::kNote) == 1);
    CHECK(count(Kind::kIncomplete) == 1);
    room.kernel.stacks.erase("warren-acme");
    room.reconciler.mend(room.link);
    CHECK(count(Kind::kNote) == 1);  // the change is still not in force
    CHECK(count(Kind::kIncomplete) == 0);
}

}  // namespace
}  // namespace warren::stacks
