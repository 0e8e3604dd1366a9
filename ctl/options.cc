#include "ctl/options.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <exception>
#include <sstream>

namespace warren::ctl {

namespace {

namespace po = boost::program_options;

po::options_description visible_options() {
    po::options_description out("Options");
    out.add_options()("run-dir", po::value<std::string>()->value_name("DIR"),
                      "the instance's run directory (default /run/warren)")(
        "config", po::value<std::string>()->value_name("DIR"),
        "check, listeners, setup, user, token, web, support-bundle: the configuration (default /etc/warren)")(
        "network-dir", po::value<std::string>()->value_name("DIR"),
        "setup: write the uplink's systemd.network file there")(
        "remove", po::bool_switch(), "apply: remove customers whose files are gone, without asking")(
        "verbose,v", po::bool_switch(), "apply, diff: print every step that a change takes in the kernel")(
        "why", po::bool_switch(),
        "ipsec: the last attempts to connect, what each offered and why it failed; without CUSTOMER, those that "
        "found no connection")("json", po::bool_switch(), "print one JSON document with stable keys")(
        "help,h", po::bool_switch(), "help, of a command when one is given")("version,V", po::bool_switch(),
                                                                             "print the version");
    return out;
}

po::variables_map parse(const std::vector<std::string>& arguments) {
    po::options_description all = visible_options();
    all.add_options()("format", po::value<std::string>())("words", po::value<std::vector<std::string>>());
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
