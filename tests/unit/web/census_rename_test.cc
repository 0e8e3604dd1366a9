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

namespace {

// The next snapshots have the new ids, and stackd said so before.
void rename_told(Census& census, Vpnd& vpnd, const std::vector<Rename>& renames) {
    census.tell_renames(++vpnd.round.header.generation, renames);
    ++vpnd.round.header.generation;  // a rename has a number of its own
    for (SnapshotRound::Customer& customer : vpnd.round.customers) {
        std::string& id = customer.customer.settings.id;
        const auto found =
            std::find_if(renames.begin(), renames.end(), [&](const Rename& rename) { return rename.from == id; });
        if (found != renames.end()) id = found->to;
    }
}

// Each has a peer "peer of ID" with a key of its own, which goes online.
void serve(Census& census, Vpnd& vpnd, const std::vector<std::string>& ids) {
    vpnd.round.customers.resize(ids.size(), vpnd.round.customers[0]);
    for (std::size_t i = 0; i < ids.size(); ++i) {
        vpnd.round.customers[i].customer.settings.id = ids[i];
        vpnd.round.customers[i].peers[0].settings.name = "peer of " + ids[i];
        key_of(vpnd.round.customers[i].peers[0]) = "key of " + ids[i];
    }
    census.apply_snapshot(at(0), vpnd.round);
    for (SnapshotRound::Customer& customer : vpnd.round.customers) customer.peers[0].latest_handshake_seconds = 0;
    for (SnapshotRound::Customer& customer : vpnd.round.customers) customer.peers[0].state = ipc::PeerState::kOnline;
    census.apply_snapshot(at(2), vpnd.round);
}

// Of which customer the peers are that a customer's own users read of; "" for none.
std::string read_of(const Census& census, const std::string& customer) {
    std::string out;
    const auto is_theirs = [](const Event& event) { return !event.peer.empty() && !event.is_disowned; };
    for (const Event* const event : census.events().find(customer, 0, UINT64_MAX, 100, is_theirs)) {
        const std::string whose = event->peer.substr(std::string("peer of ").size());
        if (out.find(whose) == std::string::npos) out += (out.empty() ? "" : ", ") + whose;
    }
    // The same in the list of all.
    const auto all = census.events().find(
        "", 0, UINT64_MAX, 100, [&](const Event& event) { return event.customer == customer && is_theirs(event); });
    CHECK(all.size() == census.events().find(customer, 0, UINT64_MAX, 100, is_theirs).size());
    return out;
}

}  // namespace

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
    rename_told(census, vpnd, {{"acme", "initech"}});
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

TEST_CASE("a customer of whose new id nobody told is another one") {
    Census census;
    Vpnd vpnd;
    key_of(vpnd.peer()) = "key 1";
    census.apply_snapshot(at(0), vpnd.round);
    vpnd.customer().settings.id = "initech";
    census.apply_snapshot(at(2), vpnd.round);
    CHECK(kinds(census, "initech") == std::vector<std::string>{"added"});
    CHECK(kinds(census, "acme") == std::vector<std::string>{"removed"});
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
    rename_told(census, vpnd, {{"acme", "globex"}, {"globex", "acme"}});
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
    const std::vector<std::string> before{"acme", "globex", "hooli"};
    const std::vector<std::vector<std::string>> changes{{"globex", "acme", "hooli"},      // two swap
                                                        {"globex", "hooli", "acme"},      // in a circle
                                                        {"globex", "hooli", "initech"}};  // in a row
    for (const std::vector<std::string>& after : changes) {
        // Whatever vpnd serves of them: stackd knows.
        for (const bool have_peers : {true, false}) {
            CAPTURE(after[2]);
            CAPTURE(have_peers);
            Census census;
            Vpnd vpnd;
            serve(census, vpnd, before);
            std::vector<Rename> renames;
            for (std::size_t i = 0; i < 3; ++i) {
                if (after[i] != before[i]) renames.push_back({before[i], after[i]});
            }
            rename_told(census, vpnd, renames);
            for (SnapshotRound::Customer& customer : vpnd.round.customers) {
                if (!have_peers) customer.peers.clear();
            }
            census.apply_snapshot(at(4), vpnd.round);
            for (std::size_t i = 0; i < 3; ++i) {
                CAPTURE(after[i]);
                const bool is_renamed = after[i] != before[i];
                std::vector<std::string> wanted{"online"};
                if (is_renamed) wanted.emplace_back("renamed");
                if (!have_peers) wanted.emplace_back("removed");
                CHECK(kinds(census, after[i]) == wanted);
                // Without any of its peers, and not renamed, it might be somebody else.
                CHECK(read_of(census, after[i]) == (have_peers || is_renamed ? before[i] : ""));
            }
            if (after[2] == "initech") CHECK(kinds(census, "acme").empty());
        }
    }
}

