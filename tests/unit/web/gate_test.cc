// The rules of access. Inverting any of them must fail a test.
#include "web/login/gate.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <string>

#include "access/secrets.h"

using namespace warren;
using namespace warren::web;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

const std::string kAnna = "$argon2id$anna";

Now at(Duration since) {
    return {Instant{} + hours(100) + since, WallTime{1'700'000'000'000'000'000 + since.count()}};
}

IpAddress from(std::uint8_t last) {
    return IpAddress::v4(203, 0, 113, last);
}

access::Users users() {
    access::Users out;
    out.users = {{"anna", {access::Role::kOperator, {}}, kAnna},
                 {"acme", {access::Role::kCustomer, {"acme"}}, "$argon2id$acme"}};
    out.tokens = {{"grafana", {access::Role::kViewer, {}}, access::sha256_hex("the token")}};
    return out;
}

struct Fixture {
    Gate gate{"$argon2id$nobody"};
    Fixture() {
        (void)access::start_libsodium();
        gate.set_users(users());
    }
    // Logs in with the right password.
    std::string login(Now now, const std::string& user) {
        const auto attempt = gate.begin_login(now, user, "x", from(1));
        REQUIRE(attempt.check);
        const auto login = gate.finish_login(now, *attempt.check, true);
        REQUIRE(login);
        device = login->device;
        return login->session;
    }
    // A wrong password; false: it was not checked.
    bool guess(Now now, const std::string& user, const IpAddress& address, const std::string& cookie = {}) {
        const auto attempt = gate.begin_login(now, user, "x", address, cookie);
        if (attempt.check) CHECK_FALSE(gate.finish_login(now, *attempt.check, false));
        return attempt.check.has_value();
    }
    std::string device;  // the cookie of the last login
    bool is_in(Now now, const std::string& token) { return gate.admit(now, {token, false}, true).has_value(); }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a session lasts 30 minutes from its last use, and 8 hours at most") {
    const std::string token = login(at(seconds(0)), "anna");
    CHECK(is_in(at(minutes(29)), token));
    CHECK(is_in(at(minutes(58)), token));
    CHECK_FALSE(is_in(at(minutes(88)), token));
    CHECK_FALSE(is_in(at(minutes(58)), token));  // expired for good

    const std::string busy = login(at(seconds(0)), "anna");
    for (int minute = 20; minute < 480; minute += 20) REQUIRE(is_in(at(minutes(minute)), busy));
    CHECK_FALSE(is_in(at(hours(8)), busy));
}

TEST_CASE_FIXTURE(Fixture, "a request without use does not extend a session") {
    const std::string token = login(at(seconds(0)), "anna");
    for (int minute = 1; minute < 30; ++minute) CHECK(gate.admit(at(minutes(minute)), {token, false}, false));
    CHECK_FALSE(gate.admit(at(minutes(30)), {token, false}, false));
}

TEST_CASE_FIXTURE(Fixture, "a session ends when its user, the password or the role changes") {
    const std::string token = login(at(seconds(0)), "anna");
    SUBCASE("nothing changed") {
        gate.set_users(users());
        CHECK(is_in(at(seconds(1)), token));
    }
    SUBCASE("gone") {
        gate.set_users({});
        CHECK_FALSE(is_in(at(seconds(1)), token));
    }
    SUBCASE("another password") {
        auto changed = users();
        changed.users[0].password += "x";
        gate.set_users(changed);
        CHECK_FALSE(is_in(at(seconds(1)), token));
    }
    SUBCASE("another role") {
        auto changed = users();
        changed.users[0].grant.role = access::Role::kViewer;
        gate.set_users(changed);
        CHECK_FALSE(is_in(at(seconds(1)), token));
    }
}

