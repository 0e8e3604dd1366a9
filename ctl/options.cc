#include "ctl/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <charconv>
#include <exception>
#include <sstream>

#include "ctl/option_table.h"

namespace warren::ctl {

namespace {

namespace po = boost::program_options;

using Texts = std::vector<std::string>;

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

void read_stack_options(const po::variables_map& map, StackOptions& to) {
    to.recursive = map["recursive"].as<bool>();
    to.back = map["back"].as<bool>();
    to.kill = map["kill"].as<bool>();
    if (map.count("user") != 0) to.user = map["user"].as<std::string>();
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

// "peer add, peer rotate: " before the text, where not every command takes the option.
std::string help_of(const OptionRow& row) {
    if (row.is_general()) return std::string(row.text);
    return fmt::format("{}: {}", row.whose.empty() ? row.commands : row.whose, row.text);
}

void add(po::options_description& out, const OptionRow& row, const std::string& text) {
    const std::string name(row.name);
    const std::string value(row.value_name);
    switch (row.value) {
        case OptionValue::kNone: out.add_options()(name.c_str(), po::bool_switch(), text.c_str()); return;
        case OptionValue::kMany:
            out.add_options()(name.c_str(), po::value<Texts>()->value_name(value)->composing(), text.c_str());
            return;
        default: out.add_options()(name.c_str(), po::value<std::string>()->value_name(value), text.c_str()); return;
    }
}

// Each once, with the texts of all its rows.
po::options_description visible_options() {
    po::options_description out("Options");
    const auto rows = option_rows();
    for (auto row = rows.begin(); row != rows.end(); ++row) {
        const auto is_same = [&row](const OptionRow& other) { return other.name == row->name; };
        if (std::any_of(rows.begin(), row, is_same)) continue;
        std::string text;
        for (const OptionRow& each : rows) {
            if (is_same(each)) text += (text.empty() ? "" : "; ") + help_of(each);
        }
        add(out, *row, text);
    }
    return out;
}

// `given`: the long names of those that were, in their order.
po::variables_map parse(const std::vector<std::string>& arguments, std::vector<std::string>& given) {
    po::options_description all = visible_options();
    all.add_options()("words", po::value<std::vector<std::string>>());
    po::positional_options_description positional;
    positional.add("words", -1);
    namespace style = po::command_line_style;
    const int strict =
        style::default_style & ~style::allow_guessing;  // the meaning of "--con" must not depend on the other options
    po::variables_map out;
    const auto parsed = po::command_line_parser(arguments).options(all).positional(positional).style(strict).run();
    for (const auto& option : parsed.options) {
        if (option.position_key < 0) given.push_back(option.string_key);
    }
    po::store(parsed, out);
    return out;
}

}  // namespace

Result<Options> parse_options(const std::vector<std::string>& arguments) {
    const auto separator = std::find(arguments.begin(), arguments.end(), "--");
    Options out;
    if (separator != arguments.end()) out.invocation.program.assign(separator + 1, arguments.end());
    try {
        const po::variables_map map = parse({arguments.begin(), separator}, out.given);
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

std::string describe_options(const Command& command) {
    po::options_description own("Options");
    po::options_description general("Options of every command");
    for (const OptionRow& row : option_rows()) {
        if (row.is_general()) {
            add(general, row, std::string(row.text));
            continue;
        }
        for (const OptionUser& user : users_of(row)) {
            if (user.command != command.name) continue;
            const std::string verbs = fmt::format("{}", fmt::join(user.verbs, ", "));
            add(own, row, verbs.empty() ? std::string(row.text) : fmt::format("{}: {}", verbs, row.text));
        }
    }
    std::ostringstream out;
    if (!own.options().empty()) out << own << '\n';
    out << general;
    return out.str();
}

std::vector<std::string> option_names() {
    const po::options_description visible = visible_options();
    std::vector<std::string> out;
    for (const auto& option : visible.options()) out.push_back("--" + option->long_name());
    return out;
}

}  // namespace warren::ctl
