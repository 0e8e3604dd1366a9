#include "vpnd/dataplane/session_table.h"

#include <utility>

namespace warren::dataplane {

namespace {
constexpr std::size_t kFirstSlots = 64;  // a power of two
}

SessionTable::SessionTable() : slots_(kFirstSlots), mask_(kFirstSlots - 1) {}

Session& SessionTable::insert(std::unique_ptr<Session> session) {
    last_ = nullptr;
    if ((size_ + 1) * 2 > slots_.size()) grow();
    const SessionId id = session->local_id;
    std::size_t at = home_of(id);
    while (slots_[at].session != nullptr && slots_[at].id != id) at = (at + 1) & mask_;
    if (slots_[at].session == nullptr) ++size_;
    slots_[at] = {id, std::move(session)};
    return *slots_[at].session;
}

void SessionTable::erase(SessionId id) {
    last_ = nullptr;
    std::size_t hole = home_of(id);
    while (slots_[hole].session != nullptr && slots_[hole].id != id) hole = (hole + 1) & mask_;
    if (slots_[hole].session == nullptr) return;
    slots_[hole] = {};
    --size_;
    // Later entries of the same run move up, so that no search stops early at the hole.
    for (std::size_t at = (hole + 1) & mask_; slots_[at].session != nullptr; at = (at + 1) & mask_) {
        const std::size_t distance_to_home = (at - home_of(slots_[at].id)) & mask_;
        const std::size_t distance_to_hole = (at - hole) & mask_;
        if (distance_to_home < distance_to_hole) continue;
        slots_[hole] = std::move(slots_[at]);
        slots_[at] = {};
        hole = at;
    }
}

void SessionTable::grow() {
    std::vector<Slot> old(slots_.size() * 2);
    std::swap(old, slots_);
    mask_ = slots_.size() - 1;
    for (Slot& slot : old) {
        if (slot.session == nullptr) continue;
        std::size_t at = home_of(slot.id);
        while (slots_[at].session != nullptr) at = (at + 1) & mask_;
        slots_[at] = std::move(slot);
    }
}

}  // namespace warren::dataplane
