// What users see of the history and of stacks: a customer's users of their own customer alone.
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
using nlohmann::json;

namespace {

// Two customers, acme and globex, and a token of each role; that of a customer is acme's.
struct Room {
    Census census;
    Gate gate{"$argon2id$nobody"};
    SystemFacts facts;
    Router router{census, gate, facts, {}, "life"};
    Vpnd vpnd;
    Now now = at(0);

    Room() {
        (void)access::start_libsodium();
        access::Users users;
        for (const auto& [name, grant] :
             std::vector<std::pair<std::string, access::Grant>>{{"operator", {access::Role::kOperator, {}}},
                                                                {"viewer", {access::Role::kViewer, {}}},
                                                                {"own", {access::Role::kCustomer, {"acme"}}},
                                                                {"reseller", {access::Role::kReseller, {"acme"}}}})
            users.tokens.push_back({name, grant, access::sha256_hex(name)});
        gate.set_users(users);
        vpnd.round.customers.push_back(vpnd.round.customers[0]);
        vpnd.round.customers[1].customer.settings.id = "globex";
        census.apply_snapshot(at(0), vpnd.round);
        facts.revisions = {revision(3, {{"acme", "stack.mtu: 1420 -> 1380"}, {"globex", "state: active -> suspended"}}),
                           revision(2, {{"globex", "peer secret-site: + 10.77.0.0/16"}}),
                           revision(1, {{"", "workers: 1 -> 2"}, {"acme", "description: + pays late"}})};
    }
    static ipc::WebRevision revision(std::uint64_t number, std::vector<std::pair<std::string, std::string>> details) {
        ipc::WebRevision out;
        out.number = number;
        out.time = WallTime{1'700'000'000'000'000'000};
        out.origin = "request";
        out.uid = 0;
        out.claimed_user = "ada";
        out.comment = "comment of globex";
        for (const auto& [customer, text] : details) {
            if (customer.empty()) continue;
            out.owners.push_back(customer);
            out.files.push_back({"customers/" + customer + ".toml", ipc::WebFileFate::kChanged, {"-a", "+b"}, 0});
        }
        out.details = std::move(details);
        return out;
    }
    Outcome ask(const std::string& path, const std::string& who) {
        Request request;
        request.method = "GET";
        request.target = "/api/v1" + path;
        request.host = "127.0.0.1:8443";
        request.authorization = "Bearer " + who;
        return router.handle(now, request);
    }
    Reply get(const std::string& path, const std::string& who) {
        Outcome outcome = ask(path, who);
        REQUIRE(std::holds_alternative<Reply>(outcome));
        return std::get<Reply>(std::move(outcome));
    }
    json items(const std::string& path, const std::string& who) {
        const Reply reply = get(path, who);
        REQUIRE(reply.status == 200);
        return json::parse(reply.body)["items"];
    }
    static ipc::WebLooked looked(const std::string& rule) {
        ipc::WebLooked out;
        out.outcome = ipc::WebLookOutcome::kSeen;
        out.has_firewall = true;
        out.rules = {{rule, true, "accept", 7, 700, 5}};
        out.services = {{"dns", "unbound", "stopped", WallTime{5}, 2, "cannot read /etc/somewhere"}};
        return out;
    }
};

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE_FIXTURE(Room, "who sees all sees every revision, and of a customer those that changed it") {
    for (const char* who : {"operator", "viewer"}) {
        CHECK(items("/revisions", who).size() == 3);
        const json of_acme = items("/customers/acme/revisions", who);
        REQUIRE(of_acme.size() == 2);
        CHECK(of_acme[0]["revision"] == 3);
        CHECK(of_acme[0]["claimed_user"] == "ada");
        CHECK(of_acme[0]["comment"] == "comment of globex");
        CHECK(of_acme[0]["customers"] == json({"acme", "globex"}));
        CHECK(of_acme[0]["files"][0].contains("lines") == false);
        const json detail = json::parse(get("/revisions/3", who).body);
        CHECK(detail["files"][0]["lines"] == json({"-a", "+b"}));
        CHECK(get("/revisions/4", who).status == 404);
        CHECK(get("/revisions/3x", who).status == 404);
    }
    CHECK(items("/revisions?limit=1&offset=1", "operator")[0]["revision"] == 2);
    CHECK(get("/revisions?limit=101", "operator").status == 400);
}

TEST_CASE_FIXTURE(Room, "a customer's user sees the fields of its own customer that the page shows, and nothing else") {
    for (const char* path : {"/revisions", "/customers/acme/revisions"}) {
        const Reply reply = get(path, "own");
        const json shown = json::parse(reply.body);
        REQUIRE(shown["items"].size() == 1);
        CHECK(shown["total"] == 1);
        const json& one = shown["items"][0];
        CHECK(one["changes"] == json::array({{{"customer", "acme"}, {"text", "stack.mtu: 1420 -> 1380"}}}));
        CHECK(one["customers"] == json({"acme"}));
        for (const char* field : {"revision", "uid", "claimed_user", "comment"}) CHECK(one[field].is_null());
        CHECK(one["files"].empty());
        for (const char* word : {"globex", "secret-site", "ada", "workers", "pays late"})
            CHECK_FALSE(has(reply.body, word));
    }
    CHECK(get("/customers/globex/revisions", "own").status == 404);
    CHECK(get("/revisions/3", "own").status == 404);
}

TEST_CASE_FIXTURE(Room,
                  "a customer's user learns that a secret is another one, and not the name of a file of secrets") {
    for (const char* field :
         {"peer graz preshared_key", "connection hq psk", "connection hq ppk", "connection hq users"}) {
        for (const char* change :
             {": shared/bigcorp.psk -> acme/graz.psk", ": + shared/bigcorp.psk", ": the key in the file changed"}) {
            CAPTURE(field);
            facts.revisions = {revision(3, {{"acme", std::string(field) + change}})};
            CHECK(items("/revisions", "own")[0]["changes"][0]["text"] == std::string(field) + ": changed");
            CHECK(items("/revisions", "viewer")[0]["changes"][0]["text"] == std::string(field) + change);
        }
    }
    facts.revisions = {revision(3, {{"acme", "peer psk: + AAAA"}, {"acme", "peer users enabled: true -> false"}})};
    CHECK(items("/revisions", "own")[0]["changes"][0]["text"] == "peer psk: + AAAA");
    CHECK(items("/revisions", "own")[0]["changes"][1]["text"] == "peer users enabled: true -> false");
}

TEST_CASE_FIXTURE(Room, "an operator alone sees whom alertd told before, and lines of the appliance's file") {
    facts.revisions = {revision(3, {{"", "alerts.mail.user: + noc"}, {"", "workers: 1 -> 2"}, {"acme", "state: + x"}})};
    facts.revisions[0].files.push_back({"warren.toml", ipc::WebFileFate::kChanged, {"-user = \"noc\"", "+a"}, 5});
    CHECK(has(get("/revisions", "operator").body, "alerts.mail.user"));
    const Reply full = get("/revisions/3", "operator");
    CHECK(has(full.body, "alerts.mail.user"));
    CHECK(json::parse(full.body)["files"][1]["lines"].size() == 2);
    for (const char* path : {"/revisions", "/revisions/3", "/customers/acme/revisions"}) {
        const Reply reply = get(path, "viewer");
        CHECK_FALSE(has(reply.body, "noc"));
        CHECK(has(reply.body, "workers: 1 -> 2"));
    }
    const json files = json::parse(get("/revisions/3", "viewer").body)["files"];
    CHECK(files[0]["lines"] == json({"-a", "+b"}));
    CHECK(files[1]["lines"].empty());
    CHECK(files[1]["more_lines"] == 7);
}

TEST_CASE_FIXTURE(Room, "a customer's user is told of itself, and of no other user of the page") {
    facts.revisions[0].origin = "page";
    CHECK(items("/revisions", "own")[0]["claimed_user"].is_null());
    facts.revisions[0].claimed_user = "own";
    CHECK(items("/revisions", "own")[0]["claimed_user"] == "own");
    facts.revisions[0].origin = "request";
    CHECK(items("/revisions", "own")[0]["claimed_user"].is_null());
}

TEST_CASE_FIXTURE(Room,
                  "a customer's user sees nothing of what its id was before, also between a rename and the file") {
    facts.revisions[0].owners = {"globex"};
    CHECK(items("/revisions", "own").empty());
    facts.revisions[0].owners = {"acme"};
    CHECK(items("/revisions", "own").size() == 1);
    const std::vector<Rename> swap{{"acme", "globex"}, {"globex", "acme"}};
    rename_stacks(facts, swap);
    ++vpnd.round.header.generation;
    census.tell_renames(vpnd.round.header.generation, swap);
    CHECK(items("/revisions", "own").empty());
    CHECK(items("/revisions", "operator").size() == 3);
}

TEST_CASE_FIXTURE(Room, "what has no owner any more is shown to who sees all alone") {
    forget_owners(facts, std::set<std::string>{"globex"});
    CHECK(items("/revisions", "own").size() == 1);
    forget_owners(facts, std::set<std::string>{"acme"});
    CHECK(items("/revisions", "own").empty());
    facts.revisions[0].owners = {"acme"};
    forget_owners(facts);
    CHECK(items("/revisions", "own").empty());
    CHECK(items("/revisions", "operator").size() == 3);
}

TEST_CASE_FIXTURE(Room, "stackd is asked for the stack of that customer, and another one's user gets what nobody has") {
    Outcome outcome = ask("/customers/acme/stack", "own");
    REQUIRE(std::holds_alternative<Ask>(outcome));
    const Ask& asked = std::get<Ask>(outcome);
    CHECK(std::get<ipc::WebLook>(asked.what).customer == "acme");
    const Reply reply = router.finish_ask(now, asked, looked("shop"));
    CHECK(reply.status == 200);
    CHECK(json::parse(reply.body)["firewall"]["rules"][0]["name"] == "shop");
    const Reply foreign = get("/customers/globex/stack", "own");
    CHECK(foreign.status == 404);
    CHECK(foreign.body == get("/customers/absent/stack", "own").body);
}

TEST_CASE_FIXTURE(Room, "an answer serves others for a moment, and each role what it may see of it") {
    Outcome outcome = ask("/customers/acme/stack", "operator");
    const Reply first = router.finish_ask(now, std::get<Ask>(outcome), looked("shop"));
    CHECK(has(first.body, "/etc/somewhere"));
    const Reply kept = get("/customers/acme/stack", "own");
    CHECK(kept.status == 200);
    CHECK(has(kept.body, "shop"));
    CHECK_FALSE(has(kept.body, "/etc/somewhere"));
    CHECK(std::holds_alternative<Ask>(ask("/customers/globex/stack", "operator")));
    now = at(3);
    CHECK(std::holds_alternative<Ask>(ask("/customers/acme/stack", "own")));
}

TEST_CASE_FIXTURE(Room, "a firewall that the stack has not got is said to be missing") {
    const auto shown = [this](bool lacks) {
        now = at(lacks ? 60 : 0);  // what was kept is no answer any more
        Outcome outcome = ask("/customers/acme/stack", "own");
        ipc::WebLooked looked = this->looked("shop");
        looked.lacks_firewall = lacks;
        return json::parse(router.finish_ask(now, std::get<Ask>(outcome), looked).body)["firewall"]["installed"];
    };
    CHECK(shown(false) == true);
    CHECK(shown(true) == false);
}

TEST_CASE_FIXTURE(Room, "who answers on the LAN, who does not, and who was not asked lately are told apart") {
    Outcome outcome = ask("/customers/acme/stack", "own");
    ipc::WebLooked looked = this->looked("shop");
    looked.lan = ipc::WebLan{true, true, true, 1500, {}, 0};
    for (const auto& [mac, is_reached] :
         std::vector<std::pair<std::string, bool>>{{"aa", true}, {"", false}, {"aa", false}})
        looked.lan->neighbours.push_back({*parse_ip("10.42.0.10"), mac, is_reached});
    const json lan = json::parse(router.finish_ask(now, std::get<Ask>(outcome), looked).body)["lan"]["neighbours"];
    CHECK(lan[0]["answers"] == true);
    CHECK(lan[1]["answers"] == false);
    CHECK(lan[2]["answers"].is_null());
}

TEST_CASE_FIXTURE(Room, "what was asked before a rename is no answer after it") {
    const std::vector<Rename> swap{{"acme", "globex"}, {"globex", "acme"}};
    Outcome early = ask("/customers/acme/stack", "own");
    Outcome other = ask("/customers/globex/stack", "operator");
    CHECK(router.finish_ask(now, std::get<Ask>(other), looked("vault")).status == 200);
    rename_stacks(facts, swap);
    ++vpnd.round.header.generation;
    census.tell_renames(vpnd.round.header.generation, swap);
    const Reply late = router.finish_ask(now, std::get<Ask>(early), looked("vault"));
    CHECK(late.status == 503);
    CHECK_FALSE(has(late.body, "vault"));
    // Nor is what was kept: the ids are others' there.
    Outcome anew = ask("/customers/acme/stack", "own");
    REQUIRE(std::holds_alternative<Ask>(anew));
    CHECK(std::get<ipc::WebLook>(std::get<Ask>(anew).what).customer == "globex");
}

TEST_CASE_FIXTURE(Room, "a customer's user that looks without pause is refused, and an operator is not") {
    std::vector<Outcome> kept;  // asked, and not answered
    unsigned refused = 0;
    for (int i = 0; i < 40; ++i) {
        Outcome outcome = ask("/customers/acme/stack", "own");
        if (const auto* reply = std::get_if<Reply>(&outcome)) refused += reply->status == 429 ? 1 : 0;
        if (std::holds_alternative<Ask>(outcome)) kept.push_back(std::move(outcome));
    }
    CHECK(kept.size() == 4);
    CHECK(refused == 36);
    kept.clear();
    for (int i = 0; i < 40; ++i) (void)ask("/customers/acme/stack", "own");
    CHECK(get("/customers/acme/stack", "own").status == 429);  // also one at a time
    CHECK(std::holds_alternative<Ask>(ask("/customers/globex/stack", "operator")));
}

TEST_CASE_FIXTURE(Room, "why a stack cannot be read is told to who sees all") {
    ipc::WebLooked failed;
    failed.outcome = ipc::WebLookOutcome::kFailed;
    failed.text = "no namespace warren-acme";
    for (const auto& [who, tells] : std::vector<std::pair<std::string, bool>>{{"operator", true}, {"own", false}}) {
        Outcome outcome = ask("/customers/acme/stack", who);
        const Reply reply = router.finish_ask(now, std::get<Ask>(outcome), failed);
        CHECK(reply.status == 502);
        CHECK(has(reply.body, "warren-acme") == tells);
    }
    Outcome outcome = ask("/customers/acme/stack", "operator");
    CHECK(router.finish_ask(now, std::get<Ask>(outcome), std::nullopt).status == 504);
}

TEST_CASE_FIXTURE(Room, "a customer has its LAN, whether its stack is complete, its routes and disabled peers") {
    const auto shown = [this](const char* token) { return get("/customers/acme", token).body; };
    // Not "none": stackd has not told of it yet.
    CHECK(has(shown("own"), R"("stack_complete":null,"lan":null,"static_routes":null,"static_routes_more":null,)"
                            R"("disabled_peers":null,"disabled_peers_more":null)"));
    facts.stacks["acme"].customer = "acme";
    CHECK(has(shown("own"), R"("stack_complete":true,"lan":null,"static_routes":[],"static_routes_more":0,)"
                            R"("disabled_peers":[],"disabled_peers_more":0)"));
    facts.stacks["acme"] = {"acme",
                            "veth",
                            "br0",
                            {*parse_prefix("10.42.0.1/24")},
                            {{*parse_prefix("10.9.0.0/16"), *parse_ip("10.42.0.254")}},
                            3,
                            {"graz"},
                            4,
                            false};
    CHECK(has(shown("viewer"), R"("lan":{"type":"veth","parent":"br0","addresses":["10.42.0.1/24"]})"));
    CHECK(has(shown("own"), R"("lan":{"type":"veth","parent":null,"addresses":["10.42.0.1/24"]})"));
    CHECK(has(shown("own"), R"("static_routes":[{"to":"10.9.0.0/16","via":"10.42.0.254"}],"static_routes_more":3)"));
    CHECK(has(shown("own"), R"("disabled_peers":["graz"],"disabled_peers_more":4)"));
    CHECK(has(shown("own"), R"("stack_complete":false)"));
    CHECK(has(get("/customers/globex", "viewer").body, R"("stack_complete":null)"));
    CHECK_FALSE(has(shown("own"), "br0"));
    facts.stacks["acme"].description = "pays late";
    CHECK(has(shown("viewer"), R"("description":"pays late")"));
    CHECK(has(shown("own"), R"("description":null)"));
}

TEST_CASE_FIXTURE(Room, "a stack that is not complete is an alarm, also when stackd had no room for the reason") {
    using Kind = ipc::ControlText::Kind;
    const auto alarms = [this](const char* token) { return get("/overview", token).body; };
    facts.problems = {{{Kind::kNote, "acme", "refused: port 51820 is in use"}, {}},
                      {{Kind::kNote, "", "100 more problems: vpnctl status lists them"}, {}}};
    CHECK_FALSE(has(alarms("viewer"), "stack_incomplete"));
    facts.incomplete = {"acme", "globex"};
    CHECK(has(alarms("viewer"), "globex: its stack is not complete"));
    CHECK(has(alarms("own"), "The stack of customer acme is not complete."));
    facts.problems = {{{Kind::kIncomplete, "acme", "no device br0"}, {}}};
    CHECK(has(alarms("viewer"), "acme: no device br0"));
    CHECK_FALSE(has(alarms("viewer"), "acme: its stack is not complete"));
    CHECK(has(alarms("viewer"), "globex: its stack is not complete"));
}

TEST_CASE_FIXTURE(Room, "an operator alone sees whom alertd tells") {
    facts.alerts = {true, true, 1, {{"webhook", "https://a.example", false, "refused", 1, 2, 3, WallTime{4}, "told"}}};
    const json shown = json::parse(get("/system", "operator").body)["alerts"];
    CHECK(shown["configured"] == true);
    CHECK(shown["targets"][0]["where"] == "https://a.example");
    CHECK(shown["targets"][0]["last_text"] == "told");
    CHECK(json::parse(get("/system", "viewer").body)["alerts"].is_null());
    CHECK(get("/system", "own").status == 404);
}

TEST_CASE_FIXTURE(Room, "a reseller sees what changed of its customers, and nothing of its own file or of others") {
    vpnd.round.customers.resize(4, vpnd.round.customers[0]);
    vpnd.round.customers[2].customer.settings.id = "acme.north";
    vpnd.round.customers[3].customer.settings.id = "globex.north";
    census.apply_snapshot(at(2), vpnd.round);
    facts.revisions = {revision(3, {{"acme", "stack.mtu: 1420 -> 1380"}, {"globex.north", "state: active -> x"}}),
                       revision(2, {{"acme.north", "stack.mtu: 1420 -> 1300"}})};
    facts.revisions[1].files[0].name = "customers/acme/north.toml";
    const json seen = items("/revisions", "reseller");
    REQUIRE(seen.size() == 1);
    CHECK(seen[0]["customers"] == json{"acme.north"});
    CHECK(seen[0]["changes"][0]["text"] == "stack.mtu: 1420 -> 1300");
    CHECK(items("/customers/acme.north/revisions", "reseller").size() == 1);
    // A file below a reseller is of the customer with a dot in its id.
    CHECK(items("/customers/acme.north/revisions", "operator").size() == 1);
    CHECK(items("/revisions", "operator")[1]["customers"] == json{"acme.north"});
}
