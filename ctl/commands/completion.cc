#include "ctl/commands/completion.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ostream>
#include <set>
#include <utility>
#include <vector>

#include "config/schema.h"
#include "config/values.h"
#include "ctl/commands/completion_options.h"
#include "ctl/option_table.h"
#include "ctl/runners.h"

namespace warren::ctl {

namespace {

constexpr std::array<std::string_view, 3> kShells{"bash", "zsh", "fish"};
// The names of a customer's connections, of which `vpnctl ipsec CUSTOMER` has a line each.
constexpr std::string_view kConnections = "command vpnctl ipsec";
constexpr std::string_view kNames = "sed -n 's|^connection  *[^/]*/||p'";

constexpr std::string_view kBash = R"sh(# bash completion for vpnctl, made by `vpnctl completion bash`
_vpnctl_customers() {
    mapfile -t COMPREPLY < <(compgen -W "$(command ls /run/netns 2>/dev/null | sed -n 's/^warren-//p')" -- "$word")
}
_vpnctl() {
    local word="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" command="" i
    local -a arguments=()
    COMPREPLY=()
    case "$previous" in
@bash_values@    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "${COMP_WORDS[i]}" in
            @with_values@) ((i++)) ;;
            --) mapfile -t COMPREPLY < <(compgen -c -f -- "$word"); return ;;
            -*) ;;
            *) if [[ -z "$command" ]]; then command="${COMP_WORDS[i]}"; else arguments+=("${COMP_WORDS[i]}"); fi ;;
        esac
    done
    if [[ "$word" == -* ]]; then
        local options='@general@'
        case "$command ${arguments[0]-}" in
@bash_options@        esac
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
        return
    fi
    case "$command ${#arguments[@]}" in
        'ipsec 1')
            mapfile -t COMPREPLY < <(compgen -W "$(@connections@ "${arguments[0]}" 2>/dev/null | @names@)" -- "$word")
            return ;;
        'ipsec 2') mapfile -t COMPREPLY < <(compgen -W '@actions@' -- "$word"); return ;;
    esac
    case "$command" in
        '') mapfile -t COMPREPLY < <(compgen -W '@commands@' -- "$word") ;;
        @customer@) _vpnctl_customers ;;
        @directory@) mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
        @file@) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
        @key@) mapfile -t COMPREPLY < <(compgen -W '@keys@' -- "$word") ;;
        @shell@) mapfile -t COMPREPLY < <(compgen -W '@shells@' -- "$word") ;;
        @command@) mapfile -t COMPREPLY < <(compgen -W '@commands@' -- "$word") ;;
@bash_verbs@    esac
}
complete -F _vpnctl vpnctl
)sh";

constexpr std::string_view kZsh = R"sh(#compdef vpnctl
# zsh completion for vpnctl, made by `vpnctl completion zsh`
_vpnctl_commands() {
  local -a commands
  commands=(
@described@  )
  _describe command commands
}
_vpnctl_customers() {
  local -a customers
  customers=(${(f)"$(command ls /run/netns 2>/dev/null | sed -n 's/^warren-//p')"})
  compadd -a customers
}
_vpnctl() {
  local state word command verb
  local -a own general=(
@zsh_general@  )
  for word in ${words[2,CURRENT-1]}; do
    if [[ -z $command ]]; then
      [[ ' @commands@ ' == *" $word "* ]] && command=$word
    elif [[ ' @command_verbs@ ' == *" $command:$word "* ]]; then
      verb=$word
      break
    fi
  done
  case "$command $verb" in
@zsh_options@  esac
  _arguments -S "${general[@]}" "${own[@]}" \
    '1:command:_vpnctl_commands' \
    '*::argument:->argument'
  [[ $state == argument ]] || return
  # Behind the command _arguments offers no options by itself.
  if [[ $words[CURRENT] == -* || $words[CURRENT-1] == --* ]]; then
    _arguments -S "${general[@]}" "${own[@]}" '*: : ' && return
  fi
  case $words[1] in
    @customer@)
      if [[ $words[1] == exec ]] && (( CURRENT > 3 )); then
        shift 3 words
        (( CURRENT -= 3 ))
        _normal
      elif (( CURRENT == 2 )); then
        _vpnctl_customers
      elif [[ $words[1] == ipsec ]] && (( CURRENT == 3 )); then
        compadd ${(f)"$(@connections@ $words[2] 2>/dev/null | @names@)"}
      elif [[ $words[1] == ipsec ]] && (( CURRENT == 4 )); then
        compadd @actions@
      fi ;;
    @directory@) _files -/ ;;
    @file@) _files ;;
    @key@) compadd @keys@ ;;
    @shell@) compadd @shells@ ;;
    @command@) _vpnctl_commands ;;
