#include "alerts/daemon.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>
#include <variant>

#include "alerts/rim/certificates.h"
#include "alerts/rim/deliver.h"
#include "base/clock.h"
#include "base/log.h"

namespace warren::alerts {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kMessagesPerTurn = 2000;  // so that 100,000 peers do not delay anything else
constexpr std::size_t kMaxQuestion = 64;

bool is_present(const ipc::AlertSettings& settings, Receiver receiver) {
    return !place_of(settings, receiver).empty();
}

// Whether deliveries to it go another way than before.
bool differs(const ipc::AlertSettings& a, const ipc::AlertSettings& b, Receiver receiver) {
    switch (receiver) {
        case Receiver::kWebhook: return a.webhook_url != b.webhook_url || !(a.webhook_key == b.webhook_key);
        case Receiver::kSyslog: return a.syslog_server != b.syslog_server || a.syslog_over_tcp != b.syslog_over_tcp;
        case Receiver::kMail:
            return a.mail_relay != b.mail_relay || a.mail_requires_tls != b.mail_requires_tls ||
                   a.mail_user != b.mail_user || !(a.mail_password == b.mail_password) || a.mail_from != b.mail_from ||
                   a.mail_to != b.mail_to;
    }
    return true;
}

Severity severity_of(const std::string& event) {
    return event == "reload_refused" ? Severity::kWarning : Severity::kCritical;
}

}  // namespace

Daemon::Daemon(ipc::Channel channel, UniqueFd signals, Courier& courier)
    : channel_(std::move(channel)),
      signals_(std::move(signals)),
      courier_(courier),
      stackd_heard_(read_clock().instant),
      vpnd_heard_(stackd_heard_),
      space_(ipc::kMaxMessageSize) {}

void Daemon::run() {
    while (true) {
        std::vector<pollfd> waiting{{channel_.fd(), POLLIN, 0},
                                    {signals_.get(), POLLIN, 0},
                                    {vpnd_.fd(), POLLIN, 0},
                                    {courier_.fd(), POLLIN, 0},
                                    {listener_.get(), POLLIN, 0}};
        for (const Client& client : clients_) waiting.push_back({client.channel.fd(), POLLIN, 0});
        const Instant next = std::min(poll_at_, outbox_.next_deadline());
        const auto left = std::chrono::ceil<milliseconds>(next - read_clock().instant).count();
        const int timeout = static_cast<int>(std::clamp<std::int64_t>(next == kLongAgo ? 0 : left, 0, 2000));
        flush_log();
        if (::poll(waiting.data(), waiting.size(), timeout) < 0 && errno != EINTR) break;
        if (waiting[1].revents != 0) break;
        if (waiting[0].revents != 0 && !read_channel()) {
            log(LogLevel::kInfo, "stackd_disconnected");
            if (!settings_) break;
            channel_ = {};
            stackd_lost_ = read_clock().instant;
        }
        if (stackd_lost_ != kNever && read_clock().instant - stackd_lost_ >= kWithoutStackd) break;
        if (waiting[2].revents != 0) read_snapshots();
        if (waiting[3].revents != 0) take_outcomes();
        std::size_t number = 5;
        for (Client& client : clients_) {
            if (number < waiting.size() && waiting[number++].revents != 0) read_client(client);
        }
        if (waiting[4].revents != 0) accept();
        std::erase_if(clients_, [](const Client& client) { return !client.channel.valid(); });
        if (read_clock().instant >= poll_at_) {
            poll_at_ = read_clock().instant + kPoll;
            poll_vpnd();
            look();
            save();  // what waits for a receiver in its pause, too
        }
        deliver();
    }
    save();
}

// --- messages from stackd ------------------------------------------------------------------------

bool Daemon::read_channel() {
    while (true) {
        auto received = channel_.receive(space_);
        if (!received && received.error().code == ErrorCode::kUnavailable) return true;
        if (!received || received->closed) return false;
        auto message = ipc::decode_alert(Bytes(space_).first(received->size));
        // It may have had a password.
        std::fill(space_.begin(), space_.begin() + static_cast<std::ptrdiff_t>(received->size), std::uint8_t{0});
        stackd_heard_ = read_clock().instant;
        if (message) {
            handle(std::move(*message), std::move(received->descriptors));
        } else {
            log(LogLevel::kError, "message_not_understood", {{"reason", message.error().what}});
        }
    }
}

