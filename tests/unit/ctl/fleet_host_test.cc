// An invitation: what the node that invites does for the one that comes, also where etcd does not let it, and what the
// one that comes takes of the answer.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "crypto/authority.h"
#include "crypto/random.h"
#include "crypto/x25519.h"
#include "ctl/commands/fleet_guest.h"
#include "ctl/commands/fleet_host.h"
#include "ctl/commands/fleet_identity.h"
#include "ctl/commands/fleet_papers.h"
#include "ctl/commands/fleet_rebalance.h"
#include "ctl/files/files.h"
#include "ctl/files/roster.h"
#include "ipc/long_text.h"
#include "samples.h"

using namespace warren;
using namespace warren::ctl;

namespace {

using nlohmann::json;

std::string text_of(const crypto::SecretBuffer& buffer) {
    return {reinterpret_cast<const char*>(buffer.reveal().data()), buffer.size()};
}

json member_of(const std::string& name, const std::string& address, bool is_learner = false) {
    return {{"id", std::to_string(address.back() - '0')},
            {"name", name},
            {"urls", json::array({peer_url(address)})},
            {"learner", is_learner}};
}

crypto::SecretBuffer secret() {
    return crypto::SecretBuffer(as_bytes(std::string(kJoinSecret, 's')));
}

// The machine that comes.
struct Guest {
    crypto::SecretBuffer fleetd = crypto::make_key().value();
    crypto::SecretBuffer etcd = crypto::make_key().value();
    crypto::PublicKey reader;

    Guest() {
        crypto::SystemRandom random;
        reader = crypto::public_key_of(crypto::generate_private_key(random));
    }
    [[nodiscard]] JoinRequest request() const {
        return {"vie-2", "10.9.0.2", reader, crypto::request_certificate(fleetd.reveal(), "vie-2").value(),
                crypto::request_certificate(etcd.reveal(), "vie-2").value()};
    }
};

// vie-1, which invites vie-2, and a fleetd with what etcd has. One operation can be made to fail.
struct Inviting {
    samples::TemporaryDirectory directory;
    crypto::SecretBuffer key = crypto::make_key().value();
    std::string authority = crypto::make_authority(key.reveal(), "Fleet", read_wall_clock()).value();
    std::mutex mutex;
    std::map<std::string, std::string> papers;
    std::vector<json> members{member_of("vie-1", "10.9.0.1")};
    std::vector<json> nodes;
    std::vector<json> groups;
    json plan;
    std::vector<json> wishes;
    std::string fails;
    int works_before = 0;  // so often it does
    samples::FakeDaemon fleetd{"config.sock", [this](ipc::Channel& channel) { answer(channel); }};
    Invocation invocation;
    std::ostringstream out;
    std::ostringstream said;
    Guest guest;
    std::optional<FleetHost> host;

