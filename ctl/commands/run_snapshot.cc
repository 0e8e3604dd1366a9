// status, customers, peers, counters, drops, wg
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/printable.h"
#include "config/parse.h"
#include "ctl/ask/control_client.h"
#include "ctl/commands/complaints.h"
#include "ctl/commands/page_findings.h"
#include "ctl/commands/reseller_files.h"
#include "ctl/files/customer_file.h"
#include "ctl/runners.h"
#include "ctl/show/firewall.h"
#include "ctl/show/json_views.h"
#include "ctl/show/stack_views.h"
#include "ctl/show/table.h"
#include "ctl/show/text_views.h"
#include "ctl/show/wg_show.h"
#include "health/health.h"

namespace warren::ctl {

namespace {

constexpr std::size_t kMostUnserved = 64;  // customers that are named

// The customer named as the first argument, "" for all.
std::string customer_of(const Invocation& invocation) {
    return invocation.arguments.empty() ? "" : invocation.arguments[0];
}

// The requested customers; kNotFound also when vpnd sends nothing about the one that was named.
Result<Snapshot> snapshot_of(const Invocation& invocation, bool with_peers) {
    auto snapshot = fetch_snapshot(invocation.run_dir, {customer_of(invocation), with_peers});
    if (snapshot && !invocation.arguments.empty() && snapshot->customers.size() != 1)
        return fail(ErrorCode::kNotFound, "no such customer");
    return snapshot;
}

// Fetches a snapshot and passes it to `show`; prints the error otherwise.
template <typename Show>
int with_snapshot(const Invocation& invocation, bool with_peers, Output& output, Show show) {
    auto snapshot = snapshot_of(invocation, with_peers);
    return snapshot ? show(std::move(*snapshot)) : complain_of(snapshot.error(), customer_of(invocation), output);
}

int print(Output& output, const std::string& text) {
    output.out << text;
    return kDone;
}

// Whether all is well, as far as vpnctl can see by itself; with a customer: what concerns it, the appliance and the
// daemons.
std::vector<health::Finding> findings_of(const StackdStatus& stackd, const Result<Snapshot>& snapshot,
                                         const std::string& customer) {
    health::Situation situation;
    situation.stackd_silence = stackd.silence;
    for (const ipc::ControlText& problem : stackd.problems) {
        if (customer.empty() || problem.customer.empty() || problem.customer == customer)
            situation.problems.push_back({problem, {}});
    }
    situation.vpnd_answers = snapshot || snapshot.error().code != ErrorCode::kUnavailable;
    situation.under_load = snapshot && snapshot->header.under_load;
    if (!snapshot) return health::findings_of(situation);
    for (const CustomerStatus& one : snapshot->customers) {
        const std::uint32_t unserved = one.customer.connections_unserved;
        if (unserved == 0 || one.customer.settings.suspended || situation.unserved.size() == kMostUnserved) continue;
        const std::string& id = one.customer.settings.id;
        situation.unserved.push_back(
            {id,
             fmt::format("{}: {} of IPsec {} not served; vpnctl ipsec {} says why", id,
                         unserved == 1 ? "a connection" : fmt::format("{} connections", unserved),
                         unserved == 1 ? "is" : "are", id),
             {}});
    }
    return health::findings_of(situation);
}

// Of the customer that was asked about; nothing: of none, or of one that is no reseller.
std::optional<ResellerUse> use_of(const Invocation& invocation, const std::string& customer) {
    return config::is_customer_id(customer) ? reseller_use(invocation.config_dir, customer) : std::nullopt;
}

// What it is as a reseller, and which reseller suspends it.
std::string reseller_text(const Invocation& invocation, const ipc::CustomerSnapshot& customer) {
    const std::string& id = customer.settings.id;
    std::string out;
    if (const auto use = use_of(invocation, id)) {
        const auto of = [](std::size_t used, const std::optional<std::uint32_t>& cap) {
            return cap ? fmt::format("{} of {}", used, *cap) : fmt::format("{}", used);
        };
        out +=
            fmt::format("reseller    customers {}, peers {}, share {}\n", of(use->customers, use->caps.max_customers),
                        of(use->peers, use->caps.max_peers), use->caps.share);
    }
    if (!customer.settings.suspended || !config::is_customer_id(id)) return out;
    if (const std::string above = suspended_reseller(invocation.config_dir, id); !above.empty())
        out += fmt::format("suspended   its reseller {} is suspended; vpnctl customer resume {}\n", above, above);
    return out;
}

// What its file says for people, where this user can read it: vpnd does not know it.
std::string descriptions_text(const Invocation& invocation, const std::string& customer) {
    const std::string path = customer_path(invocation.config_dir, customer);
    const auto file = config::is_customer_id(customer) ? read_state(path) : Result<FileState>();
    if (!file || !file->exists) return {};
    std::vector<config::Diagnostic> ignored;
    const config::Customer described = config::parse_customer(path, customer, file->text, ignored).value;
    Table peers({{"PEER"}, {"DESCRIPTION"}});
    for (const config::Peer& peer : described.peers) {
        if (!peer.description.empty()) peers.add({peer.name, peer.description});
    }
    std::string out;
    if (!described.description.empty()) out += fmt::format("\n{}\n", printable(described.description));
    if (!peers.empty()) out += '\n' + peers.text();
    return out;
}

// What the customer's programs spent, beside what vpnd did for its packets; "" when none ran.
std::string programs_line(const std::string& customer) {
    if (!config::is_customer_id(customer)) return {};
    const auto groups = CustomerGroups::open();
    StackProcessor processor;
    if (groups) processor.programs = groups->usage(customer);
    return processor.programs ? fmt::format("programs    {}\n", programs_text(processor)) : std::string();
}

// As the status page shows it: it had peers online, and has none.
bool is_down(const CustomerStatus& status) {
    if (status.customer.settings.suspended || peers_online_of(status.customer) > 0) return false;
    return std::any_of(status.peers.begin(), status.peers.end(),
                       [](const ipc::PeerSnapshot& peer) { return peer.state == ipc::PeerState::kIdle; }) ||
           std::any_of(status.connections.begin(), status.connections.end(), [](const ConnectionStatus& one) {
               return peer_state_of(one.connection) == ipc::PeerState::kIdle;
           });
}

// Leaves the peers that are idle; `all`: also those that were never online.
void keep_offline(Snapshot& snapshot, bool all) {
    const auto is_shown = [all](ipc::PeerState state) {
        return state == ipc::PeerState::kIdle || (all && state == ipc::PeerState::kNever);
    };
    for (CustomerStatus& customer : snapshot.customers) {
        std::erase_if(customer.peers, [&](const ipc::PeerSnapshot& peer) { return !is_shown(peer.state); });
        std::erase_if(customer.connections,
                      [&](const ConnectionStatus& one) { return !is_shown(peer_state_of(one.connection)); });
    }
    std::erase_if(snapshot.customers,
                  [](const CustomerStatus& one) { return one.peers.empty() && one.connections.empty(); });
}

// A silent stackd is more than an answer that is no: nobody knows what else needs attention.
int exit_status_of(const StackdStatus& stackd, const std::vector<health::Finding>& findings) {
    if (!stackd.silence.empty()) return kUnreachable;
    return findings.empty() ? kDone : kAnswerIsNo;
}

}  // namespace

int complain_of(const Error& error, const std::string& customer, Output& output) {
    if (error.code == ErrorCode::kUnavailable) return complain(output, kUnreachable, error.what);
    if (error.code == ErrorCode::kNotFound)
        return complain(output, kFailed,
                        fmt::format("no customer {} is served; vpnctl customers lists those that are", customer));
    return complain(output, kFailed, error.what);
}

int run_status(const Invocation& invocation, Output& output) {
    const std::string customer = customer_of(invocation);
    const StackdStatus stackd = request_status(invocation.run_dir, customer);
    const auto snapshot = snapshot_of(invocation, invocation.json || !customer.empty());
    auto findings = findings_of(stackd, snapshot, customer);
    for (health::Finding& each : page_findings(invocation.run_dir, customer)) findings.push_back(std::move(each));
    health::sort(findings);
    const int status = exit_status_of(stackd, findings);
    if (!snapshot) {
        const bool is_known =
            snapshot.error().code == ErrorCode::kNotFound &&
            std::any_of(findings.begin(), findings.end(), [&](const auto& one) { return one.customer == customer; });
        // Also when vpnd does not reply: it is needed most then. Nothing when none does: the error says all.
        const bool is_silent = snapshot.error().code == ErrorCode::kUnavailable && stackd.silence.empty();
        if (!invocation.json && (is_known || (is_silent && customer.empty())))
            output.out << health_text(stackd, findings);
        return is_known && !invocation.json ? status : complain_of(snapshot.error(), customer, output);
    }
    if (invocation.json) {
        output.out << status_json(*snapshot, stackd, findings, use_of(invocation, customer));
        return status;
    }
    const auto firewall = customer.empty() ? Result<ShownFirewall>() : firewall_of(customer);
    const WallTime now = read_wall_clock();
    output.out << health_text(stackd, findings) << offline_text(*snapshot) << expiry_text(*snapshot, now)
               << (firewall ? connections_line(*firewall) : std::string()) << programs_line(customer)
               << (customer.empty() ? std::string() : reseller_text(invocation, snapshot->customers[0].customer))
               << (customer.empty() ? status_text(*snapshot)
                                    : customer_text(snapshot->customers[0], disabled_peers_of(stackd, customer)) +
                                          descriptions_text(invocation, customer));
    return status;
}

int run_customers(const Invocation& invocation, Output& output) {
    if (invocation.past.idle) return complain(output, kUsage, "customers takes --down, and no --idle");
    const bool down = invocation.past.down;
    return with_snapshot(invocation, down, output, [&](Snapshot snapshot) {
        if (down) std::erase_if(snapshot.customers, [](const CustomerStatus& one) { return !is_down(one); });
        return print(output, invocation.json ? customers_json(snapshot) : customers_text(snapshot));
    });
}

int run_peers(const Invocation& invocation, Output& output) {
    const PastOptions& choice = invocation.past;
    return with_snapshot(invocation, true, output, [&](Snapshot snapshot) {
        if (choice.down || choice.idle) keep_offline(snapshot, choice.down);
        return print(output,
                     invocation.json ? peers_json(snapshot) : peers_text(snapshot, invocation.arguments.empty()));
    });
}

int run_counters(const Invocation& invocation, Output& output) {
    return with_snapshot(invocation, false, output, [&](const Snapshot& snapshot) {
        return print(output, invocation.json ? counters_json(snapshot) : counters_text(snapshot));
    });
}

int run_drops(const Invocation& invocation, Output& output) {
    return with_snapshot(invocation, false, output, [&](const Snapshot& snapshot) {
        return print(output, invocation.json ? drops_json(snapshot) : drops_text(snapshot));
    });
}

int run_wg(const Invocation& invocation, Output& output) {
    return with_snapshot(invocation, true, output, [&](const Snapshot& snapshot) {
        const CustomerStatus& customer = snapshot.customers[0];
        return print(output, invocation.json ? wg_json(customer) : wg_show_text(customer));
    });
}

}  // namespace warren::ctl
