// Every route and its checks, without a network. Over real HTTPS: tests/e2e/test_status_page.py.
#include "web/api/router.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

#include "access/secrets.h"
#include "web/model/sentences.h"

using namespace warren;
using namespace warren::web;

namespace {

constexpr Now kNow{{1'000'000'000'000}, {1'700'000'000'000'000'000}};

SnapshotRound round_of(std::initializer_list<const char*> ids) {
    SnapshotRound round;
    round.header.epoch = 1;
    for (const char* id : ids) {
        SnapshotRound::Customer customer;
        customer.customer.settings.id = id;
        customer.customer.settings.name = std::string("The ") + id;
        ipc::PeerSnapshot peer;
        peer.settings.name = "p";
        customer.peers.push_back(peer);
        round.customers.push_back(customer);
    }
    return round;
}

struct Fixture {
    Census census;
    Gate gate{"$argon2id$nobody"};
    SystemFacts facts;
    Router router{census, gate, facts, {}, "life"};

    Fixture() {
        (void)access::start_libsodium();
        access::Users users;
        const auto add = [&](const char* name, access::Grant grant) {
            users.tokens.push_back({name, std::move(grant), access::sha256_hex(name)});
        };
        add("operator", {access::Role::kOperator, {}});
        add("viewer", {access::Role::kViewer, {}});
        add("customer", {access::Role::kCustomer, {"acme", "gone"}});
        add("reseller", {access::Role::kReseller, {"acme"}});
        gate.set_users(users);
        facts.certificate = CertificateFacts{"AA", "CN=pop", {}, {}, true, {"pop-1", "*.vpn.example.net"}};
        census.apply_snapshot(kNow, round_of({"acme", "globex"}));
    }
    static Request request(const std::string& target, const std::string& token = {}) {
        Request out;
        out.method = "GET";
        out.target = target;
        out.host = "127.0.0.1:8443";
        if (!token.empty()) out.authorization = "Bearer " + token;
        return out;
    }
    Reply reply_to(const Request& request) {
        Outcome outcome = router.handle(kNow, request);
        REQUIRE(std::holds_alternative<Reply>(outcome));
        return std::get<Reply>(outcome);
    }
    Reply get(const std::string& target, const std::string& token = {}) { return reply_to(request(target, token)); }
};

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

bool same(const Reply& a, const Reply& b) {
    return a.status == b.status && a.body == b.body && a.headers == b.headers && a.content_type == b.content_type;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "only healthz and the page's files need no login") {
    CHECK(get("/healthz").status == 200);
    CHECK(get("/").status == 200);
    for (const char* path : {"/api/v1/overview", "/api/v1/customers/acme", "/api/v1/none", "/api", "/metrics",
                             "/readyz", "/%61pi/v1/system"}) {
        CAPTURE(path);
        CHECK(get(path).status == 401);
        CHECK(get(path, "unknown").status == 401);
    }
}

TEST_CASE_FIXTURE(Fixture, "a customer sees only its own; another's id and an unknown id give the same bytes") {
    for (const char* rest : {"", "/peers", "/peers/p", "/peers/p/timeseries", "/timeseries"}) {
        CAPTURE(rest);
        const std::string at = "/api/v1/customers/";
        CHECK(get(at + "acme" + rest, "customer").status == 200);
        CHECK(get(at + "globex" + rest, "customer").status == 404);
        CHECK(same(get(at + "globex" + rest, "customer"), get(at + "absent" + rest, "customer")));
        CHECK(same(get(at + "gone" + rest, "customer"), get(at + "absent" + rest, "operator")));
        CHECK(get(at + "globex" + rest, "viewer").status == 200);
    }
    CHECK(get("/api/v1/events?customer=globex", "customer").status == 404);
    CHECK(get("/api/v1/events?customer=acme", "customer").status == 200);
    for (const char* path : {"/api/v1/system", "/api/v1/timeseries"}) {
        CHECK(get(path, "customer").status == 404);
        CHECK(get(path, "viewer").status == 200);
    }
    for (const char* path : {"/api/v1/customers", "/api/v1/overview", "/api/v1/events", "/metrics"}) {
        CAPTURE(path);
        CHECK(get(path, "customer").body.find("globex") == std::string::npos);
        CHECK(get(path, "customer").status == 200);
    }
    CHECK(get("/api/v1/system", "operator").body.find("\"users_file\":{") != std::string::npos);
    CHECK(get("/api/v1/system", "viewer").body.find("\"users_file\":null") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "a customer that is not served is an alarm, a row and a reason, to those who may see it") {
    facts.certificate->not_after = {INT64_MAX};
    CHECK(get("/readyz", "viewer").status == 200);
    CHECK(contains(get("/api/v1/overview", "viewer").body, R"("verdict":"All is well.","alarms":[])"));
    CHECK(contains(get("/metrics", "viewer").body, "\nwarren_healthy 1\n"));
    using Kind = ipc::ControlText::Kind;
    facts.problems = {{{Kind::kUnserved, "gone", "/etc/gone.toml:1:1: error"}, kNow.wall}};
    census.set_unserved({"gone"});
    const Reply ready = get("/readyz", "viewer");
    CHECK(ready.status == 503);
    CHECK(contains(ready.body, "Customer gone is not served: /etc/gone.toml:1:1: error"));
    CHECK(contains(get("/api/v1/overview", "viewer").body, R"("kind":"customer_not_served","severity":"critical")"));
    CHECK(contains(get("/api/v1/customers?state=unserved", "viewer").body, R"("id":"gone","name":"gone")"));
    CHECK(contains(get("/metrics", "viewer").body, "\nwarren_healthy 0\n"));
    CHECK(contains(get("/metrics", "viewer").body, "\nwarren_ready 0\n"));
    CHECK(contains(get("/metrics", "viewer").body, "\nwarren_findings{kind=\"customer_not_served\"} 1\n"));
    CHECK(contains(get("/readyz", "customer").body, "Customer gone is not served."));
    CHECK_FALSE(contains(get("/readyz", "customer").body, "/etc"));
    facts.problems = {{{Kind::kUnserved, "globex", "x"}, kNow.wall}};
    CHECK(get("/readyz", "customer").status == 200);  // another's
}

TEST_CASE_FIXTURE(Fixture, "a stackd that says nothing for too long is an alarm, and not sooner") {
    facts.certificate->not_after = {INT64_MAX};
    facts.stackd_heard = Now{kNow.instant - kStackdSilence, {1}};
    CHECK(get("/readyz", "viewer").status == 200);
    facts.stackd_heard = Now{kNow.instant - kStackdSilence - Duration(1), {1}};
    const Reply ready = get("/readyz", "viewer");
    CHECK(ready.status == 503);
    CHECK(contains(ready.body, "stackd does not answer; tunnels keep running, changes wait"));
    CHECK(contains(get("/api/v1/overview", "viewer").body, R"("kind":"stackd_unreachable","severity":"critical")"));
    CHECK(get("/readyz", "customer").status == 200);
    const auto findings = findings_of(census, {}, facts, true, kNow);
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].since == WallTime{1});
}

