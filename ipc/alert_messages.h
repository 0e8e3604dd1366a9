// stackd -> alertd: whom to tell, and what stackd knows that may need a person. alertd asks for a connection to vpnd
// when it has none.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/log_level.h"
#include "base/result.h"
#include "base/time.h"
#include "crypto/secret_buffer.h"
#include "ipc/alert_targets.h"
#include "ipc/control_messages.h"

namespace warren::ipc {

// No descriptor. The first message, and again whenever the level changes.
struct AlertLogLevel {
    LogLevel level = LogLevel::kInfo;
};

// [alerts] of warren.toml; it replaces the last one.
struct AlertSettings {
    std::string appliance;
    std::uint32_t peer_down_seconds = 0;      // 0: nobody is told
    std::uint32_t customer_down_seconds = 0;  // likewise
    std::string webhook_url;                  // "": none
    crypto::SecretBuffer webhook_key;         // empty: requests are not signed
    std::string syslog_server;                // "": none
    bool syslog_over_tcp = false;
    std::string mail_relay;  // "": none
    bool mail_requires_tls = false;
    std::string mail_user;  // "": no login
    crypto::SecretBuffer mail_password;
    std::string mail_from;
    std::vector<std::string> mail_to;
};

// One descriptor, open for reading and writing: what outlives alertd, of one alertd at a time. None: nothing does.
struct AlertStateFile {
    std::string problem;  // why there is none; "" also without a state directory
};
// One descriptor: a SEQPACKET listener for vpnctl, which asks there (ipc/alert_questions.h).
struct AlertAskers {};
// From alertd when it has no connection to vpnd; at most one until the answer.
struct AlertAsks {};
// The answer. One descriptor: a channel that is connected to vpnd's snapshot listener.
struct AlertSnapshots {};

// Something that happened once.
struct AlertEvent {
    static constexpr std::size_t kMaxText = 300;  // bytes

    WallTime at{};     // differs for each
    std::string kind;  // "configuration_returned", "reload_refused"
    std::string text;
    bool operator==(const AlertEvent&) const = default;
};

// What stackd knows now; it replaces the last one. Sent when it has changed, and every few seconds: so alertd notices a
// stackd that hangs. Each text is one line.
struct AlertFacts {
    static constexpr std::size_t kMaxProblems = 200;
    static constexpr std::size_t kMaxEvents = 8;
    static constexpr std::size_t kMaxText = 300;  // bytes

    std::vector<ControlText> problems;                         // at most kMaxProblems
    std::uint32_t left_out = 0;                                // problems that are not in it
    std::vector<std::pair<std::string, std::string>> daemons;  // that should run and do not: name, why
    std::uint64_t pending = 0;                                 // the revision that comes back unless somebody confirms
    WallTime deadline{};                                       // when; only with `pending`
    std::vector<AlertEvent> events;                            // the latest, oldest first; at most kMaxEvents
    std::string failed_update;                                 // "": the last update did not fail
    bool operator==(const AlertFacts&) const = default;
};

// From alertd, for each AlertFacts: so stackd notices an alertd that hangs, and the status page can show how it goes.
struct AlertAlive {
    std::uint32_t open = 0;            // what is the matter now
    std::vector<AlertTarget> targets;  // at most AlertTarget::kMost
};

// One descriptor: a file with certificates in PEM, each after a line "OWNER NAME", where OWNER is a customer or "-".
struct AlertCertificates {
    static constexpr std::size_t kMaxFile = 8 << 20;  // bytes
};

using AlertMessage = std::variant<AlertLogLevel, AlertSettings, AlertStateFile, AlertAskers, AlertAsks, AlertSnapshots,
                                  AlertFacts, AlertCertificates, AlertAlive>;

[[nodiscard]] Status encode(const AlertMessage& message, std::vector<std::uint8_t>& wire);
[[nodiscard]] Result<AlertMessage> decode_alert(Bytes wire);

}  // namespace warren::ipc
