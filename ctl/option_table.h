// The options of vpnctl: one table that says which commands take each, from which parsing, help, completion and the
// refusal of what a command does not take are made.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/command.h"

namespace warren::ctl {

// What stands behind an option. kMany: a text, and the option may come again.
enum class OptionValue { kNone, kText, kMany, kFile, kDirectory, kCustomer, kUser };

// An option that commands take for different things has a row for each.
struct OptionRow {
    std::string_view name;  // "to-file", or "to-file,w" with its letter
    OptionValue value = OptionValue::kNone;
    std::string_view value_name;    // "FILE"
    std::string_view commands;      // "profile, peer add|rotate"; "": every command
    std::string_view text;          // one line for help and completion
    std::string_view choices = {};  // for completion: "conf qr svg"
    std::string_view whose = {};    // for the help of all, where the commands are many: "what applies"

    [[nodiscard]] std::string_view long_name() const { return name.substr(0, name.find(',')); }
    // "w", or "".
    [[nodiscard]] std::string_view letter() const {
        const auto comma = name.find(',');
        return comma == std::string_view::npos ? std::string_view() : name.substr(comma + 1);
    }
    [[nodiscard]] bool is_general() const { return commands.empty(); }
};

// A command that takes an option, or those of its verbs that do.
struct OptionUser {
    std::string_view command;
    std::vector<std::string_view> verbs;  // empty: all, or the command has none
};

// "add", "passwd", "del" of a command whose synopsis begins with "add|passwd|del", also in brackets.
[[nodiscard]] std::vector<std::string_view> verbs_of(const Command& command);

// In the order of the help.
[[nodiscard]] std::span<const OptionRow> option_rows();
[[nodiscard]] std::vector<OptionUser> users_of(const OptionRow& row);
// `verb`: the command's first argument, "" when it is not known: then any of its verbs.
[[nodiscard]] bool is_taken(const OptionRow& row, std::string_view command, std::string_view verb);
// Why `command` refuses one of these options, by their long names; "": it takes them all.
[[nodiscard]] std::string option_problem(const Command& command, const Invocation& invocation,
                                         const std::vector<std::string>& given);

}  // namespace warren::ctl
