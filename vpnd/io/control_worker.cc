#include "vpnd/io/control_worker.h"

#include <algorithm>
#include <variant>

#include "base/check.h"
#include "vpnd/dataplane/framing/wireguard.h"
#include "vpnd/io/clock.h"
#include "vpnd/listeners/steering.h"

namespace warren::io {

namespace {

using namespace std::chrono_literals;

// A share of one run(): the owner has other things to do, and events of known peers come in between.
constexpr Duration kHandshakeShare = 2ms;
// Datagrams of one listener before the next has its turn. Each may cost four Diffie-Hellmans.
constexpr std::size_t kHandshakeBatch = 8;
// Ephemeral keys made in one go, a quarter of a millisecond; a twentieth of a core while it lasts.
constexpr std::size_t kRefillShare = 8;
constexpr Duration kRefillInterval = 5ms;
constexpr std::size_t kReceiveSpace = 65536;  // more than a UDP datagram or a train of them can be

// What an epoll event names: a kind and an index.
enum class Source : std::uint32_t { kWorker, kHandshakeV4, kHandshakeV6 };
std::uint64_t name_of(Source source, std::uint32_t index) {
    return (std::uint64_t{static_cast<std::uint32_t>(source)} << 32) | index;
}

// Others cost no Diffie-Hellman, so they need not wait.
bool may_be_dear(Bytes datagram) {
    return datagram.size() == wireguard::kInitiationSize || datagram.size() == wireguard::kResponseSize;
}

}  // namespace

Result<std::unique_ptr<ControlWorker>> ControlWorker::make(std::vector<std::unique_ptr<DataWorker>> workers,
                                                           crypto::RandomSource& random) {
    auto loop = EventLoop::make();
    if (!loop) return tl::unexpected<Error>(loop.error());
    std::unique_ptr<ControlWorker> out(new ControlWorker(std::move(workers), random, std::move(*loop)));
    for (std::uint32_t i = 0; i < out->worker_count(); ++i) {
        WARREN_TRY(out->loop_.add(out->workers_[i]->event_fd(), name_of(Source::kWorker, i)));
    }
    return out;
}

ControlWorker::ControlWorker(std::vector<std::unique_ptr<DataWorker>> workers, crypto::RandomSource& random,
                             EventLoop loop)
    : workers_(std::move(workers)),
      random_(random),
      loop_(std::move(loop)),
      source_hash_(random),
      ephemerals_(random),
      space_(kReceiveSpace) {}

ControlWorker::~ControlWorker() = default;

void ControlWorker::forget_socket(HandshakeSocket& socket) {
    if (socket.valid()) loop_.remove(socket.fd());
    socket = HandshakeSocket();
}

Status ControlWorker::set_socket(HandshakeSocket& socket, UniqueFd fd, std::uint64_t name) {
    forget_socket(socket);
    socket = HandshakeSocket(std::move(fd));
    if (!socket.valid()) return {};
    return loop_.add(socket.fd(), name);
}

ControlWorker::Listener& ControlWorker::at(ListenerIndex index) {
    WARREN_CHECK(index.value < listeners_.size() && listeners_[index.value] != nullptr);
    return *listeners_[index.value];
}

// --- what is served
// ----------------------------------------------------------------------------------------------------------------------

Status ControlWorker::open_listener(ListenerIndex index, crypto::PrivateKey private_key, UniqueFd handshake_v4,
                                    UniqueFd handshake_v6, std::vector<UniqueFd> data_v4,
                                    std::vector<UniqueFd> data_v6) {
    if (listeners_.size() <= index.value) listeners_.resize(index.value + 1);
    if (listeners_[index.value] == nullptr) {
        listeners_[index.value] = std::make_unique<Listener>(
            wireguard::Engine(index, std::move(private_key), indexes_, random_, &ephemerals_), source_hash_);
    }
    for (std::uint32_t i = 0; i < worker_count(); ++i) {
        workers_[i]->post(AddListener{index, std::move(data_v4[i]),
                                      i < data_v6.size() ? std::move(data_v6[i]) : UniqueFd(),
                                      &dataplane::kWireguardFraming});
    }
    Listener& listener = at(index);
    WARREN_TRY(set_socket(listener.v4, std::move(handshake_v4), name_of(Source::kHandshakeV4, index.value)));
    WARREN_TRY(set_socket(listener.v6, std::move(handshake_v6), name_of(Source::kHandshakeV6, index.value)));
    for (const HandshakeSocket* socket : {&listener.v4, &listener.v6}) {
        if (socket->valid()) WARREN_TRY(attach_steering(socket->fd(), worker_count()));
    }
    return {};
}

void ControlWorker::close_listener(ListenerIndex index) {
    Listener& listener = at(index);
    forget_socket(listener.v4);
    forget_socket(listener.v6);
    deadlines_.erase({listener.deadline, index.value});
    listeners_[index.value].reset();
    for (const auto& worker : workers_) worker->post(DropListener{index});
}

void ControlWorker::change_private_key(Now now, ListenerIndex index, crypto::PrivateKey private_key) {
    Listener& listener = at(index);
    listener.engine.set_private_key(now, std::move(private_key), output_);
    carry_out(listener);
}

void ControlWorker::put_peer(Now now, ListenerIndex index, wireguard::PeerConfig config) {
    Listener& listener = at(index);
    const std::uint32_t peer = config.index.value;
    if (listener_of_peer_.size() <= peer) listener_of_peer_.resize(peer + 1);
    listener_of_peer_[peer] = index;
    listener.engine.put_peer(now, std::move(config), output_);
    carry_out(listener);
}

void ControlWorker::remove_peer(Now now, ListenerIndex index, PeerIndex peer) {
    Listener& listener = at(index);
    if (peer.value < listener_of_peer_.size()) listener_of_peer_[peer.value] = ListenerIndex{};
    listener.engine.remove_peer(now, peer, output_);
    carry_out(listener);
}

void ControlWorker::post(std::uint32_t worker, WorkerCommand command) {
    WARREN_CHECK(worker < workers_.size());
    workers_[worker]->post(std::move(command));
}

void ControlWorker::post_barrier(std::uint64_t token) {
    barrier_token_ = token;
    barrier_missing_ = worker_count();
    for (const auto& worker : workers_) worker->post(Barrier{token});
}

bool ControlWorker::barrier_passed(std::uint64_t token) const {
    return barrier_token_ == token && barrier_missing_ == 0;
}

// --- the loop
// ----------------------------------------------------------------------------------------------------------------------------

void ControlWorker::run() {
    read_ready(read_clock());
    handle_waiting();
    handle_timeouts();
    refill_ephemerals();
}

Instant ControlWorker::next_deadline() const {
    if (!backlog_.empty()) return kLongAgo;
    return std::min(refill_at_, deadlines_.empty() ? kNever : deadlines_.begin()->first);
}

void ControlWorker::read_ready(Now now) {
    const auto ready = loop_.wait(Duration::zero());
    // Sessions of known peers before datagrams of strangers.
    for (const auto& worker : workers_) read_events(now, *worker);
    for (const epoll_event& source : ready) {
        const auto kind = static_cast<Source>(source.data.u64 >> 32);
        if (kind == Source::kWorker) continue;
        Listener& listener = at(ListenerIndex{static_cast<std::uint32_t>(source.data.u64)});
        read_socket(now, listener, kind == Source::kHandshakeV4 ? listener.v4 : listener.v6);
    }
}

// Reads as many as may wait, so that the queue, and not the socket's buffer, shows how many they are, and who sent
// them.
void ControlWorker::read_socket(Now now, Listener& listener, HandshakeSocket& socket) {
    for (std::size_t datagrams = 0, reads = 0;
         datagrams < HandshakeQueue::kCapacity && reads < HandshakeQueue::kCapacity; ++reads) {
        auto train = socket.receive(space_);
        if (!train) {
            if (train.error().code == ErrorCode::kUnavailable) return;
            continue;  // what the network said about an earlier send (conformance E7)
        }
        do {
            const Bytes datagram = train->bytes.first(std::min(train->segment_size, train->bytes.size()));
            train->bytes = train->bytes.subspan(datagram.size());
            enqueue(now, listener, train->arrival, datagram);
            ++datagrams;
        } while (!train->bytes.empty());
    }
}

void ControlWorker::enqueue(Now now, Listener& listener, const wireguard::Arrival& arrival, Bytes datagram) {
    if (!may_be_dear(datagram)) {
        listener.engine.handle_datagram(now, arrival, datagram, output_);
        carry_out(listener);
        return;
    }
    // Who does not know our public key takes no place in the queue.
    if (!listener.engine.is_genuine(datagram)) return;
    if (listener.queue.empty()) backlog_.push_back(listener.engine.listener().value);
    if (!listener.queue.push(arrival, datagram)) ++listener.counters.handshake_queue_full;
}

void ControlWorker::read_events(Now now, DataWorker& worker) {
    worker.take_events(events_);
    for (WorkerEvent& event : events_) handle_event(now, event);
    events_.clear();
}

void ControlWorker::handle_event(Now now, WorkerEvent& event) {
    if (const auto* peer_event = std::get_if<dataplane::Event>(&event)) {
        const PeerIndex peer = std::visit([](const auto& any) { return any.peer; }, *peer_event);
        const ListenerIndex index =
            peer.value < listener_of_peer_.size() ? listener_of_peer_[peer.value] : ListenerIndex{};
        if (!index.valid()) return;  // removed while the event was on its way
        Listener& listener = at(index);
        listener.engine.handle_event(now, *peer_event, output_);
        carry_out(listener);
    } else if (const auto* reached = std::get_if<BarrierReached>(&event)) {
        if (reached->token == barrier_token_ && barrier_missing_ > 0) --barrier_missing_;
    } else if (auto* filled = std::get_if<ReportFilled>(&event)) {
        reports_.push_back(std::move(filled->report));
    } else if (const auto* stray = std::get_if<StrayHandshake>(&event)) {
        const std::uint32_t index = stray->listener.value;
        if (index >= listeners_.size() || listeners_[index] == nullptr || stray->size > stray->bytes.size()) return;
        enqueue(now, *listeners_[index], {stray->from, stray->to}, Bytes(stray->bytes).first(stray->size));
    }
}

void ControlWorker::handle_waiting() {
    if (backlog_.empty()) return;
    Now now = read_clock();
    const Instant end = now.instant + kHandshakeShare;
    while (!backlog_.empty() && now.instant < end) {
        const std::uint32_t index = backlog_.front();
        backlog_.pop_front();
        if (listeners_[index] == nullptr) continue;  // closed with datagrams waiting
        Listener& listener = *listeners_[index];
        handle_batch(now, listener);
        if (!listener.queue.empty()) backlog_.push_back(index);
        now = read_clock();
    }
}

void ControlWorker::handle_batch(Now now, Listener& listener) {
    listener.engine.note_queue(listener.queue.size());
    for (std::size_t i = 0; i < kHandshakeBatch && !listener.queue.empty(); ++i) {
        const WaitingHandshake& waiting = listener.queue.front();
        listener.engine.handle_datagram(now, waiting.arrival, waiting.view(), output_);
        listener.queue.pop();
        // Before the next datagram: a session is installed before the response leaves, and the next datagram may be
        // about it.
        carry_out(listener);
    }
}

void ControlWorker::handle_timeouts() {
    const Now now = read_clock();
    // Each listener at most once: an engine that is due again at once has its turn in the next run.
    for (std::size_t left = deadlines_.size(); left > 0 && deadlines_.begin()->first <= now.instant; --left) {
        Listener& listener = at(ListenerIndex{deadlines_.begin()->second});
        listener.engine.handle_timeout(now, output_);
        carry_out(listener);
    }
}

// A little at a time and never while datagrams wait: a pool that a storm emptied is full again after some seconds.
void ControlWorker::refill_ephemerals() {
    if (ephemerals_.full()) {
        refill_at_ = kNever;
        return;
    }
    const Instant now = read_clock().instant;
    if (refill_at_ == kNever) refill_at_ = now + kRefillInterval;
    if (!backlog_.empty() || now < refill_at_) return;
    ephemerals_.refill(kRefillShare);
    refill_at_ = now + kRefillInterval;
}

void ControlWorker::carry_out(Listener& listener) {
    for (wireguard::PostedCommand& posted : output_.commands) post(posted.worker, std::move(posted.command));
    // Kept before the response leaves: who has it must not be able to replay the initiation to a vpnd that was killed
    // meanwhile.
    for (const wireguard::PeerNews& news : output_.news) {
        if (const auto* accepted = std::get_if<wireguard::TimestampAccepted>(&news);
            accepted != nullptr && keep_timestamp_) {
            keep_timestamp_(listener.engine.listener(), *accepted);
        }
    }
    for (const wireguard::OutgoingMessage& message : output_.messages) {
        HandshakeSocket& socket = message.to.address.is_v4() ? listener.v4 : listener.v6;
        if (!socket.valid() || !socket.send(message)) ++listener.counters.handshake_send_failed;
    }
    const ListenerIndex index = listener.engine.listener();
    for (wireguard::PeerNews& news : output_.news) news_.push_back({index, std::move(news)});
    output_.clear();

    const Instant deadline = listener.engine.next_deadline();
    if (deadline == listener.deadline) return;
    deadlines_.erase({listener.deadline, index.value});
    if (deadline != kNever) deadlines_.insert({deadline, index.value});
    listener.deadline = deadline;
}

const wireguard::Engine* ControlWorker::engine(ListenerIndex index) const {
    const bool is_known = index.value < listeners_.size() && listeners_[index.value] != nullptr;
    return is_known ? &listeners_[index.value]->engine : nullptr;
}

const ListenerCounters* ControlWorker::counters(ListenerIndex index) const {
    const bool is_known = index.value < listeners_.size() && listeners_[index.value] != nullptr;
    return is_known ? &listeners_[index.value]->counters : nullptr;
}

}  // namespace warren::io
