#include "vpnd/ike/directory.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/eap.h"

namespace warren::ike {

namespace {

template <typename Map, typename Key, typename Value>
void erase_one(Map& map, const Key& key, const Value& value) {
    const auto range = map.equal_range(key);
    const auto found = std::find_if(range.first, range.second, [&](const auto& one) { return one.second == value; });
    if (found != range.second) map.erase(found);
}

template <typename T>
bool has(const std::vector<T>& list, const T& one) {
    return std::find(list.begin(), list.end(), one) != list.end();
}

std::string lower_case(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return out;
}

// How many letters are to be changed, put in or left out to make b of a (Levenshtein), of the first 64 of each.
std::size_t distance(std::string_view a, std::string_view b) {
    constexpr std::size_t kMost = 64;
    a = a.substr(0, kMost);
    b = b.substr(0, kMost);
    std::array<std::size_t, kMost + 1> row{};
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
        }
    }
    return row[b.size()];
}

}  // namespace

DropReason Finding::reason() const {
    switch (missing) {
        case Missing::kCustomer:
        case Missing::kGateway: return DropReason::kIkeUnknownIdentity;
        case Missing::kSuite: return DropReason::kIkeNoProposal;
        default: return DropReason::kIkeNoConnection;
    }
}

bool allows(const Policy& policy, const IkeSuite& suite) {
    return std::any_of(policy.lines.begin(), policy.lines.end(), [&](const Acceptable& line) {
        return has(line.encryption, suite.encryption) && has(line.prf, suite.prf) &&
               has(line.key_exchange, suite.key_exchange) &&
               (suite.integrity == nullptr || has(line.integrity, suite.integrity));
    });
}

// --- what is there -------------------------------------------------------------------------------

void Directory::put_customer(CustomerConfig config) {
    Customer kept;
    const auto present = customers_.find(config.customer);
    if (present != customers_.end()) {
        kept.exact = std::move(present->second.exact);
        kept.wide = std::move(present->second.wide);
        kept.eap = std::move(present->second.eap);
        remove_customer(config.customer);
    }
    if (config.identity) note_owner(*config.identity, config.customer);
    for (const IpAddress& address : config.addresses) by_own_address_[address] = config.customer;
    for (const std::string& realm : config.realms) by_realm_.emplace(lower_case(realm), config.customer);
    const CustomerIndex index = config.customer;
    kept.config = std::move(config);
    customers_[index] = std::move(kept);
}

void Directory::remove_customer(CustomerIndex customer) {
    const auto found = customers_.find(customer);
    if (found == customers_.end()) return;
    const CustomerConfig& config = found->second.config;
    if (config.identity) forget_owner(*config.identity, customer);
    for (const IpAddress& address : config.addresses) {
        const auto owned = by_own_address_.find(address);
        if (owned != by_own_address_.end() && owned->second == customer) by_own_address_.erase(owned);
    }
    for (const std::string& realm : config.realms) erase_one(by_realm_, lower_case(realm), customer);
    customers_.erase(found);
}

void Directory::put(Connection connection) {
    const ConnectionIndex index = connection.index;
    remove(index);
    if (connections_.size() <= index.value) connections_.resize(index.value + std::size_t{1});
    if (connection.local_identity) note_owner(*connection.local_identity, connection.customer);
    Customer& customer = customers_[connection.customer];
    if (connection.remote_identity.kind == ExpectedIdentity::Kind::kExact) {
        const std::string peer = key_of(connection.remote_identity.identity);
        by_peer_identity_.emplace(peer, index);
        customer.exact.emplace(peer, index);
    } else {
        customer.wide.push_back(index);
    }
    if (is_eap(connection.auth)) customer.eap.push_back(index);
    if (connection.remote_address) by_peer_address_.emplace(*connection.remote_address, index);
    if (connection.auth == Auth::kCertificate) certified_.push_back(index);
    note_policy(connection.ike);
    if (connection.ppk != kNoSecret) ++ppks_;
    connections_[index.value] = std::make_unique<const Connection>(std::move(connection));
}

void Directory::remove(ConnectionIndex index) {
    const Connection* const connection = find(index);
    if (connection == nullptr) return;
    if (connection->local_identity) forget_owner(*connection->local_identity, connection->customer);
    const std::string peer = key_of(connection->remote_identity.identity);
    erase_one(by_peer_identity_, peer, index);
    if (connection->remote_address) erase_one(by_peer_address_, *connection->remote_address, index);
    if (connection->auth == Auth::kCertificate) std::erase(certified_, index);
    const auto customer = customers_.find(connection->customer);
    if (customer != customers_.end()) {
        erase_one(customer->second.exact, peer, index);
        std::erase(customer->second.wide, index);
        std::erase(customer->second.eap, index);
    }
    forget_policy(connection->ike);
    if (connection->ppk != kNoSecret) --ppks_;
    connections_[index.value].reset();
}

