// What `vpnctl setup` asks and the files that it makes of the answers. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/ip.h"

namespace warren::ctl {

// warren.toml, as it was answered.
struct ApplianceAnswers {
    std::string name = "warren";
    std::string listen_port = "51820";
    std::string status_listen;  // "": no status page
};

// The file, of any answers.
[[nodiscard]] std::string appliance_text(const ApplianceAnswers& answers);
// What the configuration's own checks have against it; "" for nothing.
[[nodiscard]] std::string appliance_problem(const ApplianceAnswers& answers);

// How the machine itself reaches the Internet.
struct UplinkAnswers {
    std::string device;                    // "eth0"
    std::optional<Prefix> address;         // nothing: by DHCP and router advertisements
    std::optional<IpAddress> gateway;      // of `address`
    std::optional<IpAddress> time_server;  // NTP; nothing: what DHCP says
};

// The file of systemd.network(5).
[[nodiscard]] std::string uplink_text(const UplinkAnswers& answers);

// Why the text is no answer; "" when it is one. The gateway has to be a neighbour on the uplink.
[[nodiscard]] std::string device_problem(std::string_view text);
[[nodiscard]] std::string uplink_address_problem(std::string_view text);
[[nodiscard]] std::string gateway_problem(std::string_view text, const Prefix& uplink);
[[nodiscard]] std::string time_server_problem(std::string_view text);

// All other Ethernet devices belong to customers: nothing is asked for or announced on them by the machine itself.
inline constexpr std::string_view kOtherDevicesText =
    "# Made by vpnctl setup: devices that are not the uplink are the "
    "customers'.\n[Match]\nType=ether\n\n[Link]\nUnmanaged=yes\n";

}  // namespace warren::ctl