void Daemon::handle(ipc::AlertMessage message, std::vector<UniqueFd> descriptors) {
    UniqueFd first = descriptors.empty() ? UniqueFd() : std::move(descriptors.front());
    if (const auto* wanted = std::get_if<ipc::AlertLogLevel>(&message)) set_log_level(wanted->level);
    if (auto* settings = std::get_if<ipc::AlertSettings>(&message)) handle_settings(std::move(*settings));
    if (const auto* state = std::get_if<ipc::AlertStateFile>(&message)) handle_state(*state, std::move(first));
    if (std::holds_alternative<ipc::AlertAskers>(message)) listener_ = std::move(first);
    if (auto* facts = std::get_if<ipc::AlertFacts>(&message)) handle_facts(std::move(*facts));
    if (std::holds_alternative<ipc::AlertCertificates>(message)) handle_certificates(std::move(first));
    if (std::holds_alternative<ipc::AlertSnapshots>(message)) {
        asked_for_vpnd_ = vpnd_owes_ = false;
        roll_.break_off();
        vpnd_ = ipc::Channel(std::move(first));
        if (!vpnd_.valid() || !vpnd_.set_non_blocking()) vpnd_ = {};
        poll_vpnd();
    }
}

void Daemon::handle_settings(ipc::AlertSettings settings) {
    const auto before = std::exchange(settings_, std::make_shared<const ipc::AlertSettings>(std::move(settings)));
    std::array<bool, kReceivers.size()> present{};
    for (const Receiver receiver : kReceivers) {
        present[static_cast<std::size_t>(receiver)] = is_present(*settings_, receiver);
        if (before && differs(*before, *settings_, receiver)) outbox_.try_again(receiver);
    }
    outbox_.configure(present);
}

void Daemon::handle_state(const ipc::AlertStateFile& message, UniqueFd file) {
    file_problem_ = message.problem;
    if (file.valid()) {
        const auto text = file_.open(std::move(file));
        const auto kept = !text           ? Result<Kept>(tl::unexpected<Error>(text.error()))
                          : text->empty() ? Result<Kept>(Kept{})
                                          : parse_kept(*text);
        if (kept) {
            book_ = Book(kept->book);
            outbox_ = Outbox(kept->outbox);
            roll_.remember(kept->were_up);
            saved_ = *kept;
        } else {
            file_problem_ = kept.error().what;
        }
        log(LogLevel::kInfo, "state_read",
            {{"open", std::to_string(book_.kept().open.size())},
             {"waiting", std::to_string(outbox_.kept().waiting.size())}});
    }
    if (!file_problem_.empty()) log(LogLevel::kError, "state_not_read", {{"reason", file_problem_}});
    has_state_ = true;
}

void Daemon::handle_facts(ipc::AlertFacts facts) {
    facts_.problems = std::move(facts.problems);
    facts_.daemons.clear();
    for (auto& [name, reason] : facts.daemons) facts_.daemons.push_back({std::move(name), std::move(reason)});
    facts_.pending = facts.pending;
    facts_.deadline = facts.deadline;
    facts_.failed_update = std::move(facts.failed_update);
    facts_.left_out = facts.left_out;
    has_facts_ = true;
    std::vector<std::uint8_t> wire;
    if (ipc::encode(alive(), wire)) (void)channel_.send(wire);
    if (!has_state_) return;
    const Now now = read_clock();
    std::vector<Book::Event> events;
    for (const ipc::AlertEvent& event : facts.events)
        events.push_back({event.at, {event.kind, "", ""}, severity_of(event.kind), event.text});
    for (const Alert& alert : book_.happened(now.wall, events)) outbox_.add(now.instant, alert);
}

void Daemon::handle_certificates(UniqueFd file) {
    auto read = read_certificates(file.get(), ipc::AlertCertificates::kMaxFile);
    if (!read) return log(LogLevel::kError, "certificates_not_read", {{"reason", read.error().what}});
    facts_.certificates = std::move(*read);
    has_certificates_ = true;
}

// --- snapshots from vpnd -------------------------------------------------------------------------

void Daemon::read_snapshots() {
    for (std::size_t i = 0; i < kMessagesPerTurn && vpnd_.valid(); ++i) {
        auto received = vpnd_.receive(space_);
        if (!received && received.error().code == ErrorCode::kUnavailable) return;
        if (!received) return lose_vpnd(received.error().what);
        if (received->closed) return lose_vpnd("vpnd closed the connection");
        const auto message = ipc::decode_snapshot(Bytes(space_).first(received->size));
        if (!message) return lose_vpnd(message.error().what);
        const Now now = read_clock();
        const auto goes_on = roll_.add(now, *message);
        if (!goes_on) return lose_vpnd(goes_on.error().what);
        if (*goes_on) continue;
        vpnd_owes_ = false;
        vpnd_heard_ = now.instant;
        log(LogLevel::kDebug, "snapshot_read");
        look();
    }
}

void Daemon::lose_vpnd(const std::string& reason) {
    log(LogLevel::kWarn, "snapshots_lost", {{"reason", reason}});
    vpnd_ = {};
    vpnd_owes_ = false;
    roll_.break_off();
}

