// What only WireGuard has in the files: its keys of the documents, its secrets, its checks and its clashes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/appliance.h"
#include "config/clash.h"
#include "config/customer.h"
#include "config/document.h"
#include "config/named_secrets.h"
#include "config/parse.h"
#include "config/secrets.h"

namespace warren::config {

// --- reading -------------------------------------------------------------------------------------

// [wireguard] and [[wireguard.peer]], appended to the listeners and peers.
void read_wireguard(const Node& root, Appliance& to);
void read_wireguard(const Node& root, Customer& to);
// What the schema cannot say of a customer's [wireguard].
void check_wireguard_shape(const Source& source, std::vector<Diagnostic>& out);

// --- secrets -------------------------------------------------------------------------------------

void add_secrets(const WireguardListener& listener, std::vector<NamedSecret>& out);
// `path`: of the peer's table; `peer`: how differences begin to name its fields.
void add_secrets(const WireguardTunnel& tunnel, const std::string& path, const std::string& peer,
                 std::vector<NamedSecret>& out);

// --- checks --------------------------------------------------------------------------------------

// Checks customers against the shared listener. Both arguments must outlive it.
class WireguardCheck {
  public:
    WireguardCheck(const Parsed<Appliance>& appliance, const Secrets& secrets);
    // That there is a listener, that no peer has a key of its, and that there are no more peers than may be. Appends
    // errors.
    void check(const Parsed<Customer>& customer, std::vector<Diagnostic>& out) const;
    // That the shared listener's keys are two. Appends errors.
    void check_appliance(std::vector<Diagnostic>& out) const;

  private:
    const Parsed<Appliance>& appliance_;
    const Secrets& secrets_;
    std::vector<crypto::PublicKey> shared_keys_;  // that are known
};

// Peer keys that occur twice on one listener.
void clash_over_keys(std::span<const Customer* const> customers, std::vector<Clash>& out);

// --- differences ---------------------------------------------------------------------------------

// What is not a secret, as lines "field" -> "text" (config/diff.cc); `peer`: how its fields begin.
void flatten(const WireguardListener& settings, std::uint16_t port, std::map<std::string, std::string>& out);
void flatten(const WireguardTunnel& tunnel, const std::string& peer, std::map<std::string, std::string>& out);
// A peer in one word.
[[nodiscard]] std::string summary_of(const WireguardTunnel& tunnel);

}  // namespace warren::config
