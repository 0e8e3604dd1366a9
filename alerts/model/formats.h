// Alerts as receivers read them. Whatever names and texts hold, none of it leaves its place: not out of a string of
// JSON, a parameter or line of syslog, or a header of a mail. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/model/alert.h"
#include "alerts/model/outbox.h"
#include "base/bytes.h"
#include "base/time.h"

namespace warren::alerts {

// Valid UTF-8 without control characters: what is not is "?" or a space.
[[nodiscard]] std::string harmless(std::string_view text);

// {"version":1,"appliance":...,"dropped":0,"alerts":[{...}]}
[[nodiscard]] std::string webhook_body(const std::string& appliance, const Outbox::Batch& batch);
// "t=SECONDS,v1=HEX": HMAC-SHA256 over "SECONDS.BODY".
[[nodiscard]] std::string signature(Bytes key, std::int64_t seconds, std::string_view body);

// One message without a frame. RFC 5424 §6: facility daemon, structured data of our own.
[[nodiscard]] std::string syslog_message(const std::string& appliance, const Alert& alert);
// "there were N more": what syslog is told where alerts were dropped.
[[nodiscard]] Alert dropped_alert(std::uint64_t dropped, WallTime now);
// Octet counting, RFC 6587 §3.4.1.
[[nodiscard]] std::string syslog_frame(const std::string& message);

struct Envelope {
    std::string appliance;
    std::string from;
    std::vector<std::string> to;
};
// RFC 5322, with lines that end in CR LF; the text is UTF-8 in base64.
[[nodiscard]] std::string mail_text(const Envelope& envelope, const Outbox::Batch& batch, WallTime now);

}  // namespace warren::alerts
