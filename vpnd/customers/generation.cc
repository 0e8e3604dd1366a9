#include "vpnd/customers/generation.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace warren::vpnd {

namespace {
bool is_sound(const ipc::PrefixMap& map) {
    return map.real.length == map.mapped.length && map.real.address.family == map.mapped.address.family &&
           !map.real.has_host_bits() && !map.mapped.has_host_bits();
}
}  // namespace

UniqueFd ListenerSockets::take(const ipc::DescriptorRole& role) {
    const auto found = std::find(roles.begin(), roles.end(), role);
    if (found == roles.end()) return {};
    return std::move(descriptors[static_cast<std::size_t>(found - roles.begin())]);
}

void Staging::reset() {
    staged_.reset();
    spoiled_.reset();
}

std::optional<Result<Generation>> Staging::feed(ipc::ConfigMessage message, std::vector<UniqueFd> descriptors) {
    if (const auto* commit = std::get_if<ipc::Commit>(&message)) {
        auto finished = finish(*commit);
        reset();
        return finished;
    }
    if (const auto* begin = std::get_if<ipc::Begin>(&message)) {
        // A Begin without a Commit before it: stackd gave that generation up.
        reset();
        staged_.emplace().number = begin->generation;
        staged_->full = begin->full;
        if (!descriptors.empty()) spoiled_ = Error{ErrorCode::kInvalid, "Begin with descriptors"};
        return std::nullopt;
    }
    if (spoiled_) return std::nullopt;
    if (Status taken = take(std::move(message), std::move(descriptors)); !taken) spoiled_ = std::move(taken).error();
    return std::nullopt;
}

Status Staging::take(ipc::ConfigMessage message, std::vector<UniqueFd> descriptors) {
    if (!staged_) return fail(ErrorCode::kInvalid, "message outside of Begin and Commit");
    if (auto* put = std::get_if<ipc::PutPrefixes>(&message)) {
        if (!descriptors.empty()) return fail(ErrorCode::kInvalid, "PutPrefixes with descriptors");
        return take_prefixes(std::move(*put));
    }
    WARREN_TRY(check_prefixes_complete());
    if (auto* put = std::get_if<ipc::PutPeer>(&message)) {
        if (!descriptors.empty()) return fail(ErrorCode::kInvalid, "PutPeer with descriptors");
        return take_peer(std::move(*put));
    }
    if (auto* put = std::get_if<ipc::PutConnection>(&message)) {
        if (!descriptors.empty()) return fail(ErrorCode::kInvalid, "PutConnection with descriptors");
        return take_connection(std::move(*put));
    }
    WARREN_TRY(check_tunnels_complete());
    if (auto* put = std::get_if<ipc::PutListener>(&message))
        return take_listener(std::move(*put), std::move(descriptors));
    if (auto* put = std::get_if<ipc::PutCustomer>(&message))
        return take_customer(std::move(*put), std::move(descriptors));
    if (!descriptors.empty()) return fail(ErrorCode::kInvalid, "message with descriptors that it does not need");
    if (auto* remove = std::get_if<ipc::RemoveCustomer>(&message)) {
        staged_->removed_customers.push_back(std::move(remove->id));
        return {};
    }
    if (auto* rename = std::get_if<ipc::RenameCustomer>(&message)) {
        staged_->renames.push_back({std::move(rename->from), std::move(rename->to)});
        return {};
    }
    if (auto* reset = std::get_if<ipc::ResetPeer>(&message)) {
        staged_->reset_peers.push_back(std::move(*reset));
        return {};
    }
    if (auto* operation = std::get_if<ipc::OperateConnection>(&message)) {
        staged_->operations.push_back(std::move(*operation));
        return {};
    }
    if (auto* remove = std::get_if<ipc::RemoveListener>(&message)) {
        staged_->removed_listeners.push_back(std::move(remove->id));
        return {};
    }
    return fail(ErrorCode::kInvalid, "message that is not stackd's to send");
}

Status Staging::take_listener(ipc::PutListener put, std::vector<UniqueFd> descriptors) {
    if (descriptors.size() != put.roles.size()) {
        return fail(ErrorCode::kInvalid, fmt::format("{}: {} descriptors instead of {}", to_string(put.id),
                                                     descriptors.size(), put.roles.size()));
    }
    if (!put.roles.empty()) {
        if (const Status roles = ipc::check_roles(put.id.kind, put.roles, workers_); !roles)
            return with_context(to_string(put.id), roles.error());
    }
    NewListener listener;
    listener.sockets = {put.roles, std::move(descriptors)};
    listener.put = std::move(put);
    staged_->listeners.push_back(std::move(listener));
    return {};
}

Status Staging::take_customer(ipc::PutCustomer put, std::vector<UniqueFd> descriptors) {
    if (put.queues < 1 || put.queues > workers_)
        return fail(ErrorCode::kInvalid, fmt::format("customer {}: {} queues", put.settings.id, put.queues));
    const std::size_t expected = put.has_tun ? put.queues : 0;
    if (descriptors.size() != expected) {
        return fail(ErrorCode::kInvalid, fmt::format("customer {}: {} descriptors instead of {}", put.settings.id,
                                                     descriptors.size(), expected));
    }
    NewCustomer customer;
    customer.tuns = std::move(descriptors);
    customer.put = std::move(put);
    staged_->customers.push_back(std::move(customer));
    return {};
}

