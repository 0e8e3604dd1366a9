// What an operator wants of one peer or connection, between two applies: vpnd is asked for it.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "base/log.h"
#include "stacks/reconciler.h"

namespace warren::stacks {

namespace {

constexpr std::uint8_t kFailed = 4;

}  // namespace

Report Reconciler::reset_peer(VpndLink& link, const std::string& customer, const std::string& name) {
    const config::AcceptedCustomer* accepted = current_.find(customer);
    if (accepted == nullptr) return {{}, false, kFailed, "there is no customer " + customer};
    const auto has = [&name](const auto& tunnels) {
        return std::any_of(tunnels.begin(), tunnels.end(), [&](const auto& one) { return one.name == name; });
    };
    const auto& ipsec = accepted->customer.ipsec;
    const bool is_connection = ipsec && has(ipsec->connections);
    if (!is_connection && !has(accepted->customer.peers))
        return {{}, false, kFailed, "customer " + customer + " has no peer " + name};
    if (!link.is_connected()) return {{}, false, kFailed, "vpnd is not running; try again when it is"};
    ++number_;
    if (const Status done = view_.ask(link, number_, ipc::ResetPeer{customer, name}); !done) {
        if (done.error().code != ErrorCode::kInvalid) link.close();
        log(LogLevel::kError, "peer_not_reset",
            {{"customer", customer}, {"peer", name}, {"reason", done.error().what}});
        return {{}, false, kFailed, done.error().what};
    }
    log(LogLevel::kInfo, "peer_reset", {{"customer", customer}, {"peer", name}});
    const std::string done = is_connection ? ": its tunnels are over"
                                           : ": its sessions are over, its timestamp and its endpoint are forgotten";
    return {{}, false, 0, customer + " " + name + done};
}

Report Reconciler::operate_connection(VpndLink& link, const std::string& customer, const std::string& name,
                                      ipc::ConnectionAction action) {
    const config::AcceptedCustomer* accepted = current_.find(customer);
    if (accepted == nullptr) return {{}, false, kFailed, "there is no customer " + customer};
    const config::Connection* connection = nullptr;
    if (const auto& ipsec = accepted->customer.ipsec) {
        for (const config::Connection& one : ipsec->connections)
            if (one.name == name) connection = &one;
    }
    if (connection == nullptr) return {{}, false, kFailed, "customer " + customer + " has no IPsec connection " + name};
    if (!connection->enabled) return {{}, false, kFailed, customer + " " + name + " is disabled in its file"};
    if (action == ipc::ConnectionAction::kInitiate && !connection->remote_address)
        return {{}, false, kFailed, customer + " " + name + " has no remote_address: only its peer can begin"};
    if (!link.is_connected()) return {{}, false, kFailed, "vpnd is not running; try again when it is"};
    ++number_;
    if (const Status done = view_.ask(link, number_, ipc::OperateConnection{customer, name, action}); !done) {
        if (done.error().code != ErrorCode::kInvalid) link.close();
        log(LogLevel::kError, "connection_not_operated",
            {{"customer", customer}, {"connection", name}, {"reason", done.error().what}});
        return {{}, false, kFailed, done.error().what};
    }
    log(LogLevel::kInfo, "connection_operated",
        {{"customer", customer}, {"connection", name}, {"action", std::string(ipc::name_of(action))}});
    return {{},
            false,
            0,
            fmt::format("{} {}: asked to {}; see vpnctl ipsec {} {}", customer, name, ipc::name_of(action), customer,
                        name)};
}

}  // namespace warren::stacks
