// What the tests of vpnd share: keys, messages and sockets as stackd would send them.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/fd.h"
#include "crypto/keys.h"
#include "ipc/config_messages.h"
#include "vpnd/customers/generation.h"

namespace warren::test {

// A private key made of one byte, and what belongs to it.
[[nodiscard]] crypto::PrivateKey private_key(std::uint8_t seed);
[[nodiscard]] crypto::PublicKey public_key(std::uint8_t seed);

[[nodiscard]] UniqueFd any_descriptor();
[[nodiscard]] std::vector<UniqueFd> any_descriptors(std::size_t count);

// The roles of a listener's sockets, as stackd sends them.
[[nodiscard]] std::vector<ipc::DescriptorRole> roles(std::uint32_t workers = 1, bool has_v6 = false);

[[nodiscard]] ipc::PutListener put_listener(const std::string& owner, std::uint8_t key, std::uint16_t port = 51820);
[[nodiscard]] ipc::PutCustomer put_customer(const std::string& id, std::uint32_t peers);
[[nodiscard]] ipc::PutPeer put_peer(std::uint8_t key, std::vector<std::string> allowed_ips);

// What only WireGuard has of a peer.
[[nodiscard]] inline ipc::WireguardPeer& wireguard(ipc::PutPeer& peer) {
    return std::get<ipc::WireguardPeer>(peer.tunnel);
}

// Staged values, with descriptors that are open but good for nothing.
[[nodiscard]] vpnd::NewListener new_listener(const std::string& owner, std::uint8_t key, std::uint16_t port = 51820,
                                             bool has_sockets = true);
[[nodiscard]] vpnd::NewCustomer new_customer(const std::string& id, std::vector<ipc::PutPeer> peers,
                                             const std::string& listener = "", bool has_tun = true);

}  // namespace warren::test
