// Has vpnd tell of a customer's packets, and reads what it tells.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "ctl/ask/capture_filter.h"
#include "ipc/capture.h"
#include "ipc/control_messages.h"

namespace warren::ctl {

// One capture. Ends with its destruction at the latest.
class CaptureClient {
  public:
    // What waits for us at most, if the kernel gives so much. More is lost.
    static constexpr int kWaiting = 16 * 1024 * 1024;

    // `filter`, null for none: what it does not match is left out where that costs least; the caller asks it again.
    // kUnavailable: stackd cannot be reached; otherwise why it, or vpnd, refused.
    [[nodiscard]] static Result<CaptureClient> start(const std::string& run_dir, const ipc::ControlRequest& request,
                                                     const CaptureFilter* filter);

    // Readable when next() has something.
    [[nodiscard]] int fd() const { return socket_.get(); }
    // The next record, which refers to a buffer of ours; nothing: none waits. kUnavailable: vpnd hung up.
    [[nodiscard]] Result<std::optional<ipc::CaptureRecord>> next();
    // No packets come any more; what waits still does, and then a record that is kEnded when hang_up() was called.
    void leave_out_packets();
    void hang_up();

  private:
    explicit CaptureClient(UniqueFd socket) : socket_(std::move(socket)) {}

    UniqueFd socket_;
    std::vector<std::uint8_t> space_;
};

}  // namespace warren::ctl
