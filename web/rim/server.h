// The rim of statusd: HTTPS and event streams over TCP, and the loop that everything runs in. server.cc is the only
// user of Boost.Beast.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"
#include "web/api/router.h"
#include "web/model/system_facts.h"

namespace warren::web {

// What strangers may take of us.
struct ServerLimits {
    std::uint32_t header_bytes = 8 * 1024;
    std::uint64_t body_bytes = 4 * 1024;
    std::size_t connections = 1024;
    std::size_t connections_per_address = 256;      // an IPv6 site (/64) is one
    std::size_t waiting_passwords = 8;              // each takes 64 MB and some 100 ms, one after the other
    Duration handshake = std::chrono::seconds(10);  // TLS
    Duration request = std::chrono::seconds(30);    // from the connection's being idle to its last byte
    Duration write = std::chrono::seconds(15);      // a reader who is slower is dropped
};

// One thread, but for the passwords'. What it calls back is called in run().
class Server {
  public:
    // The references must outlive it.
    Server(Router& router, SystemFacts& facts, ServerLimits limits = {});
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // New connections use it. An error leaves the one before.
    [[nodiscard]] Status set_certificate(const std::string& pem);
    // Replaces the listener. Connections that are open stay.
    [[nodiscard]] Status listen(UniqueFd listener);
    // Calls `ready` whenever the descriptor is readable, until it says false. The descriptor is the caller's, and
    // outlives the watch.
    void watch(int fd, std::function<bool()> ready);
    void every(Duration interval, std::function<void()> call);

    // Brings all streams up to date; those whose last message is not through yet are left out.
    void tick();
    void run();
    void stop();

  private:
    class Rim;
    std::unique_ptr<Rim> rim_;
};

}  // namespace warren::web
