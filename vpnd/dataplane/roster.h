// The listeners, customers, peers and sessions of one data worker.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "crypto/aead.h"
#include "vpnd/dataplane/peer.h"
#include "vpnd/dataplane/session_table.h"
#include "vpnd/dataplane/shaping.h"

namespace warren::dataplane {

// Bookkeeping only: no packet passes through it. One data worker.
class Roster {
  public:
    // `aead` outlives it.
    explicit Roster(crypto::PacketAead& aead) : aead_(aead) {}

    // The form of the messages that arrive at a listener. `framing` outlives it.
    void put_listener(ListenerIndex listener, const Framing& framing);
    // Its sessions were retired before, or lead nowhere.
    void drop_listener(ListenerIndex listener);
    // Null when there is no such listener (any more).
    [[nodiscard]] const Framing* framing_of(ListenerIndex listener) const {
        return listener.value < framings_.size() ? framings_[listener.value] : nullptr;
    }

    // A new customer or a new view of a present one. Peers that are not in the new view are removed.
    void swap_customer(std::unique_ptr<const CustomerView> view, Joining joining);
    void drop_customer(CustomerIndex customer);
    // As dataplane/install.h says. `is_here`: its sessions are this worker's.
    void put_peer(const PutPeer& command, bool is_here);
    void drop_peer(const DropPeer& command);
    void put_prefix(const PutPrefix& command);
    void drop_prefix(const DropPrefix& command);
    [[nodiscard]] Customer* find(CustomerIndex customer) const {
        return customer.value < customers_.size() ? customers_[customer.value].get() : nullptr;
    }
    [[nodiscard]] Peer* find(PeerIndex peer) const {
        return peer.value < peers_.size() ? peers_[peer.value].get() : nullptr;
    }
    // Of a peer or a session that is there, so it is there too.
    [[nodiscard]] Peer& peer_of(const Session& session) const { return *find(session.peer); }
    [[nodiscard]] Customer& customer_of(const Peer& peer) const { return *find(peer.customer); }
    [[nodiscard]] Session* find(SessionId session) const { return sessions_.find(session); }
    // The same, and its customer's counters are taken for changed.
    [[nodiscard]] Peer* find_to_change(PeerIndex peer);

    // A session of this peer; one of the same id is retired before. Null when its listener is gone or has no such
    // sessions, or the peer has no more flows.
    Session* install(Peer& peer, InstallSession&& command);
    void retire(SessionId session);
    // The data worker that has a session of this id, which is not here; nothing when it is not known.
    [[nodiscard]] std::optional<std::uint32_t> worker_of(SessionId session) const;
    void route(SessionId session, std::uint32_t worker) { routes_[session] = worker; }
    // The peer's sessions go on, but a successor of this process does not know them.
    void stop_keeping(const Peer& peer);
    // At a planned end: a successor knows exactly what was received.
    void keep_windows();

    // Whose counters have changed, or may have.
    void touch(CustomerIndex customer) {
        if (std::exchange(is_touched_[customer.value], 1) == 0) touched_.push_back(customer);
    }
    // Those touched since the last call, each once.
    void take_touched(std::vector<CustomerIndex>& out);

    // Packets that wait for a session, and their bounds.
    [[nodiscard]] bool has_room_to_stage(const Customer& customer, std::size_t size) const;
    void add_staged(Customer& customer, std::size_t size);
    void remove_staged(Customer& customer, std::size_t size);
    // They are dropped and counted.
    void purge_staged(Peer& peer, DropReason reason = DropReason::kStagedPurged);

    DataPlaneDrops own_drops;  // before a customer is known
    Shaping shaping;           // packets that wait for their customer's rate

  private:
    void add_peer(PeerIndex peer, CustomerIndex customer);
    void remove_peer(PeerIndex peer, CustomerIndex customer);
    void suspend(Peer& peer);
    // The customer's rates and those of its peers, as its view says.
    void put_limits(Customer& customer, const CustomerView* before);
    void put_peer_limits(Customer& customer);
    void put_link(Customer& customer);
    // `before`: the view until now, null for a new customer.
    void put_maps(Customer& customer, const CustomerView* before);
    // Here or with another worker.
    [[nodiscard]] bool has_peer(const Customer& customer, PeerIndex peer) const;
    // Its live prefixes are changed by `change`.
    template <typename Change>
    void change_prefixes(Customer& customer, const Change& change);
    void forget_sessions(Peer& peer);

    crypto::PacketAead& aead_;
    std::vector<const Framing*> framings_;  // by ListenerIndex
    SessionTable sessions_;
    std::vector<std::unique_ptr<Customer>> customers_;  // by CustomerIndex
    std::vector<std::uint8_t> is_touched_;              // by CustomerIndex
    std::vector<CustomerIndex> touched_;
    std::vector<std::unique_ptr<Peer>> peers_;  // by PeerIndex
    std::size_t staged_bytes_ = 0;
    std::size_t live_peers_ = 0;                           // of all customers
    std::size_t live_prefixes_ = 0;                        // likewise
    std::unordered_map<SessionId, std::uint32_t> routes_;  // sessions that are with other workers than their ids say
};

}  // namespace warren::dataplane
