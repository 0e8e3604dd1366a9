// What vpnd has been told to serve: listeners, customers, peers, connections, and what must change to serve a new
// generation instead.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/fd.h"
#include "base/ids.h"
#include "base/renames.h"
#include "base/result.h"
#include "ipc/config_messages.h"
#include "vpnd/customers/connections.h"
#include "vpnd/customers/generation.h"
#include "vpnd/customers/index_pool.h"
#include "vpnd/dataplane/customer_view.h"

namespace warren::vpnd {

struct HeldPeer {
    PeerIndex index;
    ListenerIndex listener;
    ipc::PutPeer config;
};
struct HeldCustomer {
    CustomerIndex index;
    std::vector<std::uint32_t> workers;  // of each queue of its TUN; all different
    ipc::CustomerSettings settings;
    std::vector<IpAddress> sources;  // as ipc::PutCustomer
    std::vector<HeldPeer> peers;
    std::optional<ipc::IpsecCustomer> ipsec;
    std::vector<HeldConnection> connections;
    std::uint64_t put = 0;                // grows with every configuration of a customer that is taken
    std::uint64_t life = 0;               // its first `put`: no other customer has had it, whatever index it has
    bool is_spent = false;                // its quota
    std::set<std::string> spent_tunnels;  // the peers and connections whose quotas are, by name
    // Its queues, none of a parked customer; owned by their data workers, ours to pass on until DropCustomer or
    // CloseTun is posted.
    std::vector<int> tuns;
};
struct HeldListener {
    ListenerIndex index;
    ipc::ListenerId id;
    ipc::Protocol protocol = ipc::Protocol::kUdp;
    std::uint16_t port = 0;
    ipc::ListenerSettings settings;
    std::vector<ipc::DescriptorRole> roles;
    std::vector<int> descriptors;                            // as `roles`; owned by those who use them
    std::unordered_map<PeerIdentity, CustomerIndex> owners;  // whose each peer is
};

// What an accepted generation asks for, in the order in which it is to be carried out. What a listener or a peer is put
// with, the customer set knows.
struct Changes {
    struct OpenListener {  // new, or new sockets of a present one
        ListenerIndex listener;
        bool is_new = false;
        ListenerSockets sockets;
    };
    struct RemovePeer {
        ListenerIndex listener;
        PeerIndex peer;
        CustomerIndex customer;
        bool is_gone = false;  // nobody has its index any more; else it begins anew, and its counters go on
    };
    // Nobody has this peer at this listener any more, or it is to begin anew: what is kept of it is forgotten.
    struct ForgetPeer {
        ListenerIndex listener;
        ipc::ListenerKind kind = ipc::ListenerKind::kWireguard;
        PeerIdentity identity;
    };
    struct SwapView {
        std::uint32_t worker = 0;
        std::unique_ptr<const dataplane::CustomerView> view;
        UniqueFd tun;  // invalid: the present one stays
    };
    struct PutPeer {
        ListenerIndex listener;
        PeerIndex peer;
    };
    struct RemoveConnection {
        ListenerIndex listener;
        CustomerIndex customer;
        ConnectionIndex connection;
        std::vector<PeerIndex> peers;  // that it had
        bool is_gone = false;          // likewise, and its peers with it
    };
    // New, or other settings of it or of its customer's IPsec.
    struct PutConnection {
        ListenerIndex listener;
        ConnectionIndex connection;
    };
    // A connection that stays has it no more.
    struct ReleasePeer {
        CustomerIndex customer;
        PeerIndex peer;
    };
    // Once.
    struct OperateConnection {
        ListenerIndex listener;
        ConnectionIndex connection;
        ipc::ConnectionAction action = ipc::ConnectionAction::kRekey;
    };
    struct DropCustomer {
        std::uint32_t worker = 0;
        CustomerIndex customer;
    };
    // It was removed. What tells whether one of its id that comes later is the same.
    struct Departed {
        std::string customer;
        std::vector<PeerIdentity> identities;
        std::optional<IkeIdentity> ipsec;
    };
    struct CloseListener {
        ListenerIndex listener;
        ipc::ListenerKind kind = ipc::ListenerKind::kWireguard;
    };

