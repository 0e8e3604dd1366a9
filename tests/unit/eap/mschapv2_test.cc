#include "auth/eap/mschapv2.h"

#include <doctest/doctest.h>

#include "crypto/legacy_provider.h"
#include "tests/unit/eap/password_peer.h"
#include "tests/vectors/seeded_random.h"

namespace warren::eap {
namespace {

using testing::PasswordPeer;
using Kind = Turn::Kind;
using namespace std::chrono_literals;

constexpr std::string_view kFile = "alice = \"correct horse\"\nbob = \"nt:44ebba8d5312b8d611474411f56989ae\"\n";
const IpAddress kHere = IpAddress::v4(192, 0, 2, 1);
const IpAddress kElsewhere = IpAddress::v4(198, 51, 100, 1);

struct Server {
    Mschapv2 method(std::string name, IpAddress source = kHere) {
        return Mschapv2({legacy, random, users, std::move(name), source, "hub"});
    }
    // One authentication that fails, or not, at the first try.
    Reason attempt(std::string_view name, std::string_view password, IpAddress source = kHere) {
        Mschapv2 server = method(std::string(name), source);
        PasswordPeer peer(legacy, std::string(name), password);
        const Turn told = server.take(now, peer.respond(server.begin().data));
        CHECK(told.kind == Kind::kRequest);
        constexpr std::uint8_t kSuccess = 3;
        constexpr std::uint8_t kFailure = 4;
        const std::uint8_t answer = told.data[0] == kSuccess ? kSuccess : kFailure;
        return server.take(now, Bytes(&answer, 1)).reason;
    }

