// Requests snapshots from vpnd without blocking.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "ipc/channel.h"
#include "web/model/census.h"

namespace warren::web {

// One thread.
class SnapshotClient {
  public:
    // Messages processed per call of receive(), so that 100,000 peers do not delay viewers.
    static constexpr std::size_t kMessagesPerCall = 512;

    // Uses a new connection. The first request asks for everything.
    void connect(ipc::Channel channel);
    // Requests the changes since the last answer; does nothing while an answer is pending.
    [[nodiscard]] Status send_request();
    // Reads what has arrived. Returns a round when it is complete. On an error the connection is closed.
    [[nodiscard]] Result<std::optional<SnapshotRound>> receive();

    // -1: not connected.
    [[nodiscard]] int fd() const { return channel_.fd(); }
    void close() { channel_ = {}; }

  private:
    // True when the round is complete.
    [[nodiscard]] Result<bool> add_message(ipc::SnapshotMessage message);
    [[nodiscard]] bool add_sa(ipc::SnapshotMessage& message);

    ipc::Channel channel_;
    std::vector<std::uint8_t> space_;
    SnapshotRound round_;
    bool has_header_ = false;
    bool waiting_ = false;
    std::uint64_t epoch_ = 0;
    std::uint64_t revision_ = 0;
};

}  // namespace warren::web
