#include "crypto/ike_cipher.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "crypto/hmac_sha.h"
#include "tests/vectors/hex.h"
#include "tests/vectors/seeded_random.h"
#include "tests/vectors/wycheproof.h"

namespace warren::crypto {
namespace {

using Buffer = std::vector<std::uint8_t>;

constexpr std::array kAll = {IkeCipher::kAes128Gcm, IkeCipher::kAes256Gcm, IkeCipher::kChacha20Poly1305,
                             IkeCipher::kAes128Cbc, IkeCipher::kAes256Cbc};
constexpr std::array<Integrity, 4> kIntegrities = {
    {{Sha::kSha1, 12}, {Sha::kSha256, 16}, {Sha::kSha384, 24}, {Sha::kSha512, 32}}};

IkeCipherKey key_of(IkeCipher cipher, Bytes encryption, Integrity integrity = {}, Bytes integrity_key = {}) {
    IkeCipherKey key;
    key.cipher = cipher;
    key.encryption = SecretBytes<36>(encryption);
    key.integrity = integrity;
    key.integrity_key = SecretBytes<kMostDigest>(integrity_key);
    return key;
}

IkeCipherKey random_key(IkeCipher cipher, const Integrity& integrity, test::SeededRandom& random) {
    const Buffer encryption = random.bytes(encryption_key_size(cipher));
    if (is_aead(cipher)) return key_of(cipher, encryption);
    return key_of(cipher, encryption, integrity, random.bytes(digest_size(integrity.sha)));
}

Buffer sealed(const IkeCipherKey& key, Bytes iv, Bytes associated, Bytes text) {
    Buffer out(key.iv_size() + text.size() + key.icv_size());
    seal(key, iv, associated, text, out);
    return out;
}

// "refused" when it is not authentic.
std::string opened(const IkeCipherKey& key, Bytes associated, Bytes bytes) {
    const std::size_t around = key.iv_size() + key.icv_size();
    Buffer out(bytes.size() > around ? bytes.size() - around : 0, 0xee);
    if (open(key, associated, bytes, out)) return test::to_hex(out);
    CHECK(std::ranges::all_of(out, [](std::uint8_t octet) { return octet == 0; }));
    return "refused";
}

// RFC 7634 Appendix B
TEST_CASE("KP6: ChaCha20-Poly1305 is that of RFC 7634") {
    const IkeCipherKey key =
        key_of(IkeCipher::kChacha20Poly1305,
               test::from_hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3"));
    const Buffer associated = test::from_hex("c0c1c2c3c4c5c6c7d0d1d2d3d4d5d6d72e202500000000090000004529000029");
    const Buffer iv = test::from_hex("1011121314151617");
    const Buffer text = test::from_hex("0000000c000040010000000a00");
    CHECK(test::to_hex(sealed(key, iv, associated, text)) ==
          "1011121314151617610394701f8d017f7c129248896b71bfe25236efd7cdc67066906315b2");
    CHECK(opened(key, associated, sealed(key, iv, associated, text)) == test::to_hex(text));
}

// RFC 3602 §4, cases 1 and 2
TEST_CASE("KP6: AES-CBC is that of RFC 3602, with an HMAC over all that is before it") {
    struct Case {
        std::string_view key, iv, text, ciphertext;
    };
    const std::array<Case, 2> cases = {{{"06a9214036b8a15b512e03d534120006", "3dafba429d9eb430b422da802c9fac41",
                                         "53696e676c6520626c6f636b206d7367", "e353779c1079aeb82708942dbe77181a"},
                                        {"c286696d887c9aa0611bbb3e2025a45a", "562e17996d093d28ddb3ba695a2e6f58",
                                         "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
                                         "d296cd94c2cccf8a3a863028b5e1dc0a7586602d253cfff91b8266bea6d61ab1"}}};
    const Buffer integrity_key(32, 7);
    const Buffer associated = {1, 2, 3};
    for (const Case& one : cases) {
        const IkeCipherKey key =
            key_of(IkeCipher::kAes128Cbc, test::from_hex(one.key), {Sha::kSha256, 16}, integrity_key);
        const Buffer bytes = sealed(key, test::from_hex(one.iv), associated, test::from_hex(one.text));
        const std::string covered = std::string(one.iv) + std::string(one.ciphertext);
        Buffer icv(16);
        hmac(Sha::kSha256, integrity_key, {associated, test::from_hex(covered)}, icv);
        CHECK(test::to_hex(bytes) == covered + test::to_hex(icv));
        CHECK(opened(key, associated, bytes) == one.text);
    }
}

TEST_CASE("KP6: AEADs agree with Wycheproof") {
    const std::array<std::pair<const char*, IkeCipher>, 3> files = {
        {{"wycheproof_aes_gcm.json", IkeCipher::kAes128Gcm},
         {"wycheproof_aes_gcm.json", IkeCipher::kAes256Gcm},
         {"wycheproof_chacha20_poly1305.json", IkeCipher::kChacha20Poly1305}}};
    for (const auto& [file, cipher] : files) {
        for (const auto& vector : test::load_aead_vectors(file)) {
            if (vector.nonce.size() != 12 || vector.key.size() + 4 != encryption_key_size(cipher)) continue;
            if (vector.tag.size() != 16) continue;
            CAPTURE(vector.id);
            Buffer with_salt = vector.key;
            with_salt.insert(with_salt.end(), vector.nonce.begin(), vector.nonce.begin() + 4);
            const IkeCipherKey key = key_of(cipher, with_salt);
            Buffer bytes(vector.nonce.begin() + 4, vector.nonce.end());
            bytes.insert(bytes.end(), vector.ciphertext.begin(), vector.ciphertext.end());
            bytes.insert(bytes.end(), vector.tag.begin(), vector.tag.end());
            CHECK(opened(key, vector.associated, bytes) == (vector.valid ? test::to_hex(vector.plaintext) : "refused"));
            if (vector.valid) CHECK(sealed(key, Bytes(bytes).first(8), vector.associated, vector.plaintext) == bytes);
        }
    }
}

TEST_CASE("KP6: AES-CBC agrees with Wycheproof") {
    int used = 0;
    for (const auto& vector : test::load_cbc_vectors("wycheproof_aes_cbc_pkcs5.json")) {
        if (!vector.valid || vector.key.size() == 24) continue;
        CAPTURE(vector.id);
        ++used;
        const IkeCipher cipher = vector.key.size() == 16 ? IkeCipher::kAes128Cbc : IkeCipher::kAes256Cbc;
        const IkeCipherKey key = key_of(cipher, vector.key, {Sha::kSha256, 16}, Buffer(32, 1));
        const std::size_t padding = 16 - vector.plaintext.size() % 16;
        Buffer padded = vector.plaintext;
        padded.insert(padded.end(), padding, static_cast<std::uint8_t>(padding));
        const Buffer bytes = sealed(key, vector.iv, {}, padded);
        CHECK(std::ranges::equal(Bytes(bytes).subspan(16, padded.size()), vector.ciphertext));
        CHECK(opened(key, {}, bytes) == test::to_hex(padded));
    }
    MESSAGE("vectors used: ", used);
}

TEST_CASE("what is sealed is opened, and with any bit flipped it is not") {
    test::SeededRandom random(11);
    for (const IkeCipher cipher : kAll) {
        for (const Integrity& integrity : kIntegrities) {
            const IkeCipherKey key = random_key(cipher, integrity, random);
            const Buffer associated = random.bytes(32);
            const Buffer text = random.bytes(32);
            Buffer bytes = sealed(key, random.bytes(key.iv_size()), associated, text);
            CHECK(opened(key, associated, bytes) == test::to_hex(text));
            for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
                bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
                CHECK(opened(key, associated, bytes) == "refused");
                bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
            }
            for (std::size_t bit = 0; bit < 8 * associated.size(); ++bit) {
                Buffer other = associated;
                other[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
                CHECK(opened(key, other, bytes) == "refused");
            }
        }
    }
}

TEST_CASE("what is cut or longer is not opened") {
    test::SeededRandom random(12);
    for (const IkeCipher cipher : kAll) {
        const IkeCipherKey key = random_key(cipher, {Sha::kSha256, 16}, random);
        Buffer bytes = sealed(key, random.bytes(key.iv_size()), {}, random.bytes(48));
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            CHECK(opened(key, {}, Bytes(bytes).first(size)) == "refused");
        }
        bytes.insert(bytes.end(), 16, 0);
        CHECK(opened(key, {}, bytes) == "refused");
    }
}

TEST_CASE("another key does not open") {
    test::SeededRandom random(13);
    for (const IkeCipher cipher : kAll) {
        const Integrity integrity = {Sha::kSha256, 16};
        const IkeCipherKey key = random_key(cipher, integrity, random);
        const Buffer bytes = sealed(key, random.bytes(key.iv_size()), {}, random.bytes(16));
        CHECK(opened(random_key(cipher, integrity, random), {}, bytes) == "refused");
    }
}

}  // namespace
}  // namespace warren::crypto
