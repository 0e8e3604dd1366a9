// ipsec
#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "ctl/ask/control_client.h"
#include "ctl/commands/complaints.h"
#include "ctl/commands/request.h"
#include "ctl/runners.h"
#include "ctl/show/ipsec_views.h"
#include "ipc/certificate_facts.h"

namespace warren::ctl {

namespace {

constexpr int kPatienceSeconds = 5;  // for stackd

// Customer and connection as they were named, "" for all.
std::string argument(const Invocation& invocation, std::size_t position) {
    return position < invocation.arguments.size() ? invocation.arguments[position] : "";
}

int complain_of_connection(const std::string& customer, const std::string& connection, Output& output) {
    return complain(output, kFailed,
                    fmt::format("no connection {} of {} is served; vpnctl ipsec {} lists those that are", connection,
                                customer, customer));
}

// `connections`: those whose attempts are shown.
int show_attempts(const Invocation& invocation, const std::vector<ConnectionStatus>& connections, Output& output) {
    const ipc::AttemptsRequest request{argument(invocation, 0), argument(invocation, 1)};
    auto attempts = fetch_attempts(invocation.run_dir, request);
    if (!attempts) return complain_of(attempts.error(), request.customer, output);
    for (const ConnectionStatus& one : connections) {
        if (one.connection.state == ipc::ConnectionState::kUnserved)
            attempts->unserved.push_back({one.connection.settings.name, one.connection.reason});
    }
    output.out << (invocation.json ? attempts_json(*attempts) : attempts_text(*attempts));
    return kDone;
}

// Why the order would have no effect; "": it has one, or stackd knows better.
std::string obstacle_to(ipc::ConnectionAction action, const ConnectionStatus& connection) {
    const auto& ike_sas = connection.ike_sas;
    if (connection.connection.state == ipc::ConnectionState::kUnserved)
        return "is not served: " + connection.connection.reason;
    switch (action) {
        case ipc::ConnectionAction::kInitiate: return ike_sas.empty() ? "" : "has an IKE SA already";
        case ipc::ConnectionAction::kRekey:
            return std::any_of(ike_sas.begin(), ike_sas.end(),
                               [](const IkeSaStatus& sa) { return sa.ike_sa.is_established; })
                       ? ""
                       : "has no IKE SA to rekey";
        case ipc::ConnectionAction::kTerminate: return ike_sas.empty() ? "has no IKE SA to terminate" : "";
    }
    return "";
}

int order(const Invocation& invocation, const ConnectionStatus& connection, Output& output) {
    const std::string& customer = invocation.arguments[0];
    const std::string& name = invocation.arguments[1];
    const std::string& verb = invocation.arguments[2];
    const auto found = std::find(ipc::kConnectionActionNames.begin(), ipc::kConnectionActionNames.end(), verb);
    const auto action = static_cast<ipc::ConnectionAction>(found - ipc::kConnectionActionNames.begin());
    if (const std::string obstacle = obstacle_to(action, connection); !obstacle.empty())
        return complain(output, kFailed, fmt::format("connection {} of {} {}", name, customer, obstacle));
    return request_from_stackd({ipc::ControlVerb::kOperateConnection, std::nullopt, customer, name, action}, invocation,
                               output);
}

// Of the customer that is named; none when stackd does not answer: vpnd, who was asked before, has no certificate.
std::vector<ipc::CertificateFact> certificates_of(const Invocation& invocation) {
    std::vector<ipc::CertificateFact> out;
    const ipc::ControlRequest request{ipc::ControlVerb::kStatus, std::nullopt, invocation.arguments[0]};
    const auto take = [&](const ipc::ControlText& text) {
        if (text.kind != ipc::ControlText::Kind::kFact || text.customer != invocation.arguments[0]) return;
        if (auto fact = ipc::parse_certificate_fact(text.text)) out.push_back(std::move(*fact));
    };
    if (!send_request(invocation.run_dir, request, take, {}, kPatienceSeconds)) out.clear();
    return out;
}

bool is_order(std::string_view word) {
    const auto& names = ipc::kConnectionActionNames;
    return std::find(names.begin(), names.end(), word) != names.end();
}

}  // namespace

int run_ipsec(const Invocation& invocation, Output& output) {
    const std::string customer = argument(invocation, 0);
    const std::string name = argument(invocation, 1);
    const bool is_ordered = invocation.arguments.size() > 2;
    if (is_ordered && (invocation.why || !is_order(invocation.arguments[2])))
        return complain(output, kUsage,
                        fmt::format("ipsec CUSTOMER CONNECTION: use {}, without --why",
                                    fmt::join(ipc::kConnectionActionNames, ", ")));
    // What an attempt is of is looked for first, so that the two say the same of what is not there.
    const bool with_ike_sas = !invocation.why || !customer.empty();
    auto snapshot = fetch_snapshot(invocation.run_dir, {customer, false, 0, 0, with_ike_sas});
    if (!snapshot) return complain_of(snapshot.error(), customer, output);
    if (!snapshot->header.has_ike)
        return complain(output, kFailed, "this appliance has no IPsec: warren.toml in force has no [ipsec]");
    if (!customer.empty() && snapshot->customers.size() != 1)
        return complain_of(Error{ErrorCode::kNotFound, "no such customer"}, customer, output);
    if (!name.empty()) {
        auto& connections = snapshot->customers[0].connections;
        std::erase_if(connections,
                      [&name](const ConnectionStatus& one) { return one.connection.settings.name != name; });
        if (connections.empty()) return complain_of_connection(customer, name, output);
    }
    if (is_ordered) return order(invocation, snapshot->customers[0].connections[0], output);
    if (invocation.why)
        return show_attempts(invocation,
                             customer.empty() ? std::vector<ConnectionStatus>{} : snapshot->customers[0].connections,
                             output);
    const auto certificates = customer.empty() ? std::vector<ipc::CertificateFact>{} : certificates_of(invocation);
    if (invocation.json) {
        output.out << ipsec_json(*snapshot, certificates);
    } else if (customer.empty()) {
        output.out << ipsec_text(*snapshot);
    } else {
        const std::string ends = certificates_text(certificates, read_wall_clock());
        output.out << connections_text(snapshot->customers[0]) << (ends.empty() ? "" : "\n" + ends);
    }
    return kDone;
}

}  // namespace warren::ctl