@zsh_verbs@  esac
}
if [[ $funcstack[1] == _vpnctl ]]; then _vpnctl "$@"; else compdef _vpnctl vpnctl; fi
)sh";

std::vector<std::string_view> command_names() {
    std::vector<std::string_view> out;
    for (const Command& command : commands()) out.push_back(command.name);
    return out;
}

// Names of the commands whose argument is of this kind.
std::vector<std::string_view> commands_with(ArgumentKind kind) {
    std::vector<std::string_view> out;
    for (const Command& command : commands()) {
        if (!command.arguments.empty() && command.arguments[0] == kind) out.push_back(command.name);
    }
    return out;
}

bool takes_customer_second(const Command& command) {
    return command.arguments.size() > 1 && command.arguments[1] == ArgumentKind::kCustomer;
}

// "initiate rekey terminate" of a command whose synopsis ends with "[initiate|rekey|terminate]]]".
std::string orders_of(const Command& command) {
    std::string out(command.synopsis.substr(command.synopsis.rfind(' ') + 1));
    std::erase_if(out, [](char c) { return c == '[' || c == ']'; });
    std::replace(out.begin(), out.end(), '|', ' ');
    return out;
}

std::set<std::string> keys() {
    std::set<std::string> out;
    for (const config::Key& key : config::schema()) {
        out.insert(config::display_path(key.path));
    }
    return out;
}

// The words that stand for lists in the templates below.
std::string filled(std::string_view script) {
    const auto with = [](ArgumentKind kind) { return fmt::format("{}", fmt::join(commands_with(kind), "|")); };
    std::string described;
    for (const Command& command : commands())
        described += fmt::format("    {}\n", quoted(fmt::format("{}:{}", command.name, command.summary)));
    std::string bash_verbs;
    std::string zsh_verbs;
    for (const std::string_view name : commands_with(ArgumentKind::kVerb)) {
        const std::string verbs = fmt::format("{}", fmt::join(verbs_of(*find_command(name)), " "));
        const bool has_customer = takes_customer_second(*find_command(name));
        bash_verbs += fmt::format(
            "        {}) if ((${{#arguments[@]}} == 0)); then\n"
            "                mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$word\"){}; fi ;;\n",
            name, verbs, has_customer ? "\n            elif ((${#arguments[@]} == 1)); then _vpnctl_customers" : "");
        zsh_verbs += fmt::format("    {}) if (( CURRENT == 2 )); then compadd {}{}; fi ;;\n", name, verbs,
                                 has_customer ? "; elif (( CURRENT == 3 )); then _vpnctl_customers" : "");
    }
    const std::array<std::pair<std::string_view, std::string>, 22> words{{
        {"@connections@", std::string(kConnections)},
        {"@names@", std::string(kNames)},
        {"@actions@", orders_of(*find_command("ipsec"))},
        {"@bash_values@", bash_values()},
        {"@with_values@", options_with_values()},
        {"@general@", general_options()},
        {"@bash_options@", bash_options()},
        {"@zsh_options@", zsh_options()},
        {"@zsh_general@", zsh_general()},
        {"@command_verbs@", command_verbs()},
        {"@bash_verbs@", bash_verbs},
        {"@zsh_verbs@", zsh_verbs},
        {"@commands@", fmt::format("{}", fmt::join(command_names(), " "))},
        {"@described@", described},
        {"@keys@", fmt::format("{}", fmt::join(keys(), " "))},
        {"@shells@", fmt::format("{}", fmt::join(kShells, " "))},
        {"@customer@", with(ArgumentKind::kCustomer)},
        {"@directory@", with(ArgumentKind::kDirectory)},
        {"@file@", with(ArgumentKind::kFile)},
        {"@key@", with(ArgumentKind::kKey)},
        {"@shell@", with(ArgumentKind::kShell)},
        {"@command@", with(ArgumentKind::kCommand)},
    }};
    std::string out(script);
    for (const auto& [word, text] : words) {
        for (auto at = out.find(word); at != std::string::npos; at = out.find(word, at + text.size()))
            out.replace(at, word.size(), text);
    }
    return out;
}

