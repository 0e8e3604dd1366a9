// fleetd's loop: requests to etcd's JSON gateway over HTTP, timers, and calls from other threads.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/ip.h"
#include "base/result.h"
#include "base/time.h"

namespace warren::fleet {

// How fleetd and etcd know each other: both show a certificate that this authority has signed, of TLS 1.3.
struct TlsFiles {
    std::string authority;
    std::string certificate;
    std::string key;
};

// One thread runs it and all that it calls, unless said otherwise. A request has a connection of its own, so that a
// slow one holds up no other. Answers are bounded (64 MB).
class Gateway {
  public:
    explicit Gateway(const Endpoint& etcd);
    // With TLS; reads the files. kInvalid: one cannot be used, and which.
    [[nodiscard]] Status secure(const TlsFiles& files);
    ~Gateway();
    Gateway(const Gateway&) = delete;
    Gateway& operator=(const Gateway&) = delete;

    // The body of the answer; kUnavailable: none within `patience`; kFailed: etcd refused, and says why.
    using Answer = std::function<void(Result<std::string>)>;
    void ask(const std::string& target, std::string body, Duration patience, Answer answer);
    // Every line of an answer that does not end; then, once, why it ended. A new one ends the one before silently.
    using Line = std::function<void(const std::string&)>;
    using End = std::function<void(const std::string& why)>;
    void watch(const std::string& target, std::string body, Line line, End end);

    void after(Duration delay, std::function<void()> what);
    // From any thread; runs soon.
    void call(std::function<void()> what);
    // Until SIGTERM, SIGINT or stop().
    void run();
    void stop();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace warren::fleet
