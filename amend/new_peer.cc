#include "amend/new_peer.h"

#include <fmt/format.h>

#include <algorithm>

#include "clients/address_pool.h"
#include "config/edit/edit.h"

namespace warren::amend {

namespace {

constexpr const char* kTable = "wireguard.peer";

}  // namespace

Result<std::string> with_peer(const std::string& text, const NewPeer& peer) {
    config::Fields fields{{"name", config::toml_string(peer.name)}};
    const auto add = [&fields](const char* key, const std::string& value) {
        if (!value.empty()) fields.emplace_back(key, value);
    };
    const auto quoted = [](const std::string& value) { return value.empty() ? value : config::toml_string(value); };
    add("description", quoted(peer.description));
    add("public_key", quoted(peer.public_key));
    if (!peer.preshared_key.empty())
        add("preshared_key", fmt::format("{{ secret = {} }}", config::toml_string(peer.preshared_key)));
    std::vector<std::string> networks;
    for (const Prefix& network : peer.allowed_ips) networks.push_back(to_string(network));
    add("allowed_ips", config::toml_strings(networks));
    add("expires", peer.expires);
    add("endpoint", quoted(peer.endpoint));
    add("persistent_keepalive", peer.keepalive);
    return config::edit(text, config::AddElements{kTable, {std::move(fields)}});
}

Result<std::vector<Prefix>> next_addresses(const config::Customer& customer) {
    return clients::AddressPool(customer).next();
}

std::string count_text(const config::Customer& customer) {
    if (!customer.max_peers) return {};
    const auto enabled = std::count_if(customer.peers.begin(), customer.peers.end(),
                                       [](const config::Peer& peer) { return peer.enabled; });
    return fmt::format(", one of {} where {} may be", enabled + 1, *customer.max_peers);
}

}  // namespace warren::amend
