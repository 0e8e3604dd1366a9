// HTTPS and event streams over TCP, and the event loop of statusd. server.cc is the only user of Boost.Beast.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"
#include "web/api/router.h"
#include "web/login/shares.h"
#include "web/login/strangers.h"
#include "web/model/system_facts.h"

namespace warren::web {

// The resources that clients may use.
struct ServerLimits {
    std::uint32_t header_bytes = 8 * 1024;
    std::uint64_t body_bytes = 4 * 1024;
    Strangers::Limits strangers{};                  // connections that have not logged in
    Shares::Limits logged_in{768, 64, 512, 640};    // connections; one beyond its share stays among the strangers
    Duration handshake = std::chrono::seconds(10);  // TLS
    Duration request = std::chrono::seconds(30);    // from an idle connection to the last byte
    std::size_t asks = 16;                          // that wait for stackd, and one of a user
    Duration ask = std::chrono::seconds(60);        // until stackd has answered
    Duration write = std::chrono::seconds(15);      // a client that reads more slowly is disconnected
};

// One thread, plus one for passwords. Callbacks run within run().
class Server {
  public:
    // The references must outlive it.
    Server(Router& router, SystemFacts& facts, ServerLimits limits = {});
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // For new connections. On an error the previous one stays.
    [[nodiscard]] Status set_certificate(const std::string& pem);
    // Replaces the listener. Open connections stay open.
    [[nodiscard]] Status listen(UniqueFd listener);
    // Calls `ready` whenever the descriptor is readable, until it returns false. The caller keeps the descriptor, and
    // may close it at any time.
    void watch(int fd, std::function<bool()> ready);
    // Calls `call` periodically.
    void every(Duration interval, std::function<void()> call);

    // Passes a question to stackd, whose answer comes by finish(); false: it cannot be passed.
    void set_asker(std::function<bool(std::uint32_t id, Ask& ask)> asker);
    // One that nobody waits for is dropped.
    void finish(std::uint32_t id, Answer answer);
    // Who answers questions about the past: later, on the loop, once.
    using AskPast = std::function<void(PastQuery query, std::function<void(Reply)> answer)>;
    void ask_past_of(AskPast ask);

    // Sends the changes to all streams, except those that are still sending their last message.
    void tick();
    void run();
    void stop();

  private:
    class Rim;
    std::unique_ptr<Rim> rim_;
};

}  // namespace warren::web
