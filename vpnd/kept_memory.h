// The memory in which sessions are kept for the next vpnd: stackd made it, and holds it when we are gone.
#pragma once

#include <span>

#include "base/fd.h"
#include "base/result.h"
#include "vpnd/dataplane/kept_session.h"

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

    [[nodiscard]] std::span<dataplane::KeptSession> table() const { return table_; }
    // Keeps a part of it out of swap: before the first key is written there. Fails beyond RLIMIT_MEMLOCK.
    [[nodiscard]] static Status lock(std::span<dataplane::KeptSession> part);
    // Everything is zero afterwards, and as much as possible is given back.
    void clear();

  private:
    explicit KeptMemory(std::span<dataplane::KeptSession> table) : table_(table) {}
    std::span<dataplane::KeptSession> table_;
};

}  // namespace warren::vpnd
