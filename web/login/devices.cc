#include "web/login/devices.h"

#include <charconv>

#include "access/secrets.h"

namespace warren::web {

namespace {

std::int64_t seconds_of(WallTime time) {
    return time.nanoseconds / 1'000'000'000;
}

}  // namespace

// No part contains the separator: ids and expiries are base64url and digits, names have no space.
std::string Devices::proof(const access::User& user, std::string_view id, std::string_view expires) const {
    std::string text = "device " + user.name + ' ' + user.password + ' ';
    text.append(id).append(" ").append(expires);
    return access::hmac_hex(key_, text);
}

std::string Devices::issue(WallTime now, const access::User& user) const {
    const std::string id = access::random_token();
    const std::string expires = std::to_string(seconds_of(now) + kLifetime.count());
    return id + '.' + expires + '.' + proof(user, id, expires);
}

std::optional<std::string> Devices::recognize(WallTime now, const access::User& user, std::string_view cookie) const {
    const auto first = cookie.find('.');
    const auto second = first == std::string_view::npos ? first : cookie.find('.', first + 1);
    if (second == std::string_view::npos) return std::nullopt;
    const std::string_view id = cookie.substr(0, first);
    const std::string_view expires = cookie.substr(first + 1, second - first - 1);
    if (!access::equal_secrets(proof(user, id, expires), cookie.substr(second + 1))) return std::nullopt;
    std::int64_t until = 0;
    std::from_chars(expires.data(), expires.data() + expires.size(), until);
    if (seconds_of(now) >= until) return std::nullopt;
    return std::string(id);
}

}  // namespace warren::web
