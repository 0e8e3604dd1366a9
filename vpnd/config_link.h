// vpnd's end of the channel to stackd: whole generations come in, holdings and answers go out; a new stackd is let in
// when the old one is gone.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "ipc/channel.h"
#include "ipc/config_messages.h"
#include "vpnd/customers/generation.h"
#include "vpnd/io/event_loop.h"

namespace warren::vpnd {

// One thread. Never blocks: what stackd does not take waits, and while it waits nothing more is read.
class ConfigLink {
  public:
    // `channel` is past its Hello.
    [[nodiscard]] static Result<ConfigLink> make(ipc::Channel channel, std::uint32_t workers);
    // From now on a new stackd is let in there when the present one is gone. Only root may adopt.
    [[nodiscard]] Status accept_at(UniqueFd adoption_listener);

    struct Committed {
        std::uint64_t number = 0;  // to answer with; 0 when not even that is known
        Result<Generation> generation;
    };
    // Hello of a new stackd: answer with Holding* and HoldingEnd.
    struct Greeted {
        ipc::Hello hello;
        UniqueFd kept_sessions;  // invalid: it brought none
    };
    // A channel to authd; there is no answer.
    struct AuthPassed {
        ipc::Channel channel;
    };
    // The file of a month of usage; there is no answer.
    struct UsagePassed {
        std::uint32_t month = 0;
        UniqueFd file;
    };
    // Somebody wants to watch packets; there is no answer but on the socket.
    struct CaptureWanted {
        std::string customer;
        std::string peer;
        UniqueFd socket;
    };
    // A parked customer's; there is no answer.
    struct TunnelPassed {
        std::string customer;
        UniqueFd tun;
    };
    // Committed: answer with Applied or Rejected, now or later.
    using Event = std::variant<Greeted, Committed, AuthPassed, UsagePassed, CaptureWanted, TunnelPassed>;

    // Readable when run() has something to do.
    [[nodiscard]] int fd() const { return loop_.fd(); }
    // The next event, nothing when none waits. Reads at most kMessagesPerRun messages; call again while it returns
    // events.
    [[nodiscard]] std::optional<Event> run();

    // Answers. `descriptors` must stay open until the message left; they are not taken away before the next generation
    // is answered.
    void send(const ipc::ConfigMessage& message, std::vector<int> descriptors = {});

    [[nodiscard]] bool is_connected() const { return channel_.valid(); }
    // PutTunnel messages of this stackd.
    [[nodiscard]] std::uint64_t tunnels() const { return tunnels_; }
    // A stackd is there that has taken all that was sent, and has read of what it did not ask for all but a few: more
    // of that would fill the channel while it writes, and each would wait for the other.
    [[nodiscard]] bool is_clear() const {
        return channel_.valid() && greeted_ && outgoing_.empty() && unread_ < kMostUnread;
    }

  private:
    static constexpr std::size_t kMessagesPerRun = 64;
    static constexpr std::size_t kMostUnread = 128;  // a channel takes more than 200 small messages
    enum Name : std::uint64_t { kChannel, kAdoption };
    struct Outgoing {
        std::vector<std::uint8_t> wire;
        std::vector<int> descriptors;
    };

    ConfigLink(io::EventLoop loop, std::uint32_t workers);
    [[nodiscard]] Status attach(ipc::Channel channel, bool greeted);
    void accept_adopter();
    [[nodiscard]] std::optional<Event> read();
    [[nodiscard]] std::optional<Event> handle(ipc::ConfigMessage message, std::vector<UniqueFd> descriptors);
    void flush();
    void hang_up(std::string_view why);
    // Reads only while nothing is owed to stackd.
    void update_interest();

    io::EventLoop loop_;
    ipc::Channel channel_;
    UniqueFd adoption_listener_;
    Staging staging_;
    std::vector<std::uint8_t> space_;
    std::deque<Outgoing> outgoing_;
    std::uint64_t tunnels_ = 0;
    std::size_t unread_ = 0;  // NeedTunnel and LeftTunnel that stackd has perhaps not read
    bool greeted_ = false;
    bool answer_due_ = false;
};

}  // namespace warren::vpnd
