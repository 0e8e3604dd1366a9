#include "ctl/show/wg_show.h"

#include <fmt/format.h>

#include <algorithm>

#include "ctl/show/units.h"

namespace warren::ctl {

namespace {

std::string peer_text(const ipc::PeerSnapshot& peer) {
    std::string allowed;
    for (const Prefix& prefix : peer.allowed_ips) allowed += (allowed.empty() ? "" : ", ") + to_string(prefix);
    std::string out = fmt::format("peer: {}\n", peer.public_key);
    if (peer.has_preshared_key) out += "  preshared key: (hidden)\n";
    if (peer.endpoint) out += fmt::format("  endpoint: {}\n", to_string(*peer.endpoint));
    out += fmt::format("  allowed ips: {}\n", allowed.empty() ? "(none)" : allowed);
    if (peer.latest_handshake_seconds)
        out += fmt::format("  latest handshake: {}\n", ago_text(*peer.latest_handshake_seconds));
    if (peer.rx_bytes != 0 || peer.tx_bytes != 0) {
        out += fmt::format("  transfer: {} received, {} sent\n", bytes_text(peer.rx_bytes), bytes_text(peer.tx_bytes));
    }
    if (peer.persistent_keepalive_seconds != 0) {
        out += fmt::format("  persistent keepalive: every {}\n", span_text(peer.persistent_keepalive_seconds));
    }
    return out;
}

}  // namespace

std::string wg_show_text(const CustomerStatus& status) {
    const ipc::CustomerSnapshot& customer = status.customer;
    std::string out = fmt::format("interface: {}\n", customer.id);
    if (!customer.listener_public_key.empty())
        out += fmt::format("  public key: {}\n  private key: (hidden)\n", customer.listener_public_key);
    if (customer.listen_port != 0) out += fmt::format("  listening port: {}\n", customer.listen_port);

    std::vector<ipc::PeerSnapshot> peers = status.peers;
    std::stable_sort(peers.begin(), peers.end(), [](const auto& a, const auto& b) {
        return a.latest_handshake.nanoseconds > b.latest_handshake.nanoseconds;
    });
    for (const ipc::PeerSnapshot& peer : peers) out += '\n' + peer_text(peer);
    return out;
}

}  // namespace warren::ctl
