#include <algorithm>
#include <limits>
#include <vector>

#include <fmt/format.h>

#include "crypto/aead.h"
#include "crypto/aead_backends.h"
#include "crypto/chacha_lanes.h"

namespace warren::crypto {

namespace {

constexpr std::array kBackends = {AeadBackend::kIpsecMb, AeadBackend::kOpenssl, AeadBackend::kSodium};

constexpr std::uint32_t kPacketSize = 1420;     // a full packet inside a tunnel of the default MTU
constexpr std::uint32_t kSmallPacketSize = 96;  // an acknowledgement, a query, a voice packet
constexpr std::size_t kBatchSize = 44;          // as many as a full receive train carries
constexpr std::int64_t kCalibrationNanoseconds = 20'000'000;
constexpr std::int64_t kLanesCalibrationNanoseconds = 5'000'000;
constexpr int kMostBatches = 10'000;  // a stopped clock must not block us

// The fastest batch: disturbances only make a measurement slower.
double measure(PacketAead& aead, std::uint32_t size, std::int64_t duration, std::int64_t (*monotonic_nanoseconds)()) {
    const AeadKey key;
    std::vector<std::uint8_t> packets(kBatchSize * (size + kTagSize));
    std::vector<AeadJob> jobs;
    for (std::size_t i = 0; i < kBatchSize; ++i)
        jobs.push_back({&key, i, &packets[i * (size + kTagSize)], size, false});

    std::int64_t best = std::numeric_limits<std::int64_t>::max();
    const std::int64_t begin = monotonic_nanoseconds();
    std::int64_t before = begin;
    for (int batch = 0; batch < kMostBatches && before - begin < duration; ++batch) {
        aead.seal(jobs);
        const std::int64_t after = monotonic_nanoseconds();
        best = std::min(best, after - before);
        before = after;
    }
    return static_cast<double>(best) / kBatchSize;
}

// Two backends side by side: runs of jobs of one kind go to theirs.
class SplitAead final : public PacketAead {
  public:
    SplitAead(std::unique_ptr<PacketAead> chacha, std::unique_ptr<PacketAead> aes)
        : chacha_(std::move(chacha)), aes_(std::move(aes)) {}

    [[nodiscard]] bool has(AeadSuite suite) const override { return of(suite).has(suite); }
    void prepare(AeadKey& key) override { of(key.suite).prepare(key); }
    void seal(std::span<AeadJob> jobs) override {
        for_each_run(jobs, [](PacketAead& aead, std::span<AeadJob> run) { aead.seal(run); });
    }
    void open(std::span<AeadJob> jobs) override {
        for_each_run(jobs, [](PacketAead& aead, std::span<AeadJob> run) { aead.open(run); });
    }
    void forget_keys() override {
        chacha_->forget_keys();
        aes_->forget_keys();
    }

  private:
    [[nodiscard]] PacketAead& of(AeadSuite suite) const {
        return suite == AeadSuite::kChacha20Poly1305 ? *chacha_ : *aes_;
    }
    template <typename Use>
    void for_each_run(std::span<AeadJob> jobs, const Use& use) {
        while (!jobs.empty()) {
            PacketAead& aead = of(jobs.front().key->suite);
            std::size_t count = 1;
            while (count < jobs.size() && &of(jobs[count].key->suite) == &aead) ++count;
            use(aead, jobs.first(count));
            jobs = jobs.subspan(count);
        }
    }

    std::unique_ptr<PacketAead> chacha_;
    std::unique_ptr<PacketAead> aes_;
};

}  // namespace

std::string_view name_of(AeadBackend backend) {
    switch (backend) {
        case AeadBackend::kIpsecMb: return "ipsec-mb";
        case AeadBackend::kOpenssl: return "openssl";
        case AeadBackend::kSodium: return "sodium";
    }
    return "unknown";
}

std::string name_of(const AeadChoice& choice) {
    return std::string(name_of(choice.backend)) + (choice.has_lanes ? "+lanes" : "");
}

Result<std::unique_ptr<PacketAead>> make_packet_aead(AeadBackend backend) {
    switch (backend) {
        case AeadBackend::kIpsecMb: return make_ipsec_mb_aead();
        case AeadBackend::kOpenssl: return make_openssl_aead();
        case AeadBackend::kSodium: return make_sodium_aead();
    }
    return fail(ErrorCode::kUnsupported, "no such AEAD backend");
}

Result<std::unique_ptr<PacketAead>> make_packet_aead(const AeadBackends& backends) {
    auto chacha = make_packet_aead(backends.chacha20poly1305);
    if (chacha && backends.has_lanes) chacha = add_lanes(chacha_lanes(), std::move(*chacha));
    if (!chacha || backends.chacha20poly1305 == backends.aes_gcm) return chacha;
    auto gcm = make_packet_aead(backends.aes_gcm);
    if (!gcm) return gcm;
    return std::make_unique<SplitAead>(std::move(*chacha), std::move(*gcm));
}

Result<AeadChoice> choose_among(std::span<const AeadCandidate> candidates, std::int64_t (*monotonic_nanoseconds)()) {
    std::optional<AeadChoice> fastest;
    std::optional<AeadBackend> gcm;
    std::string reasons;
    for (const AeadCandidate& candidate : candidates) {
        const Status tested =
            candidate.aead ? self_test(**candidate.aead) : Status(tl::unexpected<Error>(candidate.aead.error()));
        if (!tested) {
            reasons +=
                fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", name_of(candidate.backend), tested.error().what);
            continue;
        }
        if (!gcm && candidate.aead.value()->has(AeadSuite::kAes128Gcm)) gcm = candidate.backend;
        const double nanoseconds =
            measure(**candidate.aead, kPacketSize, kCalibrationNanoseconds, monotonic_nanoseconds);
        if (!fastest || nanoseconds < fastest->nanoseconds_per_packet)
            fastest = AeadChoice{candidate.backend, nanoseconds};
    }
    if (!fastest) return fail(ErrorCode::kUnsupported, "no AEAD backend works: " + reasons);
    if (gcm) fastest->aes_gcm = *gcm;
    return *fastest;
}

bool do_lanes_gain(ChachaLanes lanes, AeadBackend backend, std::int64_t (*monotonic_nanoseconds)()) {
    const auto nanoseconds = [&](PacketAead& aead) {
        return measure(aead, kSmallPacketSize, kLanesCalibrationNanoseconds, monotonic_nanoseconds);
    };
    auto alone = make_packet_aead(backend);
    if (!alone) return false;
    const double without = nanoseconds(**alone);
    const auto with = add_lanes(lanes, std::move(*alone));
    return with && self_test(**with) && nanoseconds(**with) < without;
}

Result<AeadChoice> choose_backend(std::int64_t (*monotonic_nanoseconds)()) {
    std::vector<AeadCandidate> candidates;
    candidates.reserve(kBackends.size());
    for (const AeadBackend backend : kBackends) candidates.push_back({backend, make_packet_aead(backend)});
    auto choice = choose_among(candidates, monotonic_nanoseconds);
    if (choice) choice->has_lanes = do_lanes_gain(chacha_lanes(), choice->backend, monotonic_nanoseconds);
    return choice;
}

}  // namespace warren::crypto
