// The sockets that stock `wg` talks to: /var/run/wireguard/NAME.sock.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace warren::stacks {

inline constexpr const char* kUapiDirectory = "/var/run/wireguard";

struct UapiSocket {
    UniqueFd listener;
    std::string path;
};

// "warren", or "warren-ID" for a customer's own listener.
[[nodiscard]] std::string uapi_name(const std::string& listener);

// A listening stream socket, 0600, in `directory`, that vpnd accepts on. A stale file is replaced; where another
// process listens, the socket is made below `run_dir`/wireguard instead, and `path` says so.
[[nodiscard]] Result<UapiSocket> listen_uapi(const std::string& listener, const std::string& run_dir,
                                             const std::string& directory = kUapiDirectory);

// Closes the listener and removes its file; the file stays while another process (vpnd) listens there.
void remove_uapi(UapiSocket socket);
// Removes the file if no process listens there.
void remove_stale_uapi(const std::string& path);

// Whether it has the name of one that listen_uapi() makes for a customer.
[[nodiscard]] bool is_customers_uapi(const std::string& path);
// Removes the file although vpnd listens there: it gets another socket.
void unlink_uapi(const std::string& path);

// Where a Unix socket is bound; "" when it is not.
[[nodiscard]] std::string path_of_socket(int socket);

}  // namespace warren::stacks
