#include "vpnd/show/snapshot_server.h"

#include <algorithm>
#include <utility>

namespace warren::vpnd {

namespace {

constexpr std::uint64_t kListenerToken = 0;
// A request is two names and some numbers.
constexpr std::size_t kMaxRequestSize = 256;
// To one client in one run, so that the answer about 100,000 peers does not keep handshakes waiting.
constexpr std::size_t kMessagesPerRun = 256;
// Customers whose counters are asked of the data workers at once, and that are looked at in one run.
constexpr std::size_t kCustomersPerRefresh = 64;

void append(std::deque<std::vector<std::uint8_t>>& wires, const ipc::SnapshotMessage& message) {
    std::vector<std::uint8_t> wire;
    // Too large cannot be: what config messages brought in one piece goes out in one, and a peer's prefixes are cut.
    if (encode(message, wire)) wires.push_back(std::move(wire));
}

}  // namespace

Result<SnapshotServer> SnapshotServer::make(UniqueFd listener, const CustomerSet& customers, Counters& counters,
                                            const Snapshot& snapshot) {
    auto loop = io::EventLoop::make();
    if (!loop) return tl::unexpected<Error>(loop.error());
    return SnapshotServer(std::move(*loop), std::move(listener), customers, counters, snapshot);
}

Status SnapshotServer::listen() {
    return loop_.add(listener_.get(), kListenerToken);
}

SnapshotServer::SnapshotServer(io::EventLoop loop, UniqueFd listener, const CustomerSet& customers, Counters& counters,
                               const Snapshot& snapshot)
    : loop_(std::move(loop)),
      listener_(std::move(listener)),
      customers_(customers),
      counters_(counters),
      snapshot_(snapshot) {}

void SnapshotServer::run(Now now) {
    for (const epoll_event& ready : loop_.wait(Duration::zero())) {
        if (ready.data.u64 == kListenerToken) {
            accept_clients();
        } else if (const auto client = clients_.find(ready.data.u64);
                   client != clients_.end() && !client->second.answer) {
            read_request(now, client);
        }
    }
    for (auto client = clients_.begin(); client != clients_.end();) {
        const auto at = client++;
        if (!advance(now, at)) drop(at);
    }
}

Instant SnapshotServer::next_deadline() const {
    Instant earliest = kNever;
    for (const auto& [token, client] : clients_) {
        if (client.answer && client.answer->started) earliest = std::min(earliest, client.answer->progress + kPatience);
    }
    return earliest;
}

void SnapshotServer::accept_clients() {
    while (true) {
        auto channel = ipc::accept_from(listener_.get());
        if (!channel) return;
        if (clients_.size() >= kMaxClients) continue;  // closed at once
        const std::uint64_t token = next_token_++;
        if (!channel->set_non_blocking() || !loop_.add(channel->fd(), token)) continue;
        clients_[token].channel = std::move(*channel);
    }
}

void SnapshotServer::read_request(Now now, Clients::iterator client) {
    std::array<std::uint8_t, kMaxRequestSize> space{};
    auto received = client->second.channel.receive(space);
    if (!received && received.error().code == ErrorCode::kUnavailable) return;
    if (!received || received->closed) {
        drop(client);
        return;
    }
    auto message = ipc::decode_snapshot(Bytes(space).first(received->size));
    auto* request = message ? std::get_if<ipc::SnapshotRequest>(&*message) : nullptr;
    auto* attempts = message ? std::get_if<ipc::AttemptsRequest>(&*message) : nullptr;
    if (request == nullptr && attempts == nullptr) {
        drop(client);
        return;
    }
    loop_.change(client->second.channel.fd(), client->first, 0);  // until there is something to send
    if (request != nullptr) begin(now, client->second, std::move(*request));
    if (attempts != nullptr) begin(now, client->second, std::move(*attempts));
}

// No counter is in the answer, so that there is nothing to wait for.
void SnapshotServer::begin(Now now, Client& client, ipc::AttemptsRequest request) {
    Answer& answer = client.answer.emplace();
    answer.progress = now.instant;
    answer.attempts = std::move(request);
    answer.renames = customers_.renames();
}

void SnapshotServer::begin(Now now, Client& client, ipc::SnapshotRequest request) {
    if (epoch_ == 0) epoch_ = static_cast<std::uint64_t>(now.wall.nanoseconds);
    Answer& answer = client.answer.emplace();
    answer.progress = now.instant;
    answer.request = std::move(request);
    answer.renames = customers_.renames();
    answer.revision = book_.begin(customers_);
    const std::uint64_t since = answer.request.since;
    if (answer.request.epoch == epoch_ && since < answer.revision && book_.is_complete_since(since))
        answer.since = since;
    if (!answer.request.customer.empty()) {
        if (customers_.customer(answer.request.customer) != nullptr)
            answer.customers.push_back(answer.request.customer);
    } else {
        for (const auto& [id, customer] : customers_.customers()) answer.customers.push_back(id);
        std::sort(answer.customers.begin(), answer.customers.end());
    }
    answer.ticket = counters_.refresh_workers(now);
}

void SnapshotServer::refresh_more(Now now, Answer& answer) {
    std::vector<const HeldCustomer*> wanted;
    const std::size_t end = std::min(answer.refreshed + kCustomersPerRefresh, answer.customers.size());
    for (; answer.refreshed < end; ++answer.refreshed) {
        if (const HeldCustomer* customer = customers_.customer(answer.customers[answer.refreshed]))
            wanted.push_back(customer);
    }
    answer.ticket = counters_.refresh_touched(now, wanted);
}

bool SnapshotServer::advance(Now now, Clients::iterator at) {
    Client& client = at->second;
    if (!client.answer) return true;
    if (client.answer->renames != customers_.renames()) return false;  // statusd and vpnctl ask again
    if (!counters_.ready(client.answer->ticket)) return true;
    Answer& answer = *client.answer;
    std::size_t looked = 0;
    for (std::size_t sent = 0; sent < kMessagesPerRun && looked < kCustomersPerRefresh;) {
        if (answer.wires.empty()) {
            if (answer.started && answer.next == answer.refreshed && answer.next < answer.customers.size()) {
                refresh_more(now, answer);
                if (!counters_.ready(answer.ticket)) {
                    loop_.change(client.channel.fd(), at->first, 0);  // the report wakes us
                    return true;
                }
            }
            if (!encode_more(now, answer)) {
                client.answer.reset();
                loop_.change(client.channel.fd(), at->first, EPOLLIN);
                return true;
            }
            ++looked;
            continue;
        }
        const Status status = client.channel.send(answer.wires.front());
        if (!status && status.error().code != ErrorCode::kUnavailable) return false;
        if (!status) break;
        answer.progress = now.instant;
        answer.wires.pop_front();
        ++sent;
    }
    if (answer.wires.empty()) answer.progress = now.instant;  // the client is not the slow one
    loop_.change(client.channel.fd(), at->first, EPOLLOUT);
    return now.instant - answer.progress < kPatience;
}

void SnapshotServer::encode_header(Now now, Answer& answer) {
    ipc::SnapshotHeader header = snapshot_.header(now);
    header.customer_count = static_cast<std::uint32_t>(answer.customers.size());
    header.epoch = epoch_;
    header.revision = answer.revision;
    header.full = answer.since == 0;
    append(answer.wires, header);
}

void SnapshotServer::encode_customer(Now now, Answer& answer, const HeldCustomer& customer) {
    const bool in_full = answer.since == 0;
    // A client that asks once does not need the book.
    const bool is_watched = answer.request.customer.empty() && answer.request.with_peers;
    const ChangeBook::Stamps* stamps =
        is_watched ? &book_.update(customer, counters_.mark(customer.index), snapshot_) : nullptr;
    if (!in_full && stamps != nullptr && stamps->customer <= answer.since) return;
    ipc::CustomerSnapshot shown = snapshot_.customer(customer);
    shown.all_peers = in_full || stamps == nullptr || stamps->config > answer.since;
    append(answer.wires, shown);
    for (std::size_t i = 0; answer.request.with_peers && i < customer.peers.size(); ++i) {
        if (shown.all_peers || stamps->peers[i] > answer.since) append(answer.wires, snapshot_.peer(now, customer, i));
    }
    const bool with_connections = answer.request.with_peers || answer.request.with_ike_sas;
    for (std::size_t i = 0; with_connections && i < customer.connections.size(); ++i) {
        if (shown.all_peers || stamps->connections[i] > answer.since) encode_connection(now, answer, customer, i);
    }
}

void SnapshotServer::encode_connection(Now now, Answer& answer, const HeldCustomer& customer, std::size_t position) {
    append(answer.wires, snapshot_.connection(now, customer, position));
    if (!answer.request.with_ike_sas) return;
    for (const Snapshot::IkeSa& sa : snapshot_.ike_sas(now, customer, position)) {
        append(answer.wires, sa.ike_sa);
        for (const ipc::ChildSnapshot& child : sa.children) append(answer.wires, child);
    }
}

bool SnapshotServer::encode_attempts(Answer& answer) {
    const ipc::AttemptsRequest& request = *answer.attempts;
    const auto refuse = [&answer](std::string reason) {
        append(answer.wires, ipc::SnapshotError{std::move(reason)});
        answer.next = SIZE_MAX;
        return true;
    };
    if (answer.next == SIZE_MAX) return false;
    const bool is_first = !std::exchange(answer.started, true);
    if (request.customer.empty()) {
        for (const ipc::AttemptSnapshot& attempt : snapshot_.strangers_attempts()) append(answer.wires, attempt);
    } else {
        const HeldCustomer* const customer = customers_.customer(request.customer);
        if (customer == nullptr) return refuse("no such customer: " + request.customer);
        const auto& connections = customer->connections;
        const auto is_wanted = [&request](const HeldConnection& one) {
            return request.connection.empty() || one.config.settings.name == request.connection;
        };
        const auto from = connections.begin() + static_cast<std::ptrdiff_t>(std::min(answer.next, connections.size()));
        const auto found = std::find_if(from, connections.end(), is_wanted);
        if (found == connections.end() && is_first && !request.connection.empty())
            return refuse("no such connection: " + request.connection);
        if (found != connections.end()) {
            for (const ipc::AttemptSnapshot& attempt : snapshot_.attempts(*found)) append(answer.wires, attempt);
            answer.next = static_cast<std::size_t>(found - connections.begin()) + 1;
            return true;
        }
    }
    append(answer.wires, ipc::SnapshotEnd{});
    answer.next = SIZE_MAX;
    return true;
}

bool SnapshotServer::encode_more(Now now, Answer& answer) {
    if (answer.attempts) return encode_attempts(answer);
    if (!answer.started) {
        answer.started = true;
        if (answer.customers.empty() && !answer.request.customer.empty()) {
            append(answer.wires, ipc::SnapshotError{"no such customer: " + answer.request.customer});
            answer.next = answer.customers.size() + 1;
            return true;
        }
        encode_header(now, answer);
        return true;
    }
    if (answer.next < answer.customers.size()) {
        const HeldCustomer* customer = customers_.customer(answer.customers[answer.next++]);
        if (customer != nullptr) encode_customer(now, answer, *customer);  // else gone since the header
        return true;
    }
    if (answer.next++ > answer.customers.size()) return false;
    append(answer.wires, ipc::SnapshotEnd{});
    return true;
}

void SnapshotServer::drop(Clients::iterator client) {
    loop_.remove(client->second.channel.fd());
    clients_.erase(client);
}

}  // namespace warren::vpnd
