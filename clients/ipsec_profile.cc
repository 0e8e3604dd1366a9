#include "clients/ipsec_profile.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/identity.h"

namespace warren::clients {

namespace {

bool is_eap(IpsecAuth auth) {
    return auth == IpsecAuth::kEapMschapv2 || auth == IpsecAuth::kEapTls;
}

// "vpn.example.net" of "vpn.example.net:51820", "2001:db8::1" of "[2001:db8::1]:51820".
std::string host_of(const std::string& endpoint) {
    std::string host = endpoint.substr(0, endpoint.rfind(':'));
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    return host;
}

std::string server_of(const config::Appliance& appliance, const config::Customer& customer) {
    if (!customer.ipsec->addresses.empty()) return to_string(customer.ipsec->addresses.front());
    if (customer.clients && !customer.clients->endpoint.empty()) return host_of(customer.clients->endpoint);
    return appliance.public_endpoint ? host_of(*appliance.public_endpoint) : std::string();
}

const config::IpsecGateway* gateway_of(const config::Appliance& appliance) {
    const config::Listener* const listener = config::find(appliance.listeners, ListenerKind::kIke);
    if (listener == nullptr) return nullptr;
    const auto* const settings = std::get_if<config::IkeListener>(&listener->settings);
    return settings != nullptr && settings->gateway ? &*settings->gateway : nullptr;
}

// Why programs that read the format cannot have such a connection; "": they can.
std::string refusal(const IpsecProfile& profile, IpsecFormat format) {
    const auto name = kIpsecFormatNames[static_cast<std::size_t>(format)];
    const auto auth = kIpsecAuthNames[static_cast<std::size_t>(profile.auth)];
    const bool is_windows = format == IpsecFormat::kWindows;
    if ((is_windows || format == IpsecFormat::kAndroid) && profile.auth == IpsecAuth::kPsk)
        return fmt::format("{} has no preshared key with IKEv2; accepted: certificate, eap-mschapv2, eap-tls", name);
    if ((format == IpsecFormat::kLibreswan || format == IpsecFormat::kIked) && is_eap(profile.auth))
        return fmt::format("{} signs in by no {}; accepted: psk, certificate", name, auth);
    const bool is_device = is_windows || format == IpsecFormat::kAndroid || format == IpsecFormat::kApple;
    if (is_device && !profile.leases_v4 && !profile.leases_v6)
        return fmt::format("{} always asks for an address, and the connection has no pool", name);
    if (!profile.ppk_identity.empty() && format != IpsecFormat::kSwanctl)
        return fmt::format("{} mixes in no PPK; accepted: swanctl", name);
    return {};
}

}  // namespace

std::optional<IpsecFormat> parse_ipsec_format(std::string_view name) {
    const auto* const found = std::find(kIpsecFormatNames.begin(), kIpsecFormatNames.end(), name);
    if (found == kIpsecFormatNames.end()) return std::nullopt;
    return static_cast<IpsecFormat>(found - kIpsecFormatNames.begin());
}

Result<IpsecProfile> profile_of(const config::Appliance& appliance, const config::Customer& customer,
                                const config::Connection& connection, std::string_view user, IpsecFormat format) {
    IpsecProfile out;
    out.title = fmt::format("{}: {}", customer.id, user.empty() ? connection.name : std::string(user));
    out.server = server_of(appliance, customer);
    if (out.server.empty())
        return fail(ErrorCode::kNotFound,
                    fmt::format("nothing says where {}'s peers reach the appliance: set public_endpoint in "
                                "warren.toml, or clients.endpoint",
                                customer.id));
    out.server_identity = connection.local_identity.value_or(customer.ipsec->identity);
    out.auth = connection.auth;
    out.mobike = connection.mobike;
    out.ppk_identity = connection.ppk_identity;
    out.ike = connection.ike;
    out.esp = connection.esp;
    for (const Prefix& pool : connection.pool) (pool.address.is_v4() ? out.leases_v4 : out.leases_v6) = true;
    for (const config::Child& child : config::children_of(connection)) {
        out.children.push_back(
            {child.name, connection.pool.empty() ? child.remote : std::vector<Prefix>(), child.local});
    }
    const bool is_one = connection.remote_identity && !connection.remote_identity->is_pattern &&
                        connection.remote_identity->type != IkeIdentityType::kAny;
    if (is_eap(connection.auth)) {
        if (user.empty())
            return fail(ErrorCode::kInvalid, fmt::format("{} is for users: name the USER", connection.name));
        out.user = user;
    } else if (!user.empty()) {
        const auto named = config::parse_identity(user, false);
        if (is_one)
            return fail(ErrorCode::kInvalid, fmt::format("{} is for one site: leave USER out", connection.name));
        if (!named) return fail(ErrorCode::kInvalid, fmt::format("\"{}\" is no identity", user));
        out.identity = *named;
    } else if (is_one) {
        out.identity = *connection.remote_identity;
    } else if (connection.auth == IpsecAuth::kPsk) {
        return fail(ErrorCode::kInvalid, fmt::format("{} is for many: name the identity of the one", connection.name));
    }
    if (const std::string why = refusal(out, format); !why.empty()) return fail(ErrorCode::kInvalid, why);
    if (format == IpsecFormat::kWindows && customer.ipsec->addresses.empty()) {
        // Windows does not say whom it wants, and compares the certificate with the name that it dials.
        const config::IpsecGateway* const gateway = gateway_of(appliance);
        if (gateway == nullptr)
            return fail(ErrorCode::kInvalid,
                        "windows does not say whom it wants: it needs [ipsec.gateway] in warren.toml, or an address of "
                        "the customer's own in ipsec.addresses");
        out.server_identity = gateway->identity;
        if (gateway->identity.type == IkeIdentityType::kFqdn) out.server = gateway->identity.text;
    }
    return out;
}

}  // namespace warren::clients
