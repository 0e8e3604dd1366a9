// IPsec connections in the census, the API and the metrics.
#include <doctest/doctest.h>
#include <sys/socket.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "access/secrets.h"
#include "tests/unit/ipc/field_changer.h"
#include "tests/unit/web/vpnd_rounds.h"
#include "web/api/metrics.h"
#include "web/api/router.h"
#include "web/model/sentences.h"
#include "web/rim/snapshot_client.h"

using namespace warren;
using namespace warren::web;
using nlohmann::json;
using test::at;
using State = ipc::ConnectionState;
using Kinds = std::vector<std::string>;

namespace {

// acme has one site and no peers.
struct Site {
    test::Vpnd vpnd;
    Census census;

    Site() {
        vpnd.round.customers[0].peers.clear();
        ipc::ConnectionSnapshot graz;
        graz.settings.name = "graz";
        graz.settings.remote_identity = {IkeIdentityType::kFqdn, false, "graz.example"};
        graz.settings.children = {
            {"lan", {*parse_prefix("10.0.0.0/24")}, {*parse_prefix("10.44.0.0/16")}, {*parse_prefix("10.44.0.0/16")}}};
        graz.state = State::kListening;
        vpnd.round.customers[0].connections = {{graz}};
    }
    SnapshotRound::Connection& round() { return vpnd.round.customers[0].connections[0]; }
    ipc::ConnectionSnapshot& graz() { return round().connection; }
    [[nodiscard]] const ConnectionEntry& entry() const { return census.find("acme")->connections.begin()->second; }
    [[nodiscard]] CustomerState state() const { return census.find("acme")->state; }
    void apply(std::int64_t second) { census.apply_snapshot(at(second), vpnd.round); }
    void up() {
        graz().state = State::kUp;
        graz().sessions = 1;
        graz().activity.lost_because.clear();
        graz().activity.last_failure.clear();
        graz().activity.endpoint = parse_endpoint("203.0.113.2:4500");
        IkeSa sa;
        sa.ike_sa.is_established = true;
        sa.ike_sa.initiator_spi = 0xabc;
        sa.ike_sa.remote_identity = "graz.example";
        sa.ike_sa.endpoint = *parse_endpoint("203.0.113.2:4500");
        sa.ike_sa.peer_is_behind_nat = true;
        sa.ike_sa.suite = "aes128gcm-prfsha256-x25519";
        sa.ike_sa.age_seconds = 100;
        sa.ike_sa.rekey_seconds = 200;
        ipc::ChildSnapshot child;
        child.name = "lan";
        child.remote = {"10.44.0.0/16"};
        child.spi_in = 0xc0ffee;
        child.rx_bytes = 7;
        sa.children = {child};
        round().ike_sas = {sa};
    }
    void lose(const char* because, State state = State::kDown) {
        graz().state = state;
        graz().sessions = 0;
        graz().activity.lost_because = because;
        round().ike_sas.clear();
    }
    [[nodiscard]] Kinds kinds() const { return test::kinds(census); }
    [[nodiscard]] const Event& last_event() const {
        const auto of_part = [](const Event& event) { return !test::is_of_whole(event); };
        return *census.events().find("acme", 0, UINT64_MAX, 1, of_part).front();
    }
};

struct Page : Site {
    Gate gate{"$argon2id$nobody"};
    SystemFacts facts;
    Router router{census, gate, facts, {}, "life"};

    Page() {
        (void)access::start_libsodium();
        access::Users users;
        users.tokens.push_back({"operator", {access::Role::kOperator, {}}, access::sha256_hex("operator")});
        users.tokens.push_back({"acme", {access::Role::kCustomer, {"acme"}}, access::sha256_hex("acme")});
        gate.set_users(users);
        vpnd.round.header.has_ike = true;
        up();
        apply(0);
    }
    Reply get(const std::string& target, const std::string& token = "operator") {
        Request request;
        request.method = "GET";
        request.target = target;
        request.host = "127.0.0.1";
        request.authorization = "Bearer " + token;
        return std::get<Reply>(router.handle(at(0), request));
    }
    json document(const std::string& target) { return json::parse(get(target).body); }
};

std::string line_of(const std::string& metrics, const std::string& begin) {
    const auto found = metrics.find("\n" + begin);
    return found == std::string::npos ? "" : metrics.substr(found + 1, metrics.find('\n', found + 1) - found - 1);
}

}  // namespace

