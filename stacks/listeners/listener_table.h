// The sockets of all listeners of this instance: groups by port and control sockets by listener, so that a port can
// move to another listener.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "ipc/listener.h"
#include "stacks/listeners/uapi_socket.h"
#include "stacks/listeners/udp_group.h"

namespace warren::stacks {

// Where a listener is reached, or with several ports (ipc::ports_of) the first of them.
struct Port {
    ipc::Protocol protocol = ipc::Protocol::kUdp;
    std::uint16_t number = 0;

    auto operator<=>(const Port&) const = default;
};
using ListenerPorts = std::map<ipc::ListenerId, Port>;

// A listener's descriptors as numbers, with what each is for (ipc::PutListener).
struct ListenerDescriptors {
    std::vector<ipc::DescriptorRole> roles;
    std::vector<int> numbers;
};

// One thread.
class ListenerTable {
  public:
    // `uapi_directory`: where control sockets are made.
    ListenerTable(std::string run_dir, std::uint32_t workers, std::string uapi_directory = kUapiDirectory)
        : run_dir_(std::move(run_dir)), uapi_directory_(std::move(uapi_directory)), workers_(workers) {}

    // Binds what the listener lacks. On failure nothing is half-bound.
    [[nodiscard]] Status bind(const ipc::ListenerId& id, Port port);
    // Sets how many data sockets a new listener gets. Call it before the first bind(): bound listeners stay as they
    // are.
    void set_workers(std::uint32_t workers) { workers_ = workers; }
    // The same for bound listeners too: descriptors() returns those of this number from now on. Sockets that are too
    // many stay open, because a vpnd may still read them, and are surplus for the next one. On failure everything is as
    // before.
    [[nodiscard]] Status resize(std::uint32_t workers);
    // The next vpnd has them, and nothing arrives there any more.
    void close_surplus();
    [[nodiscard]] std::uint32_t workers() const { return workers_; }
    // Adopts what vpnd held for us: as bind() made it. False: without the control socket, which has the name of another
    // listener, as after a rename that vpnd was told of alone; the next bind() makes one. The file of the other one is
    // removed by the bind() of the listener that has it, or that needs its name.
    [[nodiscard]] bool adopt(const ipc::ListenerId& id, Port port, const std::vector<ipc::DescriptorRole>& roles,
                             std::vector<UniqueFd> descriptors);
    // Closes what none of these listeners needs, and removes the files of their control sockets.
    void keep_only(const ListenerPorts& listeners);

    // How many descriptors it holds.
    [[nodiscard]] std::size_t size() const;
    // It must be bound.
    [[nodiscard]] ListenerDescriptors descriptors(const ipc::ListenerId& id, Port port) const;

  private:
    // The control socket of one without. vpnd's under a former name keeps its file until there is a new one.
    [[nodiscard]] Status make_uapi(const ipc::ListenerId& id);
    // The groups of its ports that there are not yet.
    [[nodiscard]] Result<std::map<Port, SocketGroup>> bind_ports(const ipc::ListenerId& id, Port port);

    std::string run_dir_;
    std::string uapi_directory_;
    std::uint32_t workers_;
    std::map<Port, SocketGroup> groups_;
    std::map<ipc::ListenerId, UapiSocket> uapi_;       // of WireGuard's listeners
    std::map<ipc::ListenerId, std::string> misnamed_;  // where vpnd has the control socket of one without
};

}  // namespace warren::stacks
