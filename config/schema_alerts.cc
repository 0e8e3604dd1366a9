#include "config/schema_alerts.h"

#include <array>

#include "config/alerts.h"

namespace warren::config {

namespace {

constexpr auto kAppliance = Document::kAppliance;
constexpr std::array<std::string_view, 1> kOff{"off"};
constexpr std::array<std::string_view, 2> kProtocols{"udp", "tcp"};
constexpr std::array<std::string_view, 2> kTls{"offered", "required"};

// clang-format off
constexpr Key kSchema[] = {
    {.document = kAppliance, .path = "alerts", .type = Type::kTable,
     .doc = "Who is told when something needs a person, and when it is over: of customers and peers that are down, "
            "quotas, keys and certificates that expire, a configuration that was refused, waits for a confirmation or "
            "was taken back, a failed update, daemons that do not run. Without this table nobody is."},
    {.document = kAppliance, .path = "alerts.peer_down_after", .type = Type::kDuration, .min = 10, .max = 86'400,
     .choices = kOff, .default_text = "\"off\"",
     .doc = "Tell of a peer or an IPsec connection that was up and is down for so long, and when it is up again. A "
            "WireGuard peer is down once its last handshake is 180 s old, so peers need persistent_keepalive for this: "
            "one that has nothing to send looks the same.", .example = "\"10 min\""},
    {.document = kAppliance, .path = "alerts.customer_down_after", .type = Type::kDuration, .min = 10, .max = 86'400,
     .choices = kOff, .default_text = "\"1 min\"",
     .doc = "Tell of a customer that had tunnels and has none for so long, and when it has one again.",
     .example = "\"5 min\""},
    {.document = kAppliance, .path = "alerts.webhook", .type = Type::kTable,
     .doc = "Alerts are sent as JSON in an HTTP POST. An answer of 2xx is a delivery."},
    {.document = kAppliance, .path = "alerts.webhook.url", .type = Type::kHttpUrl, .required = true,
     .doc = "Where to. The certificate of an https server must be of a CA that the system trusts.",
     .example = "\"https://alerts.example.net/warren\""},
    {.document = kAppliance, .path = "alerts.webhook.key", .type = Type::kSecret,
     .doc = "A key that the receiver knows: the name of a file below secrets/ with at least 20 characters. Each "
            "request has `Warren-Signature: t=SECONDS,v1=HEX`: HMAC-SHA256 with the key over SECONDS, a dot and the "
            "body.",
     .example = "{ secret = \"webhook\" }"},
    {.document = kAppliance, .path = "alerts.syslog", .type = Type::kTable,
     .doc = "Alerts are sent to a syslog server in the form of RFC 5424."},
    {.document = kAppliance, .path = "alerts.syslog.server", .type = Type::kHostPort, .required = true,
     .doc = "The syslog server.", .example = "\"log.example.net:514\""},
    {.document = kAppliance, .path = "alerts.syslog.protocol", .type = Type::kChoice, .choices = kProtocols,
     .default_text = "\"udp\"",
     .doc = "`udp` (RFC 5426): nobody learns of a message that is lost. `tcp` (RFC 6587, octet counting): one that "
            "cannot be sent is sent again.", .example = "\"tcp\""},
    {.document = kAppliance, .path = "alerts.mail", .type = Type::kTable,
     .doc = "Alerts are sent as mail by a relay. Those that wait are sent together."},
    {.document = kAppliance, .path = "alerts.mail.relay", .type = Type::kHostPort, .required = true,
     .doc = "The relay, which speaks SMTP.", .example = "\"mail.example.net:587\""},
    {.document = kAppliance, .path = "alerts.mail.tls", .type = Type::kChoice, .choices = kTls,
     .default_text = "\"offered\"",
     .doc = "`offered`: STARTTLS when the relay offers it, whatever its certificate. `required`: STARTTLS, and a "
            "certificate of a CA that the system trusts. With a password always `required`.",
     .example = "\"required\""},
    {.document = kAppliance, .path = "alerts.mail.user", .type = Type::kTitle,
     .doc = "The user to log in as. Absent: no login.", .example = "\"warren\""},
    {.document = kAppliance, .path = "alerts.mail.password", .type = Type::kSecret,
     .doc = "The user's password: the name of a file below secrets/ with one line. It is never sent without TLS.",
     .example = "{ secret = \"relay\" }"},
    {.document = kAppliance, .path = "alerts.mail.from", .type = Type::kMailbox, .required = true,
     .doc = "The sender.", .example = "\"warren@example.net\""},
    {.document = kAppliance, .path = "alerts.mail.to", .type = Type::kMailboxes, .required = true, .min = 1,
     .max = kMaxMailRecipients, .doc = "The recipients.", .example = "[\"noc@example.net\"]"},
};
// clang-format on

}  // namespace

std::span<const Key> alerts_schema() {
    return kSchema;
}

}  // namespace warren::config