TEST_CASE_FIXTURE(Fixture, "a token is not a session and a session is no token") {
    CHECK(gate.admit(at(seconds(0)), {"the token", true}, true)->name == "grafana");
    CHECK_FALSE(gate.admit(at(seconds(0)), {"the token", false}, true));
    CHECK_FALSE(gate.admit(at(seconds(0)), {access::sha256_hex("the token"), true}, true));
    CHECK_FALSE(gate.admit(at(seconds(0)), {"", true}, true));
    const std::string session = login(at(seconds(0)), "anna");
    CHECK_FALSE(gate.admit(at(seconds(0)), {session, true}, true));
    CHECK_FALSE(gate.admit(at(seconds(0)), {access::sha256_hex(session), false}, true));
}

TEST_CASE("an invalid header is not ignored in favour of the cookie") {
    Request request;
    request.cookie = "__Host-warren=abc";
    CHECK(Gate::credential_of(request)->text == "abc");
    request.authorization = "Basic abc";
    CHECK_FALSE(Gate::credential_of(request));
    request.authorization = "bearer  xyz ";
    CHECK(Gate::credential_of(request)->text == "xyz");
    CHECK(Gate::credential_of(request)->is_token);
    request.authorization.clear();
    request.cookie = "warren=abc; __Host-warren2=def";
    CHECK_FALSE(Gate::credential_of(request));
}

TEST_CASE_FIXTURE(Fixture,
                  "the password of an unknown user is checked against an unmatchable hash and never accepted") {
    const auto attempt = gate.begin_login(at(seconds(0)), "nobody", "x", from(1));
    REQUIRE(attempt.check);
    CHECK(attempt.check->argon2id == "$argon2id$nobody");
    CHECK_FALSE(gate.finish_login(at(seconds(0)), *attempt.check, true));
}

TEST_CASE_FIXTURE(Fixture, "a password that changes during its check is not accepted") {
    const auto attempt = gate.begin_login(at(seconds(0)), "anna", "x", from(1));
    auto changed = users();
    changed.users[0].password += "x";
    gate.set_users(changed);
    CHECK_FALSE(gate.finish_login(at(seconds(0)), *attempt.check, true));
}

TEST_CASE_FIXTURE(Fixture,
                  "after five wrong passwords each attempt waits longer, from any address; success resets it") {
    for (std::uint8_t i = 0; i < 5; ++i) {
        const auto attempt = gate.begin_login(at(milliseconds(i)), "anna", "x", from(i));
        REQUIRE(attempt.check);
        CHECK_FALSE(gate.finish_login(at(milliseconds(i)), *attempt.check, false));
    }
    CHECK_FALSE(gate.begin_login(at(milliseconds(900)), "anna", "x", from(99)).check);
    CHECK(gate.begin_login(at(milliseconds(900)), "acme", "x", from(98)).check);
    REQUIRE(guess(at(seconds(2)), "anna", from(99)));
    CHECK(gate.begin_login(at(seconds(3)), "anna", "x", from(99)).wait > milliseconds(900));
    const auto right = gate.begin_login(at(seconds(5)), "anna", "x", from(99));
    REQUIRE(right.check);
    REQUIRE(gate.finish_login(at(seconds(5)), *right.check, true));
    CHECK(gate.begin_login(at(seconds(5)), "anna", "x", from(99)).check);
}

TEST_CASE("pending attempts count: of a hundred at once, five proceed") {
    Backoff backoff;
    int let_in = 0;
    for (int i = 0; i < 100; ++i) {
        Backoff::Client client{"anna", from(1), {}, {}};
        let_in += backoff.begin(at(seconds(0)).instant, client) == Duration::zero() ? 1 : 0;
    }
    CHECK(let_in == 5);
}

TEST_CASE("an attempt whose password was not checked is not a failed one") {
    Backoff backoff;
    for (int i = 0; i < 100; ++i) {
        Backoff::Client client{"anna", from(1), {}, {}};
        REQUIRE(backoff.begin(at(seconds(i)).instant, client) == Duration::zero());
        backoff.abandon(client);
    }
}

