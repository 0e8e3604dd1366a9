// The configuration as etcd has it: what is proposed is one transaction, and what comes back is bounded.
#include "fleet/records/configuration.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "fleet/records/base64.h"

namespace warren::fleet {
namespace {

using nlohmann::json;

json pair(const std::string& key, const std::string& value, std::uint64_t changed) {
    return {{"key", to_base64(key)}, {"value", to_base64(value)}, {"mod_revision", std::to_string(changed)}};
}

json range(const json& pairs) {
    return {{"response_range", {{"kvs", pairs}}}};
}

// Eleven ranges: the number; appliance, users, customers, secrets, certs; the keys of these five.
std::string answer(const json& customers, const json& keys, const std::string& revision = "{\"number\":7}") {
    const json none = json::array();
    const json number = json::array({pair("/warren/revision", revision, 80)});
    return json{{"header", {{"revision", "90"}}},
                {"responses",
                 {range(number), range(none), range(none), range(customers), range(none), range(none), range(none),
                  range(none), range(keys), range(none), range(none)}}}
        .dump();
}

std::string decoded(const json& value) {
    return from_base64(value.get<std::string>()).value_or("");
}

}  // namespace

TEST_CASE("a key is of a file, and never of another place") {
    for (const char* key : {"appliance", "users", "customers/acme", "secrets/acme/graz.psk", "certs/ca.pem"})
        CHECK(is_file_key(key));
    for (const char* key : {"", "revision", "groups/1", "customers/", "customers", "customers/../x", "secrets/a//b",
                            "secrets/.ssh", "secrets/a b", "secrets/a\nb", "certs/../../etc/passwd", "appliance/x"})
        CHECK_FALSE(is_file_key(key));
    CHECK_FALSE(is_file_key("secrets/" + std::string(400, 'a')));
    CHECK(is_file_key("secrets/" + std::string(246, 'a')));
    CHECK_FALSE(is_file_key("secrets/" + std::string(247, 'a')));
    CHECK_FALSE(is_file_key("customers/acme/x"));
    CHECK_FALSE(is_file_key("secrets/uplink.new"));
}

TEST_CASE("what was read is taken as far as it can be a configuration, and the rest is named") {
    const auto read = parse_configuration(
        answer({pair("/warren/customers/acme", "schema = 1", 85), pair("/warren/customers/../x", "y", 86),
                pair("/other", "z", 87), pair("/warren/customers/huge", std::string(kMostBytesAtOnce + 1, 'x'), 88)},
               {pair("/warren/customers/acme", "", 85), pair("/warren/customers/old", "", 3)}));
    REQUIRE(read);
    CHECK(read->revision == 90);
    CHECK(read->number == 7);
    CHECK(read->number_changed == 80);
    REQUIRE(read->changed.size() == 1);
    CHECK(read->changed[0].key == "customers/acme");
    CHECK(read->changed[0].changed == 85);
    CHECK(read->changed[0].text == "schema = 1");
    CHECK(read->keys == std::vector<std::string>{"customers/acme", "customers/old"});
    CHECK(read->broken == std::vector<std::string>{"customers/../x", "customers/huge"});
    for (const char* other : {"", "{}", "[]", "{\"header\":{\"revision\":\"1\"},\"responses\":[]}"})
        CHECK_FALSE(parse_configuration(other));
}

TEST_CASE("a number that is none, and files that are no text, are not guessed at") {
    const json none = json::array();
    for (const char* broken : {"", "x", "{}", "{\"number\":0}", "{\"number\":18446744073709551615}"})
        CHECK_FALSE(parse_configuration(answer(none, none, broken)));
    const auto read = parse_configuration(answer(json::array({pair("/warren/customers/acme", "\xff\x80", 85)}), none));
    REQUIRE(read);
    CHECK(read->changed.empty());
    CHECK(read->broken == std::vector<std::string>{"customers/acme"});
}

TEST_CASE("more files than a fleet can have are an error, and none of them counts as removed") {
    json keys = json::array();
    for (std::size_t i = 0; i <= kMostFiles; ++i)
        keys.push_back(pair("/warren/customers/c" + std::to_string(i), "", 3));
    CHECK_FALSE(parse_configuration(answer(json::array(), keys)));
    keys.erase(0);
    CHECK(parse_configuration(answer(json::array(), keys)));
}

TEST_CASE("a proposal compares the number and each file, and writes the history with it") {
    const About about{8, "alice", "vie-1", 1'000, "why"};
    const json request = json::parse(
        proposal_request(about, 80, {{"customers/acme", 85, "schema = 1"}, {"customers/old", 3, std::nullopt}}));
    REQUIRE(request["compare"].size() == 3);
    CHECK(decoded(request["compare"][0]["key"]) == "/warren/revision");
    CHECK(request["compare"][0]["mod_revision"] == "80");
    CHECK(decoded(request["compare"][1]["key"]) == "/warren/customers/acme");
    CHECK(request["compare"][1]["mod_revision"] == "85");
    CHECK(decoded(request["compare"][2]["key"]) == "/warren/customers/old");
    const json& done = request["success"];
    REQUIRE(done.size() == 5);
    CHECK(decoded(done[0]["request_put"]["key"]) == "/warren/customers/acme");
    CHECK(decoded(done[1]["request_put"]["key"]) == "/warren/history/000008/files/customers/acme");
    CHECK(decoded(done[2]["request_delete_range"]["key"]) == "/warren/customers/old");
    CHECK(decoded(done[3]["request_put"]["key"]) == "/warren/history/000008/about");
    CHECK(decoded(done[4]["request_put"]["key"]) == "/warren/revision");
    CHECK(json::parse(decoded(done[4]["request_put"]["value"]))["number"] == 8);
}

TEST_CASE("the history is as long as 200 revisions, and no transaction larger than etcd takes") {
    const json request = json::parse(proposal_request({205, "", "vie-1", 0, ""}, 1, {{"users", 0, "x"}}));
    const json& pruned = request["success"].back()["request_delete_range"];
    CHECK(decoded(pruned["key"]) == "/warren/history/");
    CHECK(decoded(pruned["range_end"]) == "/warren/history/000005");
    std::vector<ProposedFile> files(kMostFilesAtOnce, {"users", 0, ""});
    CHECK(proposal_problem(files).empty());
    CHECK(json::parse(proposal_request({205, "", "vie-1", 0, ""}, 1, files))["success"].size() <= 128);
    files.push_back({"users", 0, ""});
    CHECK_FALSE(proposal_problem(files).empty());
    CHECK_FALSE(proposal_problem({}).empty());
    CHECK_FALSE(proposal_problem({{"revision", 0, "x"}}).empty());
    CHECK_FALSE(proposal_problem({{"users", 0, std::string(kMostBytesAtOnce + 1, 'x')}}).empty());
}

TEST_CASE("who made a revision is told as far as it is kept") {
    const std::string about = "{\"number\":8,\"user\":\"alice\",\"node\":\"vie-1\",\"wall\":1000,\"comment\":\"why\"}";
    const auto of = [](const json& pairs) {
        return parse_about(json{{"header", {{"revision", "90"}}}, {"kvs", pairs}}.dump());
    };
    const auto found =
        of({pair("/warren/history/000008/about", about, 80), pair("/warren/history/000008/files/users", "x", 80)});
    REQUIRE(found);
    REQUIRE(*found);
    CHECK((*found)->user == "alice");
    CHECK((*found)->node == "vie-1");
    CHECK((*found)->wall_milliseconds == 1000);
    const auto nothing = of(json::array());
    REQUIRE(nothing);
    CHECK_FALSE(*nothing);
    CHECK_FALSE(parse_about("{}"));
}

}  // namespace warren::fleet
