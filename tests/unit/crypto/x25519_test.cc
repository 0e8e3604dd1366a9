#include "crypto/x25519.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "tests/vectors/hex.h"
#include "tests/vectors/seeded_random.h"
#include "tests/vectors/wycheproof.h"

namespace warren::crypto {

namespace {

PrivateKey private_key(Bytes bytes) {
    REQUIRE(bytes.size() == 32);
    PrivateKey key;
    std::copy(bytes.begin(), bytes.end(), key.secret.writable().begin());
    return key;
}

PublicKey public_key(Bytes bytes) {
    REQUIRE(bytes.size() == 32);
    PublicKey key;
    std::copy(bytes.begin(), bytes.end(), key.bytes.begin());
    return key;
}

// The shared secret as hexadecimal; "refused" when there is none.
std::string shared(Bytes ours, Bytes theirs) {
    const auto secret = x25519(private_key(ours), public_key(theirs));
    return secret ? test::to_hex(secret->reveal()) : "refused";
}
std::string shared(std::string_view ours, std::string_view theirs) {
    return shared(test::from_hex(ours), test::from_hex(theirs));
}

// RFC 7748 §5.2: k and u become the result and the old k, n times.
std::string iterated(int times) {
    std::vector<std::uint8_t> k = test::from_hex("0900000000000000000000000000000000000000000000000000000000000000");
    std::vector<std::uint8_t> u = k;
    for (int i = 0; i < times; ++i) {
        const std::vector<std::uint8_t> next = test::from_hex(shared(k, u));
        u = k;
        k = next;
    }
    return test::to_hex(k);
}

// The points of order 1, 2, 4 and 8, on the curve and its twist, and their encodings above the prime.
constexpr std::array<std::string_view, 7> kLowOrderPoints = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

}  // namespace

TEST_CASE("X25519 gives the results of RFC 7748 §5.2") {
    CHECK(shared("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
                 "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c") ==
          "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
    CHECK(shared("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
                 "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493") ==
          "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");
    CHECK(iterated(1) == "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
    CHECK(iterated(1000) == "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

TEST_CASE("Alice and Bob of RFC 7748 §6.1 agree") {
    constexpr std::string_view kAlice = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
    constexpr std::string_view kAlicePublic = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
    constexpr std::string_view kBob = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
    constexpr std::string_view kBobPublic = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
    constexpr std::string_view kShared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
    CHECK(test::to_hex(public_key_of(private_key(test::from_hex(kAlice))).bytes) == kAlicePublic);
    CHECK(test::to_hex(public_key_of(private_key(test::from_hex(kBob))).bytes) == kBobPublic);
    CHECK(shared(kAlice, kBobPublic) == kShared);
    CHECK(shared(kBob, kAlicePublic) == kShared);
}

TEST_CASE("two generated keys agree, and both sides see the same secret") {
    test::SeededRandom random(3);
    for (int i = 0; i < 20; ++i) {
        const PrivateKey a = generate_private_key(random);
        const PrivateKey b = generate_private_key(random);
        const auto ab = x25519(a, public_key_of(b));
        const auto ba = x25519(b, public_key_of(a));
        REQUIRE(ab);
        REQUIRE(ba);
        CHECK(ab->equals(*ba));
        CHECK_FALSE(a.secret.equals(b.secret));
    }
}

TEST_CASE("a generated key consists of the random source's bytes") {
    test::SeededRandom random(4);
    const PrivateKey key = generate_private_key(random);
    test::SeededRandom again(4);
    CHECK(equal_constant_time(key.secret.reveal(), again.bytes(32)));
}

TEST_CASE("a point of low order is refused, also with the top bit set") {
    test::SeededRandom random(5);
    for (const std::string_view text : kLowOrderPoints) {
        CAPTURE(text);
        std::vector<std::uint8_t> point = test::from_hex(text);
        for (int i = 0; i < 8; ++i) CHECK(shared(random.bytes(32), point) == "refused");
        point[31] |= 0x80;  // masked off (RFC 7748 §5)
        CHECK(shared(random.bytes(32), point) == "refused");
    }
}

TEST_CASE("X25519 agrees with Wycheproof, and refuses exactly its all-zero secrets") {
    const std::string zero(64, '0');
    int refused = 0;
    for (const auto& vector : test::load_x25519_vectors("wycheproof_x25519.json")) {
        CAPTURE(vector.id);
        const std::string expected = test::to_hex(vector.shared);
        CHECK(shared(vector.private_key, vector.public_key) == (expected == zero ? "refused" : expected));
        refused += expected == zero ? 1 : 0;
    }
    MESSAGE("all-zero secrets refused: ", refused);
}

}  // namespace warren::crypto
