#include "auth/eap/conversation.h"

#include <doctest/doctest.h>

#include <string>

namespace warren::eap {
namespace {

using Verdict = Answer::Verdict;
using Octets = std::vector<std::uint8_t>;

// Succeeds after `rounds` responses.
class Patient final : public Method {
  public:
    Patient(Type type, unsigned rounds) : type_(type), rounds_(rounds) {}
    [[nodiscard]] Type type() const override { return type_; }
    [[nodiscard]] Turn begin() override { return Turn::request({0xbe}); }
    [[nodiscard]] Turn take(Instant /*now*/, Bytes data) override {
        if (data.empty()) return Turn::failed(Reason::kWrongPassword, "empty");
        if (--rounds_ > 0) return Turn::request({data[0]});
        Turn out;
        out.kind = Turn::Kind::kDone;
        out.msk.writable()[0] = 42;
        out.identity = "alice";
        return out;
    }

  private:
    Type type_;
    unsigned rounds_;
};

struct Bench {
    Conversation conversation{{{Type::kTls, Type::kMschapv2}, [this](Type type) {
                                   ++made;
                                   return std::make_unique<Patient>(type, rounds);
                               }}};
    unsigned rounds = 2;
    int made = 0;
    std::uint8_t identifier = 0;

    Answer say(Type type, const Octets& data) {
        const Octets bytes = write_message({Code::kResponse, identifier, type, data});
        return take(bytes);
    }
    Answer take(const Octets& bytes) {
        Answer out = conversation.take({}, bytes);
        const auto request = read_message(out.message);
        REQUIRE(request);
        if (out.verdict == Verdict::kContinue) identifier = request->identifier;
        return out;
    }
    Answer identify() { return say(Type::kIdentity, {'a'}); }
};

Type type_of(const Answer& answer) {
    return read_message(answer.message).value().type;
}
Code code_of(const Answer& answer) {
    return read_message(answer.message).value().code;
}

TEST_CASE("an identity, a method, and a success with its keys") {
    Bench bench;
    const Answer offered = bench.identify();
    CHECK(offered.verdict == Verdict::kContinue);
    CHECK(type_of(offered) == Type::kTls);
    CHECK(bench.say(Type::kTls, {1}).verdict == Verdict::kContinue);
    const std::uint8_t last = bench.identifier;
    const Answer done = bench.say(Type::kTls, {2});
    CHECK(done.verdict == Verdict::kSuccess);
    CHECK(code_of(done) == Code::kSuccess);
    CHECK(read_message(done.message)->identifier == last);
    CHECK(done.type == Type::kTls);
    CHECK(done.identity == "alice");
    CHECK(done.msk.reveal()[0] == 42);
    CHECK(bench.conversation.is_over());
}

TEST_CASE("each request has the next identifier") {
    Bench bench;
    bench.identifier = 255;
    (void)bench.identify();
    CHECK(bench.identifier == 0);
    (void)bench.say(Type::kTls, {1});
    CHECK(bench.identifier == 1);
}

TEST_CASE("KA7: a Nak to a method that we have is honoured") {
    Bench bench;
    (void)bench.identify();
    const Answer second = bench.say(Type::kNak, {26});
    CHECK(second.verdict == Verdict::kContinue);
    CHECK(type_of(second) == Type::kMschapv2);
    CHECK(bench.made == 2);
    (void)bench.say(Type::kMschapv2, {1});
    CHECK(bench.say(Type::kMschapv2, {1}).type == Type::kMschapv2);
}

TEST_CASE("a Nak to what we do not have, or was refused already, ends it") {
    for (const Octets& wanted : {Octets{0}, Octets{}, Octets{13}, Octets{4, 21, 254}}) {
        Bench bench;
        (void)bench.identify();
        const Answer end = bench.say(Type::kNak, wanted);
        CHECK(end.verdict == Verdict::kFailure);
        CHECK(end.reason == Reason::kNoMethod);
    }
    Bench bench;
    (void)bench.identify();
    (void)bench.say(Type::kNak, {26});
    CHECK(bench.say(Type::kNak, {13}).reason == Reason::kNoMethod);
}

TEST_CASE("a Nak in the middle of a method is none") {
    Bench bench;
    (void)bench.identify();
    (void)bench.say(Type::kTls, {1});
    CHECK(bench.say(Type::kNak, {26}).reason == Reason::kUnexpected);
}

// Every message at every place: only the one that belongs there goes on, and no order succeeds but the right one.
TEST_CASE("KA7: what does not belong where it comes ends the conversation") {
    const std::vector<Octets> stray{
        {1, 0, 0, 5, 1},   {1, 0, 0, 6, 13, 0}, {3, 0, 0, 4},       {4, 0, 0, 4},         {2, 0, 0, 6, 2, 0},
        {2, 0, 0, 5, 254}, {2, 0, 0, 6, 26, 1}, {2, 0, 0, 6, 4, 1}, {2, 0, 0, 9, 13, 13}, {},
        {2, 0, 0, 4},      {0, 0, 0, 5, 1},
    };
    for (int place = 0; place < 3; ++place) {
        for (Octets message : stray) {
            Bench bench;
            if (place > 0) (void)bench.identify();
            if (place > 1) (void)bench.say(Type::kTls, {1});
            if (message.size() > 1) message[1] = bench.identifier;
            const Answer end = bench.take(message);
            CHECK(end.verdict == Verdict::kFailure);
            CHECK(code_of(end) == Code::kFailure);
            CHECK(end.msk.is_zero());
            CHECK(bench.conversation.is_over());
            CHECK(bench.say(Type::kTls, {7}).reason == Reason::kOver);
        }
    }
}

TEST_CASE("a second identity ends the conversation") {
    Bench bench;
    (void)bench.identify();
    CHECK(bench.say(Type::kIdentity, {'b'}).reason == Reason::kUnexpected);
}

TEST_CASE("a response to another request ends the conversation") {
    Bench bench;
    (void)bench.identify();
    ++bench.identifier;
    CHECK(bench.say(Type::kTls, {1}).reason == Reason::kUnexpected);
}

TEST_CASE("what is repeated gets the same answer, and moves nothing") {
    Bench bench;
    const Octets identity = write_message({Code::kResponse, 0, Type::kIdentity, {}});
    const Answer first = bench.take(identity);
    const Answer again = bench.take(identity);
    CHECK(again.message == first.message);
    CHECK(bench.made == 1);
    (void)bench.say(Type::kTls, {1});
    const Octets last = write_message({Code::kResponse, bench.identifier, Type::kTls, Octets{2}});
    const Answer done = bench.take(last);
    const Answer done_again = bench.take(last);
    CHECK(done_again.verdict == Verdict::kSuccess);
    CHECK(done_again.msk == done.msk);
}

TEST_CASE("nothing follows a success") {
    Bench bench;
    (void)bench.identify();
    (void)bench.say(Type::kTls, {1});
    CHECK(bench.say(Type::kTls, {2}).verdict == Verdict::kSuccess);
    CHECK(bench.say(Type::kTls, {3}).reason == Reason::kOver);
    CHECK(bench.say(Type::kIdentity, {'a'}).reason == Reason::kOver);
}

TEST_CASE("a method's failure is the conversation's") {
    Bench bench;
    (void)bench.identify();
    const Answer end = bench.say(Type::kTls, {});
    CHECK(end.verdict == Verdict::kFailure);
    CHECK(end.reason == Reason::kWrongPassword);
    CHECK(end.detail == "empty");
}

TEST_CASE("KA7: a conversation has a bounded number of rounds") {
    Bench bench;
    bench.rounds = kMostRounds;
    (void)bench.identify();
    for (unsigned i = 1; i < kMostRounds; ++i) CHECK(bench.say(Type::kTls, {1}).verdict == Verdict::kContinue);
    CHECK(bench.say(Type::kTls, {1}).verdict == Verdict::kSuccess);

    Bench longer;
    longer.rounds = kMostRounds + 1;
    (void)longer.identify();
    for (unsigned i = 1; i < kMostRounds; ++i) (void)longer.say(Type::kTls, {1});
    CHECK(longer.say(Type::kTls, {1}).reason == Reason::kTooManyRounds);
}

TEST_CASE("a message that is too long is none") {
    Bench bench;
    (void)bench.identify();
    CHECK(bench.say(Type::kTls, Octets(kMostEapMessage)).reason == Reason::kMalformed);
}

TEST_CASE("without a method there is no conversation") {
    Conversation conversation({{}, nullptr});
    const Octets identity = write_message({Code::kResponse, 0, Type::kIdentity, {}});
    CHECK(conversation.take({}, identity).reason == Reason::kNoMethod);
}

}  // namespace
}  // namespace warren::eap
