// authd whole: secrets from stackd, asks from vpnd, in one loop.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "auth/table/table.h"
#include "base/fd.h"
#include "base/memory_lock.h"
#include "base/result.h"
#include "ipc/auth_messages.h"
#include "ipc/channel.h"

namespace warren::auth {

// One thread. It waits for neither side: while vpnd does not take an answer, nothing more is read from it.
class Daemon {
  public:
    // `channel`: to stackd, non-blocking. `signals`: a signalfd; what comes there ends run().
    Daemon(ipc::Channel channel, UniqueFd signals, Table table, std::optional<MemoryLock> memory_lock);
    ~Daemon();
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    // Serves until a signal asks for the end, or nobody is left: it goes on for vpnd when stackd is gone.
    void run();

  private:
    void wait();
    // All that stackd has sent. An ask is read only if it was there before: so the secrets that it needs are here.
    void read_stackd();
    void handle(ipc::AuthControl message, std::vector<UniqueFd> descriptors);
    void finish_secret();
    void take_asker(std::vector<UniqueFd> descriptors);
    void tell_stackd(const ipc::AuthControl& message);
    // At most one ask.
    void serve_vpnd();
    void handle(ipc::AuthAsk ask);
    void send_answer();
    void close_stackd(std::string_view reason);
    void close_asker(std::string_view reason);
    void lock_memory();

    ipc::Channel stackd_;
    ipc::Channel asker_;  // vpnd
    UniqueFd signals_;
    Table table_;
    Intake intake_;
    std::optional<MemoryLock> memory_lock_;
    std::vector<std::uint8_t> space_;
    std::vector<std::uint8_t> wire_;
    std::vector<std::uint8_t> answer_;  // that vpnd has not taken yet
    bool asker_ready_ = false;          // it waited for authd when wait() ended
    bool stopping_ = false;
};

}  // namespace warren::auth
