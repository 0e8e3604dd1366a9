// One configuration generation as it arrives from stackd, message by message: whole, or not at all.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/renames.h"
#include "base/result.h"
#include "ipc/config_messages.h"

namespace warren::vpnd {

// The sockets of one listener, as PutListener brings them.
struct ListenerSockets {
    std::vector<ipc::DescriptorRole> roles;
    std::vector<UniqueFd> descriptors;  // as many, in the same order

    [[nodiscard]] bool empty() const { return descriptors.empty(); }
    // Invalid when there is none (any more).
    [[nodiscard]] UniqueFd take(const ipc::DescriptorRole& role);
};

struct NewListener {
    ipc::PutListener put;
    ListenerSockets sockets;  // put.roles
};
struct NewCustomer {
    ipc::PutCustomer put;
    std::vector<ipc::PutPeer> peers;
    std::vector<ipc::PutConnection> connections;
    std::vector<UniqueFd> tuns;  // its queues, when put.has_tun
};

struct Generation {
    std::uint64_t number = 0;
    bool full = false;
    std::vector<Rename> renames;  // of customers, before everything else
    std::vector<NewListener> listeners;
    std::vector<NewCustomer> customers;
    std::vector<std::string> removed_customers;
    std::vector<ipc::ListenerId> removed_listeners;
    std::vector<ipc::ResetPeer> reset_peers;
    std::vector<ipc::OperateConnection> operations;

    // It changes nothing: stackd asks for a sign of life.
    [[nodiscard]] bool is_empty() const {
        return !full && renames.empty() && listeners.empty() && customers.empty() && removed_customers.empty() &&
               removed_listeners.empty() && reset_peers.empty() && operations.empty();
    }
};

// Collects the messages between Begin and Commit. A message that does not belong where it stands spoils the generation
// it stands in: the rest is swallowed, and Commit answers with the first thing that was wrong. One answer for each
// Commit, whatever came before it.
class Staging {
  public:
    explicit Staging(std::uint32_t workers) : workers_(workers) {}

    // A message other than Hello. Nothing, unless it was a Commit: then the generation it finishes, or why there is
    // none. Descriptors that nobody asked for are closed and spoil the generation.
    [[nodiscard]] std::optional<Result<Generation>> feed(ipc::ConfigMessage message, std::vector<UniqueFd> descriptors);
    // Forgets a generation that was not committed: the channel broke.
    void reset();

  private:
    Status take(ipc::ConfigMessage message, std::vector<UniqueFd> descriptors);
    Status take_listener(ipc::PutListener put, std::vector<UniqueFd> descriptors);
    Status take_customer(ipc::PutCustomer put, std::vector<UniqueFd> descriptors);
    Status take_peer(ipc::PutPeer put);
    Status take_prefixes(ipc::PutPrefixes put);
    Status take_connection(ipc::PutConnection put);
    // The last peer has all the prefixes that it announced.
    [[nodiscard]] Status check_prefixes_complete() const;
    // The last customer has all the peers and connections that it announced.
    [[nodiscard]] Status check_tunnels_complete() const;
    Result<Generation> finish(const ipc::Commit& commit);

    std::uint32_t workers_;
    std::optional<Generation> staged_;
    std::optional<Error> spoiled_;
};

}  // namespace warren::vpnd
