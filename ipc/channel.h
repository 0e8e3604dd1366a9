// A SEQPACKET Unix socket that carries whole messages and descriptors between Warren's processes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/result.h"

namespace warren::ipc {

// The largest message. What may be larger takes several (PutPrefixes in ipc/config_messages.h).
inline constexpr std::size_t kMaxMessageSize = 128 * 1024;
// Descriptors one message may carry (the kernel's SCM_MAX_FD is 253).
inline constexpr std::size_t kMaxDescriptors = 200;

// A process, as the kernel names it.
struct Credentials {
    pid_t pid = 0;
    uid_t uid = 0;
    gid_t gid = 0;
};

struct Received {
    std::size_t size = 0;  // bytes of the message; 0 with closed = true at the end
    std::vector<UniqueFd> descriptors;
    bool closed = false;                // the other side hung up
    std::optional<Credentials> sender;  // on a channel that connect() made with credentials
};

// One end of a connection. Belongs to one thread.
class Channel {
  public:
    Channel() = default;
    explicit Channel(UniqueFd socket) : socket_(std::move(socket)) {}

    // Two connected ends (socketpair), close-on-exec, blocking.
    [[nodiscard]] static Result<std::pair<Channel, Channel>> pair();
    // Whether a received descriptor is a connected SEQPACKET Unix socket.
    [[nodiscard]] static bool is_channel(int fd);
    // Connects to a listener; ErrorCode::kUnavailable when nothing listens. `with_credentials`: SO_PASSCRED is set,
    // from the first message on.
    [[nodiscard]] static Result<Channel> connect(const std::string& path, bool with_credentials = false);

    // Sends one message whole, 1..kMaxMessageSize bytes. Blocks unless the socket is non-blocking (then kUnavailable).
    [[nodiscard]] Status send(Bytes message, std::vector<int> descriptors = {});
    // Receives one message into `space`. A message that does not fit is an error, never truncated silently; its
    // descriptors are closed. kUnavailable when non-blocking and nothing is there.
    [[nodiscard]] Result<Received> receive(MutableBytes space);

    using Credentials = ipc::Credentials;
    // Makes send and receive return kUnavailable instead of waiting.
    [[nodiscard]] Status set_non_blocking();

    // Who connected (SO_PEERCRED).
    [[nodiscard]] Result<Credentials> peer_credentials() const;

    [[nodiscard]] int fd() const { return socket_.get(); }
    [[nodiscard]] bool valid() const { return socket_.valid(); }
    [[nodiscard]] UniqueFd take() { return std::move(socket_); }

  private:
    UniqueFd socket_;
};

// A listening, non-blocking SEQPACKET socket at `path` (an old socket file is replaced), with these permission bits.
[[nodiscard]] Result<UniqueFd> listen_at(const std::string& path, mode_t mode);
// The next waiting connection, a blocking one; kUnavailable when there is none.
[[nodiscard]] Result<Channel> accept_from(int listener);

}  // namespace warren::ipc
