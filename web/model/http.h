// HTTP requests and replies as plain values, and parsers for their parts. Pure; web/rim/server.cc does the I/O.
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
    std::string accept_encoding;
    std::string content_type;
    std::string last_event_id;
    std::string body;
    IpAddress remote;
};

struct Reply {
    unsigned status = 200;
    std::string content_type;
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;  // in addition to the security headers
};

using Headers = std::vector<std::pair<std::string_view, std::string_view>>;
// Sent with every reply.
[[nodiscard]] const Headers& security_headers();

// An error reply (RFC 9457). The same status and detail give the same bytes.
[[nodiscard]] Reply problem(unsigned status, std::string detail = {});
[[nodiscard]] std::string_view reason_phrase(unsigned status);

// A request target in origin form, percent-decoded.
struct Target {
    std::string path;                                        // begins with "/"
    std::vector<std::string> segments;                       // of the path, each decoded; only the last may be empty
    std::vector<std::pair<std::string, std::string>> query;  // in order
    [[nodiscard]] const std::string* find(std::string_view name) const;
};
// Nothing unless it starts with "/", every "%" precedes two hex digits, and no control character results.
[[nodiscard]] std::optional<Target> parse_target(std::string_view text);

// The value of a cookie (RFC 6265 §5.4: name=value; name=value), the first if it occurs twice. Nothing when absent.
[[nodiscard]] std::optional<std::string> cookie_value(std::string_view header, std::string_view name);
// Whether Accept-Encoding names gzip (or "*") with a weight above zero (RFC 9110 §12.5.3). False without the header:
// who does not ask for gzip may be unable to read it.
[[nodiscard]] bool accepts_gzip(std::string_view header);
// The token of "Bearer TOKEN"; nothing for any other header.
[[nodiscard]] std::optional<std::string> bearer_token(std::string_view header);
// What counts as one client: an IPv4 address (also in its mapped form), or an IPv6 /64.
[[nodiscard]] IpAddress site_of(const IpAddress& address);
// The host of "name:port" or "[::1]:port", in lower case; "" when it is malformed.
[[nodiscard]] std::string host_name(std::string_view header);

}  // namespace warren::web
