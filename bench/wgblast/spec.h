// The generator's input, one JSON object per line: first the peers, then one line for each run.
#pragma once

#include <string_view>
#include <vector>

#include "bench/wgblast/echoes.h"
#include "bench/wgblast/flood.h"
#include "bench/wgblast/injection.h"
#include "bench/wgblast/load.h"
#include "bench/wgblast/pings.h"
#include "bench/wgblast/renewals.h"
#include "bench/wgblast/roaming.h"

namespace warren::bench {

// {"hub": "198.51.100.1:51820", "hub_key": "base64", "peers": 10, "first_peer": 0, "peers_per_customer": 10,
//  "seed": "x", "sockets": 10, "first_source": "198.18.0.1", "sources": 1}. Without "hub" there are no peers, and only
// injections can run. With "protocol": "ipsec" the hub's port is 4500, and "psk" takes the place of "hub_key".
struct TownSpec {
    bool has_hub = false;
    Target target;
    Roster roster;
    std::uint32_t peers = 0;
    std::uint32_t sockets = 1;
    IpAddress first_source;
    std::uint32_t sources = 1;
};
[[nodiscard]] Result<TownSpec> parse_town(std::string_view line);

// {"seconds": 3, "load": [...], "inject": [...], "echo": [...], "ping": [...], "flood": [...], "renew": [...], "roam":
// [...]}: activities that run at the same time. The members of each have the names in its struct. An unknown member is
// an error.
struct RunSpec {
    double seconds = 1;
    std::uint32_t nap_us = 0;  // between two rounds: if all share one core, a busy wait would take it from
                               // the others
    std::vector<LoadSpec> loads;
    std::vector<InjectionSpec> injections;
    std::vector<EchoSpec> echoes;
    std::vector<PingSpec> pings;
    std::vector<FloodSpec> floods;
    std::vector<RenewalSpec> renewals;
    std::vector<RoamSpec> roams;
};
[[nodiscard]] Result<RunSpec> parse_run(std::string_view line, const TownSpec& town);

}  // namespace warren::bench
