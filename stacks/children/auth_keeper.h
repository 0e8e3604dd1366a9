// Keeps authd running, gives it the secrets of IPsec, and makes the channel between it and vpnd. Tunnels do not depend
// on it; new ones of IPsec do.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "ipc/channel.h"
#include "ipc/secret.h"
#include "stacks/children/launch.h"
#include "stacks/children/vpnd_process.h"

namespace warren::stacks {

// Belongs to one thread. Never waits for authd except while starting and stopping it: what authd does not read waits
// here.
class AuthKeeper {
  public:
    struct Options {
        Program authd;
        std::function<bool()> must_stop;  // stops waiting for a launcher
    };
    explicit AuthKeeper(Options options) : options_(std::move(options)) {}
    // Stops authd, unless it was left.
    ~AuthKeeper();
    AuthKeeper(const AuthKeeper&) = delete;
    AuthKeeper& operator=(const AuthKeeper&) = delete;

    // authd gets it, also the next one. There is an authd while there is any secret or a listener of IKE.
    void put(Instant now, SecretId id, ipc::Secret secret);
    [[nodiscard]] bool has(SecretId id) const { return secrets_.contains(id); }
    // While there is a listener of IKE: who is nobody's peer is refused after the same work as all others.
    void serve_listener(Instant now, bool is_there);
    void keep_only(const std::set<SecretId>& ids);

    // vpnd has no channel to the present authd, and there is one. After one that broke, no more than once a second.
    [[nodiscard]] bool lacks_asker(Instant now) const {
        return channel_.valid() && !vpnd_has_asker_ && now >= asker_not_before_;
    }
    // vpnd's end of a new channel; the other end goes to authd after all secrets that it lacks.
    [[nodiscard]] Result<UniqueFd> make_asker();
    // vpnd is another one, or did not get it.
    void forget_asker() {
        vpnd_has_asker_ = false;
        asker_not_before_ = kLongAgo;
    }

    // Sends our log level to authd if it runs. Otherwise it receives the level when it starts.
    void pass_log_level();
    // It goes on for vpnd, and ends with it or when the next stackd gives vpnd another authd.
    void leave();

    [[nodiscard]] bool is_running() const { return channel_.valid(); }
    [[nodiscard]] bool is_wanted() const { return serves_listener_ || !secrets_.empty(); }
    [[nodiscard]] pid_t pid() const { return process_ ? process_->pid() : 0; }
    // Why there is none; "": it runs.
    [[nodiscard]] const std::string& problem() const { return problem_; }

    // To wait for these events; -1: it is not running.
    [[nodiscard]] int fd() const { return channel_.fd(); }
    [[nodiscard]] short events() const;
    // Readable when it has ended.
    [[nodiscard]] int ended_fd() const { return process_ ? process_->ended_fd() : -1; }
    [[nodiscard]] Instant next_deadline() const;
    // Notices its end, restarts it when due, replaces one that does not answer, calls settle().
    void run(Instant now);
    // Sends what authd has not got yet, as far as it takes it.
    void settle();

  private:
    // What authd gets next. A put: when it is still there by then.
    struct Order {
        enum class Kind : std::uint8_t { kPut, kDrop, kAsker, kLogLevel, kProbe };
        Kind kind = Kind::kPut;
        SecretId id = kNoSecret;
        UniqueFd asker;
    };
    [[nodiscard]] Status start();
    void handle_exit(Instant now, const std::string& reason, Duration patience);
    std::string stop_process(Duration patience);
    void watch(Instant now);
    // False: it has hung up, or sent what it may not.
    [[nodiscard]] bool read(Instant now);
    [[nodiscard]] Status encode(Order& order);
    [[nodiscard]] Status encode_secret(SecretId id);
    [[nodiscard]] Status add_wire(const ipc::AuthControl& message);

    Options options_;
    bool serves_listener_ = false;
    std::map<SecretId, ipc::Secret> secrets_;
    std::optional<VpndProcess> process_;
    ipc::Channel channel_;
    std::deque<Order> orders_;
    std::deque<crypto::SecretBuffer> wires_;  // of the order that is being sent
    UniqueFd asker_;                          // goes with the last wire
    std::vector<std::uint8_t> wire_;          // reused
    bool vpnd_has_asker_ = false;
    Instant asker_not_before_ = kLongAgo;
    std::uint64_t probe_ = 0;     // the number of the last one
    Instant probed_at_ = kNever;  // kNever: it was answered
    Instant probe_at_ = kNever;
    Instant since_{};
    unsigned quick_deaths_ = 0;  // in a row
    Instant start_at_ = kNever;
    std::string problem_;
};

}  // namespace warren::stacks