TEST_CASE("a site that comes up and is lost is told with the reason, and its customer is as its site is") {
    Site site;
    site.apply(0);
    CHECK(site.state() == CustomerState::kNever);
    CHECK(sentence_of(*site.census.find("acme")) == "0 of 1 IPsec connection up.");
    site.up();
    site.apply(2);
    CHECK(site.state() == CustomerState::kUp);
    CHECK(site.entry().state_since == at(2).wall);
    CHECK(site.kinds() == Kinds{"up"});
    CHECK(site.last_event().connection == "graz");
    CHECK(site.last_event().peer.empty());
    const std::pair<const char*, const char*> cases[] = {
        {"silent", "peer_dead"}, {"expired", "expired"}, {"deleted", "down"}, {"stopped", "down"}};
    for (const auto& [because, kind] : cases) {
        CAPTURE(because);
        site.lose(because);
        site.apply(4);
        CHECK(site.kinds().back() == kind);
        CHECK(site.last_event().reason == because);
        CHECK(site.state() == CustomerState::kDown);
        CHECK(site.entry().lost_because == because);
        site.up();
        site.apply(6);
        CHECK(site.kinds().back() == "up");
        CHECK(site.entry().lost_because.empty());
    }
    site.lose("silent", State::kConnecting);  // we try again at once
    site.apply(8);
    CHECK(site.kinds().back() == "peer_dead");
    CHECK(site.state() == CustomerState::kDown);
}

TEST_CASE("after a restart of vpnd a site that was up is lost, though vpnd says that it listens") {
    Site site;
    site.up();
    site.apply(0);
    site.vpnd.round.header.epoch = 8;
    site.lose("", State::kListening);
    site.apply(2);
    CHECK(site.kinds() == Kinds{"down"});
    CHECK(site.last_event().reason == "vpnd_restarted");
    CHECK(site.state() == CustomerState::kDown);
    site.up();
    site.apply(4);
    CHECK(site.state() == CustomerState::kUp);
}

TEST_CASE("a connection for many clients that listens is not lost when the last one went") {
    const std::pair<std::uint16_t, bool> cases[] = {{2, false}, {1, true}, {1, false}};
    for (const auto& [sessions, has_pool] : cases) {
        CAPTURE(sessions);
        CAPTURE(has_pool);
        Site site;
        site.graz().settings.max_sessions = sessions;
        if (has_pool) site.graz().settings.pool = {*parse_prefix("10.60.0.0/24")};
        site.up();
        site.apply(0);
        site.lose("deleted", State::kListening);
        site.graz().activity.last_failure = "ike_auth_failed";
        site.apply(2);
        const bool is_site = sessions == 1 && !has_pool;
        CHECK(is_lost(site.entry()) == is_site);
        CHECK(reason_of(site.entry()) == "ike_auth_failed");
        CHECK(site.census.find("acme")->connection_counts.lost == (is_site ? 1U : 0U));
        site.graz().state = State::kDown;  // it begins itself
        site.apply(4);
        CHECK(is_lost(site.entry()));
    }
}

TEST_CASE("one of two sites that is lost makes the customer degraded; one that nobody needs does not") {
    Site site;
    site.up();
    site.vpnd.round.customers[0].connections.push_back(site.round());
    ipc::ConnectionSnapshot& linz = site.vpnd.round.customers[0].connections[1].connection;
    linz.settings.name = "linz";
    linz.state = State::kDown;  // on demand, and no packet has needed it
    site.apply(0);
    CHECK(site.state() == CustomerState::kUp);
    linz.activity.last_failure = "ike_peer_silent";
    site.apply(2);
    CHECK(site.state() == CustomerState::kDegraded);
    CHECK(sentence_of(*site.census.find("acme")) == "1 of 2 IPsec connections up, 1 lost or refused.");
    linz.state = State::kUnserved;
    site.apply(4);
    CHECK(site.state() == CustomerState::kUp);
    CHECK(sentence_of(*site.census.find("acme")) == "1 of 2 IPsec connections up, 1 not served.");
}

