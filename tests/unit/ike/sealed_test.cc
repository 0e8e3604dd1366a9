#include "vpnd/ike/sealed.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "tests/unit/ike/messages.h"
#include "vpnd/ike/reader.h"

namespace warren::ike {
namespace {

using crypto::IkeCipher;
using crypto::Sha;
using test::Buffer;
using test::from_hex;

struct Kind {
    IkeCipher cipher;
    crypto::Integrity integrity;
};
const std::vector<Kind> kKinds = {{IkeCipher::kAes128Gcm, {}},
                                  {IkeCipher::kAes256Gcm, {}},
                                  {IkeCipher::kChacha20Poly1305, {}},
                                  {IkeCipher::kAes128Cbc, {Sha::kSha1, 12}},
                                  {IkeCipher::kAes128Cbc, {Sha::kSha256, 16}},
                                  {IkeCipher::kAes256Cbc, {Sha::kSha384, 24}},
                                  {IkeCipher::kAes256Cbc, {Sha::kSha512, 32}}};

const Header kHeader = test::request(ExchangeType::kInformational, 9);

// Why a message with SK is refused, by its payloads or its seal; nothing when it is opened.
std::optional<Flaw> flaw_of(const crypto::IkeCipherKey& key, Bytes bytes) {
    const auto message = read_message(bytes);
    if (!message) return message.error();
    const auto* const sk = message->payloads.find<SkPayload>();
    if (sk == nullptr) return Flaw{Misfit::kMalformed};
    const auto opened = open(key, *sk);
    if (!opened) return opened.error();
    return std::nullopt;
}

std::string opened_hex(const crypto::IkeCipherKey& key, Bytes bytes) {
    const auto message = read_message(bytes);
    REQUIRE(message.has_value());
    const auto opened = open(key, *message->payloads.find<SkPayload>());
    REQUIRE(opened.has_value());
    return test::to_hex(opened->chain);
}

// A message whose text, padding included, is the caller's.
Buffer seal_text(const crypto::IkeCipherKey& key, Bytes text) {
    const std::size_t size = kHeaderSize + kPayloadHeaderSize + key.iv_size() + text.size() + key.icv_size();
    Buffer out(size);
    Header header = kHeader;
    header.next_payload = PayloadType::kSk;
    header.length = static_cast<std::uint32_t>(size);
    write_header(header, MutableBytes(out).first<kHeaderSize>());
    store_be(out.data() + kHeaderSize + 2, static_cast<std::uint16_t>(size - kHeaderSize));
    const std::size_t before = kHeaderSize + kPayloadHeaderSize;
    crypto::seal(key, Buffer(key.iv_size(), 7), Bytes(out).first(before), text, MutableBytes(out).subspan(before));
    return out;
}

// RFC 7634 Appendix B: INFORMATIONAL with N(SET_WINDOW_SIZE).
TEST_CASE("KP6: a message of RFC 7634 is opened") {
    crypto::IkeCipherKey key;
    key.cipher = IkeCipher::kChacha20Poly1305;
    key.encryption =
        crypto::SecretBytes<36>(from_hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3"));
    const Buffer bytes = from_hex(
        "c0c1c2c3c4c5c6c7d0d1d2d3d4d5d6d72e202500000000090000004529000029"
        "1011121314151617610394701f8d017f7c129248896b71bfe25236efd7cdc67066906315b2");
    const auto message = read_message(bytes);
    REQUIRE(message.has_value());
    const auto opened = open(key, *message->payloads.find<SkPayload>());
    REQUIRE(opened.has_value());
    const auto payloads = read_payloads(opened->first, opened->chain);
    REQUIRE(payloads.has_value());
    const auto* const window = payloads->notify(NotifyType::kSetWindowSize);
    REQUIRE(window != nullptr);
    CHECK(test::to_hex(window->data) == "0000000a");
}

TEST_CASE("KP6: what is sealed is opened, whatever its length") {
    test::SeededRandom random(41);
    for (const Kind& kind : kKinds) {
        const crypto::IkeCipherKey key = test::random_key(kind.cipher, random, kind.integrity);
        Sealer sealer(test::clone_of(key));
        for (std::size_t size = 0; size < 70; ++size) {
            const Buffer text = random.bytes(size);
            const Buffer bytes = sealer.seal(kHeader, PayloadType::kNotify, text, random);
            CHECK(bytes.size() == sealer.message_size(size, false));
            CHECK(opened_hex(key, bytes) == test::to_hex(text));
        }
    }
}

TEST_CASE("KP6: a message with any bit flipped is refused, and nothing of it is read before") {
    test::SeededRandom random(42);
    Chain chain;
    chain.notify(notify_of(NotifyType::kInitialContact)).delete_ike();
    for (const Kind& kind : kKinds) {
        const crypto::IkeCipherKey key = test::random_key(kind.cipher, random, kind.integrity);
        Buffer bytes = Sealer(test::clone_of(key)).seal(kHeader, chain, random);
        REQUIRE_FALSE(flaw_of(key, bytes).has_value());
        for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
            CAPTURE(bit);
            bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
            const auto flaw = flaw_of(key, bytes);
            REQUIRE(flaw.has_value());
            // Beyond the fields that the reader checks, all that is wrong is the integrity.
            const bool is_checked = bit / 8 < kHeaderSize + kPayloadHeaderSize;
            if (!is_checked) CHECK(*flaw == Flaw{Misfit::kNotAuthentic, PayloadType::kSk});
            bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
        }
    }
}

TEST_CASE("KP6: the header, the exchange and the first payload's type are authentic") {
    test::SeededRandom random(43);
    const crypto::IkeCipherKey key = test::random_key(IkeCipher::kAes128Gcm, random);
    const Buffer bytes = Sealer(test::clone_of(key)).seal(kHeader, PayloadType::kNone, {}, random);
    // SPIs, exchange, flags, message ID; of SK the next payload and the critical bit.
    for (const std::size_t at : {0U, 15U, 18U, 19U, 20U, 23U, 28U, 29U}) {
        CAPTURE(at);
        Buffer wrong = bytes;
        wrong[at] ^= 0x80;
        CHECK(flaw_of(key, wrong) == Flaw{Misfit::kNotAuthentic, PayloadType::kSk});
    }
}

TEST_CASE("KP6: a seal that is too short for IV, ICV and a pad length is not authentic") {
    test::SeededRandom random(44);
    for (const Kind& kind : kKinds) {
        const crypto::IkeCipherKey key = test::random_key(kind.cipher, random, kind.integrity);
        for (std::size_t size = 0; size <= key.iv_size() + key.icv_size() + 15; ++size) {
            Chain chain;
            chain.raw(PayloadType::kSk, random.bytes(size));
            CHECK(flaw_of(key, write_message(kHeader, chain)) == Flaw{Misfit::kNotAuthentic, PayloadType::kSk});
        }
        if (crypto::is_aead(kind.cipher)) {
            CHECK(flaw_of(key, seal_text(key, {})) == Flaw{Misfit::kNotAuthentic, PayloadType::kSk});
        }
    }
}

TEST_CASE("KP6: padding is what its length says, and never longer than the text") {
    test::SeededRandom random(45);
    for (const Kind& kind : kKinds) {
        const crypto::IkeCipherKey key = test::random_key(kind.cipher, random, kind.integrity);
        for (unsigned padding = 0; padding < 256; ++padding) {
            Buffer text = random.bytes(32);
            text.back() = static_cast<std::uint8_t>(padding);
            const Buffer bytes = seal_text(key, text);
            if (padding >= text.size()) {
                CHECK(flaw_of(key, bytes) == Flaw{Misfit::kPadding, PayloadType::kSk});
            } else {
                CHECK(opened_hex(key, bytes) == test::to_hex(Bytes(text).first(text.size() - 1 - padding)));
            }
        }
    }
}

TEST_CASE("KP6: no two messages have the same IV") {
    test::SeededRandom random(46);
    for (const Kind& kind : kKinds) {
        Sealer sealer(test::random_key(kind.cipher, random, kind.integrity));
        std::set<Buffer> ivs;
        for (int i = 0; i < 300; ++i) {
            const Buffer bytes = sealer.seal(kHeader, PayloadType::kNone, {}, random);
            const std::size_t size = crypto::is_aead(kind.cipher) ? 8 : 16;
            ivs.insert(test::copy_of(Bytes(bytes).subspan(kHeaderSize + kPayloadHeaderSize, size)));
        }
        CHECK(ivs.size() == 300);
    }
}

TEST_CASE("how much fits into a message") {
    test::SeededRandom random(47);
    for (const Kind& kind : kKinds) {
        const Sealer sealer(test::random_key(kind.cipher, random, kind.integrity));
        for (const bool is_fragment : {false, true}) {
            for (std::size_t size = 0; size < 700; ++size) {
                const std::size_t most = sealer.most_chain(size, is_fragment);
                if (most > 0) CHECK(sealer.message_size(most, is_fragment) <= size);
                CHECK(sealer.message_size(most + 1, is_fragment) > size);
            }
        }
    }
}

TEST_CASE("a message as long as one may be is sealed and opened") {
    test::SeededRandom random(48);
    const crypto::IkeCipherKey key = test::random_key(IkeCipher::kAes256Cbc, random, {Sha::kSha512, 32});
    Sealer sealer(test::clone_of(key));
    const Buffer text = random.bytes(kMostChain);
    const Buffer bytes = sealer.seal(kHeader, PayloadType::kVendorId, text, random);
    CHECK(bytes.size() + 4 <= 65'507);  // the non-ESP marker, UDP over IPv4
    CHECK(opened_hex(key, bytes) == test::to_hex(text));
}

TEST_CASE("opened text is moved, not copied, and is where its views point") {
    test::SeededRandom random(49);
    Opened opened(PayloadType::kVendorId, from_hex("0000000861626364"));
    const auto payloads = read_payloads(opened.first, opened.chain);
    Opened elsewhere = std::move(opened);
    CHECK(payloads->find<VendorIdPayload>()->id.data() == elsewhere.chain.data() + kPayloadHeaderSize);
    Opened other(PayloadType::kNonce, random.bytes(4));
    other = std::move(elsewhere);
    CHECK(other.first == PayloadType::kVendorId);
    CHECK(payloads->find<VendorIdPayload>()->id.data() == other.chain.data() + kPayloadHeaderSize);
}

}  // namespace
}  // namespace warren::ike
