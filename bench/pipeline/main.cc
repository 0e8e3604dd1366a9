// The cost of one packet in the pipeline, between the socket and the TUN, without system calls.
//
//   bench-pipeline [--batches=N] [--benchmark_repetitions=9] [--benchmark_format=json]
//
// `none` seals and opens nothing, so it measures our own logic, checksums and copies. A TCP train is 45 full segments
// (44 in ESP) of one flow, which become one super-packet, or are made from one; `flows` are 64 small UDP packets of 64
// flows, which nothing joins. `esp` is the same in ESP with AES-128-GCM instead of WireGuard's messages. Build with the
// preset `release`. ns_per_packet is the mean; on a shared machine, best_ns_per_packet (of one batch) is more reliable.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "vpnd/dataplane/framing/esp.h"
#include "vpnd/dataplane/framing/wireguard.h"
#include "vpnd/dataplane/pipeline.h"
#include "vpnd/packet/checksum.h"
#include "vpnd/packet/transport_header.h"

namespace warren::dataplane {
namespace {

constexpr std::uint32_t kIndex = 1024;
using Esp = EspFraming<EspSizes{}>;
static_assert(Esp::kHeaderSize == WireguardFraming::kHeaderSize);
constexpr Instant kNow{1'000'000'000};
using Packet = std::vector<std::uint8_t>;

class NoAead final : public crypto::PacketAead {
  public:
    [[nodiscard]] bool has(crypto::AeadSuite /*suite*/) const override { return true; }
    void seal(std::span<crypto::AeadJob>) override {}
    void open(std::span<crypto::AeadJob> jobs) override {
        for (crypto::AeadJob& job : jobs) job.authentic = true;
    }
};

std::unique_ptr<crypto::PacketAead> make_aead(const std::string& name) {
    for (const auto backend :
         {crypto::AeadBackend::kIpsecMb, crypto::AeadBackend::kOpenssl, crypto::AeadBackend::kSodium}) {
        if (name != crypto::name_of(backend)) continue;
        auto made = crypto::make_packet_aead(backend);
        return made ? std::move(*made) : nullptr;
    }
    return std::make_unique<NoAead>();
}

// 10.0.0.2 -> 10.0.0.1 or back, with valid checksums.
Packet ip_packet(std::uint8_t protocol, std::size_t transport_header, std::size_t payload, bool inbound,
                 std::uint32_t number) {
    Packet out(kIpV4HeaderMinimum + transport_header + payload);
    out[0] = 0x45;
    store_be(out.data() + 2, static_cast<std::uint16_t>(out.size()));
    store_be(out.data() + 4, static_cast<std::uint16_t>(number));
    out[6] = 0x40;
    out[8] = 64;
    out[9] = protocol;
    store_be<std::uint32_t>(out.data() + 12, inbound ? 0x0a000002 : 0x0a000001);
    store_be<std::uint32_t>(out.data() + 16, inbound ? 0x0a000001 : 0x0a000002);
    store_le(out.data() + 10, checksum_finish(checksum_sum(Bytes(out).first(kIpV4HeaderMinimum))));
    std::uint8_t* const transport = out.data() + kIpV4HeaderMinimum;
    const std::size_t length = transport_header + payload;
    const bool is_tcp = protocol == kProtocolTcp;
    store_be<std::uint16_t>(transport, static_cast<std::uint16_t>(is_tcp ? 5'000 : 1'000 + number));
    if (is_tcp) {
        store_be(transport + kTcpSequence, static_cast<std::uint32_t>(number * payload));
        transport[kTcpDataOffset] = 0x50;
        transport[kTcpFlags] = kTcpAck;
    } else {
        store_be(transport + kUdpLength, static_cast<std::uint16_t>(length));
    }
    const ChecksumSum sum =
        checksum_pseudo_header(Bytes(out).subspan(12, 8), protocol, length) + checksum_sum(Bytes(transport, length));
    store_le(transport + (is_tcp ? kTcpChecksum : kUdpChecksum), checksum_finish(sum));
    return out;
}

std::vector<Packet> packets(bool is_train, bool inbound, bool is_esp) {
    std::vector<Packet> out;
    const std::uint32_t train = is_esp ? 44 : 45;  // what one datagram of UDP_GRO has room for
    for (std::uint32_t i = 0; i < (is_train ? train : 64U); ++i) {
        out.push_back(is_train ? ip_packet(kProtocolTcp, kTcpHeaderMinimum, 1'380, inbound, i)
                               : ip_packet(kProtocolUdp, kUdpHeaderSize, 64, inbound, i));
    }
    return out;
}

struct World {
    World(crypto::PacketAead& aead, bool is_esp) : pipeline(aead) {
        auto view = std::make_unique<CustomerView>();
        view->index = {0};
        view->addresses = {*parse_prefix("10.0.0.1/24")};
        std::vector<Lpm<PeerIndex>::Entry> entries;
        for (std::uint32_t i = 0; i < 10; ++i) {
            view->peers.push_back({i});
            entries.push_back({*parse_prefix("10.0.0." + std::to_string(i + 2)), {i}});
        }
        view->allowed_ips = Lpm<PeerIndex>(std::move(entries));
        pipeline.put_listener({0}, is_esp ? kEspFraming : kWireguardFraming);
        pipeline.swap_customer(std::move(view), {.tcp = true, .udp = true});
        pipeline.apply(kNow, SetEndpoint{{0}, *parse_endpoint("192.0.2.1:1"), {}}, out);
        InstallSession install;
        install.local_id = {kIndex};
        install.peer = {0};
        install.listener = {0};
        install.created = kNow;
        install.send_when = SendWhen::kNow;
        if (is_esp) {
            install.remote_id = kIndex;
            install.send_key.suite = install.receive_key.suite = crypto::AeadSuite::kAes128Gcm;
        }
        pipeline.apply(kNow, std::move(install), out);
        out.clear();
    }
    Pipeline pipeline;
    Output out;
};

// Runs `prepare`, then `work` under the clock.
template <typename Prepare, typename Work>
void measure(benchmark::State& state, std::size_t count, const Prepare& prepare, const Work& work) {
    double total = 0;
    double best = 1e9;
    for ([[maybe_unused]] auto iteration : state) {
        prepare();
        const auto begin = std::chrono::steady_clock::now();
        work();
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        state.SetIterationTime(seconds);
        total += seconds;
        best = std::min(best, seconds);
    }
    const auto per_packet = static_cast<double>(count);
    state.counters["ns_per_packet"] = total / static_cast<double>(state.iterations()) / per_packet * 1e9;
    state.counters["best_ns_per_packet"] = best / per_packet * 1e9;
}

// The header of a message, and what is sealed behind it.
crypto::AeadJob begin_message(bool is_esp, std::uint8_t* message, std::uint64_t counter, std::size_t size,
                              std::size_t padded) {
    crypto::AeadJob job;
    job.text = message + WireguardFraming::kHeaderSize;
    job.size = static_cast<std::uint32_t>(padded);
    job.iv = counter;
    if (!is_esp) {
        WireguardFraming::write_header(message, kIndex, counter);
        return job;
    }
    store_be(message, kIndex);
    store_be(message + 4, static_cast<std::uint32_t>(counter));
    store_be(message + esp::kSpiAndSequence, counter);
    job.iv = load_le<std::uint64_t>(message + esp::kSpiAndSequence);
    std::copy_n(message, esp::kSpiAndSequence, job.associated.begin());
    job.associated_size = esp::kSpiAndSequence;
    Esp::pad(job.text, size, padded);
    return job;
}

// The messages are in one buffer, like those from UDP_GRO.
void inbound(benchmark::State& state, const std::string& backend, bool is_train, bool is_esp) {
    const auto aead = make_aead(backend);
    if (aead == nullptr) return state.SkipWithError("not on this machine");
    if (is_esp && !aead->has(crypto::AeadSuite::kAes128Gcm)) return state.SkipWithError("it has no AES-GCM");
    World world(*aead, is_esp);
    crypto::AeadKey key;
    if (is_esp) key.suite = crypto::AeadSuite::kAes128Gcm;
    aead->prepare(key);
    const auto plain = packets(is_train, true, is_esp);
    const std::size_t padded =
        is_esp ? Esp::padded_size(plain[0].size(), 0) : WireguardFraming::padded_size(plain[0].size(), 1'420);
    const std::size_t stride = padded + kWireguardFraming.overhead;
    Packet buffer(stride * plain.size());
    const Train train{{0}, *parse_endpoint("192.0.2.1:1"), {}, 0, stride, buffer};
    std::uint64_t counter = 1;
    measure(
        state, plain.size(),
        [&] {
            std::vector<crypto::AeadJob> jobs;
            for (std::size_t i = 0; i < plain.size(); ++i) {
                std::uint8_t* const message = buffer.data() + i * stride;
                std::copy(plain[i].begin(), plain[i].end(), message + WireguardFraming::kHeaderSize);
                jobs.push_back(begin_message(is_esp, message, counter++, plain[i].size(), padded));
                jobs.back().key = &key;
            }
            aead->seal(jobs);
            world.out.clear();
        },
        [&] { world.pipeline.inbound(kNow, std::span(&train, 1), world.out); });
    if (world.out.tun_writes.size() != (is_train ? 1U : plain.size()))
        state.SkipWithError("not delivered as it should be");
}

void outbound(benchmark::State& state, const std::string& backend, bool is_train, bool is_esp) {
    const auto aead = make_aead(backend);
    if (aead == nullptr) return state.SkipWithError("not on this machine");
    if (is_esp && !aead->has(crypto::AeadSuite::kAes128Gcm)) return state.SkipWithError("it has no AES-GCM");
    World world(*aead, is_esp);
    std::vector<Packet> reads;
    const auto plain = packets(is_train, false, is_esp);
    if (is_train) {
        Packet whole = ip_packet(kProtocolTcp, kTcpHeaderMinimum, 1'380 * plain.size(), false, 0);
        const auto header =
            OffloadHeader{OffloadHeader::kNeedsChecksum, static_cast<std::uint8_t>(GsoType::kTcpV4), 40, 1'380, 20, 16}
                .encode();
        whole.insert(whole.begin(), header.begin(), header.end());
        reads.push_back(std::move(whole));
    } else {
        for (const Packet& packet : plain) {
            reads.emplace_back(kOffloadHeaderSize);
            reads.back().insert(reads.back().end(), packet.begin(), packet.end());
        }
    }
    measure(
        state, plain.size(), [&] { world.out.clear(); },
        [&] {
            for (Packet& read : reads) world.pipeline.outbound(kNow, {0}, read, world.out);
            world.pipeline.finish(world.out);
        });
    if (world.out.trains.size() != 1) state.SkipWithError("not sent as it should be");
}

// `batches` 0: as many as it takes for a steady figure.
void register_all(std::int64_t batches) {
    for (const char* backend : {"none", "ipsec-mb", "openssl", "sodium"}) {
        for (const bool is_train : {true, false}) {
            for (const bool is_esp : {false, true}) {
                const std::string what =
                    std::string(is_train ? "/tcp_train/" : "/flows/") + backend + (is_esp ? "/esp" : "");
                const std::string name(backend);
                for (auto* const one :
                     {benchmark::RegisterBenchmark(("inbound" + what).c_str(), inbound, name, is_train, is_esp),
                      benchmark::RegisterBenchmark(("outbound" + what).c_str(), outbound, name, is_train, is_esp)}) {
                    one->UseManualTime();
                    if (batches > 0) one->Iterations(batches);
                }
            }
        }
    }
}

}  // namespace
}  // namespace warren::dataplane

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    constexpr std::string_view kBatches = "--batches=";
    const std::string_view argument = argc == 2 ? argv[1] : "";
    if (argc > 2 || (argc == 2 && !argument.starts_with(kBatches))) return 2;
    warren::dataplane::register_all(argument.empty() ? 0 : std::atoll(argument.substr(kBatches.size()).data()));
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
