// stackd -> statusd: what it needs, as descriptors, each replaced by a later one of its kind; and which customers were
// renamed. statusd sends requests: for a connection to vpnd when it has none, for a new database of the past when the
// one that it has cannot be used, for what its users want changed, and for what is in a stack that they look at.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/log_level.h"
#include "base/result.h"
#include "ipc/alert_targets.h"
#include "ipc/control_messages.h"
#include "ipc/web_changes.h"
#include "ipc/web_look.h"

namespace warren::ipc {

// One descriptor: a TCP listener, non-blocking.
struct WebListener {
    std::string address;  // "127.0.0.1:8443"
};
// From statusd when it has no connection to vpnd; at most one until the answer.
struct WebAsks {};
// The answer. One descriptor: a channel that is connected to vpnd's snapshot listener.
struct WebSnapshots {};
// One descriptor: users.toml, open for reading; none when there is no such file.
struct WebUsers {
    std::string problem;  // "" unless the file exists and cannot be opened
};
// One descriptor: the certificate and its key, PEM. Open for writing when it is empty: statusd then makes both. None
// when the file cannot be opened: statusd makes both and does not keep them.
struct WebCertificate {
    std::string appliance;  // a name the certificate is made for
};

// No descriptor. The first message, and again whenever the level changes.
struct WebLogLevel {
    LogLevel level = LogLevel::kInfo;
};

// What stackd could not do and what is still not resolved; it replaces the last one. Each text is one line. Sent when
// it has changed, and every few seconds: so statusd notices a stackd that hangs.
struct WebProblems {
    static constexpr std::size_t kMax = 200;
    static constexpr std::size_t kMaxText = 300;  // bytes
    std::vector<ControlText> problems;            // at most kMax
    std::uint32_t left_out = 0;
};

// One descriptor: a file with the customers' stacks (ipc/web_stacks.h), by the ids that they have after all WebRenames
// before it.
struct WebStacks {};

// Customers have other ids in snapshots of this generation and later ones. Sent before vpnd gets it, so that statusd
// has it before any such snapshot. vpnd may never show this generation, and what is taken back comes with a later
// number: those up to the generation of a snapshot add up, one after the other.
struct WebRenames {
    static constexpr std::size_t kMax = 500;

    std::uint64_t generation = 0;
    std::vector<std::pair<std::string, std::string>> renames;  // from, to: all at once; at most kMax
    bool more = false;                                         // the next message has more of the same
};

// Two descriptors, open for reading and writing: the database of the past and its write-ahead log, of one statusd at a
// time. None: there is no past beyond this process.
struct WebPast {
    std::string problem;  // why there is none; "" also without a state directory
};
// From statusd: SQLite cannot use the database of the last WebPast. Another WebPast follows, with a new one.
struct WebPastBroken {
    static constexpr std::size_t kMaxReason = 300;  // bytes

    std::string reason;
};
// One descriptor: a SEQPACKET listener for vpnctl, which asks there (ipc/page_messages.h).
struct WebAskers {};
// One descriptor: a file with the latest revisions (ipc/web_revisions.h), whenever there is a new one. None: there is
// no file that has the revision in force; whose those are that statusd has, nobody knows any more.
struct WebRevisions {
    std::string problem;  // why there is no file; "": there is, or nothing is kept
};

using WebMessage = std::variant<WebListener, WebSnapshots, WebUsers, WebCertificate, WebAsks, WebLogLevel, WebProblems,
                                WebStacks, WebRenames, WebChanging, WebUnlock, WebUnlocked, WebChange, WebChanged,
                                WebPast, WebPastBroken, WebAskers, WebRevisions, WebLook, WebLooked, WebAlerts>;

[[nodiscard]] Status encode(const WebMessage& message, std::vector<std::uint8_t>& wire);
[[nodiscard]] Result<WebMessage> decode_web(Bytes wire);

}  // namespace warren::ipc
