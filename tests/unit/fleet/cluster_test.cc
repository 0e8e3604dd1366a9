// etcd's members, and what nodes keep there about themselves.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "fleet/records/base64.h"
#include "fleet/records/members.h"
#include "fleet/records/papers.h"

namespace warren::fleet {
namespace {

using nlohmann::json;

json pair(const std::string& key, const std::string& value, int revision) {
    return {{"key", to_base64(key)}, {"value", to_base64(value)}, {"mod_revision", std::to_string(revision)}};
}

}  // namespace

TEST_CASE("members are read as the gateway writes them, with numbers as text") {
    const auto members = parse_members(
        R"({"header":{},"members":[{"ID":"9372538179322589801","name":"vie-1","peerURLs":["https://10.9.0.1:2380"]},
            {"ID":"7","peerURLs":["https://10.9.0.2:2380"],"isLearner":true}]})");
    REQUIRE(members);
    REQUIRE(members->size() == 2);
    CHECK((*members)[0].id == "9372538179322589801");
    CHECK((*members)[0].name == "vie-1");
    CHECK_FALSE((*members)[0].is_learner);
    CHECK((*members)[1].is_learner);
    CHECK((*members)[1].urls == std::vector<std::string>{"https://10.9.0.2:2380"});
    for (const char* bad : {"", "[]", "{}", R"({"members":[]})", R"({"members":7})", R"({"members":[{"name":"x"}]})"})
        CHECK_FALSE(parse_members(bad));
    std::string many = R"({"members":[)";
    for (std::size_t i = 0; i <= kMostMembers; ++i) many += std::string(i == 0 ? "" : ",") + R"({"ID":"1"})";
    CHECK_FALSE(parse_members(many + "]}"));
    CHECK(json::parse(add_member_request("https://10.9.0.2:2380"))["isLearner"] == true);
    CHECK(json::parse(member_request("7"))["ID"] == "7");
}

TEST_CASE("papers are the list of nodes and certificates, and are put where nobody put another") {
    for (const char* good : {"roster", "certificates/vie-1"}) CHECK(is_paper_key(good));
    for (const char* bad :
         {"", "rosters", "certificates/", "certificates/../x", "certificates/a/b", "groups/7", "users"})
        CHECK_FALSE(is_paper_key(bad));
    const auto range = [](const json& pairs) { return json{{"response_range", {{"kvs", pairs}}}}; };
    const json answer{{"header", {{"revision", "9"}}},
                      {"responses",
                       {range(json::array({pair("/warren/roster", "list", 4)})),
                        range({pair("/warren/certificates/vie-1", "one", 5), pair("/warren/certificates/..", "x", 6),
                               pair("/warren/certificates/vie-2", std::string(kMostPaper + 1, 'x'), 7)})}}};
    const auto papers = parse_papers(answer.dump());
    REQUIRE(papers);
    REQUIRE(papers->size() == 2);
    CHECK((*papers)[0].key == "roster");
    CHECK((*papers)[0].changed == 4);
    CHECK((*papers)[1].text == "one");
    CHECK_FALSE(parse_papers("{}"));
    const json put = json::parse(paper_request("roster", 4, "next"));
    CHECK(put["compare"][0]["mod_revision"] == "4");
    CHECK(put["success"][0].contains("request_put"));
    CHECK(json::parse(paper_request("certificates/vie-1", 5, std::nullopt))["success"][0].contains(
        "request_delete_range"));
}

}  // namespace warren::fleet
