// The list of nodes and certificates: what a node takes of what anybody may have put into etcd, and what the authority
// gives.
#include <doctest/doctest.h>

#include <filesystem>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "base/clock.h"
#include "crypto/authority.h"
#include "crypto/random.h"
#include "crypto/x25519.h"
#include "ctl/commands/fleet_identity.h"
#include "ctl/commands/fleet_papers.h"
#include "ctl/files/files.h"
#include "ctl/files/roster.h"
#include "ipc/long_text.h"
#include "samples.h"

using namespace warren;
using namespace warren::ctl;

namespace {

using nlohmann::json;

constexpr std::int64_t kDay = 24LL * 3600 * 1'000'000'000;

WallTime days_ago(int days) {
    return {read_wall_clock().nanoseconds - days * kDay};
}

struct Keys {
    crypto::SecretBuffer fleetd = crypto::make_key().value();
    crypto::SecretBuffer etcd = crypto::make_key().value();
};

struct Authority {
    crypto::SecretBuffer key = crypto::make_key().value();
    std::string certificate = crypto::make_authority(key.reveal(), "Fleet", days_ago(100)).value();

    [[nodiscard]] std::string issue(const std::string& name, const crypto::SecretBuffer& to, WallTime when) const {
        const std::string request = crypto::request_certificate(to.reveal(), name).value();
        return crypto::issue_certificate(certificate, key.reveal(), request, {name, {}, false}, when).value();
    }
    [[nodiscard]] std::string both(const std::string& name, const Keys& keys, WallTime when) const {
        return certificates_text(issue(name, keys.fleetd, when), issue(name, keys.etcd, when));
    }
};

crypto::PublicKey some_reader() {
    crypto::SystemRandom random;
    return crypto::public_key_of(crypto::generate_private_key(random));
}

// vie-1, with what etcd has of papers.
struct Node {
    samples::TemporaryDirectory directory;
    Authority authority;
    Keys keys;
    std::mutex mutex;
    std::map<std::string, std::string> papers;
    samples::FakeDaemon fleetd{"config.sock", [this](ipc::Channel& channel) { answer(channel); }};
    Invocation invocation;
    std::ostringstream said;

    Node() {
        invocation.run_dir = directory.path + "/run";
        std::filesystem::create_directory_symlink(fleetd.run_dir(), invocation.run_dir + "-fleet");
        invocation.config_dir = directory.path + "/etc";
        const FleetPaths paths = fleet_paths(invocation.config_dir);
        std::filesystem::create_directory(invocation.config_dir);
        std::filesystem::create_directory(paths.directory);
        write(invocation.config_dir + "/fleet.toml",
              "schema = 1\nnode = \"vie-1\"\netcd_ca = \"" + paths.authority + "\"\n");
        write(invocation.config_dir + "/fleet.nodes", roster(5, {"vie-1"}));
        write(paths.authority, authority.certificate);
        write(paths.key, text_of(keys.fleetd));
        write(paths.etcd_key, text_of(keys.etcd));
        write(paths.certificate, authority.issue("vie-1", keys.fleetd, days_ago(10)));
        write(paths.etcd_certificate, authority.issue("vie-1", keys.etcd, days_ago(10)));
    }
    static void write(const std::string& path, const std::string& text) { REQUIRE(replace_file(path, text)); }
    static std::string text_of(const crypto::SecretBuffer& buffer) {
        return {reinterpret_cast<const char*>(buffer.reveal().data()), buffer.size()};
    }
    [[nodiscard]] std::string roster(std::uint64_t version, const std::vector<std::string>& names) const {
        return roster(version, names, authority);
    }
    [[nodiscard]] static std::string roster(std::uint64_t version, const std::vector<std::string>& names,
                                            const Authority& by) {
        Roster out{version, {}, {}};
        for (const std::string& name : names) out.readers[name] = some_reader();
        return sign_roster(out, by.key.reveal()).value();
    }
    void put(const std::string& key, const std::string& text) {
        const std::lock_guard lock(mutex);
        papers[key] = text;
    }
    std::string paper(const std::string& key) {
        const std::lock_guard lock(mutex);
        return papers[key];
    }
    void answer(ipc::Channel& channel) {
        const auto question = json::parse(ipc::receive_text(channel, 1'000'000).value_or("{}"));
        const std::lock_guard lock(mutex);
        json out = json::object();
        if (question.value("op", "") == "papers") {
            out["papers"] = json::array();
            for (const auto& [key, text] : papers)
                out["papers"].push_back({{"key", key}, {"changed", 7}, {"text", text}});
        } else if (question.value("op", "") == "put_paper") {
            papers[question.value("key", "")] = question.value("text", "");
        }
        (void)ipc::send_text(channel, out.dump());
    }
    Status exchange() {
        Output output{said, said};
        return exchange_papers(invocation, output);
    }
    [[nodiscard]] std::string here(const std::string& path) const { return read_text(path).value_or(""); }
    [[nodiscard]] std::string nodes() const { return here(invocation.config_dir + "/fleet.nodes"); }
    [[nodiscard]] FleetPaths paths() const { return fleet_paths(invocation.config_dir); }
};

}  // namespace

