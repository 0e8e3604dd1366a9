#include <algorithm>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "crypto/aead_backends.h"
#include "crypto/cbc_hmac.h"

namespace warren::crypto {

namespace {

using Buffer = std::vector<std::uint8_t>;

constexpr std::size_t kGuardSize = 16;
constexpr std::uint8_t kGuard = 0xa7;

Status wrong(std::string_view what, std::size_t size) {
    return fail(ErrorCode::kFailed, fmt::format("known-answer test of AES-CBC: {} ({} bytes)", what, size));
}

// Any text that does not repeat itself soon.
void fill_from(std::uint64_t seed, MutableBytes out) {
    for (std::uint8_t& octet : out) {
        seed = seed * 6'364'136'223'846'793'005 + 1'442'695'040'888'963'407;
        octet = static_cast<std::uint8_t>(seed >> 56);
    }
}

// One packet with a key of its own, what the single call makes of it, and guard bytes behind it.
struct Sample {
    Sample(PacketAead& aead, AeadSuite suite, std::size_t length, bool is_extended)
        : size(length), iv(length * 77), associated(kCbcHeaderSize + (is_extended ? 4 : 0)), plaintext(length) {
        key.suite = suite;
        key.integrity = std::make_unique<Secret<64>>();
        fill_from(size, key.secret.writable());
        fill_from(size + 1, key.integrity->writable());
        fill_from(size + 2, associated);
        fill_from(size + 3, plaintext);
        Buffer body(kAesBlockSize + size + tag_size_of(suite));
        suite_seal(key, iv, associated, plaintext, body);
        sealed.assign(associated.begin(), associated.begin() + kCbcHeaderSize);
        sealed.insert(sealed.end(), body.begin(), body.end());
        aead.prepare(key);
    }

    // As the framing leaves it for seal().
    void load_plain() {
        packet.assign(sealed.size() + kGuardSize, kGuard);
        std::copy_n(associated.begin(), kCbcHeaderSize, packet.begin());
        std::copy(plaintext.begin(), plaintext.end(), packet.begin() + kCbcPrefixSize);
    }
    void load_sealed() {
        packet = sealed;
        packet.resize(sealed.size() + kGuardSize, kGuard);
    }
    [[nodiscard]] AeadJob job() {
        AeadJob out{.key = &key, .iv = iv, .text = packet.data() + kCbcPrefixSize};
        out.size = static_cast<std::uint32_t>(size);
        out.associated_size = static_cast<std::uint8_t>(associated.size() - kCbcHeaderSize);
        std::copy(associated.begin() + kCbcHeaderSize, associated.end(), out.associated.begin());
        return out;
    }
    [[nodiscard]] MutableBytes text() { return MutableBytes(packet).subspan(kCbcPrefixSize, size); }
    [[nodiscard]] bool guard_is_whole() const {
        return std::all_of(packet.end() - kGuardSize, packet.end(), [](std::uint8_t octet) { return octet == kGuard; });
    }

    std::size_t size;
    std::uint64_t iv;
    AeadKey key;
    Buffer associated;
    Buffer plaintext;
    Buffer sealed;  // header, IV, ciphertext, tag
    Buffer packet;
};

std::vector<Sample> samples_of(PacketAead& aead, AeadSuite suite) {
    std::vector<Sample> out;
    for (std::size_t size = kAesBlockSize; size <= 1536; size += kAesBlockSize)
        out.emplace_back(aead, suite, size, size % 32 == 0);  // every second, from the second on
    for (const std::size_t size : {std::size_t{8960}, std::size_t{65'408}}) out.emplace_back(aead, suite, size, true);
    return out;
}

// All lengths in one batch.
Status test_against_single_calls(PacketAead& aead, std::vector<Sample>& samples) {
    std::vector<AeadJob> jobs;
    for (Sample& sample : samples) {
        sample.load_plain();
        jobs.push_back(sample.job());
    }
    aead.seal(jobs);
    for (const Sample& sample : samples) {
        if (!std::equal(sample.sealed.begin(), sample.sealed.end(), sample.packet.begin()))
            return wrong("seal differs from the single call", sample.size);
        if (!sample.guard_is_whole()) return wrong("seal writes past the packet", sample.size);
    }
    aead.open(jobs);
    for (std::size_t i = 0; i < samples.size(); ++i) {
        if (!jobs[i].authentic) return wrong("open refuses a true tag", samples[i].size);
        if (!std::ranges::equal(samples[i].text(), samples[i].plaintext))
            return wrong("open gives another plaintext", samples[i].size);
        if (!samples[i].guard_is_whole()) return wrong("open writes past the packet", samples[i].size);
    }
    return {};
}

// Every second packet of a batch is damaged, each in another bit: of its header, IV, text or tag, or of what is
// authentic beside them.
Status test_damage(PacketAead& aead, std::vector<Sample>& samples) {
    std::vector<AeadJob> jobs;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        Sample& sample = samples[i];
        sample.load_sealed();
        jobs.push_back(sample.job());
        jobs.back().authentic = true;  // a result left from before must not survive
        if (i % 2 == 0) continue;
        const auto bit = static_cast<std::uint8_t>(1U << i % 8);
        switch (i / 2 % 5) {
            case 0: sample.packet[i % kCbcHeaderSize] ^= bit; break;
            case 1: sample.packet[kCbcHeaderSize + i % kAesBlockSize] ^= bit; break;
            case 2: sample.packet[kCbcPrefixSize + i * 37 % sample.size] ^= bit; break;
            case 3: sample.packet[sample.sealed.size() - 1 - i % tag_size_of(sample.key.suite)] ^= bit; break;
            default: jobs.back().associated[i % jobs.back().associated_size] ^= bit; break;
        }
    }
    aead.open(jobs);
    for (std::size_t i = 0; i < samples.size(); ++i) {
        const bool damaged = i % 2 == 1;
        if (jobs[i].authentic == damaged)
            return wrong(damaged ? "open accepts a damaged packet" : "open refuses a true tag", samples[i].size);
        const MutableBytes text = samples[i].text();
        if (damaged && !std::all_of(text.begin(), text.end(), [](std::uint8_t octet) { return octet == 0; }))
            return wrong("text of a damaged packet is not zeroed", samples[i].size);
        if (!damaged && !std::ranges::equal(text, samples[i].plaintext))
            return wrong("a damaged neighbour changes a packet", samples[i].size);
    }
    return {};
}

}  // namespace

Status self_test_cbc(PacketAead& aead, AeadSuite suite) {
    std::vector<Sample> samples = samples_of(aead, suite);
    WARREN_TRY(test_against_single_calls(aead, samples));
    return test_damage(aead, samples);
}

}  // namespace warren::crypto
