// doctor
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <ostream>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/fd.h"
#include "config/parse.h"
#include "ctl/ask/control_client.h"
#include "ctl/ask/pings.h"
#include "ctl/ask/ports.h"
#include "ctl/ask/snapshot_client.h"
#include "ctl/commands/complaints.h"
#include "ctl/commands/reseller_files.h"
#include "ctl/diagnosis/finding.h"
#include "ctl/files/customer_file.h"
#include "ctl/runners.h"
#include "ctl/show/findings.h"
#include "ctl/show/firewall.h"

namespace warren::ctl {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kObserved{1'200};
// What is watched closely, with pings: more would be a load.
constexpr std::size_t kMostCustomers = 32;
constexpr std::size_t kMostPeers = 64;    // of each
constexpr std::size_t kPeersInAll = 512;  // of all of them; of each at least kLeastPeers
constexpr std::size_t kLeastPeers = 16;   // likewise
constexpr std::size_t kAddressesOfPeer = 2;
constexpr std::size_t kSmallPing = 84;
constexpr milliseconds kPokePatience{200};
constexpr milliseconds kPokeStep{20};
constexpr std::size_t kMostPoked = 8;  // one by one

// --- ports ---------------------------------------------------------------------------------------

std::uint64_t dropped(const ipc::SnapshotHeader& header) {
    std::uint64_t sum = 0;
    for (const auto& [reason, count] : header.drops) sum += count;
    return sum;
}

// A datagram that nobody understands is counted by whoever gets it. Whether so many more were, after each port got one;
// nothing: it was not tried.
std::optional<bool> come_through(const std::string& run_dir, const std::vector<std::uint16_t>& ports) {
    const auto count = [&run_dir]() -> std::optional<std::uint64_t> {
        const auto snapshot = fetch_snapshot(run_dir, {"", false});
        return snapshot ? std::optional(dropped(snapshot->header)) : std::nullopt;
    };
    const auto before = count();
    if (!before) return std::nullopt;
    for (const std::uint16_t port : ports)
        if (!poke_udp_port(port)) return std::nullopt;
    for (milliseconds waited{}; waited < kPokePatience; waited += kPokeStep) {
        std::this_thread::sleep_for(kPokeStep);
        const auto after = count();
        if (after && *after >= *before + ports.size()) return true;
    }
    return false;
}

// All at once; where not all came through, some one by one.
void poke(const std::string& run_dir, std::vector<diagnosis::Listener>& listeners) {
    std::vector<std::uint16_t> ports;
    for (const diagnosis::Listener& one : listeners)
        if (one.is_bound) ports.push_back(one.listener.port);
    if (ports.empty()) return;
    const auto all = come_through(run_dir, ports);
    std::size_t tried = 0;
    for (diagnosis::Listener& one : listeners) {
        if (!one.is_bound) continue;
        if (all == true || ports.size() == 1) {
            one.comes_through = all;
        } else if (tried++ < kMostPoked) {
            one.comes_through = come_through(run_dir, {one.listener.port});
        }
    }
}

// Of the first so many customers.
diagnosis::MachineFacts machine_facts(const Invocation& invocation, const Snapshot& snapshot, std::size_t customers) {
    diagnosis::MachineFacts out;
    out.now = read_wall_clock();
    std::map<ipc::ListenerId, ipc::ListenerSnapshot> listeners;
    for (std::size_t i = 0; i < customers; ++i) {
        const CustomerStatus& customer = snapshot.customers[i];
        for (const ipc::ListenerSnapshot& one : customer.customer.listeners) listeners[one.id] = one;
        out.peers.insert(out.peers.end(), customer.peers.begin(), customer.peers.end());
    }
    for (const auto& [id, listener] : listeners) {
        if (listener.protocol != ipc::Protocol::kUdp || listener.port == 0) continue;
        out.listeners.push_back({listener, is_udp_port_bound(listener.port), std::nullopt});
    }
    poke(invocation.run_dir, out.listeners);
    return out;
}

// --- pings ---------------------------------------------------------------------------------------

// Where a peer may answer: its own address, or the first one of its network, which is often a router.
std::vector<IpAddress> addresses_of(const ipc::PeerSnapshot& peer, const std::vector<Prefix>& stack) {
    std::vector<IpAddress> out;
    for (const Prefix& prefix : peer.settings.allowed_ips) {
        if (out.size() == kAddressesOfPeer) break;
        if (prefix.length == 0) continue;
        IpAddress address = prefix.address;
        if (prefix.length < address.bits()) ++address.octets.at(address.is_v4() ? 3 : 15);
        const auto is_ours = [&address](const Prefix& own) { return own.address == address; };
        if (std::none_of(stack.begin(), stack.end(), is_ours)) out.push_back(address);
    }
    return out;
}

std::vector<std::size_t> sizes_for(std::size_t mtu) {
    std::vector<std::size_t> out;
    for (const std::size_t size : {kSmallPing, std::size_t{576}, std::size_t{1'280}, std::size_t{1'360}, mtu}) {
        if (size <= mtu && (out.empty() || size > out.back())) out.push_back(size);
    }
    return out;
}

// When the last doctor sent pings to this customer's peers is the time of this file: its pings are no sign that
// somebody uses a device.
std::string mark_path(const Invocation& invocation, const std::string& customer) {
    return invocation.run_dir + "/doctor-" + customer;
}

std::optional<std::uint32_t> marked_before(const std::string& path) {
    struct stat seen {};
    if (::lstat(path.c_str(), &seen) != 0) return std::nullopt;
    const std::int64_t age = read_wall_clock().nanoseconds / std::nano::den - seen.st_mtim.tv_sec;
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(age, 0, UINT32_MAX));
}

void mark(const std::string& path) {
    const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (file.valid()) (void)::futimens(file.get(), nullptr);
}

// Of `most` peers that have a session.
void ping_peers(diagnosis::Facts& facts, std::size_t most) {
    struct Place {
        std::string peer;
        std::size_t probe = 0;
        std::size_t size = 0;
    };
    const ipc::CustomerSettings& settings = facts.customer.settings;
    std::vector<Ping> pings;
    std::vector<Place> places;
    std::size_t watched = 0;
    for (const ipc::PeerSnapshot& peer : facts.peers) {
        if (!peer.activity.has_session || ++watched > most) continue;
        std::vector<diagnosis::Probe>& probes = facts.probes[peer.settings.name];
        for (const IpAddress& address : addresses_of(peer, settings.addresses)) {
            diagnosis::Probe probe{address, {}};
            const std::size_t smallest = pings.size();
            for (const std::size_t size : sizes_for(settings.mtu)) {
                places.push_back({peer.settings.name, probes.size(), probe.sizes.size()});
                pings.push_back({address, size, probe.sizes.empty() ? std::nullopt : std::optional(smallest)});
                probe.sizes.push_back({size});
            }
            probes.push_back(std::move(probe));
        }
    }
    const Status pinged = ping_from(settings.id, pings, kObserved);
    if (!pinged) facts.probes.clear();
    for (std::size_t i = 0; pinged && i < pings.size(); ++i) {
        auto& size = facts.probes[places[i].peer].at(places[i].probe).sizes.at(places[i].size);
        size.answered = pings[i].answered;
        size.is_lost = pings[i].is_lost;
    }
}

// --- one customer --------------------------------------------------------------------------------

// What no rule decides about is dropped, as far as this user can read the customer's file.
bool drops_by_default(const Invocation& invocation, const std::string& customer) {
    const std::string path = customer_path(invocation.config_dir, customer);
    const auto file = read_state(path);
    if (!file || !file->exists) return false;
    std::vector<config::Diagnostic> ignored;
    return config::parse_customer(path, customer, file->text, ignored).value.firewall.otherwise !=
           config::FirewallAction::kAccept;
}

// Rules that end packets, with how many. What a rule does stands at the end of what it says.
std::map<std::string, std::uint64_t> stopped_by(const Invocation& invocation, const std::string& customer) {
    std::map<std::string, std::uint64_t> out;
    const auto firewall = firewall_of(customer);
    if (!firewall) return out;
    for (const ShownRule& rule : firewall->rules) {
        const bool ends_packets = rule.summary.ends_with(" drop") || rule.summary.ends_with(" reject");
        if (rule.is_own && ends_packets) out[rule.name] = rule.packets;
        if (!rule.is_own && rule.name == "default" && drops_by_default(invocation, customer))
            out[rule.name] = rule.packets;
    }
    if (firewall->refused) out["max_connections"] = firewall->refused->packets;
    return out;
}

void keep_named(const std::string& name, CustomerStatus& customer) {
    if (name.empty()) return;
    std::erase_if(customer.peers, [&name](const auto& one) { return one.settings.name != name; });
    std::erase_if(customer.connections, [&name](const auto& one) { return one.connection.settings.name != name; });
}

std::vector<diagnosis::Connection> connections_of(const Invocation& invocation, const CustomerStatus& customer) {
    std::vector<diagnosis::Connection> out;
    for (const ConnectionStatus& one : customer.connections) {
        diagnosis::Connection connection{one.connection, std::nullopt};
        if (one.connection.state != ipc::ConnectionState::kUp) {
            const auto attempts =
                fetch_attempts(invocation.run_dir, {customer.customer.settings.id, one.connection.settings.name});
            if (attempts && !attempts->attempts.empty()) connection.last_attempt = attempts->attempts.back();
        }
        out.push_back(std::move(connection));
    }
    return out;
}

// `name`: of the peer or the connection that was asked about; "": all. `most`: peers that get pings.
Result<std::vector<diagnosis::Finding>> examine(const Invocation& invocation, CustomerStatus before,
                                                const std::string& name, std::size_t most) {
    const std::string id = before.customer.settings.id;
    keep_named(name, before);
    diagnosis::Facts facts;
    facts.peer = name;
    facts.customer = before.customer;
    facts.peers = before.peers;
    for (const ipc::PeerSnapshot& peer : before.peers) {
        facts.before[peer.settings.name] = peer.activity;
        if (peer.sent_seconds) facts.sent_before[peer.settings.name] = *peer.sent_seconds;
    }
    const auto hits = stopped_by(invocation, id);
    const auto began = std::chrono::steady_clock::now();
    facts.pinged_before = marked_before(mark_path(invocation, id));
    ping_peers(facts, most);
    mark(mark_path(invocation, id));
    // What comes in the meantime is seen also when there was nothing to wait for.
    std::this_thread::sleep_until(began + kObserved);
    auto after = fetch_snapshot(invocation.run_dir, {id, true});
    if (!after) return tl::unexpected<Error>(after.error());
    if (after->customers.size() != 1) return fail(ErrorCode::kNotFound, "no such customer");
    keep_named(name, after->customers[0]);
    facts.now = read_wall_clock();
    facts.customer = after->customers[0].customer;
    facts.peers = after->customers[0].peers;
    facts.refused = after->header.refused;
    if (facts.customer.settings.suspended) facts.suspended_by = suspended_reseller(invocation.config_dir, id);
    // A parked customer is well without a stack, one whose stack could not be made is not.
    if (facts.customer.activity.is_parked)
        facts.stack_problem = stack_problem_of(request_status(invocation.run_dir, id), id);
    for (const auto& [rule, count] : stopped_by(invocation, id)) {
        const auto found = hits.find(rule);
        facts.firewall.push_back({rule, found == hits.end() ? count : found->second, count});
    }
    facts.connections = connections_of(invocation, after->customers[0]);
    if (!name.empty()) {
        const StackdStatus stackd = request_status(invocation.run_dir, id);
        if (const auto found = stackd.disabled_peers.find(id); found != stackd.disabled_peers.end())
            facts.disabled = found->second.names;
        const bool is_known = !facts.peers.empty() || !facts.connections.empty() ||
                              std::count(facts.disabled.begin(), facts.disabled.end(), name) > 0;
        if (!is_known)
            return fail(ErrorCode::kInvalid, fmt::format("customer {} has no peer and no connection {}", id, name));
    }
    return diagnosis::findings_of(facts);
}

void append(std::vector<diagnosis::Finding>& to, std::vector<diagnosis::Finding> more) {
    to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

int run_doctor(const Invocation& invocation, Output& output) {
    const std::string customer = invocation.arguments.empty() ? "" : invocation.arguments[0];
    const std::string name = invocation.arguments.size() < 2 ? "" : invocation.arguments[1];
    auto snapshot = fetch_snapshot(invocation.run_dir, {customer, true});
    if (!snapshot) return complain_of(snapshot.error(), customer, output);
    if (!customer.empty() && snapshot->customers.size() != 1)
        return complain_of(Error{ErrorCode::kNotFound, "no such customer"}, customer, output);
    const std::size_t examined = std::min(snapshot->customers.size(), kMostCustomers);
    std::vector<diagnosis::Finding> findings = diagnosis::findings_of(machine_facts(invocation, *snapshot, examined));
    // Customers at the same time, as each takes a moment.
    const std::size_t peers = std::clamp(kPeersInAll / std::max<std::size_t>(examined, 1), kLeastPeers, kMostPeers);
    std::vector<Result<std::vector<diagnosis::Finding>>> results(examined);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < examined; ++i) {
        threads.emplace_back(
            [&, i] { results[i] = examine(invocation, std::move(snapshot->customers[i]), name, peers); });
    }
    for (std::thread& one : threads) one.join();
    for (auto& result : results) {
        if (!result) return complain_of(result.error(), customer, output);
        append(findings, std::move(*result));
    }
    if (examined < snapshot->customers.size())
        output.err << fmt::format("vpnctl: only the first {} customers were examined; name one to see it\n", examined);
    if (invocation.json) {
        output.out << findings_json(findings);
    } else {
        output.out << (findings.empty() ? std::string("nothing is wrong that can be seen from here\n")
                                        : findings_text(findings));
    }
    return findings.empty() ? kDone : kAnswerIsNo;
}

}  // namespace warren::ctl
