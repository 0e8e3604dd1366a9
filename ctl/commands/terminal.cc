#include "ctl/commands/terminal.h"

#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <iostream>
#include <ostream>

namespace warren::ctl {

std::optional<std::string> read_line(std::string_view prompt, Echo echo, Output& output) {
    termios shown{};
    const bool is_terminal = ::isatty(STDIN_FILENO) != 0 && ::tcgetattr(STDIN_FILENO, &shown) == 0;
    const bool hides = is_terminal && echo == Echo::kHidden;
    if (hides) {
        termios hidden = shown;
        hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        (void)::tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    }
    if (is_terminal) output.err << prompt << std::flush;
    std::string line;
    const bool got = static_cast<bool>(std::getline(std::cin, line));
    if (hides) {
        (void)::tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
        output.err << '\n';
    }
    if (!got) return std::nullopt;
    return line;
}

std::string password_problem(std::string_view password) {
    if (password.size() >= kLeastPassword) return {};
    return fmt::format("a password has at least {} characters; it is read from standard input", kLeastPassword);
}

}  // namespace warren::ctl
