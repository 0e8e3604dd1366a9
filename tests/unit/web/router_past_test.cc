// The routes of the past, find and top: what is answered at once, what is asked of the database, and who may see it.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "access/secrets.h"
#include "tests/unit/web/vpnd_rounds.h"
#include "web/api/router.h"

using namespace warren;
using namespace warren::web;
using namespace warren::test;

namespace {

using Json = nlohmann::json;

struct Fixture {
    Census census;
    Gate gate{"$argon2id$nobody"};
    SystemFacts facts;
    Router router{census, gate, facts, {}, "life"};
    Vpnd vpnd;

    Fixture() {
        (void)access::start_libsodium();
        access::Users users;
        users.tokens.push_back({"operator", {access::Role::kOperator, {}}, access::sha256_hex("operator")});
        users.tokens.push_back({"customer", {access::Role::kCustomer, {"acme"}}, access::sha256_hex("customer")});
        gate.set_users(users);
        vpnd.round.customers.resize(2, vpnd.round.customers[0]);
        vpnd.round.customers[1].customer.settings.id = "globex";
        vpnd.round.customers[1].peers[0].settings.name = "graz-2";
        key_of(vpnd.round.customers[1].peers[0]) = "AbCdEf=";
        vpnd.round.customers[1].peers[0].settings.allowed_ips = {*parse_prefix("10.9.0.0/16")};
        census.apply_snapshot(at(0), vpnd.round);
        vpnd.handshake(0);
        census.apply_snapshot(at(2), vpnd.round);  // acme's event 2: online, after vpnd_started
    }

