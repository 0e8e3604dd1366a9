#include "bench/wgblast/spec.h"

#include <nlohmann/json.hpp>
#include <set>

namespace warren::bench {

namespace {

using nlohmann::json;

// An object whose members are read by name, and which knows the unread ones. Throws what nlohmann's json throws, and
// runtime_error.
class Members {
  public:
    explicit Members(const json& object) : object_(object) {}

    template <typename T>
    void take(const char* name, T& into) {
        taken_.insert(name);
        if (const auto found = object_.find(name); found != object_.end()) into = found->get<T>();
    }
    void take(const char* name, IpAddress& into) {
        std::string text;
        take(name, text);
        if (text.empty()) return;
        const auto address = parse_ip(text);
        if (!address) throw std::runtime_error(std::string(name) + ": not an address: " + text);
        into = *address;
    }
    void finish() const {
        for (const auto& [name, value] : object_.items()) {
            if (taken_.count(name) == 0) throw std::runtime_error("unknown member \"" + name + "\"");
        }
    }

  private:
    const json& object_;
    std::set<std::string> taken_;
};

void take_address(Members& members, const char* name, std::uint32_t& into) {
    IpAddress address;
    store_be(address.octets.data(), into);
    members.take(name, address);
    into = load_be<std::uint32_t>(address.octets.data());
}

void take_mix(Members& members, Mix& mix) {
    std::string transport = "tcp";
    members.take("transport", transport);
    if (transport != "tcp" && transport != "udp") throw std::runtime_error("transport must be tcp or udp");
    mix.transport = transport == "tcp" ? Transport::kTcp : Transport::kUdp;
    mix.sizes = {1420};
    members.take("sizes", mix.sizes);
    members.take("flows", mix.flows);
    members.take("first_peer", mix.first_peer);
    members.take("peers", mix.peers);
    members.take("burst", mix.burst);
    members.take("to_neighbour", mix.to_neighbour);
    take_address(members, "destination", mix.destination);
    if (mix.sizes.empty() || mix.flows == 0 || mix.peers == 0 || mix.burst == 0)
        throw std::runtime_error("sizes, flows, peers and burst must not be empty or 0");
    for (const std::size_t size : mix.sizes) {
        if (size < InnerShape::minimum_size(mix.transport) || size > 1420)
            throw std::runtime_error("sizes must be 40 (UDP: 28) to 1420");
    }
}

LoadSpec load_of(const json& object) {
    Members members(object);
    LoadSpec spec;
    members.take("name", spec.name);
    take_mix(members, spec.mix);
    members.take("rate", spec.rate);
    members.take("window", spec.window);
    members.take("train", spec.train);
    members.take("shot", spec.shot);
    members.finish();
    return spec;
}

InjectionSpec injection_of(const json& object) {
    Members members(object);
    InjectionSpec spec;
    members.take("name", spec.name);
    members.take("network_namespace", spec.network_namespace);
    members.take("device", spec.device);
    take_address(members, "source", spec.source);
    members.take("to_peers", spec.to_peers);
    take_mix(members, spec.mix);
    members.take("rate", spec.rate);
    members.take("window", spec.window);
    members.take("train", spec.train);
    members.finish();
    return spec;
}

EchoSpec echo_of(const json& object) {
    Members members(object);
    EchoSpec spec;
    members.take("name", spec.name);
    members.take("peer", spec.peer);
    members.take("rate", spec.rate);
    members.finish();
    return spec;
}

PingSpec ping_of(const json& object) {
    Members members(object);
    PingSpec spec;
    members.take("name", spec.name);
    members.take("destination", spec.destination);
    members.take("rate", spec.rate);
    members.finish();
    return spec;
}

RoamSpec roam_of(const json& object) {
    Members members(object);
    RoamSpec spec;
    members.take("name", spec.name);
    members.take("rate", spec.rate);
    members.take("first_peer", spec.first_peer);
    members.take("peers", spec.peers);
    members.finish();
    return spec;
}

FloodSpec flood_of(const json& object) {
    Members members(object);
    FloodSpec spec;
    std::string kind;
    members.take("name", spec.name);
    members.take("kind", kind);
    if (kind == "initiations") {
        spec.kind = FloodKind::kInitiations;
    } else if (kind == "guessed_mac2") {
        spec.kind = FloodKind::kGuessedMac2;
    } else if (kind == "bad_mac1") {
        spec.kind = FloodKind::kBadMac1;
    } else if (kind == "forged_data") {
        spec.kind = FloodKind::kForgedData;
    } else if (kind == "ike_sa_inits") {
        spec.kind = FloodKind::kIkeSaInits;
    } else {
        throw std::runtime_error("kind must be initiations, guessed_mac2, bad_mac1, forged_data or ike_sa_inits");
    }
    members.take("rate", spec.rate);
    members.take("first_source", spec.first_source);
    members.take("sources", spec.sources);
    members.take("victim", spec.victim);
    members.take("size", spec.size);
    members.take("port", spec.port);
    members.finish();
    return spec;
}

RenewalSpec renewal_of(const json& object) {
    Members members(object);
    RenewalSpec spec;
    members.take("name", spec.name);
    members.take("rate", spec.rate);
    members.take("parallel", spec.parallel);
    members.take("first_peer", spec.first_peer);
    members.take("peers", spec.peers);
    members.finish();
    return spec;
}

void check_peers(const TownSpec& town, std::uint64_t first, std::uint64_t count) {
    if (first + count > town.peers) throw std::runtime_error("there are only " + std::to_string(town.peers) + " peers");
}

template <typename Spec, typename Parse>
std::vector<Spec> list_of(Members& members, const char* name, const Parse& parse) {
    json list = json::array();
    members.take(name, list);
    std::vector<Spec> out;
    for (const json& one : list) out.push_back(parse(one));
    return out;
}

TownSpec town_of(const json& object) {
    Members members(object);
    TownSpec town;
    std::string hub, key, protocol = "wireguard";
    members.take("hub", hub);
    members.take("hub_key", key);
    members.take("protocol", protocol);
    members.take("psk", town.target.psk);
    members.take("peers", town.peers);
    members.take("first_peer", town.roster.first_peer);
    members.take("peers_per_customer", town.roster.peers_per_customer);
    members.take("seed", town.roster.seed);
    members.take("sockets", town.sockets);
    members.take("first_source", town.first_source);
    members.take("sources", town.sources);
    members.finish();
    if (town.roster.peers_per_customer == 0 || town.sockets == 0 || town.sources == 0)
        throw std::runtime_error("peers_per_customer, sockets and sources must be at least 1");
    if (hub.empty()) {
        town.peers = 0;
        return town;
    }
    const auto endpoint = parse_endpoint(hub);
    if (!endpoint) throw std::runtime_error("hub is not an endpoint");
    town.has_hub = true;
    town.target.hub = *endpoint;
    if (protocol == "ipsec") {
        town.target.protocol = Protocol::kIpsec;
        if (town.target.psk.empty()) throw std::runtime_error("psk is missing");
        return town;
    }
    const auto hub_key = crypto::parse_public_key(key);
    if (protocol != "wireguard" || !hub_key)
        throw std::runtime_error("protocol is neither wireguard nor ipsec, or hub_key is not a key");
    town.target.key = *hub_key;
    return town;
}

RunSpec run_of(const json& object, const TownSpec& town) {
    Members members(object);
    RunSpec run;
    members.take("seconds", run.seconds);
    members.take("nap_us", run.nap_us);
    run.loads = list_of<LoadSpec>(members, "load", load_of);
    run.injections = list_of<InjectionSpec>(members, "inject", injection_of);
    run.echoes = list_of<EchoSpec>(members, "echo", echo_of);
    run.pings = list_of<PingSpec>(members, "ping", ping_of);
    run.floods = list_of<FloodSpec>(members, "flood", flood_of);
    run.renewals = list_of<RenewalSpec>(members, "renew", renewal_of);
    run.roams = list_of<RoamSpec>(members, "roam", roam_of);
    members.finish();
    if (run.seconds <= 0 || run.seconds > 60)
        throw std::runtime_error("seconds must be at most 60");  // sessions live for 120
    const std::size_t others = run.loads.size() + run.injections.size() + run.echoes.size() + run.floods.size();
    if (!run.pings.empty() && (run.pings.size() > 1 || others > 0))
        throw std::runtime_error("a ping must be alone in its run");
    for (const auto& load : run.loads) check_peers(town, load.mix.first_peer, load.mix.peers);
    for (const auto& injection : run.injections) {
        if (town.has_hub) check_peers(town, injection.mix.first_peer, injection.mix.peers);
    }
    for (const auto& echo : run.echoes) check_peers(town, echo.peer, 1);
    for (const auto& flood : run.floods) check_peers(town, flood.victim, 1);
    for (const auto& roam : run.roams) check_peers(town, roam.first_peer, roam.peers);
    for (const auto& renewal : run.renewals) check_peers(town, renewal.first_peer, renewal.peers);
    return run;
}

// Exceptions do not leave this function.
template <typename Parse>
auto caught(std::string_view line, const Parse& parse) -> Result<decltype(parse(json()))> {
    try {
        return parse(json::parse(line));
    } catch (const std::exception& error) {
        return fail(ErrorCode::kInvalid, error.what());
    }
}

}  // namespace

Result<TownSpec> parse_town(std::string_view line) {
    return caught(line, town_of);
}

Result<RunSpec> parse_run(std::string_view line, const TownSpec& town) {
    return caught(line, [&](const json& object) { return run_of(object, town); });
}

}  // namespace warren::bench
