#include "vpnd/customers/generation.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>

namespace warren::vpnd {

namespace {

std::vector<UniqueFd> take_some(std::vector<UniqueFd>& from, std::size_t& at, std::size_t count) {
    const auto first = from.begin() + static_cast<std::ptrdiff_t>(at);
    at += count;
    return {std::make_move_iterator(first), std::make_move_iterator(first + static_cast<std::ptrdiff_t>(count))};
}

}  // namespace

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
    if (auto* put = std::get_if<ipc::PutPeer>(&message)) {
        if (!descriptors.empty()) return fail(ErrorCode::kInvalid, "PutPeer with descriptors");
        return take_peer(std::move(*put));
    }
    WARREN_TRY(check_peers_complete());
    if (auto* put = std::get_if<ipc::PutListener>(&message))
        return take_listener(std::move(*put), std::move(descriptors));
    if (auto* put = std::get_if<ipc::PutCustomer>(&message))
        return take_customer(std::move(*put), std::move(descriptors));
    if (!descriptors.empty()) return fail(ErrorCode::kInvalid, "message with descriptors that it does not need");
    if (auto* remove = std::get_if<ipc::RemoveCustomer>(&message)) {
        staged_->removed_customers.push_back(std::move(remove->id));
        return {};
    }
    if (auto* remove = std::get_if<ipc::RemoveListener>(&message)) {
        staged_->removed_listeners.push_back(std::move(remove->id));
        return {};
    }
    return fail(ErrorCode::kInvalid, "message that is not stackd's to send");
}

Status Staging::take_listener(ipc::PutListener put, std::vector<UniqueFd> descriptors) {
    const std::size_t per_family = 1 + workers_;
    const std::size_t expected = put.has_sockets ? per_family * (put.has_v6 ? 2 : 1) + 1 : 0;
    if (descriptors.size() != expected) {
        return fail(ErrorCode::kInvalid,
                    fmt::format("listener '{}': {} descriptors instead of {}", put.id, descriptors.size(), expected));
    }
    NewListener listener;
    if (put.has_sockets) {
        std::size_t at = 0;
        listener.sockets.handshake_v4 = std::move(descriptors[at++]);
        listener.sockets.data_v4 = take_some(descriptors, at, workers_);
        if (put.has_v6) {
            listener.sockets.handshake_v6 = std::move(descriptors[at++]);
            listener.sockets.data_v6 = take_some(descriptors, at, workers_);
        }
        listener.sockets.uapi = std::move(descriptors[at]);
    }
    listener.put = std::move(put);
    staged_->listeners.push_back(std::move(listener));
    return {};
}

Status Staging::take_customer(ipc::PutCustomer put, std::vector<UniqueFd> descriptors) {
    if (put.queues < 1 || put.queues > workers_)
        return fail(ErrorCode::kInvalid, fmt::format("customer {}: {} queues", put.id, put.queues));
    const std::size_t expected = put.has_tun ? put.queues : 0;
    if (descriptors.size() != expected) {
        return fail(ErrorCode::kInvalid,
                    fmt::format("customer {}: {} descriptors instead of {}", put.id, descriptors.size(), expected));
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
        return fail(ErrorCode::kInvalid, fmt::format("customer {}: more peers than the {} announced", customer.put.id,
                                                     customer.put.peer_count));
    }
    if (put.queue >= customer.put.queues) {
        return fail(ErrorCode::kInvalid,
                    fmt::format("customer {}: peer {} belongs to no queue", customer.put.id, put.name));
    }
    customer.peers.push_back(std::move(put));
    return {};
}

Status Staging::check_peers_complete() const {
    if (staged_->customers.empty()) return {};
    const NewCustomer& customer = staged_->customers.back();
    if (customer.peers.size() == customer.put.peer_count) return {};
    return fail(ErrorCode::kInvalid, fmt::format("customer {}: {} peers instead of {}", customer.put.id,
                                                 customer.peers.size(), customer.put.peer_count));
}

Result<Generation> Staging::finish(const ipc::Commit& commit) {
    if (spoiled_) return tl::unexpected<Error>(std::move(*spoiled_));
    if (!staged_) return fail(ErrorCode::kInvalid, "Commit without Begin");
    if (commit.generation != staged_->number) {
        return fail(ErrorCode::kInvalid,
                    fmt::format("Commit of generation {} ends generation {}", commit.generation, staged_->number));
    }
    WARREN_TRY(check_peers_complete());
    return std::move(*staged_);
}

}  // namespace warren::vpnd
