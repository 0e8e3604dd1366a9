// Keeps alertd running and passes it what it needs: whom to tell, what we know, its state, connections to vpnd.
// Nothing depends on it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"
#include "crypto/secret_buffer.h"
#include "ipc/alert_messages.h"
#include "ipc/channel.h"
#include "stacks/children/launch.h"
#include "stacks/children/vpnd_process.h"

namespace warren::stacks {

// Belongs to one thread. Never waits for alertd except while starting and stopping it.
class AlertKeeper {
  public:
    struct Options {
        Program alertd;
        std::string snapshot_socket;
        std::string asker_socket;         // where vpnctl asks alertd
        std::string pid_file;             // for the next stackd
        std::string state_dir;            // where alertd's state is; "": nowhere
        std::function<bool()> must_stop;  // stops waiting for a launcher
    };
    explicit AlertKeeper(Options options) : options_(std::move(options)) {}
    // Stops alertd.
    ~AlertKeeper();
    AlertKeeper(const AlertKeeper&) = delete;
    AlertKeeper& operator=(const AlertKeeper&) = delete;

    // Nothing: nobody is to be told, and there is no alertd.
    void configure(Instant now, const std::optional<ipc::AlertSettings>& settings);
    // What we know: sent when it has changed.
    void report(ipc::AlertFacts facts);
    // The text of ipc::AlertCertificates, likewise.
    void report_certificates(std::string text);
    // Sends our log level to alertd if it runs. Otherwise it receives the level when it starts.
    void pass_log_level(Instant now);

    [[nodiscard]] bool is_running() const { return channel_.valid(); }
    [[nodiscard]] bool is_wanted() const { return !settings_.empty(); }
    // Why there is none; "": it runs, or is not wanted.
    [[nodiscard]] const std::string& problem() const { return problem_; }
    // What it said last of its targets; nothing is in it before.
    [[nodiscard]] const ipc::AlertAlive& state() const { return state_; }

    // Readable when alertd sent a request; -1: it is not running.
    [[nodiscard]] int fd() const { return channel_.fd(); }
    // Readable when it has ended.
    [[nodiscard]] int ended_fd() const { return process_ ? process_->ended_fd() : -1; }
    [[nodiscard]] Instant next_deadline() const {
        if (channel_.valid()) return beat_at_;
        return process_ ? kNever : start_at_;
    }
    // Answers its requests, notices its end and that it hangs, restarts it when due, calls beat().
    void run(Instant now);
    // Repeats what we know when it is time: alertd takes a stackd that says nothing for 15 s for one that hangs. Sends
    // what could not be sent before. Never waits.
    void beat(Instant now);

  private:
    [[nodiscard]] Status start();
    void kill_hanging();
    void handle_exit(Instant now, const std::string& reason);
    std::string stop_process();
    // False: the request was invalid or could not be answered.
    [[nodiscard]] bool handle_request(Instant now);
    [[nodiscard]] Status send(const ipc::AlertMessage& message, int descriptor);
    [[nodiscard]] Status send_state();
    [[nodiscard]] Status send_askers();
    [[nodiscard]] Status send_certificates();
    [[nodiscard]] Status send_snapshots();
    void settle();

    Options options_;
    crypto::SecretBuffer settings_;  // the message; empty: none
    ipc::AlertFacts facts_;
    bool owes_facts_ = true;  // alertd does not have facts_
    std::string certificates_;
    bool owes_certificates_ = true;  // the same of these
    UniqueFd askers_;                // the listener for vpnctl
    std::optional<VpndProcess> process_;
    ipc::Channel channel_;
    Instant since_{};
    unsigned quick_deaths_ = 0;  // in a row
    unsigned unanswered_ = 0;    // beats
    Instant start_at_ = kNever;
    Instant beat_at_ = kLongAgo;
    Instant connected_ = kLongAgo;  // when it got its last connection to vpnd
    std::string problem_;
    ipc::AlertAlive state_;
    std::string logged_reason_;  // the last logged exit reason: each is logged once
};

}  // namespace warren::stacks
