// vpnctl -> stackd: an operator's requests, on RUN_DIR/control.sock (SEQPACKET, root only).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ip.h"
#include "base/log_level.h"
#include "base/result.h"
#include "ipc/ipsec.h"

namespace warren::ipc {

enum class ControlVerb : std::uint8_t {
    kApply,          // load the config again and apply it
    kDiff,           // what kApply would do, without doing it
    kStatus,         // facts, and every problem that remains since the last apply
    kUsers,          // users.toml changed: statusd must read it again
    kLogLevel,       // the level of all daemons, changed first when the request has one; a fact for each: "vpnd debug"
    kApplyRemoving,  // kApply, and many customers may be removed; with a `customer` that one, and no others
    kReplaceVpnd,    // start vpnd's program anew; its sessions go on
    kResetPeer,      // begin anew with `customer`'s `peer`
    kOperateConnection,  // `action` with the connection `peer` of `customer`
    kConfirm,            // the configuration in force stays: it waits no more
    kGoBack,             // the configuration in force waits for kConfirm: the one before comes back now
    kCheck,              // what is wrong with the files; with a `customer` with this one, once its file is as its draft
                         // (draft_path) says. Nothing changes. Facts: "directory DIR", "customers 10000"
    kCapture,  // `customer`'s packets, of `peer` alone when there is one, go to the socket that comes with the
               // request (ipc/capture.h)
    // Of a group of the fleet; each may be repeated. The stacks are made, and nothing is served:
    kGroupPrepare,
    kGroupServe,   // served at `addresses` until `until`; once more before that: longer
    kGroupStop,    // not served from now on
    kGroupStatus,  // a fact for each group that is served: "group 7 12 ADDRESS...": epoch 12
    // To fleetd:
    kFleetStatus,   // facts for people: its nodes and groups
    kFleetMove,     // `group` goes from this node to the node `peer`; "": to its standby
    kFleetDrain,    // all groups of this node go to others, and it takes none
    kFleetUndrain,  // it takes groups again
    // To stackd again:
    kWake,  // `customer` gets its stack, if it is parked, and keeps it as after a packet
};

inline constexpr std::size_t kMaxComment = 400;
// Where kCheck reads the text that a customer's file is to get. No file of the configuration.
[[nodiscard]] inline std::string draft_path(const std::string& directory, const std::string& customer) {
    return directory + "/customers/." + customer + ".toml.draft";
}
inline constexpr std::size_t kMaxClaimedUser = 64;
inline constexpr std::size_t kMaxGroupAddresses = 2;

struct ControlRequest {
    ControlVerb verb = ControlVerb::kStatus;
    std::optional<LogLevel> log_level = std::nullopt;  // kLogLevel only
    std::string customer{};  // kResetPeer, kOperateConnection, kCapture and kWake; kApplyRemoving: who alone may be
                             // removed; kStatus: whose disabled peers are all told
    std::string peer{};      // kResetPeer, kOperateConnection and kCapture only
    std::optional<ConnectionAction> action = std::nullopt;  // kOperateConnection only
    // The rest: kApply and kApplyRemoving only.
    std::uint32_t confirm_seconds = 0;  // the configuration before comes back after these, unless kConfirm comes; 0: it
                                        // does not
    std::string only{};                 // the file of this customer comes into force, and no other; "": all
    std::string comment{};              // for the history; of kCapture its filter; at most kMaxComment bytes
    std::string
        claimed_user{};  // who ran vpnctl, as that says, also of kGoBack and kCapture; at most kMaxClaimedUser bytes
    // The rest: kGroup... only.
    std::uint16_t group = 0;
    std::uint64_t epoch = 0;             // grows with each change of the group's owner
    std::uint64_t until = 0;             // nanoseconds of CLOCK_BOOTTIME
    std::vector<IpAddress> addresses{};  // of the group, at most one of a family
};

// A piece of the answer, in order; then one ControlDone.
struct ControlText {
    enum class Kind : std::uint8_t {
        kStep,
        kDiagnostic,
        kNote,
        kFact,
        kUnserved,
        kQuestion,
        kChange,
        kLastGood,
        kIncomplete
    };
    Kind kind = Kind::kNote;
    std::string customer;  // "" = the appliance
    std::string text;      // kChange: what the operator changed; kStep: one planned step; kDiagnostic:
                           // file:line:column: error: ... with its line and caret; kNote: what could not be done;
                           // kIncomplete: what the customer's stack lacks; kFact: stackd's state, "pid 12, up 60 s",
                           // "unconfirmed 12 250": 12 comes back in 250 s, "revision 13": is in force (0: not kept), or
                           // with a customer its disabled peers (ipc/disabled_peers.h); kUnserved: why a customer that
                           // has a file is not in force; kQuestion: why nothing was done, and kApplyRemoving would do
                           // it; kLastGood: since when the configuration in force is not that of the files, and why
    bool operator==(const ControlText&) const = default;
};

struct ControlDone {
    std::uint8_t exit_status =
        0;  // vpnctl's exit status: 0 done, 1 the answer is no (differences, invalid files), 4 refused or failed
    std::uint64_t generation = 0;
    std::string summary;
};

using ControlMessage = std::variant<ControlRequest, ControlText, ControlDone>;

[[nodiscard]] Status encode(const ControlMessage& message, std::vector<std::uint8_t>& wire);
[[nodiscard]] Result<ControlMessage> decode_control(Bytes wire);

}  // namespace warren::ipc
