// Peers and customers that are renamed: what goes along, and what nobody else reads.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/unit/web/vpnd_rounds.h"
#include "web/model/census.h"
#include "web/model/sentences.h"

using namespace warren;
using namespace warren::web;
using namespace warren::test;

TEST_CASE("a renamed peer keeps its state and its series, and is one event") {
    Census census;
    Vpnd vpnd;
    key_of(vpnd.peer()) = "key 1";
    vpnd.round.customers[0].peers.push_back({});
    vpnd.round.customers[0].peers[1].settings.name = "linz";
    key_of(vpnd.round.customers[0].peers[1]) = "key 2";
    vpnd.handshake(0);
    census.apply_snapshot(at(0), vpnd.round);
    vpnd.peer().activity.rx_bytes = 1000;
    census.apply_snapshot(at(2), vpnd.round);
    const Series* const series = census.find("acme")->peers.at("graz").series.get();
    REQUIRE(series != nullptr);
    vpnd.peer().settings.name = "vienna";
    census.apply_snapshot(at(4), vpnd.round);
    CHECK(kinds(census) == std::vector<std::string>{"renamed"});
    const auto& peers = census.find("acme")->peers;
    CHECK(peers.size() == 2);
    CHECK(peers.at("vienna").series.get() == series);
    CHECK(peers.at("vienna").state == ipc::PeerState::kOnline);
    const auto any = [](const Event&) { return true; };
    const Event& event = *census.events().find("acme", 0, UINT64_MAX, 1, any)[0];
    CHECK(event.peer == "vienna");
    CHECK(event.from == "graz");
    CHECK(sentence_of(event) == "The peer was renamed; its name was graz.");
    // Names that change places are not a rename: each name has another key.
    std::swap(vpnd.round.customers[0].peers[0].settings.name, vpnd.round.customers[0].peers[1].settings.name);
    census.apply_snapshot(at(6), vpnd.round);
    const auto all = kinds(census);
    CHECK(std::count(all.begin(), all.end(), "renamed") == 1);
    CHECK(std::count(all.begin(), all.end(), "changed") == 2);
}

TEST_CASE("a renamed customer keeps its state and its charts, and is one event under its new id") {
    Census census;
    Vpnd vpnd;
    key_of(vpnd.peer()) = "key 1";
    vpnd.customer().listeners[0].id.owner = vpnd.peer().settings.listener.owner = "acme";
    vpnd.handshake(0);
    census.apply_snapshot(at(0), vpnd.round);
    vpnd.peer().activity.rx_bytes = 1000;
    census.apply_snapshot(at(2), vpnd.round);
    const Series* const series = census.find("acme")->peers.at("graz").series.get();
    REQUIRE(series != nullptr);
    vpnd.customer().settings.id = "initech";
    vpnd.customer().listeners[0].id.owner = vpnd.peer().settings.listener.owner = "initech";
    census.apply_snapshot(at(4), vpnd.round);
    CHECK(census.find("acme") == nullptr);
    const CustomerEntry* const customer = census.find("initech");
    REQUIRE(customer != nullptr);
    CHECK(census.customers().size() == 1);
    CHECK(customer->peers.at("graz").series.get() == series);
    CHECK(customer->state == CustomerState::kUp);
    CHECK(census.list_tick() == census.tick());
    CHECK(customer->config_tick == census.tick());
    CHECK(kinds(census, "initech") == std::vector<std::string>{"renamed"});
    CHECK(kinds(census, "acme").empty());  // who may see that id only learns nothing
    const auto any = [](const Event&) { return true; };
    CHECK(sentence_of(*census.events().find("initech", 0, UINT64_MAX, 1, any)[0]) ==
          "The customer was renamed; its id was acme.");
}

TEST_CASE("a customer with other peers, another listener or no key is not the one that went") {
    for (int what = 0; what < 3; ++what) {
        CAPTURE(what);
        Census census;
        Vpnd vpnd;
        if (what < 2) key_of(vpnd.peer()) = "key 1";
        census.apply_snapshot(at(0), vpnd.round);
        vpnd.customer().settings.id = "initech";
        if (what == 0) key_of(vpnd.peer()) = "key 2";
        if (what == 1) vpnd.customer().listeners[0].port = 5000;
        census.apply_snapshot(at(2), vpnd.round);
        CHECK(kinds(census, "initech") == std::vector<std::string>{"added"});
        CHECK(kinds(census, "acme") == std::vector<std::string>{"removed"});
    }
}

