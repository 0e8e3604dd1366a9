#include "crypto/blake2s.h"

#include <doctest/doctest.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "tests/vectors/hex.h"
#include "tests/vectors/seeded_random.h"

namespace warren::crypto {

namespace {

using Buffer = std::vector<std::uint8_t>;

Buffer hash_of(std::size_t digest_size, Bytes key, Bytes data) {
    Blake2s state(digest_size, key);
    state.update(data);
    Buffer out(digest_size);
    state.finish(out);
    return out;
}

OSSL_PARAM text_parameter(const char* name, const char* value) {
    return ::OSSL_PARAM_construct_utf8_string(name, const_cast<char*>(value), 0);
}
OSSL_PARAM bytes_parameter(const char* name, Bytes value) {
    return ::OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(value.data()), value.size());
}

// OpenSSL's MAC named `algorithm`, as the oracle.
Buffer openssl_mac(const char* algorithm, Bytes key, Bytes data, std::size_t size, OSSL_PARAM parameter) {
    const std::unique_ptr<EVP_MAC, decltype(&::EVP_MAC_free)> mac(::EVP_MAC_fetch(nullptr, algorithm, nullptr),
                                                                  ::EVP_MAC_free);
    const std::unique_ptr<EVP_MAC_CTX, decltype(&::EVP_MAC_CTX_free)> context(::EVP_MAC_CTX_new(mac.get()),
                                                                              ::EVP_MAC_CTX_free);
    const std::array<OSSL_PARAM, 2> parameters = {parameter, ::OSSL_PARAM_construct_end()};
    Buffer out(size);
    std::size_t written = 0;
    REQUIRE(::EVP_MAC_init(context.get(), key.data(), key.size(), parameters.data()) == 1);
    REQUIRE(::EVP_MAC_update(context.get(), data.data(), data.size()) == 1);
    REQUIRE(::EVP_MAC_final(context.get(), out.data(), &written, out.size()) == 1);
    REQUIRE(written == size);
    return out;
}

Buffer openssl_blake2s_mac(Bytes key, Bytes data, std::size_t size) {
    return openssl_mac("BLAKE2SMAC", key, data, size, ::OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size));
}

Buffer openssl_hmac(Bytes key, Bytes data) {
    return openssl_mac("HMAC", key, data, 32, text_parameter(OSSL_MAC_PARAM_DIGEST, "BLAKE2s-256"));
}

Buffer openssl_blake2s(Bytes data) {
    Buffer out(32);
    REQUIRE(::EVP_Digest(data.data(), data.size(), out.data(), nullptr, ::EVP_blake2s256(), nullptr) == 1);
    return out;
}

Buffer openssl_hkdf(Bytes salt, Bytes input, std::size_t size) {
    const std::unique_ptr<EVP_KDF, decltype(&::EVP_KDF_free)> kdf(::EVP_KDF_fetch(nullptr, "HKDF", nullptr),
                                                                  ::EVP_KDF_free);
    const std::unique_ptr<EVP_KDF_CTX, decltype(&::EVP_KDF_CTX_free)> context(::EVP_KDF_CTX_new(kdf.get()),
                                                                              ::EVP_KDF_CTX_free);
    const std::array<OSSL_PARAM, 4> parameters = {
        text_parameter(OSSL_KDF_PARAM_DIGEST, "BLAKE2s-256"), bytes_parameter(OSSL_KDF_PARAM_SALT, salt),
        bytes_parameter(OSSL_KDF_PARAM_KEY, input), ::OSSL_PARAM_construct_end()};
    Buffer out(size);
    REQUIRE(::EVP_KDF_derive(context.get(), out.data(), out.size(), parameters.data()) == 1);
    return out;
}

// The deterministic input of RFC 7693 Appendix E.
Buffer self_test_sequence(std::size_t size) {
    std::uint32_t a = 0xDEAD4BADU * static_cast<std::uint32_t>(size);
    std::uint32_t b = 1;
    Buffer out(size);
    for (std::uint8_t& octet : out) {
        const std::uint32_t sum = a + b;
        a = b;
        b = sum;
        octet = static_cast<std::uint8_t>(sum >> 24);
    }
    return out;
}