TEST_CASE("an attempt that ends is no longer pending, also if a login succeeded meanwhile") {
    Backoff backoff;
    Backoff::Client first{"anna", from(1), {}, {}};
    Backoff::Client second{"anna", from(1), {}, {}};
    REQUIRE(backoff.begin(at(seconds(0)).instant, first) == Duration::zero());
    REQUIRE(backoff.begin(at(seconds(0)).instant, second) == Duration::zero());
    backoff.succeed(at(seconds(0)).instant, first);  // from now on the address is known
    backoff.abandon(second);
    for (std::uint8_t i = 0; i < 5; ++i) {
        Backoff::Client other{"anna", from(static_cast<std::uint8_t>(10 + i)), {}, {}};
        CHECK(backoff.begin(at(seconds(1)).instant, other) == Duration::zero());
    }
}

TEST_CASE("an address that tries many users waits, an IPv6 site as one; the wait is bounded and forgotten") {
    Backoff backoff;
    const auto v6 = [](std::uint8_t last) {
        std::array<std::uint8_t, 16> octets{0x20, 0x01, 0x0d, 0xb8};
        octets[15] = last;
        return IpAddress::from_bytes(octets);
    };
    // Fails if it may proceed.
    const auto attempt = [](Backoff& at_work, Instant now, const std::string& user, const IpAddress& address) {
        Backoff::Client client{user, address, {}, {}};
        const Duration wait = at_work.begin(now, client);
        if (wait == Duration::zero()) at_work.fail(now, client);
        return wait;
    };
    for (std::uint8_t i = 0; i < 5; ++i)
        REQUIRE(attempt(backoff, at(seconds(0)).instant, "user" + std::to_string(i), v6(i)) == Duration::zero());
    CHECK(attempt(backoff, at(seconds(0)).instant, "another", v6(77)) > Duration::zero());
    CHECK(attempt(backoff, at(seconds(0)).instant, "another", from(1)) == Duration::zero());
    Duration most{};
    for (int i = 0; i < 40; ++i) {
        Backoff tried;
        Instant now = at(seconds(0)).instant;
        for (int n = 0; n < i; ++n) {
            now = now + attempt(tried, now, "u", from(2));
            (void)attempt(tried, now, "u", from(2));
        }
        most = std::max(most, attempt(tried, now, "u", from(3)));
    }
    CHECK(most == Backoff::kMaxForUser);
    CHECK(attempt(backoff, at(minutes(31)).instant, "another", v6(77)) == Duration::zero());
}

TEST_CASE_FIXTURE(Fixture, "guesses at a name from elsewhere do not delay a device from which the user logged in") {
    (void)login(at(seconds(0)), "anna");
    for (std::uint8_t i = 0; i < 40; ++i) (void)guess(at(seconds(1)), "anna", from(static_cast<std::uint8_t>(50 + i)));
    REQUIRE_FALSE(guess(at(seconds(1)), "anna", from(99)));  // the name is delayed
    const auto attempt = gate.begin_login(at(seconds(1)), "anna", "x", from(99), device);
    REQUIRE(attempt.check);
    CHECK(attempt.check->client.rank.trust == LoginRank::Trust::kDevice);
    CHECK(gate.finish_login(at(seconds(1)), *attempt.check, true));
    CHECK_FALSE(guess(at(seconds(1)), "anna", from(98)));  // which frees nobody else
}

