// The memory in which sessions are kept for the next vpnd: stackd made it, and holds it when we are gone.
#pragma once

#include <span>

#include "base/fd.h"
#include "base/result.h"
#include "vpnd/dataplane/kept_session.h"
#include "vpnd/ike/sa_keeper.h"

namespace warren::vpnd {

// Shared, never in a core file. Moved, not copied. Unmapped at the end; whoever holds the file still has it.
class KeptMemory {
  public:
    // Refuses what is not a memory file of a fixed size with room for sessions: one that somebody shortens would kill
    // us.
    [[nodiscard]] static Result<KeptMemory> map(UniqueFd file);
    KeptMemory(KeptMemory&& other) noexcept;
    KeptMemory& operator=(KeptMemory&&) = delete;
    KeptMemory(const KeptMemory&) = delete;
    KeptMemory& operator=(const KeptMemory&) = delete;
    ~KeptMemory();

    // The first 64 MB, or all when it is smaller.
    [[nodiscard]] std::span<dataplane::KeptSession> table() const { return table_; }
    // What is behind them; empty: IKE_SAs end with this process.
    [[nodiscard]] std::span<ike::KeptSa> sas() const { return sas_; }
    // Keeps a part of it out of swap: before the first key is written there. Fails beyond RLIMIT_MEMLOCK.
    template <typename Slot>
    [[nodiscard]] static Status lock(std::span<Slot> part) {
        return lock_bytes(part.data(), part.size_bytes());
    }
    // Everything is zero afterwards, and as much as possible is given back; of one table, or of both.
    void clear_sas() { clear(sas_.data(), sas_.size_bytes()); }
    void clear() {
        clear(table_.data(), table_.size_bytes());
        clear_sas();
    }

  private:
    KeptMemory(std::span<std::uint8_t> all, std::span<dataplane::KeptSession> table, std::span<ike::KeptSa> sas)
        : all_(all), table_(table), sas_(sas) {}
    [[nodiscard]] static Status lock_bytes(const void* at, std::size_t size);
    static void clear(void* at, std::size_t size);
    std::span<std::uint8_t> all_;
    std::span<dataplane::KeptSession> table_;
    std::span<ike::KeptSa> sas_;
};

}  // namespace warren::vpnd