std::string fish() {
    const std::string names = fmt::format("{}", fmt::join(command_names(), " "));
    std::string out = "# fish completion for vpnctl, made by `vpnctl completion fish`\ncomplete -c vpnctl -f\n";
    out += fish_options();
    for (const Command& command : commands()) {
        out += fmt::format("complete -c vpnctl -n 'not __fish_seen_subcommand_from {}' -a {} -d {}\n", names,
                           command.name, quoted(command.summary));
    }
    const auto arguments = [&out](ArgumentKind kind, std::string_view words) {
        out += fmt::format("complete -c vpnctl -n '__fish_seen_subcommand_from {}' -a {}\n",
                           fmt::join(commands_with(kind), " "), quoted(words));
    };
    // How many words precede the one that is completed.
    constexpr std::string_view kBehind =
        "complete -c vpnctl -n '__fish_seen_subcommand_from ipsec; and test (count (commandline -opc)) -eq {}' -a {}\n";
    out += fmt::format(kBehind, 3,
                       quoted(fmt::format("({} (commandline -opc)[3] 2>/dev/null | string replace -rf "
                                          "'^connection +[^/]*/' '')",
                                          kConnections)));
    out += fmt::format(kBehind, 4, quoted(orders_of(*find_command("ipsec"))));
    arguments(ArgumentKind::kCustomer, kFishCustomers);
    arguments(ArgumentKind::kDirectory, "(__fish_complete_directories)");
    arguments(ArgumentKind::kFile, "(__fish_complete_path)");
    arguments(ArgumentKind::kKey, fmt::format("{}", fmt::join(keys(), " ")));
    arguments(ArgumentKind::kShell, fmt::format("{}", fmt::join(kShells, " ")));
    arguments(ArgumentKind::kCommand, names);
    for (const std::string_view name : commands_with(ArgumentKind::kVerb)) {
        const Command& command = *find_command(name);
        const bool has_customer = takes_customer_second(command);
        const std::string verbs = fmt::format("{}", fmt::join(verbs_of(command), " "));
        out += fmt::format("complete -c vpnctl -n '__fish_seen_subcommand_from {}{}' -a {}\n", name,
                           has_customer ? "; and test (count (commandline -opc)) -eq 2" : "", quoted(verbs));
        if (has_customer)
            out += fmt::format(
                "complete -c vpnctl -n '__fish_seen_subcommand_from {}; and test (count (commandline -opc)) -eq 3' -a "
                "{}\n",
                name, quoted(kFishCustomers));
    }
    return out;
}

}  // namespace

std::string completion_for(std::string_view shell) {
    if (shell == "bash") return filled(kBash);
    if (shell == "zsh") return filled(kZsh);
    if (shell == "fish") return fish();
    return {};
}

int run_completion(const Invocation& invocation, Output& output) {
    const std::string script = completion_for(invocation.arguments[0]);
    if (script.empty()) {
        return complain(
            output, kUsage,
            fmt::format("no completion for \"{}\"; accepted: {}", invocation.arguments[0], fmt::join(kShells, ", ")));
    }
    output.out << script;
    return kDone;
}

}  // namespace warren::ctl
