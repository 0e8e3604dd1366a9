// What vpnd has and still needs: turns a configuration generation into messages. A fresh vpnd gets everything, an
// established one what changed.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "base/result.h"
#include "config/generation.h"
#include "stacks/children/vpnd_link.h"
#include "stacks/listeners/listener_table.h"
#include "stacks/stack_keeper.h"

namespace warren::stacks {

// One thread.
class VpndView {
  public:
    // A vpnd that has nothing.
    VpndView() = default;
    // One that an earlier stackd left: it has these, but nobody knows with which configuration.
    VpndView(ListenerPorts listeners, std::set<std::string> tunnels)
        : listeners_(std::move(listeners)), tunnels_(std::move(tunnels)) {}

    struct Delivery {
        std::uint64_t number = 0;
        const config::Generation& generation;
        const ListenerPorts& listeners;        // those of the generation
        const ListenerTable& sockets;          // has all of them
        const StackKeeper& stacks;             // a customer without a tunnel there is not served
        const std::set<std::string>& present;  // customers who have a file, valid or not: nobody else is kept
        bool full = false;                     // whoever is not put is removed, also who is only present
    };
    // Sends what is missing and waits until it is applied. kInvalid: vpnd refused and everything is as before; other
    // errors: the link is broken.
    [[nodiscard]] Status deliver(VpndLink& link, const Delivery& delivery);

    [[nodiscard]] const ListenerPorts& listeners() const { return listeners_; }
    // The customer's vpn0 was made anew: vpnd's descriptor is worthless.
    void forget_tunnel(const std::string& customer) { tunnels_.erase(customer); }
    // The customer's configuration is another than what vpnd has.
    void mark_changed(const std::string& customer) { current_.erase(customer); }
    void mark_listener_changed(const std::string& id) { current_listeners_.erase(id); }

  private:
    ListenerPorts listeners_;                  // that it has
    std::set<std::string> tunnels_;            // customers it has
    std::set<std::string> current_listeners_;  // that it has as they are configured now
    std::set<std::string> current_;            // customers it has as they are configured now
};

}  // namespace warren::stacks
