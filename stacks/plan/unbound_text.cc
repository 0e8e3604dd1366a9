#include <cstddef>
#include <map>
#include <set>
#include <utility>

#include "stacks/plan/services.h"

namespace warren::stacks {

namespace {

// One process for each customer that asks for one: small caches and few buffers, because most of these networks have a
// few hundred names. It has the stack's network for itself, so whatever arrives is the customer's own.
constexpr const char* kServer = R"(# Made by stackd from the customer's file; a change here is lost.
server:
  verbosity: 1
  use-syslog: no
  logfile: ""
  log-servfail: yes
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "/"
  pidfile: ""
  num-threads: 1
  so-reuseport: no
  ip-freebind: yes
  outgoing-range: 128
  num-queries-per-thread: 64
  incoming-num-tcp: 16
  outgoing-num-tcp: 8
  msg-buffer-size: 16384
  msg-cache-size: 1m
  msg-cache-slabs: 1
  rrset-cache-size: 2m
  rrset-cache-slabs: 1
  infra-cache-numhosts: 200
  infra-cache-slabs: 1
  key-cache-size: 16k
  key-cache-slabs: 1
  neg-cache-size: 16k
  ratelimit-size: 16k
  ip-ratelimit-size: 16k
  edns-buffer-size: 1232
  hide-identity: yes
  hide-version: yes
  module-config: "iterator"
  unblock-lan-zones: yes
  insecure-lan-zones: yes
  access-control: 0.0.0.0/0 allow
  access-control: ::/0 allow
)";
constexpr std::size_t kLongestName = 253;  // 255 octets of labels, RFC 1035 §2.3.4
constexpr const char* kSeconds = "60";     // how long a device may keep the name of a peer

std::string lower(std::string text) {
    for (char& c : text) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
}

// Of the peers' names.
std::string domain_of(const config::Customer& customer) {
    const std::string& domain = customer.dns->domain;
    return lower(domain.empty() ? customer.id + ".internal" : domain);
}

// A peer's name as a label of DNS (RFC 1035 §2.3.1); "": nothing of it is left.
std::string label_of(const std::string& name) {
    std::string label;
    for (const char c : lower(name)) {
        const bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (fits) label += c;
        if (!fits && !label.empty() && label.back() != '-') label += '-';
    }
    while (!label.empty() && label.back() == '-') label.pop_back();
    return label;
}

// Whole name -> addresses. The file's hosts come before peers of the same name, and the first peer before others. A
// name that is too long for DNS is left out: unbound would refuse all of the file for it.
std::map<std::string, std::vector<IpAddress>> names_of(const config::Customer& customer) {
    std::map<std::string, std::vector<IpAddress>> out;
    const std::string domain = domain_of(customer);
    const auto add = [&out](std::string name, std::vector<IpAddress> addresses) {
        if (name.size() <= kLongestName) out.try_emplace(std::move(name), std::move(addresses));
    };
    for (const config::DnsHost& host : customer.dns->hosts) {
        const std::string name = lower(host.name);
        add(name.find('.') == std::string::npos ? name + "." + domain : name, host.addresses);
    }
    for (const config::Peer& peer : customer.peers) {
        const std::string label = label_of(peer.name);
        if (!peer.enabled || label.empty()) continue;
        std::vector<IpAddress> addresses;
        for (const Prefix& network : peer.allowed_ips) {
            if (network.length == network.address.bits()) addresses.push_back(network.address);
        }
        if (!addresses.empty()) add(label + "." + domain, std::move(addresses));
    }
    return out;
}

std::string forward(const std::string& zone, const std::vector<IpAddress>& servers) {
    std::string text = "forward-zone:\n  name: \"" + zone + "\"\n";
    for (const IpAddress& server : servers) text += "  forward-addr: " + to_string(server) + "\n";
    return text;
}

}  // namespace

std::string unbound_text(const config::Customer& customer) {
    const config::Dns& dns = *customer.dns;
    std::string text = kServer;
    for (const IpAddress& address : dns.listen) text += "  interface: " + to_string(address) + "\n";
    // Without an upstream there is nobody to ask, and the roots are not reached from here.
    if (dns.upstream.empty()) text += "  local-zone: \".\" refuse\n";
    // The longest local zone decides: else one below the peers' domain, or below one that unbound has by itself
    // ("test.", "home.arpa."), would never be asked for.
    for (const config::DnsZone& zone : dns.zones) text += "  local-zone: \"" + lower(zone.name) + ".\" transparent\n";
    text += "  local-zone: \"" + domain_of(customer) + ".\" static\n";
    std::set<IpAddress> reversed;  // an address has one name in reverse
    for (const auto& [name, addresses] : names_of(customer)) {
        for (const IpAddress& address : addresses) {
            text += "  local-data: \"" + name + ". " + kSeconds + " IN " + (address.is_v4() ? "A " : "AAAA ") +
                    to_string(address) + "\"\n";
            if (reversed.insert(address).second)
                text += "  local-data-ptr: \"" + to_string(address) + " " + kSeconds + " " + name + ".\"\n";
        }
    }
    text += "remote-control:\n  control-enable: no\n";
    for (const config::DnsZone& zone : dns.zones) text += forward(lower(zone.name) + ".", zone.servers);
    if (!dns.upstream.empty()) text += forward(".", dns.upstream);
    return text;
}

}  // namespace warren::stacks
