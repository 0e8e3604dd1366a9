// The operator's socket: RUN_DIR/control.sock, root only, one request per connection.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"
#include "ipc/channel.h"
#include "ipc/control_messages.h"
#include "stacks/plan/report.h"

namespace warren::stacks {

// Whoever is in the group may connect to the socket.
[[nodiscard]] Status share_with(const std::string& socket, gid_t group);

// One thread. Never waits for a client; only root can connect, unless listen() says who else.
class ControlServer {
  public:
    // A client that has not written or read for so long is dropped.
    static constexpr Duration kPatience = std::chrono::seconds(5);

    // `group`: besides root, whoever is in it can connect.
    [[nodiscard]] static Result<ControlServer> listen(const std::string& path,
                                                      std::optional<gid_t> group = std::nullopt);

    // Readable when serve_one() has something to do.
    [[nodiscard]] int fd() const { return ready_.get(); }
    // `peer`: the user at the other end, as the kernel says.
    using Answer = std::function<Report(const ipc::ControlRequest&, uid_t peer)>;
    using AnswerOrNone = std::function<std::optional<Report>(const ipc::ControlRequest&, uid_t peer)>;
    using Generation = std::function<std::uint64_t()>;
    // Accepts clients, reads requests and goes on with answers, until it has got one from `answer`. It sends that,
    // followed by `generation()`, as far as the client reads. Nothing: the client waits until serve_waiting(), or is
    // refused if very many do. `answer` may call it.
    void serve_one(const AnswerOrNone& answer, const Generation& generation);
    // The descriptor that came with the request which is being answered; invalid: none did.
    [[nodiscard]] UniqueFd take_descriptor() { return std::move(descriptor_); }
    [[nodiscard]] bool has_waiting() const { return !waiting_.empty(); }
    // The client that has waited longest.
    void serve_waiting(const Answer& answer, const Generation& generation);

    // Drops those whose patience is over, and when the next one's is. Not those that serve_one() has something to do
    // for: they waited for another one's answer.
    void drop_silent(Instant now);
    [[nodiscard]] Instant next_deadline() const;

  private:
    struct Client {
        ipc::Channel channel;
        std::deque<std::vector<std::uint8_t>> unsent;  // of its answer; empty: its request has not arrived
        Instant since;                                 // it wrote or read something
    };
    struct Waiting {
        ipc::Channel channel;
        ipc::ControlRequest request;
        uid_t peer;
        UniqueFd descriptor;
    };

    ControlServer(UniqueFd listener, UniqueFd ready, bool is_for_group)
        : listener_(std::move(listener)), ready_(std::move(ready)), is_for_group_(is_for_group) {}
    // Reads the request of a client if it is there. True: it was answered.
    [[nodiscard]] bool handle(Client client, const AnswerOrNone& answer, const Generation& generation);
    void reply(ipc::Channel channel, const Report& report, std::uint64_t generation);
    // Sends what the client takes now and keeps it for the rest.
    void go_on(Client client);
    void keep(Client client);
    [[nodiscard]] Client take(int fd);

    UniqueFd listener_;
    UniqueFd ready_;                 // epoll: the listener and `clients_`
    std::map<int, Client> clients_;  // by descriptor
    std::deque<Waiting> waiting_;
    UniqueFd descriptor_;  // of the request that is being answered
    bool is_for_group_ = false;
};

}  // namespace warren::stacks