void Daemon::poll_vpnd() {
    std::vector<std::uint8_t> wire;
    if (!vpnd_.valid()) {
        // stackd ends an alertd that asks more often than once a second.
        const Instant now = read_clock().instant;
        if (asked_for_vpnd_ || now - asked_at_ < kPoll || !ipc::encode(ipc::AlertAsks{}, wire)) return;
        asked_at_ = now;
        asked_for_vpnd_ = channel_.send(wire).has_value();
        return;
    }
    if (vpnd_owes_) return;
    if (!ipc::encode(ipc::SnapshotRequest{"", true, roll_.epoch(), roll_.revision(), false}, wire)) return;
    const Status sent = vpnd_.send(wire);
    if (!sent && sent.error().code != ErrorCode::kUnavailable) return lose_vpnd(sent.error().what);
    vpnd_owes_ = sent.has_value();
}

// --- what somebody must know ---------------------------------------------------------------------

void Daemon::look() {
    if (!settings_ || !has_state_) return;
    const Now now = read_clock();
    const bool hears_vpnd = roll_.is_known() && now.instant - vpnd_heard_ < kVpndSilence;
    const bool hears_stackd = has_facts_ && now.instant - stackd_heard_ < kStackdSilence;
    if (hears_vpnd) roll_.settle(now.instant);
    const Situation situation{now,
                              {seconds(settings_->peer_down_seconds), seconds(settings_->customer_down_seconds)},
                              hears_vpnd ? &roll_ : nullptr,
                              hears_stackd ? &facts_ : nullptr,
                              now.instant - vpnd_heard_ < kVpndSilence,
                              now.instant - stackd_heard_ < kStackdSilence,
                              [this](const Subject& subject) { return book_.is_told(subject); }};
    std::set<Witness> heard{Witness::kUs};
    if (hears_vpnd) heard.insert(Witness::kVpnd);
    if (hears_stackd) heard.insert(Witness::kStackd);
    // What is left out may hold.
    if (hears_stackd && facts_.left_out == 0) heard.insert(Witness::kProblems);
    if (hears_stackd && has_certificates_) heard.insert(Witness::kCertificates);
    for (const Alert& alert : book_.update(now, conditions_of(situation), heard, hears_vpnd ? &roll_ : nullptr)) {
        log(LogLevel::kInfo, "alert",
            {{"id", std::to_string(alert.id)},
             {"state", std::string(name_of(alert.state))},
             {"kind", alert.subject.kind},
             {"customer", alert.subject.customer},
             {"name", alert.subject.name},
             {"text", alert.text}});
        outbox_.add(now.instant, alert);
    }
}

void Daemon::deliver() {
    if (!settings_ || !has_state_) return;
    for (const Receiver receiver : kReceivers) {
        auto batch = outbox_.next(read_clock(), receiver);
        if (!batch) continue;
        save();  // so that a repetition after a crash has the same numbers
        on_the_way_[static_cast<std::size_t>(receiver)] = batch->alerts.empty() ? "" : batch->alerts.back().text;
        courier_.send(settings_, std::move(*batch), false);
    }
}

void Daemon::take_outcomes() {
    for (Outcome& outcome : courier_.take()) {
        const auto number = static_cast<std::size_t>(outcome.from);
        if (outcome.is_test) {
            tested_[number] = std::move(outcome);
            if (tests_owed_ > 0 && --tests_owed_ == 0) finish_test();
            continue;
        }
        const bool is_done = outcome.delivery == Delivery::kDone;
        const auto& before = last_[number];
        // Each reason is logged once.
        if (!before || before->answer != outcome.answer || (before->delivery == Delivery::kDone) != is_done)
            log(is_done ? LogLevel::kInfo : LogLevel::kWarn, is_done ? "alerts_delivered" : "alerts_not_delivered",
                {{"receiver", std::string(name_of(outcome.from))}, {"answer", outcome.answer}});
        outbox_.finish(read_clock().instant, outcome.from, outcome.delivery);
        if (is_done) told_[number] = {read_clock().wall, std::exchange(on_the_way_[number], {})};
        last_[number] = std::move(outcome);
        save();
    }
}

void Daemon::save() {
    if (!file_.is_open()) return;
    if (book_.kept() == saved_.book && outbox_.kept() == saved_.outbox && roll_.were_up() == saved_.were_up) return;
    Kept kept{book_.kept(), outbox_.kept(), roll_.were_up()};
    const Status saved = file_.save(kept_text(kept));
    if (saved) {
        saved_ = std::move(kept);
        file_problem_.clear();
        logged_file_problem_ = false;
        return;
    }
    file_problem_ = "what was told cannot be kept, and may be told again after a restart: " + saved.error().what;
    if (!std::exchange(logged_file_problem_, true))
        log(LogLevel::kError, "state_not_written", {{"reason", saved.error().what}});
}

// --- vpnctl --------------------------------------------------------------------------------------