TEST_CASE("a failed attempt is an event when its reason is another one, and at most once a minute") {
    Site site;
    site.apply(0);
    const auto fail = [&](std::int64_t second, const char* reason) {
        ++site.graz().activity.failures;
        site.graz().activity.last_failure = reason;
        site.apply(second);
    };
    fail(2, "ike_auth_failed");
    CHECK(site.kinds() == Kinds{"auth_failed"});
    CHECK(site.last_event().reason == "ike_auth_failed");
    fail(4, "ike_no_proposal");
    fail(30, "ike_no_proposal");
    CHECK(site.kinds() == Kinds{"auth_failed"});
    fail(100, "ike_auth_failed");  // nothing new
    CHECK(site.kinds() == Kinds{"auth_failed"});
    fail(200, "ike_no_proposal");
    CHECK(site.kinds() == Kinds{"auth_failed", "connect_failed"});
    site.up();
    site.apply(300);
    site.lose("deleted");
    fail(400, "ike_no_proposal");  // it was up since
    CHECK(site.kinds() == Kinds{"auth_failed", "connect_failed", "up", "down", "connect_failed"});
    // No attempt, no event.
    site.graz().activity.last_failure = "ike_auth_failed";
    site.apply(500);
    CHECK(site.kinds().size() == 5);
}

TEST_CASE("rekeys and moves of a site are events while it is up") {
    Site site;
    site.up();
    site.apply(0);
    ++site.graz().activity.rekeys;
    site.apply(2);
    CHECK(site.kinds() == Kinds{"rekeyed"});
    site.graz().activity.endpoint = parse_endpoint("198.51.100.9:4500");
    site.apply(4);
    CHECK(site.kinds() == Kinds{"rekeyed", "roamed"});
    CHECK(site.last_event().from == "203.0.113.2:4500");
    CHECK(site.last_event().to == "198.51.100.9:4500");
    // Of many sessions it is another one each time.
    site.graz().settings.max_sessions = 5;
    site.apply(6);
    site.graz().activity.endpoint = parse_endpoint("198.51.100.10:4500");
    site.apply(8);
    CHECK(site.kinds() == Kinds{"rekeyed", "roamed", "changed"});
    site.lose("deleted");
    site.graz().activity.endpoint = parse_endpoint("198.51.100.11:4500");
    site.apply(10);
    CHECK(site.kinds().back() == "down");
}

TEST_CASE("connections are added, changed and removed; an open page of their customer loads it again") {
    Site site;
    site.apply(0);
    SnapshotRound::Connection linz = site.round();
    linz.connection.settings.name = "linz";
    site.vpnd.round.customers[0].connections.push_back(linz);
    site.apply(2);
    CHECK(site.kinds() == Kinds{"added"});
    CHECK(site.census.find("acme")->config_tick == site.census.tick());
    site.vpnd.round.customers[0].connections[1].connection.settings.dpd_seconds = 7;
    site.apply(4);
    CHECK(site.kinds() == Kinds{"added", "changed"});
    CHECK(site.census.find("acme")->config_tick == site.census.tick());
    // What changed only, of one customer.
    SnapshotRound some = site.vpnd.round;
    some.header.full = false;
    some.customers[0].customer.all_peers = false;
    some.customers[0].connections.clear();
    site.census.apply_snapshot(at(6), some);
    CHECK(site.census.find("acme")->connections.size() == 2);
    site.vpnd.round.customers[0].connections.pop_back();
    site.apply(8);
    CHECK(site.kinds() == Kinds{"added", "changed", "removed"});
    CHECK(site.census.find("acme")->connections.size() == 1);
    CHECK(site.census.find("acme")->config_tick == site.census.tick());
}