TEST_CASE("a node takes a newer list that the authority signed, and no older one and none of anybody else") {
    Node node;
    const std::string before = node.nodes();
    node.put("roster", node.roster(5, {"vie-1", "vie-9"}));  // as new as the one that is here
    CHECK(node.exchange());
    CHECK(node.nodes() == before);
    node.put("roster", node.roster(4, {"vie-1", "vie-9"}));
    CHECK(node.exchange());
    CHECK(node.nodes() == before);
    node.put("roster", Node::roster(6, {"vie-1", "vie-9"}, Authority()));
    CHECK(node.exchange().error().code == ErrorCode::kPermission);
    CHECK(node.nodes() == before);
    const std::string next = node.roster(6, {"vie-1", "vie-2"});
    node.put("roster", next);
    CHECK(node.exchange());
    CHECK(node.nodes() == next);
}

TEST_CASE("a node takes a certificate that lasts longer, for its own key, of its authority") {
    Node node;
    const std::string before = node.here(node.paths().certificate);
    REQUIRE(node.exchange());
    CHECK(node.paper("certificates/vie-1") == certificates_text(before, node.here(node.paths().etcd_certificate)));
    for (const std::string& bad :
         {node.authority.both("vie-1", Keys(), days_ago(0)), Authority().both("vie-1", node.keys, days_ago(0)),
          node.authority.both("vie-1", node.keys, days_ago(20)), std::string("no certificate"), std::string()}) {
        node.put("certificates/vie-1", bad);
        CHECK(node.exchange());
        CHECK(node.here(node.paths().certificate) == before);
        // It shows its own again, where that is the later one.
    }
    const std::string next = node.authority.both("vie-1", node.keys, days_ago(1));
    node.put("certificates/vie-1", next);
    CHECK(node.exchange());
    CHECK(certificates_text(node.here(node.paths().certificate), node.here(node.paths().etcd_certificate)) == next);
}

TEST_CASE("the authority renews what ends within thirty days, of the nodes in the list alone") {
    Node node;
    const Keys others;
    const Keys formerly;  // of the machine that was vie-5
    Roster roster{5, {}, {}};
    for (const char* name : {"vie-1", "vie-2", "vie-3", "vie-4", "vie-5"}) {
        roster.readers[name] = some_reader();
        roster.keys[name] = keys_of(node.authority.issue(name, others.fleetd, days_ago(1)),
                                    node.authority.issue(name, others.etcd, days_ago(1)))
                                .value();
    }
    Node::write(node.invocation.config_dir + "/fleet.nodes", sign_roster(roster, node.authority.key.reveal()).value());
    const std::string former = node.authority.both("vie-5", formerly, days_ago(61));
    node.put("certificates/vie-5", former);
    const std::string ends = node.authority.both("vie-2", others, days_ago(61));
    const std::string lasts = node.authority.both("vie-3", others, days_ago(59));
    const std::string removed = node.authority.both("vie-8", others, days_ago(61));
    const std::string borrowed = node.authority.both("vie-8", others, days_ago(61));
    const std::string strange = Authority().both("vie-2", others, days_ago(61));
    node.put("certificates/vie-2", ends);
    node.put("certificates/vie-3", lasts);
    node.put("certificates/vie-8", removed);
    node.put("certificates/vie-4", borrowed);  // under the name of a node that is in the list
    REQUIRE(node.exchange());
    CHECK(node.paper("certificates/vie-2") == ends);  // the key is not here
    Node::write(node.paths().authority_key, Node::text_of(node.authority.key));
    REQUIRE(node.exchange());
    const std::string renewed = node.paper("certificates/vie-2");
    CHECK(renewed != ends);
    const auto view = crypto::view_certificate(renewed);
    REQUIRE(view);
    CHECK(view->name == "vie-2");
    CHECK(view->not_after.nanoseconds > days_ago(-89).nanoseconds);
    CHECK(crypto::is_certificate_of(renewed, others.fleetd.reveal()));
    CHECK(crypto::is_issued_by(renewed, node.authority.certificate));
    CHECK(node.paper("certificates/vie-3") == lasts);
    CHECK(node.paper("certificates/vie-8") == removed);
    CHECK(node.paper("certificates/vie-4") == borrowed);
    CHECK(node.paper("certificates/vie-5") == former);
    node.put("certificates/vie-2", strange);
    (void)node.exchange();
    CHECK(node.paper("certificates/vie-2") == strange);
}