void Directory::note_policy(const Policy& policy) {
    if (policy == default_ike_policy()) return;
    const auto found = std::find(policies_.begin(), policies_.end(), policy);
    if (found != policies_.end()) {
        ++policy_uses_[static_cast<std::size_t>(found - policies_.begin())];
    } else {
        policies_.push_back(policy);
        policy_uses_.push_back(1);
    }
}

void Directory::forget_policy(const Policy& policy) {
    const auto found = std::find(policies_.begin(), policies_.end(), policy);
    if (found == policies_.end()) return;
    const auto use = policy_uses_.begin() + (found - policies_.begin());
    if (--*use > 0) return;
    policy_uses_.erase(use);
    policies_.erase(found);
}

const Connection* Directory::find(ConnectionIndex connection) const {
    return connection.value < connections_.size() ? connections_[connection.value].get() : nullptr;
}

const CustomerConfig* Directory::find(CustomerIndex customer) const {
    const auto found = customers_.find(customer);
    return found == customers_.end() ? nullptr : &found->second.config;
}

Identity Directory::local_identity_of(const Connection& connection) const {
    if (connection.local_identity) return *connection.local_identity;
    const CustomerConfig* const customer = find(connection.customer);
    if (customer != nullptr && customer->identity) return *customer->identity;
    return gateway_.value_or(Identity{});
}

const Connection* Directory::at_address(const IpAddress& address) const {
    const auto found = by_peer_address_.find(address);
    return found == by_peer_address_.end() ? nullptr : find(found->second);
}

// --- a peer's claim ------------------------------------------------------------------------------

std::optional<CustomerIndex> Directory::owner_of(const Identity& identity) const {
    const auto found = by_own_identity_.find(key_of(identity));
    if (found == by_own_identity_.end() || found->second.size() != 1) return std::nullopt;
    return found->second.front().customer;
}

void Directory::note_owner(const Identity& identity, CustomerIndex customer) {
    std::vector<Owner>& owners = by_own_identity_[key_of(identity)];
    const auto present =
        std::find_if(owners.begin(), owners.end(), [&](const Owner& one) { return one.customer == customer; });
    if (present != owners.end()) {
        ++present->uses;
    } else {
        owners.push_back({customer, 1});
    }
}

void Directory::forget_owner(const Identity& identity, CustomerIndex customer) {
    const auto found = by_own_identity_.find(key_of(identity));
    if (found == by_own_identity_.end()) return;
    std::erase_if(found->second, [&](Owner& one) { return one.customer == customer && --one.uses == 0; });
    if (found->second.empty()) by_own_identity_.erase(found);
}

Finding Directory::find(const Claim& claim) const {
    const bool is_gateways = claim.asked && gateway_ && *claim.asked == *gateway_;
    if (claim.asked && !is_gateways) {
        if (const auto owner = owner_of(*claim.asked)) return find_in(claim, *owner, true);
    }
    const auto owned = by_own_address_.find(claim.to);
    if (owned != by_own_address_.end()) return find_in(claim, owned->second, false);
    if (claim.asked && !is_gateways) return {.missing = Missing::kCustomer};
    if (!gateway_) return {.missing = Missing::kGateway};
    return find_anywhere(claim);
}

// Row 4: nobody is asked for, or the gateway is.
bool Directory::is_for_anybody(const Claim& claim) const {
    const bool is_gateways = !claim.asked || *claim.asked == *gateway_;
    return is_gateways && !by_own_address_.contains(claim.to);
}

std::vector<Finding> Directory::find_candidates(const Claim& claim, Finding& why_none) const {
    std::vector<Finding> out;
    if (!gateway_ || !is_for_anybody(claim)) {
        why_none = find(claim);
        if (why_none.connection != nullptr) out.push_back(why_none);
        return out;
    }
    why_none = {.missing = Missing::kConnection};
    std::unordered_set<CustomerIndex> seen;
    std::size_t looked_at = 0;
    for (const ConnectionIndex index : certified_) {
        if (++looked_at > kLookedAt || out.size() == kMostCandidates) break;
        const CustomerIndex customer = find(index)->customer;
        if (!seen.insert(customer).second) continue;
        Finding one = find_in(claim, customer, false);
        if (one.connection == nullptr) {
            if (one.missing != Missing::kConnection) why_none = one;
            continue;
        }
        if (!one.connection->local_identity) {
            one.ours = *gateway_;
            one.signer = gateway_signer_;
        }
        out.push_back(std::move(one));
    }
    return out;
}

