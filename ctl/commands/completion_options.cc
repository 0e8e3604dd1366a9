#include "ctl/commands/completion_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "ctl/option_table.h"

namespace warren::ctl {

namespace {

constexpr std::string_view kNoVerb = "-";  // for what is taken whatever the verb is

// "-w", "--to-file"
std::vector<std::string> spellings(const OptionRow& row) {
    std::vector<std::string> out;
    if (!row.letter().empty()) out.push_back(fmt::format("-{}", row.letter()));
    out.push_back(fmt::format("--{}", row.long_name()));
    return out;
}

// The first row of each name.
std::vector<const OptionRow*> options() {
    std::vector<const OptionRow*> out;
    for (const OptionRow& row : option_rows()) {
        const auto is_same = [&row](const OptionRow* other) { return other->name == row.name; };
        if (std::none_of(out.begin(), out.end(), is_same)) out.push_back(&row);
    }
    return out;
}

// Of all rows of this name.
std::string choices_of(const OptionRow& row) {
    std::string out;
    for (const OptionRow& other : option_rows()) {
        if (other.name == row.name && !other.choices.empty())
            out += fmt::format("{}{}", out.empty() ? "" : " ", other.choices);
    }
    return out;
}

std::string all_options() {
    std::string out;
    for (const OptionRow* row : options()) {
        if (!row->is_general()) out += fmt::format("{}--{}", out.empty() ? "" : " ", row->long_name());
    }
    return out;
}

// The rows of a command that are not general.
std::vector<const OptionRow*> rows_of(std::string_view command, std::string_view verb) {
    std::vector<const OptionRow*> out;
    for (const OptionRow& row : option_rows()) {
        const auto is_same = [&row](const OptionRow* other) { return other->name == row.name; };
        if (!row.is_general() && is_taken(row, command, verb) && std::none_of(out.begin(), out.end(), is_same))
            out.push_back(&row);
    }
    return out;
}

// `line` of every pattern of "COMMAND VERB" and its rows: each verb that takes something else than others, none yet,
// any.
using Line = std::function<std::string(const std::string& pattern, const std::vector<const OptionRow*>& rows)>;
std::string cases(const Line& line) {
    std::string out;
    for (const Command& command : commands()) {
        const auto of_any = rows_of(command.name, kNoVerb);
        const auto of_all = rows_of(command.name, "");
        if (of_all.empty()) continue;
        for (const std::string_view verb : verbs_of(command)) {
            const auto own = rows_of(command.name, verb);
            if (own != of_any) out += line(fmt::format("'{} {}'", command.name, verb), own);
        }
        if (of_all != of_any) out += line(fmt::format("'{} '", command.name), of_all);
        if (!of_any.empty()) out += line(fmt::format("'{} '*", command.name), of_any);
    }
    return out;
}

// "[write there]:file:_files" of `_arguments`.
std::string zsh_meaning(const OptionRow& row) {
    std::string out = fmt::format("[{}]", row.text);
    const std::string choices = choices_of(row);
    switch (row.value) {
        case OptionValue::kNone: return out;
        case OptionValue::kFile: return out + ":file:_files";
        case OptionValue::kDirectory: return out + ":directory:_files -/";
        case OptionValue::kCustomer: return out + ":customer:_vpnctl_customers";
        case OptionValue::kUser: return out + ":user:_users";
        default: return out + (choices.empty() ? ":value:" : fmt::format(":value:({})", choices));
    }
}

std::string zsh_spec(const OptionRow& row) {
    const std::string meaning = zsh_meaning(row);
    if (row.is_general() && row.value == OptionValue::kNone)
        return fmt::format("'(- *)'{{-{},--{}}}{}", row.letter(), row.long_name(), quoted(meaning));
    if (!row.letter().empty())
        return fmt::format("'(-{0} --{1})'{{-{0},--{1}}}{2}", row.letter(), row.long_name(), quoted(meaning));
    return quoted(fmt::format("{}--{}{}", row.value == OptionValue::kMany ? "*" : "", row.long_name(), meaning));
}

// "-x -a '...'" of fish's `complete`.
std::string fish_value(const OptionRow& row) {
    const std::string choices = choices_of(row);
    switch (row.value) {
        case OptionValue::kNone: return "";
        case OptionValue::kFile: return " -r -F";
        case OptionValue::kDirectory: return " -r -a '(__fish_complete_directories)'";
        case OptionValue::kCustomer: return fmt::format(" -x -a {}", quoted(kFishCustomers));
        case OptionValue::kUser: return " -x -a '(__fish_complete_users)'";
        default: return choices.empty() ? " -x" : fmt::format(" -x -a {}", quoted(choices));
    }
}

constexpr std::string_view kFishTakes =
    R"sh(# Whether the command of the line is one of these, "status" or "peer add"; also before there is one.
function __vpnctl_takes
    set -l command
    set -l verb
    for word in (commandline -opc)[2..]
        if test -z "$command"
            contains -- $word @commands@; and set command $word
        else if contains -- $command:$word @command_verbs@
            set verb $word
            break
        end
    end
    test -z "$command"; or contains -- $command $argv; or contains -- "$command $verb" $argv
    or begin
        test -z "$verb"; and string match -q -- "$command *" $argv
    end
end
)sh";

}  // namespace

