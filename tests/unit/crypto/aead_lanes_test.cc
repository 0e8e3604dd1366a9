// Small packets done side by side. The oracles: RFC 8439, Wycheproof, OpenSSL, and libsodium's Poly1305.
#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <sodium.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "crypto/aead_backends.h"
#include "crypto/chacha_lanes.h"
#include "crypto/poly1305.h"
#include "tests/unit/crypto/allocation_count.h"
#include "tests/unit/crypto/heap_search.h"
#include "tests/vectors/hex.h"
#include "tests/vectors/seeded_random.h"
#include "tests/vectors/wycheproof.h"

namespace warren::crypto {

namespace {

using Buffer = std::vector<std::uint8_t>;

constexpr std::size_t kGuardSize = 32;
constexpr std::uint8_t kGuard = 0x5c;

// What the lanes compute, by libsodium, block after block: for machines without the registers.
void portable_lanes(std::span<const ChachaBlock, kChachaLanes> blocks, std::uint8_t* out) {
    std::fill_n(out, kChachaLanes * kChachaBlockSize, std::uint8_t{0});
    for (std::size_t i = 0; i < kChachaLanes; ++i) {
        AeadNonce nonce;
        store_le(nonce.data(), blocks[i].salt);
        store_le(nonce.data() + 4, blocks[i].iv);
        std::uint8_t* const block = out + i * kChachaBlockSize;
        ::crypto_stream_chacha20_ietf_xor_ic(block, block, kChachaBlockSize, nonce.data(), blocks[i].counter,
                                             blocks[i].key);
    }
}

// The machine's lanes if it has any, else the portable ones.
ChachaLanes lanes_here() {
    const ChachaLanes lanes = chacha_lanes();
    return lanes != nullptr ? lanes : portable_lanes;
}

std::unique_ptr<PacketAead> make_lanes(std::unique_ptr<PacketAead> rest = *make_packet_aead(AeadBackend::kSodium)) {
    return *add_lanes(lanes_here(), std::move(rest));
}

// Ciphertext and tag from OpenSSL.
Buffer openssl_sealed(const AeadKey& key, std::uint64_t iv, Bytes associated, Bytes plaintext) {
    const std::unique_ptr<EVP_CIPHER_CTX, decltype(&::EVP_CIPHER_CTX_free)> context(::EVP_CIPHER_CTX_new(),
                                                                                    ::EVP_CIPHER_CTX_free);
    const AeadNonce nonce = nonce_of(key, iv);
    Buffer out(plaintext.size() + kTagSize);
    int size = 0;
    REQUIRE(::EVP_EncryptInit_ex(context.get(), ::EVP_chacha20_poly1305(), nullptr, key.secret.reveal().data(),
                                 nonce.data()) == 1);
    const auto update = [&](std::uint8_t* to, Bytes from) {
        if (from.empty()) return;
        REQUIRE(::EVP_EncryptUpdate(context.get(), to, &size, from.data(), static_cast<int>(from.size())) == 1);
    };
    update(nullptr, associated);
    update(out.data(), plaintext);
    REQUIRE(::EVP_EncryptFinal_ex(context.get(), out.data() + plaintext.size(), &size) == 1);
    REQUIRE(::EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagSize, out.data() + plaintext.size()) == 1);
    return out;
}

// One packet with its key, what OpenSSL makes of it, and guard bytes behind it.
struct Packet {
    Packet(AeadKey own_key, std::uint64_t own_iv, Buffer own_associated, Buffer text)
        : key(std::move(own_key)),
          iv(own_iv),
          associated(std::move(own_associated)),
          plaintext(std::move(text)),
          sealed(openssl_sealed(key, iv, associated, plaintext)) {}
    // As ESP has them, and as WireGuard does: without salt and associated data.
    Packet(test::SeededRandom& random, std::size_t size)
        : Packet(random_key(random), load_le<std::uint64_t>(random.bytes(8).data()), {}, random.bytes(size)) {
        if (random.below(2) == 0) return;
        random.fill(key.salt);
        associated = random.bytes(random.below(AeadJob::kMostAssociated + 1));
        sealed = openssl_sealed(key, iv, associated, plaintext);
    }
    static AeadKey random_key(test::SeededRandom& random) {
        AeadKey key;
        random.fill(key.secret.writable());
        return key;
    }