    std::vector<OpenListener> open_listeners;
    std::vector<ListenerIndex> change_listeners;  // other settings of a present one
    std::vector<RemovePeer> remove_peers;
    std::vector<RemoveConnection> remove_connections;
    std::vector<ForgetPeer> forget_peers;  // before put_peers
    std::vector<SwapView> swap_views;
    std::vector<PutPeer> put_peers;
    std::vector<PutConnection> put_connections;
    std::vector<OperateConnection> operate_connections;
    std::vector<ReleasePeer> release_peers;  // after put_connections
    std::vector<DropCustomer> drop_customers;
    std::vector<CloseListener> close_listeners;
    std::vector<Departed> departed;

    [[nodiscard]] bool empty() const;
};

// One thread. Pure: holds values and the numbers of descriptors, does nothing with them.
class CustomerSet {
  public:
    explicit CustomerSet(std::uint32_t workers) : workers_(workers) {}

    // All or nothing: an error changes nothing. A customer whose config did not change gets no change.
    [[nodiscard]] Result<Changes> apply(Generation&& generation);
    // Whose quota is spent of a customer: that of all, and those of peers and connections, by name.
    struct Spent {
        CustomerIndex index;
        bool customer = false;
        std::set<std::string> tunnels;
    };
    // Whether that is news.
    [[nodiscard]] bool is_other(const Spent& spent) const;
    // Only views change. Of customers that are gone it is ignored.
    [[nodiscard]] Changes note_spent(std::vector<Spent>&& spent);
    // A customer that may be parked is from now on; nothing: it may not be, or is already. The worker that has its TUN,
    // and is to close it.
    [[nodiscard]] std::optional<std::uint32_t> leave_tunnel(CustomerIndex index);
    // A parked customer has its TUN; nothing: it has one, or there is no such customer.
    [[nodiscard]] std::optional<Changes::SwapView> give_tunnel(const std::string& id, UniqueFd tun);
    // The changes were carried out by engines and data workers: freed indexes may be given out again.
    void settle();

    [[nodiscard]] std::uint64_t generation() const { return generation_; }
    // Grows when ids become those of other customers.
    [[nodiscard]] std::uint64_t renames() const { return renames_; }
    [[nodiscard]] const std::unordered_map<std::string, HeldCustomer>& customers() const { return customers_; }
    [[nodiscard]] const std::map<ipc::ListenerId, HeldListener>& listeners() const { return listeners_; }
    [[nodiscard]] const HeldCustomer* customer(const std::string& id) const;
    // Null when there is none (any more).
    [[nodiscard]] const HeldCustomer* find(CustomerIndex index) const;
    [[nodiscard]] const HeldListener* listener(ListenerIndex index) const;
    // Where the peers of a customer come to: of each kind its own listener, else the appliance's.
    [[nodiscard]] std::vector<const HeldListener*> listeners_of(const std::string& customer) const;

    struct PeerRef {
        const HeldCustomer* customer = nullptr;
        const HeldPeer* peer = nullptr;  // null: it is a connection's
    };
    // Nulls when there is no such peer (any more). Good until the next apply().
    [[nodiscard]] PeerRef find(PeerIndex index) const;
    struct ConnectionRef {
        const HeldCustomer* customer = nullptr;
        const HeldConnection* connection = nullptr;
    };
    // The same for a connection.
    [[nodiscard]] ConnectionRef find(ConnectionIndex index) const;
    // The one that has this peer.
    [[nodiscard]] ConnectionRef connection_of(PeerIndex peer) const;

