#include "access/users_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace warren::access {

namespace {

struct Block {
    std::size_t begin = 0;  // of its [[heading]]
    std::size_t end = 0;
};

std::string_view trimmed(std::string_view line) {
    const auto first = line.find_first_not_of(" \t");
    return first == std::string_view::npos ? std::string_view() : line.substr(first);
}

// From each [[kind]] to the next heading, in the order of the file, which is the order of the parsed list. A file
// written by hand may have forms that this does not find, so every caller parses the result and compares.
std::vector<Block> blocks(std::string_view text, std::string_view kind) {
    const std::string heading = fmt::format("[[{}]]", kind);
    std::vector<Block> out;
    bool open = false;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
        const std::string_view line = trimmed(text.substr(at, end - at));
        if (line.starts_with('[')) {
            if (open) out.back().end = at;
            open = line.starts_with(heading);
            if (open) out.push_back({at, text.size()});
        }
        at = end;
    }
    return out;
}

std::string grant_text(const Grant& grant) {
    std::string out = fmt::format("role = \"{}\"\n", name_of(grant.role));
    if (has_customers(grant.role)) {
        std::vector<std::string> quoted;
        for (const std::string& id : grant.customers) quoted.push_back('"' + id + '"');
        out += fmt::format("customers = [{}]\n", fmt::join(quoted, ", "));
    }
    return out;
}

std::string append(std::string text, const std::string& block) {
    if (text.empty()) text = "schema = 1\n";
    if (text.back() != '\n') text += '\n';
    return text + '\n' + block;
}

// Returns `text` if it parses to `expected`.
Result<std::string> checked(std::string text, const Users& expected) {
    const auto users = parse_users(text);
    if (!users) return tl::unexpected<Error>(users.error());
    if (*users != expected)
        return fail(ErrorCode::kFailed, "users.toml is written in a way that cannot be edited here; edit it by hand");
    return text;
}

template <typename T>
Result<std::string> without(const std::string& text, Users users, std::vector<T> Users::*list, std::string_view kind,
                            std::string_view name) {
    std::vector<T>& things = users.*list;
    const auto found = std::find_if(things.begin(), things.end(), [name](const T& one) { return one.name == name; });
    if (found == things.end()) return fail(ErrorCode::kNotFound, fmt::format("there is no {} {}", kind, name));
    const auto all = blocks(text, kind);
    if (all.size() != things.size())
        return fail(ErrorCode::kFailed, "users.toml is written in a way that cannot be edited here; edit it by hand");
    const Block block = all[static_cast<std::size_t>(found - things.begin())];
    things.erase(found);
    return checked(text.substr(0, block.begin) + text.substr(block.end), users);
}

}  // namespace

Result<std::string> with_user(const std::string& text, const User& user) {
    auto users = parse_users(text);
    if (!users) return tl::unexpected<Error>(users.error());
    if (users->find_user(user.name) != nullptr)
        return fail(ErrorCode::kConflict, "there is a user " + user.name + " already");
    users->users.push_back(user);
    return checked(append(text, fmt::format("[[user]]\nname = \"{}\"\n{}password = \"{}\"\n", user.name,
                                            grant_text(user.grant), user.password)),
                   *users);
}

Result<std::string> with_token(const std::string& text, const Token& token) {
    auto users = parse_users(text);
    if (!users) return tl::unexpected<Error>(users.error());
    if (users->find_token(token.name) != nullptr)
        return fail(ErrorCode::kConflict, "there is a token " + token.name + " already");
    users->tokens.push_back(token);
    return checked(append(text, fmt::format("[[token]]\nname = \"{}\"\n{}sha256 = \"{}\"\n", token.name,
                                            grant_text(token.grant), token.sha256)),
                   *users);
}

Result<std::string> with_password(const std::string& text, std::string_view name, std::string_view password) {
    auto users = parse_users(text);
    if (!users) return tl::unexpected<Error>(users.error());
    const auto found =
        std::find_if(users->users.begin(), users->users.end(), [name](const User& one) { return one.name == name; });
    if (found == users->users.end()) return fail(ErrorCode::kNotFound, fmt::format("there is no user {}", name));
    // The old string occurs once, or in another user's entry with the same salt and password, which check() would
    // notice.
    const std::string old = found->password;
    const auto all = blocks(text, "user");
    const auto position = static_cast<std::size_t>(found - users->users.begin());
    const std::size_t at = position < all.size() ? text.find(old, all[position].begin) : std::string::npos;
    if (at == std::string::npos)
        return fail(ErrorCode::kFailed, "users.toml is written in a way that cannot be edited here; edit it by hand");
    found->password = password;
    return checked(text.substr(0, at) + std::string(password) + text.substr(at + old.size()), *users);
}

Result<std::string> without_user(const std::string& text, std::string_view name) {
    auto users = parse_users(text);
    if (!users) return tl::unexpected<Error>(users.error());
    return without(text, std::move(*users), &Users::users, "user", name);
}

Result<std::string> without_token(const std::string& text, std::string_view name) {
    auto users = parse_users(text);
    if (!users) return tl::unexpected<Error>(users.error());
    return without(text, std::move(*users), &Users::tokens, "token", name);
}

}  // namespace warren::access
