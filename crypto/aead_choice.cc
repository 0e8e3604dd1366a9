#include <algorithm>
#include <limits>
#include <vector>

#include <fmt/format.h>

#include "crypto/aead.h"
#include "crypto/aead_backends.h"

namespace warren::crypto {

namespace {

constexpr std::array kBackends = {AeadBackend::kIpsecMb, AeadBackend::kOpenssl, AeadBackend::kSodium};

constexpr std::uint32_t kPacketSize = 1420;  // a full packet inside a tunnel of the default MTU
constexpr std::size_t kBatchSize = 44;       // as many as a full receive train carries
constexpr std::int64_t kCalibrationNanoseconds = 20'000'000;
constexpr int kMostBatches = 10'000;  // a clock that stands still must not keep us

// The fastest batch: what disturbs a measurement only makes it slower.
double measure(PacketAead& aead, std::int64_t (*monotonic_nanoseconds)()) {
    const AeadKey key;
    std::vector<std::uint8_t> packets(kBatchSize * (kPacketSize + kTagSize));
    std::vector<AeadJob> jobs;
    for (std::size_t i = 0; i < kBatchSize; ++i)
        jobs.push_back({&key, i, &packets[i * (kPacketSize + kTagSize)], kPacketSize, false});

    std::int64_t best = std::numeric_limits<std::int64_t>::max();
    const std::int64_t begin = monotonic_nanoseconds();
    std::int64_t before = begin;
    for (int batch = 0; batch < kMostBatches && before - begin < kCalibrationNanoseconds; ++batch) {
        aead.seal(jobs);
        const std::int64_t after = monotonic_nanoseconds();
        best = std::min(best, after - before);
        before = after;
    }
    return static_cast<double>(best) / kBatchSize;
}

}  // namespace

std::string_view name_of(AeadBackend backend) {
    switch (backend) {
        case AeadBackend::kIpsecMb: return "ipsec-mb";
        case AeadBackend::kOpenssl: return "openssl";
        case AeadBackend::kSodium: return "sodium";
    }
    return "unknown";
}

Result<std::unique_ptr<PacketAead>> make_packet_aead(AeadBackend backend) {
    switch (backend) {
        case AeadBackend::kIpsecMb: return make_ipsec_mb_aead();
        case AeadBackend::kOpenssl: return make_openssl_aead();
        case AeadBackend::kSodium: return make_sodium_aead();
    }
    return fail(ErrorCode::kUnsupported, "no such AEAD backend");
}

Result<AeadChoice> choose_among(std::span<const AeadCandidate> candidates, std::int64_t (*monotonic_nanoseconds)()) {
    std::optional<AeadChoice> fastest;
    std::string reasons;
    for (const AeadCandidate& candidate : candidates) {
        const Status tested =
            candidate.aead ? self_test(**candidate.aead) : Status(tl::unexpected<Error>(candidate.aead.error()));
        if (!tested) {
            reasons +=
                fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", name_of(candidate.backend), tested.error().what);
            continue;
        }
        const double nanoseconds = measure(**candidate.aead, monotonic_nanoseconds);
        if (!fastest || nanoseconds < fastest->nanoseconds_per_packet)
            fastest = AeadChoice{candidate.backend, nanoseconds};
    }
    if (!fastest) return fail(ErrorCode::kUnsupported, "no AEAD backend works: " + reasons);
    return *fastest;
}

Result<AeadChoice> choose_backend(std::int64_t (*monotonic_nanoseconds)()) {
    std::vector<AeadCandidate> candidates;
    for (const AeadBackend backend : kBackends) candidates.push_back({backend, make_packet_aead(backend)});
    return choose_among(candidates, monotonic_nanoseconds);
}

}  // namespace warren::crypto
