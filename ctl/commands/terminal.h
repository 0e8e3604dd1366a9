// Reads what the operator types or a program pipes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "ctl/command.h"

namespace warren::ctl {

enum class Echo { kShown, kHidden };

// A line of standard input, nothing at its end. On a terminal the prompt is printed to `output.err`.
[[nodiscard]] std::optional<std::string> read_line(std::string_view prompt, Echo echo, Output& output);

inline constexpr std::size_t kLeastPassword = 10;
// Why the password is invalid; "" when it is valid.
[[nodiscard]] std::string password_problem(std::string_view password);

}  // namespace warren::ctl
