#include "ctl/options.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <charconv>
#include <exception>
#include <sstream>

namespace warren::ctl {

namespace {

namespace po = boost::program_options;

using Texts = std::vector<std::string>;

// Of the commands that change customers' files. In the order of the help.
void add_change_options(po::options_description& out) {
    out.add_options()("no-apply", po::bool_switch(),
                      "peer, customer, edit, import: write the file and leave the rest to `vpnctl apply`")(
        "network", po::value<Texts>()->value_name("NET")->composing(), "peer add: a network behind the peer")(
        "address", po::value<Texts>()->value_name("ADDR")->composing(),
        "peer add: its address, or none; absent: the next free one. customer add: one of the stack's")(
        "public-key", po::value<std::string>()->value_name("KEY"),
        "peer add, peer rotate: its key; absent: a pair is made and the client's configuration printed")(
        "expires", po::value<std::string>()->value_name("DATE"), "peer add: until when it has a tunnel, in UTC")(
        "commit", po::bool_switch(), "peer rotate: the next key becomes the only one")(
        "cancel", po::bool_switch(), "peer rotate: the next key is removed")(
        "force", po::bool_switch(), "peer rotate: also when the peer uses the key that goes")(
        "psk", po::bool_switch(), "peer add: make a preshared key")(
        "keepalive", po::value<std::string>()->value_name("S"), "peer add: persistent_keepalive of the appliance")(
        "endpoint", po::value<std::string>()->value_name("ADDR:PORT"), "peer add: where the peer is")(
        "name", po::value<std::string>()->value_name("TEXT"), "customer add: the name for people")(
        "description", po::value<std::string>()->value_name("TEXT"), "peer add, customer add: what people should know")(
        "out", po::value<std::string>()->value_name("FILE"),
        "peer add, peer rotate, profile: write there (mode 0600); with --all a directory")(
        "qr", po::bool_switch(), "peer add, peer rotate, profile: print a QR code for a phone")(
        "svg", po::value<std::string>()->value_name("FILE"),
        "peer add, peer rotate, profile: write the QR code as a picture")(
        "private-key-file", po::value<std::string>()->value_name("FILE"), "profile: the peer's private key")(
        "format", po::value<std::string>()->value_name("FORMAT"), "profile: conf, qr or svg on standard output")(
        "all", po::bool_switch(), "profile: of all peers, without private keys")(
        "for", po::value<std::string>()->value_name("PROGRAM"),
        "profile of a connection: swanctl, libreswan, iked, windows, apple or android")(
        "with-secret", po::bool_switch(), "profile of a connection: with the preshared key, or the user's password")(
        "customer", po::value<std::string>()->value_name("ID"),
        "import: of whom the peers are; rollback: only the file of this customer")(
        "write", po::bool_switch(), "import: write the customer's file, and apply it; restore: write the files");
}

// Of the commands that apply, and of those that read the history.
void add_history_options(po::options_description& out) {
    out.add_options()("confirm-within", po::value<std::string>()->value_name("TIME"),
                      "apply: the configuration before comes back after this time (30s, 5m, 1h), unless `vpnctl "
                      "confirm` comes")("comment", po::value<std::string>()->value_name("TEXT"),
                                        "apply and all that applies: why, for the history")(
        "only", po::value<std::string>()->value_name("ID"), "apply: the file of this customer, and no other")(
        "revision", po::value<std::string>()->value_name("N"), "show, diff: this revision of the history")(
        "month", po::value<std::string>()->value_name("MONTH"), "usage: 2026-11, of UTC; else the present one")(
        "csv", po::bool_switch(), "usage: a table for programs, one line for each customer and peer")(
        "follow,f", po::bool_switch(), "log: wait for more lines")("lines,n", po::value<std::string>()->value_name("N"),
                                                                   "events, outages, log, top: so many lines");
}

// Of the commands that look at the past or choose among rows.
void add_past_options(po::options_description& out) {
    out.add_options()("since", po::value<std::string>()->value_name("TIME"),
                      "events, outages: from then on: a day, a time in UTC, or 2d, 3h, 15m ago")(
        "until", po::value<std::string>()->value_name("TIME"), "events, outages: until then")(
        "peer", po::value<std::string>()->value_name("NAME"),
        "events, outages: of this peer; outages: or of this connection")(
        "kind", po::value<std::string>()->value_name("KIND"), "events: of this kind: idle, online, roamed, ...")(
        "down", po::bool_switch(), "customers, peers: only those that are down")("idle", po::bool_switch(),
                                                                                 "peers: only those that are idle");
}

// Throws as the parser does.
std::size_t number_of(const std::string& text) {
    std::size_t out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc() || end != text.data() + text.size()) throw po::invalid_option_value(text);
    return out;
}

void read_past_options(const po::variables_map& map, PastOptions& to) {
    const auto text = [&map](const char* name, std::string& place) {
        if (map.count(name) != 0) place = map[name].as<std::string>();
    };
    text("since", to.since);
    text("until", to.until);
    text("peer", to.peer);
    text("kind", to.kind);
    if (map.count("lines") != 0) to.count = number_of(map["lines"].as<std::string>());
    to.down = map["down"].as<bool>();
    to.idle = map["idle"].as<bool>();
}

// Of the commands about stacks.
void add_stack_options(po::options_description& out) {
    out.add_options()("recursive,r", po::bool_switch(), "stack list: devices and processes of each stack, too")(
        "user", po::value<std::string>()->value_name("NAME"),
        "stack exec, exec: as this user; stack exec: else who ran sudo, or nobody; exec: else root")(
        "back", po::bool_switch(), "stack move-device: from the stack to the uplink again")(
        "kill", po::bool_switch(), "customer rm: end the programs that run in the customer's stack");
}

void read_stack_options(const po::variables_map& map, StackOptions& to) {
    to.recursive = map["recursive"].as<bool>();
    to.back = map["back"].as<bool>();
    to.kill = map["kill"].as<bool>();
    if (map.count("user") != 0) to.user = map["user"].as<std::string>();
}

// Of the commands about a fleet.
void add_fleet_options(po::options_description& out) {
    out.add_options()("max", po::value<std::string>()->value_name("N"), "fleet rebalance: move at most N groups")(
        "yes", po::bool_switch(), "fleet rebalance: do not ask")("at", po::value<std::string>()->value_name("ADDR"),
                                                                 "fleet authority, invite, join: this node's address")(
        "ca-key", po::value<std::string>()->value_name("FILE"),
        "fleet authority, invite, remove, renew: the private key of the fleet's authority (default "
        "/etc/warren-fleet/ca.key)")("weight", po::value<std::string>()->value_name("N"),
                                     "fleet authority, join: this node's share of the groups, 1 to 100 (default 1)")(
        "zone", po::value<std::string>()->value_name("NAME"), "fleet authority, join: where this node is")(
        "wait", po::bool_switch(), "fleet move: wait until the group may change its owner again");
}

void read_fleet_options(const po::variables_map& map, FleetOptions& to) {
    const auto text = [&map](const char* name, std::string& place) {
        if (map.count(name) != 0) place = map[name].as<std::string>();
    };
    text("max", to.most);
    to.yes = map["yes"].as<bool>();
    text("at", to.at);
    text("port", to.port);
    text("ca-key", to.authority_key);
    text("weight", to.weight);
    text("zone", to.zone);
    to.wait = map["wait"].as<bool>();
}

// Of the commands about packets.
void add_packet_options(po::options_description& out) {
    out.add_options()("inner", po::bool_switch(), "capture: only the packets in the tunnels")(
        "outer", po::bool_switch(), "capture: only the datagrams that carry them")(
        "both", po::bool_switch(), "capture: both, as it does by itself")(
        "to-file,w", po::value<std::string>()->value_name("FILE"),
        "capture: write there (mode 0600); - is standard output")("count,c", po::value<std::string>()->value_name("N"),
                                                                  "capture: end after so many packets")(
        "from", po::value<std::string>()->value_name("ADDR"), "why: the packet's source address")(
        "to", po::value<std::string>()->value_name("ADDR"), "why: its destination address")(
        "proto", po::value<std::string>()->value_name("NAME"), "why: tcp, udp or icmp (the default)")(
        "port", po::value<std::string>()->value_name("N"),
        "why: its destination port; fleet invite: where it waits (default 2381)");
}

void read_packet_options(const po::variables_map& map, Invocation& to) {
    const auto text = [&map](const char* name, std::string& place) {
        if (map.count(name) != 0) place = map[name].as<std::string>();
    };
    to.capture.inner = map["inner"].as<bool>();
    to.capture.outer = map["outer"].as<bool>();
    to.capture.both = map["both"].as<bool>();
    text("to-file", to.capture.write);
    text("count", to.capture.count);
    text("from", to.packet.from);
    text("to", to.packet.to);
    text("proto", to.packet.protocol);
    text("port", to.packet.port);
}

void read_history_options(const po::variables_map& map, Invocation& to) {
    const auto text = [&map](const char* name, std::string& place) {
        if (map.count(name) != 0) place = map[name].as<std::string>();
    };
    text("state-dir", to.state_dir);
    text("confirm-within", to.confirm_within);
    text("comment", to.comment);
    text("only", to.only);
    text("revision", to.revision);
    text("month", to.month);
    to.csv = map["csv"].as<bool>();
    text("lines", to.lines);
    to.follow = map["follow"].as<bool>();
}

void read_change_options(const po::variables_map& map, ChangeOptions& to) {
    const auto text = [&map](const char* name, std::string& place) {
        if (map.count(name) != 0) place = map[name].as<std::string>();
    };
    if (map.count("network") != 0) to.networks = map["network"].as<Texts>();
    if (map.count("address") != 0) to.addresses = map["address"].as<Texts>();
    text("public-key", to.public_key);
    text("expires", to.expires);
    text("keepalive", to.keepalive);
    text("endpoint", to.endpoint);
    text("name", to.name);
    text("description", to.description);
    text("out", to.out);
    text("svg", to.svg);
    text("private-key-file", to.private_key_file);
    text("for", to.for_program);
    text("customer", to.customer);
    to.psk = map["psk"].as<bool>();
    to.commit = map["commit"].as<bool>();
    to.cancel = map["cancel"].as<bool>();
    to.force = map["force"].as<bool>();
    to.qr = map["qr"].as<bool>();
    to.all = map["all"].as<bool>();
    to.with_secret = map["with-secret"].as<bool>();
    to.write = map["write"].as<bool>();
    to.no_apply = map["no-apply"].as<bool>();
}

po::options_description visible_options() {
    po::options_description out("Options");
    out.add_options()("run-dir", po::value<std::string>()->value_name("DIR"),
                      "the instance's run directory (default /run/warren)")(
        "config", po::value<std::string>()->value_name("DIR"),
        "the configuration, of commands that read or change its files (default /etc/warren)")(
        "state-dir", po::value<std::string>()->value_name("DIR"),
        "where stackd keeps the history and the usage (default /var/lib/warren)")(
        "network-dir", po::value<std::string>()->value_name("DIR"),
        "setup: write the uplink's systemd.network file there")("remove", po::bool_switch(),
                                                                "apply, customer rm: remove customers without asking")(
        "verbose,v", po::bool_switch(), "apply, diff: print every step that a change takes in the kernel")(
        "why", po::bool_switch(),
        "ipsec: the last attempts to connect, what each offered and why it failed; without CUSTOMER, those that "
        "found no connection")("json", po::bool_switch(), "print one JSON document with stable keys")(
        "help,h", po::bool_switch(), "help, of a command when one is given")("version,V", po::bool_switch(),
                                                                             "print the version");
    add_history_options(out);
    add_past_options(out);
    add_change_options(out);
    add_packet_options(out);
    add_stack_options(out);
    add_fleet_options(out);
    return out;
}

po::variables_map parse(const std::vector<std::string>& arguments) {
    po::options_description all = visible_options();
    all.add_options()("words", po::value<std::vector<std::string>>());
    po::positional_options_description positional;
    positional.add("words", -1);
    namespace style = po::command_line_style;
    const int strict =
        style::default_style & ~style::allow_guessing;  // the meaning of "--con" must not depend on the other options
    po::variables_map out;
    po::store(po::command_line_parser(arguments).options(all).positional(positional).style(strict).run(), out);
    return out;
}

}  // namespace

