#include "ctl/option_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace warren::ctl {

namespace {

using enum OptionValue;

// What prints a document as JSON.
constexpr std::string_view kShowing =
    "status, customers, peers, ipsec, wg, counters, drops, usage, events, outages, find, top, routes, firewall, "
    "services, doctor, why, stack list|show, setup, check, listeners, diff, apply, confirm, history, show, rollback, "
    "log-level, restart, alert, fleet status|move|drain|undrain, peer add|show|rotate|reset, token add, web, "
    "update status, explain, support-bundle";
// What changes files of customers and applies them.
constexpr std::string_view kApplying =
    "apply, rollback, edit, customer, peer add|rm|enable|disable|rename|rotate, import";
constexpr std::string_view kCommented =
    "apply, rollback, edit, customer, peer add|rm|enable|disable|rename|rotate, import, fleet seal";
constexpr std::string_view kWriting = "rollback, edit, customer, peer add|rm|enable|disable|rename|rotate, import";
constexpr std::string_view kTelling =
    "diff, apply, rollback, confirm, edit, customer, peer add|rm|enable|disable|rename|rotate, import";
constexpr std::string_view kApplies = "what applies";
constexpr std::string_view kPrograms = "swanctl libreswan iked windows apple android";
constexpr std::string_view kKinds =
    "online idle roamed added removed changed drops rate_limited suspended resumed vpnd_started vpnd_lost renamed up "
    "down peer_dead expired rekeyed auth_failed connect_failed";
constexpr std::string_view kTimes = "1h 1d 1w";

// clang-format off
constexpr OptionRow kRows[] = {
    {"run-dir", kDirectory, "DIR", "", "the instance's run directory (default /run/warren)"},
    {"config", kDirectory, "DIR", "",
     "the configuration, of commands that read or change its files (default /etc/warren)"},
    {"state-dir", kDirectory, "DIR", "",
     "where stackd keeps the history and the usage (default /var/lib/warren)"},
    {"help,h", kNone, "", "", "help, of a command when one is given"},
    {"version,V", kNone, "", "", "print the version"},
    {"json", kNone, "", kShowing, "print one JSON document with stable keys", {}, "what shows something"},
    {"verbose,v", kNone, "", kTelling, "print every step that a change takes in the kernel", {},
     "diff and what applies"},
    {"network-dir", kDirectory, "DIR", "setup", "write the uplink's systemd.network file there"},
    {"remove", kNone, "", "apply, rollback, customer rm", "remove customers without asking"},
    {"confirm-within", kText, "TIME", kApplying,
     "the configuration before comes back after this time (30s, 5m, 1h), unless `vpnctl confirm` comes", {}, kApplies},
    {"comment", kText, "TEXT", kCommented, "why, for the history", {}, kApplies},
    {"only", kCustomer, "ID", "apply", "the file of this customer, and no other"},
    {"customer", kCustomer, "ID", "import", "of whom the peers are"},
    {"customer", kCustomer, "ID", "rollback", "only the file of this customer"},
    {"revision", kText, "N", "show, diff", "this revision of the history"},
    {"why", kNone, "", "ipsec",
     "the last attempts to connect, what each offered and why it failed; without CUSTOMER, those that found no "
     "connection"},
    {"month", kText, "MONTH", "usage", "2026-11, of UTC; else the present one"},
    {"csv", kNone, "", "usage", "a table for programs, one line for each customer and peer"},
    {"follow,f", kNone, "", "log", "wait for more lines"},
    {"lines,n", kText, "N", "events, outages, log, top", "so many lines"},
    {"since", kText, "TIME", "events, outages", "from then on: a day, a time in UTC, or 2d, 3h, 15m ago", kTimes},
    {"until", kText, "TIME", "events, outages", "until then", kTimes},
    {"peer", kText, "NAME", "events, outages", "of this peer or connection"},
    {"kind", kText, "KIND", "events", "of this kind: idle, online, roamed, ...", kKinds},
    {"down", kNone, "", "customers, peers", "only those that are down"},
    {"idle", kNone, "", "peers", "only those that are idle"},
    {"no-apply", kNone, "", kWriting, "write the file and leave the rest to `vpnctl apply`", {},
     "rollback, edit, customer, peer, import"},
    {"network", kMany, "NET", "peer add", "a network behind the peer"},
    {"address", kMany, "ADDR", "peer add", "its address, or none; absent: the next free one"},
    {"address", kMany, "ADDR", "customer add", "one of the stack's"},
    {"public-key", kText, "KEY", "peer add|rotate",
     "its key; absent: a pair is made and the client's configuration printed"},
    {"expires", kText, "DATE", "peer add", "until when it has a tunnel, in UTC"},
    {"expires", kText, "TIME", "fleet invite", "how long the token is good: 90s, 10m, at most 1h"},
    {"commit", kNone, "", "peer rotate", "the next key becomes the only one"},
    {"cancel", kNone, "", "peer rotate", "the next key is removed"},
    {"force", kNone, "", "peer rotate", "also when the peer uses the key that goes"},
    {"force", kNone, "", "stack move-device", "also when the appliance loses what the device carries"},
    {"psk", kNone, "", "peer add", "make a preshared key"},
    {"keepalive", kText, "S", "peer add", "persistent_keepalive of the appliance"},
    {"endpoint", kText, "ADDR:PORT", "peer add", "where the peer is"},
    {"name", kText, "TEXT", "customer add", "the name for people"},
    {"description", kText, "TEXT", "customer add, peer add", "what people should know"},
    {"out", kFile, "FILE", "peer add|rotate, profile", "write there (mode 0600); of profile with --all a directory"},
    {"qr", kNone, "", "peer add|rotate, profile", "print a QR code for a phone"},
    {"svg", kFile, "FILE", "peer add|rotate, profile", "write the QR code as a picture"},
    {"format", kText, "FORMAT", "peer add|rotate, profile", "conf, qr or svg on standard output", "conf qr svg"},
    {"format", kText, "FORMAT", "explain", "the whole manual: markdown, or scdoc for a file's man page",
     "markdown scdoc"},
    {"private-key-file", kFile, "FILE", "profile", "the peer's private key"},
    {"all", kNone, "", "profile", "of all peers, without private keys"},
    {"for", kText, "PROGRAM", "profile",
     "of a connection of IPsec: swanctl, libreswan, iked, windows, apple or android", kPrograms},
    {"with-secret", kNone, "", "profile", "of a connection: with the preshared key, or the user's password"},
    {"write", kNone, "", "import", "write the customer's file, and apply it"},
    {"write", kNone, "", "restore", "write the files"},
    {"inner", kNone, "", "capture", "only the packets in the tunnels"},
    {"outer", kNone, "", "capture", "only the datagrams that carry them"},
    {"both", kNone, "", "capture", "both, as it does by itself"},
    {"to-file,w", kFile, "FILE", "capture", "write there (mode 0600); - is standard output"},
    {"count,c", kText, "N", "capture", "end after so many packets"},
    {"from", kText, "ADDR", "why", "the packet's source address"},
    {"to", kText, "ADDR", "why", "its destination address"},
    {"proto", kText, "NAME", "why", "tcp, udp or icmp (the default)", "tcp udp icmp"},
    {"port", kText, "N", "why", "its destination port"},
    {"port", kText, "N", "fleet invite", "where it waits (default 2381)"},
    {"recursive,r", kNone, "", "stack list", "devices and processes of each stack, too"},
    {"user", kUser, "NAME", "stack exec", "as this user; else who ran sudo, or nobody"},
    {"user", kUser, "NAME", "exec", "as this user; else root"},
    {"back", kNone, "", "stack move-device", "from the stack to the uplink again"},
    {"kill", kNone, "", "customer rm, rollback", "end the programs that run in the customer's stack"},
    {"max", kText, "N", "fleet rebalance", "move at most N groups"},
    {"yes", kNone, "", "fleet rebalance", "do not ask"},
    {"at", kText, "ADDR", "fleet authority|invite|join", "this node's address"},
    {"ca-key", kFile, "FILE", "fleet authority|invite|remove|renew",
     "the private key of the fleet's authority (default /etc/warren-fleet/ca.key)"},
    {"weight", kText, "N", "fleet authority|join", "this node's share of the groups, 1 to 100 (default 1)"},
    {"zone", kText, "NAME", "fleet authority|join", "where this node is"},
    {"wait", kNone, "", "fleet move", "wait until the group may change its owner again"},
};
// clang-format on

// Of one meaning for the operator, and of different commands.
constexpr std::pair<std::string_view, std::string_view> kAlike[] = {
    {"only", "customer"}, {"remove", "yes"}, {"remove", "force"}, {"force", "yes"},     {"lines", "count"},
    {"out", "to-file"},   {"at", "address"}, {"at", "from"},      {"month", "revision"}};

std::vector<std::string_view> split(std::string_view text, std::string_view by) {
    std::vector<std::string_view> out;
    while (true) {
        const auto end = text.find(by);
        out.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return out;
        text.remove_prefix(end + by.size());
    }
}

bool takes(std::string_view option, std::string_view command, std::string_view verb) {
    return std::any_of(std::begin(kRows), std::end(kRows),
                       [&](const OptionRow& row) { return row.long_name() == option && is_taken(row, command, verb); });
}

// "": there is none that this command takes.
std::string_view instead_of(std::string_view option, std::string_view command, std::string_view verb) {
    for (const auto& [one, other] : kAlike) {
        if (one == option && takes(other, command, verb)) return other;
        if (other == option && takes(one, command, verb)) return one;
    }
    return {};
}

}  // namespace

