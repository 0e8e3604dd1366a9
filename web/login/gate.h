// Who asks? Users, tokens, sessions and back-off together: the rules of access. Pure but for fresh tokens.
#pragma once

#include <optional>
#include <string>

#include "access/users.h"
#include "base/time.h"
#include "web/login/sessions.h"
#include "web/login/viewer.h"
#include "web/model/backoff.h"
#include "web/model/http.h"

namespace warren::web {

inline constexpr std::string_view kCookie = "__Host-warren";

// A password to check, which takes 64 MB and 100 ms and is not done here.
struct PasswordCheck {
    std::string user;
    std::string password;
    std::string argon2id;  // of a user there is not: one that nothing matches
    IpAddress remote;
};

// One thread.
class Gate {
  public:
    // `unmatchable`: what passwords are compared with for users there are not.
    explicit Gate(std::string unmatchable) : unmatchable_(std::move(unmatchable)) {}

    // Sessions of users who are gone or changed end.
    void set_users(access::Users users) { users_ = std::move(users); }
    [[nodiscard]] const access::Users& users() const { return users_; }
    [[nodiscard]] std::size_t sessions() const { return sessions_.size(); }

    // How somebody showed who he is: a bearer token if there is one, else the cookie. `is_use` false: only a look, a
    // session does not live longer by it.
    struct Credential {
        std::string text;
        bool is_token = false;
    };
    [[nodiscard]] static std::optional<Credential> credential_of(const Request& request);
    [[nodiscard]] std::optional<Viewer> admit(Now now, const Credential& credential, bool is_use);

    // Either a check to make, or how long to wait.
    struct Attempt {
        std::optional<PasswordCheck> check;
        Duration wait = Duration::zero();
    };
    [[nodiscard]] Attempt begin_login(Now now, std::string user, std::string password, const IpAddress& remote);
    // The check is made. The token of the new session; nothing when the password was wrong, or the user changed
    // meanwhile.
    [[nodiscard]] std::optional<std::string> finish_login(Now now, const PasswordCheck& check, bool matched);
    void log_out(const Credential& credential);

  private:
    access::Users users_;
    SessionStore sessions_;
    Backoff backoff_;
    std::string unmatchable_;
};

}  // namespace warren::web
