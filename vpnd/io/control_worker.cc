#include "vpnd/io/control_worker.h"

#include <algorithm>
#include <variant>

#include "base/check.h"
#include "base/clock.h"
#include "vpnd/io/udp_socket.h"
#include "vpnd/listeners/steering.h"

namespace warren::io {

namespace {

using namespace std::chrono_literals;

// A share of one run(): the owner has other things to do, and events of known peers come in between.
constexpr Duration kHandshakeShare = 2ms;
// Datagrams of one listener before the next has its turn. Each may cost four Diffie-Hellmans.
constexpr std::size_t kHandshakeBatch = 8;
// Of these, for strangers: that many when enough others wait.
constexpr std::size_t kStrangersShare = 1;
// Messages with packets that were merged behind control messages: that many of an honest network's.
constexpr std::size_t kPassedOnPerRun = 64;
constexpr std::size_t kReadsOfSurplus = 4096;  // of one socket: more than its buffer has room for
// Between two steps of idle work: a twentieth of a core while it lasts.
constexpr Duration kIdleWorkInterval = 5ms;

// What an epoll event names: a data worker, or a socket of a listener.
constexpr std::uint64_t kOfWorker = std::uint64_t{1} << 63;
struct SocketName {
    bool is_solicited = false;
    std::size_t port = 0;
    std::size_t family = 0;
};
std::uint64_t name_of(const SocketName& socket, ListenerIndex listener) {
    const std::uint64_t bits = (socket.is_solicited ? 1U : 0U) | socket.port << 1 | socket.family << 2;
    return bits << 32 | listener.value;
}
SocketName socket_of(std::uint64_t name) {
    return {(name >> 32 & 1) != 0, name >> 33 & 1, name >> 34 & 1};
}

}  // namespace

Result<std::unique_ptr<ControlWorker>> ControlWorker::make(std::vector<std::unique_ptr<DataWorker>> workers,
                                                           crypto::RandomSource& random) {
    auto loop = EventLoop::make();
    if (!loop) return tl::unexpected<Error>(loop.error());
    std::unique_ptr<ControlWorker> out(new ControlWorker(std::move(workers), random, std::move(*loop)));
    for (std::uint32_t i = 0; i < out->worker_count(); ++i) {
        WARREN_TRY(out->loop_.add(out->workers_[i]->event_fd(), kOfWorker | i));
    }
    return out;
}

ControlWorker::ControlWorker(std::vector<std::unique_ptr<DataWorker>> workers, crypto::RandomSource& random,
                             EventLoop loop)
    : workers_(std::move(workers)), random_(random), loop_(std::move(loop)), source_hash_(random) {}

ControlWorker::~ControlWorker() = default;

void ControlWorker::forget_socket(MessageSocket& socket) {
    if (socket.valid()) loop_.remove(socket.fd());
    socket = MessageSocket();
}

Status ControlWorker::set_socket(MessageSocket& socket, UniqueFd fd, std::uint64_t name) {
    forget_socket(socket);
    socket = MessageSocket(std::move(fd));
    if (!socket.valid()) return {};
    return loop_.add(socket.fd(), name);
}

ControlWorker::Listener& ControlWorker::at(ListenerIndex index) {
    WARREN_CHECK(index.value < listeners_.size() && listeners_[index.value] != nullptr);
    return *listeners_[index.value];
}

// --- listeners and peers -------------------------------------------------------------------------

Status ControlWorker::open_listener(ListenerIndex index, std::unique_ptr<control::Engine> engine,
                                    const dataplane::Framing& framing, Sockets sockets) {
    if (listeners_.size() <= index.value) listeners_.resize(index.value + 1);
    listeners_[index.value] = std::make_unique<Listener>(index, std::move(engine), framing, source_hash_);
    return replace_sockets(index, std::move(sockets));
}

Status ControlWorker::replace_sockets(ListenerIndex index, Sockets sockets) {
    Listener& listener = at(index);
    for (std::uint32_t i = 0; i < worker_count(); ++i) {
        auto v6 = i < sockets.data_v6.size() ? open_uplink(std::move(sockets.data_v6[i]), Family::kV6) : nullptr;
        workers_[i]->post(AddListener{index, open_uplink(std::move(sockets.data_v4[i]), Family::kV4), std::move(v6),
                                      listener.ports[0].framing});
    }
    listener.ports[0].number = sockets.port;
    WARREN_TRY(set_port(listener, 0, {std::move(sockets.control_v4), std::move(sockets.control_v6)},
                        {std::move(sockets.solicited_v4), std::move(sockets.solicited_v6)}));
    if (sockets.other) {
        Sockets::Other& other = *sockets.other;
        listener.ports[1].number = other.port;
        listener.ports[1].framing = other.framing;
        WARREN_TRY(set_port(listener, 1, {std::move(other.control_v4), std::move(other.control_v6)},
                            {std::move(other.solicited_v4), std::move(other.solicited_v6)}));
    }
    // Nothing arrives there any more. It is read in the next run, behind the commands of the present generation.
    for (UniqueFd& surplus : sockets.surplus) listener.surplus.emplace_back(std::move(surplus));
    if (!listener.surplus.empty()) draining_.push_back(index.value);
    return {};
}

Status ControlWorker::set_port(Listener& listener, std::size_t port, std::array<UniqueFd, 2> messages,
                               std::array<UniqueFd, 2> solicited) {
    Port& held = listener.ports[port];
    for (std::size_t family = 0; family < messages.size(); ++family) {
        WARREN_TRY(set_socket(held.messages[family], std::move(messages[family]),
                              name_of({false, port, family}, listener.index)));
        WARREN_TRY(set_socket(held.solicited[family], std::move(solicited[family]),
                              name_of({true, port, family}, listener.index)));
    }
    for (const MessageSocket& socket : held.messages) {
        if (socket.valid()) WARREN_TRY(attach_steering(socket.fd(), worker_count(), held.framing->steering));
    }
    return {};
}

void ControlWorker::close_listener(ListenerIndex index) {
    Listener& listener = at(index);
    for (Port& port : listener.ports) {
        for (MessageSocket& socket : port.messages) forget_socket(socket);
        for (MessageSocket& socket : port.solicited) forget_socket(socket);
    }
    deadlines_.erase({listener.deadline, index.value});
    listeners_[index.value].reset();
    for (const auto& worker : workers_) worker->post(DropListener{index});
}

void ControlWorker::assign_peer(PeerIndex peer, ListenerIndex listener) {
    if (listener_of_peer_.size() <= peer.value) listener_of_peer_.resize(peer.value + 1);
    listener_of_peer_[peer.value] = listener;
}

void ControlWorker::remove_peer(Now now, ListenerIndex index, PeerIndex peer) {
    Listener& listener = at(index);
    if (peer.value < listener_of_peer_.size()) listener_of_peer_[peer.value] = ListenerIndex{};
    listener.engine->remove_peer(now, peer, output_);
    carry_out(listener);
}

void ControlWorker::post(std::uint32_t worker, WorkerCommand command) {
    WARREN_CHECK(worker < workers_.size());
    workers_[worker]->post(std::move(command));
}

void ControlWorker::hold_packets() {
    for (const auto& worker : workers_) worker->post(Hold{});
}

void ControlWorker::post_barrier(std::uint64_t token) {
    barrier_token_ = token;
    barrier_missing_ = worker_count();
    for (const auto& worker : workers_) worker->post(Barrier{token});
}

bool ControlWorker::barrier_passed(std::uint64_t token) const {
    return barrier_token_ == token && barrier_missing_ == 0;
}

// --- the loop ------------------------------------------------------------------------------------

void ControlWorker::run() {
    drain_surplus(read_clock());
    read_ready(read_clock());
    handle_waiting();
    handle_timeouts();
    do_idle_work();
}

Instant ControlWorker::next_deadline() const {
    if (!backlog_.empty() || !draining_.empty()) return kLongAgo;
    return std::min(idle_work_at_, deadlines_.empty() ? kNever : deadlines_.begin()->first);
}

void ControlWorker::read_ready(Now now) {
    passed_on_ = 0;
    const auto ready = loop_.wait(Duration::zero());
    // Sessions of known peers before datagrams of strangers.
    for (const auto& worker : workers_) read_events(now, *worker);
    // Solicited messages before a flood of others makes them old.
    for (const bool is_solicited : {true, false}) {
        for (const epoll_event& source : ready) {
            if ((source.data.u64 & kOfWorker) != 0) continue;
            const SocketName name = socket_of(source.data.u64);
            if (name.is_solicited != is_solicited) continue;
            Listener& listener = at(ListenerIndex{static_cast<std::uint32_t>(source.data.u64)});
            Port& port = listener.ports[name.port];
            read_socket(now, listener, port, (is_solicited ? port.solicited : port.messages)[name.family]);
        }
    }
}

// Reads as many as may wait, so that the queue, and not the socket's buffer, shows how many they are, and who sent
// them.
void ControlWorker::read_socket(Now now, Listener& listener, const Port& port, MessageSocket& socket) {
    for (std::size_t datagrams = 0, reads = 0; datagrams < MessageQueue::kCapacity && reads < MessageQueue::kCapacity;
         ++reads) {
        const Status received = socket.receive(batch_);
        if (!received) {
            if (received.error().code == ErrorCode::kUnavailable) return;
            continue;  // what the network said about an earlier send (conformance E7)
        }
        datagrams += take_batch(now, listener, port);
        if (!batch_.is_full()) return;  // whatever has come since is read in the next run
    }
}

std::size_t ControlWorker::take_batch(Now now, Listener& listener, const Port& port) {
    std::size_t datagrams = 0;
    for (MessageTrain& train : batch_.received()) {
        train.arrival.to_port = port.number;
        do {
            const Bytes datagram = train.bytes.first(std::min(train.segment_size, train.bytes.size()));
            train.bytes = train.bytes.subspan(datagram.size());
            if (!pass_on(listener, port, train.arrival, datagram)) enqueue(now, listener, train.arrival, datagram);
            ++datagrams;
        } while (!train.bytes.empty());
    }
    return datagrams;
}

// Packets that arrived for a data worker of the predecessor, which are more than a control socket ever gets. A socket
// that is still in use, for other messages, may never be empty.
void ControlWorker::drain_surplus(Now now) {
    std::erase_if(draining_, [&](std::uint32_t index) {
        if (listeners_[index] == nullptr) return true;
        Listener& listener = *listeners_[index];
        while (!listener.surplus.empty()) {
            const Status received = listener.surplus.back().receive(batch_);
            const bool is_empty = !received && received.error().code == ErrorCode::kUnavailable;
            if (is_empty || ++listener.drained > kReadsOfSurplus) {
                listener.surplus.pop_back();
                listener.drained = 0;
            }
            if (!received) continue;  // also what the network said about an earlier send (conformance E7)
            is_draining_ = true;
            (void)take_batch(now, listener, listener.ports[0]);
            is_draining_ = false;
            return false;
        }
        return true;
    });
}

// A message with a packet that was merged behind a control message in one train, or one that means nothing. True: it
// was none of ours to handle.
bool ControlWorker::pass_on(const Listener& listener, const Port& port, const control::Arrival& arrival,
                            Bytes datagram) {
    dataplane::MessageHead head;
    port.framing->identify(datagram, datagram.size(), std::span(&head, 1));
    if (head.kind == dataplane::MessageKind::kIgnored) return true;
    if (head.kind != dataplane::MessageKind::kData) return false;
    if (passed_on_ >= kPassedOnPerRun && !is_draining_) {
        listeners_[listener.index.value]->drops.add(DropReason::kHandshakeQueueFull);
        return true;
    }
    ++passed_on_;
    post(head.session.worker() % worker_count(),
         DataMessage{listener.index, arrival.from, arrival.to, {datagram.begin(), datagram.end()}});
    return true;
}

void ControlWorker::enqueue(Now now, Listener& listener, const control::Arrival& arrival, Bytes datagram) {
    if (!listener.engine->is_expensive(datagram)) {
        listener.engine->handle_datagram(now, arrival, datagram, output_);
        carry_out(listener);
        return;
    }
    const control::Standing standing = listener.engine->standing_of(now, arrival, datagram);
    if (standing == control::Standing::kRefused) {
        note_refusals(listener);
        return;
    }
    MessageQueue& queue = standing == control::Standing::kProven ? listener.proven : listener.strangers;
    if (listener.waiting() == 0) backlog_.push_back(listener.index.value);
    if (!queue.push(arrival, datagram)) listener.drops.add(DropReason::kHandshakeQueueFull);
}

void ControlWorker::note_refusals(const Listener& listener) {
    is_refused_ = is_refused_ || listener.engine->has_refusals_to_tell();
}

std::vector<control::Refusals::Told> ControlWorker::tell_refusals(ListenerIndex index, Instant now, std::size_t most) {
    if (index.value >= listeners_.size() || listeners_[index.value] == nullptr) return {};
    return listeners_[index.value]->engine->tell_refusals(now, most);
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
        listener.engine->handle_event(now, *peer_event, output_);
        carry_out(listener);
    } else if (const auto* reached = std::get_if<BarrierReached>(&event)) {
        if (reached->token == barrier_token_ && barrier_missing_ > 0) --barrier_missing_;
    } else if (auto* filled = std::get_if<ReportFilled>(&event)) {
        reports_.push_back(std::move(filled->report));
    } else if (const auto* stray = std::get_if<StrayMessage>(&event)) {
        const std::uint32_t index = stray->listener.value;
        if (index >= listeners_.size() || listeners_[index] == nullptr) return;
        Listener& listener = *listeners_[index];
        enqueue(now, listener, {stray->from, stray->to, listener.ports[0].number}, stray->bytes);
    } else if (const auto* missed = std::get_if<TunMissed>(&event)) {
        tun_news_.emplace_back(*missed);
    } else if (const auto* idle = std::get_if<TunIdle>(&event)) {
        tun_news_.emplace_back(*idle);
    } else if (const auto* closed = std::get_if<TunClosed>(&event)) {
        tun_news_.emplace_back(*closed);
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
        if (listener.waiting() > 0) backlog_.push_back(index);
        now = read_clock();
    }
}

