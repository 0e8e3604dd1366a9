// The handshakes that one core completes as responder, compared with the limit of X25519 alone.
//
//   bench-handshakes [--peers 2000] [--rounds 9]
//
// The clients' engines make their initiations beforehand. The clock runs while the hub's engine handles and answers
// them, and learns that each session is confirmed. With `pool` there are ephemeral keys in store, as after a quiet
// time; with `no_pool` each is made when needed, as late in a storm. `x25519` is four multiplications of the same
// library, measured around each round. Prints one JSON document; build with the preset `release`.
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "crypto/x25519.h"
#include "vpnd/wireguard/engine.h"
#include "vpnd/wireguard/ephemeral_pool.h"

namespace warren::wireguard {
namespace {

using namespace std::chrono_literals;

// This thread's own time, so that other programs disturb as little as possible.
double seconds_of(const auto& work) {
    const auto now = [] {
        timespec time{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
    };
    const double begin = now();
    work();
    return now() - begin;
}

// The seconds of one multiplication: the fastest of several, because disturbance only makes it slower.
double multiplication_seconds(crypto::RandomSource& random) {
    const crypto::PrivateKey ours = crypto::generate_private_key(random);
    const crypto::PublicKey theirs = crypto::public_key_of(crypto::generate_private_key(random));
    constexpr int kTimes = 200;
    double best = 1e9;
    for (int batch = 0; batch < 10; ++batch) {
        best = std::min(best, seconds_of([&] {
                            for (int i = 0; i < kTimes; ++i) WARREN_CHECK(crypto::x25519(ours, theirs).has_value());
                        }));
    }
    return best / kTimes;
}

Endpoint endpoint_of(std::uint32_t number) {
    return {IpAddress::v4(10, static_cast<std::uint8_t>(number >> 16), static_cast<std::uint8_t>(number >> 8),
                          static_cast<std::uint8_t>(number)),
            51820, 0};
}

// A hub and its peers, each an engine.
class World {
  public:
    World(std::uint32_t peers, bool has_pool)
        : pool_(random_),
          hub_({0}, crypto::generate_private_key(random_), hub_indexes_, random_, has_pool ? &pool_ : nullptr) {
        for (std::uint32_t i = 0; i < peers; ++i) {
            crypto::PrivateKey key = crypto::generate_private_key(random_);
            PeerConfig config;
            config.index = {i};
            config.customer = {i / 10};
            config.public_key = crypto::public_key_of(key);
            hub_.put_peer(now_, std::move(config), out_);
            clients_.emplace_back(ListenerIndex{0}, std::move(key), client_indexes_, random_);
            PeerConfig hub;
            hub.index = {0};
            hub.public_key = hub_.public_key();
            hub.endpoint = endpoint_of(0);
            clients_.back().put_peer(now_, std::move(hub), out_);
        }
    }

    // Runs one handshake of each peer; returns the hub's time for all of them.
    double round() {
        now_ = {now_.instant + 600s, WallTime{now_.wall.nanoseconds + 600'000'000'000}};
        while (hub_.next_deadline() <= now_.instant) hub_.handle_timeout(now_, out_);
        pool_.refill(EphemeralPool::kCapacity);
        const std::vector<OutgoingMessage> initiations = initiate();
        std::vector<OutgoingMessage> responses;
        responses.reserve(initiations.size());
        const double seconds = seconds_of([&] {
            for (std::uint32_t i = 0; i < initiations.size(); ++i) responses.push_back(answer(i, initiations[i]));
        });
        for (std::uint32_t i = 0; i < responses.size(); ++i) finish(i, responses[i]);
        return seconds;
    }

  private:
    std::vector<OutgoingMessage> initiate() {
        std::vector<OutgoingMessage> made;
        for (Engine& client : clients_) {
            out_.clear();
            client.handle_timeout(now_, out_);
            client.handle_event(now_, dataplane::NeedSession{{0}}, out_);
            WARREN_CHECK(out_.messages.size() == 1);
            made.push_back(out_.messages.front());
        }
        return made;
    }

    OutgoingMessage answer(std::uint32_t peer, const OutgoingMessage& initiation) {
        out_.clear();
        hub_.handle_datagram(now_, {endpoint_of(peer), {}}, initiation.view(), out_);
        WARREN_CHECK(out_.messages.size() == 1);
        const OutgoingMessage response = out_.messages.front();
        hub_.handle_event(
            now_, dataplane::SessionConfirmed{{peer}, {load_le<std::uint32_t>(response.bytes.data() + 4)}}, out_);
        return response;
    }

    // Checks that the response is valid.
    void finish(std::uint32_t peer, const OutgoingMessage& response) {
        out_.clear();
        const std::uint64_t before = clients_[peer].counters().responses_accepted;
        clients_[peer].handle_datagram(now_, {endpoint_of(0), {}}, response.view(), out_);
        WARREN_CHECK(clients_[peer].counters().responses_accepted == before + 1);
    }

    crypto::SystemRandom random_;
    control::IndexTable hub_indexes_;
    control::IndexTable client_indexes_;
    EphemeralPool pool_;
    Engine hub_;
    std::vector<Engine> clients_;
    Output out_;
    Now now_{Instant{1'000'000'000'000}, WallTime{1'800'000'000'000'000'000}};
};

void measure(const char* name, std::uint32_t peers, std::size_t rounds, bool has_pool, bool is_last) {
    crypto::SystemRandom random;
    World world(peers, has_pool);
    (void)world.round();  // from now on every static-static secret is cached
    struct Figure {
        double ratio, handshake_us, multiplication_us;
    };
    std::vector<Figure> figures;
    for (std::size_t i = 0; i < rounds; ++i) {
        const double before = multiplication_seconds(random);
        const double handshake = world.round() / peers;
        const double multiplication = (before + multiplication_seconds(random)) / 2;
        figures.push_back({4 * multiplication / handshake, handshake * 1e6, multiplication * 1e6});
    }
    std::sort(figures.begin(), figures.end(), [](const Figure& a, const Figure& b) { return a.ratio < b.ratio; });
    const Figure& median = figures[figures.size() / 2];
    std::printf(
        "  \"%s\": {\"handshakes_per_second\": %.0f, \"handshake_us\": %.1f, \"multiplication_us\": %.2f, "
        "\"over_x25519_limit\": %.3f, "
        "\"lowest\": %.3f, \"highest\": %.3f}%s\n",
        name, 1e6 / median.handshake_us, median.handshake_us, median.multiplication_us, median.ratio,
        figures.front().ratio, figures.back().ratio, is_last ? "" : ",");
}

}  // namespace
}  // namespace warren::wireguard

int main(int argc, char** argv) {
    std::uint32_t peers = 2000;
    std::size_t rounds = 9;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view name(argv[i]);
        const unsigned long value = std::strtoul(argv[i + 1], nullptr, 10);
        if (name == "--peers") peers = static_cast<std::uint32_t>(std::clamp(value, 1UL, 4096UL));
        if (name == "--rounds") rounds = std::max(value, 1UL);
    }
    std::printf("{\n  \"peers\": %u, \"rounds\": %zu,\n", peers, rounds);
    warren::wireguard::measure("pool", peers, rounds, true, false);
    warren::wireguard::measure("no_pool", peers, rounds, false, true);
    std::printf("}\n");
    return 0;
}
