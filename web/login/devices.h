// The devices from which users logged in before: each has a cookie that proves it, so the failed attempts of others do
// not delay it (OWASP, "Slow Down Online Guessing Attacks with Device Cookies"). Nothing is stored here. Pure except
// for random ids.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "access/users.h"
#include "base/time.h"

namespace warren::web {

inline constexpr std::string_view kDeviceCookie = "__Host-warren-device";

class Devices {
  public:
    // From the last login on.
    static constexpr std::chrono::seconds kLifetime = std::chrono::hours(24 * 180);

    // `key`: a secret. Another key invalidates all cookies.
    explicit Devices(std::string key) : key_(std::move(key)) {}

    // The cookie's value, for a device from which `user` has just logged in.
    [[nodiscard]] std::string issue(WallTime now, const access::User& user) const;
    // The id of a device of this user; nothing for any other cookie, an expired one, or one from before the password
    // changed.
    [[nodiscard]] std::optional<std::string> recognize(WallTime now, const access::User& user,
                                                       std::string_view cookie) const;

  private:
    [[nodiscard]] std::string proof(const access::User& user, std::string_view id, std::string_view expires) const;

    std::string key_;
};

}  // namespace warren::web