    crypto::LegacyDigest legacy = crypto::load_legacy_digest().value();
    test::SeededRandom random{1};
    Users users = Users::read(legacy, kFile).value();
    Instant now{};
};

std::string text_of(const Turn& turn) {
    return {turn.data.begin() + 4, turn.data.end()};
}

constexpr std::array<std::uint8_t, 1> kSuccessResponse{3};
constexpr std::array<std::uint8_t, 1> kFailureResponse{4};

TEST_CASE("both sides show that they know the password, and have the same MSK") {
    Server server;
    for (const auto& [name, password] : {std::pair{"alice", "correct horse"}, std::pair{"bob", "clientPass"}}) {
        Mschapv2 method = server.method(name);
        PasswordPeer peer(server.legacy, name, password);
        const Turn proof = method.take(server.now, peer.respond(method.begin().data));
        REQUIRE(proof.kind == Kind::kRequest);
        CHECK(peer.is_proof(proof.data));
        const Turn done = method.take(server.now, kSuccessResponse);
        REQUIRE(done.kind == Kind::kDone);
        CHECK(done.msk == peer.msk());
        CHECK(done.identity == name);
    }
}

TEST_CASE("a user is the same with and without its realm") {
    Server server;
    for (const std::string name : {"alice@acme.example", "ACME\\alice", "alice"}) {
        CAPTURE(name);
        Mschapv2 method = server.method(name);
        PasswordPeer peer(server.legacy, name, "correct horse");
        (void)method.take(server.now, peer.respond(method.begin().data));
        CHECK(method.take(server.now, kSuccessResponse).identity == "alice");
    }
}

TEST_CASE("there is no success before the peer has agreed to ours") {
    Server server;
    Mschapv2 method = server.method("alice");
    PasswordPeer peer(server.legacy, "alice", "correct horse");
    (void)method.take(server.now, peer.respond(method.begin().data));
    const Turn refused = method.take(server.now, kFailureResponse);
    CHECK(refused.kind == Kind::kFailed);
    CHECK(refused.msk.is_zero());
}

TEST_CASE("a success that nobody has earned is none") {
    Server server;
    Mschapv2 method = server.method("alice");
    (void)method.begin();
    CHECK(method.take(server.now, kSuccessResponse).kind == Kind::kFailed);
}

TEST_CASE("KA8: a wrong password may be corrected once") {
    Server server;
    Mschapv2 method = server.method("alice");
    PasswordPeer peer(server.legacy, "alice", "wrong");
    const Turn first = method.take(server.now, peer.respond(method.begin().data));
    REQUIRE(first.kind == Kind::kRequest);
    CHECK(first.data[0] == 4);
    CHECK(text_of(first).starts_with("E=691 R=1 C="));

    SUBCASE("rightly") {
        const Turn proof = method.take(server.now, peer.try_again(first.data, "correct horse"));
        CHECK(peer.is_proof(proof.data));
        CHECK(method.take(server.now, kSuccessResponse).kind == Kind::kDone);
    }
    SUBCASE("not twice") {
        const Turn second = method.take(server.now, peer.try_again(first.data, "wrong too"));
        CHECK(text_of(second).starts_with("E=691 R=0 C="));
        const Turn third = method.take(server.now, peer.try_again(second.data, "correct horse"));
        CHECK(third.kind == Kind::kFailed);
        CHECK(third.reason == Reason::kWrongPassword);
    }
    SUBCASE("or not at all") {
        const Turn end = method.take(server.now, kFailureResponse);
        CHECK(end.kind == Kind::kFailed);
        CHECK(end.reason == Reason::kWrongPassword);
    }
    SUBCASE("with the new challenge only") {
        const Turn second = method.take(server.now, peer.respond(method.begin().data));
        (void)second;
        CHECK(method.take(server.now, kSuccessResponse).kind == Kind::kFailed);
    }
}

TEST_CASE("KA8: who is not there is answered as a wrong password is") {
    Server server;
    const auto answer = [&](const std::string& name) {
        Mschapv2 method = server.method(name);
        PasswordPeer peer(server.legacy, name, "wrong");
        const Turn told = method.take(server.now, peer.respond(method.begin().data));
        return text_of(told).substr(0, 12) + std::to_string(told.data.size());
    };
    CHECK(answer("alice") == answer("mallory"));
    CHECK(server.attempt("mallory", "wrong") == Reason::kUnknownUser);
}

TEST_CASE("a user that shows another name than it began with is nobody") {
    Server server;
    Mschapv2 method = server.method("alice");
    PasswordPeer bob(server.legacy, "bob", "clientPass");
    const Turn told = method.take(server.now, bob.respond(method.begin().data));
    CHECK(text_of(told).starts_with("E=691 R=1"));
    CHECK(method.take(server.now, kFailureResponse).reason == Reason::kUnknownUser);
}

TEST_CASE("KA8: guessing is paused, longer each time, and at once forgotten when it was right") {
    Server server;
    for (unsigned i = 0; i < kFreeMistakes; ++i) CHECK(server.attempt("alice", "wrong") == Reason::kWrongPassword);
    CHECK(server.attempt("alice", "correct horse") == Reason::kNone);
    for (unsigned i = 0; i <= kFreeMistakes; ++i) CHECK(server.attempt("alice", "wrong") == Reason::kWrongPassword);
    CHECK(server.attempt("alice", "correct horse") == Reason::kPaused);
    CHECK(server.attempt("bob", "clientPass") == Reason::kNone);
    server.now = server.now + Mistakes::kPauseLeast;
    CHECK(server.attempt("alice", "wrong") == Reason::kWrongPassword);
    server.now = server.now + Mistakes::kPauseLeast;
    CHECK(server.attempt("alice", "correct horse") == Reason::kPaused);
    server.now = server.now + Mistakes::kPauseLeast;
    CHECK(server.attempt("alice", "correct horse") == Reason::kNone);
    CHECK(server.attempt("alice", "wrong") == Reason::kWrongPassword);
    CHECK(server.attempt("alice", "correct horse") == Reason::kNone);
}

TEST_CASE("a pause ends, however long somebody has guessed") {
    Server server;
    for (int i = 0; i < 100; ++i) {
        CHECK(server.attempt("alice", "wrong") == Reason::kWrongPassword);
        server.now = server.now + Mistakes::kPauseMost;
    }
    CHECK(server.attempt("alice", "correct horse") == Reason::kNone);
}

TEST_CASE("KA8: guesses from elsewhere do not lock a user out where it was right before") {
    Server server;
    CHECK(server.attempt("alice", "correct horse") == Reason::kNone);
    for (unsigned i = 0; i <= kFreeMistakes; ++i) (void)server.attempt("alice", "wrong", kElsewhere);
    CHECK(server.attempt("alice", "correct horse", kElsewhere) == Reason::kPaused);
    CHECK(server.attempt("alice", "correct horse") == Reason::kNone);
}

TEST_CASE("every length of a response is looked at before it is read") {
    Server server;
    PasswordPeer peer(server.legacy, "alice", "correct horse");
    Mschapv2 first = server.method("alice");
    const auto right = peer.respond(first.begin().data);
    for (std::size_t size = 0; size < right.size(); ++size) {
        Mschapv2 method = server.method("alice");
        (void)method.begin();
        CHECK(method.take(server.now, Bytes(right).first(size)).reason == Reason::kMalformed);
    }
    for (const std::size_t at : {std::size_t{2}, std::size_t{3}, std::size_t{4}}) {
        Mschapv2 method = server.method("alice");
        (void)method.begin();
        auto wrong = right;
        wrong[at] ^= 0x81U;
        CHECK(method.take(server.now, wrong).reason == Reason::kMalformed);
    }
}

}  // namespace
}  // namespace warren::eap