void Daemon::accept() {
    auto channel = ipc::accept_from(listener_.get());
    // One that asks nothing has no place.
    const auto idle =
        std::find_if(clients_.begin(), clients_.end(), [](const Client& one) { return !one.waits_for_test; });
    if (clients_.size() >= kMostClients && idle != clients_.end()) clients_.erase(idle);
    if (!channel || clients_.size() >= kMostClients || !channel->set_non_blocking()) return;
    clients_.push_back({std::move(*channel), false});
}

void Daemon::read_client(Client& client) {
    std::array<std::uint8_t, kMaxQuestion> space{};
    auto received = client.channel.receive(space);
    if (!received && received.error().code == ErrorCode::kUnavailable) return;
    const auto message = received && !received->closed
                             ? ipc::decode_alert_talk(Bytes(space).first(received->size))
                             : Result<ipc::AlertTalk>(fail(ErrorCode::kUnavailable, "closed"));
    const auto* question = message ? std::get_if<ipc::AlertQuestion>(&*message) : nullptr;
    if (question == nullptr || client.waits_for_test) {
        client.channel = {};
        return;
    }
    if (question->test) {
        client.waits_for_test = true;
        return begin_test();
    }
    std::vector<std::uint8_t> wire;
    if (!ipc::encode(status(), wire) || !client.channel.send(wire)) client.channel = {};
}

ipc::AlertAnswer Daemon::status() const {
    ipc::AlertAnswer out;
    out.problem = file_problem_;
    for (const auto& [subject, open] : book_.kept().open)
        out.open.push_back({open.since, subject.kind, subject.customer, subject.name, open.text});
    std::stable_sort(out.open.begin(), out.open.end(), [](const auto& a, const auto& b) { return a.since < b.since; });
    if (out.open.size() > ipc::AlertAnswer::kMostOpen) {
        out.open_left_out = static_cast<std::uint32_t>(out.open.size() - ipc::AlertAnswer::kMostOpen);
        out.open.resize(ipc::AlertAnswer::kMostOpen);
    }
    for (const Receiver receiver : kReceivers) {
        if (!settings_ || !is_present(*settings_, receiver)) continue;
        const auto& last = last_[static_cast<std::size_t>(receiver)];
        out.receivers.push_back({std::string(name_of(receiver)), place_of(*settings_, receiver),
                                 !last || last->delivery == Delivery::kDone, last ? last->answer : "",
                                 static_cast<std::uint32_t>(outbox_.waiting_for(receiver)), outbox_.delivered(receiver),
                                 outbox_.dropped(receiver)});
    }
    return out;
}

ipc::AlertAlive Daemon::alive() const {
    ipc::AlertAlive out;
    out.open = static_cast<std::uint32_t>(book_.kept().open.size());
    const ipc::AlertAnswer all = status();
    const auto cut = [](const std::string& text) { return text.substr(0, ipc::AlertTarget::kMaxText); };
    for (const ipc::AlertReceiver& one : all.receivers) {
        if (out.targets.size() >= ipc::AlertTarget::kMost) break;
        ipc::AlertTarget& target = out.targets.emplace_back();
        target.name = one.name;
        target.where = cut(one.where);
        target.works = one.works;
        target.answer = cut(one.answer);
        target.waiting = one.waiting;
        target.delivered = one.delivered;
        target.dropped = one.dropped;
        for (const Receiver receiver : kReceivers) {
            if (name_of(receiver) != one.name) continue;
            const Told& told = told_[static_cast<std::size_t>(receiver)];
            target.last_at = told.at;
            target.last_text = cut(told.text);
        }
    }
    return out;
}

// One at a time: who asks meanwhile gets the same answers.
void Daemon::begin_test() {
    if (tests_owed_ > 0) return;
    tested_ = {};
    const Now now = read_clock();
    for (const Receiver receiver : kReceivers) {
        if (!settings_ || !is_present(*settings_, receiver)) continue;
        ++tests_owed_;
        courier_.send(settings_, {receiver, {book_.test(now.wall)}, 0}, true);
    }
    if (tests_owed_ == 0) finish_test();
}

void Daemon::finish_test() {
    ipc::AlertAnswer answer = status();
    answer.open.clear();
    answer.open_left_out = 0;
    for (ipc::AlertReceiver& receiver : answer.receivers) {
        for (const auto& tested : tested_) {
            if (!tested || name_of(tested->from) != receiver.name) continue;
            receiver.works = tested->delivery == Delivery::kDone;
            receiver.answer = tested->answer;
        }
    }
    std::vector<std::uint8_t> wire;
    const bool fits = ipc::encode(answer, wire).has_value();
    for (Client& client : clients_) {
        if (!std::exchange(client.waits_for_test, false)) continue;
        if (!fits || !client.channel.send(wire)) client.channel = {};
    }
}

}  // namespace warren::alerts
