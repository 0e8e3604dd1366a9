// What authd answers to asks about EAP.
#include "auth/eap_conversations.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/eap.h"
#include "crypto/legacy_provider.h"
#include "tests/unit/eap/password_peer.h"
#include "tests/unit/eap/tls_client.h"
#include "tests/vectors/certificates.h"
#include "tests/vectors/seeded_random.h"

using namespace warren;
using namespace warren::auth;
using ipc::SecretFile;
using Octets = std::vector<std::uint8_t>;

namespace {

constexpr SecretId kUsers = 7;
constexpr SecretId kSigner = 8;
constexpr SecretId kTrust = 9;

Secret with_files(SecretKind kind, std::vector<std::pair<SecretFile, std::string>> files) {
    Secret out;
    out.kind = kind;
    for (const auto& [what, text] : files) out.files.push_back({what, crypto::SecretBuffer(as_bytes(text))});
    return out;
}

struct Room {
    Room() {
        eap.put(kUsers, with_files(SecretKind::kUsers, {{SecretFile::kUsers, "alice = \"correct horse\"\n"}}));
        eap.put(kSigner, with_files(SecretKind::kSigner,
                                    {{SecretFile::kPrivateKey, hub.key_pem()}, {SecretFile::kCertificate, hub.pem()}}));
        eap.put(kTrust, with_files(SecretKind::kTrust, {{SecretFile::kCa, root.pem()}}));
    }
    ipc::AuthReply step(const Octets& message, std::uint64_t number = 1) {
        ask.conversation = number;
        ask.message = message;
        return eap.step(now, ask);
    }
    ipc::EapStepAnswer say(eap::Type type, const Octets& data, std::uint64_t number = 1) {
        auto out = std::get<ipc::EapStepAnswer>(
            step(eap::write_message({eap::Code::kResponse, identifier, type, data}), number));
        identifier = eap::read_message(out.message).value().identifier;
        return out;
    }
    // Each number is another source.
    void come_from(std::uint64_t number) {
        ask.source = IpAddress::v4(10, 0, static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number));
    }
    ipc::EapStepAnswer say_name(std::string_view name, std::uint64_t number = 1) {
        return say(eap::Type::kIdentity, {name.begin(), name.end()}, number);
    }

    crypto::LegacyDigest legacy = crypto::load_legacy_digest().value();
    test::SeededRandom random{1};
    test::Made root = test::make_root("Acme Root");
    test::Made hub = test::make_leaf(root, "DNS:hub.example");
    EapConversations eap{&legacy, random};
    Now now{Instant{1'000'000'000'000}, test::kCertificateTime};
    ipc::EapStepAsk ask{kUsers, kNoSecret, kNoSecret, 1, IpAddress::v4(192, 0, 2, 1), {}};
    std::uint8_t identifier = 0;
};

Octets name_message(std::string_view name) {
    return eap::write_message({eap::Code::kResponse, 0, eap::Type::kIdentity, Octets(name.begin(), name.end())});
}

Octets data_of(const ipc::EapStepAnswer& answer) {
    const auto message = eap::read_message(answer.message).value();
    return {message.data.begin(), message.data.end()};
}

TEST_CASE("a user is there by the very name that its file has, as long as its users are") {
    Room room;
    const auto is_known = [&](SecretId users, const char* name) {
        return std::get<ipc::UserAnswer>(room.eap.is_user({users, name})).is_known;
    };
    CHECK(is_known(kUsers, "alice"));
    CHECK_FALSE(is_known(kUsers, "alice@acme.example"));  // another one, who was removed
    CHECK_FALSE(is_known(kUsers, "bob"));
    CHECK_FALSE(is_known(kUsers, ""));
    CHECK(std::holds_alternative<ipc::AskFailed>(room.eap.is_user({kUsers + 1, "alice"})));
    room.eap.drop(kUsers);
    CHECK(std::holds_alternative<ipc::AskFailed>(room.eap.is_user({kUsers, "alice"})));
}

TEST_CASE("a password succeeds with a key and the user's name") {
    Room room;
    const auto challenge = room.say_name("ACME\\alice");
    CHECK(challenge.outcome == EapOutcome::kContinue);
    eap::testing::PasswordPeer peer(room.legacy, "ACME\\alice", "correct horse");
    const auto proof = room.say(eap::Type::kMschapv2, peer.respond(data_of(challenge)));
    CHECK(peer.is_proof(data_of(proof)));
    const auto done = room.say(eap::Type::kMschapv2, {3});
    CHECK(done.outcome == EapOutcome::kSuccess);
    CHECK(done.type == 26);
    CHECK(done.identity == "alice");
    CHECK(done.msk == crypto::SecretBuffer(peer.msk().reveal()));
}