  private:
    [[nodiscard]] Status check_renames(const std::vector<Rename>& renames) const;
    void rename(const std::vector<Rename>& renames);
    // Of peers that keep theirs.
    [[nodiscard]] Status fill_in_prefixes(Generation& generation) const;
    [[nodiscard]] Status check_listeners(const Generation& generation) const;
    [[nodiscard]] Status check_customers(const Generation& generation) const;
    [[nodiscard]] Status check_customer(const NewCustomer& customer) const;
    // Of IPsec: each once, and none of a customer that stays as it is.
    [[nodiscard]] Status check_identities(const Generation& generation, const std::set<std::string>& gone) const;
    void put_listener(NewListener&& listener, Changes& changes);
    void put_customer(NewCustomer&& customer, Changes& changes);
    // True when it is with other workers than before.
    bool spread(HeldCustomer& held, std::size_t queues, Changes& changes) const;
    // By listener, as at another one a peer is another tunnel: another port, another key of ours.
    using PeersBefore = std::map<ListenerIndex, std::unordered_map<PeerIdentity, const HeldPeer*>>;
    [[nodiscard]] std::vector<const HeldPeer*> continued_by(const std::vector<ipc::PutPeer>& peers,
                                                            const PeersBefore& before) const;
    struct WhichPut {
        bool was_served = false;  // false: all
        bool all = false;         // those that stay as they are, too
    };
    // True when the data plane must know: other peers or other allowed_ips.
    bool replace_peers(HeldCustomer& held, std::vector<ipc::PutPeer>&& peers, WhichPut which, Changes& changes);
    // The same for connections.
    struct Before {
        bool was_served = false;
        bool had_other_workers = false;
    };
    bool replace_connections(HeldCustomer& held, NewCustomer& customer, Before before, Changes& changes);
    // Gives it the peers that it needs, of those that `known` has; null: it is new. True when they are others.
    bool assign_peers(CustomerIndex customer, HeldConnection& connection, HeldConnection* known, Changes& changes);
    void release_peers(HeldConnection& connection);
    void remove_connection(const HeldCustomer& customer, HeldConnection& connection, Changes& changes);
    void remove_customer(const std::string& id, Changes& changes);
    void remove_listener(const ipc::ListenerId& id, Changes& changes);
    void reset_peer(const ipc::ResetPeer& reset, Changes& changes);
    void operate_connection(const ipc::OperateConnection& operation, Changes& changes) const;
    void begin_anew(const HeldCustomer& customer, const HeldPeer& peer, Changes& changes) const;
    void keep_owned(Changes& changes) const;
    // It is removed; what is kept of its keys is forgotten with forget_identity().
    void drop_peer(const HeldCustomer& customer, const HeldPeer& peer, Changes& changes);
    // The customer's peers at this listener do not have it any more.
    void forget_identity(const HeldCustomer& customer, ListenerIndex listener, const PeerIdentity& identity,
                         Changes& changes);

    struct Place {
        CustomerIndex customer;
        std::uint32_t position = 0;  // in HeldCustomer::peers, or in its connections
        bool of_connection = false;
    };
    void put_place(PeerIndex peer, Place place);

    std::uint32_t workers_;
    std::uint64_t generation_ = 0;
    std::uint64_t puts_ = 0;
    std::uint64_t renames_ = 0;
    std::map<ipc::ListenerId, HeldListener> listeners_;
    std::unordered_map<std::string, HeldCustomer> customers_;
    std::unordered_map<CustomerIndex, HeldCustomer*> customers_by_index_;  // nodes of customers_ do not move
    std::unordered_map<ListenerIndex, HeldListener*> listeners_by_index_;
    std::vector<Place> places_;  // by PeerIndex
    IndexPool<ListenerIndex> listener_indexes_;
    IndexPool<CustomerIndex> customer_indexes_;
    IndexPool<PeerIndex> peer_indexes_;
    IndexPool<ConnectionIndex> connection_indexes_;
    std::vector<Place> connection_places_;             // by ConnectionIndex
    std::map<IkeIdentity, CustomerIndex> identities_;  // of IPsec, canonical
};

}  // namespace warren::vpnd
