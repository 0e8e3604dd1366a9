#include "ctl/show/wg_show.h"

#include <fmt/format.h>

#include <algorithm>

#include "ctl/show/units.h"

namespace warren::ctl {

namespace {

std::string peer_text(const ipc::PeerSnapshot& peer, const ipc::ShownWireguardPeer& tunnel, const ZoneNames& zones) {
    const ipc::PeerActivity& activity = peer.activity;
    std::string allowed;
    for (const Prefix& prefix : peer.settings.allowed_ips) allowed += (allowed.empty() ? "" : ", ") + to_string(prefix);
    if (peer.allowed_ips_left_out > 0) allowed += fmt::format(" and {} more", peer.allowed_ips_left_out);
    const bool uses_next = activity.uses_next_key && !tunnel.next_public_key.empty();
    std::string out = fmt::format("peer: {}\n", uses_next ? tunnel.next_public_key : tunnel.public_key);
    if (tunnel.has_preshared_key) out += "  preshared key: (hidden)\n";
    if (activity.endpoint) out += fmt::format("  endpoint: {}\n", endpoint_text(*activity.endpoint, zones));
    out += fmt::format("  allowed ips: {}\n", allowed.empty() ? "(none)" : allowed);
    if (peer.latest_handshake_seconds)
        out += fmt::format("  latest handshake: {}\n", ago_text(*peer.latest_handshake_seconds));
    if (activity.rx_bytes != 0 || activity.tx_bytes != 0) {
        out += fmt::format("  transfer: {} received, {} sent\n", bytes_text(activity.rx_bytes),
                           bytes_text(activity.tx_bytes));
    }
    if (tunnel.persistent_keepalive_seconds != 0) {
        out += fmt::format("  persistent keepalive: every {}\n", span_text(tunnel.persistent_keepalive_seconds));
    }
    return out;
}

}  // namespace

std::string wg_show_text(const CustomerStatus& status) {
    const ipc::CustomerSnapshot& customer = status.customer;
    std::string out = fmt::format("interface: {}\n", customer.settings.id);
    const ipc::ListenerSnapshot listener = customer.listener(ipc::ListenerKind::kWireguard);
    if (!listener.identity.empty())
        out += fmt::format("  public key: {}\n  private key: (hidden)\n", listener.identity);
    if (listener.port != 0) out += fmt::format("  listening port: {}\n", listener.port);

    std::vector<ipc::PeerSnapshot> peers = status.peers;
    std::stable_sort(peers.begin(), peers.end(), [](const auto& a, const auto& b) {
        return a.activity.latest_handshake > b.activity.latest_handshake;
    });
    for (const ipc::PeerSnapshot& peer : peers) {
        if (const auto* tunnel = std::get_if<ipc::ShownWireguardPeer>(&peer.tunnel))
            out += '\n' + peer_text(peer, *tunnel, status.zones);
    }
    return out;
}

}  // namespace warren::ctl
