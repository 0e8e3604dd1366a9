#include "crypto/signature.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

#include "crypto/signature_algorithm.h"
#include "tests/vectors/certificates.h"
#include "tests/vectors/hex.h"
#include "tests/vectors/wycheproof.h"

namespace warren::crypto {
namespace {

using Buffer = std::vector<std::uint8_t>;
using test::KeyType;

struct Pair {
    SigningKey ours;
    VerifyingKey theirs;
};

SigningKey read_key(const std::string& pem) {
    auto key = SigningKey::from_pem(as_bytes(pem));
    REQUIRE(key.has_value());
    return std::move(*key);
}

// Keys are made once: RSA takes long.
const Pair& pair_of(KeyType type) {
    static std::vector<std::pair<KeyType, Pair>> made;
    for (const auto& [one, pair] : made) {
        if (one == type) return pair;
    }
    made.reserve(16);
    const test::Made certificate = test::make_certificate({.key = type}, nullptr);
    SigningKey key = read_key(certificate.key_pem());
    auto theirs = VerifyingKey::from_der(key.public_key());
    REQUIRE(theirs.has_value());
    made.emplace_back(type, Pair{std::move(key), std::move(*theirs)});
    return made.back().second;
}

constexpr std::array kAll = {KeyType::kP256, KeyType::kP384, KeyType::kP521, KeyType::kEd25519, KeyType::kRsa2048};
const Buffer kOctets = {1, 2, 3, 4, 5};

Buffer digital_signature(const SignatureAlgorithm& algorithm, Bytes signature) {
    const Bytes identifier = identifier_of(algorithm);
    Buffer out{static_cast<std::uint8_t>(identifier.size())};
    out.insert(out.end(), identifier.begin(), identifier.end());
    out.insert(out.end(), signature.begin(), signature.end());
    return out;
}

void check_wycheproof(const char* file, const SignatureAlgorithm& algorithm) {
    for (const auto& vector : test::load_signature_vectors(file)) {
        if (vector.is_optional) continue;
        CAPTURE(vector.id);
        const auto key = VerifyingKey::from_der(vector.public_key);
        REQUIRE(key.has_value());
        CHECK(key->verify(kAuthDigitalSignature, digital_signature(algorithm, vector.signature), vector.message) ==
              vector.valid);
    }
}

using Kind = SignatureAlgorithm::Kind;

TEST_CASE("KA2: signatures agree with Wycheproof") {
    check_wycheproof("wycheproof_ecdsa_secp256r1_sha256.json", {Kind::kEcdsa, Sha::kSha256});
    check_wycheproof("wycheproof_ecdsa_secp384r1_sha384.json", {Kind::kEcdsa, Sha::kSha384});
    check_wycheproof("wycheproof_ed25519.json", {Kind::kEd25519, Sha::kSha512});
    check_wycheproof("wycheproof_rsa_signature_2048_sha256.json", {Kind::kRsa, Sha::kSha256});
    check_wycheproof("wycheproof_rsa_pss_2048_sha256_mgf1_32.json", {Kind::kRsaPss, Sha::kSha256});
}

TEST_CASE("KA2: a peer with a list of hashes gets method 14 with the strongest fitting one that it takes") {
    struct Row {
        KeyType key;
        HashSet hashes;
        bool prefers_pss;
        SignatureAlgorithm algorithm;
    };
    const std::array rows = std::to_array<Row>({
        {KeyType::kP256, kHashesVerified, false, {Kind::kEcdsa, Sha::kSha256}},
        {KeyType::kP256, kHashSha512, false, {Kind::kEcdsa, Sha::kSha512}},
        {KeyType::kP384, kHashesVerified, false, {Kind::kEcdsa, Sha::kSha384}},
        {KeyType::kP384, kHashSha256, false, {Kind::kEcdsa, Sha::kSha256}},
        {KeyType::kP521, kHashesVerified, false, {Kind::kEcdsa, Sha::kSha512}},
        {KeyType::kP521, kHashSha384 | kHashSha256, false, {Kind::kEcdsa, Sha::kSha384}},
        {KeyType::kEd25519, kHashesVerified, false, {Kind::kEd25519, Sha::kSha512}},
        {KeyType::kRsa2048, kHashesVerified, false, {Kind::kRsa, Sha::kSha256}},
        {KeyType::kRsa2048, kHashSha384, false, {Kind::kRsa, Sha::kSha384}},
        {KeyType::kRsa2048, kHashesVerified, true, {Kind::kRsaPss, Sha::kSha256}},
        {KeyType::kRsa2048, kHashSha512, true, {Kind::kRsaPss, Sha::kSha512}},
    });
    for (const Row& row : rows) {
        const Pair& pair = pair_of(row.key);
        const auto signature = pair.ours.sign(row.hashes, row.prefers_pss, kOctets);
        REQUIRE(signature.has_value());
        CHECK(signature->method == kAuthDigitalSignature);
        const auto split = split_identifier(signature->data);
        REQUIRE(split.has_value());
        CHECK(split->algorithm == row.algorithm);
        CHECK(is_rsa_pss(signature->method, signature->data) == (row.algorithm.kind == Kind::kRsaPss));
        CHECK(pair.theirs.verify(signature->method, signature->data, kOctets));
    }
    CHECK_FALSE(pair_of(KeyType::kEd25519).ours.sign(kHashSha256 | kHashSha512, false, kOctets));
    CHECK_FALSE(pair_of(KeyType::kP256).ours.sign(1U << 1U, false, kOctets));  // SHA-1 only
}

TEST_CASE("KA2: a peer without a list gets methods 1, 9, 10 and 11") {
    const std::array<std::pair<KeyType, std::uint8_t>, 4> rows = {{{KeyType::kRsa2048, kAuthRsaSha1},
                                                                   {KeyType::kP256, kAuthEcdsaSha256},
                                                                   {KeyType::kP384, kAuthEcdsaSha384},
                                                                   {KeyType::kP521, kAuthEcdsaSha512}}};
    for (const auto& [key, method] : rows) {
        const Pair& pair = pair_of(key);
        const auto signature = pair.ours.sign(0, false, kOctets);
        REQUIRE(signature.has_value());
        CHECK(signature->method == method);
        if (method != kAuthRsaSha1) CHECK(signature->data.size() == 2 * field_size_of(method));
        CHECK(pair.theirs.verify(method, signature->data, kOctets));
        Buffer longer = signature->data;
        longer.push_back(0);
        CHECK_FALSE(pair.theirs.verify(method, longer, kOctets));
    }
    CHECK_FALSE(pair_of(KeyType::kEd25519).ours.sign(0, false, kOctets));
}

TEST_CASE("KA2: another key, other octets, another algorithm and every flipped bit are refused") {
    for (const KeyType type : kAll) {
        const Pair& pair = pair_of(type);
        const auto signature = pair.ours.sign(kHashesVerified, false, kOctets);
        REQUIRE(signature.has_value());
        CHECK_FALSE(pair.theirs.verify(signature->method, signature->data, Buffer{1, 2, 3, 4, 6}));
        for (const KeyType other : kAll) {
            if (other != type) CHECK_FALSE(pair_of(other).theirs.verify(signature->method, signature->data, kOctets));
        }
        for (std::size_t at = 0; at < signature->data.size(); ++at) {
            Buffer changed = signature->data;
            changed[at] ^= 1U;
            CHECK_FALSE(pair.theirs.verify(signature->method, changed, kOctets));
        }
        for (std::size_t size = 0; size < signature->data.size(); ++size)
            CHECK_FALSE(pair.theirs.verify(signature->method, Bytes(signature->data).first(size), kOctets));
        for (const std::uint8_t method : std::to_array<std::uint8_t>({0, 1, 2, 3, 9, 10, 11, 13}))
            CHECK_FALSE(pair.theirs.verify(method, signature->data, kOctets));
    }
}

TEST_CASE("KA2: the identifiers are those of RFC 7427 and RFC 8420, SHA-1 is none of them") {
    CHECK(test::to_hex(identifier_of({Kind::kRsa, Sha::kSha256})) == "300d06092a864886f70d01010b0500");
    CHECK(test::to_hex(identifier_of({Kind::kEcdsa, Sha::kSha512})) == "300a06082a8648ce3d040304");
    CHECK(test::to_hex(identifier_of({Kind::kEd25519, Sha::kSha512})) == "300506032b6570");
    const auto split = [](std::string_view hex) {
        Buffer data = test::from_hex(hex);
        data.insert(data.begin(), static_cast<std::uint8_t>(data.size()));
        return split_identifier(data);
    };
    CHECK_FALSE(split("300d06092a864886f70d0101050500"));  // sha1WithRSAEncryption
    CHECK_FALSE(split("300906072a8648ce3d0401"));          // ecdsa-with-SHA1
    // NULL left out, and the trailer field of PSS spelled out.
    CHECK(split("300b06092a864886f70d01010c")->algorithm == SignatureAlgorithm{Kind::kRsa, Sha::kSha384});
    CHECK(split("304606092a864886f70d01010a3039a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d0609"
                "6086480165030402010500a203020120a303020101")
              ->algorithm == SignatureAlgorithm{Kind::kRsaPss, Sha::kSha256});
    CHECK_FALSE(
        split("304606092a864886f70d01010a3039a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d"
              "06096086480165030402010500a203020120a303020102"));
    CHECK_FALSE(
        split("304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d"
              "06096086480165030402020500a203020120"));  // another hash for MGF1
    CHECK_FALSE(split(""));
    CHECK_FALSE(split_identifier({}));
    CHECK_FALSE(split_identifier(Buffer{200, 1, 2}));
}

TEST_CASE("KD6: keys that are too short, too long or of another kind are refused before anything is computed") {
    const auto flaw_of = [](KeyType type) {
        const test::Made root = test::make_root("root");
        const test::Made made = test::make_certificate({.key = type}, &root);
        const auto key = VerifyingKey::from_der(test::public_key_of(made));
        REQUIRE_FALSE(key.has_value());
        return key.error();
    };
    CHECK(flaw_of(KeyType::kRsa1024) == KeyFlaw::kTooShort);
    CHECK(flaw_of(KeyType::kRsa4608Public) == KeyFlaw::kTooLong);
    CHECK(flaw_of(KeyType::kBrainpool256) == KeyFlaw::kUnsupported);
    CHECK(VerifyingKey::from_der({}).error() == KeyFlaw::kMalformed);
    Buffer longer = pair_of(KeyType::kP256).ours.public_key();
    longer.push_back(0);
    CHECK(VerifyingKey::from_der(longer).error() == KeyFlaw::kMalformed);
}

TEST_CASE("a private key is read from PEM, and a short, an encrypted or a foreign one is refused") {
    CHECK(read_key(test::make_certificate({.key = KeyType::kP384}, nullptr).key_pem()).kind() ==
          SigningKeyKind::kEcdsaP384);
    CHECK(
        SigningKey::from_pem(as_bytes(test::make_certificate({.key = KeyType::kRsa1024}, nullptr).key_pem())).error() ==
        KeyFlaw::kTooShort);
    CHECK(SigningKey::from_pem(as_bytes("no key")).error() == KeyFlaw::kMalformed);
    const std::string encrypted =
        "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
        "DEK-Info: AES-128-CBC,00000000000000000000000000000000\n\nAAAAAAAAAAAAAAAAAAAAAA==\n"
        "-----END EC PRIVATE KEY-----\n";
    CHECK(SigningKey::from_pem(as_bytes(encrypted)).error() == KeyFlaw::kMalformed);
}

}  // namespace
}  // namespace warren::crypto
