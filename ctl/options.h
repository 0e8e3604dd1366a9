// The command line -> Invocation. The only user of Boost.Program_options in vpnctl.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "ctl/command.h"

namespace warren::ctl {

struct Options {
    Invocation invocation;
    std::string command;  // "" when none was given
    bool help = false;
    bool version = false;
    std::vector<std::string> given;  // the options' long names, in their order
};

// Options may be before or after the command. What follows "--" is a program and is not parsed.
[[nodiscard]] Result<Options> parse_options(const std::vector<std::string>& arguments);

// The options' part of the help.
[[nodiscard]] std::string describe_options();
// Those of one command.
[[nodiscard]] std::string describe_options(const Command& command);
// "--run-dir", ...: for completion.
[[nodiscard]] std::vector<std::string> option_names();

}  // namespace warren::ctl