TEST_CASE("customers are renamed in the first snapshot of the generation that stackd named") {
    Census census;
    Vpnd vpnd;
    vpnd.round.header.generation = 4;
    serve(census, vpnd, {"acme", "globex"});
    census.tell_renames(5, {{"acme", "globex"}, {"globex", "acme"}});
    census.apply_snapshot(at(4), vpnd.round);
    CHECK(kinds(census) == std::vector<std::string>{"online"});
    std::swap(vpnd.round.customers[0].customer.settings.id, vpnd.round.customers[1].customer.settings.id);
    vpnd.round.header.generation = 6;
    census.apply_snapshot(at(6), vpnd.round);
    for (const char* id : {"acme", "globex"}) CHECK(kinds(census, id) == std::vector<std::string>{"online", "renamed"});
    CHECK(read_of(census, "acme") == "globex");
    CHECK(read_of(census, "globex") == "acme");
}

TEST_CASE("steps between two snapshots are done one after the other, and what vpnd refused is not done") {
    Census census;
    Vpnd vpnd;
    vpnd.round.header.generation = 4;
    serve(census, vpnd, {"acme", "globex"});
    census.tell_renames(5, {{"acme", "hooli"}});
    census.tell_renames(5, {{"hooli", "acme"}});  // refused
    census.tell_renames(6, {{"acme", "initech"}, {"globex", "acme"}});
    census.tell_renames(7, {{"initech", "globex"}});
    vpnd.round.customers[0].customer.settings.id = "globex";
    vpnd.round.customers[1].customer.settings.id = "acme";
    vpnd.round.header.generation = 7;
    census.apply_snapshot(at(4), vpnd.round);
    CHECK(read_of(census, "acme") == "globex");
    CHECK(read_of(census, "globex") == "acme");
    CHECK(kinds(census, "hooli").empty());
    CHECK(kinds(census, "initech").empty());
    census.tell_renames(8, {{"acme", "hooli"}});
    census.tell_renames(8, {{"hooli", "acme"}});
    vpnd.round.header.generation = 9;
    census.apply_snapshot(at(6), vpnd.round);
    for (const char* id : {"acme", "globex"}) CHECK(kinds(census, id) == std::vector<std::string>{"online", "renamed"});
}

TEST_CASE("until vpnd shows a rename, what stackd says of the new id is of the customer with the old one") {
    Census census;
    Vpnd vpnd;
    serve(census, vpnd, {"acme", "globex", "hooli"});
    const auto ids = [&census] {
        return census.id_at_stackd("acme") + ", " + census.id_at_stackd("globex") + ", " + census.id_at_stackd("hooli");
    };
    CHECK(ids() == "acme, globex, hooli");
    census.tell_renames(1, {{"acme", "globex"}, {"globex", "acme"}});
    CHECK(ids() == "globex, acme, hooli");
    census.mark_changed({"acme"});
    CHECK(census.find("globex")->config_tick == census.tick());
    CHECK(census.find("acme")->config_tick < census.tick());
    census.tell_renames(2, {{"acme", "initech"}});
    census.tell_renames(2, {{"initech", "acme"}});  // refused
    CHECK(ids() == "globex, acme, hooli");
    census.tell_renames(3, {{"globex", "initech"}, {"acme", "hooli"}});  // hooli has left
    CHECK(ids() == "initech, hooli, ");
    vpnd.round.customers.pop_back();
    vpnd.round.customers[0].customer.settings.id = "initech";
    vpnd.round.customers[1].customer.settings.id = "hooli";
    vpnd.round.header.generation = 3;
    census.apply_snapshot(at(4), vpnd.round);
    CHECK(census.id_at_stackd("initech") == "initech");
    CHECK(ids() == "acme, globex, hooli");
}