    explicit Inviting(const std::string& settings = "schema = 1\nnode = \"vie-1\"\netcd = \"10.9.0.1:2379\"\n") {
        invocation.run_dir = directory.path + "/run";
        std::filesystem::create_directory_symlink(fleetd.run_dir(), invocation.run_dir + "-fleet");
        invocation.config_dir = directory.path + "/etc";
        std::filesystem::create_directory(invocation.config_dir);
        FleetNode own;
        own.name = "vie-1";
        own.etcd = "10.9.0.1:2379";
        own.text = settings;
        Roster roster;
        roster.version = 1;
        roster.readers["vie-1"] = guest.reader;
        REQUIRE(replace_file(invocation.config_dir + "/fleet.nodes", sign_roster(roster, key.reveal()).value()));
        host.emplace(invocation, std::move(own), authority, crypto::SecretBuffer(key.reveal()), "vie-2", secret());
    }
    json answer_to(const json& question) {
        const std::string op = question.value("op", "");
        if (op == fails && works_before-- <= 0) return {{"error", "it is out of order"}};
        if (op == "members") return {{"members", members}};
        if (op == "groups") return {{"nodes", nodes}, {"groups", groups}};
        if (op == "plan") return plan;
        if (op == "member_add") members.push_back({{"id", "9"}, {"urls", {question["url"]}}, {"learner", true}});
        if (op == "member_promote") members.back()["learner"] = false;
        if (op == "member_remove") std::erase_if(members, [&](const json& one) { return one["id"] == question["id"]; });
        if (op == "put_paper") papers[question.value("key", "")] = question.value("text", "");
        if (op == "wish") wishes.push_back(question);
        if (op == "wish" && !groups.empty()) {
            groups[0]["owner"] = question["to"];
            groups[0]["epoch"] = question.value("epoch", 0) + 1;
        }
        json found = json::array();
        for (const auto& [name, text] : papers) found.push_back({{"key", name}, {"changed", 7}, {"text", text}});
        return {{"papers", found}};
    }
    void answer(ipc::Channel& channel) {
        const auto question = json::parse(ipc::receive_text(channel, 1'000'000).value_or("{}"));
        const std::lock_guard lock(mutex);
        (void)ipc::send_text(channel, answer_to(question).dump());
    }
    void let_fail(const std::string& op, int after = 0) {
        const std::lock_guard lock(mutex);
        fails = op;
        works_before = after;
    }
    [[nodiscard]] std::size_t learners() {
        const std::lock_guard lock(mutex);
        return static_cast<std::size_t>(
            std::count_if(members.begin(), members.end(), [](const json& one) { return one.value("learner", false); }));
    }
    JoinReply ask() {
        crypto::SystemRandom random;
        Output output{out, said};
        const auto sealed =
            seal_join_message(secret(), JoinMessage::kRequest, {}, format_join_request(guest.request()), random);
        const auto reply = host->answer(sealed, output);
        return parse_join_reply(open_join_message(secret(), JoinMessage::kReply, sealed, reply).value_or("")).value();
    }
    void withdraw() {
        Output output{out, said};
        host->withdraw(output);
    }
    [[nodiscard]] JoinToken token() const {
        return {"vie-2", {}, crypto::view_certificate(authority)->fingerprint.substr(0, kTokenFingerprint), secret()};
    }
    [[nodiscard]] Result<JoinReply> check(const JoinReply& reply) const {
        return check_join_reply(token(), reply, guest.fleetd.reveal(), guest.etcd.reveal(), guest.reader);
    }
};

}  // namespace

TEST_CASE("a node is let in with a learner, which becomes a member") {
    Inviting vie1;
    const JoinReply reply = vie1.ask();
    REQUIRE(reply.error.empty());
    CHECK(reply.member == "9");
    CHECK(reply.cluster == "vie-1=https://10.9.0.1:2380,vie-2=https://10.9.0.2:2380");
    CHECK(vie1.check(reply));
    CHECK(vie1.host->has_admitted());
    CHECK(vie1.learners() == 1);
    CHECK(vie1.host->try_to_finish());
    CHECK(vie1.learners() == 0);
}

TEST_CASE("a new node has the weight and the zone that it says, and never those of who invites it") {
    FleetOptions own;
    CHECK(place_problem(own).empty());
    for (const char* bad : {"0", "101", "-1", "1x", "x", "01", "1.5", " 1"}) {
        own.weight = bad;
        CHECK(place_problem(own) == "--weight: accepted: 1 to 100");
    }
    own.weight = "100";
    for (const char* bad : {"A", "a b", "-a", "a\"\nnode = \"x"}) {
        own.zone = bad;
        CHECK(place_problem(own).find("--zone: accepted: a name of a-z") == 0);
    }
    own.zone = "hall-2";
    CHECK(place_problem(own).empty());
    const std::string text = "schema = 1\nnode = \"vie-1\"\nweight = 3\nzone = \"hall-1\"\n";
    CHECK(with_place(text, {}) == text);
    const auto placed = with_place(text, own);
    REQUIRE(placed);
    CHECK(placed->find("weight = 100\nzone = \"hall-2\"\n") != std::string::npos);
    CHECK(with_place("schema = 1\n", own)->find("weight = 100") != std::string::npos);
    Inviting vie1(text + "etcd = \"10.9.0.1:2379\"\n");
    const JoinReply reply = vie1.ask();
    REQUIRE(reply.error.empty());
    CHECK(reply.settings.find("node = \"vie-2\"") != std::string::npos);
    CHECK(reply.settings.find("weight") == std::string::npos);
    CHECK(reply.settings.find("zone") == std::string::npos);
}

TEST_CASE("a node that got an error is not in the fleet, and may ask again") {
    for (const auto& [op, after] : {std::pair<const char*, int>{"put_paper", 0}, {"members", 1}, {"members", 2}}) {
        CAPTURE(op);
        CAPTURE(after);
        Inviting vie1;
        vie1.let_fail(op, after);
        CHECK_FALSE(vie1.ask().error.empty());
        CHECK(vie1.host->was_used());
        CHECK_FALSE(vie1.host->has_admitted());
        vie1.let_fail("");
        CHECK_FALSE(vie1.host->try_to_finish());
        CHECK(vie1.ask().error.empty());
        CHECK(vie1.learners() == 1);
        CHECK(vie1.host->try_to_finish());
    }
}

