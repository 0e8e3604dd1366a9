// A customer whose file has another name is the same customer; a peer that moves to another one takes nothing along.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "room.h"
#include "stacks/plan/renames.h"

namespace warren::stacks {
namespace {

// --- which customers were renamed ----------------------------------------------------------------

struct Draft {
    std::string id;
    std::string keys;        // a letter for each peer
    std::uint16_t port = 0;  // of its own listener; 0: the appliance's
    char key = 'k';          // of that
    std::string text{};      // its file
};

config::Generation generation(std::vector<Draft> drafts) {
    std::sort(drafts.begin(), drafts.end(), [](const Draft& a, const Draft& b) { return a.id < b.id; });
    config::Generation out;
    for (const Draft& draft : drafts) {
        config::AcceptedCustomer accepted;
        accepted.customer.id = draft.id;
        accepted.text = draft.text;
        for (const char key : draft.keys) {
            config::WireguardTunnel tunnel;
            tunnel.public_key.bytes.fill(static_cast<std::uint8_t>(key));
            config::Peer peer;
            peer.name = std::string(1, key) + "-of-" + draft.id;
            peer.tunnel = tunnel;
            accepted.customer.peers.push_back(std::move(peer));
        }
        if (draft.port != 0) {
            const config::SecretRef ref{draft.id + "/key"};
            accepted.customer.listeners.push_back({draft.port, config::WireguardListener{ref}});
            std::array<std::uint8_t, 32> bytes{};
            bytes.fill(static_cast<std::uint8_t>(draft.key));
            accepted.secrets.put(ref, crypto::Secret<32>(bytes));
        }
        out.customers.push_back(std::make_shared<const config::AcceptedCustomer>(std::move(accepted)));
    }
    return out;
}

std::string found(std::vector<Draft> before, std::vector<Draft> next) {
    std::string text;
    for (const Rename& rename : find_renames(generation(std::move(before)), generation(std::move(next))))
        text += rename.from + ">" + rename.to + " ";
    return text;
}

TEST_CASE("a customer with the same peers at the same listener is the same one under another name") {
    CHECK(found({{"acme", "AB"}, {"globex", "C"}}, {{"globex", "C"}, {"initech", "BA"}}) == "acme>initech ");
    CHECK(found({{"acme", "AB", 5000}}, {{"initech", "AB", 5000}}) == "acme>initech ");
    CHECK(found({{"acme", "AB"}, {"globex", "C"}}, {{"a", "C"}, {"b", "AB"}}) == "acme>b globex>a ");
}

TEST_CASE("other peers, fewer, more or none, or another listener, are another customer") {
    CHECK(found({{"acme", "AB"}}, {{"initech", "A"}}).empty());
    CHECK(found({{"acme", "AB"}}, {{"initech", "ABC"}}).empty());
    CHECK(found({{"acme", "AB"}}, {{"initech", "AC"}}).empty());
    CHECK(found({{"acme", ""}}, {{"initech", ""}}).empty());
    CHECK(found({{"acme", "AB", 5000}}, {{"initech", "AB", 5001}}).empty());
    CHECK(found({{"acme", "AB", 5000}}, {{"initech", "AB", 5000, 'x'}}).empty());
    CHECK(found({{"acme", "AB", 5000}}, {{"initech", "AB"}}).empty());
    CHECK(found({{"acme", "AB"}}, {{"initech", "AB", 5000}}).empty());
}

TEST_CASE("a customer without peers is the same one under another name when its file has the same text") {
    const auto bare = [](const std::string& id, const std::string& text) { return Draft{id, "", 0, 'k', text}; };
    CHECK(found({bare("solo", "x"), bare("other", "y")}, {bare("duo", "x"), bare("other", "y")}) == "solo>duo ");
    CHECK(found({bare("solo", "x")}, {bare("duo", "y")}).empty());
    CHECK(found({bare("solo", "")}, {bare("duo", "")}).empty());  // not known
    // A copy, two that are alike, and one that got peers meanwhile.
    CHECK(found({bare("solo", "x")}, {bare("solo", "y"), bare("duo", "x")}).empty());
    CHECK(found({bare("solo", "x"), bare("other", "x")}, {bare("duo", "x")}).empty());
    CHECK(found({bare("solo", "x")}, {bare("duo", "x"), bare("trio", "x")}).empty());
    CHECK(found({bare("solo", "x")}, {{"duo", "A", 0, 'k', "x"}}).empty());
    CHECK(found({{"solo", "", 5000, 'k', "x"}}, {{"duo", "", 5000, 'x', "x"}}).empty());
}

TEST_CASE("a name that stays, or that another customer keeps, is no rename") {
    // A copy of the file, whose first customer got other peers.
    CHECK(found({{"acme", "A"}}, {{"acme", "B"}, {"initech", "A"}}).empty());
    // One file moved over another one.
    CHECK(found({{"acme", "A"}, {"globex", "B"}}, {{"globex", "A"}}).empty());
    CHECK(found({{"acme", "A"}, {"globex", "B"}}, {{"globex", "AB"}}).empty());
    CHECK(found({{"acme", "A"}, {"globex", "B"}}, {{"globex", "A"}, {"initech", "C"}}).empty());
    // The rest of a chain goes with its end.
    CHECK(found({{"a", "A"}, {"b", "B"}, {"c", "C"}}, {{"b", "A"}, {"c", "B"}}).empty());
    CHECK(found({{"acme", "A"}}, {{"acme", "A"}}).empty());
    CHECK(found({}, {{"acme", "A"}}).empty());
}

TEST_CASE("names that change places, or move on in a row, are renames") {
    CHECK(found({{"a", "A"}, {"b", "B"}}, {{"a", "B"}, {"b", "A"}}) == "a>b b>a ");
    CHECK(found({{"a", "A"}, {"b", "B"}}, {{"b", "A"}, {"c", "B"}}) == "a>b b>c ");
    CHECK(found({{"a", "A", 5000}, {"b", "B"}, {"c", "C"}}, {{"a", "C"}, {"b", "A", 5000}, {"c", "B"}}) ==
          "a>b b>c c>a ");
}

TEST_CASE("the same peers at two listeners are told apart, and where they are not nobody is renamed") {
    CHECK(found({{"a", "A", 5000}, {"b", "A", 5001}}, {{"c", "A", 5001}, {"d", "A", 5000}}) == "a>d b>c ");
    CHECK(found({{"a", "A"}, {"b", "A"}}, {{"c", "A"}}).empty());
    CHECK(found({{"a", "A"}}, {{"b", "A"}, {"c", "A"}}).empty());
}

// --- the names of namespaces ---------------------------------------------------------------------

std::string planned(const std::map<std::string, std::uint64_t>& spaces) {
    std::vector<std::string> passing;
    for (const auto& [name, space] : spaces) {
        if (is_passing_name(name)) passing.push_back(name);
    }
    const NamePlan names = plan_names(spaces, passing, kTestRunDir);
    std::string text = names.conflict;
    for (const NamedSteps& named : names.steps) {
        text += named.name + ":";
        for (const Step& step : named.steps) {
            if (std::holds_alternative<DropName>(step)) text += " drop";
            if (const auto* give = std::get_if<GiveName>(&step)) text += " name " + give->name;
            if (const auto* mark = std::get_if<SetOwner>(&step)) text += " " + mark->owner;
        }
        text += "\n";
    }
    return text;
}

TEST_CASE("a rename that was cut short goes on from where it was") {
    const std::string mark = " warren run-dir=/run/test customer=b";
    CHECK(planned({{"warren-a", 1}, {"warren-b.new", 1}, {"warren-x", 9}}) ==
          "warren-a: drop\nwarren-b.new:" + mark + " name warren-b drop\n");
    CHECK(planned({{"warren-b.new", 1}}) == "warren-b.new:" + mark + " name warren-b drop\n");
    CHECK(planned({{"warren-b", 1}, {"warren-b.new", 1}}) == "warren-b.new:" + mark + " drop\n");
}

TEST_CASE("names change places only when each has its passing name, and no other stack's name is taken") {
    CHECK(planned({{"warren-a", 1}, {"warren-b", 2}, {"warren-a.new", 2}, {"warren-b.new", 1}}) ==
          "warren-b: drop\nwarren-a: drop\n"
          "warren-a.new: warren run-dir=/run/test customer=a name warren-a drop\n"
          "warren-b.new: warren run-dir=/run/test customer=b name warren-b drop\n");
    CHECK(planned({{"warren-a", 1}, {"warren-b", 2}, {"warren-b.new", 1}}) == "warren-b.new: drop\n");
    // One that keeps its name keeps it from another one, too.
    CHECK(planned({{"warren-a", 1}, {"warren-b", 2}, {"warren-c", 3}, {"warren-b.new", 1}, {"warren-c.new", 2}}) ==
          "warren-b.new: drop\nwarren-c.new: drop\n");
    CHECK(planned({{"warren-b", 2}, {"warren-b.new", 1}}) ==
          "warren-b exists already; remove it, and warren-b.new becomes it");
    CHECK(planned({{"warren-b", 2}, {"warren-b.new", 1}, {"warren-c.new", 3}}).find("warren-c.new: warren run-dir=") !=
          std::string::npos);
}

// `number` tells it from others afterwards.
void make_stack(Room& room, const std::string& id, std::uint32_t number) {
    FakeStack& stack = room.kernel.stacks["warren-" + id] = FakeKernel::fresh_stack(owner_mark(kTestRunDir, id));
    stack.link(kLoopback)->queue_length = number;
}

TEST_CASE("stacks that change names survive a crash after any step: nobody has the other's name and mark") {
    for (std::size_t crash = 0; crash <= 10; ++crash) {
        CAPTURE(crash);
        Room room;
        make_stack(room, "a", 1);
        make_stack(room, "b", 2);
        room.kernel.steps_until_crash = crash;
        StackKeeper stacks(room.kernel, kTestRunDir);
        const bool done = stacks.rename({{"a", "b"}, {"b", "a"}}).has_value();
        room.kernel.steps_until_crash = SIZE_MAX;
        StackKeeper next(room.kernel, kTestRunDir);
        REQUIRE(next.finish_renames());
        REQUIRE(room.kernel.stacks.size() == 2);
        CHECK(room.kernel.second_names.empty());
        CHECK(room.kernel.broken_rules.empty());
        CHECK(room.kernel.owner_of("warren-a").value() == owner_mark(kTestRunDir, "a"));
        CHECK(room.kernel.owner_of("warren-b").value() == owner_mark(kTestRunDir, "b"));
        const std::uint32_t number = room.kernel.stacks.at("warren-b").link(kLoopback)->queue_length;
        // Two names are given first; after that there is no way back.
        CHECK(number == (crash < 2 ? 2U : 1U));
        CHECK(done == (crash == 10));
    }
}

TEST_CASE("a rename that fails leaves the stack as it was, and the next one succeeds") {
    for (std::size_t error = 0; error < 6; ++error) {
        CAPTURE(error);
        Room room;
        make_stack(room, "a", 1);
        room.kernel.add_uplink("wr-a", "veth", owner_mark(kTestRunDir, "a"));
        const std::uint32_t outer = room.kernel.uplink.links.at("wr-a").index;
        StackKeeper stacks(room.kernel, kTestRunDir);
        room.kernel.steps_until_error = error;
        // The far end of a veth that keeps its old name is made anew.
        const bool is_outer = error == 1;
        CHECK(stacks.rename({{"a", "b"}}).has_value() == is_outer);
        if (!is_outer) {
            CHECK(room.kernel.second_names.empty());
            REQUIRE(room.kernel.stacks.contains("warren-a"));
            CHECK(room.kernel.owner_of("warren-a").value() == owner_mark(kTestRunDir, "a"));
            REQUIRE(room.kernel.uplink.links.contains("wr-a"));
            CHECK(room.kernel.uplink.links.at("wr-a").alias == owner_mark(kTestRunDir, "a"));
            REQUIRE(stacks.rename({{"a", "b"}}));
            CHECK(room.kernel.uplink.links.at("wr-b").index == outer);
        }
        REQUIRE(room.kernel.stacks.size() == 1);
        CHECK(room.kernel.owner_of("warren-b").value() == owner_mark(kTestRunDir, "b"));
        CHECK(room.kernel.stacks.at("warren-b").link(kLoopback)->queue_length == 1);
    }
}

TEST_CASE("a rename that fails in a chain leaves every stack that has its old name") {
    Room room;
    make_stack(room, "a", 1);
    make_stack(room, "b", 2);
    StackKeeper stacks(room.kernel, kTestRunDir);
    room.kernel.steps_until_error = 2;  // both have their passing names
    const std::vector<Rename> renames{{"a", "b"}, {"b", "c"}};
    CHECK_FALSE(stacks.rename(renames));
    CHECK(room.kernel.second_names.empty());
    CHECK(room.kernel.stacks.at("warren-a").link(kLoopback)->queue_length == 1);
    CHECK(room.kernel.stacks.at("warren-b").link(kLoopback)->queue_length == 2);
    REQUIRE(stacks.rename(renames));
    CHECK(room.kernel.stacks.at("warren-b").link(kLoopback)->queue_length == 1);
    CHECK(room.kernel.stacks.at("warren-c").link(kLoopback)->queue_length == 2);
}

TEST_CASE("passing names of another instance are left alone") {
    Room room;
    room.kernel.stacks["warren-b.new"] = FakeKernel::fresh_stack(owner_mark("/run/other", "a"));
    StackKeeper stacks(room.kernel, kTestRunDir);
    CHECK(stacks.finish_renames());
    CHECK(room.kernel.stacks.contains("warren-b.new"));
}

// --- a whole apply -------------------------------------------------------------------------------

void move_file(const Room& room, const std::string& from, const std::string& to) {
    const std::string folder = room.directory_ + "/customers/";
    std::filesystem::rename(folder + from + ".toml", folder + to + ".toml");
}

std::uint64_t number_of(Room& room, const std::string& id) {
    const auto number = room.kernel.number_of("warren-" + id);
    return number ? *number : 0;
}

TEST_CASE("a renamed file keeps stack and tunnel; vpnd is told the new name and nothing else") {
    for (const auto removals : {Reconciler::Removals::kAsk, Reconciler::Removals::kKeep}) {
        Room room;
        room.write_customer("acme", 'A');
        room.write_customer("globex", 'B');
        room.adopt();
        room.apply();
        (void)room.received();
        const std::uint64_t stack = number_of(room, "acme");
        move_file(room, "acme", "initech");
        const Report report = room.apply(removals);
        REQUIRE_MESSAGE(report.accepted, report.summary);
        CHECK(report.exit_status == 0);
        CHECK(mentions(report, "initech", "customer acme is renamed to initech"));
        CHECK(mentions(report, "initech", "rename the stack of acme"));
        CHECK_FALSE(mentions(report, "initech", "create"));
        CHECK_FALSE(mentions(report, "acme", "remove"));
        CHECK(joined(room.received()) == joined(Lines{"begin", "rename customer acme to initech", "commit"}));
        CHECK_FALSE(room.has_stack("acme"));
        CHECK(number_of(room, "initech") == stack);
        CHECK(room.kernel.owner_of("warren-initech").value() == owner_mark(kTestRunDir, "initech"));
        CHECK(std::count(room.kernel.watched.begin(), room.kernel.watched.end(), "warren-initech") == 1);
        CHECK(room.kernel.broken_rules.empty());
        CHECK(room.reconciler.next_departure() == kNever);
        CHECK(room.apply().exit_status == 0);
        CHECK(joined(room.received()) == joined(Lines{"begin", "commit"}));
        CHECK(room.reconciler.preview().summary == "nothing to do");
    }
}

TEST_CASE("a renamed file with a change is the renamed customer with that change") {
    Room room;
    room.write_customer("acme", 'A');
    room.adopt();
    room.apply();
    (void)room.received();
    const std::uint64_t stack = number_of(room, "acme");
    room.remove_customer("acme");
    room.write_customer("initech", 'A', "state = \"suspended\"\n");
    const Report preview = room.reconciler.preview();
    CHECK(mentions(preview, "initech", "customer acme is renamed to initech"));
    CHECK(mentions(preview, "initech", "state: active -> suspended"));
    CHECK_FALSE(mentions(preview, "initech", "create"));
    CHECK_FALSE(mentions(preview, "acme", "remove"));
    CHECK(number_of(room, "acme") == stack);
    CHECK(room.apply(Reconciler::Removals::kAsk).accepted);
    CHECK(joined(room.received()) == joined(Lines{"begin", "rename customer acme to initech",
                                                  "customer initech suspended", "peer initech-site", "commit"}));
    CHECK(number_of(room, "initech") == stack);
}

TEST_CASE("a renamed file with other peers is another customer, and is asked about as one") {
    Room room;
    room.write_customer("acme", 'A');
    room.adopt();
    room.apply();
    (void)room.received();
    room.remove_customer("acme");
    room.write_customer("initech", 'B');
    CHECK(mentions(room.apply(Reconciler::Removals::kAsk), "", "1 of 2 customers (acme)"));
    CHECK(room.received().empty());
    CHECK(room.apply(Reconciler::Removals::kAllowed).accepted);
    CHECK(joined(room.received()) == joined(Lines{"begin", "customer initech with tun +1 descriptors",
                                                  "peer initech-site", "remove customer acme", "commit"}));
    CHECK_FALSE(room.has_stack("acme"));
}

TEST_CASE("two files that change names keep their stacks, each under its new name") {
    Room room;
    room.write_customer("acme", 'A');
    room.write_customer("globex", 'B');
    room.adopt();
    room.apply();
    (void)room.received();
    const std::uint64_t acme = number_of(room, "acme");
    const std::uint64_t globex = number_of(room, "globex");
    move_file(room, "acme", "between");
    move_file(room, "globex", "acme");
    move_file(room, "between", "globex");
    CHECK(room.apply(Reconciler::Removals::kAsk).exit_status == 0);
    CHECK(joined(room.received()) ==
          joined(Lines{"begin", "rename customer globex to acme", "rename customer acme to globex", "commit"}));
    CHECK(number_of(room, "globex") == acme);
    CHECK(number_of(room, "acme") == globex);
    CHECK(room.kernel.second_names.empty());
}

constexpr const char* kVeth = "[handoff]\ntype = \"veth\"\nparent = \"br0\"\naddress = [\"10.42.0.1/24\"]\n";

TEST_CASE("the far end of a veth is renamed with its stack, also when two change names") {
    Room room;
    room.kernel.add_uplink("br0", "bridge");
    room.write_customer("acme", 'A', kVeth);
    room.write_customer("globex", 'B', kVeth);
    room.adopt();
    REQUIRE(room.apply().exit_status == 0);
    const std::uint32_t acme = room.kernel.uplink.links.at("wr-acme").index;
    const std::uint32_t globex = room.kernel.uplink.links.at("wr-globex").index;
    move_file(room, "acme", "initech");
    REQUIRE(room.apply(Reconciler::Removals::kAsk).exit_status == 0);
    CHECK(room.kernel.uplink.links.at("wr-initech").index == acme);
    CHECK(room.kernel.uplink.links.at("wr-initech").alias == owner_mark(kTestRunDir, "initech"));
    move_file(room, "initech", "between");
    move_file(room, "globex", "initech");
    move_file(room, "between", "globex");
    REQUIRE(room.apply(Reconciler::Removals::kAsk).exit_status == 0);
    CHECK(room.kernel.uplink.links.at("wr-globex").index == acme);
    CHECK(room.kernel.uplink.links.at("wr-initech").index == globex);
    CHECK(room.kernel.uplink.links.size() == 3);
    CHECK(room.kernel.stacks.at("warren-globex").link("lan0")->linked == acme);
}

TEST_CASE("a far end that belongs to another stack's veth is not taken for ours, whatever its name and mark say") {
    FakeKernel kernel;
    const auto bring_up = [&kernel](const std::string& id) {
        config::Customer customer = acme();
        customer.id = id;
        customer.handoff = handoff(config::HandoffType::kVeth, "", {"10.42.0.1/24"});
        StackKeeper stacks(kernel, kTestRunDir);
        REQUIRE(stacks.observe_uplink());
        REQUIRE(stacks.bring_up(customer));
    };
    bring_up("a");
    bring_up("b");
    // The first end of two was renamed, and stackd was killed.
    std::swap(kernel.uplink.links.at("wr-a").index, kernel.uplink.links.at("wr-b").index);
    bring_up("a");
    bring_up("b");
    for (const std::string id : {"a", "b"}) {
        const Link* const inner = kernel.stacks.at("warren-" + id).link("lan0");
        REQUIRE(inner != nullptr);
        CHECK(inner->linked == kernel.uplink.links.at("wr-" + id).index);
    }
}

TEST_CASE("when vpnd refuses the generation the names are as before, and the next apply renames") {
    Room room;
    room.write_customer("acme", 'A');
    room.write_customer("globex", 'B');
    room.adopt();
    room.apply();
    (void)room.received();
    const std::uint64_t stack = number_of(room, "acme");
    move_file(room, "acme", "initech");
    room.vpnd.answer_with({"no"});
    const Report report = room.apply(Reconciler::Removals::kAsk);
    CHECK_FALSE(report.accepted);
    CHECK(number_of(room, "acme") == stack);
    CHECK_FALSE(room.has_stack("initech"));
    CHECK(room.kernel.owner_of("warren-acme").value() == owner_mark(kTestRunDir, "acme"));
    CHECK(room.reconciler.current().find("acme") != nullptr);
    (void)room.received();
    CHECK(room.apply(Reconciler::Removals::kAsk).exit_status == 0);
    CHECK(joined(room.received()) == joined(Lines{"begin", "rename customer acme to initech", "commit"}));
    CHECK(number_of(room, "initech") == stack);
}

TEST_CASE("statusd is told of renames before vpnd can show them, and of the way back when vpnd refuses") {
    Room room;
    for (const auto& [id, key] : {std::pair("acme", 'A'), std::pair("globex", 'B')}) room.write_customer(id, key);
    room.adopt();
    room.apply();
    CHECK(room.told.empty());
    (void)room.received();
    bool is_first = true;
    room.when_told = [&] {
        const bool has_vpnd_it = contains(room.received(), "commit");
        CHECK(has_vpnd_it != is_first);
        is_first = false;
    };
    move_file(room, "acme", "between");
    move_file(room, "globex", "acme");
    move_file(room, "between", "globex");
    room.vpnd.answer_with({"no"});
    REQUIRE_FALSE(room.apply(Reconciler::Removals::kAsk).accepted);
    // vpnd refused the generation between these two; one that is started now gets the second.
    std::string number = std::to_string(room.reconciler.generation() - 2);
    const std::string back = std::to_string(room.reconciler.generation());
    CHECK(joined(room.told) == joined(Lines{number + ": acme to globex", number + ": globex to acme",
                                            back + ": globex to acme", back + ": acme to globex"}));

    room.told.clear();
    is_first = true;
    (void)room.received();
    REQUIRE(room.apply(Reconciler::Removals::kAsk).accepted);
    number = std::to_string(room.reconciler.generation() - 1);
    CHECK(joined(room.told) == joined(Lines{number + ": acme to globex", number + ": globex to acme"}));

    // vpnd gets it when it runs again.
    room.told.clear();
    is_first = true;
    (void)room.received();
    room.link.close();
    move_file(room, "acme", "initech");
    REQUIRE(room.apply(Reconciler::Removals::kAsk).accepted);
    number = std::to_string(room.reconciler.generation() - 1);
    CHECK(joined(room.told) == joined(Lines{number + ": acme to initech"}));
}

TEST_CASE("a namespace that is somebody else's keeps its name, and the customer its old one") {
    Room room;
    room.write_customer("acme", 'A');
    room.write_customer("globex", 'B');
    room.adopt();
    room.apply();
    (void)room.received();
    const std::uint64_t stack = number_of(room, "acme");
    room.kernel.stacks["warren-initech"] = FakeKernel::fresh_stack("");
    move_file(room, "acme", "initech");
    room.write_customer("globex", 'C');
    Report report = room.apply(Reconciler::Removals::kAsk);
    CHECK(report.accepted);
    CHECK(report.exit_status == 4);
    CHECK(mentions(report, "initech", "refused, and acme stays"));
    CHECK(joined(room.received()) == joined(Lines{"begin", "customer globex", "peer globex-site", "commit"}));
    CHECK(number_of(room, "acme") == stack);
    CHECK(room.kernel.stacks.at("warren-initech").links.size() == 1);
    room.kernel.stacks.erase("warren-initech");
    CHECK(room.apply(Reconciler::Removals::kAsk).exit_status == 0);
    CHECK(number_of(room, "initech") == stack);
}

TEST_CASE("the stack of a customer that left a moment ago does not go to the one that gets its name") {
    Room room;
    for (int i = 0; i < 11; ++i) room.write_customer("c" + std::to_string(i), static_cast<char>('A' + i));
    room.adopt();
    REQUIRE(room.apply().exit_status == 0);
    const Instant now = Instant{} + std::chrono::seconds(100);
    const std::uint64_t stack = number_of(room, "c2");
    room.remove_customer("c1");
    REQUIRE(room.apply(Reconciler::Removals::kAsk, now).exit_status == 0);
    REQUIRE(room.has_stack("c1"));
    move_file(room, "c2", "c1");
    CHECK(room.apply(Reconciler::Removals::kAsk, now).exit_status == 0);
    CHECK(number_of(room, "c1") == stack);
    CHECK_FALSE(room.has_stack("c2"));
    CHECK(room.reconciler.next_departure() == kNever);
}

TEST_CASE("an adopted vpnd that knows a customer by its old name is told the new one, and keeps its tunnel") {
    Room room;
    room.write_customer("initech", 'A');
    FakeStack& stack = room.kernel.stacks["warren-initech"] =
        FakeKernel::fresh_stack(owner_mark(kTestRunDir, "initech"));
    room.kernel.add_link(stack, {kTunnelDevice, 0, "tun", "", "noqueue", 1420, kTunnelQueueLength, 0, true});
    Holdings holdings;
    ReturnedListener& shared = holdings.listeners[{}];
    shared.port = 51820;
    shared.roles = {{ipc::SocketRole::kMessages}, {ipc::SocketRole::kData}, {ipc::SocketRole::kControl}};
    for (int i = 0; i < 3; ++i) shared.descriptors.push_back(some_descriptor());
    holdings.tunnels["acme"].push_back(some_descriptor());
    room.reconciler.adopt(std::move(holdings), {{"acme", "initech"}});
    CHECK(room.apply(Reconciler::Removals::kKeep).accepted);
    CHECK(joined(room.received()) == joined(Lines{"begin", "rename customer acme to initech", "listener '' 51820",
                                                  "customer initech", "peer initech-site", "commit"}));
}

}  // namespace
}  // namespace warren::stacks
