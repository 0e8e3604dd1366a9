#include "stacks/children/web_keeper.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "base/socket_address.h"
#include "crypto/secret.h"
#include "stacks/children/past_files.h"
#include "stacks/children/told_stacks.h"

namespace warren::stacks {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// statusd waits for three of them (web/model/system_facts.h).
constexpr Duration kBeat = seconds(5);
constexpr Duration kQuickDeath = seconds(5);
constexpr Duration kFirstPause = seconds(1);
constexpr Duration kMaxPause = seconds(60);
constexpr Duration kStopPatience = seconds(2);
constexpr Duration kStartPatience =
    seconds(5);  // the tunnels wait meanwhile; a statusd that starts later finds its channel closed and exits
constexpr Duration kBetweenConnections =
    seconds(1);  // so that a compromised statusd cannot fill vpnd's list of clients at once
constexpr Duration kBetweenDatabases = std::chrono::minutes(10);
constexpr int kBacklog = 128;

constexpr std::size_t kMaxRequest = 4096;

bool is_bounded(const ipc::WebMessage& message) {
    if (const auto* unlock = std::get_if<ipc::WebUnlock>(&message))
        return unlock->user.size() <= ipc::WebChange::kMaxText &&
               unlock->password.size() <= ipc::WebUnlock::kMaxPassword;
    if (const auto* broken = std::get_if<ipc::WebPastBroken>(&message))
        return broken->reason.size() <= ipc::WebPastBroken::kMaxReason;
    if (const auto* look = std::get_if<ipc::WebLook>(&message))
        return look->customer.size() <= ipc::WebLook::kMaxCustomer;
    const auto* change = std::get_if<ipc::WebChange>(&message);
    if (change == nullptr) return true;
    const auto fits = [](const std::string& text) { return text.size() <= ipc::WebChange::kMaxText; };
    return fits(change->ticket) && fits(change->customer) && fits(change->peer) && fits(change->description) &&
           fits(change->public_key);
}

Status bind_to(int socket, const Endpoint& to) {
    sockaddr_storage address{};
    const socklen_t size = fill_address(to, address);
    if (::bind(socket, reinterpret_cast<const sockaddr*>(&address), size) == 0) return {};
    return fail_errno("listen at " + to_string(to), errno);
}

}  // namespace

WebKeeper::~WebKeeper() {
    (void)stop_process();
}

std::string WebKeeper::stop_process() {
    channel_ = {};
    const std::string ended = process_ ? process_->stop(kStopPatience) : std::string();
    process_.reset();
    return ended;
}

void WebKeeper::configure(Instant now, const config::Appliance& appliance) {
    const bool moved = appliance.status_listen != listen_;
    listen_ = appliance.status_listen;
    appliance_ = appliance.name;
    if (moved) listener_.reset();
    if (!listen_) {
        (void)stop_process();
        start_at_ = kNever;
        return;
    }
    if (!process_ || !channel_.valid()) {
        start_at_ = now;
        return run(now);
    }
    Status sent = open_listener();
    if (sent && moved) sent = send(ipc::WebListener{to_string(*listen_)}, listener_.get());
    if (sent) sent = send_certificate();
    if (sent) sent = send_users();
    if (!sent) handle_exit(now, sent.error().what);
}

void WebKeeper::report_stacks(std::vector<ipc::WebStack> stacks) {
    if (stacks == stacks_) return;
    stacks_ = std::move(stacks);
    owes_stacks_ = true;
    settle_stacks();  // one that is not running gets them when it starts
}

void WebKeeper::report_renames(Instant now, std::uint64_t generation, const std::vector<Rename>& renames) {
    // What it has not read yet is sent after this.
    for (ipc::WebStack& stack : stacks_) {
        const auto found = std::find_if(renames.begin(), renames.end(),
                                        [&stack](const Rename& rename) { return rename.from == stack.customer; });
        if (found != renames.end()) stack.customer = found->to;
    }
    if (!channel_.valid()) return;
    if (const Status sent = send_renames(channel_, generation, renames); !sent)
        handle_exit(now, "it does not learn of renamed customers: " + sent.error().what);
}

Report WebKeeper::reload_users() {
    if (!process_) return {{}, false, 0, "the status page is not running; it reads users.toml when it starts"};
    const Status sent = send_users();
    if (!sent) return {{}, false, 4, sent.error().what};
    return {{}, false, 0, "the status page reads users.toml again"};
}

