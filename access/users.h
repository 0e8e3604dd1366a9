// users.toml as plain values: who may log in to the status page, and what each user may see there.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace warren::access {

enum class Role { kOperator, kViewer, kCustomer, kReseller };
inline constexpr std::size_t kRoles = 4;
[[nodiscard]] std::string_view name_of(Role role);
// Of this role a grant names whom it is for.
[[nodiscard]] constexpr bool has_customers(Role role) {
    return role == Role::kCustomer || role == Role::kReseller;
}

// What a user or token may see.
struct Grant {
    Role role = Role::kViewer;
    // Ids; only where has_customers(role), and then at least one. Of kReseller: of the resellers.
    std::vector<std::string> customers;
    bool operator==(const Grant&) const = default;

    // kReseller: those below its resellers at every level, and not these themselves.
    [[nodiscard]] bool covers(std::string_view customer) const;
};

struct User {
    std::string name;
    Grant grant;
    std::string password;  // an argon2id string
    bool operator==(const User&) const = default;
};

// For programs; valid until it is removed.
struct Token {
    std::string name;
    Grant grant;
    std::string sha256;  // of the token, 64 hexadecimal digits
    bool operator==(const Token&) const = default;
};

struct Users {
    std::vector<User> users;
    std::vector<Token> tokens;
    bool operator==(const Users&) const = default;

    [[nodiscard]] const User* find_user(std::string_view name) const;
    [[nodiscard]] const Token* find_token(std::string_view name) const;
    [[nodiscard]] const Token* find_token_by_hash(std::string_view sha256) const;
};

inline constexpr std::size_t kMaxUsersFile = 1024 * 1024;
inline constexpr std::size_t kMaxUserName = 64;

// [a-zA-Z0-9._@-]{1,64}
[[nodiscard]] bool is_user_name(std::string_view text);
// nothing when there is no such role.
[[nodiscard]] Result<Role> parse_role(std::string_view text);

// Never aborts, whatever the text. The error names line and column ("users.toml:3:1: ..."); the first one counts.
[[nodiscard]] Result<Users> parse_users(std::string text);

}  // namespace warren::access