TEST_CASE(
    "a rename that is told after the snapshot that shows it moves nothing, and nobody reads another one's events") {
    Census census;
    Vpnd vpnd;
    vpnd.round.header.generation = 4;
    serve(census, vpnd, {"acme", "globex"});
    std::swap(vpnd.round.customers[0].customer.settings.id, vpnd.round.customers[1].customer.settings.id);
    vpnd.round.header.generation = 5;
    census.apply_snapshot(at(4), vpnd.round);
    census.tell_renames(5, {{"acme", "globex"}, {"globex", "acme"}});
    census.apply_snapshot(at(6), vpnd.round);
    for (const char* id : {"acme", "globex"}) {
        CHECK(read_of(census, id).empty());
        const auto all = kinds(census, id);
        CHECK(std::count(all.begin(), all.end(), "renamed") == 0);
        CHECK(std::count(all.begin(), all.end(), "online") == 1);  // who sees all customers still does
    }
}

TEST_CASE("after a rename that vpnd refused, another one with the id does not read the events of before") {
    for (const std::uint64_t generation : {8U, 9U}) {
        CAPTURE(generation);
        Census census;
        Vpnd vpnd;
        vpnd.round.header.generation = 4;
        serve(census, vpnd, {"acme"});
        census.tell_renames(5, {{"acme", "hooli"}});
        census.tell_renames(7, {{"hooli", "acme"}});  // vpnd refused generation 6
        key_of(vpnd.peer()) = "key of initech";
        vpnd.round.header.generation = generation;
        census.apply_snapshot(at(4), vpnd.round);
        CHECK(read_of(census, "acme").empty());
    }
}

TEST_CASE("who gets the id of a renamed customer before the next snapshot does not read its events") {
    for (const bool again : {false, true}) {
        CAPTURE(again);
        Census census;
        Vpnd vpnd;
        vpnd.round.header.generation = 4;
        serve(census, vpnd, {"acme"});
        census.tell_renames(5, {{"acme", "hooli"}});
        // After generation 6, with the rename, another one gets the id; in the next it may be renamed itself.
        if (again) census.tell_renames(8, {{"hooli", "globex"}});
        const std::string id = again ? "globex" : "hooli";
        vpnd.customer().settings.id = id;
        key_of(vpnd.peer()) = "key of initech";
        vpnd.round.header.generation = again ? 9 : 7;
        census.apply_snapshot(at(4), vpnd.round);
        CHECK(read_of(census, id).empty());
        CHECK(kinds(census, id).front() == "online");  // who sees all customers still does
    }
}

TEST_CASE("who gets the id of a customer whose peers are all disabled does not read its events") {
    for (const bool has_left : {false, true}) {
        for (const bool is_another : {false, true}) {
            CAPTURE(has_left);
            CAPTURE(is_another);
            Census census;
            Vpnd vpnd;
            serve(census, vpnd, {"acme", "globex"});
            rename_told(census, vpnd, {{"acme", "hooli"}});
            SnapshotRound::Customer customer = vpnd.round.customers[0];
            vpnd.round.customers[0].peers.clear();
            census.apply_snapshot(at(4), vpnd.round);
            CHECK(read_of(census, "hooli") == "acme");
            if (has_left) {
                vpnd.round.customers.erase(vpnd.round.customers.begin());
                census.apply_snapshot(at(6), vpnd.round);
                vpnd.round.customers.insert(vpnd.round.customers.begin(), customer);
            }
            if (is_another) key_of(customer.peers[0]) = "key of initech";
            vpnd.round.customers[0] = customer;
            census.apply_snapshot(at(8), vpnd.round);
            CHECK(read_of(census, "hooli") == (is_another ? "" : "acme"));
        }
    }
}