TEST_CASE("a wrong password says so at once, and a name that nobody has is asked likewise") {
    for (const bool has_users : {true, false}) {
        Room room;
        if (!has_users) room.ask.users = kNoSecret;
        const auto challenge = room.say_name("alice");
        eap::testing::PasswordPeer peer(room.legacy, "alice", "wrong");
        const auto told = room.say(eap::Type::kMschapv2, peer.respond(data_of(challenge)));
        CHECK(told.outcome == EapOutcome::kContinue);
        CHECK(told.reason == (has_users ? eap::Reason::kWrongPassword : eap::Reason::kUnknownUser));
        CHECK(told.msk.empty());
        CHECK(room.say(eap::Type::kMschapv2, {4}).outcome == EapOutcome::kFailure);
    }
}

TEST_CASE("a secret that is not here cannot be asked") {
    Room room;
    const Octets name = eap::write_message({eap::Code::kResponse, 0, eap::Type::kIdentity, Octets{'a'}});
    room.ask.users = 99;
    CHECK(std::holds_alternative<ipc::AskFailed>(room.step(name)));
    room.ask.users = kNoSecret;
    room.ask.trust = 99;
    room.ask.signer = kSigner;
    CHECK(std::holds_alternative<ipc::AskFailed>(room.step(name)));
    room.ask.trust = kTrust;
    room.ask.signer = 99;
    CHECK(std::holds_alternative<ipc::AskFailed>(room.step(name)));
    CHECK(room.eap.size() == 0);
}

TEST_CASE("nothing but a name begins a conversation") {
    Room room;
    CHECK(room.say(eap::Type::kMschapv2, {3}).reason == eap::Reason::kUnexpected);
    CHECK(room.say(eap::Type::kIdentity, {}).reason == eap::Reason::kUnexpected);
    CHECK(room.eap.size() == 0);
}

TEST_CASE("conversations with a secret that goes, go with it") {
    Room room;
    (void)room.say_name("alice");
    CHECK(room.eap.size() == 1);
    room.eap.drop(kTrust);
    CHECK(room.eap.size() == 1);
    room.eap.drop(kUsers);
    CHECK(room.eap.size() == 0);
}

// As many conversations as a share may have, each from another source; their peers have taken up the method, or not.
void fill_share(Room& room, std::uint64_t& number, bool has_method) {
    for (std::size_t i = 0; i < EapConversations::kMostOfShare; ++i) {
        room.come_from(++number);
        room.identifier = 0;
        const auto challenge = room.say_name("alice", number);
        REQUIRE(challenge.outcome == EapOutcome::kContinue);
        if (!has_method) continue;
        eap::testing::PasswordPeer peer(room.legacy, "alice", "wrong");
        REQUIRE(room.say(eap::Type::kMschapv2, peer.respond(data_of(challenge)), number).outcome ==
                EapOutcome::kContinue);
    }
}

TEST_CASE("conversations are bounded, of a share too, and end in time") {
    Room room;
    std::uint64_t number = 0;
    const auto is_refused = [&] {
        room.come_from(++number);
        return std::holds_alternative<ipc::AskFailed>(room.step(name_message("alice"), number));
    };
    fill_share(room, number, true);
    CHECK(is_refused());
    for (SecretId share = 100; share < 103; ++share) {
        room.eap.put(share, with_files(SecretKind::kUsers, {{SecretFile::kUsers, "alice = \"x\"\n"}}));
        room.ask.users = share;
        fill_share(room, number, true);
    }
    room.ask.users = kNoSecret;
    CHECK(is_refused());
    CHECK(room.eap.size() == EapConversations::kMost);
    room.now.instant = room.now.instant + EapConversations::kLife;
    CHECK(!is_refused());
    CHECK(room.eap.size() == 1);
}

TEST_CASE("in a full share the oldest whose peer has taken up no method gives way, and of another share none") {
    Room room;
    room.ask.users = kNoSecret;
    CHECK(room.say_name("bob", 9999).outcome == EapOutcome::kContinue);
    room.ask.users = kUsers;
    std::uint64_t number = 0;
    fill_share(room, number, false);
    room.come_from(++number);
    room.identifier = 0;
    CHECK(room.say_name("alice", number).outcome == EapOutcome::kContinue);
    CHECK(room.eap.size() == 1 + EapConversations::kMostOfShare);
    // Whoever is there has offered its method, and has no other.
    const auto refuse_method = [&room](std::uint64_t which) {
        room.identifier = 1;
        return room.say(eap::Type::kNak, {0}, which).reason;
    };
    CHECK(refuse_method(1) == eap::Reason::kUnexpected);
    for (const std::uint64_t which : {std::uint64_t{9999}, std::uint64_t{2}, number})
        CHECK(refuse_method(which) == eap::Reason::kNoMethod);
}

