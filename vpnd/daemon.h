// vpnd whole: the channel to stackd, the customers, the control worker and those who answer questions, in one loop.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/log_gate.h"
#include "base/memory_lock.h"
#include "base/process_usage.h"
#include "base/result.h"
#include "crypto/random.h"
#include "vpnd/config_link.h"
#include "vpnd/customers/customer_set.h"
#include "vpnd/customers/listener_service.h"
#include "vpnd/customers/parking.h"
#include "vpnd/io/control_worker.h"
#include "vpnd/io/event_loop.h"
#include "vpnd/io/transfer.h"
#include "vpnd/kept_memory.h"
#include "vpnd/show/capture.h"
#include "vpnd/show/counters.h"
#include "vpnd/show/news_log.h"
#include "vpnd/show/snapshot.h"
#include "vpnd/show/snapshot_server.h"
#include "vpnd/usage/usage_book.h"

namespace warren::vpnd {

class IkeListeners;

// One thread, but for the data workers.
class Daemon {
  public:
    struct Parts {
        ipc::Hello hello;
        ipc::Channel channel;  // past its Hello
        UniqueFd snapshot_listener;
        UniqueFd adoption_listener;
        UniqueFd timestamps;                             // invalid: timestamps are kept in memory only
        UniqueFd peers;                                  // invalid: where peers are is not kept
        UniqueFd signals;                                // a signalfd; what comes there ends run()
        std::unique_ptr<io::TransferExchange> exchange;  // of the workers; null when there is one
        std::vector<std::unique_ptr<io::DataWorker>> workers;
        std::string aead_backend;
        ProcessUsage usage;
        std::optional<MemoryLock> memory_lock;  // nothing: memory is not locked
        std::optional<KeptMemory> kept_memory;  // nothing: sessions end with this process
    };
    // `random` must outlive the daemon.
    [[nodiscard]] static Result<std::unique_ptr<Daemon>> make(Parts parts, crypto::RandomSource& random);

    // Serves until a signal asks for the end.
    void run();

  private:
    Daemon(std::unique_ptr<io::ControlWorker> control, io::EventLoop loop, ConfigLink link, Parts& parts);
    [[nodiscard]] Status start(Parts& parts, crypto::RandomSource& random);
    // Once, before the first generation is carried out: from now on this is the vpnd.
    [[nodiscard]] Status take_over();
    // One round of everything; each part does a bounded share.
    void serve();
    [[nodiscard]] Instant next_deadline() const;

    void handle(ConfigLink::Event event);
    void show_holdings(const ipc::Hello& hello);
    void commit(ConfigLink::Committed committed);
    void carry_out(Now now, Changes changes);
    // The service of this listener's kind.
    [[nodiscard]] ListenerService& service_of(ListenerIndex listener);
    [[nodiscard]] const HeldListener& listener(ListenerIndex index) const;
    void note_listener(const HeldListener& listener);
    // Answers Applied when the data workers have carried out what was posted.
    void finish_commit();
    void lock_memory();
    // Makes the keeper, and says what the predecessor left.
    void keep_sessions();
    void make_keeper();
    // Of IKE_SAs, which have a table of their own.
    void make_sa_keeper();
    void keep_sessions_in(UniqueFd file);
    // The first generation is in force: what it did not take over is wiped.
    void end_succession();
    void take_news();
    // Counts what customers used, and stops those whose quota is spent.
    void watch_usage(Now now);
    // Asks stackd for the stacks that packets wait for, and leaves those that no packet needs (daemon_parking.cc).
    void watch_parking(Now now);
    void give_tunnel(ConfigLink::TunnelPassed passed);
    [[nodiscard]] bool may_speak_of_parked() const { return is_in_charge_ && !applying_ && link_.is_clear(); }
    // Where its news says that a peer is.
    void note_place(ListenerIndex listener, const control::PeerNews& what);
    // Says when a listener comes under load, and when none is any more.
    void watch_load(Now now);
    // Names refused senders in the log, the listeners in turn.
    void tell_refused(Now now);

    std::optional<KeptMemory> kept_memory_;  // outlives the data workers
    std::vector<KeptMemory> left_memories_;  // that data workers may still write to, until the next barrier
    std::optional<control::SessionKeeper> keeper_;
    bool is_table_full_ = false;                      // said once
    bool is_sa_table_full_ = false;                   // likewise
    bool is_succeeding_ = false;                      // sessions of the predecessor may be taken over
    std::unique_ptr<io::TransferExchange> exchange_;  // outlives the data workers, which control_ owns
    std::unique_ptr<io::ControlWorker> control_;
    io::EventLoop loop_;
    ConfigLink link_;
    CustomerSet customers_;
    Counters counters_;
    UsageBook usage_;
    std::optional<ConfigLink::UsagePassed> usage_passed_;                     // until it is in charge
    std::map<ipc::ListenerKind, std::unique_ptr<ListenerService>> services_;  // end before control_
    IkeListeners* ike_ = nullptr;                                             // one of services_
    Snapshot snapshot_;
    std::optional<SnapshotServer> snapshot_server_;
    std::optional<Capture> capture_;
    NewsLog news_log_;
    Parking parking_;
    LogGate load_changes_;
    bool is_under_load_ = false;
    Instant load_watched_ = kLongAgo;
    bool is_refused_ = false;  // there may be senders to name
    Instant refused_told_ = kLongAgo;
    ipc::ListenerId refused_of_;  // the one that was named last
    UniqueFd adoption_listener_;  // until it is in charge
    bool is_in_charge_ = false;
    UniqueFd signals_;
    bool stopping_ = false;
    std::optional<MemoryLock> memory_lock_;
    struct Applying {
        std::uint64_t number;
        bool is_news;  // another generation than before
    };
    std::optional<Applying> applying_;  // the generation that waits for its barrier
    std::uint64_t barrier_token_ = 0;
};

}  // namespace warren::vpnd
