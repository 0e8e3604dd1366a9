// One request to stackd and its answer; what vpnd shows of its peers. Both block.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "fleet/records/records.h"
#include "ipc/control_messages.h"

namespace warren::fleet {

struct StackdReply {
    std::vector<ipc::ControlText> texts;
    std::uint8_t exit_status = 0;
    std::string summary;
};
[[nodiscard]] Result<StackdReply> ask_stackd(const std::string& socket, const ipc::ControlRequest& request,
                                             int patience_seconds);

// Where peers with a session are, by customer, as vpnd's snapshots tell it: everything first, then what has changed.
class PeerPlacesReader {
  public:
    explicit PeerPlacesReader(std::string snapshot_socket) : socket_(std::move(snapshot_socket)) {}
    [[nodiscard]] Status update();
    [[nodiscard]] const std::map<std::string, PeerPlaces>& places() const { return places_; }

  private:
    std::string socket_;
    std::uint64_t epoch_ = 0;
    std::uint64_t revision_ = 0;
    std::map<std::string, PeerPlaces> places_;
};

}  // namespace warren::fleet
