#include "web/login/gate.h"

#include <algorithm>
#include <utility>

#include "access/secrets.h"

namespace warren::web {

Gate::Gate(std::string unmatchable) : unmatchable_(std::move(unmatchable)), devices_(access::random_token()) {}

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
        return Viewer{token->name, token->grant, true, std::nullopt, std::nullopt, {}};
    }
    const Session* session = sessions_.find(now, credential.text, users_, is_use);
    if (session == nullptr) return std::nullopt;
    const WallTime absolute{session->begun.wall.nanoseconds + Duration(SessionStore::kAbsolute).count()};
    const WallTime idle{session->used.wall.nanoseconds + Duration(SessionStore::kIdle).count()};
    return Viewer{session->user.name, session->user.grant, false, absolute, std::min(idle, absolute), session->ticket};
}

Gate::Attempt Gate::begin_login(Now now, std::string user, std::string password, const IpAddress& remote,
                                std::string_view device) {
    const access::User* known = users_.find_user(user);
    const access::User nobody{user, {}, unmatchable_};
    const access::User& tried = known == nullptr ? nobody : *known;
    Backoff::Client client{std::move(user), remote, devices_.recognize(now.wall, tried, device).value_or(""), {}};
    const Duration wait = backoff_.begin(now.instant, client);
    if (wait > Duration::zero()) return {std::nullopt, wait};
    return {PasswordCheck{std::move(client), std::move(password), tried.password}, Duration::zero()};
}

std::optional<Gate::Login> Gate::finish_login(Now now, const PasswordCheck& check, bool matched) {
    const access::User* user = users_.find_user(check.client.user);
    if (!matched || user == nullptr || user->password != check.argon2id) {
        backoff_.fail(now.instant, check.client);
        return std::nullopt;
    }
    backoff_.succeed(now.instant, check.client);
    Login out{access::random_token(), devices_.issue(now.wall, *user)};
    sessions_.begin(now, out.session, *user);
    return out;
}

void Gate::log_out(const Credential& credential) {
    if (!credential.is_token) sessions_.end(credential.text);
}

}  // namespace warren::web
