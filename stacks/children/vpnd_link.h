// stackd's end of the channel to vpnd: sends Hello, receives what vpnd holds, sends generations and waits for the
// replies.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"
#include "ipc/channel.h"
#include "ipc/config_messages.h"

namespace warren::stacks {

// What vpnd reports that it holds, with descriptors for it.
struct ReturnedListener {
    ipc::Protocol protocol = ipc::Protocol::kUdp;
    std::uint16_t port = 0;
    std::vector<ipc::DescriptorRole> roles;
    std::vector<UniqueFd> descriptors;
};
struct Holdings {
    std::map<ipc::ListenerId, ReturnedListener> listeners;
    std::map<std::string, std::vector<UniqueFd>> tunnels;  // by customer, a descriptor for each queue
    std::set<std::string> parked;                          // customers without a tunnel
    std::uint64_t generation = 0;
    std::uint32_t workers = 1;
    std::optional<ipc::Credentials> sender;  // who reported it, on a channel that has credentials
};

// Belongs to one thread. After a failed call the link is unusable.
class VpndLink {
  public:
    // How long vpnd may stay silent while it owes an answer: far longer than even a busy one needs.
    static constexpr Duration kPatience = std::chrono::seconds(5);

    VpndLink() = default;
    // `while_waiting` is called several times a second while a call below waits for vpnd; false ends the wait.
    explicit VpndLink(ipc::Channel channel, std::function<bool()> while_waiting = {});

    // `descriptors`: on the first connection what Hello needs, none when adopting. The holdings are bounded in number
    // and in time, but not verified: see inspection.h.
    // `patience`: for the whole.
    [[nodiscard]] Result<Holdings> greet(const ipc::Hello& hello, const std::vector<int>& descriptors,
                                         Duration patience = kPatience);
    // Instead of greet(), to a vpnd of the former release, whose answers cannot be read: it keeps its sessions in
    // `memory` from then on. kUnavailable: it hung up, so it is of another release or has ended.
    [[nodiscard]] Status hand_memory(const ipc::Hello& hello, int memory);
    // One message of a generation. Keys in it are wiped from the send buffer.
    [[nodiscard]] Status send(const ipc::ConfigMessage& message, const std::vector<int>& descriptors = {});
    // One that is no part of a generation and has no answer, whatever vpnd owes.
    [[nodiscard]] Status pass(const ipc::ConfigMessage& message, const std::vector<int>& descriptors) {
        return transmit(message, descriptors);
    }
    // Waits for the answer to Commit. kInvalid with vpnd's reason when it was rejected; every other error: the link is
    // broken.
    [[nodiscard]] Status await_applied(std::uint64_t generation);

    // Sends a liveness probe and does not wait: an empty generation with the number of the applied one, which vpnd
    // answers once each of its threads has processed it.
    [[nodiscard]] Status send_probe();
    // A probe was sent and its reply has not arrived.
    [[nodiscard]] bool awaits_reply() const { return awaits_reply_; }
    // When the reply to send_probe() is overdue.
    [[nodiscard]] Instant reply_deadline() const { return deadline_; }
    // Receives what made fd() readable: the reply to send_probe(), or reports. On any error the link is broken. True:
    // it was the reply.
    [[nodiscard]] Result<bool> receive_next();
    [[nodiscard]] Status receive_reply();
    // A call failed because vpnd stayed silent: it hangs.
    [[nodiscard]] bool is_hung() const { return is_hung_; }

    // What vpnd said of parked customers, in order. It comes with the calls above, and with receive_next().
    using ParkedReport = std::variant<ipc::NeedTunnel, ipc::LeftTunnel>;
    [[nodiscard]] std::optional<ParkedReport> take_report();
    [[nodiscard]] bool has_reports() const { return !reports_.empty(); }
    // Gives vpnd a parked customer's tunnel, of one queue.
    [[nodiscard]] Status pass_tunnel(const std::string& customer, const std::vector<int>& tunnel);
    [[nodiscard]] std::uint64_t tunnels_passed() const { return tunnels_passed_; }
    // vpnd's last generation.
    [[nodiscard]] std::uint64_t applied() const { return applied_; }

    // Readable when vpnd hung up, replied to send_probe(), or sent an unexpected message.
    [[nodiscard]] int fd() const { return channel_.fd(); }
    [[nodiscard]] bool is_connected() const { return channel_.valid(); }
    void close();

  private:
    struct Message {
        ipc::ConfigMessage content;
        std::vector<UniqueFd> descriptors;
        std::optional<ipc::Credentials> sender;
    };
    // The next answer. Reports on the way to it are kept for take_report().
    [[nodiscard]] Result<Message> receive();
    [[nodiscard]] Result<Message> receive_one();
    // True: it was a report, and is kept.
    [[nodiscard]] Result<bool> keep_report(Message& message);
    [[nodiscard]] Status transmit(const ipc::ConfigMessage& message, const std::vector<int>& descriptors);
    // Waits until the channel is ready for `events` of poll(2), at most until `deadline`.
    [[nodiscard]] Status wait(short events, Instant deadline);

    ipc::Channel channel_;
    std::function<bool()> while_waiting_;
    std::uint64_t applied_ = 0;  // vpnd's last generation
    bool awaits_reply_ = false;
    Instant deadline_ = kNever;   // of the answer that vpnd owes
    std::size_t unanswered_ = 0;  // messages since the last answer: vpnd has to work on each
    bool is_hung_ = false;
    std::deque<ParkedReport> reports_;
    std::uint64_t tunnels_passed_ = 0;
    std::vector<std::uint8_t> wire_;
    std::vector<std::uint8_t> space_;
};

}  // namespace warren::stacks
