// The sessions of users. They are stored under the hash of their token, so this memory does not contain a valid token.
// Pure; the caller makes the token.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>

#include "access/users.h"
#include "base/time.h"

namespace warren::web {

struct Session {
    access::User user;  // as at the login
    Now begun;
    Now used;
    std::string ticket{};  // from stackd, for changes; "": its user has not shown its password for them
};

// One thread.
class SessionStore {
  public:
    static constexpr Duration kIdle = std::chrono::minutes(30);
    static constexpr Duration kAbsolute = std::chrono::hours(8);
    static constexpr std::size_t kMaxPerUser = 16;  // a new one replaces the one unused for longest
    static constexpr std::size_t kMax = 1024;

    // `token`: 32 random bytes as text, for the cookie.
    void begin(Now now, const std::string& token, const access::User& user);
    // The session of a token; nullptr when there is none, it has expired, or its user was changed or removed. `is_use`:
    // extends the session.
    [[nodiscard]] const Session* find(Now now, const std::string& token, const access::Users& users, bool is_use);
    void end(const std::string& token);
    // "": it has none any more. Nothing when the session is over.
    void keep_ticket(const std::string& token, const std::string& ticket);
    [[nodiscard]] std::size_t size() const { return sessions_.size(); }

  private:
    [[nodiscard]] static bool is_over(Instant now, const Session& session);
    void make_room(Instant now, const std::string& user);

    std::unordered_map<std::string, Session> sessions_;  // by the token's hash
};

}  // namespace warren::web
