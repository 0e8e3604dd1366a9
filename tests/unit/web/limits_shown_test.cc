// What the API says of limits, of what is used of them, of test links, and of what ends soon.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "access/secrets.h"
#include "tests/unit/web/vpnd_rounds.h"
#include "web/api/router.h"

using namespace warren;
using namespace warren::web;
using namespace warren::test;

namespace {

using Json = nlohmann::json;

constexpr std::int64_t kDay = 24 * 3600;

struct Fixture {
    Census census;
    Gate gate{"$argon2id$nobody"};
    SystemFacts facts;
    Router router{census, gate, facts, {}, "life"};
    Vpnd vpnd;

    Fixture() {
        (void)access::start_libsodium();
        access::Users users;
        users.tokens.push_back({"customer", {access::Role::kCustomer, {"globex"}}, access::sha256_hex("customer")});
        gate.set_users(users);
        vpnd.round.customers[0].connections.resize(1);
        connection().settings.name = "linz";
        vpnd.round.customers.resize(2, vpnd.round.customers[0]);
        vpnd.round.customers[1].customer.settings.id = "globex";
    }
    ipc::ConnectionSnapshot& connection() { return vpnd.round.customers[0].connections[0].connection; }
    static Json parsed(const Outcome& outcome) {
        REQUIRE(std::holds_alternative<Reply>(outcome));
        return Json::parse(std::get<Reply>(outcome).body);
    }
    Json get(const std::string& target) {
        census.apply_snapshot(at(4), vpnd.round);
        return parsed(router.handle_local(at(4), "/api/v1/" + target));
    }
    Json get_as_customer(const std::string& target) {
        Request request;
        request.method = "GET";
        request.target = "/api/v1/" + target;
        request.host = "localhost";
        request.authorization = "Bearer customer";
        return parsed(router.handle(at(4), request));
    }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a customer's rates, quota, share and what it used this month") {
    Json none = get("customers/acme");
    for (const char* key : {"rate_up", "rate_down", "quota_bytes", "after_quota", "quota_spent", "max_handshake_rate",
                            "test_link", "next_expiry", "next_to_expire", "listener_previous_public_key"}) {
        CAPTURE(key);
        CHECK(none.at(key).is_null());
    }
    CHECK(none["share"] == 1);
    CHECK(none["is_test_link"] == false);

