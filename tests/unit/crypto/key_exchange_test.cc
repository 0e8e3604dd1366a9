#include "crypto/key_exchange.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "crypto/sha.h"
#include "tests/vectors/hex.h"
#include "tests/vectors/seeded_random.h"
#include "tests/vectors/wycheproof.h"

namespace warren::crypto {
namespace {

using Buffer = std::vector<std::uint8_t>;
using enum KeyExchangeMethod;

constexpr std::array kAll = {kModp1024, kModp2048, kModp3072, kModp4096, kEcp256, kEcp384, kEcp521, kX25519};
constexpr std::array kEcp = {kEcp256, kEcp384, kEcp521};
constexpr std::array kModp = {kModp1024, kModp2048, kModp3072, kModp4096};

EphemeralKey key_of(KeyExchangeMethod method, Bytes private_value) {
    auto key = EphemeralKey::from_private(method, private_value);
    REQUIRE(key.has_value());
    return std::move(*key);
}

// "refused" when there is none.
std::string agreed(const EphemeralKey& key, Bytes peer) {
    const auto shared = key.agree(peer);
    return shared ? test::to_hex(shared->reveal()) : "refused";
}

std::string sha256_hex(Bytes bytes) {
    std::array<std::uint8_t, 32> out;
    digest(Sha::kSha256, {bytes}, out);
    return test::to_hex(out);
}

Buffer counting(std::uint8_t first, std::uint8_t last) {
    Buffer out;
    for (unsigned i = first; i <= last; ++i) out.push_back(static_cast<std::uint8_t>(i));
    return out;
}

struct EcpVector {
    KeyExchangeMethod method;
    std::string_view i, gi, r, gr, girx;
};

// RFC 5903 §8.1 to §8.3
const std::array<EcpVector, 3> kRfc5903 = {{
    {kEcp256, "C88F01F5 10D9AC3F 70A292DA A2316DE5 44E9AAB8 AFE84049 C62A9C57 862D1433",
     "DAD0B653 94221CF9 B051E1FE CA5787D0 98DFE637 FC90B9EF 945D0C37 72581180"
     "5271A046 1CDB8252 D61F1C45 6FA3E59A B1F45B33 ACCF5F58 389E0577 B8990BB3",
     "C6EF9C5D 78AE012A 011164AC B397CE20 88685D8F 06BF9BE0 B283AB46 476BEE53",
     "D12DFB52 89C8D4F8 1208B702 70398C34 2296970A 0BCCB74C 736FC755 4494BF63"
     "56FBF3CA 366CC23E 8157854C 13C58D6A AC23F046 ADA30F83 53E74F33 039872AB",
     "D6840F6B 42F6EDAF D13116E0 E1256520 2FEF8E9E CE7DCE03 812464D0 4B9442DE"},
    {kEcp384,
     "099F3C70 34D4A2C6 99884D73 A375A67F 7624EF7C 6B3C0F16 0647B674 14DCE655 E35B5380 41E649EE 3FAEF896 783AB194",
     "667842D7 D180AC2C DE6F74F3 7551F557 55C7645C 20EF73E3 1634FE72 B4C55EE6 DE3AC808 ACB4BDB4 C88732AE E95F41AA"
     "9482ED1F C0EEB9CA FC498462 5CCFC23F 65032149 E0E144AD A0241815 35A0F38E EB9FCFF3 C2C947DA E69B4C63 4573A81C",
     "41CB0779 B4BDB85D 47846725 FBEC3C94 30FAB46C C8DC5060 855CC9BD A0AA2942 E0308312 916B8ED2 960E4BD5 5A7448FC",
     "E558DBEF 53EECDE3 D3FCCFC1 AEA08A89 A987475D 12FD950D 83CFA417 32BC509D 0D1AC43A 0336DEF9 6FDA41D0 774A3571"
     "DCFBEC7A ACF31964 72169E83 8430367F 66EEBE3C 6E70C416 DD5F0C68 759DD1FF F83FA401 42209DFF 5EAAD96D B9E6386C",
     "11187331 C279962D 93D60424 3FD592CB 9D0A926F 422E4718 7521287E 7156C5C4 D6031355 69B9E9D0 9CF5D4A2 70F59746"},
    {kEcp521,
     "0037ADE9 319A89F4 DABDB3EF 411AACCC A5123C61 ACAB57B5 393DCE47 608172A0 95AA85A3 0FE1C295 2C6771D9 37BA9777"
     "F5957B26 39BAB072 462F68C2 7A57382D 4A52",
     "0015417E 84DBF28C 0AD3C278 713349DC 7DF153C8 97A1891B D98BAB43 57C9ECBE E1E3BF42 E00B8E38 0AEAE57C 2D107564"
     "94188594 2AF5A7F4 601723C4 195D176C ED3E"
     "017CAE20 B6641D2E EB695786 D8C94614 6239D099 E18E1D5A 514C739D 7CB4A10A D8A78801 5AC405D7 799DC75E 7B7D5B6C"
     "F2261A6A 7F150743 8BF01BEB 6CA3926F 9582",
     "0145BA99 A847AF43 793FDD0E 872E7CDF A16BE30F DC780F97 BCCC3F07 8380201E 9C677D60 0B343757 A3BDBF2A 3163E4C2"
     "F869CCA7 458AA4A4 EFFC311F 5CB15168 5EB9",
     "00D0B397 5AC4B799 F5BEA16D 5E13E9AF 971D5E9B 984C9F39 728B5E57 39735A21 9B97C356 436ADC6E 95BB0352 F6BE64A6"
     "C2912D4E F2D0433C ED2B6171 640012D9 460F"
     "015C6822 6383956E 3BD066E7 97B623C2 7CE0EAC2 F551A10C 2C724D98 52077B87 220B6536 C5C408A1 D2AEBB8E 86D678AE"
     "49CB5709 1F473229 6579AB44 FCD17F0F C56A",
     "01144C7D 79AE6956 BC8EDB8E 7C787C45 21CB086F A64407F9 7894E5E6 B2D79B04 D1427E73 CA4BAA24 0A347868 59810C06"
     "B3C715A3 A8CC3151 F2BEE417 996D19F3 DDEA"},
}};

TEST_CASE("ECP groups are those of RFC 5903") {
    for (const EcpVector& vector : kRfc5903) {
        const EphemeralKey i = key_of(vector.method, test::from_hex(vector.i));
        const EphemeralKey r = key_of(vector.method, test::from_hex(vector.r));
        CHECK(test::to_hex(i.public_value()) == test::to_hex(test::from_hex(vector.gi)));
        CHECK(test::to_hex(r.public_value()) == test::to_hex(test::from_hex(vector.gr)));
        const std::string girx = test::to_hex(test::from_hex(vector.girx));
        CHECK(agreed(i, r.public_value()) == girx);
        CHECK(agreed(r, i.public_value()) == girx);
    }
}

// RFC 7748 §6.1
TEST_CASE("X25519 is that of RFC 7748") {
    const EphemeralKey alice =
        key_of(kX25519, test::from_hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"));
    const EphemeralKey bob =
        key_of(kX25519, test::from_hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
    CHECK(test::to_hex(bob.public_value()) == "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    const std::string_view shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
    CHECK(agreed(alice, bob.public_value()) == shared);
    CHECK(agreed(bob, alice.public_value()) == shared);
}

struct ModpVector {
    KeyExchangeMethod method;
    std::string_view i, r, shared;  // SHA-256 of the public values and of the secret
};

// Computed with Python: pow() over the primes of RFC 3526 and RFC 2409, which it made from the digits of pi.
const std::array<ModpVector, 4> kPowers = {{
    {kModp1024, "1d096a46d790f69f661d2ebaf30c731c60ed773742bddcdd18a0c395e2c1339c",
     "ac6f66b9ce7c4be89ec2c6469d5259db707f3b2fb88d5160b9c5c45128a8feff",
     "efe6b6399ecd5696d5a8c15a0e0cd03e43cec5455a6c8afabd6aeea00f6114c2"},
    {kModp2048, "3ae26e14ac54744ba175a8b2c76205eebfc4fdb8314c4c40ae2ea47b3c0e28a3",
     "f004201373749bb4a11ac168dee9ca58fd4d4a95fe374add29941d9e44fc1a9f",
     "af739a3e7cffbe8f8dd9700308b04c2182c5feee6afcdab8d1803a093991bd57"},
    {kModp3072, "71cd9b27251732586c6a41ac0f0a75656b6a8230b1ec2452d3bca7a4da036034",
     "46bd900e02859d51e4cf92fb214639e13534aab4e43bfa60e5f3843fdbca098d",
     "9ded64b8c5d41c1421c6707bf7f7091116f3c2e3cb75bdc347eaf90966cecb69"},
    {kModp4096, "fc916cbbbf2d65c638734f4328faf64611b7f43fc26016c21cb8024c5eeac22d",
     "5cdc8101b7b50e0a026103bfb502e4a2b1ceeb5c86e513079d7d3935ac4afe7f",
     "72e6f917b55cfbfb1170359e9318a9d6237f328618bf8f5d67571f08f2ed3390"},
}};

TEST_CASE("MODP groups are powers of 2") {
    for (const ModpVector& vector : kPowers) {
        const EphemeralKey i = key_of(vector.method, counting(1, 40));
        const EphemeralKey r = key_of(vector.method, counting(41, 80));
        CHECK(sha256_hex(i.public_value()) == vector.i);
        CHECK(sha256_hex(r.public_value()) == vector.r);
        for (const auto& [key, peer] : {std::pair(&i, &r), std::pair(&r, &i)}) {
            const auto shared = key->agree(peer->public_value());
            REQUIRE(shared.has_value());
            CHECK(shared->size() == public_value_size(vector.method));
            CHECK(sha256_hex(shared->reveal()) == vector.shared);
        }
    }
}

TEST_CASE("a MODP secret keeps its leading zeros") {
    Buffer private_value = counting(41, 80);
    private_value.back() += 53;
    const auto shared = key_of(kModp2048, private_value).agree(key_of(kModp2048, counting(1, 40)).public_value());
    REQUIRE(shared.has_value());
    CHECK(shared->reveal()[0] == 0);
    CHECK(sha256_hex(shared->reveal()) == "8e74d4ef80666acd7a409563ba2c1e5ba8b6cffd13a4ecf33b01ed7ae4fd2efb");
}

TEST_CASE("KN3: two fresh keys of any method agree, and no two are the same") {
    test::SeededRandom random(5);
    for (const KeyExchangeMethod method : kAll) {
        const EphemeralKey i = EphemeralKey::generate(method, random);
        const EphemeralKey r = EphemeralKey::generate(method, random);
        CHECK(i.method() == method);
        CHECK(i.public_value().size() == public_value_size(method));
        CHECK_FALSE(std::ranges::equal(i.public_value(), r.public_value()));
        const std::string secret = agreed(i, r.public_value());
        CHECK(secret != "refused");
        CHECK(secret == agreed(r, i.public_value()));
    }
}

TEST_CASE("KN3: a public value of another length is refused") {
    test::SeededRandom random(6);
    for (const KeyExchangeMethod method : kAll) {
        const EphemeralKey key = EphemeralKey::generate(method, random);
        const EphemeralKey peer = EphemeralKey::generate(method, random);
        Buffer value(peer.public_value().begin(), peer.public_value().end());
        for (std::size_t size = 0; size < value.size(); ++size)
            CHECK(agreed(key, Bytes(value).first(size)) == "refused");
        value.push_back(0);
        CHECK(agreed(key, value) == "refused");
        value.insert(value.begin(), 4);
        CHECK(agreed(key, Bytes(value).first(peer.public_value().size() + 1)) == "refused");
    }
}

TEST_CASE("KN3: 0, 1, p - 1, p and more are no public values of a MODP group") {
    test::SeededRandom random(7);
    for (const KeyExchangeMethod method : kModp) {
        const EphemeralKey key = EphemeralKey::generate(method, random);
        const std::size_t size = public_value_size(method);
        Buffer value(size, 0);
        CHECK(agreed(key, value) == "refused");
        value.back() = 1;
        CHECK(agreed(key, value) == "refused");
        value.back() = 2;
        CHECK(agreed(key, value) == test::to_hex(key.public_value()));
        CHECK(agreed(key, Buffer(size, 0xff)) == "refused");
    }
    // RFC 2409 §6.2: p of the group of 1024 bits.
    Buffer prime = test::from_hex(
        "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
        "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
        "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF");
    const EphemeralKey key = EphemeralKey::generate(kModp1024, random);
    for (int below = 0; below <= 2; ++below) {
        CAPTURE(below);
        CHECK((agreed(key, prime) == "refused") == (below < 2));
        --prime.back();
    }
}

TEST_CASE("KN3: a point that is not on the curve is refused") {
    test::SeededRandom random(8);
    for (const KeyExchangeMethod method : kEcp) {
        const EphemeralKey key = EphemeralKey::generate(method, random);
        const EphemeralKey peer = EphemeralKey::generate(method, random);
        const std::size_t size = public_value_size(method);
        CHECK(agreed(key, Buffer(size, 0)) == "refused");
        CHECK(agreed(key, Buffer(size, 0xff)) == "refused");
        for (std::size_t octet = 0; octet < size; ++octet) {
            Buffer wrong(peer.public_value().begin(), peer.public_value().end());
            wrong[octet] ^= 1;
            CHECK(agreed(key, wrong) == "refused");
        }
    }
}

TEST_CASE("KN3: an X25519 secret of zero is refused") {
    test::SeededRandom random(9);
    const EphemeralKey key = EphemeralKey::generate(kX25519, random);
    Buffer low_order(32, 0);
    CHECK(agreed(key, low_order) == "refused");
    low_order[0] = 1;
    CHECK(agreed(key, low_order) == "refused");
}

TEST_CASE("KN3: ECP groups agree with Wycheproof") {
    const std::array<std::pair<const char*, KeyExchangeMethod>, 2> files = {
        {{"wycheproof_ecdh_secp256r1_ecpoint.json", kEcp256}, {"wycheproof_ecdh_secp384r1_ecpoint.json", kEcp384}}};
    for (const auto& [file, method] : files) {
        const std::size_t size = public_value_size(method);
        for (const auto& vector : test::load_ecdh_vectors(file)) {
            CAPTURE(vector.id);
            const EphemeralKey key = key_of(method, vector.private_key);
            // IKE has no byte for the form of a point. What is compressed has another length.
            const bool has_form = !vector.public_key.empty() && vector.public_key[0] == 4;
            const bool is_expected = vector.valid && vector.public_key.size() == 1 + size;
            const Bytes point = has_form ? Bytes(vector.public_key).subspan(1) : Bytes(vector.public_key);
            CHECK(agreed(key, point) == (is_expected ? test::to_hex(vector.shared) : "refused"));
        }
    }
}

TEST_CASE("KN3: X25519 agrees with Wycheproof") {
    for (const auto& vector : test::load_x25519_vectors("wycheproof_x25519.json")) {
        CAPTURE(vector.id);
        const bool is_zero = std::ranges::all_of(vector.shared, [](std::uint8_t octet) { return octet == 0; });
        CHECK(agreed(key_of(kX25519, vector.private_key), vector.public_key) ==
              (is_zero ? "refused" : test::to_hex(vector.shared)));
    }
}

TEST_CASE("a private value is one of the group's") {
    for (const KeyExchangeMethod method : kAll) {
        CAPTURE(static_cast<int>(method));
        CHECK_FALSE(EphemeralKey::from_private(method, {}));
        CHECK_FALSE(EphemeralKey::from_private(method, Buffer(67, 1)));
        if (method != kX25519) CHECK_FALSE(EphemeralKey::from_private(method, Buffer(32, 0)));
    }
    CHECK_FALSE(EphemeralKey::from_private(kEcp256, Buffer(32, 0xff)));  // beyond the order
    CHECK_FALSE(EphemeralKey::from_private(kX25519, Buffer(31, 1)));
}

TEST_CASE("an empty or moved key agrees with nobody") {
    test::SeededRandom random(10);
    EphemeralKey key = EphemeralKey::generate(kX25519, random);
    const Buffer peer = Buffer(32, 9);
    const EphemeralKey moved = std::move(key);
    CHECK(agreed(moved, peer) != "refused");
    CHECK(agreed(key, peer) == "refused");  // NOLINT(bugprone-use-after-move)
    CHECK(agreed(EphemeralKey(), peer) == "refused");
}

}  // namespace
}  // namespace warren::crypto
