#include "config/alerts.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/alert_keys.h"
#include "config/quantity.h"
#include "config/read.h"

namespace warren::config {

namespace {

bool is_plain(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_domain_text(std::string_view text) {
    return !text.empty() && text.size() <= 253 && is_plain(text.front()) && is_plain(text.back()) &&
           std::all_of(text.begin(), text.end(), [](char c) { return is_plain(c) || c == '.' || c == '-'; });
}

}  // namespace

bool is_http_url(std::string_view text) {
    const std::size_t scheme = text.starts_with("https://") ? 8 : text.starts_with("http://") ? 7 : 0;
    if (scheme == 0 || text.size() > 1024) return false;
    const bool printable = std::all_of(text.begin(), text.end(), [](char c) {
        return c > ' ' && c < 0x7f && c != '"' && c != '<' && c != '>' && c != '\\' && c != '#';
    });
    const std::string_view authority = text.substr(scheme, text.find_first_of("/?", scheme) - scheme);
    // A password in a URL would be shown wherever the URL is.
    return printable && !authority.empty() && authority.find('@') == std::string_view::npos && authority.front() != ':';
}

bool is_mailbox(std::string_view text) {
    const auto at = text.find('@');
    if (at == std::string_view::npos || at == 0 || at > 64) return false;
    const std::string_view local = text.substr(0, at);
    // RFC 5321 §4.1.2, a Dot-string.
    return is_domain_text(text.substr(at + 1)) && std::all_of(local.begin(), local.end(), [](char c) {
               return is_plain(c) || std::string_view("!#$%&'*+-/=?^_`{|}~.").find(c) != std::string_view::npos;
           });
}

// --- reading -------------------------------------------------------------------------------------

// Found by argument-dependent lookup from the templates of config/read.h, hence not in an anonymous namespace.

static void read(const Node* node, std::chrono::seconds& to) {
    if (node != nullptr && node->kind == Node::Kind::kString)
        to = parse_duration(node->text).value_or(std::chrono::seconds(0));
}

static void read(const Node* node, SyslogProtocol& to) {
    if (node != nullptr && node->text == "tcp") to = SyslogProtocol::kTcp;
}

static void read(const Node* node, MailTls& to) {
    if (node != nullptr && node->text == "required") to = MailTls::kRequired;
}

static void read(const Node* node, AlertWebhook& to) {
    read(node->find("url"), to.url);
    read(node->find("key"), to.key);
}

static void read(const Node* node, AlertSyslog& to) {
    read(node->find("server"), to.server);
    read(node->find("protocol"), to.protocol);
}

static void read(const Node* node, AlertMail& to) {
    read(node->find("relay"), to.relay);
    read(node->find("tls"), to.tls);
    read(node->find("user"), to.user);
    read(node->find("password"), to.password);
    read(node->find("from"), to.from);
    read(node->find("to"), to.to);
}

static void read(const Node* node, Alerts& to) {
    read(node->find("peer_down_after"), to.peer_down_after);
    read(node->find("customer_down_after"), to.customer_down_after);
    read(node->find("webhook"), to.webhook);
    read(node->find("syslog"), to.syslog);
    read(node->find("mail"), to.mail);
}

void read_alerts(const Node& root, Appliance& to) {
    read(root.find("alerts"), to.alerts);
}

// --- secrets, checks, differences ----------------------------------------------------------------

void add_secrets(const Alerts& alerts, std::vector<NamedSecret>& out) {
    if (alerts.webhook && alerts.webhook->key)
        out.push_back({*alerts.webhook->key, "alerts.webhook.key.secret", "alerts.webhook.key",
                       "openssl rand -base64 33", FileForm::kPsk});
    if (alerts.mail && alerts.mail->password)
        out.push_back(
            {*alerts.mail->password, "alerts.mail.password.secret", "alerts.mail.password", "", FileForm::kPassword});
}

void check_alerts(const Parsed<Appliance>& appliance, std::vector<Diagnostic>& out) {
    if (!appliance.value.alerts) return;
    const Alerts& alerts = *appliance.value.alerts;
    if (!alerts.webhook && !alerts.syslog && !alerts.mail)
        out.push_back(appliance.source.error(
            "alerts",
            "alerts: names nobody to tell; accepted: at least one of [alerts.webhook], [alerts.syslog] and "
            "[alerts.mail]"));
    if (!alerts.mail) return;
    if (alerts.mail->user.empty() && alerts.mail->password)
        out.push_back(appliance.source.error(
            "alerts.mail.password", "alerts.mail.password: there is no alerts.mail.user whose password it is"));
    if (!alerts.mail->user.empty() && !alerts.mail->password)
        out.push_back(appliance.source.error("alerts.mail.user", "alerts.mail.user: lacks alerts.mail.password"));
}

void flatten(const Alerts& alerts, std::map<std::string, std::string>& out) {
    out["alerts.peer_down_after"] = alerts.peer_down_after.count() == 0 ? "off" : duration_text(alerts.peer_down_after);
    out["alerts.customer_down_after"] =
        alerts.customer_down_after.count() == 0 ? "off" : duration_text(alerts.customer_down_after);
    if (alerts.webhook) out["alerts.webhook.url"] = alerts.webhook->url;
    if (alerts.syslog) {
        out["alerts.syslog.server"] = alerts.syslog->server;
        out["alerts.syslog.protocol"] = alerts.syslog->protocol == SyslogProtocol::kTcp ? "tcp" : "udp";
    }
    if (!alerts.mail) return;
    out["alerts.mail.relay"] = alerts.mail->relay;
    out["alerts.mail.tls"] = alerts.mail->tls == MailTls::kRequired ? "required" : "offered";
    if (!alerts.mail->user.empty()) out["alerts.mail.user"] = alerts.mail->user;
    out["alerts.mail.from"] = alerts.mail->from;
    out["alerts.mail.to"] = fmt::format("{}", fmt::join(alerts.mail->to, ", "));
}

}  // namespace warren::config
