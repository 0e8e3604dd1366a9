#include "ctl/commands/setup.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "config/parse.h"
#include "config/values.h"

namespace warren::ctl {

namespace {

constexpr std::size_t kMaxDeviceName = 15;  // IFNAMSIZ without the zero

// A TOML basic string (TOML v1.0.0, String).
std::string toml_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto code = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (code < 0x20 || code == 0x7f) {
            out += fmt::format("\\u{:04X}", code);
        } else {
            out += c;
        }
    }
    return out + '"';
}

// With the port of the listener where the answer has none.
std::string endpoint_text(const ApplianceAnswers& answers) {
    const auto address = parse_ip(answers.endpoint);
    const std::string host = address && !address->is_v4() ? "[" + answers.endpoint + "]" : answers.endpoint;
    const bool has_port =
        !address && answers.endpoint.rfind(':') != std::string::npos && !answers.endpoint.ends_with(']');
    return has_port ? host : host + ":" + answers.listen_port;
}

bool is_number(std::string_view text) {
    return !text.empty() && text.size() <= 18 &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::string appliance_text(const ApplianceAnswers& answers) {
    // Text that is no number is kept, so that the checks report it.
    const std::string port = is_number(answers.listen_port) ? answers.listen_port : toml_string(answers.listen_port);
    std::string out = fmt::format(
        "# Made by vpnctl setup. `vpnctl explain` lists all keys; `vpnctl check` finds every error.\nschema "
        "= 1\n\n"
        "[appliance]\nname = {}\n\n"
        "# One port and one key for all customers; the key is in secrets/uplink.\n"
        "[wireguard]\nlisten_port = {}\nprivate_key = {{ secret = \"uplink\" }}\n",
        toml_string(answers.name), port);
    if (!answers.endpoint.empty()) out += fmt::format("endpoint = {}\n", toml_string(endpoint_text(answers)));
    if (!answers.status_listen.empty())
        out += fmt::format("\n[status]\nlisten = {}\n", toml_string(answers.status_listen));
    return out;
}

std::string appliance_problem(const ApplianceAnswers& answers) {
    std::vector<config::Diagnostic> diagnostics;
    const auto parsed = config::parse_appliance("warren.toml", appliance_text(answers), diagnostics);
    if (parsed.valid) return {};
    return diagnostics.empty() ? "is not accepted" : diagnostics.front().message;
}

std::string uplink_text(const UplinkAnswers& answers) {
    std::string out = fmt::format("# Made by vpnctl setup.\n[Match]\nName={}\n\n[Network]\n", answers.device);
    if (answers.address) {
        out += fmt::format("Address={}\n", to_string(*answers.address));
        if (answers.gateway) out += fmt::format("Gateway={}\n", to_string(*answers.gateway));
    } else {
        out += "DHCP=yes\n";
    }
    if (answers.time_server) out += fmt::format("NTP={}\n", to_string(*answers.time_server));
    return out;
}

std::string device_problem(std::string_view text) {
    // Neither a path nor a pattern: Name= of systemd.network(5) takes several words, and "*", "?", "[" and "!" in them.
    const auto is_plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
               c == '.' || c == '@';
    };
    if (!text.empty() && text.size() <= kMaxDeviceName && text != "." && text != ".." &&
        std::all_of(text.begin(), text.end(), is_plain))
        return {};
    return fmt::format("a device's name has 1 to {} letters, digits, dots, dashes or underscores", kMaxDeviceName);
}

std::string uplink_address_problem(std::string_view text) {
    const auto address = parse_prefix(text);
    if (!address || text.find('/') == std::string_view::npos)
        return "accepted: \"dhcp\", or an address with its prefix length, such as 198.51.100.7/24 or 2001:db8::7/64";
    return config::host_address_problem(*address).value_or("");
}

std::string gateway_problem(std::string_view text, const Prefix& uplink) {
    const auto gateway = parse_ip(text);
    if (!gateway) return "accepted: an address, such as 198.51.100.1, or \"none\"";
    if (*gateway == uplink.address) return "this is the uplink's own address";
    const bool is_neighbour =
        uplink.contains(*gateway) || (gateway->is_link_local() && !gateway->is_v4() && !uplink.address.is_v4());
    if (!is_neighbour) return fmt::format("is not in {}, the uplink's network", to_string(uplink.network()));
    if (gateway->is_link_local()) return {};
    return config::host_address_problem({*gateway, uplink.length}).value_or("");
}

std::string time_server_problem(std::string_view text) {
    const auto address = parse_ip(text);
    if (!address || address->is_unspecified() || address->is_multicast())
        return "accepted: an address, such as 198.51.100.1, or \"none\"";
    return {};
}

}  // namespace warren::ctl
