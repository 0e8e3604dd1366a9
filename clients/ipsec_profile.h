// The other side's half of a connection of IPsec: what a site's router or a device is set up with. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/ipsec.h"
#include "base/result.h"
#include "config/appliance.h"
#include "config/customer.h"

namespace warren::clients {

// What reads the text: swanctl.conf(5), ipsec.conf(5) of Libreswan, iked.conf(5), PowerShell's VpnClient module,
// Apple's configuration profile (com.apple.vpn.managed), a profile of strongSwan's app for Android (.sswan).
enum class IpsecFormat : std::uint8_t { kSwanctl, kLibreswan, kIked, kWindows, kApple, kAndroid };
inline constexpr std::array<std::string_view, 6> kIpsecFormatNames{"swanctl", "libreswan", "iked",
                                                                   "windows", "apple",     "android"};
// Nothing: it is none of these.
[[nodiscard]] std::optional<IpsecFormat> parse_ipsec_format(std::string_view name);

// One pair of networks, seen from the other side.
struct ProfileChild {
    std::string name;
    std::vector<Prefix> own;    // empty: the leased address
    std::vector<Prefix> there;  // behind Warren
    bool operator==(const ProfileChild&) const = default;
};

// All of it but what is secret.
struct IpsecProfile {
    std::string title;   // "acme: branch-graz"
    std::string server;  // where IKE is reached: a name or an address
    IkeIdentity server_identity;
    std::optional<IkeIdentity> identity;  // of the other side; absent: its certificate's, or that of EAP alone
    std::string user;                     // of EAP, else ""
    IpsecAuth auth = IpsecAuth::kPsk;
    bool leases_v4 = false;  // asks for an address of our pool
    bool leases_v6 = false;
    std::vector<ProfileChild> children;  // one at least
    std::vector<IkeProposal> ike;        // empty: the defaults of both sides fit
    std::vector<IkeProposal> esp;
    bool mobike = true;
    std::string ppk_identity;  // "": none
    bool operator==(const IpsecProfile&) const = default;
};

// `user`: who signs in by EAP, or the identity where the connection has only a pattern; "" else. kNotFound: nothing
// says where devices reach the appliance. kInvalid: the connection needs a user, or has none; or the format's programs
// cannot do what the connection asks for.
[[nodiscard]] Result<IpsecProfile> profile_of(const config::Appliance& appliance, const config::Customer& customer,
                                              const config::Connection& connection, std::string_view user,
                                              IpsecFormat format);

// What stands in the place of a secret that is not to be in the text.
inline constexpr std::string_view kSecretLeftOut = "REPLACE_WITH_THE_SECRET";

// The text. `secret`: the preshared key or the user's password, or kSecretLeftOut; then the text is as secret as it is,
// and the caller wipes it. It may hold any byte.
[[nodiscard]] std::string ipsec_text(const IpsecProfile& profile, IpsecFormat format, std::string_view secret);

}  // namespace warren::clients
