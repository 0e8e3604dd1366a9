// The suites beside ChaCha20-Poly1305, salts and associated data, in every backend that has them.
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "crypto/aead.h"
#include "tests/unit/crypto/allocation_count.h"
#include "tests/vectors/seeded_random.h"
#include "tests/vectors/wycheproof.h"

namespace warren::crypto {
namespace {

using Buffer = std::vector<std::uint8_t>;

std::vector<std::unique_ptr<PacketAead>> backends_with(AeadSuite suite) {
    std::vector<std::unique_ptr<PacketAead>> out;
    for (const AeadBackend backend : {AeadBackend::kIpsecMb, AeadBackend::kOpenssl, AeadBackend::kSodium}) {
        auto aead = make_packet_aead(backend);
        if (aead && (*aead)->has(suite)) out.push_back(std::move(*aead));
    }
    return out;
}

AeadKey random_key(AeadSuite suite, test::SeededRandom& random) {
    AeadKey key;
    key.suite = suite;
    random.fill(key.secret.writable());
    random.fill(key.salt);
    return key;
}

AeadJob job_of(const AeadKey& key, std::uint64_t iv, Bytes associated, Buffer& packet) {
    AeadJob job{.key = &key, .iv = iv, .text = packet.data()};
    job.size = static_cast<std::uint32_t>(packet.size() - kTagSize);
    job.associated_size = static_cast<std::uint8_t>(associated.size());
    std::copy(associated.begin(), associated.end(), job.associated.begin());
    return job;
}

struct Split {
    std::array<std::uint8_t, 4> salt{};
    std::uint64_t iv = 0;
    explicit Split(const Buffer& nonce) : iv(load_le<std::uint64_t>(nonce.data() + 4)) {
        std::copy_n(nonce.begin(), salt.size(), salt.begin());
    }
};

void check_vectors(const char* file, AeadSuite suite, std::size_t key_size) {
    int used = 0;
    for (const auto& vector : test::load_aead_vectors(file)) {
        if (vector.nonce.size() != 12 || vector.key.size() != key_size || vector.tag.size() != kTagSize) continue;
        CAPTURE(vector.id);
        AeadKey key;
        key.suite = suite;
        std::copy(vector.key.begin(), vector.key.end(), key.secret.writable().begin());
        const Split nonce(vector.nonce);
        key.salt = nonce.salt;
        Buffer sealed = vector.ciphertext;
        sealed.insert(sealed.end(), vector.tag.begin(), vector.tag.end());
        ++used;

        Buffer plain(vector.ciphertext.size());
        CHECK(suite_open(key, nonce.iv, vector.associated, sealed, plain) == vector.valid);
        if (vector.valid) CHECK(plain == vector.plaintext);
        if (vector.associated.size() > AeadJob::kMostAssociated) continue;
        for (const auto& aead : backends_with(suite)) {
            AeadKey own = key.clone();
            aead->prepare(own);
            Buffer packet = sealed;
            AeadJob job = job_of(own, nonce.iv, vector.associated, packet);
            aead->open({&job, 1});
            CHECK(job.authentic == vector.valid);
            if (!vector.valid) continue;
            CHECK(std::equal(vector.plaintext.begin(), vector.plaintext.end(), packet.begin()));
            aead->seal({&job, 1});
            CHECK(packet == sealed);
        }
    }
    MESSAGE("vectors used: ", used);
}

TEST_CASE("every suite agrees with Wycheproof") {
    check_vectors("wycheproof_aes_gcm.json", AeadSuite::kAes128Gcm, 16);
    check_vectors("wycheproof_aes_gcm.json", AeadSuite::kAes256Gcm, 32);
    check_vectors("wycheproof_chacha20_poly1305.json", AeadSuite::kChacha20Poly1305, 32);
}

TEST_CASE("every suite is on every machine, by one backend or two") {
    for (const AeadBackends& backends : {AeadBackends(AeadBackend::kSodium), AeadBackends(AeadBackend::kOpenssl)}) {
        const auto aead = make_packet_aead(backends);
        REQUIRE(aead.has_value());
        for (const AeadSuite suite : {AeadSuite::kChacha20Poly1305, AeadSuite::kAes128Gcm, AeadSuite::kAes256Gcm}) {
            CHECK((*aead)->has(suite));
        }
        CHECK(self_test(**aead));
    }
}

TEST_CASE("a batch may mix suites, with two backends side by side") {
    test::SeededRandom random(71);
    const auto aead = make_packet_aead(AeadBackends(AeadBackend::kSodium, AeadBackend::kOpenssl));
    REQUIRE(aead.has_value());
    constexpr std::array suites = {AeadSuite::kChacha20Poly1305, AeadSuite::kAes128Gcm, AeadSuite::kAes256Gcm};
    std::vector<AeadKey> keys;
    for (int i = 0; i < 40; ++i) {
        keys.push_back(random_key(suites[random.below(suites.size())], random));
        (*aead)->prepare(keys.back());
    }
    std::vector<Buffer> packets;
    std::vector<AeadJob> jobs;
    const Buffer associated = random.bytes(8);
    for (std::size_t i = 0; i < keys.size(); ++i) packets.push_back(random.bytes(100 + i + kTagSize));
    const std::vector<Buffer> plain = packets;
    for (std::size_t i = 0; i < keys.size(); ++i) jobs.push_back(job_of(keys[i], i, associated, packets[i]));
    (*aead)->seal(jobs);
    for (std::size_t i = 0; i < keys.size(); ++i) {
        Buffer opened(packets[i].size() - kTagSize);
        CHECK(suite_open(keys[i], i, associated, packets[i], opened));
        CHECK(std::equal(opened.begin(), opened.end(), plain[i].begin()));
    }
    packets[7][3] ^= 1;
    (*aead)->open(jobs);
    for (std::size_t i = 0; i < keys.size(); ++i) CHECK(jobs[i].authentic == (i != 7));
}

TEST_CASE("salt, IV and associated data are all part of what is authentic") {
    test::SeededRandom random(72);
    for (const AeadSuite suite : {AeadSuite::kChacha20Poly1305, AeadSuite::kAes128Gcm, AeadSuite::kAes256Gcm}) {
        for (const auto& aead : backends_with(suite)) {
            AeadKey key = random_key(suite, random);
            aead->prepare(key);
            const Buffer associated = random.bytes(12);
            Buffer sealed = random.bytes(64 + kTagSize);
            AeadJob job = job_of(key, 9, associated, sealed);
            aead->seal({&job, 1});
            const auto opens = [&](const AeadKey& with, std::uint64_t iv, const Buffer& data) {
                Buffer packet = sealed;
                AeadJob other = job_of(with, iv, data, packet);
                aead->open({&other, 1});
                return other.authentic;
            };
            CHECK(opens(key, 9, associated));
            CHECK_FALSE(opens(key, 10, associated));
            CHECK_FALSE(opens(key, 9, Buffer(associated.begin(), associated.end() - 1)));
            Buffer changed = associated;
            changed[11] ^= 0x80;
            CHECK_FALSE(opens(key, 9, changed));
            AeadKey salted = key.clone();
            salted.salt[3] ^= 1;
            aead->prepare(salted);
            CHECK_FALSE(opens(salted, 9, associated));
        }
    }
}

}  // namespace
}  // namespace warren::crypto
