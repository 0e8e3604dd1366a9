// What BIRD learns in a stack reaches vpnd as networks of peers, and the stack's firewall.
#include "stacks/learned_keeper.h"

#include <doctest/doctest.h>

#include "room.h"

namespace warren::stacks {
namespace {

const std::string kBgp =
    "[bgp]\nasn = 65001\nallow_network_admin = true\nallow_learned = [\"10.60.0.0/16\"]\n[[bgp.neighbour]]\nname = "
    "\"router\"\naddress = \"10.43.0.1\"\nasn = 65002\nimport = [\"10.0.0.0/8\"]\n";

LearnedRoute route(const std::string& to, const std::string& via = "10.43.0.1") {
    return {prefix(to), ip(via), true, 1024};
}

class Stage {
  public:
    explicit Stage(const std::string& more = "", const Lines& customers = {"acme"}) {
        room.clock = [this] { return now; };
        char key = 'A';
        for (const std::string& id : customers) room.write_customer(id, key++, kBgp + more);
        room.adopt();
        REQUIRE(room.apply().exit_status == 0);
        (void)room.received();
    }

    void learn(const std::vector<LearnedRoute>& routes, const std::string& customer = "acme") {
        room.kernel.learned["warren-" + customer] = {routes, false};
        room.kernel.changes.learned.insert("warren-" + customer);
        room.reconciler.note_changes();
    }
    // What vpnd gets when so much time has passed.
    Lines follow(Duration passed) {
        now = now + passed;
        room.reconciler.follow_learned(room.link);
        return room.received();
    }
    std::string networks(const std::string& customer = "acme") { return room.vpnd.networks_of(customer + "-site"); }

