#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <sodium.h>

#include <algorithm>
#include <memory>
#include <string>
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

// Runs `check` with every backend this machine has, and with lanes.
template <typename Check>
void with_each_backend(Check check) {
    int checked = 0;
    for (const AeadBackend backend : {AeadBackend::kIpsecMb, AeadBackend::kOpenssl, AeadBackend::kSodium}) {
        auto aead = make_packet_aead(backend);
        if (!aead) {
            CHECK(aead.error().code == ErrorCode::kUnsupported);
            CHECK(backend == AeadBackend::kIpsecMb);  // the other two are everywhere
            continue;
        }
        const std::string name(name_of(backend));
        CAPTURE(name);
        check(**aead);
        ++checked;
    }
    CHECK(checked >= 2);
    if (const auto lanes = add_lanes(chacha_lanes(), *make_packet_aead(AeadBackend::kSodium))) {
        CAPTURE("lanes");
        check(**lanes);
    }
}

AeadKey random_key(test::SeededRandom& random) {
    AeadKey key;
    random.fill(key.secret.writable());
    return key;
}

AeadJob job_of(const AeadKey& key, std::uint64_t counter, Buffer& packet) {
    return {&key, counter, packet.data(), static_cast<std::uint32_t>(packet.size() - kTagSize), false};
}

// Ciphertext and tag from OpenSSL in a separate context: the oracle.
Buffer openssl_sealed(const AeadKey& key, std::uint64_t counter, Bytes plaintext) {
    const std::unique_ptr<EVP_CIPHER_CTX, decltype(&::EVP_CIPHER_CTX_free)> context(::EVP_CIPHER_CTX_new(),
                                                                                    ::EVP_CIPHER_CTX_free);
    std::array<std::uint8_t, 12> nonce{};
    store_le(nonce.data() + 4, counter);
    Buffer out(plaintext.size() + kTagSize);
    int size = 0;
    REQUIRE(::EVP_EncryptInit_ex(context.get(), ::EVP_chacha20_poly1305(), nullptr, key.secret.reveal().data(),
                                 nonce.data()) == 1);
    if (!plaintext.empty()) {
        REQUIRE(::EVP_EncryptUpdate(context.get(), out.data(), &size, plaintext.data(),
                                    static_cast<int>(plaintext.size())) == 1);
    }
    REQUIRE(::EVP_EncryptFinal_ex(context.get(), out.data() + size, &size) == 1);
    REQUIRE(::EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagSize, out.data() + plaintext.size()) == 1);
    return out;
}

bool text_is_zero(const Buffer& packet) {
    return std::all_of(packet.begin(), packet.end() - kTagSize, [](std::uint8_t octet) { return octet == 0; });
}

void check_both_ways(PacketAead& aead, const AeadKey& key, std::uint64_t counter, const Buffer& plaintext,
                     const Buffer& sealed) {
    Buffer packet = plaintext;
    packet.resize(sealed.size());
    AeadJob job = job_of(key, counter, packet);
    aead.seal({&job, 1});
    CHECK(packet == sealed);
    aead.open({&job, 1});
    CHECK(job.authentic);
    CHECK(std::equal(plaintext.begin(), plaintext.end(), packet.begin()));
}

}  // namespace

TEST_CASE("every backend passes its known-answer tests") {
    with_each_backend([](PacketAead& aead) {
        const Status status = self_test(aead);
        CHECK_MESSAGE(status, (status ? std::string() : status.error().what));
    });
}

TEST_CASE("every backend seals and opens as OpenSSL does: random keys, counters and lengths") {
    test::SeededRandom random(20);
    for (int i = 0; i < 300; ++i) {
        const AeadKey key = random_key(random);
        const std::uint64_t counter = load_le<std::uint64_t>(random.bytes(8).data()) >> random.below(64);
        const Buffer plaintext = random.bytes(random.below(i % 10 == 0 ? 65519 : 2000));
        const Buffer sealed = openssl_sealed(key, counter, plaintext);
        CAPTURE(plaintext.size());
        with_each_backend([&](PacketAead& aead) { check_both_ways(aead, key, counter, plaintext, sealed); });
    }
}