TEST_CASE(
    "a customer whose peers are all disabled reads its events until it has other settings: it might be another one") {
    Census census;
    Vpnd vpnd;
    serve(census, vpnd, {"acme"});
    rename_told(census, vpnd, {{"acme", "hooli"}});
    vpnd.round.customers[0].peers.clear();
    census.apply_snapshot(at(4), vpnd.round);
    ++vpnd.round.header.epoch;  // another vpnd tells everything again
    census.apply_snapshot(at(6), vpnd.round);
    CHECK(read_of(census, "hooli") == "acme");
    vpnd.customer().settings.name = "Initech";
    census.apply_snapshot(at(8), vpnd.round);
    CHECK(read_of(census, "hooli").empty());
}

TEST_CASE("who has the id of a customer of the past reads its events only when it has one of its peers") {
    for (const bool has_left : {true, false}) {
        for (const bool has_peer : {true, false}) {
            CAPTURE(has_left);
            CAPTURE(has_peer);
            Census census;
            Vpnd vpnd;
            serve(census, vpnd, {"acme", "globex"});
            SnapshotRound::Customer customer = vpnd.round.customers[0];
            if (has_left) {
                vpnd.round.customers.erase(vpnd.round.customers.begin());
                census.apply_snapshot(at(4), vpnd.round);
                CHECK(read_of(census, "acme") == "acme");
                vpnd.round.customers.push_back(customer);
            }
            customer.peers.push_back(customer.peers[0]);
            customer.peers[1].settings.name = "peer of initech";
            key_of(customer.peers[1]) = "key of initech";
            if (!has_peer) customer.peers.erase(customer.peers.begin());
            (has_left ? vpnd.round.customers.back() : vpnd.round.customers.front()) = customer;
            census.apply_snapshot(at(6), vpnd.round);
            CHECK((read_of(census, "acme").find("acme") != std::string::npos) == has_peer);
            CHECK(read_of(census, "globex") == "globex");
            // From now on it is its own.
            auto& peer =
                has_left ? vpnd.round.customers.back().peers.back() : vpnd.round.customers.front().peers.back();
            peer.state = ipc::PeerState::kIdle;
            peer.latest_handshake_seconds = 1'000;
            census.apply_snapshot(at(8), vpnd.round);
            CHECK(read_of(census, "acme").find("initech") == 0);
        }
    }
}

TEST_CASE("who gets the id of another one has nothing of it: no chart, no time, and no event of its peers") {
    Census census;
    Vpnd vpnd;
    serve(census, vpnd, {"acme", "globex"});
    for (SnapshotRound::Customer& customer : vpnd.round.customers) {
        customer.customer.activity.rx_bytes = customer.peers[0].activity.rx_bytes = 1'000;
        customer.customer.activity.drops = {{"replay", 1}};
    }
    census.apply_snapshot(at(4), vpnd.round);
    const CustomerEntry& entry = *census.find("acme");
    const PeerEntry& peer = entry.peers.at("peer of acme");
    REQUIRE(entry.series.memory() > 0);
    REQUIRE(entry.has_state_since);
    REQUIRE(entry.last_drops.size() == 1);
    REQUIRE(peer.series != nullptr);
    REQUIRE(peer.has_state_since);
    // Its peer has the same name, carries something too, and had no handshake yet.
    key_of(vpnd.peer()) = "key of initech";
    vpnd.peer().latest_handshake_seconds.reset();
    vpnd.customer().activity.rx_bytes = vpnd.peer().activity.rx_bytes = 2'000;
    census.apply_snapshot(at(6), vpnd.round);
    CHECK(entry.series.memory() == 0);
    CHECK(entry.rates == Rates{});
    CHECK_FALSE(entry.has_state_since);
    CHECK(entry.last_drops.empty());
    CHECK(peer.series == nullptr);
    CHECK(peer.rates == Rates{});
    CHECK_FALSE(peer.has_state_since);
    CHECK(peer.state == ipc::PeerState::kNever);
    CHECK(read_of(census, "acme").empty());
    CHECK(kinds(census, "acme").back() == "idle");  // who sees all customers still does
    // Open pages show it.
    for (const std::uint64_t tick : {entry.tick, entry.state_tick, entry.config_tick, peer.tick})
        CHECK(tick == census.tick());
    const CustomerEntry& other = *census.find("globex");
    CHECK(other.series.memory() > 0);
    CHECK(other.has_state_since);
    CHECK(other.last_drops.size() == 1);
    CHECK(other.peers.at("peer of globex").series != nullptr);
    CHECK(read_of(census, "globex") == "globex");
}