void ControlWorker::handle_batch(Now now, Listener& listener) {
    listener.engine->set_queue_length(listener.waiting());
    for (std::size_t i = 0; i < kHandshakeBatch && listener.waiting() > 0; ++i) {
        const bool is_strangers_turn = i >= kHandshakeBatch - kStrangersShare;
        const bool is_proven = listener.strangers.empty() || (!listener.proven.empty() && !is_strangers_turn);
        MessageQueue& queue = is_proven ? listener.proven : listener.strangers;
        const WaitingMessage& waiting = queue.front();
        listener.engine->handle_datagram(now, waiting.arrival, waiting.view(), output_);
        queue.pop();
        // Before the next datagram: a session is installed before the response leaves, and the next datagram may be
        // about it. Answers to strangers change nothing and leave together.
        if (!output_.commands.empty() || !output_.records.empty()) carry_out(listener);
    }
    carry_out(listener);
}

void ControlWorker::handle_timeouts() {
    const Now now = read_clock();
    // Each listener at most once: an engine that is due again at once has its turn in the next run.
    for (std::size_t left = deadlines_.size(); left > 0 && deadlines_.begin()->first <= now.instant; --left) {
        Listener& listener = at(ListenerIndex{deadlines_.begin()->second});
        listener.engine->handle_timeout(now, output_);
        carry_out(listener);
    }
}