Result<Options> parse_options(const std::vector<std::string>& arguments) {
    const auto separator = std::find(arguments.begin(), arguments.end(), "--");
    Options out;
    if (separator != arguments.end()) out.invocation.program.assign(separator + 1, arguments.end());
    try {
        const po::variables_map map = parse({arguments.begin(), separator});
        if (map.count("run-dir") != 0) out.invocation.run_dir = map["run-dir"].as<std::string>();
        if (map.count("config") != 0) out.invocation.config_dir = map["config"].as<std::string>();
        if (map.count("network-dir") != 0) out.invocation.network_dir = map["network-dir"].as<std::string>();
        out.invocation.json = map["json"].as<bool>();
        out.invocation.remove = map["remove"].as<bool>();
        out.invocation.verbose = map["verbose"].as<bool>();
        out.invocation.why = map["why"].as<bool>();
        read_history_options(map, out.invocation);
        read_past_options(map, out.invocation.past);
        read_change_options(map, out.invocation.change);
        read_packet_options(map, out.invocation);
        read_stack_options(map, out.invocation.stack);
        read_fleet_options(map, out.invocation.fleet);
        if (map.count("format") != 0) out.invocation.format = map["format"].as<std::string>();
        out.help = map["help"].as<bool>();
        out.version = map["version"].as<bool>();
        if (map.count("words") != 0) out.invocation.arguments = map["words"].as<std::vector<std::string>>();
    } catch (const std::exception& error) {
        return fail(ErrorCode::kInvalid, error.what());
    }
    if (!out.invocation.arguments.empty()) {
        out.command = out.invocation.arguments.front();
        out.invocation.arguments.erase(out.invocation.arguments.begin());
    }
    return out;
}

std::string describe_options() {
    std::ostringstream out;
    out << visible_options();
    return out.str();
}

std::vector<std::string> option_names() {
    const po::options_description visible = visible_options();
    std::vector<std::string> out;
    for (const auto& option : visible.options()) out.push_back("--" + option->long_name());
    return out;
}

}  // namespace warren::ctl
