// Who is logged in. Sessions are known by the hash of what the browser holds: a look into this memory gives nobody a
// session. Pure but for the token, which the caller brings.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>

#include "access/users.h"
#include "base/time.h"

namespace warren::web {

struct Session {
    access::User user;  // as he was when he logged in
    Now begun;
    Now used;
};

// One thread.
class SessionStore {
  public:
    static constexpr Duration kIdle = std::chrono::minutes(30);
    static constexpr Duration kAbsolute = std::chrono::hours(8);
    static constexpr std::size_t kMaxPerUser = 16;  // the longest unused one goes
    static constexpr std::size_t kMax = 1024;

    // `token`: 32 random bytes as text, for the cookie.
    void begin(Now now, const std::string& token, const access::User& user);
    // The session of a token; nullptr when there is none, or it has expired, or its user is not as he was. `is_use`: it
    // was used now.
    [[nodiscard]] const Session* find(Now now, const std::string& token, const access::Users& users, bool is_use);
    void end(const std::string& token);
    [[nodiscard]] std::size_t size() const { return sessions_.size(); }

  private:
    [[nodiscard]] static bool is_over(Instant now, const Session& session);
    void make_room(Instant now, const std::string& user);

    std::unordered_map<std::string, Session> sessions_;  // by the token's hash
};

}  // namespace warren::web
