#include "ctl/ask/resolver.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

namespace warren::ctl {

namespace {

// "graz graz.acme.internal": a name as it is, and below the customer's domain.
std::string names_of(const std::string& name, const std::string& domain) {
    return domain.empty() || name.find('.') != std::string::npos ? name : fmt::format("{0} {0}.{1}", name, domain);
}

// Names of peers are free text; those that are no name of a host are left out.
bool is_host_name(std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
    });
}

}  // namespace

std::string resolv_conf_of(const config::Customer& customer) {
    std::string out = "# the resolver of this stack, by vpnctl stack exec\n";
    if (customer.dns) {
        for (const IpAddress& server : customer.dns->listen) out += fmt::format("nameserver {}\n", to_string(server));
        if (!customer.dns->domain.empty()) out += fmt::format("search {}\n", customer.dns->domain);
        return out;
    }
    if (!customer.clients || customer.clients->dns.empty())
        return out + "# none: the customer has neither [dns] nor clients.dns\n";
    for (const IpAddress& server : customer.clients->dns) out += fmt::format("nameserver {}\n", to_string(server));
    if (!customer.clients->search.empty()) out += fmt::format("search {}\n", fmt::join(customer.clients->search, " "));
    return out;
}

std::string hosts_of(const config::Customer& customer) {
    std::string out = "127.0.0.1 localhost\n::1 localhost\n";
    for (const Prefix& own : customer.stack.addresses)
        out += fmt::format("{} {}\n", to_string(own.address), customer.id);
    const std::string domain = customer.dns ? customer.dns->domain : std::string();
    if (customer.dns) {
        for (const config::DnsHost& host : customer.dns->hosts)
            for (const IpAddress& address : host.addresses)
                out += fmt::format("{} {}\n", to_string(address), names_of(host.name, domain));
    }
    for (const config::Peer& peer : customer.peers) {
        if (!is_host_name(peer.name)) continue;
        for (const Prefix& network : peer.allowed_ips)
            if (network.length == network.address.bits())
                out += fmt::format("{} {}\n", to_string(network.address), names_of(peer.name, domain));
    }
    return out;
}

}  // namespace warren::ctl
