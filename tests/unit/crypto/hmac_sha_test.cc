#include "crypto/hmac_sha.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "crypto/prf.h"
#include "tests/vectors/hex.h"
#include "tests/vectors/wycheproof.h"

namespace warren::crypto {
namespace {

constexpr std::array kAll = {Sha::kSha1, Sha::kSha256, Sha::kSha384, Sha::kSha512};

std::string hmac_hex(Sha sha, Bytes key, Bytes message, std::size_t size) {
    std::vector<std::uint8_t> out(size);
    hmac(sha, key, {message}, out);
    return test::to_hex(out);
}
std::string hmac_hex(Sha sha, Bytes key, std::string_view message) {
    return hmac_hex(sha, key, as_bytes(message), digest_size(sha));
}

std::string digest_hex(Sha sha, std::initializer_list<Bytes> parts) {
    std::vector<std::uint8_t> out(digest_size(sha));
    digest(sha, parts, out);
    return test::to_hex(out);
}

TEST_CASE("digests are those of FIPS 180-4") {
    const Bytes abc = as_bytes("abc");
    CHECK(digest_hex(Sha::kSha1, {abc}) == "a9993e364706816aba3e25717850c26c9cd0d89d");
    CHECK(digest_hex(Sha::kSha256, {abc}) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(digest_hex(Sha::kSha384, {abc}) ==
          "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7");
    CHECK(digest_hex(Sha::kSha512, {abc}) ==
          "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
          "454d4423643ce80e2a9ac94fa54ca49f");
    CHECK(digest_hex(Sha::kSha1, {as_bytes("a"), {}, as_bytes("bc")}) == digest_hex(Sha::kSha1, {abc}));
}

// RFC 4231 §4.2, §4.3 and §4.7; RFC 2202 §3 for SHA-1.
TEST_CASE("HMAC is that of RFC 4231 and RFC 2202") {
    const std::vector<std::uint8_t> key(20, 0x0b);
    CHECK(hmac_hex(Sha::kSha1, key, "Hi There") == "b617318655057264e28bc0b6fb378c8ef146be00");
    CHECK(hmac_hex(Sha::kSha256, key, "Hi There") ==
          "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    CHECK(hmac_hex(Sha::kSha384, key, "Hi There") ==
          "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6");
    CHECK(hmac_hex(Sha::kSha512, key, "Hi There") ==
          "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4"
          "be9d914eeb61f1702e696c203a126854");

    const std::string_view question = "what do ya want for nothing?";
    CHECK(hmac_hex(Sha::kSha1, as_bytes("Jefe"), question) == "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    CHECK(hmac_hex(Sha::kSha256, as_bytes("Jefe"), question) ==
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");

    const std::vector<std::uint8_t> long_key(131, 0xaa);
    const std::string_view text = "Test Using Larger Than Block-Size Key - Hash Key First";
    CHECK(hmac_hex(Sha::kSha256, long_key, text) == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    CHECK(hmac_hex(Sha::kSha384, long_key, text) ==
          "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952");
    CHECK(hmac_hex(Sha::kSha512, long_key, text) ==
          "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e52"
          "95e64f73f63f0aec8b915a985d786598");
}

TEST_CASE("HMAC agrees with Wycheproof") {
    const std::array<std::pair<const char*, Sha>, 3> files = {{{"wycheproof_hmac_sha256.json", Sha::kSha256},
                                                               {"wycheproof_hmac_sha384.json", Sha::kSha384},
                                                               {"wycheproof_hmac_sha512.json", Sha::kSha512}}};
    for (const auto& [file, sha] : files) {
        for (const auto& vector : test::load_mac_vectors(file)) {
            CAPTURE(vector.id);
            CHECK(HmacSha(sha, vector.key).matches({vector.message}, vector.tag) == vector.valid);
            if (vector.valid) {
                CHECK(hmac_hex(sha, vector.key, vector.message, vector.tag.size()) == test::to_hex(vector.tag));
            }
        }
    }
}

TEST_CASE("an HMAC is used again, and parts are as good as the whole") {
    for (const Sha sha : kAll) {
        HmacSha keyed(sha, as_bytes("key"));
        std::vector<std::uint8_t> first(digest_size(sha));
        std::vector<std::uint8_t> again(digest_size(sha));
        keyed.compute({as_bytes("ab"), {}, as_bytes("c")}, first);
        keyed.compute({as_bytes("other")}, again);
        CHECK(again != first);
        HmacSha moved = std::move(keyed);
        moved.compute({as_bytes("abc")}, again);
        CHECK(again == first);
        CHECK(test::to_hex(first) == hmac_hex(sha, as_bytes("key"), "abc"));
    }
}

TEST_CASE("an empty key is a key") {
    // HMAC_SHA256("", "")
    CHECK(hmac_hex(Sha::kSha256, {}, "") == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST_CASE("KA1: a MAC matches when every bit does, and never without bytes") {
    HmacSha keyed(Sha::kSha256, as_bytes("key"));
    std::array<std::uint8_t, 16> mac{};
    keyed.compute({as_bytes("text")}, mac);
    CHECK(keyed.matches({as_bytes("text")}, mac));
    for (std::size_t bit = 0; bit < 8 * mac.size(); ++bit) {
        auto wrong = mac;
        wrong[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
        CHECK_FALSE(keyed.matches({as_bytes("text")}, wrong));
    }
    CHECK_FALSE(keyed.matches({as_bytes("text")}, {}));
    CHECK_FALSE(keyed.matches({as_bytes("text")}, std::vector<std::uint8_t>(33)));
}

// Computed with Python's hmac module.
TEST_CASE("prf+ goes over block borders") {
    const std::array<std::string_view, 4> expected = {
        "0a4dd4d286ae93c5e1d24f24f3756216b533dd67ad15d19cef25f483bcc5300fd5487404a2c5000664d807a67dba048c"
        "69ac226939eb01a5b44c634ad5b79dcd667a4120a8eab5b472d4316d27b4059ba4f3f28c7dd1c3152892d94bce8e0150"
        "6c3b5ded10129a91145e68006fdb0c1857366066e6264ec388b7e519d35fcd9c37be8743fec60f66f5e46618ae84a94d"
        "2520cdc5370f",
        "a2392e429a99b173341b368bb5ce320bfd483d89567c14ec187c2d77e3c0a208ba45d21d42611712996c0cd4b329ac86"
        "81e093a8a5bbbbf0fb8c9d1cf674f7423fe3d2fbd6641ff544749daa37804f04be0b1beba59ddc3867c3016209779fa7"
        "4e8b8654c9ed8c1e93d6a985e73c12f0b0c8f920d7db1c0288eb923d552c6661086f16d7a3c5f9454d727229d8ffb99a"
        "21065e661642",
        "245b57f46db11477bf9cd2e6adbc6244448af40400d70a9203399a48756b7dbf53087f405e438cf9bbb7d38b34915f6b"
        "7dab328fb2580112db91d3da5c383d3c2a4de7974aa900251aced8106d3c00211e0cfff95994a7bb4bd1649b19443e95"
        "7964c1e17a4f309a51f0a8a98a3406f02f0a0322e5ccbcff44fac2b3dfeccff8f2614b983e83b8465b3ca099c5a8d20b"
        "f4ce118957b5",
        "173a6224816997fa5b2129f1c4d26d629028846663e6e27dd28d35d0de3757056e7da6c4214436a07fa827ba4329baf9"
        "097b2eddf4c1ea2b89caf65189987801bbb7a7125bce5d65d77bfd4a0705ef9bcb45f76a33f0ed70f5f7ff0f53eaa8c0"
        "089d68f852c6a4ef3ab3684a7ee7ec7b3ec15d8f335ce4360f9a3e8bc95a1112ed5c349ee52e1c710369df9aea00919f"
        "76d3b178fc6f",
    };
    for (const Sha sha : kAll) {
        const std::string_view whole = expected[static_cast<std::size_t>(sha)];
        for (std::size_t size = 0; size <= 150; ++size) {
            std::vector<std::uint8_t> out(size);
            prf_plus(sha, as_bytes("key"), {as_bytes("se"), as_bytes("ed")}, out);
            CHECK(test::to_hex(out) == whole.substr(0, 2 * size));
        }
        std::vector<std::uint8_t> most(255 * digest_size(sha));
        prf_plus(sha, as_bytes("key"), {as_bytes("seed")}, most);
        CHECK(test::to_hex(Bytes(most).first(150)) == whole);
    }
}

TEST_CASE("a PRF is an HMAC of the hash's length") {
    for (const Sha sha : kAll) {
        const PrfKey out = prf(sha, as_bytes("key"), {as_bytes("a"), as_bytes("bc")});
        CHECK(out.size() == digest_size(sha));
        CHECK(test::to_hex(out.reveal()) == hmac_hex(sha, as_bytes("key"), "abc"));
    }
}

}  // namespace
}  // namespace warren::crypto
