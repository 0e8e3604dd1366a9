// The formats of clients/ipsec_profile.h.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <nlohmann/json.hpp>

#include "clients/ipsec_profile.h"
#include "config/proposals.h"

namespace warren::clients {

namespace {

constexpr std::size_t kRoom = 16'384;  // few texts are longer

std::string joined(const std::vector<Prefix>& networks, std::string_view between) {
    std::vector<std::string> texts;
    for (const Prefix& network : networks) texts.push_back(to_string(network));
    return fmt::format("{}", fmt::join(texts, between));
}

// The networks behind Warren, of all children.
std::vector<Prefix> networks_of(const IpsecProfile& profile) {
    std::vector<Prefix> out;
    for (const ProfileChild& child : profile.children) out.insert(out.end(), child.there.begin(), child.there.end());
    return out;
}

bool takes_everything(const IpsecProfile& profile) {
    const auto networks = networks_of(profile);
    return std::any_of(networks.begin(), networks.end(), [](const Prefix& one) { return one.length == 0; });
}

// With `escape` before each of the special ones.
std::string replaced(std::string_view text, std::string_view special, std::string_view escape) {
    std::string out;
    out.reserve(2 * text.size());
    for (const char c : text) {
        if (special.find(c) != std::string_view::npos) out += escape;
        out += c;
    }
    return out;
}

std::string hex(std::string_view bytes) {
    std::string out;
    for (const char c : bytes) out += fmt::format("{:02x}", static_cast<std::uint8_t>(c));
    return out;
}

bool is_printable(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c != 0x7f; });
}

std::string identity_text(const std::optional<IkeIdentity>& identity) {
    return identity ? to_string(*identity) : std::string();
}

// --- swanctl.conf(5) -----------------------------------------------------------------------------

std::string in_quotes(std::string_view text) {
    return "\"" + replaced(text, "\"\\", "\\") + "\"";
}

// As strongSwan names the algorithms.
std::string swanctl_proposal(const IkeProposal& proposal, bool is_ike) {
    std::string out;
    const bool is_aead = std::none_of(proposal.begin(), proposal.end(),
                                      [](const IkeTransform& one) { return one.type == IkeTransform::kIntegrity; });
    for (const IkeTransform& transform : proposal) {
        const bool is_integrity = transform.type == IkeTransform::kIntegrity;
        if (is_integrity && is_ike) continue;  // named by the PRF
        for (const config::Algorithm& one : config::algorithms()) {
            if (is_integrity ? one.integrity != transform.id : one.transform != transform) continue;
            const bool is_prf = transform.type == IkeTransform::kPrf;
            out += fmt::format("{}{}{}{}", out.empty() ? "" : "-", is_prf && is_aead ? "prf" : "", one.name,
                               one.is_aead && one.name.ends_with("gcm") ? "16" : "");
            break;
        }
    }
    return out;
}

std::string swanctl_proposals(const std::vector<IkeProposal>& proposals, bool is_ike, std::string_view otherwise) {
    std::vector<std::string> out;
    for (const IkeProposal& one : proposals) out.push_back(swanctl_proposal(one, is_ike));
    return out.empty() ? std::string(otherwise) : fmt::format("{}", fmt::join(out, ","));
}

// RFC 7296 §3.5's ID_KEY_ID is written with its type.
std::string swanctl_identity(const IkeIdentity& identity) {
    return identity.type == IkeIdentityType::kKeyId ? "keyid:0x" + hex(identity.text) : in_quotes(to_string(identity));
}

