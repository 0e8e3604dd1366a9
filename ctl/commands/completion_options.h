// The options in the completion scripts: those of the command that is typed, and what may stand behind them.
#pragma once

#include <string>
#include <string_view>

namespace warren::ctl {

// Where a shell finds the customers that have a stack, in fish.
inline constexpr std::string_view kFishCustomers =
    "(command ls /run/netns 2>/dev/null | string replace -rf '^warren-' '')";

// In single quotes, as all three shells accept it.
[[nodiscard]] std::string quoted(std::string_view text);

// "--run-dir --config ...": of every command.
[[nodiscard]] std::string general_options();
// "--run-dir|--out|-w|...": those with a value.
[[nodiscard]] std::string options_with_values();
// "peer:add peer:rm ...": every verb of every command.
[[nodiscard]] std::string command_verbs();

// Lines of `case`: what completes a value, and the options of "COMMAND VERB".
[[nodiscard]] std::string bash_values();
[[nodiscard]] std::string bash_options();
// Lines of `case`, and those of an array for `_arguments`.
[[nodiscard]] std::string zsh_options();
[[nodiscard]] std::string zsh_general();
// A function that says whether the command that is typed takes an option, and a `complete` for each option.
[[nodiscard]] std::string fish_options();

}  // namespace warren::ctl
