#include "vpnd/io/packet_loop.h"

#include <poll.h>

#include <algorithm>

#include "base/log.h"
#include "base/process_usage.h"
#include "vpnd/packet/segment.h"

namespace warren::io {

namespace {

constexpr std::size_t kTunSpace = dataplane::kOffloadHeaderSize + 65'535;
constexpr Duration kRetryEvents = std::chrono::milliseconds(5);

}  // namespace

Result<std::unique_ptr<PacketLoop>> PacketLoop::make(std::unique_ptr<crypto::PacketAead> aead, Mailbox& mailbox,
                                                     TransferPort port, std::unique_ptr<Readiness> readiness,
                                                     Clock clock) {
    WARREN_TRY(readiness->add(mailbox.command_fd(), token(Source::kCommands, 0), EPOLLIN));
    if (port.bell_fd() >= 0) WARREN_TRY(readiness->add(port.bell_fd(), token(Source::kTransfer, 0), EPOLLIN));
    return std::unique_ptr<PacketLoop>(new PacketLoop(std::move(aead), mailbox, port, std::move(readiness), clock));
}

PacketLoop::PacketLoop(std::unique_ptr<crypto::PacketAead> aead, Mailbox& mailbox, TransferPort port,
                       std::unique_ptr<Readiness> readiness, Clock clock)
    : mailbox_(mailbox),
      port_(port),
      clock_(clock),
      readiness_(std::move(readiness)),
      aead_(std::move(aead)),
      pipeline_(*aead_, {port.worker(), port.workers(), port.directory()}),
      received_(backlog_.receive_pool()),
      tun_space_(std::make_unique<std::uint8_t[]>(kTunSpace)),
      uplinks_(*readiness_, pipeline_) {}

void PacketLoop::run() {
    while (!mailbox_.stopped()) round();
    // What was taken from the sockets is still delivered.
    while (!backlog_.empty()) {
        begin_round(clock_());
        run_turns();
    }
    pipeline_.keep_windows();
}

void PacketLoop::round() {
    const auto ready = readiness_->wait(scheduler_.idle() ? time_to_wait() : Duration::zero());
    begin_round(clock_());
    for (const epoll_event& event : ready) serve(event);
    wake_released();
    run_turns();
    if (now_ >= next_of_parked()) look_at_parked();
    pipeline_.tick(now_, mailbox_.room_for_events(), out_);
    deliver({});
    mailbox_.publish_waiting();
}

MutableBytes PacketLoop::tun_space() const {
    return {tun_space_.get(), kTunSpace};
}

Duration PacketLoop::time_to_wait() const {
    const Instant deadline = std::min(pipeline_.next_deadline(), next_of_parked());
    Duration out = deadline == kNever ? Duration(-1) : std::max(deadline - clock_(), Duration::zero());
    if (mailbox_.room_for_events() == 0) out = out < Duration::zero() ? kRetryEvents : std::min(out, kRetryEvents);
    return out;
}

void PacketLoop::serve(const epoll_event& ready) {
    const auto index = static_cast<std::uint32_t>(ready.data.u64 >> 8);
    switch (static_cast<Source>(ready.data.u64 & 0xff)) {
        case Source::kCommands:
            mailbox_.clear_command_bell();
            (void)run_commands();
            return;
        case Source::kTun: return serve_tun(CustomerIndex{index}, ready.events);
        case Source::kTransfer: return serve_transfers();
        case Source::kUplinkV4: return serve_uplink({index}, Family::kV4, ready.events);
        case Source::kUplinkV6: return serve_uplink({index}, Family::kV6, ready.events);
    }
}

// --- commands ------------------------------------------------------------------------------------

bool PacketLoop::run_commands() {
    bool any = false;
    while (auto command = mailbox_.next_command()) {
        run_command(std::move(*command));
        any = true;
    }
    return any;
}

void PacketLoop::run_command(WorkerCommand command) {
    if (auto* const packet_command = std::get_if<dataplane::Command>(&command)) {
        pipeline_.apply(now_, std::move(*packet_command), out_);
        if (tap_ != nullptr) tell_sent();
        deliver({});
    } else if (auto* const added = std::get_if<AddListener>(&command)) {
        add_listener(std::move(*added));
    } else if (const auto* const dropped = std::get_if<DropListener>(&command)) {
        uplinks_.drop(dropped->index);
    } else if (auto* const swapped = std::get_if<SwapCustomer>(&command)) {
        swap_customer(std::move(*swapped));
    } else if (const auto* const gone = std::get_if<DropCustomer>(&command)) {
        if (is_tapped(gone->index)) tap_.reset();
        pipeline_.drop_customer(gone->index);
        backlog_.drop(gone->index);
        scheduler_.forget(gone->index);
        close_tun(gone->index);
        forget_parked(gone->index);
    } else if (const auto* const parked = std::get_if<CloseTun>(&command)) {
        park(parked->customer);
    } else if (auto* const asked = std::get_if<FillReport>(&command)) {
        fill_report(std::move(asked->report));
    } else if (const auto* const barrier = std::get_if<Barrier>(&command)) {
        mailbox_.publish(BarrierReached{barrier->token});
    } else if (auto* const message = std::get_if<DataMessage>(&command)) {
        receive_from_another({message->listener, message->from, message->to, 0, 0, message->bytes});
    } else if (std::holds_alternative<Hold>(command)) {
        run_until_barrier();
    } else if (auto* const tapped = std::get_if<SetTap>(&command)) {
        tap_ = std::move(tapped->tap);
    }
}

void PacketLoop::run_until_barrier() {
    while (!mailbox_.stopped()) {
        while (auto command = mailbox_.next_command()) {
            const bool is_last = std::holds_alternative<Barrier>(*command);
            run_command(std::move(*command));
            if (is_last) return;
        }
        pollfd bell{mailbox_.command_fd(), POLLIN, 0};
        (void)::poll(&bell, 1, -1);
        mailbox_.clear_command_bell();
    }
}

void PacketLoop::add_listener(AddListener command) {
    const std::uint32_t index = command.index.value;
    uplinks_.add(std::move(command), token(Source::kUplinkV4, index), token(Source::kUplinkV6, index));
}

void PacketLoop::swap_customer(SwapCustomer command) {
    const CustomerIndex index = command.view->index;
    if (index.value >= tuns_.size()) tuns_.resize(index.value + std::size_t{1});
    if (index.value >= lanes_.size()) lanes_.resize(index.value + std::size_t{1});
    scheduler_.set_share(index, command.view->share, command.view->groups);
    const bool has_new_tun = command.tun != nullptr;
    if (has_new_tun) set_tun(*command.view, std::move(command.tun));
    note_parking(*command.view, has_new_tun);
    const Tun* const tun = find_tun(index);
    pipeline_.swap_customer(std::move(command.view), tun == nullptr ? dataplane::Joining() : tun->joining());
    if (has_new_tun) deliver_held(index);
}

void PacketLoop::set_tun(const dataplane::CustomerView& customer, std::unique_ptr<Tun> tun) {
    close_tun(customer.index);
    Status ready = tun->prepare();
    if (ready) ready = readiness_->add(tun->fd(), token(Source::kTun, customer.index.value), EPOLLIN);
    if (!ready) log(LogLevel::kError, "tun_failed", {{"customer", customer.id}, {"reason", ready.error().what}});
    tuns_[customer.index.value] = std::move(tun);
}

Tun* PacketLoop::find_tun(CustomerIndex customer) {
    return customer.value < tuns_.size() ? tuns_[customer.value].get() : nullptr;
}

void PacketLoop::close_tun(CustomerIndex index) {
    if (index.value >= tuns_.size()) return;
    if (const Tun* const tun = find_tun(index)) readiness_->remove(tun->fd());
    tuns_[index.value].reset();
    const bool rate_is_due = lanes_[index.value].rate_is_due;  // what waits goes to the next one
    lanes_[index.value] = Lane();
    lanes_[index.value].rate_is_due = rate_is_due;
}

void PacketLoop::fill_report(std::unique_ptr<CustomerReport> report) {
    for (PeerCounters& row : report->peers) {
        const dataplane::TrafficCounters* const traffic = pipeline_.traffic(row.peer);
        if (traffic == nullptr) continue;
        const dataplane::TrafficCounters& before = *pipeline_.earlier_traffic(row.peer);
        row = {row.peer,
               traffic->rx_bytes,
               traffic->tx_bytes,
               traffic->rx_packets,
               traffic->tx_packets,
               traffic->rx_bytes - before.rx_bytes,
               traffic->tx_bytes - before.tx_bytes};
        const dataplane::Peer& peer = *pipeline_.find(row.peer);
        row.data_received = peer.activity.last_data_received;
        row.data_sent = peer.activity.last_data_sent;
        row.sources_refused = peer.sources_refused;
        row.source_refused = peer.source_refused;
    }
    if (const dataplane::Meters* const meters = pipeline_.meters(report->customer)) report->meters = *meters;
    if (!report->customer.valid()) {
        report->transfers = port_.counters();
        report->processor = thread_processor_time();
        pipeline_.take_touched(report->touched);
    }
    const DataPlaneDrops* const drops =
        report->customer.valid() ? pipeline_.drops(report->customer) : &pipeline_.own_drops();
    if (drops != nullptr)
        std::copy_n(drops->all().begin(), std::min(report->drops.size(), drops->all().size()), report->drops.begin());
    mailbox_.publish(ReportFilled{std::move(report)});
}

// --- output of the pipeline ----------------------------------------------------------------------

void PacketLoop::deliver(std::span<const dataplane::Train> trains) {
    transfer();
    write_to_tuns();
    uplinks_.send(now_, out_.trains);
    publish_events(trains);
    out_.clear();
}

void PacketLoop::write_to_tuns() {
    for (const dataplane::TunWrite& write : out_.tun_writes) {
        Tun* const tun = find_tun(write.customer);
        if (tun == nullptr && lane(write.customer).is_parked) {
            hold(write);
            continue;
        }
        if (write_to(tun, write)) lane(write.customer).used_at = now_;
    }
}

bool PacketLoop::write_to(Tun* tun, const dataplane::TunWrite& write) {
    const Written written = tun == nullptr ? Written::kNo : tun->write(write, out_.pieces);
    if (written == Written::kNo) pipeline_.count_drop(write.customer, DropReason::kTunWriteFailed, write.packets);
    if (written == Written::kNotWhole) write_apart(*tun, write);
    return written != Written::kNo;
}

// The packets that a super-packet was joined of, as they were (vpnd/dataplane/coalesce.h). Those that come later are
// not joined.
void PacketLoop::write_apart(Tun& tun, const dataplane::TunWrite& write) {
    const dataplane::Joining joining = tun.joining();
    if (pipeline_.set_joining(write.customer, joining))
        log(LogLevel::kWarn, "super_packets_refused",
            {{"customer_index", std::to_string(write.customer.value)},
             {"joins_tcp", joining.tcp ? "true" : "false"},
             {"joins_udp", joining.udp ? "true" : "false"}});

    std::vector<std::uint8_t> whole(write.header.begin(), write.header.end());
    for (const dataplane::Piece* piece = &write.first;; piece = &out_.pieces[piece->next]) {
        whole.insert(whole.end(), piece->bytes.begin(), piece->bytes.end());
        if (piece->next == dataplane::Piece::kLast) break;
    }
    const auto super_packet = dataplane::SuperPacket::parse(whole);
    std::vector<std::uint8_t> packet;
    for (std::size_t i = 0; super_packet && i < super_packet->count(); ++i) {
        packet.resize(super_packet->size_of(i));
        super_packet->write(i, packet.data());
        dataplane::TunWrite alone;
        alone.first.bytes = packet;
        if (tun.write(alone, {}) != Written::kYes) pipeline_.count_drop(write.customer, DropReason::kTunWriteFailed, 1);
    }
}

void PacketLoop::publish_events(std::span<const dataplane::Train> trains) {
    for (dataplane::Event& event : out_.events) mailbox_.publish(std::move(event));
    for (const dataplane::Stray& stray : out_.strays) {
        const dataplane::Train& train = trains[stray.train];
        if (!mailbox_.takes_stray()) {
            pipeline_.count_drop({}, DropReason::kHandshakeQueueFull);
            continue;
        }
        mailbox_.publish(StrayMessage{train.listener, train.from, train.to, {stray.bytes.begin(), stray.bytes.end()}});
    }
}

}  // namespace warren::io