std::vector<std::string_view> verbs_of(const Command& command) {
    if (command.arguments.empty() || command.arguments[0] != ArgumentKind::kVerb) return {};
    std::string_view text = command.synopsis.substr(0, command.synopsis.find(' '));
    if (text.starts_with('[')) text = text.substr(1, text.size() - 2);
    return split(text, "|");
}

std::span<const OptionRow> option_rows() {
    return kRows;
}

std::vector<OptionUser> users_of(const OptionRow& row) {
    std::vector<OptionUser> out;
    if (row.is_general()) return out;
    for (const std::string_view each : split(row.commands, ", ")) {
        const auto space = each.find(' ');
        OptionUser user{each.substr(0, space), {}};
        if (space != std::string_view::npos) user.verbs = split(each.substr(space + 1), "|");
        out.push_back(std::move(user));
    }
    return out;
}

bool is_taken(const OptionRow& row, std::string_view command, std::string_view verb) {
    if (row.is_general()) return true;
    const auto users = users_of(row);
    return std::any_of(users.begin(), users.end(), [&](const OptionUser& user) {
        const auto& verbs = user.verbs;
        return user.command == command &&
               (verb.empty() || verbs.empty() || std::find(verbs.begin(), verbs.end(), verb) != verbs.end());
    });
}

std::string option_problem(const Command& command, const Invocation& invocation,
                           const std::vector<std::string>& given) {
    // One that the synopsis does not have is refused by the command itself.
    std::string verb = invocation.arguments.empty() ? "" : invocation.arguments[0];
    const auto verbs = verbs_of(command);
    if (std::find(verbs.begin(), verbs.end(), verb) == verbs.end()) verb.clear();
    const std::string who = verb.empty() ? std::string(command.name) : fmt::format("{} {}", command.name, verb);
    for (const std::string& option : given) {
        if (takes(option, command.name, verb)) continue;
        const std::string_view instead = instead_of(option, command.name, verb);
        return instead.empty() ? fmt::format("{} does not take --{}; see vpnctl help {}", who, option, command.name)
                               : fmt::format("{} takes --{}, not --{}", who, instead, option);
    }
    return {};
}

}  // namespace warren::ctl
