// The sockets of all listeners of this instance: UDP groups by port and UAPI sockets by listener, so that a port can
// move to another listener.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "stacks/listeners/uapi_socket.h"
#include "stacks/listeners/udp_group.h"

namespace warren::stacks {

// Listener ids ("" = the shared one, else the customer's) and their ports.
using ListenerPorts = std::map<std::string, std::uint16_t>;

// One thread.
class ListenerTable {
  public:
    ListenerTable(std::string run_dir, std::uint32_t workers) : run_dir_(std::move(run_dir)), workers_(workers) {}

    // Binds what the listener lacks. On failure nothing is half-bound.
    [[nodiscard]] Status bind(const std::string& id, std::uint16_t port);
    // Sets how many data sockets a new listener gets. Call it before the first bind(): bound listeners stay as they
    // are.
    void set_workers(std::uint32_t workers) { workers_ = workers; }
    [[nodiscard]] std::uint32_t workers() const { return workers_; }
    // Adopts what vpnd held for us: as bind() made it, in PutListener's order.
    void adopt(const std::string& id, std::uint16_t port, bool has_v6, std::vector<UniqueFd> descriptors);
    // Closes what none of these listeners needs, and removes the files of their UAPI sockets.
    void keep_only(const ListenerPorts& listeners);

    // How many descriptors it holds.
    [[nodiscard]] std::size_t size() const;
    // In PutListener's order; both sockets must be bound.
    [[nodiscard]] std::vector<int> descriptors(const std::string& id, std::uint16_t port) const;
    [[nodiscard]] bool has_v6(std::uint16_t port) const { return groups_.at(port).has_v6; }

  private:
    std::string run_dir_;
    std::uint32_t workers_;
    std::map<std::uint16_t, SocketGroup> groups_;  // by port
    std::map<std::string, UapiSocket> uapi_;       // by listener
};

}  // namespace warren::stacks
