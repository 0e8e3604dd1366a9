// Every message of authd's two channels comes back from the wire as it went in; what is larger than it may be is
// refused.
#include "ipc/auth_messages.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "ipc/channel.h"
#include "tests/unit/ipc/wires.h"

using namespace warren;
using namespace warren::ipc;
using namespace warren::test;

namespace {

crypto::SecretBuffer secret_bytes(std::size_t size) {
    const std::vector<std::uint8_t> bytes(size, 7);
    return crypto::SecretBuffer(Bytes(bytes));
}

std::vector<AuthControl> every_auth_control() {
    std::vector<AuthControl> out;
    out.emplace_back(PutSecret{UINT64_MAX, SecretKind::kTrust, true, {"acme.example", "ACME"}});
    out.emplace_back(SecretPart{SecretFile::kCrl, secret_bytes(20), true});
    out.emplace_back(SecretEnd{});
    out.emplace_back(DropSecret{7});
    out.emplace_back(AuthAsker{});
    out.emplace_back(AuthLogLevel{LogLevel::kDebug});
    out.emplace_back(AuthProbe{41});
    out.emplace_back(AuthAlive{42});
    out.emplace_back(AuthAskerGone{});
    return out;
}

std::vector<AuthQuestion> every_question() {
    std::vector<AuthQuestion> out;
    out.emplace_back(PskMacAsk{7, crypto::Sha::kSha384, {1, 2, 3}, {4, 5}});
    out.emplace_back(SignAsk{8, {2, 3, 65'535}, {1, 2, 3}});
    out.emplace_back(VerifyPeerAsk{{7, UINT64_MAX}, 9, {1, 2}, {{3, 4}, {5}}, 14, {6, 7}, {8}});
    out.emplace_back(EapStepAsk{7, 8, 9, 10, IpAddress::v4(192, 0, 2, 1), {2, 0, 0, 4}});
    out.emplace_back(PpkMixAsk{7, crypto::Sha::kSha512, secret_bytes(64), secret_bytes(32), secret_bytes(48)});
    out.emplace_back(UserAsk{7, "alice@acme.example"});
    return out;
}

std::vector<AuthReply> every_reply() {
    std::vector<AuthReply> out;
    out.emplace_back(AskFailed{});
    out.emplace_back(PskMacAnswer{secret_bytes(32), secret_bytes(64)});
    out.emplace_back(SignAnswer{14, {1, 2}, {{3, 4}, {5}}});
    out.emplace_back(VerifyPeerAnswer{PeerVerdict::kNoRevocationList, 3, WallTime{-5}});
    out.emplace_back(EapStepAnswer{
        EapOutcome::kSuccess, {3, 0, 0, 4}, 26, secret_bytes(64), "alice@acme.example", eap::Reason::kNone, "detail"});
    out.emplace_back(PpkMixAnswer{secret_bytes(64), secret_bytes(32), secret_bytes(48)});
    out.emplace_back(UserAnswer{true});
    return out;
}

std::vector<AuthMessage> every_auth_message() {
    std::vector<AuthMessage> out;
    for (AuthQuestion& question : every_question()) out.emplace_back(AuthAsk{UINT64_MAX, std::move(question)});
    for (AuthReply& reply : every_reply()) out.emplace_back(AuthAnswer{42, std::move(reply)});
    return out;
}

}  // namespace

TEST_CASE("every ask and every answer survive the wire") {
    CHECK(every_question().size() == std::variant_size_v<AuthQuestion>);
    CHECK(every_reply().size() == std::variant_size_v<AuthReply>);
    for (const AuthMessage& message : every_auth_message()) {
        const Wire wire = wire_of(message);
        const auto decoded = decode_auth(wire);
        REQUIRE(decoded);
        CHECK(wire_of(*decoded) == wire);
    }
}

TEST_CASE("of an ask, an answer and a secret no part is larger than it may be") {
    const auto refuses = [](const auto& decode_it, const auto& message) { return !decode_it(wire_of(message)); };
    const auto asks = [&](auto change, std::size_t which) {
        std::vector<AuthQuestion> questions = every_question();
        change(questions[which]);
        return refuses(decode_auth, AuthMessage(AuthAsk{1, std::move(questions[which])}));
    };
    const auto replies = [&](auto change, std::size_t which) {
        std::vector<AuthReply> all = every_reply();
        change(all[which]);
        return refuses(decode_auth, AuthMessage(AuthAnswer{1, std::move(all[which])}));
    };
    const std::vector<std::uint8_t> octets(66 * 1024 + 1);
    CHECK(asks([&](AuthQuestion& one) { std::get<PskMacAsk>(one).peer_octets = octets; }, 0));
    CHECK(asks([&](AuthQuestion& one) { std::get<PskMacAsk>(one).our_octets = octets; }, 0));
    CHECK(asks([&](AuthQuestion& one) { std::get<SignAsk>(one).octets = octets; }, 1));
    CHECK(asks([&](AuthQuestion& one) { std::get<SignAsk>(one).hashes.resize(33); }, 1));
    CHECK(asks([&](AuthQuestion& one) { std::get<VerifyPeerAsk>(one).trusts.resize(65); }, 2));
    CHECK(asks([&](AuthQuestion& one) { std::get<VerifyPeerAsk>(one).identity.resize(1025); }, 2));
    CHECK(asks([&](AuthQuestion& one) { std::get<VerifyPeerAsk>(one).chain.resize(9, {1}); }, 2));
    CHECK(asks([&](AuthQuestion& one) { std::get<VerifyPeerAsk>(one).chain[0].clear(); }, 2));
    CHECK(asks([&](AuthQuestion& one) { std::get<VerifyPeerAsk>(one).chain[1].resize(16 * 1024 + 1); }, 2));
    CHECK(asks([&](AuthQuestion& one) { std::get<VerifyPeerAsk>(one).data.resize(4 * 1024 + 1); }, 2));
    CHECK(asks([&](AuthQuestion& one) { std::get<VerifyPeerAsk>(one).octets = octets; }, 2));
    CHECK(asks([&](AuthQuestion& one) { std::get<EapStepAsk>(one).message.resize(64 * 1024 + 1); }, 3));
    CHECK(asks([&](AuthQuestion& one) { std::get<PpkMixAsk>(one).sk_d = secret_bytes(65); }, 4));
    CHECK(asks([&](AuthQuestion& one) { std::get<PpkMixAsk>(one).sk_pr = secret_bytes(65); }, 4));
    CHECK(asks([&](AuthQuestion& one) { std::get<UserAsk>(one).name.resize(1025); }, 5));
    CHECK(replies([&](AuthReply& one) { std::get<PpkMixAnswer>(one).sk_pi = secret_bytes(65); }, 5));
    CHECK(replies([&](AuthReply& one) { std::get<PskMacAnswer>(one).peer_mac = secret_bytes(65); }, 1));
    CHECK(replies([&](AuthReply& one) { std::get<PskMacAnswer>(one).our_mac = secret_bytes(65); }, 1));
    CHECK(replies([&](AuthReply& one) { std::get<SignAnswer>(one).data.resize(4 * 1024 + 1); }, 2));
    CHECK(replies([&](AuthReply& one) { std::get<SignAnswer>(one).chain.resize(9, {1}); }, 2));
    CHECK(replies([&](AuthReply& one) { std::get<EapStepAnswer>(one).msk = secret_bytes(63); }, 4));
    CHECK(replies([&](AuthReply& one) { std::get<EapStepAnswer>(one).outcome = EapOutcome::kContinue; }, 4));
    CHECK(replies([&](AuthReply& one) { std::get<EapStepAnswer>(one).identity.resize(1025); }, 4));
    CHECK(replies([&](AuthReply& one) { std::get<EapStepAnswer>(one).detail.resize(257); }, 4));
    CHECK(refuses(decode_auth_control, AuthControl(PutSecret{})));  // nobody has kNoSecret
    CHECK(refuses(decode_auth_control,
                  AuthControl(PutSecret{1, SecretKind::kUsers, false, std::vector<std::string>(65, "x")})));
    CHECK(refuses(decode_auth_control,
                  AuthControl(SecretPart{SecretFile::kCa, secret_bytes(SecretPart::kMostBytes + 1)})));
}

// What vpnd sends at most, and what stackd does.
TEST_CASE("the largest ask, answer and part of a secret fit into a message") {
    Wire wire;
    VerifyPeerAsk ask{std::vector<SecretId>(64), 9, std::vector<std::uint8_t>(1024), {}, 14, {}, {}};
    ask.chain.assign(4, std::vector<std::uint8_t>(16 * 1024));  // an IKE_AUTH request has 64 KiB
    ask.data.resize(4 * 1024);
    ask.octets.resize(4 * 1024);
    CHECK(check(AuthQuestion(ask)));
    CHECK(encode(AuthMessage(AuthAsk{1, std::move(ask)}), wire));
    CHECK(encode(AuthMessage(AuthAsk{1, EapStepAsk{1, 2, 3, 4, {}, std::vector<std::uint8_t>(64 * 1024)}}), wire));
    CHECK(encode(AuthControl(SecretPart{SecretFile::kCa, secret_bytes(SecretPart::kMostBytes), true}), wire));
}

TEST_CASE("what is cut off, grown or flipped is refused, or says something else in the only way there is") {
    check_round_trip(every_auth_control(), decode_auth_control);
    check_cut_and_grown(every_auth_control(), decode_auth_control);
    check_cut_and_grown(every_auth_message(), decode_auth);
    check_bit_flips(every_auth_control(), decode_auth_control);
    check_bit_flips(every_auth_message(), decode_auth);
}

TEST_CASE("the fuzzers' corpora are authd's messages of today") {
    check_corpus(WARREN_CORPUS, "ipc_auth", every_auth_message());
    check_corpus(WARREN_CORPUS, "ipc_auth_control", every_auth_control());
}
