// AES-CBC with an HMAC, in every backend that has it, against other implementations.
#include <doctest/doctest.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <memory>
#include <set>
#include <vector>

#include "crypto/aead.h"
#include "crypto/aead_backends.h"
#include "tests/unit/crypto/allocation_count.h"
#include "tests/unit/crypto/heap_search.h"
#include "tests/vectors/hex.h"
#include "tests/vectors/seeded_random.h"
#include "tests/vectors/wycheproof.h"

namespace warren::crypto {
namespace {

using Buffer = std::vector<std::uint8_t>;
using test::from_hex;

constexpr std::size_t kPrefix = 24;  // header and IV
constexpr std::array kCbcSuites{AeadSuite::kAes128CbcSha1,   AeadSuite::kAes256CbcSha1,   AeadSuite::kAes128CbcSha256,
                                AeadSuite::kAes256CbcSha256, AeadSuite::kAes128CbcSha512, AeadSuite::kAes256CbcSha512};

std::vector<std::unique_ptr<PacketAead>> backends_with(AeadSuite suite) {
    std::vector<std::unique_ptr<PacketAead>> out;
    for (const AeadBackend backend : {AeadBackend::kIpsecMb, AeadBackend::kOpenssl, AeadBackend::kSodium}) {
        auto aead = make_packet_aead(backend);
        if (aead && (*aead)->has(suite)) out.push_back(std::move(*aead));
    }
    return out;
}

AeadKey key_of(AeadSuite suite, Bytes secret, Bytes integrity) {
    AeadKey key;
    key.suite = suite;
    std::copy(secret.begin(), secret.end(), key.secret.writable().begin());
    key.integrity = std::make_unique<Secret<64>>();
    std::copy(integrity.begin(), integrity.end(), key.integrity->writable().begin());
    return key;
}

AeadKey random_key(AeadSuite suite, test::SeededRandom& random) {
    return key_of(suite, random.bytes(32), random.bytes(64));
}

// A whole packet, header first; `associated`: behind the text.
AeadJob job_of(const AeadKey& key, std::uint64_t iv, Buffer& packet, Bytes associated = {}) {
    AeadJob job{.key = &key, .iv = iv, .text = packet.data() + kPrefix};
    job.size = static_cast<std::uint32_t>(packet.size() - kPrefix - tag_size_of(key.suite));
    job.associated_size = static_cast<std::uint8_t>(associated.size());
    std::copy(associated.begin(), associated.end(), job.associated.begin());
    return job;
}

// RFC 3602 §4 cases 1 to 4, IV, plaintext, ciphertext.
struct Rfc3602 {
    const char* key;
    const char* iv;
    const char* plaintext;
    const char* ciphertext;
};
const Rfc3602 kRfc3602[] = {
    {"06a9214036b8a15b512e03d534120006", "3dafba429d9eb430b422da802c9fac41", "53696e676c6520626c6f636b206d7367",
     "e353779c1079aeb82708942dbe77181a"},
    {"c286696d887c9aa0611bbb3e2025a45a", "562e17996d093d28ddb3ba695a2e6f58",
     "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     "d296cd94c2cccf8a3a863028b5e1dc0a7586602d253cfff91b8266bea6d61ab1"},
    {"6c3ea0477630ce21a2ce334aa746c2cd", "c782dc4c098c66cbd9cd27d825682c81",
     "5468697320697320612034382d62797465206d657373616765202865786163746c7920332041455320626c6f636b7329",
     "d0a02b3836451753d493665d33f0e8862dea54cdb293abc7506939276772f8d5021c19216bad525c8579695d83ba2684"},
    {"56e47a38c5598974bc46903dba290349", "8ce82eefbea0da3c44699ed7db51b7d9",
     "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d"
     "8"
     "d9dadbdcdddedf",
     "c30e32ffedc0774e6aff6af0869f71aa0f3af07a9a31a9c684db207eb0ef8e4e35907aa632c3ffdf868bb7b29d3d46ad83ce9f9a102ee99d4"
     "9"
     "a53e87f4c3da55"},
};

// A packet with an IV of another's choice, and the HMAC that OpenSSL computes.
Buffer packet_with(const AeadKey& key, Bytes iv, Bytes ciphertext, Bytes behind = {}) {
    Buffer packet{1, 2, 3, 4, 0, 0, 0, 9};
    packet.insert(packet.end(), iv.begin(), iv.end());
    packet.insert(packet.end(), ciphertext.begin(), ciphertext.end());
    Buffer authentic = packet;
    authentic.insert(authentic.end(), behind.begin(), behind.end());
    const std::size_t tag_size = tag_size_of(key.suite);
    const EVP_MD* const hash = tag_size == 12 ? ::EVP_sha1() : tag_size == 16 ? ::EVP_sha256() : ::EVP_sha512();
    Buffer mac(EVP_MAX_MD_SIZE);
    unsigned size = 0;
    REQUIRE(::HMAC(hash, key.integrity->reveal().data(), ::EVP_MD_get_size(hash), authentic.data(), authentic.size(),
                   mac.data(), &size) != nullptr);
    packet.insert(packet.end(), mac.begin(), mac.begin() + static_cast<std::ptrdiff_t>(tag_size));
    return packet;
}

Bytes text_of(const Buffer& packet, AeadSuite suite) {
    return Bytes(packet).subspan(kPrefix, packet.size() - kPrefix - tag_size_of(suite));
}

TEST_CASE("ES4: every backend opens the ciphertexts of RFC 3602, under every HMAC") {
    test::SeededRandom random(80);
    for (const AeadSuite suite :
         {AeadSuite::kAes128CbcSha1, AeadSuite::kAes128CbcSha256, AeadSuite::kAes128CbcSha512}) {
        for (const Rfc3602& vector : kRfc3602) {
            for (const auto& aead : backends_with(suite)) {
                AeadKey key = key_of(suite, from_hex(vector.key), random.bytes(64));
                aead->prepare(key);
                Buffer packet = packet_with(key, from_hex(vector.iv), from_hex(vector.ciphertext));
                AeadJob job = job_of(key, 0, packet);
                aead->open({&job, 1});
                CHECK(job.authentic);
                CHECK(std::ranges::equal(text_of(packet, suite), from_hex(vector.plaintext)));
            }
        }
    }
}

TEST_CASE("ES4: every backend decrypts as Wycheproof does") {
    int used = 0;
    for (const auto& vector : test::load_cbc_vectors("wycheproof_aes_cbc_pkcs5.json")) {
        if (!vector.valid || vector.key.size() == 24) continue;
        CAPTURE(vector.id);
        ++used;
        const AeadSuite suite = vector.key.size() == 16 ? AeadSuite::kAes128CbcSha256 : AeadSuite::kAes256CbcSha512;
        Buffer padded = vector.plaintext;
        const std::size_t padding = 16 - padded.size() % 16;
        padded.resize(padded.size() + padding, static_cast<std::uint8_t>(padding));
        for (const auto& aead : backends_with(suite)) {
            AeadKey key = key_of(suite, vector.key, Buffer(64, 7));
            aead->prepare(key);
            Buffer packet = packet_with(key, vector.iv, vector.ciphertext);
            AeadJob job = job_of(key, 0, packet);
            aead->open({&job, 1});
            CHECK(job.authentic);
            CHECK(std::ranges::equal(text_of(packet, suite), padded));
        }
    }
    MESSAGE("vectors used: ", used);
}

TEST_CASE("ES4: the single call is what OpenSSL makes of the same IV, and its IV is no number that can be told") {
    test::SeededRandom random(81);
    for (const AeadSuite suite : kCbcSuites) {
        const AeadKey key = random_key(suite, random);
        std::set<Buffer> ivs;
        for (std::uint64_t number = 0; number < 100; ++number) {
            const Buffer plaintext = random.bytes(16 * (1 + random.below(20)));
            const Buffer associated{1, 2, 3, 4, 0, 0, 0, 9, 5, 6, 7, 8};
            Buffer sealed(16 + plaintext.size() + tag_size_of(suite));
            suite_seal(key, number, associated, plaintext, sealed);
            const Bytes iv = Bytes(sealed).first(16);
            CHECK(ivs.emplace(iv.begin(), iv.end()).second);
            // A counter would have zeros.
            CHECK(std::count(iv.begin(), iv.end(), 0) < 6);
            const Bytes ciphertext = Bytes(sealed).subspan(16, plaintext.size());
            const Buffer expected = packet_with(key, iv, ciphertext, Bytes(associated).last(4));
            CHECK(std::equal(sealed.begin(), sealed.end(), expected.begin() + 8));
            Buffer opened(plaintext.size());
            CHECK(suite_open(key, 0, associated, sealed, opened));
            CHECK(opened == plaintext);
        }
    }
}

TEST_CASE("the single call refuses every flipped bit and every length that is none") {
    test::SeededRandom random(82);
    for (const AeadSuite suite : kCbcSuites) {
        const AeadKey key = random_key(suite, random);
        const Buffer associated = random.bytes(12);
        Buffer sealed(16 + 32 + tag_size_of(suite));
        suite_seal(key, 3, associated, random.bytes(32), sealed);
        Buffer out(32);
        for (std::size_t bit = 0; bit < 8 * sealed.size(); ++bit) {
            Buffer bad = sealed;
            bad[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
            std::fill(out.begin(), out.end(), 9);
            CHECK_FALSE(suite_open(key, 3, associated, bad, out));
            CHECK(out == Buffer(32));
        }
        for (std::size_t bit = 0; bit < 8 * associated.size(); ++bit) {
            Buffer bad = associated;
            bad[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
            CHECK_FALSE(suite_open(key, 3, bad, sealed, out));
        }
        CHECK_FALSE(suite_open(key, 3, Bytes(associated).first(8), sealed, out));
        for (std::size_t size = 0; size < sealed.size(); ++size) {
            Buffer cut(size < 16 + tag_size_of(suite) ? 0 : size - 16 - tag_size_of(suite));
            CHECK_FALSE(suite_open(key, 3, associated, Bytes(sealed).first(size), cut));
        }
        CHECK(suite_open(key, 3, associated, sealed, out));
    }
}

TEST_CASE("every backend passes its self-test in these suites, and is told from one that does not") {
    int tested = 0;
    for (const AeadSuite suite : kCbcSuites) {
        for (const auto& aead : backends_with(suite)) {
            const Status status = self_test_cbc(*aead, suite);
            CHECK_MESSAGE(status, (status ? std::string() : status.error().what));
            ++tested;
        }
    }
    CHECK(tested >= static_cast<int>(kCbcSuites.size()));

    // Takes every packet for authentic, looks at nothing behind the text, or lets the text of a forged one stand.
    struct Broken final : PacketAead {
        explicit Broken(int how) : kind(how), good(std::move(*make_packet_aead(AeadBackend::kOpenssl))) {}
        [[nodiscard]] bool has(AeadSuite) const override { return true; }
        void seal(std::span<AeadJob> jobs) override {
            for (AeadJob& job : jobs) {
                if (kind == 1) job.associated_size = 0;
            }
            good->seal(jobs);
        }
        void open(std::span<AeadJob> jobs) override {
            for (AeadJob& job : jobs) {
                const Buffer before(job.text, job.text + job.size);
                good->open({&job, 1});
                if (kind == 0) job.authentic = true;
                if (kind == 2 && !job.authentic) std::copy(before.begin(), before.end(), job.text);
            }
        }
        int kind;
        std::unique_ptr<PacketAead> good;
    };
    for (int kind = 0; kind < 3; ++kind) {
        Broken broken(kind);
        CHECK_FALSE(self_test_cbc(broken, AeadSuite::kAes128CbcSha256).has_value());
    }
}

TEST_CASE("a batch may mix all suites: each packet is what the single call makes of it") {
    test::SeededRandom random(83);
    for (const AeadBackend backend : {AeadBackend::kIpsecMb, AeadBackend::kOpenssl}) {
        auto made = make_packet_aead(AeadBackends(AeadBackend::kSodium, backend));
        if (!made) continue;
        PacketAead& aead = **made;
        std::vector<AeadKey> keys;
        std::vector<Buffer> packets;
        std::vector<Buffer> plain;
        std::vector<AeadJob> jobs;
        const Buffer behind = random.bytes(4);
        const auto text_in = [](AeadSuite suite) { return is_cbc(suite) ? kPrefix : std::size_t{0}; };
        for (std::size_t i = 0; i < 200; ++i) {  // more than a backend takes at a time
            keys.push_back(random_key(static_cast<AeadSuite>(random.below(9)), random));
            const AeadSuite suite = keys.back().suite;
            packets.push_back(random.bytes(text_in(suite) + 16 * (1 + random.below(90)) + tag_size_of(suite)));
        }
        for (std::size_t i = 0; i < keys.size(); ++i) {
            aead.prepare(keys[i]);
            const AeadSuite suite = keys[i].suite;
            AeadJob job{.key = &keys[i], .iv = i, .text = packets[i].data() + text_in(suite)};
            job.size = static_cast<std::uint32_t>(packets[i].size() - text_in(suite) - tag_size_of(suite));
            job.associated_size = 4;
            std::copy(behind.begin(), behind.end(), job.associated.begin());
            plain.emplace_back(job.text, job.text + job.size);
            jobs.push_back(job);
        }
        aead.seal(jobs);
        for (std::size_t i = 0; i < keys.size(); ++i) {
            CAPTURE(i);
            const bool has_iv = is_cbc(keys[i].suite);
            Buffer associated(packets[i].begin(), packets[i].begin() + (has_iv ? 8 : 0));
            associated.insert(associated.end(), behind.begin(), behind.end());
            Buffer opened(plain[i].size());
            CHECK(suite_open(keys[i], i, associated, Bytes(packets[i]).subspan(has_iv ? 8 : 0), opened));
            CHECK(opened == plain[i]);
        }
        for (std::size_t i = 0; i < keys.size(); i += 3) packets[i].back() ^= 1;
        aead.open(jobs);
        for (std::size_t i = 0; i < keys.size(); ++i) {
            CAPTURE(i);
            CHECK(jobs[i].authentic == (i % 3 != 0));
            if (i % 3 != 0) CHECK(std::equal(plain[i].begin(), plain[i].end(), jobs[i].text));
        }
    }
}

TEST_CASE("after its first batch a backend does not allocate for these suites") {
    test::SeededRandom random(84);
    for (const AeadSuite suite : kCbcSuites) {
        for (const auto& aead : backends_with(suite)) {
            AeadKey key = random_key(suite, random);
            aead->prepare(key);
            std::vector<Buffer> packets;
            for (std::size_t i = 0; i < 64; ++i)
                packets.push_back(random.bytes(kPrefix + 16 * (i + 1) + tag_size_of(suite)));
            std::vector<AeadJob> jobs;
            for (std::size_t i = 0; i < packets.size(); ++i) jobs.push_back(job_of(key, i, packets[i]));
            aead->seal({jobs.data(), 1});
            const std::uint64_t before = test::allocations_of_this_thread();
            aead->seal(jobs);
            aead->open(jobs);
            aead->open(jobs);  // also when every tag is wrong
            CHECK(test::allocations_of_this_thread() == before);
        }
    }
    if (!test::counts_allocations()) MESSAGE("skipped: a sanitizer owns malloc");
}

TEST_CASE("S9: with the key goes what was made of it, and after forget_keys() a backend holds none") {
    test::SeededRandom random(85);
    for (const AeadSuite suite : kCbcSuites) {
        for (const auto& aead : backends_with(suite)) {
            Buffer secret = random.bytes(32);
            Buffer integrity = random.bytes(64);
            const std::size_t key_size = suite == AeadSuite::kAes128CbcSha1 || suite == AeadSuite::kAes128CbcSha256 ||
                                                 suite == AeadSuite::kAes128CbcSha512
                                             ? 16
                                             : 32;
            // On the stack, so that the heap has only what others left.
            std::array<std::uint8_t, 16> wanted;
            std::array<std::uint8_t, 20> wanted_integrity;
            std::copy_n(secret.begin() + static_cast<std::ptrdiff_t>(key_size) - 16, 16, wanted.begin());
            std::copy_n(integrity.begin(), 20, wanted_integrity.begin());
            {
                AeadKey key = key_of(suite, secret, integrity);
                wipe(secret);
                wipe(integrity);
                aead->prepare(key);
                Buffer packet = random.bytes(kPrefix + 64 + tag_size_of(suite));
                AeadJob job = job_of(key, 1, packet);
                aead->seal({&job, 1});
                aead->open({&job, 1});
                CHECK(job.authentic);
            }
            aead->forget_keys();
            CHECK(test::times_in_heap(wanted) <= 0);
            CHECK(test::times_in_heap(wanted_integrity) <= 0);
        }
    }
}

}  // namespace
}  // namespace warren::crypto