// A little at a time and never while datagrams wait: a pool that a storm emptied is full again after some seconds.
void ControlWorker::do_idle_work() {
    if (idle_work_ == nullptr || idle_work_->is_done()) {
        idle_work_at_ = kNever;
        return;
    }
    const Instant now = read_clock().instant;
    if (idle_work_at_ == kNever) idle_work_at_ = now + kIdleWorkInterval;
    if (!backlog_.empty() || now < idle_work_at_) return;
    idle_work_->step();
    idle_work_at_ = now + kIdleWorkInterval;
}

// What the commands and news of an engine mean to a successor of this process.
void ControlWorker::keep_sessions(const control::Engine& engine) {
    if (keeper_ == nullptr) return;
    const auto move = [&](PeerIndex peer) {
        if (const auto kept = engine.kept_peer(peer, {})) keeper_->move(peer, kept->place);
    };
    for (control::PostedCommand& posted : output_.commands) {
        if (auto* const session = std::get_if<dataplane::InstallSession>(&posted.command)) {
            const auto peer = engine.kept_session(*session);
            session->kept = peer ? keeper_->keep(*session, *peer, posted.worker) : nullptr;
        } else if (const auto* const retired = std::get_if<dataplane::RetireSession>(&posted.command)) {
            keeper_->retire(retired->local_id);
        } else if (const auto* const stopped = std::get_if<dataplane::StopSending>(&posted.command)) {
            keeper_->retire_all(stopped->peer);
        } else if (const auto* const endpoint = std::get_if<dataplane::SetEndpoint>(&posted.command)) {
            move(endpoint->peer);
        }
    }
    for (const control::PeerNews& news : output_.news) {
        if (const auto* const moved = std::get_if<control::PeerMoved>(&news)) move(moved->peer);
    }
}