TEST_CASE("customers that change ids are both renamed, and neither learns the other's id") {
    Census census;
    Vpnd vpnd;
    vpnd.round.customers.push_back(vpnd.round.customers[0]);
    vpnd.round.customers[1].customer.settings.id = "globex";
    key_of(vpnd.round.customers[0].peers[0]) = "key 1";
    key_of(vpnd.round.customers[1].peers[0]) = "key 2";
    vpnd.handshake(0);
    census.apply_snapshot(at(0), vpnd.round);
    std::swap(vpnd.round.customers[0].customer.settings.id, vpnd.round.customers[1].customer.settings.id);
    vpnd.round.header.full = false;  // nobody is gone
    census.apply_snapshot(at(2), vpnd.round);
    CHECK(census.find("globex")->state == CustomerState::kUp);
    CHECK(census.find("acme")->state == CustomerState::kNever);
    for (const char* id : {"acme", "globex"}) {
        CHECK(kinds(census, id) == std::vector<std::string>{"renamed"});
        const auto any = [](const Event&) { return true; };
        const Event& event = *census.events().find(id, 0, UINT64_MAX, 1, any)[0];
        CHECK(event.from.empty());
        CHECK(sentence_of(event) == "The customer was renamed.");
    }
}

TEST_CASE("the events of customers that change ids go along, so that nobody reads another one's") {
    Census census;
    Vpnd vpnd;
    const std::vector<std::string> before{"acme", "globex", "hooli"};
    vpnd.round.customers.resize(3, vpnd.round.customers[0]);
    for (std::size_t i = 0; i < 3; ++i) {
        vpnd.round.customers[i].customer.settings.id = before[i];
        vpnd.round.customers[i].peers[0].settings.name = "peer of " + before[i];
        key_of(vpnd.round.customers[i].peers[0]) = "key of " + before[i];
    }
    census.apply_snapshot(at(0), vpnd.round);
    for (SnapshotRound::Customer& customer : vpnd.round.customers) customer.peers[0].latest_handshake_seconds = 0;
    for (SnapshotRound::Customer& customer : vpnd.round.customers) customer.peers[0].state = ipc::PeerState::kOnline;
    census.apply_snapshot(at(2), vpnd.round);

    std::vector<std::string> after;
    SUBCASE("two swap") {
        after = {"globex", "acme", "hooli"};
    }
    SUBCASE("in a circle") {
        after = {"globex", "hooli", "acme"};
    }
    SUBCASE("in a row") {
        after = {"globex", "hooli", "initech"};
    }
    for (std::size_t i = 0; i < 3; ++i) vpnd.round.customers[i].customer.settings.id = after[i];
    census.apply_snapshot(at(4), vpnd.round);

    for (std::size_t i = 0; i < 3; ++i) {
        CAPTURE(after[i]);
        std::vector<std::string> wanted{"online"};
        if (after[i] != before[i]) wanted.emplace_back("renamed");
        CHECK(kinds(census, after[i]) == wanted);
        // The same in the list of one customer and in the list of all.
        for (const std::string& list : {after[i], std::string()}) {
            const auto is_of_it = [&](const Event& event) {
                return event.customer == after[i] && event.kind == EventKind::kOnline;
            };
            const auto events = census.events().find(list, 0, UINT64_MAX, 100, is_of_it);
            REQUIRE(events.size() == 1);
            CHECK(events[0]->peer == "peer of " + before[i]);
        }
    }
    if (after[2] == "initech") CHECK(kinds(census, "acme").empty());
}

TEST_CASE("a customer that takes the id of one that was removed does not take its events") {
    Census census;
    Vpnd vpnd;
    vpnd.round.customers.resize(2, vpnd.round.customers[0]);
    vpnd.round.customers[1].customer.settings.id = "globex";
    key_of(vpnd.round.customers[0].peers[0]) = "key 1";
    key_of(vpnd.round.customers[1].peers[0]) = "key 2";
    census.apply_snapshot(at(0), vpnd.round);
    vpnd.round.customers.pop_back();
    census.apply_snapshot(at(2), vpnd.round);
    REQUIRE(kinds(census, "globex") == std::vector<std::string>{"removed"});
    vpnd.customer().settings.id = "globex";
    census.apply_snapshot(at(4), vpnd.round);
    CHECK(kinds(census, "globex") == std::vector<std::string>{"renamed"});
    const auto is_removal = [](const Event& event) { return event.kind == EventKind::kRemoved; };
    CHECK(census.events().find("", 0, UINT64_MAX, 100, is_removal).empty());
}