// Poly1305 adds the ciphertext in blocks modulo 2^130 - 5: blocks of ones and near-ones are where a lost carry shows.
TEST_CASE("every backend carries correctly in Poly1305: ciphertexts with extreme blocks") {
    const std::vector<Buffer> blocks = {
        Buffer(16, 0x00),
        Buffer(16, 0xff),
        test::from_hex("fbffffffffffffffffffffffffffffff"),
        test::from_hex("fcffffffffffffffffffffffffffffff"),
        test::from_hex("ffffffffffffffffffffffffffffff7f"),
        test::from_hex("00000000000000000000000000000080"),
        test::from_hex("ffffff03ffffff03ffffff03ffffff03"),
        test::from_hex("ffffffffff0f0000000000f0ffffffff"),
    };
    test::SeededRandom random(21);
    for (int i = 0; i < 300; ++i) {
        const AeadKey key = random_key(random);
        const std::uint64_t counter = random.below(UINT64_MAX);
        Buffer wanted;
        const std::size_t count = 1 + random.below(40);
        const Buffer& fixed = blocks[random.below(blocks.size())];
        for (std::size_t n = 0; n < count; ++n) {
            const Buffer& block = i % 2 == 0 ? fixed : blocks[random.below(blocks.size())];
            wanted.insert(wanted.end(), block.begin(), block.end());
        }
        wanted.resize(wanted.size() - random.below(16));
        // A stream cipher: what seals zeros to the key stream seals their difference to the wanted ciphertext.
        Buffer plaintext = openssl_sealed(key, counter, Buffer(wanted.size()));
        plaintext.resize(wanted.size());
        for (std::size_t at = 0; at < wanted.size(); ++at) plaintext[at] ^= wanted[at];
        const Buffer sealed = openssl_sealed(key, counter, plaintext);
        REQUIRE(std::equal(wanted.begin(), wanted.end(), sealed.begin()));
        with_each_backend([&](PacketAead& aead) { check_both_ways(aead, key, counter, plaintext, sealed); });
    }
}

// XChaCha20-Poly1305 is ChaCha20-Poly1305 under a derived key, with a nonce that begins with 32 zero bits as ours does,
// so its vectors without associated data are vectors for packets too.
TEST_CASE("every backend agrees with Wycheproof, through the derived keys of XChaCha20") {
    int used = 0;
    for (const auto& vector : test::load_aead_vectors("wycheproof_xchacha20_poly1305.json")) {
        if (vector.nonce.size() != 24 || !vector.associated.empty() || !vector.valid) continue;
        CAPTURE(vector.id);
        ++used;
        AeadKey key;
        ::crypto_core_hchacha20(key.secret.writable().data(), vector.nonce.data(), vector.key.data(), nullptr);
        const auto counter = load_le<std::uint64_t>(vector.nonce.data() + 16);
        Buffer sealed = vector.ciphertext;
        sealed.insert(sealed.end(), vector.tag.begin(), vector.tag.end());
        with_each_backend([&](PacketAead& aead) { check_both_ways(aead, key, counter, vector.plaintext, sealed); });
    }
    MESSAGE("vectors used: ", used);
}

