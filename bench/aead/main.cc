// The cost of sealing and opening one packet, for each AEAD backend of this machine.
//
//   bench-aead [--benchmark_repetitions=9] [--benchmark_format=json]
//
// A batch is 44 packets in place, each with its own key, like a receive train of 44 peers. Build with the preset
// `release`. ns_per_packet is the mean; on a shared machine, best_ns_per_packet (of one batch) is more reliable.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "crypto/aead.h"
#include "crypto/random.h"

namespace warren::crypto {

namespace {

constexpr std::size_t kBatchSize = 44;

enum class Direction { kSeal, kOpen };

struct Batch {
    explicit Batch(std::uint32_t size) : stride(size + kTagSize), keys(kBatchSize), packets(kBatchSize * stride) {
        SystemRandom random;
        random.fill(packets);
        for (std::size_t i = 0; i < kBatchSize; ++i) {
            random.fill(keys[i].secret.writable());
            jobs.push_back({&keys[i], i, &packets[i * stride], size, false});
        }
    }

    std::size_t stride;
    std::vector<AeadKey> keys;
    std::vector<std::uint8_t> packets;
    std::vector<AeadJob> jobs;
};

void run(benchmark::State& state, AeadBackend backend, Direction direction, std::uint32_t size) {
    const auto aead = make_packet_aead(backend);
    if (!aead) {
        state.SkipWithError(aead.error().what.c_str());
        return;
    }
    Batch batch(size);
    (*aead)->seal(batch.jobs);
    const std::vector<std::uint8_t> sealed = batch.packets;
    double seconds = 0;
    double best = 1;
    for ([[maybe_unused]] auto iteration : state) {
        if (direction == Direction::kOpen) std::copy(sealed.begin(), sealed.end(), batch.packets.begin());
        const auto begin = std::chrono::steady_clock::now();
        if (direction == Direction::kSeal) {
            (*aead)->seal(batch.jobs);
        } else {
            (*aead)->open(batch.jobs);
        }
        const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        state.SetIterationTime(elapsed);
        seconds += elapsed;
        best = std::min(best, elapsed);
    }
    for (const AeadJob& job : batch.jobs) {
        if (direction == Direction::kOpen && !job.authentic) state.SkipWithError("a valid tag was refused");
    }
    const double packets = static_cast<double>(state.iterations()) * kBatchSize;
    state.counters["ns_per_packet"] = seconds * 1e9 / packets;
    state.counters["best_ns_per_packet"] = best * 1e9 / kBatchSize;
    state.counters["Gb_per_s"] = packets * size * 8 / seconds / 1e9;
}

void register_all() {
    for (const AeadBackend backend : {AeadBackend::kIpsecMb, AeadBackend::kOpenssl, AeadBackend::kSodium}) {
        if (!make_packet_aead(backend)) continue;
        for (const Direction direction : {Direction::kSeal, Direction::kOpen}) {
            for (const std::uint32_t size : {64U, 512U, 1420U}) {
                const std::string name = std::string(name_of(backend)) +
                                         (direction == Direction::kSeal ? "/seal/" : "/open/") + std::to_string(size);
                benchmark::RegisterBenchmark(name.c_str(), run, backend, direction, size)->UseManualTime();
            }
        }
    }
}

}  // namespace

}  // namespace warren::crypto

int main(int argc, char** argv) {
    warren::crypto::register_all();
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
