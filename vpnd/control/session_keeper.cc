#include "vpnd/control/session_keeper.h"

#include <algorithm>
#include <atomic>

#include "base/check.h"

namespace warren::control {

namespace {

constexpr std::uint64_t kMagic = 0x73746f6c'73657373;
constexpr std::size_t kLockedAtOnce = 1024;  // slots: a quarter of a megabyte

// In the first slot.
struct Header {
    std::atomic<std::uint64_t> magic;  // written last
    std::atomic<std::uint64_t> form;
    std::atomic<std::uint64_t> used;  // no slot from here on was ever used
};
static_assert(sizeof(Header) <= sizeof(SessionKeeper::Slot));

Header& header_of(std::span<SessionKeeper::Slot> table) {
    return *reinterpret_cast<Header*>(table.data());
}

std::uint64_t start_of(const PeerName& name) {
    return load_le<std::uint64_t>(name.data());
}

}  // namespace

SessionKeeper::SessionKeeper(std::span<Slot> table, Lock lock) : table_(table), lock_(std::move(lock)) {
    WARREN_CHECK(table_.size() >= 2);
    const Header& header = header_of(table_);
    if (header.magic.load() == 0) {
        begin();
    } else if (header.magic.load() == kMagic && header.form.load() == kSessionForm) {
        look_around();
    } else {
        found_ = Found::kOtherForm;
    }
}

void SessionKeeper::begin() {
    Header& header = header_of(table_);
    header.form.store(kSessionForm);
    header.used.store(1);
    header.magic.store(kMagic);
}

void SessionKeeper::look_around() {
    Header& header = header_of(table_);
    const std::uint64_t used = std::clamp<std::uint64_t>(header.used.load(), 1, table_.size());
    header.used.store(used);
    (void)lock_up_to(used);  // as far as it goes: what is there is there
    for (std::uint32_t at = 1; at < used; ++at) {
        if (const auto record = read(table_[at])) {
            inherited_.emplace(start_of(record->peer), at);
            found_ = Found::kSessions;
        } else {
            table_[at].free();
            freed_.push_back(at);
        }
    }
}

std::vector<SessionRecord> SessionKeeper::find(const PeerName& peer) const {
    std::vector<SessionRecord> out;
    const auto [first, last] = inherited_.equal_range(start_of(peer));
    for (auto it = first; it != last; ++it) {
        auto record = read(table_[it->second]);
        if (record && record->peer == peer) out.push_back(std::move(*record));
    }
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.created < b.created; });
    return out;
}

std::size_t SessionKeeper::forget_rest() {
    const std::size_t count = inherited_.size();
    for (const auto& [name, slot] : inherited_) {
        table_[slot].free();
        freed_.push_back(slot);
    }
    inherited_.clear();
    return count;
}

bool SessionKeeper::lock_up_to(std::size_t slots) {
    while (lock_ && locked_ < slots) {
        const auto part = table_.subspan(locked_, std::min(kLockedAtOnce, table_.size() - locked_));
        if (!lock_(part)) return false;
        locked_ += part.size();
    }
    return true;
}

std::optional<std::uint32_t> SessionKeeper::allocate() {
    if (!freed_.empty() && table_[freed_.front()].state.load(std::memory_order_acquire) == Slot::kFree) {
        const std::uint32_t slot = freed_.front();
        freed_.pop_front();
        return slot;
    }
    std::atomic<std::uint64_t>& used = header_of(table_).used;
    const std::uint64_t next = used.load();
    if (next >= table_.size() || !lock_up_to(next + 1)) return std::nullopt;
    used.store(next + 1);
    return static_cast<std::uint32_t>(next);
}

std::optional<std::uint32_t> SessionKeeper::slot_for(const dataplane::InstallSession& session, const KeptPeer& peer) {
    if (session.kept != nullptr) {
        const auto slot = static_cast<std::uint32_t>(session.kept - table_.data());
        const auto [first, last] = inherited_.equal_range(start_of(peer.name));
        inherited_.erase(std::find_if(first, last, [&](const auto& entry) { return entry.second == slot; }));
        return slot;
    }
    const std::size_t left = table_.size() - 1 - sessions_.size() - inherited_.size();
    if (of_customer_[peer.customer] >= left) return std::nullopt;
    const auto slot = allocate();
    if (slot) write(peer.name, session, peer.place, table_[*slot], !peer.has_keys_elsewhere);
    return slot;
}

SessionKeeper::Slot* SessionKeeper::keep(const dataplane::InstallSession& session, const KeptPeer& peer,
                                         std::uint32_t worker) {
    const auto slot = slot_for(session, peer);
    if (!slot) return nullptr;
    sessions_[session.local_id] = {*slot, worker, session.peer, peer.customer};
    ++of_customer_[peer.customer];
    if (of_peer_.size() <= session.peer.value) of_peer_.resize(session.peer.value + std::size_t{1});
    of_peer_[session.peer.value].push_back(session.local_id);
    return &table_[*slot];
}

void SessionKeeper::move(PeerIndex peer, const PeerPlace& place) {
    if (peer.value >= of_peer_.size()) return;
    for (const SessionId session : of_peer_[peer.value]) write_place(place, table_[sessions_.at(session).slot]);
}

void SessionKeeper::retire(SessionId session) {
    const auto found = sessions_.find(session);
    if (found == sessions_.end()) return;
    std::erase(of_peer_[found->second.peer.value], session);
    forget(session, found->second);
}

void SessionKeeper::retire_all(PeerIndex peer) {
    if (peer.value >= of_peer_.size()) return;
    for (const SessionId session : std::exchange(of_peer_[peer.value], {})) forget(session, sessions_.at(session));
}

std::vector<SessionKeeper::Moved> SessionKeeper::move_to(std::span<Slot> table) {
    const std::span<Slot> old = std::exchange(table_, table);
    begin();
    locked_ = 0;
    freed_.clear();
    std::vector<Moved> out;
    std::vector<SessionId> dropped;
    for (auto& [session, held] : sessions_) {
        const auto slot = allocate();
        out.push_back({held.worker, {session, slot ? &table_[*slot] : nullptr}});
        if (!slot) {
            dropped.push_back(session);
            continue;
        }
        table_[*slot].record = old[held.slot].record;
        table_[*slot].endpoint = old[held.slot].endpoint;
        table_[*slot].state.store(Slot::kMoving, std::memory_order_release);
        held.slot = *slot;
    }
    for (const SessionId session : dropped) retire(session);
    freed_.clear();
    return out;
}

void SessionKeeper::forget(SessionId session, const Held& held) {
    freed_.push_back(held.slot);
    const auto customer = of_customer_.find(held.customer);
    if (--customer->second == 0) of_customer_.erase(customer);
    sessions_.erase(session);
}

}  // namespace warren::control
