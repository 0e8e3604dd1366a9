#include "auth/eap/tls.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/eap/tls_client.h"

namespace warren::eap {
namespace {

using testing::Party;
using testing::TlsClient;
using Kind = Turn::Kind;

struct Bench {
    explicit Bench(int chain_length = 1) {
        std::vector<Der> chain(static_cast<std::size_t>(chain_length), hub.der());
        server = std::make_unique<TlsServer>(TlsServer::make(chain, hub.private_key()).value());
    }
    CertificateCheck takes_alice() {
        return [this](const std::vector<Der>& chain) -> tl::expected<std::string, std::string> {
            ++checked;
            if (chain.front() != alice.der()) return tl::unexpected<std::string>("of nobody's CA");
            return "alice@acme.example";
        };
    }
    // To the end: what the server said last.
    Turn run(Tls& method, TlsClient& client) {
        Turn turn = method.begin();
        for (rounds = 0; turn.kind == Kind::kRequest && rounds < 100; ++rounds) {
            const auto response = client.respond(turn.data);
            if (!response) return turn;
            largest = std::max(largest, turn.data.size());
            turn = method.take({}, *response);
        }
        return turn;
    }

    Party hub{"hub"};
    Party alice{"alice"};
    Party mallory{"mallory"};
    std::unique_ptr<TlsServer> server;
    int checked = 0;
    int rounds = 0;
    std::size_t largest = 0;
};

TEST_CASE("KA9: both sides have the same MSK, with TLS 1.2 and 1.3") {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        CAPTURE(version);
        Bench bench;
        Tls method(*bench.server, bench.takes_alice());
        TlsClient client(version, &bench.alice);
        const Turn done = bench.run(method, client);
        REQUIRE(done.kind == Kind::kDone);
        CHECK(client.is_done());
        CHECK(done.msk == client.msk());
        CHECK(!done.msk.is_zero());
        CHECK(done.identity == "alice@acme.example");
        CHECK(bench.checked == 1);
        CHECK(client.has_protected_success() == (version == TLS1_3_VERSION));
    }
}

TEST_CASE("the first request only starts") {
    Bench bench;
    Tls method(*bench.server, bench.takes_alice());
    CHECK(method.begin().data == Der{0x20});
}

TEST_CASE("KA9: flights of both sides come in fragments") {
    for (const std::size_t fragment : {60U, 100U, 5000U}) {
        CAPTURE(fragment);
        Bench bench(7);
        Tls method(*bench.server, bench.takes_alice());
        TlsClient client(TLS1_3_VERSION, &bench.alice, fragment);
        CHECK(bench.run(method, client).kind == Kind::kDone);
        CHECK(bench.largest == 1 + 4 + kTlsFragment);
    }
}

TEST_CASE("KA9: a certificate that is not taken, and none, are refused with an alert") {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        Bench bench;
        Tls method(*bench.server, bench.takes_alice());
        TlsClient client(version, &bench.mallory);
        Turn turn = method.begin();
        Turn last;
        while (turn.kind == Kind::kRequest) {
            last = std::move(turn);
            const auto response = client.respond(last.data);
            turn = method.take({}, response.value_or(Der{0}));
        }
        CHECK(turn.kind == Kind::kFailed);
        CHECK(turn.reason == Reason::kCertificate);
        CHECK(turn.detail == "of nobody's CA");
        CHECK(turn.msk.is_zero());
        CHECK(last.data.size() > 1);  // the alert
    }
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        Bench bench;
        Tls method(*bench.server, bench.takes_alice());
        TlsClient client(version, nullptr);
        Turn turn = method.begin();
        while (turn.kind == Kind::kRequest) turn = method.take({}, client.respond(turn.data).value_or(Der{0}));
        CHECK(turn.reason == Reason::kTls);
        CHECK(bench.checked == 0);
    }
}

TEST_CASE("KA9: there is no success before the client has acknowledged the end") {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        Bench bench;
        Tls method(*bench.server, bench.takes_alice());
        TlsClient client(version, &bench.alice);
        Turn turn = method.begin();
        std::optional<Der> response;
        for (;;) {
            response = client.respond(turn.data);
            REQUIRE(response);
            if (client.is_done() && *response == Der{0}) break;
            turn = method.take({}, *response);
            REQUIRE(turn.kind == Kind::kRequest);
        }
        CHECK(method.take({}, Der{0, 0x15, 3, 3, 0, 2, 2, 40}).kind == Kind::kFailed);
    }
}

TEST_CASE("TLS 1.1 is refused") {
    Bench bench;
    Tls method(*bench.server, bench.takes_alice());
    (void)method.begin();
    // A ClientHello of TLS 1.1 with one cipher suite, TLS_RSA_WITH_AES_128_CBC_SHA.
    Der hello{0, 0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 2};
    hello.resize(hello.size() + 32, 7);
    hello.insert(hello.end(), {0, 0, 2, 0, 0x2f, 1, 0});
    Turn turn = method.take({}, hello);
    CHECK(turn.kind == Kind::kRequest);  // an alert
    CHECK(method.take({}, Der{0}).reason == Reason::kTls);
}

TEST_CASE("what cannot be a fragment ends the handshake") {
    const std::vector<Der> bad{
        {},                              // no flags
        {0},                             // an acknowledgement of nothing
        {0x20, 1},                       // a start
        {0x80, 0, 0, 0},                 // half a length
        {0x80, 0, 0, 0, 0, 1},           // a length of nothing
        {0x80, 0, 1, 0, 1, 1},           // one that is too long
        {0x80, 0xff, 0xff, 0xff, 0xff},  // far too long
        {0x80, 0, 0, 0, 1, 1, 2},        // more than it says
        {0x80, 0, 0, 0, 3, 1, 2},        // less
        {0xc0, 0, 0, 0, 3},              // a fragment of nothing
    };
    for (const Der& data : bad) {
        Bench bench;
        Tls method(*bench.server, bench.takes_alice());
        (void)method.begin();
        CHECK(method.take({}, data).kind == Kind::kFailed);
    }
}

TEST_CASE("a flight is bounded, with and without a length") {
    Bench bench;
    for (const bool has_length : {false, true}) {
        Tls method(*bench.server, bench.takes_alice());
        (void)method.begin();
        Der first{static_cast<std::uint8_t>(has_length ? 0xc0 : 0x40)};
        if (has_length) first.insert(first.end(), {0, 0, 0xc0, 0});
        Der more(1 + 1024);
        more[0] = 0x40;
        first.resize(first.size() + 1024);
        Turn turn = method.take({}, first);
        std::size_t taken = 1024;
        for (; turn.kind == Kind::kRequest && taken < 2 * kMostTlsFlight; taken += 1024) {
            CHECK(turn.data == Der{0});
            turn = method.take({}, more);
        }
        CHECK(turn.reason == Reason::kMalformed);
        CHECK(taken == kMostTlsFlight + 1024);
    }
}

TEST_CASE("a key that is not the certificate's is refused") {
    Bench bench;
    CHECK(!TlsServer::make({bench.hub.der()}, bench.alice.private_key()));
    CHECK(!TlsServer::make({}, bench.hub.private_key()));
    CHECK(!TlsServer::make({Der{0x30, 0}}, bench.hub.private_key()));
    CHECK(!TlsServer::make({bench.hub.der()}, bench.hub.der()));
}

}  // namespace
}  // namespace warren::eap