TEST_CASE("a change of any figure of a connection changes its row") {
    Site sample;
    const std::size_t count = test::count_fields(sample.graz().activity);
    CHECK(count >= 8);
    for (std::size_t i = 0; i < count; ++i) {
        INFO("field ", i);
        Site site;
        site.apply(0);
        test::change_field(site.graz().activity, i);
        site.apply(2);
        CHECK(site.entry().tick == site.census.tick());
    }
    Site site;
    site.apply(0);
    site.apply(2);
    CHECK(site.entry().tick < site.census.tick());
    // Other SAs alone: it is among what changed.
    site.vpnd.round.header.full = false;
    site.apply(4);
    CHECK(site.entry().tick == site.census.tick());
}

TEST_CASE("a connection with traffic has a chart, and gives its place up") {
    Site site;
    site.up();
    site.apply(0);
    CHECK(site.entry().series == nullptr);
    site.graz().activity.rx_bytes = 1000;
    site.apply(2);
    CHECK(site.entry().rates.inbound == doctest::Approx(4000));
    REQUIRE(site.entry().series != nullptr);
    SnapshotRound nothing;
    nothing.header.epoch = 7;
    nothing.header.full = false;
    site.census.apply_snapshot(at(4), nothing);
    CHECK(site.entry().rates == Rates{});
    CHECK(site.entry().tick == site.census.tick());
}

TEST_CASE("who gets the id of a customer with sites alone reads its events only when it has one of them") {
    for (const bool is_another : {false, true}) {
        CAPTURE(is_another);
        Site site;
        site.up();
        site.apply(0);
        site.lose("deleted");
        site.apply(2);
        const SnapshotRound::Customer customer = site.vpnd.round.customers[0];
        site.vpnd.round.customers.clear();
        site.apply(4);
        site.vpnd.round.customers = {customer};
        if (is_another) site.graz().settings.remote_identity.text = "graz.initech.example";
        site.apply(6);
        const auto events = site.census.events().find("acme", 0, UINT64_MAX, 100, [](const Event& event) {
            return event.kind == EventKind::kDown && !test::is_of_whole(event) && !event.is_disowned;
        });
        CHECK(events.size() == (is_another ? 0 : 1));
    }
}

TEST_CASE("the client of vpnd keeps a hundred IKE_SAs of a connection and counts the others") {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    ipc::Channel vpnd{UniqueFd(ends[0])};
    SnapshotClient client;
    ipc::Channel ours{UniqueFd(ends[1])};
    REQUIRE(ours.set_non_blocking());
    client.connect(std::move(ours));
    REQUIRE(client.send_request());
    std::vector<std::uint8_t> space(1024);
    const auto asked = vpnd.receive(space);
    REQUIRE(asked);
    const auto request = ipc::decode_snapshot(Bytes(space).first(asked->size));
    REQUIRE(request);
    CHECK(std::get<ipc::SnapshotRequest>(*request).with_ike_sas);
    const auto send = [&](const ipc::SnapshotMessage& message) {
        std::vector<std::uint8_t> wire;
        REQUIRE(encode(message, wire));
        REQUIRE(vpnd.send(wire));
        return client.receive();
    };
    Site site;
    REQUIRE(send(ipc::SnapshotHeader{}));
    REQUIRE(send(site.vpnd.customer()));
    REQUIRE(send(site.graz()));
    for (std::size_t i = 0; i < ConnectionEntry::kMostIkeSas + 2; ++i) {
        REQUIRE(send(ipc::IkeSaSnapshot{}));
        REQUIRE(send(ipc::ChildSnapshot{}));
    }
    const auto round = send(ipc::SnapshotEnd{});
    REQUIRE(round);
    REQUIRE(*round);
    const SnapshotRound::Connection& shown = (*round)->customers[0].connections[0];
    CHECK(shown.ike_sas.size() == ConnectionEntry::kMostIkeSas);
    CHECK(shown.ike_sas_left_out == 2);
    for (const IkeSa& sa : shown.ike_sas) CHECK(sa.children.size() == 1);
    // One that belongs to nothing.
    REQUIRE(client.send_request());
    REQUIRE(vpnd.receive(space));
    REQUIRE(send(ipc::SnapshotHeader{}));
    CHECK_FALSE(send(ipc::IkeSaSnapshot{}));
}