TEST_CASE("a learner goes also where the answer failed after it was added, and it is said where it cannot") {
    Inviting vie1;
    vie1.let_fail("members", 2);
    CHECK_FALSE(vie1.ask().error.empty());
    CHECK(vie1.learners() == 1);
    vie1.let_fail("member_remove");
    vie1.withdraw();
    CHECK(vie1.said.str().find("vpnctl fleet remove 10.9.0.2") != std::string::npos);
    vie1.let_fail("");
    vie1.withdraw();
    CHECK(vie1.learners() == 0);
}

TEST_CASE("a node without a member of etcd is there when the fleet hears its fleetd") {
    Inviting vie1;
    for (int i = 3; i < 7; ++i)
        vie1.members.push_back(member_of("vie-" + std::to_string(i), "10.9.0." + std::to_string(i)));
    const JoinReply reply = vie1.ask();
    REQUIRE(reply.error.empty());
    CHECK(reply.cluster.empty());
    CHECK(vie1.host->has_admitted());
    CHECK_FALSE(vie1.host->try_to_finish());
    vie1.nodes = {{{"node", "vie-2"}, {"alive", false}}};
    CHECK_FALSE(vie1.host->try_to_finish());
    vie1.nodes = {{{"node", "vie-2"}, {"alive", true}}};
    CHECK(vie1.host->try_to_finish());
}

TEST_CASE("what etcd calls its members is not written where it would be read as more than a name") {
    for (const char* name : {"", "x\nETCD_ENABLE_PPROF=true", "a b", "a=b", "a,b", "\"", "$(x)"}) {
        CAPTURE(name);
        Inviting vie1;
        vie1.members.push_back(member_of(name, "10.9.0.3"));
        CHECK(vie1.ask().error.find("has a name or a URL that is none") != std::string::npos);
        CHECK(vie1.learners() == 0);
    }
    Inviting vie1;
    JoinReply reply = vie1.ask();
    for (const char* cluster : {"vie-1=https://10.9.0.1:2380\nETCD_X=1", "vie-1", "=https://10.9.0.1:2380",
                                "vie-1=https://10.9.0.1:2380,", "vie-1=\"x\"", "vie-1=a b"}) {
        CAPTURE(cluster);
        reply.cluster = cluster;
        CHECK(vie1.check(reply).error().code == ErrorCode::kInvalid);
    }
    const std::string member = std::exchange(reply.member, "../x");
    CHECK(vie1.check(reply).error().code == ErrorCode::kInvalid);
    reply.member = member;
    reply.cluster = "vie_1.example=https://[2001:db8::1]:2380,vie-2=https://10.9.0.2:2380";
    CHECK(vie1.check(reply));
}

TEST_CASE("of what comes as a certificate only the one that was checked is taken") {
    Inviting vie1;
    const JoinReply reply = vie1.ask();
    const auto own = vie1.check(reply);
    REQUIRE(own);
    const auto other = crypto::make_key().value();
    const std::string more = crypto::make_authority(other.reveal(), "Other", read_wall_clock()).value();
    for (std::string JoinReply::*part : {&JoinReply::authority, &JoinReply::fleetd, &JoinReply::etcd}) {
        JoinReply longer = reply;
        longer.*part = "# words\n" + longer.*part + more + text_of(other);
        const auto taken = vie1.check(longer);
        REQUIRE(taken);
        CHECK((*taken).*part == (*own).*part);
        JoinReply wrong = reply;
        wrong.*part = more + wrong.*part;
        CHECK(vie1.check(wrong).error().code == ErrorCode::kPermission);
        wrong.*part = "";
        CHECK_FALSE(vie1.check(wrong));
    }
}

TEST_CASE(
    "each member of etcd has data of its own, so that one that comes again does not begin with those of the last") {
    const FleetPaths paths = fleet_paths("/etc/warren");
    const auto directory = [&](const std::string& id) {
        const std::string text = etcd_settings(paths, {"vie-2", "10.9.0.2", id}, "c", id.empty());
        const std::size_t at = text.find("ETCD_DATA_DIR=");
        return text.substr(at, text.find('\n', at) - at);
    };
    CHECK(directory("") == "ETCD_DATA_DIR=/var/lib/etcd/warren");
    CHECK(directory("17") == "ETCD_DATA_DIR=/var/lib/etcd/warren-17");
}