    Outcome ask(const std::string& target, const std::string& token = "operator") {
        Request request;
        request.method = "GET";
        request.target = target;
        request.host = "localhost";
        request.authorization = "Bearer " + token;
        return router.handle(at(4), request);
    }
    Reply reply_to(const std::string& target, const std::string& token = "operator") {
        Outcome outcome = ask(target, token);
        REQUIRE(std::holds_alternative<Reply>(outcome));
        return std::get<Reply>(outcome);
    }
    PastQuery query_of(const std::string& target, const std::string& token = "operator") {
        Outcome outcome = ask(target, token);
        REQUIRE(std::holds_alternative<PastQuery>(outcome));
        return std::move(std::get<PastQuery>(outcome));
    }
    Json items_of(const std::string& target, const std::string& token = "operator") {
        return Json::parse(reply_to(target, token).body)["items"];
    }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "without a database the answer is what this process has seen") {
    CHECK(items_of("/api/v1/events?customer=acme").size() == 1);
    CHECK(items_of("/api/v1/events?since=2099-01-01").empty());
    CHECK(items_of("/api/v1/outages").empty());
    vpnd.handshake(1000);
    census.apply_snapshot(at(1002), vpnd.round);
    const Json outages = items_of("/api/v1/customers/acme/outages?until=2099-01-01");
    REQUIRE(outages.size() == 2);  // the peer, and with it the customer
    CHECK(outages[0]["cause"] == "silent");
    CHECK(outages[0]["ended"].is_null());
    CHECK(reply_to("/api/v1/timeseries?range=day").status == 503);
    CHECK(reply_to("/api/v1/timeseries").status == 200);
}

TEST_CASE_FIXTURE(Fixture, "events that the census has not are asked of the database, and follow its own") {
    facts.has_past = true;
    PastQuery query = query_of("/api/v1/events?customer=acme&limit=3");
    const auto question = std::get<EventQuestion>(query.question);
    CHECK(question.customers == std::vector<std::string>{"acme"});
    CHECK(question.with_disowned);
    CHECK(question.limit == 3);  // the census has one, and one more shows whether there are more
    CHECK(question.before <= query.newer.front().id);
    std::vector<Event> older(3);
    for (std::size_t i = 0; i < older.size(); ++i) older[i].id = 100 - i;
    const Json answer = Json::parse(router.finish_past(query, PastAnswer(older), at(4)).body);
    CHECK(answer["items"].size() == 3);
    CHECK(answer["items"][1]["id"] == 100);
    CHECK(answer["next_before"] == 99);
    CHECK(router.finish_past(query, tl::unexpected(Error{ErrorCode::kUnavailable, "slow"}), at(4)).status == 503);
}

TEST_CASE_FIXTURE(Fixture, "a page of events that the census has needs no database") {
    facts.has_past = true;
    for (std::uint32_t second = 0; second < 4; ++second) {
        vpnd.handshake(second % 2 == 0 ? 1000 : 0);
        census.apply_snapshot(at(10 + second), vpnd.round);
    }
    CHECK(items_of("/api/v1/events?customer=acme&limit=2").size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "a customer asks of its own past alone, and of nobody's that had its id") {
    facts.has_past = true;
    for (const char* target : {"/api/v1/events", "/api/v1/events?customer=acme"}) {
        const auto question = std::get<EventQuestion>(query_of(target, "customer").question);
        CHECK(question.customers == std::vector<std::string>{"acme"});
        CHECK(!question.with_disowned);
    }
    const auto outages = std::get<OutageQuestion>(query_of("/api/v1/outages", "customer").question);
    CHECK(outages.customers == std::vector<std::string>{"acme"});
    CHECK(!outages.with_disowned);
    CHECK(reply_to("/api/v1/customers/globex/outages", "customer").status == 404);
    CHECK(reply_to("/api/v1/customers/globex/timeseries?range=day", "customer").status == 404);
    CHECK(reply_to("/api/v1/timeseries?range=day", "customer").status == 404);
    CHECK(reply_to("/api/v1/events?customer=globex", "customer").status == 404);
}

TEST_CASE_FIXTURE(Fixture, "the past of a customer that is not served is for who sees all") {
    facts.has_past = true;
    REQUIRE(census.events().has("acme"));
    vpnd.round.customers.erase(vpnd.round.customers.begin());
    vpnd.round.header.full = true;
    census.apply_snapshot(at(4), vpnd.round);
    REQUIRE(census.find("acme") == nullptr);
    CHECK(reply_to("/api/v1/events?customer=acme", "customer").status == 404);
    CHECK(items_of("/api/v1/events", "customer").empty());
    CHECK(items_of("/api/v1/outages", "customer").empty());
    CHECK(std::get<EventQuestion>(query_of("/api/v1/events?customer=acme").question).with_disowned);
    // A new file with the id, which is not in force: nobody knows yet whose it is.
    census.set_unserved({"acme"});
    REQUIRE(census.find("acme") != nullptr);
    CHECK(items_of("/api/v1/events?customer=acme", "customer").empty());
    CHECK(items_of("/api/v1/customers/acme/outages", "customer").empty());
    CHECK(reply_to("/api/v1/customers/acme/timeseries?range=day", "customer").status == 404);
}

TEST_CASE_FIXTURE(Fixture, "nobody takes all places of the database") {
    facts.has_past = true;
    std::vector<PastQuery> waiting;
    while (true) {
        Outcome outcome = ask("/api/v1/outages", "customer");
        if (auto* query = std::get_if<PastQuery>(&outcome)) {
            waiting.push_back(std::move(*query));
            continue;
        }
        CHECK(std::get<Reply>(outcome).status == 503);
        break;
    }
    CHECK(waiting.size() == Router::kPast.each);
    CHECK(std::holds_alternative<PastQuery>(ask("/api/v1/outages")));
    waiting.clear();
    CHECK(std::holds_alternative<PastQuery>(ask("/api/v1/outages", "customer")));
}

TEST_CASE_FIXTURE(Fixture, "parameters that are wrong are named") {
    facts.has_past = true;
    for (const char* target :
         {"/api/v1/events?since=yesterday", "/api/v1/events?until=2026-02-30", "/api/v1/timeseries?range=year",
          "/api/v1/outages?limit=0", "/api/v1/find", "/api/v1/find?text=", "/api/v1/top?limit=1000"}) {
        CAPTURE(target);
        CHECK(reply_to(target).status == 400);
    }
}

TEST_CASE_FIXTURE(Fixture, "traffic of the last complete steps") {
    facts.has_past = true;
    const PastQuery query = query_of("/api/v1/customers/acme/timeseries?range=day");
    const auto question = std::get<TrafficQuestion>(query.question);
    CHECK(question.customer == "acme");
    CHECK(question.first_step + 288 == (1'700'000'004) / 300);
    TrafficAnswer answer;
    answer.bytes = {std::nullopt, std::pair<std::uint64_t, std::uint64_t>{300, 600}};
    const Json body = Json::parse(router.finish_past(query, PastAnswer(answer), at(4)).body);
    CHECK(body["step_seconds"] == 300);
    CHECK(body["rx_bits_per_second"] == Json({nullptr, 8}));
    CHECK(body["tx_bits_per_second"][1] == 16);
    CHECK(body["times"][0] == (question.first_step + 1) * 300);
}

TEST_CASE_FIXTURE(Fixture, "find says what matches, in natural order, of what the viewer may see") {
    const Json found = items_of("/api/v1/find?text=graz");
    REQUIRE(found.size() == 2);
    CHECK(found[0]["customer"] == "acme");
    CHECK(found[1] == Json{{"kind", "peer"},
                           {"customer", "globex"},
                           {"name", "graz-2"},
                           {"state", "never"},
                           {"matched", "name"},
                           {"text", "graz-2"}});
    CHECK(items_of("/api/v1/find?text=10.9.3.4")[0]["matched"] == "network");
    CHECK(items_of("/api/v1/find?text=abcd")[0]["matched"] == "key");
    CHECK(items_of("/api/v1/find?text=graz", "customer").size() == 1);
    CHECK(items_of("/api/v1/find?text=abcd", "customer").empty());
    CHECK(Json::parse(reply_to("/api/v1/find?text=graz&limit=1").body)["has_more"] == true);
}

TEST_CASE_FIXTURE(Fixture, "top has those with the highest rates, and nobody without traffic") {
    vpnd.customer().activity.rx_bytes = 1000;
    vpnd.peer().activity.rx_bytes = 1000;
    vpnd.round.customers[1].customer.activity.rx_bytes = 9000;
    census.apply_snapshot(at(4), vpnd.round);
    const Json top = Json::parse(reply_to("/api/v1/top").body);
    REQUIRE(top["customers"].size() == 2);
    CHECK(top["customers"][0]["customer"] == "globex");
    CHECK(top["customers"][0]["rates"]["rx_bits_per_second"] == 36000);
    REQUIRE(top["peers"].size() == 1);
    CHECK(top["peers"][0]["peer"] == "graz");
    CHECK(Json::parse(reply_to("/api/v1/top", "customer").body)["customers"].size() == 1);
    CHECK(Json::parse(reply_to("/api/v1/top?limit=1").body)["customers"].size() == 1);
    CHECK(top["stale"] == false);
    Outcome later = router.handle_local(at(60), "/api/v1/top");
    CHECK(Json::parse(std::get<Reply>(later).body)["stale"] == true);
}

TEST_CASE_FIXTURE(Fixture, "root sees all without a login, and can only look") {
    Outcome outcome = router.handle_local(at(4), "/api/v1/events");
    CHECK(Json::parse(std::get<Reply>(outcome).body)["items"].size() == 2);
    CHECK(std::get<Reply>(router.handle_local(at(4), "/api/v1/login")).status == 405);
    CHECK(std::get<Reply>(router.handle_local(at(4), "nonsense")).status == 400);
    CHECK(std::get<Reply>(router.handle_local(at(4), "/index.html")).status == 404);
}
