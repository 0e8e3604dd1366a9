// What a data worker got that is another's, and what another got that is its own.
#include "vpnd/io/packet_loop.h"

namespace warren::io {

namespace {
constexpr int kTransfersPerTurn = 64;  // from each worker
}

void PacketLoop::transfer() {
    if (out_.transfers.empty()) return;
    for (const dataplane::Transfer& packet : out_.transfers) {
        if (!port_.push(packet)) pipeline_.count_drop(packet.customer, DropReason::kHandoverFull, packet.packets());
    }
    out_.transfers.clear();
    port_.wake();
}

void PacketLoop::serve_transfers() {
    port_.clear_bell();
    // As in serve_uplink(): what was received by now finds its session.
    (void)run_commands();
    now_ = clock_();
    bool more = false;
    for (std::uint32_t from = 0; from < port_.workers(); ++from) {
        if (from == port_.worker()) continue;
        int taken = 0;
        while (taken < kTransfersPerTurn) {
            const auto packet = port_.front(from);
            if (!packet) break;
            ++taken;
            packet->customer.valid() ? send_for_another(*packet) : receive_from_another(packet->train);
            port_.release(from);
        }
        more = more || taken == kTransfersPerTurn;
    }
    if (more) port_.raise_bell();
}

// Behind what waits of the same customer, as if it had come from the socket.
void PacketLoop::receive_from_another(const dataplane::Train& train) {
    sorted_.clear();
    pipeline_.sort(now_, std::span(&train, 1), sorted_);
    for (dataplane::CustomerTrain& part : sorted_) part.whole = false;  // the memory is the ring's
    runs_at_once() ? receive_all() : put_into_backlog();
}

void PacketLoop::send_for_another(const dataplane::Transfer& packet) {
    if (!pipeline_.serves(packet.customer, packet.life)) return pipeline_.count_drop({}, DropReason::kHandoverRefused);
    if (is_tapped(packet.customer)) {
        send_tapped(packet.train.bytes);
    } else {
        pipeline_.outbound(now_, packet.customer, packet.train.bytes, out_);
        pipeline_.finish(out_);
    }
    // A peer that moves while the packet is on its way could send it round in circles.
    for (const dataplane::Transfer& again : out_.transfers) {
        pipeline_.count_drop(packet.customer, DropReason::kHandoverRefused, again.packets());
    }
    out_.transfers.clear();
    deliver({});
    scheduler_.charge(packet.customer, charge(packet.customer, dataplane::Direction::kOutbound));
}

}  // namespace warren::io