    Instant now = kLongAgo + std::chrono::hours(1);
    Room room;
};

const Lines kChanged{"begin", "customer acme", "peer acme-site", "commit"};

TEST_CASE("what is learned becomes the peer's, and goes with its route") {
    Stage stage;
    CHECK(stage.room.reconciler.next_of_learned() == kNever);
    stage.learn({route("10.60.1.0/24"), route("10.61.0.0/24")});
    CHECK(stage.follow(LearnedKeeper::kDelay / 2).empty());
    CHECK(joined(stage.follow(LearnedKeeper::kPause)) == joined(kChanged));
    CHECK(stage.networks() == "10.43.0.0/16 10.60.1.0/24");
    std::vector<ipc::ControlText> notes;
    stage.room.reconciler.learned().add_problems(notes);
    REQUIRE(notes.size() == 1);
    CHECK(
        notes[0].text ==
        "bgp: 10.61.0.0/24 is learned from 10.43.0.1 and not used: it is outside of bgp.allow_learned; its packets are "
        "dropped");
    const auto facts = stage.room.reconciler.learned().facts(stage.room.reconciler.current().find("acme")->customer);
    REQUIRE(facts.size() == 2);
    CHECK(facts[0].text == "learned 10.60.1.0/24 peer acme-site neighbour router");
    CHECK(facts[1].text == "learned 10.61.0.0/24 refused it is outside of bgp.allow_learned");
    stage.learn({});
    CHECK(joined(stage.follow(LearnedKeeper::kPause)) == joined(kChanged));
    CHECK(stage.networks() == "10.43.0.0/16");
    // The same again is no change.
    stage.learn({});
    CHECK(stage.follow(LearnedKeeper::kPause).empty());
}

TEST_CASE("without allow_learned no table is read") {
    Room room;
    room.write_customer("acme", 'A');
    room.adopt();
    room.apply();
    room.kernel.changes.learned.insert("warren-acme");
    room.reconciler.note_changes();
    room.kernel.changes.lost = true;
    room.reconciler.note_changes();
    CHECK(room.reconciler.next_of_learned() == kNever);
    CHECK(room.kernel.read_learned.empty());
}

TEST_CASE("a stackd that starts reads what is learned before vpnd hears of the customer") {
    Room room;
    room.write_customer("acme", 'A', kBgp);
    room.kernel.learned["warren-acme"] = {{route("10.60.1.0/24")}, false};
    room.adopt({"acme"});
    room.apply();
    CHECK(room.vpnd.networks_of("acme-site") == "10.43.0.0/16 10.60.1.0/24");
    // The next vpnd has it, too.
    REQUIRE(room.reconciler.deliver_all(room.link).has_value());
    CHECK(room.vpnd.networks_of("acme-site") == "10.43.0.0/16 10.60.1.0/24");
}

TEST_CASE("a change of the file decides anew about what is learned") {
    Stage stage;
    stage.learn({route("10.60.1.0/24"), route("10.60.2.0/24")});
    (void)stage.follow(LearnedKeeper::kPause);
    REQUIRE(stage.networks() == "10.43.0.0/16 10.60.1.0/24 10.60.2.0/24");
    stage.room.write_customer("acme", 'A', kBgp, "",
                              "[[wireguard.peer]]\nname = \"other\"\npublic_key = \"" + std::string(42, 'Z') +
                                  "E=\"\nallowed_ips = [\"10.60.2.0/24\"]\n");
    CHECK(stage.room.apply().exit_status == 0);
    CHECK(stage.networks() == "10.43.0.0/16 10.60.1.0/24");
    CHECK(stage.room.vpnd.networks_of("other") == "10.60.2.0/24");
    stage.room.write_customer("acme", 'A');
    CHECK(stage.room.apply().exit_status == 0);
    CHECK(stage.networks() == "10.43.0.0/16");
    CHECK(stage.room.reconciler.next_of_learned() == kNever);
}

TEST_CASE("a renamed customer keeps what it has learned") {
    Stage stage;
    stage.learn({route("10.60.1.0/24")});
    (void)stage.follow(LearnedKeeper::kPause);
    stage.room.kernel.learned["warren-zenith"] = stage.room.kernel.learned["warren-acme"];
    std::filesystem::rename(stage.room.directory_ + "/customers/acme.toml",
                            stage.room.directory_ + "/customers/zenith.toml");
    CHECK(stage.room.apply().exit_status == 0);
    CHECK(stage.networks() == "10.43.0.0/16 10.60.1.0/24");
    CHECK(stage.room.reconciler.learned().facts(stage.room.reconciler.current().find("zenith")->customer).size() == 1);
}

TEST_CASE("a customer that changes all the time is looked at less and less, and others are not") {
    Stage stage("", {"acme", "calm"});
    std::size_t deliveries = 0;
    const Duration step = std::chrono::milliseconds(100);
    for (int i = 0; i < 600; ++i) {
        stage.learn({route("10.60." + std::to_string(i % 250) + ".0/24")});
        if (!stage.follow(step).empty()) ++deliveries;
    }
    CHECK(deliveries >= 8);
    CHECK(deliveries <= 20);  // of 600 changes in a minute
    stage.learn({route("10.60.9.0/24")}, "calm");
    CHECK(contains(stage.follow(std::chrono::seconds(1)), "customer calm"));
    // After a while it is as others.
    stage.learn({});
    (void)stage.follow(std::chrono::seconds(60));
    stage.learn({});
    (void)stage.follow(std::chrono::seconds(60));
    stage.learn({route("10.60.2.0/24")});
    CHECK(contains(stage.follow(LearnedKeeper::kPause), "customer acme"));
}

TEST_CASE("a round reads a few customers, those first that have waited longest") {
    Lines customers;
    for (int i = 0; i < 20; ++i) customers.push_back("c" + std::to_string(10 + i));
    Stage stage("", customers);
    stage.room.kernel.read_learned.clear();
    stage.room.kernel.changes.lost = true;
    stage.room.reconciler.note_changes();
    (void)stage.follow(LearnedKeeper::kPause);
    CHECK(stage.room.kernel.read_learned.size() == LearnedKeeper::kAtOnce);
    (void)stage.follow(LearnedKeeper::kBetween / 2);
    CHECK(stage.room.kernel.read_learned.size() == LearnedKeeper::kAtOnce);
    for (int i = 0; i < 2; ++i) (void)stage.follow(LearnedKeeper::kBetween);
    CHECK(stage.room.kernel.read_learned.size() == 20);
    CHECK(std::set<std::string>(stage.room.kernel.read_learned.begin(), stage.room.kernel.read_learned.end()).size() ==
          20);
}

TEST_CASE("a table that cannot be read changes nothing, and is read again") {
    Stage stage;
    stage.learn({route("10.60.1.0/24")});
    (void)stage.follow(LearnedKeeper::kPause);
    stage.room.kernel.refuses_learned = true;
    stage.learn({});
    CHECK(stage.follow(LearnedKeeper::kPause).empty());
    REQUIRE(stage.room.reconciler.next_of_learned() != kNever);
    stage.room.kernel.refuses_learned = false;
    CHECK(joined(stage.follow(LearnedKeeper::kPause)) == joined(kChanged));
    CHECK(stage.networks() == "10.43.0.0/16");
}

TEST_CASE("a rule that names a peer knows what it has learned, before vpnd does") {
    Stage stage(
        "[[firewall.rule]]\nname = \"closed\"\nfrom = [\"peer:acme-site\"]\n"
        "action = \"drop\"\n");
    const auto members = [&stage] {
        std::size_t count = 0;
        for (const KeyList& list : stage.room.kernel.stacks.at("warren-acme").firewall->policy.lists)
            count += list.members.size();
        return count;
    };
    const std::size_t before = members();
    stage.learn({route("10.60.1.0/24")});
    CHECK(joined(stage.follow(LearnedKeeper::kPause)) == joined(kChanged));
    CHECK(members() == before + 1);
    // A patrol finds nothing to mend.
    stage.room.reconciler.begin_patrol();
    stage.room.reconciler.patrol(stage.room.link, 10);
    CHECK(members() == before + 1);
    CHECK(stage.room.reconciler.problems().empty());
    stage.learn({});
    (void)stage.follow(LearnedKeeper::kPause);
    CHECK(members() == before);
}

TEST_CASE("vpnd gets no learned network that the firewall could not get") {
    Stage stage("[[firewall.rule]]\nname = \"closed\"\nfrom = [\"peer:acme-site\"]\naction = \"drop\"\n");
    stage.learn({route("10.60.1.0/24")});
    (void)stage.follow(LearnedKeeper::kPause);
    stage.room.kernel.steps_until_crash = 0;
    stage.learn({route("10.60.2.0/24")});
    CHECK(stage.follow(LearnedKeeper::kPause).empty());
    CHECK(stage.networks() == "10.43.0.0/16 10.60.1.0/24");
    // The next vpnd does not get it either.
    REQUIRE(stage.room.reconciler.deliver_all(stage.room.link).has_value());
    CHECK(stage.networks() == "10.43.0.0/16 10.60.1.0/24");
    (void)stage.room.received();
    REQUIRE(stage.room.reconciler.next_of_learned() != kNever);
    stage.room.kernel.steps_until_crash = SIZE_MAX;
    CHECK(joined(stage.follow(LearnedKeeper::kPause)) == joined(kChanged));
    CHECK(stage.networks() == "10.43.0.0/16 10.60.2.0/24");
}

TEST_CASE("after a read that failed the firewall and vpnd have the same, and it is read again") {
    Room room;
    Instant now = kLongAgo + std::chrono::hours(1);
    room.clock = [&now] { return now; };
    room.write_customer("acme", 'A', kBgp);
    room.kernel.learned["warren-acme"] = {{route("10.60.1.0/24")}, false};
    room.kernel.refused_reads = 1;
    room.adopt({"acme"});
    room.apply();
    CHECK(room.vpnd.networks_of("acme-site") == "10.43.0.0/16");
    REQUIRE(room.reconciler.next_of_learned() != kNever);
    now = now + LearnedKeeper::kPause;
    room.reconciler.follow_learned(room.link);
    CHECK(room.vpnd.networks_of("acme-site") == "10.43.0.0/16 10.60.1.0/24");
}

TEST_CASE("one that changes after each pause is looked at less and less, too") {
    Stage stage;
    std::size_t deliveries = 0;
    for (int i = 0; i < 100; ++i) {
        stage.learn({route("10.60." + std::to_string(i) + ".0/24")});
        if (!stage.follow(std::chrono::milliseconds(2100)).empty()) ++deliveries;
    }
    CHECK(deliveries >= 20);
    CHECK(deliveries <= 40);
}

TEST_CASE("a stack that is made anew is read again") {
    Stage stage;
    stage.learn({route("10.60.1.0/24")});
    (void)stage.follow(LearnedKeeper::kPause);
    REQUIRE(stage.networks() == "10.43.0.0/16 10.60.1.0/24");
    stage.room.kernel.stacks.erase("warren-acme");
    stage.room.kernel.learned.clear();
    stage.room.kernel.changes.names.insert("warren-acme");
    stage.room.reconciler.note_changes();
    stage.room.reconciler.patrol(stage.room.link, 10);
    (void)stage.follow(LearnedKeeper::kPause);
    CHECK(stage.networks() == "10.43.0.0/16");
}

TEST_CASE("a customer of a fleet has its learned networks in the firewall before vpnd, without a handoff too") {
    Room room;
    room.write_customer("acme", 'A',
                        "group = 3\n" + kBgp +
                            "[[firewall.rule]]\nname = \"closed\"\nfrom = [\"peer:acme-site\"]\n"
                            "action = \"drop\"\n");
    room.kernel.learned["warren-acme"] = {{route("10.60.1.0/24")}, false};
    room.adopt();
    REQUIRE(room.apply().accepted);
    const auto members = [&room] {
        std::size_t count = 0;
        for (const KeyList& list : room.kernel.stacks.at("warren-acme").firewall->policy.lists)
            count += list.members.size();
        return count;
    };
    const std::size_t before = members();
    const auto served = [&room](const Reconciler::Served& groups) {
        return room.reconciler.serve_groups(room.link, groups, {}).accepted;
    };
    for (int i = 0; i < 2; ++i) {
        REQUIRE(served({{3, {ip("192.0.2.3")}}}));
        CHECK(room.vpnd.networks_of("acme-site") == "10.43.0.0/16 10.60.1.0/24");
        CHECK(members() == before + 1);
        REQUIRE(served({}));
        CHECK(members() == before);
    }
    // Without its firewall it is served with the networks of its file.
    room.kernel.steps_until_crash = 0;
    REQUIRE(served({{3, {ip("192.0.2.3")}}}));
    CHECK(room.vpnd.networks_of("acme-site") == "10.43.0.0/16");
}

}  // namespace
}  // namespace warren::stacks
