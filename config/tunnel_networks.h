// The networks behind a customer's tunnels, whatever their kind, with the places where its file names them.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/customer.h"
#include "config/diagnostic.h"
#include "config/document.h"
#include "config/read.h"

namespace warren::config {

[[nodiscard]] inline bool readable(const Prefix& prefix) {
    return prefix.length != kUnreadablePrefix.length;
}

// One list of networks in the file.
struct NetworkList {
    std::string path;            // "wireguard.peer[2].allowed_ips"
    std::string owner;           // "peer \"graz\"", "connection \"people\""
    std::size_t tunnel = 0;      // lists of one tunnel may have the same networks
    bool is_connection = false;  // else a peer
    std::span<const Prefix> networks;

    [[nodiscard]] std::string_view what() const { return is_connection ? "connection" : "peer"; }
};

// Of what is enabled: peers' allowed_ips, as the stack sees them, children's routes, pools. The customer must outlive
// it.
class TunnelNetworks {
  public:
    explicit TunnelNetworks(const Customer& customer);
    TunnelNetworks(const TunnelNetworks&) = delete;
    TunnelNetworks& operator=(const TunnelNetworks&) = delete;

    struct Where {
        std::size_t list;
        std::size_t index;
    };
    [[nodiscard]] const std::vector<NetworkList>& lists() const { return lists_; }
    // Each network, and where it is first.
    [[nodiscard]] const std::map<Prefix, Where>& all() const { return all_; }
    // The longest network that has all of `prefix`, and at least `shortest` bits; null: there is none.
    [[nodiscard]] const std::pair<const Prefix, Where>* covering(const Prefix& prefix, unsigned shortest = 0) const;
    // The list of the peer whose tunnel leads to the address; null: it is on the handoff, behind a connection, or
    // nowhere.
    [[nodiscard]] const NetworkList* peer_towards(const IpAddress& address) const;
    // "wireguard.peer[2].allowed_ips[0]"
    [[nodiscard]] std::string path_of(Where at) const;
    // "a peer's allowed_ips", "a connection's remote"
    [[nodiscard]] std::string describe(Where at) const;

    // That none is the stack's own address, that each belongs to one tunnel, and that they are not too many.
    void check(const Source& source, std::vector<Diagnostic>& out);

  private:
    template <typename Message>
    void complain(Severity severity, Where at, const Message& message);
    void check_count(const NetworkList& list, std::size_t& count);
    void check_network(Where at);
    [[nodiscard]] std::optional<std::string_view> own_address(const Prefix& prefix) const;
    void check_broadcast(const Prefix& prefix, Where at);

    const Customer& customer_;
    std::deque<std::vector<Prefix>> mapped_;  // of peers with maps, which `lists_` refers to
    std::vector<NetworkList> lists_;
    std::map<Prefix, Where> all_;
    std::array<std::bitset<129>, 2> lengths_;  // that `all_` has, by family
    // While check() runs.
    const Source* source_ = nullptr;
    std::vector<Diagnostic>* out_ = nullptr;
    std::map<Severity, std::size_t> complaints_;
};

}  // namespace warren::config