    AeadJob job_with(const Buffer& text) {
        work = text;
        work.resize(plaintext.size() + kTagSize + kGuardSize, kGuard);
        std::fill(work.end() - kGuardSize, work.end(), kGuard);
        AeadJob job{.key = &key, .iv = iv, .text = work.data(), .size = static_cast<std::uint32_t>(plaintext.size())};
        job.associated_size = static_cast<std::uint8_t>(associated.size());
        std::copy(associated.begin(), associated.end(), job.associated.begin());
        return job;
    }
    [[nodiscard]] bool begins_with(const Buffer& text) const {
        return std::equal(text.begin(), text.end(), work.begin());
    }
    [[nodiscard]] bool is_zero() const { return begins_with(Buffer(plaintext.size())); }
    [[nodiscard]] bool guard_is_whole() const {
        return std::all_of(work.end() - kGuardSize, work.end(), [](std::uint8_t octet) { return octet == kGuard; });
    }

    AeadKey key;
    std::uint64_t iv;
    Buffer associated, plaintext, sealed, work;
};

// Seals all packets in one batch, opens them in one, and opens them with those of `damaged` changed in a bit.
void check_batch(PacketAead& aead, std::vector<Packet>& packets, const std::vector<std::size_t>& damaged,
                 test::SeededRandom& random) {
    std::vector<AeadJob> jobs;
    for (Packet& packet : packets) jobs.push_back(packet.job_with(packet.plaintext));
    aead.seal(jobs);
    for (const Packet& packet : packets) {
        CAPTURE(packet.plaintext.size());
        REQUIRE(packet.begins_with(packet.sealed));
        REQUIRE(packet.guard_is_whole());
    }
    aead.open(jobs);
    for (std::size_t i = 0; i < packets.size(); ++i) {
        CAPTURE(packets[i].plaintext.size());
        REQUIRE(jobs[i].authentic);
        REQUIRE(packets[i].begins_with(packets[i].plaintext));
        REQUIRE(packets[i].guard_is_whole());
    }
    for (std::size_t i = 0; i < packets.size(); ++i) {
        jobs[i] = packets[i].job_with(packets[i].sealed);
        jobs[i].authentic = true;  // what is left from before must not survive
    }
    for (const std::size_t i : damaged) {
        const std::size_t bit = random.below(8 * packets[i].sealed.size());
        packets[i].work[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    }
    aead.open(jobs);
    for (std::size_t i = 0; i < packets.size(); ++i) {
        CAPTURE(i);
        const bool is_damaged = std::find(damaged.begin(), damaged.end(), i) != damaged.end();
        REQUIRE(jobs[i].authentic != is_damaged);
        REQUIRE((is_damaged ? packets[i].is_zero() : packets[i].begins_with(packets[i].plaintext)));
        REQUIRE(packets[i].guard_is_whole());
    }
}

// Remembers the sizes of what it was given.
class Listening final : public PacketAead {
  public:
    explicit Listening(std::vector<std::uint32_t>& sizes) : sizes_(sizes) {}
    [[nodiscard]] bool has(AeadSuite /*suite*/) const override { return true; }
    void seal(std::span<AeadJob> jobs) override {
        for (const AeadJob& job : jobs) sizes_.push_back(job.size);
    }
    void open(std::span<AeadJob> jobs) override { seal(jobs); }

  private:
    std::vector<std::uint32_t>& sizes_;
};

std::vector<Packet> packets_of(test::SeededRandom& random, const std::vector<std::size_t>& sizes) {
    std::vector<Packet> out;
    for (const std::size_t size : sizes) out.emplace_back(random, size);
    return out;
}

// RFC 8439 §2.8, with libsodium's Poly1305.
std::array<std::uint8_t, 16> sodium_tag(const Buffer& key, const Buffer& associated, const Buffer& text) {
    Buffer whole = associated;
    whole.resize((whole.size() + 15) / 16 * 16);
    whole.insert(whole.end(), text.begin(), text.end());
    whole.resize((whole.size() + 15) / 16 * 16 + 16);
    store_le<std::uint64_t>(&whole[whole.size() - 16], associated.size());
    store_le<std::uint64_t>(&whole[whole.size() - 8], text.size());
    std::array<std::uint8_t, 16> out;
    REQUIRE(::crypto_onetimeauth_poly1305(out.data(), whole.data(), whole.size(), key.data()) == 0);
    return out;
}

}  // namespace

TEST_CASE("each lane computes its own block (RFC 8439 2.3.2)") {
    const Buffer key = test::from_hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    const Buffer nonce = test::from_hex("000000090000004a00000000");
    const Buffer expected = test::from_hex(
        "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
        "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e");
    const ChachaBlock wanted{key.data(), 1, load_le<std::uint32_t>(nonce.data()),
                             load_le<std::uint64_t>(nonce.data() + 4)};
    const Buffer other_key(32, 0xee);
    for (const ChachaLanes lanes : {ChachaLanes{portable_lanes}, lanes_here()}) {
        for (std::size_t lane = 0; lane < kChachaLanes; ++lane) {
            std::array<ChachaBlock, kChachaLanes> blocks;
            blocks.fill({other_key.data(), 7, 8, 9});
            blocks[lane] = wanted;
            std::array<std::uint8_t, kChachaLanes * kChachaBlockSize> out;
            lanes(blocks, out.data());
            for (std::size_t i = 0; i < kChachaLanes; ++i) {
                CAPTURE(i);
                CHECK(std::equal(expected.begin(), expected.end(), &out[i * kChachaBlockSize]) == (i == lane));
            }
        }
    }
}

TEST_CASE("the machine's lanes compute what libsodium does") {
    if (chacha_lanes() == nullptr) MESSAGE("this CPU has no AVX-512F: libsodium is compared with itself");
    test::SeededRandom random(29);
    for (int round = 0; round < 1'000; ++round) {
        std::array<std::array<std::uint8_t, 32>, kChachaLanes> keys;
        std::array<ChachaBlock, kChachaLanes> blocks;
        for (std::size_t i = 0; i < kChachaLanes; ++i) {
            random.fill(keys[i]);
            blocks[i] = {keys[i].data(), load_le<std::uint32_t>(random.bytes(4).data()),
                         load_le<std::uint32_t>(random.bytes(4).data()),
                         load_le<std::uint64_t>(random.bytes(8).data())};
        }
        std::array<std::uint8_t, kChachaLanes * kChachaBlockSize> out;
        std::array<std::uint8_t, kChachaLanes * kChachaBlockSize> expected;
        lanes_here()(blocks, out.data());
        portable_lanes(blocks, expected.data());
        REQUIRE(out == expected);
    }
}

TEST_CASE("lanes agree with RFC 8439 2.8.2") {
    const auto aead = make_lanes();
    const std::string_view text =
        "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would "
        "be it.";
    const Buffer sealed = test::from_hex(
        "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
        "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
        "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
        "3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691");
    AeadKey key{.secret = Secret<32>(
                    test::array_from_hex<32>("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f")),
                .salt = test::array_from_hex<4>("07000000")};
    const std::uint64_t iv = load_le<std::uint64_t>(test::from_hex("4041424344454647").data());
    test::SeededRandom random(30);
    std::vector<Packet> packets = packets_of(random, {92});
    packets.emplace_back(std::move(key), iv, test::from_hex("50515253c0c1c2c3c4c5c6c7"),
                         Buffer(text.begin(), text.end()));
    REQUIRE(packets[1].sealed == sealed);
    check_batch(*aead, packets, {1}, random);
}

TEST_CASE("lanes agree with Wycheproof") {
    const auto aead = make_lanes();
    const auto vectors = test::load_aead_vectors("wycheproof_chacha20_poly1305.json");
    std::vector<AeadKey> keys(vectors.size());
    std::vector<Buffer> packets(vectors.size());
    std::vector<AeadJob> jobs;
    std::vector<std::size_t> used;
    for (std::size_t i = 0; i < vectors.size(); ++i) {
        const test::AeadVector& vector = vectors[i];
        if (vector.nonce.size() != 12 || vector.key.size() != 32 || vector.tag.size() != kTagSize ||
            vector.associated.size() > AeadJob::kMostAssociated || vector.ciphertext.size() > kAeadLanesMostText) {
            continue;
        }
        std::copy(vector.key.begin(), vector.key.end(), keys[i].secret.writable().begin());
        std::copy_n(vector.nonce.begin(), keys[i].salt.size(), keys[i].salt.begin());
        packets[i] = vector.ciphertext;
        packets[i].insert(packets[i].end(), vector.tag.begin(), vector.tag.end());
        AeadJob& job = jobs.emplace_back();
        job = {.key = &keys[i], .iv = load_le<std::uint64_t>(vector.nonce.data() + 4), .text = packets[i].data()};
        job.size = static_cast<std::uint32_t>(vector.ciphertext.size());
        job.associated_size = static_cast<std::uint8_t>(vector.associated.size());
        std::copy(vector.associated.begin(), vector.associated.end(), job.associated.begin());
        used.push_back(i);
    }
    MESSAGE("vectors used: ", used.size());
    aead->open(jobs);
    for (std::size_t n = 0; n < used.size(); ++n) {
        const test::AeadVector& vector = vectors[used[n]];
        CAPTURE(vector.id);
        CHECK(jobs[n].authentic == vector.valid);
        const Buffer expected = vector.valid ? vector.plaintext : Buffer(vector.ciphertext.size());
        CHECK(std::equal(expected.begin(), expected.end(), packets[used[n]].begin()));
    }
    aead->seal(jobs);
    for (const std::size_t i : used) {
        if (!vectors[i].valid) continue;
        CAPTURE(vectors[i].id);
        CHECK(std::equal(vectors[i].ciphertext.begin(), vectors[i].ciphertext.end(), packets[i].begin()));
        CHECK(std::equal(vectors[i].tag.begin(), vectors[i].tag.end(), packets[i].end() - kTagSize));
    }
}

TEST_CASE("lanes agree with OpenSSL at every length, in batches of every size") {
    const auto aead = make_lanes();
    test::SeededRandom random(31);
    for (std::size_t size = 0; size <= kAeadLanesMostText + 64; ++size) {
        std::vector<Packet> packets = packets_of(random, std::vector<std::size_t>(3, size));
        check_batch(*aead, packets, {size % 3}, random);
    }
    for (std::size_t count = 1; count <= 64; ++count) {
        std::vector<Packet> packets = packets_of(random, std::vector<std::size_t>(count, 92));
        check_batch(*aead, packets, {count - 1}, random);
    }
}

TEST_CASE("a damaged packet fails alone, wherever it is in the batch") {
    const auto aead = make_lanes();
    test::SeededRandom random(32);
    std::vector<std::size_t> sizes;
    for (std::size_t i = 0; i < 44; ++i) sizes.push_back(random.below(kAeadLanesMostText + 1));
    std::vector<Packet> packets = packets_of(random, sizes);
    for (std::size_t at = 0; at < packets.size(); ++at) check_batch(*aead, packets, {at}, random);
    std::vector<std::size_t> all(packets.size());
    for (std::size_t at = 0; at < all.size(); ++at) all[at] = at;
    check_batch(*aead, packets, all, random);
}

TEST_CASE("random batches of mixed lengths, keys, salts and damage") {
    const auto aead = make_lanes();
    test::SeededRandom random(33);
    for (int round = 0; round < 300; ++round) {
        CAPTURE(round);
        std::vector<std::size_t> sizes(1 + random.below(200));
        for (std::size_t& size : sizes) size = random.below(random.below(8) == 0 ? 1500 : kAeadLanesMostText + 1);
        std::vector<Packet> packets = packets_of(random, sizes);
        for (std::size_t i = 1; i < packets.size(); ++i) {  // packets of one session follow each other
            if (random.below(2) == 0) continue;
            packets[i] = Packet(packets[i - 1].key.clone(), packets[i - 1].iv + 1, packets[i - 1].associated,
                                packets[i].plaintext);
        }
        std::vector<std::size_t> damaged;
        for (std::size_t i = 0; i < packets.size(); ++i) {
            if (random.below(10) == 0) damaged.push_back(i);
        }
        check_batch(*aead, packets, damaged, random);
    }
}

TEST_CASE("a wrong key, IV, salt or associated data is refused in lanes") {
    const auto aead = make_lanes();
    test::SeededRandom random(34);
    std::vector<Packet> packets;
    for (std::uint64_t i = 0; i < 10; ++i)
        packets.emplace_back(Packet::random_key(random), i, random.bytes(8), random.bytes(92));
    std::vector<AeadJob> jobs;
    for (Packet& packet : packets) jobs.push_back(packet.job_with(packet.sealed));
    packets[1].key.secret.writable()[31] ^= 0x80;
    jobs[3].iv ^= std::uint64_t{1} << 63;
    packets[5].key.salt[3] ^= 1;
    jobs[7].associated[7] ^= 1;
    jobs[9].associated_size = 7;
    aead->open(jobs);
    for (std::size_t i = 0; i < jobs.size(); ++i) CHECK(jobs[i].authentic == (i % 2 == 0));
}

// Blocks and factors of ones and near-ones are where a lost carry shows.
TEST_CASE("Poly1305 carries as libsodium's does") {
    const std::vector<Buffer> extremes = {
        Buffer(16, 0x00),
        Buffer(16, 0xff),
        test::from_hex("fbffffffffffffffffffffffffffffff"),
        test::from_hex("faffffffffffffffffffffffffffffff"),
        test::from_hex("01000000000000000000000000000000"),
        test::from_hex("02000000000000000000000000000000"),
        test::from_hex("ffffffffffffffffffffffffffffff7f"),
        test::from_hex("ffffffffffffffff0000000000000000"),
        test::from_hex("0000000000000000ffffffffffffffff"),
        test::from_hex("04000000000000000400000000000000"),
    };
    test::SeededRandom random(35);
    const auto block = [&] {
        return random.below(6) == 0 ? random.bytes(16) : extremes[random.below(extremes.size())];
    };
    for (int i = 0; i < 20'000; ++i) {
        Buffer key = block();
        const Buffer pad = block();
        key.insert(key.end(), pad.begin(), pad.end());
        const Buffer associated = random.bytes(random.below(3) * 6);
        Buffer text;
        for (std::size_t left = random.below(9); left > 0; --left) {
            const Buffer next = block();
            text.insert(text.end(), next.begin(), next.end());
        }
        text.resize(text.size() - (text.empty() ? 0 : random.below(16)));
        REQUIRE(poly1305_of_aead(key.data(), associated, text) == sodium_tag(key, associated, text));
    }
}

// With the factor 1 the sum of three blocks stays as it is: from 2^130 - 5 on it is not the rest yet.
TEST_CASE("Poly1305 reduces a sum at the very end") {
    Buffer key(32);
    key[0] = 1;
    key[16] = 7;  // added at the end
    for (std::uint64_t below = 1; below <= 7; ++below) {
        CAPTURE(below);
        Buffer text(32, 0xff);
        std::fill(text.begin() + 16, text.end(), std::uint8_t{0});
        store_le(text.data(), std::uint64_t{0} - below);
        store_le(text.data() + 8, UINT64_MAX - text.size());  // the last block is the sizes
        const auto tag = poly1305_of_aead(key.data(), {}, text);
        CHECK(tag == sodium_tag(key, {}, text));
        if (below <= 5) CHECK(load_le<std::uint64_t>(tag.data()) == 7 + 5 - below);
    }
}

TEST_CASE("large packets, other suites and a lone small packet are the rest's") {
    std::vector<std::uint32_t> sizes;
    const auto aead = make_lanes(std::make_unique<Listening>(sizes));
    CHECK(aead->has(AeadSuite::kAes256Gcm));
    test::SeededRandom random(36);
    constexpr std::size_t kMost = kAeadLanesMostText;
    std::vector<Packet> packets = packets_of(random, {kMost + 1, 64, 1420, kMost, 1000, 65});
    packets[5].key.suite = AeadSuite::kAes128Gcm;
    std::vector<AeadJob> jobs;
    for (Packet& packet : packets) jobs.push_back(packet.job_with(packet.plaintext));
    aead->seal(jobs);
    CHECK(sizes == std::vector<std::uint32_t>{kMost + 1, 1420, 1000, 65});
    CHECK(packets[1].begins_with(packets[1].sealed));
    CHECK(packets[3].begins_with(packets[3].sealed));
    sizes.clear();
    aead->open({jobs.data(), 3});
    CHECK(sizes == std::vector<std::uint32_t>{kMost + 1, 1420, 64});
}

TEST_CASE("lanes do not allocate, and leave neither keys nor key stream behind") {
    const auto aead = make_lanes();
    test::SeededRandom random(37);
    AeadKey key;  // on the stack, like the packets
    random.fill(key.secret.writable());
    std::array<std::array<std::uint8_t, 192 + kTagSize>, 40> texts{};
    std::array<AeadJob, 40> jobs;
    for (std::size_t i = 0; i < jobs.size(); ++i)
        jobs[i] = {.key = &key, .iv = i, .text = texts[i].data(), .size = 192};
    const std::uint64_t before = test::allocations_of_this_thread();
    aead->seal(jobs);
    CHECK(test::allocations_of_this_thread() == before);
    CHECK(test::times_in_heap(key.secret.reveal()) <= 0);
    // Zeros were sealed: these are the key stream.
    for (const auto& text : texts) CHECK(test::times_in_heap(Bytes(text).first(64)) <= 0);
    aead->open(jobs);
    for (const AeadJob& job : jobs) CHECK(job.authentic);
}

TEST_CASE("lanes are used where they pass the tests and are faster") {
    static std::int64_t now;
    static std::int64_t without;
    static std::int64_t with;
    // The first 5 ms are those without; the step that ends them is still one of theirs.
    const auto clock = [] { return now += now < 6'000'000 ? without : with; };
    const auto gains = [&](ChachaLanes lanes, std::int64_t first, std::int64_t second) {
        now = 0;
        without = first;
        with = second;
        return do_lanes_gain(lanes, AeadBackend::kSodium, clock);
    };
    CHECK_FALSE(gains(nullptr, 50'000, 10'000));
    CHECK(gains(lanes_here(), 50'000, 10'000));
    CHECK_FALSE(gains(lanes_here(), 10'000, 50'000));
    CHECK_FALSE(gains(lanes_here(), 10'000, 10'000));
    const auto wrong_in_the_last_lane = [](std::span<const ChachaBlock, kChachaLanes> blocks, std::uint8_t* out) {
        lanes_here()(blocks, out);
        out[kChachaLanes * kChachaBlockSize - 1] ^= 1;
    };
    CHECK_FALSE(gains(wrong_in_the_last_lane, 50'000, 10'000));
}

TEST_CASE("backends have lanes if they are asked for") {
    const auto aead = make_packet_aead(AeadBackends(AeadBackend::kSodium, AeadBackend::kOpenssl, true));
    CHECK(aead.has_value() == (chacha_lanes() != nullptr));
    if (aead) CHECK(self_test(**aead));
    const auto without = add_lanes(nullptr, *make_packet_aead(AeadBackend::kSodium));
    REQUIRE_FALSE(without);
    CHECK(without.error().code == ErrorCode::kUnsupported);
    const AeadChoice choice{.backend = AeadBackend::kSodium, .has_lanes = true};
    CHECK(choice.backends().has_lanes);
    CHECK_FALSE(AeadBackends(AeadBackend::kSodium).has_lanes);
}

}  // namespace warren::crypto
