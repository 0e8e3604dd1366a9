// stackd's end of the channel to vpnd: says Hello, takes back what vpnd holds, sends generations and waits for the
// answer.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"
#include "ipc/channel.h"
#include "ipc/config_messages.h"

namespace warren::stacks {

// What vpnd said it has, with descriptors for it.
struct ReturnedListener {
    std::uint16_t port = 0;
    bool has_v6 = false;
    std::vector<UniqueFd> descriptors;  // in PutListener's order
};
struct Holdings {
    std::map<std::string, ReturnedListener> listeners;     // by id, "" = the shared one
    std::map<std::string, std::vector<UniqueFd>> tunnels;  // by customer, a descriptor for each queue
    std::uint64_t generation = 0;
    std::uint32_t workers = 1;
};

// Belongs to one thread. Every call that fails leaves a link that is of no more use.
class VpndLink {
  public:
    VpndLink() = default;
    explicit VpndLink(ipc::Channel channel);

    // `descriptors`: on the first connection what Hello needs, none when adopting. What vpnd says that it holds is
    // bounded, in number and in the time it may take to say it; whether it is what it says is not known (inspection.h).
    [[nodiscard]] Result<Holdings> greet(const ipc::Hello& hello, const std::vector<int>& descriptors);
    // One message of a generation. Keys in it are wiped from the send buffer.
    [[nodiscard]] Status send(const ipc::ConfigMessage& message, const std::vector<int>& descriptors = {});
    // Waits for the answer to Commit. kInvalid with vpnd's reason when it was rejected; every other error: the link is
    // broken.
    [[nodiscard]] Status await_applied(std::uint64_t generation);

    // Asks for a sign of life, and does not wait: the generation that is applied once more, with nothing in it, which
    // vpnd answers when each of its threads has passed it.
    [[nodiscard]] Status send_probe();
    // The answer is still to come.
    [[nodiscard]] bool awaits_reply() const { return awaits_reply_; }
    // Takes what made fd() readable: the answer to send_probe(). Every error: the link is broken.
    [[nodiscard]] Status receive_reply();

    // Readable when vpnd hung up, answers send_probe(), or says something nobody asked for.
    [[nodiscard]] int fd() const { return channel_.fd(); }
    [[nodiscard]] bool is_connected() const { return channel_.valid(); }
    void close() { *this = {}; }

  private:
    struct Message {
        ipc::ConfigMessage content;
        std::vector<UniqueFd> descriptors;
    };
    [[nodiscard]] Result<Message> receive();
    [[nodiscard]] Status transmit(const ipc::ConfigMessage& message, const std::vector<int>& descriptors);

    ipc::Channel channel_;
    std::uint64_t applied_ = 0;  // vpnd's last generation
    bool awaits_reply_ = false;
    std::vector<std::uint8_t> wire_;
    std::vector<std::uint8_t> space_;
};

}  // namespace warren::stacks