std::string swanctl_text(const IpsecProfile& profile, std::string_view secret) {
    std::string out;
    out.reserve(kRoom);
    const auto to = std::back_inserter(out);
    const auto auth = profile.auth == IpsecAuth::kCertificate ? std::string_view("pubkey")
                                                              : kIpsecAuthNames[static_cast<std::size_t>(profile.auth)];
    fmt::format_to(to, "# {}: /etc/swanctl/conf.d/warren.conf\nconnections {{\n  warren {{\n    version = 2\n",
                   profile.title);
    fmt::format_to(to, "    remote_addrs = {}\n    proposals = {}\n    dpd_delay = 30s\n    mobike = {}\n",
                   profile.server,
                   swanctl_proposals(profile.ike, true, "aes128gcm16-prfsha256-x25519,aes256gcm16-prfsha384-ecp384"),
                   profile.mobike ? "yes" : "no");
    if (profile.leases_v4 || profile.leases_v6)
        fmt::format_to(to, "    vips = {}{}{}\n", profile.leases_v4 ? "0.0.0.0" : "",
                       profile.leases_v4 && profile.leases_v6 ? ", " : "", profile.leases_v6 ? "::" : "");
    if (!profile.ppk_identity.empty()) fmt::format_to(to, "    ppk_id = {}\n", in_quotes(profile.ppk_identity));
    fmt::format_to(to, "    local {{\n      auth = {}\n", auth);
    if (profile.identity) fmt::format_to(to, "      id = {}\n", swanctl_identity(*profile.identity));
    if (!profile.user.empty()) fmt::format_to(to, "      eap_id = {}\n", in_quotes(profile.user));
    if (profile.auth == IpsecAuth::kCertificate || profile.auth == IpsecAuth::kEapTls)
        fmt::format_to(to, "      certs = own.pem  # in /etc/swanctl/x509, its key in private\n");
    fmt::format_to(to, "    }}\n    remote {{\n      auth = {}\n      id = {}\n    }}\n    children {{\n",
                   profile.auth == IpsecAuth::kPsk ? "psk" : "pubkey", swanctl_identity(profile.server_identity));
    for (const ProfileChild& child : profile.children) {
        fmt::format_to(to, "      {} {{\n        local_ts = {}\n        remote_ts = {}\n        esp_proposals = {}\n",
                       child.name.empty() ? "all" : child.name, child.own.empty() ? "dynamic" : joined(child.own, ", "),
                       joined(child.there, ", "), swanctl_proposals(profile.esp, false, "aes128gcm16,aes256gcm16"));
        out += "        start_action = start\n      }\n";
    }
    out += "    }\n  }\n}\n";
    if (profile.auth == IpsecAuth::kPsk) {
        fmt::format_to(to, "secrets {{\n  ike-warren {{\n    id-1 = {}\n    id-2 = {}\n",
                       swanctl_identity(profile.identity.value_or(IkeIdentity{})),
                       swanctl_identity(profile.server_identity));
    } else if (profile.auth == IpsecAuth::kEapMschapv2) {
        fmt::format_to(to, "secrets {{\n  eap-warren {{\n    id = {}\n", in_quotes(profile.user));
    } else {
        return out;
    }
    // A text that is not plain is written as its bytes.
    out += "    secret = ";
    const bool is_plain = is_printable(secret) && !secret.starts_with("0x") && !secret.starts_with("0s");
    out += is_plain ? in_quotes(secret) : "0x" + hex(secret);
    out += "\n  }\n}\n";
    return out;
}

// --- Libreswan's ipsec.conf(5) and ipsec.secrets(5) ----------------------------------------------

std::string libreswan_identity(const IkeIdentity& identity) {
    if (identity.type == IkeIdentityType::kFqdn) return "@" + identity.text;
    if (identity.type == IkeIdentityType::kKeyId) return "@#0x" + hex(identity.text);
    return to_string(identity);
}

std::string accepted_only(const IpsecProfile& profile, std::string_view comment) {
    std::string out;
    for (const auto& [what, proposals] : {std::pair("IKE", &profile.ike), std::pair("ESP", &profile.esp)}) {
        std::vector<std::string> texts;
        for (const IkeProposal& one : *proposals) texts.push_back(config::proposal_text(one));
        if (!texts.empty())
            out += fmt::format("{} the connection takes only this for {}: {}\n", comment, what, fmt::join(texts, ", "));
    }
    return out;
}

