#include "stacks/plan/web_view.h"

#include "ipc/disabled_peers.h"
#include "stacks/plan/desired.h"

namespace warren::stacks {

namespace {

// Bytes of names in a text; a text has at most 8192 (stacks/control_server.cc).
constexpr std::size_t kMostNames = 8000;
constexpr std::size_t kMostNamesOfMany = 200;  // when all customers are told

std::vector<std::string> disabled_of(const config::Customer& customer) {
    std::vector<std::string> out;
    for (const config::Peer& peer : customer.peers) {
        if (!peer.enabled) out.push_back(peer.name);
    }
    return out;
}

// The first of them.
std::vector<std::pair<std::string, std::string>> descriptions_of(const config::Customer& customer) {
    std::vector<std::pair<std::string, std::string>> out;
    for (const config::Peer& peer : customer.peers) {
        if (peer.description.empty()) continue;
        if (out.size() >= ipc::WebStack::kMaxDescriptions) break;
        out.emplace_back(peer.name, peer.description);
    }
    return out;
}

// Returns how many it removes.
std::uint32_t cut(auto& list, std::size_t most) {
    if (list.size() <= most) return 0;
    const auto more = static_cast<std::uint32_t>(list.size() - most);
    list.resize(most);
    return more;
}

}  // namespace

std::set<std::string> incomplete_stacks(const std::vector<ipc::ControlText>& problems) {
    std::set<std::string> out;
    for (const ipc::ControlText& problem : problems) {
        if (problem.kind == ipc::ControlText::Kind::kIncomplete) out.insert(problem.customer);
    }
    return out;
}

std::vector<ipc::WebStack> web_stacks_of(const config::Generation& generation,
                                         const std::set<std::string>& incomplete) {
    std::vector<ipc::WebStack> out;
    out.reserve(generation.customers.size());
    for (const auto& accepted : generation.customers) {
        const config::Customer& customer = accepted->customer;
        ipc::WebStack& stack = out.emplace_back();
        stack.customer = customer.id;
        stack.complete = !incomplete.contains(customer.id);
        if (customer.handoff) {
            stack.lan = name_of(customer.handoff->type);
            stack.lan_parent = customer.handoff->parent;
            stack.lan_addresses = customer.handoff->addresses;
        }
        for (const config::StaticRoute& route : customer.stack.routes) stack.routes.emplace_back(route.to, route.via);
        stack.more_routes = cut(stack.routes, ipc::WebStack::kMaxRoutes);
        stack.disabled_peers = disabled_of(customer);
        stack.more_disabled = cut(stack.disabled_peers, ipc::WebStack::kMaxDisabled);
        stack.description = customer.description;
        stack.peer_descriptions = descriptions_of(customer);
        stack.max_peers = customer.max_peers;
    }
    return out;
}

std::vector<ipc::ControlText> disabled_peers_of(const config::Generation& generation, const std::string& customer) {
    std::vector<ipc::ControlText> out;
    for (const auto& accepted : generation.customers) {
        const std::string& id = accepted->customer.id;
        if (!customer.empty() && id != customer) continue;
        const std::vector<std::string> names = disabled_of(accepted->customer);
        if (names.empty()) continue;
        const std::size_t most = customer.empty() ? kMostNamesOfMany : kMostNames;
        out.push_back({ipc::ControlText::Kind::kFact, id, ipc::text_of(names, most)});
    }
    return out;
}

}  // namespace warren::stacks
