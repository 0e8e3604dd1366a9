#include "stacks/children/alert_keeper.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "base/log.h"
#include "base/write_all.h"
#include "crypto/secret.h"
#include "stacks/children/told_stacks.h"

namespace warren::stacks {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// alertd waits for three of them (alerts/daemon.h).
constexpr Duration kBeat = seconds(5);
constexpr unsigned kMostUnanswered = 6;
constexpr Duration kQuickDeath = seconds(5);
constexpr Duration kFirstPause = seconds(1);
constexpr Duration kMaxPause = seconds(60);
constexpr Duration kStopPatience = seconds(2);
constexpr Duration kStartPatience = seconds(5);       // the tunnels wait meanwhile
constexpr Duration kBetweenConnections = seconds(1);  // so that it cannot fill vpnd's list of clients at once
constexpr std::size_t kMaxRequest = 16'384;           // an AlertAlive with all its targets

Result<UniqueFd> open_state(const std::string& state_dir) {
    if (::mkdir(state_dir.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno("make " + state_dir, errno);
    const std::string path = state_dir + "/alerts.state";
    UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
    if (!file.valid()) return fail_errno("open " + path, errno);
    struct stat about {};
    if (::fstat(file.get(), &about) != 0) return fail_errno("examine " + path, errno);
    if (!S_ISREG(about.st_mode) || about.st_uid != ::geteuid() || (about.st_mode & 077U) != 0)
        return fail(ErrorCode::kInvalid, path + " must be a regular file of root that nobody else may open");
    return file;
}

Result<UniqueFd> file_with(const std::string& text) {
    UniqueFd file(::memfd_create("warren-certificates", MFD_CLOEXEC));
    if (!file.valid()) return fail_errno("memfd_create", errno);
    WARREN_TRY(write_all(file.get(), text));
    return file;
}

}  // namespace

AlertKeeper::~AlertKeeper() {
    (void)stop_process();
}

std::string AlertKeeper::stop_process() {
    channel_ = {};
    const std::string ended = process_ ? process_->stop(kStopPatience) : std::string();
    process_.reset();
    return ended;
}

void AlertKeeper::configure(Instant now, const std::optional<ipc::AlertSettings>& settings) {
    if (!settings) {
        settings_ = {};
        (void)stop_process();
        start_at_ = kNever;
        problem_.clear();
        return;
    }
    // AlertSettings cannot be copied, and a message of the same kind holds what they hold.
    std::vector<std::uint8_t> wire;
    ipc::AlertMessage message = ipc::AlertSettings{settings->appliance,
                                                   settings->peer_down_seconds,
                                                   settings->customer_down_seconds,
                                                   settings->webhook_url,
                                                   settings->webhook_key.clone(),
                                                   settings->syslog_server,
                                                   settings->syslog_over_tcp,
                                                   settings->mail_relay,
                                                   settings->mail_requires_tls,
                                                   settings->mail_user,
                                                   settings->mail_password.clone(),
                                                   settings->mail_from,
                                                   settings->mail_to};
    if (!ipc::encode(message, wire)) return;
    crypto::SecretBuffer encoded{Bytes(wire)};
    crypto::wipe(wire);
    const bool is_same = encoded == settings_;
    settings_ = std::move(encoded);
    if (!channel_.valid()) {
        start_at_ = std::min(start_at_, now);
        return run(now);
    }
    if (is_same) return;
    if (const Status sent = channel_.send(settings_.reveal()); !sent) handle_exit(now, sent.error().what);
}

void AlertKeeper::report(ipc::AlertFacts facts) {
    if (facts != facts_) {
        facts_ = std::move(facts);
        owes_facts_ = true;
    }
    settle();
}

void AlertKeeper::report_certificates(std::string text) {
    if (text == certificates_) return;
    certificates_ = std::move(text);
    owes_certificates_ = true;
    settle();
}

void AlertKeeper::settle() {
    if (!channel_.valid()) return;
    if (owes_facts_) owes_facts_ = !send(facts_, -1).has_value();
    if (owes_certificates_ && !has_unread(channel_)) owes_certificates_ = !send_certificates().has_value();
}

void AlertKeeper::pass_log_level(Instant now) {
    if (!channel_.valid()) return;
    if (const Status sent = send(ipc::AlertLogLevel{log_level()}, -1); !sent) handle_exit(now, sent.error().what);
}

void AlertKeeper::run(Instant now) {
    if (process_ && process_->ended()) handle_exit(now, stop_process());
    if (channel_.valid() && !handle_request(now))
        handle_exit(now, "it hung up or sent an invalid request: " + stop_process());
    // Beats and not time: what we slept or were busy is not its fault.
    if (channel_.valid() && process_ && unanswered_ >= kMostUnanswered) kill_hanging();
    beat(now);
    if (now < start_at_ || process_) return;
    start_at_ = kNever;
    since_ = now;
    if (const Status started = start(); !started) handle_exit(now, started.error().what);
}

void AlertKeeper::beat(Instant now) {
    if (!channel_.valid() || now < beat_at_) return;
    beat_at_ = now + kBeat;
    owes_facts_ = true;
    ++unanswered_;
    settle();
}

// Does not wait for its end, which a broken disk may delay: ended_fd() says it.
void AlertKeeper::kill_hanging() {
    problem_ = "it does not answer";
    log(LogLevel::kError, "alertd_hangs", {{"pid", std::to_string(process_->pid())}});
    channel_ = {};
    process_->signal(SIGKILL);
}

bool AlertKeeper::handle_request(Instant now) {
    std::array<std::uint8_t, kMaxRequest> space{};
    const auto received = channel_.receive(space);
    if (!received) return received.error().code == ErrorCode::kUnavailable;
    if (received->closed) return false;
    auto message = ipc::decode_alert(Bytes(space).first(received->size));
    if (auto* alive = message ? std::get_if<ipc::AlertAlive>(&*message) : nullptr) {
        unanswered_ = 0;
        if (alive->targets.size() > ipc::AlertTarget::kMost) return false;
        state_ = std::move(*alive);
        return true;
    }
    if (!message || !std::holds_alternative<ipc::AlertAsks>(*message)) return false;
    if (now - connected_ < kBetweenConnections) return false;
    connected_ = now;
    return send_snapshots().has_value();
}

Status AlertKeeper::start() {
    // One that a killed stackd left may hang, and still have the state.
    if (auto left = VpndProcess::find(options_.pid_file)) left->stop(kStopPatience);
    auto launched = launch(options_.alertd, kStartPatience, options_.must_stop);
    if (!launched) return tl::unexpected<Error>(launched.error());
    process_ = std::move(launched->process);
    process_->save_pid(options_.pid_file);
    channel_ = std::move(launched->channel);
    WARREN_TRY(channel_.set_non_blocking());
    (void)make_room(channel_);
    WARREN_TRY(send(ipc::AlertLogLevel{log_level()}, -1));
    WARREN_TRY(send_state());  // before the settings, which say for whom what it has is
    WARREN_TRY(channel_.send(settings_.reveal()));
    WARREN_TRY(send_askers());
    owes_facts_ = owes_certificates_ = true;
    settle();
    connected_ = kLongAgo;
    unanswered_ = 0;
    logged_reason_.clear();
    problem_.clear();
    log(LogLevel::kInfo, "alertd_started",
        {{"pid", std::to_string(process_->pid())}, {"user", options_.alertd.user.name}});
    return {};
}

void AlertKeeper::handle_exit(Instant now, const std::string& reason) {
    (void)stop_process();
    quick_deaths_ = now - since_ < kQuickDeath ? quick_deaths_ + 1 : 0;
    const Duration pause = std::min<Duration>(kFirstPause * (1U << std::min(quick_deaths_, 10U)), kMaxPause);
    start_at_ = now + pause;
    problem_ = reason.empty() ? "it ended" : reason;
    if (std::exchange(logged_reason_, problem_) == problem_) return;
    log(LogLevel::kError, "alertd_lost",
        {{"reason", problem_},
         {"restart_in_ms", std::to_string(std::chrono::duration_cast<milliseconds>(pause).count())}});
}

// --- what alertd receives ------------------------------------------------------------------------

Status AlertKeeper::send(const ipc::AlertMessage& message, int descriptor) {
    std::vector<std::uint8_t> wire;
    WARREN_TRY(ipc::encode(message, wire));
    return channel_.send(wire, descriptor < 0 ? std::vector<int>{} : std::vector<int>{descriptor});
}

// Without a state alertd tells all the same, after a restart once more.
Status AlertKeeper::send_state() {
    if (options_.state_dir.empty()) return send(ipc::AlertStateFile{}, -1);
    const auto file = open_state(options_.state_dir);
    if (file) return send(ipc::AlertStateFile{}, file->get());
    log(LogLevel::kError, "alert_state_not_opened", {{"reason", file.error().what}});
    return send(ipc::AlertStateFile{file.error().what}, -1);
}

Status AlertKeeper::send_askers() {
    if (!askers_.valid()) {
        auto listener = ipc::listen_at(options_.asker_socket, 0600);
        if (!listener) {
            log(LogLevel::kError, "askers_not_opened", {{"reason", listener.error().what}});
            return {};
        }
        askers_ = std::move(*listener);
    }
    return send(ipc::AlertAskers{}, askers_.get());
}

Status AlertKeeper::send_certificates() {
    const auto file = file_with(certificates_);
    if (!file) return tl::unexpected<Error>(file.error());
    return send(ipc::AlertCertificates{}, file->get());
}

Status AlertKeeper::send_snapshots() {
    // Connects through the backlog of the listener that we hold, even while vpnd is down.
    auto channel = ipc::Channel::connect(options_.snapshot_socket);
    if (!channel) return tl::unexpected<Error>(channel.error());
    return send(ipc::AlertSnapshots{}, channel->fd());
}

}  // namespace warren::stacks
