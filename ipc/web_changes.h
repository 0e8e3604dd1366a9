// What users of the status page change. statusd -> stackd: WebUnlock, WebChange; stackd -> statusd: the answers, and
// WebChanging. No key that must stay secret is in any of them.
//
// stackd believes nothing that statusd says of a user: it checks the password itself, gives a ticket for it, and takes
// the user and what it may do from users.toml and the ticket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/time.h"

namespace warren::ipc {

// Whether changes are possible, and what waits for a confirmation; whenever it differs, and at the start.
struct WebChanging {
    bool allowed = false;       // status.changes
    std::uint64_t pending = 0;  // the revision that comes back unless somebody confirms; 0: nothing waits
    WallTime deadline{};        // when it comes back, as far as the clock is right; only with `pending`
    bool is_returning = false;  // it comes back now: nobody can confirm any more

    bool operator==(const WebChanging&) const = default;
};

// A user asks to change something, and shows who it is.
struct WebUnlock {
    static constexpr std::size_t kMaxPassword = 1024;  // bytes

    std::uint32_t id = 0;  // of the answer
    std::string user;
    std::string password;
};

enum class WebVerdict : std::uint8_t {
    kDone,
    kLocked,     // the password is wrong, or there is no such ticket (any more)
    kForbidden,  // this user may not, or nobody may
    kNotFound,   // no such customer or peer
    kConflict,   // something is there already, or waits, or was changed by somebody else
    kInvalid,    // the customer's file would have errors
    kBusy,       // too often, or too many at once
    kFailed,
};

struct WebUnlocked {
    std::uint32_t id = 0;
    WebVerdict verdict = WebVerdict::kFailed;
    std::string text;    // why not, for people
    std::string ticket;  // kDone: 32 random bytes as text
};

enum class WebAction : std::uint8_t {
    kAddDevice,  // a peer of WireGuard with the next free addresses of the customer's pool
    kEnablePeer,
    kDisablePeer,
    kSuspend,  // the customer
    kResume,
    kConfirm,  // `pending` stays undone
    kGoBack,   // `pending` comes back now
};

struct WebChange {
    static constexpr std::size_t kMaxText = 512;  // bytes, of each text

    std::uint32_t id = 0;
    std::string ticket;
    WebAction action = WebAction::kEnablePeer;
    std::string customer;       // not of kConfirm and kGoBack
    std::string peer;           // name; of kAddDevice, kEnablePeer and kDisablePeer
    std::string description;    // of kAddDevice
    std::string public_key;     // of kAddDevice, in base64: the device keeps the private one
    std::uint64_t pending = 0;  // of kConfirm and kGoBack: what the user saw
};

struct WebChanged {
    static constexpr std::size_t kMaxText = 4096;  // bytes

    std::uint32_t id = 0;
    WebVerdict verdict = WebVerdict::kFailed;
    std::string text;     // for people: what was done, or why not
    std::string profile;  // of kAddDevice: for wg-quick, with a placeholder in the place of the private key
};

}  // namespace warren::ipc