// Events about an engine's live peers are for that engine.
void ControlWorker::assign_live_peers(ListenerIndex listener) {
    for (const control::PostedCommand& posted : output_.commands) {
        if (const auto* const begun = std::get_if<dataplane::PutPeer>(&posted.command)) {
            assign_peer(begun->peer, listener);
        } else if (const auto* const ended = std::get_if<dataplane::DropPeer>(&posted.command)) {
            assign_peer(ended->peer, ListenerIndex{});
        }
    }
}

void ControlWorker::carry_out(Listener& listener) {
    keep_sessions(*listener.engine);
    assign_live_peers(listener.index);
    // An id of a process with more workers may name one that is not there.
    for (control::PostedCommand& posted : output_.commands)
        post(posted.worker % worker_count(), std::move(posted.command));
    // Kept before the messages leave: after a response has left, nobody may be able to replay its initiation to a vpnd
    // that was killed meanwhile.
    for (const control::Record& record : output_.records) {
        if (keep_record_) keep_record_(listener.index, record);
    }
    send_messages(listener);
    const ListenerIndex index = listener.index;
    for (control::PeerNews& news : output_.news) news_.push_back({index, std::move(news)});
    output_.clear();
    note_refusals(listener);

    const Instant deadline = listener.engine->next_deadline();
    if (deadline == listener.deadline) return;
    deadlines_.erase({listener.deadline, index.value});
    if (deadline != kNever) deadlines_.insert({deadline, index.value});
    listener.deadline = deadline;
}