std::string libreswan_text(const IpsecProfile& profile, std::string_view secret) {
    std::string out;
    out.reserve(kRoom);
    const auto to = std::back_inserter(out);
    fmt::format_to(to, "# {}: /etc/ipsec.d/warren.conf\n{}", profile.title, accepted_only(profile, "#"));
    std::size_t number = 0;
    for (const ProfileChild& child : profile.children) {
        fmt::format_to(to, "conn warren{}\n    ikev2=insist\n    left=%defaultroute\n    right={}\n    rightid={}\n",
                       number++ == 0 ? "" : fmt::format("-{}", child.name), profile.server,
                       libreswan_identity(profile.server_identity));
        if (profile.identity) fmt::format_to(to, "    leftid={}\n", libreswan_identity(*profile.identity));
        if (child.own.empty()) {
            fmt::format_to(to, "    leftmodecfgclient=yes\n    narrowing=yes\n    leftsubnet={}\n",
                           profile.leases_v4 ? "0.0.0.0/0" : "::/0");
        } else {
            fmt::format_to(to, "    leftsubnets={{{}}}\n", joined(child.own, " "));
        }
        fmt::format_to(to, "    rightsubnets={{{}}}\n    mobike={}\n    encapsulation=yes\n", joined(child.there, " "),
                       profile.mobike ? "yes" : "no");
        out +=
            profile.auth == IpsecAuth::kPsk ? "    authby=secret\n" : "    leftcert=own\n    authby=rsa-sha2,ecdsa\n";
        out += "    auto=start\n";
    }
    if (profile.auth != IpsecAuth::kPsk) return out;
    fmt::format_to(to, "# /etc/ipsec.d/warren.secrets\n{} {} : PSK ",
                   profile.identity ? libreswan_identity(*profile.identity) : "%any",
                   libreswan_identity(profile.server_identity));
    const bool is_plain = is_printable(secret) && secret.find('"') == std::string_view::npos;
    out += is_plain ? "\"" : "0x";
    out += is_plain ? std::string(secret) + "\"" : hex(secret);
    out += '\n';
    return out;
}

// --- iked.conf(5) --------------------------------------------------------------------------------

std::string iked_text(const IpsecProfile& profile, std::string_view secret) {
    std::string out;
    out.reserve(kRoom);
    const auto to = std::back_inserter(out);
    fmt::format_to(to, "# {}: /etc/iked.conf\n{}ikev2 \"warren\" active esp \\\n", profile.title,
                   accepted_only(profile, "#"));
    const bool leases = profile.leases_v4 || profile.leases_v6;
    for (const ProfileChild& child : profile.children) {
        for (const Prefix& there : child.there) {
            if (child.own.empty()) fmt::format_to(to, "    from dynamic to {} \\\n", to_string(there));
            for (const Prefix& own : child.own)
                fmt::format_to(to, "    from {} to {} \\\n", to_string(own), to_string(there));
        }
    }
    fmt::format_to(to, "    peer {} \\\n", profile.server);
    if (profile.identity) fmt::format_to(to, "    srcid \"{}\" \\\n", to_string(*profile.identity));
    fmt::format_to(to, "    dstid \"{}\"", to_string(profile.server_identity));
    if (profile.auth == IpsecAuth::kPsk) {
        const bool is_plain = is_printable(secret) && secret.find_first_of("\"\\") == std::string_view::npos;
        out += " \\\n    psk ";
        out += is_plain ? "\"" : "0x";
        out += is_plain ? std::string(secret) + "\"" : hex(secret);
    }
    if (leases) out += " \\\n    request address any iface lo1";
    out += '\n';
    return out;
}

// --- PowerShell ----------------------------------------------------------------------------------

std::string powershell(std::string_view text) {
    return "'" + replaced(text, "'", "'") + "'";
}

struct Suite {
    std::string_view cipher;
    std::string_view hash;
    std::string_view group;
};
// The first that Windows has as well; an empty part: none.
Suite windows_suite(const IpsecProfile& profile) {
    if (profile.ike.empty()) return {"GCMAES256", "SHA256", "ECP256"};
    for (const IkeProposal& proposal : profile.ike) {
        Suite out;
        for (const IkeTransform& one : proposal) {
            const std::string name = config::proposal_text({one});
            if (name == "aes256gcm") out.cipher = "GCMAES256";
            if (name == "aes128gcm") out.cipher = "GCMAES128";
            if (name == "aes256") out.cipher = "AES256";
            if (name == "aes128") out.cipher = "AES128";
            if (one.type == IkeTransform::kPrf && name == "sha256") out.hash = "SHA256";
            if (one.type == IkeTransform::kPrf && name == "sha384") out.hash = "SHA384";
            if (name == "ecp256") out.group = "ECP256";
            if (name == "ecp384") out.group = "ECP384";
            if (name == "modp2048") out.group = "Group14";
        }
        if (!out.cipher.empty() && !out.hash.empty() && !out.group.empty()) return out;
    }
    return {};
}

