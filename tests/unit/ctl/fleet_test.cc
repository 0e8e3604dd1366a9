// The fleet's configuration on one node: what is asked before files go, and what comes from the fleet.
#include <doctest/doctest.h>

#include <filesystem>
#include <set>
#include <sstream>
#include <string>

#include "crypto/random.h"
#include "crypto/x25519.h"
#include "ctl/commands/fleet_files.h"
#include "ctl/commands/fleet_guard.h"
#include "ctl/commands/fleet_taken.h"
#include "ctl/files/files.h"
#include "ctl/files/fleet_base.h"
#include "samples.h"

using namespace warren;
using namespace warren::ctl;

namespace {

BackupFile file(const std::string& text) {
    return {"", 0600, crypto::SecretBuffer(as_bytes(text))};
}

// Both have the same files.
struct Node {
    FleetHere here;
    FleetBase base;

    void have(const std::string& key, const std::string& text) {
        here[key] = file(text);
        base.files[key] = {hash_of(as_bytes(text)), 5, 0};
    }
    [[nodiscard]] std::string question(const std::string& removed = "") const {
        return removal_question(here, base, edited_files(here, base), removed);
    }
};

// A node that takes what `fleet` has.
struct Follower {
    samples::TemporaryDirectory directory;
    Invocation invocation;
    crypto::SystemRandom random;
    crypto::PrivateKey key = crypto::generate_private_key(random);
    FleetConfiguration fleet;
    FleetBase base;
    std::ostringstream said;

    Follower() {
        invocation.config_dir = directory.path;
        fleet.number = base.number = 1;
        fleet.revision = 10;
        fleet.keys.insert("appliance");
    }
    void put(const std::string& key_of_it, const std::string& text, std::uint64_t changed) {
        fleet.keys.insert(key_of_it);
        fleet.changed.push_back({key_of_it, changed, text});
    }
    [[nodiscard]] std::string sealed(const std::string& name, std::uint64_t revision) const {
        return crypto::seal_text(as_bytes("key"), name, revision, {{"vie-1", crypto::public_key_of(key)}}).value();
    }
    void take() {
        Output output{said, said};
        REQUIRE(take_files(invocation, fleet, "vie-1", key, base, output));
        fleet.changed.clear();
    }
    [[nodiscard]] std::string text(const std::string& name) const {
        return read_text(directory.path + "/" + name).value_or("");
    }
};

Node node_with(int customers) {
    Node out;
    out.have("appliance", "schema = 1");
    for (int i = 0; i < customers; ++i)
        out.have("customers/c" + std::to_string(i), "schema = 1 # " + std::to_string(i));
    out.have("secrets/uplink", "key");
    out.have("secrets/c0/site.psk", "key of c0");
    return out;
}

}  // namespace

TEST_CASE("an emptied directory is asked about before the fleet loses it") {
    Node node = node_with(30);
    CHECK(node.question().empty());
    for (int i = 0; i < 30; ++i) node.here.erase("customers/c" + std::to_string(i));
    CHECK(node.question() == "30 of 30 customers (c0, c1, c10, c11, c12, ...)");
    node = node_with(3);
    node.here.erase("secrets/uplink");
    node.here.erase("secrets/c0/site.psk");
    CHECK(node.question() == "2 of 2 secrets (secrets/c0/site.psk, secrets/uplink)");
}

TEST_CASE("one customer among many goes without a question, as does the one that was named") {
    Node node = node_with(30);
    node.here.erase("customers/c7");
    CHECK(node.question().empty());
    node.here.erase("customers/c8");
    CHECK(node.question() == "2 of 30 customers (c7, c8)");
    CHECK(node.question("c8").empty());
    node = node_with(2);
    node.here.erase("customers/c0");
    CHECK(node.question() == "1 of 2 customers (c0)");
    CHECK(node.question("c0").empty());
}

TEST_CASE("a customer that has another name is not gone") {
    Node node = node_with(2);
    node.here["customers/new"] = std::move(node.here.at("customers/c0"));
    node.here.erase("customers/c0");
    CHECK(node.question().empty());
}

