// Finds a session by the receiver index in a message.
#pragma once

#include <memory>
#include <vector>

#include "vpnd/dataplane/session.h"

namespace warren::dataplane {

// Owns the sessions. Open addressing with linear probing; keys are random numbers that we chose ourselves (whitepaper
// §5.4), so a stranger cannot make them collide. Only sessions are in it, so that a handshake's index never opens a
// packet (conformance I2). One thread.
class SessionTable {
  public:
    SessionTable();

    // Null when there is none. The pointer is good until erase.
    [[nodiscard]] Session* find(SessionId index) const {
        for (std::size_t at = home_of(index);; at = (at + 1) & mask_) {
            const Slot& slot = slots_[at];
            if (slot.session == nullptr) return nullptr;
            if (slot.index == index) return slot.session.get();
        }
    }
    // Replaces a session of the same index.
    Session& insert(std::unique_ptr<Session> session);
    // The session is destroyed, its keys wiped. Unknown indexes are ignored.
    void erase(SessionId index);
    [[nodiscard]] std::size_t size() const { return size_; }

  private:
    struct Slot {
        SessionId index;
        std::unique_ptr<Session> session;
    };

    // The worker's bits are the same in all of them.
    [[nodiscard]] std::size_t home_of(SessionId index) const { return (index.value >> SessionId::kWorkerBits) & mask_; }
    void grow();

    std::vector<Slot> slots_;
    std::size_t mask_;
    std::size_t size_ = 0;
};

}  // namespace warren::dataplane
