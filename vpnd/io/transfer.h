// How data workers transfer packets to their owner: a bounded ring for each pair of workers, and a bell for each
// receiver.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "base/session_directory.h"
#include "vpnd/io/doorbell.h"
#include "vpnd/io/worker_messages.h"
#include "vpnd/turns/train.h"

namespace warren::io {

// Packets with their bytes, first in first out, between exactly two threads. No lock. The memory is taken at the first
// push, because hardly any pair ever needs it, and its pages when they are first used.
class TransferRing {
  public:
    static constexpr std::size_t kSize = std::size_t{512}
                                         << 10;  // seven of the largest TUN reads, or 330 full datagrams

    // Sending worker: copies the packet in. False when it does not fit now: nothing happened.
    [[nodiscard]] bool push(const dataplane::Transfer& packet);
    // Receiving worker: the oldest, its bytes in the ring and free to be written; good until release(). Nothing when
    // empty.
    [[nodiscard]] std::optional<dataplane::Transfer> pop();
    // Receiving worker: the room of everything popped is free again.
    void release() { head_.store(popped_); }

  private:
    static constexpr std::size_t kAlignment = 16;
    struct Record {
        std::uint32_t size = 0;  // of all of it, a multiple of kAlignment
        bool is_padding = false;
        dataplane::Transfer packet;
    };
    static_assert(std::is_trivially_copyable_v<Record>);
    // The largest record behind the largest padding always fits into an empty ring.
    static_assert(kSize % kAlignment == 0 && kSize > 3 * (sizeof(Record) + 65'536 + 64));

    std::unique_ptr<std::uint8_t[]> memory_;  // the sender's until tail_ moves for the first time
    std::uint64_t popped_ = 0;                // the receiver's
    // Sequentially consistent, so that with the bell nothing is overlooked (base/bounded.h).
    alignas(64) std::atomic<std::uint64_t> head_{0};  // bytes released so far
    alignas(64) std::atomic<std::uint64_t> tail_{0};  // bytes pushed so far
};

// Everything that the data workers of a process share. It outlives them.
class TransferExchange {
  public:
    [[nodiscard]] static Result<std::unique_ptr<TransferExchange>> make(std::uint32_t workers);

    [[nodiscard]] std::uint32_t workers() const { return static_cast<std::uint32_t>(bells_.size()); }
    [[nodiscard]] TransferRing& ring(std::uint32_t from, std::uint32_t to) { return rings_[from * bells_.size() + to]; }
    [[nodiscard]] Doorbell& bell(std::uint32_t worker) { return *bells_[worker]; }
    // For who makes the sessions of all workers.
    [[nodiscard]] SessionDirectory& directory() { return directory_; }

  private:
    TransferExchange() = default;
    std::vector<std::unique_ptr<Doorbell>> bells_;
    std::unique_ptr<TransferRing[]> rings_;
    SessionDirectory directory_;
};

// One worker's place in the exchange. That worker's thread only.
class TransferPort {
  public:
    // A worker that is alone.
    TransferPort() = default;
    // `exchange` outlives it.
    TransferPort(TransferExchange& exchange, std::uint32_t worker) : exchange_(&exchange), worker_(worker) {}

    [[nodiscard]] std::uint32_t worker() const { return worker_; }
    [[nodiscard]] std::uint32_t workers() const { return exchange_ == nullptr ? 1 : exchange_->workers(); }
    // Null when it is alone.
    [[nodiscard]] const SessionDirectory* directory() const {
        return exchange_ == nullptr ? nullptr : &exchange_->directory();
    }

    // Copies the packet into its owner's ring. False when that is full. The owner wakes at wake().
    [[nodiscard]] bool push(const dataplane::Transfer& packet);
    void wake();

    // Readable when something was transferred to this worker; -1 when nobody can.
    [[nodiscard]] int bell_fd() const { return exchange_ == nullptr ? -1 : exchange_->bell(worker_).fd(); }
    void clear_bell() { exchange_->bell(worker_).clear(); }
    // For what was left in the rings.
    void raise_bell() { exchange_->bell(worker_).raise(); }
    // The oldest from one worker; good until release() of the same.
    [[nodiscard]] std::optional<dataplane::Transfer> front(std::uint32_t from);
    void release(std::uint32_t from) { exchange_->ring(from, worker_).release(); }

    [[nodiscard]] const TransferCounters& counters() const { return counters_; }

  private:
    TransferExchange* exchange_ = nullptr;
    std::uint32_t worker_ = 0;
    std::uint64_t to_wake_ = 0;  // a bit for each worker
    TransferCounters counters_;
};

}  // namespace warren::io
