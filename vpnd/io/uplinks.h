// The uplinks of one data worker, and the trains that wait for a full one.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "vpnd/dataplane/pipeline.h"
#include "vpnd/io/readiness.h"
#include "vpnd/io/uplink.h"
#include "vpnd/io/worker_messages.h"

namespace warren::io {

// By listener and family. One thread.
class Uplinks {
  public:
    static constexpr std::size_t kWaitingTrains = 8;  // of one uplink; the oldest is dropped

    // Both outlive it. `pipeline` counts what is dropped.
    Uplinks(Readiness& readiness, dataplane::Pipeline& pipeline) : readiness_(readiness), pipeline_(pipeline) {}

    // Replaces the listener of the same index. `readiness` gives the tokens back.
    void add(AddListener command, std::uint64_t token_v4, std::uint64_t token_v6);
    void drop(ListenerIndex index);

    // Null when there is none.
    [[nodiscard]] Uplink* find(ListenerIndex listener, Family family);
    // Sends the trains, or keeps them until the uplink takes more, or counts them. Consecutive trains for one uplink
    // take one call.
    void send(Instant now, std::span<dataplane::EgressTrain> trains);
    // The uplink takes trains again.
    void send_waiting(Instant now, ListenerIndex listener, Family family);

  private:
    struct Slot {
        std::unique_ptr<Uplink> uplink;
        std::uint64_t token = 0;
        std::deque<dataplane::EgressTrain> waiting;  // the uplink was full
    };
    struct Listener {
        Slot v4;
        Slot v6;
    };

    void open(Slot& slot, std::unique_ptr<Uplink> uplink, std::uint64_t token);
    [[nodiscard]] Slot* slot_of(ListenerIndex listener, Family family);
    [[nodiscard]] Slot* slot_of(const dataplane::EgressTrain& train) {
        return slot_of(train.listener, train.remote.address.family);
    }
    void send_run(Instant now, Slot& slot, std::span<dataplane::EgressTrain> trains);
    [[nodiscard]] std::size_t send_now(Instant now, Slot& slot, std::span<dataplane::EgressTrain> trains);
    void keep_waiting(Slot& slot, std::span<dataplane::EgressTrain> trains);

    Readiness& readiness_;
    dataplane::Pipeline& pipeline_;
    std::vector<std::unique_ptr<Listener>> listeners_;  // by ListenerIndex
};

}  // namespace warren::io
