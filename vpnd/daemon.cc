#include "vpnd/daemon.h"

#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "vpnd/io/tun_device.h"
#include "vpnd/listeners/ike/listeners.h"
#include "vpnd/listeners/wireguard/listeners.h"

namespace warren::vpnd {

namespace {

enum Source : std::uint64_t { kControl, kLink, kSnapshots, kServices, kSignals, kCapture };

// Lines that name refused senders: so many in such a time, however many listeners are flooded.
constexpr std::size_t kRefusedAtOnce = 2;
constexpr Duration kRefusedEvery = std::chrono::seconds(1);

std::string peer_count(const CustomerSet& customers) {
    std::size_t count = 0;
    for (const auto& [id, customer] : customers.customers()) count += customer.peers.size();
    return std::to_string(count);
}

Duration until(Instant deadline, Instant now) {
    if (deadline == kNever) return Duration(-1);
    return std::max(deadline - now, Duration::zero());
}

}  // namespace

Result<std::unique_ptr<Daemon>> Daemon::make(Parts parts, crypto::RandomSource& random) {
    const auto workers = static_cast<std::uint32_t>(parts.workers.size());
    auto control = io::ControlWorker::make(std::move(parts.workers), random);
    if (!control) return tl::unexpected<Error>(control.error());
    if (parts.exchange != nullptr) (*control)->indexes().publish_to(parts.exchange->directory());
    auto loop = io::EventLoop::make();
    if (!loop) return tl::unexpected<Error>(loop.error());
    auto link = ConfigLink::make(std::move(parts.channel), workers);
    if (!link) return tl::unexpected<Error>(link.error());
    std::unique_ptr<Daemon> daemon(new Daemon(std::move(*control), std::move(*loop), std::move(*link), parts));
    WARREN_TRY(daemon->start(parts, random));
    return daemon;
}

Daemon::Daemon(std::unique_ptr<io::ControlWorker> control, io::EventLoop loop, ConfigLink link, Parts& parts)
    : kept_memory_(std::move(parts.kept_memory)),
      exchange_(std::move(parts.exchange)),
      control_(std::move(control)),
      loop_(std::move(loop)),
      link_(std::move(link)),
      customers_(control_->worker_count()),
      counters_(*control_, customers_),
      usage_(counters_, customers_),
      snapshot_(customers_, *control_, counters_, parts.hello.appliance, parts.aead_backend, std::move(parts.usage)),
      signals_(std::move(parts.signals)),
      memory_lock_(parts.memory_lock) {}

Status Daemon::start(Parts& parts, crypto::RandomSource& random) {
    adoption_listener_ = std::move(parts.adoption_listener);
    auto wireguard = WireguardListeners::make(*control_, customers_, counters_, random);
    if (!wireguard) return tl::unexpected<Error>(wireguard.error());
    if (parts.timestamps.valid()) WARREN_TRY((*wireguard)->keep_timestamps_in(std::move(parts.timestamps)));
    UniqueFd leases;  // in the same file
    if (parts.peers.valid()) leases = UniqueFd(::fcntl(parts.peers.get(), F_DUPFD_CLOEXEC, 0));
    if (parts.peers.valid()) WARREN_TRY((*wireguard)->keep_peers_in(std::move(parts.peers)));
    services_[ipc::ListenerKind::kWireguard] = std::move(*wireguard);
    auto ike = IkeListeners::make(*control_, random);
    if (!ike) return tl::unexpected<Error>(ike.error());
    ike_ = ike->get();
    if (leases.valid()) WARREN_TRY((*ike)->keep_leases_in(std::move(leases)));
    snapshot_.explain_unserved_by(
        [service = ike->get()](ConnectionIndex connection) { return service->why_unserved(connection); });
    snapshot_.count_months_by(
        [this](std::string_view customer, std::string_view peer) { return usage_.of(customer, peer); });
    services_[ipc::ListenerKind::kIke] = std::move(*ike);
    control_->set_keep_record([this](ListenerIndex listener, const control::Record& record) {
        for (const auto& [kind, service] : services_) service->save(read_clock(), listener, record);
    });
    auto snapshots = SnapshotServer::make(std::move(parts.snapshot_listener), customers_, counters_, snapshot_);
    if (!snapshots) return with_context("snapshot listener", snapshots.error());
    snapshot_server_.emplace(std::move(*snapshots));

    auto capture = Capture::make(*control_, customers_);
    if (!capture) return tl::unexpected<Error>(capture.error());
    capture_.emplace(std::move(*capture));

    WARREN_TRY(loop_.add(control_->fd(), kControl));
    WARREN_TRY(loop_.add(capture_->fd(), kCapture));
    WARREN_TRY(loop_.add(link_.fd(), kLink));
    WARREN_TRY(loop_.add(snapshot_server_->fd(), kSnapshots));
    for (const auto& [kind, service] : services_) WARREN_TRY(loop_.add(service->fd(), kServices));
    WARREN_TRY(loop_.add(signals_.get(), kSignals));
    show_holdings(parts.hello);
    return {};
}

// What a predecessor may still use: nothing of it is touched before the first Commit (stacks/supervisor.cc,
// replace_vpnd).
Status Daemon::take_over() {
    if (std::exchange(is_in_charge_, true)) return {};
    control_->hold_packets();
    keep_sessions();
    if (auto usage = std::exchange(usage_passed_, std::nullopt))
        usage_.keep_in(read_clock(), usage->month, std::move(usage->file));
    WARREN_TRY(snapshot_server_->listen());
    return link_.accept_at(std::move(adoption_listener_));
}

void Daemon::run() {
    while (!stopping_) {
        for (const epoll_event& ready : loop_.wait(until(next_deadline(), read_clock().instant))) {
            if (ready.data.u64 == kSignals) stopping_ = true;
        }
        serve();
    }
    for (const auto& [kind, service] : services_) service->flush(read_clock());
    usage_.flush();
}

Instant Daemon::next_deadline() const {
    Instant earliest = std::min(control_->next_deadline(), snapshot_server_->next_deadline());
    for (const auto& [kind, service] : services_) earliest = std::min(earliest, service->next_deadline());
    if (is_in_charge_) earliest = std::min(earliest, usage_.next_deadline());
    if (is_refused_) earliest = std::min(earliest, refused_told_ + kRefusedEvery);
    if (may_speak_of_parked()) earliest = std::min(earliest, parking_.next_deadline());
    return earliest;
}

void Daemon::serve() {
    control_->run();
    const Now now = read_clock();
    for (const auto& [kind, service] : services_) service->run(now);
    take_news();
    watch_load(now);
    tell_refused(now);
    for (auto& report : control_->take_reports()) counters_.store(std::move(report));
    if (is_in_charge_) watch_usage(now);
    finish_commit();
    watch_parking(now);
    // One generation at a time: freed indexes are not safe to use before the barrier.
    if (!applying_) {
        if (auto event = link_.run()) handle(std::move(*event));
    }
    snapshot_server_->run(now);
    capture_->run();
    if (!is_in_charge_ && !link_.is_connected()) stopping_ = true;  // nobody could adopt it
    flush_log();
}

// --- configuration -------------------------------------------------------------------------------

void Daemon::handle(ConfigLink::Event event) {
    if (auto* greeted = std::get_if<ConfigLink::Greeted>(&event)) {
        snapshot_.rename(greeted->hello.appliance);
        keep_sessions_in(std::move(greeted->kept_sessions));
        parking_.forget_asked();
        show_holdings(greeted->hello);
        return;
    }
    if (auto* passed = std::get_if<ConfigLink::AuthPassed>(&event))
        return ike_->attach_authd(std::move(passed->channel));
    if (auto* usage = std::get_if<ConfigLink::UsagePassed>(&event)) {
        // A predecessor may still write to it.
        if (!is_in_charge_) {
            usage_passed_ = std::move(*usage);
        } else {
            usage_.keep_in(read_clock(), usage->month, std::move(usage->file));
        }
        return;
    }
    if (auto* wanted = std::get_if<ConfigLink::CaptureWanted>(&event))
        return capture_->start(wanted->customer, wanted->peer, std::move(wanted->socket));
    if (auto* passed = std::get_if<ConfigLink::TunnelPassed>(&event)) return give_tunnel(std::move(*passed));
    commit(std::move(std::get<ConfigLink::Committed>(event)));
}

void Daemon::show_holdings(const ipc::Hello& hello) {
    for (const auto& [id, listener] : customers_.listeners()) {
        link_.send(ipc::HoldingListener{id, listener.protocol, listener.port, listener.roles}, listener.descriptors);
    }
    for (const auto& [id, customer] : customers_.customers()) {
        link_.send(ipc::HoldingCustomer{id}, customer.tuns);
    }
    link_.send(ipc::HoldingEnd{customers_.generation(), control_->worker_count()});
    log(LogLevel::kInfo, "hello_answered",
        {{"appliance", hello.appliance}, {"generation", std::to_string(customers_.generation())}});
}

void Daemon::commit(ConfigLink::Committed committed) {
    const bool is_news =
        !committed.generation || !committed.generation->is_empty() || committed.number != customers_.generation();
    std::vector<Rename> renames;
    if (committed.generation) renames = committed.generation->renames;
    auto changes = committed.generation ? customers_.apply(std::move(*committed.generation))
                                        : Result<Changes>(tl::unexpected<Error>(committed.generation.error()));
    if (!changes) {
        log(LogLevel::kWarn, "generation_rejected",
            {{"generation", std::to_string(committed.number)}, {"reason", changes.error().what}});
        link_.send(ipc::Rejected{committed.number, changes.error().what});
        return;
    }
    if (const Status taken = take_over(); !taken) {
        log(LogLevel::kError, "service_failed", {{"error", taken.error().what}});
        link_.send(ipc::Rejected{committed.number, taken.error().what});
        stopping_ = true;
        return;
    }
    usage_.rename(read_clock(), renames);
    usage_.note_departed(std::move(changes->departed));
    carry_out(read_clock(), std::move(*changes));
    applying_ = Applying{committed.number, is_news};
    control_->post_barrier(++barrier_token_);
}

void Daemon::carry_out(Now now, Changes changes) {
    for (const auto& [kind, service] : services_) service->flush(now);  // of peers that move to another customer
    for (Changes::OpenListener& open : changes.open_listeners) {
        note_listener(listener(open.listener));
        const Status opened = service_of(open.listener).open(listener(open.listener), std::move(open.sockets));
        if (!opened) log(LogLevel::kError, "listener_not_served", {{"error", opened.error().what}});
    }
    for (const ListenerIndex changed : changes.change_listeners) {
        service_of(changed).change(now, listener(changed));
        note_listener(listener(changed));
    }
    for (const Changes::RemovePeer& remove : changes.remove_peers) {
        control_->remove_peer(now, remove.listener, remove.peer);
        news_log_.forget(remove.customer, remove.peer);
        if (remove.is_gone) usage_.forget(remove.peer);
        snapshot_.book().forget(remove.peer);
    }
    for (const Changes::RemoveConnection& gone : changes.remove_connections) {
        services_.at(ipc::ListenerKind::kIke)->remove_connection(now, gone);
        for (const PeerIndex peer : gone.peers) {
            news_log_.forget(gone.customer, peer);
            if (gone.is_gone) usage_.forget(peer);
            snapshot_.book().forget(peer);
        }
    }
    for (const Changes::ForgetPeer& forget : changes.forget_peers)
        services_.at(forget.kind)->forget_peer(now, forget.listener, forget.identity);
    for (Changes::SwapView& swap : changes.swap_views) {
        control_->post(swap.worker, io::SwapCustomer{std::move(swap.view), io::open_tun(std::move(swap.tun))});
    }
    if (!changes.swap_views.empty()) capture_->note_generation();  // workers that are new to its customer
    for (const Changes::PutPeer& put : changes.put_peers) {
        const auto [customer, peer] = customers_.find(put.peer);
        service_of(put.listener).put_peer(now, *customer, *peer);
    }
    for (const Changes::PutConnection& put : changes.put_connections) {
        const auto [customer, connection] = customers_.find(put.connection);
        service_of(put.listener).put_connection(now, *customer, *connection);
    }
    for (const Changes::ReleasePeer& release : changes.release_peers) {
        control_->assign_peer(release.peer, ListenerIndex{});
        news_log_.forget(release.customer, release.peer);
        usage_.forget(release.peer);
        snapshot_.book().forget(release.peer);
    }
    for (const Changes::OperateConnection& operation : changes.operate_connections)
        service_of(operation.listener).operate(now, operation.connection, operation.action);
    for (const Changes::DropCustomer& drop : changes.drop_customers) {
        capture_->forget(drop.customer);
        control_->post(drop.worker, io::DropCustomer{drop.customer});
        counters_.forget(drop.customer);
        parking_.forget(drop.customer);
    }
    for (const Changes::CloseListener& close : changes.close_listeners) services_.at(close.kind)->close(close.listener);
}

ListenerService& Daemon::service_of(ListenerIndex index) {
    return *services_.at(listener(index).id.kind);
}

const HeldListener& Daemon::listener(ListenerIndex index) const {
    const HeldListener* const held = customers_.listener(index);
    WARREN_CHECK(held != nullptr);
    return *held;
}

void Daemon::note_listener(const HeldListener& listener) {
    for (const auto& [id, customer] : customers_.customers()) {
        if (listener.id.owner.empty() || listener.id.owner == id) counters_.note_change(customer.index);
    }
}

void Daemon::finish_commit() {
    if (!applying_ || !control_->barrier_passed(barrier_token_)) return;
    customers_.settle();
    const Applying applied = *applying_;
    applying_.reset();
    left_memories_.clear();  // the data workers have left them
    if (applied.is_news) {
        capture_->note_generation();
        end_succession();
        lock_memory();
    }
    link_.send(ipc::Applied{applied.number});
    if (!applied.is_news) {
        log(LogLevel::kDebug, "probe_answered", {{"generation", std::to_string(applied.number)}});
        return;
    }
    log(LogLevel::kInfo, "generation_applied",
        {{"generation", std::to_string(applied.number)},
         {"listeners", std::to_string(customers_.listeners().size())},
         {"customers", std::to_string(customers_.customers().size())},
         {"peers", peer_count(customers_)}});
}

void Daemon::make_keeper() {
    keeper_.emplace(kept_memory_->table(), [this](std::span<dataplane::KeptSession> part) {
        const Status locked = KeptMemory::lock(part);
        if (!locked && !std::exchange(is_table_full_, true))
            log(LogLevel::kWarn, "sessions_not_kept",
                {{"reason", locked.error().what}, {"kept", std::to_string(keeper_ ? keeper_->kept() : 0)}});
        return locked.has_value();
    });
    control_->set_keeper(&*keeper_);
}

void Daemon::make_sa_keeper() {
    const auto lock = [this](std::span<ike::KeptSa> part) {
        const Status locked = KeptMemory::lock(part);
        if (!locked && !std::exchange(is_sa_table_full_, true))
            log(LogLevel::kWarn, "ike_sas_not_kept", {{"reason", locked.error().what}});
        return locked.has_value();
    };
    const auto found = ike_->keep_sas_in(kept_memory_->sas(), lock);
    is_succeeding_ = is_succeeding_ || found == ike::SaKeeper::Found::kSas;
    if (found != ike::SaKeeper::Found::kOtherForm) return;
    log(LogLevel::kWarn, "kept_sessions_ignored", {{"reason", "IKE_SAs were written by another version"}});
    kept_memory_->clear_sas();
    (void)ike_->keep_sas_in(kept_memory_->sas(), lock);
}

void Daemon::keep_sessions() {
    if (!kept_memory_) return;
    make_keeper();
    is_succeeding_ = keeper_->found() == control::SessionKeeper::Found::kSessions;
    if (keeper_->found() == control::SessionKeeper::Found::kOtherForm) {
        log(LogLevel::kWarn, "kept_sessions_ignored", {{"reason", "they were written by another version"}});
        kept_memory_->clear();
        keeper_->begin();
    }
    make_sa_keeper();
}

// A new stackd cannot have the memory of the old one, so it brings its own.
void Daemon::keep_sessions_in(UniqueFd file) {
    if (!file.valid()) return;
    end_succession();  // in the present one
    auto memory = KeptMemory::map(std::move(file));
    if (memory && kept_memory_ && memory->table().size() < kept_memory_->table().size())
        memory = fail(ErrorCode::kInvalid, "less room than before");
    if (!memory) {
        log(LogLevel::kWarn, "sessions_not_kept", {{"reason", memory.error().what}});
        return;
    }
    if (kept_memory_) left_memories_.push_back(std::move(*kept_memory_));
    kept_memory_.reset();
    kept_memory_.emplace(std::move(*memory));
    if (!keeper_) {
        make_keeper();
        return make_sa_keeper();
    }
    for (const auto& moved : keeper_->move_to(kept_memory_->table())) control_->post(moved.worker, moved.command);
    make_sa_keeper();
}

void Daemon::end_succession() {
    if (!std::exchange(is_succeeding_, false)) return;
    const auto ike_sas = ike_->end_succession(read_clock());
    const std::size_t forgotten = keeper_->forget_rest();
    log(LogLevel::kInfo, "sessions_resumed",
        {{"sessions", std::to_string(keeper_->kept())},
         {"forgotten", std::to_string(forgotten)},
         {"ike_sas", std::to_string(ike_sas.resumed)},
         {"ike_sas_ended", std::to_string(ike_sas.ended)}});
}

// A larger configuration is a larger heap.
void Daemon::lock_memory() {
    if (!memory_lock_) return;
    const Status locked = memory_lock_->extend();
    if (locked) return;
    log(LogLevel::kWarn, "memory_not_locked", {{"reason", locked.error().what}, {"risk", "keys may be swapped out"}});
    memory_lock_.reset();  // once is enough
}

// --- news of peers -------------------------------------------------------------------------------

void Daemon::take_news() {
    for (const auto& [listener, what] : control_->take_news()) {
        if (const auto* completed = std::get_if<control::HandshakeCompleted>(&what))
            news_log_.completed(customers_, *completed);
        if (const auto* gave_up = std::get_if<control::HandshakeGaveUp>(&what)) news_log_.gave_up(customers_, *gave_up);
        if (const auto* resumed = std::get_if<control::PeerResumed>(&what)) news_log_.resumed(customers_, *resumed);
        if (const auto* lost = std::get_if<control::PeerLost>(&what)) news_log_.lost(customers_, *lost);
        if (const auto* flaps = std::get_if<control::PeerFlaps>(&what)) news_log_.flaps(customers_, *flaps);
        if (const auto* refused = std::get_if<control::HandshakeRefused>(&what)) {
            news_log_.refused(customers_, *refused);
            if (refused->reason == DropReason::kOldTimestamp)
                snapshot_.book().note_refused(refused->peer, refused->at.wall);
        }
        note_place(listener, what);
        const PeerIndex peer = std::visit([](const auto& any) { return any.peer; }, what);
        for (const auto& [kind, service] : services_) service->note_changed(read_clock(), listener, peer);
        if (const CustomerSet::PeerRef about = customers_.find(peer); about.customer != nullptr)
            counters_.note_change(about.customer->index);
    }
}

void Daemon::watch_usage(Now now) {
    std::vector<CustomerSet::Spent> spent;
    usage_.run(now, spent);
    if (spent.empty()) return;
    carry_out(now, customers_.note_spent(std::move(spent)));
}

void Daemon::note_place(ListenerIndex listener, const control::PeerNews& what) {
    const WallTime now = read_clock().wall;
    if (const auto* completed = std::get_if<control::HandshakeCompleted>(&what))
        snapshot_.book().note_endpoint(completed->peer, completed->endpoint, now);
    const auto* const moved = std::get_if<control::PeerMoved>(&what);
    const control::Engine* const engine = moved == nullptr ? nullptr : control_->engine(listener);
    const auto status = engine == nullptr ? std::nullopt : engine->peer_status(moved->peer);
    if (status && status->endpoint) snapshot_.book().note_endpoint(moved->peer, *status->endpoint, now);
}

void Daemon::watch_load(Now now) {
    if (now.instant - load_watched_ < std::chrono::seconds(1)) return;
    load_watched_ = now.instant;
    bool loaded = false;
    for (const auto& [id, listener] : customers_.listeners()) {
        const control::Engine* engine = control_->engine(listener.index);
        loaded = loaded || (engine != nullptr && engine->under_load(now));
    }
    if (loaded == is_under_load_) return;
    is_under_load_ = loaded;
    if (const auto suppressed = load_changes_.pass(now.instant)) {
        log(LogLevel::kWarn, loaded ? "overload_began" : "overload_ended",
            {{"suppressed", std::to_string(*suppressed)}});
    }
}

void Daemon::tell_refused(Now now) {
    is_refused_ = control_->take_refused() || is_refused_;
    if (!is_refused_ || now.instant - refused_told_ < kRefusedEvery) return;
    refused_told_ = now.instant;
    is_refused_ = false;
    const auto& listeners = customers_.listeners();
    auto next = listeners.upper_bound(refused_of_);
    std::size_t left = kRefusedAtOnce;
    for (std::size_t i = 0; i < listeners.size() && left > 0; ++i, ++next) {
        if (next == listeners.end()) next = listeners.begin();
        for (const auto& told : control_->tell_refusals(next->second.index, now.instant, left)) {
            NewsLog::sender_refused(customers_, next->first, told);
            refused_of_ = next->first;
            --left;
        }
    }
    is_refused_ = left == 0;
}

}  // namespace warren::vpnd
