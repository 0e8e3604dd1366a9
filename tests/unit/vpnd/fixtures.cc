#include "tests/unit/vpnd/fixtures.h"

#include <fcntl.h>

#include <utility>

#include "crypto/x25519.h"

namespace warren::test {

crypto::PrivateKey private_key(std::uint8_t seed) {
    crypto::PrivateKey key;
    for (auto& byte : key.secret.writable()) byte = seed;
    return key;
}

crypto::PublicKey public_key(std::uint8_t seed) {
    return crypto::public_key_of(private_key(seed));
}

UniqueFd any_descriptor() {
    return UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC));
}

std::vector<UniqueFd> any_descriptors(std::size_t count) {
    std::vector<UniqueFd> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back(any_descriptor());
    return out;
}

ipc::PutListener put_listener(const std::string& id, std::uint8_t key, std::uint16_t port) {
    ipc::PutListener put;
    put.id = id;
    put.port = port;
    put.private_key = private_key(key);
    return put;
}

ipc::PutCustomer put_customer(const std::string& id, std::uint32_t peers, const std::string& listener) {
    ipc::PutCustomer put;
    put.id = id;
    put.name = id + " Ltd";
    put.listener = listener;
    put.addresses = {*parse_prefix("10.0.0.1/24")};
    put.peer_count = peers;
    return put;
}

ipc::PutPeer put_peer(std::uint8_t key, std::vector<std::string> allowed_ips) {
    ipc::PutPeer put;
    put.name = "peer-" + std::to_string(key);
    put.public_key = public_key(key);
    for (const std::string& text : allowed_ips) put.allowed_ips.push_back(*parse_prefix(text));
    return put;
}

vpnd::NewListener new_listener(const std::string& id, std::uint8_t key, std::uint16_t port, bool has_sockets) {
    vpnd::NewListener listener;
    listener.put = put_listener(id, key, port);
    listener.put.has_sockets = has_sockets;
    listener.put.has_v6 = false;
    if (!has_sockets) return listener;
    listener.sockets.handshake_v4 = any_descriptor();
    listener.sockets.data_v4 = any_descriptors(1);
    listener.sockets.uapi = any_descriptor();
    return listener;
}

vpnd::NewCustomer new_customer(const std::string& id, std::vector<ipc::PutPeer> peers, const std::string& listener,
                               bool has_tun) {
    vpnd::NewCustomer customer;
    customer.put = put_customer(id, static_cast<std::uint32_t>(peers.size()), listener);
    customer.put.has_tun = has_tun;
    customer.peers = std::move(peers);
    if (has_tun) customer.tuns = any_descriptors(customer.put.queues);
    return customer;
}

}  // namespace warren::test
