#include "vpnd/io/packet_loop.h"

#include <algorithm>

#include "base/check.h"
#include "base/log.h"
#include "base/process_usage.h"

namespace warren::io {

namespace {

constexpr std::size_t kTunSpace = dataplane::kOffloadHeaderSize + 65'535;
constexpr std::size_t kWaitingTrains = 8;  // of one socket, the oldest is dropped
constexpr Duration kUngroupedFor = std::chrono::seconds(60);
constexpr Duration kRetryEvents = std::chrono::milliseconds(5);

}  // namespace

Result<std::unique_ptr<PacketLoop>> PacketLoop::make(std::unique_ptr<crypto::PacketAead> aead, Mailbox& mailbox,
                                                     TransferPort port, Clock clock) {
    auto events = EventLoop::make();
    if (!events) return tl::unexpected(std::move(events).error());
    WARREN_TRY(events->add(mailbox.command_fd(), token(Source::kCommands, 0)));
    if (port.bell_fd() >= 0) WARREN_TRY(events->add(port.bell_fd(), token(Source::kTransfer, 0)));
    return std::unique_ptr<PacketLoop>(new PacketLoop(std::move(*events), std::move(aead), mailbox, port, clock));
}

PacketLoop::PacketLoop(EventLoop events, std::unique_ptr<crypto::PacketAead> aead, Mailbox& mailbox, TransferPort port,
                       Clock clock)
    : mailbox_(mailbox),
      port_(port),
      clock_(clock),
      events_(std::move(events)),
      aead_(std::move(aead)),
      pipeline_(*aead_, {port.worker(), port.workers()}),
      received_(backlog_.receive_pool()),
      tun_space_(std::make_unique<std::uint8_t[]>(kTunSpace)) {}

void PacketLoop::run() {
    while (!mailbox_.stopped()) round();
}

void PacketLoop::round() {
    const auto ready = events_.wait(scheduler_.idle() ? time_to_wait() : Duration::zero());
    begin_round(clock_());
    for (const epoll_event& event : ready) serve(event);
    take_turns();
    pipeline_.tick(now_, mailbox_.room_for_events(), out_);
    deliver({});
    mailbox_.publish_waiting();
}

MutableBytes PacketLoop::tun_space() const {
    return {tun_space_.get(), kTunSpace};
}

Duration PacketLoop::time_to_wait() const {
    const Instant deadline = pipeline_.next_deadline();
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
        case Source::kUplinkV4: return serve_uplink({index}, Family::kV4, ready);
        case Source::kUplinkV6: return serve_uplink({index}, Family::kV6, ready);
    }
}

// --- commands
// -------------------------------------------------------------------------------------------------------------------

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
        deliver({});
    } else if (auto* const added = std::get_if<AddListener>(&command)) {
        add_listener(std::move(*added));
    } else if (const auto* const dropped = std::get_if<DropListener>(&command)) {
        drop_listener(dropped->index);
    } else if (auto* const swapped = std::get_if<SwapCustomer>(&command)) {
        swap_customer(std::move(*swapped));
    } else if (const auto* const gone = std::get_if<DropCustomer>(&command)) {
        pipeline_.drop_customer(gone->index);
        backlog_.drop(gone->index);
        scheduler_.forget(gone->index);
        close_tun(gone->index);
    } else if (auto* const asked = std::get_if<FillReport>(&command)) {
        fill_report(std::move(asked->report));
    } else if (const auto* const barrier = std::get_if<Barrier>(&command)) {
        mailbox_.publish(BarrierReached{barrier->token});
    }
}

void PacketLoop::add_listener(AddListener command) {
    const std::uint32_t index = command.index.value;
    WARREN_CHECK(command.framing != nullptr);
    drop_listener(command.index);
    pipeline_.put_listener(command.index, *command.framing);
    if (index >= listeners_.size()) listeners_.resize(index + std::size_t{1});
    listeners_[index] = std::make_unique<Listener>();
    add_uplink(listeners_[index]->v4, std::move(command.v4), Family::kV4, token(Source::kUplinkV4, index));
    add_uplink(listeners_[index]->v6, std::move(command.v6), Family::kV6, token(Source::kUplinkV6, index));
}

void PacketLoop::drop_listener(ListenerIndex index) {
    if (index.value >= listeners_.size() || listeners_[index.value] == nullptr) return;
    events_.remove(listeners_[index.value]->v4.sender.fd());
    events_.remove(listeners_[index.value]->v6.sender.fd());
    listeners_[index.value].reset();
    pipeline_.drop_listener(index);
}

void PacketLoop::add_uplink(Uplink& uplink, UniqueFd fd, Family family, std::uint64_t name) {
    if (!fd.valid()) return;
    auto prepared = prepare_data_socket(fd.get(), family);
    if (prepared) prepared = events_.add(fd.get(), name);
    if (!prepared) log(LogLevel::kError, "data_socket_failed", {{"reason", prepared.error().what}});
    uplink.sender = TrainSender(std::move(fd), family);
}

void PacketLoop::swap_customer(SwapCustomer command) {
    const CustomerIndex index = command.view->index;
    if (index.value >= tuns_.size()) tuns_.resize(index.value + std::size_t{1});
    if (index.value >= lanes_.size()) lanes_.resize(index.value + std::size_t{1});
    scheduler_.set_share(index, command.view->share);
    if (command.tun.valid()) set_tun(*command.view, std::move(command.tun));
    pipeline_.swap_customer(std::move(command.view), tuns_[index.value].takes_udp_segments());
}

