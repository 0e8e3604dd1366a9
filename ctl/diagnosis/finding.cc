#include "ctl/diagnosis/finding.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "base/drop_reason.h"
#include "ctl/diagnosis/peer_rules.h"

namespace warren::diagnosis {

namespace {

constexpr std::array<std::string_view, kKinds> kNames{"port_unreachable",
                                                      "machine_clock",
                                                      "suspended",
                                                      "stack_incomplete",
                                                      "wrong_server_key",
                                                      "unknown_client_key",
                                                      "preshared_key",
                                                      "client_clock",
                                                      "shared_key",
                                                      "nat_rebinds",
                                                      "no_return_path",
                                                      "source_refused",
                                                      "mtu_black_hole",
                                                      "firewall_drops",
                                                      "quota_spent",
                                                      "expired",
                                                      "disabled",
                                                      "test_link",
                                                      "previous_server_key",
                                                      "connection_down",
                                                      "connection_unserved",
                                                      "silent"};

// A clock of before this program was written is wrong. 2026-01-01.
constexpr std::int64_t kOldest = 1'767'225'600;
constexpr std::uint32_t kClockTolerance = 300;  // seconds
constexpr std::uint32_t kClockLately = 3'600;   // likewise
constexpr std::size_t kAgreeing = 2;            // clients that our clock is behind of, and more than those that agree

std::string port_text(const ipc::ListenerSnapshot& listener) {
    return fmt::format("{}/{}", listener.port, listener.protocol == ipc::Protocol::kTcp ? "tcp" : "udp");
}

void add_listener(const Listener& one, std::vector<Finding>& out) {
    const std::string port = port_text(one.listener);
    const std::string& owner = one.listener.id.owner;
    if (!one.is_bound) {
        out.push_back({Kind::kPortUnreachable, owner, "",
                       fmt::format("No program of this machine listens at port {}.", port),
                       "the kernel's list of sockets does not have it",
                       "vpnctl status says whether vpnd runs; journalctl -u 'warren*' why it does not have the port"});
    } else if (one.comes_through == false) {
        out.push_back({Kind::kPortUnreachable, owner, "",
                       fmt::format("What is sent to port {} does not come to vpnd.", port),
                       "a datagram that this machine sent to its own port, by its loopback address, was not counted",
                       fmt::format("let udp port {} in: nft list ruleset shows what this machine's firewall drops",
                                   one.listener.port)});
    }
}

// `peer` "": the quota is the customer's.
void add_quota(const std::string& id, const std::string& peer, std::uint64_t quota, std::uint64_t after_quota,
               const ipc::MonthUsage& month, std::vector<Finding>& out) {
    if (quota == 0 || !month.is_spent) return;
    const std::string whose = peer.empty() ? "Customer " + id : peer;
    out.push_back({Kind::kQuotaSpent, id, peer,
                   after_quota == 0 ? fmt::format("{} has spent its quota: nothing passes until the next month.", whose)
                                    : fmt::format("{} has spent its quota: only {} bit/s pass until the next month.",
                                                  whose, after_quota),
                   fmt::format("{} bytes of {} in this month of UTC", month.rx_bytes + month.tx_bytes, quota),
                   fmt::format("raise the quota in the customer's file, or give a rate in after_quota; vpnctl usage {} "
                               "shows who used it",
                               id)});
}

void add_connection(const Facts& facts, const Connection& one, std::vector<Finding>& out) {
    const ipc::ConnectionSnapshot& connection = one.connection;
    const std::string& id = facts.customer.settings.id;
    const std::string& name = connection.settings.name;
    if (connection.state == ipc::ConnectionState::kUnserved) {
        out.push_back({Kind::kConnectionUnserved, id, name, fmt::format("vpnd does not serve connection {}.", name),
                       connection.reason, "change what the reason names in the customer's file"});
        return;
    }
    if (connection.state == ipc::ConnectionState::kUp) return;
    const std::string failure =
        !connection.activity.last_failure.empty() ? connection.activity.last_failure : connection.reason;
    if (failure.empty() && facts.peer != name) return;
    std::string evidence = failure.empty() ? "nobody has tried" : failure;
    std::string advice;
    if (one.last_attempt && !one.last_attempt->failure.empty()) {
        const ipc::AttemptSnapshot& last = *one.last_attempt;
        evidence = fmt::format("{} ({}, with {})", last.sentence, last.failure, to_string(last.endpoint));
        if (!last.offered.empty()) evidence += fmt::format("; offered {}", last.offered);
        if (!last.accepted.empty()) evidence += fmt::format("; we take {}", last.accepted);
    }
    for (const DropReasonRow& row : drop_reasons()) {
        if (row.name == failure) advice = row.advice;
    }
    if (advice.empty())
        advice = fmt::format(
            "vpnctl ipsec {} {} --why shows the last attempts; a peer whose algorithms for IKE are not "
            "taken is none of them yet, but counted: vpnctl drops, ike_no_proposal",
            id, name);
    out.push_back({Kind::kConnectionDown, id, name, fmt::format("Connection {} is down.", name), evidence, advice});
}

}  // namespace

std::string_view name_of(Kind kind) {
    return kNames.at(static_cast<std::size_t>(kind));
}

std::vector<Finding> findings_of(const MachineFacts& facts) {
    std::vector<Finding> out;
    for (const Listener& one : facts.listeners) add_listener(one, out);
    const std::int64_t now = facts.now.nanoseconds / std::nano::den;
    std::vector<std::string> ahead;
    std::size_t shown = 0;  // clients that showed their clocks lately
    for (const ipc::PeerSnapshot& peer : facts.peers) {
        if (peer.latest_handshake_seconds.value_or(UINT32_MAX) > kClockLately) continue;
        ++shown;
        if (peer.ahead_seconds > kClockTolerance) ahead.push_back(peer.settings.name);
    }
    if (now < kOldest || (ahead.size() >= kAgreeing && 2 * ahead.size() > shown)) {
        out.push_back({Kind::kMachineClock, "", "", "The clock of this machine is behind.",
                       now < kOldest ? "it shows a time before this program was written"
                                     : fmt::format("the clocks of {} clients of {} are ahead of it, such as {}",
                                                   ahead.size(), shown, ahead.front()),
                       "set it, and let it follow a time server: timedatectl"});
    }
    return out;
}

std::vector<Finding> findings_of(const Facts& facts) {
    std::vector<Finding> out;
    const std::string& id = facts.customer.settings.id;
    if (facts.customer.settings.suspended) {
        if (const std::string& reseller = facts.suspended_by; !reseller.empty()) {
            out.push_back({Kind::kSuspended, id, "", fmt::format("Customer {} is suspended: it has no tunnels.", id),
                           fmt::format("its reseller {} is suspended", reseller),
                           fmt::format("vpnctl customer resume {}", reseller)});
            return out;
        }
        out.push_back({Kind::kSuspended, id, "", fmt::format("Customer {} is suspended: it has no tunnels.", id),
                       "state = \"suspended\" in its file", fmt::format("vpnctl customer resume {}", id)});
        return out;
    }
    if (!facts.stack_problem.empty()) {
        out.push_back({Kind::kStackIncomplete, id, "",
                       fmt::format("The stack of customer {} could not be made: nothing gets in or out of it.", id),
                       facts.stack_problem, "see vpnctl status and journalctl -u warren"});
    }
    const ipc::CustomerSettings& settings = facts.customer.settings;
    if (settings.emulate_up != ipc::LinkEmulation{} || settings.emulate_down != ipc::LinkEmulation{}) {
        out.push_back(
            {Kind::kTestLink, id, "",
             fmt::format("Customer {} is a test link: what its tunnels carry is delayed or lost on purpose.", id),
             fmt::format("[traffic.emulate] in its file; vpnctl status {} shows what it does", id),
             "remove it when the test is over, then vpnctl apply"});
    }
    for (const std::string& name : facts.disabled) {
        if (name != facts.peer) continue;
        out.push_back({Kind::kDisabled, id, name, fmt::format("Peer {} is disabled.", name),
                       "enabled = false in the customer's file", fmt::format("vpnctl peer enable {} {}", id, name)});
    }
    add_quota(id, "", settings.quota, settings.after_quota, facts.customer.activity.month, out);
    for (const ipc::PeerSnapshot& peer : facts.peers) {
        const ipc::Limits& limits = peer.settings.limits;
        add_quota(id, peer.settings.name, limits.quota, limits.after_quota, peer.activity.month, out);
        add_peer_findings(facts, peer, out);
    }
    for (const Connection& one : facts.connections) {
        const ipc::ConnectionSettings& served = one.connection.settings;
        add_quota(id, served.name, served.limits.quota, served.limits.after_quota, one.connection.activity.month, out);
        add_connection(facts, one, out);
    }
    for (const Hits& hits : facts.firewall) {
        if (hits.after <= hits.before) continue;
        out.push_back(
            {Kind::kFirewallDrops, id, "",
             fmt::format("The customer's own firewall stops packets now, by its rule \"{}\".", hits.rule),
             fmt::format("{} packets while this was watched, {} in all", hits.after - hits.before, hits.after),
             fmt::format("vpnctl firewall {} shows the rules; vpnctl capture {} the packets", id, id)});
    }
    return out;
}

}  // namespace warren::diagnosis
