// The operator's socket: RUN_DIR/control.sock, root only, one request per connection.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "ipc/channel.h"
#include "ipc/control_messages.h"
#include "stacks/plan/report.h"

namespace warren::stacks {

// One thread. A client that does not write or read times out after a few seconds; only root can connect.
class ControlServer {
  public:
    [[nodiscard]] static Result<ControlServer> listen(const std::string& path);

    // Readable when a client waits.
    [[nodiscard]] int fd() const { return listener_.get(); }
    using Answer = std::function<Report(const ipc::ControlRequest&)>;
    // Accepts the next client, if there is one, and sends it what `answer` returns for its request, followed by
    // `generation()`. Nothing: the client waits until serve_waiting(), or is refused if very many do.
    void serve_one(const std::function<std::optional<Report>(const ipc::ControlRequest&)>& answer,
                   const std::function<std::uint64_t()>& generation);
    [[nodiscard]] bool has_waiting() const { return !waiting_.empty(); }
    // The client that has waited longest.
    void serve_waiting(const Answer& answer, const std::function<std::uint64_t()>& generation);

  private:
    explicit ControlServer(UniqueFd listener) : listener_(std::move(listener)) {}
    struct Waiting {
        ipc::Channel channel;
        ipc::ControlRequest request;
    };
    UniqueFd listener_;
    std::deque<Waiting> waiting_;
};

}  // namespace warren::stacks
