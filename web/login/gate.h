// Authentication: users, tokens, sessions and back-off. Pure except for random tokens.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "access/users.h"
#include "base/time.h"
#include "web/login/devices.h"
#include "web/login/sessions.h"
#include "web/login/viewer.h"
#include "web/model/backoff.h"
#include "web/model/http.h"

namespace warren::web {

inline constexpr std::string_view kCookie = "__Host-warren";

// A password to verify. That takes 64 MB and 100 ms; the caller does it on another thread, in the order of
// client.rank, and then calls finish_login() or abandon_login().
struct PasswordCheck {
    Backoff::Client client;
    std::string password;
    std::string argon2id;  // for an unknown user: a hash that no password matches
};

// One thread.
class Gate {
  public:
    // `unmatchable`: the hash used for unknown users.
    explicit Gate(std::string unmatchable);

    // Ends the sessions of users that were removed or changed.
    void set_users(access::Users users) { users_ = std::move(users); }
    [[nodiscard]] const access::Users& users() const { return users_; }
    [[nodiscard]] std::size_t sessions() const { return sessions_.size(); }
    // The secret behind the cookies of known devices. The one that the constructor makes ends with the process.
    void set_device_key(std::string key) { devices_ = Devices(std::move(key)); }

    // How a client authenticates: the bearer token if there is one, else the cookie.
    struct Credential {
        std::string text;
        bool is_token = false;
    };
    [[nodiscard]] static std::optional<Credential> credential_of(const Request& request);
    // Nothing when the credential is invalid. `is_use` false: does not extend the session.
    [[nodiscard]] std::optional<Viewer> admit(Now now, const Credential& credential, bool is_use);

    // Either a check to make, or the time to wait.
    struct Attempt {
        std::optional<PasswordCheck> check;
        Duration wait = Duration::zero();
    };
    // `device`: the value of the cookie kDeviceCookie, "" without one.
    [[nodiscard]] Attempt begin_login(Now now, std::string user, std::string password, const IpAddress& remote,
                                      std::string_view device = {});
    struct Login {
        std::string session;  // the token of the new session
        std::string device;   // the value of the cookie kDeviceCookie
    };
    // `matched`: the result of the check. Nothing when the password was wrong, or the user changed meanwhile.
    [[nodiscard]] std::optional<Login> finish_login(Now now, const PasswordCheck& check, bool matched);
    // The password was not checked; that is not a failed attempt.
    void abandon_login(const PasswordCheck& check) { backoff_.abandon(check.client); }
    void log_out(const Credential& credential);
    // Changes are unlocked by stackd's ticket, or locked by "".
    void keep_ticket(const Credential& credential, const std::string& ticket) {
        if (!credential.is_token) sessions_.keep_ticket(credential.text, ticket);
    }

  private:
    access::Users users_;
    SessionStore sessions_;
    Backoff backoff_;
    std::string unmatchable_;
    Devices devices_;
};

}  // namespace warren::web