void ControlWorker::send_messages(Listener& listener) {
    std::span<const control::OutgoingMessage> left = output_.messages;
    const auto leave_together = [](const control::OutgoingMessage& one, const control::OutgoingMessage& other) {
        return one.to.address.is_v4() == other.to.address.is_v4() && one.from_port == other.from_port;
    };
    while (!left.empty()) {
        const control::OutgoingMessage& first = left.front();
        const auto others =
            std::find_if(left.begin(), left.end(), [&](const auto& m) { return !leave_together(first, m); });
        const auto together = left.first(static_cast<std::size_t>(others - left.begin()));
        left = left.subspan(together.size());
        Port& port = listener.ports[first.from_port == listener.ports[0].number ? 0 : 1];
        MessageSocket& socket = port.messages[first.to.address.is_v4() ? 0 : 1];
        const std::size_t sent = socket.valid() ? socket.send(together) : 0;
        if (sent < together.size()) listener.drops.add(DropReason::kHandshakeSendFailed, together.size() - sent);
    }
}

const control::Engine* ControlWorker::engine(ListenerIndex index) const {
    const bool is_known = index.value < listeners_.size() && listeners_[index.value] != nullptr;
    return is_known ? listeners_[index.value]->engine.get() : nullptr;
}

const DropCounters* ControlWorker::drops(ListenerIndex index) const {
    const bool is_known = index.value < listeners_.size() && listeners_[index.value] != nullptr;
    return is_known ? &listeners_[index.value]->drops : nullptr;
}

}  // namespace warren::io
