#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "crypto/aead.h"
#include "crypto/aead_backends.h"
#include "crypto/cbc_hmac.h"

namespace warren::crypto {

namespace {

// RFC 8439 Appendix A.5. Its nonce begins with 32 zero bits, as WireGuard's nonces do.
constexpr std::string_view kRfcKey = "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0";
constexpr std::uint64_t kRfcCounter = 0x0807060504030201;
constexpr std::string_view kRfcAssociated = "f33388860000000000004e91";
constexpr std::string_view kRfcPlaintext =
    "Internet-Drafts are draft documents valid for a maximum of six months and may be updated, replaced, or obsoleted "
    "by other documents "
    "at any time. It is inappropriate to use Internet-Drafts as reference material or to cite them other than as "
    "/\xe2\x80\x9cwork in progress./\xe2\x80\x9d";
constexpr std::string_view kRfcCiphertext =
    "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09ee94e382d26b0bdb7b73c321b0100d4"
    "f03b7f355894cf"
    "332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c8559797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9"
    "f6157b53c867e4"
    "b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523eaf4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b"
    "422273f548271a"
    "0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a1049e617d91d361094fa68f0ff77987130305beaba2eda04df99"
    "7b714d6c6f2c29"
    "a6ad5cb4022b02709b";
constexpr std::string_view kRfcTag = "eead9d67890cbb22392336fea1851f38";
// The tag of the same text without associated data.
constexpr std::string_view kBareTag = "6e3570b1acaaf1f24f2a644f01acd12b";

constexpr std::size_t kGuardSize = 16;
constexpr std::uint8_t kGuard = 0xa7;

using Buffer = std::vector<std::uint8_t>;

Buffer from_hex(std::string_view hex) {
    const auto digit = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
    Buffer out(hex.size() / 2);
    for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = static_cast<std::uint8_t>(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
    return out;
}

Secret<32> rfc_key() {
    return Secret<32>(std::span<const std::uint8_t, 32>(from_hex(kRfcKey).data(), 32));
}

Status wrong(std::string_view what, std::size_t size) {
    return fail(ErrorCode::kFailed, fmt::format("known-answer test: {} ({} bytes)", what, size));
}

// Different bytes for each seed, from SplitMix64's finaliser: any non-repeating text will do.
void fill_from(std::uint64_t seed, MutableBytes out) {
    for (std::uint8_t& octet : out) {
        std::uint64_t mixed = seed += 0x9e3779b97f4a7c15;
        mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
        octet = static_cast<std::uint8_t>(mixed >> 56);
    }
}

// One packet with a key of its own, what the single calls make of it, and guard bytes behind it.
struct Sample {
    Sample(PacketAead& aead, AeadSuite suite, std::size_t length)
        : size(length), plaintext(length), sealed(length + kTagSize) {
        fill_from(size, key.secret.writable());
        fill_from(size + 1'000'000, plaintext);
        iv = (std::uint64_t{1} << (size % 64)) + size;
        key.suite = suite;
        // As ESP has them; as WireGuard, every third.
        constexpr std::array<std::uint8_t, 3> sizes = {0, 8, 12};
        associated_size = sizes[size % sizes.size()];
        fill_from(size + 3'000'000, associated);
        if (associated_size > 0) fill_from(size + 4'000'000, key.salt);
        suite_seal(key, iv, Bytes(associated).first(associated_size), plaintext, sealed);
        aead.prepare(key);
        load(plaintext);
    }

    // Puts `text` (with or without a tag) where the backend will work on it.
    void load(Bytes text) {
        packet.assign(size + kTagSize + kGuardSize, kGuard);
        std::copy(text.begin(), text.end(), packet.begin());
    }
    [[nodiscard]] AeadJob job() {
        return {.key = &key,
                .iv = iv,
                .text = packet.data(),
                .size = static_cast<std::uint32_t>(size),
                .associated_size = associated_size,
                .associated = associated};
    }
    [[nodiscard]] bool packet_is(Bytes expected) const {
        return std::equal(expected.begin(), expected.end(), packet.begin());
    }
    [[nodiscard]] bool text_is_zero() const {
        return std::all_of(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(size),
                           [](std::uint8_t octet) { return octet == 0; });
    }
    [[nodiscard]] bool guard_is_whole() const {
        return std::all_of(packet.end() - kGuardSize, packet.end(), [](std::uint8_t octet) { return octet == kGuard; });
    }

    std::size_t size;
    AeadKey key;
    std::uint64_t iv = 0;
    std::uint8_t associated_size = 0;
    std::array<std::uint8_t, AeadJob::kMostAssociated> associated{};
    Buffer plaintext;
    Buffer sealed;
    Buffer packet;
};

// Every length through several ChaCha20 blocks (64 bytes) and Poly1305 blocks (16), then the edges of the wider strides
// (4, 8 and 16 blocks at once) that vector code takes, and what a tunnel carries most.
std::vector<std::size_t> lengths_to_test() {
    std::vector<std::size_t> lengths;
    for (std::size_t size = 0; size <= 288; ++size) lengths.push_back(size);
    for (std::size_t edge = 320; edge <= 2048; edge += 64) {
        for (const std::size_t size : {edge - 16, edge - 1, edge, edge + 1, edge + 16}) lengths.push_back(size);
    }
    lengths.insert(lengths.end(), {1280, 1420, 1440, 4096, 8960, 16384, 65488});
    return lengths;
}

Status test_chacha20poly1305(PacketAead& aead) {
    const Bytes plaintext = as_bytes(kRfcPlaintext);
    const Buffer associated = from_hex(kRfcAssociated);
    Buffer expected = from_hex(kRfcCiphertext);
    const Buffer rfc_tag = from_hex(kRfcTag);
    expected.insert(expected.end(), rfc_tag.begin(), rfc_tag.end());
    const AeadKey key{.secret = rfc_key()};

    Buffer single(plaintext.size() + kTagSize);
    aead_seal(key.secret, kRfcCounter, associated, plaintext, single);
    if (single != expected) return wrong("single seal differs from RFC 8439 A.5", plaintext.size());

    const Buffer bare_tag = from_hex(kBareTag);
    std::copy(bare_tag.begin(), bare_tag.end(), expected.end() - kTagSize);
    Buffer packet(plaintext.begin(), plaintext.end());
    packet.resize(expected.size());
    AeadJob job{&key, kRfcCounter, packet.data(), static_cast<std::uint32_t>(plaintext.size()), false};
    aead.seal({&job, 1});
    if (packet != expected) return wrong("seal differs from RFC 8439 A.5", plaintext.size());
    aead.open({&job, 1});
    if (!job.authentic || !std::equal(plaintext.begin(), plaintext.end(), packet.begin())) {
        return wrong("open differs from RFC 8439 A.5", plaintext.size());
    }
    return {};
}

// The GCM specification's test cases 2 and 14: a block of zeros under a key and a nonce of zeros (McGrew and Viega,
// "The Galois/Counter Mode of Operation", appendix B).
Status test_gcm(PacketAead& aead, AeadSuite suite) {
    const Buffer expected =
        from_hex(suite == AeadSuite::kAes128Gcm ? "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf"
                                                : "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
    AeadKey key;
    key.suite = suite;
    aead.prepare(key);
    Buffer packet(expected.size());
    AeadJob job{.key = &key, .text = packet.data(), .size = 16};
    aead.seal({&job, 1});
    if (packet != expected) return wrong("seal differs from the GCM specification", 16);
    aead.open({&job, 1});
    if (!job.authentic || !std::all_of(packet.begin(), packet.begin() + 16, [](auto octet) { return octet == 0; })) {
        return wrong("open differs from the GCM specification", 16);
    }
    return {};
}

// All lengths in one batch, each packet with its own key and counter.
Status test_against_single_calls(PacketAead& aead, std::vector<Sample>& samples) {
    std::vector<AeadJob> jobs;
    for (Sample& sample : samples) jobs.push_back(sample.job());
    aead.seal(jobs);
    for (const Sample& sample : samples) {
        if (!sample.packet_is(sample.sealed)) return wrong("seal differs from the single call", sample.size);
        if (!sample.guard_is_whole()) return wrong("seal writes past the packet", sample.size);
    }
    aead.open(jobs);
    for (std::size_t i = 0; i < samples.size(); ++i) {
        if (!jobs[i].authentic) return wrong("open refuses a true tag", samples[i].size);
        if (!samples[i].packet_is(samples[i].plaintext)) return wrong("open gives another plaintext", samples[i].size);
        if (!samples[i].guard_is_whole()) return wrong("open writes past the packet", samples[i].size);
    }
    return {};
}

// Every second packet of a batch is damaged, each in another bit: of its text, its tag, its key, its associated
// data or its IV.
Status test_damage(PacketAead& aead, AeadSuite suite, std::vector<Sample>& samples) {
    AeadKey other_key;
    other_key.suite = suite;
    fill_from(2'000'000, other_key.secret.writable());
    aead.prepare(other_key);
    std::vector<AeadJob> jobs;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        Sample& sample = samples[i];
        sample.load(sample.sealed);
        jobs.push_back(sample.job());
        jobs.back().authentic = true;  // a result left from before must not survive
        if (i % 2 == 0) continue;
        const std::size_t bit = i * 37 % (8 * sample.sealed.size());
        switch (i / 2 % 5) {
            case 0: sample.packet[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8)); break;
            case 1:
                sample.packet[sample.size + i / 8 % kTagSize] ^= static_cast<std::uint8_t>(1U << (i / 16 % 8));
                break;
            case 2: jobs.back().key = &other_key; break;
            case 3:
                if (sample.associated_size > 0) {
                    jobs.back().associated[i / 10 % sample.associated_size] ^= 1;
                    break;
                }
                [[fallthrough]];
            default: jobs.back().iv ^= std::uint64_t{1} << (i % 64); break;
        }
    }
    aead.open(jobs);
    for (std::size_t i = 0; i < samples.size(); ++i) {
        const bool damaged = i % 2 == 1;
        if (jobs[i].authentic == damaged)
            return wrong(damaged ? "open accepts a damaged packet" : "open refuses a true tag", samples[i].size);
        if (damaged && !samples[i].text_is_zero())
            return wrong("text of a damaged packet is not zeroed", samples[i].size);
        if (!damaged && !samples[i].packet_is(samples[i].plaintext))
            return wrong("a damaged neighbour changes a packet", samples[i].size);
    }
    return {};
}

}  // namespace

Status self_test(PacketAead& aead) {
    WARREN_TRY(test_chacha20poly1305(aead));
    for (const AeadSuite suite : {AeadSuite::kChacha20Poly1305, AeadSuite::kAes128Gcm, AeadSuite::kAes256Gcm}) {
        if (!aead.has(suite)) continue;
        if (suite != AeadSuite::kChacha20Poly1305) WARREN_TRY(test_gcm(aead, suite));
        std::vector<Sample> samples;
        for (const std::size_t size : lengths_to_test()) samples.emplace_back(aead, suite, size);
        WARREN_TRY(test_against_single_calls(aead, samples));
        WARREN_TRY(test_damage(aead, suite, samples));
    }
    for (const CbcHmac& row : kCbcHmacs) {
        if (aead.has(row.suite)) WARREN_TRY(self_test_cbc(aead, row.suite));
    }
    aead.seal({});
    aead.open({});
    return {};
}

}  // namespace warren::crypto
