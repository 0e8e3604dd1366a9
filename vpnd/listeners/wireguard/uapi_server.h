// One read-only UAPI socket per listener, so that stock `wg show` works; whoever wants to change something is told
// where.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/log_gate.h"
#include "base/result.h"
#include "base/time.h"
#include "vpnd/customers/customer_set.h"
#include "vpnd/io/control_worker.h"
#include "vpnd/io/event_loop.h"
#include "vpnd/listeners/wireguard/uapi.h"
#include "vpnd/show/counters.h"

namespace warren::vpnd {

// Clients, what is formatted ahead for each, and the time without progress are bounded. The references must outlive
// this. One thread.
class UapiServer {
  public:
    static constexpr std::size_t kMaxClients = 32;
    static constexpr Duration kPatience = std::chrono::seconds(10);

    [[nodiscard]] static Result<UapiServer> make(const CustomerSet& customers, Counters& counters,
                                                 const io::ControlWorker& control);

    // A listening stream socket for this listener; replaces the one before.
    [[nodiscard]] Status open(ListenerIndex listener, UniqueFd socket);
    // Its clients are hung up on.
    void close(ListenerIndex listener);

    [[nodiscard]] int fd() const { return loop_.fd(); }
    void run(Now now);
    [[nodiscard]] Instant next_deadline() const;

  private:
    struct Answer {
        Counters::Ticket ticket = 0;
        std::vector<PeerIndex> peers;
        std::size_t next = 0;
        bool started = false;
        bool ended = false;
    };
    struct Client {
        UniqueFd socket;
        ListenerIndex listener;
        bool is_root = false;
        bool closing = false;  // hang up when everything is sent
        UapiReader reader;
        std::optional<Answer> answer;
        std::string text;  // formatted, not yet taken; holds keys
        std::size_t sent = 0;
        Instant progress;
    };
    using Clients = std::map<std::uint64_t, Client>;  // by token

    UapiServer(io::EventLoop loop, const CustomerSet& customers, Counters& counters, const io::ControlWorker& control);
    void accept_clients(Now now, ListenerIndex listener, int socket);
    [[nodiscard]] bool read(Now now, Client& client);
    void answer(Now now, Client& client, UapiOperation operation);
    void begin_get(Now now, Client& client);
    // Sends a share of the answer, as far as the client takes it; false when the client is gone or has no patience
    // left.
    [[nodiscard]] bool advance(Now now, Clients::iterator at);
    void format_more(Client& client) const;
    void drop(Clients::iterator client);

    io::EventLoop loop_;
    const CustomerSet& customers_;
    Counters& counters_;
    const io::ControlWorker& control_;
    std::map<std::uint32_t, UniqueFd> sockets_;  // by ListenerIndex; its token has kListenerBit
    Clients clients_;
    std::uint64_t next_token_ = 1;
    LogGate set_refused_;
};

}  // namespace warren::vpnd
