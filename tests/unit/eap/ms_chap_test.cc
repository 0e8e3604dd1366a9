#include "auth/eap/ms_chap.h"

#include <doctest/doctest.h>

#include <string>

#include "crypto/legacy_provider.h"
#include "tests/vectors/hex.h"

namespace warren::eap {
namespace {

const crypto::LegacyDigest& legacy() {
    static const crypto::LegacyDigest loaded = crypto::load_legacy_digest().value();
    return loaded;
}

// RFC 2759 §9.2
struct Example {
    NtHash hash = nt_hash_of(legacy(), "clientPass").value();
    Exchange exchange{test::array_from_hex<16>("5b5d7c7d7b3f2f3e3c2c602132262628"),
                      test::array_from_hex<16>("21402324255e262a28295f2b3a337c7e"), "User"};
    NtResponse response = test::array_from_hex<24>("82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df");
};

TEST_CASE("MD4 is that of RFC 1320") {
    std::array<std::uint8_t, 16> out{};
    legacy().md4({}, out);
    CHECK(test::to_hex(out) == "31d6cfe0d16ae931b73c59d7e0c089c0");
    legacy().md4({as_bytes("message "), as_bytes("digest")}, out);
    CHECK(test::to_hex(out) == "d9130a8164549fe818874806e1c7014b");
}

TEST_CASE("the NT hash is RFC 2759's") {
    const Example example;
    CHECK(test::to_hex(example.hash.reveal()) == "44ebba8d5312b8d611474411f56989ae");
}

TEST_CASE("KA8: the response to a challenge is RFC 2759's") {
    const Example example;
    CHECK(nt_response(legacy(), example.hash, example.exchange) == example.response);
}

TEST_CASE("KA8: the authenticator's response is RFC 2759's") {
    const Example example;
    const auto out = authenticator_response(legacy(), example.hash, example.response, example.exchange);
    CHECK(std::string(out.begin(), out.end()) == "407A5589115FD0D6209F510FE9C04566932CDA56");
}

TEST_CASE("KA8: what the server sends with is RFC 3079's, and stands second in the MSK") {
    const Example example;
    const Msk msk = ms_chap_msk(legacy(), example.hash, example.response);
    CHECK(test::to_hex(msk.reveal().subspan<16, 16>()) == "8b7cdc149b993a1ba118cb153f56dccb");
    CHECK(test::to_hex(msk.reveal().subspan<32, 32>()) == std::string(64, '0'));
    CHECK(test::to_hex(msk.reveal().first<16>()) != test::to_hex(msk.reveal().subspan<16, 16>()));
}

TEST_CASE("a password is hashed as UTF-16, and what is no UTF-8 has no hash") {
    const auto hash = [](std::string_view password) {
        const auto out = nt_hash_of(legacy(), password);
        return out ? test::to_hex(out->reveal()) : "";
    };
    std::array<std::uint8_t, 16> expected{};
    legacy().md4({test::from_hex("e400 3dd801de")}, expected);  // with a surrogate pair
    CHECK(hash("\xc3\xa4\xf0\x9f\x98\x81") == test::to_hex(expected));
    for (const std::string_view bad : {"\xff", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                       "\xf0\x80\x80\x80", "a\x80"}) {
        CAPTURE(bad);
        CHECK(hash(bad).empty());
    }
    CHECK(!hash(std::string(256, 'x')).empty());
    CHECK(hash(std::string(257, 'x')).empty());
}

}  // namespace
}  // namespace warren::eap
