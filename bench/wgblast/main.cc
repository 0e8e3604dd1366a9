// wgblast: plays many peers, of WireGuard or IPsec, against a hub. spec.h describes its input;
// each answer is one line of JSON.
//
//   wgblast keys SEED COUNT     public keys of peers 0..COUNT-1, one a line
//   wgblast < SPECIFICATION     {"hub": ...} first: handshakes of all peers; then one line a run, until the end of
//   input
#include <sys/prctl.h>
#include <sys/resource.h>

#include <csignal>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "bench/wgblast/clock.h"
#include "bench/wgblast/spec.h"

namespace {

using namespace warren;
using namespace warren::bench;
using namespace std::chrono_literals;

constexpr double kSessionSeconds = 100;  // a session that would be older at the end of a run is renewed before
constexpr Duration kDrain = 100ms;       // after the last packet is sent
constexpr std::uint32_t kParallelHandshakes = 32;

int refuse(const Error& error) {
    std::cerr << "wgblast: " << error.what << "\n";
    return error.code == ErrorCode::kInvalid ? 2 : 4;
}

int print_keys(const std::string& seed, std::uint32_t count) {
    const Roster roster{seed};
    for (std::uint32_t i = 0; i < count; ++i) std::cout << crypto::to_base64(roster.keys_of(i).public_key) << "\n";
    return 0;
}

Result<std::unique_ptr<crypto::PacketAead>> fastest_aead() {
    const auto choice = crypto::choose_backend([] { return monotonic_now().nanoseconds; });
    if (!choice) return tl::unexpected(choice.error());
    return crypto::make_packet_aead(choice->backends());
}

Result<std::unique_ptr<Crowd>> gather(const TownSpec& town) {
    auto aead = fastest_aead();
    if (!aead) return tl::unexpected(std::move(aead.error()));
    auto wire = Wire::open(town.target.hub, town.sockets, town.first_source, town.sources);
    if (!wire) return tl::unexpected(std::move(wire.error()));
    return std::make_unique<Crowd>(town.roster, town.peers, town.target, std::move(*wire), std::move(*aead));
}

nlohmann::json connect(Crowd& crowd, std::uint32_t peers, double run_seconds) {
    const Duration age(static_cast<std::int64_t>((kSessionSeconds - run_seconds) * 1e9));
    const Instant start = monotonic_now();
    const std::uint32_t missing = crowd.connect(age, kParallelHandshakes, 10s + peers * 5ms);
    std::uint32_t most = 0;
    for (std::uint32_t peer = 0; peer < peers; ++peer) most = std::max(most, crowd.client(peer).attempts);
    return {{"peers", peers},
            {"missing", missing},
            {"most_attempts", most},
            {"seconds", to_seconds(monotonic_now() - start)}};
}

struct Cast {
    std::vector<std::pair<const char*, std::unique_ptr<Activity>>> activities;
};

Result<Cast> assemble(RunSpec& run, const TownSpec& town, Crowd* crowd, Instant start) {
    Cast cast;
    std::uint16_t identifier = 1;
    for (auto& spec : run.echoes)
        cast.activities.emplace_back("echo", std::make_unique<Echoes>(spec, *crowd, identifier++, start));
    for (auto& spec : run.loads)
        cast.activities.emplace_back("load", std::make_unique<Load>(spec, *crowd, town.roster, identifier++, start));
    for (auto& spec : run.injections) {
        auto socket = ForeignSocket::open(spec.network_namespace, spec.device);
        if (!socket) return tl::unexpected(std::move(socket.error()));
        cast.activities.emplace_back("inject",
                                     std::make_unique<Injection>(spec, std::move(*socket), crowd, town.roster, start));
    }
    for (auto& spec : run.pings) {
        auto pings = Pings::create(spec, identifier++, start);
        if (!pings) return tl::unexpected(std::move(pings.error()));
        cast.activities.emplace_back("ping", std::move(*pings));
    }
    for (auto& spec : run.roams) cast.activities.emplace_back("roam", std::make_unique<Roaming>(spec, *crowd, start));
    for (auto& spec : run.floods) {
        auto flood = Flood::create(spec, *crowd, town.target.hub, town.target.key, start);
        if (!flood) return tl::unexpected(std::move(flood.error()));
        cast.activities.emplace_back("flood", std::move(*flood));
    }
    for (auto& spec : run.renewals)
        cast.activities.emplace_back("renew", std::make_unique<Renewals>(spec, *crowd, start));
    return cast;
}

Result<nlohmann::json> perform(RunSpec run, const TownSpec& town, Crowd* crowd) {
    nlohmann::json result;
    if (crowd != nullptr) result["connected"] = connect(*crowd, town.peers, run.seconds);
    const Duration cpu_before = own_cpu();
    const Instant start = monotonic_now();
    auto cast = assemble(run, town, crowd, start);
    if (!cast) return tl::unexpected(std::move(cast.error()));

    const Instant end = start + Duration(static_cast<std::int64_t>(run.seconds * 1e9));
    const auto hear = [&](Instant now) {
        if (crowd != nullptr) crowd->receive({now, {}});
    };
    const auto nap = [&run] {
        if (run.nap_us > 0) std::this_thread::sleep_for(std::chrono::microseconds(run.nap_us));
    };
    Instant now = start;
    while (now < end) {
        for (auto& [kind, activity] : cast->activities) {
            activity->step(now);
            now = monotonic_now();
            hear(now);
        }
        nap();
        now = monotonic_now();
    }
    result["seconds"] = to_seconds(now - start);
    while (monotonic_now() < end + kDrain) {
        hear(monotonic_now());
        nap();
    }
    result["generator_cpu_s"] = to_seconds(own_cpu() - cpu_before);
    for (const auto& [kind, activity] : cast->activities) result[kind].push_back(activity->result());
    if (crowd != nullptr) {
        result["samples"] = {{"verified", crowd->samples().verified}, {"broken", crowd->samples().broken}};
        result["refused_sends"] = crowd->wire().refused();
    }
    return result;
}

int blast() {
    std::string line;
    if (!std::getline(std::cin, line)) return refuse({ErrorCode::kInvalid, "no specification"});
    const auto town = parse_town(line);
    if (!town) return refuse(town.error());
    std::unique_ptr<Crowd> crowd;
    nlohmann::json gathered{{"peers", 0}};
    if (town->has_hub) {
        auto made = gather(*town);
        if (!made) return refuse(made.error());
        crowd = std::move(*made);
        gathered = connect(*crowd, town->peers, 0);
    }
    std::cout << gathered.dump() << std::endl;
    while (std::getline(std::cin, line)) {
        auto run = parse_run(line, *town);
        if (!run) return refuse(run.error());
        const auto result = perform(std::move(*run), *town, crowd.get());
        if (!result) return refuse(result.error());
        std::cout << result->dump() << std::endl;
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    if (arguments.size() == 3 && arguments[0] == "keys")
        return print_keys(arguments[1], static_cast<std::uint32_t>(std::stoul(arguments[2])));
    if (!arguments.empty()) {
        std::cerr << "usage: wgblast keys SEED COUNT | wgblast < SPECIFICATION\n";
        return 2;
    }
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::prctl(PR_SET_TIMERSLACK, 1);
    return blast();
}
