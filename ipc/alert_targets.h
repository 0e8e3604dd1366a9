// Whom alertd tells, and how that goes: alertd -> stackd, and stackd -> statusd (WebAlerts). Without any secret.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "ipc/fields.h"

namespace warren::ipc {

struct AlertTarget {
    static constexpr std::size_t kMost = 8;       // of them
    static constexpr std::size_t kMaxText = 300;  // bytes, of each text

    std::string name;             // "webhook", "syslog", "mail"
    std::string where;            // without a secret
    bool works = false;           // the last delivery
    std::string answer;           // its own words, or why there is none; "": nothing was delivered yet
    std::uint32_t waiting = 0;    // alerts
    std::uint64_t delivered = 0;  // since alertd began
    std::uint64_t dropped = 0;    // likewise: too many, too old, or refused
    WallTime last_at{};           // of the last delivery; 0: none yet
    std::string last_text;        // of the last alert that was delivered

    bool operator==(const AlertTarget&) const = default;
};
void fields(auto& codec, Is<AlertTarget> auto& m) {
    codec(m.name, m.where, m.works, m.answer, m.waiting, m.delivered, m.dropped, m.last_at, m.last_text);
}

// Whenever it differs, and at the start.
struct WebAlerts {
    bool is_wanted = false;  // warren.toml has [alerts]
    bool is_running = false;
    std::uint32_t open = 0;  // what is the matter now
    std::vector<AlertTarget> targets;

    bool operator==(const WebAlerts&) const = default;
};
void fields(auto& codec, Is<WebAlerts> auto& m) {
    codec(m.is_wanted, m.is_running, m.open, m.targets);
}

}  // namespace warren::ipc