Status Staging::take_peer(ipc::PutPeer put) {
    if (staged_->customers.empty()) return fail(ErrorCode::kInvalid, "PutPeer before any PutCustomer");
    NewCustomer& customer = staged_->customers.back();
    if (customer.peers.size() == customer.put.peer_count) {
        return fail(ErrorCode::kInvalid, fmt::format("customer {}: more peers than the {} announced",
                                                     customer.put.settings.id, customer.put.peer_count));
    }
    if (put.queue >= customer.put.queues) {
        return fail(ErrorCode::kInvalid, fmt::format("customer {}: peer {} belongs to no queue",
                                                     customer.put.settings.id, put.settings.name));
    }
    std::vector<Prefix>& prefixes = put.settings.allowed_ips;
    const std::size_t all = prefixes.size() + put.prefixes_follow;
    if (all > ipc::kMaxPrefixesPerPeer || (put.same_prefixes && all != 0)) {
        return fail(ErrorCode::kInvalid, fmt::format("customer {}: peer {} announces {} prefixes",
                                                     customer.put.settings.id, put.settings.name, all));
    }
    if (!std::all_of(put.settings.maps.begin(), put.settings.maps.end(), is_sound)) {
        return fail(ErrorCode::kInvalid, fmt::format("customer {}: peer {} has a map of unequal networks",
                                                     customer.put.settings.id, put.settings.name));
    }
    prefixes.reserve(all);
    customer.peers.push_back(std::move(put));
    return {};
}

Status Staging::take_connection(ipc::PutConnection put) {
    if (staged_->customers.empty()) return fail(ErrorCode::kInvalid, "PutConnection before any PutCustomer");
    NewCustomer& customer = staged_->customers.back();
    const std::string& id = customer.put.settings.id;
    const std::string& name = put.settings.name;
    if (!customer.put.ipsec || customer.connections.size() == customer.put.connection_count) {
        return fail(ErrorCode::kInvalid, fmt::format("customer {}: more connections than the {} announced", id,
                                                     customer.put.connection_count));
    }
    if (put.queue >= customer.put.queues)
        return fail(ErrorCode::kInvalid, fmt::format("customer {}: connection {} belongs to no queue", id, name));
    if ((put.settings.auth == IpsecAuth::kPsk) == (put.psk == kNoSecret))
        return fail(ErrorCode::kInvalid, fmt::format("customer {}: connection {} has a wrong key", id, name));
    if (const Status sound = ipc::check(put.settings); !sound)
        return with_context(fmt::format("customer {}: connection {}", id, name), sound.error());
    customer.connections.push_back(std::move(put));
    return {};
}

Status Staging::take_prefixes(ipc::PutPrefixes put) {
    if (staged_->customers.empty() || staged_->customers.back().peers.empty())
        return fail(ErrorCode::kInvalid, "PutPrefixes before any PutPeer of the customer");
    NewCustomer& customer = staged_->customers.back();
    ipc::PutPeer& peer = customer.peers.back();
    if (put.prefixes.empty() || put.prefixes.size() > peer.prefixes_follow) {
        return fail(ErrorCode::kInvalid,
                    fmt::format("customer {}: peer {} gets {} prefixes, {} are missing", customer.put.settings.id,
                                peer.settings.name, put.prefixes.size(), peer.prefixes_follow));
    }
    peer.prefixes_follow -= static_cast<std::uint32_t>(put.prefixes.size());
    peer.settings.allowed_ips.insert(peer.settings.allowed_ips.end(), put.prefixes.begin(), put.prefixes.end());
    return {};
}

Status Staging::check_prefixes_complete() const {
    if (staged_->customers.empty() || staged_->customers.back().peers.empty()) return {};
    const NewCustomer& customer = staged_->customers.back();
    const ipc::PutPeer& peer = customer.peers.back();
    if (peer.prefixes_follow == 0) return {};
    return fail(ErrorCode::kInvalid, fmt::format("customer {}: peer {} lacks {} prefixes", customer.put.settings.id,
                                                 peer.settings.name, peer.prefixes_follow));
}

Status Staging::check_tunnels_complete() const {
    if (staged_->customers.empty()) return {};
    const NewCustomer& customer = staged_->customers.back();
    const std::string& id = customer.put.settings.id;
    if (customer.peers.size() != customer.put.peer_count) {
        return fail(ErrorCode::kInvalid, fmt::format("customer {}: {} peers instead of {}", id, customer.peers.size(),
                                                     customer.put.peer_count));
    }
    if (customer.connections.size() != customer.put.connection_count) {
        return fail(ErrorCode::kInvalid, fmt::format("customer {}: {} connections instead of {}", id,
                                                     customer.connections.size(), customer.put.connection_count));
    }
    return {};
}

Result<Generation> Staging::finish(const ipc::Commit& commit) {
    if (spoiled_) return tl::unexpected<Error>(std::move(*spoiled_));
    if (!staged_) return fail(ErrorCode::kInvalid, "Commit without Begin");
    if (commit.generation != staged_->number) {
        return fail(ErrorCode::kInvalid,
                    fmt::format("Commit of generation {} ends generation {}", commit.generation, staged_->number));
    }
    WARREN_TRY(check_prefixes_complete());
    WARREN_TRY(check_tunnels_complete());
    return std::move(*staged_);
}

}  // namespace warren::vpnd