void WebKeeper::pass_log_level(Instant now) {
    if (!channel_.valid()) return;
    if (const Status sent = send(ipc::WebLogLevel{log_level()}, -1); !sent) handle_exit(now, sent.error().what);
}

void WebKeeper::report_problems(const std::vector<ipc::ControlText>& problems) {
    if (problems != problems_) {
        problems_ = problems;
        owes_problems_ = true;
    }
    // A statusd that does not read gets them later.
    if (owes_problems_ && channel_.valid()) owes_problems_ = !send_problems().has_value();
}

void WebKeeper::report_changing(const ipc::WebChanging& changing) {
    if (changing != changing_) {
        changing_ = changing;
        owes_changing_ = true;
    }
    if (owes_changing_ && channel_.valid()) owes_changing_ = !send(changing_, -1).has_value();
}

void WebKeeper::report_revisions(std::uint64_t number, const std::string& problem,
                                 const std::function<UniqueFd()>& open) {
    if (!channel_.valid() || revisions_ == number) return;
    const UniqueFd file = open();
    if (file.valid() && is_file_unread_ && has_unread(channel_)) return;  // as in settle_stacks()
    const Status sent = send(ipc::WebRevisions{problem.substr(0, ipc::WebProblems::kMaxText)}, file.get());
    if (!sent) return;  // later
    revisions_ = number;
    is_file_unread_ = is_file_unread_ || file.valid();
}

void WebKeeper::report_alerts(const ipc::WebAlerts& alerts) {
    if (alerts != alerts_) {
        alerts_ = alerts;
        owes_alerts_ = true;
    }
    if (owes_alerts_ && channel_.valid()) owes_alerts_ = !send(alerts_, -1).has_value();
}

std::optional<WebKeeper::Asked> WebKeeper::take_asked() {
    if (asked_.empty()) return std::nullopt;
    Asked out = std::move(asked_.front());
    asked_.pop_front();
    return out;
}

void WebKeeper::answer(Instant now, const ipc::WebMessage& message) {
    if (!channel_.valid()) return;
    if (const Status sent = send(message, -1); !sent)
        handle_exit(now, "it does not read answers: " + sent.error().what);
}

void WebKeeper::drop_asked() {
    for (Asked& asked : asked_) {
        if (auto* unlock = std::get_if<ipc::WebUnlock>(&asked))
            crypto::wipe({reinterpret_cast<std::uint8_t*>(unlock->password.data()), unlock->password.size()});
    }
    asked_.clear();
}

void WebKeeper::replace(Instant now, const std::string& reason) {
    drop_asked();
    handle_exit(now, reason);
}

void WebKeeper::run(Instant now) {
    if (process_ && process_->ended()) handle_exit(now, stop_process());
    // The channel sometimes closes before the process is seen to end; stop_process() returns the reason.
    if (channel_.valid() && !handle_request(now))
        handle_exit(now, "it hung up or sent an invalid request: " + stop_process());
    beat(now);
    if (now < start_at_) return;
    start_at_ = kNever;
    since_ = now;
    if (const Status started = start(); !started) handle_exit(now, started.error().what);
}

void WebKeeper::beat(Instant now) {
    if (!channel_.valid() || now < beat_at_) return;
    beat_at_ = now + kBeat;
    settle_stacks();
    owes_problems_ = !send_problems().has_value();
}

bool WebKeeper::queue(Asked asked) {
    if (asked_.size() >= kMostAsked) return false;
    asked_.push_back(std::move(asked));
    return true;
}

// A stopped or slow statusd is tolerated: it costs nothing.
bool WebKeeper::handle_request(Instant now) {
    static_assert(kMaxRequest >= ipc::WebPastBroken::kMaxReason + 64);
    std::array<std::uint8_t, kMaxRequest> space{};
    auto received = channel_.receive(space);
    if (!received) return received.error().code == ErrorCode::kUnavailable;
    if (received->closed) return false;
    auto message = ipc::decode_web(Bytes(space).first(received->size));
    crypto::wipe(space);  // it may have had a password
    if (!message || !is_bounded(*message)) return false;
    if (auto* unlock = std::get_if<ipc::WebUnlock>(&*message)) return queue(std::move(*unlock));
    if (auto* change = std::get_if<ipc::WebChange>(&*message)) return queue(std::move(*change));
    if (auto* look = std::get_if<ipc::WebLook>(&*message)) return queue(std::move(*look));
    if (const auto* broken = std::get_if<ipc::WebPastBroken>(&*message))
        return replace_past(now, broken->reason).has_value();
    if (!std::holds_alternative<ipc::WebAsks>(*message)) return false;
    if (now - connected_ < kBetweenConnections) return false;
    connected_ = now;
    return send_snapshots().has_value();
}