void PacketLoop::set_tun(const dataplane::CustomerView& customer, UniqueFd fd) {
    close_tun(customer.index);
    TunDevice& tun = tuns_[customer.index.value];
    tun = TunDevice(std::move(fd));
    Status ready = tun.set_offloads();
    if (ready) ready = events_.add(tun.fd(), token(Source::kTun, customer.index.value));
    if (!ready) log(LogLevel::kError, "tun_failed", {{"customer", customer.id}, {"reason", ready.error().what}});
}

void PacketLoop::close_tun(CustomerIndex index) {
    if (index.value >= tuns_.size()) return;
    events_.remove(tuns_[index.value].fd());
    tuns_[index.value] = TunDevice();
    lanes_[index.value] = Lane();
}

void PacketLoop::fill_report(std::unique_ptr<CustomerReport> report) {
    for (PeerCounters& row : report->peers) {
        const dataplane::TrafficCounters* const traffic = pipeline_.traffic(row.peer);
        if (traffic == nullptr) continue;
        row = {row.peer, traffic->rx_bytes, traffic->tx_bytes, traffic->rx_packets, traffic->tx_packets};
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

// --- what the pipeline left
// -----------------------------------------------------------------------------------------------------

void PacketLoop::deliver(std::span<const dataplane::Train> trains) {
    transfer();
    write_to_tuns();
    send_trains();
    publish_events(trains);
    out_.clear();
}

void PacketLoop::write_to_tuns() {
    for (const dataplane::TunWrite& write : out_.tun_writes) {
        const std::uint32_t index = write.customer.value;
        const bool taken = index < tuns_.size() && tuns_[index].valid() && tuns_[index].write(write, out_.pieces);
        if (!taken) pipeline_.count_drop(write.customer, DropReason::kTunWriteFailed, write.packets);
    }
}

// Runs of trains for the same socket go in one call.
void PacketLoop::send_trains() {
    const auto trains = std::span(out_.trains);
    for (std::size_t first = 0; first < trains.size();) {
        std::uint64_t name = 0;
        Uplink* const uplink = uplink_of(trains[first], name);
        std::size_t last = first + 1;
        for (std::uint64_t other = 0; last < trains.size() && uplink_of(trains[last], other) == uplink; ++last) {
        }
        const auto run = trains.subspan(first, last - first);
        if (uplink != nullptr) {
            send_run(*uplink, name, run);
        } else {
            for (const dataplane::EgressTrain& train : run)
                pipeline_.count_drop(train.customer, DropReason::kUplinkRefused, train.count);
        }
        first = last;
    }
}

PacketLoop::Uplink* PacketLoop::uplink_of(const dataplane::EgressTrain& train, std::uint64_t& name) {
    const Family family = train.remote.address.family;
    name = token(family == Family::kV4 ? Source::kUplinkV4 : Source::kUplinkV6, train.listener.value);
    return find_uplink(train.listener, family);
}

PacketLoop::Uplink* PacketLoop::find_uplink(ListenerIndex listener, Family family) {
    const std::uint32_t index = listener.value;
    if (index >= listeners_.size() || listeners_[index] == nullptr) return nullptr;
    Uplink& uplink = family == Family::kV4 ? listeners_[index]->v4 : listeners_[index]->v6;
    return uplink.sender.valid() ? &uplink : nullptr;
}

void PacketLoop::send_run(Uplink& uplink, std::uint64_t name, std::span<dataplane::EgressTrain> trains) {
    const bool was_waiting = !uplink.waiting.empty();
    const std::size_t done = was_waiting ? 0 : send_now(uplink, trains);
    if (done == trains.size()) return;
    keep_waiting(uplink, trains.subspan(done));
    if (!was_waiting) events_.change(uplink.sender.fd(), name, EPOLLIN | EPOLLOUT);
}

// Returns how many were dealt with; what could not be sent was counted.
std::size_t PacketLoop::send_now(Uplink& uplink, std::span<dataplane::EgressTrain> trains) {
    std::array<SendOutcome, dataplane::Egress::kBuffers> outcomes;
    const std::size_t done = uplink.sender.send(trains, outcomes);
    for (std::size_t i = 0; i < done; ++i) {
        const dataplane::EgressTrain& train = trains[i];
        switch (outcomes[i]) {
            case SendOutcome::kSent: break;
            case SendOutcome::kSentUngrouped:
                if (!uplink.sender.segmentation_is_off()) pipeline_.send_ungrouped(train.peer, now_ + kUngroupedFor);
                break;
            case SendOutcome::kSentFromElsewhere: pipeline_.forget_local_address(train.peer); break;
            case SendOutcome::kFull:
            case SendOutcome::kRefused:
                pipeline_.count_drop(train.customer, DropReason::kUplinkRefused, train.count);
                break;
        }
    }
    return done;
}

void PacketLoop::keep_waiting(Uplink& uplink, std::span<dataplane::EgressTrain> trains) {
    for (dataplane::EgressTrain& train : trains) {
        if (uplink.waiting.size() == kWaitingTrains) {
            pipeline_.count_drop(uplink.waiting.front().customer, DropReason::kUplinkFull,
                                 uplink.waiting.front().count);
            uplink.waiting.pop_front();
        }
        uplink.waiting.push_back(std::move(train));
    }
}

void PacketLoop::send_waiting(Uplink& uplink, std::uint64_t name) {
    while (!uplink.waiting.empty()) {
        if (send_now(uplink, std::span(&uplink.waiting.front(), 1)) == 0) return;
        uplink.waiting.pop_front();
    }
    events_.change(uplink.sender.fd(), name, EPOLLIN);
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