TEST_CASE("a problem that stays keeps its time") {
    using Kind = ipc::ControlText::Kind;
    const auto before = merge_problems({}, {{Kind::kNote, "acme", "x"}, {Kind::kNote, "", "y"}}, {1});
    const auto after = merge_problems(before, {{Kind::kNote, "", "y"}, {Kind::kNote, "globex", "x"}}, {2});
    REQUIRE(after.size() == 2);
    CHECK(after[0].since == WallTime{1});
    CHECK(after[1].since == WallTime{2});
}

TEST_CASE_FIXTURE(Fixture, "system and metrics show vpnd's processor time and memory, but not to a customer") {
    const auto said = [&](const char* target) { return get(target, "viewer").body; };
    CHECK(contains(said("/api/v1/system"), R"("cpu_seconds":0.0,"cpu_share":null,"memory_bytes":null,"workers":[])"));
    CHECK_FALSE(contains(said("/metrics"), "warren_vpnd_resident_memory_bytes"));
    SnapshotRound round = round_of({"acme", "globex"});
    round.header.workers = {{7, 0, 2, 1'500'000'000}, {0, 7, 0, 0}};
    round.header.cpu_nanoseconds = 2'250'000'000;
    round.header.resident_bytes = 50'000'000;
    const auto later = [](int seconds) { return Now{kNow.instant + std::chrono::seconds(seconds), kNow.wall}; };
    census.apply_snapshot(later(-4), round);
    round.header.workers[0].cpu_nanoseconds += 500'000'000;
    round.header.cpu_nanoseconds += 1'000'000'000;
    census.apply_snapshot(later(-2), round);
    CHECK(contains(said("/api/v1/system"),
                   R"("cpu_seconds":3.25,"cpu_share":0.5,"memory_bytes":50000000,"workers":[)"
                   R"({"worker":0,"cpu_seconds":2.0,"cpu_share":0.25,"handed_over":7,"taken_over":0,"ring_full":2},)"
                   R"({"worker":1,"cpu_seconds":0.0,"cpu_share":0.0,"handed_over":0,"taken_over":7,"ring_full":0}])"));
    CHECK(contains(said("/metrics"), "\nwarren_vpnd_cpu_seconds_total 3.25\n"));
    CHECK(contains(said("/metrics"), "\nwarren_vpnd_resident_memory_bytes 50000000\n"));
    CHECK(contains(said("/metrics"), "\nwarren_worker_cpu_seconds_total{worker=\"0\"} 2\n"));
    CHECK(contains(said("/metrics"), "\nwarren_worker_cpu_seconds_total{worker=\"1\"} 0\n"));
    CHECK_FALSE(contains(get("/metrics", "customer").body, "cpu_seconds"));
    CHECK(get("/api/v1/system", "customer").status == 404);
    census.apply_snapshot(later(-30), round);
    CHECK(contains(said("/api/v1/system"), R"("cpu_share":null)"));  // stale
}

TEST_CASE_FIXTURE(Fixture, "a write from another origin is refused") {
    Request login = request("/api/v1/login");
    login.method = "POST";
    login.content_type = "application/json";
    login.body = R"({"user":"a","password":"b"})";
    for (const char* origin : {"", "null", "https://evil.example", "http://127.0.0.1:8443", "https://127.0.0.1",
                               "https://127.0.0.1:8443.evil"}) {
        CAPTURE(origin);
        login.origin = origin;
        CHECK(reply_to(login).status == 403);
    }
    login.origin = "https://127.0.0.1:8443";
    CHECK(std::holds_alternative<PasswordCheck>(router.handle(kNow, login)));
    login.content_type = "text/plain";
    CHECK(reply_to(login).status == 415);
    Request other = request("/api/v1/customers", "operator");
    other.method = "POST";
    CHECK(reply_to(other).status == 405);
    other.method = "DELETE";
    CHECK(reply_to(other).status == 405);
}

TEST_CASE_FIXTURE(Fixture, "a file of the page is sent gzipped only to a client that accepts it") {
    const std::array<std::uint8_t, 3> zipped{'z', 'i', 'p'};
    const std::array<std::uint8_t, 5> plain{'p', 'l', 'a', 'i', 'n'};
    const std::array<PageFile, 1> files{{{"/index.html", zipped, plain}}};
    Router built{census, gate, facts, files, "life"};
    Request asked = request("/");
    const auto header = [](const Reply& reply, const std::string& name) {
        for (const auto& [key, value] : reply.headers) {
            if (key == name) return value;
        }
        return std::string();
    };
    Reply reply = std::get<Reply>(built.handle(kNow, asked));
    CHECK(reply.body == "plain");
    CHECK(header(reply, "Content-Encoding").empty());
    CHECK(header(reply, "Vary") == "Accept-Encoding");
    asked.accept_encoding = "gzip";
    reply = std::get<Reply>(built.handle(kNow, asked));
    CHECK(reply.body == "zip");
    CHECK(header(reply, "Content-Encoding") == "gzip");
    CHECK(header(reply, "Vary") == "Accept-Encoding");
}

TEST_CASE_FIXTURE(Fixture, "customers are found by address, endpoint and key, and sorted as people do") {
    SnapshotRound round = round_of({"c10", "c2", "c1"});
    round.customers[0].customer.settings.addresses = {*parse_prefix("10.8.0.1/24")};
    ipc::PeerSnapshot& peer = round.customers[1].peers[0];
    peer.tunnel = ipc::ShownWireguardPeer{"AbCdEfGh+/=", false, 0};
    peer.activity.endpoint = parse_endpoint("198.51.100.77:51820");
    peer.settings.allowed_ips = {*parse_prefix("10.44.0.0/16"), *parse_prefix("fd00:44::/64")};
    census.apply_snapshot(kNow, round);
    const auto found = [this](const std::string& search) {
        std::string out;
        const std::string body = get("/api/v1/customers?search=" + search, "viewer").body;
        for (const char* id : {"c1", "c2", "c10"}) {
            if (contains(body, std::string("\"id\":\"") + id + "\"")) out += std::string(id) + " ";
        }
        return out;
    };
    CHECK(found("10.8.0.1") == "c10 ");
    CHECK(found("10.8.0.200") == "c10 ");  // of its network
    CHECK(found("10.44.3.9") == "c2 ");
    CHECK(found("10.44.") == "c2 ");
    CHECK(found("fd00:44::7") == "c2 ");
    CHECK(found("198.51.100.77") == "c2 ");
    CHECK(found("51820") == "c2 ");
    CHECK(found("abcdefgh%2B") == "c2 ");
    CHECK(found("10.45.0.1").empty());
    const std::string all = get("/api/v1/customers", "viewer").body;
    CHECK(all.find("\"c1\"") < all.find("\"c2\""));
    CHECK(all.find("\"c2\"") < all.find("\"c10\""));
}

TEST_CASE_FIXTURE(Fixture, "a peer says how many of its networks are not shown") {
    SnapshotRound round = round_of({"acme", "globex"});
    CHECK(contains(get("/api/v1/customers/acme/peers/p", "customer").body, "\"allowed_ips_left_out\":0"));
    round.customers[0].peers[0].allowed_ips_left_out = 18'000;
    census.apply_snapshot(kNow, round);
    CHECK(contains(get("/api/v1/customers/acme/peers/p", "customer").body, "\"allowed_ips_left_out\":18000"));
}

TEST_CASE_FIXTURE(Fixture,
                  "refused senders: all for those who see all, for a customer those that claim to be its peers") {
    SnapshotRound round = round_of({"acme", "globex"});
    const auto from = [](std::uint8_t last) { return Endpoint{IpAddress::v4(192, 0, 2, last), 5000, 0}; };
    const WallTime at{1'764'424'800'000'000'000};
    round.header.refused = {{"unknown_peer", "", from(1), "gN65BkIK", 3, at, at, "", ""},
                            {"bad_mac1", "acme", from(2), "", 4, at, at, "", ""},  // a stranger at its own listener
                            {"bad_initiation", "", from(3), "AbCdEfGh", 5, at, at, "acme", "p"},
                            {"bad_initiation", "", from(4), "IjKlMnOp", 6, at, at, "globex", "p"}};
    census.apply_snapshot(kNow, round);
    for (const char* token : {"operator", "viewer"}) {
        CAPTURE(token);
        const std::string body = get("/api/v1/system", token).body;
        for (std::uint8_t i = 1; i <= 4; ++i) CHECK(contains(body, to_string(from(i))));
    }
    CHECK(get("/api/v1/system", "customer").status == 404);
    for (const char* token : {"operator", "viewer", "customer"}) {
        CAPTURE(token);
        const std::string body = get("/api/v1/customers/acme", token).body;
        for (std::uint8_t i = 1; i <= 4; ++i) CHECK(contains(body, to_string(from(i))) == (i == 3));
        CHECK(contains(body, R"("from":"192.0.2.3:5000","key_begins":"AbCdEfGh","listener":null,)"
                             R"("customer":"acme","peer":"p",)"
                             R"("messages":5,"first":"2025-11-29T14:00:00Z","last":"2025-11-29T14:00:00Z")"));
    }
    // In no other answer that a customer's user gets.
    for (const char* path : {"/api/v1/overview", "/api/v1/customers", "/api/v1/events", "/api/v1/customers/acme/peers",
                             "/api/v1/customers/acme/peers/p"}) {
        CAPTURE(path);
        CHECK_FALSE(contains(get(path, "customer").body, "192.0.2."));
    }
}

TEST_CASE_FIXTURE(Fixture, "anybody learns the appliance's name, and nothing else") {
    facts.appliance = "pop-vienna-1";
    CHECK(get("/api/v1/about").body == R"({"appliance":"pop-vienna-1"})");
}

TEST_CASE_FIXTURE(Fixture, "a request with another Host is told what to do") {
    Request asked = request("/");
    asked.host = "vpn.example.com";
    CHECK(contains(reply_to(asked).body, "names in its certificate"));
    CHECK(reply_to(asked).content_type == "application/problem+json");
    asked.accept = "text/html,application/xhtml+xml";
    CHECK(contains(reply_to(asked).body, "secrets/status.pem"));
    CHECK(reply_to(asked).content_type == "text/html; charset=utf-8");
    CHECK_FALSE(contains(reply_to(asked).body, "example.com"));
}

TEST_CASE_FIXTURE(Fixture, "a request with another Host is refused") {
    const auto status = [this](const char* host) {
        Request asked = request("/healthz");
        asked.host = host;
        return reply_to(asked).status;
    };
    for (const char* host :
         {"127.0.0.1", "[::1]:8443", "localhost:1", "LOCALHOST", "pop-1", "a.vpn.example.net:8443", "198.51.100.1"}) {
        CAPTURE(host);
        CHECK(status(host) == 200);
    }
    for (const char* host : {"", ":8443", "pop-1.evil.example", "vpn.example.net", ".vpn.example.net",
                             "a.b.vpn.example.net", "evil", "[::1"}) {
        CAPTURE(host);
        CHECK(status(host) == 421);
    }
}

TEST_CASE_FIXTURE(Fixture,
                  "a stream resumes at its position, resets when that is unknown, and ends with its credential") {
    Request asked = request("/api/v1/events", "operator");
    asked.accept = "text/event-stream";
    Outcome outcome = router.handle(kNow, asked);
    auto& stream = std::get<Stream>(outcome);
    const auto first = router.next_message(kNow, stream);
    REQUIRE(first);
    CHECK(first->starts_with("id: life-1-"));
    const std::string id = first->substr(4, first->find('\n') - 4);

    SnapshotRound more = round_of({"acme", "globex"});
    more.customers[1].customer.settings.suspended = true;
    census.apply_snapshot(kNow, more);
    asked.last_event_id = id;
    outcome = router.handle(kNow, asked);
    const auto resumed = router.next_message(kNow, std::get<Stream>(outcome));
    CHECK(resumed->find("\"kind\":\"suspended\"") != std::string::npos);
    CHECK(resumed->find("event: reset") == std::string::npos);

    for (const char* wrong : {"life", "life-", "life-x-1", "life-1", "life-1-1x", "life-999-1", "life-1-999",
                              "other-1-1", "life-99999999999999999999-1"}) {
        CAPTURE(wrong);
        asked.last_event_id = wrong;
        outcome = router.handle(kNow, asked);
        CHECK(router.next_message(kNow, std::get<Stream>(outcome))->starts_with("event: reset\n"));
    }
    gate.set_users({});
    CHECK_FALSE(router.next_message(kNow, stream));
}

TEST_CASE_FIXTURE(Fixture, "an open page of a customer is told to load again when a rate or a peer's networks change") {
    const Scope scope{{"operator", {access::Role::kOperator, {}}, true, {}, {}}, "acme", {}};
    const auto delta = [&](std::uint64_t since) { return delta_json(census, facts, scope, since, 0, kNow); };
    SnapshotRound round = round_of({"acme", "globex"});
    std::uint64_t before = census.tick();
    census.apply_snapshot(kNow, round);
    CHECK(contains(delta(before), "\"reload\":false"));
    SUBCASE("a rate") {
        round.customers[0].customer.settings.rate_up = 1'000'000;
    }
    SUBCASE("a network") {
        round.customers[0].peers[0].settings.allowed_ips.emplace_back();
    }
    before = census.tick();
    census.apply_snapshot(kNow, round);
    CHECK(contains(delta(before), "\"reload\":true"));
    CHECK(contains(delta(before), "\"kind\":\"changed\""));
    before = census.tick();
    census.apply_snapshot(kNow, round);
    CHECK(contains(delta(before), "\"reload\":false"));
}

TEST_CASE_FIXTURE(Fixture, "a stream ends when what its token may see changes") {
    Request asked = request("/api/v1/events", "viewer");
    asked.accept = "text/event-stream";
    Outcome outcome = router.handle(kNow, asked);
    auto& stream = std::get<Stream>(outcome);
    REQUIRE(router.next_message(kNow, stream));
    access::Users users = gate.users();
    for (access::Token& token : users.tokens) {
        if (token.name == "viewer") token.grant = {access::Role::kOperator, {}};
    }
    gate.set_users(users);  // even if it may see more
    CHECK_FALSE(router.next_message(kNow, stream));

    asked = request("/api/v1/events", "customer");
    asked.accept = "text/event-stream";
    outcome = router.handle(kNow, asked);
    REQUIRE(router.next_message(kNow, std::get<Stream>(outcome)));
    for (access::Token& token : users.tokens) {
        if (token.name == "customer") token.grant.customers = {"acme"};
    }
    gate.set_users(users);
    CHECK_FALSE(router.next_message(kNow, std::get<Stream>(outcome)));
}

TEST_CASE_FIXTURE(Fixture, "an open page does not keep a session alive") {
    access::Users users = gate.users();
    users.users.push_back({"anna", {access::Role::kOperator, {}}, "$argon2id$anna"});
    gate.set_users(users);
    const auto attempt = gate.begin_login(kNow, "anna", "x", IpAddress::v4(192, 0, 2, 1));
    const auto login = gate.finish_login(kNow, *attempt.check, true);
    REQUIRE(login);
    Request asked = request("/api/v1/events");
    asked.accept = "text/event-stream";
    asked.cookie = std::string(kCookie) + "=" + login->session;
    Outcome outcome = router.handle(kNow, asked);
    auto& stream = std::get<Stream>(outcome);
    const auto later = [](std::chrono::minutes by) { return Now{kNow.instant + by, kNow.wall}; };
    for (int minute = 0; minute < 30; ++minute) CHECK(router.next_message(later(std::chrono::minutes(minute)), stream));
    CHECK_FALSE(router.next_message(later(std::chrono::minutes(30)), stream));
    CHECK_FALSE(router.viewer_of(later(std::chrono::minutes(30)), asked));
}

TEST_CASE_FIXTURE(Fixture, "events of the appliance stay out of a customer's stream and list") {
    const auto stream_of = [this](const std::string& target, const char* token) {
        Request asked = request(target, token);
        asked.accept = "text/event-stream";
        return std::get<Stream>(router.handle(kNow, asked));
    };
    Stream own = stream_of("/api/v1/events", "customer");
    Stream named = stream_of("/api/v1/events?customer=acme", "customer");
    Stream all = stream_of("/api/v1/events", "viewer");
    Stream one = stream_of("/api/v1/events?customer=acme", "viewer");
    const Now later{kNow.instant + kSilence + std::chrono::seconds(1), kNow.wall};
    census.check_silence(later);
    CHECK(contains(*router.next_message(later, all), R"("kind":"vpnd_lost")"));
    for (Stream* stream : {&own, &named, &one}) {
        const auto message = router.next_message(later, *stream);
        REQUIRE(message);
        CHECK_FALSE(contains(*message, R"("kind":"vpnd_lost")"));
    }
    CHECK(contains(get("/api/v1/events", "viewer").body, R"("kind":"vpnd_lost")"));
    CHECK_FALSE(contains(get("/api/v1/events", "customer").body, R"("kind":"vpnd_)"));
    CHECK(get("/api/v1/events?customer=", "customer").status == 404);
}

TEST_CASE_FIXTURE(Fixture, "before the first snapshot nothing is said to be unknown, but to who may not see it") {
    Census empty;
    Router started(empty, gate, facts, {}, "life");
    const auto status_for = [&](const char* target, const char* token) {
        return std::get<Reply>(started.handle(kNow, request(target, token))).status;
    };
    for (const char* target : {"/api/v1/customers/acme", "/api/v1/customers/acme/peers/p"}) {
        CHECK(status_for(target, "operator") == 503);
        CHECK(status_for(target, "customer") == 503);
    }
    CHECK(status_for("/api/v1/customers/globex", "customer") == 404);
    empty.apply_snapshot(kNow, round_of({"globex"}));
    CHECK(status_for("/api/v1/customers/acme", "operator") == 404);
}

TEST_CASE_FIXTURE(Fixture, "who may see an id reads nothing of another company that had it; who sees all does") {
    SnapshotRound round = round_of({"acme", "globex"});
    ipc::PeerSnapshot& peer = round.customers[0].peers[0];
    std::string& key = std::get<ipc::ShownWireguardPeer>(peer.tunnel).public_key;
    peer.settings.name = "former-site";
    key = "one";
    census.apply_snapshot(kNow, round);
    CHECK(contains(get("/api/v1/events?customer=acme", "customer").body, "former-site"));
    const auto stream_of = [this](const char* token) {
        Request asked = request("/api/v1/events", token);
        asked.accept = "text/event-stream";
        return std::get<Stream>(router.handle(kNow, asked));
    };
    Stream own = stream_of("customer");
    Stream all = stream_of("viewer");
    peer.settings.name = "p";
    key = "two";
    census.apply_snapshot(kNow, round);
    for (const char* target : {"/api/v1/events", "/api/v1/events?customer=acme"}) {
        CHECK_FALSE(contains(get(target, "customer").body, "former-site"));
        CHECK(contains(get(target, "viewer").body, "former-site"));
    }
    CHECK_FALSE(contains(*router.next_message(kNow, own), "former-site"));
    CHECK(contains(*router.next_message(kNow, all), "former-site"));
}

TEST_CASE_FIXTURE(Fixture, "a customer's stream contains nothing of another customer, even if watched") {
    Request asked = request("/api/v1/events?watch=globex,acme", "customer");
    asked.accept = "text/event-stream";
    Outcome outcome = router.handle(kNow, asked);
    auto& stream = std::get<Stream>(outcome);
    SnapshotRound more = round_of({"acme", "globex"});
    for (auto& customer : more.customers) customer.customer.settings.suspended = true;
    census.apply_snapshot(kNow, more);
    const auto message = router.next_message(kNow, stream);
    CHECK(message->find("acme") != std::string::npos);
    CHECK(message->find("globex") == std::string::npos);
    asked.target = "/api/v1/events?customer=globex";
    CHECK(std::get<Reply>(router.handle(kNow, asked)).status == 404);
}

TEST_CASE_FIXTURE(Fixture, "one login cannot take all streams; an ended stream makes room") {
    const auto open = [this](const char* token) {
        Request asked = request("/api/v1/events", token);
        asked.accept = "text/event-stream";
        return router.handle(kNow, asked);
    };
    std::vector<Outcome> held;
    while (held.empty() || std::holds_alternative<Stream>(held.back())) {
        REQUIRE(held.size() < 1000);
        held.push_back(open("customer"));
    }
    CHECK(std::get<Reply>(held.back()).status == 429);
    CHECK(held.size() == Router::kStreams.each + 1);
    CHECK(router.streams() == Router::kStreams.each);
    CHECK(std::holds_alternative<Stream>(open("operator")));
    held.clear();
    CHECK(std::holds_alternative<Stream>(open("customer")));
}

TEST_CASE_FIXTURE(Fixture, "a reseller sees its customers, and of others what nobody would see") {
    census.apply_snapshot(kNow, round_of({"acme", "acme.lab.x", "acme.north", "acmex.north", "globex.north", "north"}));
    CHECK(contains(get("/api/v1/customers/acme.north", "reseller").body, "\"acme.north\""));
    CHECK(get("/api/v1/customers/acme.lab.x", "reseller").status == 200);
    const Reply unknown = get("/api/v1/customers/unknown", "reseller");
    for (const char* other : {"acme", "acmex.north", "globex.north", "north"}) {
        CAPTURE(other);
        CHECK(same(get("/api/v1/customers/" + std::string(other), "reseller"), unknown));
    }
    const std::string list = get("/api/v1/customers", "reseller").body;
    CHECK(contains(list, "\"total\":2"));
    for (const char* other : {"\"acme\"", "acmex", "globex", "\"north\""}) CHECK_FALSE(contains(list, other));
    const std::string metrics = get("/metrics", "reseller").body;
    CHECK(contains(metrics, "acme.north"));
    for (const char* other : {"\"acme\"", "acmex", "globex", "\"north\""}) CHECK_FALSE(contains(metrics, other));
    CHECK(get("/api/v1/system", "reseller").status == 404);
    CHECK(get("/api/v1/events?customer=globex.north", "reseller").status == 404);
    CHECK(contains(get("/api/v1/overview", "reseller").body, "\"total\":2"));
    CHECK(contains(get("/api/v1/session", "reseller").body, "\"role\":\"reseller\""));
}

TEST_CASE_FIXTURE(Fixture, "only a valid credential makes a client known") {
    CHECK(router.viewer_of(kNow, request("/healthz", "operator"))->name == "operator");
    CHECK_FALSE(router.viewer_of(kNow, request("/healthz", "unknown")));
    CHECK_FALSE(router.viewer_of(kNow, request("/healthz")));
}
