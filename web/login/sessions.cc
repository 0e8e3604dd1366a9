#include "web/login/sessions.h"

#include "access/secrets.h"

namespace warren::web {

bool SessionStore::is_over(Instant now, const Session& session) {
    return now - session.used.instant >= kIdle || now - session.begun.instant >= kAbsolute;
}

void SessionStore::make_room(Instant now, const std::string& user) {
    std::size_t count = 0;
    auto oldest = sessions_.end();
    auto oldest_of_user = sessions_.end();
    const auto is_older = [this](auto a, auto b) {
        return b == sessions_.end() || a->second.used.instant < b->second.used.instant;
    };
    for (auto at = sessions_.begin(); at != sessions_.end();) {
        if (is_over(now, at->second)) {
            at = sessions_.erase(at);
            continue;
        }
        if (is_older(at, oldest)) oldest = at;
        if (at->second.user.name == user) {
            ++count;
            if (is_older(at, oldest_of_user)) oldest_of_user = at;
        }
        ++at;
    }
    if (count >= kMaxPerUser) {
        sessions_.erase(oldest_of_user);
    } else if (sessions_.size() >= kMax) {
        sessions_.erase(oldest);
    }
}

void SessionStore::begin(Now now, const std::string& token, const access::User& user) {
    make_room(now.instant, user.name);
    sessions_[access::sha256_hex(token)] = {user, now, now, {}};
}

const Session* SessionStore::find(Now now, const std::string& token, const access::Users& users, bool is_use) {
    const auto found = sessions_.find(access::sha256_hex(token));
    if (found == sessions_.end()) return nullptr;
    Session& session = found->second;
    const access::User* user = users.find_user(session.user.name);
    if (is_over(now.instant, session) || user == nullptr || *user != session.user) {
        sessions_.erase(found);
        return nullptr;
    }
    if (is_use) session.used = now;
    return &session;
}

void SessionStore::keep_ticket(const std::string& token, const std::string& ticket) {
    const auto found = sessions_.find(access::sha256_hex(token));
    if (found != sessions_.end()) found->second.ticket = ticket;
}

void SessionStore::end(const std::string& token) {
    sessions_.erase(access::sha256_hex(token));
}

}  // namespace warren::web
