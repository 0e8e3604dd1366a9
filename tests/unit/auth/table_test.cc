// What authd answers, and that it answers nothing with a secret that is not there or is of another kind.
#include "auth/table/table.h"

#include <doctest/doctest.h>

#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "crypto/prf.h"
#include "tests/unit/auth/pieces.h"
#include "tests/vectors/hex.h"
#include "tests/vectors/seeded_random.h"

using namespace warren;
using namespace warren::auth;
using test::psk;

namespace {

struct Room {
    test::SeededRandom random{1};
    Table table{random};
    Now now{};

    template <typename Answer>
    [[nodiscard]] Answer answer(const ipc::AuthQuestion& question) {
        ipc::AuthReply reply = table.answer(now, question);
        REQUIRE(std::holds_alternative<Answer>(reply));
        return std::move(std::get<Answer>(reply));
    }
};

const std::vector<std::uint8_t> kPeers{1, 2, 3};
const std::vector<std::uint8_t> kOurs{4, 5};

std::vector<std::uint8_t> mac_of(std::string_view key, const std::vector<std::uint8_t>& octets) {
    const crypto::PrfKey mac = crypto::shared_key_mic(crypto::Sha::kSha384, as_bytes(key), octets);
    return {mac.reveal().begin(), mac.reveal().end()};
}

std::vector<std::uint8_t> bytes_of(const crypto::SecretBuffer& buffer) {
    return {buffer.reveal().begin(), buffer.reveal().end()};
}

// Notes what it is told.
struct Told {
    std::vector<std::pair<SecretId, SecretKind>> put;
    std::vector<SecretId> dropped;
};
struct NotingCertificates final : Certificates {
    explicit NotingCertificates(Told& told) : told_(told) {}
    void put(SecretId id, const Secret& secret) override { told_.put.emplace_back(id, secret.kind); }
    void drop(SecretId id) override { told_.dropped.push_back(id); }
    ipc::AuthReply sign(const ipc::SignAsk& ask) override {
        return ipc::SignAnswer{14, {static_cast<std::uint8_t>(ask.signer)}, {}};
    }
    ipc::AuthReply verify(Now now, const ipc::VerifyPeerAsk& /*ask*/) override {
        return ipc::VerifyPeerAnswer{PeerVerdict::kTrusted, 0, now.wall};
    }
    Told& told_;
};
struct NotingEap final : Eap {
    explicit NotingEap(Told& told) : told_(told) {}
    void put(SecretId id, const Secret& secret) override { told_.put.emplace_back(id, secret.kind); }
    void drop(SecretId id) override { told_.dropped.push_back(id); }
    ipc::AuthReply step(Now /*now*/, const ipc::EapStepAsk& ask) override {
        ipc::EapStepAnswer out;
        out.outcome = EapOutcome::kContinue;
        out.message = ask.message;
        return out;
    }
    ipc::AuthReply is_user(const ipc::UserAsk& ask) override { return ipc::UserAnswer{ask.name == "alice"}; }
    Told& told_;
};

}  // namespace

TEST_CASE("a preshared key MACs what is there, and says nothing of itself") {
    Room room;
    REQUIRE(room.table.put(7, psk("correct horse battery staple")));
    const ipc::PskMacAsk ask{7, crypto::Sha::kSha384, kPeers, kOurs};
    const auto both = room.answer<ipc::PskMacAnswer>(ask);
    CHECK(bytes_of(both.peer_mac) == mac_of("correct horse battery staple", kPeers));
    CHECK(bytes_of(both.our_mac) == mac_of("correct horse battery staple", kOurs));
    const auto one = room.answer<ipc::PskMacAnswer>(ipc::PskMacAsk{7, crypto::Sha::kSha384, {}, kOurs});
    CHECK(one.peer_mac.empty());
    CHECK(bytes_of(one.our_mac) == mac_of("correct horse battery staple", kOurs));
}

TEST_CASE("KA11: nobody's key is one that nobody has, another in every process, and makes a MAC all the same") {
    Room room;
    const ipc::PskMacAsk ask{kNoSecret, crypto::Sha::kSha384, kPeers, kOurs};
    const auto answer = room.answer<ipc::PskMacAnswer>(ask);
    CHECK(answer.peer_mac.size() == 48);
    CHECK(answer.our_mac.size() == 48);
    CHECK(bytes_of(answer.peer_mac) != mac_of("", kPeers));
    CHECK(bytes_of(answer.peer_mac) != mac_of(std::string(32, '\0'), kPeers));
    test::SeededRandom others(2);
    Table another(others);
    const ipc::AuthReply its = another.answer({}, ask);
    CHECK(bytes_of(std::get<ipc::PskMacAnswer>(its).peer_mac) != bytes_of(answer.peer_mac));
}