TEST_CASE("who gets the id of another one has as many charts of peers") {
    Census census;
    Vpnd vpnd;
    vpnd.round.customers[0].peers.resize(Census::kMaxPeerSeries, vpnd.round.customers[0].peers[0]);
    const auto carry = [&](int second, const std::string& whose) {
        int number = 0;
        for (ipc::PeerSnapshot& peer : vpnd.round.customers[0].peers) {
            peer.settings.name = std::to_string(++number);
            key_of(peer) = whose + peer.settings.name;
            peer.activity.rx_bytes += 1'000;
        }
        census.apply_snapshot(at(second), vpnd.round);
    };
    const auto charts = [&] {
        const auto& peers = census.find("acme")->peers;
        return static_cast<std::size_t>(
            std::count_if(peers.begin(), peers.end(), [](const auto& one) { return one.second.series != nullptr; }));
    };
    carry(0, "acme");
    carry(2, "acme");
    CHECK(charts() == Census::kMaxPeerSeries);
    carry(4, "initech");
    CHECK(charts() == 0);
    CHECK(read_of(census, "acme").empty());             // nor what happened just now to the peers of before
    CHECK(census.find("acme")->tick == census.tick());  // the lists show it, although it is as idle as before
    CHECK(census.find("acme")->state_tick == census.tick());
    carry(6, "initech");
    CHECK(charts() == Census::kMaxPeerSeries);
}

TEST_CASE("a customer that left is known by a few of its peers") {
    for (const bool is_first : {true, false}) {
        CAPTURE(is_first);
        Census census;
        Vpnd vpnd;
        serve(census, vpnd, {"acme"});
        SnapshotRound::Customer& customer = vpnd.round.customers[0];
        customer.peers.resize(Census::kMostKeys + 1, customer.peers[0]);
        for (std::size_t i = 0; i < customer.peers.size(); ++i) {
            customer.peers[i].settings.name = "peer of acme " + std::to_string(i);
            key_of(customer.peers[i]) = "key of acme" + std::string(i, '!');
        }
        census.apply_snapshot(at(4), vpnd.round);
        const SnapshotRound with_all = vpnd.round;
        vpnd.round.customers.clear();
        census.apply_snapshot(at(6), vpnd.round);
        vpnd.round = with_all;
        std::vector<ipc::PeerSnapshot>& peers = vpnd.round.customers[0].peers;
        peers = {is_first ? peers.front() : peers.back()};
        census.apply_snapshot(at(8), vpnd.round);
        CHECK(read_of(census, "acme").empty() != is_first);
    }
}

