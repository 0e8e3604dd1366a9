// What stackd has alertd tell: whom, and what stackd knows itself.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "config/file_reader.h"
#include "config/named_secrets.h"
#include "stacks/supervisor.h"

namespace warren::stacks {

namespace {

using std::chrono::seconds;

constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kEnd = "-----END CERTIFICATE-----";
constexpr std::size_t kMaxUpdateText = 200;
constexpr std::size_t kMaxCertificatesOfOne = 128U << 10U;  // bytes, of a customer: a part of the file for each

// A copy of what a file of the configuration holds; empty: there is none.
crypto::SecretBuffer content_of(const config::Secrets& secrets, const std::optional<config::SecretRef>& ref,
                                config::FileForm form) {
    const crypto::SecretBuffer* const content = ref ? secrets.content(*ref, form) : nullptr;
    return content == nullptr ? crypto::SecretBuffer() : content->clone();
}

std::optional<ipc::AlertSettings> settings_of(const config::Generation& generation) {
    const config::Appliance& appliance = generation.appliance;
    if (!appliance.alerts) return std::nullopt;
    const config::Alerts& alerts = *appliance.alerts;
    ipc::AlertSettings out;
    out.appliance = appliance.name;
    out.peer_down_seconds = static_cast<std::uint32_t>(alerts.peer_down_after.count());
    out.customer_down_seconds = static_cast<std::uint32_t>(alerts.customer_down_after.count());
    if (alerts.webhook) {
        out.webhook_url = alerts.webhook->url;
        out.webhook_key = content_of(generation.secrets, alerts.webhook->key, config::FileForm::kPsk);
    }
    if (alerts.syslog) {
        out.syslog_server = alerts.syslog->server;
        out.syslog_over_tcp = alerts.syslog->protocol == config::SyslogProtocol::kTcp;
    }
    if (alerts.mail) {
        out.mail_relay = alerts.mail->relay;
        out.mail_requires_tls = alerts.mail->tls == config::MailTls::kRequired;
        out.mail_user = alerts.mail->user;
        out.mail_password = content_of(generation.secrets, alerts.mail->password, config::FileForm::kPassword);
        out.mail_from = alerts.mail->from;
        out.mail_to = alerts.mail->to;
    }
    return out;
}

std::string line_of(const std::string& text, std::size_t most) {
    return text.substr(0, text.find('\n')).substr(0, most);
}

// The certificates of a text, without the keys that may stand beside them.
void add_certificates(const std::string& owner, const std::string& name, std::string_view text, std::string& out) {
    while (true) {
        const auto begin = text.find(kBegin);
        const auto end = begin == std::string_view::npos ? begin : text.find(kEnd, begin);
        if (end == std::string_view::npos) return;
        const std::string_view one = text.substr(begin, end + kEnd.size() - begin);
        if (out.size() + one.size() + owner.size() + name.size() + 8 > ipc::AlertCertificates::kMaxFile) return;
        out += owner + " " + name + "\n";
        out += one;
        out += '\n';
        text.remove_prefix(end + kEnd.size());
    }
}

std::string certificates_of(const config::Generation& generation, const std::string& config_directory) {
    std::string out;
    if (generation.appliance.status_listen) {
        config::FileStamp stamp;
        const std::string path = config_directory + "/secrets/status.pem";
        const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
        if (auto text = config::read_all(file, ipc::AlertCertificates::kMaxFile / 8, stamp)) {
            add_certificates("-", "secrets/status.pem", *text, out);
            crypto::wipe({reinterpret_cast<std::uint8_t*>(text->data()), text->size()});
        }
    }
    const auto add = [&out](const std::string& owner, const auto& holder, const config::Secrets& secrets) {
        const std::size_t before = out.size();
        std::set<std::string_view> seen;  // several connections may name one
        const std::vector<config::NamedSecret> names = config::secrets_of(holder);
        for (const config::NamedSecret& name : names) {
            if (name.form != config::FileForm::kCertificate || !seen.insert(name.ref.name).second) continue;
            const crypto::SecretBuffer* const content = secrets.content(name.ref, name.form);
            if (content == nullptr || out.size() - before + content->size() > kMaxCertificatesOfOne) continue;
            const Bytes bytes = content->reveal();
            add_certificates(owner, "certs/" + name.ref.name,
                             {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, out);
        }
    };
    add("-", generation.appliance, generation.secrets);
    for (const auto& customer : generation.customers) add(customer->customer.id, customer->customer, customer->secrets);
    return out;
}

// Who is not served first; of each kind one of a customer, as nobody is told of more.
std::vector<ipc::ControlText> most_important(const std::vector<ipc::ControlText>& problems, std::uint32_t& left_out) {
    using Kind = ipc::ControlText::Kind;
    const auto rank = [](Kind kind) {
        if (kind == Kind::kLastGood) return 0;
        if (kind == Kind::kUnserved || kind == Kind::kIncomplete) return 1;
        return 2;
    };
    std::vector<const ipc::ControlText*> sorted;
    std::set<std::pair<Kind, std::string_view>> seen;
    for (const ipc::ControlText& problem : problems) {
        if (seen.emplace(problem.kind, problem.customer).second) sorted.push_back(&problem);
    }
    std::stable_sort(sorted.begin(), sorted.end(),
                     [&](const auto* a, const auto* b) { return rank(a->kind) < rank(b->kind); });
    std::vector<ipc::ControlText> out;
    for (const ipc::ControlText* problem : sorted) {
        if (out.size() >= ipc::AlertFacts::kMaxProblems) break;
        out.push_back({problem->kind, problem->customer, line_of(problem->text, ipc::AlertFacts::kMaxText)});
    }
    left_out = static_cast<std::uint32_t>(sorted.size() - out.size());
    return out;
}

}  // namespace

void Supervisor::configure_alerts() {
    if (!alerts_) return;
    const config::Generation& generation = reconciler_.current();
    // Before there is an alertd: one that knew nothing yet would tell what holds as over.
    if (generation.appliance.alerts) {
        alerts_->report_certificates(certificates_of(generation, options_.config_directory));
        report_to_alerts();
    }
    alerts_->configure(now(), settings_of(generation));
}

void Supervisor::update_alerts() {
    if (alerts_ && alerts_->is_wanted()) report_to_alerts();
}

void Supervisor::report_to_alerts() {
    ipc::AlertFacts facts;
    facts.problems = most_important(reconciler_.problems(), facts.left_out);
    if (wants_auth_ && !(auth_ && (auth_->is_running() || auth_->problem().empty())))
        facts.daemons.emplace_back(
            "authd", line_of(auth_ ? auth_->problem() : "there is no program", ipc::AlertFacts::kMaxText));
    const bool wants_page = web_ && reconciler_.current().appliance.status_listen.has_value();
    if (wants_page && web_->fd() < 0) facts.daemons.emplace_back("statusd", "see journalctl -u warren");
    if (const auto& waiting = confirmation_.waiting()) {
        facts.pending = waiting->base;
        facts.deadline = waiting->shown;
    }
    facts.events = alert_events_;
    facts.failed_update = failed_update_;
    alerts_->report(std::move(facts));
}

void Supervisor::note_event(const std::string& kind, const std::string& text) {
    WallTime at = read_wall_clock();
    if (!alert_events_.empty()) at = std::max(at, WallTime{alert_events_.back().at.nanoseconds + 1});
    alert_events_.push_back({at, kind, line_of(text, ipc::AlertEvent::kMaxText)});
    if (alert_events_.size() > ipc::AlertFacts::kMaxEvents) alert_events_.erase(alert_events_.begin());
}

// What the image's start leaves there when the version that was installed last did not hold.
void Supervisor::look_for_failed_update() {
    if (!alerts_ || now() < update_looked_at_ + seconds(10)) return;
    update_looked_at_ = now();
    config::FileStamp stamp;
    const UniqueFd file(::open(run_dir_.file("update.failed").c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    const auto text = config::read_all(file, 4096, stamp);
    failed_update_ = text ? line_of(*text, kMaxUpdateText) : std::string();
    if (text && failed_update_.empty()) failed_update_ = "see vpnctl update";
}

}  // namespace warren::stacks
