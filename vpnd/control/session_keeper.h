// The table in which this process keeps its sessions for its successor, and finds those of its predecessor.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "vpnd/control/session_record.h"

namespace warren::control {

// What an engine says of a peer whose sessions are to be kept.
struct KeptPeer {
    PeerName name{};
    CustomerIndex customer;
    PeerPlace place;
    bool has_keys_elsewhere = false;  // its engine keeps the keys: the slot has counters only
};

// Gives out slots; data workers write in them and free them (vpnd/dataplane/kept_session.h). The control worker only.
class SessionKeeper {
  public:
    using Slot = dataplane::KeptSession;
    // Keeps a part of the table out of swap before keys are written there; false: it cannot.
    using Lock = std::function<bool(std::span<Slot>)>;
    // The first slot is the header. The memory outlives this and every data worker. At least two slots.
    explicit SessionKeeper(std::span<Slot> table, Lock lock = {});

    // --- what the predecessor left ---------------------------------------------------------------

    enum class Found : std::uint8_t { kNothing, kSessions, kOtherForm };
    // kOtherForm: nothing of it is used. The owner of the memory wipes it, then calls begin().
    [[nodiscard]] Found found() const { return found_; }
    // An empty table, in our form.
    void begin();

    // The sessions of a peer, oldest first. Installing one (InstallSession::kept is its slot) takes it over.
    [[nodiscard]] std::vector<SessionRecord> find(const PeerName& peer) const;
    // Sessions that nothing took over are wiped. Returns how many there were.
    std::size_t forget_rest();

    // --- what goes on ----------------------------------------------------------------------------

    // Before the session is installed: its slot, or null when there is no room. A customer may use as many slots as are
    // free, so that some are left for each other one.
    [[nodiscard]] Slot* keep(const dataplane::InstallSession& session, const KeptPeer& peer, std::uint32_t worker);
    // The peer is there now.
    void move(PeerIndex peer, const PeerPlace& place);
    // Its data worker was told to retire it, and frees its slot.
    void retire(SessionId session);
    // The same of all of a peer's sessions.
    void retire_all(PeerIndex peer);

    struct Moved {
        std::uint32_t worker = 0;
        dataplane::KeepElsewhere command;
    };
    // Keeps everything that has room in another, empty table from now on; no predecessor's sessions are left. The old
    // one stays until the data workers have carried out the commands.
    [[nodiscard]] std::vector<Moved> move_to(std::span<Slot> table);

    [[nodiscard]] std::size_t kept() const { return sessions_.size(); }

  private:
    struct Held {
        std::uint32_t slot = 0;
        std::uint32_t worker = 0;
        PeerIndex peer;
        CustomerIndex customer;
    };
    void look_around();
    [[nodiscard]] bool lock_up_to(std::size_t slots);
    [[nodiscard]] std::optional<std::uint32_t> allocate();
    [[nodiscard]] std::optional<std::uint32_t> slot_for(const dataplane::InstallSession& session, const KeptPeer& peer);
    void forget(SessionId session, const Held& held);

    std::span<Slot> table_;
    Lock lock_;
    std::size_t locked_ = 0;  // slots
    Found found_ = Found::kNothing;
    std::unordered_multimap<std::uint64_t, std::uint32_t> inherited_;  // slots by the start of the peer's name
    std::deque<std::uint32_t> freed_;  // slots that are free, or that their data workers will free, in this order
    std::unordered_map<SessionId, Held> sessions_;
    std::vector<std::vector<SessionId>> of_peer_;                 // by PeerIndex
    std::unordered_map<CustomerIndex, std::size_t> of_customer_;  // slots in use
};

}  // namespace warren::control
