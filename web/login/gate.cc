#include "web/login/gate.h"

#include <algorithm>
#include <utility>

#include "access/secrets.h"

namespace warren::web {

std::optional<Gate::Credential> Gate::credential_of(const Request& request) {
    if (!request.authorization.empty()) {
        auto token = bearer_token(request.authorization);
        if (!token) return std::nullopt;
        return Credential{std::move(*token), true};
    }
    auto cookie = cookie_value(request.cookie, kCookie);
    if (!cookie) return std::nullopt;
    return Credential{std::move(*cookie), false};
}

std::optional<Viewer> Gate::admit(Now now, const Credential& credential, bool is_use) {
    if (credential.is_token) {
        const access::Token* token = users_.find_token_by_hash(access::sha256_hex(credential.text));
        if (token == nullptr) return std::nullopt;
        return Viewer{token->name, token->grant, true, std::nullopt, std::nullopt};
    }
    const Session* session = sessions_.find(now, credential.text, users_, is_use);
    if (session == nullptr) return std::nullopt;
    const WallTime absolute{session->begun.wall.nanoseconds + Duration(SessionStore::kAbsolute).count()};
    const WallTime idle{session->used.wall.nanoseconds + Duration(SessionStore::kIdle).count()};
    return Viewer{session->user.name, session->user.grant, false, absolute, std::min(idle, absolute)};
}

Gate::Attempt Gate::begin_login(Now now, std::string user, std::string password, const IpAddress& remote) {
    const Duration wait = backoff_.attempt(now.instant, user, remote);
    if (wait > Duration::zero()) return {std::nullopt, wait};
    const access::User* known = users_.find_user(user);
    const std::string& argon2id = known == nullptr ? unmatchable_ : known->password;
    return {PasswordCheck{std::move(user), std::move(password), argon2id, remote}, Duration::zero()};
}

std::optional<std::string> Gate::finish_login(Now now, const PasswordCheck& check, bool matched) {
    const access::User* user = users_.find_user(check.user);
    if (!matched || user == nullptr || user->password != check.argon2id) return std::nullopt;
    backoff_.succeed(check.user, check.remote);
    std::string token = access::random_token();
    sessions_.begin(now, token, *user);
    return token;
}

void Gate::log_out(const Credential& credential) {
    if (!credential.is_token) sessions_.end(credential.text);
}

}  // namespace warren::web