std::string quoted(std::string_view text) {
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'') {
            out += "'\\''";
        } else {
            out += c;
        }
    }
    return out + '\'';
}

std::string general_options() {
    std::string out;
    for (const OptionRow* row : options()) {
        if (row->is_general()) out += fmt::format("{}--{}", out.empty() ? "" : " ", row->long_name());
    }
    return out;
}

std::string options_with_values() {
    std::vector<std::string> out;
    for (const OptionRow* row : options()) {
        if (row->value == OptionValue::kNone) continue;
        for (std::string& each : spellings(*row)) out.push_back(std::move(each));
    }
    return fmt::format("{}", fmt::join(out, "|"));
}

std::string command_verbs() {
    std::vector<std::string> out;
    for (const Command& command : commands()) {
        for (const std::string_view verb : verbs_of(command)) out.push_back(fmt::format("{}:{}", command.name, verb));
    }
    return fmt::format("{}", fmt::join(out, " "));
}

std::string bash_values() {
    std::string out;
    for (const OptionRow* row : options()) {
        if (row->value == OptionValue::kNone) continue;
        std::string what;
        const auto words = [](std::string_view how) {
            return fmt::format("mapfile -t COMPREPLY < <(compgen {} -- \"$word\"); ", how);
        };
        if (row->value == OptionValue::kDirectory) what = words("-d");
        if (row->value == OptionValue::kFile) what = words("-f");
        if (row->value == OptionValue::kUser) what = words("-u");
        if (row->value == OptionValue::kCustomer) what = "_vpnctl_customers; ";
        if (const std::string choices = choices_of(*row); !choices.empty()) what = words("-W " + quoted(choices));
        out += fmt::format("        {}) {}return ;;\n", fmt::join(spellings(*row), "|"), what);
    }
    return out;
}

std::string bash_options() {
    return fmt::format("            ' '*) options+={} ;;\n", quoted(" " + all_options())) +
           cases([](const std::string& pattern, const std::vector<const OptionRow*>& rows) {
               std::string names;
               for (const OptionRow* row : rows) names += fmt::format(" --{}", row->long_name());
               return fmt::format("            {}) options+='{}' ;;\n", pattern, names);
           });
}

std::string zsh_options() {
    const auto line = [](const std::string& pattern, const std::vector<const OptionRow*>& rows) {
        std::string specs;
        for (const OptionRow* row : rows) specs += fmt::format(" {}", zsh_spec(*row));
        return fmt::format("    {}) own=({}) ;;\n", pattern, specs.substr(1));
    };
    std::vector<const OptionRow*> all = options();
    std::erase_if(all, [](const OptionRow* row) { return row->is_general(); });
    return line("' '", all) + cases(line);
}

std::string zsh_general() {
    std::string out;
    for (const OptionRow* row : options()) {
        if (row->is_general()) out += fmt::format("    {}\n", zsh_spec(*row));
    }
    return out;
}

std::string fish_options() {
    std::vector<std::string_view> names;
    for (const Command& command : commands()) names.push_back(command.name);
    std::string out(kFishTakes);
    const auto fill = [&out](std::string_view word, const std::string& text) {
        out.replace(out.find(word), word.size(), text);
    };
    fill("@commands@", fmt::format("{}", fmt::join(names, " ")));
    fill("@command_verbs@", command_verbs());
    for (const OptionRow& row : option_rows()) {
        std::string users;
        for (const OptionUser& user : users_of(row)) {
            if (user.verbs.empty()) users += fmt::format(" {}", user.command);
            for (const std::string_view verb : user.verbs) users += fmt::format(" \"{} {}\"", user.command, verb);
        }
        out += fmt::format("complete -c vpnctl{}{} -l {}{} -d {}\n",
                           users.empty() ? "" : fmt::format(" -n '__vpnctl_takes{}'", users),
                           row.letter().empty() ? "" : fmt::format(" -s {}", row.letter()), row.long_name(),
                           fish_value(row), quoted(row.text));
    }
    return out;
}

}  // namespace warren::ctl
