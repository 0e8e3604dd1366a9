// The operator's socket: RUN_DIR/control.sock, root only, one request per connection.
#pragma once

#include <functional>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "ipc/control_messages.h"
#include "stacks/plan/report.h"

namespace warren::stacks {

// One thread. A client that does not write or read times out after a few seconds; only root can connect.
class ControlServer {
  public:
    [[nodiscard]] static Result<ControlServer> listen(const std::string& path);

    // Readable when a client waits.
    [[nodiscard]] int fd() const { return listener_.get(); }
    // Accepts the next client, if there is one, and sends it what `answer` returns for its request, followed by
    // `generation()`.
    void serve_one(const std::function<Report(const ipc::ControlRequest&)>& answer,
                   const std::function<std::uint64_t()>& generation) const;

  private:
    explicit ControlServer(UniqueFd listener) : listener_(std::move(listener)) {}
    UniqueFd listener_;
};

}  // namespace warren::stacks