std::string windows_text(const IpsecProfile& profile) {
    std::string out;
    const auto to = std::back_inserter(out);
    const std::string name = powershell(profile.title);
    fmt::format_to(to, "# {}: type this into PowerShell. The user's password is asked for at the first connection.\n",
                   profile.title);
    fmt::format_to(to, "Add-VpnConnection -Name {} -ServerAddress {} -TunnelType Ikev2 -AuthenticationMethod {} `\n",
                   name, powershell(profile.server),
                   profile.auth == IpsecAuth::kCertificate ? "MachineCertificate" : "Eap");
    fmt::format_to(to, "    -EncryptionLevel Maximum{} -PassThru\n",
                   takes_everything(profile) ? "" : " -SplitTunneling");
    const Suite suite = windows_suite(profile);
    if (suite.cipher.empty()) {
        out += accepted_only(profile, "# Windows has none of these:");
    } else {
        fmt::format_to(to,
                       "Set-VpnConnectionIPsecConfiguration -ConnectionName {} -EncryptionMethod {} "
                       "-IntegrityCheckMethod {} `\n    -DHGroup {} -CipherTransformConstants {} "
                       "-AuthenticationTransformConstants {} -PfsGroup None -Force\n",
                       name, suite.cipher, suite.hash, suite.group,
                       suite.cipher.starts_with("GCM") ? suite.cipher : "GCMAES256",
                       suite.cipher.starts_with("GCM") ? suite.cipher : "GCMAES256");
    }
    if (takes_everything(profile)) return out;
    for (const Prefix& network : networks_of(profile))
        fmt::format_to(to, "Add-VpnConnectionRoute -ConnectionName {} -DestinationPrefix {}\n", name,
                       powershell(to_string(network)));
    return out;
}

// --- Apple's configuration profile ---------------------------------------------------------------

std::string xml(std::string_view text) {
    std::string out;
    out.reserve(2 * text.size());
    for (const char c : text) {
        if (c == '&') {
            out += "&amp;";
        } else if (c == '<') {
            out += "&lt;";
        } else if (c == '>') {
            out += "&gt;";
        } else {
            out += c;
        }
    }
    return out;
}

// The same for the same text, and another one for another: a profile that is made again replaces the former one.
// RFC 9562 §5.8.
std::string uuid_of(std::string_view text) {
    std::array<std::uint64_t, 2> halves{0xcbf29ce484222325, 0x84222325cbf29ce4};
    for (std::uint64_t& half : halves) {
        for (const char c : text) half = (half ^ static_cast<std::uint8_t>(c)) * 0x100000001b3;
    }
    halves[0] = (halves[0] & ~std::uint64_t{0xf000}) | 0x8000;
    halves[1] = (halves[1] & ~(std::uint64_t{3} << 62)) | (std::uint64_t{2} << 62);
    return fmt::format("{:08X}-{:04X}-{:04X}-{:04X}-{:012X}", halves[0] >> 32, (halves[0] >> 16) & 0xffff,
                       halves[0] & 0xffff, halves[1] >> 48, halves[1] & 0xffffffffffff);
}

void apple_algorithms(const std::vector<IkeProposal>& proposals, std::string_view key, std::string& out) {
    std::string_view cipher = "AES-256-GCM";
    std::string_view hash = "SHA2-256";
    unsigned group = 19;
    if (!proposals.empty()) {
        for (const IkeTransform& one : proposals.front()) {
            const std::string name = config::proposal_text({one});
            if (name == "aes128gcm") cipher = "AES-128-GCM";
            if (name == "chacha20poly1305") cipher = "ChaCha20Poly1305";
            if (name == "aes256") cipher = "AES-256";
            if (name == "aes128") cipher = "AES-128";
            if (name == "sha384") hash = "SHA2-384";
            if (name == "sha512") hash = "SHA2-512";
            if (one.type == IkeTransform::kKeyExchange) group = one.id;
        }
    }
    fmt::format_to(std::back_inserter(out),
                   "      <key>{}</key>\n      <dict>\n        <key>EncryptionAlgorithm</key><string>{}</string>\n"
                   "        <key>IntegrityAlgorithm</key><string>{}</string>\n"
                   "        <key>DiffieHellmanGroup</key><integer>{}</integer>\n      </dict>\n",
                   key, cipher, hash, group);
}