Buffer counting(std::size_t size) {
    Buffer out(size);
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(i);
    return out;
}

}  // namespace

TEST_CASE("BLAKE2s-256 of \"abc\" is the one of RFC 7693 Appendix B") {
    CHECK(test::to_hex(blake2s({as_bytes("abc")})) ==
          "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
}

TEST_CASE("the self-test of RFC 7693 Appendix E gives its grand hash") {
    Blake2s grand;
    for (const std::size_t digest_size : {16U, 20U, 28U, 32U}) {
        for (const std::size_t size : {0U, 3U, 64U, 65U, 255U, 1024U}) {
            const Buffer data = self_test_sequence(size);
            grand.update(hash_of(digest_size, {}, data));
            grand.update(hash_of(digest_size, self_test_sequence(digest_size), data));
        }
    }
    Buffer out(32);
    grand.finish(out);
    CHECK(test::to_hex(out) == "6a411f08ce25adcdfb02aba641451cec53c598b24f4fc787fbdc88797f4c1dfe");
}

TEST_CASE("keyed BLAKE2s of counting bytes matches the reference's known answers") {
    const Buffer key = counting(32);
    CHECK(test::to_hex(hash_of(32, key, {})) == "48a8997da407876b3d79c0d92325ad3b89cbb754d86ab71aee047ad345fd2c49");
    CHECK(test::to_hex(hash_of(32, key, counting(1))) ==
          "40d15fee7c328830166ac3f918650f807e7e01e177258cdc0a39b11f598066f1");
    CHECK(test::to_hex(hash_of(32, key, counting(64))) ==
          "8975b0577fd35566d750b362b0897a26c399136df07bababbde6203ff2954ed4");
    CHECK(test::to_hex(hash_of(32, key, counting(65))) ==
          "21fe0ceb0052be7fb0f004187cacd7de67fa6eb0938d927677f2398c132317a8");
}

TEST_CASE("BLAKE2s agrees with OpenSSL at every length through four blocks") {
    test::SeededRandom random(10);
    for (std::size_t size = 0; size <= 257; ++size) {
        const Buffer data = random.bytes(size);
        const Buffer key = random.bytes(1 + random.below(32));
        CAPTURE(size);
        CHECK(hash_of(32, {}, data) == openssl_blake2s(data));
        CHECK(hash_of(16, key, data) == openssl_blake2s_mac(key, data, 16));
    }
}

TEST_CASE("keyed BLAKE2s agrees with OpenSSL for random keys, sizes and lengths") {
    test::SeededRandom random(11);
    for (int i = 0; i < 500; ++i) {
        const Buffer data = random.bytes(random.below(3000));
        const Buffer key = random.bytes(1 + random.below(32));
        const std::size_t digest_size = 1 + random.below(32);
        CAPTURE(i);
        CHECK(hash_of(digest_size, key, data) == openssl_blake2s_mac(key, data, digest_size));
    }
}

TEST_CASE("pieces of any size give the hash of the whole") {
    test::SeededRandom random(12);
    const Buffer data = random.bytes(1000);
    const Buffer whole = hash_of(32, {}, data);
    for (int i = 0; i < 200; ++i) {
        Blake2s state;
        for (Bytes rest = data; !rest.empty();) {
            const std::size_t size = std::min<std::size_t>(random.below(140), rest.size());
            state.update(rest.first(size));
            rest = rest.subspan(size);
        }
        Buffer out(32);
        state.finish(out);
        CHECK(out == whole);
    }
}

TEST_CASE("HASH and MAC take their parts as one text") {
    const Buffer data = counting(150);
    const Bytes all = data;
    const Hash whole = blake2s({all});
    CHECK(blake2s({all.first(1), all.subspan(1, 99), all.subspan(100)}) == whole);
    CHECK(blake2s({{}, all, {}}) == whole);
    CHECK(blake2s({all.first(149)}) != whole);

    const Buffer key = counting(32);
    const auto mac = blake2s_mac(key, {all});
    CHECK(blake2s_mac(key, {all.first(64), all.subspan(64)}) == mac);
    CHECK(Buffer(mac.begin(), mac.end()) == openssl_blake2s_mac(key, all, 16));
    CHECK(blake2s_mac(Bytes(key).first(31), {all}) != mac);
}

TEST_CASE("HMAC-BLAKE2s agrees with OpenSSL, also with keys around the block size") {
    test::SeededRandom random(13);
    for (const std::size_t key_size : {1U, 16U, 31U, 32U, 33U, 63U, 64U, 65U, 100U, 200U}) {
        for (const std::size_t size : {0U, 1U, 32U, 63U, 64U, 65U, 500U}) {
            const Buffer key = random.bytes(key_size);
            const Buffer data = random.bytes(size);
            const Hash mac = blake2s_hmac(key, {Bytes(data).first(size / 3), Bytes(data).subspan(size / 3)});
            CAPTURE(key_size);
            CAPTURE(size);
            CHECK(Buffer(mac.begin(), mac.end()) == openssl_hmac(key, data));
        }
    }
    CHECK(test::to_hex(blake2s_hmac(as_bytes("key"), {as_bytes("The quick brown fox jumps over the lazy dog")})) ==
          "f93215bb90d4af4c3061cd932fb169fb8bb8a91d0b4022baea1271e1323cd9a0");
}

TEST_CASE("KDF1, KDF2 and KDF3 are HKDF with HMAC-BLAKE2s") {
    test::SeededRandom random(14);
    for (const std::size_t input_size : {0U, 1U, 32U, 64U, 100U}) {
        const Buffer key = random.bytes(32);
        const Buffer input = random.bytes(input_size);
        if (input.empty()) continue;  // OpenSSL's HKDF wants an input; WireGuard's empty one is covered below
        const Buffer expected = openssl_hkdf(key, input, 96);
        std::array<std::uint8_t, 32> first{};
        std::array<std::uint8_t, 32> second{};
        std::array<std::uint8_t, 32> third{};

        blake2s_kdf(first, {}, {}, key, input);
        CHECK(std::equal(first.begin(), first.end(), expected.begin()));
        first = {};
        blake2s_kdf(first, second, {}, key, input);
        CHECK(std::equal(first.begin(), first.end(), expected.begin()));
        CHECK(std::equal(second.begin(), second.end(), expected.begin() + 32));
        first = {};
        second = {};
        blake2s_kdf(first, second, third, key, input);
        CHECK(std::equal(first.begin(), first.end(), expected.begin()));
        CHECK(std::equal(second.begin(), second.end(), expected.begin() + 32));
        CHECK(std::equal(third.begin(), third.end(), expected.begin() + 64));
    }
}

TEST_CASE("a KDF without input, as for transport keys, is HMAC of HMAC") {
    const Buffer key = counting(32);
    std::array<std::uint8_t, 32> first{};
    std::array<std::uint8_t, 32> second{};
    blake2s_kdf(first, second, {}, key, {});
    const Hash extracted = blake2s_hmac(key, {});
    const std::array<std::uint8_t, 1> one = {1};
    const std::array<std::uint8_t, 1> two = {2};
    CHECK(first == blake2s_hmac(extracted, {one}));
    CHECK(second == blake2s_hmac(extracted, {first, two}));
}

TEST_CASE("a KDF may overwrite its own key, as for the chaining key") {
    std::array<std::uint8_t, 32> chaining_key{};
    std::array<std::uint8_t, 32> expected{};
    std::array<std::uint8_t, 32> second{};
    const Buffer input = counting(32);
    blake2s_kdf(expected, {}, {}, chaining_key, input);
    blake2s_kdf(chaining_key, second, {}, chaining_key, input);
    CHECK(chaining_key == expected);
}

}  // namespace warren::crypto
