#include "vpnd/listeners/wireguard/uapi_server.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/log.h"
#include "crypto/secret.h"

namespace warren::vpnd {

namespace {

constexpr std::uint64_t kListenerBit = std::uint64_t{1} << 63;
// Formatted in one go, and sent to one client in one run.
constexpr std::size_t kPeersPerRun = 64;
constexpr std::size_t kRoomPerRun = std::size_t{1} << 20;  // bytes; with it no further peer is begun

void wipe_text(std::string& text) {
    crypto::wipe(
        MutableBytes(reinterpret_cast<std::uint8_t*>(text.data()), text.size()));  // char and uint8_t may alias
    text.clear();
}

}  // namespace

Result<UapiServer> UapiServer::make(const CustomerSet& customers, Counters& counters,
                                    const io::ControlWorker& control) {
    auto loop = io::EventLoop::make();
    if (!loop) return tl::unexpected<Error>(loop.error());
    return UapiServer(std::move(*loop), customers, counters, control);
}

UapiServer::UapiServer(io::EventLoop loop, const CustomerSet& customers, Counters& counters,
                       const io::ControlWorker& control)
    : loop_(std::move(loop)), customers_(customers), counters_(counters), control_(control) {}

Status UapiServer::open(ListenerIndex listener, UniqueFd socket) {
    close(listener);
    if (!socket.valid()) return {};
    WARREN_TRY(loop_.add(socket.get(), kListenerBit | listener.value));
    sockets_[listener.value] = std::move(socket);
    return {};
}

void UapiServer::close(ListenerIndex listener) {
    const auto found = sockets_.find(listener.value);
    if (found == sockets_.end()) return;
    loop_.remove(found->second.get());
    sockets_.erase(found);
    for (auto client = clients_.begin(); client != clients_.end();) {
        const auto at = client++;
        if (at->second.listener == listener) drop(at);
    }
}

void UapiServer::run(Now now) {
    for (const epoll_event& ready : loop_.wait(Duration::zero())) {
        const std::uint64_t token = ready.data.u64;
        if ((token & kListenerBit) != 0) {
            const auto index = static_cast<std::uint32_t>(token);
            if (const auto socket = sockets_.find(index); socket != sockets_.end()) {
                accept_clients(now, ListenerIndex{index}, socket->second.get());
            }
        } else if (const auto client = clients_.find(token);
                   client != clients_.end() && (ready.events & ~std::uint32_t{EPOLLOUT}) != 0) {
            if (!read(now, client->second)) drop(client);
        }
    }
    for (auto client = clients_.begin(); client != clients_.end();) {
        const auto at = client++;
        if (!advance(now, at)) drop(at);
    }
}

Instant UapiServer::next_deadline() const {
    Instant earliest = kNever;
    for (const auto& [token, client] : clients_) earliest = std::min(earliest, client.progress + kPatience);
    return earliest;
}

void UapiServer::accept_clients(Now now, ListenerIndex listener, int socket) {
    while (true) {
        UniqueFd accepted(::accept4(socket, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!accepted.valid()) return;
        if (clients_.size() >= kMaxClients) continue;  // closed at once
        ucred credentials{};
        socklen_t size = sizeof credentials;
        if (::getsockopt(accepted.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) continue;
        const std::uint64_t token = next_token_++;
        if (!loop_.add(accepted.get(), token)) continue;
        Client& client = clients_[token];
        client.socket = std::move(accepted);
        client.listener = listener;
        client.is_root = credentials.uid == 0;
        client.progress = now.instant;
    }
}

// One operation at a time: what follows stays in the socket until the answer is out.
bool UapiServer::read(Now now, Client& client) {
    if (client.answer || client.closing || !client.text.empty()) return true;
    std::array<std::uint8_t, 4096> space{};
    const ssize_t size = ::recv(client.socket.get(), space.data(), space.size(), MSG_DONTWAIT | MSG_PEEK);
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    if (size == 0) return false;
    Bytes bytes = Bytes(space).first(static_cast<std::size_t>(size));
    const auto operation = client.reader.feed(bytes);
    const std::size_t consumed = static_cast<std::size_t>(size) - bytes.size();
    const bool taken =
        ::recv(client.socket.get(), space.data(), consumed, MSG_DONTWAIT) == static_cast<ssize_t>(consumed);
    crypto::wipe(space);
    client.progress = now.instant;
    if (operation) answer(now, client, *operation);
    return taken;
}

void UapiServer::answer(Now now, Client& client, UapiOperation operation) {
    switch (operation) {
        case UapiOperation::kGet: return begin_get(now, client);
        case UapiOperation::kSet:
            client.text = uapi_end(-EPERM);
            if (const auto suppressed = set_refused_.pass(now.instant)) {
                log(LogLevel::kWarn, "uapi_set_refused",
                    {{"reason", "Warren is configured by files: change them, then `vpnctl apply`"},
                     {"suppressed", std::to_string(*suppressed)}});
            }
            return;
        case UapiOperation::kMalformed:
            client.text = uapi_end(-EINVAL);
            client.closing = true;
            return;
    }
}

void UapiServer::begin_get(Now now, Client& client) {
    std::vector<const HeldCustomer*> customers;
    for (const auto& [id, customer] : customers_.customers()) {
        const bool is_here = std::any_of(customer.peers.begin(), customer.peers.end(),
                                         [&](const HeldPeer& peer) { return peer.listener == client.listener; });
        if (is_here && !customer.settings.suspended) customers.push_back(&customer);
    }
    std::sort(customers.begin(), customers.end(),
              [](const auto* a, const auto* b) { return a->settings.id < b->settings.id; });
    Answer& answer = client.answer.emplace();
    for (const HeldCustomer* customer : customers) {
        for (const HeldPeer& peer : customer->peers) {
            if (peer.listener == client.listener) answer.peers.push_back(peer.index);
        }
    }
    answer.ticket = counters_.refresh(now, customers);
}

bool UapiServer::advance(Now now, Clients::iterator at) {
    Client& client = at->second;
    const bool waits = client.answer && !counters_.ready(client.answer->ticket);
    if (!waits && client.text.empty() && client.answer) format_more(client);
    if (!waits && !client.text.empty()) {
        const std::size_t left = client.text.size() - client.sent;
        const ssize_t sent =
            ::send(client.socket.get(), client.text.data() + client.sent, left, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
        if (sent > 0) {
            client.sent += static_cast<std::size_t>(sent);
            client.progress = now.instant;
        }
    }
    if (!client.text.empty() && client.sent == client.text.size()) {
        wipe_text(client.text);
        client.sent = 0;
        if (client.closing) return false;
        if (client.answer && client.answer->ended) client.answer.reset();
    }
    const bool writes = !waits && (client.answer || !client.text.empty());
    loop_.change(client.socket.get(), at->first,
                 waits    ? 0U
                 : writes ? std::uint32_t{EPOLLOUT}
                          : std::uint32_t{EPOLLIN});
    return now.instant - client.progress < kPatience;
}

void UapiServer::format_more(Client& client) const {
    Answer& answer = *client.answer;
    const HeldListener* listener = customers_.listener(client.listener);
    const control::Engine* engine = control_.engine(client.listener);
    std::vector<CustomerSet::PeerRef> share;
    std::size_t room = 256;  // the listener, the end
    for (; share.size() < kPeersPerRun && room < kRoomPerRun && answer.next < answer.peers.size(); ++answer.next) {
        const CustomerSet::PeerRef ref = customers_.find(answer.peers[answer.next]);
        // Gone, or the index means another one, since the answer began.
        if (ref.peer == nullptr || ref.peer->listener != client.listener || engine == nullptr) continue;
        room += uapi_room(*ref.peer);
        share.push_back(ref);
    }
    client.text.reserve(room);  // a growing text would leave copies of keys behind
    if (!answer.started && listener != nullptr) append_uapi_listener(client.text, *listener, client.is_root);
    answer.started = true;
    for (const auto& [customer, peer] : share) {
        const auto status = engine->peer_status(peer->index);
        const auto position = static_cast<std::size_t>(peer - customer->peers.data());
        const io::PeerCounters counters = counters_.peer(customer->index, position, peer->index);
        if (status) append_uapi_peer(client.text, *peer, *status, counters, client.is_root);
    }
    answer.ended = answer.next == answer.peers.size();
    if (answer.ended) client.text += uapi_end(0);
}

void UapiServer::drop(Clients::iterator client) {
    wipe_text(client->second.text);
    loop_.remove(client->second.socket.get());
    clients_.erase(client);
}

}  // namespace warren::vpnd
