// What goes to etcd and what comes from it: whatever it is, nothing else is understood.
#include "fleet/records/records.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "fleet/records/base64.h"

namespace warren::fleet {
namespace {

using nlohmann::json;

json pair(const std::string& key, const std::string& value, std::uint64_t revision) {
    return {{"key", to_base64(key)}, {"value", to_base64(value)}, {"mod_revision", std::to_string(revision)}};
}

std::string decoded(const json& value) {
    return from_base64(value.get<std::string>()).value_or("");
}

std::string read_answer(json groups, json beats, json fence) {
    const auto range = [](const json& pairs) { return json{{"response_range", {{"kvs", pairs}}}}; };
    return json{{"header", {{"revision", "90"}}}, {"responses", {range(groups), range(beats), range(fence)}}}.dump();
}

}  // namespace

TEST_CASE("base64 of RFC 4648 §10, there and back") {
    const std::pair<const char*, const char*> kVectors[] = {{"", ""},
                                                            {"f", "Zg=="},
                                                            {"fo", "Zm8="},
                                                            {"foo", "Zm9v"},
                                                            {"foob", "Zm9vYg=="},
                                                            {"fooba", "Zm9vYmE="},
                                                            {"foobar", "Zm9vYmFy"}};
    for (const auto& [bytes, text] : kVectors) {
        CHECK(to_base64(bytes) == text);
        CHECK(from_base64(text) == bytes);
    }
    for (const char* bad : {"A", "AB=C", "====", "Zm9v!", "Zm 9"}) CHECK_FALSE(from_base64(bad));
}

TEST_CASE("a beat is put where the fence has not changed") {
    const json request = json::parse(beat_request("vie-1", 7, {3, 1'000, true}));
    CHECK(request["compare"].size() == 1);
    CHECK(decoded(request["compare"][0]["key"]) == "/warren/fence/vie-1");
    CHECK(request["compare"][0]["mod_revision"] == "7");
    CHECK(request["compare"][0]["target"] == "MOD");
    CHECK(decoded(request["success"][0]["request_put"]["key"]) == "/warren/beat/vie-1");
}

TEST_CASE("a beat tells of the groups that are served, and what is no group there is left out") {
    const json request = json::parse(beat_request("vie-1", 7, {3, 1'000, false, true, "", {{7, {12, 345}}}}));
    const std::string value = decoded(request["success"][0]["request_put"]["value"]);
    const auto answer = parse_read(read_answer({}, {pair("/warren/beat/vie-1", value, 80)}, {}));
    REQUIRE(answer);
    CHECK(answer->beats.at("vie-1").served == std::map<GroupNumber, Held>{{7, {12, 345}}});
    const auto hostile = parse_read(
        read_answer({},
                    {pair("/warren/beat/vie-1",
                          R"({"groups":{"x":[1,2],"1":[1],"2":7,"70000":[1,2],"3":["a",-1],"4":[5,6,7]}})", 80),
                     pair("/warren/beat/vie-2", R"({"groups":[1]})", 81)},
                    {}));
    REQUIRE(hostile);
    CHECK(hostile->beats.at("vie-1").served == std::map<GroupNumber, Held>{{3, {0, 0}}});
    CHECK(hostile->beats.at("vie-2").served.empty());
}

TEST_CASE("a beat tells the node's weight and zone, where they are said, and what is none counts as not said") {
    Beat beat{3, 1'000};
    const auto value_of = [](const Beat& of) {
        return decoded(json::parse(beat_request("vie-1", 7, of))["success"][0]["request_put"]["value"]);
    };
    CHECK(value_of(beat).find("weight") == std::string::npos);
    CHECK(value_of(beat).find("zone") == std::string::npos);
    beat.weight = 100;
    beat.zone = "hall-2";
    const auto heard = [](const std::string& value) {
        return parse_read(read_answer({}, {pair("/warren/beat/vie-1", value, 80)}, {}))->beats.at("vie-1");
    };
    CHECK(heard(value_of(beat)).weight == 100);
    CHECK(heard(value_of(beat)).zone == "hall-2");
    for (const char* old :
         {"{}", "7", R"({"weight":0,"zone":""})", R"({"weight":101,"zone":"A b"})", R"({"weight":-1,"zone":7})",
          R"({"weight":"x","zone":["a"]})", R"({"weight":4294967297,"zone":"-"})"}) {
        CHECK(heard(old).weight == 1);
        CHECK(heard(old).zone.empty());
    }
    CHECK(heard(R"({"zone":")" + std::string(64, 'a') + "\"}").zone.empty());
}

TEST_CASE("a wish is put where the group has not changed, and is heard by those who watch") {
    const json request = json::parse(wish_request(7, {"vie-2", 12}, 50));
    CHECK(decoded(request["compare"][0]["key"]) == "/warren/groups/7");
    CHECK(request["compare"][0]["mod_revision"] == "50");
    CHECK(decoded(request["success"][0]["request_put"]["key"]) == "/warren/wanted/7");
    const auto heard = [](const std::string& key, const std::string& value) {
        const json line{{"result", {{"header", {{"revision", "90"}}}, {"events", {{{"kv", pair(key, value, 60)}}}}}}};
        return parse_watched(line.dump())->changes;
    };
    const auto changes = heard("/warren/wanted/7", decoded(request["success"][0]["request_put"]["value"]));
    REQUIRE(changes.size() == 1);
    const auto& wish = std::get<WishChanged>(changes[0]);
    CHECK(wish.group == 7);
    CHECK(wish.wish.to == "vie-2");
    CHECK(wish.wish.epoch == 12);
    CHECK_FALSE(wish.wish.is_undo);
    const json undo = json::parse(wish_request(7, {"vie-2", 12, true}, 50));
    const auto undone = heard("/warren/wanted/7", decoded(undo["success"][0]["request_put"]["value"]));
    REQUIRE(undone.size() == 1);
    CHECK(std::get<WishChanged>(undone[0]).wish.is_undo);
    CHECK(heard("/warren/wanted/7", R"({"to":"vie-2"})").empty());
    CHECK(heard("/warren/wanted/7", R"({"to":"../x","epoch":1})").empty());
    CHECK(heard("/warren/wanted/x", R"({"to":"vie-2","epoch":1})").empty());
}

TEST_CASE("a take compares the group and the beat, and raises the fence; a gift compares the group alone") {
    Change change{1, 7, 30, "vie-2", 5, "vie-1", 28};
    json request = json::parse(change_request(change));
    REQUIRE(request["compare"].size() == 2);
    CHECK(decoded(request["compare"][0]["key"]) == "/warren/groups/7");
    CHECK(request["compare"][0]["mod_revision"] == "30");
    CHECK(decoded(request["compare"][1]["key"]) == "/warren/beat/vie-1");
    CHECK(request["compare"][1]["mod_revision"] == "28");
    REQUIRE(request["success"].size() == 2);
    CHECK(decoded(request["success"][1]["request_put"]["key"]) == "/warren/fence/vie-1");
    change.victim.clear();
    request = json::parse(change_request(change));
    CHECK(request["compare"].size() == 1);
    CHECK(request["success"].size() == 1);
}

TEST_CASE("a read tells groups, beats and our fence, leaves out what is none, and says what is broken") {
    const auto answer = parse_read(read_answer(
        {pair("/warren/groups/7", R"({"owner":"vie-1","epoch":4,"more":1})", 30),
         pair("/warren/groups/8", R"({"owner":"../etc"})", 31), pair("/warren/groups/+9", R"({"owner":"vie-1"})", 32),
         pair("/warren/groups/99999", R"({"owner":"vie-1"})", 33), pair("/other/groups/1", R"({"owner":"vie-1"})", 34),
         pair("/warren/groups/10", "no json", 35), pair("/warren/groups/11", R"({"owner":"vie-1"})", 36),
         pair("/warren/groups/12", R"({"owner":"vie-1","epoch":18446744073709551615})", 37)},
        {pair("/warren/beat/vie-1", R"({"drain":true})", 80), pair("/warren/beat/vie-2", "", 81)},
        {pair("/warren/fence/vie-1", "4", 30)}));
    REQUIRE(answer);
    CHECK(answer->revision == 90);
    CHECK(answer->fence == 30);
    REQUIRE(answer->groups.size() == 5);
    CHECK(answer->groups.at(7) == GroupRecord{"vie-1", 4, 30});
    CHECK(answer->groups.at(8) == GroupRecord{"", 0, 31, true});
    CHECK(answer->groups.at(10).is_broken);
    CHECK(answer->groups.at(11).is_broken);
    CHECK(answer->groups.at(12).is_broken);
    REQUIRE(answer->beats.size() == 2);
    CHECK(answer->beats.at("vie-1").is_draining);
    CHECK(answer->beats.at("vie-2").changed == 81);
    for (const char* bad : {"", "null", "[]", "{}", R"({"header":{"revision":"5"}})"}) CHECK_FALSE(parse_read(bad));
}

TEST_CASE("a watch tells what has changed, as of its own revision, or that it is over") {
    json line{
        {"result",
         {{"header", {{"revision", "95"}}},
          {"events",
           {{{"kv", pair("/warren/groups/7", R"({"owner":"vie-2","epoch":5})", 91)}},
            {{"type", "DELETE"}, {"kv", pair("/warren/groups/8", R"({"owner":"vie-2","epoch":5})", 92)}},
            {{"kv", pair("/warren/state/7/acme", R"({"KEY=":"198.51.100.7:4500","bad key":"x","k":5})", 93)}}}}}}};
    const auto watched = parse_watched(line.dump());
    REQUIRE(watched);
    REQUIRE(watched->changes.size() == 2);
    CHECK(std::get<GroupChanged>(watched->changes[0]).record.changed == 91);
    const auto& state = std::get<StateChanged>(watched->changes[1]);
    CHECK(state.customer == "acme");
    CHECK(state.places == PeerPlaces{{"KEY=", "198.51.100.7:4500"}});
    CHECK_FALSE(parse_watched(R"({"result":{"header":{"revision":"5"},"canceled":true,"cancel_reason":"compacted"}})"));
    CHECK_FALSE(parse_watched(R"({"error":{"message":"gone"}})"));
}

TEST_CASE("the answer to a transaction without a revision is none") {
    const auto accepted = parse_answer(R"({"header":{"revision":"12"},"succeeded":true})");
    REQUIRE(accepted);
    CHECK(accepted->accepted);
    CHECK(accepted->revision == 12);
    CHECK_FALSE(parse_answer(R"({"header":{"revision":"12"}})")->accepted);
    CHECK_FALSE(parse_answer("{}"));
}

}  // namespace warren::fleet
