// Requests that change something: who may send them, and what stackd is asked for.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "access/secrets.h"
#include "web/api/router.h"

using namespace warren;
using namespace warren::web;
using ipc::WebAction;
using ipc::WebVerdict;

namespace {

constexpr Now kNow{{1'000'000'000'000}, {1'700'000'000'000'000'000}};
const std::string kHost = "127.0.0.1:8443";
const std::string kDevice = R"({"name":"phone","description":"of Ada","public_key":"key"})";

struct Room {
    Census census;
    Gate gate{"$argon2id$nobody"};
    SystemFacts facts;
    Router router{census, gate, facts, {}, "life"};

    Room() {
        (void)access::start_libsodium();
        access::Users users;
        users.users.push_back({"ada", {access::Role::kOperator, {}}, "hash"});
        users.users.push_back({"vic", {access::Role::kViewer, {}}, "hash"});
        users.users.push_back({"own", {access::Role::kCustomer, {"acme"}}, "hash"});
        users.users.push_back({"res", {access::Role::kReseller, {"acme"}}, "hash"});
        users.tokens.push_back({"robot", {access::Role::kOperator, {}}, access::sha256_hex("robot")});
        gate.set_users(users);
        facts.changing.allowed = true;
    }
    std::string session(const std::string& user) {
        auto attempt = gate.begin_login(kNow, user, "password", *parse_ip("127.0.0.1"));
        REQUIRE(attempt.check);
        return gate.finish_login(kNow, *attempt.check, true)->session;
    }
    // One that has shown its password for changes.
    std::string unlocked(const std::string& user) {
        std::string out = session(user);
        gate.keep_ticket({out, false}, "ticket of " + user);
        return out;
    }
    static Request post(const std::string& path, const std::string& session, const std::string& body) {
        Request out;
        out.method = "POST";
        out.target = "/api/v1" + path;
        out.host = kHost;
        out.origin = "https://" + kHost;
        out.content_type = "application/json";
        out.cookie = std::string(kCookie) + "=" + session;
        out.body = body;
        return out;
    }
    unsigned status(const Request& request) {
        Outcome outcome = router.handle(kNow, request);
        if (std::holds_alternative<Ask>(outcome)) return 0;
        return std::get<Reply>(outcome).status;
    }
    unsigned status(const std::string& path, const std::string& session, const std::string& body = "{}") {
        return status(post(path, session, body));
    }
    ipc::WebChange change(const std::string& path, const std::string& session, const std::string& body = "{}") {
        Outcome outcome = router.handle(kNow, post(path, session, body));
        REQUIRE(std::holds_alternative<Ask>(outcome));
        return std::get<ipc::WebChange>(std::get<Ask>(outcome).what);
    }
};

const std::vector<std::string> kPaths{"/customers/acme/suspend", "/customers/acme/resume",
                                      "/customers/acme/peers/p/enable", "/customers/acme/peers/p/disable"};

}  // namespace

TEST_CASE_FIXTURE(Room, "a change becomes a question with the user's ticket") {
    const std::string ada = unlocked("ada");
    const auto added = change("/customers/acme/devices", ada, kDevice);
    CHECK(added.action == WebAction::kAddDevice);
    CHECK(added.ticket == "ticket of ada");
    CHECK(added.customer == "acme");
    CHECK(added.peer == "phone");
    CHECK(added.description == "of Ada");
    CHECK(added.public_key == "key");
    CHECK(change(kPaths[0], ada).action == WebAction::kSuspend);
    CHECK(change(kPaths[1], ada).action == WebAction::kResume);
    CHECK(change(kPaths[2], ada).action == WebAction::kEnablePeer);
    CHECK(change(kPaths[3], ada).peer == "p");
    const auto confirm = change("/pending/confirm", ada, R"({"revision":12})");
    CHECK(confirm.action == WebAction::kConfirm);
    CHECK(confirm.pending == 12);
    CHECK(change("/pending/go-back", ada, R"({"revision":12})").action == WebAction::kGoBack);
}

TEST_CASE_FIXTURE(Room, "another page's requests, forms and tokens change nothing") {
    const std::string ada = unlocked("ada");
    for (const std::string& path : kPaths) {
        CAPTURE(path);
        Request foreign = post(path, ada, "{}");
        foreign.origin = "https://evil.example";
        CHECK(status(foreign) == 403);
        foreign.origin = "";
        CHECK(status(foreign) == 403);
        Request form = post(path, ada, "a=b");
        form.content_type = "application/x-www-form-urlencoded";
        CHECK(status(form) == 415);
        Request token = post(path, "", "{}");
        token.cookie = "";
        token.authorization = "Bearer robot";
        CHECK(status(token) == 403);
        CHECK(status(path, "") == 401);
        Request get = post(path, ada, "");
        get.method = "GET";
        CHECK(status(get) == 405);
    }
}