TEST_CASE("KQ1: a postquantum key is mixed into the keys that are asked for, and a preshared key is none") {
    Room room;
    REQUIRE(room.table.put(7, test::secret_of(SecretKind::kPpk, ipc::SecretFile::kKey, "a key for after quantum")));
    const auto ask = [](SecretId id) {
        const auto key = [](std::uint8_t fill) {
            return crypto::SecretBuffer(Bytes(std::vector<std::uint8_t>(48, fill)));
        };
        return ipc::PpkMixAsk{id, crypto::Sha::kSha384, key(1), key(2), key(3)};
    };
    const auto mixed = room.answer<ipc::PpkMixAnswer>(ask(7));
    std::vector<std::uint8_t> expected(48);
    const std::vector<std::uint8_t> sk_d(48, 1);
    crypto::prf_plus(crypto::Sha::kSha384, as_bytes(std::string_view("a key for after quantum")), {sk_d}, expected);
    CHECK(bytes_of(mixed.sk_d) == expected);
    CHECK(bytes_of(mixed.sk_pi) != bytes_of(mixed.sk_pr));
    CHECK(room.answer<ipc::PpkMixAnswer>(ask(kNoSecret)).sk_d.size() == 48);
    (void)room.answer<ipc::AskFailed>(ask(8));
    REQUIRE(room.table.put(7, psk("correct horse battery staple")));
    (void)room.answer<ipc::AskFailed>(ask(7));
}

TEST_CASE("a secret that is not there, not any more, or of another kind answers nothing") {
    Room room;
    const ipc::PskMacAsk ask{7, crypto::Sha::kSha256, kPeers, kOurs};
    (void)room.answer<ipc::AskFailed>(ask);
    for (const SecretKind kind : {SecretKind::kPpk, SecretKind::kSigner, SecretKind::kTrust, SecretKind::kUsers}) {
        REQUIRE(room.table.put(7, test::secret_of(kind, ipc::SecretFile::kKey, "correct horse battery staple")));
        (void)room.answer<ipc::AskFailed>(ask);
    }
    REQUIRE(room.table.put(7, psk("correct horse battery staple")));
    (void)room.answer<ipc::PskMacAnswer>(ask);
    room.table.drop(7);
    (void)room.answer<ipc::AskFailed>(ask);
}

TEST_CASE("without those who can, certificates and EAP cannot be answered") {
    Room room;
    REQUIRE(room.table.put(7, test::secret_of(SecretKind::kSigner, ipc::SecretFile::kPrivateKey, "PEM")));
    (void)room.answer<ipc::AskFailed>(ipc::SignAsk{7, {2}, kOurs});
    (void)room.answer<ipc::AskFailed>(ipc::VerifyPeerAsk{{7}, 2, {}, {}, 14, {}, kPeers});
    (void)room.answer<ipc::AskFailed>(ipc::EapStepAsk{7, kNoSecret, 7, 1, {}, {}});
    (void)room.answer<ipc::AskFailed>(ipc::UserAsk{7, "alice"});
}

TEST_CASE("those who answer for certificates and EAP have the secrets that they need, and no preshared key") {
    test::SeededRandom random(1);
    Told certificates;
    Told eap;
    Table table(random, std::make_unique<NotingCertificates>(certificates), std::make_unique<NotingEap>(eap));
    using enum SecretKind;
    SecretId next = 0;
    for (const SecretKind kind : {kPsk, kPpk, kSigner, kTrust, kUsers})
        REQUIRE(table.put(++next, test::secret_of(kind, ipc::SecretFile::kKey, "x")));
    using All = std::vector<std::pair<SecretId, SecretKind>>;
    CHECK(certificates.put == All{{3, kSigner}, {4, kTrust}});
    CHECK(eap.put == All{{3, kSigner}, {4, kTrust}, {5, kUsers}});
    certificates.dropped.clear();
    table.drop(3);
    CHECK(certificates.dropped == std::vector<SecretId>{3});
    const Now now{{}, WallTime{42}};
    CHECK(std::get<ipc::SignAnswer>(table.answer(now, ipc::SignAsk{4, {}, kOurs})).data[0] == 4);
    CHECK(std::get<ipc::UserAnswer>(table.answer(now, ipc::UserAsk{5, "alice"})).is_known);
    CHECK(std::get<ipc::VerifyPeerAnswer>(table.answer(now, ipc::VerifyPeerAsk{})).not_after == WallTime{42});
    CHECK(
        std::get<ipc::EapStepAnswer>(table.answer(now, ipc::EapStepAsk{5, kNoSecret, 0, 1, {}, {9}})).message.front() ==
        9);
}
