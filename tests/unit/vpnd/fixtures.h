// What the tests of vpnd share: keys, messages and sockets as stackd would send them.
#pragma once

#include <cstdint>
#include <string>
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

[[nodiscard]] ipc::PutListener put_listener(const std::string& id, std::uint8_t key, std::uint16_t port = 51820);
[[nodiscard]] ipc::PutCustomer put_customer(const std::string& id, std::uint32_t peers,
                                            const std::string& listener = "");
[[nodiscard]] ipc::PutPeer put_peer(std::uint8_t key, std::vector<std::string> allowed_ips);

// Staged values, with descriptors that are open but good for nothing.
[[nodiscard]] vpnd::NewListener new_listener(const std::string& id, std::uint8_t key, std::uint16_t port = 51820,
                                             bool has_sockets = true);
[[nodiscard]] vpnd::NewCustomer new_customer(const std::string& id, std::vector<ipc::PutPeer> peers,
                                             const std::string& listener = "", bool has_tun = true);

}  // namespace warren::test