TEST_CASE_FIXTURE(Room, "who has not shown its password is asked for it, and a viewer never") {
    CHECK(status(kPaths[0], session("ada")) == 423);
    CHECK(status(kPaths[0], unlocked("vic")) == 403);
    facts.changing.allowed = false;
    CHECK(status(kPaths[0], unlocked("ada")) == 403);
    CHECK(status("/unlock", session("ada"), R"({"password":"x"})") == 403);
}

TEST_CASE_FIXTURE(Room, "another's customer and one that does not exist give the same bytes") {
    const std::string own = unlocked("own");
    CHECK(status("/customers/acme/peers/p/disable", own) == 0);
    const auto body = [&](const std::string& path) {
        return std::get<Reply>(router.handle(kNow, post(path, own, "{}"))).body;
    };
    CHECK(body("/customers/globex/peers/p/disable") == body("/customers/absent/peers/p/disable"));
    CHECK(status("/customers/globex/devices", own, kDevice) == 404);
}

TEST_CASE_FIXTURE(Room, "bodies that are not as they should be") {
    const std::string ada = unlocked("ada");
    for (const char* body : {"", "[]", "{", "{\"x\":1}", "null"}) {
        CAPTURE(body);
        CHECK(status(kPaths[0], ada, body) == 400);
        CHECK(status("/customers/acme/devices", ada, body) == 400);
        CHECK(status("/pending/confirm", ada, body) == 400);
        CHECK(status("/unlock", ada, body) == 400);
    }
    CHECK(status("/customers/acme/devices", ada, R"({"name":1,"description":"","public_key":"k"})") == 400);
    CHECK(status("/customers/acme/devices", ada, R"({"name":"","description":"","public_key":"k"})") == 400);
    CHECK(status("/pending/confirm", ada, R"({"revision":-1})") == 400);
    CHECK(status("/pending/other", ada, R"({"revision":1})") == 405);
    CHECK(status("/customers/acme/peers/p/remove", ada) == 405);
    const std::string long_name(600, 'x');
    CHECK(status("/customers/acme/devices", ada,
                 R"({"name":")" + long_name + R"(","description":"","public_key":"k"})") == 400);
}

TEST_CASE_FIXTURE(Room, "an answer becomes a reply; a ticket unlocks this session and no other") {
    const std::string ada = session("ada");
    const std::string other = session("ada");
    Outcome outcome = router.handle(kNow, post("/unlock", ada, R"({"password":"secret"})"));
    REQUIRE(std::holds_alternative<Ask>(outcome));
    const Ask& ask = std::get<Ask>(outcome);
    CHECK(std::get<ipc::WebUnlock>(ask.what).user == "ada");
    CHECK(std::get<ipc::WebUnlock>(ask.what).password == "secret");
    CHECK(router.finish_ask(kNow, ask, ipc::WebUnlocked{1, WebVerdict::kLocked, "no", ""}).status == 403);
    CHECK(status(kPaths[0], ada) == 423);
    const Reply reply = router.finish_ask(kNow, ask, ipc::WebUnlocked{1, WebVerdict::kDone, "", "ticket"});
    CHECK(reply.status == 200);
    CHECK(reply.body.find("\"unlocked\":true") != std::string::npos);
    CHECK(reply.body.find("ticket") == std::string::npos);
    CHECK(status(kPaths[0], ada) == 0);
    CHECK(status(kPaths[0], other) == 423);

    Outcome changed = router.handle(kNow, post(kPaths[0], ada, "{}"));
    const Ask& suspend = std::get<Ask>(changed);
    const auto answered = [&](WebVerdict verdict) {
        return router.finish_ask(kNow, suspend, ipc::WebChanged{1, verdict, "text", ""}).status;
    };
    CHECK(answered(WebVerdict::kDone) == 200);
    CHECK(answered(WebVerdict::kForbidden) == 403);
    CHECK(answered(WebVerdict::kNotFound) == 404);
    CHECK(answered(WebVerdict::kConflict) == 409);
    CHECK(answered(WebVerdict::kInvalid) == 422);
    CHECK(answered(WebVerdict::kBusy) == 429);
    CHECK(answered(WebVerdict::kFailed) == 502);
    CHECK(router.finish_ask(kNow, suspend, std::nullopt).status == 504);
    // stackd has forgotten the ticket.
    CHECK(answered(WebVerdict::kLocked) == 423);
    CHECK(status(kPaths[0], ada) == 423);
}

TEST_CASE_FIXTURE(Room, "a reseller asks for changes of its customers, and of nobody else's") {
    const std::string res = unlocked("res");
    CHECK(change("/customers/acme.north/suspend", res).customer == "acme.north");
    CHECK(change("/customers/acme.north/peers/p/enable", res).peer == "p");
    for (const char* other : {"acme", "globex", "globex.north", "acmex.north", "north"}) {
        CAPTURE(other);
        CHECK(status("/customers/" + std::string(other) + "/suspend", res) == 404);
    }
    // Nor does a customer's user reach those below it.
    CHECK(status("/customers/acme.north/suspend", unlocked("own")) == 404);
}
