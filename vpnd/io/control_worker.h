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
#include "vpnd/control/engine.h"
#include "vpnd/control/index_table.h"
#include "vpnd/control/keyed_hash.h"
#include "vpnd/control/session_keeper.h"
#include "vpnd/dataplane/framing/framing.h"
#include "vpnd/io/data_worker.h"
#include "vpnd/io/event_loop.h"
#include "vpnd/io/worker_messages.h"
#include "vpnd/listeners/message_queue.h"
#include "vpnd/listeners/message_socket.h"

namespace warren::io {

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

    // --- listeners and peers; an unknown one is a mistake of the caller --------------------------

    // The sockets of one listener, each kind a reuseport group (vpnd/listeners/steering.h).
    struct Sockets {
        UniqueFd control_v4;
        UniqueFd control_v6;  // invalid when the machine has no IPv6, as the others of that family
        UniqueFd solicited_v4;
        UniqueFd solicited_v6;
        std::vector<UniqueFd> data_v4;  // one per data worker
        std::vector<UniqueFd> data_v6;
        std::vector<UniqueFd> surplus{};  // of a predecessor with more data workers: read until they are empty
        std::uint16_t port = 0;           // as arrivals and messages name it, where the engine has several
        // Another port of the same engine, where no packet comes.
        struct Other {
            const dataplane::Framing* framing = nullptr;  // outlives the worker
            std::uint16_t port = 0;
            UniqueFd control_v4;
            UniqueFd control_v6;
            UniqueFd solicited_v4;
            UniqueFd solicited_v6;
        };
        std::optional<Other> other{};
    };
    // A new listener with its engine and the form of its messages; `framing` outlives this. Fails when the sockets
    // cannot be used; the listener is there nevertheless.
    [[nodiscard]] Status open_listener(ListenerIndex index, std::unique_ptr<control::Engine> engine,
                                       const dataplane::Framing& framing, Sockets sockets);
    // New sockets of a present listener: its engine and all sessions stay.
    [[nodiscard]] Status replace_sockets(ListenerIndex index, Sockets sockets);
    // Its peers were removed before.
    void close_listener(ListenerIndex index);
    // Changes what an engine serves, by its own calls: runs change(Output&) and carries out what it appended.
    template <typename Change>
    void change(ListenerIndex index, const Change& change) {
        Listener& listener = at(index);
        change(output_);
        carry_out(listener);
    }
    // Events about this peer go to the engine of this listener from now on.
    void assign_peer(PeerIndex peer, ListenerIndex listener);
    void remove_peer(Now now, ListenerIndex index, PeerIndex peer);
    // Sessions are kept there for a successor of this process; null: they are not. It outlives this.
    void set_keeper(control::SessionKeeper* keeper) { keeper_ = keeper; }
    [[nodiscard]] control::SessionKeeper* keeper() const { return keeper_; }
    // Session ids of all engines: outlives none of them.
    [[nodiscard]] control::IndexTable& indexes() { return indexes_; }
    // Done a little at a time while no message waits; null: nothing. It outlives this, or is taken away before.
    void set_idle_work(control::IdleWork* work) {
        idle_work_ = work;
        idle_work_at_ = kLongAgo;
    }
    void post(std::uint32_t worker, WorkerCommand command);
    // Data workers leave packets where they are until the next barrier.
    void hold_packets();
    // Posts a Barrier to every data worker. One at a time.
    void post_barrier(std::uint64_t token);

    // --- the loop --------------------------------------------------------------------------------

    [[nodiscard]] int fd() const { return loop_.fd(); }
    // Reads what waits, handles a bounded number of handshake datagrams, does what is due.
    void run();
    // When to call run() again though fd() is quiet: at once while datagrams or surplus sockets wait, else at the
    // engines' next deadline, or when ephemeral keys are to be made.
    [[nodiscard]] Instant next_deadline() const;

    // --- reports ---------------------------------------------------------------------------------

    struct News {
        ListenerIndex listener;
        control::PeerNews what;
    };
    // Called for each record, before the messages of the same call are sent (conformance H7).
    using KeepRecord = std::function<void(ListenerIndex, const control::Record&)>;
    void set_keep_record(KeepRecord keep) { keep_record_ = std::move(keep); }
    [[nodiscard]] std::vector<News> take_news() { return std::exchange(news_, {}); }
    [[nodiscard]] std::vector<std::unique_ptr<CustomerReport>> take_reports() { return std::exchange(reports_, {}); }
    // Of customers that are or may be parked.
    using TunNews = std::variant<TunMissed, TunIdle, TunClosed>;
    [[nodiscard]] std::vector<TunNews> take_tun_news() { return std::exchange(tun_news_, {}); }
    // Since the last call somebody was refused whom a log may have to name.
    [[nodiscard]] bool take_refused() { return std::exchange(is_refused_, false); }
    // Of this listener, at most so many (control::Refusals::tell()).
    [[nodiscard]] std::vector<control::Refusals::Told> tell_refusals(ListenerIndex index, Instant now,
                                                                     std::size_t most);
    // Every data worker came to the barrier that was posted last.
    [[nodiscard]] bool barrier_passed(std::uint64_t token) const;