TEST_CASE("a source has few conversations: its oldest gives way, and with none to give way no more begins") {
    Room room;
    const auto say_name = [&room](std::uint64_t number) {
        room.identifier = 0;
        return room.step(name_message("alice"), number);
    };
    for (std::uint64_t number = 1; number <= 2 * EapConversations::kMostOfSource; ++number)
        CHECK(std::holds_alternative<ipc::EapStepAnswer>(say_name(number)));
    CHECK(room.eap.size() == EapConversations::kMostOfSource);
    for (std::uint64_t number = EapConversations::kMostOfSource + 1; number <= 2 * EapConversations::kMostOfSource;
         ++number) {
        eap::testing::PasswordPeer peer(room.legacy, "alice", "wrong");
        const auto challenge = std::get<ipc::EapStepAnswer>(say_name(number));
        room.identifier = 1;
        CHECK(room.say(eap::Type::kMschapv2, peer.respond(data_of(challenge)), number).outcome ==
              EapOutcome::kContinue);
    }
    CHECK(std::holds_alternative<ipc::AskFailed>(say_name(100)));
    room.ask.source = IpAddress::v4(192, 0, 2, 2);
    CHECK(std::holds_alternative<ipc::EapStepAnswer>(say_name(100)));
}

TEST_CASE("conversations that are over take no room from a share, and give way when all are too many") {
    Room room;
    for (std::uint64_t number = 1; number <= EapConversations::kMost + 1; ++number) {
        room.come_from(number);
        REQUIRE(room.say_name("alice", number).outcome == EapOutcome::kContinue);
        REQUIRE(room.say(eap::Type::kNak, {0}, number).outcome == EapOutcome::kFailure);
    }
    CHECK(room.eap.size() == EapConversations::kMost);
}

TEST_CASE("a conversation that has ended is soon forgotten, with its key") {
    Room room;
    (void)room.say_name("alice");
    CHECK(room.say(eap::Type::kNak, {0}).outcome == EapOutcome::kFailure);
    CHECK(room.eap.size() == 1);
    room.now.instant = room.now.instant + EapConversations::kLinger;
    (void)room.say_name("alice", 2);
    CHECK(room.eap.size() == 1);
}

TEST_CASE("with EAP-TLS a certificate of the customer's CA is whom it names, and no other is taken") {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        for (const bool is_ours : {true, false}) {
            Room room;
            room.ask.users = kNoSecret;
            room.ask.trust = kTrust;
            room.ask.signer = kSigner;
            const test::Made other = test::make_root("Beta Root");
            const test::Made leaf = test::make_leaf(is_ours ? room.root : other, "email:alice@acme.example");
            const eap::testing::Party party(leaf.der(), leaf.key_pem());
            eap::testing::TlsClient client(version, &party);
            auto answer = room.say_name("alice@acme.example");
            while (answer.outcome == EapOutcome::kContinue) {
                const auto response = client.respond(data_of(answer));
                answer = room.say(eap::Type::kTls, response.value_or(Octets{0}));
            }
            CHECK((answer.outcome == EapOutcome::kSuccess) == is_ours);
            if (is_ours) {
                CHECK(answer.type == 13);
                CHECK(answer.identity == "alice@acme.example");
                CHECK(answer.msk == crypto::SecretBuffer(client.msk().reveal()));
            } else {
                CHECK(answer.reason == eap::Reason::kCertificate);
                CHECK(answer.detail.find("none of the customer's CAs") != std::string::npos);
            }
        }
    }
}

// The peer's side of EAP-TLS with this certificate, to its end.
ipc::EapStepAnswer run_tls(Room& room, const test::Made& leaf) {
    room.ask.users = kNoSecret;
    room.ask.trust = kTrust;
    room.ask.signer = kSigner;
    const eap::testing::Party party(leaf.der(), leaf.key_pem());
    eap::testing::TlsClient client(TLS1_3_VERSION, &party);
    auto answer = room.say_name("anybody");
    while (answer.outcome == EapOutcome::kContinue)
        answer = room.say(eap::Type::kTls, client.respond(data_of(answer)).value_or(Octets{0}));
    return answer;
}

TEST_CASE("KA3: with EAP-TLS the subjectAltName is the name, the subject never") {
    struct Case {
        const char* names;
        const char* identity;
    };
    for (const auto& [names, identity] :
         {Case{"DNS:pc.acme.example,email:alice@acme.example", "alice@acme.example"},
          Case{"DNS:pc.acme.example,otherName:msUPN;UTF8:alice@acme.example", "alice@acme.example"},
          Case{"DNS:pc.acme.example", "pc.acme.example"}}) {
        Room room;
        const auto answer = run_tls(room, test::make_leaf(room.root, names));
        CHECK(answer.outcome == EapOutcome::kSuccess);
        CHECK(answer.identity == identity);
    }
    Room room;
    const auto answer = run_tls(room, test::make_leaf(room.root, "IP:192.0.2.1"));
    CHECK(answer.outcome == EapOutcome::kFailure);
    CHECK(answer.reason == eap::Reason::kCertificate);
    CHECK(answer.detail == "its certificate names nobody in its subjectAltName");
}

}  // namespace
