// The JSON that programs read: every key that vpnctl(1) promises, and its value.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "config/manual.h"
#include "ctl/show/json_views.h"
#include "samples.h"

using namespace warren;
using namespace warren::ctl;
using nlohmann::json;

TEST_CASE("status has the keys that programs were promised") {
    const json status = json::parse(status_json(samples::snapshot(), {}, {}));
    CHECK(status["appliance"] == "pop-vienna-1");
    CHECK(status["version"] == "0.1.0");
    CHECK(status["generation"] == 7);
    CHECK(status["drops"]["bad_mac1"] == 12);
    REQUIRE(status["customers"].size() == 2);
    const json& acme = status["customers"][0];
    CHECK(acme["id"] == "acme");
    CHECK(acme["state"] == "active");
    CHECK(status["customers"][1]["state"] == "suspended");
    CHECK(acme["addresses"] == json({"10.0.0.1/24", "fd00:42::1/64"}));
    CHECK(acme["rx_bytes"] == 123456);
    CHECK(acme["tx_bytes"] == 5368709120ULL);
    CHECK(acme["rx_cpu_ns"] == 1'999'999);
    CHECK(acme["tx_cpu_ns"] == 3'500'000'000);
    CHECK(acme["rate_up"] == 100'000'000);
    CHECK(acme["rate_down"].is_null());
    CHECK(acme["share"] == 2);
    CHECK(acme["drops"] == json({{"source_not_allowed", 4}}));
    REQUIRE(acme["peers"].size() == 3);
    const json& never = acme["peers"][0];
    CHECK(never["name"] == "laptop-eva");
    CHECK(never["state"] == "never");
    CHECK(never["endpoint"].is_null());
    CHECK(never["latest_handshake_seconds"].is_null());
    const json& graz = acme["peers"][2];
    CHECK(graz["public_key"] == "gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA=");
    CHECK(graz["endpoint"] == "198.51.100.77:51820");
    CHECK(graz["latest_handshake_seconds"] == 63);
    CHECK(graz["rx_bytes"] == 1229);
    CHECK(graz["tx_bytes"] == 3565158);
    CHECK(graz["state"] == "online");
    CHECK(graz["allowed_ips"] == json({"10.43.0.0/16", "fd00:43::/64"}));
    CHECK(graz["allowed_ips_left_out"] == 0);
    CHECK(acme["peers"][1]["state"] == "idle");
    auto cut = samples::snapshot();
    cut.customers[0].peers[2].allowed_ips_left_out = 18'000;
    CHECK(json::parse(status_json(cut, {}, {}))["customers"][0]["peers"][2]["allowed_ips_left_out"] == 18'000);
}

TEST_CASE("every table has its document") {
    const Snapshot snapshot = samples::snapshot();
    CHECK(json::parse(customers_json(snapshot))["customers"][0]["peers_online"] == 1);
    CHECK(json::parse(peers_json(snapshot))["peers"][2]["customer"] == "acme");
    CHECK(json::parse(counters_json(snapshot))["counters"][0]["dropped"] == 4);
    CHECK(json::parse(counters_json(snapshot))["counters"][0]["tx_cpu_ns"] == 3'500'000'000);
    auto with_workers = snapshot;
    with_workers.header.cpu_nanoseconds = 2'000'000'000;
    with_workers.header.resident_bytes = 50'000'000;
    with_workers.header.workers = {{7, 0, 2, 1'500'000'000}, {0, 7, 0, 20'000'000}};
    CHECK(json::parse(counters_json(with_workers))["workers"] ==
          json::parse(R"([{"worker": 0, "handed_over": 7, "taken_over": 0, "ring_full": 2, "cpu_ns": 1500000000},
                          {"worker": 1, "handed_over": 0, "taken_over": 7, "ring_full": 0, "cpu_ns": 20000000}])"));
    CHECK(json::parse(counters_json(with_workers))["vpnd"] ==
          json::parse(R"({"cpu_ns": 2000000000, "resident_bytes": 50000000})"));
    const json drops = json::parse(drops_json(snapshot))["drops"];
    CHECK(drops[0]["customer"].is_null());
    CHECK(drops[2]["customer"] == "acme");
    CHECK(drops[2]["packets"] == 4);
    CHECK_FALSE(drops[2]["meaning"].get<std::string>().empty());
    CHECK(json::parse(wg_json(snapshot.customers[0]))["peers"].size() == 3);
    CHECK(json::parse(explain_json(config::keys_matching("stack.mtu")))["keys"][0]["default"] == "1420");

    StackRoute route;
    route.to = *parse_prefix("10.43.0.0/16");
    route.type = "unicast";
    route.device = "vpn0";
    route.metric = 512;
    route.protocol = "warren";
    const json routes = json::parse(routes_json("acme", {route}));
    CHECK(routes["customer"] == "acme");
    CHECK(routes["routes"][0]["to"] == "10.43.0.0/16");
    CHECK(routes["routes"][0]["device"] == "vpn0");
    CHECK(routes["routes"][0]["via"].is_null());
    CHECK(routes["routes"][0]["metric"] == 512);
}

TEST_CASE("the disabled peers of a customer are listed, apart from those that vpnd knows") {
    StackdStatus stackd;
    stackd.disabled_peers["acme"] = {{"linz"}, 4};
    json status = json::parse(status_json(samples::snapshot(), stackd, {}));
    CHECK(status["customers"][0]["id"] == "acme");
    CHECK(status["customers"][0]["disabled_peers"] == json{"linz"});
    CHECK(status["customers"][0]["disabled_peers_more"] == 4);
    CHECK(status["customers"][1]["disabled_peers"] == json::array());
    CHECK(status["customers"][1]["disabled_peers_more"] == 0);
    stackd.silence = "cannot reach stackd";  // perhaps in the middle of its answer
    status = json::parse(status_json(samples::snapshot(), stackd, {}));
    for (const json& customer : status["customers"]) {
        CHECK(customer["disabled_peers"].is_null());
        CHECK(customer["disabled_peers_more"].is_null());
    }
}

TEST_CASE("refused senders have times that programs read, and say that only the beginning of a key is known") {
    Snapshot snapshot = samples::snapshot();
    const WallTime first{1'764'424'800'000'000'000};
    const WallTime last{1'764'424'861'000'000'000};
    snapshot.header.refused = {
        {"unknown_peer", "acme", {IpAddress::v4(192, 0, 2, 7), 5000, 0}, "gN65BkIK", 3, first, last, "acme", "graz"},
        {"bad_mac1", "", {*parse_ip("2001:db8::7"), 5000, 0}, "", 1, first, first, "", ""}};
    const json refused = json::parse(drops_json(snapshot))["refused"];
    CHECK(refused[0] == json{{"reason", "unknown_peer"},
                             {"listener", "acme"},
                             {"from", "192.0.2.7:5000"},
                             {"key_begins", "gN65BkIK"},
                             {"customer", "acme"},
                             {"peer", "graz"},
                             {"messages", 3},
                             {"first", "2025-11-29T14:00:00Z"},
                             {"last", "2025-11-29T14:01:01Z"}});
    CHECK(refused[1]["from"] == "[2001:db8::7]:5000");
    CHECK(refused[1]["listener"].is_null());
    CHECK(refused[1]["key_begins"].is_null());
    CHECK(refused[1]["customer"].is_null());
    CHECK(refused[1]["peer"].is_null());
    CHECK(json::parse(drops_json(samples::snapshot()))["refused"] == json::array());
}

TEST_CASE("a name that is no UTF-8 does not take the document down") {
    Snapshot snapshot = samples::snapshot();
    snapshot.customers[0].customer.settings.name = "\xff\xfe";
    CHECK(json::parse(status_json(snapshot, {}, {}))["customers"].size() == 2);
}

TEST_CASE("check tells programs where each error is and which customers are valid") {
    config::Loaded loaded;
    loaded.appliance_valid = true;
    loaded.customers.push_back({{}, false, "acme.toml", {}, nullptr});
    loaded.customers[0].customer.id = "acme";
    loaded.diagnostics.push_back({config::Severity::kError, "acme.toml", "acme", {3, 9, 1}, "wrong", "line"});
    const json document = json::parse(check_json(loaded));
    CHECK(document["valid"] == false);
    CHECK(document["appliance_valid"] == true);
    CHECK(document["customers"][0] == json({{"id", "acme"}, {"valid", false}}));
    CHECK(document["diagnostics"][0] == json({{"file", "acme.toml"},
                                              {"line", 3},
                                              {"column", 9},
                                              {"severity", "error"},
                                              {"customer", "acme"},
                                              {"message", "wrong"}}));
}

TEST_CASE("apply and diff tell programs changes, steps, diagnostics and notes apart") {
    const json document =
        json::parse(control_json({{ipc::ControlText::Kind::kChange, "acme", "stack.mtu: 1420 -> 1380"},
                                  {ipc::ControlText::Kind::kStep, "acme", "make namespace"},
                                  {ipc::ControlText::Kind::kDiagnostic, "globex", "globex.toml:1:1: error: x"},
                                  {ipc::ControlText::Kind::kNote, "", "hello"}},
                                 {1, 8, "1 step"}));
    CHECK(document["exit_status"] == 1);
    CHECK(document["generation"] == 8);
    CHECK(document["summary"] == "1 step");
    CHECK(document["changes"] == json::array({{{"customer", "acme"}, {"text", "stack.mtu: 1420 -> 1380"}}}));
    CHECK(document["steps"] == json::array({{{"customer", "acme"}, {"text", "make namespace"}}}));
    CHECK(document["diagnostics"][0]["customer"] == "globex");
    CHECK(document["notes"][0]["customer"].is_null());
}

TEST_CASE("refused senders have whom they claim to be, or null") {
    auto snapshot = samples::snapshot();
    snapshot.header.refused = {
        {"unknown_peer", "globex", {IpAddress::v4(192, 0, 2, 7), 5000, 0}, "gN65BkIK", 3, {}, {}, "", ""},
        {"bad_initiation", "", {IpAddress::v4(192, 0, 2, 8), 5000, 0}, "TrMvSoP4", 1, {}, {}, "acme", "graz"}};
    const json refused = json::parse(drops_json(snapshot))["refused"];
    REQUIRE(refused.size() == 2);
    CHECK(refused[0]["key_begins"] == "gN65BkIK");
    CHECK(refused[0]["listener"] == "globex");
    CHECK(refused[0]["customer"].is_null());
    CHECK(refused[0]["peer"].is_null());
    CHECK(refused[1]["customer"] == "acme");
    CHECK(refused[1]["peer"] == "graz");
}
