// What changed in a customer's or the appliance's [ipsec], for people.
#include <fmt/format.h>

#include <array>
#include <utility>

#include "config/identity.h"
#include "config/ipsec.h"
#include "config/proposals.h"
#include "config/quantity.h"

namespace warren::config {

// --- differences ---------------------------------------------------------------------------------

namespace {

template <typename Value, std::size_t N>
std::string_view name_of(Value value, const std::array<std::string_view, N>& names) {
    return names[static_cast<std::size_t>(value)];
}

using Flat = std::map<std::string, std::string>;

std::string join(const std::vector<Prefix>& prefixes) {
    std::vector<std::string> texts;
    for (const Prefix& prefix : prefixes) texts.push_back(to_string(prefix));
    return fmt::to_string(fmt::join(texts, ", "));
}
std::string join(const std::vector<IpAddress>& addresses) {
    std::vector<std::string> texts;
    for (const IpAddress& address : addresses) texts.push_back(to_string(address));
    return fmt::to_string(fmt::join(texts, ", "));
}
std::string join(const std::vector<std::string>& texts) {
    return fmt::to_string(fmt::join(texts, ", "));
}
std::string join(const std::vector<IkeProposal>& proposals) {
    std::vector<std::string> texts;
    for (const IkeProposal& proposal : proposals) texts.push_back(proposal_text(proposal));
    return join(texts);
}

void put(const std::string& field, std::string text, Flat& out) {
    if (!text.empty()) out[field] = std::move(text);
}

std::string time_text(Seconds time) {
    return time.count() == 0 ? "off" : duration_text(time);
}

void flatten(const Connection& connection, Flat& out) {
    const std::string at = field_of(connection);
    put(at + " auth", std::string(name_of(connection.auth, kIpsecAuthNames)), out);
    if (connection.remote_identity) put(at + " remote_identity", to_string(*connection.remote_identity), out);
    if (connection.local_identity) put(at + " local_identity", to_string(*connection.local_identity), out);
    if (connection.remote_address) put(at + " remote_address", to_string(*connection.remote_address), out);
    put(at + " start", std::string(name_of(connection.start, kIpsecStartNames)), out);
    put(at + " pool", join(connection.pool), out);
    for (const Child& child : children_of(connection)) {
        const std::string in = connection.children.empty() ? at : fmt::format("{} child {}", at, child.name);
        put(in + " local", join(child.local), out);
        put(in + " remote", join(child.remote), out);
        put(in + " routes", join(child.routes), out);
    }
    put(at + " ike", join(connection.ike), out);
    put(at + " esp", join(connection.esp), out);
    put(at + " pfs", std::string(name_of(connection.pfs, kIpsecUseNames)), out);
    put(at + " ike_rekey", duration_text(connection.ike_rekey), out);
    put(at + " child_rekey", duration_text(connection.child_rekey), out);
    put(at + " child_bytes", size_text(connection.child_bytes), out);
    put(at + " reauth", time_text(connection.reauth), out);
    put(at + " dpd", time_text(connection.dpd), out);
    put(at + " mobike", fmt::to_string(connection.mobike), out);
    put(at + " fragmentation", fmt::to_string(connection.fragmentation), out);
    put(at + " fragment_size", fmt::to_string(connection.fragment_size), out);
    if (connection.encapsulation)
        put(at + " encapsulation", std::string(name_of(*connection.encapsulation, kIpsecEncapsulationNames)), out);
    put(at + " replay_window", fmt::to_string(connection.replay_window), out);
    flatten(connection.limits, at + " ", out);
    put(at + " esn", std::string(name_of(connection.esn, kIpsecUseNames)), out);
    put(at + " split", fmt::to_string(connection.split), out);
    put(at + " copy_dscp", fmt::to_string(connection.copy_dscp), out);
    put(at + " ppk_identity", connection.ppk_identity, out);
    put(at + " ppk_required", fmt::to_string(connection.ppk_required), out);
    put(at + " max_sessions", fmt::to_string(sessions_of(connection)), out);
    put(at + " enabled", fmt::to_string(connection.enabled), out);
    put(at + " groups", join(connection.groups), out);
}

}  // namespace

void flatten(const IkeListener& settings, std::uint16_t port, Flat& out) {
    out["ipsec"] = fmt::format("UDP ports {} and {}", kIkePort, port);
    out["ipsec.encapsulation"] = name_of(settings.encapsulation, kIpsecEncapsulationNames);
    put("ipsec.legacy", join(settings.legacy), out);
    if (settings.gateway) put("ipsec.gateway.identity", to_string(settings.gateway->identity), out);
}

void flatten(const Ipsec& ipsec, Flat& out) {
    put("ipsec.identity", to_string(ipsec.identity), out);
    put("ipsec.addresses", join(ipsec.addresses), out);
    put("ipsec.crl_required", fmt::to_string(ipsec.crl_required), out);
    put("ipsec.realms", join(ipsec.realms), out);
    put("ipsec.dns", join(ipsec.dns), out);
    put("ipsec.dns_domains", join(ipsec.dns_domains), out);
    for (const Connection& connection : ipsec.connections) flatten(connection, out);
}

std::string summary_of(const Connection& connection) {
    const std::string who = connection.remote_identity ? to_string(*connection.remote_identity) : "any";
    return fmt::format("{} ({})", who, name_of(connection.auth, kIpsecAuthNames));
}

}  // namespace warren::config