Status WebKeeper::open_listener() {
    if (listener_.valid()) return {};
    UniqueFd socket(
        ::socket(listen_->address.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket.valid()) return fail_errno("socket", errno);
    const int on = 1;
    (void)::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    WARREN_TRY(bind_to(socket.get(), *listen_));
    if (::listen(socket.get(), kBacklog) != 0) return fail_errno("listen at " + to_string(*listen_), errno);
    listener_ = std::move(socket);
    return {};
}

Status WebKeeper::start() {
    // A statusd left by a killed stackd may hang and still hold the port.
    if (auto left = VpndProcess::find(options_.pid_file)) left->stop(kStopPatience);
    WARREN_TRY(open_listener());
    auto launched = launch(options_.statusd, kStartPatience, options_.must_stop);
    if (!launched) return tl::unexpected(launched.error());
    process_ = std::move(launched->process);
    process_->save_pid(options_.pid_file);
    channel_ = std::move(launched->channel);
    WARREN_TRY(channel_.set_non_blocking());
    WARREN_TRY(make_room(channel_));
    WARREN_TRY(send(ipc::WebLogLevel{log_level()}, -1));
    WARREN_TRY(send_users());
    WARREN_TRY(send_certificate());
    WARREN_TRY(send_problems());
    WARREN_TRY(send_past());
    WARREN_TRY(send_askers());
    owes_problems_ = false;
    owes_stacks_ = true;
    is_file_unread_ = false;
    owes_changing_ = true;
    owes_alerts_ = true;
    revisions_.reset();
    drop_asked();
    has_replaced_past_ = is_past_refused_ = false;
    ++life_;
    report_changing(changing_);
    settle_stacks();
    WARREN_TRY(send(ipc::WebListener{to_string(*listen_)}, listener_.get()));
    connected_ = kLongAgo;
    logged_reason_.clear();
    log(LogLevel::kInfo, "statusd_started",
        {{"pid", std::to_string(process_->pid())}, {"user", options_.statusd.user.name}});
    return {};
}

void WebKeeper::handle_exit(Instant now, const std::string& reason) {
    (void)stop_process();
    quick_deaths_ = now - since_ < kQuickDeath ? quick_deaths_ + 1 : 0;
    const Duration pause = std::min<Duration>(kFirstPause * (1U << std::min(quick_deaths_, 10U)), kMaxPause);
    start_at_ = now + pause;
    // Another program may hold the port for days: log each reason once.
    if (std::exchange(logged_reason_, reason) == reason) return;
    log(LogLevel::kError, "statusd_lost",
        {{"reason", reason},
         {"restart_in_ms", std::to_string(std::chrono::duration_cast<milliseconds>(pause).count())}});
}

// --- what statusd receives -----------------------------------------------------------------------

Status WebKeeper::send(const ipc::WebMessage& message, int descriptor) {
    std::vector<std::uint8_t> wire;
    WARREN_TRY(ipc::encode(message, wire));
    return channel_.send(wire, descriptor < 0 ? std::vector<int>{} : std::vector<int>{descriptor});
}

Status WebKeeper::send_users() {
    const std::string path = options_.config_directory + "/users.toml";
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file.valid() && errno != ENOENT)
        return send(ipc::WebUsers{fail_errno("open " + path, errno).value().what}, -1);
    struct stat about {};
    // Write access to this file decides who may log in.
    if (file.valid() && (::fstat(file.get(), &about) != 0 || about.st_uid != ::geteuid() ||
                         (about.st_mode & (S_IWGRP | S_IWOTH | S_IROTH)) != 0))
        return send(ipc::WebUsers{path + " must belong to root and be inaccessible to others (chmod 600)"}, -1);
    return send(ipc::WebUsers{}, file.get());
}

