// Answers vpnctl over a Unix socket: what the API answers, for root.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/fd.h"
#include "ipc/channel.h"
#include "ipc/page_messages.h"
#include "web/model/http.h"
#include "web/rim/server.h"

namespace warren::web {

// One thread. A client that does not read is disconnected, never waited for.
class PageSocket {
  public:
    static constexpr std::size_t kMostClients = 16;

    // Answers the target of a GET: at once or later, once.
    using Ask = std::function<void(const std::string& target, std::function<void(Reply)> answer)>;
    // `server`: its loop; it must outlive this.
    PageSocket(Server& server, Ask ask) : server_(server), ask_(std::move(ask)) {}

    // Replaces the listener. Clients stay.
    void listen(UniqueFd listener);

  private:
    struct Client {
        ipc::Channel channel;
        bool is_waiting = false;  // for an answer
        std::uint16_t status = 0;
        std::string rest;  // of the answer
    };
    [[nodiscard]] bool accept();
    [[nodiscard]] bool read(std::uint64_t id);
    [[nodiscard]] bool handle(std::uint64_t id, Client& client, Bytes wire);
    // False: it does not read.
    [[nodiscard]] bool send_piece(Client& client);

    Server& server_;
    Ask ask_;
    UniqueFd listener_;
    std::uint64_t generation_ = 0;  // of the listener
    std::uint64_t last_id_ = 0;
    std::map<std::uint64_t, Client> clients_;
};

}  // namespace warren::web
