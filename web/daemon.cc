#include "web/daemon.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "access/secrets.h"
#include "base/clock.h"
#include "base/log.h"
#include "ipc/web_revisions.h"
#include "ipc/web_stacks.h"
#include "web/model/page.h"
#include "web/model/sentences.h"
#include "web/rim/certificate.h"

namespace warren::web {

namespace {

constexpr std::size_t kMaxFile = 1024 * 1024;
// At the end: what the last two seconds brought.
constexpr Duration kLastWrite = std::chrono::seconds(1);

Result<std::string> read_file(int fd, std::size_t most = kMaxFile) {
    struct stat about {};
    if (::fstat(fd, &about) != 0) return fail_errno("fstat", errno);
    const auto size = static_cast<std::size_t>(about.st_size);
    if (!S_ISREG(about.st_mode) || size > most)
        return fail(ErrorCode::kInvalid, "it is not a regular file of at most " + std::to_string(most >> 20) + " MB");
    std::string text(size, '\0');
    std::size_t have = 0;
    while (have < size) {
        const ssize_t count = ::pread(fd, text.data() + have, size - have, static_cast<off_t>(have));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail_errno("read", errno);
        if (count == 0) break;
        have += static_cast<std::size_t>(count);
    }
    text.resize(have);
    return text;
}

}  // namespace

Daemon::Daemon(ipc::Channel channel, ProcessUsage usage, UniqueFd signals, std::string unmatchable)
    : channel_(std::move(channel)),
      space_(ipc::kMaxMessageSize),
      usage_(std::move(usage)),
      signals_(std::move(signals)),
      gate_(std::move(unmatchable)),
      router_(census_, gate_, facts_, page_files(), access::random_token().substr(0, 8)),
      server_(router_, facts_),
      askers_(server_, [this](const std::string& target,
                              std::function<void(Reply)> answer) { answer_local(target, std::move(answer)); }),
      past_(census_, facts_, router_, [this](const std::string& reason) { report_broken_past(reason); }) {
    census_.number_events_by_time();
    facts_.stackd_heard = read_clock();
    facts_.started = facts_.stackd_heard->instant;
}

void Daemon::run() {
    server_.watch(channel_.fd(), [this] { return read_channel(); });
    server_.watch(signals_.get(), [this] {
        server_.stop();
        return false;
    });
    server_.watch(past_.fd(), [this] {
        past_.read_news(read_clock());
        if (!census_.has_snapshot()) poll();  // which may have waited for it
        return true;
    });
    server_.ask_past_of([this](PastQuery query, std::function<void(Reply)> answer) {
        past_.ask(read_clock(), std::move(query), std::move(answer));
    });
    server_.every(kPoll, [this] { poll(); });
    server_.set_asker([this](std::uint32_t id, Ask& what) { return ask(id, what); });
    poll();
    server_.run();
    past_.stop(read_clock(), kLastWrite);
}

// --- messages from stackd ---

bool Daemon::read_channel() {
    while (true) {
        auto received = channel_.receive(space_);
        if (!received && received.error().code == ErrorCode::kUnavailable) return true;
        if (!received || received->closed) {
            log(LogLevel::kInfo, "stackd_disconnected");
            server_.stop();
            return false;
        }
        auto message = ipc::decode_web(Bytes(space_).first(received->size));
        if (message) {
            handle(std::move(*message), std::move(received->descriptors));
        } else {
            log(LogLevel::kError, "message_not_understood", {{"reason", message.error().what}});
        }
    }
}

void Daemon::handle(ipc::WebMessage message, std::vector<UniqueFd> descriptors) {
    facts_.stackd_heard = read_clock();
    if (const auto* wanted = std::get_if<ipc::WebLogLevel>(&message)) set_log_level(wanted->level);
    if (const auto* past = std::get_if<ipc::WebPast>(&message)) {
        past_.handle(read_clock(), *past, std::move(descriptors));
        if (!census_.has_snapshot()) poll();
        return;
    }
    UniqueFd first = descriptors.empty() ? UniqueFd() : std::move(descriptors.front());
    if (const auto* listener = std::get_if<ipc::WebListener>(&message)) handle_listener(*listener, std::move(first));
    if (std::holds_alternative<ipc::WebSnapshots>(message)) handle_snapshots(std::move(first));
    if (const auto* users = std::get_if<ipc::WebUsers>(&message)) handle_users(*users, std::move(first));
    if (const auto* certificate = std::get_if<ipc::WebCertificate>(&message))
        handle_certificate(*certificate, std::move(first));
    if (std::holds_alternative<ipc::WebAskers>(message)) askers_.listen(std::move(first));
    if (std::holds_alternative<ipc::WebStacks>(message)) handle_stacks(std::move(first));
    if (auto* problems = std::get_if<ipc::WebProblems>(&message)) handle_problems(std::move(*problems));
    if (auto* renames = std::get_if<ipc::WebRenames>(&message)) handle_renames(std::move(*renames));
    if (const auto* changing = std::get_if<ipc::WebChanging>(&message)) {
        facts_.changing = *changing;
        server_.tick();
    }
    if (const auto* revisions = std::get_if<ipc::WebRevisions>(&message))
        handle_revisions(*revisions, std::move(first));
    if (auto* alerts = std::get_if<ipc::WebAlerts>(&message)) facts_.alerts = std::move(*alerts);
    if (auto* looked = std::get_if<ipc::WebLooked>(&message)) server_.finish(looked->id, std::move(*looked));
    if (auto* unlocked = std::get_if<ipc::WebUnlocked>(&message)) server_.finish(unlocked->id, std::move(*unlocked));
    if (auto* changed = std::get_if<ipc::WebChanged>(&message)) server_.finish(changed->id, std::move(*changed));
}

// False: stackd does not get it.
bool Daemon::ask(std::uint32_t id, Ask& ask) {
    std::vector<std::uint8_t> wire;
    const Status encoded = std::visit(
        [&](auto& what) {
            what.id = id;
            return ipc::encode(ipc::WebMessage(what), wire);
        },
        ask.what);
    const bool sent = encoded && channel_.send(wire).has_value();
    if (auto* unlock = std::get_if<ipc::WebUnlock>(&ask.what))
        std::fill(unlock->password.begin(), unlock->password.end(), '\0');
    std::fill(wire.begin(), wire.end(), std::uint8_t{0});
    return sent;
}

void Daemon::handle_renames(ipc::WebRenames message) {
    for (auto& [from, to] : message.renames) renames_.push_back({std::move(from), std::move(to)});
    if (message.more) return;
    rename_stacks(facts_, renames_);
    census_.tell_renames(message.generation, std::exchange(renames_, {}));
}

void Daemon::report_broken_past(const std::string& reason) {
    std::vector<std::uint8_t> wire;
    if (ipc::encode(ipc::WebPastBroken{reason.substr(0, ipc::WebPastBroken::kMaxReason)}, wire))
        (void)channel_.send(wire);
}

void Daemon::answer_local(const std::string& target, std::function<void(Reply)> answer) {
    Outcome outcome = router_.handle_local(read_clock(), target);
    if (auto* query = std::get_if<PastQuery>(&outcome))
        return past_.ask(read_clock(), std::move(*query), std::move(answer));
    auto* reply = std::get_if<Reply>(&outcome);
    answer(reply != nullptr ? std::move(*reply) : problem(404));
}

void Daemon::handle_stacks(UniqueFd file) {
    const auto content = read_file(file.get(), ipc::kMaxStacksFile);
    auto stacks = content ? ipc::decode_stacks(as_bytes(*content)) : tl::unexpected(content.error());
    if (!stacks) return log(LogLevel::kError, "stacks_rejected", {{"reason", stacks.error().what}});
    std::map<std::string, ipc::WebStack, std::less<>> before = std::exchange(facts_.stacks, {});
    std::set<std::string> changed;
    facts_.incomplete.clear();
    for (ipc::WebStack& stack : *stacks) {
        if (!stack.complete) facts_.incomplete.insert(stack.customer);
        const auto known = before.extract(stack.customer);
        if (known.empty() || known.mapped() != stack) changed.insert(stack.customer);
        facts_.stacks[stack.customer] = std::move(stack);
    }
    std::set<std::string> gone;
    for (const auto& [id, stack] : before) gone.insert(id);
    // Who gets such an id later is somebody else.
    forget_owners(facts_, gone);
    changed.merge(gone);
    census_.mark_changed(changed);
    server_.tick();
}

void Daemon::handle_problems(ipc::WebProblems message) {
    // stackd repeats them, to be heard.
    if (message.problems == heard_problems_.problems && message.left_out == heard_problems_.left_out) return;
    heard_problems_ = message;
    std::set<std::string> unserved;
    for (const ipc::ControlText& problem : message.problems) {
        if (problem.kind == ipc::ControlText::Kind::kUnserved) unserved.insert(problem.customer);
    }
    if (message.left_out > 0)
        message.problems.push_back({ipc::ControlText::Kind::kNote,
                                    {},
                                    std::to_string(message.left_out) + " more problems: vpnctl status lists them"});
    facts_.problems = merge_problems(facts_.problems, std::move(message.problems), read_clock().wall);
    census_.set_unserved(std::move(unserved));
    server_.tick();
}

void Daemon::handle_revisions(const ipc::WebRevisions& message, UniqueFd file) {
    facts_.revisions_problem = message.problem;
    if (!file.valid()) return forget_owners(facts_);
    const auto content = read_file(file.get(), ipc::kMaxRevisionsFile);
    auto revisions = content ? ipc::decode_revisions(as_bytes(*content)) : tl::unexpected(content.error());
    if (!revisions) {
        log(LogLevel::kError, "revisions_rejected", {{"reason", revisions.error().what}});
        facts_.revisions_problem = revisions.error().what;
        return forget_owners(facts_);
    }
    facts_.revisions = std::move(*revisions);
}

void Daemon::handle_listener(const ipc::WebListener& message, UniqueFd listener) {
    facts_.listen = message.address;
    listener_ = std::move(listener);
    listen_when_ready();
}

void Daemon::listen_when_ready() {
    if (!listener_.valid() || !has_certificate_) return;
    const Status listening = server_.listen(std::move(listener_));
    if (!listening) {
        log(LogLevel::kError, "not_listening", {{"listen", facts_.listen}, {"error", listening.error().what}});
        return;
    }
    log(LogLevel::kInfo, "listening",
        {{"url", "https://" + facts_.listen + "/"}, {"fingerprint_sha256", facts_.certificate->fingerprint_sha256}});
}

void Daemon::keep_previous_users(std::string problem) {
    log(LogLevel::kError, "users_rejected", {{"error", problem}, {"users", std::to_string(facts_.users)}});
    if (facts_.users_problem.empty()) facts_.users_problem_since = read_clock().wall;
    facts_.users_problem = std::move(problem);
}

void Daemon::handle_users(const ipc::WebUsers& message, UniqueFd file) {
    if (!message.problem.empty()) return keep_previous_users(message.problem);
    auto text = file.valid() ? read_file(file.get()) : Result<std::string>("");
    if (!text) return keep_previous_users("users.toml: " + text.error().what);
    auto users = access::parse_users(std::move(*text));
    if (!users) return keep_previous_users(users.error().what);
    facts_.users_problem.clear();
    facts_.users = users->users.size();
    facts_.tokens = users->tokens.size();
    gate_.set_users(std::move(*users));
    if (facts_.users + facts_.tokens > 0) {
        log(LogLevel::kInfo, "users_loaded",
            {{"users", std::to_string(facts_.users)}, {"tokens", std::to_string(facts_.tokens)}});
    } else if (!std::exchange(logged_no_users_, true)) {
        log(LogLevel::kWarn, "no_users",
            {{"meaning", "no login to the status page is possible"}, {"do", "vpnctl user add NAME operator"}});
    }
}

void Daemon::handle_certificate(const ipc::WebCertificate& message, UniqueFd file) {
    facts_.appliance = message.appliance;
    auto pem = file.valid() ? read_file(file.get()) : Result<std::string>("");
    if (pem && pem->empty()) {
        pem = make_certificate(message.appliance);
        const auto size = pem ? static_cast<ssize_t>(pem->size()) : 0;
        const bool kept = pem && file.valid() && ::pwrite(file.get(), pem->data(), pem->size(), 0) == size &&
                          ::fsync(file.get()) == 0;
        if (pem) log(kept ? LogLevel::kInfo : LogLevel::kWarn, "certificate_made", {{"kept", kept ? "yes" : "no"}});
    }
    auto facts = pem ? read_certificate(*pem) : Result<CertificateFacts>(tl::unexpected<Error>(pem.error()));
    const Status taken = facts ? server_.set_certificate(*pem) : Status(tl::unexpected<Error>(facts.error()));
    if (!taken) {
        log(LogLevel::kError, "certificate_rejected", {{"file", "secrets/status.pem"}, {"error", taken.error().what}});
        return;
    }
    // Known devices outlive this process, as the certificate's key does.
    gate_.set_device_key(access::hmac_hex(*pem, "cookies of known devices"));
    facts_.certificate = std::move(*facts);
    has_certificate_ = true;
    listen_when_ready();
}

// --- snapshots from vpnd ---

void Daemon::handle_snapshots(UniqueFd socket) {
    snapshots_requested_ = false;
    ipc::Channel channel(std::move(socket));
    if (!channel.valid() || !channel.set_non_blocking()) return;
    snapshots_.connect(std::move(channel));
    server_.watch(snapshots_.fd(), [this, connection = ++connection_] { return read_snapshots(connection); });
    poll();
}

bool Daemon::read_snapshots(std::uint64_t connection) {
    if (connection != connection_) return false;
    auto round = snapshots_.receive();
    if (!round) {
        log(LogLevel::kWarn, "snapshots_lost", {{"reason", round.error().what}});
        return false;
    }
    if (!*round) return true;
    // stackd has said before which customers have other ids in this one, if any.
    if (!read_channel() || connection != connection_) return false;
    const Now now = read_clock();
    const bool was_under_load = census_.header().under_load;
    census_.apply_snapshot(now, std::move(**round));
    if (census_.header().under_load && !was_under_load) facts_.under_load_since = now.wall;
    refresh_facts();
    past_.write(now);
    server_.tick();
    return true;
}

void Daemon::poll() {
    flush_log();
    const Now now = read_clock();
    if (!past_.is_settled(now)) return;
    census_.check_silence(now);
    past_.write(now);
    if (census_.is_stale(now.instant)) {
        refresh_facts();
        server_.tick();
    }
    if (snapshots_.fd() < 0) return request_snapshots();
    if (const Status asked = snapshots_.send_request(); !asked) {
        log(LogLevel::kWarn, "snapshots_lost", {{"reason", asked.error().what}});
        snapshots_.close();
    }
}

void Daemon::request_snapshots() {
    std::vector<std::uint8_t> wire;
    if (snapshots_requested_ || !ipc::encode(ipc::WebAsks{}, wire)) return;
    snapshots_requested_ = channel_.send(wire).has_value();
}

void Daemon::refresh_facts() {
    facts_.memory_bytes = usage_.resident_bytes();
    facts_.cpu_seconds = std::chrono::duration<double>(usage_.processor_time()).count();
    facts_.sessions = gate_.sessions();
}

}  // namespace warren::web