TEST_CASE("a key that is there gets its owner when the system has one") {
    if (::geteuid() != 0) return;
    const samples::TemporaryDirectory directory;
    const std::string path = directory.path + "/key";
    const auto made = own_key(path, "no-such-user");
    REQUIRE(made);
    CHECK(missing_owner(path, "no-such-user").find("no-such-user") != std::string::npos);
    CHECK(missing_owner(path, "nobody").empty());
    const auto kept = own_key(path, "nobody");
    REQUIRE(kept);
    CHECK(text_of(*kept) == text_of(*made));
    struct stat about {};
    REQUIRE(::stat(path.c_str(), &about) == 0);
    CHECK(about.st_uid == 65534);
    CHECK((about.st_mode & 07777) == 0400);
}

TEST_CASE("a learner without a name is taken out by its address, and no member is") {
    Inviting vie1;
    const std::string ca = vie1.directory.path + "/ca.pem";
    REQUIRE(replace_file(ca, vie1.authority));
    REQUIRE(replace_file(vie1.invocation.config_dir + "/fleet.toml",
                         "schema = 1\nnode = \"vie-1\"\netcd_ca = \"" + ca + "\"\n"));
    vie1.members.push_back({{"id", "9"}, {"urls", {peer_url("10.9.0.3")}}, {"learner", true}});
    CHECK(vie1.ask().error.find("vpnctl fleet remove ADDRESS") != std::string::npos);
    Output output{vie1.out, vie1.said};
    CHECK(remove_fleet_node(vie1.invocation, "10.9.0.1", output) == kFailed);
    CHECK(remove_fleet_node(vie1.invocation, "10.9.0.3", output) == kDone);
    CHECK(vie1.members.size() == 1);
    CHECK(vie1.ask().error.empty());
}

TEST_CASE("a group that is not well where it went goes back") {
    for (const bool is_well : {true, false}) {
        Inviting vie1;
        vie1.plan = {{"moves", {{{"group", 3}, {"from", "vie-1"}, {"to", "vie-2"}, {"epoch", 7}, {"peers", 4}}}},
                     {"all", 1}};
        // Nobody of its peers is there.
        vie1.groups = {{{"group", 3}, {"owner", "vie-1"}, {"epoch", 7}, {"well", is_well}, {"peers", 0}}};
        vie1.invocation.fleet.yes = true;
        Output output{vie1.out, vie1.said};
        CHECK(rebalance_fleet(vie1.invocation, output, {std::chrono::seconds(5), Duration(1)}) == kFailed);
        REQUIRE(vie1.wishes.size() == 2);
        CHECK(vie1.wishes[0]["to"] == "vie-2");
        CHECK(vie1.wishes[1] == json{{"op", "wish"}, {"group", 3}, {"to", "vie-1"}, {"epoch", 8}, {"undo", true}});
        CHECK_FALSE(vie1.wishes[0].contains("undo"));
        CHECK(vie1.said.str().find("vie-1 takes it again") != std::string::npos);
    }
}

TEST_CASE("a group that has a new owner is not moved at once, unless that does not serve it or it is waited for") {
    Inviting vie1;
    Output output{vie1.out, vie1.said};
    const auto owned = [&](bool is_well, int rest) {
        const std::lock_guard lock(vie1.mutex);
        vie1.groups = {
            {{"group", 3}, {"owner", "vie-1"}, {"epoch", 7}, {"well", is_well}, {"peers", 0}, {"rest", rest}}};
    };
    owned(true, 17'001);
    CHECK(let_rest(vie1.invocation, 3, output) == kFailed);
    CHECK(vie1.said.str() == "vpnctl: group 3 has a new owner, and keeps it for another 18 s; --wait waits for that\n");
    CHECK_FALSE(let_rest(vie1.invocation, 4, output));  // there is none; who is asked next says so
    owned(false, 17'001);
    CHECK_FALSE(let_rest(vie1.invocation, 3, output));
    owned(true, 0);
    CHECK_FALSE(let_rest(vie1.invocation, 3, output));
    vie1.said.str("");
    vie1.invocation.fleet.wait = true;
    owned(true, 300);
    std::thread later([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(500));
        owned(true, 0);
    });
    CHECK_FALSE(let_rest(vie1.invocation, 3, output));
    later.join();
    CHECK(vie1.said.str() == "vpnctl: group 3 has a new owner, and keeps it for another 1 s; waiting\n");
    CHECK(vie1.groups[0]["rest"] == 0);
    CHECK(vie1.wishes.empty());
}
