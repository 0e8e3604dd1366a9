// Which customer is served when. While few packets arrive, they are handled in place; otherwise each customer's packets
// wait for its turn.
#include "vpnd/io/packet_loop.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/log.h"

namespace warren::io {

namespace {

constexpr int kReceivesPerRound = 32;  // of one socket, each of ReceiveBatch::kMessages trains
// Work of one round that is done without a turn, and how much of it before the clock is looked at again.
constexpr Duration kAtOnce = dataplane::Scheduler::kQuantum * 2;
constexpr std::size_t kPacketsAtOnce = 2 * dataplane::Pace::kMostPackets;
// After so long of turns the sockets are looked at again.
constexpr Duration kTurns = std::chrono::microseconds(200);
constexpr std::size_t kUsualPacket = 1'400;  // bytes, to guess how many packets a super-packet is

}  // namespace

void PacketLoop::begin_round(Instant now) {
    now_ = round_began_ = now;
    at_once_ = scheduler_.idle() ? kAtOnce : Duration::zero();
}

// All that is there, so that nobody's packets are behind those of a customer that exceeds its share.
void PacketLoop::serve_uplink(ListenerIndex listener, Family family, std::uint32_t events) {
    for (int i = 0; i < kReceivesPerRound; ++i) {
        // Looked up each time: a command may have closed it.
        Uplink* const uplink = uplinks_.find(listener, family);
        if (uplink == nullptr) return;
        if (i == 0 && (events & EPOLLOUT) != 0) uplinks_.send_waiting(now_, listener, family);
        now_ = clock_();
        const Received received = uplink->receive(received_, listener);
        const Instant before = now_;
        now_ = clock_();
        const Duration took = now_ - before;
        if (received.truncated > 0) pipeline_.count_drop({}, DropReason::kDatagramTruncated, received.truncated);
        // A session was posted before the response that lets its first message come, so whatever was received by now
        // finds its session.
        if (run_commands()) now_ = clock_();
        sorted_.clear();
        pipeline_.sort(now_, received.trains, sorted_);
        charge_receiving(took);
        runs_at_once() ? receive_all() : put_into_backlog();
        if (!received.more) return;
    }
}

// The time of a receive, to each by its bytes.
void PacketLoop::charge_receiving(Duration took) {
    Duration::rep bytes = 1;
    for (const dataplane::CustomerTrain& part : sorted_) bytes += static_cast<Duration::rep>(part.train.bytes.size());
    for (const dataplane::CustomerTrain& part : sorted_) {
        const Duration mine = took * static_cast<Duration::rep>(part.train.bytes.size()) / bytes;
        pipeline_.charge(part.customer, dataplane::Direction::kInbound, mine);
        scheduler_.charge(part.customer, mine);
    }
}

bool PacketLoop::runs_at_once() {
    if (!backlog_.empty()) return false;
    Duration estimate{};
    std::size_t packets = 0;
    for (const dataplane::CustomerTrain& part : sorted_) {
        if (!part.customer.valid()) continue;
        packets += part.train.count();
        estimate += lane(part.customer).inbound.time_for(part.train.count());
    }
    return packets <= kPacketsAtOnce && estimate <= at_once_;
}

// Consecutive trains of a customer together.
void PacketLoop::receive_all() {
    std::array<dataplane::Train, dataplane::Backlog::kMostTaken> run;
    for (std::size_t first = 0; first < sorted_.size();) {
        const CustomerIndex customer = sorted_[first].customer;
        std::size_t count = 0;
        std::size_t packets = 0;
        for (; first < sorted_.size() && sorted_[first].customer == customer && count < run.size(); ++first) {
            packets += sorted_[first].train.count();
            run[count++] = sorted_[first].train;
        }
        const Duration used = receive(customer, std::span(run).first(count));
        at_once_ -= used;
        if (customer.valid()) lane(customer).inbound.record(packets, used);
    }
}

void PacketLoop::put_into_backlog() {
    for (const dataplane::CustomerTrain& part : sorted_) {
        if (!part.customer.valid()) {
            (void)receive({}, std::span(&part.train, 1));  // nothing to open in it
            continue;
        }
        if (part.is_forged) {
            pipeline_.count_drop(part.customer, DropReason::kForgeryBudgetSpent, part.train.count());
            if (is_tapped(part.customer)) tell_dropped(part.train, DropReason::kForgeryBudgetSpent);
            continue;
        }
        dataplane::PacketBuffer* const buffer = part.whole ? &received_.buffer_of(part.source) : nullptr;
        if (backlog_.push(part.customer, part.train, buffer)) {
            scheduler_.wake(part.customer);
        } else {
            pipeline_.count_drop(part.customer, DropReason::kBacklogFull, part.train.count());
            if (is_tapped(part.customer)) tell_dropped(part.train, DropReason::kBacklogFull);
        }
    }
}

void PacketLoop::serve_tun(CustomerIndex customer, std::uint32_t events) {
    Tun* const tun = find_tun(customer);
    if (tun == nullptr) return;
    // The device was deleted, and would be ready for ever. The event may be about one that has been replaced since.
    if ((events & EPOLLERR) != 0 && tun->is_gone()) {
        readiness_->remove(tun->fd());
        return log(LogLevel::kWarn, "tun_removed", {{"customer_index", std::to_string(customer.value)}});
    }
    lane(customer).tun_ready = true;
    scheduler_.wake(customer);
}

// At least as long as it took to see what there is to do: however much arrives, half of the time goes into doing it.
void PacketLoop::run_turns() {
    now_ = clock_();
    const Instant end = now_ + std::max(kTurns, now_ - round_began_);
    while (!scheduler_.idle() && now_ < end) {
        const dataplane::Scheduler::Turn turn = scheduler_.next();
        const Duration used = work_for(turn);
        const Lane& its = lane(turn.customer);
        scheduler_.end(turn, used, backlog_.has(turn.customer) || its.tun_ready || its.rate_is_due);
    }
}

// Some trains, or some reads of its TUN, in turn when it has both.
Duration PacketLoop::work_for(const dataplane::Scheduler::Turn& turn) {
    Lane& its = lane(turn.customer);
    if (std::exchange(its.rate_is_due, false)) return release(turn.customer);
    if (!its.tun_ready && !backlog_.has(turn.customer)) return Duration::zero();
    const Duration time = scheduler_.is_for_one() ? kTurns : std::min(turn.allowance, dataplane::Scheduler::kQuantum);
    if (its.tun_ready && (its.tun_is_next || !backlog_.has(turn.customer))) {
        its.tun_is_next = false;
        return send_out(turn.customer, its.outbound.packets_in(time));
    }
    its.tun_is_next = true;
    const auto trains = backlog_.take(turn.customer, its.inbound.packets_in(time));
    std::size_t packets = 0;
    for (const dataplane::Train& train : trains) packets += train.count();
    const Duration used = receive(turn.customer, trains);
    backlog_.release();
    its.inbound.record(packets, used);
    return used;
}

Duration PacketLoop::receive(CustomerIndex customer, std::span<const dataplane::Train> trains) {
    if (is_tapped(customer)) {
        receive_tapped(trains);
    } else {
        pipeline_.inbound(now_, trains, out_);
        deliver(trains);
    }
    return charge(customer, dataplane::Direction::kInbound);
}

Duration PacketLoop::send_out(CustomerIndex customer, std::size_t packets) {
    Tun& tun = *tuns_[customer.value];
    std::size_t sent = 0;
    while (sent < packets) {
        const std::size_t size = tun.read(tun_space());
        if (size == 0) {
            lane(customer).tun_ready = false;
            break;
        }
        sent += 1 + size / kUsualPacket;
        if (is_tapped(customer)) {
            send_tapped(tun_space().first(size));
            transfer();
            continue;
        }
        pipeline_.outbound(now_, customer, tun_space().first(size), out_);
        transfer();  // before the space is read into again
        if (pipeline_.has_room() && out_.icmp_used < dataplane::Output::kIcmpSlots) continue;
        pipeline_.finish(out_);
        deliver({});
    }
    pipeline_.finish(out_);
    deliver({});
    if (sent > 0) lane(customer).used_at = now_;
    const Duration used = charge(customer, dataplane::Direction::kOutbound);
    lane(customer).outbound.record(sent, used);
    return used;
}

void PacketLoop::wake_released() {
    while (const auto customer = pipeline_.next_released(now_)) {
        lane(*customer).rate_is_due = true;
        scheduler_.wake(*customer);
    }
}

Duration PacketLoop::release(CustomerIndex customer) {
    pipeline_.release_inbound(now_, customer, out_);
    deliver({});
    const Duration inbound = charge(customer, dataplane::Direction::kInbound);
    pipeline_.release_outbound(now_, customer, out_);
    pipeline_.finish(out_);
    if (is_tapped(customer)) tell_sent();
    deliver({});
    return inbound + charge(customer, dataplane::Direction::kOutbound);
}

// The time since the clock was looked at last went into this customer's packets.
Duration PacketLoop::charge(CustomerIndex customer, dataplane::Direction direction) {
    const Instant now = clock_();
    const Duration used = now - now_;
    now_ = now;
    pipeline_.charge(customer, direction, used);
    return used;
}

}  // namespace warren::io
