// vpnd's end of the channel, on a thread of its own: records the messages and replies as configured.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ipc/channel.h"
#include "ipc/config_messages.h"

namespace warren::stacks {

class FakeVpnd {
  public:
    FakeVpnd();
    ~FakeVpnd();
    FakeVpnd(const FakeVpnd&) = delete;
    FakeVpnd& operator=(const FakeVpnd&) = delete;

    // stackd's end; once.
    [[nodiscard]] ipc::Channel take_channel() { return std::move(near_); }
    // The messages received since the last call, one line each.
    [[nodiscard]] std::vector<std::string> received();
    // Of the last PutPeer with this name, as "10.0.0.2/32 10.60.0.0/16"; what follows in other messages is left out.
    [[nodiscard]] std::string networks_of(const std::string& peer);
    // The answer to the next commits; "" = Applied, else Rejected with this reason, "hang up" closes the channel.
    void answer_with(std::vector<std::string> answers);
    // Of its own accord.
    void say(const ipc::ConfigMessage& message);

  private:
    void run();
    [[nodiscard]] bool answer(std::uint64_t generation);

    ipc::Channel near_;
    ipc::Channel far_;
    std::mutex mutex_;  // guards these three
    std::vector<std::string> received_;
    std::map<std::string, std::string> networks_;  // by peer
    std::vector<std::string> answers_;
    std::thread thread_;
};

}  // namespace warren::stacks
