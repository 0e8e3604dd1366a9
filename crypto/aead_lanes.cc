// Small packets of ChaCha20-Poly1305, the key stream of several at a time.
#include <sodium/crypto_verify_16.h>

#include <algorithm>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "crypto/aead_backends.h"
#include "crypto/chacha_lanes.h"
#include "crypto/poly1305.h"

namespace warren::crypto {

namespace {

// The first block of a packet's key stream is the key of its tag (RFC 8439 §2.6).
constexpr std::size_t blocks_of(const AeadJob& job) {
    return 1 + (job.size + kChachaBlockSize - 1) / kChachaBlockSize;
}

void apply(const std::uint8_t* stream, MutableBytes text) {
    std::size_t at = 0;
#if defined(__SSE2__)
    for (; at + 16 <= text.size(); at += 16) {
        auto* const here = reinterpret_cast<__m128i*>(text.data() + at);
        const __m128i mask = _mm_loadu_si128(reinterpret_cast<const __m128i*>(stream + at));
        _mm_storeu_si128(here, _mm_xor_si128(_mm_loadu_si128(here), mask));
    }
#endif
    for (; at < text.size(); ++at) text[at] ^= stream[at];
}

// Packets are independent, so it does not matter in which order a batch's are worked on.
class LanesAead final : public PacketAead {
  public:
    LanesAead(ChachaLanes lanes, std::unique_ptr<PacketAead> rest) : lanes_(lanes), rest_(std::move(rest)) {}

    [[nodiscard]] bool has(AeadSuite suite) const override { return rest_->has(suite); }
    void prepare(AeadKey& key) override { rest_->prepare(key); }
    void seal(std::span<AeadJob> jobs) override {
        split(
            jobs, [this](std::span<AeadJob> run) { rest_->seal(run); },
            [](AeadJob& job, const std::uint8_t* stream) {
                const MutableBytes text(job.text, job.size);
                apply(stream + kChachaBlockSize, text);
                const auto tag = poly1305_of_aead(stream, job.associated_data(), text);
                std::copy(tag.begin(), tag.end(), job.text + job.size);
            });
    }
    void open(std::span<AeadJob> jobs) override {
        split(
            jobs, [this](std::span<AeadJob> run) { rest_->open(run); },
            [](AeadJob& job, const std::uint8_t* stream) {
                const MutableBytes text(job.text, job.size);
                const auto tag = poly1305_of_aead(stream, job.associated_data(), text);
                job.authentic = ::crypto_verify_16(tag.data(), job.text + job.size) == 0;
                if (!job.authentic) return wipe(text);
                apply(stream + kChachaBlockSize, text);
            });
    }
    void forget_keys() override { rest_->forget_keys(); }

  private:
    static constexpr std::size_t kLeastJobs = 2;  // one alone is cheaper with the rest
    static constexpr std::size_t kMostJobs = 64;
    static constexpr std::size_t kMostBlocks = 192;  // 12 KiB, a part of the first cache
    static_assert(kMostBlocks % kChachaLanes == 0 && kMostBlocks * kChachaBlockSize > kAeadLanesMostText * kLeastJobs);

    [[nodiscard]] static bool is_small(const AeadJob& job) {
        return job.size <= kAeadLanesMostText && job.key->suite == AeadSuite::kChacha20Poly1305;
    }

    // Calls use(job, its key stream) for small jobs, wherever they are among the others, and use_rest(run) for runs of
    // others.
    template <typename UseRest, typename Use>
    void split(std::span<AeadJob> jobs, const UseRest& use_rest, const Use& use) {
        while (!jobs.empty()) {
            const auto small = std::find_if(jobs.begin(), jobs.end(), is_small);
            const auto before = static_cast<std::size_t>(small - jobs.begin());
            if (before > 0) use_rest(jobs.first(before));
            if (small == jobs.end()) break;
            if (count_ == kMostJobs || used_ + blocks_of(*small) > kMostBlocks) flush(use_rest, use);
            add(*small);
            jobs = jobs.subspan(before + 1);
        }
        flush(use_rest, use);
    }

    void add(AeadJob& job) {
        jobs_[count_++] = &job;
        const std::uint8_t* const key = job.key->secret.reveal().data();
        const auto salt = load_le<std::uint32_t>(job.key->salt.data());
        const auto count = static_cast<std::uint32_t>(blocks_of(job));
        for (std::uint32_t i = 0; i < count; ++i) blocks_[used_++] = {key, i, salt, job.iv};
    }

    template <typename UseRest, typename Use>
    void flush(const UseRest& use_rest, const Use& use) {
        const auto jobs = std::span(jobs_).first(count_);
        if (count_ < kLeastJobs) {
            for (AeadJob* const job : jobs) use_rest(std::span(job, 1));
        } else {
            const MutableBytes streams = compute();
            const std::uint8_t* stream = streams.data();
            for (AeadJob* const job : jobs) {
                use(*job, stream);
                stream += blocks_of(*job) * kChachaBlockSize;
            }
            wipe(streams);
        }
        count_ = 0;
        used_ = 0;
    }

    // The key streams of all blocks, one after another.
    [[nodiscard]] MutableBytes compute() {
        while (used_ % kChachaLanes != 0) {
            blocks_[used_] = blocks_[0];  // computed for nobody
            ++used_;
        }
        for (std::size_t at = 0; at < used_; at += kChachaLanes) {
            const std::span<const ChachaBlock, kChachaLanes> blocks(&blocks_[at], kChachaLanes);
            lanes_(blocks, &stream_[at * kChachaBlockSize]);
        }
        return MutableBytes(stream_).first(used_ * kChachaBlockSize);
    }

    const ChachaLanes lanes_;
    const std::unique_ptr<PacketAead> rest_;
    std::size_t count_ = 0;
    std::size_t used_ = 0;
    std::array<AeadJob*, kMostJobs> jobs_{};
    std::array<ChachaBlock, kMostBlocks> blocks_{};
    alignas(kChachaBlockSize) std::array<std::uint8_t, kMostBlocks * kChachaBlockSize> stream_{};
};

}  // namespace

Result<std::unique_ptr<PacketAead>> add_lanes(ChachaLanes lanes, std::unique_ptr<PacketAead> rest) {
    if (lanes == nullptr) return fail(ErrorCode::kUnsupported, "this CPU has no AVX-512F");
    return std::make_unique<LanesAead>(lanes, std::move(rest));
}

}  // namespace warren::crypto
