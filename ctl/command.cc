#include "ctl/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <ostream>

#include "base/printable.h"
#include "base/version.h"
#include "config/schema.h"
#include "ctl/check_directory.h"
#include "ctl/option_table.h"
#include "ctl/options.h"
#include "ctl/runners.h"

namespace warren::ctl {

namespace {

constexpr std::array<ArgumentKind, 1> kOneCustomer{ArgumentKind::kCustomer};
constexpr std::array<ArgumentKind, 1> kOneDirectory{ArgumentKind::kDirectory};
constexpr std::array<ArgumentKind, 1> kOneFile{ArgumentKind::kFile};
constexpr std::array<ArgumentKind, 1> kOneKey{ArgumentKind::kKey};
constexpr std::array<ArgumentKind, 1> kOneShell{ArgumentKind::kShell};
constexpr std::array<ArgumentKind, 1> kOneCommand{ArgumentKind::kCommand};

constexpr std::array<ArgumentKind, 4> kVerbNameRole{ArgumentKind::kVerb, ArgumentKind::kName, ArgumentKind::kName,
                                                    ArgumentKind::kName};
constexpr std::array<ArgumentKind, 3> kCustomerNameVerb{ArgumentKind::kCustomer, ArgumentKind::kName,
                                                        ArgumentKind::kVerb};
constexpr std::array<ArgumentKind, 4> kVerbCustomerNames{ArgumentKind::kVerb, ArgumentKind::kCustomer,
                                                         ArgumentKind::kName, ArgumentKind::kName};
constexpr std::array<ArgumentKind, 3> kVerbCustomerName{ArgumentKind::kVerb, ArgumentKind::kCustomer,
                                                        ArgumentKind::kName};
constexpr std::array<ArgumentKind, 3> kCustomerNames{ArgumentKind::kCustomer, ArgumentKind::kName, ArgumentKind::kName};
constexpr std::array<ArgumentKind, 2> kCustomerName{ArgumentKind::kCustomer, ArgumentKind::kName};
// A filter may be many words.
constexpr std::array<ArgumentKind, 40> kCustomerPeerFilter = [] {
    std::array<ArgumentKind, 40> out{};
    out.fill(ArgumentKind::kName);
    out[0] = ArgumentKind::kCustomer;
    return out;
}();
constexpr std::array<ArgumentKind, 1> kOneName{ArgumentKind::kName};
constexpr std::array<ArgumentKind, 1> kOneVerb{ArgumentKind::kVerb};
constexpr std::array<ArgumentKind, 3> kVerbNames{ArgumentKind::kVerb, ArgumentKind::kName, ArgumentKind::kName};
constexpr std::array<ArgumentKind, 2> kVerbFile{ArgumentKind::kVerb, ArgumentKind::kName};

// clang-format off
constexpr Command kCommands[] = {
    {"status", "[CUSTOMER]", "the state of the appliance, or of one customer", kOneCustomer, 0, false, run_status},
    {"customers", "", "one line for each customer: state, peers online, traffic; --down: those that are down", {}, 0,
     false, run_customers},
    {"peers", "[CUSTOMER]", "one line for each peer: state, last handshake, traffic; --down, --idle", kOneCustomer, 0,
     false, run_peers},
    {"ipsec", "[CUSTOMER [CONNECTION [initiate|rekey|terminate]]]",
     "connections of IPsec with their SAs; --why: the last attempts to connect", kCustomerNameVerb, 0, false,
     run_ipsec},
    {"wg", "CUSTOMER", "one customer in the format of `wg show`", kOneCustomer, 1, false, run_wg},
    {"counters", "[CUSTOMER]", "bytes, packets and drops as plain numbers", kOneCustomer, 0, false, run_counters},
    {"drops", "", "dropped packets by customer and reason, with what to do", {}, 0, false, run_drops},
    {"usage", "[CUSTOMER]", "what each customer used in a month, its quota and what is left; --month, --csv",
     kOneCustomer, 0, false, run_usage},
    {"events", "[CUSTOMER]", "what happened, of the last 30 days: --since, --until, --peer, --kind, -n", kOneCustomer,
     0, false, run_events},
    {"outages", "[CUSTOMER]", "what was down, from when to when and why: --since, --until, --peer", kOneCustomer, 0,
     false, run_outages},
    {"find", "TEXT", "whose this is: a name, address, network, part of a key, endpoint or SPI, over all customers",
     kOneName, 1, false, run_find},
    {"top", "", "who uses what right now: the rates of customers and peers; -n: so many", {}, 0, false, run_top},
    {"routes", "CUSTOMER", "the routes of a customer's stack", kOneCustomer, 1, false, run_routes},
    {"firewall", "CUSTOMER", "a customer's own firewall: rules in order, packets, bytes, last hit", kOneCustomer, 1,
     false, run_firewall},
    {"services", "[CUSTOMER]", "programs that serve customers inside their stacks: state, process, restarts, memory",
     kOneCustomer, 0, false, run_services},
    {"log", "CUSTOMER", "what a customer's rules with `log` and its services tell of; -f waits for more, -n N",
     kOneCustomer, 1, false, run_log},
    {"capture", "CUSTOMER [PEER] [FILTER]",
     "a customer's packets, in the tunnels and on the uplink, as pcapng for tcpdump and wireshark",
     kCustomerPeerFilter, 1, false, run_capture},
    {"doctor", "[CUSTOMER [PEER]]",
     "look for the cause of a trouble: what is wrong, what it was seen by, what to do", kCustomerName, 0, false,
     run_doctor},
    {"why", "CUSTOMER",
     "which rule, route or peer decides about a packet --from ADDR --to ADDR [--proto tcp --port N], and the answer",
     kOneCustomer, 1, false, run_why},
    {"stack", "list|show|exec|move-device [CUSTOMER [DEV]] [-- CMD...]",
     "customers' stacks: what is in them, run a program there as an ordinary user, move a device in and --back",
     kVerbCustomerName, 1, true, run_stack, false},
    {"exec", "CUSTOMER -- CMD...", "run a program inside a customer's stack, as root unless --user says who",
     kOneCustomer, 1, true, run_exec},
    {"setup", "", "ask for name, port, uplink, status page and first operator, and write the first warren.toml", {}, 0,
     false, run_setup},
    {"check", "[DIR]", "find every error in a configuration; needs no root and no daemon", kOneDirectory, 0, false,
     run_check_directory},
    {"listeners", "", "the ports that the appliance listens at, for a firewall", {}, 0, false, run_listeners},
    {"diff", "[CUSTOMER]", "what `apply` would change; with --revision N, how the files differ from that revision",
     kOneCustomer, 0, false, run_diff},
    {"apply", "", "load the configuration again and apply it; asks before it removes many customers", {}, 0, false,
     run_apply},
    {"confirm", "", "what `apply --confirm-within` brought into force stays", {}, 0, false, run_confirm},
    {"history", "[CUSTOMER]", "every configuration that came into force: when, by whom, what it changed", kOneCustomer,
     0, false, run_history},
    {"show", "[CUSTOMER]", "the files of a revision of the history (--revision N; else the last one)", kOneCustomer, 0,
     false, run_show},
    {"rollback", "[N]", "write the files of revision N (else the one before the last) back, and apply them", kOneName,
     0, false, run_rollback},
    {"log-level", "[debug|info|warn|error]", "how much the daemons log; without a level, the present one", kOneVerb, 0,
     false, run_log_level},
    {"restart", "vpnd", "start the tunnel daemon again, for instance after an upgrade; every session goes on", kOneVerb,
     1, false, run_restart},
    {"alert", "status|test", "what alertd told and what waits for whom; test: what each receiver answers to a test",
     kOneVerb, 1, false, run_alert},
    {"fleet", "status|move|rebalance|drain|undrain|authority|key|init|invite|join|remove|renew|seal|follow|ours|theirs "
     "[NAME [NODE]]",
     "nodes and groups of the fleet, which group is where, and the configuration that its nodes share", kVerbNames, 1,
     false, run_fleet},
    {"edit", "CUSTOMER", "change a customer's file in an editor: checked and shown before it is written",
     kOneCustomer, 1, false, run_edit},
    {"customer", "add|rm|rename|suspend|resume CUSTOMER [NEW-ID]",
     "add, remove or rename a customer's file, or stop and start its tunnels", kVerbCustomerName, 2, false,
     run_customer},
    {"peer", "add|rm|enable|disable|rename|rotate|show|reset CUSTOMER PEER [NEW-NAME]",
     "a site or device of WireGuard: add prints its configuration; reset forgets its latest timestamp and its endpoint",
     kVerbCustomerNames, 3, false, run_peer},
    {"profile", "CUSTOMER [PEER | CONNECTION [USER]]",
     "the configuration of a client or site, from the present files; --for: of a connection of IPsec",
     kCustomerNames, 1, false, run_profile},
    {"import", "wg-quick|csv FILE", "peers from a server's file of wg-quick or from a table",
     kVerbFile, 2, false, run_import},
    {"backup", "FILE", "the configuration with its secrets as one file, under a passphrase", kOneFile, 1, false,
     run_backup},
    {"restore", "FILE", "what a backup would change here; with --write, put it in the place of the configuration",
     kOneFile, 1, false, run_restore},
    {"user", "add|passwd|del NAME [ROLE [ID,ID]]",
     "the users of the status page; the password is read from standard input", kVerbNameRole, 2, false, run_user},
    {"token", "add|del NAME [ROLE [ID,ID]]", "API tokens for programs; a new one is printed once", kVerbNameRole, 2,
     false, run_token},
    {"web", "fingerprint", "the fingerprint of the status page's certificate", kOneVerb, 1, false, run_web},
    {"update", "install|status|rollback|mark-good [FILE]",
     "the firmware image's two slots: install a signed bundle, roll back", kVerbFile, 1, false, run_update},
    {"explain", "[KEY]", "what a key of the configuration means", kOneKey, 0, false, run_explain},
    {"support-bundle", "FILE", "collect diagnostics without secrets in one .tar.gz", kOneFile, 1, false,
     run_support_bundle},
    {"completion", "SHELL", "print the completion for bash, zsh or fish", kOneShell, 1, false, run_completion},
    {"help", "[COMMAND]", "this help, or that of a command", kOneCommand, 0, false, run_help},
};
// clang-format on

constexpr std::size_t kSummaryColumn = 26;

std::string help_text() {
    std::string out = "vpnctl: operate a Warren VPN concentrator\n\nUsage: vpnctl [OPTIONS] COMMAND\n\nCommands:\n";
    for (const Command& command : kCommands) {
        const std::string synopsis = fmt::format("{} {}", command.name, command.synopsis);
        // A long one stands in a line of its own.
        const bool is_long = synopsis.size() + 2 > kSummaryColumn;
        out += fmt::format("  {:<{}}{}{}\n", synopsis, kSummaryColumn,
                           is_long ? fmt::format("\n{:{}}", "", kSummaryColumn + 2) : "", command.summary);
    }
    out += '\n' + describe_options();
    out +=
        "\nExit status: 0 done, 1 the answer is no, 2 usage, 3 the daemon cannot be reached, 4 refused or "
        "failed.\nMore: man vpnctl\n";
    return out;
}

std::string help_text(const Command& command) {
    return fmt::format("{}\n\nUsage: {}\n\n{}", command.summary, usage_of(command), describe_options(command));
}

int complain_unknown(Output& output, const std::string& name) {
    std::vector<std::string_view> names;
    for (const Command& command : kCommands) names.push_back(command.name);
    const std::string near = config::suggest(name, names);
    return complain(
        output, kUsage,
        fmt::format("there is no command \"{}\"{}", name,
                    near.empty() ? "; vpnctl help lists them" : fmt::format("; did you mean \"{}\"?", near)));
}

// What is wrong with the arguments, "" for nothing.
std::string argument_problem(const Command& command, const Invocation& invocation) {
    if (invocation.arguments.size() < command.required) return "an argument is missing";
    if (invocation.arguments.size() > command.arguments.size()) {
        const std::string first = invocation.arguments[command.arguments.size()];
        if (command.takes_program)
            return fmt::format("\"{}\" is one argument too many; put the program after \"--\"", first);
        return fmt::format("\"{}\" is one argument too many", first);
    }
    if (command.takes_program && command.needs_program && invocation.program.empty()) return "the program is missing";
    if (!command.takes_program && !invocation.program.empty()) return "this command takes no \"--\"";
    return {};
}

}  // namespace

std::string usage_of(const Command& command) {
    return fmt::format("vpnctl [OPTIONS] {}{}{}", command.name, command.synopsis.empty() ? "" : " ", command.synopsis);
}

std::span<const Command> commands() {
    return kCommands;
}

const Command* find_command(std::string_view name) {
    const auto* found = std::find_if(std::begin(kCommands), std::end(kCommands),
                                     [name](const Command& command) { return command.name == name; });
    return found == std::end(kCommands) ? nullptr : found;
}

int complain(Output& output, int status, std::string_view message) {
    output.err << "vpnctl: " << printable(message, "\n") << '\n';  // may contain text from a daemon
    return status;
}

int run_help(const Invocation& invocation, Output& output) {
    if (invocation.arguments.empty()) {
        output.out << help_text();
        return kDone;
    }
    const Command* command = find_command(invocation.arguments[0]);
    if (command == nullptr) return complain_unknown(output, invocation.arguments[0]);
    output.out << help_text(*command);
    return kDone;
}

int run(const std::vector<std::string>& arguments, Output& output) {
    auto options = parse_options(arguments);
    if (!options) return complain(output, kUsage, options.error().what + "; see vpnctl help");
    if (options->version) {
        output.out << "vpnctl " << kVersion << '\n';
        return kDone;
    }
    if (options->help) {
        Invocation help;
        if (!options->command.empty()) help.arguments.push_back(options->command);
        return run_help(help, output);
    }
    if (options->command.empty()) {
        output.err << help_text();
        return kUsage;
    }
    const Command* command = find_command(options->command);
    if (command == nullptr) return complain_unknown(output, options->command);
    if (const std::string problem = argument_problem(*command, options->invocation); !problem.empty()) {
        return complain(output, kUsage, fmt::format("{}; usage: {}", problem, usage_of(*command)));
    }
    if (const std::string problem = option_problem(*command, options->invocation, options->given); !problem.empty())
        return complain(output, kUsage, problem);
    return command->run(options->invocation, output);
}

}  // namespace warren::ctl