    [[nodiscard]] const control::Engine* engine(ListenerIndex index) const;
    // Counted at the rim of the listener, beside the engine's own counters. Nullptr when unknown.
    [[nodiscard]] const DropCounters* drops(ListenerIndex index) const;
    [[nodiscard]] std::uint32_t worker_count() const { return static_cast<std::uint32_t>(workers_.size()); }

  private:
    // The control sockets of one port.
    struct Port {
        std::uint16_t number = 0;
        const dataplane::Framing* framing = nullptr;  // null: there is no such port
        std::array<MessageSocket, 2> messages;        // by Family
        std::array<MessageSocket, 2> solicited;
    };
    struct Listener {
        Listener(ListenerIndex of, std::unique_ptr<control::Engine> made, const dataplane::Framing& form,
                 const control::KeyedHash& hash)
            : index(of), engine(std::move(made)), proven(hash), strangers(hash) {
            ports[0].framing = &form;
        }
        ListenerIndex index;
        std::unique_ptr<control::Engine> engine;
        std::array<Port, 2> ports;  // the first is that of the packets
        std::vector<MessageSocket> surplus;
        std::size_t drained = 0;  // reads of the last of these
        MessageQueue proven;      // by the engine's standing_of()
        MessageQueue strangers;   // served with what the proven leave, and a little in any case
        [[nodiscard]] std::size_t waiting() const { return proven.size() + strangers.size(); }
        Instant deadline = kNever;  // as it stands in deadlines_
        DropCounters drops;
    };

    ControlWorker(std::vector<std::unique_ptr<DataWorker>> workers, crypto::RandomSource& random, EventLoop loop);
    void forget_socket(MessageSocket& socket);
    [[nodiscard]] Status set_socket(MessageSocket& socket, UniqueFd fd, std::uint64_t name);
    [[nodiscard]] Status set_port(Listener& listener, std::size_t port, std::array<UniqueFd, 2> messages,
                                  std::array<UniqueFd, 2> solicited);
    [[nodiscard]] Listener& at(ListenerIndex index);

    void read_ready(Now now);
    void read_socket(Now now, Listener& listener, const Port& port, MessageSocket& socket);
    // One batch of each listener's surplus.
    void drain_surplus(Now now);
    // What batch_ received, and how much that was.
    std::size_t take_batch(Now now, Listener& listener, const Port& port);
    void enqueue(Now now, Listener& listener, const control::Arrival& arrival, Bytes datagram);
    [[nodiscard]] bool pass_on(const Listener& listener, const Port& port, const control::Arrival& arrival,
                               Bytes datagram);
    void read_events(Now now, DataWorker& worker);
    void handle_event(Now now, WorkerEvent& event);
    void handle_waiting();
    void handle_batch(Now now, Listener& listener);
    void send_messages(Listener& listener);
    void handle_timeouts();
    void do_idle_work();
    // Commands, then records, messages, news (control/engine.h); then the listener's next deadline is noted.
    void carry_out(Listener& listener);
    void note_refusals(const Listener& listener);
    void keep_sessions(const control::Engine& engine);
    void assign_live_peers(ListenerIndex listener);

    std::vector<std::unique_ptr<DataWorker>> workers_;
    crypto::RandomSource& random_;
    EventLoop loop_;
    control::KeyedHash source_hash_;
    control::IndexTable indexes_;
    control::SessionKeeper* keeper_ = nullptr;
    control::IdleWork* idle_work_ = nullptr;
    Instant idle_work_at_ = kLongAgo;                        // kNever: it is done
    std::vector<std::unique_ptr<Listener>> listeners_;       // by ListenerIndex
    std::vector<ListenerIndex> listener_of_peer_;            // by PeerIndex
    std::set<std::pair<Instant, std::uint32_t>> deadlines_;  // by listener
    std::deque<std::uint32_t> backlog_;                      // listeners with a queue, each once, served in turn
    control::Output output_;
    std::vector<WorkerEvent> events_;
    std::vector<std::uint32_t> draining_;  // listeners with surplus sockets
    MessageBatch batch_;
    std::size_t passed_on_ = 0;  // in this run
    bool is_draining_ = false;
    std::vector<News> news_;
    bool is_refused_ = false;  // as take_refused() returns it
    KeepRecord keep_record_;
    std::vector<std::unique_ptr<CustomerReport>> reports_;
    std::vector<TunNews> tun_news_;
    std::uint64_t barrier_token_ = 0;
    std::uint32_t barrier_missing_ = 0;
};

}  // namespace warren::io
