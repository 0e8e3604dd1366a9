// Edits the text of users.toml and leaves everything else in it as it was, comments too. Pure.
#pragma once

#include <string>
#include <string_view>

#include "access/users.h"
#include "base/result.h"

namespace warren::access {

// Each takes a text that parse_users accepts and returns one that it accepts. kConflict: the name is there already;
// kNotFound: it is not.
[[nodiscard]] Result<std::string> with_user(const std::string& text, const User& user);
[[nodiscard]] Result<std::string> with_token(const std::string& text, const Token& token);
[[nodiscard]] Result<std::string> with_password(const std::string& text, std::string_view user,
                                                std::string_view password);
[[nodiscard]] Result<std::string> without_user(const std::string& text, std::string_view name);
[[nodiscard]] Result<std::string> without_token(const std::string& text, std::string_view name);

}  // namespace warren::access
