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

std::vector<ipc::DescriptorRole> roles(std::uint32_t workers, bool has_v6) {
    std::vector<ipc::DescriptorRole> out;
    for (const Family family : {Family::kV4, Family::kV6}) {
        if (family == Family::kV6 && !has_v6) continue;
        out.push_back({ipc::SocketRole::kMessages, family});
        for (std::uint32_t i = 0; i < workers; ++i)
            out.push_back({ipc::SocketRole::kData, family, static_cast<std::uint16_t>(i)});
        out.push_back({ipc::SocketRole::kSolicited, family});
    }
    out.push_back({ipc::SocketRole::kControl});
    return out;
}

ipc::PutListener put_listener(const std::string& owner, std::uint8_t key, std::uint16_t port) {
    return {{owner}, ipc::Protocol::kUdp, port, ipc::WireguardListener{private_key(key)}, roles()};
}

ipc::PutCustomer put_customer(const std::string& id, std::uint32_t peers) {
    ipc::PutCustomer put;
    put.settings.id = id;
    put.settings.name = id + " Ltd";
    put.settings.addresses = {*parse_prefix("10.0.0.1/24")};
    put.peer_count = peers;
    return put;
}

ipc::PutPeer put_peer(std::uint8_t key, std::vector<std::string> allowed_ips) {
    ipc::PutPeer put;
    put.settings.name = "peer-" + std::to_string(key);
    wireguard(put).public_key = public_key(key);
    for (const std::string& text : allowed_ips) put.settings.allowed_ips.push_back(*parse_prefix(text));
    return put;
}

vpnd::NewListener new_listener(const std::string& owner, std::uint8_t key, std::uint16_t port, bool has_sockets) {
    vpnd::NewListener listener;
    listener.put = put_listener(owner, key, port);
    if (!has_sockets) listener.put.roles.clear();
    listener.sockets = {listener.put.roles, any_descriptors(listener.put.roles.size())};
    return listener;
}

vpnd::NewCustomer new_customer(const std::string& id, std::vector<ipc::PutPeer> peers, const std::string& listener,
                               bool has_tun) {
    vpnd::NewCustomer customer;
    customer.put = put_customer(id, static_cast<std::uint32_t>(peers.size()));
    for (ipc::PutPeer& peer : peers) peer.settings.listener = {listener};
    customer.put.has_tun = has_tun;
    customer.peers = std::move(peers);
    if (has_tun) customer.tuns = any_descriptors(customer.put.queues);
    return customer;
}

}  // namespace warren::test
