#include "stacks/plan/renames.h"

#include <algorithm>
#include <set>
#include <utility>
#include <variant>

#include "base/kernel_names.h"
#include "config/customer_id.h"
#include "stacks/plan/desired.h"

namespace warren::stacks {

namespace {

constexpr std::string_view kPassing = ".new";
static_assert(kPassing.substr(1) == config::kReservedName);  // no customer id ends with it

const config::SecretRef& key_of(const config::WireguardListener& listener) {
    return listener.private_key;
}

// IKE's listener is the appliance's: no customer has one.
const config::SecretRef& key_of(const config::IkeListener& /*listener*/) {
    static const config::SecretRef kNone;
    return kNone;
}

bool same_listener(const config::Listener& one, const config::Secrets& its, const config::Listener& other,
                   const config::Secrets& others) {
    if (one.port != other.port || one.settings.index() != other.settings.index()) return false;
    const auto ref_of = [](const auto& settings) -> const config::SecretRef& { return key_of(settings); };
    return its.same(std::visit(ref_of, one.settings), others, std::visit(ref_of, other.settings));
}

// As the peers see them.
bool same_listeners(const config::AcceptedCustomer& one, const config::AcceptedCustomer& other) {
    const auto& listeners = one.customer.listeners;
    return listeners.size() == other.customer.listeners.size() &&
           std::all_of(listeners.begin(), listeners.end(), [&](const config::Listener& listener) {
               const auto* const same = config::find(other.customer.listeners, config::kind_of(listener));
               return same != nullptr && same_listener(listener, one.secrets, *same, other.secrets);
           });
}

using Peers = std::vector<PeerIdentity>;  // sorted

Peers peers_of(const config::Customer& customer) {
    Peers out;
    for (const config::Peer& peer : customer.peers) out.push_back(config::identity_of(peer.tunnel));
    for (std::size_t i = 0; customer.ipsec && i < customer.ipsec->connections.size(); ++i)
        out.push_back(config::identity_of(*customer.ipsec, customer.ipsec->connections[i]));
    std::sort(out.begin(), out.end());
    return out;
}

// What has no peers is known by its file, word for word.
bool same_file(const config::AcceptedCustomer& one, const config::AcceptedCustomer& other) {
    return !one.text.empty() && one.text == other.text;
}

bool same_tunnels(const config::AcceptedCustomer& one, const config::AcceptedCustomer& other) {
    return &one == &other || (peers_of(one.customer) == peers_of(other.customer) && same_listeners(one, other));
}

using ByPeers = std::map<Peers, std::vector<const config::AcceptedCustomer*>>;

// Those whose id has no such tunnels in the other generation.
ByPeers strangers(const config::Generation& generation, const config::Generation& other) {
    ByPeers out;
    for (const auto& accepted : generation.customers) {
        const config::AcceptedCustomer* const namesake = other.find(accepted->customer.id);
        Peers peers = peers_of(accepted->customer);
        if (namesake != nullptr && (peers.empty() || same_tunnels(*accepted, *namesake))) continue;
        out[std::move(peers)].push_back(accepted.get());
    }
    return out;
}

}  // namespace

std::vector<Rename> find_renames(const config::Generation& before, const config::Generation& next) {
    if (before.customers.empty()) return {};
    std::map<std::string, std::size_t> left;  // how often each name is in `renames`
    std::map<std::string, std::size_t> come;
    std::vector<Rename> renames;
    const ByPeers old = strangers(before, next);
    for (const auto& [peers, customers] : strangers(next, before)) {
        const auto found = old.find(peers);
        if (found == old.end()) continue;
        for (const auto* const customer : customers) {
            for (const auto* const former : found->second) {
                if (!same_listeners(*former, *customer) || (peers.empty() && !same_file(*former, *customer))) continue;
                renames.push_back({former->customer.id, customer->customer.id});
                ++left[former->customer.id];
                ++come[customer->customer.id];
            }
        }
    }
    std::erase_if(renames, [&](const Rename& each) { return left[each.from] > 1 || come[each.to] > 1; });
    std::sort(renames.begin(), renames.end(), [](const auto& a, const auto& b) { return a.from < b.from; });
    return complete_renames(
        std::move(renames), [&](const std::string& id) { return before.find(id) != nullptr; },
        [&](const std::string& id) { return next.find(id) != nullptr; });
}

std::string passing_name(const std::string& customer) {
    return namespace_name(customer).append(kPassing);
}

bool is_passing_name(const std::string& name) {
    return name.starts_with(kNamespacePrefix) && name.ends_with(kPassing);
}

NamePlan plan_names(const std::map<std::string, std::uint64_t>& spaces, const std::vector<std::string>& passing,
                    const std::string& run_dir) {
    const auto wanted_by = [](const std::string& name) { return name.substr(0, name.size() - kPassing.size()); };
    std::set<std::uint64_t> moving;
    for (const std::string& name : passing) moving.insert(spaces.at(name));
    const auto is_blocked = [&](const std::string& name) {
        const auto holder = spaces.find(wanted_by(name));
        return holder != spaces.end() && holder->second != spaces.at(name) && !moving.contains(holder->second);
    };
    // One that keeps its name may block others.
    for (bool changed = true; changed;) {
        changed = false;
        for (const std::string& name : passing) {
            if (is_blocked(name)) changed = moving.erase(spaces.at(name)) > 0 || changed;
        }
    }
    NamePlan out;
    std::vector<NamedSteps> last;  // when every old name is gone
    for (const std::string& name : passing) {
        const std::uint64_t space = spaces.at(name);
        const std::string wanted = wanted_by(name);
        std::vector<std::string> old;
        for (const auto& [other, its] : spaces) {
            if (its == space && other != wanted && !is_passing_name(other)) old.push_back(other);
        }
        if (is_blocked(name)) {
            if (!old.empty()) out.steps.push_back({name, {DropName{}}});
            if (old.empty()) out.conflict = wanted + " exists already; remove it, and " + name + " becomes it";
            continue;
        }
        for (std::string& other : old) out.steps.push_back({std::move(other), {DropName{}}});
        NamedSteps rest{name,
                        {SetOwner{owner_mark(run_dir, wanted.substr(std::string_view(kNamespacePrefix).size()))}}};
        if (!spaces.contains(wanted) || spaces.at(wanted) != space) rest.steps.emplace_back(GiveName{wanted});
        rest.steps.emplace_back(DropName{});
        last.push_back(std::move(rest));
    }
    std::move(last.begin(), last.end(), std::back_inserter(out.steps));
    return out;
}

}  // namespace warren::stacks
