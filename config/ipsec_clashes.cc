#include "config/ipsec_clashes.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "config/identity.h"
#include "config/ipsec.h"

namespace warren::config {

namespace {

using Side = Clash::Side;

const IpsecGateway* gateway_of(const Appliance& appliance) {
    const Listener* const listener = find(appliance.listeners, ListenerKind::kIke);
    const auto* const ike = listener == nullptr ? nullptr : std::get_if<IkeListener>(&listener->settings);
    return ike == nullptr || !ike->gateway ? nullptr : &*ike->gateway;
}

std::string lower(std::string text) {
    for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return text;
}

bool has_enabled(const Ipsec& ipsec, std::initializer_list<IpsecAuth> of) {
    return std::any_of(ipsec.connections.begin(), ipsec.connections.end(), [&](const Connection& connection) {
        return connection.enabled && std::find(of.begin(), of.end(), connection.auth) != of.end();
    });
}

// Remembers who has a thing first, and notes a clash when another customer has it too.
template <typename Thing>
class Owners {
  public:
    Owners(std::string_view reason, std::vector<Clash>& out) : reason_(reason), out_(out) {}

    void put(Thing thing, Side side) { owners_.emplace(std::move(thing), std::move(side)); }
    // `what`: "identity x".
    void check(const Thing& thing, const Side& side, const std::string& what) {
        const auto [found, is_new] = owners_.try_emplace(thing, side);
        if (is_new || found->second.customer == side.customer) return;
        out_.push_back({found->second, side, what, std::string(reason_)});
    }

  private:
    std::map<Thing, Side> owners_;
    std::string_view reason_;
    std::vector<Clash>& out_;
};

Side side_of(std::span<const Customer* const> customers, std::size_t customer, std::string path) {
    return {customer, std::move(path), "customer " + customers[customer]->id};
}

// The customer's own identities; one of a connection that is the gateway's does not name the customer.
void check_identities(const IpsecGateway* gateway, std::span<const Customer* const> customers,
                      std::vector<Clash>& out) {
    Owners<IkeIdentity> owners("a peer that asks for it must mean one customer", out);
    if (gateway != nullptr)
        owners.put(canonical(gateway->identity), {Clash::kAppliance, "ipsec.gateway.identity", "the gateway"});
    for (std::size_t i = 0; i < customers.size(); ++i) {
        if (!customers[i]->ipsec) continue;
        const Ipsec& ipsec = *customers[i]->ipsec;
        const auto check = [&](const IkeIdentity& identity, const std::string& path) {
            owners.check(canonical(identity), side_of(customers, i, path), "identity " + to_string(identity));
        };
        check(ipsec.identity, "ipsec.identity");
        for (std::size_t k = 0; k < ipsec.connections.size(); ++k) {
            const auto& local = ipsec.connections[k].local_identity;
            const bool is_gateways = gateway != nullptr && local && canonical(*local) == canonical(gateway->identity);
            if (local && !is_gateways && ipsec.connections[k].enabled)
                check(*local, connection_path(k) + ".local_identity");
        }
    }
}

void check_addresses(std::span<const Customer* const> customers, std::vector<Clash>& out) {
    Owners<IpAddress> owners("a peer that comes there must mean one customer", out);
    for (std::size_t i = 0; i < customers.size(); ++i) {
        if (!customers[i]->ipsec) continue;
        const auto& addresses = customers[i]->ipsec->addresses;
        for (std::size_t k = 0; k < addresses.size(); ++k)
            owners.check(addresses[k], side_of(customers, i, fmt::format("ipsec.addresses[{}]", k)),
                         "address " + to_string(addresses[k]));
    }
}

// What a customer is found by when its peers ask for nobody.
void check_gateway(std::span<const Customer* const> customers, std::vector<Clash>& out) {
    constexpr std::string_view kReason =
        "because of [ipsec.gateway], a peer that does not say whom it wants is found by it";
    Owners<std::string> cas(kReason, out);
    Owners<std::string> realms(kReason, out);
    for (std::size_t i = 0; i < customers.size(); ++i) {
        if (!customers[i]->ipsec) continue;
        const Ipsec& ipsec = *customers[i]->ipsec;
        const bool has_certificates = has_enabled(ipsec, {IpsecAuth::kCertificate, IpsecAuth::kEapTls});
        for (std::size_t k = 0; has_certificates && k < ipsec.ca.size(); ++k)
            cas.check(ipsec.ca[k].name, side_of(customers, i, fmt::format("ipsec.ca[{}]", k)),
                      "CA " + ipsec.ca[k].name);
        const bool has_eap = has_enabled(ipsec, {IpsecAuth::kEapMschapv2, IpsecAuth::kEapTls});
        for (std::size_t k = 0; has_eap && k < ipsec.realms.size(); ++k)
            realms.check(lower(ipsec.realms[k]), side_of(customers, i, fmt::format("ipsec.realms[{}]", k)),
                         "realm " + ipsec.realms[k]);
    }
}

}  // namespace

void clash_over_identities(const Appliance& appliance, std::span<const Customer* const> customers,
                           std::vector<Clash>& out) {
    const IpsecGateway* const gateway = gateway_of(appliance);
    check_identities(gateway, customers, out);
    check_addresses(customers, out);
    if (gateway != nullptr) check_gateway(customers, out);
}

void doubt_psk_identities(const Appliance& appliance, std::span<const Customer* const> customers,
                          std::vector<Clash>& out) {
    if (gateway_of(appliance) == nullptr) return;
    Owners<IkeIdentity> owners(
        "because of [ipsec.gateway] it may come without saying whom it wants, and is refused then", out);
    for (std::size_t i = 0; i < customers.size(); ++i) {
        if (!customers[i]->ipsec) continue;
        const auto& connections = customers[i]->ipsec->connections;
        for (std::size_t k = 0; k < connections.size(); ++k) {
            const Connection& connection = connections[k];
            if (!connection.enabled || connection.auth != IpsecAuth::kPsk || !connection.remote_identity) continue;
            owners.check(canonical(*connection.remote_identity),
                         {i, connection_path(k) + ".remote_identity",
                          fmt::format("connection \"{}\" of customer {}", connection.name, customers[i]->id)},
                         "remote identity " + to_string(*connection.remote_identity));
        }
    }
}

}  // namespace warren::config