std::string apple_text(const IpsecProfile& profile, std::string_view secret) {
    std::string out;
    out.reserve(kRoom);
    const auto text = [&out](std::string_view key, std::string_view value) {
        out += fmt::format("      <key>{}</key>", key);
        out += "<string>";
        out += xml(value);
        out += "</string>\n";
    };
    const bool is_eap = !profile.user.empty();
    out +=
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
        "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n<dict>\n"
        "  <key>PayloadContent</key>\n  <array>\n    <dict>\n      <key>IKEv2</key>\n      <dict>\n";
    text("RemoteAddress", profile.server);
    text("RemoteIdentifier", to_string(profile.server_identity));
    text("LocalIdentifier", profile.identity ? identity_text(profile.identity) : profile.user);
    text("AuthenticationMethod", profile.auth == IpsecAuth::kPsk           ? "SharedSecret"
                                 : profile.auth == IpsecAuth::kEapMschapv2 ? "None"
                                                                           : "Certificate");
    if (profile.auth == IpsecAuth::kPsk) text("SharedSecret", secret);
    if (is_eap) {
        out += "      <key>ExtendedAuthEnabled</key><integer>1</integer>\n";
        text("AuthName", profile.user);
        if (profile.auth == IpsecAuth::kEapMschapv2 && secret != kSecretLeftOut) text("AuthPassword", secret);
    }
    apple_algorithms(profile.ike, "IKESecurityAssociationParameters", out);
    apple_algorithms(profile.esp, "ChildSecurityAssociationParameters", out);
    out += fmt::format("      <key>DisableMOBIKE</key><integer>{}</integer>\n", profile.mobike ? 0 : 1);
    text("DeadPeerDetectionRate", "Medium");
    out += "      </dict>\n";
    text("PayloadType", "com.apple.vpn.managed");
    text("PayloadIdentifier", "warren." + uuid_of(profile.title + " vpn"));
    text("PayloadUUID", uuid_of(profile.title + " vpn"));
    out += "      <key>PayloadVersion</key><integer>1</integer>\n";
    text("UserDefinedName", profile.title);
    text("VPNType", "IKEv2");
    out += "    </dict>\n  </array>\n";
    text("PayloadDisplayName", profile.title);
    text("PayloadIdentifier", "warren." + uuid_of(profile.title));
    text("PayloadUUID", uuid_of(profile.title));
    text("PayloadType", "Configuration");
    out += "      <key>PayloadVersion</key><integer>1</integer>\n</dict>\n</plist>\n";
    return out;
}

// --- strongSwan's app for Android ----------------------------------------------------------------

std::string android_text(const IpsecProfile& profile) {
    const std::string_view type = profile.auth == IpsecAuth::kCertificate ? "ikev2-cert"
                                  : profile.auth == IpsecAuth::kEapTls    ? "ikev2-eap-tls"
                                                                          : "ikev2-eap";
    nlohmann::ordered_json out{{"uuid", uuid_of(profile.title)},
                               {"name", profile.title},
                               {"type", type},
                               {"remote", {{"addr", profile.server}, {"id", to_string(profile.server_identity)}}}};
    if (!profile.user.empty()) out["local"]["eap_id"] = profile.user;
    if (profile.identity) out["local"]["id"] = to_string(*profile.identity);
    if (!profile.ike.empty()) out["ike-proposal"] = swanctl_proposal(profile.ike.front(), true);
    if (!profile.esp.empty()) out["esp-proposal"] = swanctl_proposal(profile.esp.front(), false);
    if (!takes_everything(profile)) {
        auto& subnets = out["split-tunneling"]["subnets"];
        for (const Prefix& network : networks_of(profile)) subnets.push_back(to_string(network));
    }
    return out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string ipsec_text(const IpsecProfile& profile, IpsecFormat format, std::string_view secret) {
    switch (format) {
        case IpsecFormat::kSwanctl: return swanctl_text(profile, secret);
        case IpsecFormat::kLibreswan: return libreswan_text(profile, secret);
        case IpsecFormat::kIked: return iked_text(profile, secret);
        case IpsecFormat::kWindows: return windows_text(profile);
        case IpsecFormat::kApple: return apple_text(profile, secret);
        case IpsecFormat::kAndroid: return android_text(profile);
    }
    return {};
}

}  // namespace warren::clients
