// Many scripted peers of one connection, each somewhere else.
#pragma once

#include "tests/unit/ike_engine/harness.h"
#include "tests/unit/ike_engine/scripted_peer.h"

namespace warren::ike::testing {

struct Client {
    ScriptedPeer peer;
    Endpoint at;  // on port 4500
    std::uint32_t next_id = 2;

    explicit Client(std::uint64_t seed) : peer(seed), at{network_address(seed), kNatPort, 0} {
        peer.local = {network("0.0.0.0/0"), network("::/0")};
        peer.child_spi = static_cast<std::uint32_t>(0xc0de0000 + seed);
    }
    static IpAddress network_address(std::uint64_t seed) {
        return IpAddress::v4(198, 51, 100, static_cast<std::uint8_t>(seed));
    }
};

// A hub whose connection "people" takes everybody of *.example.net.
struct Crowd {
    // `sessions` at once; with a pool its clients lease, else each brings a part of 10.1.0.0/16.
    explicit Crowd(std::uint32_t sessions, std::vector<const char*> pool = {},
                   const std::function<void(Connection&)>& change = {}) {
        connection = connection_of(false);
        connection.remote_address.reset();
        connection.remote_identity = expected("*.example.net");
        connection.max_sessions = sessions;
        connection.workers = {0};
        ChildConfig& child = connection.children[0];
        for (std::uint32_t i = 1; i < sessions; ++i) child.more_peers.push_back(PeerIndex{i});
        child.routes = {*parse_prefix("10.1.0.0/16")};
        for (const char* const network : pool) connection.pool.push_back(*parse_prefix(network));
        if (!pool.empty()) {
            child.remote.clear();
            child.routes = connection.pool;
        }
        if (change) change(connection);
        hub.put_psk(kFirst, kPsk);
        hub.put(connection);
    }

    void send(const Client& client, const std::vector<std::uint8_t>& message, std::uint16_t port = kNatPort) {
        hub.sent.clear();
        Wire wire{client.at, {hub.address, port, 0}, {}};
        wire.from.port = port == kNatPort ? client.at.port : kIkePort;
        if (port == kNatPort) wire.bytes.assign(4, 0);
        wire.bytes.insert(wire.bytes.end(), message.begin(), message.end());
        hub.deliver(wire);
    }
    OpenedMessage answer(const Client& client) {
        REQUIRE(!hub.sent.empty());
        const Bytes message = hub.sent.back().message();
        return client.peer.open(message);
    }
    // IKE_SA_INIT, then IKE_AUTH with what `more` appends.
    OpenedMessage connect(Client& client, const char* own, const std::function<void(Chain&)>& more = {}) {
        send(client, client.peer.init_request(), kIkePort);
        REQUIRE(!hub.sent.empty());
        const Bytes response = hub.sent.front().message();
        REQUIRE(client.peer.take_init_response(response));
        Chain chain = client.peer.auth_chain(kPsk, own, "right.example.net");
        if (more) more(chain);
        send(client, client.peer.sealed(ExchangeType::kIkeAuth, 1, chain));
        // Others may be told that they are gone.
        for (const Wire& wire : hub.sent) {
            if (wire.to == client.at && wire.exchange() == ExchangeType::kIkeAuth)
                return client.peer.open(wire.message());
        }
        FAIL("no answer");
        return {};
    }
    OpenedMessage request(Client& client, ExchangeType exchange, const Chain& chain) {
        send(client, client.peer.sealed(exchange, client.next_id++, chain));
        return answer(client);
    }
    void leave(Client& client) { (void)request(client, ExchangeType::kInformational, Chain().delete_ike()); }
    // Whose child's packets leave on the session of this peer of the data plane.
    [[nodiscard]] std::uint32_t child_of(std::uint32_t peer) const {
        const auto* const session = hub.sessions.sending(PeerIndex{peer});
        return session == nullptr ? 0 : session->remote_id;
    }

    Hub hub{"192.0.2.2", 7};
    Connection connection;
};

inline std::optional<IpAddress> leased(const OpenedMessage& message, CfgAttribute type) {
    const auto* const reply = message.payloads.find<CpPayload>();
    if (reply == nullptr || reply->type != CfgType::kReply) return std::nullopt;
    for (const ConfigAttribute& attribute : reply->attributes) {
        const std::size_t size = type == CfgAttribute::kInternalIp4Address ? 4 : 16;
        if (attribute.type == type) return IpAddress::from_bytes(attribute.value.first(size));
    }
    return std::nullopt;
}
inline std::string lease_v4(const OpenedMessage& message) {
    const auto address = leased(message, CfgAttribute::kInternalIp4Address);
    return address ? to_string(*address) : "none";
}
inline std::string lease_v6(const OpenedMessage& message) {
    const auto address = leased(message, CfgAttribute::kInternalIp6Address);
    return address ? to_string(*address) : "none";
}

// A CFG_REQUEST for an address of IPv4, for a certain one or any.
inline std::function<void(Chain&)> asking_v4(const char* wanted = nullptr) {
    return [wanted](Chain& chain) {
        const IpAddress address = wanted == nullptr ? IpAddress() : *parse_ip(wanted);
        const ConfigAttribute attribute{CfgAttribute::kInternalIp4Address,
                                        wanted == nullptr ? Bytes() : address.bytes()};
        chain.cp(CfgType::kRequest, {&attribute, 1});
    };
}

}  // namespace warren::ike::testing
