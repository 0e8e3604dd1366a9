#include "web/rim/page_socket.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

namespace warren::web {

void PageSocket::listen(UniqueFd listener) {
    listener_ = std::move(listener);
    if (!listener_.valid()) return;
    server_.watch(listener_.get(), [this, mine = ++generation_] { return mine == generation_ && accept(); });
}

bool PageSocket::accept() {
    auto channel = ipc::accept_from(listener_.get());
    if (!channel) return true;
    if (clients_.size() >= kMostClients || !channel->set_non_blocking()) return true;
    const std::uint64_t id = ++last_id_;
    server_.watch(channel->fd(), [this, id] { return read(id); });
    clients_[id].channel = std::move(*channel);
    return true;
}

bool PageSocket::read(std::uint64_t id) {
    const auto found = clients_.find(id);
    if (found == clients_.end()) return false;
    std::vector<std::uint8_t> space(ipc::PageQuestion::kMaxTarget + 64);
    auto received = found->second.channel.receive(space);
    if (!received && received.error().code == ErrorCode::kUnavailable) return true;
    const bool goes_on = received && !received->closed && handle(id, found->second, Bytes(space).first(received->size));
    if (!goes_on) clients_.erase(id);
    return goes_on;
}

bool PageSocket::handle(std::uint64_t id, Client& client, Bytes wire) {
    const auto message = ipc::decode_page(wire);
    if (!message || client.is_waiting) return false;
    if (std::holds_alternative<ipc::PageNext>(*message)) return send_piece(client);
    const auto* question = std::get_if<ipc::PageQuestion>(&*message);
    if (question == nullptr) return false;
    client.is_waiting = true;
    ask_(question->target, [this, id](Reply reply) {
        const auto found = clients_.find(id);
        if (found == clients_.end()) return;
        found->second.is_waiting = false;
        found->second.status = static_cast<std::uint16_t>(reply.status);
        found->second.rest = std::move(reply.body);
        if (!send_piece(found->second)) clients_.erase(found);
    });
    return clients_.contains(id);
}

bool PageSocket::send_piece(Client& client) {
    const std::size_t size = std::min(client.rest.size(), ipc::PagePiece::kMaxText);
    const ipc::PagePiece piece{client.status, client.rest.substr(0, size), size < client.rest.size()};
    client.rest.erase(0, size);
    std::vector<std::uint8_t> wire;
    return ipc::encode(piece, wire) && client.channel.send(wire);
}

}  // namespace warren::web
