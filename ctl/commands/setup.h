// The answers of `vpnctl setup` and the files made from them. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/ip.h"

namespace warren::ctl {

// The answers for warren.toml.
struct ApplianceAnswers {
    std::string name = "warren";
    std::string listen_port = "51820";
    std::string endpoint;       // where clients reach it, with or without a port; "": not said
    std::string status_listen;  // "": no status page
};

// The text of the file, for any answers.
[[nodiscard]] std::string appliance_text(const ApplianceAnswers& answers);
// The errors that the configuration's own checks find; "" for none.
[[nodiscard]] std::string appliance_problem(const ApplianceAnswers& answers);

// How the appliance itself reaches the Internet.
struct UplinkAnswers {
    std::string device;                    // "eth0"
    std::optional<Prefix> address;         // nothing: by DHCP and router advertisements
    std::optional<IpAddress> gateway;      // of `address`
    std::optional<IpAddress> time_server;  // NTP; nothing: from DHCP
};

// The file of systemd.network(5).
[[nodiscard]] std::string uplink_text(const UplinkAnswers& answers);

// Why the text is invalid; "" when it is valid. The gateway must be a neighbour on the uplink.
[[nodiscard]] std::string device_problem(std::string_view text);
[[nodiscard]] std::string uplink_address_problem(std::string_view text);
[[nodiscard]] std::string gateway_problem(std::string_view text, const Prefix& uplink);
[[nodiscard]] std::string time_server_problem(std::string_view text);

// All other Ethernet devices belong to customers: the appliance sends no DHCP requests or announcements on them.
inline constexpr std::string_view kOtherDevicesText =
    "# Made by vpnctl setup: devices that are not the uplink are the "
    "customers'.\n[Match]\nType=ether\n\n[Link]\nUnmanaged=yes\n";

}  // namespace warren::ctl
