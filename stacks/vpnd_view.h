// Tracks what vpnd has, and turns a configuration generation into messages: everything for a fresh vpnd, the changes
// for an established one.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/renames.h"
#include "base/result.h"
#include "config/generation.h"
#include "stacks/auth_secrets.h"
#include "stacks/children/vpnd_link.h"
#include "stacks/listeners/listener_table.h"
#include "stacks/plan/learned.h"
#include "stacks/stack_keeper.h"

namespace warren::stacks {

// Where another node of the fleet saw peers.
using SeenPeers = std::map<PeerIdentity, Endpoint>;

// One thread.
class VpndView {
  public:
    // A vpnd that has nothing.
    VpndView() = default;
    // A vpnd of an earlier stackd: it has these, with an unknown configuration.
    VpndView(ListenerPorts listeners, std::set<std::string> customers, std::set<std::string> parked)
        : listeners_(std::move(listeners)), tunnels_(std::move(customers)), parked_(std::move(parked)) {}

    struct Delivery {
        std::uint64_t number = 0;
        const config::Generation& generation;
        const ListenerPorts& listeners;        // those of the generation
        const ListenerTable& sockets;          // has all of them
        const StackKeeper& stacks;             // a customer without a tunnel there is not served
        const SecretNumbers& numbers;          // of what authd holds
        const std::set<std::string>& present;  // customers that have a file, valid or not: all others are removed
        bool full = false;                     // customers that are not put are removed, even if present
        const std::function<Status()>& before_commit;                   // may be empty
        const SeenPeers& seen;                                          // of customers with a group
        const std::function<bool(const config::Customer&)>& is_parked;  // it is served without a tunnel
        // Networks of its peers that are in no file.
        const std::function<LearnedByPeer(const config::Customer&)>& learned;
    };
    // Sends what is missing and waits until it is applied. kInvalid: vpnd rejected it and everything is as before;
    // other errors: the link is broken.
    [[nodiscard]] Status deliver(VpndLink& link, const Delivery& delivery);

    // The same for a generation that only begins anew with a peer.
    [[nodiscard]] Status ask(VpndLink& link, std::uint64_t number, ipc::ConfigMessage wish) const;

    // Customers have other ids now. vpnd is told so with the next delivery that it takes.
    void rename(const std::vector<Rename>& renames);
    // Until then it may have another customer under one of our names.
    [[nodiscard]] bool has_pending_renames() const { return !renames_.empty(); }

    [[nodiscard]] const ListenerPorts& listeners() const { return listeners_; }
    [[nodiscard]] bool has_customer(const std::string& customer) const { return tunnels_.contains(customer); }
    // vpnd has it without a tunnel.
    [[nodiscard]] bool is_parked(const std::string& customer) const { return parked_.contains(customer); }
    [[nodiscard]] const std::set<std::string>& parked() const { return parked_; }
    void note_parked(const std::string& customer) { parked_.insert(customer); }
    void note_tunnel(const std::string& customer) { parked_.erase(customer); }
    // The customer's vpn0 was recreated: vpnd's descriptor is useless.
    void forget_tunnel(const std::string& customer) { stale_tunnels_.insert(customer); }
    // The control socket that vpnd has for the listener has another name.
    void forget_sockets(const ipc::ListenerId& listener) { stale_sockets_.insert(listener); }
    // A device that an endpoint of the customer's names came, went, or has another index than vpnd knows.
    [[nodiscard]] bool has_moved(const config::Customer& customer, const ObservedUplink& uplink) const;
    // The customer's configuration differs from what vpnd has.
    void mark_changed(const std::string& customer) { current_.erase(customer); }
    void mark_listeners_changed(const std::string& owner) {
        std::erase_if(current_listeners_, [&owner](const ipc::ListenerId& id) { return id.owner == owner; });
    }

  private:
    [[nodiscard]] bool has_tunnel(const std::string& customer) const {
        return tunnels_.contains(customer) && !stale_tunnels_.contains(customer) && !parked_.contains(customer);
    }

    using Endpoints = std::vector<std::optional<Endpoint>>;
    // Those with a zone, as they are now.
    static Endpoints zoned_endpoints(const config::Customer& customer, const ObservedUplink& uplink);

    std::vector<Rename> renames_;                  // from its ids to ours, where they differ
    ListenerPorts listeners_;                      // that it has
    std::set<ipc::ListenerId> stale_sockets_;      // of these, whose control socket has another name
    std::set<std::string> tunnels_;                // customers it has
    std::set<std::string> parked_;                 // of these, those without a tunnel
    std::set<std::string> stale_tunnels_;          // whose vpn0 was recreated since it got them
    std::set<ipc::ListenerId> current_listeners_;  // that it has as they are configured now
    std::set<std::string> current_;                // customers it has as they are configured now
    std::map<std::string, Endpoints> zoned_;       // that it has, by customer; without those that have none
    // As vpnd has each customer, where that is known: long lists of prefixes that it has are not sent again.
    struct Held {
        std::shared_ptr<const config::AcceptedCustomer> accepted;
        LearnedByPeer learned;
    };
    std::map<std::string, Held> held_;
};

}  // namespace warren::stacks
