// Keeps statusd running and passes it what it needs: the port, the certificate, users.toml, connections to vpnd. vpnd
// does not depend on it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/fd.h"
#include "base/renames.h"
#include "base/result.h"
#include "base/time.h"
#include "config/appliance.h"
#include "ipc/channel.h"
#include "ipc/web_messages.h"
#include "ipc/web_stacks.h"
#include "stacks/children/launch.h"
#include "stacks/children/vpnd_process.h"
#include "stacks/plan/report.h"

namespace warren::stacks {

// Belongs to one thread. Never waits for statusd except while stopping it.
class WebKeeper {
  public:
    struct Options {
        Program statusd;
        std::string config_directory;
        std::string snapshot_socket;
        std::string pid_file;             // for the next stackd
        std::string asker_socket;         // where vpnctl asks statusd
        std::string state_dir;            // where statusd's past is; "": nowhere
        std::function<bool()> must_stop;  // stops waiting for a launcher
    };
    explicit WebKeeper(Options options) : options_(std::move(options)) {}
    // Stops statusd.
    ~WebKeeper();
    WebKeeper(const WebKeeper&) = delete;
    WebKeeper& operator=(const WebKeeper&) = delete;

    // Applies the configuration to the page: another address, or none. users.toml and the certificate are read again.
    void configure(Instant now, const config::Appliance& appliance);
    // Passes what the page shows of the customers' stacks (web_stacks_of) to statusd when it has changed; later, when
    // that is not possible now.
    void report_stacks(std::vector<ipc::WebStack> stacks);
    // Customers get other ids, or the old ones back, with this generation, which vpnd does not have yet. A statusd that
    // does not read is replaced: it must not learn of them after vpnd does. One that is not running has nothing under
    // the old ids.
    void report_renames(Instant now, std::uint64_t generation, const std::vector<Rename>& renames);
    [[nodiscard]] Report reload_users();
    // Sends our log level to statusd if it runs. Otherwise it receives the level when it starts.
    void pass_log_level(Instant now);
    // Passes the problems to statusd when they have changed.
    void report_problems(const std::vector<ipc::ControlText>& problems);

    // Passes the file with the latest revisions to statusd, or says that there is none, if it was not told this number;
    // `open` opens the file.
    void report_revisions(std::uint64_t number, const std::string& problem, const std::function<UniqueFd()>& open);
    // Tells statusd whom alertd tells, and how that goes, when that differs.
    void report_alerts(const ipc::WebAlerts& alerts);
    // Tells statusd what users may change, and what waits for a confirmation, when that differs.
    void report_changing(const ipc::WebChanging& changing);
    // The next thing that a user of the page asks for, as statusd says; nothing: there is none.
    using Asked = std::variant<ipc::WebUnlock, ipc::WebChange, ipc::WebLook>;
    [[nodiscard]] std::optional<Asked> take_asked();
    // A statusd that does not read its answers is replaced.
    void answer(Instant now, const ipc::WebMessage& message);
    // Ends it; another one is started after a pause. What it has asked for is dropped.
    void replace(Instant now, const std::string& reason);

    // Differs for each statusd.
    [[nodiscard]] std::uint64_t life() const { return life_; }

    // Readable when statusd sent a request; -1: it is not running.
    [[nodiscard]] int fd() const { return channel_.fd(); }
    // Readable when it has ended.
    [[nodiscard]] int ended_fd() const { return process_ ? process_->ended_fd() : -1; }
    [[nodiscard]] Instant next_deadline() const { return channel_.valid() ? std::min(start_at_, beat_at_) : start_at_; }
    // Answers its requests, notices its end, restarts it when due, calls beat().
    void run(Instant now);
    // Repeats the problems when it is time: statusd takes a stackd that says nothing for 15 s for one that hangs. Sends
    // what could not be sent before. Never waits.
    void beat(Instant now);

  private:
    [[nodiscard]] Status open_listener();
    [[nodiscard]] Status start();
    void handle_exit(Instant now, const std::string& reason);
    // Its exit reason; "" when it was not running.
    std::string stop_process();
    // False: the request was invalid or could not be answered; statusd must be stopped.
    [[nodiscard]] bool handle_request(Instant now);
    // Passwords that wait there are wiped.
    void drop_asked();
    // False: there are too many.
    [[nodiscard]] bool queue(Asked asked);
    [[nodiscard]] Status send(const ipc::WebMessage& message, int descriptor);
    [[nodiscard]] Status send_users();
    [[nodiscard]] Status send_certificate();
    [[nodiscard]] Status send_snapshots();
    [[nodiscard]] Status send_problems();
    [[nodiscard]] Status send_askers();
    [[nodiscard]] Status send_past();
    // Statusd says why it cannot use the database.
    [[nodiscard]] Status replace_past(Instant now, const std::string& reason);
    // Sends stacks_ if statusd does not have them.
    void settle_stacks();

    // Between two take_asked(); statusd has at most 16 changes of users and 32 looks at a time.
    static constexpr std::size_t kMostAsked = 64;

    Options options_;
    std::string appliance_;
    std::optional<Endpoint> listen_;  // nothing: no page
    UniqueFd listener_;
    UniqueFd askers_;  // the listener for vpnctl
    Instant past_replaced_ = kLongAgo;
    bool has_replaced_past_ = false;  // in this life of statusd
    bool is_past_refused_ = false;    // the same
    bool logged_askers_ = false;      // that they could not be opened
    std::optional<VpndProcess> process_;
    ipc::Channel channel_;
    std::uint64_t life_ = 0;  // how many were started
    Instant since_{};
    unsigned quick_deaths_ = 0;  // in a row
    Instant start_at_ = kNever;
    Instant beat_at_ = kLongAgo;
    Instant connected_ = kLongAgo;  // when it got its last connection to vpnd
    std::vector<ipc::ControlText> problems_;
    bool owes_problems_ = true;  // statusd does not have problems_
    std::vector<ipc::WebStack> stacks_;
    bool owes_stacks_ = true;      // statusd does not have stacks_
    bool is_file_unread_ = false;  // a file was sent, and statusd may not have read it
    bool logged_stacks_ = false;   // that they could not be sent
    ipc::WebChanging changing_;
    bool owes_changing_ = true;  // statusd does not have changing_
    ipc::WebAlerts alerts_;
    bool owes_alerts_ = true;                   // statusd does not have alerts_
    std::optional<std::uint64_t> revisions_{};  // what statusd was told of them
    std::deque<Asked> asked_;                   // at most kMostAsked
    std::string logged_reason_;                 // the last logged exit reason: each is logged once
};

}  // namespace warren::stacks
