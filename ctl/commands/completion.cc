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
#include "ctl/options.h"
#include "ctl/runners.h"

namespace warren::ctl {

namespace {

constexpr std::string_view kFishCustomers = "(command ls /run/netns 2>/dev/null | string replace -rf '^warren-' '')";
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
        --run-dir|--config|--state-dir|--network-dir) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
        --out|--svg|--private-key-file|--to-file|-w) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
        --customer|--only) _vpnctl_customers; return ;;
        --format) mapfile -t COMPREPLY < <(compgen -W 'conf qr svg' -- "$word"); return ;;
        --for) mapfile -t COMPREPLY < <(compgen -W 'swanctl libreswan iked windows apple android' -- "$word"); return ;;
        @plain_values@) return ;;
    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "${COMP_WORDS[i]}" in
            --run-dir|--config|--state-dir|--network-dir|--out|--svg|--private-key-file|--to-file|-w) ((i++)) ;;
            --customer|--only|--format|--for) ((i++)) ;;
            @plain_values@) ((i++)) ;;
            --) mapfile -t COMPREPLY < <(compgen -c -f -- "$word"); return ;;
            -*) ;;
            *) if [[ -z "$command" ]]; then command="${COMP_WORDS[i]}"; else arguments+=("${COMP_WORDS[i]}"); fi ;;
        esac
    done
    if [[ "$word" == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '@options@' -- "$word")
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
  local state
  _arguments -S \
    '--run-dir[the run directory of the instance]:directory:_files -/' \
    '--config[the configuration]:directory:_files -/' \
    '--state-dir[where stackd keeps the history and the usage]:directory:_files -/' \
    '--network-dir[where setup writes the file of the uplink]:directory:_files -/' \
    '--remove[apply, customer rm: remove customers without asking]' \
    '--confirm-within[apply: the configuration before comes back after this time]:time:' \
    '--comment[what applies: why, for the history]:text:' \
    '--only[apply: the file of this customer, and no other]:customer:_vpnctl_customers' \
    '--revision[show, diff: this revision of the history]:revision:' \
    '--month[usage: 2026-11, of UTC]:month:' \
    '--csv[usage: a table for programs]' \
    '(-f --follow)'{-f,--follow}'[log: wait for more lines]' \
    '(-n --lines)'{-n,--lines}'[events, outages, log, top: so many lines]:number:' \
    '--no-apply[write the file, and leave the rest to apply]' \
    '*--network[peer add: a network behind the peer]:network:' \
    '*--address[peer add, customer add: an address]:address:' \
    '--public-key[peer add, peer rotate: the key of the peer]:key:' \
    '--expires[peer add: until when it has a tunnel]:date:' \
    '--commit[peer rotate: the next key becomes the only one]' \
    '--cancel[peer rotate: the next key is removed]' \
    '--force[peer rotate: also when the peer uses the key that goes]' \
    '--psk[peer add: make a preshared key]' \
    '--keepalive[peer add: persistent_keepalive]:seconds:' \
    '--endpoint[peer add: where the peer is]:endpoint:' \
    '--name[customer add: the name for people]:name:' \
    '--description[peer add, customer add: what people should know]:text:' \
    '--out[peer add, peer rotate, profile: write there]:file:_files' \
    '--qr[peer add, peer rotate, profile: print a QR code]' \
    '--svg[peer add, peer rotate, profile: write the QR code as a picture]:file:_files' \
    '--private-key-file[profile: the private key of the peer]:file:_files' \
    '--all[profile: of all peers]' \
    '--for[profile of a connection: for whom]:program:(swanctl libreswan iked windows apple android)' \
    '--with-secret[profile of a connection: with the secret]' \
    '--format[profile: how]:format:(conf qr svg)' \
    '--customer[import, rollback: which customer]:customer:_vpnctl_customers' \
    '--write[import, restore: write the files]' \
    '--why[ipsec: the last attempts to connect]' \
    '--inner[capture: only the packets in the tunnels]' \
    '--outer[capture: only the datagrams that carry them]' \
    '--both[capture: both]' \
    '(-w --to-file)'{-w,--to-file}'[capture: write there]:file:_files' \
    '(-c --count)'{-c,--count}'[capture: end after so many packets]:packets:' \
    '--from[why: the source address]:address:' \
    '--to[why: the destination address]:address:' \
    '--proto[why: the protocol]:protocol:(tcp udp icmp)' \
    '--port[why: the destination port; fleet invite: where it waits]:port:' \
    '--max[fleet rebalance: groups at most]:groups:' \
    '--yes[fleet rebalance: do not ask]' \
    '--at[fleet authority, invite, join: the address of this node]:address:' \
    '--ca-key[fleet: the key of its authority]:file:_files' \
    '--weight[fleet authority, join: the share of the groups]:weight:' \
    '--zone[fleet authority, join: where this node is]:zone:' \
    '--wait[fleet move: until the group may change its owner again]' \
    '--since[events, outages: from then on]:time:(1h 1d 1w)' \
    '--until[events, outages: until then]:time:(1h 1d 1w)' \
    '--peer[events, outages: of this peer]:peer:' \
    '--kind[events: of this kind]:kind:' \
    '(-r --recursive)'{-r,--recursive}'[stack list: devices and processes too]' \
    '--user[stack exec, exec: as this user]:user:_users' \
    '--back[stack move-device: to the uplink again]' \
    '--kill[customer rm: end the programs in the stack]' \
    '--down[customers, peers: only those that are down]' \
    '--idle[peers: only those that are idle]' \
    '--json[print one JSON document]' \
    '(-v --verbose)'{-v,--verbose}'[apply, diff: every step in the kernel]' \
    '(- *)'{-h,--help}'[help]' \
    '(- *)'{-V,--version}'[print the version]' \
    '1:command:_vpnctl_commands' \
    '*::argument:->argument'
  [[ $state == argument ]] || return
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

// "add passwd del" of a command whose synopsis begins with "add|passwd|del", also in brackets.
std::string verbs_of(const Command& command) {
    std::string out(command.synopsis.substr(0, command.synopsis.find(' ')));
    std::erase_if(out, [](char c) { return c == '[' || c == ']'; });
    std::replace(out.begin(), out.end(), '|', ' ');
    return out;
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

// In single quotes, as all three shells accept it.
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

// The words that stand for lists in the templates below.
std::string filled(std::string_view script) {
    const auto with = [](ArgumentKind kind) { return fmt::format("{}", fmt::join(commands_with(kind), "|")); };
    std::string described;
    for (const Command& command : commands())
        described += fmt::format("    {}\n", quoted(fmt::format("{}:{}", command.name, command.summary)));
    std::string bash_verbs;
    std::string zsh_verbs;
    for (const std::string_view name : commands_with(ArgumentKind::kVerb)) {
        const std::string verbs = verbs_of(*find_command(name));
        const bool has_customer = takes_customer_second(*find_command(name));
        bash_verbs += fmt::format(
            "        {}) if ((${{#arguments[@]}} == 0)); then\n"
            "                mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$word\"){}; fi ;;\n",
            name, verbs, has_customer ? "\n            elif ((${#arguments[@]} == 1)); then _vpnctl_customers" : "");
        zsh_verbs += fmt::format("    {}) if (( CURRENT == 2 )); then compadd {}{}; fi ;;\n", name, verbs,
                                 has_customer ? "; elif (( CURRENT == 3 )); then _vpnctl_customers" : "");
    }
    const std::array<std::pair<std::string_view, std::string>, 17> words{{
        {"@connections@", std::string(kConnections)},
        {"@names@", std::string(kNames)},
        {"@actions@", orders_of(*find_command("ipsec"))},
        {"@plain_values@",
         "--network|--address|--public-key|--keepalive|--endpoint|--name|--description|--confirm-within|--comment|--"
         "revision|--since|--until|--peer|--kind|--count|-c|-n|--from|--to|--proto|--port|--user"},
        {"@bash_verbs@", bash_verbs},
        {"@zsh_verbs@", zsh_verbs},
        {"@options@", fmt::format("{}", fmt::join(option_names(), " "))},
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

std::string change_options_of_fish() {
    std::string out;
    const auto option = [&out](std::string_view name, std::string_view how, std::string_view what) {
        out += fmt::format("complete -c vpnctl -l {}{}{} -d {}\n", name, how.empty() ? "" : " ", how, quoted(what));
    };
    option("confirm-within", "-x", "apply: the configuration before comes back after this time");
    option("comment", "-x", "what applies: why, for the history");
    option("only", fmt::format("-x -a {}", quoted(kFishCustomers)), "apply: the file of this customer, and no other");
    option("revision", "-x", "show, diff: this revision of the history");
    option("month", "-x", "usage: 2026-11, of UTC");
    option("csv", "", "usage: a table for programs");
    option("follow", "-s f", "log: wait for more lines");
    option("lines", "-x -s n", "log: only the last lines");
    option("no-apply", "", "write the file, and leave the rest to apply");
    option("network", "-x", "peer add: a network behind the peer");
    option("address", "-x", "peer add, customer add: an address");
    option("public-key", "-x", "peer add, peer rotate: the key of the peer");
    option("expires", "-x", "peer add: until when it has a tunnel");
    option("commit", "", "peer rotate: the next key becomes the only one");
    option("cancel", "", "peer rotate: the next key is removed");
    option("force", "", "peer rotate: also when the peer uses the key that goes");
    option("psk", "", "peer add: make a preshared key");
    option("keepalive", "-x", "peer add: persistent_keepalive");
    option("endpoint", "-x", "peer add: where the peer is");
    option("name", "-x", "customer add: the name for people");
    option("description", "-x", "peer add, customer add: what people should know");
    option("out", "-r -F", "peer add, peer rotate, profile: write there");
    option("qr", "", "peer add, peer rotate, profile: print a QR code");
    option("svg", "-r -F", "peer add, peer rotate, profile: write the QR code as a picture");
    option("private-key-file", "-r -F", "profile: the private key of the peer");
    option("all", "", "profile: of all peers");
    option("for", "-x -a 'swanctl libreswan iked windows apple android'", "profile of a connection: for whom");
    option("with-secret", "", "profile of a connection: with the secret");
    option("format", "-x -a 'conf qr svg'", "profile: how");
    option("customer", fmt::format("-x -a {}", quoted(kFishCustomers)), "import, rollback: which customer");
    option("write", "", "import, restore: write the files");
    option("inner", "", "capture: only the packets in the tunnels");
    option("outer", "", "capture: only the datagrams that carry them");
    option("both", "", "capture: both");
    option("to-file", "-s w -r -F", "capture: write there");
    option("count", "-s c -x", "capture: end after so many packets");
    option("recursive", "-s r", "stack list: devices and processes too");
    option("user", "-x -a '(__fish_complete_users)'", "stack exec, exec: as this user");
    option("back", "", "stack move-device: to the uplink again");
    option("kill", "", "customer rm: end the programs in the stack");
    option("from", "-x", "why: the source address");
    option("to", "-x", "why: the destination address");
    option("proto", "-x -a 'tcp udp icmp'", "why: the protocol");
    option("port", "-x", "why: the destination port; fleet invite: where it waits");
    option("max", "-x", "fleet rebalance: groups at most");
    option("yes", "", "fleet rebalance: do not ask");
    option("at", "-x", "fleet authority, invite, join: the address of this node");
    option("ca-key", "-r -F", "fleet: the key of its authority");
    option("weight", "-x", "fleet authority, join: the share of the groups");
    option("zone", "-x", "fleet authority, join: where this node is");
    option("wait", "", "fleet move: until the group may change its owner again");
    return out;
}

std::string fish() {
    const std::string names = fmt::format("{}", fmt::join(command_names(), " "));
    std::string out = "# fish completion for vpnctl, made by `vpnctl completion fish`\ncomplete -c vpnctl -f\n";
    out +=
        "complete -c vpnctl -l run-dir -r -a '(__fish_complete_directories)' -d 'the run directory of the instance'\n";
    out += "complete -c vpnctl -l config -r -a '(__fish_complete_directories)' -d 'the configuration'\n";
    out +=
        "complete -c vpnctl -l state-dir -r -a '(__fish_complete_directories)' -d 'where stackd keeps the history and "
        "the usage'\n";
    out +=
        "complete -c vpnctl -l network-dir -r -a '(__fish_complete_directories)' -d 'where setup writes the file of "
        "the uplink'\n";
    out += "complete -c vpnctl -l remove -d 'apply, customer rm: remove customers without asking'\n";
    out += change_options_of_fish();
    out += "complete -c vpnctl -s v -l verbose -d 'apply, diff: every step in the kernel'\n";
    out += "complete -c vpnctl -l why -d 'ipsec: the last attempts to connect'\n";
    out += "complete -c vpnctl -x -l since -d 'events, outages: from then on'\n";
    out += "complete -c vpnctl -x -l until -d 'events, outages: until then'\n";
    out += "complete -c vpnctl -x -l peer -d 'events, outages: of this peer'\n";
    out += "complete -c vpnctl -x -l kind -d 'events: of this kind'\n";
    out += "complete -c vpnctl -x -s n -l count -d 'events, outages, top: so many rows'\n";
    out += "complete -c vpnctl -l down -d 'customers, peers: only those that are down'\n";
    out += "complete -c vpnctl -l idle -d 'peers: only those that are idle'\n";
    out += "complete -c vpnctl -l json -d 'print one JSON document'\ncomplete -c vpnctl -s h -l help -d 'help'\n";
    out += "complete -c vpnctl -s V -l version -d 'print the version'\n";
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
        out +=
            fmt::format("complete -c vpnctl -n '__fish_seen_subcommand_from {}{}' -a {}\n", name,
                        has_customer ? "; and test (count (commandline -opc)) -eq 2" : "", quoted(verbs_of(command)));
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
