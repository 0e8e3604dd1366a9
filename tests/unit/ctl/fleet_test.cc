// The fleet's configuration on one node: what is asked before files go, and what comes from the fleet.
#include <doctest/doctest.h>

#include <set>
#include <string>

#include "ctl/commands/fleet_guard.h"
#include "ctl/commands/fleet_taken.h"
#include "ctl/files/fleet_base.h"

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
