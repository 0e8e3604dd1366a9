// One thread that carries packets for its customers: sockets and TUNs at the edge, the pure pipeline in the middle.
#pragma once

#include <memory>

#include "base/result.h"
#include "crypto/aead.h"
#include "vpnd/io/worker_messages.h"

namespace warren::io {

class TransferExchange;

// Commands are carried out in the order posted. Owned and driven by the control worker's thread; the work happens on a
// thread of its own.
class DataWorker {
  public:
    // `worker` is this worker's number in receiver indexes (SessionId::worker()). `exchange`, which outlives it,
    // leads to the others; null: it is alone.
    [[nodiscard]] static Result<std::unique_ptr<DataWorker>> start(std::uint32_t worker,
                                                                   const crypto::AeadBackends& backends,
                                                                   TransferExchange* exchange = nullptr);
    // Stops the thread and waits for it; every descriptor is closed, every key wiped.
    ~DataWorker();
    DataWorker(const DataWorker&) = delete;
    DataWorker& operator=(const DataWorker&) = delete;

    // Never blocks and never drops: the control worker's side of the queue grows when the ring is full. Wakes the
    // worker.
    void post(WorkerCommand command);
    // Readable when events wait.
    [[nodiscard]] int event_fd() const;
    // Appends all waiting events.
    void take_events(std::vector<WorkerEvent>& out);

  private:
    struct State;
    explicit DataWorker(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace warren::io
