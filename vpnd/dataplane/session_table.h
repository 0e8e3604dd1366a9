// Finds a session by the id in a message.
#pragma once

#include <memory>
#include <vector>

#include "vpnd/dataplane/session.h"

namespace warren::dataplane {

// Owns the sessions. Open addressing with linear probing; keys are random numbers that we chose ourselves (whitepaper
// §5.4, RFC 4303 §2.1), so a stranger cannot make them collide. Only sessions are in it, so that a handshake's id never
// opens a packet (conformance I2). One thread.
class SessionTable {
  public:
    SessionTable();

    // Null when there is none. The pointer is good until erase. The last one found is found again without a search: the
    // datagrams of a train name the same session, first when they are sorted, then when they are opened.
    [[nodiscard]] Session* find(SessionId id) const {
        if (last_ != nullptr && last_->local_id == id) return last_;
        return search(id);
    }
    // Replaces a session of the same id.
    Session& insert(std::unique_ptr<Session> session);
    // The session is destroyed, its keys wiped. Unknown ids are ignored.
    void erase(SessionId id);
    [[nodiscard]] std::size_t size() const { return size_; }
    template <typename Use>
    void for_each(const Use& use) {
        for (Slot& slot : slots_) {
            if (slot.session != nullptr) use(*slot.session);
        }
    }

  private:
    struct Slot {
        SessionId id;
        std::unique_ptr<Session> session;
    };

    [[nodiscard]] Session* search(SessionId id) const {
        for (std::size_t at = home_of(id);; at = (at + 1) & mask_) {
            const Slot& slot = slots_[at];
            if (slot.session == nullptr) return nullptr;
            if (slot.id == id) return last_ = slot.session.get();
        }
    }
    // The worker's bits are the same in all of them.
    [[nodiscard]] std::size_t home_of(SessionId id) const { return (id.value >> SessionId::kWorkerBits) & mask_; }
    void grow();

    std::vector<Slot> slots_;
    std::size_t mask_;
    std::size_t size_ = 0;
    mutable Session* last_ = nullptr;
};

}  // namespace warren::dataplane
