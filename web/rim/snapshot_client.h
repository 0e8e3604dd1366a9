// Asks vpnd what is going on, again and again, and never waits for it.
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
    // Messages that are taken in one call of receive(), so that 100,000 peers do not keep viewers waiting.
    static constexpr std::size_t kMessagesPerCall = 512;

    // A connection to a vpnd, perhaps a new one: everything is asked for again.
    void connect(ipc::Channel channel);
    // Asks for what changed, unless an answer is on its way.
    [[nodiscard]] Status send_request();
    // Takes what is there. A round when one is complete; an error: the connection is of no use any more and was closed.
    [[nodiscard]] Result<std::optional<SnapshotRound>> receive();

    // -1: not connected.
    [[nodiscard]] int fd() const { return channel_.fd(); }
    void close() { channel_ = {}; }

  private:
    [[nodiscard]] Result<bool> add_message(ipc::SnapshotMessage message);

    ipc::Channel channel_;
    std::vector<std::uint8_t> space_;
    SnapshotRound round_;
    bool has_header_ = false;
    bool waiting_ = false;
    std::uint64_t epoch_ = 0;
    std::uint64_t revision_ = 0;
};

}  // namespace warren::web
