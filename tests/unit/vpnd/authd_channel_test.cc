// Asks go to authd and their answers come back, in any order; without authd, or one that takes none, nothing waits.
#include "vpnd/listeners/ike/authd_channel.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "vpnd/ike/limits.h"
#include "vpnd/io/event_loop.h"

using namespace warren;
using vpnd::AuthdChannel;

namespace {

constexpr Instant kNow{1'000'000'000};
constexpr std::uint64_t kToken = 7;

ike::PskMacAsk psk_ask(SecretId psk = 7) {
    return {psk, crypto::Sha::kSha384, {1, 2}, {3}};
}

// authd is played by the test.
struct Room {
    Room() { attach(); }
    void attach() {
        auto ends = ipc::Channel::pair();
        REQUIRE(ends);
        REQUIRE(ends->first.set_non_blocking());
        authd = std::move(ends->first);
        channel.attach(std::move(ends->second));
    }
    void post(ike::AskId id, bool may_wait = false, Instant now = kNow) {
        channel.post(now, id, psk_ask(id), may_wait);
    }
    // The asks that have come to authd.
    std::vector<ipc::AuthAsk> asked() {
        std::vector<ipc::AuthAsk> out;
        std::vector<std::uint8_t> space(ipc::kMaxMessageSize);
        while (true) {
            const auto received = authd.receive(space);
            if (!received || received->closed) return out;
            auto message = ipc::decode_auth(Bytes(space).first(received->size));
            REQUIRE(message);
            out.push_back(std::move(std::get<ipc::AuthAsk>(*message)));
        }
    }
    void answer(std::uint64_t number, ipc::AuthReply reply) {
        std::vector<std::uint8_t> wire;
        REQUIRE(ipc::encode(ipc::AuthMessage(ipc::AuthAnswer{number, std::move(reply)}), wire));
        REQUIRE(authd.send(wire));
    }
    void answer_all() {
        for (const ipc::AuthAsk& ask : asked()) answer(ask.id, ipc::PskMacAnswer{});
    }
    std::vector<AuthdChannel::Answered> take(Instant now = kNow) { return channel.take(now); }
    // The ids of those that failed, all that came back having failed.
    std::vector<ike::AskId> failed(Instant now = kNow) {
        std::vector<ike::AskId> out;
        for (const auto& one : take(now)) {
            CHECK(std::holds_alternative<ike::AskFailed>(one.answer));
            out.push_back(one.id);
        }
        return out;
    }
    bool is_ready() {
        const auto ready = loop.wait(Duration::zero());
        return !ready.empty() && ready[0].data.u64 == kToken;
    }

    io::EventLoop loop = std::move(*io::EventLoop::make());
    AuthdChannel channel{loop, kToken};
    ipc::Channel authd;
};

using Ids = std::vector<ike::AskId>;

}  // namespace

TEST_CASE("an ask goes to authd as it is, and its answer comes back as it is") {
    Room room;
    room.post(41);
    room.post(42);
    CHECK(room.take().empty());
    const auto asked = room.asked();
    REQUIRE(asked.size() == 2);
    const auto& ask = std::get<ipc::PskMacAsk>(asked[0].question);
    CHECK(ask.psk == 41);
    CHECK(ask.prf == crypto::Sha::kSha384);
    CHECK(ask.peer_octets == std::vector<std::uint8_t>{1, 2});
    CHECK(ask.our_octets == std::vector<std::uint8_t>{3});
    CHECK_FALSE(room.is_ready());
    const std::vector<std::uint8_t> mac(48, 9);
    room.answer(asked[1].id, ipc::AskFailed{});
    room.answer(asked[0].id, ipc::PskMacAnswer{crypto::SecretBuffer(Bytes(mac)), {}});
    CHECK(room.is_ready());
    const auto answers = room.take();
    REQUIRE(answers.size() == 2);
    CHECK(answers[0].id == 42);
    CHECK(std::holds_alternative<ike::AskFailed>(answers[0].answer));
    CHECK(answers[1].id == 41);
    const auto& macs = std::get<ike::PskMacAnswer>(answers[1].answer);
    CHECK(macs.peer_mac == crypto::PrfKey(Bytes(mac)));
    CHECK(macs.our_mac.empty());
}

TEST_CASE("certificates and EAP are asked for in the numbers of the RFC, and answered in them") {
    Room room;
    room.channel.post(kNow, 1, ike::SignAsk{5, {2, 4}, {7}}, false);
    room.channel.post(
        kNow, 2,
        ike::VerifyPeerAsk{{5, 6}, {ike::IdType::kFqdn, {8}}, {{9}}, ike::AuthMethod::kDigitalSignature, {10}, {11}},
        false);
    room.channel.post(kNow, 3, ike::EapStepAsk{5, 9, 6, 7, *parse_ip("192.0.2.1"), {8}}, false);
    room.channel.post(kNow, 4, ike::UserAsk{5, "alice"}, false);
    CHECK(room.take().empty());
    const auto asked = room.asked();
    REQUIRE(asked.size() == 4);
    CHECK(std::get<ipc::UserAsk>(asked[3].question).users == 5);
    CHECK(std::get<ipc::UserAsk>(asked[3].question).name == "alice");
    room.answer(asked[3].id, ipc::UserAnswer{true});
    const auto& sign = std::get<ipc::SignAsk>(asked[0].question);
    CHECK(sign.signer == 5);
    CHECK(sign.hashes == std::vector<std::uint16_t>{2, 4});
    const auto& verify = std::get<ipc::VerifyPeerAsk>(asked[1].question);
    CHECK(verify.trusts == std::vector<SecretId>{5, 6});
    CHECK(verify.identity_type == 2);
    CHECK(verify.identity == std::vector<std::uint8_t>{8});
    CHECK(verify.chain == ike::CertificateChain{{9}});
    CHECK(verify.method == 14);
    const auto& step = std::get<ipc::EapStepAsk>(asked[2].question);
    CHECK(step.conversation == 7);
    const std::vector<std::uint8_t> msk(64, 3);
    room.answer(asked[0].id, ipc::SignAnswer{14, {1}, {{2}}});
    room.answer(asked[1].id, ipc::VerifyPeerAnswer{PeerVerdict::kRevoked, 1, WallTime{5}});
    room.answer(asked[2].id, ipc::EapStepAnswer{EapOutcome::kSuccess,
                                                {4},
                                                26,
                                                crypto::SecretBuffer(Bytes(msk)),
                                                "alice",
                                                eap::Reason::kWrongPassword,
                                                "detail"});
    auto answers = room.take();
    REQUIRE(answers.size() == 4);
    CHECK(std::get<ike::UserAnswer>(answers[0].answer).is_known);
    answers.erase(answers.begin());
    CHECK(std::get<ike::SignAnswer>(answers[0].answer).method == ike::AuthMethod::kDigitalSignature);
    CHECK(std::get<ike::SignAnswer>(answers[0].answer).chain == ike::CertificateChain{{2}});
    CHECK(std::get<ike::VerifyPeerAnswer>(answers[1].answer).verdict == PeerVerdict::kRevoked);
    CHECK(std::get<ike::EapStepAnswer>(answers[2].answer).msk == crypto::PrfKey(Bytes(msk)));
    const auto& stepped = std::get<ike::EapStepAnswer>(answers[2].answer);
    CHECK(stepped.identity == "alice");
    CHECK(stepped.type == eap::Type::kMschapv2);
    CHECK(stepped.reason == eap::Reason::kWrongPassword);
    CHECK(stepped.detail == "detail");
}

TEST_CASE("what may wait comes after what may not, but for what authd has already") {
    Room room;
    for (ike::AskId id = 1; id <= 40; ++id) room.post(id, true);
    CHECK(room.take().empty());
    for (ike::AskId id = 101; id <= 103; ++id) room.post(id);
    auto asked = room.asked();
    CHECK(asked.size() == AuthdChannel::kMostAsked);
    for (const auto& ask : asked) room.answer(ask.id, ipc::PskMacAnswer{});
    CHECK(room.take().size() == asked.size());
    asked = room.asked();
    REQUIRE(asked.size() == AuthdChannel::kMostAsked);
    for (std::size_t i = 0; i < 4; ++i)
        CHECK(std::get<ipc::PskMacAsk>(asked[i].question).psk == Ids{101, 102, 103, 17}[i]);
}

TEST_CASE("without authd an ask fails at once, and says that it has") {
    Room room;
    room.authd = {};
    CHECK(room.is_ready());
    CHECK(room.take().empty());
    CHECK_FALSE(room.channel.is_attached());
    CHECK_FALSE(room.channel.has_answered());
    room.post(1);
    CHECK(room.channel.has_answered());
    CHECK(room.failed() == Ids{1});
    room.attach();
    room.post(2);
    CHECK(room.take().empty());
    CHECK(room.asked().size() == 1);
}

TEST_CASE("the asks of an authd that dies fail, those that wait too, and each once") {
    Room room;
    for (ike::AskId id = 1; id <= 20; ++id) room.post(id);
    CHECK(room.take().empty());
    CHECK(room.asked().size() == AuthdChannel::kMostAsked);
    SUBCASE("it hangs up") {
        room.authd = {};
    }
    SUBCASE("another one takes its place") {
        room.attach();
    }
    Ids failed = room.failed();
    std::sort(failed.begin(), failed.end());
    REQUIRE(failed.size() == 20);
    for (ike::AskId id = 1; id <= 20; ++id) CHECK(failed[id - 1] == id);
    CHECK(room.failed().empty());
}

TEST_CASE("an authd that answers nothing keeps no more than may be open, and nothing that is too late") {
    Room room;
    for (ike::AskId id = 1; id <= AuthdChannel::kMostAsked; ++id) room.post(id);
    CHECK(room.take().empty());
    const ike::AskId most = AuthdChannel::kMostAsked + AuthdChannel::kMostWaiting;
    for (ike::AskId id = AuthdChannel::kMostAsked + 1; id <= most; ++id) room.post(id, id % 2 == 0);
    CHECK(room.take().empty());
    room.post(most + 1);
    CHECK(room.failed() == Ids{most + 1});
    // The engine has given all of these up by then.
    const Instant later = kNow + ike::kAskLife;
    room.post(most + 2, false, later);
    CHECK(room.failed(later).empty());
    CHECK(room.asked().size() == AuthdChannel::kMostAsked);
    room.authd = {};
    CHECK(room.failed(later).size() == AuthdChannel::kMostAsked + 1);
}

TEST_CASE("answers to a former engine's asks mean nothing to the next") {
    Room room;
    room.post(1);
    CHECK(room.take().empty());
    const auto asked = room.asked();
    room.channel.forget_all();
    room.post(2);
    CHECK(room.take().empty());
    room.answer(asked.at(0).id, ipc::PskMacAnswer{});
    CHECK(room.take().empty());
    room.answer_all();
    const auto answers = room.take();
    REQUIRE(answers.size() == 1);
    CHECK(answers[0].id == 2);
}

TEST_CASE("an authd that answers what nobody asked, or sends nonsense, is left") {
    for (int way = 0; way < 3; ++way) {
        CAPTURE(way);
        Room room;
        room.post(1);
        CHECK(room.take().empty());
        const std::uint64_t number = room.asked().at(0).id;
        if (way == 0) room.answer(number + 1, ipc::AskFailed{});
        if (way == 1) {
            room.answer(number, ipc::AskFailed{});
            room.answer(number, ipc::PskMacAnswer{});
        }
        if (way == 2) REQUIRE(room.authd.send(std::vector<std::uint8_t>{1, 2, 3}));
        CHECK(room.failed() == Ids{1});
        CHECK_FALSE(room.channel.is_attached());
    }
}

TEST_CASE("an ask that no message can carry fails alone") {
    Room room;
    const std::vector<std::uint8_t> large(66 * 1024);
    room.channel.post(kNow, 1, ike::PskMacAsk{7, crypto::Sha::kSha256, large, large}, false);
    room.post(2);
    CHECK(room.failed() == Ids{1});
    CHECK(room.asked().size() == 1);
}