Status WebKeeper::send_certificate() {
    const std::string path = options_.config_directory + "/secrets/status.pem";
    UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
    struct stat about {};
    // An existing certificate is passed read-only.
    if (file.valid() && ::fstat(file.get(), &about) == 0 && about.st_size > 0)
        file = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file.valid())
        log(LogLevel::kWarn, "certificate_not_opened",
            {{"file", path}, {"error", std::strerror(errno)}, {"meaning", "a new one is made at every start"}});
    return send(ipc::WebCertificate{appliance_}, file.get());
}

Status WebKeeper::send_problems() {
    ipc::WebProblems message;
    for (const ipc::ControlText& problem : problems_) {
        if (message.problems.size() >= ipc::WebProblems::kMax) {
            ++message.left_out;
            continue;
        }
        const std::string line = problem.text.substr(0, problem.text.find('\n'));
        message.problems.push_back({problem.kind, problem.customer, line.substr(0, ipc::WebProblems::kMaxText)});
    }
    return send(message, -1);
}

Status WebKeeper::send_askers() {
    if (!askers_.valid()) {
        auto listener = ipc::listen_at(options_.asker_socket, 0600);
        if (!listener) {
            // vpnctl cannot ask then; the page is there all the same.
            if (!std::exchange(logged_askers_, true))
                log(LogLevel::kError, "askers_not_opened", {{"reason", listener.error().what}});
            return {};
        }
        logged_askers_ = false;
        askers_ = std::move(*listener);
    }
    return send(ipc::WebAskers{}, askers_.get());
}

// Without a past statusd shows what it sees.
Status WebKeeper::send_past() {
    if (options_.state_dir.empty()) return send(ipc::WebPast{}, -1);
    const auto files = open_past(options_.state_dir);
    if (!files) {
        log(LogLevel::kError, "past_not_opened", {{"reason", files.error().what}});
        return send(ipc::WebPast{files.error().what}, -1);
    }
    std::vector<std::uint8_t> wire;
    WARREN_TRY(ipc::encode(ipc::WebPast{}, wire));
    return channel_.send(wire, {files->database.get(), files->log.get()});
}

Status WebKeeper::replace_past(Instant now, const std::string& reason) {
    if (options_.state_dir.empty()) return fail(ErrorCode::kInvalid, "there is no database");
    // A statusd that is not itself any more could wear out the disk, or keep us busy. One that was told that it has no
    // past does not ask again.
    if (now - past_replaced_ < kBetweenDatabases) {
        if (std::exchange(is_past_refused_, true)) return fail(ErrorCode::kInvalid, "it asks again for a database");
        return send(ipc::WebPast{"the new database cannot be used either: " + reason}, -1);
    }
    past_replaced_ = now;
    const auto aside = set_past_aside(options_.state_dir);
    log(LogLevel::kError, "past_set_aside",
        {{"reason", reason},
         {"file", !aside           ? ""
                  : aside->empty() ? "emptied, because an earlier one is kept still"
                                   : *aside},
         {"error", aside ? "" : aside.error().what}});
    if (!aside) return send(ipc::WebPast{aside.error().what}, -1);
    // It may keep the files of before open, and with them their blocks: those of one database, not of more and more.
    if (std::exchange(has_replaced_past_, true)) return fail(ErrorCode::kInvalid, "it needs a second new database");
    return send_past();
}

// The page can do without them for a while, so statusd goes on whatever happens here.
void WebKeeper::settle_stacks() {
    if (!owes_stacks_ || !channel_.valid()) return;
    if (is_file_unread_ && has_unread(channel_)) return;  // files that a stopped statusd does not read are memory
    const Status sent = send_stacks(channel_, stacks_);
    owes_stacks_ = !sent.has_value();
    if (sent) {
        is_file_unread_ = true;
        logged_stacks_ = false;
    } else if (sent.error().system_error != EAGAIN && !std::exchange(logged_stacks_, true)) {
        log(LogLevel::kWarn, "stacks_not_told", {{"reason", sent.error().what}});
    }
}

Status WebKeeper::send_snapshots() {
    // Connects through the backlog of the listener that we hold, even while vpnd is down.
    auto channel = ipc::Channel::connect(options_.snapshot_socket);
    if (!channel) return tl::unexpected(channel.error());
    return send(ipc::WebSnapshots{}, channel->fd());
}

}  // namespace warren::stacks
