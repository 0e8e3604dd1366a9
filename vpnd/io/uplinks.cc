#include "vpnd/io/uplinks.h"

#include <array>

#include "base/check.h"
#include "base/log.h"

namespace warren::io {

namespace {
constexpr Duration kUngroupedFor = std::chrono::seconds(60);
}

void Uplinks::add(AddListener command, std::uint64_t token_v4, std::uint64_t token_v6) {
    const std::uint32_t index = command.index.value;
    WARREN_CHECK(command.framing != nullptr);
    drop(command.index);
    pipeline_.put_listener(command.index, *command.framing);
    if (index >= listeners_.size()) listeners_.resize(index + std::size_t{1});
    listeners_[index] = std::make_unique<Listener>();
    open(listeners_[index]->v4, std::move(command.v4), token_v4);
    open(listeners_[index]->v6, std::move(command.v6), token_v6);
}

void Uplinks::drop(ListenerIndex index) {
    if (index.value >= listeners_.size() || listeners_[index.value] == nullptr) return;
    for (const Slot* slot : {&listeners_[index.value]->v4, &listeners_[index.value]->v6}) {
        if (slot->uplink != nullptr) readiness_.remove(slot->uplink->fd());
    }
    listeners_[index.value].reset();
    pipeline_.drop_listener(index);
}

void Uplinks::open(Slot& slot, std::unique_ptr<Uplink> uplink, std::uint64_t token) {
    if (uplink == nullptr) return;
    auto prepared = uplink->prepare();
    if (prepared) prepared = readiness_.add(uplink->fd(), token, EPOLLIN);
    if (!prepared) log(LogLevel::kError, "data_socket_failed", {{"reason", prepared.error().what}});
    slot.uplink = std::move(uplink);
    slot.token = token;
}

Uplinks::Slot* Uplinks::slot_of(ListenerIndex listener, Family family) {
    if (listener.value >= listeners_.size() || listeners_[listener.value] == nullptr) return nullptr;
    Slot& slot = family == Family::kV4 ? listeners_[listener.value]->v4 : listeners_[listener.value]->v6;
    return slot.uplink != nullptr ? &slot : nullptr;
}

Uplink* Uplinks::find(ListenerIndex listener, Family family) {
    const Slot* const slot = slot_of(listener, family);
    return slot != nullptr ? slot->uplink.get() : nullptr;
}

void Uplinks::send(Instant now, std::span<dataplane::EgressTrain> trains) {
    for (std::size_t first = 0; first < trains.size();) {
        Slot* const slot = slot_of(trains[first]);
        std::size_t last = first + 1;
        while (last < trains.size() && slot_of(trains[last]) == slot) ++last;
        const auto run = trains.subspan(first, last - first);
        if (slot != nullptr) {
            send_run(now, *slot, run);
        } else {
            for (const dataplane::EgressTrain& train : run)
                pipeline_.count_drop(train.customer, DropReason::kUplinkRefused, train.count);
        }
        first = last;
    }
}

void Uplinks::send_run(Instant now, Slot& slot, std::span<dataplane::EgressTrain> trains) {
    const bool was_waiting = !slot.waiting.empty();
    const std::size_t done = was_waiting ? 0 : send_now(now, slot, trains);
    if (done == trains.size()) return;
    keep_waiting(slot, trains.subspan(done));
    if (!was_waiting) readiness_.change(slot.uplink->fd(), slot.token, EPOLLIN | EPOLLOUT);
}

// Returns how many were dealt with; what could not be sent was counted.
std::size_t Uplinks::send_now(Instant now, Slot& slot, std::span<dataplane::EgressTrain> trains) {
    std::array<SendOutcome, dataplane::Egress::kBuffers> outcomes;
    const std::size_t done = slot.uplink->send(trains, outcomes);
    for (std::size_t i = 0; i < done; ++i) {
        const dataplane::EgressTrain& train = trains[i];
        switch (outcomes[i]) {
            case SendOutcome::kSent: break;
            case SendOutcome::kSentUngrouped:
                if (!slot.uplink->segmentation_is_off()) pipeline_.send_ungrouped(train.peer, now + kUngroupedFor);
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

void Uplinks::keep_waiting(Slot& slot, std::span<dataplane::EgressTrain> trains) {
    for (dataplane::EgressTrain& train : trains) {
        if (slot.waiting.size() == kWaitingTrains) {
            const dataplane::EgressTrain& oldest = slot.waiting.front();
            pipeline_.count_drop(oldest.customer, DropReason::kUplinkFull, oldest.count);
            slot.waiting.pop_front();
        }
        slot.waiting.push_back(std::move(train));
    }
}

void Uplinks::send_waiting(Instant now, ListenerIndex listener, Family family) {
    Slot* const slot = slot_of(listener, family);
    if (slot == nullptr) return;
    while (!slot->waiting.empty()) {
        if (send_now(now, *slot, std::span(&slot->waiting.front(), 1)) == 0) return;
        slot->waiting.pop_front();
    }
    readiness_.change(slot->uplink->fd(), slot->token, EPOLLIN);
}

}  // namespace warren::io