TEST_CASE("a peer's key may go") {
    Node node = node_with(2);
    node.here.erase("secrets/c0/site.psk");
    CHECK(node.question().empty());
}

TEST_CASE("a file that cannot be written is named, and the others are taken") {
    Follower node;
    std::filesystem::create_directories(node.directory.path + "/certs/a");
    node.put("certs/a", "A", 5);
    node.put("certs/b", "B", 6);
    node.put("certs/" + std::string(256, 'x'), "X", 7);
    node.take();
    CHECK(node.text("certs/b") == "B");
    CHECK(node.base.problems.at("certs/a").starts_with("it cannot be written here"));
    CHECK(node.base.problems.size() == 2);
    std::filesystem::remove(node.directory.path + "/certs/a");
    node.put("certs/a", "A", 5);
    node.take();
    CHECK(node.text("certs/a") == "A");
    CHECK_FALSE(node.base.problems.contains("certs/a"));
}

TEST_CASE("a file becomes a directory, and a directory a file") {
    Follower node;
    node.put("certs/a", "A", 5);
    node.put("certs/b/c/d", "B", 5);
    node.take();
    node.fleet.keys = {"appliance"};
    node.fleet.number = 2;
    node.put("certs/a/ca", "A2", 6);
    node.put("certs/b", "B2", 6);
    node.take();
    CHECK(node.base.problems.empty());
    CHECK(node.text("certs/a/ca") == "A2");
    CHECK(node.text("certs/b") == "B2");
}

TEST_CASE("what was written before an end of the process is still to be brought into force") {
    Follower node;
    node.put("certs/a", "A", 5);
    node.take();
    node.base.unapplied.clear();
    REQUIRE(replace_file(node.directory.path + "/certs/a", "A2"));  // and fleet.base was not
    node.put("certs/a", "A2", 6);
    node.take();
    CHECK(node.base.unapplied == std::set<std::string>{"certs/a"});
    node.base.unapplied.clear();
    std::filesystem::remove(node.directory.path + "/certs/a");
    node.fleet.keys = {"appliance"};
    node.fleet.number = 2;
    node.take();
    CHECK(node.base.unapplied == std::set<std::string>{"certs/a"});
    const auto read = read_fleet_base(node.directory.path);
    REQUIRE(read);
    REQUIRE(*read);
    CHECK((*read)->unapplied == node.base.unapplied);
}

TEST_CASE("many files that no revision removed stay, until a revision removes them from the beginning") {
    Follower node;
    for (const char* key : {"certs/a", "certs/b", "certs/c"}) node.put(key, key, 5);
    node.take();
    node.fleet.keys = {"appliance"};
    node.take();
    CHECK(node.text("certs/a") == "certs/a");
    CHECK(node.base.problems.size() == 3);
    node.fleet.number = 2;  // of something else
    node.take();
    CHECK(node.text("certs/a") == "certs/a");
    Follower other;
    for (const char* key : {"certs/a", "certs/b", "certs/c"}) other.put(key, key, 5);
    other.take();
    other.fleet.keys = {"appliance"};
    other.fleet.number = 2;
    other.take();
    CHECK(other.text("certs/a").empty());
}

TEST_CASE("a secret does not come back in an older form, nor from a revision that is not there yet") {
    Follower node;
    node.fleet.number = node.base.number = 5;
    node.put("secrets/a", node.sealed("secrets/a", 5), 5);
    node.take();
    CHECK(node.text("secrets/a") == "key");
    node.fleet.keys = {"appliance"};
    node.fleet.number = 6;
    node.take();
    CHECK(node.text("secrets/a").empty());
    node.put("secrets/a", node.sealed("secrets/a", 5), 7);
    node.take();
    CHECK(node.text("secrets/a").empty());
    CHECK(node.base.problems.at("secrets/a").starts_with("it is an older one"));
    node.put("secrets/a", node.sealed("secrets/a", 7), 8);
    node.take();
    CHECK(node.text("secrets/a").empty());
    node.fleet.number = 7;
    node.put("secrets/a", node.sealed("secrets/a", 7), 8);
    node.take();
    CHECK(node.text("secrets/a") == "key");
}