    vpnd.customer().settings.quota = 1000;
    vpnd.customer().settings.after_quota = 64'000;
    vpnd.customer().settings.share = 3;
    vpnd.customer().settings.max_handshake_rate = 20;
    vpnd.customer().activity.month = {700, 300, true};
    vpnd.customer().next_expiry = at(kDay).wall;
    vpnd.customer().next_to_expire = "graz";
    const Json found = get("customers/acme");
    CHECK(found["quota_bytes"] == 1000);
    CHECK(found["after_quota"] == 64'000);
    CHECK(found["quota_spent"] == true);
    CHECK(found["month_rx_bytes"] == 700);
    CHECK(found["month_tx_bytes"] == 300);
    CHECK(found["share"] == 3);
    CHECK(found["max_handshake_rate"] == 20);
    CHECK(found["next_to_expire"] == "graz");
    CHECK(found["next_expiry"] == "2023-11-15T22:13:20Z");
    CHECK(get("customers")["items"][0]["quota_spent"] == true);

    vpnd.customer().settings.after_quota = 0;
    CHECK(get("customers/acme")["after_quota"] == "drop");
}

TEST_CASE_FIXTURE(Fixture, "what a test link does to packets, in each direction") {
    vpnd.customer().settings.emulate_down = {50'000, 5'000, 10'000, 0, 0, 2'000'000};
    const Json link = get("customers/acme")["test_link"];
    CHECK(link["down"] == Json{{"delay_us", 50'000},
                               {"jitter_us", 5'000},
                               {"loss", 10'000},
                               {"reorder", 0},
                               {"duplicate", 0},
                               {"rate", 2'000'000}});
    CHECK(link["up"]["delay_us"] == 0);
    CHECK(link["up"]["rate"].is_null());
    CHECK(get("customers")["items"][0]["is_test_link"] == true);
    CHECK(get("customers")["items"][1]["is_test_link"] == false);
}

TEST_CASE_FIXTURE(Fixture, "a peer's limits, mapped networks and the endpoint that it shares its key with") {
    CHECK(get("customers/acme/peers/graz")["flaps_with"].is_null());
    vpnd.peer().settings.limits = {1'000'000, 0, 500, 0};
    vpnd.peer().activity.month = {100, 50, false};
    vpnd.peer().settings.maps = {{*parse_prefix("192.168.1.0/24"), *parse_prefix("10.77.1.0/24")}};
    vpnd.peer().activity.flaps_with = parse_endpoint("192.0.2.1:7000");
    const Json found = get("customers/acme/peers/graz");
    CHECK(found["rate_up"] == 1'000'000);
    CHECK(found["rate_down"].is_null());
    CHECK(found["quota_bytes"] == 500);
    CHECK(found["quota_spent"] == false);
    CHECK(found["month_rx_bytes"] == 100);
    CHECK(found["maps"] == Json{{{"real", "192.168.1.0/24"}, {"mapped", "10.77.1.0/24"}}});
    CHECK(found["flaps_with"] == "192.0.2.1:7000");

    connection().settings.limits = {0, 2'000'000, 0, 0};
    connection().activity.month = {7, 8, false};
    const Json linz = get("customers/acme/connections/linz");
    CHECK(linz["rate_down"] == 2'000'000);
    CHECK(linz["quota_bytes"].is_null());
    CHECK(linz["month_tx_bytes"] == 8);
}

TEST_CASE_FIXTURE(Fixture, "soon has quotas that are nearly spent and peers that expire, the most urgent first") {
    Json soon = get("soon");
    CHECK(soon["quotas"].empty());
    CHECK(soon["expiring"].empty());
    CHECK(soon["stale"] == false);

    vpnd.customer().settings.quota = 1000;
    vpnd.customer().activity.month = {500, 299, false};  // 79.9 %
    vpnd.peer().settings.limits.quota = 100;
    vpnd.peer().activity.month = {40, 40, false};
    connection().settings.limits.quota = 100;
    connection().activity.month = {99, 0, false};
    vpnd.peer().settings.expires = at(14 * kDay).wall;
    ipc::PeerSnapshot& other = vpnd.round.customers[1].peers[0];
    other.settings.expires = at(kDay).wall;
    soon = get("soon");
    REQUIRE(soon["quotas"].size() == 2);
    CHECK(soon["quotas"][0]["connection"] == "linz");
    CHECK(soon["quotas"][0]["peer"].is_null());
    CHECK(soon["quotas"][0]["quota_bytes"] == 100);
    CHECK(soon["quotas"][1]["peer"] == "graz");
    REQUIRE(soon["expiring"].size() == 2);
    CHECK(soon["expiring"][0]["customer"] == "globex");
    CHECK(soon["expiring"][1] == Json{{"customer", "acme"}, {"peer", "graz"}, {"expires", "2023-11-28T22:13:20Z"}});
    CHECK(soon["has_more"] == false);

    CHECK(get("soon?limit=1")["has_more"] == true);
    CHECK(get("soon?limit=1")["quotas"].size() == 1);
    CHECK(get("soon?limit=0")["status"] == 400);
    soon = get_as_customer("soon");
    CHECK(soon["quotas"].empty());
    CHECK(soon["expiring"].size() == 1);

    // Far ahead, and over.
    vpnd.peer().settings.expires = at(14 * kDay + 5).wall;
    other.state = ipc::PeerState::kExpired;
    other.activity.is_expired = true;
    CHECK(get("soon")["expiring"].empty());
}
