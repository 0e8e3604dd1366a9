#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "crypto/aead.h"
#include "tests/unit/crypto/allocation_count.h"
#include "tests/vectors/hex.h"
#include "tests/vectors/seeded_random.h"
#include "tests/vectors/wycheproof.h"

namespace warren::crypto {

namespace {

using Buffer = std::vector<std::uint8_t>;

Secret<32> secret(Bytes bytes) {
    REQUIRE(bytes.size() == 32);
    return Secret<32>(bytes.first<32>());
}

bool all_zero(Bytes bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t octet) { return octet == 0; });
}

// RFC 8439 Appendix A.5.
const Buffer kKey = test::from_hex("1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0");
constexpr std::uint64_t kCounter = 0x0807060504030201;
const Buffer kAssociated = test::from_hex("f33388860000000000004e91");
const Buffer kSealed = test::from_hex(
    "64a0861575861af460f062c79be643bd 5e805cfd345cf389f108670ac76c8cb2 4c6cfc18755d43eea09ee94e382d26b0 "
    "bdb7b73c321b0100d4f03b7f355894cf"
    "332f830e710b97ce98c8a84abd0b9481 14ad176e008d33bd60f982b1ff37c855 9797a06ef4f0ef61c186324e2b350638 "
    "3606907b6a7c02b0f9f6157b53c867e4"
    "b9166c767b804d46a59b5216cde7a4e9 9040c5a40433225ee282a1b0a06c523e af4534d7f83fa1155b0047718cbc546a "
    "0d072b04b3564eea1b422273f548271a"
    "0bb2316053fa76991955ebd63159434e cebb4e466dae5a1073a6727627097a10 49e617d91d361094fa68f0ff77987130 "
    "305beaba2eda04df997b714d6c6f2c29"
    "a6ad5cb4022b02709b eead9d67890cbb22392336fea1851f38");
constexpr std::string_view kPlaintextBegin = "Internet-Drafts are draft documents valid for a maximum of six months";

}  // namespace

TEST_CASE("opening RFC 8439 A.5 gives its plaintext, sealing gives its ciphertext") {
    Buffer plaintext(kSealed.size() - kTagSize);
    REQUIRE(aead_open(secret(kKey), kCounter, kAssociated, kSealed, plaintext));
    CHECK(plaintext.size() == 265);
    CHECK(std::equal(kPlaintextBegin.begin(), kPlaintextBegin.end(), plaintext.begin()));
    Buffer sealed(kSealed.size());
    aead_seal(secret(kKey), kCounter, kAssociated, plaintext, sealed);
    CHECK(sealed == kSealed);
}

TEST_CASE("any flipped bit of text, tag, key, counter or associated data is refused and the text zeroed") {
    const auto refused = [](Bytes key, std::uint64_t counter, Bytes associated, Bytes sealed) {
        Buffer out(sealed.size() - kTagSize, 0xee);
        return !aead_open(secret(key), counter, associated, sealed, out) && all_zero(out);
    };
    const auto flipped = [](Buffer bytes, std::size_t bit) {
        bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        return bytes;
    };
    for (std::size_t bit = 0; bit < 8 * kSealed.size(); ++bit)
        REQUIRE(refused(kKey, kCounter, kAssociated, flipped(kSealed, bit)));
    for (std::size_t bit = 0; bit < 8 * kKey.size(); ++bit)
        REQUIRE(refused(flipped(kKey, bit), kCounter, kAssociated, kSealed));
    for (std::size_t bit = 0; bit < 96; ++bit) REQUIRE(refused(kKey, kCounter, flipped(kAssociated, bit), kSealed));
    for (unsigned bit = 0; bit < 64; ++bit)
        REQUIRE(refused(kKey, kCounter ^ std::uint64_t{1} << bit, kAssociated, kSealed));
    CHECK(refused(kKey, kCounter, {}, kSealed));
}

TEST_CASE("a message shorter than a tag is refused, with any room for the text") {
    for (std::size_t size = 0; size < kTagSize; ++size) {
        for (const std::size_t room : {0U, 12U, 64U}) {
            Buffer out(room, 0xee);
            CHECK_FALSE(aead_open(secret(kKey), kCounter, {}, Bytes(kSealed).first(size), out));
            CHECK(all_zero(out));
            out.assign(room, 0xee);
            CHECK_FALSE(xaead_open(kKey, {}, {}, Bytes(kSealed).first(size), out));
            CHECK(all_zero(out));
        }
    }
}