TEST_CASE_FIXTURE(Fixture, "guesses at a name from elsewhere do not delay an address from which the user logged in") {
    (void)login(at(seconds(0)), "anna");
    for (std::uint8_t i = 0; i < 40; ++i) (void)guess(at(seconds(1)), "anna", from(static_cast<std::uint8_t>(50 + i)));
    CHECK_FALSE(guess(at(seconds(1)), "anna", from(99)));
    const auto attempt = gate.begin_login(at(seconds(1)), "anna", "x", from(1));
    REQUIRE(attempt.check);
    CHECK(attempt.check->client.rank.trust == LoginRank::Trust::kAddress);
    // But it is delayed by its own, for any name.
    for (int i = 0; i < 4; ++i) CHECK(guess(at(seconds(1)), "anna", from(1)));
    CHECK_FALSE(guess(at(seconds(1)), "anna", from(1)));
    CHECK_FALSE(guess(at(seconds(1)), "acme", from(1)));
    // After 30 days it counts as any other.
    const Now later = at(hours(24 * 31));
    for (std::uint8_t i = 0; i < 5; ++i) CHECK(guess(later, "anna", from(static_cast<std::uint8_t>(50 + i))));
    CHECK_FALSE(guess(later, "anna", from(1)));
}

TEST_CASE_FIXTURE(Fixture, "a device is delayed by its own failures") {
    (void)login(at(seconds(0)), "anna");
    for (std::uint8_t i = 0; i < 5; ++i) CHECK(guess(at(seconds(1)), "anna", from(i), device));
    CHECK_FALSE(guess(at(seconds(1)), "anna", from(99), device));
    CHECK(guess(at(seconds(1)), "anna", from(0)));  // and neither the name nor the addresses
}

TEST_CASE_FIXTURE(Fixture, "a device's cookie is for one user, one password, one key and 180 days") {
    (void)login(at(seconds(0)), "anna");
    const auto trust = [this](Now now, const std::string& user, const std::string& cookie) {
        auto attempt = gate.begin_login(now, user, "x", from(77), cookie);
        REQUIRE(attempt.check);
        gate.abandon_login(*attempt.check);
        return attempt.check->client.rank.trust;
    };
    const auto known = LoginRank::Trust::kDevice;
    CHECK(trust(at(hours(24 * 179)), "anna", device) == known);
    CHECK(trust(at(hours(24 * 180)), "anna", device) != known);
    CHECK(trust(at(seconds(1)), "acme", device) != known);
    CHECK(trust(at(seconds(1)), "nobody", device) != known);
    const auto expires = device.find('.') + 1;
    std::string changed = device;
    changed[expires] = '9';
    CHECK(trust(at(seconds(1)), "anna", changed) != known);
    changed = device;
    changed[0] = changed[0] == 'a' ? 'b' : 'a';
    CHECK(trust(at(seconds(1)), "anna", changed) != known);
    for (const std::string& wrong : {std::string(), std::string("."), std::string(".."), std::string("a.b"),
                                     device.substr(0, device.size() - 1), device + "0"})
        CHECK(trust(at(seconds(1)), "anna", wrong) != known);
    auto others = users();
    others.users[0].password += "x";
    gate.set_users(others);
    CHECK(trust(at(seconds(1)), "anna", device) != known);
    gate.set_users(users());
    CHECK(trust(at(seconds(1)), "anna", device) == known);
    gate.set_device_key("another");
    CHECK(trust(at(seconds(1)), "anna", device) != known);
}

TEST_CASE("a user has a bounded number of sessions; the one unused for longest ends") {
    (void)access::start_libsodium();
    SessionStore store;
    const access::Users known = users();
    store.begin(at(seconds(0)), "other", known.users[1]);
    for (std::size_t i = 0; i < SessionStore::kMaxPerUser; ++i)
        store.begin(at(seconds(1 + static_cast<int>(i))), "t" + std::to_string(i), known.users[0]);
    REQUIRE(store.find(at(seconds(60)), "t0", known, true) != nullptr);
    store.begin(at(seconds(61)), "one more", known.users[0]);
    CHECK(store.size() == SessionStore::kMaxPerUser + 1);
    CHECK(store.find(at(seconds(62)), "t0", known, true) != nullptr);
    CHECK(store.find(at(seconds(62)), "t1", known, true) == nullptr);
    CHECK(store.find(at(seconds(62)), "other", known, true) != nullptr);
}