TEST_CASE_FIXTURE(Page, "the API lists connections, finds them and shows one with its SAs") {
    const json list = document("/api/v1/customers/acme/connections");
    REQUIRE(list["total"] == 1);
    const json& row = list["items"][0];
    CHECK(row["name"] == "graz");
    CHECK(row["state"] == "up");
    CHECK(row["remote_identity"] == "graz.example");
    CHECK(row["nat"] == "peer");
    CHECK(row["suite"] == "aes128gcm-prfsha256-x25519");
    CHECK(row["networks"] == json::array({"10.44.0.0/16"}));
    CHECK(row["next_rekey"] == iso_time({at(200).wall}));
    const json one = document("/api/v1/customers/acme/connections/graz");
    REQUIRE(one["ike_sas"].size() == 1);
    CHECK(one["ike_sas"][0]["initiator_spi"] == "0000000000000abc");
    CHECK(one["ike_sas"][0]["since"] == iso_time({at(-100).wall}));
    CHECK(one["ike_sas"][0]["children"][0]["spi_in"] == "00c0ffee");
    CHECK(one["ike_sas"][0]["children"][0]["rx_bytes"] == 7);
    CHECK(get("/api/v1/customers/acme/connections/graz", "acme").status == 200);
    CHECK(get("/api/v1/customers/acme/connections/graz/timeseries").status == 200);
    CHECK(get("/api/v1/customers/acme/connections/nobody").status == 404);
    CHECK(get("/api/v1/customers/acme/connections/graz/x").status == 404);
    CHECK(get("/api/v1/customers/globex/connections/graz").status == 404);
    const auto total = [this](const std::string& query) -> int {
        return document("/api/v1/customers/acme/connections?" + query)["total"];
    };
    CHECK(total("state=up") == 1);
    CHECK(total("state=down") == 0);
    CHECK(total("search=GRAZ.exa") == 1);
    CHECK(total("search=203.0.113.2") == 1);
    CHECK(total("search=10.44.3.9") == 1);
    CHECK(total("search=10.45.3.9") == 0);
    CHECK(get("/api/v1/customers/acme/connections?state=online").status == 400);
    CHECK(document("/api/v1/customers?search=10.44.3.9")["total"] == 1);
    CHECK(document("/api/v1/customers?search=graz.example")["total"] == 1);
    const json customer = document("/api/v1/customers/acme");
    CHECK(customer["connections"]["up"] == 1);
    CHECK(customer["routes"][0] == json{{"to", "10.44.0.0/16"}, {"peer", nullptr}, {"connection", "graz"}});
    CHECK(document("/api/v1/overview")["connections"]["total"] == 1);
}

TEST_CASE_FIXTURE(Page, "a stream brings the rows of connections that changed, and events are found by connection") {
    Request request;
    request.method = "GET";
    request.target = "/api/v1/events?customer=acme";
    request.host = "127.0.0.1";
    request.accept = "text/event-stream";
    request.authorization = "Bearer acme";
    Outcome outcome = router.handle(at(0), request);
    auto& stream = std::get<Stream>(outcome);
    const auto connections = [&] {
        const auto message = router.next_message(at(0), stream);
        REQUIRE(message);
        return json::parse(message->substr(message->find("data: ") + 6))["connections"];
    };
    apply(2);
    CHECK(connections().empty());
    lose("silent");
    apply(4);
    const json rows = connections();
    REQUIRE(rows.size() == 1);
    CHECK(rows[0]["state"] == "down");
    CHECK(rows[0]["lost"] == true);
    CHECK(rows[0]["state_sentence"] == "The peer does not answer any more; its IKE SA was given up.");
    CHECK(document("/api/v1/events?customer=acme&connection=graz")["items"].size() == 1);
    CHECK(document("/api/v1/events?customer=acme&connection=linz")["items"].empty());
    CHECK(document("/api/v1/events?customer=acme&kind=peer_dead")["items"][0]["connection"] == "graz");
}

