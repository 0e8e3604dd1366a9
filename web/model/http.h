// An HTTP request and its answer as plain values, and how the parts of a request are read. Pure; the wire is
// server.cc's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ip.h"

namespace warren::web {

struct Request {
    std::string method;
    std::string target;  // as on the request line
    std::string host;
    std::string origin;
    std::string cookie;
    std::string authorization;
    std::string accept;
    std::string content_type;
    std::string last_event_id;
    std::string body;
    IpAddress remote;
};

struct Reply {
    unsigned status = 200;
    std::string content_type;
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;  // beside those that every answer has
};

using Headers = std::vector<std::pair<std::string_view, std::string_view>>;
// On every answer, whatever it is.
[[nodiscard]] const Headers& security_headers();

// RFC 9457. The same status and detail give the same bytes.
[[nodiscard]] Reply problem(unsigned status, std::string detail = {});
[[nodiscard]] std::string_view reason_phrase(unsigned status);

// A request target in origin form, percent-decoded.
struct Target {
    std::string path;                   // begins with "/"
    std::vector<std::string> segments;  // of the path, decoded each by itself; none is empty but the last
    std::vector<std::pair<std::string, std::string>> query;  // in order
    [[nodiscard]] const std::string* find(std::string_view name) const;
};
// Nothing when it is not "/...", a percent sign is not followed by two digits, or a control character comes out.
[[nodiscard]] std::optional<Target> parse_target(std::string_view text);

// The value of a cookie (RFC 6265 §5.4: name=value; name=value); the first when it is there twice. Nothing when absent.
[[nodiscard]] std::optional<std::string> cookie_value(std::string_view header, std::string_view name);
// The token of "Bearer TOKEN"; nothing when it is something else.
[[nodiscard]] std::optional<std::string> bearer_token(std::string_view header);
// "name:port", "[::1]:port" without the port, in lower case. "" when it is no host.
[[nodiscard]] std::string host_name(std::string_view header);

}  // namespace warren::web