TEST_CASE("a secret that is to hold a key and holds none does not take the place of the one that is here") {
    Follower node;
    const std::string good = "mB0pNvG8Y5v1gcOMcwJ4sH1gQvF5r0F8rLh4tN0rX0A=\n";
    const auto sealed = [&](const std::string& text, std::uint64_t revision) {
        return crypto::seal_text(as_bytes(text), "secrets/uplink", revision,
                                 {{"vie-1", crypto::public_key_of(node.key)}})
            .value();
    };
    node.put("appliance", "schema = 1\n[wireguard]\nprivate_key = { secret = \"uplink\" }\n", 5);
    REQUIRE(std::filesystem::create_directory(node.directory.path + "/customers"));
    node.put("secrets/uplink", sealed(good, 1), 5);
    node.take();
    REQUIRE(node.text("secrets/uplink") == good);
    REQUIRE_FALSE(node.text("warren.toml").empty());
    node.put("secrets/uplink", sealed("half a key", 1), 6);
    node.take();
    CHECK(node.text("secrets/uplink") == good);
    CHECK(node.base.problems.at("secrets/uplink") == "it holds no key; the last good one stays");
    node.put("secrets/other", node.sealed("secrets/other", 1), 7);  // nobody says what it holds
    node.take();
    CHECK(node.text("secrets/other") == "key");
}

TEST_CASE("a file of a backup of etcd is taken although its revision is lower") {
    Follower node;
    node.put("certs/a", "new", 9);
    node.take();
    node.put("certs/a", "old", 3);
    node.take();
    CHECK(node.text("certs/a") == "old");
}

TEST_CASE("an empty fleet.base is damaged, and none is none") {
    samples::TemporaryDirectory directory;
    const auto none = read_fleet_base(directory.path);
    REQUIRE(none);
    CHECK_FALSE(*none);
    REQUIRE(replace_file(directory.path + "/fleet.base", ""));
    CHECK_FALSE(read_fleet_base(directory.path));
}

TEST_CASE("a name of a fleet's file leads nowhere else") {
    for (const char* key : {"appliance", "users", "customers/acme", "secrets/acme/a.psk", "certs/Ca_1.pem"})
        CHECK(is_fleet_key(key));
    for (const char* key : {"", "customers/acme/x", "customers/acme.x", "customers/Acme", "secrets/.x.swp",
                            "secrets/a~", "certs/a.new", "certs/../x", "other", "secrets/", "appliance/x"})
        CHECK_FALSE(is_fleet_key(key));
}

TEST_CASE("a fleet refuses files below resellers, before anything is put") {
    Follower node;
    const std::string root = node.directory.path;
    std::filesystem::create_directories(root + "/customers/acme");
    REQUIRE(create_file(root + "/warren.toml", "schema = 1\n"));
    REQUIRE(create_file(root + "/customers/acme.toml", "schema = 1\n"));
    REQUIRE(create_file(root + "/customers/acme/north.toml", "schema = 1\n"));
    REQUIRE(write_fleet_base(root, node.base));
    node.invocation.run_dir = root + "/run";  // nobody answers there
    Output output{node.said, node.said};
    CHECK(put_into_fleet(node.invocation, "", output).exit_status == kFailed);
    CHECK(node.said.str().find("nothing was changed: customers/acme/north.toml is of a reseller, and a fleet does not "
                               "share those; accepted: only customers/ID.toml") != std::string::npos);
    std::filesystem::remove(root + "/fleet.base");
    node.said.str("");
    CHECK(join_fleet(node.invocation, output) == kFailed);
    CHECK(node.said.str().find("not joined: customers/acme/north.toml is of a reseller") != std::string::npos);
}