TEST_CASE("every backend refuses every flipped bit, and zeroes the text") {
    test::SeededRandom random(22);
    const AeadKey key = random_key(random);
    for (const std::size_t size : {0U, 1U, 16U, 65U}) {
        const Buffer sealed = openssl_sealed(key, 9, random.bytes(size));
        for (std::size_t bit = 0; bit < 8 * sealed.size(); ++bit) {
            with_each_backend([&](PacketAead& aead) {
                Buffer packet = sealed;
                packet[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
                AeadJob job = job_of(key, 9, packet);
                job.authentic = true;
                aead.open({&job, 1});
                REQUIRE_FALSE(job.authentic);
                REQUIRE(text_is_zero(packet));
            });
        }
    }
}

TEST_CASE("a large damaged packet is zeroed to its last byte, and its neighbours open") {
    test::SeededRandom random(23);
    const AeadKey first_key = random_key(random);
    const AeadKey second_key = random_key(random);
    const Buffer first_text = random.bytes(1420);
    const Buffer last_text = random.bytes(3);
    const Buffer first = openssl_sealed(first_key, 1, first_text);
    const Buffer middle = openssl_sealed(second_key, 1, random.bytes(65519));
    const Buffer last = openssl_sealed(first_key, 2, last_text);
    with_each_backend([&](PacketAead& aead) {
        std::array<Buffer, 3> packets = {first, middle, last};
        packets[1].back() ^= 1;
        std::array<AeadJob, 3> jobs = {job_of(first_key, 1, packets[0]), job_of(second_key, 1, packets[1]),
                                       job_of(first_key, 2, packets[2])};
        aead.open(jobs);
        CHECK(jobs[0].authentic);
        CHECK_FALSE(jobs[1].authentic);
        CHECK(jobs[2].authentic);
        CHECK(std::equal(first_text.begin(), first_text.end(), packets[0].begin()));
        CHECK(text_is_zero(packets[1]));
        CHECK(std::equal(last_text.begin(), last_text.end(), packets[2].begin()));
    });
}

TEST_CASE("packets may have any address") {
    test::SeededRandom random(24);
    const AeadKey key = random_key(random);
    const Buffer plaintext = random.bytes(333);
    const Buffer sealed = openssl_sealed(key, 5, plaintext);
    with_each_backend([&](PacketAead& aead) {
        for (std::size_t offset = 0; offset < 64; ++offset) {
            Buffer space(offset + sealed.size() + 64, 0xc3);
            std::copy(plaintext.begin(), plaintext.end(), space.begin() + static_cast<std::ptrdiff_t>(offset));
            AeadJob job{&key, 5, space.data() + offset, static_cast<std::uint32_t>(plaintext.size()), false};
            aead.seal({&job, 1});
            REQUIRE(std::equal(sealed.begin(), sealed.end(), space.begin() + static_cast<std::ptrdiff_t>(offset)));
            aead.open({&job, 1});
            REQUIRE(job.authentic);
            const auto untouched = [](std::uint8_t octet) { return octet == 0xc3; };
            REQUIRE(std::all_of(space.begin(), space.begin() + static_cast<std::ptrdiff_t>(offset), untouched));
            REQUIRE(std::all_of(space.end() - 64, space.end(), untouched));
        }
    });
}

TEST_CASE("after its first batch a backend does not allocate") {
    test::SeededRandom random(25);
    with_each_backend([&random](PacketAead& aead) {
        std::vector<AeadKey> keys;
        std::vector<Buffer> packets;
        for (std::size_t i = 0; i < 64; ++i) {
            keys.push_back(random_key(random));
            packets.push_back(random.bytes(kTagSize + 1 + i * 23));
        }
        std::vector<AeadJob> jobs;
        for (std::size_t i = 0; i < packets.size(); ++i) jobs.push_back(job_of(keys[i], i, packets[i]));
        aead.seal({jobs.data(), 1});

        const std::uint64_t before = test::allocations_of_this_thread();
        aead.seal(jobs);
        aead.open(jobs);
        aead.open(jobs);  // also when every tag is wrong
        const std::uint64_t after = test::allocations_of_this_thread();
        CHECK(after == before);
        CHECK(std::none_of(jobs.begin(), jobs.end(), [](const AeadJob& job) { return job.authentic; }));
    });
    if (!test::counts_allocations()) MESSAGE("skipped: a sanitizer owns malloc");
}

TEST_CASE("the count of allocations works") {
    if (!test::counts_allocations()) return;
    const std::uint64_t before = test::allocations_of_this_thread();
    const Buffer some(100);
    CHECK(test::allocations_of_this_thread() > before);
}

TEST_CASE("two backends of one kind share nothing") {
    with_each_backend([](PacketAead&) {});
    for (const AeadBackend backend : {AeadBackend::kIpsecMb, AeadBackend::kOpenssl, AeadBackend::kSodium}) {
        auto one = make_packet_aead(backend);
        auto other = make_packet_aead(backend);
        if (!one || !other) continue;
        test::SeededRandom random(26);
        const AeadKey key = random_key(random);
        const Buffer plaintext = random.bytes(100);
        const Buffer sealed = openssl_sealed(key, 1, plaintext);
        one->reset();
        check_both_ways(**other, key, 1, plaintext, sealed);
    }
}

TEST_CASE("S9: after forget() a backend holds no key, and still works") {
    with_each_backend([](PacketAead& aead) {
        test::SeededRandom random(77);
        AeadKey key;  // on the stack
        random.fill(key.secret.writable());
        std::array<std::uint8_t, 64 + kTagSize> text{};
        std::array jobs{AeadJob{&key, 1, text.data(), 64, false}};
        aead.seal(jobs);
        aead.forget_keys();
        CHECK(test::times_in_heap(key.secret.reveal()) <= 0);
        aead.open(jobs);
        CHECK(jobs[0].authentic);
        CHECK(std::all_of(text.begin(), text.begin() + 64, [](std::uint8_t octet) { return octet == 0; }));
    });
}

}  // namespace warren::crypto
