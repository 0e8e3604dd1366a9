#include "vpnd/ike/fragment.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/ike/messages.h"
#include "vpnd/ike/reader.h"

namespace warren::ike {
namespace {

using crypto::IkeCipher;
using test::Buffer;
using Verdict = Reassembly::Verdict;

constexpr Instant kNow{1'000'000'000};
const Header kHeader = test::request(ExchangeType::kIkeAuth, 1);

SkfPayload skf(std::uint16_t number, std::uint16_t total, PayloadType first = PayloadType::kNone) {
    return {.first = first, .number = number, .total = total, .sealed = {}, .associated = {}};
}

Buffer text(std::string_view words) {
    return test::copy_of(as_bytes(words));
}

// A sealer, its key on the other side, and a message of many fragments.
struct Sender {
    explicit Sender(IkeCipher cipher = IkeCipher::kAes128Gcm)
        : key(test::random_key(cipher, random, {crypto::Sha::kSha256, 16})), sealer(test::clone_of(key)) {}

    test::SeededRandom random{51};
    crypto::IkeCipherKey key;
    Sealer sealer;

    std::vector<Buffer> split(const Chain& chain, std::size_t fragment_size, Family family = Family::kV4) {
        return seal_in_fragments(sealer, kHeader, chain, fragment_size, family, random);
    }
    // Opens a datagram and adds it.
    Verdict receive(Reassembly& reassembly, Bytes datagram, Instant now = kNow) {
        const auto message = read_message(datagram);
        REQUIRE(message.has_value());
        const auto* const payload = message->payloads.find<SkfPayload>();
        REQUIRE(payload != nullptr);
        auto part = open(key, *payload);
        REQUIRE(part.has_value());
        return reassembly.add(now, message->header, *payload, std::move(*part));
    }
};

Chain chain_of(std::size_t size, test::SeededRandom& random) {
    Chain chain;
    chain.cert(CertEncoding::kX509Signature, random.bytes(size));
    return chain;
}

TEST_CASE("KF1: a message that fits is not split, and one byte more is") {
    for (const Family family : {Family::kV4, Family::kV6}) {
        Sender sender;
        const std::size_t room = 1280 - outer_size(family);
        const std::size_t most = sender.sealer.most_chain(room, false) - kPayloadHeaderSize - 1;
        const auto whole = sender.split(chain_of(most, sender.random), 1280, family);
        REQUIRE(whole.size() == 1);
        CHECK(whole[0].size() == room);
        CHECK(read_message(whole[0])->payloads.find<SkPayload>() != nullptr);
        CHECK(sender.split(chain_of(most + 1, sender.random), 1280, family).size() == 2);
    }
}

TEST_CASE("KF1: fragments are as long as they may be, and are put together in any order") {
    for (const IkeCipher cipher : {IkeCipher::kAes256Gcm, IkeCipher::kAes256Cbc}) {
        Sender sender(cipher);
        for (const std::size_t fragment_size : {kLeastFragmentSize, std::size_t{1280}, std::size_t{1500}}) {
            const Chain chain = chain_of(6000, sender.random);
            auto fragments = sender.split(chain, fragment_size);
            const std::size_t room = fragment_size - outer_size(Family::kV4);
            CHECK(fragments.size() >= chain.bytes().size() / room);
            for (const Buffer& fragment : fragments) {
                CHECK(fragment.size() <= room);
                const bool is_last = &fragment == &fragments.back();
                CHECK((is_last || fragment.size() + 16 > room));
            }
            std::ranges::reverse(fragments);
            std::swap(fragments[1], fragments[2]);
            Reassembly reassembly;
            for (std::size_t i = 0; i + 1 < fragments.size(); ++i) {
                CHECK(sender.receive(reassembly, fragments[i]) == Verdict::kWaiting);
                CHECK(sender.receive(reassembly, fragments[i]) == Verdict::kIgnored);
            }
            CHECK(sender.receive(reassembly, fragments.back()) == Verdict::kComplete);
            const Opened opened = reassembly.take();
            CHECK(opened.first == PayloadType::kCert);
            CHECK(opened.chain == test::copy_of(chain.bytes()));
            CHECK(reassembly.deadline() == kNever);
        }
    }
}

TEST_CASE("KF1: only the first fragment names the first payload") {
    Sender sender;
    const auto fragments = sender.split(chain_of(3000, sender.random), 1280);
    REQUIRE(fragments.size() == 3);
    for (std::size_t i = 0; i < fragments.size(); ++i) {
        const PayloadType expected = i == 0 ? PayloadType::kCert : PayloadType::kNone;
        CHECK(static_cast<PayloadType>(fragments[i][kHeaderSize]) == expected);
        const auto message = read_message(fragments[i]);
        CHECK(message->payloads.find<SkfPayload>()->number == i + 1);
        CHECK(message->payloads.find<SkfPayload>()->total == 3);
    }
}

TEST_CASE("KF1: a fragment with any bit flipped is not opened") {
    Sender sender;
    Buffer fragment = sender.split(chain_of(2000, sender.random), 1280).back();
    for (std::size_t bit = 0; bit < 8 * fragment.size(); ++bit) {
        fragment[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
        const auto message = read_message(fragment);
        const auto* const payload = message ? message->payloads.find<SkfPayload>() : nullptr;
        if (payload != nullptr) CHECK_FALSE(open(sender.key, *payload).has_value());
        fragment[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    }
}

TEST_CASE("KF1: a larger total starts anew, a smaller one is ignored") {
    Reassembly reassembly;
    CHECK(reassembly.add(kNow, kHeader, skf(1, 2), text("a")) == Verdict::kWaiting);
    CHECK(reassembly.wants(kNow, kHeader, skf(1, 3)));
    CHECK(reassembly.add(kNow, kHeader, skf(2, 3), text("two")) == Verdict::kWaiting);
    CHECK_FALSE(reassembly.wants(kNow, kHeader, skf(2, 2)));
    CHECK(reassembly.add(kNow, kHeader, skf(2, 2), text("b")) == Verdict::kIgnored);
    CHECK(reassembly.add(kNow, kHeader, skf(1, 1), text("c")) == Verdict::kIgnored);
    CHECK(reassembly.add(kNow, kHeader, skf(3, 3), text("three")) == Verdict::kWaiting);
    CHECK(reassembly.add(kNow, kHeader, skf(1, 3, PayloadType::kIdi), text("one")) == Verdict::kComplete);
    const Opened opened = reassembly.take();
    CHECK(opened.first == PayloadType::kIdi);
    CHECK(opened.chain == text("onetwothree"));
}

TEST_CASE("KF1: numbers beyond the total, and totals beyond the bound, are refused") {
    Reassembly reassembly;
    const auto too_many = static_cast<std::uint16_t>(Reassembly::kMostFragments + 1);
    REQUIRE(reassembly.add(kNow, kHeader, skf(1, 2), text("a")) == Verdict::kWaiting);
    for (const SkfPayload& payload : {skf(0, 2), skf(3, 2), skf(1, 0), skf(1, too_many), skf(1, 65535)}) {
        CHECK_FALSE(reassembly.wants(kNow, kHeader, payload));
        CHECK(reassembly.add(kNow, kHeader, payload, text("x")) == Verdict::kRefused);
    }
    CHECK(reassembly.add(kNow, kHeader, skf(2, 2), text("b")) == Verdict::kComplete);
    CHECK(reassembly.take().chain == text("ab"));
}

TEST_CASE("KF1: another message, direction or exchange starts anew") {
    const std::vector<Header> others = [] {
        std::vector<Header> out(3, kHeader);
        out[0].message_id = 2;
        out[1].is_response = true;
        out[2].exchange = ExchangeType::kInformational;
        return out;
    }();
    for (const Header& other : others) {
        Reassembly reassembly;
        REQUIRE(reassembly.add(kNow, kHeader, skf(1, 2), text("a")) == Verdict::kWaiting);
        CHECK(reassembly.wants(kNow, other, skf(1, 2)));
        CHECK(reassembly.add(kNow, other, skf(2, 2), text("d")) == Verdict::kWaiting);
        CHECK(reassembly.add(kNow, other, skf(1, 2), text("c")) == Verdict::kComplete);
        CHECK(reassembly.take().chain == text("cd"));
    }
}

TEST_CASE("KF1: a whole that outgrows a message is forgotten") {
    Reassembly reassembly;
    CHECK(reassembly.add(kNow, kHeader, skf(1, 3), Buffer(40'000)) == Verdict::kWaiting);
    CHECK(reassembly.add(kNow, kHeader, skf(2, 3), Buffer(kMostMessage - 40'000 + 1)) == Verdict::kRefused);
    CHECK(reassembly.deadline() == kNever);
    CHECK(reassembly.add(kNow, kHeader, skf(1, 2), Buffer(40'000)) == Verdict::kWaiting);
    CHECK(reassembly.add(kNow, kHeader, skf(2, 2), Buffer(kMostMessage - 40'000)) == Verdict::kComplete);
    CHECK(reassembly.take().chain.size() == kMostMessage);
}

TEST_CASE("KF1: fragments wait for ten seconds") {
    Reassembly reassembly;
    CHECK(reassembly.deadline() == kNever);
    REQUIRE(reassembly.add(kNow, kHeader, skf(1, 2), text("a")) == Verdict::kWaiting);
    CHECK(reassembly.deadline() == kNow + Reassembly::kReassemblyTime);
    const Instant last = kNow + Reassembly::kReassemblyTime - Duration(1);
    CHECK_FALSE(reassembly.wants(last, kHeader, skf(1, 2)));
    CHECK(reassembly.add(last + Duration(1), kHeader, skf(2, 2), text("b")) == Verdict::kWaiting);
    CHECK(reassembly.add(last + Duration(1), kHeader, skf(1, 2), text("c")) == Verdict::kComplete);
    CHECK(reassembly.take().chain == text("cb"));
}

TEST_CASE("KF1: one fragment of one is a whole message") {
    Reassembly reassembly;
    CHECK(reassembly.add(kNow, kHeader, skf(1, 1, PayloadType::kNonce), text("a")) == Verdict::kComplete);
    CHECK(reassembly.take().first == PayloadType::kNonce);
}

}  // namespace
}  // namespace warren::ike
