// The cost of sealing and opening one packet, for each AEAD backend of this machine, and of small packets in lanes over
// the same without.
//
//   bench-aead [--benchmark_repetitions=9] [--benchmark_format=json]
//
// A batch is 44 packets in place, each with its own key, like a receive train of 44 peers. Build with the preset
// `release`. ns_per_packet is the mean; on a shared machine, best_ns_per_packet (of one batch) is more reliable. The
// lines `lanes-over-BACKEND/SIZE/...` take turns, A-B-B-A: ratio is that of the best batches.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
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

void run(benchmark::State& state, const AeadBackends& backends, Direction direction, std::uint32_t size) {
    const auto aead = make_packet_aead(backends);
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

// Seconds of one batch.
double timed(PacketAead& aead, Batch& batch, const std::vector<std::uint8_t>& sealed, Direction direction) {
    std::copy(sealed.begin(), sealed.end(), batch.packets.begin());
    const auto begin = std::chrono::steady_clock::now();
    if (direction == Direction::kSeal) {
        aead.seal(batch.jobs);
    } else {
        aead.open(batch.jobs);
    }
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void compare(benchmark::State& state, const AeadBackends& with, const AeadBackends& without, Direction direction,
             std::uint32_t size) {
    const std::array aeads = {make_packet_aead(with), make_packet_aead(without)};
    if (!aeads[0] || !aeads[1]) return state.SkipWithError("not on this machine");
    Batch batch(size);
    (*aeads[1])->seal(batch.jobs);
    const std::vector<std::uint8_t> sealed = batch.packets;
    std::array<double, 2> best = {1, 1};
    for ([[maybe_unused]] auto iteration : state) {
        double seconds = 0;
        for (const std::size_t turn : {0U, 1U, 1U, 0U}) {
            const double elapsed = timed(**aeads[turn], batch, sealed, direction);
            best[turn] = std::min(best[turn], elapsed);
            seconds += elapsed;
        }
        state.SetIterationTime(seconds);
    }
    for (const AeadJob& job : batch.jobs) {
        if (direction == Direction::kOpen && !job.authentic) state.SkipWithError("a valid tag was refused");
    }
    state.counters["best_ns_with"] = best[0] * 1e9 / kBatchSize;
    state.counters["best_ns_without"] = best[1] * 1e9 / kBatchSize;
    state.counters["ratio"] = best[0] / best[1];
}

constexpr std::array kDirections = {Direction::kSeal, Direction::kOpen};

std::string name_of_direction(Direction direction) {
    return direction == Direction::kSeal ? "seal" : "open";
}

void register_backend(const std::string& name, const AeadBackends& backends) {
    if (!make_packet_aead(backends)) return;
    for (const Direction direction : kDirections) {
        for (const std::uint32_t size : {64U, 512U, 1420U}) {
            const std::string line = name + "/" + name_of_direction(direction) + "/" + std::to_string(size);
            benchmark::RegisterBenchmark(line.c_str(), run, backends, direction, size)->UseManualTime();
        }
    }
}

void register_all() {
    for (const AeadBackend backend : {AeadBackend::kIpsecMb, AeadBackend::kOpenssl, AeadBackend::kSodium}) {
        const AeadBackends without(backend);
        const AeadBackends with(backend, AeadBackend::kOpenssl, true);
        const std::string name(name_of(backend));
        register_backend(name, without);
        register_backend(name + "+lanes", with);
        if (!make_packet_aead(with)) continue;
        for (const std::uint32_t size : {0U, 64U, 92U, 128U, 192U, 256U}) {
            for (const Direction direction : kDirections) {
                const std::string line =
                    "lanes-over-" + name + "/" + std::to_string(size) + "/" + name_of_direction(direction);
                benchmark::RegisterBenchmark(line.c_str(), compare, with, without, direction, size)->UseManualTime();
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
