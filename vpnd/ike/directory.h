// Whose a peer is: customers and connections by what a peer sends in IKE_AUTH.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/drop_reason.h"
#include "base/ids.h"
#include "base/ip.h"
#include "vpnd/ike/connection.h"
#include "vpnd/ike/identity.h"
#include "vpnd/ike/suite.h"

namespace warren::ike {

// What is known of a peer before it is authentic.
struct Claim {
    Auth auth = Auth::kPsk;
    Identity peer;                  // IDi
    std::optional<Identity> asked;  // IDr
    IkeSuite suite;                 // of IKE_SA_INIT, chosen before anybody knew whose the peer is
    IpAddress from;
    IpAddress to;  // of ours
};

// Why no connection was found.
enum class Missing : std::uint8_t {
    kNothing,     // it was
    kCustomer,    // the IDr is nobody's
    kGateway,     // no IDr, and we are nobody without one
    kConnection,  // no connection expects that identity
    kElsewhere,   // one does, from another address
    kSuite,       // one does, and does not allow the algorithms
    kAmbiguous,   // two do equally well, or two customers
};

// Whom a peer wants that will show who it is by EAP, as far as it has said.
struct EapHub {
    bool is_there = false;
    CustomerIndex customer{};  // invalid: the gateway's; its realm will tell
    Identity ours{};
    SecretId signer = kNoSecret;
    Missing missing = Missing::kNothing;  // when it is not there
};

struct Finding {
    const Connection* connection = nullptr;
    Identity ours{};              // that we answer with, where there is a connection
    CustomerIndex customer{};     // as far as it was found
    SecretId signer = kNoSecret;  // our certificate, where there is a connection
    Missing missing = Missing::kNothing;
    [[nodiscard]] DropReason reason() const;  // without a connection
};

// One connection, one key: find() gives one connection or none, and never another customer's than the one that the peer
// asked for. No I/O. One thread.
class Directory {
  public:
    // `signer`: the gateway's certificate.
    void set_gateway(std::optional<Identity> gateway, SecretId signer = kNoSecret) {
        gateway_ = std::move(gateway);
        gateway_signer_ = signer;
    }
    [[nodiscard]] const std::optional<Identity>& gateway() const { return gateway_; }
    void put_customer(CustomerConfig config);
    // Its connections were removed before.
    void remove_customer(CustomerIndex customer);
    void put(Connection connection);
    void remove(ConnectionIndex connection);

    // In this order: the customer whose identity IDr is; the one whose own address it came to; none, if there is an IDr
    // that is not the gateway's; else the only connection anywhere that expects exactly this identity.
    [[nodiscard]] Finding find(const Claim& claim) const;

    // What a peer with a certificate may be (claim.auth == kCertificate): as find(), but where that takes the only
    // connection anywhere, one connection of each customer, at most kMostCandidates. The CA decides between them.
    // None: why_none says why.
    [[nodiscard]] std::vector<Finding> find_candidates(const Claim& claim, Finding& why_none) const;
    static constexpr std::size_t kMostCandidates = 64;
    // Some peer has a certificate.
    [[nodiscard]] bool has_certified() const { return !certified_.empty(); }
    // Our certificate in a connection that we begin.
    [[nodiscard]] SecretId signer_of(const Connection& connection) const {
        return connection.signer != kNoSecret ? connection.signer : gateway_signer_;
    }
    // The same customer as find()'s, or the gateway, where it has peers that use EAP. claim.peer does not matter: it
    // may be the address of a client.
    [[nodiscard]] EapHub find_eap_hub(const Claim& claim) const;
    // The customer that `hub` becomes with a peer of that name: its realm is one of the customer's, or it has none and
    // the customer is known. Invalid: no customer's.
    [[nodiscard]] CustomerIndex customer_of_name(CustomerIndex hub, std::string_view name) const;
    // The connection of the customer that takes claim.auth, and best fits a peer with that name (claim.peer).
    [[nodiscard]] Finding find_eap(const Claim& claim, CustomerIndex customer) const {
        return find_in(claim, customer, false);
    }

    // Null when unknown. Good until the next put or remove.
    [[nodiscard]] const Connection* find(ConnectionIndex connection) const;
    [[nodiscard]] const CustomerConfig* find(CustomerIndex customer) const;
    // Who we are in a connection that we begin.
    [[nodiscard]] Identity local_identity_of(const Connection& connection) const;
    // The first connection whose peer has that address; null: none. What it takes goes before what all take.
    [[nodiscard]] const Connection* at_address(const IpAddress& address) const;
    // What connections take for their IKE_SAs, each policy once, without the default. kMostPolicies are looked at.
    [[nodiscard]] std::span<const Policy> ike_policies() const {
        return std::span(policies_).first(std::min(policies_.size(), kMostPolicies));
    }
    static constexpr std::size_t kMostPolicies = 64;
    // One connection at least has a postquantum preshared key.
    [[nodiscard]] bool has_ppk() const { return ppks_ > 0; }
    // The customer's connection, or anybody's when it is invalid, whose peer is called most like that; null: none is
    // like it at all. For people: it looks at kLookedAt connections.
    [[nodiscard]] const Connection* nearest(CustomerIndex customer, std::string_view identity) const;
    static constexpr std::size_t kLookedAt = 4096;

  private:
    struct Customer {
        CustomerConfig config;
        std::unordered_multimap<std::string, ConnectionIndex> exact;  // connections by the identity that they expect
        std::vector<ConnectionIndex> wide;                            // that expect more than one identity
        std::vector<ConnectionIndex> eap;                             // that use EAP
    };
    // A customer whose identity it is: its own, or that of so many of its connections. Thousands of connections may
    // have one identity, and each IKE_AUTH asks whose it is.
    struct Owner {
        CustomerIndex customer;
        std::size_t uses = 0;
    };

    [[nodiscard]] Finding find_anywhere(const Claim& claim) const;
    [[nodiscard]] Finding find_in(const Claim& claim, CustomerIndex customer, bool is_asked_for) const;
    [[nodiscard]] std::optional<CustomerIndex> owner_of(const Identity& identity) const;
    void note_owner(const Identity& identity, CustomerIndex customer);
    void forget_owner(const Identity& identity, CustomerIndex customer);
    void note_policy(const Policy& policy);
    void forget_policy(const Policy& policy);

    [[nodiscard]] bool is_for_anybody(const Claim& claim) const;

    std::optional<Identity> gateway_;
    SecretId gateway_signer_ = kNoSecret;
    std::unordered_map<CustomerIndex, Customer> customers_;
    std::vector<std::unique_ptr<const Connection>> connections_;           // by ConnectionIndex
    std::unordered_map<std::string, std::vector<Owner>> by_own_identity_;  // customers' and connections' IDr
    std::unordered_map<IpAddress, CustomerIndex> by_own_address_;
    std::unordered_multimap<std::string, CustomerIndex> by_realm_;            // in lower case
    std::unordered_multimap<std::string, ConnectionIndex> by_peer_identity_;  // exact ones
    std::unordered_multimap<IpAddress, ConnectionIndex> by_peer_address_;
    std::vector<ConnectionIndex> certified_;  // whose peers have certificates
    std::vector<Policy> policies_;
    std::vector<std::size_t> policy_uses_;  // of each
    std::size_t ppks_ = 0;                  // connections with one
};

// Whether a policy allows these algorithms together.
[[nodiscard]] bool allows(const Policy& policy, const IkeSuite& suite);

}  // namespace warren::ike
