// fleetd's socket for vpnctl: one request a connection, as on stackd's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "ipc/control_messages.h"

namespace warren::fleet {

struct ControlReply {
    std::vector<ipc::ControlText> texts;
    std::uint8_t exit_status = 0;
    std::string summary;
};

// Serves on a thread of its own, one client at a time; root and fleetd's own user can connect.
class Control {
  public:
    // `answer` is called on the thread, and may wait.
    using Answer = std::function<ControlReply(const ipc::ControlRequest&)>;
    [[nodiscard]] static Result<std::unique_ptr<Control>> listen(const std::string& path, Answer answer);
    ~Control();
    Control(const Control&) = delete;
    Control& operator=(const Control&) = delete;

  private:
    Control(UniqueFd listener, UniqueFd end, Answer answer);
    void run();
    void serve_one();

    UniqueFd listener_;
    UniqueFd end_;  // an eventfd: readable when the thread is to end
    Answer answer_;
    std::thread thread_;
};

}  // namespace warren::fleet
