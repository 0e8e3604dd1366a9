// The one thread that owns the engines: brings them datagrams, events and the time, and carries out what they ask for.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "crypto/random.h"
#include "vpnd/io/data_worker.h"
#include "vpnd/io/event_loop.h"
#include "vpnd/io/worker_messages.h"
#include "vpnd/listeners/message_queue.h"
#include "vpnd/listeners/message_socket.h"
#include "vpnd/wireguard/engine.h"
#include "vpnd/wireguard/ephemeral_pool.h"

namespace warren::io {

// Counted at the rim of one listener, beside the engine's own counters.
struct ListenerCounters {
    std::uint64_t handshake_queue_full = 0;  // datagrams dropped because HandshakeQueue::kCapacity of them waited
    std::uint64_t handshake_send_failed = 0;
};

// Belongs to one thread. Everything waits in fd(), which the owner puts into its own epoll; run() does a bounded share
// of it.
class ControlWorker {
  public:
    // `random` must outlive this.
    [[nodiscard]] static Result<std::unique_ptr<ControlWorker>> make(std::vector<std::unique_ptr<DataWorker>> workers,
                                                                     crypto::RandomSource& random);
    ~ControlWorker();
    ControlWorker(const ControlWorker&) = delete;
    ControlWorker& operator=(const ControlWorker&) = delete;

    // --- what is served; unknown listeners and peers are a mistake of the caller
    // ----------------------------------------------------

    // A new listener, or new sockets of a present one: then its engine and all sessions stay. `data_*`: one per data
    // worker. The sockets are a reuseport group each (vpnd/listeners/steering.h). Fails when they cannot be used; the
    // listener is there nevertheless.
    [[nodiscard]] Status open_listener(ListenerIndex index, crypto::PrivateKey private_key, UniqueFd handshake_v4,
                                       UniqueFd handshake_v6, std::vector<UniqueFd> data_v4,
                                       std::vector<UniqueFd> data_v6);
    // Its peers were removed before.
    void close_listener(ListenerIndex index);
    void change_private_key(Now now, ListenerIndex index, crypto::PrivateKey private_key);
    void put_peer(Now now, ListenerIndex index, wireguard::PeerConfig config);
    void remove_peer(Now now, ListenerIndex index, PeerIndex peer);
    void post(std::uint32_t worker, WorkerCommand command);
    // Posts a Barrier to every data worker. One at a time.
    void post_barrier(std::uint64_t token);

    // --- the loop
    // -----------------------------------------------------------------------------------------------------------------

    [[nodiscard]] int fd() const { return loop_.fd(); }
    // Reads what waits, handles a bounded number of handshake datagrams, does what is due.
    void run();
    // When to call run() again though fd() is quiet: at once while datagrams wait, else at the engines' next deadline,
    // or when ephemeral keys are to be made.
    [[nodiscard]] Instant next_deadline() const;

    // --- what happened
    // -----------------------------------------------------------------------------------------------------------------

    struct News {
        ListenerIndex listener;
        wireguard::PeerNews what;
    };
    // Called for each accepted timestamp, before the response is sent (conformance H7).
    using KeepTimestamp = std::function<void(ListenerIndex, const wireguard::TimestampAccepted&)>;
    void set_keep_timestamp(KeepTimestamp keep) { keep_timestamp_ = std::move(keep); }
    [[nodiscard]] std::vector<News> take_news() { return std::exchange(news_, {}); }
    [[nodiscard]] std::vector<std::unique_ptr<CustomerReport>> take_reports() { return std::exchange(reports_, {}); }
    // Every data worker came to the barrier that was posted last.
    [[nodiscard]] bool barrier_passed(std::uint64_t token) const;

    [[nodiscard]] const wireguard::Engine* engine(ListenerIndex index) const;
    [[nodiscard]] const ListenerCounters* counters(ListenerIndex index) const;
    [[nodiscard]] std::uint32_t worker_count() const { return static_cast<std::uint32_t>(workers_.size()); }

  private:
    struct Listener {
        Listener(wireguard::Engine made, const control::KeyedHash& hash) : engine(std::move(made)), queue(hash) {}
        wireguard::Engine engine;
        HandshakeSocket v4;
        HandshakeSocket v6;
        HandshakeQueue queue;
        Instant deadline = kNever;  // as it stands in deadlines_
        ListenerCounters counters;
    };

    ControlWorker(std::vector<std::unique_ptr<DataWorker>> workers, crypto::RandomSource& random, EventLoop loop);
    void forget_socket(HandshakeSocket& socket);
    [[nodiscard]] Status set_socket(HandshakeSocket& socket, UniqueFd fd, std::uint64_t name);
    [[nodiscard]] Listener& at(ListenerIndex index);

    void read_ready(Now now);
    void read_socket(Now now, Listener& listener, HandshakeSocket& socket);
    void enqueue(Now now, Listener& listener, const wireguard::Arrival& arrival, Bytes datagram);
    void read_events(Now now, DataWorker& worker);
    void handle_event(Now now, WorkerEvent& event);
    void handle_waiting();
    void handle_batch(Now now, Listener& listener);
    void handle_timeouts();
    void refill_ephemerals();
    // Commands, then messages, then news (wireguard/output.h); then the listener's next deadline is noted.
    void carry_out(Listener& listener);

    std::vector<std::unique_ptr<DataWorker>> workers_;
    crypto::RandomSource& random_;
    EventLoop loop_;
    control::KeyedHash source_hash_;
    control::IndexTable indexes_;
    wireguard::EphemeralPool ephemerals_;
    Instant refill_at_ = kLongAgo;                           // kNever: the pool is full
    std::vector<std::unique_ptr<Listener>> listeners_;       // by ListenerIndex
    std::vector<ListenerIndex> listener_of_peer_;            // by PeerIndex
    std::set<std::pair<Instant, std::uint32_t>> deadlines_;  // by listener
    std::deque<std::uint32_t> backlog_;                      // listeners with a queue, each once, served in turn
    wireguard::Output output_;
    std::vector<WorkerEvent> events_;
    std::vector<std::uint8_t> space_;  // one receive call
    std::vector<News> news_;
    KeepTimestamp keep_timestamp_;
    std::vector<std::unique_ptr<CustomerReport>> reports_;
    std::uint64_t barrier_token_ = 0;
    std::uint32_t barrier_missing_ = 0;
};

}  // namespace warren::io
