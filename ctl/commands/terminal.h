// What the operator types, or a program pipes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "ctl/command.h"

namespace warren::ctl {

enum class Echo { kShown, kHidden };

// A line of standard input, nothing at its end. The prompt stands on `output.err`, when a person is asked.
[[nodiscard]] std::optional<std::string> read_line(std::string_view prompt, Echo echo, Output& output);

inline constexpr std::size_t kLeastPassword = 10;
// Why this is no password; "" when it is one.
[[nodiscard]] std::string password_problem(std::string_view password);

}  // namespace warren::ctl
