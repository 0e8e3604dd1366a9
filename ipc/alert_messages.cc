#include "ipc/alert_messages.h"

#include "ipc/control_fields.h"

namespace warren::ipc {

// Found by argument-dependent lookup from the codec, hence not in an anonymous namespace.
static void fields(auto& codec, Is<AlertLogLevel> auto& m) {
    codec(m.level);
}
static void fields(auto& codec, Is<AlertSettings> auto& m) {
    codec(m.appliance, m.peer_down_seconds, m.customer_down_seconds, m.webhook_url, m.webhook_key, m.syslog_server);
    codec(m.syslog_over_tcp, m.mail_relay, m.mail_requires_tls, m.mail_user, m.mail_password, m.mail_from, m.mail_to);
}
static void fields(auto& codec, Is<AlertStateFile> auto& m) {
    codec(m.problem);
}
static void fields(auto&, Is<AlertAskers> auto&) {}
static void fields(auto&, Is<AlertAsks> auto&) {}
static void fields(auto&, Is<AlertSnapshots> auto&) {}
static void fields(auto& codec, Is<AlertEvent> auto& m) {
    codec(m.at, m.kind, m.text);
}
static void fields(auto& codec, Is<AlertFacts> auto& m) {
    codec(m.problems, m.left_out, m.daemons, m.pending, m.deadline, m.events, m.failed_update);
}
static void fields(auto&, Is<AlertCertificates> auto&) {}
static void fields(auto& codec, Is<AlertAlive> auto& m) {
    codec(m.open, m.targets);
}

Status encode(const AlertMessage& message, std::vector<std::uint8_t>& wire) {
    return encode_variant(message, wire);
}

Result<AlertMessage> decode_alert(Bytes wire) {
    return decode_variant<AlertMessage>(wire);
}

}  // namespace warren::ipc