TEST_CASE("a customer whose id was never another's reads all of its events") {
    Census census;
    Vpnd vpnd;
    serve(census, vpnd, {"acme"});
    vpnd.round.customers.push_back(vpnd.round.customers[0]);
    vpnd.round.customers[1].customer.settings.id = "globex";
    vpnd.round.customers[1].peers.clear();
    census.apply_snapshot(at(4), vpnd.round);
    vpnd.round.customers[1].peers = vpnd.round.customers[0].peers;
    vpnd.round.customers[1].peers[0].settings.name = "peer of globex";
    key_of(vpnd.round.customers[1].peers[0]) = "key of globex";
    census.apply_snapshot(at(6), vpnd.round);
    const auto is_own = [](const Event& event) { return !event.is_disowned; };
    CHECK(census.events().find("globex", 0, UINT64_MAX, 100, is_own).size() == 2);
    CHECK(kinds(census, "globex") == std::vector<std::string>{"added", "added"});
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
    rename_told(census, vpnd, {{"acme", "globex"}});
    census.apply_snapshot(at(4), vpnd.round);
    CHECK(kinds(census, "globex") == std::vector<std::string>{"renamed"});
    const auto is_removal = [](const Event& event) { return event.kind == EventKind::kRemoved; };
    CHECK(census.events().find("", 0, UINT64_MAX, 100, is_removal).empty());
}

TEST_CASE("who comes to another reseller leaves its past and its former id behind; a renamed reseller's do not") {
    Census census;
    Vpnd vpnd;
    vpnd.round.header.full = true;
    serve(census, vpnd, {"acme", "acme.north", "globex"});
    const auto shown = [&census](const std::string& id) {
        std::string out;
        for (const Event* const event :
             census.events().find(id, 0, UINT64_MAX, 100, [](const Event& one) { return !one.is_disowned; }))
            out += std::string(name_of(event->kind)) + " " + event->from + ";";
        return out;
    };
    REQUIRE_FALSE(shown("acme.north").empty());
    rename_told(census, vpnd, {{"acme", "apex"}, {"acme.north", "apex.north"}});
    census.apply_snapshot(at(4), vpnd.round);
    CHECK(shown("apex.north").find("renamed acme.north;") == 0);
    CHECK(read_of(census, "apex.north") == "acme.north");
    CHECK(census.find("apex.north")->state == CustomerState::kUp);
    rename_told(census, vpnd, {{"apex.north", "globex.north"}});
    census.apply_snapshot(at(6), vpnd.round);
    CHECK(shown("globex.north") == "renamed ;");
    CHECK(read_of(census, "globex.north").empty());
    CHECK(census.find("globex.north")->peers.at("peer of acme.north").series == nullptr);
    // Whose it was before, who sees all still reads.
    CHECK(kinds(census, "globex.north").size() > 1);
}

TEST_CASE("the customers of a renamed reseller without peers keep their past, unless both resellers are there") {
    Census census;
    Vpnd vpnd;
    vpnd.round.header.full = true;
    serve(census, vpnd, {"acme", "acme.north"});
    rename_told(census, vpnd, {{"acme.north", "apex.north"}});
    vpnd.round.customers[0].customer.settings.id = "apex";
    census.apply_snapshot(at(4), vpnd.round);
    CHECK(read_of(census, "apex.north") == "acme.north");
    rename_told(census, vpnd, {{"apex.north", "globex.north"}});
    vpnd.round.customers.push_back(vpnd.round.customers[0]);
    vpnd.round.customers.back().customer.settings.id = "globex";
    census.apply_snapshot(at(6), vpnd.round);
    CHECK(read_of(census, "globex.north").empty());
}

TEST_CASE("a customer without peers is not another one when its reseller's share or state changes") {
    Census census;
    Vpnd vpnd;
    serve(census, vpnd, {"acme.north"});
    vpnd.round.customers[0].peers.clear();
    census.apply_snapshot(at(4), vpnd.round);
    vpnd.round.customers[0].customer.settings.groups = {{"acme", 3}};
    vpnd.round.customers[0].customer.settings.suspended = true;
    census.apply_snapshot(at(6), vpnd.round);
    const auto is_own = [](const Event& event) { return !event.is_disowned; };
    CHECK_FALSE(census.events().find("acme.north", 0, UINT64_MAX, 100, is_own).empty());
    vpnd.round.customers[0].customer.settings.name = "Another";
    census.apply_snapshot(at(8), vpnd.round);
    CHECK(census.events().find("acme.north", 0, UINT64_MAX, 100, is_own).empty());
}
