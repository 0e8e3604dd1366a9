#include "crypto/keys.h"

#include <doctest/doctest.h>
#include <openssl/evp.h>

#include <string>

#include "tests/vectors/hex.h"
#include "tests/vectors/seeded_random.h"

namespace warren::crypto {

namespace {

// 00 01 02 ... 1f, encoded with coreutils' base64.
constexpr std::string_view kCountingText = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

std::string openssl_base64(Bytes bytes) {
    std::string out(45, '\0');
    const int size =
        ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes.data(), static_cast<int>(bytes.size()));
    out.resize(static_cast<std::size_t>(size));
    return out;
}

}  // namespace

TEST_CASE("a key reads and prints as 44 characters of base64") {
    const auto key = parse_public_key(kCountingText);
    REQUIRE(key);
    CHECK(test::to_hex(key->bytes) == "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    CHECK(to_base64(*key) == kCountingText);
    const auto secret = parse_secret_key(kCountingText);
    REQUIRE(secret);
    CHECK(equal_constant_time(secret->reveal(), key->bytes));
}

TEST_CASE("base64 of random keys equals OpenSSL's, and reads back") {
    test::SeededRandom random(1);
    for (int i = 0; i < 500; ++i) {
        PublicKey key;
        random.fill(key.bytes);
        const std::string text = to_base64(key);
        REQUIRE(text == openssl_base64(key.bytes));
        REQUIRE(parse_public_key(text) == key);
        REQUIRE(equal_constant_time(parse_secret_key(text)->reveal(), key.bytes));
    }
}

TEST_CASE("only 16 of 64 last characters are canonical: the bits that belong to no byte are zero") {
    constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    int accepted = 0;
    for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
        std::string text(kCountingText);
        text[42] = kAlphabet[i];
        CHECK(parse_public_key(text).has_value() == (i % 4 == 0));
        CHECK(parse_secret_key(text).has_value() == (i % 4 == 0));
        accepted += parse_public_key(text) ? 1 : 0;
    }
    CHECK(accepted == 16);
}

TEST_CASE("of all 256 bytes, the 64 of the alphabet are accepted at any place") {
    for (const std::size_t at : {0U, 1U, 20U, 41U}) {
        int accepted = 0;
        for (int c = 0; c < 256; ++c) {
            std::string text(kCountingText);
            text[at] = static_cast<char>(c);
            CHECK(parse_public_key(text).has_value() == parse_secret_key(text).has_value());
            accepted += parse_public_key(text) ? 1 : 0;
        }
        CHECK(accepted == 64);
    }
}

TEST_CASE("an invalid key is refused") {
    const std::string good(kCountingText);
    const auto with = [&good](std::size_t at, char c) {
        std::string text = good;
        text[at] = c;
        return text;
    };
    const std::vector<std::string> bad = {
        "",
        good.substr(0, 43),  // padding missing
        good.substr(0, 42),
        good + "=",
        good + "\n",
        "\n" + good.substr(1),
        " " + good.substr(0, 43),
        good.substr(0, 40) + "AA==",  // 31 bytes
        good.substr(0, 43) + "A",     // 33 bytes
        with(43, 'A'),
        with(42, '='),
        with(0, '='),
        with(20, '='),
        with(20, '-'),
        with(20, '_'),  // the alphabet of URLs
        with(20, ' '),
        with(20, '\n'),
        with(20, '\0'),
        with(43, '\0'),
        with(20, '\x7f'),
        with(20, '\xff'),
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    };
    for (const std::string& text : bad) {
        CAPTURE(text);
        CHECK_FALSE(parse_public_key(text));
        CHECK_FALSE(parse_secret_key(text));
    }
}

TEST_CASE("public keys are ordered, equal and hashed by their bytes") {
    PublicKey a;
    PublicKey b;
    b.bytes[0] = 1;
    CHECK(a != b);
    CHECK(a < b);
    CHECK(std::hash<PublicKey>()(a) != std::hash<PublicKey>()(b));
    a.bytes[0] = 1;
    CHECK(a == b);
    CHECK(std::hash<PublicKey>()(a) == std::hash<PublicKey>()(b));
}

}  // namespace warren::crypto
