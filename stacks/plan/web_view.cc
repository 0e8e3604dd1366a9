#include "stacks/plan/web_view.h"

#include "stacks/plan/desired.h"

namespace warren::stacks {

std::vector<ipc::WebStack> web_stacks_of(const config::Generation& generation) {
    std::vector<ipc::WebStack> out;
    for (const auto& accepted : generation.customers) {
        const config::Customer& customer = accepted->customer;
        ipc::WebStack stack;
        stack.customer = customer.id;
        if (customer.handoff) {
            stack.lan = name_of(customer.handoff->type);
            stack.lan_parent = customer.handoff->parent;
            stack.lan_addresses = customer.handoff->addresses;
        }
        for (const config::StaticRoute& route : customer.stack.routes) {
            if (stack.routes.size() < ipc::WebStack::kMaxRoutes) stack.routes.emplace_back(route.to, route.via);
        }
        for (const config::Peer& peer : customer.peers) {
            if (!peer.enabled && stack.disabled_peers.size() < ipc::WebStack::kMaxDisabled)
                stack.disabled_peers.push_back(peer.name);
        }
        if (!stack.lan.empty() || !stack.routes.empty() || !stack.disabled_peers.empty())
            out.push_back(std::move(stack));
    }
    return out;
}

}  // namespace warren::stacks