TEST_CASE_FIXTURE(Page, "a connection that is not served is an alarm with its reason, and does not make us unready") {
    graz().state = State::kUnserved;
    graz().reason = "this version has no postquantum preshared keys";
    apply(2);
    const json alarms = document("/api/v1/overview")["alarms"];
    REQUIRE(alarms.size() == 1);
    CHECK(alarms[0]["kind"] == "connection_unserved");
    CHECK(alarms[0]["severity"] == "warning");
    CHECK(alarms[0]["sentence"] ==
          "acme: the connection graz is not served: this version has no postquantum preshared keys");
    CHECK(get("/readyz").status == 200);
    vpnd.customer().settings.suspended = true;
    apply(4);
    CHECK(document("/api/v1/overview")["alarms"].empty());
}

TEST_CASE_FIXTURE(Page, "metrics of connections and of IKE, and of a customer's own only") {
    graz().activity.rx_bytes = 17;
    graz().activity.failures = 3;
    vpnd.round.header.ike_sas = 5;
    vpnd.round.header.child_sas = 7;
    vpnd.round.header.half_open_ike_sas = 2;
    vpnd.round.header.drops = {{"ike_auth_failed", 3}, {"bad_mac1", 4}};
    apply(2);
    const std::string all = get("/metrics").body;
    const std::string labels = "{customer=\"acme\",connection=\"graz\"}";
    CHECK(line_of(all, "ipsec_connection_up") == "ipsec_connection_up" + labels + " 1");
    CHECK(line_of(all, "ipsec_connection_sessions") == "ipsec_connection_sessions" + labels + " 1");
    CHECK(line_of(all, "ipsec_connection_received_bytes_total") ==
          "ipsec_connection_received_bytes_total" + labels + " 17");
    CHECK(line_of(all, "ipsec_connection_failures_total") == "ipsec_connection_failures_total" + labels + " 3");
    CHECK(line_of(all, "ipsec_ike_sas") == "ipsec_ike_sas 5");
    CHECK(line_of(all, "ipsec_child_sas") == "ipsec_child_sas 7");
    CHECK(line_of(all, "ipsec_half_open") == "ipsec_half_open 2");
    CHECK(line_of(all, "ipsec_ike_failures_total") == "ipsec_ike_failures_total{reason=\"ike_auth_failed\"} 3");
    CHECK(all.find("ipsec_ike_failures_total{reason=\"bad_mac1\"}") == std::string::npos);
    CHECK(line_of(all, "warren_customer_connections_up") == "warren_customer_connections_up{customer=\"acme\"} 1");
    CHECK(line_of(all, "warren_connection_down").empty());
    const std::string own = get("/metrics", "acme").body;
    CHECK(line_of(own, "ipsec_connection_up") == "ipsec_connection_up" + labels + " 1");
    CHECK(line_of(own, "ipsec_ike_sas").empty());
    lose("silent");
    apply(4);
    CHECK(line_of(get("/metrics").body, "warren_connection_down") ==
          "warren_connection_down{customer=\"acme\",connection=\"graz\",reason=\"silent\"} 1");
}

TEST_CASE_FIXTURE(Page, "docs/metrics.md has the metrics that are written, and no others") {
    vpnd.round.header.resident_bytes = 1;
    vpnd.round.header.workers.resize(1);
    apply(2);
    const auto names_in = [](const std::string& text, const std::string& before, const char* end) {
        std::set<std::string> out;
        for (auto found = text.find(before); found != std::string::npos; found = text.find(before, found + 1)) {
            const auto begin = found + before.size();
            out.insert(text.substr(begin, text.find(end, begin) - begin));
        }
        return out;
    };
    const std::filesystem::path file = WARREN_SOURCE_DIR "/docs/metrics.md";
    std::ifstream stream(file);
    std::stringstream page;
    page << stream.rdbuf();
    CHECK(names_in(get("/metrics").body, "# TYPE ", " ") == names_in(page.str(), "\n| `", "`"));
}
