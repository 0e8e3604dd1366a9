// Answers snapshot requests of vpnctl and statusd, several at once, never waiting for any of them.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"
#include "ipc/channel.h"
#include "ipc/snapshot.h"
#include "vpnd/customers/customer_set.h"
#include "vpnd/io/event_loop.h"
#include "vpnd/show/change_book.h"
#include "vpnd/show/counters.h"
#include "vpnd/show/snapshot.h"

namespace warren::vpnd {

// What does not depend on a client's good will is bounded: clients, what is encoded ahead for each (one customer), and
// the time without progress. The references must outlive this. One thread.
class SnapshotServer {
  public:
    static constexpr std::size_t kMaxClients = 32;
    // A client that has an answer to take and takes nothing for so long is dropped.
    static constexpr Duration kPatience = std::chrono::seconds(10);

    [[nodiscard]] static Result<SnapshotServer> make(UniqueFd listener, const CustomerSet& customers,
                                                     Counters& counters, const Snapshot& snapshot);

    // From now on clients are let in.
    [[nodiscard]] Status listen();
    // Readable when run() has something to do.
    [[nodiscard]] int fd() const { return loop_.fd(); }
    void run(Now now);
    // When to call run() again though fd() is quiet.
    [[nodiscard]] Instant next_deadline() const;

  private:
    struct Answer {
        ipc::SnapshotRequest request;
        std::optional<ipc::AttemptsRequest> attempts;  // asked for instead
        Counters::Ticket ticket = 0;
        bool started = false;
        std::vector<std::string> customers;  // by id, as some may go while we are at it
        std::uint64_t renames = 0;           // while this stays, each id is the same customer's
        std::size_t next = 0;
        std::size_t refreshed = 0;  // up to here the data workers were asked for counters
        std::uint64_t since = 0;    // revision; 0 = everything
        std::uint64_t revision = 0;
        std::deque<std::vector<std::uint8_t>> wires;  // encoded, not yet taken
        Instant progress;
    };
    struct Client {
        ipc::Channel channel;
        std::optional<Answer> answer;
    };
    using Clients = std::map<std::uint64_t, Client>;  // by token

    SnapshotServer(io::EventLoop loop, UniqueFd listener, const CustomerSet& customers, Counters& counters,
                   const Snapshot& snapshot);
    void accept_clients();
    void read_request(Now now, Clients::iterator client);
    void begin(Now now, Client& client, ipc::SnapshotRequest request);
    void begin(Now now, Client& client, ipc::AttemptsRequest request);
    // Sends a share of the answer, as far as the client takes it; false when the client is gone, has no patience left,
    // or customers were renamed since the answer began, which would have two customers under one id or one under two.
    [[nodiscard]] bool advance(Now now, Clients::iterator at);
    // Asks the data workers for the counters of the next customers; only some at once, so that packets do not wait for
    // it.
    void refresh_more(Now now, Answer& answer);
    // Encodes the next piece of the answer, which may be nothing; false when it is complete.
    [[nodiscard]] bool encode_more(Now now, Answer& answer);
    void encode_header(Now now, Answer& answer);
    void encode_customer(Now now, Answer& answer, const HeldCustomer& customer);
    void encode_connection(Now now, Answer& answer, const HeldCustomer& customer, std::size_t position);
    // As encode_more(), of attempts: one connection's at a time.
    [[nodiscard]] bool encode_attempts(Answer& answer);
    void drop(Clients::iterator client);

    io::EventLoop loop_;
    UniqueFd listener_;
    const CustomerSet& customers_;
    Counters& counters_;
    const Snapshot& snapshot_;
    Clients clients_;
    ChangeBook book_;
    std::uint64_t epoch_ = 0;       // of this vpnd's life: when it began
    std::uint64_t next_token_ = 1;  // 0 is the listener
};

}  // namespace warren::vpnd