TEST_CASE("an empty text has a tag that is checked") {
    Buffer sealed(kTagSize);
    aead_seal(secret(kKey), 0, as_bytes("hash"), {}, sealed);
    CHECK(aead_open(secret(kKey), 0, as_bytes("hash"), sealed, {}));
    CHECK_FALSE(aead_open(secret(kKey), 0, as_bytes("hasH"), sealed, {}));
    sealed[15] ^= 0x80;
    CHECK_FALSE(aead_open(secret(kKey), 0, as_bytes("hash"), sealed, {}));
}

TEST_CASE("XChaCha20-Poly1305 gives the result of draft-irtf-cfrg-xchacha A.3.1") {
    const Buffer key = test::from_hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
    const auto nonce = test::array_from_hex<24>("404142434445464748494a4b4c4d4e4f5051525354555657");
    const Buffer associated = test::from_hex("50515253c0c1c2c3c4c5c6c7");
    constexpr std::string_view kText =
        "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would "
        "be it.";
    const Buffer expected = test::from_hex(
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c2"
        "16cb96b72e1213b4522f"
        "8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f615c68b13b52e"
        "c0875924c1c7987947deafd8780acf49");
    Buffer sealed(kText.size() + kTagSize);
    xaead_seal(key, nonce, associated, as_bytes(kText), sealed);
    CHECK(sealed == expected);
    Buffer out(kText.size());
    CHECK(xaead_open(key, nonce, associated, sealed, out));
    CHECK(std::equal(out.begin(), out.end(), as_bytes(kText).begin()));
    auto other_nonce = nonce;
    other_nonce[23] ^= 1;
    CHECK_FALSE(xaead_open(key, other_nonce, associated, sealed, out));
    CHECK(all_zero(out));
}

TEST_CASE("XChaCha20-Poly1305 agrees with Wycheproof") {
    for (const auto& vector : test::load_aead_vectors("wycheproof_xchacha20_poly1305.json")) {
        CAPTURE(vector.id);
        if (vector.nonce.size() != 24) continue;  // the type of a nonce has no other size
        std::array<std::uint8_t, 24> nonce{};
        std::copy(vector.nonce.begin(), vector.nonce.end(), nonce.begin());
        Buffer sealed = vector.ciphertext;
        sealed.insert(sealed.end(), vector.tag.begin(), vector.tag.end());
        Buffer out(vector.ciphertext.size(), 0xee);
        CHECK(xaead_open(vector.key, nonce, vector.associated, sealed, out) == vector.valid);
        CHECK(out == (vector.valid ? vector.plaintext : Buffer(out.size(), 0)));
        if (!vector.valid) continue;
        Buffer again(sealed.size());
        xaead_seal(vector.key, nonce, vector.associated, vector.plaintext, again);
        CHECK(again == sealed);
    }
}

TEST_CASE("ChaCha20-Poly1305 agrees with those Wycheproof vectors that have a nonce of WireGuard's form") {
    for (const auto& vector : test::load_aead_vectors("wycheproof_chacha20_poly1305.json")) {
        if (vector.nonce.size() != 12 || !all_zero(Bytes(vector.nonce).first(4))) continue;
        CAPTURE(vector.id);
        const auto counter = load_le<std::uint64_t>(vector.nonce.data() + 4);
        Buffer sealed = vector.ciphertext;
        sealed.insert(sealed.end(), vector.tag.begin(), vector.tag.end());
        Buffer out(vector.ciphertext.size(), 0xee);
        CHECK(aead_open(secret(vector.key), counter, vector.associated, sealed, out) == vector.valid);
        if (!vector.valid) continue;
        CHECK(out == vector.plaintext);
        Buffer again(sealed.size());
        aead_seal(secret(vector.key), counter, vector.associated, vector.plaintext, again);
        CHECK(again == sealed);
    }
}

TEST_CASE("the single calls do not allocate") {
    Buffer sealed(32 + kTagSize);
    Buffer text(32);
    const Secret<32> key = secret(kKey);
    aead_seal(key, 1, kAssociated, text, sealed);
    const std::uint64_t before = test::allocations_of_this_thread();
    aead_seal(key, 2, kAssociated, text, sealed);
    const bool opened = aead_open(key, 2, kAssociated, sealed, text);
    const std::uint64_t after = test::allocations_of_this_thread();
    CHECK(opened);
    CHECK(after == before);
}

}  // namespace warren::crypto