EapHub Directory::find_eap_hub(const Claim& claim) const {
    const bool is_gateways = claim.asked && gateway_ && *claim.asked == *gateway_;
    std::optional<CustomerIndex> customer;
    if (claim.asked && !is_gateways) customer = owner_of(*claim.asked);
    const bool is_asked_for = customer.has_value();
    const auto owned = by_own_address_.find(claim.to);
    if (!customer && owned != by_own_address_.end()) customer = owned->second;
    if (!customer) {
        if (claim.asked && !is_gateways) return {.missing = Missing::kCustomer};
        if (!gateway_) return {.missing = Missing::kGateway};
        return {.is_there = true, .ours = *gateway_, .signer = gateway_signer_};
    }
    EapHub out{.customer = *customer, .missing = Missing::kConnection};
    const auto found = customers_.find(*customer);
    if (found == customers_.end() || found->second.eap.empty()) return out;
    const Connection& connection = *find(found->second.eap.front());
    out.is_there = true;
    out.missing = Missing::kNothing;
    out.ours = is_asked_for ? *claim.asked : local_identity_of(connection);
    out.signer = signer_of(connection);
    return out;
}

CustomerIndex Directory::customer_of_name(CustomerIndex hub, std::string_view name) const {
    const std::string realm = lower_case(eap::split_name(name).realm);
    if (!hub.valid()) {
        CustomerIndex out;
        const auto range = by_realm_.equal_range(realm);
        for (auto one = range.first; one != range.second; ++one) {
            if (out.valid() && out != one->second) return {};
            out = one->second;
        }
        return out;
    }
    const CustomerConfig* const customer = find(hub);
    if (customer == nullptr || realm.empty() || customer->realms.empty()) return hub;
    const auto& realms = customer->realms;
    return std::any_of(realms.begin(), realms.end(), [&](const auto& one) { return eap::is_same_realm(one, realm); })
               ? hub
               : CustomerIndex{};
}

Finding Directory::find_anywhere(const Claim& claim) const {
    Finding out{.missing = Missing::kConnection};
    const auto range = by_peer_identity_.equal_range(key_of(claim.peer));
    for (auto one = range.first; one != range.second; ++one) {
        const Connection* const connection = find(one->second);
        if (connection->auth != claim.auth) continue;
        if (out.customer.valid() && out.customer != connection->customer) return {.missing = Missing::kAmbiguous};
        out.customer = connection->customer;
    }
    if (!out.customer.valid()) return out;
    out = find_in(claim, out.customer, false);
    if (out.connection == nullptr) return out;
    if (out.connection->remote_identity.kind != ExpectedIdentity::Kind::kExact)
        return {.customer = out.customer, .missing = Missing::kConnection};
    if (!out.connection->local_identity) out.ours = *gateway_;
    return out;
}

Finding Directory::find_in(const Claim& claim, CustomerIndex customer, bool is_asked_for) const {
    Finding out{.customer = customer, .missing = Missing::kConnection};
    const auto found = customers_.find(customer);
    if (found == customers_.end()) return out;
    std::pair<Match, bool> best{Match::kNone, false};  // then: from the address that it is to come from
    const auto consider = [&](const Connection& connection) {
        const Match match = connection.remote_identity.match(claim.peer);
        if (connection.auth != claim.auth || match == Match::kNone) return;
        const bool is_there = connection.remote_address == claim.from;
        if (connection.remote_address && !is_there) {
            if (best.first == Match::kNone && out.missing == Missing::kConnection) out.missing = Missing::kElsewhere;
            return;
        }
        if (!allows(connection.ike, claim.suite)) {
            if (best.first == Match::kNone) out.missing = Missing::kSuite;
            return;
        }
        const std::pair rank{match, is_there};
        if (rank < best) return;
        out.missing = rank == best ? Missing::kAmbiguous : Missing::kNothing;
        out.connection = rank == best ? nullptr : &connection;
        best = rank;
    };
    const auto exact = found->second.exact.equal_range(key_of(claim.peer));
    for (auto one = exact.first; one != exact.second; ++one) consider(*find(one->second));
    if (best.first == Match::kNone) {
        for (const ConnectionIndex index : found->second.wide) consider(*find(index));
    }
    if (out.connection == nullptr) return out;
    out.ours = is_asked_for ? *claim.asked : local_identity_of(*out.connection);
    out.signer = signer_of(*out.connection);
    // An address of its own is a name too.
    if (out.ours.empty())
        out.ours = identity_of(claim.to.is_v4() ? IdType::kIpv4Addr : IdType::kIpv6Addr, claim.to.bytes());
    return out;
}

const Connection* Directory::nearest(CustomerIndex customer, std::string_view identity) const {
    const Connection* best = nullptr;
    std::size_t least = std::max<std::size_t>(identity.size() / 2, 1) + 1;
    std::size_t looked_at = 0;
    for (const auto& connection : connections_) {
        if (connection == nullptr || (customer.valid() && connection->customer != customer)) continue;
        if (++looked_at > kLookedAt) break;
        const std::size_t apart =
            std::min(distance(identity, to_string(connection->remote_identity)), distance(identity, connection->name));
        if (apart >= least) continue;
        least = apart;
        best = connection.get();
    }
    return best;
}

}  // namespace warren::ike
