// What of a session outlives this process: it lies in memory that stackd holds too, so that a successor continues the
// session after a crash without a handshake (docs/decisions/0011-sessions-outlive-vpnd.md).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "crypto/secret.h"
#include "vpnd/dataplane/replay_window.h"

namespace warren::dataplane {

// A counter with a check in its low bits, so that one store writes both and a flipped bit shows.
class KeptCounter {
  public:
    static constexpr std::uint64_t kLimit = std::uint64_t{1} << 48;  // larger counters cannot be kept

    void store(std::uint64_t counter) { sealed_.store(seal(counter), std::memory_order_release); }
    // Nothing when it is damaged.
    [[nodiscard]] std::optional<std::uint64_t> load() const {
        const std::uint64_t sealed = sealed_.load(std::memory_order_acquire);
        if (seal(sealed >> kCheckBits) != sealed) return std::nullopt;
        return sealed >> kCheckBits;
    }

  private:
    static constexpr unsigned kCheckBits = 16;
    static constexpr std::uint64_t seal(std::uint64_t counter) {
        return (counter << kCheckBits) | ((counter * 0x9e3779b97f4a7c15) >> (64 - kCheckBits));
    }
    std::atomic<std::uint64_t> sealed_;
};

// A slot of the table of kept sessions. The control worker fills in a free one, then the data worker that owns the
// session writes the first two lines until it frees the slot. Every store is one instruction, so that a kill at any
// moment leaves something a successor may rely on: it sends with counters from `reserved` on, and refuses those below
// `received`. Endpoint and record have checksums of their own (vpnd/control/session_record.h).
struct alignas(64) KeptSession {
    // kMoving: given to a data worker that has not entered its session yet; neither free nor good for a successor.
    enum State : std::uint64_t { kFree = 0, kMoving = 1, kUsed = 0x6b657074'73657373 };

    // Counters that one store to `reserved` makes usable: a store for 65,536 messages.
    static constexpr std::uint64_t kReservation = std::uint64_t{1} << 16;

    std::atomic<std::uint64_t> state;
    KeptCounter reserved;  // every message sent has a counter below
    KeptCounter received;  // every message whose packet was delivered has a counter below; 0: none

    // Which counters just below `received` were received: good when `window_of` equals `received`, which a planned end
    // leaves. Otherwise a successor takes all of them for received.
    KeptCounter window_of;
    std::array<std::uint64_t, ReplayWindow::kKeptWords> window;

    std::array<std::uint8_t, 64> endpoint;  // of the peer
    std::array<std::uint8_t, 128> record;   // keys, ids, the peer's name

    // Wiped, then free. The only way back for the thread that owns the session.
    void free() {
        wipe();
        state.store(kFree, std::memory_order_release);
    }
    // Everything but the state.
    void wipe() {
        crypto::wipe(record);
        endpoint = {};
        window = {};
        window_of.store(0);
        received.store(0);
        reserved.store(0);
    }
};
static_assert(sizeof(KeptSession) == 256);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

}  // namespace warren::dataplane
