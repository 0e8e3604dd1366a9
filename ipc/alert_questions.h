// vpnctl <-> alertd, over RUN_DIR/alert.sock: what is open, what waits for whom, and a delivery to try. One question
// on a connection.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"

namespace warren::ipc {

// From vpnctl.
struct AlertQuestion {
    bool test = false;  // each receiver gets a test; the answer comes when all have answered
};

// What is the matter now.
struct OpenAlert {
    WallTime since{};
    std::string kind;
    std::string customer;  // "": the appliance
    std::string name;      // of a peer or another thing of the customer's; "": it
    std::string text;
};

struct AlertReceiver {
    std::string name;             // "webhook", "syslog", "mail"
    std::string where;            // without a secret
    bool works = false;           // of the test; else of the last delivery
    std::string answer;           // its own words, or why there is none; "": nothing was delivered yet
    std::uint32_t waiting = 0;    // alerts
    std::uint64_t delivered = 0;  // since alertd began
    std::uint64_t dropped = 0;    // likewise: too many, too old, or refused
};

struct AlertAnswer {
    static constexpr std::size_t kMostOpen = 200;

    std::vector<OpenAlert> open;  // the oldest first, at most kMostOpen; none with a test
    std::uint32_t open_left_out = 0;
    std::vector<AlertReceiver> receivers;
    std::string problem;  // why not, or what else is wrong; "": nothing
};

using AlertTalk = std::variant<AlertQuestion, AlertAnswer>;

[[nodiscard]] Status encode(const AlertTalk& message, std::vector<std::uint8_t>& wire);
[[nodiscard]] Result<AlertTalk> decode_alert_talk(Bytes wire);

}  // namespace warren::ipc
