// [alerts] of warren.toml: who is told when something needs a person, and of what.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/file_ref.h"

namespace warren::config {

inline constexpr std::size_t kMaxMailRecipients = 16;

enum class SyslogProtocol : std::uint8_t { kUdp, kTcp };
enum class MailTls : std::uint8_t { kOffered, kRequired };

// A POST of JSON.
struct AlertWebhook {
    std::string url;               // http or https
    std::optional<SecretRef> key;  // signs each body; absent: they are not signed
    bool operator==(const AlertWebhook&) const = default;
};

// RFC 5424.
struct AlertSyslog {
    std::string server;  // a name or an address, and a port
    SyslogProtocol protocol = SyslogProtocol::kUdp;
    bool operator==(const AlertSyslog&) const = default;
};

struct AlertMail {
    std::string relay;  // a name or an address, and a port
    MailTls tls = MailTls::kOffered;
    std::string user;  // "": no login
    std::optional<SecretRef> password;
    std::string from;
    std::vector<std::string> to;
    bool operator==(const AlertMail&) const = default;
};

struct Alerts {
    std::chrono::seconds peer_down_after{0};  // 0: nobody is told of peers and connections
    std::chrono::seconds customer_down_after{60};
    std::optional<AlertWebhook> webhook;
    std::optional<AlertSyslog> syslog;
    std::optional<AlertMail> mail;
    bool operator==(const Alerts&) const = default;
};

// "https://alerts.example.net/warren": http or https, a name or an address, no user, no white space.
[[nodiscard]] bool is_http_url(std::string_view text);
// "noc@example.net", as it may stand in an SMTP command and a header without quotes.
[[nodiscard]] bool is_mailbox(std::string_view text);

}  // namespace warren::config
